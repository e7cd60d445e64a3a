#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs into a temporary folder, compiles test/install_example.c against nothing but what was installed, with the
# shared and with the static library, runs it, and uninstalls: no file may be left.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
prefix=/opt/flowctl
make=${MAKE:-make}
# What was set on the command line of the make that calls holds here too; its job server does not.
MAKEFLAGS=$(sed -E -e "s/ ?-j[0-9]*//" -e "s/ ?--jobserver-[a-z]+=[^ ]*//" <<<"${MAKEFLAGS:-}")
export MAKEFLAGS

"$make" --no-print-directory install PREFIX="$prefix" DESTDIR="$root" CC="${CC:-gcc}"
"$root$prefix/bin/flowctl" --version

# Man pages, completion, presets and documents.
for file in man/man1/flowctl.1 man/man1/flowctl-train.1 man/man5/flowctl-spec.5 bash-completion/completions/flowctl \
    zsh/site-functions/_flowctl fish/vendor_completions.d/flowctl.fish flowctl/configs/moons.json \
    doc/flowctl/docs/spec.md doc/flowctl/README.md; do
    [ -s "$root$prefix/share/$file" ] || { echo "make install left out share/$file" && exit 1; }
done
for name in $("$root$prefix/bin/flowctl" help | sed -n 's/^  \([a-z][a-z0-9_-]*\)  .*/\1/p' | grep -v '^help$'); do
    [ -s "$root$prefix/share/man/man1/flowctl-$name.1" ] || { echo "no man page of $name" && exit 1; }
done

export PKG_CONFIG_PATH=$root$prefix/lib/pkgconfig
flags() { pkg-config --define-variable=prefix="$root$prefix" "$@" flowctl; }
# The example stands alone, far from the headers of the source tree.
cp test/install_example.c "$root/example.c"
"$root$prefix/bin/flowctl" train configs/moons.json --set train.epochs=1 -q -o "$root/moons.h5" >/dev/null
# example NAME FLAGS...: compiles it and runs it with and without a model
example() {
    local name=$1
    shift
    (
        cd "$root"
        # shellcheck disable=SC2086  # CC may hold several words
        ${CC:-gcc} -std=c11 -Wall -Wextra -Wpedantic -Werror example.c -o "$name" "$@" -lm
        LD_LIBRARY_PATH=$root$prefix/lib "./$name"
        LD_LIBRARY_PATH=$root$prefix/lib "./$name" moons.h5 >"$name.out"
    )
}
library=$root$prefix/lib/libflowctl
# shellcheck disable=SC2046
if [ -e "$library.so" ]; then
    example shared $(flags --cflags --libs)
    LD_LIBRARY_PATH=$root$prefix/lib ldd "$root/shared" | grep "$prefix/lib/libflowctl.so.0"
    example static $(flags --cflags --libs --static | sed "s|-lflowctl|$library.a|")
    cmp "$root/shared.out" "$root/static.out"
else
    example static $(flags --cflags --libs --static)
fi
if ldd "$root/static" 2>/dev/null | grep libflowctl; then
    exit 1
fi

# A density needs one header, and no library.
cp configs/densities/banana.c "$root/density.c"
(
    cd "$root"
    # shellcheck disable=SC2046,SC2086
    ${CC:-gcc} -std=c11 -Wall -Wextra -Wpedantic -Werror -shared -fPIC \
        $(flags --cflags) density.c -o density.so
    objective='{ "type": "reverse_kl", "density": "density.so" }'
    echo "{ \"flow\": [\"iaf\"], \"train\": { \"objective\": $objective } }" >density.json
    "$root$prefix/bin/flowctl" check density.json
)

"$make" --no-print-directory uninstall PREFIX="$prefix" DESTDIR="$root"
left=$(find "$root$prefix" ! -type d)
if [ -n "$left" ]; then
    printf 'make uninstall left\n%s\n' "$left"
    exit 1
fi
