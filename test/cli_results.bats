#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# scripts/results.sh: the table of docs/results.md

load cli_helper

setup_file() {
    make_project "$BATS_FILE_TMPDIR/project"
}

setup() {
    enter_folder
    export RESULTS=$PWD/models
}

# cell N <<<ROW: the Nth cell of a row of a Markdown table
cell() {
    awk -F ' *[|] *' -v n="$1" '{ print $(n + 1) }'
}

@test "the table holds what train and logprob say" {
    run --separate-stderr "$root/scripts/results.sh" -j 2 spec.json
    expect_status 0
    [ "${#lines[@]}" -eq 3 ]
    row=${lines[2]}
    flowctl logprob models/spec.h5 test.csv --json >logprob.json
    flowctl info models/spec.h5 --json >info.json
    [ "$(cell 1 <<<"$row")" = spec ]
    [ "$(cell 2 <<<"$row")" = "$(json_number parameters <info.json)" ]
    [ "$(cell 3 <<<"$row")" = "$(printf '%.2f ± %.2f' "$(json_number mean <logprob.json)" \
        "$(json_number standard_error <logprob.json)")" ]
    [ "$(cell 4 <<<"$row")" = "$(printf %.4f "$(json_number bits_per_dimension <logprob.json)")" ]
    [ -z "$(cell 5 <<<"$row")" ] # nothing to solve
    [ "$(cell 6 <<<"$row")" = 3 ]
    [ "$(cell 7 <<<"$row")" = "$(json_number best_epoch <info.json)" ]
    [ "$(cell 9 <<<"$row")" = 2 ]
}

@test "the evaluations of a continuous flow are those of info" {
    sed 's/"flow": *\[.*\]/"flow": [ "whiten", "ffjord" ]/' spec.json >ode.json
    run --separate-stderr "$root/scripts/results.sh" ode.json
    expect_status 0
    flowctl info models/ode.h5 --json >info.json
    wanted=$(grep -oE '"evaluations":\{"mean":[0-9.]+' info.json | grep -oE '[0-9.]+$')
    [ "$(cell 5 <<<"${lines[2]}")" = "$(printf %.0f "$wanted")" ]
}

@test "a spec that fails does not keep the others from the table" {
    sed 's/"test": "test.csv"/"test": "missing.csv"/' spec.json >broken.json
    sed 's/, "test": "test.csv"//' spec.json >untested.json
    run --separate-stderr "$root/scripts/results.sh" broken.json untested.json spec.json
    expect_status 1
    [[ $stderr == *missing.csv* ]]
    [ "${#lines[@]}" -eq 4 ]
    [ "$(cell 1 <<<"${lines[2]}")" = untested ]
    [ -z "$(cell 3 <<<"${lines[2]}")$(cell 4 <<<"${lines[2]}")" ]
    [ "$(cell 1 <<<"${lines[3]}")" = spec ]
}
