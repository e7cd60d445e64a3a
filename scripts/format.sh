#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/format.sh [--check] [FILE...]      all C files without arguments
#
# Applies .clang-format to declarations and functions. Initializers at file scope (tables) and macros stay as they are
# (docs/decisions, "The style of the sources"). --check only lists the files that would change; exit status 1 if any.
set -euo pipefail
cd "$(dirname "$0")/.."
check=no
if [ "${1:-}" = --check ]; then
    check=yes
    shift
fi
formatter=${CLANG_FORMAT:-clang-format}
command -v "$formatter" >/dev/null || { echo "$formatter is not installed: run scripts/setup.sh --lint" >&2 && exit 1; }

# ranges FILE: the options --lines=FROM:TO of what is formatted
ranges() {
    awk '
        function close_range() { if (from) printf "--lines=%d:%d\n", from, NR - 1; from = 0 }
        {
            skip = table || macro
            if (!table && !macro && /^[a-z].*= \{/ && !/\};/) skip = table = 1
            if (!table && /^#[ \t]*define/) skip = macro = 1
            if (macro && !/\\$/) macro = 0
            if (table && /^(\}|.*\});/) table = 0
            if (skip) close_range()
            else if (!from) from = NR
        }
        END { NR++; close_range() }' "$1"
}

[ $# -gt 0 ] || mapfile -t files < <(find lib cmd test data configs -name '*.[ch]' | LC_ALL=C sort)
[ $# -eq 0 ] || files=("$@")
bad=0
for file in "${files[@]}"; do
    mapfile -t lines < <(ranges "$file")
    [ ${#lines[@]} -gt 0 ] || continue
    if [ $check = no ]; then
        "$formatter" -i "${lines[@]}" "$file"
    elif ! "$formatter" "${lines[@]}" "$file" | cmp -s - "$file"; then
        echo "$file"
        bad=1
    fi
done
exit $bad
