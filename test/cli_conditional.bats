#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Conditional densities p(x | c) and weighted rows, from the command line.

load cli_helper

# make_table ROWS SEED >FILE: w,x,c,y with x ~ N(10 + 3 c, 1 + c^2), y ~ N(-x, 0.01), c uniform in [-1, 1]; the weights
# are those of a density of c that rises like 1 + c, on rows in which every tenth weighs nothing
make_table() {
    awk -v n="$1" -v seed="$2" 'function g() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) } BEGIN {
        srand(seed)
        print "w,x,c,y"
        for (i = 0; i < n; i++) {
            c = 2 * rand() - 1; x = 10 + 3 * c + sqrt(1 + c * c) * g()
            printf "%.4f,%.6f,%.6f,%.6f\n", i % 10 == 9 ? 0 : 1 + c, x, c, -x + 0.1 * g()
        }
    }'
}

# columns LIST FILE: these columns of a CSV file, by name and in this order
columns() {
    awk -F, -v list="$1" 'NR == 1 { n = split(list, name, ","); for (i = 1; i <= NF; i++) at[$i] = i }
        { for (k = 1; k <= n; k++) printf "%s%s", $at[name[k]], k < n ? "," : "\n" }' "$2"
}

setup_file() {
    mkdir -p "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    make_table 3000 1 >train.csv
    make_table 600 2 >test.csv
    cat >spec.json <<'JSON'
{
  "data": { "train": "train.csv", "validation": 0.1, "test": "test.csv",
            "columns": ["x"], "context": ["c"], "weight": "w" },
  "flow": [ "standardize", { "type": "maf", "repeat": 2, "hidden": [16] } ], "base": "normal",
  "train": { "epochs": 25, "batch": 64, "optimizer": { "type": "adam", "rate": 0.01 } },
  "output": "model.h5"
}
JSON
    "$FLOWCTL" train spec.json --quiet
    "$FLOWCTL" train spec.json --quiet --set data.weight=null --set data.columns=null --set 'data.context=["c","w"]' \
        --set 'embedding={"hidden":[8],"features":3}' --set train.epochs=2 -o two.h5
}

setup() {
    enter_folder
}

# ---- training ----

@test "training says what it models, what is given and what the weights are worth" {
    run --separate-stderr flowctl train spec.json --force --set train.epochs=1
    expect_status 0
    expect "rows of 1 column given 1 other" "weighted by w: the rows say as much as" "left out for a weight of 0" \
        "test  "
    run --separate-stderr flowctl train spec.json --force --set train.epochs=1 --json -q
    expect_status 0
    expect_json validation test effective_rows
}

@test "the density is that of the truth" {
    # E log N(x; 10 + 3 c, 1 + c^2) over the weighted test rows
    truth=$(awk -F, 'NR > 1 { v = 1 + $3 * $3; d = $2 - 10 - 3 * $3; w += $1
        s += $1 * (-0.5 * log(6.283185307 * v) - d * d / (2 * v)) } END { print s / w }' test.csv)
    mean=$(flowctl logprob model.h5 test.csv --json | json_number mean)
    is_below "$(awk -v a="$mean" -v b="$truth" 'BEGIN { print a > b ? a - b : b - a }')" 0.04
}

@test "a stopped run with context, embedding and weights goes on as if it had not" {
    sed 's/"output": "model.h5"/"embedding": { "hidden": [8], "features": 3 }, "output": "r.h5"/' spec.json >r.json
    flowctl train r.json -q --set train.schedule=constant --set train.epochs=4
    flowctl train r.json -q --set train.schedule=constant --set train.epochs=2 -o part.h5
    flowctl train r.json -q --set train.schedule=constant --set train.epochs=4 -o part.h5 --resume --threads 1
    flowctl logprob r.h5 test.csv -q -o a.csv
    flowctl logprob part.h5 test.csv -q -o b.csv
    same a.csv b.csv
    for change in 'embedding.activation="tanh"' 'data.weight=null' 'data.context=["y"]'; do
        run flowctl train r.json --set train.schedule=constant --set train.epochs=4 -o part.h5 --resume --set "$change"
        expect_status 2
        expect "cannot be resumed" "${change%%=*} is"
    done
}

@test "a column has one role" {
    run flowctl check spec.json --set 'data.columns=["x","c"]'
    expect_status 2
    expect data.context '"c" is in data.columns too'
    run flowctl check spec.json --set 'data.columns=["x","w"]'
    expect_status 2
    expect data.weight '"w" is in data.columns too'
    run flowctl check spec.json --set 'data.context=["c","w"]'
    expect_status 2
    expect data.weight '"w" is in data.context too'
    run flowctl check spec.json --set 'data.context=["c","c"]'
    expect_status 2
    expect 'data.context' 'listed twice'
    run flowctl check spec.json --set 'data.context=null' --set 'embedding={}'
    expect_status 2
    expect "there is no context to embed"
}

@test "check and train name a context or a weight that the data do not have" {
    run flowctl check spec.json --set 'data.context=["angle"]'
    expect_status 0
    expect 'warning' 'there is no column "angle"'
    run flowctl train spec.json --force --set 'data.context=["angle"]'
    expect_status 1
    expect train.csv 'there is no column "angle"'
    run flowctl train spec.json --force --set data.weight=weight
    expect_status 1
    expect train.csv 'there is no column "weight"'
}

@test "negative weights are refused unless they are meant" {
    awk -F, -v OFS=, 'NR == 6 { $1 = -0.5 } { print }' train.csv >negative.csv
    run flowctl train spec.json --data negative.csv -o negative.h5
    expect_status 1
    expect negative.csv "row 5 has the weight -0.5" '"w"' allow_negative_weights
    expect_not "--missing"
    awk -F, -v OFS=, 'NR == 6 { $1 = -999 } { print }' train.csv >code.csv
    run flowctl train spec.json --data code.csv -o code.h5
    expect_status 1
    expect "If -999 stands for a missing value, say --missing -999 --skip-invalid"
    run flowctl train spec.json --data code.csv -o code.h5 -q --missing -999 --skip-invalid
    expect_status 0
    flowctl train spec.json --data negative.csv -o negative.h5 -q \
        --set data.allow_negative_weights=true --set train.epochs=1
    run flowctl info negative.h5
    expect "weighted by" "w, which may be negative"
    awk -F, -v OFS=, 'NR > 1 { $1 = NR % 2 ? -1 : 1 } { print }' train.csv >zero.csv
    run flowctl train spec.json --data zero.csv -o zero.h5 \
        --set data.allow_negative_weights=true --set data.validation=null
    expect_status 1
    expect zero.csv "has to be positive"
}

@test "a value of the context that is not a number is named, and can be skipped" {
    awk -F, -v OFS=, 'NR == 4 { $3 = "NA" } { print }' test.csv >hole.csv
    run flowctl train spec.json --force --data hole.csv
    expect_status 1
    expect hole.csv "row 3" '"c"'
    run flowctl logprob model.h5 hole.csv
    expect_status 1
    expect hole.csv "row 3" '"c"'
    run flowctl logprob model.h5 hole.csv --skip-invalid
    expect_status 0
    expect "1 invalid row" "599"
    run flowctl sample model.h5 --given hole.csv
    expect_status 1
    expect hole.csv "row 3" '"c"'
}

@test "a context that is the same in every row does no harm" {
    awk -F, -v OFS=, 'NR > 1 { $3 = 5 } { print }' train.csv >flat.csv
    flowctl train spec.json --data flat.csv -o flat.h5 -q --set train.epochs=1 --set data.test=null
    flowctl sample flat.h5 --given flat.csv --limit 3 | grep -q ',5$'
    run flowctl train spec.json --data flat.csv -o other.h5 --set 'data.columns=["c"]' --set 'data.context=["x"]'
    expect_status 1
    expect '"c" has the value 5 in every row'
}

# ---- logprob ----

@test "logprob finds the columns of data and context by name" {
    columns c,y,w,x test.csv >mixed.csv
    flowctl logprob model.h5 test.csv -q -o a.csv
    flowctl logprob model.h5 mixed.csv -q -o b.csv
    same a.csv b.csv
    columns x,c test.csv | tail -n +2 >bare.csv
    flowctl logprob model.h5 bare.csv -q -o c.csv
    same a.csv c.csv
    columns x,w test.csv >without.csv
    run flowctl logprob model.h5 without.csv
    expect_status 1
    expect without.csv "missing: c"
}

@test "logprob of a model of columns without names finds them by their place" {
    columns c,w,x train.csv | tail -n +2 >bare.csv
    sed -e 's/"columns": \["x"\], "context": \["c"\], "weight": "w"/"context": ["x1"], "weight": "x2"/' \
        -e 's/"test": "test.csv",//' spec.json >bare.json
    flowctl train bare.json -q --data bare.csv --set data.validation=null -o bare.h5
    flowctl train spec.json -q --data train.csv --set data.validation=null --set data.test=null -o named.h5
    columns x,c,w train.csv >named.csv
    flowctl logprob bare.h5 bare.csv -o a.csv >a.txt
    flowctl logprob named.h5 named.csv -o b.csv >b.txt
    same a.csv b.csv
    sed 's/in x2/in w/' a.txt | same - b.txt
    # another table is not taken for it
    cut -d, -f1,2,3 bare.csv | sed 's/$/,1/' >four.csv
    run flowctl logprob bare.h5 four.csv
    expect_status 1
    expect "has 4 columns"
    cut -d, -f1 bare.csv >given.csv
    flowctl sample bare.h5 --given given.csv -q >s1.csv
    flowctl sample bare.h5 --given bare.csv -q >s2.csv
    same s1.csv s2.csv
}

@test "logprob weighs the rows by the weights of the training, or by others, or says that there are none" {
    flowctl logprob model.h5 test.csv -q -o logp.csv
    paste -d, test.csv logp.csv >both.csv
    expected=$(awk -F, '
        NR > 1 { w += $1; ww += $1 * $1; s += $1 * $5 } END { printf "%.9f %.6f", s / w, w * w / ww }' both.csv)
    run --separate-stderr flowctl logprob model.h5 test.csv --json
    expect_json mean standard_error weight effective_rows
    [ "$(printf '%.9f %.6f' "$(json_number mean <<<"$output")" "$(json_number effective_rows <<<"$output")")" = \
        "$expected" ]
    sed 's/^w,/v,/' test.csv >renamed.csv
    flowctl logprob model.h5 renamed.csv --weight v --json -q | json_number mean >a
    flowctl logprob model.h5 test.csv --json -q | json_number mean >b
    same a b
    run --separate-stderr flowctl logprob model.h5 renamed.csv --json
    expect_status 0
    [[ $stderr == *'renamed.csv: has no column "w"'* ]]
    expect_not effective_rows
    run flowctl logprob model.h5 test.csv --weight v
    expect_status 1
    expect 'there is no column "v"'
    run flowctl logprob model.h5 test.csv --weight c
    expect_status 2
    expect "--weight c"
    awk -F, -v OFS=, 'NR > 1 { $1 = NR % 2 ? -1 : 1 } { print }' test.csv >zero.csv
    run flowctl logprob model.h5 zero.csv
    expect_status 1
    expect "the sum of the weights is not positive"
}

# ---- sample ----

@test "each row of the context gets its draws, which are where the context says" {
    flowctl sample model.h5 --given test.csv -n 40 -q >draws.csv
    [ "$(wc -l <draws.csv)" -eq 24001 ]
    [ "$(head -n 1 draws.csv)" = "x,c" ]
    # row i belongs to row i / 40 of the context
    awk -F, 'NR == FNR { c[NR - 1] = $3 + 0; next } FNR > 1 && $2 + 0 != c[int((FNR - 2) / 40) + 1] { exit 1 }' \
        test.csv draws.csv
    # mean and variance given c, in halves of c
    awk -F, 'NR > 1 { h = $2 > 0; d = $1 - 10 - 3 * $2; z = d / sqrt(1 + $2 * $2); n[h]++; s[h] += z; q[h] += z * z }
        END { for (h = 0; h < 2; h++) { m = s[h] / n[h]; v = q[h] / n[h] - m * m
            if (m < -0.12 || m > 0.12 || v < 0.85 || v > 1.15) { print h, m, v; exit 1 } } }' draws.csv
}

@test "without -n one row is drawn for each row of context" {
    flowctl sample model.h5 --given test.csv -q >a.csv
    flowctl sample model.h5 --given test.csv -q -n 1 >b.csv
    same a.csv b.csv
    [ "$(wc -l <a.csv)" -eq 601 ]
    run flowctl sample model.h5 --given test.csv -n 0 -q
    expect_status 0
    [ "$output" = "x,c" ]
}

@test "the context comes from CSV, HDF5 or standard input, by name or alone" {
    flowctl sample model.h5 --given test.csv -n 2 -q >a.csv
    flowctl sample two.h5 --given test.csv -n 1 -q --limit 400 -o given.h5:/some
    columns c test.csv >c.csv
    tail -n +2 c.csv >bare.csv
    flowctl sample model.h5 --given - -n 2 -q <c.csv >b.csv
    same a.csv b.csv
    flowctl sample model.h5 --given bare.csv -n 2 -q >b.csv
    same a.csv b.csv
    flowctl sample model.h5 --given given.h5:/some -n 2 -q >b.csv
    head -n 801 a.csv | same - b.csv
    # two columns of context, wherever they are
    columns w,c test.csv >wc.csv
    columns c,w test.csv | tail -n +2 >cw.csv
    flowctl sample two.h5 --given test.csv -n 3 -q >a.csv
    [ "$(head -n 1 a.csv)" = "x,y,c,w" ]
    flowctl sample two.h5 --given wc.csv -n 3 -q >b.csv
    same a.csv b.csv
    flowctl sample two.h5 --given cw.csv -n 3 -q >b.csv
    same a.csv b.csv
    run flowctl sample two.h5 --given c.csv
    expect_status 1
    expect c.csv "missing: w"
}

@test "neither threads nor pieces change a draw" {
    flowctl sample two.h5 --given test.csv -n 3 -q --logprob --threads 1 >all.csv
    flowctl sample two.h5 --given test.csv -n 3 -q --logprob --threads 3 >again.csv
    same all.csv again.csv
    {
        flowctl sample two.h5 --given test.csv -n 3 -q --logprob --limit 131
        flowctl sample two.h5 --given test.csv -n 3 -q --logprob --first 131 --limit 700 | tail -n +2
        flowctl sample two.h5 --given test.csv -n 3 -q --logprob --first 831 | tail -n +2
    } >parts.csv
    same all.csv parts.csv
    run flowctl sample two.h5 --given test.csv -n 3 --first 1800
    expect_status 0
    expect warning "no context for row 1800"
    flowctl sample two.h5 --given test.csv -n 3 -q --logprob --first 1799 | tail -n 1 >a
    tail -n 1 all.csv | same - a
}

@test "--logprob is what logprob says of the written file" {
    flowctl sample two.h5 --given test.csv -n 2 -q --logprob -o drawn.csv
    flowctl logprob two.h5 drawn.csv -q -o logp.csv
    [ "$(head -n 1 drawn.csv)" = "x,y,c,w,logprob" ]
    paste -d, drawn.csv logp.csv |
        awk -F, 'NR > 1 { d = $5 - $6; if (d < -1e-4 || d > 1e-4) exit 1; n++ } END { exit n != 1200 }'
}

@test "--given belongs to conditional models, and they need it" {
    run flowctl sample model.h5
    expect_status 2
    expect "conditional on c" "--given FILE"
    run flowctl sample two.h5 -n 5
    expect_status 2
    expect "conditional on c and more columns"
    flowctl train spec.json -q --set data.context=null --set train.epochs=1 -o plain.h5
    run flowctl sample plain.h5 --given test.csv
    expect_status 2
    expect "--given" "has no context"
    run flowctl sample model.h5 --given nowhere.csv
    expect_status 1
    expect "nowhere.csv"
    run flowctl sample model.h5 --given test.csv -o test.csv
    expect_status 1
    expect "holds the data that are read"
}

@test "sample --json tells how many rows for which context" {
    run flowctl sample model.h5 --given test.csv -n 2 --json
    expect_status 0
    expect_json rows max_round_trip_error given rows_per_context
    [ "$(json_number rows <<<"$output")" = 1200 ]
}

# ---- invert ----

@test "invert takes rows there and back through files that hold the context" {
    flowctl invert model.h5 test.csv -q --logdet -o latent.csv
    [ "$(head -n 1 latent.csv)" = "z1,c,logdet" ]
    flowctl invert model.h5 latent.csv --to data -q -o back.csv
    [ "$(head -n 1 back.csv)" = "x,c" ]
    columns x,c test.csv | paste -d, - back.csv |
        awk -F, 'NR > 1 { d = $1 - $3; if (d < -1e-4 || d > 1e-4 || $2 != $4) exit 1 }'
    # log p = log N(z) + logdet
    flowctl logprob model.h5 test.csv -q -o logp.csv
    paste -d, latent.csv logp.csv |
        awk -F, 'NR > 1 { d = -0.5 * $1 * $1 - 0.918938533 + $3 - $4; if (d < -1e-4 || d > 1e-4) exit 1 }'
    run flowctl invert two.h5 test.csv --json
    expect_status 0
    expect_json rows max_round_trip_error
    is_below "$(json_number max_round_trip_error <<<"$output")" 1e-4
    columns x test.csv >x.csv
    run flowctl invert model.h5 x.csv
    expect_status 1
    expect "missing: c"
}

# ---- info ----

@test "info and check show context, weight and embedding" {
    run flowctl info model.h5
    expect_status 0
    expect "columns       x" "given         c" "weighted by   w" "(effectively " "given 1 column of context"
    run flowctl info two.h5
    expect "given         c, w" "context " "given 2 columns of context embedded in 3 features"
    expect_not "weighted by"
    run flowctl info model.h5 --json
    expect_json context weight context_dimensions effective_rows has_names
    expect '"context":["c"]' '"weight":"w"' '"context_dimensions":1'
    run flowctl info spec.json
    expect "context       c" "weight        w"
    run flowctl check spec.json --set 'embedding={"hidden":[8],"features":3}'
    expect "context " "embedded in 3 features"
    run flowctl check spec.json --json --set 'embedding={"hidden":[8],"features":3}'
    expect '"context_features":3'
}

# make_classes ROWS SEED >FILE: x ~ N(10 label, 1) for labels 0, 1 and 2
make_classes() {
    awk -v n="$1" -v seed="$2" 'function g() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) } BEGIN {
        srand(seed)
        print "x,label"
        for (i = 0; i < n; i++) { label = int(3 * rand()); printf "%.6f,%d\n", 10 * (label == 1) + g(), label }
    }'
}

@test "classes: an input for each, samples of one of them, and labels that are none" {
    make_classes 2000 1 >classes.csv
    cat >classes.json <<'JSON'
{ "data": { "train": "classes.csv", "validation": 0.1, "context": ["label"], "classes": 3 },
  "flow": [ "standardize", { "type": "maf", "repeat": 1, "hidden": [] } ],
  "train": { "epochs": 30, "batch": 64, "optimizer": { "type": "adam", "rate": 0.02 } } }
JSON
    flowctl train classes.json -q
    run flowctl info classes.h5 --json
    expect '"context_dimensions":1,"context_features":3' '"classes":3'
    # one linear layer on one number could not give the class in the middle a mean of its own
    mean() {
        awk -F, 'NR > 1 { s += $1 } END { printf "%.0f", s / (NR - 1) }' "$1"
    }
    for label in 0 1 2; do
        flowctl sample classes.h5 --given "label=$label" -n 400 -q -o "$label.csv"
    done
    [ "$(mean 0.csv)" -eq 0 ] && [ "$(mean 1.csv)" -eq 10 ] && [ "$(mean 2.csv)" -eq 0 ]
    printf 'label\n1\n' >one.csv
    flowctl sample classes.h5 --given one.csv -n 400 -q -o file.csv
    same 1.csv file.csv
    run flowctl sample classes.h5 --given label=3
    expect_status 2
    expect "--given: the label 3 is none of the 3 classes of the model, 0 to 2"
    run flowctl sample classes.h5 --given label=cat
    expect_status 2
    expect '--given label=cat: "cat" is no number, and no class of the training data'
    run flowctl sample classes.h5 --given lable=1
    expect_status 2
    expect "--given lable=1: expected a file, or a value for each column of the context, such as label=1"
    printf 'x,label\n1,0\n2,5\n' >five.csv
    run flowctl logprob classes.h5 five.csv
    expect_status 1
    expect "five.csv: the label 5 is none of the 3 classes of the model, 0 to 2"
    run flowctl train classes.json -o few.h5 --set data.classes=2
    expect_status 1
    expect 'data.train: ' 'the column "label" has values from 0 to 2, and the 2 classes are 0 to 1'
    run flowctl train classes.json -o few.h5 --set data.context=null
    expect_status 2
    expect 'data.classes: no column "label" is in data.context'
}

@test "values of the context on the command line" {
    run flowctl sample model.h5 --given c=0.5 -n 3 -o typed.csv
    expect_status 0
    printf 'c\n0.5\n' >given.csv
    flowctl sample model.h5 --given given.csv -n 3 -q -o file.csv
    same typed.csv file.csv
    run flowctl sample model.h5
    expect_status 2
    expect "give the values of its context with --given FILE or --given c=VALUE"
}

@test "logprob --given: all rows with one context, which the data need not have" {
    columns w,x,c,y test.csv | awk -F, 'NR > 1 { $3 = 0.5 } { print }' OFS=, >half.csv
    columns w,x half.csv >bare.csv
    flowctl logprob model.h5 half.csv -q -o expected.csv >expected.txt
    for data in test.csv bare.csv; do
        flowctl logprob model.h5 $data --given c=0.5 -q -o given.csv >given.txt
        same expected.csv given.csv
        same expected.txt given.txt # the weights count as before
    done
    columns x test.csv | tail -n +2 | flowctl logprob model.h5 - --given c=0.5 -q -o - 2>/dev/null >given.csv
    same expected.csv given.csv
    run --separate-stderr flowctl logprob model.h5 test.csv --given c=0.5 --json
    expect_json given effective_rows
    run flowctl logprob model.h5 test.csv --given half.csv
    expect_status 2
    expect "--given half.csv: expected a value for each column of the context, such as c=1"
    run flowctl logprob model.h5 test.csv --given c=0.5,y=1
    expect_status 2
    flowctl train spec.json -q -o plain.h5 --set data.context=null --set train.epochs=1
    run flowctl logprob plain.h5 test.csv --given c=0.5
    expect_status 2
    expect "--given: plain.h5 has no context; leave --given out"
}

@test "folders of PNG files are classes, with names" {
    train_single_pixels
    mkdir -p set/ant set/bee other/ant other/cat
    for folder in set/ant set/bee other/ant other/cat; do
        flowctl sample three.h5 -n 20 -q -o "$folder/%03d.png"
    done
    cp -r set more
    mkdir more/.hidden
    options=(--set 'data.context=["label"]' --set image=null --set data.train=set)
    run flowctl check three.json "${options[@]}"
    expect_status 0
    run flowctl train three.json "${options[@]}" --set data.validation=more -o classes.h5
    expect_status 0
    expect "40 rows of 3 columns given 1 other, validated on 40"
    run flowctl info classes.h5 --json
    expect '"classes":["ant","bee"]' '"classes":2' '"context_features":2'
    run flowctl info set
    expect "classes" "ant, bee"
    flowctl sample classes.h5 --given label=bee -n 5 -q -o named.csv
    flowctl sample classes.h5 --given label=1 -n 5 -q -o numbered.csv
    same named.csv numbered.csv
    flowctl sample classes.h5 --given label=bee -n 5 -q -o bees.png
    flowctl logprob classes.h5 set -q -o own.csv
    flowctl logprob classes.h5 set --given label=bee -q -o bee.csv
    same <(tail -n 20 own.csv) <(tail -n 20 bee.csv)
    differ <(head -n 21 own.csv) <(head -n 21 bee.csv)
    run flowctl logprob classes.h5 set
    expect_status 0
    expect "rows                  40"
    run flowctl train three.json "${options[@]}" --set data.validation=other -o no.h5
    expect_status 1
    expect "data.validation: " "other has other folders of classes than the training data"
    run flowctl train three.json "${options[@]}" --set data.validation=set/ant -o no.h5
    expect_status 1
    expect "has no labels: the images of a class have a folder of their own"
}
