#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Stopping and resuming: bit for bit as if never stopped.

load cli_helper

setup_file() {
    make_project "$BATS_FILE_TMPDIR/project"
}

setup() {
    enter_folder
}

# Two models give the same log-density of every row, to the last digit.
same_model() {
    flowctl logprob "$1" test.csv -q -o a.csv && flowctl logprob "$2" test.csv -q -o b.csv && same a.csv b.csv
}

@test "2 epochs and 2 more are 4 epochs, bit for bit" {
    flowctl train spec.json -q -o whole.h5 --set train.epochs=4
    flowctl train spec.json -q -o parts.h5 --set train.epochs=2
    run flowctl train spec.json -o parts.h5 --set train.epochs=4 --resume
    expect_status 0
    expect "resumed after 2 epochs" "epoch 3/4"
    expect_not "epoch 2/4"
    same_model whole.h5 parts.h5
}

@test "adamax goes on bit for bit" {
    flowctl train spec.json -q -o whole.h5 --set train.optimizer=adamax --set train.epochs=4
    flowctl train spec.json -q -o parts.h5 --set train.optimizer=adamax --set train.epochs=2
    flowctl train spec.json -q -o parts.h5 --set train.optimizer=adamax --set train.epochs=4 --resume
    same_model whole.h5 parts.h5
}

@test "--resume starts afresh when there is nothing yet" {
    run flowctl train spec.json --resume
    expect_status 0
    expect "epoch 1/3"
    [ -s model.h5 ]
}

@test "--resume of a finished training changes nothing" {
    flowctl train spec.json -q
    cp model.h5 before.h5
    run --separate-stderr flowctl train spec.json --resume --json
    expect_status 0
    expect_json model epochs best_epoch validation test
    same model.h5 before.h5
}

# Starts a long training in the background (its process is $pid) and waits for its first save.
start_long() {
    "$FLOWCTL" train spec.json -o parts.h5 --set train.epochs=100000 --set train.patience=0 "$@" 2>log.txt >out.txt &
    pid=$!
    for _ in $(seq 500); do
        [ -s parts.h5 ] && return
        sleep 0.02
    done
}

# Sends a signal to $pid and expects exit status $2.
stop_with() {
    kill -s "$1" "$pid"
    local ended=0
    wait "$pid" || ended=$?
    if [ "$ended" -ne "$2" ]; then
        echo "ended with $ended" >&2
        tail -n 3 log.txt >&2
        return 1
    fi
}

@test "SIGTERM finishes the step, saves and exits with 143; resuming gives the uninterrupted result" {
    start_long
    stop_with TERM 143
    grep -q "stopped by SIGTERM" log.txt
    grep -q -- "--resume" log.txt
    epochs=$(($(flowctl info parts.h5 --json | json_number epochs) + 3))
    run flowctl train spec.json -o parts.h5 --set train.epochs=$epochs --set train.patience=0 --resume
    expect_status 0
    expect "resumed after"
    flowctl train spec.json -q -o whole.h5 --set train.epochs=$epochs --set train.patience=0
    same_model whole.h5 parts.h5
}

@test "a run that was killed goes on from its last save" {
    start_long
    stop_with KILL 137
    epochs=$(($(flowctl info parts.h5 --json | json_number epochs) + 3))
    flowctl train spec.json -q -o parts.h5 --set train.epochs=$epochs --set train.patience=0 --resume
    flowctl train spec.json -q -o whole.h5 --set train.epochs=$epochs --set train.patience=0
    same_model whole.h5 parts.h5
}

# Everything of the epochs of model $1 but the time they took.
history_of() {
    flowctl info "$1" --json | grep -o '"history":.*' | tr '{' '\n' | sed 's/"seconds":[^,}]*//'
}

# bats test_tags=slow
@test "a run that is killed 25 times, at any moment, ends as if it had not been" {
    local from=() after=0 n longest=0.2
    train=(train spec.json -q --resume --set train.patience=0 --set)
    for n in $(seq 25); do
        "$FLOWCTL" "${train[@]}" train.epochs=100000 -o parts.h5 &
        pid=$!
        sleep "$(awk -v n="$n" -v most="$longest" 'BEGIN { srand(n); printf "%.3f", 0.01 + most * rand() }')"
        stop_with KILL 137
        # a run that got nowhere was killed too early, for this build on this machine
        longest=$(awk -v most="$longest" 'BEGIN { print most * 1.3 }')
        [ -e parts.h5 ] || { [ "$after" -eq 0 ]; continue; }
        # from the first save on there is a whole model at any moment, and it never goes back
        flowctl logprob parts.h5 test.csv -q >now.txt
        epochs=$(flowctl info parts.h5 --json | json_number epochs)
        [ "$epochs" -ge "$after" ]
        [ "$epochs" -eq "$after" ] || { from+=("$epochs"); longest=0.2; }
        after=$epochs
    done
    echo "went on after epochs ${from[*]}"
    [ "${#from[@]}" -ge 5 ]
    # what is there afterwards: the best weights, the history, and the state that more epochs start from
    for n in 1 3; do
        for model in parts whole; do
            flowctl "${train[@]}" train.epochs=$((after + n)) -o $model.h5
            history_of $model.h5 >$model.txt
        done
        same_model whole.h5 parts.h5
        same whole.txt parts.txt
        [ "$(grep -c '"epoch":' whole.txt)" -eq $((after + n)) ]
    done
}

@test "data larger than memory: one thread, and one that reads ahead, stopped in an epoch, give the same model" {
    flowctl train spec.json -q -o m.h5 --set train.epochs=1
    flowctl sample m.h5 -q -n 100000 -o large.h5
    flowctl sample m.h5 -q -n 100000 -o large.csv
    for data in large.h5 large.csv; do
        large=(--data $data --validation 0.1 --set data.memory=0.001 --set train.batch=1000 --set train.patience=0)
        rm -f parts.h5
        start_long "${large[@]}" -j 2
        sleep 0.1
        stop_with TERM 143
        epochs=$(($(flowctl info parts.h5 --json | json_number epochs) + 2))
        flowctl train spec.json -q "${large[@]}" -j 2 -o parts.h5 --set train.epochs=$epochs --resume
        flowctl train spec.json -q "${large[@]}" -j 1 -o whole.h5 --set train.epochs=$epochs --force
        same_model whole.h5 parts.h5
        for model in whole parts; do
            history_of $model.h5 >$model.txt
        done
        same whole.txt parts.txt
        # the order does depend on the memory, so that they were not held
        flowctl train spec.json -q "${large[@]}" -j 2 -o held.h5 --set train.epochs=$epochs --set data.memory=1 --force
        history_of held.h5 >held.txt
        run ! cmp -s whole.txt held.txt
    done
}

@test "batch normalization: the stored model is that of the best epoch, and resuming goes on from the last step" {
    flow='["standardize",{"type":"repeat","times":2,"flow":["batchnorm",{"type":"coupling","hidden":[9]}]}]'
    normed=(--set "flow=$flow"
            --set train.optimizer.rate=0.03 --set train.patience=0 --set train.ema=0.9 --resume -q)
    flowctl train spec.json "${normed[@]}" -o whole.h5 --set train.epochs=40
    for n in 3 4 17 40; do
        flowctl train spec.json "${normed[@]}" -o parts.h5 --set train.epochs=$n
    done
    same_model whole.h5 parts.h5
    for model in whole parts; do # and so are the states that more epochs start from
        flowctl train spec.json "${normed[@]}" -o $model.h5 --set train.epochs=43
        history_of $model.h5 >$model.txt
    done
    same_model whole.h5 parts.h5
    same whole.txt parts.txt
    [ "$(flowctl info whole.h5 --json | json_number best_epoch)" -lt 40 ]
    told=$(flowctl info whole.h5 --json | grep -o '"validation":{"mean":[^,]*')
    found=$(flowctl logprob whole.h5 validation.csv --json | json_number mean)
    [ "${told##*:}" = "$found" ]
}

@test "an interrupted run prints what it reached as JSON, too" {
    start_long --json
    stop_with TERM 143
    grep -q '"status":"interrupted"' out.txt
}

@test "another training is refused, and what differs is said" {
    flowctl train spec.json -q
    run flowctl train spec.json --resume --set 'flow[1].hidden=[9]' --set train.batch=32 --seed 2
    expect_status 2
    expect 'flow[1].conditioner.hidden is [8] in the model, [9] in the spec' \
        "train.batch is 64 in the model, 32 in the spec" \
        "seed is 1"
    run flowctl train spec.json --resume --columns y,x
    expect_status 2
    expect "column 1"
    make_csv 400 9 >train.csv
    run flowctl train spec.json --resume
    expect_status 2
    expect "train data are not the same"
    make_csv 300 1 >train.csv
    run flowctl train spec.json --resume
    expect_status 2
    expect "400 rows and have 300"
}

@test "the data may move, and patience may change" {
    flowctl train spec.json -q -o m.h5
    mv train.csv elsewhere.csv
    run flowctl train spec.json --data elsewhere.csv -o m.h5 --resume --set train.epochs=4 --set train.patience=7
    expect_status 0
    expect "epoch 4/4"
}

@test "every run leaves its command in the model" {
    flowctl train spec.json -q -o m.h5
    flowctl train spec.json -q -o m.h5 --resume --set train.epochs=4
    run flowctl info m.h5
    expect_status 0
    expect "train spec.json -q -o m.h5" "--set train.epochs=4"
}

@test "another data.memory, which decides the order of rows that do not fit, is refused" {
    make_csv 75000 1 >train.csv
    flowctl train spec.json -q -o m.h5 --set data.memory=0.001 --set train.epochs=1
    run flowctl train spec.json -o m.h5 --set data.memory=4 --set train.epochs=2 --resume
    expect_status 2
    expect "data.memory is 0.001 in the model, 4 in the spec"
    run flowctl train spec.json -o m.h5 --set data.memory=0.001 --set train.epochs=2 --resume
    expect_status 0
    expect "resumed after 1 epoch"
}

@test "flips of images are the same for any number of threads, and after a resume" {
    options=(--set image=[1,2,1] --set data.flip=true)
    flowctl train spec.json -q -o plain.h5 --set image=[1,2,1] --set train.epochs=4
    flowctl train spec.json -q -o whole.h5 "${options[@]}" --set train.epochs=4 --threads 1
    flowctl train spec.json -q -o parts.h5 "${options[@]}" --set train.epochs=2 --threads 4
    flowctl train spec.json -q -o parts.h5 "${options[@]}" --set train.epochs=4 --resume --threads 2
    same_model whole.h5 parts.h5
    run same_model whole.h5 plain.h5
    [ "$status" -ne 0 ]
    run flowctl train spec.json -o parts.h5 --set image=[1,2,1] --set train.epochs=4 --resume
    expect_status 2
    expect "data.flip is true in the model, false in the spec"
    run flowctl train spec.json -o table.h5 --set data.flip=true
    expect_status 2
    expect "data.flip: the rows are no images; give their shape with \"image\", or leave the key out"
}
