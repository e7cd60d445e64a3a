#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Training as several processes: the model of one process, bit for bit, whatever happens on the way.
#
# Each kind of training is tried with $MPI_RANKS processes, 3 by default, and a table with 1 to 4. MPI_KILLS says how
# many trainings are killed again and again (2).

load cli_helper
load mpi_helper

FLOWCTL_MPI=${FLOWCTL_MPI:-$root/build/flowctl-mpi}

# Rows x, y, z and a weight w. $1: rows, $2: seed
make_rows() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        print "x,y,z,w"
        for (i = 0; i < n; i++) {
            x = rand() + rand() + rand(); y = x * x + rand(); z = rand() - rand() + 0.5 * y
            printf "%.6f,%.6f,%.6f,%.3f\n", x, y, z, 0.1 + rand()
        }
    }'
}

setup_file() {
    mkdir -p "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    make_rows 3000 1 >train.csv
    make_rows 500 2 >test.csv
}

setup() {
    enter_folder
}

# spec NAME DATA FLOW TRAIN: all of them without braces
spec() {
    printf '{"data": {%s}, "flow": [%s], "train": {%s}, "output": "%s.h5"}\n' "$2" "$3" "$4" "$1" >"$1.json"
}

# What a model file says, without times, places and numbers of threads.
contents() {
    flowctl info "$1" --json | grep -vE '"(seconds|date|host|threads|ranks|command|path|model|bytes|size)"' |
        sed -E 's/"seconds": *[0-9.e+-]+,?//'
}

# describe MODEL DATA: into MODEL.txt, the log-densities of the rows of DATA, and what the file says
describe() {
    flowctl logprob "$1" "$2" -q -o "$1.csv" --force >/dev/null
    contents "$1" | cat "$1.csv" - >"$1.txt"
}

# same_as_one NAME DATA [OPTION...]: several processes make the model that one makes, with 1 and 2 threads
same_as_one() {
    local name=$1 data=$2 n
    shift 2
    flowctl train "$name.json" -q -j 1 -o one.h5 --force "$@" >/dev/null
    flowctl train "$name.json" -q -j 2 -o two.h5 --force "$@" >/dev/null
    describe one.h5 "$data"
    describe two.h5 "$data"
    same one.h5.txt two.h5.txt
    for n in ${MPI_RANKS:-3}; do
        ranks "$n" "$FLOWCTL_MPI" train "$name.json" -q -j 1 -o many.h5 --force "$@" >/dev/null
        describe many.h5 "$data"
        same one.h5.txt many.h5.txt
    done
    # and the whole state: one process goes on with it as with its own
    flowctl train "$name.json" -q -j 1 -o one.h5 --resume --set train.epochs=4 "$@" >/dev/null
    flowctl train "$name.json" -q -j 1 -o many.h5 --resume --set train.epochs=4 "$@" >/dev/null
    describe one.h5 "$data"
    describe many.h5 "$data"
    same one.h5.txt many.h5.txt
}

@test "sums in a fixed tree, of 3 to 5 ranks" {
    local n
    for n in 3 4 5; do
        run ranks $n "$root/build/test/unit_tree_sum-mpi"
        expect_status 0
        [ "$(grep -c '^\[  PASSED  \]' <<<"$output")" -eq $n ]
    done
}

@test "a table" {
    spec table '"train": "train.csv", "columns": ["x", "y", "z"], "validation": 0.2, "test": 0.1' \
        '"standardize", {"type": "maf", "hidden": [16], "repeat": 2}' \
        '"epochs": 3, "batch": 1100, "schedule": "constant"'
    MPI_RANKS="1 2 3 4" same_as_one table train.csv
}

@test "weights, a context, and values that follow the batches" {
    spec cond '"train": "train.csv", "columns": ["x", "y"], "context": ["z"], "weight": "w", "validation": 0.2' \
        '"standardize", "batchnorm", {"type": "nsf_ar", "hidden": [16], "repeat": 1}' \
        '"epochs": 3, "batch": 1300, "schedule": "constant", "optimizer": "adamw", "ema": 0.9'
    same_as_one cond train.csv
}

@test "rows that are read in parts" {
    spec stream '"train": "big.h5", "validation": 0.1, "memory": 0.001' \
        '"standardize", {"type": "coupling", "hidden": [8], "repeat": 2}' \
        '"epochs": 2, "batch": 2048, "schedule": "constant"'
    spec seed '"train": "train.csv", "columns": ["x", "y", "z"]' '"standardize"' '"epochs": 1'
    flowctl train seed.json -q
    flowctl sample seed.h5 -n 60000 -q -o big.h5
    flowctl sample seed.h5 -n 60000 -q -o big.csv
    run flowctl train stream.json --data - --set data.validation=null <big.csv
    expect "its rows must be held"
    same_as_one stream train.csv
    same_as_one stream train.csv --data big.csv -j 2
}

@test "a continuous flow, with estimated traces" {
    spec ffjord '"train": "train.csv", "columns": ["x", "y"], "validation": 0.1' \
        '"standardize", {"type": "ffjord", "hidden": [8], "trace": "hutchinson"}' \
        '"epochs": 2, "batch": 1024, "schedule": "constant"'
    cut -d, -f1,2 train.csv | head -200 >few.csv
    same_as_one ffjord few.csv
}

@test "rectified flow, and the rounds of reflow" {
    spec fm '"train": "train.csv", "columns": ["x", "y"], "context": ["z"], "validation": 0.1' \
        '"standardize", {"type": "ffjord", "hidden": [8]}' \
        '"epochs": 2, "batch": 1100, "schedule": "constant",
         "objective": {"type": "rectified_flow", "reflow": 1, "pairs": 1500}'
    cut -d, -f1-3 train.csv | head -200 >few.csv
    same_as_one fm few.csv
}

@test "a density in place of data" {
    spec density '"columns": ["x", "y"]' '{"type": "maf", "hidden": [8], "repeat": 2}' \
        "\"epochs\": 2, \"batch\": 1500, \"schedule\": \"constant\",
         \"objective\": {\"type\": \"reverse_kl\", \"density\": \"$root/build/densities/banana.so\", \"steps\": 5}"
    cut -d, -f1,2 train.csv | head -200 >few.csv
    same_as_one density few.csv
}

@test "images" {
    cp "$root/configs/bars-discs.json" images.json
    same_as_one images "$root/data/bars_discs.h5:/test" --set "data.train=\"$root/data/bars_discs.h5:/validation\"" \
        --set data.validation=0.1 --set data.test=null --set train.epochs=2 --set train.batch=1200 \
        --set train.schedule=constant --set data.flip=true
}

@test "what is wrong in a step is said as by one process" {
    spec odd '"train": "odd.csv", "columns": ["x", "y"]' '{"type": "maf", "hidden": [8], "repeat": 2}' \
        '"epochs": 1, "batch": 2000, "schedule": "constant"'
    awk -F, 'NR == 1 { print "x,y" } NR > 1 { print NR == 2222 ? "1e308,1" : $1 "," $2 }' train.csv >odd.csv
    run flowctl train odd.json -q -j 1 -o one.h5
    local wanted=$output
    expect "row 2221"
    run ranks 3 "$FLOWCTL_MPI" train odd.json -q -j 1 -o many.h5
    [ "$(grep '^flowctl' <<<"$output")" = "$(grep '^flowctl' <<<"${wanted//one.h5/many.h5}")" ]
}

# A job that is killed, or stopped by a signal, goes on with another number of processes.
@test "killed at any moment, resumed by another number of processes" {
    spec long '"train": "train.csv", "columns": ["x", "y", "z"], "validation": 0.2' \
        '"standardize", {"type": "maf", "hidden": [16], "repeat": 2}' \
        '"epochs": 40, "batch": 600, "schedule": "constant"'
    flowctl train long.json -q -o one.h5 >/dev/null
    describe one.h5 train.csv
    local k n job
    for ((k = 0; k < ${MPI_KILLS:-2}; k++)); do
        rm -f many.h5
        for n in 2 3 1 4; do
            setsid mpirun -n $n "$FLOWCTL_MPI" train long.json -q -j 1 -o many.h5 --resume >/dev/null 2>&1 &
            job=$!
            sleep "0.$((3 + RANDOM % 6))"
            kill -KILL -- "-$job" 2>/dev/null || true
            wait "$job" || true
        done
        ranks 2 "$FLOWCTL_MPI" train long.json -q -j 1 -o many.h5 --resume >/dev/null
        describe many.h5 train.csv
        same one.h5.txt many.h5.txt
    done
}

@test "a signal to one process stops all, and saves" {
    spec long '"train": "train.csv", "columns": ["x", "y", "z"], "validation": 0.2' \
        '"standardize", {"type": "maf", "hidden": [16], "repeat": 2}' \
        '"epochs": 30, "batch": 600, "schedule": "constant"'
    flowctl train long.json -q -o one.h5 >/dev/null
    cat >stop.sh <<SH
#!/bin/sh
# rank 1 gets the signal, as soon as there is a model
if [ "\${OMPI_COMM_WORLD_RANK:-\$PMI_RANK}" = 1 ]; then
    me=\$\$
    (while [ ! -e many.h5 ]; do sleep 0.02; done; kill -USR1 \$me) &
fi
exec "$FLOWCTL_MPI" train long.json -j 1 -o many.h5 --set train.epochs=100000
SH
    chmod +x stop.sh
    run ranks 3 ./stop.sh
    expect_status 138
    expect "stopped by" "saved in many.h5"
    run flowctl info many.h5
    expect "interrupted"
}

@test "an error of one process ends all, and keeps the model" {
    spec table '"train": "train.csv", "columns": ["x", "y", "z"], "validation": 0.2' \
        '"standardize", {"type": "maf", "hidden": [16], "repeat": 2}' \
        '"epochs": 2, "batch": 600, "schedule": "constant"'
    mkdir elsewhere
    cp table.json elsewhere/
    cat >blind.sh <<SH
#!/bin/sh
[ "\${OMPI_COMM_WORLD_RANK:-\$PMI_RANK}" != 1 ] || cd elsewhere
exec "$FLOWCTL_MPI" "\$@"
SH
    chmod +x blind.sh
    run ranks 3 ./blind.sh train table.json -q -j 1
    expect_status 1
    expect "rank 1 on" "train.csv"
    [ "$(grep -c '^flowctl: error' <<<"$output")" -eq 1 ]
    [ ! -e table.h5 ]

    # the disk of rank 0 is full: the model of before stays
    flowctl train table.json -q >/dev/null
    cp table.h5 before.h5
    cat >full.sh <<SH
#!/bin/sh
if [ "\${OMPI_COMM_WORLD_RANK:-\$PMI_RANK}" = 0 ]; then
    export LD_PRELOAD="$root/build/faults/calls.so" FAULT_FOLDER="$PWD" FAULT_KIND=enospc FAULT_AT=1 FAULT_ON=yes
fi
exec "$FLOWCTL_MPI" "\$@"
SH
    chmod +x full.sh
    run ranks 2 ./full.sh train table.json -q -j 1 --force
    expect_status 1
    expect_not "rank 0 on"
    expect "table.h5"
    [ "$(grep -c '^flowctl: error' <<<"$output")" -eq 1 ]
    same table.h5 before.h5
    [ -z "$(find . -name '.table.h5*' -size +0)" ]

    run ranks 2 "$FLOWCTL_MPI" train table.json -q --force --data - --set data.validation=null <train.csv
    expect_status 2
    expect "put the table into a file"
    same table.h5 before.h5
}

@test "a spec that is made for the data" {
    cut -d, -f1,2 train.csv >events.csv
    run ranks 2 "$FLOWCTL_MPI" train events.csv --set train.epochs=1 -j 1
    expect_status 0
    expect "events.json"
    [ -e events.h5 ]
    [ "$(grep -c 'epoch 1/1' <<<"$output")" -eq 1 ]
    expect "rows is the work of 1 of the 2 processes" "train.batch=1024"
    # what rank 0 alone finds is said as by one process
    run ranks 2 "$FLOWCTL_MPI" train events.csv
    expect_status 1
    expect "flowctl: error: events.json: this spec exists already"
    run ranks 2 "$FLOWCTL_MPI" train events.json
    expect_status 1
    expect "flowctl: error: events.h5: this model exists already"
}
