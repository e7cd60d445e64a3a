#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# From data alone: init writes a spec for them, and train DATA trains by it.

load cli_helper

# Twenty columns, each with something to notice.
make_odd() {
    awk -v n=600 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
        BEGIN {
            srand(7)
            printf "id,run,a,b,a_again,total,thrice,n_hits,charge,class,rounded,"
            print "mass,share,phi,weight,tails,wide,age,text,gaps"
            for (i = 0; i < n; i++) {
                a = normal(); b = a * a + normal(); mass = -log(1 - rand())
                split("", v)
                printf "%d,7,%.9f,%.9f,%.9f,%.9f,%.9f", i + 1, a, b, a, a + b, 3 * a
                hits = 0; for (k = 0; k < 20; k++) hits += rand() < 0.3
                printf ",%d,%d,%d,%.1f", hits, rand() < 0.5 ? -1 : 1, int(3 * rand()), 20 + 3 * normal()
                printf ",%.9f,%.9f,%.9f,%.3f", mass, rand(), 6.283185307 * rand(), 0.5 + rand()
                u = normal() / (0.02 + rand()); printf ",%.9f,%.9g", u * u * u, exp(4 * normal())
                printf ",%d,%s,%s\n", 40 + 8 * normal(), i % 2 ? "up" : "down", i % 2 ? normal() : ""
            }
        }'
}

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/project"
    make_odd >"$BATS_FILE_TMPDIR/project/odd.csv"
    make_csv 200 1 >"$BATS_FILE_TMPDIR/project/plain.csv"
}

setup() {
    enter_folder
}

# A training of a moment.
quick=(--set train.epochs=2 --set train.batch=64 --set 'flow[1].hidden=[8]' --set 'flow[1].repeat=1')

@test "init leaves out what has no density beside the others, and says why" {
    run flowctl init odd.csv
    expect_status 0
    expect "odd.csv: 600 rows, 20 columns, of which 13 are modelled" "left out" "id (numbers the rows)" \
        "run (constant, 7)" "a_again (the same as a)" "odd.json: written; to train it: flowctl train odd.json"
    run grep '"note": "Left out' odd.json
    expect "Left out: id (numbers the rows); run (constant, 7); a_again (the same as a); total (= a + b);" \
        "thrice (= 3 a); text (no numbers); gaps (no number in 50 % of the rows)."
    run grep -A 20 '"columns": \[' odd.json
    expect '"a"' '"b"' '"n_hits"' '"wide"'
    expect_not '"id"' '"run"' '"text"'
}

@test "init says where columns have a density" {
    run flowctl init odd.csv
    expect "whole numbers" "charge (-1 or 1)" "class (3 values, 0 to 2)" "lattices" "rounded (steps of 0.1)" "bounds" \
        "share (0 to 1)" "phi: fills 0 to 6.28319; if it is an angle"
    run cat odd.json
    expect '"charge": { "lower": -1, "upper": 1, "discrete": true, "step": 2' '"mass": { "lower": 0' \
        '"share": { "lower": 0, "upper": 1' '"n_hits": { "lower": 0, "discrete": true' \
        '"rounded": { "discrete": true, "step": 0.1'
}

@test "the spec of init is complete, and its notes get into the model" {
    flowctl init odd.csv -q
    run flowctl check odd.json
    expect_status 0
    expect "odd.json: ok"
    grep -q '"note": "Made by \\"flowctl init\\" from 600 rows' odd.json
    flowctl train odd.json -q --set train.epochs=1 --set 'flow[2].hidden=[8]' --set 'flow[2].repeat=1'
    run flowctl info odd.h5 --json
    expect '"note":"Made by \"flowctl init\" from 600 rows' '"note":"Left out: id (numbers the rows)'
}

@test "train DATA makes the spec, trains it, and goes on with --resume" {
    run flowctl train plain.csv "${quick[@]}"
    expect_status 0
    expect "plain.csv: 200 rows, 2 columns" "held out" "plain.json: written" "epoch 2/2" "plain.h5: 2 epochs"
    flowctl train plain.csv "${quick[@]}" --set train.epochs=4 --resume -q
    flowctl info plain.h5 --json | grep -q '"epochs":4'
    grep -q '"epochs": 2' plain.json
    run flowctl train plain.csv "${quick[@]}" --resume
    expect_status 0
    expect "plain.json: this spec of plain.csv is there already"
    flowctl logprob plain.h5 plain.csv -q -o plain_logp.csv
}

@test "train DATA and init and train SPEC are one training" {
    flowctl train plain.csv "${quick[@]}" -q
    flowctl init plain.csv -o again.json -q
    flowctl train again.json "${quick[@]}" -q
    flowctl logprob plain.h5 plain.csv -q -o a.csv
    flowctl logprob again.h5 plain.csv -q -o b.csv
    same a.csv b.csv
}

# A search of a moment.
brief=(-n 4 -e 2 --set 'flow[1].hidden=[8]' --set train.batch=64)

@test "tune DATA makes the spec, and searches around what it says" {
    run flowctl tune plain.csv "${brief[@]}"
    expect_status 0
    expect "plain.csv: 200 rows, 2 columns" "plain.json: written" "plain.json: 4 candidates" "flow[0] (3)" \
        "flow[1].univariate (4)" "flow[1].repeat (3)" "base (2)" "train.optimizer.decay" "plain-tuned.h5: the best of"
    expect_not "flow[1].hidden" "train.batch (" "as the spec has them"
    flowctl tune plain.json -n 4 -e 2 -q -o again.h5
    flowctl logprob plain-tuned.h5 plain.csv -q -o a.csv
    flowctl logprob again.h5 plain.csv -q -o b.csv
    same a.csv b.csv
    run flowctl tune plain.csv "${brief[@]}"
    expect_status 1
    expect "plain.json: this spec exists already"
    run flowctl tune plain.csv "${brief[@]}" --resume
    expect_status 0
    expect "plain.json: this spec of plain.csv is there already"
    flowctl tune plain.csv "${brief[@]}" --force -q --context y -o given.h5
    flowctl logprob given.h5 plain.csv -q -o c.csv
    grep -q '"context": \["y"\]' plain.json
    run flowctl tune plain.json --drop y
    expect_status 2
}

@test "no file that exists is replaced" {
    flowctl init plain.csv -q
    cp plain.json before.json
    run flowctl init plain.csv
    expect_status 1
    expect "plain.json: this spec exists already" "--force"
    run flowctl train plain.csv
    expect_status 1
    expect "plain.json: this spec exists already" "name it in place of the data"
    same plain.json before.json
    run flowctl init plain.csv -o plain.csv --force
    expect_status 1
    expect "plain.csv: this file exists and is not a spec"
    flowctl init plain.csv --force --drop y -q
    differ plain.json before.json
    rm plain.json
    echo "not a model" >plain.h5
    run flowctl train plain.csv --force
    expect_status 1
    expect "plain.h5: this file exists and is not a usable model"
    [ ! -e plain.json ]
}

@test "a model does not replace the HDF5 file that it is trained on" {
    flowctl train plain.csv "${quick[@]}" -q
    flowctl sample plain.h5 -n 120 -q -o events.h5:/train
    flowctl sample plain.h5 -n 50 -q -o events.h5:/validation
    flowctl sample plain.h5 -n 50 -q -o events.h5:/test
    cp events.h5 before.h5
    run flowctl train events.h5 "${quick[@]}"
    expect_status 0
    expect "events.h5:/train: 120 rows" "held out" "the rows of events.h5:/validation" "events-model.h5: 2 epochs" \
        "test"
    same events.h5 before.h5
    run flowctl train events.h5 "${quick[@]}" --resume
    expect_status 0
    cp plain.csv events.csv
    rm events.json
    run flowctl init events.csv
    expect_status 0
    grep -q '"output": "events-model.h5"' events.json
    run flowctl init events.h5:/test
    expect_status 0
    expect "events-test.json: written"
}

@test "a model is no data" {
    flowctl train plain.csv "${quick[@]}" -q
    run flowctl train plain.h5
    expect_status 2
    expect "plain.h5: is a model, and a spec was expected"
    run flowctl check plain.csv
    expect_status 2
    expect 'plain.csv: is CSV, or empty, and a spec was expected: a JSON file; "flowctl init" writes one for data'
    run flowctl init plain.h5 -o other.json
    expect_status 2
    expect "plain.h5: is a model, and data were expected"
    run flowctl init plain.json -o other.json
    expect_status 2
    expect "plain.json: is a spec, and data were expected; to train it: flowctl train plain.json"
    [ ! -e other.json ]
}

@test "options choose columns" {
    run flowctl init odd.csv --columns a,a_again --context mass,share --weight weight -o o.json
    expect_status 0
    expect "a_again: the same as a; modelled since --columns names it"
    run cat o.json
    expect '"columns": ["a", "a_again"]' '"context": ["mass", "share"]' '"weight": "weight"'
    run flowctl init odd.csv --drop text,gaps,phi -o p.json
    expect "phi, text, gaps (--drop)"
    run cat p.json
    expect_not '"phi"'
    run flowctl init odd.csv --fast-sampling -o q.json
    run cat q.json
    expect '"type": "coupling"'
}

@test "a column that does not exist is named" {
    for option in --drop --columns --context --weight; do
        run flowctl init odd.csv "$option" nhits
        expect_status 1
        expect "$option: odd.csv: there is no column \"nhits\"; did you mean \"n_hits\"?"
    done
    run flowctl init odd.csv --columns a,b --drop a
    expect_status 2
    expect "--drop: the column \"a\" is in --columns too"
    [ ! -e odd.json ]
}

@test "what is only for data is refused with a spec, and the other way round" {
    flowctl init plain.csv -q
    run flowctl train plain.json --drop x
    expect_status 2
    expect "--drop is for data, and plain.json is a spec"
    run flowctl train odd.csv --data plain.csv
    expect_status 2
    expect "--data goes with a spec"
}

@test "paths of a spec in another folder lead to the data" {
    mkdir -p deep/er
    cp plain.csv deep
    flowctl init plain.csv -o deep/far.json -q
    flowctl init deep/plain.csv -o deep/near.json -q
    grep -q "\"train\": \"/.*/plain.csv\"" deep/far.json
    grep -q '"train": "plain.csv"' deep/near.json
    flowctl train deep/far.json "${quick[@]}" -q
    flowctl train deep/near.json "${quick[@]}" -q
    [ -s deep/near.h5 ]
}

@test "few rows are refused, many missing ones are left out" {
    head -n 11 plain.csv >few.csv
    run flowctl init few.csv
    expect_status 1
    expect "few.csv: 10 rows with a number in every column"
    awk -F, -v OFS=, 'NR == 5 { $2 = "" } { print }' plain.csv >hole.csv
    run flowctl init hole.csv
    expect_status 0
    expect "skipped" "1 row that misses a value, "
    grep -q '"skip_invalid": true' hole.json
}

@test "--json is one object" {
    run --separate-stderr flowctl init odd.csv --json
    expect_status 0
    expect_json data rows columns modelled left_out remarks spec model
}

@test "images get a flow of images" {
    run flowctl init "$root/data/bars_discs.h5" --context label
    expect_status 0
    expect "bars_discs.h5:/train: 2,000 images" "glow, 2 levels"
    run cat bars_discs.json
    expect '"type": "pixels"' '"context": ["label"]' 'bars_discs.h5:/validation"' 'bars_discs.h5:/test"'
    run flowctl check bars_discs.json
    expect_status 0
    run flowctl init "$root/data/bars_discs.h5" --drop p1 -o other.json
    expect_status 2
    expect "the rows are images, of which every pixel is modelled"
}

@test "a table without a usable row is refused with what is wrong with the first" {
    { echo x,y; seq -f '%g.5 2' 30; } >mixed.csv
    for words in "init mixed.csv" "train mixed.csv"; do
        # shellcheck disable=SC2086 # two words
        run flowctl $words
        expect_status 1
        expect "no column has a number in four rows of five" "row 1 (line 2) has 2 fields where 1 is expected" \
            "its names are separated by commas, and its rows by blanks"
    done
    [ ! -e mixed.json ]
}
