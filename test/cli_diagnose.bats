#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# diagnose

load cli_helper

setup_file() {
    make_model
    cd "$BATS_FILE_TMPDIR/project" || return
    "$FLOWCTL" sample model.h5 -n 400 --seed 7 -q -o truth.csv
    awk -F, -v OFS=, 'NR > 1 { $1 += 1 } { print }' truth.csv >shifted.csv
    awk -F, -v OFS=, 'NR > 1 { $1 += 0.3 } { print }' truth.csv >near.csv
}

setup() {
    enter_folder
}

@test "draws of the model are accepted, with status 0" {
    run --separate-stderr flowctl diagnose model.h5 truth.csv
    expect_status 0
    expect "no difference found" "400 of 400, against 4,000 draws, seed 1" "coverage" "classifier" "may stay unseen"
    expect_not differs "what helps"
}

@test "rows that differ are rejected with status 3, a part, a column and a remedy" {
    run --separate-stderr flowctl diagnose model.h5 shifted.csv
    expect_status 3
    expect "wrong: about" "of the probability or more is in the wrong place" "columns, x" "what helps" \
        "the median of the rows is 0." "deviations above"
    [ -z "$stderr" ]
    run --separate-stderr flowctl diagnose model.h5 shifted.csv --accept small
    expect_status 3
}

@test "a verdict is one JSON object, and the status is the same" {
    run --separate-stderr flowctl diagnose model.h5 shifted.csv --json
    expect_status 3
    expect_json verdict grade rejected p level share unseen rows draws coverage parts failures \
        train_logprob max_round_trip_error draws_outside auc
    expect '"grade":"wrong"' '"rejected":true'
    run --separate-stderr flowctl diagnose model.h5 truth.csv --json
    expect_status 0
    expect '"grade":"fine"' '"rejected":false' '"failures":[]'
}

@test "mistakes have status 2, failures 1" {
    run flowctl diagnose
    expect_status 2
    run flowctl diagnose model.h5 truth.csv --level 0.7
    expect_status 2
    run flowctl diagnose model.h5 truth.csv --accept wrong
    expect_status 2
    run flowctl diagnose model.h5 nothing.csv
    expect_status 1
    head -n 20 truth.csv >few.csv
    run flowctl diagnose model.h5 few.csv
    expect_status 1
    expect "few.csv: 19 rows, and the tests need 50 or more"
    run flowctl diagnose model.h5 truth.csv --train nothing.csv
    expect_status 1
    expect "--train: nothing.csv"
}

@test "threads and standard input make no difference, seeds do" {
    flowctl diagnose model.h5 near.csv --threads 1 --json >a.json || [ $? -eq 3 ]
    flowctl diagnose model.h5 - --threads 2 --json <near.csv >b.json || [ $? -eq 3 ]
    sed -i 's/"data":"[^"]*",//' a.json b.json
    same a.json b.json
    flowctl diagnose model.h5 near.csv --seed 2 --json >c.json || [ $? -eq 3 ]
    sed -i 's/"data":"[^"]*",//' c.json
    run same a.json c.json
    [ "$status" -ne 0 ]
}

@test "--rows takes a part, which the seed chooses" {
    run --separate-stderr flowctl diagnose model.h5 truth.csv --rows 100
    expect "100 of 400" "of 400 rows, 100 are used, chosen by the seed; --rows takes more"
}

@test "weighted rows count as their weights say; negative ones are refused" {
    # rows of a wider distribution of x, weighed back to that of the draws, and without their weights
    awk 'BEGIN { srand(5); print "u" ; for (i = 0; i < 4000; i++) print rand() }' >u.csv
    flowctl sample model.h5 -n 4000 --seed 8 -q | paste -d, - u.csv | awk -F, -v OFS=, '
        NR == 1 { print "x,y,w"; next }
        $1 < 125 || $3 < 0.5 { print $1, $2, ($1 < 125 ? 1 : 2) }' >weighted.csv
    run --separate-stderr flowctl diagnose model.h5 weighted.csv --weight w
    expect_status 0
    expect "chosen with probabilities that follow" 'the weights in "w", so that all of them count the same'
    run --separate-stderr flowctl diagnose model.h5 weighted.csv
    expect_status 3
    awk -F, -v OFS=, 'NR == 9 { $3 = -1 } { print }' weighted.csv >negative.csv
    run --separate-stderr flowctl diagnose model.h5 negative.csv --weight w
    expect_status 1
    expect "row 8 has a negative weight"
}

@test "rows of density 0 are a verdict of their own" {
    sed -i 's/{ "type": "standardize" }/{ "type": "support", "columns": { "x": { "lower": 100 } } }, &/' spec.json
    flowctl train spec.json -q -o bounded.h5
    flowctl sample bounded.h5 -n 200 -q >rows.csv
    echo "99,0" >>rows.csv
    run --separate-stderr flowctl diagnose bounded.h5 rows.csv
    expect_status 3
    expect "wrong: about" "1 rows have density 0"
}

@test "without DATA the rows are those of the test, or the share that was held out" {
    run --separate-stderr flowctl diagnose model.h5
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
    expect "100 of 100 of the test of the training"
    flowctl diagnose model.h5 test.csv --json | sed 's/"data":"[^"]*",//' >named.json
    flowctl diagnose model.h5 --json | sed 's/"data":"[^"]*",//; s/"held_out":"test",//' >own.json
    same named.json own.json

    flowctl train spec.json -q -o share.h5 --set data.test=null --set data.validation=0.3
    rows=$(flowctl train spec.json --json -q -o again.h5 --set data.test=null --set data.validation=0.3 |
        grep -o '"validation":{"rows":[0-9]*' | grep -o '[0-9]*$' || true)
    run --separate-stderr flowctl diagnose share.h5
    expect "of the validation of the training"
    [ -z "$rows" ] || expect "$rows of $rows of the validation"

    flowctl train spec.json -q -o none.h5 --set data.test=null --set data.validation=null
    run --separate-stderr flowctl diagnose none.h5
    expect_status 2
    expect "none.h5: was trained without rows for a test or a validation; name DATA"
}

@test "the training rows are noticed" {
    run --separate-stderr flowctl diagnose model.h5 "$BATS_FILE_TMPDIR/project/train.csv"
    expect "these are the rows that the model was trained on"
}

@test "--plot draws a report of several pages, and only a PDF" {
    run flowctl diagnose model.h5 truth.csv --plot report.png
    expect_status 2
    expect "--plot report.png: the report has several pages; name a file FILE.pdf"
    command -v gnuplot >/dev/null || skip "gnuplot is not installed"
    run --separate-stderr flowctl diagnose model.h5 shifted.csv --plot report.pdf
    expect_status 3
    expect "report            report.pdf"
    [ "$(head -c 5 report.pdf)" = %PDF- ]
    [ "$(grep -ac '/Type */Page\b' report.pdf)" -ge 4 ]
    echo mine >other.pdf
    run flowctl diagnose model.h5 truth.csv --plot other.pdf
    expect_status 1
    [ "$(cat other.pdf)" = mine ]
}

@test "values of a lattice that data hold with few digits are those of draws" {
    sed -i 's/{ "type": "standardize" }/{ "type": "support", "columns": { "x": { "discrete": true } } }, &/' spec.json
    awk -F, -v OFS=, 'NR > 1 { $1 = int($1 + 0.5) } { print }' train.csv >whole.csv
    flowctl train spec.json --set data.train=whole.csv --set data.validation=0.1 --set data.test=null -q -o lattice.h5
    flowctl sample lattice.h5 -n 400 --seed 7 -q -o exact.csv
    awk -F, -v OFS=, -v CONVFMT=%.12g 'NR > 1 { $1 += 0.001 } { print }' exact.csv >rounded.csv
    run --separate-stderr flowctl diagnose lattice.h5 rounded.csv
    expect_status 0
    expect "no difference found"
}

@test "what helps names each advice once" {
    run --separate-stderr flowctl diagnose model.h5 shifted.csv
    expect_status 3
    [ "$(grep -o "train longer" <<<"${output#*what helps}" | wc -l)" -eq 1 ]
    expect "see first whether these rows were made"
    # rows that were held out of the training file were made as the others
    awk 'BEGIN { srand(3); print "x"; for (i = 0; i < 1000; i++) print (i % 2 ? 5 : -5) + rand() }' >two.csv
    echo '{ "data": { "train": "two.csv", "validation": 0.3 },
            "flow": [ "standardize", { "type": "maf", "hidden": [2] } ], "base": "normal",
            "train": { "epochs": 1 } }' >two.json
    flowctl train two.json -q 2>/dev/null
    run --separate-stderr flowctl diagnose two.h5
    expect_status 3
    expect "what helps" "train longer"
    expect_not "see first whether these rows were made"
}
