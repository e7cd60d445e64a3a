#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Files that commands write: what they never replace, several programs at once, pipes, and what a kill leaves.

load cli_helper

setup_file() {
    make_model
}

setup() {
    enter_folder
}

# Whether the file system keeps the mark that tells what flowctl wrote.
has_marks() {
    flowctl sample model.h5 -n 1 -o mark.csv 2>/dev/null
    flowctl sample model.h5 -n 1 -o mark.csv 2>/dev/null
}

refused() {
    expect_status 1
    expect "${@:1}"
}

@test "a table that flowctl did not write is replaced with --force alone" {
    cp train.csv mine.csv
    sum=$(cksum <mine.csv)
    for command in "sample model.h5 -n 5" "logprob model.h5 test.csv" "invert model.h5 test.csv" \
                   "interpolate model.h5 test.csv"; do
        # shellcheck disable=SC2086
        run flowctl $command -o mine.csv
        refused "mine.csv: this file exists, and nothing says that flowctl wrote it, so it is not replaced; --force"
        [ "$sum" = "$(cksum <mine.csv)" ]
    done
    run flowctl sample model.h5 -n 5 -o mine.csv --force
    expect_status 0
    [ "$(wc -l <mine.csv)" -eq 6 ]
    : >empty.csv
    run flowctl sample model.h5 -n 5 -o empty.csv
    expect_status 0
}

@test "what flowctl wrote is replaced again, until somebody changes it" {
    has_marks || skip "no extended attributes here"
    flowctl sample model.h5 -n 5 -o out.csv
    run flowctl sample model.h5 -n 6 -o out.csv
    expect_status 0
    echo 1,2 >>out.csv
    run flowctl sample model.h5 -n 6 -o out.csv
    refused "out.csv: this file exists"
    [ "$(wc -l <out.csv)" -eq 8 ]
}

@test "a table in an HDF5 file of others is replaced with --force alone, and its other tables stay" {
    flowctl invert model.h5 train.csv -o one.h5 # a table that this program wrote, as a model has been trained on it
    flowctl train spec.json -d one.h5 --validation 0.1 --test 0.1 -o two.h5 -q
    run flowctl sample two.h5 -n 5 -o one.h5
    refused "one.h5: this file holds the train data of the model; name another file for the results, or replace it"
    run flowctl sample model.h5 -n 5 -o one.h5:/b
    expect_status 0
    run flowctl sample model.h5 -n 6 -o one.h5:/b
    expect_status 0
    expect_not "did not write"
    python3 -c 'import h5py' 2>/dev/null || return 0
    python3 -c 'import h5py; h5py.File("other.h5", "w").create_dataset("data", data=[[1.0, 2.0]] * 9)'
    run flowctl sample model.h5 -n 5 -o other.h5
    refused "other.h5: the table /data in this file exists, and flowctl did not write it"
    run flowctl sample model.h5 -n 5 -o other.h5:/data --force
    expect_status 0
}

@test "neither a spec, nor a model, nor what is read, is ever replaced by a table" {
    cp model.h5 other.h5
    for flag in "" --force; do
        # shellcheck disable=SC2086
        {
            run flowctl sample spec.json -n 2 -o spec.json $flag
            refused "spec.json: this file is a spec"
            run flowctl sample model.h5 -n 2 -o other.h5:/a $flag
            refused "other.h5: this file is a model"
            run flowctl logprob model.h5 test.csv -o test.csv $flag
            refused "test.csv: this file holds the data that are read"
        }
    done
    flowctl check spec.json
}

@test "a model that cannot be read for a moment is not replaced by a table, with --force neither" {
    command -v cc >/dev/null || skip "no compiler"
    [[ $FLOWCTL != *asan* ]] || skip "another library comes first"
    cc -std=c11 -D_GNU_SOURCE -fPIC -shared -o calls.so "$root/test/faults/calls.c" -ldl
    mkdir there
    cp model.h5 there/other.h5
    echo >log
    for ((at = 1; $(wc -l <log) > 0; at++)); do # each call on the file fails once
        : >log
        run env FAULT_FOLDER="$PWD/there" FAULT_KIND=eio FAULT_AT=$at FAULT_LOG="$PWD/log" \
            LD_PRELOAD="$PWD/calls.so" "$FLOWCTL" sample "$PWD/model.h5" -n 3 -o "$PWD/there/other.h5" --force
        expect_status 1
        cmp model.h5 there/other.h5
    done
    [ "$at" -gt 3 ]
}

@test "two programs that write tables into one HDF5 file leave both" {
    flowctl sample model.h5 -n 10 -o o.h5:/start
    for table in a b c d; do
        flowctl sample model.h5 -n 20000 -o o.h5:/$table 2>$table.txt &
    done
    wait
    run flowctl info o.h5
    expect_status 0
    expect /start /a /b /c /d
    [ -z "$(find . -name '.*.lock' -o -name '.*.tmp')" ]
}

@test "a second training into a model, and a second search in a folder, are refused while the first runs" {
    "$FLOWCTL" train spec.json -o two.h5 -q --set train.epochs=100000 --set train.patience=100000 &
    first=$!
    while [ ! -e .two.h5.lock ]; do sleep 0.05; done
    for flag in "" --force --resume; do
        # shellcheck disable=SC2086
        run flowctl train spec.json -o two.h5 -q $flag
        refused "two.h5: another flowctl trains this model at this moment; wait until it ends"
    done
    kill -KILL $first
    wait $first || true
    [ -e .two.h5.lock ] # what a kill leaves means nothing
    : >.two.h5.12345-0.tmp
    run flowctl train spec.json -o two.h5 -q --force
    expect_status 0
    [ -z "$(find . -name '.two*')" ]

    "$FLOWCTL" tune spec.json -n 50 -e 100000 -q &
    first=$!
    while [ ! -e .spec-tuned.tune.lock ]; do sleep 0.05; done
    for flag in "" --force --resume; do
        # shellcheck disable=SC2086
        run flowctl tune spec.json -n 50 -e 100000 -q $flag
        refused "spec-tuned.tune: another flowctl searches in this folder at this moment"
    done
    kill -KILL $first
    wait $first || true
}

@test "a table is not written under the name of another format, nor below another table" {
    for name in out.npy out.Parquet out.xlsx out.nc out.mat out.json out.tsv out.csv.xz; do
        run -2 flowctl sample model.h5 -n 2 -o $name
        [[ $output == *"$name: tables are written as CSV and HDF5, and this name says ."*"call it .csv or .h5"* ]]
        [ ! -e $name ]
    done
    run -0 flowctl sample model.h5 -n 2 -o out.h5:/a/b
    run -1 flowctl sample model.h5 -n 2 -o out.h5:/a/b/c
    [[ $output == *"/a/b is a table in this file, and /a/b/c cannot lie in it; name another place"* ]]
    run -0 flowctl sample model.h5 -n 2 -o out.h5:/a/c
}

@test "a search does not replace what is no search" {
    mkdir spec-tuned.tune
    echo mine >spec-tuned.tune/001.h5
    run flowctl tune spec.json -n 2 --force
    refused "spec-tuned.tune/001.h5: this file is not of a search"
    grep -q mine spec-tuned.tune/001.h5
    rm -r spec-tuned.tune
    echo "not a spec" >spec-tuned.json
    run flowctl tune spec.json -n 2 --force
    refused "spec-tuned.json: this file exists and is not a spec"
}

@test "rows go to /dev/stdout, to a process substitution and to an open descriptor" {
    flowctl sample model.h5 -n 5 -o - >expected.csv
    flowctl sample model.h5 -n 5 -o /dev/stdout | cat >pipe.csv
    flowctl sample model.h5 -n 5 -o /dev/stdout >file.csv
    flowctl sample model.h5 -n 5 -o >(cat >substituted.csv)
    { echo before; flowctl sample model.h5 -n 5 -o /dev/fd/3; } 3>descriptor.csv >/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do cmp -s expected.csv substituted.csv && break; sleep 0.1; done
    for file in pipe file substituted descriptor; do
        diff expected.csv $file.csv
    done
}

@test "names that are not in UTF-8: data, folders, specs, models and --set" {
    folder=$(printf 'caf\351') data=$(printf 'donn\351es.csv') spec=$(printf 'sp\351c.json')
    mkdir "$folder" 2>/dev/null || skip "this file system has no such names"
    cp train.csv "$folder/$data"
    sed 's/, "test": "test.csv"//' spec.json >"$folder/$spec"
    run flowctl train "$folder/$spec" -d "$folder/$data" --validation 0.1 --set name="$(printf 'mod\350le')" -o latin.h5
    expect_status 0
    run flowctl info latin.h5
    expect_status 0
    expect "$folder/$data"
    run flowctl info latin.h5 --json
    expect 'donn\udce9es.csv' 'mod\udce8le'
    for command in "sample latin.h5 -n 2" "logprob latin.h5 test.csv"; do
        # shellcheck disable=SC2086
        run flowctl $command
        expect_status 0
    done
    run flowctl train "$folder/$spec" -d "$folder/$data" --validation 0.1 --set name="$(printf 'mod\350le')" \
        -o latin.h5 --resume
    expect_status 0
    # the folder of the spec is one of the names: the spec, and the model beside it
    run flowctl train "$folder/$spec" -d "$folder/$data" --validation 0.1
    expect_status 0
    run flowctl logprob "$folder/$spec" "$folder/$data"
    expect_status 0
    run flowctl init "$folder/$data" -o "$folder/$(printf 'aut\364.json')"
    expect_status 0
    run flowctl check "$folder/$(printf 'aut\364.json')"
    expect_status 0
}

@test "a table that is larger than the memory of the process, ten times as large as data.memory" {
    [ "$(uname -s)" = Linux ] || skip "limits of memory are those of Linux"
    [[ $FLOWCTL != *asan* ]] || skip "the sanitizer needs more memory"
    awk 'BEGIN {
        srand(1)
        for (i = 0; i < 300; i++)
            for (j = 1; j <= 10; j++)
                printf "%.3f%s", rand(), j < 10 ? "," : "\n"
    }' >few.csv
    printf '{"flow": ["standardize", {"type": "maf", "hidden": [4]}], "train": {%s}}' '"epochs": 1, "batch": 4096' \
        >small.json
    flowctl train small.json -q --data few.csv -o few.h5
    flowctl sample few.h5 -n 1000000 -q -o large.h5 # 80 MB
    limited() { (ulimit -d 60000 && OPENBLAS_NUM_THREADS=1 "$FLOWCTL" "$@"); }
    run limited train small.json -q --data large.h5 -j 1 -o parts.h5 --set data.memory=0.0074
    expect_status 0
    run limited train small.json -q --data large.h5 -j 1 -o held.h5 --set data.memory=1
    expect_status 1
    expect "out of memory for the rows; allow less memory, so that they are read in parts"
}
