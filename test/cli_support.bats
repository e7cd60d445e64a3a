#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Columns with bounds and columns of whole numbers, through the whole program

load cli_helper

# make_events ROWS SEED >FILE: a lifetime (0 or more), an efficiency (0 to 1, some of them exactly 1), and a count
make_events() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        print "lifetime,eff,count"
        for (i = 0; i < n; i++) {
            e = rand() ^ 0.5
            if (i % 200 == 0)
                e = 1
            for (k = 0; rand() < 0.6 && k < 9; k++);
            printf "%.9g,%.9g,%d\n", -2.2e-6 * (1 + k) * log(1 - rand()), e, k
        }
    }'
}

setup_file() {
    mkdir -p "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    make_events 600 1 >train.csv
    make_events 200 2 >test.csv
    cat >spec.json <<JSON
{
  "data": { "train": "train.csv", "validation": 0.2 },
  "flow": [
    { "type": "support",
      "columns": { "lifetime": { "lower": 0 }, "eff": { "lower": 0, "upper": 1 },
                   "count": { "lower": 0, "discrete": true } } },
    "standardize", { "type": "maf", "repeat": 2, "hidden": [8] }
  ],
  "train": { "epochs": 4, "batch": 64 },
  "output": "model.h5"
}
JSON
    "$FLOWCTL" train spec.json --quiet
}

setup() {
    enter_folder
}

@test "train, check and info say what the support is, and do not warn of the counts" {
    run --separate-stderr flowctl train spec.json -o again.h5
    expect_status 0
    expect_not warning
    for command in "check spec.json" "info model.h5"; do
        # shellcheck disable=SC2086 # two words
        run flowctl $command
        expect_status 0
        expect "lifetime: 0 or more" "eff: 0 to 1" "count: whole numbers, 0 or more"
    done
    run --separate-stderr flowctl check spec.json --json
    expect '"columns":["lifetime: 0 or more","eff: 0 to 1","count: whole numbers, 0 or more"]'
}

@test "samples are inside, whole numbers are whole, and rounding is no round-trip error" {
    run --separate-stderr flowctl sample model.h5 -n 20000 -o samples.csv --json
    expect_status 0
    expect_not warning
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.01
    awk -F, 'NR > 1 && !($1 >= 0 && $2 >= 0 && $2 <= 1 && $3 >= 0 && $3 == int($3)) { exit 1 }' samples.csv
    [ "$(awk -F, 'NR > 1 && $3 == 1' samples.csv | wc -l)" -gt 1000 ]
}

@test "invert gives the counts back as they were, in both directions without an error" {
    awk -F, '$2 != 1' test.csv >inside.csv
    run --separate-stderr flowctl invert model.h5 inside.csv --json -o latent.csv
    expect_status 0
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    run --separate-stderr flowctl invert model.h5 latent.csv --to data --json -o data.csv
    expect_status 0
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    cut -d, -f3 inside.csv >before
    cut -d, -f3 data.csv >after
    same before after
}

@test "logprob says that it is a lower bound, and that its values are those of samples" {
    run --separate-stderr flowctl logprob model.h5 test.csv
    expect_status 0
    expect "mean log-density" "a lower bound: 1 column is discrete"
    run --separate-stderr flowctl logprob model.h5 test.csv --json
    expect_json lower_bound discrete_columns outside_support
    flowctl sample model.h5 -n 300 --logprob -q -o samples.csv
    flowctl logprob model.h5 samples.csv -q -o values.csv
    cut -d, -f4 samples.csv >column.csv
    same column.csv values.csv
}

@test "epochs are compared at few points of the noise, and the result is of all" {
    run --separate-stderr flowctl train spec.json --validation test.csv --json -o points.h5
    expect_status 0
    result=$(json_number mean <<<"${output#*validation}")
    run --separate-stderr flowctl logprob points.h5 test.csv --json
    is_below "$(awk -v a="$result" -v b="$(json_number mean <<<"$output")" 'BEGIN { print (a - b) ^ 2 }')" 1e-20
    run --separate-stderr flowctl info points.h5 --history
    [ "$(printf '%.4f' "$result")" != "$(awk '$NF == "*" || / \* /' <<<"$output" | tail -n 1 | awk '{ print $3 }')" ]
    run --separate-stderr flowctl train spec.json --validation test.csv --json -o points.h5 --resume
    [ "$(json_number mean <<<"${output#*validation}")" = "$result" ]
}

@test "log p of a row depends neither on its place nor on the threads" {
    flowctl logprob model.h5 test.csv -q --threads 1 -o values.csv
    flowctl logprob model.h5 test.csv -q --threads 3 -o threads.csv
    same values.csv threads.csv
    { head -n 1 test.csv; tail -n +2 test.csv | tac; } >turned.csv
    flowctl logprob model.h5 turned.csv -q -o turned_values.csv
    { head -n 1 turned_values.csv; tail -n +2 turned_values.csv | tac; } >back.csv
    same values.csv back.csv
}

@test "rows outside have density 0, and logprob says which bound they break" {
    printf 'lifetime,eff,count\n1e-6,0.5,1\n1e-6,1.25,1\n1e-6,0.5,-1\n1e-6,0.5,2.5\n0,0,0\n' >odd.csv
    run --separate-stderr flowctl logprob model.h5 odd.csv -o values.csv
    expect_status 0
    expect "outside of support    3" "3 of 5 rows are outside of the support" "The first is row 2" \
        'column "eff" has the value 1.25, above its upper bound 1'
    [ "$(grep -c -- -inf values.csv)" = 3 ]
    run --separate-stderr flowctl logprob model.h5 odd.csv --json
    [ "$(json_number outside_support <<<"$output")" = 3 ]
    [ "$(json_number non_finite <<<"$output")" = 3 ]
}

@test "training data outside are an error with the file, the row, the column, the value and the bound" {
    { cat train.csv; echo "-1e-7,0.5,1"; } >outside.csv
    run flowctl train spec.json --data outside.csv -o other.h5
    expect_status 1
    expect outside.csv "row 601" 'column "lifetime"' -1e-07 "below its lower bound 0"
    { cat test.csv; echo "1e-7,0.5,1.5"; } >outside.csv
    run flowctl train spec.json --validation outside.csv -o other.h5
    expect_status 1
    expect data.validation "row 201" 'column "count"' 1.5 lattice
    [ ! -e other.h5 ]
}

@test "a column that is not there is named with the nearest one; without data it is checked later" {
    run flowctl check spec.json --set 'flow[0].columns.lifetim={"lower":0}'
    expect_status 2
    expect 'flow[0].columns.lifetim: there is no column "lifetim"; did you mean "lifetime"?'
    run flowctl check spec.json --set data.train=nowhere.csv
    expect_status 0
    run flowctl check spec.json --set 'data.columns=["eff","count"]'
    expect_status 2
    expect 'flow[0].columns.lifetime: there is no column "lifetime"'
}

@test "columns without names go by their place" {
    tail -n +2 train.csv >plain.csv
    run --separate-stderr flowctl train spec.json --data plain.csv -o plain.h5 \
        --set 'flow[0].columns={"#1":{"lower":0},"#2":{"lower":0,"upper":1},"#3":{"lower":0,"discrete":true}}'
    expect_status 0
    flowctl logprob plain.h5 test.csv -q -o plain_values.csv
    flowctl logprob model.h5 test.csv -q -o values.csv
    same plain_values.csv values.csv
}

@test "the noise goes on after a stop as if there had been none, for any number of threads" {
    flowctl train spec.json -q -o one.h5 --threads 1
    flowctl train spec.json -q -o two.h5 --threads 2 --set train.epochs=2 --set train.schedule=constant
    flowctl train spec.json -q -o two.h5 --threads 3 --set train.epochs=4 --set train.schedule=constant --resume
    flowctl train spec.json -q -o three.h5 --set train.schedule=constant
    flowctl logprob one.h5 test.csv -q -o one.csv
    flowctl logprob model.h5 test.csv -q -o values.csv
    flowctl logprob two.h5 test.csv -q -o two.csv
    flowctl logprob three.h5 test.csv -q -o three.csv
    same one.csv values.csv
    same two.csv three.csv
    differ one.csv two.csv
}

@test "a periodic column has one density on both sides of its seam, and samples in one period" {
    awk 'BEGIN { srand(4); print "phi,x"; for (i = 0; i < 800; i++) {
        t = 3.1 + 0.7 * (rand() + rand() - 1)
        printf "%.6f,%.6f\n", atan2(sin(t), cos(t)), 3 * cos(t) + rand() } }' >phi.csv
    run --separate-stderr flowctl train spec.json --data phi.csv -o phi.h5 \
        --set 'flow[0].columns={"phi":{"periodic":6.283185307179586}}'
    expect_status 0
    run flowctl info phi.h5
    expect "phi: period 6.28318" "student_t in 1 dimension, uniform in 1 periodic dimension"
    printf 'phi,x\n3.1415926,-2.5\n-3.1415926,-2.5\n9.4247779,-2.5\n' >seam.csv
    run --separate-stderr flowctl logprob phi.h5 seam.csv -o -
    awk 'NR == 2 { a = $1 } NR > 1 && ($1 - a) ^ 2 > 1e-6 { exit 1 }' <<<"$output"
    run --separate-stderr flowctl sample phi.h5 -n 20000 -o angles.csv --json
    expect_not warning
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    awk -F, 'NR > 1 && !($1 >= -3.1415927 && $1 < 3.1415927) { exit 1 }' angles.csv
    run --separate-stderr flowctl invert phi.h5 angles.csv --json
    expect_not warning
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    run flowctl check spec.json --set 'flow[0].columns={"#1":{"periodic":1}}' --set 'flow[2]="glow"'
    expect_status 2
    expect "flow[2]" "does not keep periodic columns periodic, and column \"lifetime\" is one"
    expect "use permute, actnorm, batchnorm, " "coupling, maf, iaf" "or a preset made of these"
}

@test "spikes have a probability of their own: what train, info, logprob, sample and invert make of them" {
    awk 'BEGIN { srand(7); print "rain,c"; for (i = 0; i < 1500; i++) {
        c = rand() + rand() - 1
        printf "%.9g,%.9g\n", rand() < 0.5 + 0.4 * c ? 0 : -log(1 - rand()), c } }' >rain.csv
    spikes='flow[0].columns={"rain":{"lower":0,"spikes":[0]}}'
    run --separate-stderr flowctl train spec.json --data rain.csv -o rain.h5 --threads 1 --set "$spikes"
    expect_status 0
    expect_not warning
    run flowctl info rain.h5
    expect "rain: 0 or more, a spike at 0"
    run --separate-stderr flowctl logprob rain.h5 rain.csv
    expect "mean log-density" "a lower bound: 1 column has spikes"
    run --separate-stderr flowctl logprob rain.h5 rain.csv --json
    expect_json lower_bound spiked_columns
    # half of the samples are the value itself
    run --separate-stderr flowctl sample rain.h5 -n 5000 -o drawn.csv --logprob --json
    expect_status 0
    expect_not warning
    awk -F, 'NR > 1 && $1 < 0 { exit 1 } $1 == "0" { n++ } END { exit !(n > 1500 && n < 3500) }' drawn.csv
    # latents lead back to it
    flowctl invert rain.h5 rain.csv -q -o latent.csv
    flowctl invert rain.h5 latent.csv --to data -q -o back.csv
    cut -d, -f1 rain.csv | awk '{ print ($1 == "0") }' >before
    cut -d, -f1 back.csv | awk '{ print ($1 == "0") }' >after
    same before after
    # a stop changes nothing, nor do threads
    flowctl train spec.json --data rain.csv -q -o two.h5 --threads 2 --set "$spikes" --set train.epochs=2
    flowctl train spec.json --data rain.csv -q -o two.h5 --threads 3 --set "$spikes" --resume --set train.epochs=4
    flowctl logprob two.h5 rain.csv -q --threads 1 -o one.csv
    flowctl logprob two.h5 rain.csv -q --threads 3 -o three.csv
    same one.csv three.csv
    run flowctl train spec.json --data rain.csv -o two.h5 --set 'flow[0].columns={"rain":{"lower":0,"spikes":[0,1]}}' \
        --resume --set train.epochs=5
    expect_status 2
    expect "spikes"
    run flowctl check spec.json --set data.train=rain.csv --set 'flow[0].columns={"rain":{"lower":0,"spikes":[-1]}}'
    expect_status 2
    expect "flow[0].columns.rain: the spike at -1 is outside of the bounds"
}
