#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/code_blocks.sh LANGUAGE PAGE... [-n NUMBER]
#
# Prints the code between ```LANGUAGE and ``` of Markdown pages, one block after the other, or the NUMBER-th block
# alone. It fails when there is none. Tests run the code of a page by it.
set -euo pipefail
language=$1
shift
pages=() number=0
while [ $# -gt 0 ]; do
    case $1 in
        -n)
            number=$2
            shift
            ;;
        *) pages+=("$1") ;;
    esac
    shift
done
awk -v language="$language" -v number="$number" '
    /^```/ { wanted = !inside && $0 == "```" language; inside = !inside; n += wanted; next }
    wanted && (number == 0 || n == number) { print; printed = 1 }
    END { exit !printed }' "${pages[@]}"
