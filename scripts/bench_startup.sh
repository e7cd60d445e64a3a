#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/bench_startup.sh [FLOWCTL [RUNS]]      what `make bench` does last
#
# How long the commands take that compute nothing: the median of RUNS=50 runs of each, in milliseconds of processor time
# and on the wall.
set -euo pipefail
cd "$(dirname "$0")/.."

flowctl=$(realpath "${1:-build/flowctl}")
runs=${2:-50}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# model NAME BLOCK
model() {
    printf '{"data": {"train": "rows.csv", "validation": 0.2}, "flow": ["standardize", %s],
             "train": {"epochs": 1}, "output": "%s.h5"}\n' "$2" "$1" >"$folder/$1.json"
    "$flowctl" train "$folder/$1.json" >/dev/null 2>&1
}
awk 'BEGIN { srand(1); for (i = 0; i < 100; i++) { for (j = 1; j < 10; j++) printf "%.6f,", rand(); print rand() } }' \
    >"$folder/rows.csv"
model small '{"type": "realnvp", "repeat": 4, "hidden": [32, 32]}'
model large '{"type": "maf", "repeat": 5, "hidden": [128, 128]}'

# times COMMAND...: a line for each run
times() {
    local run TIMEFORMAT='%U %S %R'
    for ((run = 0; run < runs; run++)); do
        { time "$@" >/dev/null 2>&1; } 2>&1
    done | awk '{ printf "%.3f %.3f\n", 1000 * ($1 + $2), 1000 * $3 }'
}

median() {
    sort -n | awk '{ x[NR] = $1 } END { printf "%.1f", NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2 }'
}

printf '%-28s %10s %10s   medians of %d runs, ms\n' '' 'processor' 'wall' "$runs"
report() {
    local label=$1 measured
    shift
    measured=$(times "$@")
    printf '%-28s %10s %10s\n' "$label" "$(cut -d' ' -f1 <<<"$measured" | median)" \
        "$(cut -d' ' -f2 <<<"$measured" | median)"
}
report 'flowctl --help' "$flowctl" --help
report 'flowctl info, small model' "$flowctl" info "$folder/small.h5"
report 'flowctl info, large model' "$flowctl" info "$folder/large.h5"
report 'flowctl check, a spec' "$flowctl" check "$folder/large.json"
