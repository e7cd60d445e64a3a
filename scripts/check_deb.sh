#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes the Debian package, unpacks it into a folder, and uses the program from there. Made again, with another umask
# and in another time zone, it has the same bytes. lintian, where it is there, finds no error.
set -euo pipefail
cd "$(dirname "$0")/.."
make=${MAKE:-make}
MAKEFLAGS=$(sed -E -e "s/ ?-j[0-9]*//" -e "s/ ?--jobserver-[a-z]+=[^ ]*//" <<<"${MAKEFLAGS:-}")
export MAKEFLAGS DEB_LEVEL=0
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

"$make" --no-print-directory deb CC="${CC:-gcc}"
package=$(echo build/deb/flowctl_*.deb)
cp "$package" "$root/first.deb"
dpkg -x "$package" "$root/tree"
program=$root/tree/usr/bin/flowctl
"$program" --version | tee "$root/version"
if grep -E '^flags.*-m(arch|tune)' "$root/version"; then
    exit 1
fi
(cd "$root/tree" && dpkg -I ../first.deb md5sums | sed -n 's/^ *\([0-9a-f]\{32\}  \)/\1/p' | md5sum -c --quiet)

# The program works, and its libraries are named.
"$program" train configs/moons.json --set train.epochs=1 -q -o "$root/moons.h5" >/dev/null
"$program" sample "$root/moons.h5" -n 10 -q | wc -l | grep -qx '11'
dpkg -f "$package" Depends | grep -q libc6
dpkg -f "$package" Depends | grep -q libhdf5
for file in usr/share/man/man1/flowctl-train.1.gz usr/share/man/man5/flowctl-spec.5.gz usr/share/doc/flowctl/copyright \
    usr/share/bash-completion/completions/flowctl usr/include/flowctl/flowctl.h usr/share/flowctl/configs/moons.json; do
    [ -s "$root/tree/$file" ] || { echo "the package has no $file" && exit 1; }
done
find "$root/tree" -name '*.pc' -exec grep -H '^prefix=/usr$' {} + | grep -q .

(umask 077 && TZ=Asia/Tokyo "$make" --no-print-directory deb CC="${CC:-gcc}" >/dev/null)
cmp "$root/first.deb" "$package"

if command -v lintian >/dev/null; then
    lintian --fail-on error --tag-display-limit 0 "$package"
fi
