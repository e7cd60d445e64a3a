#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     experiment.sh [-j JOBS] [-t TEST] [-o RESULTS] SPEC...
#
# Trains the specs, JOBS at a time, with nothing but xargs, and scores and compares the models on the rows of TEST:
# NAME.h5, NAME.train.json, NAME.test.json and table.md in the folder RESULTS (results). Run it again after it was
# stopped: trainings go on where they were, and finished ones end at once. A spec that fails does not stop the others;
# the exit status is then 1, and there is no table. $FLOWCTL is the program. experiment.mk does the same and more by
# make, and also sees when a spec or its data change.
set -uo pipefail
jobs=1 results=results test=
while getopts 'j:t:o:' letter; do
    case $letter in
        j) jobs=$OPTARG ;;
        t) test=$OPTARG ;;
        o) results=$OPTARG ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ] || ! [ "$jobs" -gt 0 ]; then
    sed -n 's/^# \{0,1\}//p' "$0" | sed -n '3,9p' >&2
    exit 2
fi

threads=$(($(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) / jobs))
export FLOWCTL=${FLOWCTL:-flowctl} results test threads=$((threads > 0 ? threads : 1))
mkdir -p "$results" || exit

# one SPEC: a result appears whole or not at all
one() {
    local out
    out=$results/$(basename "$1" .json)
    "$FLOWCTL" train "$1" -o "$out.h5" --resume --json -q -j "$threads" >"$out.train.json.part" || return
    mv "$out.train.json.part" "$out.train.json"
    [ -n "$test" ] || return 0
    "$FLOWCTL" logprob "$out.h5" "$test" --json -q -j "$threads" >"$out.test.json.part" || return
    mv "$out.test.json.part" "$out.test.json"
}
export -f one

# 255 would end xargs at once.
# shellcheck disable=SC2016  # the inner shell has the argument
printf '%s\0' "$@" | xargs -0 -P "$jobs" -n 1 bash -c 'one "$1" || exit 1' one || exit 1
if [ -n "$test" ] && [ $# -gt 1 ]; then
    names=("${@##*/}")
    models=("${names[@]/%.json/.h5}")
    "$FLOWCTL" compare "${models[@]/#/$results/}" "$test" --markdown | tee "$results/table.md"
fi
