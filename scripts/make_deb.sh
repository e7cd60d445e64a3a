#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/make_deb.sh VERSION FOLDER
#
# Makes FOLDER/flowctl_VERSION_ARCH.deb of what is built (make deb): program, library, man pages, completion, presets
# and documents, as `make install` puts them below /usr. Needs no root. The same sources and compiler give the same
# bytes, with the time of scripts/source_date.sh. DEB_MAINTAINER="Name <address>" is the maintainer,
# DEB_LEVEL=0 packs in less time.
#
# The program runs on every processor of the architecture: it has its kernels for several vector units, and chooses when
# it starts. So flags for one processor are refused.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 folder=$2
make=${MAKE:-make}
MAKEFLAGS=$(sed -E -e "s/ ?-j[0-9]*//" -e "s/ ?--jobserver-[a-z]+=[^ ]*//" <<<"${MAKEFLAGS:-}")
export MAKEFLAGS

for tool in dpkg-deb dpkg-shlibdeps dpkg-architecture strip objcopy; do
    command -v "$tool" >/dev/null || { echo "make deb needs $tool: apt-get install dpkg-dev binutils" >&2 && exit 1; }
done
SOURCE_DATE_EPOCH=$(scripts/source_date.sh)
export SOURCE_DATE_EPOCH LC_ALL=C
umask 022
architecture=$(dpkg-architecture -qDEB_HOST_ARCH)
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
maintainer=${DEB_MAINTAINER:-$(git log -1 --format='%an <%ae>' 2>/dev/null || true)}
maintainer=${maintainer:-The flowctl authors <flowctl@localhost>}

mkdir -p "$folder"
rm -rf "$folder"/root "$folder"/work "$folder"/flowctl_*.deb
root=$PWD/$folder/root
work=$PWD/$folder/work
"$make" --no-print-directory install PREFIX=/usr LIBDIR="/usr/lib/$multiarch" DESTDIR="$root" >"$folder/install.log"
# Man pages with the date of the package; those of the build stay as they are.
scripts/make_pages.sh build/pages "$work/share" "${version%%+*}"
cp -R "$work/share/." "$root/usr/share/"

flags=$("$root/usr/bin/flowctl" --version | sed -n 's/^flags *//p')
case " $flags " in
    *" -march="* | *" -mcpu="* | *" -mtune=native "* | *" -fsanitize="*)
        echo "make deb: $flags: a package has to run on every $architecture; build it without flags for one" \
            "processor, and without sanitizers" >&2
        exit 1
        ;;
esac

# new_build_id FILE: makes it of what the file is now. That of the linker is a hash of what is stripped as well, which
# names the folder of the build.
new_build_id() {
    local file=$1 note=$work/note
    objcopy --dump-section .note.gnu.build-id="$note" "$file" "$file.new"
    cat "$file.new" >"$file" # which keeps its mode
    rm "$file.new"
    [ "$(wc -c <"$note")" -eq 36 ] || { echo "make deb: $file has a build ID of an unknown kind" >&2 && exit 1; }
    head -c 16 "$note" >"$note.head"
    { cat "$note.head" && head -c 20 /dev/zero; } >"$note"
    objcopy --update-section .note.gnu.build-id="$note" "$file"
    # shellcheck disable=SC2059 # the format is the bytes
    { cat "$note.head" && printf "$(sha1sum "$file" | cut -c 1-40 | sed 's/../\\x&/g')"; } >"$note"
    objcopy --update-section .note.gnu.build-id="$note" "$file"
}
for file in "$root/usr/bin/flowctl" "$root/usr/lib/$multiarch"/libflowctl.so.*.*; do
    strip --strip-unneeded --remove-section=.comment "$file"
    new_build_id "$file"
done
strip --strip-debug --enable-deterministic-archives "$root/usr/lib/$multiarch/libflowctl.a"

# Documents as Debian wants them.
doc=$root/usr/share/doc/flowctl
rm -f "$doc/LICENSE"
{
    printf 'flowctl (%s) unstable; urgency=medium\n\n' "$version"
    printf '  * What changed is in CHANGELOG.md beside this file.\n\n'
    printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$doc/changelog.gz"
find "$root/usr/share/man" -type f -exec gzip -9n {} +
cat >"$doc/copyright" <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: flowctl

Files: *
Copyright: $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y) The flowctl authors
License: GPL-3.0+
 This program is free software: you can redistribute it and/or modify it under
 the terms of the GNU General Public License as published by the Free Software
 Foundation, either version 3 of the License, or (at your option) any later
 version.
 .
 This program is distributed in the hope that it will be useful, but WITHOUT
 ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS
 FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.
 .
 On Debian systems, the complete text of the GNU General Public License version
 3 can be found in "/usr/share/common-licenses/GPL-3".
TEXT
mkdir -p "$root/usr/share/lintian/overrides"
cat >"$root/usr/share/lintian/overrides/flowctl" <<'TEXT'
# one package has the program, and the library for C programs
flowctl: package-name-doesnt-match-sonames
flowctl: non-dev-pkg-with-shlib-symlink
flowctl: no-symbols-control-file
flowctl: lacks-unversioned-link-to-shared-library
TEXT

# ---- what dpkg reads ----
mkdir -p "$work/debian" "$root/DEBIAN"
printf 'Source: flowctl\n\nPackage: flowctl\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -l"$root/usr/lib/$multiarch" -xflowctl -e"$root/usr/bin/flowctl" \
    -e"$(echo "$root/usr/lib/$multiarch"/libflowctl.so.*.*)" 2>"$work/shlibdeps.log" | sed 's/^shlibs:Depends=//') || {
    cat "$work/shlibdeps.log" >&2
    exit 1
}
bytes=$(find "$root/usr" -type f -exec stat -c %s {} + | awk '{ n += $1 } END { print int((n + 1023) / 1024) }')
cat >"$root/DEBIAN/control" <<TEXT
Package: flowctl
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $bytes
Depends: $depends
Recommends: gnuplot-nox | gnuplot
Section: science
Priority: optional
Description: density estimation with normalizing flows
 flowctl learns the probability density of a table of numbers with a
 normalizing flow, by exact maximum likelihood. Afterwards it gives the
 log-density of new rows, draws new rows, and maps rows to the latent space
 and back. It reads and writes CSV and HDF5, and runs on the processor alone.
 .
 The package has the program, a library for C programs, and presets.
TEXT
echo "libflowctl 0 flowctl (>= $version)" >"$root/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
(cd "$root" && find usr -type f | sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
chmod -R u=rwX,go=rX "$root"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
package=$folder/flowctl_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z"${DEB_LEVEL:-6}" --build "$root" "$work/flowctl.deb" >/dev/null
mv "$work/flowctl.deb" "$package"
rm -rf "$work"
echo "$package"
