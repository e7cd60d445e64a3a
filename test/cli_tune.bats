#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# A search for the best spec: the same for any number of threads and after any stop.

load cli_helper

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/project"
    make_csv 300 1 >"$BATS_FILE_TMPDIR/project/train.csv"
    make_csv 100 3 >"$BATS_FILE_TMPDIR/project/test.csv"
    cat >"$BATS_FILE_TMPDIR/project/spec.json" <<JSON
{ "data": { "train": "train.csv", "validation": 0.3 },
  "flow": [ "standardize", { "type": "maf", "repeat": 1, "hidden": [4] } ],
  "train": { "epochs": 9, "batch": 64, "ema": 0, "optimizer": { "type": "adam", "rate": 1e-3 } },
  "base": "normal",
  "tune": { "only": true, "space": { "flow[1].repeat": [1, 2], "train.optimizer.rate": [1e-4, 1e-3, 5e-3],
                                     "base": ["normal", "logistic"] } } }
JSON
}

setup() {
    enter_folder
}

# The table of the search of model $1, without the time that trainings took.
table_of() {
    awk -F, -v OFS=, '{ $5 = "" } 1' "${1%.h5}.tune/candidates.csv"
}

# Two searches tried the same with the same result, and their models give the same log-densities.
same_search() {
    diff <(table_of "$1") <(table_of "$2") || return 1
    flowctl logprob "$1" test.csv -q -o a.csv && flowctl logprob "$2" test.csv -q -o b.csv && same a.csv b.csv
}

@test "the best model, its spec, the table and the scores; the same with 1, 2 and 3 threads" {
    run --separate-stderr flowctl tune spec.json -n 7 -j 1 --json
    expect_status 0
    expect_json model spec folder candidates gain test test_gain test_rows trials failed refused unfinished
    expect '"trials":7' '"failed":0' '"unfinished":false' '"test_share":0.1' '"validation_share":0'
    expect "rungs: 7 to epoch 3, 3 to epoch 9" "a share of 0.1 of the rows is left for the last score"
    [ -s spec-tuned.h5 ] && [ -s spec-tuned.json ] && [ -s spec-tuned.tune/007.h5 ]
    [ "$(wc -l <spec-tuned.tune/candidates.csv)" -eq 8 ]
    [ "$(cut -d, -f2 spec-tuned.tune/candidates.csv | grep -c best)" -eq 1 ]
    for n in 2 3; do
        run flowctl tune spec.json -n 7 -j $n -o $n.h5
        expect_status 0
        expect "the best of 7 candidates" "row by row" "which the search never saw"
        expect_not "not over"
        same_search spec-tuned.h5 $n.h5
    done
    run flowctl info spec-tuned.h5
    expect "test " "trained on"
}

@test "the best model is what train makes of its spec" {
    flowctl tune spec.json -n 7 -q
    flowctl train spec-tuned.json -q -o again.h5
    flowctl logprob spec-tuned.h5 test.csv -q -o a.csv
    flowctl logprob again.h5 test.csv -q -o b.csv
    same a.csv b.csv
    [ "$(flowctl info again.h5 --json | grep -o '"test":{[^}]*')" = \
        "$(flowctl info spec-tuned.h5 --json | grep -o '"test":{[^}]*')" ]
}

@test "the winner is not behind any other, and the spec itself goes to the end" {
    flowctl tune spec.json -n 9 -q
    awk -F, 'NR > 1 && $3 == 2 && $8 < 0 { exit 1 }' spec-tuned.tune/candidates.csv
    awk -F, '$1 == 1 && $4 == 9 { found = 1 } END { exit !found }' spec-tuned.tune/candidates.csv
    awk -F, '$2 == "best" { best = $6 } $3 == 2 && $6 > most { most = $6 } BEGIN { most = -1e9 }
        END { exit best != most }' spec-tuned.tune/candidates.csv
}

@test "a space that is exhausted is tried as a whole, each combination once" {
    run flowctl tune spec.json -n 100 --set train.batch=32
    expect_status 0
    expect "12 candidates (with all 12 combinations of the space)" # one of them is the spec itself
    [ "$(cut -d'"' -f2 spec-tuned.tune/candidates.csv | sort -u | wc -l)" -eq 13 ]
    run flowctl tune spec.json -n 100 --set train.optimizer.rate=0.002 -o other.h5
    expect "13 candidates"
}

@test "a combination that is the spec itself is left out" {
    run flowctl tune spec.json -n 100 --set 'tune.space={"flow[1].repeat":[1,2]}'
    expect_status 0
    expect "2 candidates"
}

# bats test_tags=slow
@test "a search that is killed at any moment ends as if it had not been" {
    local n=0 kills=0
    flowctl tune spec.json -n 9 -q -o whole.h5 --epochs 300
    while [ "$n" -lt 12 ]; do
        n=$((n + 1))
        "$FLOWCTL" tune spec.json -n 9 -q -o parts.h5 --epochs 300 -j 2 --resume &
        pid=$!
        sleep "$(awk -v n="$n" 'BEGIN { srand(n); printf "%.3f", 0.01 + 0.1 * rand() }')"
        kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1))
        wait "$pid" || true
        [ ! -e parts.tune/search.json ] || grep -q '"candidates"' parts.tune/search.json
        [ ! -e parts.h5 ] || flowctl info parts.h5 >info.txt
    done
    [ "$kills" -ge 1 ] # a fast machine is done before the others
    flowctl tune spec.json -n 9 -q -o parts.h5 --epochs 300 --resume
    same_search whole.h5 parts.h5
}

@test "SIGTERM ends a search with 143, and --resume goes on" {
    "$FLOWCTL" tune spec.json -n 9 -o parts.h5 --epochs 3000 --set train.patience=0 -j 2 2>log.txt &
    pid=$!
    for _ in $(seq 500); do
        [ ! -s parts.tune/001.h5 ] || break
        sleep 0.02
    done
    kill -TERM "$pid"
    ended=0
    wait "$pid" || ended=$?
    [ "$ended" -eq 143 ]
    grep -q "stopped by SIGTERM in rung" log.txt
    run flowctl tune spec.json -n 9 -o parts.h5 --epochs 3000 --set train.patience=0 --resume --factor 2
    expect_status 2
    expect "parts.tune" "another \"factor\""
    run flowctl tune spec.json -n 9 -o parts.h5 --epochs 2000 --set train.patience=0 --resume
    expect_status 2
    expect "another \"spec.train.epochs\""
}

@test "--resume of a finished search changes nothing" {
    flowctl tune spec.json -n 4 -q
    cp spec-tuned.h5 before.h5
    cp spec-tuned.tune/candidates.csv before.csv
    run --separate-stderr flowctl tune spec.json -n 4 --resume --json
    expect_status 0
    expect '"resumed":true'
    same spec-tuned.h5 before.h5
    same spec-tuned.tune/candidates.csv before.csv
}

@test "what a killed search left half written is removed by the next start" {
    flowctl tune spec.json -n 4 -q
    local left=(.spec-tuned.h5.1-0.tmp .spec-tuned.json.12-0.tmp spec-tuned.tune/.search.json.1-0.tmp
        spec-tuned.tune/.candidates.csv.123-4.tmp spec-tuned.tune/.001.h5.1-0.tmp spec-tuned.tune/.001.json.1-0.tmp)
    local other=(.spec-tuned.h5.1-.tmp .x.json.1-0.tmp spec-tuned.tune/.x.csv.1-0.tmp spec-tuned.tune/.001.h5..1-0.tmp)
    touch "${left[@]}" "${other[@]}"
    flowctl tune spec.json -n 4 -q --resume
    ls "${other[@]}"
    for file in "${left[@]}"; do
        [ ! -e "$file" ]
    done
}

@test "candidates that fail or do not fit are counted, and the search goes on" {
    run --separate-stderr flowctl tune spec.json -n 6 --json \
        --set 'tune.space={"train.batch":[32,64],"flow":[["maf","standardize"],["standardize","nsf"]]}'
    expect_status 0
    expect '"refused":2' '"state":"refused"' '"failed":0' "2 specs of the space do not fit the data"
    # steps that are not finite: the rate is out of all proportion
    flow='["standardize",{"type":"maf","univariate":{"type":"affine","bound":30}}]'
    run --separate-stderr flowctl tune spec.json -n 4 -o failed.h5 -e 50 --set train.batch=4 --json \
        --set "tune.space={\"train.optimizer.rate\":[1000,0.001],\"train.clip\":[0],\"flow\":[$flow]}"
    expect_status 0
    expect '"failed":1' '"state":"failed"' '"problem":"training stopped' "warning: candidate"
    # killed behind the failure, before the search has written it down: the candidate gets no second chance
    sed -i 's/"state": "failed"/"state": "waiting"/; s/"state": "best"/"state": "done"/; s/"rung": 2,/"rung": 1,/' \
        failed.tune/search.json
    run --separate-stderr flowctl tune spec.json -n 4 -o failed.h5 -e 50 --set train.batch=4 --json --resume \
        --set "tune.space={\"train.optimizer.rate\":[1000,0.001],\"train.clip\":[0],\"flow\":[$flow]}"
    expect_status 0
    expect '"failed":1' "its training failed before the search was stopped"
}

@test "a key that the spec writes stays as it is, unless \"tune\" lists it" {
    space() {
        tr -d '\n' <"$1" | grep -o '"space":.*"trials"' | grep -oE '"(flow|base|train)[^"]*":' | tr -d : | paste -sd' '
    }
    echo '{ "data": "train.csv", "flow": ["standardize", "maf"] }' >plain.json
    flowctl tune plain.json -n 1 -e 1 -q
    varied=$(space plain-tuned.tune/search.json)
    [ "$varied" = '"flow" "flow[1].repeat" "flow[1].hidden" "train.optimizer" '\
'"train.optimizer.rate" "train.batch" "train.ema" "base"' ]
    flowctl tune plain.json -n 1 -e 1 -q -f --set base=logistic --set train.ema=0.9 \
        --set 'tune={"space":{"flow":[["whiten","nsf"]],"train.ema":[0.5,0.6]}}'
    varied=$(space plain-tuned.tune/search.json)
    [ "$varied" = '"flow" "train.optimizer" "train.optimizer.rate" "train.batch" "train.ema"' ]
    # column maps that say what the data are stay in front
    flowctl tune plain.json -n 1 -e 1 -q -f --set 'flow=[{"type":"support","columns":{"x":{"lower":0}}},"maf"]'
    grep -q '"flow\[2\].repeat"' plain-tuned.tune/search.json
}

@test "mistakes in \"tune\" are named by their path" {
    run flowctl tune spec.json --set 'tune.space={"train.optimizer.rat":[1]}'
    expect_status 2
    expect "spec.json: tune.space.train.optimizer.rat[0]: train.optimizer" 'unknown key "rat"' '"rate"'
    run flowctl tune spec.json --set 'tune.space={"train.batch":[64,0]}'
    expect_status 2
    expect "tune.space.train.batch[1]: train.batch: 0 is out of range"
    run flowctl tune spec.json --set 'tune.space={"train.batch":64}'
    expect_status 2
    expect "tune.space.train.batch: expected a list"
    run flowctl tune spec.json --set 'tune={"spaces":{}}'
    expect_status 2
    expect 'tune: unknown key "spaces"' '"space"'
    run flowctl check spec.json --set 'tune={"space":[]}'
    expect_status 2
    expect "tune.space: expected an object of lists"
    [ ! -e spec-tuned.tune ]
}

@test "nothing that exists is replaced without --force" {
    flowctl tune spec.json -n 2 -q
    for left in h5 json tune; do
        cp -r spec-tuned.$left before
        [ $left = h5 ] || mv spec-tuned.h5 moved.h5
        [ $left != tune ] || mv spec-tuned.json moved.json
        run flowctl tune spec.json -n 3
        expect_status 1
        expect "spec-tuned.$left: exists already" --force
        diff -r spec-tuned.$left before
        rm -r before
        [ ! -e moved.h5 ] || mv moved.h5 spec-tuned.h5
        [ ! -e moved.json ] || mv moved.json spec-tuned.json
    done
    flowctl tune spec.json -n 3 -q --force
    [ "$(wc -l <spec-tuned.tune/candidates.csv)" -eq 4 ]
    run flowctl tune spec.json -o spec.h5
    expect_status 2
    expect "which is the one to start from"
    run flowctl tune spec.json -n 3 --force --resume
    expect_status 2
}

@test "with --minutes there is a result on time, which train finishes" {
    for minutes in 0.03 0.3 3; do # a busy machine may need longer for the first epoch
        run flowctl tune spec.json -n 4 -e 1000000 --set train.patience=0 --minutes $minutes --force
        [ "$status" -ne 0 ] || break
        expect "give it more --minutes"
    done
    expect_status 0
    expect "whose training was not over when the time was"
    run flowctl train spec-tuned.json --resume --set train.epochs=3000
    expect_status 0
    expect "resumed after"
}

@test "train does not see \"tune\", and a search needs data that can be read again" {
    flowctl train spec.json -q -o a.h5
    flowctl train spec.json -q -o b.h5 --set tune=null
    flowctl logprob a.h5 test.csv -q -o a.csv
    flowctl logprob b.h5 test.csv -q -o b.csv
    same a.csv b.csv
    run flowctl tune spec.json --data -
    expect_status 2
    expect "standard input can be read only once"
    run flowctl tune - <spec.json
    expect_status 2
    run flowctl tune spec.json --set data.train=nowhere.csv
    expect_status 1
    expect nowhere.csv
    [ ! -e spec-tuned.tune ]
}
