#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/kills.sh [KILLS [SEED]]      what `make kills` does
#
# Kills build/flowctl (SIGKILL) KILLS=1000 times at random moments: while it trains, while it writes rows to CSV, while
# it adds a table to an HDF5 file, and while it searches (tune). A training and a search that were killed go on with
# --resume, and are killed again, until they end; other commands are started again. At each end the result is the same,
# bit for bit, as that of a run that was not disturbed, and no temporary file is left. After each kill the output is the
# old one or a complete new one. SEED chooses the moments.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

kills=${1:-1000}
RANDOM=${2:-1}
program=${FLOWCTL:-$PWD/build/flowctl}
place=$(mktemp -d) || exit
trap 'rm -rf "$place"' EXIT
cd "$place" || exit
export LC_ALL=C

fail() {
    echo "FAULT: $*"
    ls -la
    exit 1
}

# Milliseconds since the start of the machine.
now() {
    local seconds
    read -r seconds _ </proc/uptime
    echo "${seconds/./}0"
}

flowctl() {
    "$program" "$@" 2>>messages
}

for seed in 1 2; do
    awk -v seed=$seed 'BEGIN { srand(seed); print "x,y"
        for (i = 0; i < 2000; i++) printf "%.5f,%.5f\n", rand() + rand(), rand() * rand() }' >data$seed.csv
done
cat >spec.json <<'JSON'
{
  "data": { "train": "data1.csv", "validation": "data2.csv" },
  "flow": [ "standardize", { "type": "maf", "repeat": 2, "hidden": [8] } ],
  "train": { "epochs": 30, "batch": 100, "patience": 0 },
  "output": "model.h5"
}
JSON

# densities MODEL: its log-densities, which tell whether two models have the same weights
densities() {
    flowctl logprob "$1" data2.csv -q -o -
}

# The undisturbed runs, and how long they take.
begin=$(now)
flowctl train spec.json -q -j 2 || fail "train"
train_time=$(($(now) - begin))
densities model.h5 >train.good
begin=$(now)
flowctl sample model.h5 -n 100000 -o rows.csv -q || fail "sample"
rows_time=$(($(now) - begin))
mv rows.csv rows.good
flowctl sample model.h5 -n 5000 -s 5 -o tables.old.h5:/old -q || fail "sample"
cp tables.old.h5 tables.good.h5
begin=$(now)
flowctl sample model.h5 -n 100000 -o tables.good.h5:/new -q || fail "sample"
tables_time=$(($(now) - begin))
tune=(tune spec.json -n 3 -e 9 -q -j 2)
begin=$(now)
flowctl "${tune[@]}" -o best.h5 || fail "tune"
tune_time=$(($(now) - begin))
densities best.h5 >tune.good
mv model.h5 of.h5
force=()
! flowctl help sample | grep -q -e --force || force=(--force)

n_kills=0 n_ends=0
# try TIME COMMAND...: runs it and kills it at a random moment of TIME. 0: it has ended well, 1: it was killed.
try() {
    local limit=$(($1 + $1 / 10 + 5)) time status
    shift
    time=$(((RANDOM * 32768 + RANDOM) % limit + 1))
    time=$(printf '%d.%03d' $((time / 1000)) $((time % 1000)))
    { timeout -s KILL "$time" "$program" "$@" 2>>messages; } 2>/dev/null
    status=$?
    [ $status -ne 137 ] || { n_kills=$((n_kills + 1)) && return 1; }
    [ $status -eq 0 ] || { tail -n 3 messages && fail "status $status of $*"; }
    n_ends=$((n_ends + 1))
}

clean() {
    local left
    left=$(find . -name '.*.tmp' | head -n 3)
    [ -z "$left" ] || fail "temporary files are left: $left"
}

# A training goes on from its last save.
kill_training() {
    rm -f model.h5
    while ! try "$train_time" train spec.json -q -j 2 --resume; do
        [ ! -e model.h5 ] || flowctl info model.h5 >/dev/null || fail "a damaged model"
    done
    densities model.h5 | cmp - train.good || fail "another model"
}

kill_rows() {
    echo old >rows.csv
    while ! try "$rows_time" sample of.h5 -n 100000 -o rows.csv -q "${force[@]}"; do
        [ "$(head -c 4 rows.csv)" = old ] || cmp rows.csv rows.good || fail "half a table"
    done
    cmp rows.csv rows.good || fail "other rows"
}

kill_tables() {
    cp tables.old.h5 tables.h5
    while ! try "$tables_time" sample of.h5 -n 100000 -o tables.h5:/new -q "${force[@]}"; do
        cmp -s tables.h5 tables.old.h5 || cmp tables.h5 tables.good.h5 || fail "half a table"
    done
    cmp tables.h5 tables.good.h5 || fail "other tables"
}

kill_search() {
    rm -rf best.h5 tuned*
    while ! try "$tune_time" "${tune[@]}" -o best.h5 --resume; do
        [ ! -e best.h5 ] || flowctl info best.h5 >/dev/null || fail "a damaged model"
    done
    densities best.h5 | cmp - tune.good || fail "another model of a search"
}

while [ "$n_kills" -lt "$kills" ]; do
    for what in kill_training kill_rows kill_tables kill_search; do
        $what
        clean
        [ "$n_kills" -lt "$kills" ] || break
    done
done
printf '%d kills, %d runs that ended, all with the same bits as those that were not disturbed\n' "$n_kills" "$n_ends"
