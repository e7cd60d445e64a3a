#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# train on a density instead of data: what it prints and stores, and what it refuses. The libraries come from
# test/densities and configs/densities.

load cli_helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    libraries=$root/build/densities
    cp "$libraries/test/gaussian.so" density.so
    make_density_spec >spec.json
}

make_density_spec() {
    cat <<JSON
{
  "flow": [ { "type": "iaf", "repeat": 1, "hidden": [8] } ],
  "train": {
    "objective": { "type": "reverse_kl", "density": "density.so", "dimensions": 3, "steps": 20, "validation": 500,
                   "test": 4000 },
    "batch": 128, "epochs": 4, "optimizer": { "rate": 0.02 }, "ema": 0.9
  },
  "output": "model.h5"
}
JSON
}

@test "training on a density ends with the bound, log Z and the effective sample size" {
    run --separate-stderr flowctl train spec.json
    expect_status 0
    expect "2,560 draws of 3 columns an epoch, validated on 500" "epoch 4/4"
    [[ $output == *"validation "*" +- "*" nats (500 draws)"* ]]
    [[ $output == *"bound "*" +- "*"a lower bound of log Z (4,000 fresh draws)"* ]]
    [[ $output == *"log Z "*" +- "*" nats"* ]]
    [[ $output == *"effective "*"% of the draws, Pareto k "* ]]
    expect_not warning
}

@test "--json has the same, and the model keeps it" {
    run --separate-stderr flowctl train spec.json --json
    expect_status 0
    expect_json model epochs best_epoch seconds validation density draws bound log_z effective_sample_size pareto_k rows
    log_z=$(json_number mean <<<"${output#*\"log_z\":}")
    is_below 1.9 "$log_z" # 1.5 log(2 pi) + log(0.5 * 0.8 * 1.1) = 1.936
    is_below "$log_z" 1.97
    run flowctl info model.h5
    expect_status 0
    expect "trained on    the density of $BATS_TEST_TMPDIR/density.so, crc32:" "columns       x1, x2, x3" \
        "bound " "log Z " "effective "
    run --separate-stderr flowctl info model.h5 --json
    expect_json density location dimensions checksum effective_sample_size
}

@test "the model needs the library no more: sample, logprob and invert are as ever" {
    flowctl train spec.json -q
    rm density.so
    run --separate-stderr flowctl sample model.h5 -n 100 --logprob -o draws.csv
    expect_status 0
    head -n 1 draws.csv | grep -qx x1,x2,x3,logprob
    run flowctl logprob model.h5 draws.csv
    expect_status 0
    run flowctl invert spec.json draws.csv -o latent.csv
    expect_status 0
}

@test "the result is the same with any number of threads, and with a library that is called by one at a time" {
    flowctl train spec.json -q -j 1 -o one.h5
    flowctl train spec.json -q -j 3 -o three.h5
    flowctl train spec.json -q -j 3 -o turns.h5 --set train.objective.parallel=false
    for model in one three turns; do
        flowctl sample $model.h5 -n 50 -q >$model.csv
    done
    same one.csv three.csv
    same one.csv turns.csv
}

@test "2 epochs and 2 more are 4 epochs, bit for bit; also when the library has moved" {
    flowctl train spec.json -q -o whole.h5 --set train.schedule=constant
    flowctl train spec.json -q -o parts.h5 --set train.schedule=constant --set train.epochs=2
    mkdir elsewhere
    mv density.so elsewhere
    run flowctl train spec.json -o parts.h5 --set train.schedule=constant --resume \
        --set train.objective.density=elsewhere/density.so
    expect_status 0
    expect "resumed after 2 epochs"
    flowctl sample whole.h5 -n 50 -q >whole.csv
    flowctl sample parts.h5 -n 50 -q >parts.csv
    same whole.csv parts.csv
    cp parts.h5 before.h5
    flowctl train spec.json -o parts.h5 -q --set train.schedule=constant --resume \
        --set train.objective.density=elsewhere/density.so
    same before.h5 parts.h5
}

@test "another density, or another number of draws, cannot go on with a training" {
    flowctl train spec.json -q
    cp "$libraries/test/hole.so" density.so
    run flowctl train spec.json --resume
    expect_status 2
    expect "the library of the density is not the same"
    cp "$libraries/test/gaussian.so" density.so
    run flowctl train spec.json --resume --set train.objective.steps=21
    expect_status 2
    expect "train.objective.steps is 20 in the model, 21 in the spec"
    run flowctl train spec.json --resume --set train.objective=mle
    expect_status 2
}

@test "names come from the library, or from the spec" {
    cp "$libraries/banana.so" density.so
    flowctl train spec.json -q --set train.objective.dimensions=null
    flowctl sample model.h5 -n 1 -q | head -n 1 | grep -qx x,y
    flowctl train spec.json -q -f --set train.objective.dimensions=null --set 'data.columns=["mass","width"]'
    flowctl sample model.h5 -n 1 -q | head -n 1 | grep -qx mass,width
    run flowctl train spec.json -q -f --set 'data.columns=["mass"]'
    expect_status 2
    expect data.columns
}

@test "draws of another program can be evaluated at the end" {
    printf 'x3,x1,x2\n0.3,-0.7,-0.2\n0.5,-0.5,-0.1\n' >other.csv
    run --separate-stderr flowctl train spec.json --json --set data.test=other.csv --set 'data.columns=["x1","x2","x3"]'
    expect_status 0
    expect_json test density
}

@test "what is wrong with a library is a mistake of the spec, told with its key" {
    rm density.so
    run flowctl train spec.json
    expect_status 2
    expect "spec.json: train.objective.density:" density.so "No such file"
    cp "$libraries/test/nameless.so" density.so
    run flowctl train spec.json
    expect_status 2
    expect "no function log_density"
    cp "$libraries/banana.so" density.so
    run flowctl train spec.json
    expect_status 2
    expect "a density in 2 dimensions, and the spec says 3"
    cp "$libraries/test/gaussian.so" density.so
    run flowctl train spec.json --set train.objective.dimensions=null
    expect_status 2
    expect "does not say how many dimensions"
    [ ! -e model.h5 ]
}

@test "data have no place in such a training, nor have maps that are fitted to them" {
    run flowctl train spec.json --set data.train=train.csv
    expect_status 2
    expect "spec.json: data.train:" reverse_kl
    run flowctl train spec.json --set 'flow=["standardize","iaf"]'
    expect_status 2
    expect "flow[0]" standardize
    run flowctl train spec.json --set train.objective=reverse_kl
    expect_status 2
    expect train.objective density
}

@test "check looks at the library, and does not need it where the spec says the dimensions" {
    run flowctl check spec.json
    expect_status 0
    expect_not warning
    rm density.so
    run flowctl check spec.json
    expect_status 0
    expect warning density.so ok
    run flowctl info spec.json
    expect_status 0
    expect "density       density.so" "batches of 128 draws"
}

@test "a gradient that does not go with the values is told before training" {
    cp "$libraries/test/twisted.so" density.so
    run flowctl train spec.json
    expect warning "the gradient does not go with the values" "worst is dimension 2"
}

@test "a density that is not finite somewhere costs steps, and its point is named" {
    cp "$libraries/test/hole.so" density.so
    run flowctl train spec.json --set train.objective.steps=100 --set train.objective.validation=20
    expect_status 0
    expect "of log_density at x = (" "is dropped and the rate is cut"
    # where it has no value for one of the held-out draws, in no epoch, nothing is the best
    run flowctl train spec.json --set train.objective.validation=5000 -o none.h5
    expect_status 1
    expect "the mean of the bound over the held-out draws" "was a finite number after no epoch"
    [ ! -e none.h5 ]
}

@test "the examples in configs come close to the truth" {
    # shorter than they are: the funnel has log Z = 0
    run --separate-stderr flowctl train "$root/configs/funnel-iaf.json" -o funnel.h5 --json -q --set train.epochs=15
    expect_status 0
    bound=$(json_number mean <<<"${output#*\"bound\":}")
    is_below -0.02 "$bound"
    is_below "$bound" 0.001
    is_below 97000 "$(json_number effective_sample_size <<<"$output")"
}
