#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# flowctl plot: each kind, on the terminal and by gnuplot

load cli_helper

setup_file() {
    make_model
    cd "$BATS_FILE_TMPDIR/project" || return
    "$FLOWCTL" train spec.json -q --set train.epochs=1 -o other.h5
    # weights, a context, an outlier, a lattice, a value of many rows, a period
    awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
        BEGIN {
            srand(5); print "x,count,rain,angle,given,w"
            for (i = 0; i < 600; i++) {
                g = 2 * rand(); x = normal() + g
                printf "%.5f,%d,%.5f,%.5f,%.4f,%.3f\n", i == 7 ? 1e7 : x, int(5 * rand()),
                    rand() < 0.4 ? 0 : exp(normal()), 6.283185 * rand(), g, 0.5 + rand()
            }
        }' >odd.csv
    cat >odd.json <<'JSON'
{ "data": { "train": "odd.csv", "validation": 0.2, "context": ["given"], "weight": "w" },
  "flow": [ { "type": "support", "columns": { "count": { "discrete": true },
                "rain": { "lower": 0, "spikes": [0] }, "angle": { "periodic": 6.2831853071795865 } } },
            "asinh", "standardize", { "type": "nsf_ar", "repeat": 1, "hidden": [8] } ],
  "train": { "epochs": 1 } }
JSON
    "$FLOWCTL" train odd.json -q
    "$FLOWCTL" train odd.json -q -o one.h5 --set 'data.columns=["x"]' --set 'flow=["standardize","maf"]'
}

setup() {
    enter_folder
}

need_gnuplot() {
    command -v gnuplot >/dev/null || skip "gnuplot is missing: scripts/setup.sh installs it"
}

# is_picture FILE: by its first bytes
is_picture() {
    case $1 in
        *.png) [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] ;;
        *.svg) head -c 200 "$1" | grep -q '<svg\|<?xml' ;;
        *.pdf) [ "$(head -c 4 "$1")" = %PDF ] ;;
    esac
}

# Nothing but the files of the test is in the folder: no temporary file.
no_leftovers() {
    [ -z "$(find . -name '.*.tmp' -o -name 'gnuplot*')" ]
}

@test "a corner plot on the terminal: the default with data" {
    LC_ALL=C.UTF-8 run flowctl plot model.h5 test.csv
    expect_status 0
    expect 'model against data' 'data: 100 rows' 'model: 50,000 draws' '░' '•' '└'
    expect 'Contours hold 39.3, 86.5 and 98.9 %'
    [ "$(wc -L <<<"$output")" -le 82 ]
    # without UTF-8 all is ASCII
    LC_ALL=C run flowctl plot model.h5 test.csv
    expect_status 0
    expect 'data: 100 rows'
    [ -z "$(tr -d ' -~\n' <<<"$output")" ]
    # a program that reads gets no colours
    expect_not $'\033'
}

@test "a value of many rows that is far off the axis is named" {
    awk -F, -v OFS=, 'NR > 1 && NR % 10 == 0 { $2 = -9999 } { print }' test.csv >coded.csv
    LC_ALL=C run flowctl plot model.h5 coded.csv
    expect_status 0
    grep -q "Outside of the axes: .*y = -9999 in 10 % (0 %)" <<<"$(tr '\n' ' ' <<<"$output" | tr -s ' ')"
    expect_not "A line with a share"
}

@test "training curves: the default without data" {
    run flowctl plot model.h5
    expect_status 0
    expect 'training of model' 'held-out' 'best: epoch' 'epoch'
    run flowctl plot model.h5 other.h5
    expect_status 0
    expect 'model, training' 'other, held-out'
    # of models with other columns, too
    run flowctl plot model.h5 odd.h5
    expect_status 0
    expect 'odd, held-out'
}

@test "each kind has the same numbers whatever the number of threads" {
    local kind
    for kind in corner samples map calibration; do
        flowctl plot model.h5 test.csv -k $kind -n 3000 -j 1 >one.txt
        flowctl plot model.h5 test.csv -k $kind -n 3000 -j 3 >three.txt
        same one.txt three.txt
        [ "$(wc -l <one.txt)" -gt 15 ]
    done
    flowctl plot model.h5 test.csv -n 3000 --seed 2 >two.txt
    differ one.txt two.txt
}

@test "pictures in each format, with their scripts" {
    need_gnuplot
    local end
    for end in png svg pdf; do
        run flowctl plot model.h5 test.csv -n 2000 -o picture.$end --script kept.gp
        expect_status 0
        expect "picture.$end: corner, 100 rows, 2,000 draws; script: kept.gp"
        is_picture picture.$end
        mv picture.$end first.$end
        mkdir -p away
        (cd away && gnuplot ../kept.gp) # draws beside itself
        is_picture picture.$end
        [ "$end" = pdf ] || same picture.$end first.$end
        # the same command gives the same bytes
        flowctl plot model.h5 test.csv -n 2000 -o picture.$end -q --force
        same picture.$end first.$end
    done
    no_leftovers
    grep -q '^# ' kept.dat
}

@test "every kind is drawn by gnuplot" {
    need_gnuplot
    local kind
    for kind in corner samples map calibration; do
        flowctl plot model.h5 test.csv -k $kind -n 1500 -q -o $kind.png --size 500x450
        is_picture $kind.png
    done
    flowctl plot model.h5 other.h5 -q -o curves.png
    flowctl plot model.h5 other.h5 test.csv -q -n 1500 -o two.png
    flowctl plot one.h5 -g given=0.5 -g given=1.5 -q -o given.png
    is_picture curves.png && is_picture two.png && is_picture given.png
    no_leftovers
}

@test "columns of all sorts: bars, marks, periods, weights, contexts, one value far out" {
    LC_ALL=C run flowctl plot odd.h5 odd.csv -n 3000 --json
    expect_status 0
    expect_json kind rows draws columns note
    expect '"kind":"corner"' '"rows":600' '"name":"given"' 'x 0.' 'weighed by w' 'many rows have'
    # the value far out does not stretch the axis, and is told
    LC_ALL=C run flowctl plot odd.h5 odd.csv -n 3000 -c x
    expect_status 0
    expect 'Outside of the axes: x 0.'
    expect_not '1e6' '1e7'
    LC_ALL=C run flowctl plot odd.h5 odd.csv -n 3000 -c count
    expect_status 0
    expect 'share of the rows' '####'
    LC_ALL=C run flowctl plot odd.h5 odd.csv -n 3000 -c rain,angle
    expect_status 0
    expect '%'
    need_gnuplot
    run flowctl plot odd.h5 odd.csv -n 3000 -o odd.png -q
    expect_status 0
    is_picture odd.png
}

@test "given contexts: the density of one column itself, draws of several" {
    run flowctl plot one.h5 --given given=0.5 --given given=1.5
    expect_status 0
    expect 'given=0.5' 'given=1.5' 'the density itself'
    run flowctl plot odd.h5 --given given=1 -n 2000 -c x,rain
    expect_status 0
    expect 'odd for given contexts' '2,000 draws'
    run flowctl plot odd.h5 -k map -c x,angle --given given=1
    expect_status 0
    expect 'given = 1'
    run flowctl plot odd.h5 -k map -c x,angle --given given=1 --json
    expect 'a slice through the density'
}

@test "a map at a row of the data" {
    run flowctl plot odd.h5 odd.csv -k map -c x,angle --row 3
    expect_status 0
    expect "count = $(awk -F, 'NR == 4 { print $2 }' odd.csv)"
    run flowctl plot odd.h5 odd.csv -k map -c x,angle --row 601
    expect_status 2
    expect '--row 601' 'has 600 rows'
}

@test "sixty columns: those that differ most, and it says so" {
    awk 'BEGIN { srand(2); for (k = 1; k <= 60; k++) printf "%sc%d", (k > 1 ? "," : ""), k; print ""
        for (i = 0; i < 300; i++) for (k = 1; k <= 60; k++) printf "%.4f%s", rand(), (k < 60 ? "," : "\n") }' >wide.csv
    echo '{ "data": "wide.csv", "flow": ["standardize"], "train": { "epochs": 1 } }' >wide.json
    flowctl train wide.json -q
    run flowctl plot wide.h5 wide.csv -n 1000 --json
    expect_status 0
    [ "$(json_number all_columns <<<"$output")" = 60 ]
    [ "$(grep -o '"name":' <<<"$output" | wc -l)" -le 6 ]
    expect 'in which data and model differ most'
    awk -F, 'BEGIN { OFS = "," } NR > 1 { $33 = $33 + 0.7 } { print }' wide.csv >moved.csv
    run flowctl plot wide.h5 moved.csv -n 1000 --json
    expect '"name":"c33"'
}

@test "images: data above, draws below" {
    train_single_pixels
    run flowctl plot three.h5 three.csv -n 6
    expect_status 0
    expect 'data: the first 6 rows' 'three: 6 draws'
    need_gnuplot
    flowctl plot three.h5 three.csv -o sheet.png -q
    is_picture sheet.png
    run flowctl plot model.h5 test.csv -k sheet
    expect_status 2
    expect 'are no images'
}

@test "data from a pipe, skipped rows, and rows that are read twice" {
    flowctl plot model.h5 test.csv -n 2000 >file.txt
    # shellcheck disable=SC2002
    cat test.csv | flowctl plot model.h5 - -n 2000 >pipe.txt
    diff <(sed 2d file.txt) <(sed 2d pipe.txt)
    (cat test.csv && echo 'nan,1') >gaps.csv
    run flowctl plot model.h5 gaps.csv -n 2000
    expect_status 1
    expect 'row 101'
    run flowctl plot model.h5 gaps.csv -n 2000 --skip-invalid
    expect_status 0
    expect 'data: 100 rows'
    make_csv 70000 9 >many.csv
    run flowctl plot model.h5 many.csv -n 2000 --json
    expect_status 0
    [ "$(json_number rows <<<"$output")" = 70000 ]
    # shellcheck disable=SC2002
    [ "$(cat many.csv | flowctl plot model.h5 - -n 2000 --json | json_number rows)" = 70000 ]
}

@test "hostile names are drawn and not executed" {
    local name="\`touch pwned\` \$(touch pwned) 'y {/=99 z}"
    sed "1s|.*|\"$name\",y|" train.csv >hostile.csv
    mkdir -p "it's"
    cp hostile.csv "it's/\`touch pwned\`.csv"
    echo '{ "data": "hostile.csv", "flow": ["standardize"], "train": { "epochs": 1 } }' >hostile.json
    flowctl train hostile.json -q -o "it's/\`touch pwned\`.h5"
    cd "it's"
    run flowctl plot "./\`touch pwned\`.h5" "./\`touch pwned\`.csv" -n 1000
    expect_status 0
    [ ! -e pwned ]
    need_gnuplot
    run flowctl plot "./\`touch pwned\`.h5" "./\`touch pwned\`.csv" -n 1000 -o "a'\`touch pwned\`.png" \
        --script "b'\`touch pwned\`.gp"
    expect_status 0
    is_picture "a'\`touch pwned\`.png"
    rm "a'\`touch pwned\`.png"
    gnuplot "b'\`touch pwned\`.gp"
    is_picture "a'\`touch pwned\`.png"
    [ ! -e pwned ] && [ ! -e ../pwned ]
}

@test "bad input is named" {
    run flowctl plot model.h5 test.csv -o picture.jpg
    expect_status 2
    expect '-o picture.jpg' '.png, .svg or .pdf'
    run flowctl plot model.h5 test.csv -o test.png --script test.txt
    expect_status 2
    expect '--script test.txt' '.gp'
    run flowctl plot model.h5 test.csv -c x,z
    expect_status 2
    expect '--columns z' 'no such column'
    run flowctl plot model.h5 test.csv -c x,x
    expect_status 2
    expect 'twice'
    run flowctl plot model.h5 test.csv --levels 68,120
    expect_status 2
    expect '--levels' 'between 0 and 100'
    run flowctl plot model.h5 test.csv --size 10x10
    expect_status 2
    expect '--size' '800x600'
    run flowctl plot model.h5 odd.h5 test.csv
    expect_status 2
    expect 'have different columns'
    run flowctl plot model.h5 test.csv --given x=1
    expect_status 2
    expect 'has no context'
    run flowctl plot odd.h5 -k samples -c x,rain
    expect_status 2
    expect 'is conditional on given' '--given given=VALUE'
    run flowctl plot odd.h5 -k given
    expect_status 2
    expect '--given given=VALUE'
    run flowctl plot odd.h5 odd.csv -k corner --given given=1
    expect_status 2
    expect '--given is for'
    run flowctl plot model.h5 -k calibration
    expect_status 2
    expect 'name the data'
    run flowctl plot one.h5 -k map -g given=1
    expect_status 2
    expect 'a map is of two'
    run flowctl plot model.h5 none.csv
    expect_status 1
    expect none.csv
    echo mine >mine.png
    run flowctl plot model.h5 test.csv -o mine.png
    expect_status 1
    expect mine.png
    [ "$(cat mine.png)" = mine ]
}

@test "a missing gnuplot is named with its package, and nothing is left" {
    mkdir empty
    PATH=$PWD/empty run "$FLOWCTL" plot model.h5 test.csv -n 500 -o picture.png
    expect_status 1
    expect 'apt-get install gnuplot-nox' '--text'
    [ ! -e picture.png ]
    no_leftovers
    # one that fails is reported, and the old picture stays
    printf '#!/bin/sh\ncat >/dev/null\necho "line 3: no such terminal" >&2\nexit 1\n' >empty/gnuplot
    printf '#!/bin/sh\nexit 0\n' >empty/quiet
    chmod +x empty/gnuplot empty/quiet
    PATH=$PWD/empty:$PATH run "$FLOWCTL" plot model.h5 test.csv -n 500 -o picture.png
    expect_status 1
    expect 'gnuplot has failed' 'no such terminal'
    [ ! -e picture.png ]
    # --script alone needs no gnuplot
    rm empty/gnuplot
    PATH=$PWD/empty run "$FLOWCTL" plot model.h5 test.csv -n 500 --script only.gp
    expect_status 0
    [ -s only.gp ] && [ -s only.dat ]
}
