#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What goes wrong for reasons of its own has a sentence of its own, with the remedy.

load cli_helper

setup_file() {
    make_model
}

setup() {
    enter_folder
}

@test "a pipe is read once, or said to be a pipe where that is not enough" {
    mkfifo pipe.csv
    cat train.csv >pipe.csv &
    run timeout 60 "$FLOWCTL" train spec.json -d pipe.csv --validation 0.1 -o p.h5
    expect_status 2
    expect "pipe.csv is a pipe, which can be read only once, and holding out a share of it takes two passes; put"
    cat pipe.csv >/dev/null
    run timeout 60 "$FLOWCTL" train spec.json -d <(cat train.csv) -o p.h5
    expect_status 0
    run timeout 60 "$FLOWCTL" logprob model.h5 <(cat test.csv)
    expect_status 0
    expect "rows                  100"
    run timeout 60 "$FLOWCTL" init <(cat train.csv)
    expect_status 2
    expect "is a pipe, which can be read only once, and this takes several passes"
    for command in train tune check; do
        run timeout 60 "$FLOWCTL" $command <(cat train.csv)
        expect_status 2
        expect "is not a spec, a JSON object { ... }; if these are data: a spec is made for data in a file"
    done
    run timeout 60 "$FLOWCTL" train - < <(cat train.csv)
    expect_status 2
    expect "standard input: is not a spec"
    run timeout 60 "$FLOWCTL" check <(cat spec.json)
    expect_status 0
    run timeout 60 "$FLOWCTL" check <(echo '{"flow": 1,}')
    expect_status 2
    expect ":1:13: this is not valid JSON"
}

@test "one row, of input and of training" {
    head -2 test.csv >one.csv
    run flowctl logprob model.h5 one.csv
    expect_status 0
    expect_not nan inf
    run flowctl invert model.h5 one.csv -o z.csv
    expect_status 0
    expect "1 row; largest round-trip error"
    run flowctl sample model.h5 -n 1
    expect "1 row, seed 1"
    run flowctl train spec.json -d one.csv -o o.h5
    expect_status 1
    expect "one.csv: there is one row to train on, and a density needs hundreds of them"
    run flowctl train spec.json -d one.csv --validation 0.1 -o o.h5
    expect_status 1
    expect "it has one row: a density needs hundreds of them"
}

@test "data far from the size that networks are made for, without standardize" {
    sed 's/{ "type": "standardize" }, //' spec.json >bare.json
    awk -F, 'NR == 1 { print } NR > 1 { printf "%.6f,%.6f\n", ($1 - 125) * 500, $2 * 100 }' train.csv >large.csv
    run flowctl train bare.json -d large.csv --validation 0.1 --test 0.1 -o b.h5
    expect_status 0
    expect "networks are made for values around 0 of size 1" "x (" 'Begin the flow with "standardize"'
    expect_not "y ("
    run flowctl train spec.json -d large.csv --validation 0.1 --test 0.1 -o b.h5 --force
    expect_not "networks are made for"
}

@test "a draw in which most rows fail is no sample" {
    sed 's/"standardize"/"asinh"/' spec.json >asinh.json
    flowctl train asinh.json -o a.h5 -q
    run flowctl sample a.h5 -n 500 -t 1000 -o s.csv
    expect_status 1
    expect "of 500 draws have values that are not finite, which is no sample of the model"
    [ ! -e s.csv ]
}

@test "a model or a spec in the place of data" {
    run flowctl logprob model.h5 model.h5
    expect_status 1
    expect "model.h5: is a model, and data were expected"
    run flowctl train spec.json -d model.h5 -o o.h5
    expect_status 1
    expect "model.h5: is a model, and data were expected"
    run flowctl train spec.json -d spec.json -o o.h5
    expect_status 1
    expect "spec.json: is a spec, and data were expected"
}

@test "closed standard streams: no message goes into a file, and a result that cannot be written is a failure" {
    "$FLOWCTL" train spec.json -o closed.h5 >&- 2>&- || [ $? -eq 1 ]
    flowctl info closed.h5 >/dev/null
    "$FLOWCTL" sample model.h5 -n 3 -o closed.csv >&- 2>&- <&- || [ $? -eq 1 ]
    [ "$(grep -c . closed.csv)" -eq 4 ]
    ! grep -q seed closed.csv
    status=0
    output=$("$FLOWCTL" sample model.h5 -n 3 2>&1 >&-) || status=$?
    expect_status 1
    expect "standard output: cannot be written: Bad file descriptor; it is closed (>&-)"
    status=0
    output=$("$FLOWCTL" info train.csv 2>&1 >&-) || status=$?
    expect_status 1
    expect "cannot write to standard output: it is closed (>&-)"
}

@test "SIGHUP and SIGUSR1 save, as SIGTERM does" {
    local signal
    flowctl train spec.json -o whole.h5 -q --set train.epochs=40 --set train.patience=100
    for signal in HUP USR1; do
        "$FLOWCTL" train spec.json -o $signal.h5 --set train.epochs=40 --set train.patience=100 >log.txt 2>&1 3>&- &
        job=$!
        for _ in $(seq 200); do
            grep -q 'epoch  *2/' log.txt && break
            sleep 0.02
        done
        kill -s $signal $job || true # it may have been faster
        code=0
        wait $job || code=$?
        [ $code -eq 0 ] || {
            [ $code -eq $((128 + $(kill -l $signal))) ]
            grep -q "stopped by SIG$signal" log.txt
            flowctl train spec.json -o $signal.h5 -q --set train.epochs=40 --set train.patience=100 --resume
        }
        diff <(flowctl logprob whole.h5 test.csv -o -) <(flowctl logprob $signal.h5 test.csv -o -)
    done
}

@test "a file system without locks: said, and the work is done" {
    command -v cc >/dev/null || skip "no compiler"
    cat >nolock.c <<'C'
#include <errno.h>
int flock(int descriptor, int operation)
{
    (void)descriptor, (void)operation;
    errno = ENOLCK;
    return -1;
}
C
    cc -shared -fPIC -o nolock.so nolock.c
    [[ $FLOWCTL != *asan* ]] || skip "another library comes first"
    run env LD_PRELOAD="$PWD/nolock.so" "$FLOWCTL" train spec.json -o n.h5
    expect_status 0
    expect "n.h5: its file system has no locks (No locks available), as NFS without its lock service"
    run env LD_PRELOAD="$PWD/nolock.so" "$FLOWCTL" sample n.h5 -n 5 -o n_s.h5:/a
    expect_status 0
    run env LD_PRELOAD="$PWD/nolock.so" "$FLOWCTL" sample n.h5 -n 5 -o n_s.h5:/b
    expect_status 0
    run env LD_PRELOAD="$PWD/nolock.so" "$FLOWCTL" logprob n.h5 n_s.h5:/b
    expect_status 0
    [ -z "$(find . -name '.*.lock')" ]
}
