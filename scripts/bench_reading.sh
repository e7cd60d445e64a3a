#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/bench_reading.sh [RUNS [FLOWCTL...]]
#
# What it costs to train on a table that does not fit the memory: seconds an epoch with all rows held, and with 10 MB
# for a table of 32, and how much of them is waiting for rows. The flow is a tiny one, so that reading is a large part.
# Of RUNS=6 runs of 10 epochs, of all programs in turns, the fastest epoch and the least waiting: short epochs, because
# others on the machine may leave two processors free for that long. Needs h5repack.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-6}
shift $(($# > 0))
[ $# -gt 0 ] || set -- build/flowctl
mapfile -t programs < <(realpath "$@")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

awk 'BEGIN { srand(1); for (i = 0; i < 2000; i++) { for (j = 1; j < 10; j++) printf "%.6f,", rand(); print rand() } }' \
    >rows.csv
cat >spec.json <<JSON
{ "data": { "train": "rows.csv" }, "train": { "epochs": 10, "batch": 1024, "patience": 0 }, "output": "model.h5",
  "flow": ["standardize", { "type": "realnvp", "repeat": 4, "hidden": [32] }] }
JSON
"${programs[0]}" train spec.json -q
"${programs[0]}" sample model.h5 -q -n 400000 -o table.csv
"${programs[0]}" sample model.h5 -q -n 400000 -o chunks.h5
h5repack -f GZIP=4 chunks.h5 gzip.h5

# epoch PROGRAM TABLE MEMORY THREADS: seconds of the fastest epoch, and of getting rows, the mean of the epochs
epoch() {
    "$1" train spec.json -q --force --json --profile --data "$2" --set data.memory="$3" -j "$4" >summary.json
    "$1" info model.h5 --json | grep -o '"history":.*' | grep -o '"seconds":[0-9.e-]*' | cut -d: -f2 | sort -g |
        head -n 1
    grep -o '"phase":"data","seconds":[0-9.e-]*' summary.json | sed 's/.*://' | awk '{ print $1 / 10 }'
}

# The least of each of two columns.
least() {
    awk 'NR == 1 || $1 < a { a = $1 } NR == 1 || $2 < b { b = $2 } END { print a, b }' "$1"
}

tables=(table.csv gzip.h5)
for ((run = 0; run < runs; run++)); do
    for table in "${tables[@]}"; do
        for threads in 1 2; do
            for i in "${!programs[@]}"; do
                epoch "${programs[i]}" "$table" 4 $threads | paste -sd ' ' >>"$i.$table.$threads.held"
                epoch "${programs[i]}" "$table" 0.01 $threads | paste -sd ' ' >>"$i.$table.$threads.parts"
            done
        done
    done
done

for i in "${!programs[@]}"; do
    "${programs[i]}" --version | head -n 1
    printf '%-14s %8s  %8s %8s  %8s %8s %8s   seconds an epoch\n' table threads held waiting 'in parts' waiting more
    for table in "${tables[@]}"; do
        for threads in 1 2; do
            { least "$i.$table.$threads.held"; least "$i.$table.$threads.parts"; } | paste -sd ' ' |
                awk -v table="$table" -v threads="$threads" '{
                    printf "%-14s %8d  %8.3f %8.3f  %8.3f %8.3f %6.0f %%\n", table, threads, $1, $2, $3, $4,
                           100 * ($3 / $1 - 1) }'
        done
    done
done
