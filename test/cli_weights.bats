#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Weights of any unit and order.

load cli_helper

setup() {
    enter_folder
    cat >w.json <<'JSON'
{ "data": { "validation": 0.1, "weight": "w" },
  "flow": [ "standardize", { "type": "maf", "repeat": 2, "hidden": [8] } ],
  "train": { "epochs": 2 } }
JSON
}

# make_weighted DECADES FACTOR >FILE: weights that rise over e^DECADES up to FACTOR, row by row
make_weighted() {
    awk -v n=3000 -v decades="$1" -v factor="$2" 'BEGIN {
        srand(4)
        print "x,y,w"
        for (i = 0; i < n; i++) {
            r = sqrt(-2 * log(1 - rand())); t = 6.283185307 * rand()
            printf "%.6f,%.6f,%.17g\n", r * cos(t), r * sin(t), factor * exp(-decades * (1 - i / (n - 1)))
        }
    }'
}

# what a training and logprob say of the file $1, without what depends on the file itself
figures() {
    flowctl train w.json -d "$1" -o "$1.h5" --force --json 2>/dev/null |
        grep -o '"validation":{[^}]*}' | grep -oE '[a-z_]+":-?[0-9.]{1,8}'
    flowctl info "$1.h5" | grep -oE 'effectively [0-9,]+'
    flowctl logprob "$1.h5" "$1" -o /dev/null 2>&1 | sed 's/written to.*//'
}

@test "the unit of the weights has no influence on a model, nor on any figure" {
    make_weighted 20 1 >one.csv
    figures one.csv >one.txt
    grep -q 'effectively' one.txt
    for factor in 1e200 1e-200 1e305; do
        make_weighted 20 $factor >other.csv
        figures other.csv >other.txt
        diff one.txt other.txt
    done
}

@test "weights that rise over 321 orders of magnitude give a mean, an error and a trained flow" {
    make_weighted 739 1 >rising.csv
    (head -1 rising.csv; tail -n +2 rising.csv | tac) >falling.csv
    for file in rising falling; do
        run --separate-stderr flowctl train w.json -d $file.csv -o $file.h5 --json
        expect_status 0
        [[ $(json_number best_epoch <<<"$output") =~ ^[12]$ ]]
        [[ $(json_number mean <<<"$output") =~ ^-[0-9] ]]
        [[ $(json_number standard_error <<<"$output") =~ ^[0-9] ]]
        flowctl logprob $file.h5 $file.csv -o /dev/null 2>$file.txt
    done
    # the same rows in another order, through one model
    run flowctl logprob rising.h5 falling.csv --json
    expect_status 0
    mean=$(json_number mean <<<"$output")
    run flowctl logprob rising.h5 rising.csv --json
    awk -v a="$mean" -v b="$(json_number mean <<<"$output")" 'BEGIN { exit !(a - b < 1e-9 && b - a < 1e-9) }'
}
