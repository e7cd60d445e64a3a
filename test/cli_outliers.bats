#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Values far from all others: they are named, and decide nothing alone.

load cli_helper

setup() {
    enter_folder
    echo '{ "data": { "validation": 0.2 }, "flow": ["standardize", { "type": "maf", "repeat": 2, "hidden": [8] }],
            "train": { "epochs": 3 } }' >s.json
    sed 's/"standardize"/"asinh"/' s.json >asinh.json
}

# make_normal ROWS [ROW VALUE] >FILE: normal columns, and VALUE in column y of row ROW
make_normal() {
    awk -v n="$1" -v at="${2:-0}" -v value="${3:-}" 'BEGIN {
        srand(5)
        print "x,y"
        for (i = 1; i <= n; i++) {
            r = sqrt(-2 * log(1 - rand())); t = 6.283185307 * rand()
            printf "%.6f,%s\n", r * cos(t), i == at ? value : sprintf("%.6f", r * sin(t))
        }
    }'
}

# the held-out mean of a training of s.json, whose options are the arguments
validation() {
    flowctl train s.json -o m.h5 --force --json "$@" 2>err.txt | json_number mean
}

near() {
    awk -v a="$1" -v b="$2" -v by="$3" 'BEGIN { exit !(a - b < by && b - a < by) }'
}

@test "one wild cell changes nothing for the other rows, whatever the seed, and is named" {
    make_normal 3000 >clean.csv
    for value in 1e6 1e12 -1e30 1e300; do
        make_normal 3000 1235 $value >wild.csv
        for seed in 1 2 3; do
            clean=$(validation -d clean.csv -s $seed)
            wild=$(validation -d wild.csv -s $seed)
            near "$clean" "$wild" 0.02 || { echo "$value, seed $seed: $clean, $wild"; false; }
            grep -q 'values far from all others: y (.* in row 1235); rows with such a value are left out' err.txt
        done
    done
    flowctl info wild.csv | grep -q 'values far from all others: y (1e+300 in row 1235)'
}

@test "asinh keeps a row with a wild cell" {
    make_normal 3000 1235 1e30 >wild.csv
    run --separate-stderr flowctl train asinh.json -d wild.csv -o a.h5
    expect_status 0
    expect_not "left out"
    run flowctl sample a.h5 -n 2000 -o s.csv
    expect_status 0
    # the body is that of a normal distribution
    awk -F, 'NR > 1 && ($2 > 0 ? $2 : -$2) < 1 { n++ } END { exit !(n > 1200 && n < 1520) }' s.csv
}

@test "an outlier that is near enough is used, and named where the maps leave it far away" {
    make_normal 3000 7 60 >near.csv
    run --separate-stderr flowctl train s.json -d near.csv -o n.h5
    expect_status 0
    expect "values far from all others: y (60 in row 7); look at these rows"
    expect_not "left out"
}

@test "many rows of a code far away are left out, as one row is" {
    { make_normal 3000; for _ in $(seq 20); do echo 0.5,1e30; done; } >codes.csv
    make_normal 3000 >clean.csv
    near "$(validation -d clean.csv)" "$(validation -d codes.csv)" 0.1
    grep -q "y (1e+30 in row 3001, the farthest of 20)" err.txt
}

@test "heavy tails are not taken for accidents" {
    awk 'BEGIN { srand(6); print "c,d"; for (i = 0; i < 4000; i++)
        printf "%.9g,%.9g\n", 1 / (rand() - 0.5), rand() }' >tails.csv
    run --separate-stderr flowctl train s.json -d tails.csv -o t.h5
    expect_status 0
    expect_not "left out"
}

@test "a wild cell in held-out rows of their own is left out of their mean, and said" {
    make_normal 3000 >clean.csv
    make_normal 500 4 1e25 >held.csv
    make_normal 500 >held_clean.csv
    clean=$(validation -d clean.csv --validation held_clean.csv)
    near "$clean" "$(validation -d clean.csv --validation held.csv)" 0.05
    grep -q "held.csv: 1 row with values far from all those of the training data, the first of them row 4" err.txt
    clean=$(validation -d clean.csv --validation held_clean.csv --test held.csv)
    grep -q "held.csv: 1 row with values far" err.txt
}

@test "the seed does not decide whether a table with few different values is accepted" {
    awk 'BEGIN { srand(7); print "a,b"; for (i = 0; i < 20000; i++) printf "%.6f,%d\n", rand(), i % 4000 == 9 }' \
        >few.csv
    for seed in 1 2 3 4; do
        run flowctl train s.json -d few.csv -s $seed -o f.h5
        expect_status 1
        expect 'the column "b" has the value 0 in all rows but 5'
    done
}

@test "draws that doubles cannot hold are drawn again" {
    make_normal 1000 >clean.csv
    flowctl train asinh.json -d clean.csv -o o.h5 -q --set train.epochs=1 \
        --set 'base={"type": "student_t", "outliers": 0.2}'
    flowctl sample o.h5 -n 20000 -o s.csv --logprob 2>err.txt
    # a share of 0.01 of all values overflows at the first draw
    [ ! -s err.txt ] || ! grep -q "not finite\|inf" err.txt
    awk -F, 'NR > 1 && ($0 ~ /inf|nan/) { n++ } END { exit n > 0 }' s.csv
    flowctl sample o.h5 -n 100 --first 1280 >part.csv 2>/dev/null
    awk -F, 'NR == 1 || (NR > 1281 && NR <= 1381) { print $1 "," $2 }' s.csv | diff part.csv -
}
