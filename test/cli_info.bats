#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# info and check; the presets and the schema in configs/

load cli_helper

setup_file() {
    make_model
}

setup() {
    enter_folder
}

@test "info of a model: data, likelihoods, layers, history, provenance" {
    run flowctl info model.h5
    expect_status 0
    expect "columns       x, y" train.csv "400 rows" validation " nats" 0.standardize 1.maf 2.maf total epoch \
        "train spec.json --quiet"
    run --separate-stderr flowctl info model.h5 --json
    expect_status 0
    expect_json kind columns parameters layers summary provenance spec history checksum
}

@test "info --history shows every epoch" {
    flowctl train spec.json -q -o long.h5 --set train.epochs=13 --set train.patience=0
    [ "$(flowctl info long.h5 | grep -cE '^ +[0-9]+ +-?[0-9.]+ ')" -eq 10 ]
    [ "$(flowctl info long.h5 --history | grep -cE '^ +[0-9]+ +-?[0-9.]+ ')" -eq 13 ]
}

@test "a base with parameters is trained, saved, described and sampled" {
    flowctl train spec.json -q -o based.h5 --set 'base={"type": "mixture", "components": 3}'
    run flowctl info based.h5
    expect_status 0
    expect " base  " "base: mixture in 2 dimensions"
    [[ $(grep -E '^ +base ' <<<"$output") =~ base\ +15\ +0 ]]
    run flowctl sample based.h5 -n 100 -o samples.csv
    expect_status 0
    expect "round-trip error"
    flowctl logprob based.h5 samples.csv -q -o logp.csv
    [ "$(wc -l <logp.csv)" -eq 101 ]
    flowctl train spec.json -q -o normal.h5 --set base=normal # which has none
    run flowctl info normal.h5
    [[ $output != *" base  "* ]]
}

@test "info of a spec: layers and numbers of parameters" {
    run flowctl info spec.json
    expect_status 0
    expect train.csv 1.maf total "model.h5"
    run --separate-stderr flowctl info spec.json --json
    expect_status 0
    expect_json kind spec parameters layers dimensions
    echo '{ "flow": [ { "type": "maf", "hidden": [8] } ] }' >bare.json
    run flowctl info bare.json --dim 3
    expect_status 0
    expect "3 dimensions"
    echo '{ "flow": [ { "type": "coupling", "hidden": [8] } ] }' >bare.json
    run flowctl info bare.json --dim 2
    expect "8x1, 2x8"
}

@test "info and check show composites, and indent the blocks within" {
    echo '{ "flow": [ { "type": "split", "keep": 2, "flow": [
        { "type": "repeat", "times": 2, "flow": [ { "type": "maf", "hidden": [8], "repeat": 1 } ] } ] },
        "actnorm" ] }' >within.json
    for name in info check; do
        run flowctl "$name" within.json --dim 3
        expect_status 0
        expect "2 of 3 dimensions go on"
        [[ $output == *$'\n  split '*$'\n    repeat '*$'\n      0.maf '*$'\n      1.maf '*$'\n  2.actnorm '* ]]
        run --separate-stderr flowctl "$name" within.json --dim 3 --json
        expect '{"name":"split","parameters":0,"fitted":0,"depth":0,"dimensions":2},{"name":"repeat",' \
            '"name":"1.maf","parameters":36,"fitted":2,"depth":2}' \
            '"name":"2.actnorm","parameters":6,"fitted":1,"depth":0'
    done
}

@test "check and train warn of networks that have no inputs" {
    seq 1 400 | awk 'BEGIN { print "x" } { print sin($1) }' >one.csv
    echo '{ "data": { "train": "one.csv" }, "train": { "epochs": 1 },
        "flow": [ { "type": "nsf", "repeat": 2, "hidden": [8] } ] }' >one.json
    run flowctl check one.json
    expect_status 0
    expect "warning: 0.nsf (and 1 more): on one dimension" '"hidden": [] gives'
    [[ $output != *'"split"'* ]]
    run flowctl train one.json
    expect_status 0
    expect "0.nsf (and 1 more): on one dimension"
    run flowctl train one.json --force --set 'flow[0].hidden=[]'
    expect_status 0
    [[ $output != *"on one dimension"* ]]
    for type in maf iaf; do
        run flowctl check one.json --set "flow=[{\"type\": \"$type\", \"hidden\": [8]}]"
        expect_status 0
        expect "warning: 0.$type" ": on one dimension"
        run flowctl check one.json --set "flow=[{\"type\": \"$type\", \"hidden\": []}]"
        [[ $output != *"on one dimension"* ]]
    done
    echo '{ "flow": [ "realnvp", { "type": "split", "keep": 1, "flow": [ { "type": "coupling" } ] } ] }' >kept.json
    run flowctl check kept.json --dim 2
    expect "8.coupling: on one dimension" 'a "split" that keeps 2 dimensions or more'
    run flowctl check kept.json --dim 2 --set 'data.context=["c"]'
    expect_status 0
    [[ $output != *"on one dimension"* ]]
}

@test "info of data: rows, ranges, what cannot be used and what is tied" {
    run flowctl info train.csv
    expect_status 0
    expect "400 rows" "2 columns" least most mean deviation tied
    printf '1,nan\n2,\n' >>train.csv
    run flowctl info train.csv
    expect_status 0
    expect "2 more rows cannot be used" 401 invalid
    run --separate-stderr flowctl info train.csv --json
    expect_status 0
    expect_json kind rows invalid_rows columns checksum
    [ "$(json_number rows <<<"$output")" = 400 ]
    [ "$(json_number invalid_rows <<<"$output")" = 2 ]
    run flowctl info - <test.csv
    expect_status 0
    expect "100 rows"
}

@test "info of data with columns that hold no numbers tells the others" {
    awk -F, -v OFS=, '{ print NR == 1 ? "name" : "n" NR, $0 }' train.csv >named.csv
    run flowctl info named.csv
    expect_status 0
    expect "400 rows, 2 columns" "name  holds no numbers"
    run --separate-stderr flowctl info named.csv --json
    expect_status 0
    expect '"without_numbers":["name"]'
    run flowctl info named.csv --columns y
    expect_status 0
    expect "400 rows, 1 column"
    run flowctl info named.csv --columns name
    expect_status 1
    expect 'no row can be used, 400 were dropped' '"n2" is not a number'
    run flowctl info named.csv --columns y,z
    expect_status 1
    expect 'there is no column "z"'
}

# A table with an oddity in each column but x.
make_odd_csv() {
    awk 'BEGIN {
        srand(7)
        print "row,zero,almost,x,fahrenheit,copy,jets,rounded,rain,phi,mass,hot,flag,kind,temperature,glitch"
        for (i = 0; i < 2000; i++) {
            x = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand())
            y = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand())
            cauchy = sin(3.14159265 * (rand() - 0.5)) / cos(3.14159265 * (rand() - 0.5))
            printf "%d,0,%d,%.9f,%.9f,%.9f,%d,%.2f,%.9f,%.9f,%.6e,%.9f,%d,%d,%.9f,%.9f\n", i, i == 99 ? 5 : 7, x, \
                32 + 1.8 * x, x, 30 * rand(), y, i % 2 ? 0 : -log(1 - rand()), 360 * rand(), \
                exp(23 * rand() - 11), cauchy, rand() < 0.4, 3 * rand(), i % 50 ? 15 + 8 * y : -999, \
                i == 1233 ? 1e7 : rand() - 0.5
        }
    }'
}

@test "info tells what is worth knowing about columns, and what to do" {
    make_odd_csv >odd.csv
    run flowctl info odd.csv
    expect_status 0
    expect "the same value in every row: zero" "nearly constant: almost (7 in all rows but 1)" \
        "numbers of the rows: row" "copies of other columns: copy (= x)" "fahrenheit (= 32 + 1.8 x)" \
        "whole or rounded numbers: jets (steps of 1); rounded (steps of 0.01)" \
        '{"type": "support", "columns": {"jets": {"discrete": true, "lower": 0}' \
        "rain (0 in 50% of the rows)" '{"rain": {"spikes": [0], "lower": 0}}' \
        "angles?: phi (0 to 360)" '{"phi": {"periodic": 360, "lower": 0}}' \
        "decades: mass" "heavy tails: hot" "two values: flag (0 and 1)" "classes: kind (3 of them)" \
        "temperature (-999 in 40 rows, first in row 1)" "glitch (10000000 in row 1234)" data.columns data.skip_invalid \
        '"asinh"'
    [ "$(sed -n '/Worth knowing/,$p' <<<"$output" | wc -l)" -le 50 ]
    flowctl info odd.csv --columns x,phi >some.txt
    grep -q phi some.txt
    run cat some.txt
    expect_not fahrenheit zero
    run --separate-stderr flowctl info odd.csv --json
    expect_status 0
    expect_json findings
    expect '"kind":"row_number","column":"row","value":0,"rows":2000,"share":1,"step":1}' \
        '"kind":"code","column":"temperature","value":-999,"rows":40,"share":0.02,"row":1}' \
        '"kind":"linear","column":"fahrenheit","rows":2000,"share":1,"offset":3' '"terms":[{"column":"x","factor":1.'
    run flowctl info train.csv # nothing is odd about it
    expect_status 0
    expect_not "Worth knowing"
}

@test "the remedies that info names are taken by train" {
    make_odd_csv >odd.csv
    echo '{ "data": { "train": "odd.csv",
                      "columns": ["x", "jets", "rounded", "rain", "phi", "mass", "hot", "flag", "kind", "glitch"] },
            "flow": [ { "type": "support", "columns": {' >remedy.json
    flowctl info odd.csv --json | grep -oE '"kind":"[a-z]+","column":"(jets|rounded|rain|flag|kind|phi)"' |
        grep -c . >found.txt
    [ "$(cat found.txt)" -eq 7 ] # rain has a spike and a bound
    for column in jets rounded rain flag kind phi; do
        rule=$(flowctl info odd.csv --columns "$column" | grep -oE "\"$column\": \{[^}]*\}")
        printf '%s%s\n' "${rule}" "$([ $column = phi ] || echo ,)" >>remedy.json
    done
    echo '} }, "asinh", { "type": "maf", "repeat": 1, "hidden": [8] } ], "train": { "epochs": 1 } }' >>remedy.json
    run flowctl train remedy.json
    expect_status 0
    expect_not warning "the same value"
}

@test "info of a file with several tables lists them" {
    run flowctl info "$root/data/two_moons.h5"
    expect_status 0
    expect "HDF5 with 3 tables" "/train       (10000, 2)" "two_moons.h5:/train"
    run --separate-stderr flowctl info "$root/data/two_moons.h5" --json
    expect_status 0
    expect '{"path":"/test","size":"(2000, 2)"}'
    run flowctl logprob model.h5 "$root/data/two_moons.h5"
    expect_status 1
    expect "holds several tables" /validation
}

@test "info of what it cannot read exits with 1" {
    run flowctl info nowhere.csv
    expect_status 1
    expect nowhere.csv
    run flowctl info .
    expect_status 1
}

@test "check accepts a good spec and shows its layers" {
    run flowctl check spec.json
    expect_status 0
    expect "spec.json: ok" 1.maf total
    run --separate-stderr flowctl check spec.json --json
    expect_status 0
    expect_json spec ok parameters layers
}

@test "check names the path of what is wrong, and the nearest known word" {
    run flowctl check spec.json --set 'flow[1].hiden=[8]'
    expect_status 2
    expect spec.json 'flow[1]' '"hiden"' '"hidden"'
    run flowctl check spec.json --set 'flow[1].type=matf'
    expect_status 2
    expect '"maf"'
    run flowctl check spec.json --set train.batch=0
    expect_status 2
    expect train.batch
    run flowctl check spec.json --set 'train.optimizer={"type":"adamm"}'
    expect_status 2
    expect adam
    run flowctl check spec.json --set data.shuffle=true
    expect_status 2
    expect data '"shuffle"'
    printf ' \n' >empty.json
    run flowctl check empty.json
    expect_status 2
    expect "empty.json: is empty"
    printf '{\n  "flow": [],\n  "seed" 3\n}\n' >broken.json
    run flowctl check broken.json
    expect_status 2
    expect broken.json:3:
}

@test "check reads standard input" {
    run flowctl check - --dim 2 <spec.json
    expect_status 0
}

@test "check --resolved fills in every default, and the result checks and trains the same" {
    flowctl check spec.json --resolved >resolved.json
    grep -q '"patience"' resolved.json
    grep -q '"activation"' resolved.json
    run flowctl check resolved.json
    expect_status 0
    flowctl train resolved.json -q -o other.h5
    flowctl logprob model.h5 test.csv -q -o a.csv
    flowctl logprob other.h5 test.csv -q -o b.csv
    same a.csv b.csv
}

@test "a bare name stands for a map with its defaults, and the schema allows it" {
    echo '{ "flow": ["standardize", "maf"], "train": { "schedule": "cosine" } }' >short.json
    flowctl check short.json --dim 3 --set flow[1].repeat=2 --set train.schedule.warmup=9 --resolved >resolved.json
    grep -q '"repeat":.2' resolved.json
    grep -q '"warmup":.9' resolved.json
    grep -q '"enum":.\["standardize", .*"maf"' "$root/configs/schema.json"
    flowctl check short.json --dim 3 --set train.optimizer.rate=0.1234567890123456 --resolved | grep 0.1234567890123456
}

@test "--set reaches the keys of what is a word, or not written at all, in groups too" {
    cat >words.json <<'END'
{ "flow": [ "standardize", { "type": "ffjord", "trace": "hutchinson" },
            { "type": "repeat", "times": 2, "flow": [ "maf" ] }, "nsf" ] }
END
    flowctl check words.json --dim 3 --set flow[1].trace.probes=4 --set flow[1].solver.rtol=0.25e-3 \
        --set flow[2].flow[0].hidden=[9] --set flow[3].univariate.bins=17 --resolved >resolved.json
    grep -q '"probes":.4,' resolved.json
    grep -q '"rtol":.0.00025,' resolved.json
    grep -q '"hidden":.\[9\],' resolved.json
    grep -q '"bins":.17,' resolved.json
    grep -q '"tails":.*"bounded"' resolved.json # the rest of the preset's univariate stays
}

@test "data that are not there yet are no mistake of the spec" {
    rm train.csv
    run flowctl check spec.json
    expect_status 0
    expect warning train.csv
}

@test "configs/schema.json is what the program prints" {
    flowctl check --schema >schema.json
    diff -u "$root/configs/schema.json" schema.json
}

@test "every preset passes check" {
    for preset in "$root"/configs/*.json; do
        case $preset in */schema.json) continue ;; esac
        run flowctl check "$preset"
        expect_status 0
        expect ok
    done
}

@test "images: a sheet of a model's samples, files of them, and these files as data" {
    enter_folder
    train_single_pixels
    run flowctl sample three.h5 -n 9 -o sheet.png
    expect_status 0
    expect "9 rows, seed 1" "written to sheet.png"
    run flowctl info sheet.png
    expect_status 0
    expect "images of height 11, width 11 and 3 channels, as bytes"
    mkdir few
    run flowctl sample three.h5 -n 3 --first 10 -o 'few/%03d.png'
    expect_status 0
    [ "$(ls few)" = "010.png
011.png
012.png" ]
    run flowctl info few --picture shown.png
    expect_status 0
    expect "few: 3 rows, 3 columns without names" "images of height 1, width 1 and 3 channels, as bytes" \
        "the first of them are shown in shown.png"
    [ -s shown.png ]
    run flowctl info few --json
    expect '"image":{"height":1,"width":1,"channels":3},"type":"bytes"'
    run flowctl logprob three.h5 few
    expect_status 0
    expect "rows                  3"
    run flowctl train three.json --data few --validation few -o few.h5
    expect_status 0
    expect "3 rows of 3 columns" "the rows are images of height 1, width 1 and 3 channels"
}

@test "what is not an image is not shown" {
    run flowctl info train.csv --picture x.png
    expect_status 2
    expect "--picture: the rows of train.csv are no images"
    run flowctl info model.h5 --picture x.png
    expect_status 2
    expect "--picture shows data, and model.h5 holds none"
    run flowctl sample model.h5 -n 2 -o x.png
    expect_status 2
    expect "x.png: the rows are no images; name a CSV or HDF5 file"
    run flowctl info . --picture x.png
    expect_status 1
    expect "is a folder without PNG files"
    [ ! -e x.png ]
}

@test "control characters in a file do not reach the terminal" {
    printf 'a\033[31mred,b\n1,2\n3,4.5\n' >escape.csv
    run flowctl info escape.csv
    expect_status 0
    expect 'a?[31mred'
    run flowctl train spec.json -d escape.csv -o escape.h5 --columns nothing
    expect_status 1
    [[ $output != *$'\033'* ]]
    run flowctl info $'no\033[2Jfile.csv'
    expect_status 1
    expect 'no?[2Jfile.csv: there is no such file'
}
