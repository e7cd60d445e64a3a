#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/format.sh             formats the statements with a line over 120 columns, in all C files
#     scripts/format.sh FILE...     formats declarations and functions of these files
#
# Applies .clang-format. Initializers at file scope (tables) and macros stay as they are (docs/decisions, "The style of
# the sources"). Comments that are too long are left to you.
set -euo pipefail
cd "$(dirname "$0")/.."
formatter=${CLANG_FORMAT:-clang-format}
command -v "$formatter" >/dev/null || { echo "$formatter is not installed: run scripts/setup.sh --lint" >&2 && exit 1; }

# ranges FILE all|long: options --lines=FROM:TO for what is formatted
ranges() {
    awk -v long="$([ "$2" = long ] && echo 1 || echo 0)" '
        function close_range() { if (from) printf "--lines=%d:%d\n", from, NR - 1; from = 0 }
        {
            skip = table || macro
            if (!table && !macro && /^[a-z].*= \{/ && !/\};/) skip = table = 1
            if (!table && /^#[ \t]*define/) skip = macro = 1
            if (macro && !/\\$/) macro = 0
            if (table && /^(\}|.*\});/) table = 0
            if (skip || (long && length($0) <= 120)) close_range()
            else if (!from) from = NR
        }
        END { NR++; close_range() }' "$1"
}

what=all
if [ $# -eq 0 ]; then
    what=long
    mapfile -t files < <(find lib cmd pages test data configs docs -name '*.[ch]' | LC_ALL=C sort)
    set -- "${files[@]}"
fi
for file; do
    mapfile -t lines < <(ranges "$file" $what)
    [ ${#lines[@]} -eq 0 ] || "$formatter" -i "${lines[@]}" "$file"
done
