#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compares the names that build/libflowctl.so shows with the functions that lib/flowctl.h declares.
set -euo pipefail
cd "$(dirname "$0")/.."

# Preprocessed, one declaration on a line; functions of the system do not begin with flow_.
declared=$(${CC:-gcc} -E -P -Ilib lib/flowctl.h | tr '\n' ' ' | tr ';' '\n' |
    sed -nE -e "s/__attribute__ *\(\([^;]*visibility[^;]*\)\)\)//" \
        -e "s/^[^(]*[ *](flow_[a-z0-9_]*) *\([^()]*\) *$/\1/p" | LC_ALL=C sort)
[ -n "$declared" ] || { echo "lib/flowctl.h declares no function?" && exit 1; }
shown=$(nm -D --defined-only build/libflowctl.so | awk '{ sub(/@.*/, "", $NF); print $NF }' | LC_ALL=C sort)
if ! diff <(echo "$declared") <(echo "$shown"); then
    echo "build/libflowctl.so (>) shows other names than lib/flowctl.h declares (<)"
    exit 1
fi
echo "$(wc -l <<<"$declared") names"
