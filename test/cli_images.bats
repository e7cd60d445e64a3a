#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Models of images on the command line: bits per dimension, the least likely images, walks, temperatures.

load cli_helper

# make_image_rows ROWS SEED >FILE: images of height 2, width 3 and one channel, whole numbers, 0 and 255 among them
make_image_rows() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            level = int(4 * rand())
            for (k = 0; k < 6; k++) {
                value = int(70 * level + 9 * k + 20 * (rand() + rand() - 1))
                printf("%s%d", (k > 0 ? "," : ""), (value < 0 ? 0 : (value > 255 ? 255 : value)))
            }
            print ""
        }
    }'
}

setup_file() {
    local project=$BATS_FILE_TMPDIR/project
    mkdir -p "$project"
    make_image_rows 300 1 >"$project/train.csv"
    make_image_rows 80 2 >"$project/validation.csv"
    make_image_rows 60 3 >"$project/test.csv"
    cat >"$project/spec.json" <<JSON
{
  "data": { "train": "train.csv", "validation": "validation.csv", "test": "test.csv" },
  "image": [2, 3, 1],
  "flow": [ "pixels", "actnorm", { "type": "coupling", "mask": "checkerboard", "hidden": [8, 8] } ],
  "train": { "epochs": 3, "batch": 50 },
  "output": "model.h5"
}
JSON
    (cd "$project" && "$FLOWCTL" train spec.json 2>log.txt >out.txt)
}

setup() {
    enter_folder
}

# are_bits BITS NATS: of 6 dimensions
are_bits() {
    awk -v bits="$1" -v nats="$2" 'BEGIN { e = bits * 6 * log(2) / nats - 1; exit !(e * e < 1e-18) }'
}

@test "training shows bits per dimension, and nats beside them at the end" {
    grep -Eq 'epoch 3/3  training [0-9.]+  validation [0-9.]+ \+- [0-9.]+ bits/dim ' log.txt
    grep -Eq '^  validation +-[0-9.]+ \+- [0-9.]+ nats, [0-9.]+ \+- [0-9.]+ bits per dimension \(80 rows\)$' out.txt
    grep -Eq '^  test +-[0-9.]+ \+- [0-9.]+ nats, [0-9.]+ \+- [0-9.]+ bits per dimension \(60 rows\)$' out.txt
    run flowctl train spec.json --force --set train.epochs=1 --set data.validation=null
    expect_status 0
    grep -Eq 'epoch 1/1  training [0-9.]+ bits/dim  rate' <<<"$output"
}

@test "info has the bits of the held-out rows and of each epoch" {
    run flowctl info model.h5
    expect_status 0
    expect "bits per dimension" "validation, bits/dim"
    run --separate-stderr flowctl info model.h5 --json
    expect_json validation_bits_per_dimension_error
    summary=$(grep -o '"validation":{[^}]*}' <<<"$output")
    nats=$(json_number mean <<<"$summary")
    are_bits "$(json_number bits_per_dimension <<<"$summary")" "${nats#-}"
    are_bits "$(json_number bits_per_dimension_error <<<"$summary")" "$(json_number standard_error <<<"$summary")"
    last=$(grep -o '"epoch":3,[^}]*}' <<<"$output")
    for name in training validation; do
        nats=$(json_number $name <<<"$last")
        are_bits "$(json_number ${name}_bits_per_dimension <<<"$last")" "${nats#-}"
    done
}

@test "logprob gives the error of the bits, and the bits of the least likely images" {
    run --separate-stderr flowctl logprob model.h5 test.csv --json
    expect_status 0
    expect_json mean bits_per_dimension bits_per_dimension_error worst
    [ "$(grep -o '"bits_per_dimension":' <<<"$output" | wc -l)" -eq 6 ]
    are_bits "$(json_number bits_per_dimension_error <<<"$output")" "$(json_number standard_error <<<"$output")"
    worst=$(grep -o '"worst":\[{[^}]*}' <<<"$output")
    nats=$(json_number logprob <<<"$worst")
    are_bits "$(json_number bits_per_dimension <<<"$worst")" "${nats#-}"
    run flowctl logprob model.h5 test.csv
    grep -Eq '^bits per dimension +[0-9.]+ \+- [0-9.]+$' <<<"$output"
    grep -Eq '^least likely rows +-[0-9.]+ \([0-9.]+ bits per dimension\) at row [0-9]+$' <<<"$output"
}

@test "logprob --picture writes the least likely images in the order in which they are named" {
    mkdir worst
    run --separate-stderr flowctl logprob model.h5 test.csv --worst 4 --picture worst/%d.png --json
    expect_status 0
    [ "$(grep -o '"picture":"[^"]*"' <<<"$output")" = '"picture":"worst/%d.png"' ]
    # each file is an image of the data: its log-density is that of the row
    grep -o '"logprob":[^,]*' <<<"$output" | cut -d: -f2 >named
    flowctl logprob model.h5 worst -q -o shown.csv >summary.txt
    tail -n +2 shown.csv | paste - named |
        awk '{ e = $1 - $2; n++; bad += e * e > 1e-12 } END { exit !(n == 4 && bad == 0) }'
    run flowctl logprob model.h5 test.csv --picture sheet.png
    expect_status 0
    expect "shown in sheet.png"
    run flowctl info sheet.png
    expect "height 14, width 12" # five with margins: two in a line, and three lines
}

@test "logprob --picture refuses tables, names of other files, and the data" {
    flowctl train spec.json -q -o table.h5 --set image=null --set flow[2].mask=half
    run flowctl logprob table.h5 test.csv --picture sheet.png
    expect_status 2
    expect "--picture: the rows of table.h5 are no images"
    run flowctl logprob model.h5 test.csv --picture sheet.csv
    expect_status 2
    expect "--picture sheet.csv" ".png"
    run flowctl logprob model.h5 test.csv --picture sheet.png --worst 0
    expect_status 2
    flowctl logprob model.h5 test.csv -q --worst 1 --picture one-%d.png >rows.txt
    run flowctl logprob model.h5 one-0.png --picture one-0.png
    expect_status 1
    expect "--picture one-0.png: this file holds the data that are read"
}

@test "a walk between two images is a line of a sheet, and its ends are the images, each value" {
    run --separate-stderr flowctl interpolate model.h5 test.csv --rows 2,7 -n 5 -o walk.png
    expect_status 0
    run flowctl info walk.png
    expect "height 6, width 27"
    flowctl interpolate model.h5 test.csv --rows 2,7 -n 40 -q -o walk.png # three lines of up to 16
    run flowctl info walk.png
    expect "height 14, width 82"
    flowctl interpolate model.h5 test.csv --rows 2,7 -n 5 -q -o walk.csv
    sed -n '2p;6p' walk.csv >ends
    sed -n '2p;7p' test.csv >rows
    same ends rows
}

@test "images in HDF5 keep their shape, and are read back as they were written" {
    run flowctl sample model.h5 -n 40 --seed 5 -o images.h5
    expect_status 0
    run flowctl info images.h5
    expect_status 0
    expect "images of height 2, width 3 and 1 channel"
    flowctl sample model.h5 -n 40 --seed 5 -o table.csv
    flowctl logprob model.h5 images.h5 -o a.csv
    flowctl logprob model.h5 table.csv -o b.csv
    cmp a.csv b.csv
    # a column more is a dataset beside them
    run flowctl sample model.h5 -n 40 --seed 5 --logprob -o both.h5:/draws
    expect_status 0
    flowctl logprob model.h5 both.h5:/draws -o c.csv
    cmp a.csv c.csv
    run flowctl info both.h5
    expect_status 0
    expect "(40, 2, 3, 1)" "/draws_logprob  (40)"
    # which goes when the images are written anew
    flowctl sample model.h5 -n 30 --logprob -q -o both.h5:/draws
    run flowctl info both.h5
    expect_status 0
    expect "/draws_logprob  (30)"
}

@test "samples at a low temperature are nearer to each other" {
    spread=()
    for temperature in 1 0.7 0; do
        flowctl sample model.h5 -n 500 --temperature $temperature -q -o samples.csv
        spread+=("$(awk -F, 'NR > 1 { n++; s += $1; q += $1 * $1 } END { print q / n - s * s / n / n }' samples.csv)")
    done
    is_below "${spread[1]}" "${spread[0]}"
    [ "${spread[2]}" = 0 ]
    run --separate-stderr flowctl sample model.h5 -n 16 --temperature 0.7 -o samples.png
    expect_status 0
}

@test "tables have nats in their lines of progress, whatever their values" {
    run flowctl train spec.json -o table.h5 --set image=null --set flow[2].mask=half
    expect_status 0
    expect_not bits
    run --separate-stderr flowctl logprob table.h5 test.csv --json
    expect_json bits_per_dimension
    expect_not bits_per_dimension_error
}

@test "images of 8 bits without the map of pixels are told of it" {
    run flowctl train spec.json -o plain.h5 --set 'flow=["actnorm"]' --set train.epochs=1
    expect_status 0
    expect "many images have the same value" 'let the flow begin with "pixels"'
    awk -F, '{ print $1 "," $2 "," $3 "," $4 "," $5 ",0" }' train.csv >black.csv
    run flowctl train spec.json -o plain.h5 --force --data black.csv --set 'flow=["actnorm"]'
    expect_status 1
    expect 'the column "x6" has the value 0 in every row' 'for images of 8 bits, let the flow begin with "pixels"'
    run flowctl train spec.json -o black.h5 --data black.csv --set train.epochs=1
    expect_status 0
}

# The floor of each value in a CSV file to a multiple of $1.
floored() {
    awk -F, -v step="$1" 'NR > 1 { for (i = 1; i <= NF; i++) printf "%d%s", $i - $i % step, i < NF ? "," : "\n" }' "$2"
}

@test "invert there and back gives every pixel, whatever the map and the levels" {
    { printf 'x1,x2,x3,x4,x5,x6\n'; cat test.csv; } >pixels.csv
    for map in logit scale; do
        for levels in 256 32; do
            flowctl train spec.json -q -o m.h5 --force --set train.epochs=1 --set "flow[0].map=\"$map\"" \
                --set "flow[0].levels=$levels"
            run flowctl invert m.h5 test.csv -o latent.csv
            expect_status 0
            expect "largest round-trip error 0.0e+00 standard deviations"
            flowctl invert m.h5 latent.csv --to data -q -o back.csv
            same <(tail -n +2 back.csv) <(floored $((256 / levels)) pixels.csv)
        done
    done
}

# same_densities A B: two models of bars and discs, A.h5 and B.h5, give the same log-densities, to the last digit
same_densities() {
    local model
    for model in "$1" "$2"; do
        flowctl logprob "$model.h5" "$root/data/bars_discs.h5:/test" -q -o "$model.csv" >/dev/null
    done
    same "$1.csv" "$2.csv"
}

# A small flow of images of 12 x 12 pixels, given their class.
bars=(train "$root/configs/bars-discs.json" -q --set train.epochs=2 --set train.schedule=constant
      --set 'flow[1].hidden=[8,8]' --set 'flow[1].steps=1')

@test "resuming, threads and memory of images: the same bits" {
    local flows=(
        '{"type":"glow","levels":2,"steps":1,"hidden":[4,4]}'
        '{"type":"realnvp","levels":2,"steps":1,"hidden":[4]}'
        '{"type":"glow","levels":1,"steps":1,"hidden":[4],"univariate":"rational_quadratic"}'
        '"squeeze",{"type":"coupling","conditioner":{"type":"resnet","hidden":4,"blocks":1}}'
        '{"type":"coupling","repeat":2,"mask":"checkerboard","hidden":[4],"univariate":"mixture"}'
    )
    for flow in "${flows[@]}"; do
        options=(--set "flow=[\"pixels\",$flow]" --set data.flip=true --set train.ema=0.9)
        flowctl "${bars[@]}" "${options[@]}" -o whole.h5 --force -j 1
        flowctl "${bars[@]}" "${options[@]}" -o parts.h5 --force -j 3 --set train.memory=0.0001 --set train.epochs=1
        flowctl "${bars[@]}" "${options[@]}" -o parts.h5 --resume -j 2 --set train.memory=0.0001
        same_densities whole parts
    done
}

@test "training on images is stopped and killed, and goes on as if it had not been" {
    for signal in TERM:143 KILL:137; do
        rm -f parts.h5
        "$FLOWCTL" "${bars[@]}" -o parts.h5 --set train.epochs=100000 --set train.patience=0 2>log.txt &
        pid=$!
        for _ in $(seq 500); do
            [ ! -s parts.h5 ] || break
            sleep 0.02
        done
        sleep 0.1
        kill -s ${signal%:*} $pid
        ended=0
        wait $pid || ended=$?
        [ $ended -eq "${signal#*:}" ]
        epochs=$(($(flowctl info parts.h5 --json | json_number epochs) + 1))
        flowctl "${bars[@]}" -o parts.h5 --set train.epochs=$epochs --set train.patience=0 --resume
        flowctl "${bars[@]}" -o whole.h5 --set train.epochs=$epochs --set train.patience=0 --force
        same_densities whole parts
    done
}

@test "images that do not fit into memory: any number of threads, the same model" {
    unlabelled=("${bars[@]}" --set data.context=null --set train.epochs=1)
    flowctl "${unlabelled[@]}" -o m.h5
    flowctl sample m.h5 -n 2000 -q -o large.h5 # 2.3 MB
    for run in "1 0.001" "3 0.001" "3 1"; do
        read -r threads memory <<<"$run"
        flowctl "${unlabelled[@]}" --data large.h5 -o m.h5 --force -j "$threads" --set "data.memory=$memory"
        flowctl logprob m.h5 large.h5 -q -o "$threads-$memory.csv" >/dev/null
    done
    same 1-0.001.csv 3-0.001.csv
    differ 3-0.001.csv 3-1.csv # the order does depend on the memory, so that they were not held
}

@test "samples of images that hardly learned anything come back, too" {
    flowctl "${bars[@]}" -o m.h5 --set train.epochs=1
    run flowctl sample m.h5 --given label=1 -n 2000 --temperature 4 -o wide.h5
    expect_status 0
    expect_not warning
    flowctl sample m.h5 --given label=1 -n 100 -q -o samples.csv
    flowctl invert m.h5 samples.csv -q -o latent.csv
    flowctl invert m.h5 latent.csv --to data -q -o back.csv
    same samples.csv back.csv
}

@test "behind noise of its own each value of a draw comes back, though its latent does not" {
    flowctl "${bars[@]}" -o m.h5 --set train.epochs=1 --set \
        'flow=[{"type":"pixels","alpha":1e-4},"dequantise",{"type":"glow","levels":2,"steps":2,"hidden":[8]}]'
    run flowctl sample m.h5 --given label=1 -n 500 -o draws.h5
    expect_status 0
    expect_not warning
    expect "largest round-trip error 0.0e+00"
    run flowctl interpolate m.h5 "$root/data/bars_discs.h5:/test" --rows 1,2 -n 40 -o walk.h5
    expect_status 0
    expect_not warning
    expect "largest round-trip error 0.0e+00"
}

@test "docs/examples/classify.sh: a classifier by Bayes' rule" {
    flowctl train "$root/configs/bars-discs.json" -q -o m.h5 --set train.epochs=6
    run --separate-stderr "$root/docs/examples/classify.sh" m.h5 "$root/data/bars_discs.h5:/test" 2
    expect_status 0
    [ "${lines[0]}" = class,probability ]
    [ ${#lines[@]} -eq 501 ]
    right=$(awk '{ print $1 }' <<<"$stderr")
    expect "$right of 500 rows right"
    [ "$right" -ge 450 ]
    # what the priors exclude is never chosen; data without labels are classified, too
    "$root/docs/examples/classify.sh" m.h5 "$root/data/bars_discs.h5:/test" 2 0,1 2>/dev/null |
        tail -n +2 | sort -u >one
    [ "$(cat one)" = 1,1 ]
    flowctl sample m.h5 --given label=0 -n 4 -q -o "bar-%d.png"
    # images in HDF5 have their labels beside them, as data for the model should
    flowctl sample m.h5 --given label=1 -n 4 -q -o drawn.h5:/discs
    flowctl logprob m.h5 drawn.h5:/discs -q -o read.csv
    flowctl logprob m.h5 drawn.h5:/discs --given label=1 -q -o typed.csv
    cmp read.csv typed.csv
    run --separate-stderr "$root/docs/examples/classify.sh" m.h5 bar-0.png 2
    expect_status 0
    [ ${#lines[@]} -eq 2 ]
    [ -z "$stderr" ]
    run --separate-stderr "$root/docs/examples/classify.sh" m.h5 nowhere.h5 2
    expect_status 1
    expect "nowhere.h5"
}

@test "sample --given takes the labels beside images" {
    flowctl "${bars[@]}" --set train.epochs=1 -o m.h5
    printf 'label\n0\n1\n1\n' >labels.csv
    flowctl sample m.h5 --given labels.csv -q -o some.h5:/drawn
    flowctl sample m.h5 --given labels.csv -n 2 --seed 5 -q -o of_table.csv
    flowctl sample m.h5 --given some.h5:/drawn -n 2 --seed 5 -q -o of_images.csv
    cmp of_table.csv of_images.csv
}
