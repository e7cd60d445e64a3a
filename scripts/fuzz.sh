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

# Freed memory is watched for 1 MB of later frees: most inputs free less, and more would not stay in a cache.
asan=detect_leaks=1:allocator_may_return_null=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64
export ASAN_OPTIONS=${ASAN_OPTIONS:-$asan:malloc_context_size=8:max_malloc_fill_size=0}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/test/fuzz.supp:print_suppressions=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

# Words that a target meets, for a dictionary of libFuzzer; nothing: it has none.
words() {
    case $1 in
        spec) grep -o '"[a-z_0-9$]*"' configs/schema.json | sort -u | grep -v '""' ;;
        command) grep -o -e '--[a-z-]*' docs/commands.md | sort -u | sed 's/.*/"&"/' ;;
        csv)
            printf '"%s"\n' NA N/A '#N/A' '<NA>' NaN NaT null None '\\N' -- inf 1e308 1e-320 0.1 -1.5 '1,5' \
                '1.234,5' '1,234' 9007199254740993 12345678.12345678 123456789012345678901 True FALSE T f \
                '\x0d\x0a' ',,' ';' '\x09' '|' '# ' '% ' 'sep=;' '\"\"' '\",' '# %ECSV 1.0' '\xef\xbb\xbf' '\x1f\x8b' \
                '\x28\xb5\x2f\xfd' 'GeV,rad' '[m]' unnamed '0,1,2\x0a' 'x,y\x0a' \
                '1.5D+02' '\xe2\x88\x921' '0.5-101' '64%' '1+2j' '12:30' '3:0.5' '+----+\x0a' '|' '*' '****'
            ;;
    esac
}

# Whether leaks are looked for after each input (1), or at the end (0): the HDF5 library keeps memory for later, so that
# libFuzzer suspects a leak of every other input, and the search for it takes a tenth of the time.
leaks() {
    case $1 in
        model | tables) echo 0 ;;
        *) echo 1 ;;
    esac
}

# The most bytes of an input; 0: as many as the largest one in the corpus has.
longest() {
    case $1 in
        csv) echo 400 ;;
        spec) echo 1800 ;;
        command | tables) echo 300 ;;
        *) echo 0 ;;
    esac
}

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
    # inputs that take long are changed less often; no other process writes into the folder
    options=(-max_len="$(longest "$name")" -timeout=60 -rss_limit_mb=2048 -entropic_scale_per_exec_time=1 -reload=0
        -detect_leaks="$(leaks "$name")")
    words "$name" >"build/fuzz/$name.dict"
    [ ! -s "build/fuzz/$name.dict" ] || options+=(-dict="build/fuzz/$name.dict")
    printf '%s: %s, log in %s\n' "$name" "$length" "$log"
    if "$target" "$limit" "${options[@]}" -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 \
        "${folders[@]}" >"$log" 2>&1; then
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
