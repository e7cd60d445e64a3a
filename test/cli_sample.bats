#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# sample

load cli_helper

setup_file() {
    make_model
}

setup() {
    enter_folder
}

@test "rows go to standard output as CSV with the names of the columns" {
    run --separate-stderr flowctl sample model.h5 -n 5
    expect_status 0
    [ "${lines[0]}" = "x,y" ]
    [ "${#lines[@]}" -eq 6 ]
    [[ $stderr == *"5 rows"*"round-trip error"* ]]
}

@test "samples are in the units of the data" {
    flowctl sample model.h5 -n 2000 -q | awk -F, 'NR > 1 { x += $1; n++ } END { m = x / n; exit !(m > 124 && m < 126) }'
}

@test "a spec stands for the model it trained" {
    flowctl sample model.h5 -n 50 -q >a.csv
    flowctl sample spec.json -n 50 -q >b.csv
    same a.csv b.csv
    make_spec other.h5 >other.json
    run flowctl sample other.json
    expect_status 1
    expect other.h5 "flowctl train"
}

@test "the same seed gives the same rows, another one others" {
    flowctl sample model.h5 -n 300 -q >a.csv
    flowctl sample model.h5 -n 300 -q --seed 1 >b.csv
    flowctl sample model.h5 -n 300 -q --seed 2 >c.csv
    same a.csv b.csv
    differ a.csv c.csv
}

@test "neither the number of rows nor of threads changes a row" {
    flowctl sample model.h5 -n 3000 -q --threads 2 | head -n 1001 >a.csv
    flowctl sample model.h5 -n 1000 -q --threads 1 >b.csv
    same a.csv b.csv
}

@test "--first takes up a list of rows anywhere" {
    flowctl sample model.h5 -n 500 -q >all.csv
    { flowctl sample model.h5 -n 131 -q; flowctl sample model.h5 -n 369 --first 131 -q | tail -n +2; } >parts.csv
    same all.csv parts.csv
}

@test "CSV and HDF5 hold the same values" {
    flowctl sample model.h5 -n 200 -q -o a.csv
    flowctl sample model.h5 -n 200 -q -o a.h5:/samples
    flowctl logprob model.h5 a.csv -q -o from_csv.csv
    flowctl logprob model.h5 a.h5:/samples -q -o from_h5.csv
    same from_csv.csv from_h5.csv
    run flowctl info a.h5
    expect_status 0
    expect "200 rows" x y
}

@test "--logprob adds the log-density that logprob gives" {
    flowctl sample model.h5 -n 200 -q --logprob -o a.csv
    [ "$(head -n 1 a.csv)" = "x,y,logprob" ]
    cut -d, -f3 a.csv >given.csv
    flowctl logprob model.h5 a.csv -q -o computed.csv
    paste -d, given.csv computed.csv | awk -F, 'NR > 1 { e = $1 - $2; if (e < -1e-4 || e > 1e-4) exit 1 }'
}

@test "a lower temperature keeps to the dense regions" {
    a=$(flowctl sample model.h5 -n 1000 -q --logprob -t 1 | awk -F, 'NR > 1 { s += $3 } END { print s / 1000 }')
    b=$(flowctl sample model.h5 -n 1000 -q --logprob -t 0.5 | awk -F, 'NR > 1 { s += $3 } END { print s / 1000 }')
    is_below "$a" "$b"
}

@test "--float writes fewer digits" {
    flowctl sample model.h5 -n 50 -q --float >a.csv
    awk -F, 'NR > 1 && length($1) > 12 { exit 1 }' a.csv
}

@test "--json prints one object; rows go to -o only" {
    run --separate-stderr flowctl sample model.h5 -n 100 --json
    expect_status 0
    expect_json rows max_round_trip_error seed
    [ "$(json_number rows <<<"$output")" = 100 ]
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    run --separate-stderr flowctl sample model.h5 -n 100 --json -o a.csv
    expect_status 0
    expect_json rows output
    [ "$(wc -l <a.csv)" -eq 101 ]
    run flowctl sample model.h5 -n 100 --json -o -
    expect_status 2
}

@test "a reader that goes away is a normal end" {
    set -o pipefail
    flowctl sample model.h5 -n 300000 2>log.txt | head -n 3 >a.csv
    [ "$(wc -l <a.csv)" -eq 3 ]
    [ ! -s log.txt ]
}

@test "a disk that is full is not" {
    [ -w /dev/full ] || skip "there is no /dev/full"
    run bash -c '"$FLOWCTL" sample model.h5 -n 3000 >/dev/full'
    expect_status 1
}

@test "neither a model nor a missing folder is written over" {
    cp model.h5 before.h5
    run flowctl sample model.h5 -n 10 -o model.h5
    expect_status 1
    expect "is a model"
    same model.h5 before.h5
    run flowctl sample model.h5 -n 10 -o nowhere/a.csv
    expect_status 1
    expect nowhere
}

@test "an HDF5 file keeps its other tables" {
    flowctl sample model.h5 -n 30 -q -o a.h5:/train
    flowctl sample model.h5 -n 20 -q --seed 2 -o a.h5:/test
    flowctl invert model.h5 test.csv -q -o a.h5
    flowctl sample model.h5 -n 40 -q -o a.h5:/train
    run flowctl info a.h5:/train
    expect "40 rows"
    run flowctl info a.h5:/test
    expect "20 rows"
    run flowctl info a.h5:/data
    expect "100 rows" z1
    cp a.h5 before.h5
    run bash -c 'ulimit -f 4; "$FLOWCTL" sample model.h5 -n 100000 -o a.h5:/train'
    expect_status 1
    expect "a.h5: cannot be written: File too large (the old file is intact)"
    same a.h5 before.h5
}

@test "a file that becomes too large is an error, and leaves nothing behind" {
    local name
    for name in b.h5 b.h5:/some/where b.csv; do
        run bash -c 'ulimit -f 4; "$FLOWCTL" sample model.h5 -n 100000 -o "$1"' bash "$name"
        expect_status 1
        expect "File too large"
        [ -z "$(find . -name '*b.*')" ]
    done
}

@test "no rows are rows, too" {
    run --separate-stderr flowctl sample model.h5 -n 0 -q
    expect_status 0
    [ "$output" = "x,y" ]
}

@test "what is no model is named: data, a truncated model, a damaged one" {
    run flowctl sample train.csv
    expect_status 1
    expect train.csv
    head -c 3000 model.h5 >short.h5
    run flowctl sample short.h5
    expect_status 1
    expect short.h5
    size=$(wc -c <model.h5)
    cp model.h5 damaged.h5
    printf 'xxxxxxxx' | dd of=damaged.h5 bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
    run flowctl sample damaged.h5
    expect_status 1
    expect damaged.h5
    : >empty.h5
    run flowctl sample empty.h5
    expect_status 1
    run flowctl sample nowhere.h5
    expect_status 1
    expect nowhere.h5
}

# A continuous model c.h5 with a field far from zero, whose blocks stand in a group, too; its own steps are 16.
make_continuous() {
    sed 's/{ "type": "maf".*}/{ "type": "repeat", "times": 1, "flow": [ BLOCK ] }, BLOCK/
         s/BLOCK/{ "type": "ffjord", "hidden": [8], "solver": "rk4" }/g
         s/"epochs": 3/"epochs": 20, "optimizer": { "type": "adam", "rate": 0.05 }/' spec.json >c.json
    flowctl train c.json -q -o c.h5
}

@test "--steps solves at a fixed cost, and its round-trip error tells how well" {
    make_continuous
    flowctl sample c.h5 -n 300 -q >own.csv
    run --separate-stderr flowctl sample c.h5 -n 300 --steps 16
    expect_status 0
    expect "64.0 evaluations a solve" "round-trip error" "which is that of the steps"
    echo "$output" >same.csv
    same own.csv same.csv
    last=1e9
    for steps in 1 2 4; do
        run --separate-stderr flowctl sample c.h5 -n 300 --steps $steps --json -q
        expect_status 0
        expect '"evaluations":{"mean":'$((4 * steps))',"most":'$((4 * steps))'}' "\"steps\":$steps"
        error=$(json_number max_round_trip_error <<<"$output")
        is_below "$error" "$last"
        last=$error
    done
    run --separate-stderr flowctl sample c.h5 -n 300 --steps 3 --solver euler --json -q
    expect_status 0
    expect '"mean":3,' "warning" "with --steps 3 the way back is not the inverse"
    is_below 0.01 "$(json_number max_round_trip_error <<<"$output")"
}

@test "--steps of what cannot take any is refused" {
    make_continuous
    run flowctl sample model.h5 --steps 4
    expect_status 2
    expect "model.h5 has no block that solves a differential equation"
    run flowctl sample c.h5 --solver rk4
    expect_status 2
    expect "--steps N"
    run flowctl sample c.h5 --steps 4 --solver rk5
    expect_status 2
    expect 'did you mean "rk4"'
    run flowctl sample c.h5 --steps 0
    expect_status 2
}

@test "a rough solver, and not rounding, is said to be the reason of a round-trip error, by sample and by invert" {
    make_continuous
    sed 's/"solver": "rk4"/"solver": { "type": "euler", "steps": 2 }/g' c.json >rough.json
    flowctl train rough.json -q -o rough.h5
    run --separate-stderr flowctl invert rough.h5 test.csv --json
    expect_status 0
    expect "warning" "the round trip loses" "solver that the spec sets"
    expect_not "singular" "PRECISION"
    run --separate-stderr flowctl sample rough.h5 -n 300 --json
    expect_status 0
    expect "warning" "round-trip error" "solver that the spec sets"
    expect_not "singular" "PRECISION"
}
