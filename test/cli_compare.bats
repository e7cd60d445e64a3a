#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# compare: several models on the same rows

load cli_helper

# Models that are normal distributions, whose density is known: a flow of nothing but `standardize`.
# normal NAME DATA [KEY...]
normal() {
    local name=$1 data=$2
    shift 2
    echo "{ \"data\": { \"train\": \"$data\", \"validation\": \"$data\" }, \"flow\": [\"standardize\"],
        \"base\": \"normal\" }" >"$name.json"
    flowctl train "$name.json" -q --set train.epochs=1 "$@" 2>/dev/null
}

setup_file() {
    make_model
    cd "$BATS_FILE_TMPDIR/project" || return
    # means 0 and 0.3, and the same variance: numbers whose mean and deviation are exactly these
    awk 'BEGIN { print "x"; for (i = 0; i < 500; i++) print (i % 2 ? 1 : -1) }' >a.csv
    awk 'BEGIN { print "x"; for (i = 0; i < 500; i++) print 0.3 + (i % 2 ? 1 : -1) }' >b.csv
    normal a a.csv
    normal b b.csv
    awk 'BEGIN { srand(4); print "x"; for (i = 0; i < 3000; i++)
        printf "%.6f\n", sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }' >held.csv
    flowctl train spec.json -q --set seed=2 -o wide.h5
    flowctl train spec.json -q --set seed=3 -o narrow.h5
}

setup() {
    enter_folder
}

@test "the difference of two normal models is the one that follows from their densities, row by row" {
    run --separate-stderr flowctl compare b.h5 a.h5 held.csv --csv
    expect_status 0
    # log p_a - log p_b of a row is ((x - 0.3)^2 - x^2) / (2 v), where v = 500 / 499 is the variance of the 500 rows
    awk -F, 'NR > 1 { d = (0.045 - 0.3 * $1) * 499 / 500; n++; s += d; q += d * d }
        END { m = s / n; print m, sqrt((q / n - m * m) / (n - 1)) }' held.csv >known
    read -r mean error <known
    awk -F, -v mean="$mean" -v error="$error" 'NR == 2 { best = $2 } NR == 3 {
        exit !(best == "a.h5" && $2 == "b.h5" && ($7 + mean) ^ 2 < 1e-10 && ($8 / error - 1) ^ 2 < 1e-6 &&
               $10 == "worse" && $9 < 1e-10) }' <<<"$output"
    # the errors of the means are several times as large as that of their difference
    awk -F, 'NR == 3 { exit !($4 > 2 * $8) }' <<<"$output"
}

@test "the table has the best model first, with its size and times, and a sentence below" {
    run --separate-stderr flowctl compare b.h5 a.h5 held.csv
    expect_status 0
    expect "held.csv: 3,000 rows" "mean, nats" difference parameters training size "a.h5 is better than b.h5"
    [[ ${lines[2]} == *a.h5*best* ]]
    [[ ${lines[3]} == *b.h5*worse* ]]
}

@test "what 20 rows cannot tell apart is not called better" {
    head -n 21 held.csv >few.csv
    run --separate-stderr flowctl compare a.h5 b.h5 few.csv
    expect_status 0
    expect "not resolved" "cannot be told from" "effectively 20 rows"
}

@test "p is corrected for the number of models, by Holm" {
    flowctl compare model.h5 wide.h5 narrow.h5 test.csv --to model.h5 --csv >three.csv 2>/dev/null
    for name in wide narrow; do
        flowctl compare model.h5 $name.h5 test.csv --to model.h5 --csv 2>/dev/null |
            awk -F, '$10 != "reference" && NR > 1 { print $2, $9 }'
    done >pairs
    awk -F, 'NR > 1 && $10 != "reference" { print $2, $9 }' three.csv | sort >joint
    sort -g -k 2 pairs | awk '{ p = $2 * (3 - NR); m = p > m ? p : m; print $1, (m < 1 ? m : 1) }' | sort >expected
    paste -d' ' joint expected | awk '{ if ($1 != $3 || ($2 / $4 - 1) ^ 2 > 1e-9) exit 1 } END { exit NR != 2 }'
}

@test "--to compares with a model that need not be named twice, and says who is better" {
    run --separate-stderr flowctl compare a.h5 held.csv --to b.h5
    expect_status 0
    expect reference better "b.h5 is worse than a.h5"
    run flowctl compare a.h5 b.h5 --to nowhere.h5 held.csv
    expect_status 1
}

@test "CSV, Markdown and JSON have the same numbers" {
    flowctl compare model.h5 wide.h5 test.csv --csv 2>/dev/null >t.csv
    flowctl compare model.h5 wide.h5 test.csv --markdown 2>/dev/null >t.md
    run --separate-stderr flowctl compare model.h5 wide.h5 test.csv --json
    expect_status 0
    expect_json data rows compared reference models verdict
    awk -F, -v json="$(json_number mean <<<"$output")" 'NR == 2 { exit !(($3 - json) ^ 2 < 1e-24) }' t.csv
    grep -qF "| model |" t.md
    [ "$(wc -l <t.md)" -eq 4 ]
    grep -qF "±" t.md
    run flowctl compare model.h5 wide.h5 test.csv --json --csv
    expect_status 2
}

@test "rows may go to a file, with a column for each model, as logprob gives them" {
    flowctl compare model.h5 wide.h5 test.csv -q -o rows.csv >/dev/null 2>&1
    [ "$(head -n 1 rows.csv)" = model.h5,wide.h5 ]
    flowctl logprob model.h5 test.csv -q -o - >one.csv 2>/dev/null
    cut -d, -f1 rows.csv | tail -n +2 >first
    tail -n +2 one.csv >logprob
    same first logprob
}

@test "columns are matched by name, whatever their order in a model and in the data" {
    sed -e 's/train.csv/swapped.csv/' spec.json >swapped.json
    awk -F, '{ print $2 "," $1 }' train.csv >swapped.csv
    flowctl train swapped.json -q -o swapped.h5
    flowctl compare swapped.h5 model.h5 test.csv --csv 2>/dev/null | cut -d, -f2-10 | sort >t.csv
    awk -F, 'NR == 1 { print "tag,y,x"; next } { print "7," $2 "," $1 }' test.csv >wide.csv
    flowctl compare model.h5 swapped.h5 wide.csv --csv 2>/dev/null | cut -d, -f2-10 | sort >u.csv
    same t.csv u.csv
    mean=$(flowctl logprob swapped.h5 test.csv --json 2>/dev/null | json_number mean)
    awk -F, -v mean="$mean" '$1 == "swapped.h5" { exit !(($2 - mean) ^ 2 < 1e-24) }' t.csv
}

@test "models of other columns, or of another context, are refused with both" {
    run flowctl compare a.h5 model.h5 held.csv
    expect_status 2
    expect "model.h5: has the columns x, y, and a.h5 x" "cannot be compared"
    flowctl train spec.json -q -o given.h5 --set 'data.columns=["x"]' --set 'data.context=["y"]' 2>/dev/null
    run flowctl compare a.h5 given.h5 test.csv
    expect_status 2
    expect "given.h5: is conditional on y, and a.h5 nothing"
    run flowctl compare a.h5 a.h5 held.csv
    expect_status 2
    expect "named twice; a model is compared with other ones"
    run flowctl compare a.h5 held.csv
    expect_status 2
    expect "a.h5: is one model, held.csv being the data; name another one"
}

@test "a model of other units is pointed out" {
    awk -F, 'NR == 1 { print; next } { print 1000 * $1 "," $2 }' train.csv >mm.csv
    sed -e 's/train.csv/mm.csv/' -e 's/validation.csv/mm.csv/' spec.json >mm.json
    flowctl train mm.json -q -o mm.h5
    run --separate-stderr flowctl compare model.h5 mm.h5 test.csv
    expect_status 0
    expect "mm.h5: is likely to be in other units than the data: the middle half of x"
}

@test "impossible rows are counted, named and left out of all means" {
    echo '{ "data": { "train": "u.csv", "validation": "u.csv" }, "flow": [ { "type": "support",
        "columns": { "x": { "lower": -2, "upper": 2 } } }, "standardize" ] }' >bounded.json
    awk -F, 'NR == 1 || ($1 > -1.9 && $1 < 1.9)' held.csv >u.csv
    flowctl train bounded.json -q --set train.epochs=1
    n=$(awk -F, 'NR > 1 && ($1 <= -2 || $1 >= 2) { n++ } END { print n }' held.csv)
    first=$(awk -F, 'NR > 1 && ($1 <= -2 || $1 >= 2) { print NR - 1; exit }' held.csv)
    run --separate-stderr flowctl compare a.h5 bounded.h5 held.csv --json
    expect_status 0
    expect "\"compared\":$((3000 - n))" "\"impossible\":$n" "bounded.h5: $n of 3,000 rows are impossible" "row $first:"
    awk -F, 'NR == 1 || ($1 > -2 && $1 < 2)' held.csv >inside.csv
    mean=$(flowctl logprob a.h5 inside.csv --json 2>/dev/null | json_number mean)
    expect "\"mean\":$mean"
    awk 'BEGIN { print "x"; for (i = 0; i < 40; i++) print 5 + i }' >far.csv
    run flowctl compare a.h5 bounded.h5 far.csv
    expect_status 1
    expect "no row is possible in all models" "bounded.h5" "leave that model out"
}

@test "probabilities and densities are not called comparable" {
    awk 'BEGIN { srand(5); print "n"; for (i = 0; i < 400; i++) print int(9 * rand()) }' >n.csv
    normal continuous n.csv
    echo '{ "data": { "train": "n.csv", "validation": "n.csv" }, "flow": [ { "type": "support",
        "columns": { "n": { "lower": 0, "discrete": true } } }, "standardize" ] }' >discrete.json
    flowctl train discrete.json -q --set train.epochs=1
    run --separate-stderr flowctl compare continuous.h5 discrete.h5 n.csv
    expect_status 0
    expect "not comparable" "cannot be compared, whatever the numbers" "can be compared with none of the others"
}

@test "without data, the test data that all specs name are used; training data are pointed out" {
    run --separate-stderr flowctl compare model.h5 wide.h5
    expect_status 0
    expect "test.csv: 100 rows (the test data that all models name)"
    run flowctl compare a.h5 b.h5
    expect_status 2
    expect "a.h5: its spec names no test data"
    run --separate-stderr flowctl compare model.h5 wide.h5 train.csv
    expect_status 0
    expect "has the rows that model.h5, wide.h5 learned from"
}

@test "weights count as often as they say" {
    awk -F, 'NR == 1 { print "x,w"; next } { print $1 "," 1 + NR % 3 }' held.csv >weighted.csv
    awk -F, 'NR == 1 { print; next } { for (i = 0; i < 1 + NR % 3; i++) print }' held.csv >repeated.csv
    flowctl compare a.h5 b.h5 weighted.csv --weight w --csv >w.csv
    flowctl compare a.h5 b.h5 repeated.csv --csv >r.csv
    paste -d, w.csv r.csv | awk -F, 'NR > 1 { if (($3 - $23) ^ 2 > 1e-18) exit 1 } END { exit NR != 3 }'
    run flowctl compare a.h5 b.h5 held.csv --weight w
    expect_status 1
    expect 'no column "w"'
}

@test "conditional models and ensembles take part, and threads and pipes change nothing" {
    flowctl train spec.json -q -o one.h5 --set 'data.columns=["x"]' --set 'data.context=["y"]' --set seed=1
    flowctl train spec.json -q -o two.h5 --set 'data.columns=["x"]' --set 'data.context=["y"]' --set seed=2
    flowctl compare one.h5 two.h5 test.csv --csv --threads 1 | cut -d, -f-18 >a
    flowctl compare one.h5 two.h5 - --csv --threads 2 <test.csv | cut -d, -f-18 >b
    same a b
    mean=$(flowctl logprob two.h5 test.csv --json | json_number mean)
    awk -F, -v mean="$mean" '$2 == "two.h5" { exit !(($3 - mean) ^ 2 < 1e-24) }' a
    flowctl tune spec.json -q --trials 3 --epochs 3 --keep 2 -o mixed.h5
    mean=$(flowctl logprob mixed.h5 test.csv --json | json_number mean)
    run --separate-stderr flowctl compare model.h5 mixed.h5 test.csv --csv
    expect_status 0
    awk -F, -v mean="$mean" '$2 == "mixed.h5" { exit !(($3 - mean) ^ 2 < 1e-24 && $15 == 2) }' <<<"$output"
}

@test "rows that cannot be read are an error, or are skipped and counted" {
    { cat held.csv; echo nan; } >bad.csv
    run flowctl compare a.h5 b.h5 bad.csv
    expect_status 1
    run --separate-stderr flowctl compare a.h5 b.h5 bad.csv --skip-invalid --json
    expect_status 0
    expect '"rows":3000' '"skipped":1'
}

@test "the sentence below the table lists models as a sentence does" {
    cp b.h5 c.h5
    cp b.h5 d.h5
    run --separate-stderr flowctl compare a.h5 b.h5 c.h5 d.h5 held.csv
    expect_status 0
    expect "a.h5 is better than b.h5, c.h5 and d.h5"
}
