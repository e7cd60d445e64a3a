#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# train: what it prints, what it writes, what it refuses.

load cli_helper

setup_file() {
    make_project "$BATS_FILE_TMPDIR/project"
}

setup() {
    enter_folder
}

@test "without validation data, train says how many epochs it runs" {
    run flowctl train spec.json -o all.h5 --set data.validation=null --set train.epochs=1
    expect_status 0
    expect "no validation data: 1 epoch is run and"
    run flowctl train spec.json -o all.h5 --force --set data.validation=null --set train.epochs=2
    expect "no validation data: all 2 epochs are run and"
}

@test "training writes a model and reports the likelihoods with their errors" {
    run --separate-stderr flowctl train spec.json
    expect_status 0
    [ -s model.h5 ]
    expect "epoch 1/3" "epoch 3/3" "rows/s" "ETA"
    [[ $output == *"validation "*" +- "*" nats"* ]]
    [[ $output == *"test "*" +- "*" nats"* ]]
    [ "$(grep -c '^epoch' <<<"$stderr")" -eq 3 ]
}

@test "--json prints one object with the documented keys, and progress stays on standard error" {
    run --separate-stderr flowctl train spec.json --json
    expect_status 0
    expect_json model epochs best_epoch seconds validation test mean standard_error
    expect_json rows columns parameters threads
    [ "$(json_number epochs <<<"$output")" = 3 ]
    [[ $stderr == *"epoch 1/3"* ]]
}

@test "--profile shows where the time went and changes nothing else" {
    run --separate-stderr flowctl train spec.json
    expect_status 0
    plain=$(grep -v 'epochs in' <<<"$output")
    run --separate-stderr flowctl train spec.json --force --profile
    expect_status 0
    [[ $output == *"$plain"* ]]
    [[ $output == *"products  elementwise  waiting"*"gradient of the weights"*"optimizer"* ]]
    run --separate-stderr flowctl train spec.json --force --profile --json
    expect_json profile phases seconds products elementwise waiting
}

@test "--quiet says nothing" {
    run flowctl train spec.json --quiet
    expect_status 0
    [ -z "$output" ]
}

@test "an existing model is not replaced without --resume or --force" {
    flowctl train spec.json -q
    cp model.h5 before.h5
    run flowctl train spec.json
    expect_status 1
    expect "exists already" --resume --force
    same model.h5 before.h5
    run flowctl train spec.json -qf
    expect_status 0
    run flowctl train spec.json --resume --force
    expect_status 2
}

@test "a file that is no model is not replaced, not even with --force" {
    cp train.csv data.h5
    run flowctl train spec.json -o data.h5 --force
    expect_status 1
    expect "not a usable model"
    same train.csv data.h5
    run flowctl train spec.json -o train.csv --force
    expect_status 2
    expect "a model is an HDF5 file"
}

@test "the output's folder is looked at before training" {
    run flowctl train spec.json -o nowhere/model.h5
    expect_status 1
    expect "nowhere" "create it"
    expect_not "epoch 1"
}

@test "options override the spec: data, output, seed, columns, --set" {
    mkdir sub
    cp train.csv sub/other.csv
    run --separate-stderr flowctl train spec.json --data sub/other.csv --validation 0.25 --test validation.csv \
        -o sub/m.h5 --seed 7 --columns y --set train.epochs=1 --set 'flow[1].hidden=[4]' --json
    expect_status 0
    [ -s sub/m.h5 ]
    [ "$(json_number epochs <<<"$output")" = 1 ]
    run flowctl info sub/m.h5 --json
    expect '"seed":7' '"columns":["y"]' '"hidden":[4]' '"validation":0.25' "sub/other.csv"
}

@test "a share of the training rows is left for the test" {
    run --separate-stderr flowctl train spec.json --validation 0.2 --test 0.25 --json
    expect_status 0
    expect_json validation test
    run flowctl info model.h5 --json
    expect '"test":0.25' '"validation":0.2'
    grep -o '"location":"[^"]*train.csv","rows":[0-9]*' <<<"$output" | awk -F: '{ n += $NF } END { exit n != 400 }'
    run flowctl train spec.json --validation 0.2 --test 0.3 --resume
    expect_status 2
    expect "data.test is 0.25 in the model, 0.3 in the spec"
}

@test "relative paths of a spec are relative to the spec" {
    mkdir deep
    mv spec.json train.csv validation.csv test.csv deep
    run flowctl train deep/spec.json -q
    expect_status 0
    [ -s deep/model.h5 ]
}

@test "mistakes in the spec exit with 2 and name the path" {
    run flowctl train spec.json --set train.epoch=5
    expect_status 2
    expect train 'unknown key "epoch"' '"epochs"'
    run flowctl train spec.json --set train.epochs=many
    expect_status 2
    expect train.epochs
    run flowctl train spec.json --set 'flow[1].type=mafia'
    expect_status 2
    expect 'flow[1]' mafia
    run flowctl train spec.json --set 'flow[7].hidden=[3]'
    expect_status 2
    run flowctl train spec.json --seed one
    expect_status 2
    expect seed
    run flowctl train spec.json --validation 1.5
    expect_status 2
    expect data.validation
    printf '{ "flow": [ ' >broken.json
    run flowctl train broken.json
    expect_status 2
    expect "broken.json:1:"
}

@test "files that are not there exit with 1 and are named" {
    run flowctl train nowhere.json
    expect_status 1
    expect nowhere.json
    run flowctl train spec.json --data nowhere.csv
    expect_status 1
    expect data.train nowhere.csv
    expect_not "epoch 1"
}

@test "training data that are not named are asked for" {
    echo '{ "flow": [ { "type": "maf" } ] }' >empty.json
    run flowctl train empty.json
    expect_status 2
    expect data.train --data
}

@test "invalid rows stop training with file, row and column; --skip-invalid counts them" {
    printf '125,nan\n' >>train.csv
    run flowctl train spec.json
    expect_status 1
    expect train.csv 401 y
    run flowctl train spec.json --skip-invalid
    expect_status 0
    expect "1 invalid row"
}

@test "a column without spread is an error that names it, many tied values are a warning" {
    awk -F, 'NR == 1 { print "x,y,k,c"; next } { print $0 "," (NR % 3) ",1" }' train.csv >ties.csv
    run flowctl train spec.json --data ties.csv --validation 0.2 --set data.test=null --columns x,y,c
    expect_status 1
    expect c
    run flowctl train spec.json --data ties.csv --validation 0.2 --set data.test=null --columns x,y,k \
        --set train.epochs=1
    expect_status 0
    expect warning '"k"' "same value"
    expect_not '"x"'
}

@test "a column that is constant but for a few rows is refused, whichever part these are in" {
    awk -F, 'NR == 1 { print "x,y,c"; next } { print $0 "," (NR == 9 ? 8 : 7) }' train.csv >nearly.csv
    for seed in 1 2 3; do
        run flowctl train spec.json --data nearly.csv --validation 0.5 --set data.test=null --seed "$seed"
        expect_status 1
        expect 'the column "c" has the value 7 in all rows but 1'
    done
    run flowctl train spec.json --data nearly.csv --validation 0.5 --set data.test=null --set train.epochs=1 \
        --set 'flow=[{"type": "support", "columns": {"c": {"discrete": true}}}, "standardize"]' -o nearly.h5
    expect_status 0
}

@test "train warns of columns that follow from others, number the rows or hold codes, whatever the seed" {
    awk -F, 'NR == 1 { print "x,y,sum,row,t"; next }
        { printf "%s,%.9f,%d,%g\n", $0, $1 - 200 * $2 + 3, NR, NR % 40 ? $2 : -999 }' train.csv >odd.csv
    for seed in 1 2; do
        run flowctl train spec.json --data odd.csv --validation 0.2 --set data.test=null --set train.epochs=1 \
            --set 'flow=["standardize"]' --seed "$seed" -o "odd$seed.h5"
        expect_status 0
        grep warning <<<"$output" | sed 's/odd.\.h5//' >"warnings$seed.txt"
        expect "functions of other columns: sum (= 3 + x - 200 y); leave them out" "numbers of the rows: row;" \
            "codes for missing values?: t (-999 in 10 rows, first in row 39); if they are"
    done
    same warnings1.txt warnings2.txt
    run flowctl train spec.json --set train.epochs=1 -o usual.h5
    expect_not warning
}

@test "validation data in another order of columns are matched by name" {
    awk -F, '{ print $2 "," $1 }' validation.csv >swapped.csv
    flowctl train spec.json -q -o a.h5
    flowctl train spec.json -q -o b.h5 --validation swapped.csv
    flowctl logprob a.h5 test.csv -o a.csv -q
    flowctl logprob b.h5 test.csv -o b.csv -q
    same a.csv b.csv
}

@test "train, sample, logprob and invert give the same bytes with 1, 2 and 4 threads" {
    # larger than a tile of rows, so that there is work to share
    echo '{ "data": { "train": "data.csv", "validation": 0.2 }, "train": { "epochs": 3, "batch": 700 },
            "flow": ["standardize", { "type": "maf", "hidden": [40, 40] }, "actnorm", "batchnorm",
                     { "type": "realnvp", "repeat": 2, "hidden": [40] }] }' >threads.json
    make_csv 3000 4 >data.csv
    for j in 1 2 4; do
        mkdir "$j"
        flowctl train threads.json -q -j "$j" -o "$j/m.h5"
        flowctl info "$j/m.h5" --json | grep -o '"history":.*' | sed 's/"seconds":[^,}]*//g' >"$j/history"
        flowctl sample "$j/m.h5" -q -n 5000 --logprob -j "$j" -o "$j/sample.csv"
        flowctl sample "$j/m.h5" -q -n 5000 --logprob -j "$j" -o "$j/sample.h5"
        flowctl logprob "$j/m.h5" data.csv -j "$j" -o "$j/logprob.csv" --json |
            sed 's|"[^"]*m.h5"||; s|"output".*||' >"$j/summary"
        flowctl invert "$j/m.h5" data.csv -q --logdet -j "$j" -o "$j/invert.csv"
        for file in history sample.csv sample.h5 logprob.csv summary invert.csv; do
            [ -s "$j/$file" ]
            same "1/$file" "$j/$file"
        done
    done
}

@test "another seed is another model" {
    flowctl train spec.json -q -o one.h5
    flowctl train spec.json -q -o two.h5 --seed 2
    flowctl logprob one.h5 test.csv -q -o one.csv
    flowctl logprob two.h5 test.csv -q -o two.csv
    differ one.csv two.csv
}

@test "CSV and HDF5 of the same values train the same model" {
    flowctl train spec.json -q -o csv.h5
    # a tool at hand that writes HDF5: flowctl itself, by the round trip of an untrained, exact map
    echo '{ "data": "train.csv", "flow": [], "train": { "epochs": 1 }, "output": "identity.h5" }' >identity.json
    flowctl train identity.json -q || skip "an empty flow is not accepted"
    flowctl invert identity.h5 train.csv -q -o values.h5:/train
    flowctl invert identity.h5 train.csv -q -o values.csv
    sed -i 's/z1,z2/x,y/' values.csv
    flowctl train spec.json -q --data values.csv -o a.h5
    flowctl train spec.json -q --data values.h5:/train -o b.h5 --set data.validation=null --set data.test=null
    flowctl train spec.json -q --data values.csv -o c.h5 --set data.validation=null --set data.test=null
    tail -n +2 test.csv >bare.csv
    flowctl logprob b.h5 bare.csv -q -o b.csv
    flowctl logprob c.h5 bare.csv -q -o c.csv
    same b.csv c.csv
}

@test "rows that are few are not taken for ties" {
    head -n 21 train.csv >few.csv
    run flowctl train spec.json -d few.csv -o few.h5
    expect_status 0
    expect_not "same value"
    { cat few.csv; tail -n 5 few.csv; } | sed 's/,.*/,7/' | sed '1s/.*/x,y/; 2s/7$/8/' >tied.csv
    run flowctl train spec.json -d tied.csv -o tied.h5
    expect 'column "y"' "same value"
    expect_not 'column "x"'
}

@test "two columns of one name are refused, by train and by what reads data for a model" {
    sed '1s/.*/x,x/' train.csv >twice.csv
    run flowctl train spec.json -d twice.csv -o m.h5 --set data.validation=0.1
    expect_status 1
    expect twice.csv 'two columns are named "x"'
    flowctl train spec.json -q
    sed '1s/.*/x,y,y/; 2,$s/$/,5/' test.csv >twice.csv
    run flowctl logprob model.h5 twice.csv
    expect_status 1
    expect 'columns 2 and 3 are both named "y"'
}

@test "standard input trains, once" {
    echo '{ "data": "-", "flow": ["standardize"], "train": { "epochs": 1 } }' >in.json
    flowctl train in.json -q <train.csv
    [ -s in.h5 ]
    run flowctl train in.json --validation 0.2 -f <train.csv
    expect_status 2
    expect "standard input can be read only once"
}

@test "numbers that are out of all proportion stay short" {
    flowctl train spec.json -q
    printf 'x,y\n1e12,3\n-1e20,4\n' >far.csv
    run flowctl logprob model.h5 far.csv
    expect_status 0
    [ "$(wc -L <<<"$output")" -lt 60 ]
}

@test "a model for a spec, and a place inside of a file for a model, are told" {
    flowctl train spec.json -q
    run flowctl train model.h5
    expect_status 2
    expect "model.h5: is a model, and a spec was expected"
    run flowctl train spec.json -o other.h5:/m
    expect_status 2
    expect "a model is a whole file"
}

@test "what a continuous flow costs is told while it trains and afterwards" {
    sed 's/"type": "maf".*}/"type": "ffjord", "hidden": [4], "solver": {"type": "rk4", "steps": 3} }/' spec.json >c.json
    run --separate-stderr flowctl train c.json -o c.h5
    expect_status 0
    [ "$(grep -c '^epoch .* 12 evaluations a solve' <<<"$stderr")" -eq 3 ]
    [[ $output == *"solving     12.0 evaluations a solve, 12 for the hardest row"* ]]
    run flowctl train c.json -o c.h5 --force --json
    expect '"evaluations":{"mean":12,"most":12}'
    run flowctl info c.h5
    expect "evaluations" "       12.0"
    run flowctl info c.h5 --json
    expect '"evaluations":{"mean":12,"most":12}' '"evaluations":12,"most_evaluations":12}'
    run flowctl logprob c.h5 test.csv
    expect "12.0 evaluations a solve"
    run flowctl logprob c.h5 test.csv --json
    expect '"evaluations":{"mean":12,"most":12}'
    run flowctl invert c.h5 test.csv -o z.csv
    expect "12.0 evaluations a solve"
    run flowctl invert c.h5 z.csv --to data --json
    expect '"evaluations":{"mean":12,"most":12}'
    run --separate-stderr flowctl train spec.json
    expect_not evaluations
    run --separate-stderr flowctl info model.h5
    expect_not evaluations
}

@test "rows of a table are images if the spec says so, and the model file says it" {
    enter_folder
    awk 'BEGIN {
        srand(4); OFS = ","; print "a,b,c,d"; for (i = 0; i < 300; i++) print rand(), rand(), rand(), rand()
    }' >four.csv
    cat >four.json <<JSON
{ "data": "four.csv", "image": [2, 1, 2], "flow": ["standardize", { "type": "coupling", "repeat": 2, "hidden": [4] }],
  "train": { "epochs": 1 } }
JSON
    run flowctl train four.json
    expect_status 0
    expect "the rows are images of height 2, width 1 and 2 channels"
    run flowctl info four.h5 --json
    expect '"image":{"shape":[2,1,2],"layout":"auto"}'
    run flowctl train four.json --resume --set train.epochs=2 --set image.layout=hwc
    expect_status 0
    run flowctl train four.json --force --set image=[2,1,3]
    expect_status 1
    expect "four.csv: has 4 columns of data, and an image of 2 x 1 x 3 (height, width, channels) has 6 values"
    run flowctl train four.json --resume --set image=null
    expect_status 2
    expect "image is an object in the model, null in the spec"
    # stored as channels, height, width: the model has the order of an image
    run flowctl train four.json --force --set image.layout=chw
    expect_status 0
    expect "stored as channels, height, width"
    run flowctl info four.h5
    expect "a, c, b, d"
    flowctl logprob four.h5 four.csv -o by-name.csv -q
    sed 1d four.csv >bare.csv
    flowctl logprob four.h5 bare.csv -o by-place.csv -q
    same by-name.csv by-place.csv
}
