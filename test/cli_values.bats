#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Values that are missing, and rows that are skipped: what becomes of them in data, models and results.

load cli_helper

# make_given ROWS SEED >FILE: x ~ N(c, 0.25), c ~ N(0, 1)
make_given() {
    awk -v n="$1" -v seed="$2" 'function g() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) } BEGIN {
        srand(seed)
        print "x,c"
        for (i = 0; i < n; i++) { c = g(); printf "%.6f,%.6f\n", c + 0.5 * g(), c }
    }'
}

setup_file() {
    make_model
    cd "$BATS_FILE_TMPDIR/project" || return
    make_given 400 4 >pairs.csv
    echo '{ "data": { "train": "pairs.csv", "context": ["c"] }, "train": { "epochs": 1 }, "output": "given.h5",
            "flow": ["standardize", { "type": "maf", "hidden": [4] }] }' >given.json
    "$FLOWCTL" train given.json -q
}

setup() {
    enter_folder
}

# holes FILE ROW...: the first column of these rows, counted from 1, becomes NA
holes() {
    local file=$1
    shift
    awk -F, -v OFS=, -v rows=" $* " 'index(rows, " " NR - 1 " ") { $1 = "NA" } { print }' "$file"
}

# lines_of FILE ROW...: these rows, and the header
lines_of() {
    local file=$1
    shift
    awk -v rows=" 0 $* " 'index(rows, " " NR - 1 " ")' "$file"
}

@test "rows that are skipped are rows of nan, so that input and output stay lined up" {
    flowctl logprob model.h5 test.csv -q -o all.csv
    holes test.csv 1 2 50 99 100 >holes.csv
    run --separate-stderr flowctl logprob model.h5 holes.csv --skip-invalid -o some.csv --worst 95
    expect_status 0
    expect "5 invalid rows were skipped" "rows                  95"
    [ "$(wc -l <some.csv)" = 101 ]
    [ "$(grep -n nan some.csv | cut -d: -f1 | tr '\n' ' ')" = "2 3 51 100 101 " ]
    awk 'NR == FNR { a[FNR] = $1; next } $1 != "nan" && $1 != a[FNR] { print FNR, $1, a[FNR]; bad = 1 }
        END { exit bad }' all.csv some.csv
    # "least likely" counts the same rows
    least=$(awk 'NR > 1 && $1 != "nan" && (!n || $1 < v) { v = $1; n = NR - 1 } END { print n }' some.csv)
    expect "least likely rows" "at row $least"
    [[ $(grep -m1 "least likely rows" <<<"$output") == *"at row $least" ]]

    flowctl invert model.h5 test.csv -q -o all.csv
    flowctl invert model.h5 holes.csv --skip-invalid -q -o some.csv
    [ "$(grep -c '^nan,nan$' some.csv)" = 5 ]
    lines_of all.csv 3 49 51 98 >a.csv
    lines_of some.csv 3 49 51 98 >b.csv
    same a.csv b.csv
}

@test "the same in HDF5, and with an input that has no end of its own" {
    holes test.csv 7 100 >holes.csv
    flowctl invert model.h5 holes.csv --skip-invalid -q -o some.csv
    flowctl invert model.h5 holes.csv --skip-invalid -q -o some.h5:/z
    flowctl invert model.h5 - --skip-invalid -q -o piped.csv <holes.csv
    same some.csv piped.csv
    run flowctl info some.h5:/z
    expect_status 0
    expect "98 rows" "2 more rows cannot be used"
    run flowctl info some.csv
    expect "98 rows" "2 more rows cannot be used"
    # what was read can be read again, and stays lined up
    flowctl invert model.h5 some.h5:/z --to data --skip-invalid -q -o back.csv
    [ "$(grep -n nan back.csv | cut -d: -f1 | tr '\n' ' ')" = "8 101 " ]
}

@test "draws for rows of the context that are skipped are nan, and the others are as without them" {
    printf 'c\n0.5\n0.1\n0.4\n0.2\n0.3\n0.6\n' >all.csv
    printf 'c\nNA\n0.1\nNA\n0.2\n0.3\nnan\n' >some.csv
    run flowctl sample given.h5 --given some.csv
    expect_status 1
    expect "row 1" "--skip-invalid"
    flowctl sample given.h5 --given all.csv -n 2 --logprob -q -o a.csv
    run flowctl sample given.h5 --given some.csv -n 2 --logprob --skip-invalid -o b.csv
    expect_status 0
    expect "3 invalid rows were skipped"
    expect_not "not finite"
    [ "$(grep -n '^nan,nan,nan$' b.csv | cut -d: -f1 | tr '\n' ' ')" = "2 3 6 7 12 13 " ]
    lines_of a.csv 3 4 7 8 9 10 >left.csv
    lines_of b.csv 3 4 7 8 9 10 >right.csv
    same left.csv right.csv
    # a part of the sequence is the same part
    flowctl sample given.h5 --given some.csv -n 2 --logprob --skip-invalid --first 5 --limit 4 -q -o part.csv
    lines_of b.csv 6 7 8 9 >right.csv
    same part.csv right.csv
    [ "$(flowctl sample given.h5 --given some.csv --skip-invalid --json | json_number skipped)" = 3 ]
}

@test "where no row is left, that is an error" {
    printf 'x,y\nNA,1\n2,\n' >none.csv
    for command in logprob invert; do
        run flowctl "$command" model.h5 none.csv --skip-invalid -o out.csv
        expect_status 1
        expect none.csv "no row can be used" "all 2 are invalid"
        [ ! -e out.csv ]
    done
    printf 'c\nNA\n' >none.csv
    run flowctl sample given.h5 --given none.csv --skip-invalid -o out.csv
    expect_status 1
    expect none.csv "no row can be used"
    [ ! -e out.csv ]
}

# with_codes FILE: every tenth x is -999 (of 400 rows), and every 40th y is the fill value of netCDF
with_codes() {
    awk -F, -v OFS=, 'NR > 1 && NR % 10 == 0 { $1 = -999 } NR > 1 && NR % 40 == 5 { $2 = "9.96921e+36" } { print }' "$1"
}

@test "rows that occur twice are said" {
    { cat train.csv; tail -n +2 train.csv; } >twice.csv
    for command in "info twice.csv" "init twice.csv -o twice.json" "train spec.json -d twice.csv -o twice.h5 -q"; do
        # shellcheck disable=SC2086
        run flowctl $command
        expect_status 0
        expect "400 of 800 rows are copies of others"
    done
    run flowctl info train.csv
    expect_not "copies of others"
}

@test "codes for missing values are noticed with their number and first row, and one option drops them" {
    with_codes train.csv >codes.csv
    run flowctl info codes.csv
    expect_status 0
    expect "x (-999 in 40 rows, first in row 9)" "y (9.96921e+36 in 10 rows" \
        "--skip-invalid --missing -999,9.96921e+36"
    run flowctl init codes.csv -o noticed.json
    expect "missing?" "-999 in 40 rows, first in row 9" "Kept as values of their own" \
        "9.96921e+36 in 10 rows, first in row 4). These rows are skipped" "take the number out of data.missing"
    grep -q '"missing": \[9.96921e+36\]' noticed.json
    run flowctl train spec.json -d codes.csv -o noticed.h5
    expect_status 0
    expect "codes for missing values" "-999 in 40 rows" "--skip-invalid --missing -999,9.96921e+36"
    # and the advice is right
    run flowctl train spec.json -d codes.csv -o dropped.h5 --skip-invalid --missing -999,9.96921e+36
    expect_status 0
    expect "50 invalid rows were skipped"
    expect_not "codes for missing values"
    run flowctl info codes.csv --missing -999,9.96921e+36
    expect_status 0
    expect "350 rows" "50 more rows cannot be used"
    expect_not "codes for missing values"
    flowctl init codes.csv --missing -999,9.96921e+36 -q -o dropped.json
    grep -q '"missing": \[-999, 9.96921e+36\]' dropped.json
    grep -q '"skip_invalid": true' dropped.json
    run flowctl check dropped.json
    expect_status 0
}

@test "codes that only the held-out data have are named" {
    with_codes validation.csv >codes.csv
    run flowctl train spec.json --validation codes.csv -o held.h5
    expect "data.validation: " "codes.csv: these values stand for missing ones" "x (-999), y (9.96921e+36)" "--missing"
    run flowctl train spec.json --set data.test=codes.csv -o tested.h5
    expect "data.test: " "x (-999), y (9.96921e+36)"
    run flowctl train spec.json --validation codes.csv -o dropped.h5 --skip-invalid --missing -999,9.96921e+36
    expect_status 0
    expect_not "training data have none"
    with_codes train.csv >both.csv
    run flowctl train spec.json -d both.csv --validation codes.csv -o both.h5
    expect "codes for missing values"
    expect_not "training data have none"
}

@test "codes are refused as invalid values are, and a model remembers them" {
    with_codes train.csv >codes.csv
    run flowctl train spec.json -d codes.csv -o new.h5 --missing -999
    expect_status 1
    expect codes.csv "row 9" '"x"' '"-999" stands for a missing value' --skip-invalid
    flowctl train spec.json -d codes.csv -o new.h5 --missing -999,9.96921e36 --skip-invalid -q
    run flowctl logprob new.h5 codes.csv
    expect_status 1
    expect "stands for a missing value"
    flowctl logprob new.h5 codes.csv --skip-invalid -q -o out.csv
    [ "$(wc -l <out.csv)" = 401 ]
    [ "$(grep -c nan out.csv)" = 50 ]
    # a resumed training has them, too: the rows are those of before
    run flowctl train spec.json -d codes.csv -o new.h5 --missing -999,9.96921e36 --skip-invalid --resume \
        --set train.epochs=4
    expect_status 0
    # the model of the rows without codes is the same
    grep -v -e -999 -e e+36 codes.csv >clean.csv
    flowctl train spec.json -d clean.csv -o clean.h5 -q --set train.epochs=4
    flowctl logprob new.h5 test.csv -q -o a.csv
    flowctl logprob clean.h5 test.csv -q -o b.csv
    same a.csv b.csv
    # what the command line says comes first
    run flowctl logprob new.h5 codes.csv --missing 5
    expect_status 0
    run flowctl logprob new.h5 codes.csv --missing NA
    expect_status 2
    expect "--missing takes numbers"
}

@test "a large share of skipped rows, or one that depends on another column, is said" {
    awk -F, -v OFS=, 'NR > 1 && NR % 10 == 0 { $1 = "" } { print }' train.csv >tenth.csv
    run flowctl train spec.json -d tenth.csv -o tenth.h5 --skip-invalid
    expect_status 0
    expect "40 invalid rows were skipped; 10 % of all, 40 of them for the column \"x\"" "the rows that are left" \
        "data.columns"
    expect_not "They differ"
    # x above its mean of 125 is not recorded where y is large
    awk -F, -v OFS=, 'NR > 1 && $2 > 0.02 { $1 = "NA" } { print }' train.csv >depends.csv
    run flowctl train spec.json -d depends.csv -o depends.h5 --skip-invalid
    expect_status 0
    expect "They differ from the others" 'their mean of "y" is' "that of the others"
    # few are only counted
    awk -F, -v OFS=, 'NR == 7 { $1 = "NA" } { print }' train.csv >one.csv
    run flowctl train spec.json -d one.csv -o one.h5 --skip-invalid
    expect "1 invalid row was skipped"
    expect_not "of all" "differ"
}

@test "a column that is added has a name of its own" {
    awk -F, -v OFS=, 'NR == 1 { print "logprob,z1"; next } { print }' pairs.csv >names.csv
    flowctl train given.json -d names.csv --context z1 -o names.h5 -q
    run flowctl sample names.h5 --given z1=0.5 -n 20 --logprob -o s.csv
    expect_status 0
    expect warning '"logprob" of its own' 'the one that is added is "logprob_2"'
    [ "$(head -n 1 s.csv)" = "logprob,z1,logprob_2" ]
    flowctl logprob names.h5 s.csv -q
    flowctl invert names.h5 s.csv --logdet -q -o z.csv
    [ "$(head -n 1 z.csv)" = "u1,z1,logdet" ]
    run flowctl invert names.h5 z.csv --to data --logdet -o back.csv
    expect_status 0
    [ "$(head -n 1 back.csv)" = "logprob,z1,logdet" ]
    awk -F, 'NR == FNR { a[FNR] = $1; next } FNR > 1 && (a[FNR] - $1) ^ 2 > 1e-6 { bad = 1 }
        END { exit bad }' s.csv back.csv
}

@test "digits that single precision would lose are said" {
    awk 'BEGIN { print "t,x"; for (i = 0; i < 400; i++) printf "%.4f,%.4f\n", 1.7e9 + 0.01 * sin(i * i), sin(3 * i) }' \
        >seconds.csv
    flowctl train given.json -d seconds.csv --context x -o seconds.h5 -q
    run flowctl sample seconds.h5 --given x=0.5 -n 50 --float -o s.csv
    expect_status 0
    expect warning "--float loses digits" '"t" is off by up to' "leave --float out"
    run flowctl sample seconds.h5 --given x=0.5 -n 50 -o d.csv
    expect_not "--float"
    run flowctl invert seconds.h5 seconds.csv --float -o z.h5 # latents have digits enough
    expect_status 0
    expect_not "--float"
}

@test "a column that is nearly constant is refused by every seed, in one sentence, with a remedy that works" {
    awk 'BEGIN { srand(2); print "a,b"; for (i = 0; i < 5000; i++) printf "%f,%d\n", rand() + rand(), i % 1250 == 7 }' \
        >nearly.csv
    echo '{ "data": { "train": "nearly.csv", "validation": 0.1 }, "train": { "epochs": 1 },
            "flow": ["standardize", { "type": "maf", "hidden": [4] }] }' >nearly.json
    for seed in 1 2 3 4 5 6; do
        run --separate-stderr flowctl train nearly.json -s "$seed"
        expect_status 1
        expect "nearly.csv: the column \"b\" has the value 0 in all rows but 4"
        [ "${#stderr_lines[@]}" = 1 ]
    done
    declared='[{"type": "support", "columns": {"b": {"discrete": true, "lower": 0, "upper": 1}}}, "standardize",
        {"type": "maf", "hidden": [4]}]'
    for seed in 1 2 3 4 5 6; do
        flowctl train nearly.json -s "$seed" -q --force --set "flow=$declared"
    done
}

@test "half zeros: init and the advice of train lead to draws that are 0 as often" {
    awk 'function g() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) } BEGIN { srand(3); print "x,y"
        for (i = 0; i < 2000; i++) { x = rand() < 0.6 ? 0 : exp(g()); printf "%.6g,%.6f\n", x, g() + (x > 0) }
    }' >zeros.csv
    truth=$(awk -F, 'NR > 1 { n++; z += $1 == 0 } END { print z / n }' zeros.csv)
    run --separate-stderr flowctl train spec.json -d zeros.csv -o warned.h5 --set data.validation=0.1 \
        --set data.test=null --set train.epochs=1
    expect_status 0
    expect 'many rows have the same value (column "x":' '{"x": {"spikes": [0], "lower": 0}}' '"univariate": "mixture"'
    flowctl train zeros.csv -q -o zeros.h5 --set train.epochs=25
    advice='[{"type": "support", "columns": {"x": {"spikes": [0], "lower": 0}}}, "standardize",
        {"type": "maf", "repeat": 2, "hidden": [16], "univariate": "mixture"}]'
    flowctl train zeros.json -q -o advised.h5 --set train.epochs=25 --set "flow=$advice"
    for model in zeros.h5 advised.h5; do
        flowctl sample "$model" -n 10000 -q -o draws.csv
        awk -F, -v truth="$truth" 'NR > 1 { n++; z += $1 == 0; bad += $1 < 0 }
            END { print z / n, bad, truth; d = z / n - truth; exit !(bad == 0 && d < 0.04 && d > -0.04) }' draws.csv
    done
}

@test "a column that is named as an angle is periodic" {
    awk 'BEGIN { srand(4); print "phi,x"
        for (i = 0; i < 500; i++) printf "%.6f,%.6f\n", 360 * rand(), rand() }' >turn.csv
    run flowctl init turn.csv
    expect_status 0
    expect "please look" "phi: fills 0 to 360; if it is an angle, say so with --angles"
    run flowctl train turn.csv --angles phi --force --set train.epochs=1
    expect_status 0
    expect "angles" "phi (0 to 360)"
    flowctl sample turn.h5 -n 500 -q -o draws.csv
    awk -F, 'NR > 1 && ($1 < 0 || $1 > 360) { bad = 1 } END { exit bad }' draws.csv
    run flowctl train turn.json --angles phi
    expect_status 2
    expect "--angles is for data"
}
