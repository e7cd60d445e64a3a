#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Ensembles: tune --keep, and the commands that take what it stores.

load cli_helper

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    make_csv 300 1 >train.csv
    make_csv 100 3 >test.csv
    cat >spec.json <<JSON
{ "data": { "train": "train.csv", "validation": 0.3 },
  "flow": [ "standardize", { "type": "maf", "repeat": 1, "hidden": [4] } ],
  "train": { "epochs": 9, "batch": 64 },
  "tune": { "only": true, "space": { "flow[1].repeat": [1, 2], "train.optimizer.rate": [1e-3, 5e-3, 2e-2],
                                     "base": ["normal", "logistic"] } } }
JSON
    "$FLOWCTL" tune spec.json -n 7 --keep 3 -q
}

setup() {
    enter_folder
}

# The members of an ensemble: "WEIGHT FILE", a line each.
members_of() {
    flowctl info "$1" --json | grep -o '"weight":[^,]*,"model":"[^"]*"' |
        sed 's/"weight":\([^,]*\),"model":"\(.*\)"/\1 \2/'
}

@test "tune --keep stores an ensemble, the best model beside it, and the scores of both" {
    run --separate-stderr flowctl tune spec.json -n 7 --keep 3 -o kept.h5 --json
    expect_status 0
    expect '"model":"kept-single.h5"' '"ensemble":{"model":"kept.h5"' '"members":[{"candidate":' '"test_gain":{"mean":'
    run flowctl tune spec.json -n 7 --keep 3 -o kept.h5 --resume -j 1
    expect_status 0
    expect "kept-single.h5: the best of 7 candidates" "ensemble     kept.h5" "of the candidates (with weights)"
    expect "above the best candidate by"
    [ "$(grep -c '^  test ' <<<"$output")" -eq 2 ]
    [ -s kept.h5 ] && [ -s kept-single.h5 ] && [ -s kept-single.json ] && [ -s kept.tune/candidates.csv ]
}

@test "as many candidates as are kept come to the end" {
    run flowctl tune spec.json -n 7 --keep 5 -o five.h5
    expect_status 0
    expect "rungs: 7 to epoch 3, 5 to epoch 9"
    [ "$(awk -F, 'NR > 1 && $4 == 9' five.tune/candidates.csv | wc -l)" -ge 5 ]
    [ "$(members_of five.h5 | wc -l)" -eq 5 ]
    run flowctl tune spec.json -n 2 --keep 5 -o two.h5
    expect_status 0
    [ "$(members_of two.h5 | wc -l)" -eq 2 ]
}

@test "an ensemble of a search that is done can be made later" {
    flowctl tune spec.json -n 7 -q -o plain.h5 -j 3
    flowctl logprob plain.h5 test.csv -q -o a.csv
    flowctl logprob spec-tuned-single.h5 test.csv -q -o b.csv
    same a.csv b.csv
    flowctl tune spec.json -n 7 -q -o plain.h5 --resume --keep 3
    flowctl logprob plain.h5 test.csv -q -o a.csv
    flowctl logprob spec-tuned.h5 test.csv -q -o b.csv
    same a.csv b.csv
}

@test "the log-density is that of the mixture, for any number of threads" {
    members_of spec-tuned.h5 >members.txt
    [ "$(wc -l <members.txt)" -eq 3 ]
    awk '{ sum += $1 } END { exit !(sum > 0.999999 && sum < 1.000001) }' members.txt
    n=0
    while read -r weight file; do
        n=$((n + 1))
        flowctl logprob "$file" test.csv -q -o $n.csv
    done <members.txt
    flowctl logprob spec-tuned.h5 test.csv -q -o all.csv -j 1
    flowctl logprob spec-tuned.h5 test.csv -q -o again.csv -j 3
    same all.csv again.csv
    paste -d' ' all.csv 1.csv 2.csv 3.csv | awk 'NR == FNR { w[NR] = $1; next } FNR > 1 {
        p = w[1] * exp($2) + w[2] * exp($3) + w[3] * exp($4); d = $1 - log(p)
        if (d > 1e-9 || d < -1e-9) exit 1; n++ } END { if (n != 100) exit 1 }' members.txt -
}

@test "draws have the same values for any number of threads and from any row on" {
    flowctl sample spec-tuned.h5 -n 500 --logprob -q -o all.csv -j 1
    flowctl sample spec-tuned.h5 -n 500 --logprob -q -o again.csv -j 3
    same all.csv again.csv
    flowctl sample spec-tuned.h5 -n 200 --first 300 --logprob -q | tail -n 200 >part.csv
    tail -n 200 all.csv | same - part.csv
    flowctl sample spec-tuned.h5 -n 500 --seed 2 --logprob -q -o other.csv
    ! cmp -s all.csv other.csv
    cut -d, -f1,2 all.csv >rows.csv
    flowctl logprob spec-tuned.h5 rows.csv -q -o logp.csv
    paste -d, all.csv logp.csv | awk -F, 'NR > 1 { d = $3 - $4; if (d > 1e-9 || d < -1e-9) exit 1 }'
    run --separate-stderr flowctl sample spec-tuned.h5 -n 500 --json
    expect_json max_round_trip_error
}

@test "info shows the members with their weights" {
    run flowctl info spec-tuned.h5
    expect_status 0
    expect 'ensemble "spec" of 3 models' "weight" "spec-tuned.tune/0" "above the best member by" "which decided nothing"
    run flowctl info spec-tuned.h5 --json
    expect '"kind":"ensemble"' '"members":[{"member":1,"weight":' '"spec":{' '"test_gain":{"mean":'
}

@test "what needs one model says why not, and where to find one" {
    for command in "invert spec-tuned.h5 test.csv" "interpolate spec-tuned.h5 test.csv --rows 1,2"; do
        # shellcheck disable=SC2086
        run flowctl $command
        expect_status 2
        expect "is an ensemble of 3 models, each with a latent space of its own" '"flowctl info spec-tuned.h5" lists'
    done
    run flowctl train spec.json --resume -o spec-tuned.h5
    expect_status 2
    expect "is an ensemble of 3 models, and a single model is needed here" '"flowctl info spec-tuned.h5" lists'
    run flowctl tune spec.json --keep 1
    expect_status 2
    run flowctl tune spec.json -n 7 --keep 3
    expect_status 1
    expect "spec-tuned-single.h5: exists already; --resume goes on with this search"
}

@test "an ensemble of conditional models with a spike" {
    awk -F, -v OFS=, 'NR == 1 { print $0, "c" } NR > 1 { print $1, $2 < 0 ? 0 : $2, NR % 7 }' train.csv >given.csv
    local support='{"type":"support","columns":{"y":{"lower":0,"spikes":[0]}}}'
    run flowctl tune spec.json -n 4 --keep 2 -o given.h5 --set data.train=given.csv --set 'data.context=["c"]' \
        --set "flow=[$support,\"standardize\",{\"type\":\"maf\",\"hidden\":[4]}]" \
        --set 'tune.space={"flow[2].repeat":[1,2],"base":["normal","student_t"]}'
    expect_status 0
    run flowctl logprob given.h5 given.csv
    expect_status 0
    expect "a lower bound: 1 column has spikes"
    flowctl sample given.h5 --given c=3 -n 300 -q -o drawn.csv
    awk -F, 'NR > 1 && $2 == 0 { zeros++ }
             NR > 1 && ($2 < 0 || $3 != 3) { exit 1 }
             END { if (!zeros) exit 1 }' drawn.csv
}

@test "models whose densities cannot be mixed are left out" {
    awk -F, -v OFS=, '{ print $1, NR == 1 ? "n" : NR % 5 }' train.csv >whole.csv
    run flowctl tune spec.json -n 2 --keep 2 -o whole.h5 --set data.train=whole.csv --set 'tune.space={"flow":[
        ["standardize","maf"],[{"type":"support","columns":{"n":{"discrete":true}}},"standardize","maf"]]}' \
        --set 'flow=["standardize","maf"]'
    expect_status 0
    expect "is not in the ensemble: column n has a density in one of them where another has probabilities"
    run flowctl logprob whole.h5 whole.csv
    expect_status 0
}

@test "diagnose tests draws of an ensemble, which has no latents" {
    flowctl sample spec-tuned.h5 -n 200 --seed 5 -q >rows.csv
    run --separate-stderr flowctl diagnose spec-tuned.h5 rows.csv
    expect_status 0
    expect "no difference found" "an ensemble has no latents to test" neighbours
    expect_not "independence"
}
