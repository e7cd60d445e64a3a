#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# How much faster several processes train: one process with one thread, then as many processes of one thread each, then
# one process with as many threads, in turns.
#
#     scripts/bench_ranks.sh [-r RANKS] [-b BATCH] [-s STEPS] [-n ROUNDS] [WORKLOAD...]
#
# A WORKLOAD is one of test/bench/workloads/ (default: S1 L1 L2 G1), trained on random rows with batches of BATCH rows
# (4096) for STEPS steps (6). Times are on the wall, of a step, without the saving of the model; medians over ROUNDS (5)
# and of the ratios within a round. Nothing else should run meanwhile. `messages` is the share of the time that ranks
# spend on messages and on waiting for each other.
#
#     MPIRUN="mpirun --bind-to core"    what starts the processes
set -euo pipefail
cd "$(dirname "$0")/.."
ranks=2 batch=4096 steps=6 rounds=5
# shellcheck source=scripts/options.bash
source scripts/options.bash
read_options 'r=ranks b=batch s=steps n=rounds' "$@"
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- S1 L1 L2 G1
for program in build/flowctl build/flowctl-mpi; do
    [ -x $program ] || { echo "there is no $program: make MPI=yes" >&2 && exit 1; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# prepare WORKLOAD: spec.json, and rows in data.h5
prepare() {
    local file=test/bench/workloads/$1.json width
    width=$(grep -o '"dimensions": *[0-9]*' "$file" | grep -o '[0-9]*$')
    awk -v d="$width" 'BEGIN { srand(1); for (i = 0; i < 300; i++) for (j = 1; j <= d; j++)
        printf "%.4f%s", rand() + rand() + rand() + rand() - 2, j < d ? "," : "\n" }' >"$folder/few.csv"
    printf '{"data": {"train": "few.csv"}, "flow": ["standardize"], "train": {"epochs": 1}, "output": "few.h5"}\n' \
        >"$folder/few.json"
    build/flowctl train "$folder/few.json" -q --force 2>/dev/null
    build/flowctl sample "$folder/few.h5" -n $((batch * 2)) -q -o "$folder/data.h5" --force 2>/dev/null
    awk '/"spec": *\{/ { inside = 1; print "{ \"data\": { \"train\": \"data.h5\" },"; next } inside' "$file" |
        sed '$d' >"$folder/spec.json"
}

# step THREADS COMMAND...: milliseconds of a step, and the share of messages in percent
step() {
    local threads=$1
    shift
    "$@" train "$folder/spec.json" -j "$threads" --profile --json --force -o "$folder/model.h5" \
        --set train.batch="$batch" --set train.epochs=$((steps / 2)) --set train.patience=0 \
        2>"$folder/log" >"$folder/result" ||
        { cat "$folder/log" >&2 && exit 1; }
    tr '{' '\n' <"$folder/result" | awk -v n="$steps" '
        /"phase":/ && !/held-out|saving/ {
            match($0, /"seconds":[0-9.e+-]*/)
            s = substr($0, RSTART + 10, RLENGTH - 10)
            all += s
            if (/other processes/) messages += s
        }
        END { printf "%.3f %.1f\n", 1000 * all / n, 100 * messages / all }'
}

median() {
    sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%-9s %9s  %9s  %9s  %13s  %15s  %9s\n' workload 'one, ms' "$ranks ranks" "$ranks threads" 'one / ranks' \
    'ranks / threads' messages
for workload; do
    prepare "$workload"
    : >"$folder/times"
    for ((i = 0; i < rounds; i++)); do
        read -r one _ < <(step 1 build/flowctl)
        # shellcheck disable=SC2086 # several words
        read -r many share < <(step 1 ${MPIRUN:-mpirun --bind-to core} -n "$ranks" build/flowctl-mpi)
        read -r threads _ < <(step "$ranks" build/flowctl)
        awk -v a="$one" -v b="$many" -v c="$threads" -v s="$share" 'BEGIN { print a, b, c, a / b, b / c, s }' \
            >>"$folder/times"
    done
    for k in 1 2 3 4 5 6; do
        awk -v k=$k '{ print $k }' "$folder/times" | median
    done | tr '\n' ' ' | awk -v w="$workload" '{
        printf "%-9s %9.2f  %9.2f  %9.2f  %13.2f  %15.2f  %7.1f %%\n", w, $1, $2, $3, $4, $5, $6 }'
done
