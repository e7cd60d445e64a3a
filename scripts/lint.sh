#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `make lint`: everything that judges the sources without running them. The arguments are the compiler flags.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

failed=''
# step NAME COMMAND...
step() {
    local name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed="$failed $name"
}
# needs TOOL: a missing tool is a failure, not a pass
needs() {
    command -v "$1" >/dev/null 2>&1 && return 0
    echo "$1 is not installed: run scripts/setup.sh --lint"
    return 1
}

layers() { scripts/check_layers.sh; }
text() { scripts/check_text.sh; }

shell() {
    needs shellcheck || return
    find scripts .ci test docs/examples \( -name '*.sh' -o -name '*.bash' -o -path .ci/run \) -type f -print0 |
        xargs -0 shellcheck -x
}

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

tidy() {
    needs clang-tidy || return
    local flags=("$@") file log status
    log=$(mktemp -d)
    # shellcheck disable=SC2016  # the variables are of sh
    # clang-tidy speaks of suppressed warnings on standard error; what counts is on standard output.
    find lib cmd pages -name '*.c' | LC_ALL=C sort | while IFS= read -r file; do
        case $file in
            */comm_mpi.c) [[ ${flags[*]} == *mpi* ]] || continue ;; # there is no mpi.h
        esac
        printf '%s\0' "$file"
    done | xargs -0 -P "$jobs" -I FILE sh -c '
        file=$1 log=$2
        shift 2
        [ "$file" = lib/core/error.c ] || set -- "$@" -include scripts/analyzer.h
        case $file in
            *_avx2.c) set -- "$@" -mavx2 -mfma ;;
            *_avx512.c) set -- "$@" -mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma ;;
        esac
        clang-tidy --quiet "$file" -- "$@" >"$log/$(echo "$file" | tr / -)" 2>/dev/null' sh FILE "$log" "${flags[@]}"
    status=$?
    cat "$log"/*
    rm -rf "$log"
    return $status
}

# cppcheck looks at the macros that exist; with the -I of the libraries it would read half the system.
cppcheck_sources() {
    needs cppcheck || return
    cppcheck --quiet --error-exitcode=1 --std=c11 --language=c -j "$jobs" -Ilib -Icmd --inline-suppr \
        --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=unusedStructMember \
        --suppress=internalAstError --suppress=uninitvar --suppress=unknownMacro lib cmd pages
}

step layers layers
step text text
step shellcheck shell
step clang-tidy tidy "$@"
step cppcheck cppcheck_sources

if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
echo "nothing to complain about"
