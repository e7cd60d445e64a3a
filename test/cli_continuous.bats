#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Continuous flows: a field that is stiff for the solver ends in messages that say so, everywhere, and never hangs.

load cli_helper

# stiff_spec MAX_STEPS TOLERANCE >FILE: a rate that bends the field within an epoch, and few steps to follow it
stiff_spec() {
    cat <<JSON
{
  "data": { "train": "train.csv", "validation": "validation.csv" },
  "flow": [ "standardize", { "type": "ffjord", "hidden": [8],
            "solver": { "max_steps": $1, "rtol": $2, "atol": $2 } } ],
  "train": { "epochs": 3, "batch": 64, "schedule": "constant", "optimizer": { "type": "adam", "rate": 0.1 } },
  "output": "model.h5"
}
JSON
}

setup_file() {
    make_project "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    stiff_spec 2 1e-4 >spec.json
    "$FLOWCTL" train spec.json --quiet
    # trained without a solver, so that nothing keeps the field from bending more than two steps can follow
    "$FLOWCTL" train spec.json --quiet -o bent.h5 --set 'train.objective="flow_matching"' --set data.validation=null \
        --set 'flow[1].solver.rtol=1e-6' --set 'flow[1].solver.atol=1e-6'
    awk 'BEGIN { print "x,y"; for (x = 110; x < 140; x += 1.5) for (y = -0.05; y < 0.1; y += 0.01) print x "," y }' \
        >grid.csv
}

setup() {
    enter_folder
}

reason="1.ffjord: its solver needed more steps than max_steps = 2, so the field is stiff there; try a larger max_steps"

@test "training names the row, the block and the reason where the field is too stiff, and ends" {
    stiff_spec 1 1e-6 >stiff.json
    run timeout 60 "$FLOWCTL" train stiff.json -o stiff.h5
    expect_status 1
    expect "is not finite (in 1.ffjord: its solver needed more steps than max_steps = 1" "this step is dropped" \
        "was a finite number after no epoch, so there are no best weights"
    [ ! -e stiff.h5 ] # no untrained flow is a result
    [[ $output =~ "log p of row "[0-9]+" of train.csv" ]]
    [[ $output =~ "held-out rows is not finite, the first is row "[0-9]+" of validation.csv (in 1.ffjord: its solver" ]]
}

@test "so it does where only the adjoint is too stiff" {
    stiff_spec 6 1e-4 >stiff.json
    run timeout 60 "$FLOWCTL" train stiff.json -o stiff.h5 --set 'flow[1].gradient="adjoint"' \
        --set train.optimizer.rate=1 --set train.epochs=1
    expect_status 0
    expect "is out of range (in 1.ffjord: its adjoint needed more steps than max_steps = 6" "this step is dropped"
    [[ $output =~ "the gradient of row "[0-9]+" of train.csv" ]]
}

@test "logprob and invert say why a row has no value" {
    run timeout 60 "$FLOWCTL" logprob model.h5 grid.csv
    expect_status 0
    expect "rows have no finite log-density" "The first fails in $reason"
    run timeout 60 "$FLOWCTL" invert bent.h5 train.csv -o latent.csv
    expect_status 0
    expect "have no finite image or do not come back, the first is row" "which fails in $reason"
}

@test "sample says which draw does not come back, and why" {
    run timeout 60 "$FLOWCTL" sample bent.h5 -n 3000 -o draws.csv
    expect_status 1
    expect "of 3,000 draws have values that are not finite, which is no sample of the model; row " \
        ", counted from 0, fails in $reason"
}

@test "a training that would take too much memory is refused before it begins" {
    echo '{ "flow": [ { "type": "ffjord", "solver": { "type": "euler", "steps": 3000 } } ] }' >wide.json
    run flowctl check wide.json --dim 1000
    expect_status 2
    expect "0.ffjord: its training would take" "lower solver.steps"
    flowctl check wide.json --dim 1000 --set flow[0].gradient=adjoint
}

@test "a key of the solver can be set where the spec names none, and a budget given to any method" {
    stiff_spec 200 1e-4 >spec.json
    sed -i 's/, *"hidden": \[8\],/, "hidden": [8] } ],/; /"solver":/d' spec.json
    run "$FLOWCTL" train spec.json -qf --set 'flow[1].solver.rtol=1e-3' --set train.epochs=1
    expect_status 0
    run "$FLOWCTL" train spec.json -qf --set 'flow[1].solver.steps=4' --set train.epochs=1
    expect_status 0
    for type in bosh3 midpoint; do
        run "$FLOWCTL" train spec.json -qf --set "flow[1].solver.type=\"$type\"" --set 'flow[1].solver.steps=4' \
            --set train.epochs=1
        expect_status 0
    done
}
