#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# score: how unusual rows are for a model

load cli_helper

setup_file() {
    make_model
    cd "$BATS_FILE_TMPDIR/project" || return
    # a normal distribution with mean 0 and deviation 1 (500 rows whose variance is 500 / 499)
    awk 'BEGIN { print "x"; for (i = 0; i < 500; i++) print (i % 2 ? 1 : -1) * sqrt(499 / 500) }' >unit.csv
    echo '{ "data": { "train": "unit.csv", "validation": "unit.csv" },
        "flow": ["standardize"], "base": "normal" }' >normal.json
    flowctl train normal.json -q --set train.epochs=1 2>/dev/null
    # y, whose spread grows with c
    awk 'BEGIN { srand(8); print "y,c"; for (i = 0; i < 2000; i++) { c = i % 2 ? 1 : 10
        printf "%.6f,%d\n", c * sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()), c } }' >spread.csv
    echo '{ "data": { "train": "spread.csv", "validation": 0.1, "columns": ["y"], "context": ["c"] },
        "flow": ["standardize", { "type": "maf", "hidden": [16] }],
        "train": { "epochs": 20, "batch": 64 } }' >given.json
    flowctl train given.json -q
}

setup() {
    enter_folder
}

# The largest distance of the score of rows from a uniform distribution, times the root of their number.
distance() {
    awk -F, 'NR > 1 { print $3 }' "$1" | sort -g |
        awk '{ u[NR] = $1 } END { for (i = 1; i <= NR; i++) { a = i / NR - u[i]; b = u[i] - (i - 1) / NR
            d = a > d ? a : d; d = b > d ? b : d } print d * sqrt(NR) }'
}

@test "the score of a normal distribution is its two-sided tail probability" {
    printf 'x\n0\n1\n-2\n3\n' >rows.csv
    flowctl score normal.h5 rows.csv -q -o s.csv >/dev/null 2>&1
    awk -F, 'BEGIN { split("1 0.317311 0.0455003 0.0026998", p, " ") }
        NR > 1 { e = sqrt(p[NR - 1] * (1 - p[NR - 1]) / 99999) + 1e-5
                 if (($3 - p[NR - 1]) ^ 2 > 25 * e * e) { print; exit 1 } } END { exit NR != 5 }' s.csv
    [ "$(head -n 1 s.csv)" = row,logprob,score ]
}

@test "draws of the model have scores that are uniform, and none of them stands out" {
    flowctl sample model.h5 -n 4000 --seed 7 -q -o drawn.csv
    run --separate-stderr flowctl score model.h5 drawn.csv --json -o s.csv
    expect_status 0
    expect_json rows draws score found unusual top
    # the distance is above 1.95 once in a thousand times
    is_below "$(distance s.csv)" 1.95
    [ "$(json_number found <<<"$output")" = 0 ]
    awk -v n="$(json_number unusual <<<"$output")" 'BEGIN { exit !(n > 15 && n < 70) }'
}

@test "rows from elsewhere stand out, are named, and counted as Benjamini and Hochberg do" {
    flowctl sample model.h5 -n 300 --seed 7 -q -o drawn.csv
    { cat drawn.csv; printf '200,5\n-50,0.1\n'; } >mixed.csv
    run --separate-stderr flowctl score model.h5 mixed.csv --top 3 -o s.csv
    expect_status 0
    expect "rows          302" "by chance" "99,999; scores are multiples of 1e-05"
    awk 'NF == 3 && $1 == 301 && $2 == "1e-05" { a = 1 } $1 == 302 && $2 == "1e-05" { b = 1 } END { exit !(a && b) }' \
        <<<"$output"
    found=$(flowctl score model.h5 mixed.csv --json --level 0.2 2>/dev/null | json_number found)
    awk -F, 'NR > 1 { print $3 }' s.csv | sort -g >sorted
    expected=$(awk -v m="$(wc -l <sorted)" '$1 * m <= 0.2 * NR { k = NR } END { print k + 0 }' sorted)
    [ "$found" = "$expected" ]
    [ "$found" -ge 2 ]
}

@test "--top names the rows in order, as many as it says" {
    flowctl score model.h5 test.csv --draws 1999 --top 7 -o s.csv 2>/dev/null |
        awk '$1 + 0 > 0 && NF == 3 { print $1 }' >top
    awk -F, 'NR > 1 { print $3, $2, $1 }' s.csv | sort -k1,1g -k2,2g | head -n 7 | cut -d' ' -f3 >expected
    same top expected
    run --separate-stderr flowctl score model.h5 test.csv --draws 1999 --top 0
    expect_status 0
    expect_not "log p"
}

@test "the tail extrapolates: of a normal distribution to probabilities far below 1 / (N + 1)" {
    printf 'x\n1\n4\n5\n5.5\n' >rows.csv
    flowctl score normal.h5 rows.csv -q --tail -o s.csv >/dev/null 2>&1
    [ "$(head -n 1 s.csv)" = row,logprob,score,tail ]
    # log10 of the two-sided probabilities; where there are draws the tail is the score
    awk -F, 'BEGIN { split("0 -4.198 -6.2417 -7.420", p, " ") }
        NR == 2 { if ($3 != $4) exit 1 }
        NR > 2 { e = log($4) / log(10) - p[NR - 1]; if (e < -0.5 || e > 0.5) { print; exit 1 } }' s.csv
    run flowctl score normal.h5 rows.csv --tail --draws 100
    expect_status 2
    expect "--tail" "needs --draws 200"
}

@test "scores of a conditional model are those given the context of the row, whatever the other rows" {
    printf 'y,c\n3,1\n3,10\n30,10\n' >rows.csv
    flowctl score given.h5 rows.csv -q -o s.csv --draws 9999 >/dev/null 2>&1
    awk -F, 'NR == 2 { exit !($3 < 0.05) }' s.csv
    awk -F, 'NR == 3 { exit !($3 > 0.3) }' s.csv
    awk -F, 'NR == 4 { exit !($3 < 0.05) }' s.csv
    printf 'c,y\n10,3\n' >one.csv
    flowctl score given.h5 one.csv -q -o t.csv --draws 9999 >/dev/null 2>&1
    [ "$(awk -F, 'NR == 2 { print $3 }' t.csv)" = "$(awk -F, 'NR == 3 { print $3 }' s.csv)" ]
    printf 'y\n3\n' >bare.csv
    flowctl score given.h5 bare.csv -q -o u.csv --draws 9999 --given c=10 >/dev/null 2>&1
    same t.csv u.csv
    # draws given their own context are uniform; 999 is the default
    head -n 501 spread.csv >some.csv
    flowctl sample given.h5 --given some.csv -q -o drawn.csv --seed 3
    run --separate-stderr flowctl score given.h5 drawn.csv -o v.csv
    expect_status 0
    expect "999 for each context"
    is_below "$(distance v.csv)" 1.95
}

@test "rows of the output stand for rows of the data, also where some are skipped" {
    { head -n 3 test.csv; echo nan,1; tail -n +4 test.csv; } >bad.csv
    run flowctl score model.h5 bad.csv --draws 1999
    expect_status 1
    run --separate-stderr flowctl score model.h5 bad.csv --draws 1999 --skip-invalid -o s.csv
    expect_status 0
    expect "1 invalid row"
    [ "$(sed -n 4p s.csv)" = nan,nan,nan ]
    awk -F, 'NR == 5 { exit !($1 == 4) }' s.csv
    flowctl score model.h5 test.csv --draws 1999 -q -o t.csv >/dev/null
    grep -v nan s.csv | cut -d, -f2- >a
    cut -d, -f2- t.csv >b
    same a b
    flowctl score model.h5 test.csv --draws 1999 -q -o s.h5 >/dev/null
    run flowctl info s.h5
    expect "100 rows" score
}

@test "threads, pipes and the order of the columns change nothing; the seed does" {
    flowctl score model.h5 test.csv --draws 1999 -q -o a.csv --threads 1 >/dev/null
    awk -F, 'NR == 1 { print "y,t,x"; next } { print $2 ",1," $1 }' test.csv >wide.csv
    flowctl score model.h5 - --draws 1999 -q -o - --threads 2 <wide.csv >b.csv 2>/dev/null
    same a.csv b.csv
    flowctl score model.h5 test.csv --draws 1999 -q -o c.csv --seed 2 >/dev/null
    run cmp -s a.csv c.csv
    expect_status 1
    flowctl logprob model.h5 test.csv -q -o l.csv >/dev/null
    cut -d, -f2 a.csv >logprob
    same logprob l.csv
}

@test "an ensemble is judged by its own draws" {
    flowctl tune spec.json -q --trials 3 --epochs 3 --keep 2 -o mixed.h5
    flowctl sample mixed.h5 -n 2000 -q --seed 5 -o drawn.csv
    flowctl score mixed.h5 drawn.csv --draws 19999 -q -o s.csv >/dev/null
    is_below "$(distance s.csv)" 1.95
}

@test "impossible rows have the smallest score there is, and equal densities count as less likely" {
    echo '{ "data": { "train": "u.csv", "validation": "u.csv" }, "flow": [ { "type": "support",
        "columns": { "n": { "lower": 0, "discrete": true } } }, "standardize" ] }' >n.json
    awk 'BEGIN { srand(5); print "n"; for (i = 0; i < 400; i++) print int(4 * rand()) }' >u.csv
    flowctl train n.json -q --set train.epochs=1 2>/dev/null
    printf 'n\n-1\n0\n1\n2\n3\n' >rows.csv
    run --separate-stderr flowctl score n.h5 rows.csv -o s.csv --draws 999
    expect_status 0
    awk -F, 'NR == 2 { exit !($3 == 0.001) }' s.csv
    # the likeliest value has all draws below or beside it
    awk -F, 'NR > 1 && $3 == 1 { n++ } END { exit n != 1 }' s.csv
}

@test "weights count in what is printed" {
    awk -F, 'NR == 1 { print $0 ",w"; next } { print $0 "," (NR % 2) }' test.csv >weighted.csv
    awk -F, 'NR == 1 || NR % 2' test.csv >half.csv
    a=$(flowctl score model.h5 weighted.csv --draws 1999 --weight w --json | json_number mean)
    b=$(flowctl score model.h5 half.csv --draws 1999 --json | json_number mean)
    awk -v a="$a" -v b="$b" 'BEGIN { exit !((a - b) ^ 2 < 1e-20) }'
    run flowctl score model.h5 test.csv --draws 1999 --weight w
    expect_status 1
    expect 'no column "w"'
}
