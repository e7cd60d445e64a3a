#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs test programs side by side and counts their test cases.
#
#     scripts/run_tests.sh PROGRAM...
#
# A PROGRAM is
#     build/.../unit_NAME              a cmocka program
#     build/.../replay_NAME            a fuzz target that takes files: each file in test/corpus/NAME/ is one case
#     build/.../flowctl:test/NAME.bats command-line tests, run with that program as $FLOWCTL
#     scripts/NAME.sh                  a script, one case
# One line is printed for each when it ends, the log of a failing one is shown, all logs stay in build/logs. The last
# line is "N passed, N failed". The exit status is 0 only if at least one test ran and none failed.
#
#     TEST_TIMEOUT=600   seconds after which a program counts as failed
#     TEST_JOBS=N        programs that run at the same time; without it, one for each processor
set -uo pipefail
cd "$(dirname "$0")/.." || exit

logs=build/logs
mkdir -p "$logs"
limit=${TEST_TIMEOUT:-600}
jobs=${TEST_JOBS:-$(nproc 2>/dev/null || echo 1)}
counts=$(mktemp "$logs/counts.XXXXXX") || exit
trap 'rm -f "$counts"' EXIT

# Leaks and undefined behaviour end a program with a stack trace.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

limited() {
    if command -v timeout >/dev/null 2>&1; then
        timeout -k 10 "$limit" "$@"
    else
        "$@"
    fi
}

# count_tap LOG STATUS [EMPTY]: sets n_passed, n_failed, n_skipped. A program that ended without its plan, before its
# plan was fulfilled, or with an error that no test explains, has one failure more.
count_tap() {
    read -r n_passed n_failed n_skipped < <(awk -v status="$2" -v may_be_empty="${3:-no}" '
        /^1\.\.[0-9]+/ { split($0, plan, /\.\./); planned += plan[2]; has_plan = 1; next }
        /^(not )?ok [0-9]+/ {
            seen++
            if (tolower($0) ~ /# skip/) skipped++
            else if ($1 == "ok") passed++
            else failed++
        }
        END {
            if (seen < planned) failed += planned - seen
            if (!has_plan || (seen == 0 && may_be_empty == "no") || (status != 0 && failed == 0)) failed++
            print passed + 0, failed + 0, skipped + 0
        }' "$1")
}

# Runs all files at once; only when that fails, each alone to find the culprits. What the HDF5 library loses over a
# damaged file is no fault of ours.
replay() {
    local program=$1 log=$2 corpus file status
    local -x LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/test/fuzz.supp:print_suppressions=0}
    corpus=test/corpus/${program##*/replay_}
    local files=()
    for file in "$corpus"/*; do
        [ -f "$file" ] && files+=("$file")
    done
    n_passed=0 n_failed=0 n_skipped=0
    if [ ${#files[@]} -eq 0 ]; then
        echo "there are no files in $corpus" >"$log"
        n_failed=1
        return
    fi
    if limited "$program" "${files[@]}" >"$log" 2>&1; then
        n_passed=${#files[@]}
        return
    fi
    for file in "${files[@]}"; do
        echo "== $file" >>"$log"
        limited "$program" "$file" >>"$log" 2>&1
        status=$?
        if [ $status -eq 0 ]; then n_passed=$((n_passed + 1)); else n_failed=$((n_failed + 1)); fi
    done
    # All are well alone, but not together.
    [ $n_failed -gt 0 ] || n_failed=1
}

# run PROGRAM: prints its report, and adds its counts to a line of $counts.
run() {
    local program=$1 log status=0 start=$SECONDS note='' report
    log=$logs/$(tr "/:" "--" <<<"${program#./}").log
    case $program in
        *.bats)
            local options=(--tap)
            # The sanitizers make everything several times slower: tests tagged "slow" run without them alone.
            if [[ $program == *asan* ]] && bats --help | grep -q -- --filter-tags; then
                options+=(--filter-tags "!slow")
            fi
            FLOWCTL=$PWD/${program%%:*} limited bats "${options[@]}" "${program#*:}" >"$log" 2>&1
            status=$?
            count_tap "$log" $status yes
            ;;
        */replay_*) replay "$program" "$log" ;;
        *.sh)
            n_passed=1 n_failed=0 n_skipped=0
            limited "$program" >"$log" 2>&1
            status=$?
            [ $status -eq 0 ] || n_passed=0 n_failed=1
            ;;
        *)
            CMOCKA_MESSAGE_OUTPUT=tap limited "$program" >"$log" 2>&1
            status=$?
            count_tap "$log" $status
            ;;
    esac
    if [ "$status" -eq 124 ] || { [ "$status" -eq 137 ] && [ $((SECONDS - start)) -ge "$limit" ]; }; then
        note=", stopped after $limit s"
    elif [ "$status" -gt 128 ]; then
        note=", crashed with signal $((status - 128))"
    fi
    [ "$n_skipped" -eq 0 ] || note="$note, $n_skipped skipped"
    if [ "$n_failed" -eq 0 ]; then
        report=$(printf 'ok    %-52s %4d passed%s (%d s)' "$program" "$n_passed" "$note" $((SECONDS - start)))
    else
        report=$(
            printf 'FAIL  %-52s %4d passed, %d failed%s (%d s)\n' "$program" "$n_passed" "$n_failed" "$note" \
                $((SECONDS - start))
            awk '{ line[NR] = $0 }
                 END {
                     # A report of leaks is long: what failed first stands at the top, why it ended at the bottom.
                     for (i = 1; i <= NR; i++)
                         if (i <= 60 || i > NR - 60) print "      | " line[i]
                         else if (i == 61) print "      | [...]"
                 }' "$log"
            printf '      whole log: %s' "$log"
        )
    fi
    # One write each: the reports and counts of programs that end at the same time do not mix.
    printf '%s\n' "$report"
    printf '%d %d %d\n' "$n_passed" "$n_failed" "$n_skipped" >>"$counts"
}

running=0
for program in "$@"; do
    if [ $running -ge "$jobs" ]; then
        wait -n
        running=$((running - 1))
    fi
    run "$program" &
    running=$((running + 1))
done
wait

read -r passed failed skipped programs < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0, NR }' \
    "$counts")
if [ "$programs" -ne $# ]; then
    echo "$(($# - programs)) programs left no report."
    failed=$((failed + $# - programs))
fi

if [ $((passed + failed)) -eq 0 ]; then
    echo "There was no test to run."
fi
if [ "$skipped" -gt 0 ]; then
    echo "$skipped skipped"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
