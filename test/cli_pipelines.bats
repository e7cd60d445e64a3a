#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# scripts/experiment.mk, scripts/experiment.sh, and what scripts/slurm/ has for one process (docs/pipelines.md)

load cli_helper

setup_file() {
    local folder=$BATS_FILE_TMPDIR/project i
    mkdir -p "$folder/configs" "$folder/data"
    cd "$folder" || return
    make_csv 200 1 >data/train.csv
    make_csv 50 2 >data/validation.csv
    make_csv 100 3 >data/test.csv
    cp data/train.csv data/other.csv
    for i in 1 2 3 4 5 6; do
        make_spec | sed -e '/"output"/d' -e 's/constant" },/constant" }/' -e 's/, "test": "test.csv"//' \
            -e "s/\"repeat\": 2/\"repeat\": $i/" -e 's/"\([a-z]*\).csv"/"..\/data\/\1.csv"/g' >"configs/m$i.json"
    done
    # long enough to be stopped after its third epoch
    sed -i 's/"epochs": 3/"epochs": 5000, "patience": 5000/' configs/m4.json
    sed -i 's/train.csv/other.csv/' configs/m3.json
    printf 'TEST := data/test.csv\ninclude %s/scripts/experiment.mk\n' "$root" >Makefile
}

setup() {
    enter_folder
    # the program, and a list of what was trained
    mkdir bin
    printf '#!/bin/sh\n[ "$1" != train ] || echo "$2" | sed "s/.*\\///; s/.json//" >>%q\nexec %q "$@"\n' \
        "$PWD/trained" "$FLOWCTL" >bin/flowctl
    chmod +x bin/flowctl
    PATH=$PWD/bin:$PATH
    export FLOWCTL=$PWD/bin/flowctl
    unset MAKEFLAGS MAKELEVEL MFLAGS
    all='m1 m2 m3 m4 m5 m6'
}

# The models with a result, and those whose training was begun since the last call.
finished() { (cd results && printf '%s\n' *.train.json) | sed 's/.train.json//' | xargs; }
trained() {
    sort trained 2>/dev/null | xargs
    rm -f trained
}
# others A B C...: the models that are none of these
others() { for name in $all; do [[ " $* " == *" $name "* ]] || echo "$name"; done | xargs; }

# wait_for COMMAND...: until it succeeds
wait_for() {
    local i
    for ((i = 0; i < 6000; i++)); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.01
    done
    echo "never: $*" >&2
    return 1
}

third_epoch_of_m4() { grep -q 'epoch *3/' results/m4.log; }

# m4 was stopped and continued; it has the result of a training that was not.
expect_continued() {
    grep -q '"resumed":true' results/m4.train.json
    grep -q '^resumed after' results/m4.log
    flowctl train configs/m4.json -q -o whole.h5
    flowctl logprob whole.h5 data/test.csv --json >whole.json
    [ "$(json_number mean <results/m4.test.json)" = "$(json_number mean <whole.json)" ]
    rm -f trained
}

# bats test_tags=slow
@test "make -j2 of six specs, stopped in the middle, goes on with what is missing" {
    make -j2 >first.out 2>&1 3>&- &
    local pid=$! before
    wait_for third_epoch_of_m4
    kill -s TERM "$pid"
    wait "$pid" || true
    [ ! -e results/m4.train.json ]
    before=$(finished)
    [[ " $before " == *" m1 "* ]]
    touch -d '2001-01-01' results/none
    stat -c '%n %Y' results/*.train.json >stamps
    rm -f trained
    run make -j2
    expect_status 0
    [ "$(trained)" = "$(others "$before")" ]
    stat -c '%n %Y' $(cut -d' ' -f1 stamps) | cmp - stamps
    [ "$(finished)" = "$all" ]
    [ "$(cd results && printf '%s\n' *.test.json | wc -l)" -eq 6 ]
    [ "$(wc -l <results/table.csv)" -eq 7 ]
    grep -q '^| .*m4' results/table.md
    [ "$(wc -l <results/verdicts.txt)" -eq 6 ]
    [ -e results/m1.png ] || ! command -v gnuplot
    # a training of three epochs is rejected, which stopped nothing
    grep -q '"rejected":true' results/m1.verdict.json
    grep -q '^m1.wrong: ' results/verdicts.txt
    expect_continued
    # nothing is left to do; no parts of files are left
    run make -j2
    expect_status 0
    [ -z "$(trained)" ]
    [ -z "$(find results -name '*.part')" ]
}

# bats test_tags=slow
@test "a spec, data or options that change remake what depends on them" {
    sed -i 's/5000/3/g' configs/m4.json
    # without gnuplot there are no figures, and all the rest
    make -j2 GNUPLOT= >make.out
    grep -q 'gnuplot is not installed' make.out
    [ ! -e results/m1.png ]
    [ -e results/table.md ]
    [ "$(trained)" = "$all" ]
    sed -i 's/"epochs": 3/"epochs": 4/' configs/m2.json
    make
    [ "$(trained)" = m2 ]
    grep -q '"epochs":4' results/m2.train.json
    make_csv 200 5 >data/other.csv
    make
    [ "$(trained)" = m3 ]
    # the test data concern the scores alone
    make_csv 100 6 >data/test.csv
    cp results/m1.test.json before.json
    make
    [ -z "$(trained)" ]
    differ results/m1.test.json before.json
    # one with rows of its own is not compared
    cp data/train.csv data/more.csv
    cp results/m1.test.json before.json
    make TEST_m1=data/more.csv
    differ results/m1.test.json before.json
    make models TRAIN_FLAGS='--set train.epochs=2'
    [ "$(trained)" = "$all" ]
    # a spec that names other data from now on
    rm -f results/m3.d
    sed -i 's/other.csv/more.csv/' configs/m3.json
    make models TRAIN_FLAGS='--set train.epochs=2'
    [ "$(trained)" = m3 ]
    grep -q 'data/more.csv' results/m3.d
    make clean-experiment
    [ ! -e results ]
}

# bats test_tags=slow
@test "a spec that fails does not stop the others with -k, and is named" {
    sed -i 's/5000/3/g' configs/m4.json
    sed -i 's/"maf"/"maff"/' configs/m2.json
    sed -i 's/other.csv/none.csv/' configs/m3.json
    run make -k -j2
    expect_status 2
    expect 'did you mean "maf"' 'none.csv'
    [ "$(finished)" = 'm1 m4 m5 m6' ]
    cp configs/m1.json m5.json
    run make CONFIGS='configs/m5.json m5.json'
    expect_status 2
    expect 'two specs in CONFIGS have the same name'
    run make CONFIGS=
    expect 'CONFIGS names no specs'
}

# bats test_tags=slow
@test "the processors are divided among the jobs" {
    thread_counts() {
        rm -rf results
        make models PROCESSORS="$1" "${@:2}" CONFIGS="configs/m1.json configs/m2.json configs/m3.json" >make.out
        sed -n 's/.*"threads":\([0-9]*\).*/\1/p' results/*.train.json | sort -u | xargs
    }
    [ "$(thread_counts 7)" = 7 ]
    [ "$(thread_counts 7 -j2)" = 3 ]
    [ "$(thread_counts 7 -j20)" = 2 ]
    [ "$(thread_counts 7 -j)" = 2 ]
    [ "$(thread_counts 1 -j2)" = 1 ]
}

# What Slurm does with an array, two tasks at a time: `sbatch --array=1-N SCRIPT SPEC...`. The task of m4 gets the
# signal that the script asks for when it has trained three epochs; tasks that ask for it are queued again.
stand_in_for_slurm() {
    cat >bin/scontrol <<'SH'
#!/usr/bin/env bash
[ "$1" = requeue ] && echo "$2" >>requeued
SH
    cat >bin/sbatch <<'SH'
#!/usr/bin/env bash
last=${1#--array=1-}
script=$2
shift 2
# Slurm reads the options up to the first line of the script that is no comment.
options=$(sed '/^[^#]/,$d' "$script" | sed -n 's/^#SBATCH //p')
grep -qx -e '--requeue' <<<"$options" || exit 3
signal=$(sed -n 's/^--signal=B:\([A-Z0-9]*\)@[0-9]*$/\1/p' <<<"$options")
[ -n "$signal" ] || exit 3
run() {
    export SLURM_ARRAY_JOB_ID=100 SLURM_ARRAY_TASK_ID=$1 SLURM_JOB_ID=$((100 + $1 % last)) SLURM_CPUS_PER_TASK=1
    bash "$script" "${@:2}" >>"task-$1.out" 2>&1 &
    [ "$1" != "$limited" ] || limit
    wait $!
}
limit() {
    for ((i = 0; i < 6000; i++)); do
        ! grep -q 'epoch *3/' results/m4.log 2>/dev/null || break
        sleep 0.01
    done
    kill -s "$signal" $!
}
limited=4
for ((task = 1; task <= last; task++)); do
    [ "$(jobs -r | wc -l)" -lt 2 ] || wait -n
    run $task "$@" &
done
wait
[ -e requeued ] || exit 0
limited=
while read -r job; do run "${job#100_}" "$@"; done <requeued
SH
    chmod +x bin/scontrol bin/sbatch
}

# bats test_tags=slow
@test "a Slurm array does the same, one spec a task, and queues a task again whose time is over" {
    stand_in_for_slurm
    sbatch --array=1-6 "$root/scripts/slurm/array.sh" configs/*.json 3>&-
    [ "$(cat requeued)" = 100_4 ]
    grep -q 'm4.json is not finished' task-4.out
    [ "$(finished)" = "$all" ]
    [ "$(trained)" = 'm1 m2 m3 m4 m4 m5 m6' ]
    # make finds the models, and adds the rest
    run make
    expect_status 0
    [ -z "$(trained)" ]
    expect_continued
    # specs and array have to go together
    run env SLURM_ARRAY_TASK_ID=7 "$root/scripts/slurm/array.sh" configs/*.json
    expect_status 2
    expect '--array=1-6'
    run "$root/scripts/slurm/array.sh" configs/*.json
    expect 'submit this script with sbatch'
}

# bats test_tags=slow
@test "scancel ends a task of an array for good, and the training is saved" {
    local status=0
    stand_in_for_slurm
    SLURM_ARRAY_JOB_ID=100 SLURM_ARRAY_TASK_ID=4 SLURM_JOB_ID=104 SLURM_CPUS_PER_TASK=1 \
        bash "$root/scripts/slurm/array.sh" configs/*.json >task.out 2>&1 3>&- &
    wait_for third_epoch_of_m4
    kill -s TERM $!
    wait $! || status=$?
    [ "$status" -ne 0 ]
    grep -q 'saved in results/m4.h5' task.out
    [ ! -e requeued ]
}

# sample_parts TASKS...: as Slurm does with --array=TASKS
sample_parts() {
    local task
    for task in $1; do
        SLURM_ARRAY_TASK_ID=$task SLURM_CPUS_PER_TASK=1 "$root/scripts/slurm/sample.sh" "${@:2}"
    done
}

@test "a Slurm array draws the rows of one run in parts, and those that are missing" {
    flowctl train configs/m1.json -q -o m.h5
    flowctl sample m.h5 -n 1000 --seed 3 -q -o whole.csv
    sample_parts '1 2 3' 3 1e3 m.h5 draws/rows.csv --seed 3 -q
    [ "$(cd draws && echo *)" = 'rows-0001.csv rows-0002.csv rows-0003.csv' ]
    cmp whole.csv <(cat draws/rows-0001.csv && tail -qn +2 draws/rows-000[23].csv)
    rm draws/rows-0002.csv
    run sample_parts '1 2 3' 3 1e3 m.h5 draws/rows.csv --seed 3
    expect_status 0
    expect 'draws/rows-0001.csv is there already' '333 rows, seed 3' 'draws/rows-0003.csv is there already'
    cmp whole.csv <(cat draws/rows-0001.csv && tail -qn +2 draws/rows-000[23].csv)
    # of a conditional model, for some rows of the context each
    cat >given.json <<'JSON'
{ "data": { "train": "data/train.csv", "validation": "data/validation.csv", "context": ["y"] },
  "flow": ["standardize", { "type": "maf", "hidden": [4] }], "train": { "epochs": 1 }, "output": "given.h5" }
JSON
    flowctl train given.json -q
    flowctl sample given.h5 --given data/test.csv -n 7 -q -o whole.csv -f
    sample_parts '1 2' 2 700 given.h5 given.csv --given data/test.csv -n 7 -q
    cmp whole.csv <(cat given-0001.csv && tail -qn +2 given-0002.csv)
    run sample_parts 4 3 1e3 m.h5 draws/rows.csv
    expect_status 2
    expect '--array=1-3 goes with 3 parts'
    for words in '3 1e3 m.h5' 'm.h5 1e3 3 draws.csv' '3 many m.h5 draws.csv'; do
        # shellcheck disable=SC2086  # one word each
        run sample_parts 1 $words
        expect_status 2
        expect 'PARTS ROWS MODEL OUTPUT'
    done
    run "$root/scripts/slurm/sample.sh" 3 1e3 m.h5 draws.csv
    expect 'submit this script with sbatch'
}

# bats test_tags=slow
@test "xargs trains them without make, and goes on as well" {
    # as Ctrl-C does, a signal to all of its processes
    setsid "$root/scripts/experiment.sh" -j 2 -t data/test.csv configs/*.json 3>&- &
    local pid=$!
    wait_for test -e results/m4.h5
    kill -s TERM -- "-$pid"
    wait "$pid" || true
    none_is_left() { ! pgrep -g "$pid"; }
    wait_for none_is_left
    [ ! -e results/m4.train.json ]
    run "$root/scripts/experiment.sh" -j 2 -t data/test.csv configs/*.json
    expect_status 0
    [ "$(finished)" = "$all" ]
    flowctl logprob results/m1.h5 data/test.csv --json >score.json
    [ "$(json_number mean <results/m1.test.json)" = "$(json_number mean <score.json)" ]
    sed -i 's/"maf"/"maff"/' configs/m2.json
    run "$root/scripts/experiment.sh" -o again -j 2 configs/*.json
    expect_status 1
    expect 'did you mean "maf"'
    [ "$(cd again && ls ./*.train.json | wc -l)" -eq 5 ]
    run "$root/scripts/experiment.sh" -j 2
    expect_status 2
    expect 'experiment.sh [-j JOBS]'
}

@test "check --rule names the files of a spec as make reads them" {
    mkdir -p 'a b'
    ln -s "$PWD/data" 'a b/link'
    cat >'a b/odd.json' <<'JSON'
{ "data": { "train": ["../data/train.csv", "x#$y.csv"], "validation": "link/../no:thing.csv", "test": "d.h5:/test" },
  "flow": ["standardize", "maf"] }
JSON
    run --separate-stderr flowctl check 'a b/odd.json' --rule 'out/odd one'
    expect_status 0
    [ -z "$stderr" ]
    printf '%s\n' "$output" >rule.mk
    printf '%s\n' "$output"
    expect 'out/odd\ one: a\ b/odd.json data/train.csv a\ b/x\#$$y.csv a\ b/link/../no\:thing.csv a\ b/d.h5'
    [ "${#lines[@]}" -eq 5 ]
    # make takes the rule: files that are missing are no error, the spec is looked for, the newest one counts
    # shellcheck disable=SC2016
    printf 'include rule.mk\nout/odd\\ one:; @mkdir -p out; touch "$@"; echo made\n' >odd.mk
    run make -f odd.mk
    expect made
    touch -d 2001-01-01 data/train.csv 'a b/x#$y.csv' 'a b/odd.json' 'a b/d.h5' 'a b/link/../no:thing.csv'
    run make -f odd.mk
    expect 'is up to date'
    touch 'a b/x#$y.csv' -d 2050-01-01
    run make -f odd.mk
    expect made
    run flowctl check 'a b/odd.json' --json
    expect '"files":["a b/odd.json","data/train.csv","a b/x#$y.csv","a b/link/../no:thing.csv","a b/d.h5"]'
    run flowctl check 'a b/odd.json' --rule '%.h5'
    expect_status 2
    expect 'which make takes for something else'
    # a density is a file as well, and standard input is none
    local objective='{ "type": "reverse_kl", "density": "lib/a.so" }'
    run flowctl check - --rule x <<<"{ \"flow\": [\"iaf\"], \"train\": { \"objective\": $objective } }"
    [ "$output" = 'x: lib/a.so' ]
}
