#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# --math: another arithmetic of matrix products, here in the emulation, which any processor can run.

load cli_helper

setup_file() {
    make_project "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    make_wide_spec >spec.json
    flowctl train spec.json -q -o float.h5
    FLOWCTL_AMX=emulate flowctl train spec.json -q -o parts.h5 --math bf16x3
}

setup() {
    enter_folder
}

# Layers that are wide enough for it to pay.
make_wide_spec() {
    cat <<JSON
{
  "data": { "train": "train.csv", "validation": "validation.csv", "test": "test.csv" },
  "flow": [ "standardize", { "type": "coupling", "repeat": 2, "hidden": [64, 64] } ],
  "train": { "epochs": 2, "batch": 64, "schedule": "constant" },
  "output": "model.h5"
}
JSON
}

# Two models give the same log-density of every row, to the last digit.
same_model() {
    flowctl logprob "$1" test.csv -q -o a.csv && flowctl logprob "$2" test.csv -q -o b.csv && same a.csv b.csv
}

# near FILE FILE: the numbers of both differ, by less than 1e-3
near() {
    ! cmp -s "$1" "$2"
    paste -d, "$1" "$2" | awk -F, 'NR > 1 {
        for (i = 1; i <= NF / 2; i++) {
            d = $i - $(i + NF / 2)
            if (!(d < 1e-3 && d > -1e-3)) bad++
        }
    } END { exit bad > 0 }'
}

@test "--math bf16x3 gives nearly what float gives" {
    flowctl logprob float.h5 test.csv -q -o float.csv
    flowctl logprob float.h5 test.csv -q -o same.csv --math float
    same float.csv same.csv
    FLOWCTL_AMX=emulate flowctl logprob float.h5 test.csv -q -o parts.csv --math bf16x3
    near float.csv parts.csv
    flowctl logprob parts.h5 test.csv -q -o trained.csv
    near float.csv trained.csv
    for command in "sample float.h5 -n 50 -o" "invert float.h5 test.csv -o"; do
        # shellcheck disable=SC2086 # several words
        flowctl $command one.csv -q
        # shellcheck disable=SC2086
        FLOWCTL_AMX=emulate flowctl $command two.csv -q --math bf16x3
        near one.csv two.csv
    done
}

@test "a processor with AMX gives what the emulation gives" {
    flowctl logprob float.h5 test.csv -q -o amx.csv --math bf16x3 2>log.txt || skip "$(cat log.txt)"
    FLOWCTL_AMX=emulate flowctl logprob float.h5 test.csv -q -o emulated.csv --math bf16x3
    same amx.csv emulated.csv
    flowctl train spec.json -q -o amx.h5 --math bf16x3
    same_model amx.h5 parts.h5
}

@test "the number of threads changes nothing" {
    for threads in 1 3; do
        FLOWCTL_AMX=emulate flowctl train spec.json -q -o "$threads.h5" --math bf16x3 -j $threads
        same_model $threads.h5 parts.h5
        FLOWCTL_AMX=emulate flowctl sample parts.h5 -n 300 -q -o "$threads.csv" --math bf16x3 -j $threads
    done
    same 1.csv 3.csv
}

@test "the model file says how it was trained" {
    run flowctl info float.h5 --json
    expect '"math":"float"'
    expect_not bf16x3
    run flowctl info parts.h5 --json
    expect '"math":"bf16x3"' 'bf16x3 with emulation of AMX'
}

@test "a processor without AMX is refused, with what to do" {
    run env FLOWCTL_AMX=none "$FLOWCTL" logprob float.h5 test.csv --math bf16x3
    expect_status 2
    expect '--math bf16x3: this processor has no AMX tiles' 'choose float'
    run flowctl logprob float.h5 test.csv --math half
    expect_status 2
    expect '--math takes one of float, bf16x3'
    FLOWCTL_AMX=none flowctl logprob float.h5 test.csv -q --math float
}

@test "what is resumed goes on as it began" {
    FLOWCTL_AMX=emulate flowctl train spec.json -q -o one.h5 --math bf16x3 --set train.epochs=1
    FLOWCTL_AMX=emulate flowctl train spec.json -q -o one.h5 --resume
    same_model one.h5 parts.h5
    FLOWCTL_AMX=emulate flowctl train spec.json -q -o one.h5 --math bf16x3 --set train.epochs=1 --force
    run env FLOWCTL_AMX=none "$FLOWCTL" train spec.json -q -o one.h5 --resume
    expect_status 2
    expect 'one.h5 goes on as it began: --math bf16x3: ' 'choose float'
    run flowctl train spec.json -o one.h5 --resume --math float
    expect_status 0
    expect 'trained with --math bf16x3 up to here, and with --math float from here on'
}

@test "info names the arithmetic of a training, and --version what this processor has" {
    run flowctl info parts.h5
    expect_status 0
    expect ", --math bf16x3"
    run flowctl info float.h5
    expect ", --math float"
    FLOWCTL_AMX=emulate run flowctl --version
    expect "bf16x3           by emulation"
    FLOWCTL_AMX=none run flowctl --version
    [[ $output != *bf16x3* ]]
}
