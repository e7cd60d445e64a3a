#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/fuzz.sh SECONDS build/fuzz/test/fuzz_NAME...      what `make fuzz` does
#
# Each target runs for SECONDS, or for as many inputs as FUZZ_RUNS says, from the files in test/corpus/NAME/. New inputs
# that reach new code go to build/fuzz/corpus/NAME/ and serve the next run; an input that crashes the target stays in
# build/fuzz/ and its name is printed. Copied to test/corpus/NAME/ it is tried by every `make check`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

if [ $# -lt 2 ]; then
    echo "There is no fuzz target: test/fuzz_*.c"
    exit 1
fi
seconds=$1
shift

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/test/fuzz.supp:print_suppressions=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

failed=0
for target in "$@"; do
    name=${target##*/fuzz_}
    grown=build/fuzz/corpus/$name
    log=build/logs/fuzz_$name.log
    mkdir -p "$grown" build/logs
    folders=("$grown")
    [ ! -d "test/corpus/$name" ] || folders+=("test/corpus/$name")
    if [ -n "${FUZZ_RUNS:-}" ]; then
        length="$FUZZ_RUNS inputs" limit=-runs=$FUZZ_RUNS
    else
        length="$seconds s" limit=-max_total_time=$seconds
    fi
    printf '%s: %s, log in %s\n' "$name" "$length" "$log"
    if "$target" "$limit" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" \
        -print_final_stats=1 "${folders[@]}" >"$log" 2>&1; then
        awk '/stat::number_of_executed_units/ { n = $2 }
             /cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") c = $(i + 1) }
             END { printf "    ok: %d inputs tried, coverage %d\n", n, c }' "$log"
    else
        failed=1
        tail -n 60 "$log" | sed 's/^/    | /'
        grep -o "build/fuzz/$name-[a-z]*-[0-9a-f]*" "$log" | sort -u | sed 's/^/    the input is kept as /'
    fi
done
exit $failed
