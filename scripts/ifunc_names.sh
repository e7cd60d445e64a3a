#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/ifunc_names.sh OBJECT
#
# clang before 18 calls a function that it compiles for several instruction sets (lib/num/simd.h) NAME.ifunc, and then
# does not find it from other files. This gives it its own name.
set -euo pipefail
names=$(nm "$1" | sed -n 's/^.* \([^ ]*\)\.ifunc$/--redefine-sym \1.ifunc=\1/p')
# shellcheck disable=SC2086  # several words
[ -z "$names" ] || objcopy $names "$1"
