#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Flow matching: what it trains is a continuous flow like any other, for every command.

load cli_helper

# matching_spec OBJECTIVE >FILE
matching_spec() {
    cat <<JSON
{
  "data": { "train": "train.csv", "validation": "validation.csv", "test": "test.csv" },
  "flow": [ "standardize", { "type": "ffjord", "hidden": [32] } ],
  "train": { "objective": $1, "epochs": 20, "batch": 32, "optimizer": { "rate": 2e-2 } },
  "output": "model.h5"
}
JSON
}

transport='{ "type": "flow_matching", "coupling": "optimal_transport", "times": "near_data" }'

setup_file() {
    make_project "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    matching_spec "$transport" >spec.json
    "$FLOWCTL" train spec.json --json >result.json 2>progress.txt
}

setup() {
    enter_folder
}

# largest_difference FILE FILE: between their values, in deviations of the data
largest_difference() {
    paste -d, "$1" "$2" | awk -F, 'NR > 1 {
        a = ($1 - $3) / 2; b = ($2 - $4) / 0.01
        a = a < 0 ? -a : a; b = b < 0 ? -b : b
        m = a > m ? a : m; m = b > m ? b : m
    } END { print m + 0 }'
}

@test "training shows the loss, and an exact likelihood that grows" {
    grep -q "^epoch  1/20  training loss [0-9.]*  validation -*[0-9.]*" progress.txt
    run cat result.json
    expect_json model epochs validation test evaluations
    first=$(sed -n 's/^epoch  1\/20 .*validation \([-0-9.]*\) .*/\1/p' progress.txt)
    is_below "$(awk -v a="$first" 'BEGIN { print a + 0.05 }')" "$(json_number mean <result.json)"
}

@test "logprob is the change of variables of invert" {
    run --separate-stderr flowctl logprob model.h5 test.csv --json
    expect_status 0
    expect_json mean standard_error evaluations
    flowctl logprob model.h5 test.csv -q -o logprob.csv
    flowctl invert model.h5 test.csv -q --logdet -o latent.csv
    paste -d, logprob.csv latent.csv | awk -F, 'NR > 1 {
        p = -0.5 * ($2 * $2 + $3 * $3) - log(6.283185307179586) + $4
        if ((p - $1) ^ 2 > 1e-6) { print NR, p, $1; bad = 1 }
    } END { exit bad || NR != 101 }'
}

@test "invert and back is where it started" {
    flowctl invert model.h5 test.csv -q -o latent.csv
    flowctl invert model.h5 latent.csv --to data -q -o again.csv
    [ "$(wc -l <again.csv)" -eq 101 ]
    is_below "$(largest_difference test.csv again.csv)" 1e-3
}

@test "samples have the moments of the data, also with a fixed number of steps" {
    for steps in "" "--steps 4"; do
        # shellcheck disable=SC2086 # an option and its value, or nothing
        flowctl sample model.h5 -n 2000 --seed 1 $steps -q -o samples.csv
        awk -F, 'NR > 1 { n++; x += $1; xx += $1 * $1 } END {
            mean = x / n; deviation = sqrt(xx / n - mean * mean)
            print mean, deviation
            exit n != 2000 || mean < 124.5 || mean > 125.5 || deviation < 1.6 || deviation > 2.4
        }' samples.csv
    done
}

@test "info shows what a solve takes, epoch by epoch" {
    run flowctl info model.h5
    expect_status 0
    expect "1.ffjord" "evaluations a solve"
    [[ $output =~ "training    validation                rate      time  evaluations" ]]
}

@test "10 epochs and 10 more are 20 epochs, bit for bit, and so are two threads" {
    set -- --set train.schedule=constant --set train.ema=0.9 -q
    flowctl train spec.json -o whole.h5 "$@" -j 1
    flowctl train spec.json -o parts.h5 "$@" -j 2 --set train.epochs=10
    flowctl train spec.json -o parts.h5 "$@" -j 2 --resume
    flowctl logprob whole.h5 test.csv -q -o a.csv
    flowctl logprob parts.h5 test.csv -q -o b.csv
    same a.csv b.csv
}

@test "a second block, a block without a velocity and no block are refused, with what to do" {
    run flowctl train spec.json -o none.h5 --set 'flow=["standardize","ffjord","ffjord"]'
    expect_status 2
    expect "\"flow_matching\" trains one block" "there are 2" "keep one"
    run flowctl train spec.json -o none.h5 --set 'flow=["standardize","maf"]'
    expect_status 2
    expect "1.maf has none; leave that block out"
    run flowctl train spec.json -o none.h5 --set 'flow=["standardize"]'
    expect_status 2
    expect "has no block; add { \"type\": \"ffjord\" }"
    [ ! -e none.h5 ]
}

@test "a round of reflow goes on from the model before, and its model draws and scores like any other" {
    matching_spec '{ "type": "rectified_flow", "reflow": 1, "pairs": 400 }' >rectified.json
    run flowctl train rectified.json -o rectified.h5 --set train.epochs=2
    expect_status 0
    expect "epoch 4/4" "evaluations a solve"
    flowctl sample rectified.h5 -n 10 -q -o draws.csv
    run flowctl logprob rectified.h5 draws.csv --json
    expect_status 0
    [ "$(json_number rows <<<"$output")" -eq 10 ]
}
