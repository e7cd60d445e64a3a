#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Several processes as one program: what they tell each other, who speaks, how they end (docs/scaling.md).

load cli_helper
load mpi_helper

job=$root/build/test/mpi_job-mpi

setup() {
    enter_folder
}

# expect_lines LINE...: these are what the program printed, in any order; each is a pattern
expect_lines() {
    local line lines
    lines=$(own_lines)
    [ "$(grep -c . <<<"$lines")" -eq $# ] || { printf 'not %d lines:\n%s\n' $# "$output" >&2 && return 1; }
    for line; do
        grep -qxE "$line" <<<"$lines" || { printf 'not there: %s\nin:\n%s\n' "$line" "$output" >&2 && return 1; }
    done
}

@test "bytes arrive, in one piece and in many, from 1 to 4 ranks" {
    local n
    for n in 1 2 3 4; do
        run --separate-stderr ranks $n "$root/build/test/unit_comm-mpi"
        expect_status 0
        [ "$(grep -c '^\[  PASSED  \]' <<<"$output"$'\n'"$stderr")" -eq $n ]
    done
}

@test "rank 0 speaks, the others are silent" {
    run --separate-stderr ranks 3 "$job" fine 0
    expect_status 0
    expect_lines 'a result' 'a note' 'flowctl: warning: a warning'
    run --separate-stderr ranks 3 "$job" reject 0
    expect_status 3
    expect_lines 'a result' 'a note' 'flowctl: warning: a warning'
}

@test "an error of all ranks is said once" {
    run --separate-stderr ranks 3 "$job" all 0
    expect_status 1
    expect_lines 'a result' 'a note' 'flowctl: warning: a warning' 'flowctl: error: the same everywhere'
}

@test "an error of one rank names it, and has its status" {
    local r
    for r in 0 2; do
        run --separate-stderr ranks 3 "$job" agree $r
        expect_status 2
        expect_lines 'a .*' 'a .*' '.*a warning' "flowctl: error: rank $r on [^ ]+: only here"
    done
    # the others have ended well
    run --separate-stderr ranks 3 "$job" late 1
    expect_status 1
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: rank 1 on [^ ]+: only here'
    run --separate-stderr ranks 3 "$job" late 0
    expect_status 1
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: only here'
}

@test "a rank that fails while the others wait for it ends them" {
    run --separate-stderr ranks 3 "$job" alone 2
    expect_status 1
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: rank 2 on [^ ]+: only here'
    run --separate-stderr ranks 3 "$job" alone 0
    expect_status 1
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: only here'
}

@test "a rank that is killed ends the others" {
    run --separate-stderr ranks 3 "$job" kill 1
    [ "$status" -ne 0 ]
    [ "$status" -ne 124 ]
    expect_not 'flowctl: error'
    none_is_left() { ! pgrep -f "^$job kill 1"; }
    none_is_left || sleep 2
    none_is_left
}

@test "a file over which the HDF5 library crashes is named once, or by the rank that read it" {
    run --separate-stderr ranks 3 "$job" crash-all 0
    expect_status 1
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: damaged.h5: the HDF5 library crashed .*'
    run --separate-stderr ranks 3 "$job" crash 1
    expect_status 1
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: rank 1 on [^ ]+: damaged.h5: the HDF5 library crashed .*'
}

@test "a signal at one rank stops all, with the status of the signal" {
    local r
    for r in 0 1; do
        run --separate-stderr ranks 3 "$job" term $r
        expect_status 143
        expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: stopped by .*'
    done
    run --separate-stderr ranks 3 "$job" usr1 2
    expect_status $((128 + $(kill -l USR1)))
    expect_lines 'a .*' 'a .*' '.*a warning' 'flowctl: error: stopped by a signal'
}

@test "SIGUSR1 to mpirun reaches the ranks" {
    timeout -k 5 120 mpirun -n 2 "$job" wait 0 >out.txt 2>&1 3>&- &
    local pid=$! code=0
    for _ in $(seq 1000); do
        ! grep -q 'a warning' out.txt || break
        sleep 0.02
    done
    sleep 0.2
    kill -s USR1 "$(pgrep -P $pid)"
    wait $pid || code=$?
    [ $code -eq $((128 + $(kill -l USR1))) ]
    grep -q 'stopped by SIGUSR1' out.txt
}

@test "ranks that are different programs are refused" {
    run --separate-stderr ranks 1 "$job" fine 0 : -n 2 "$root/build/double/test/mpi_job-mpi" fine 0
    expect_status 2
    expect_lines 'flowctl: error: rank 1 on [^ ]+: this is flowctl .*, double, .*, and rank 0 on [^ ]+ is .*, float, .*'
    run --separate-stderr ranks 1 "$job" fine 0 : -n 2 "$root/build/double/test/mpi_job-mpi" fine 0 --mixed
    [ "$status" -ne 124 ]
    run --separate-stderr ranks 1 "$job" fine 0 --mixed : -n 2 "$root/build/double/test/mpi_job-mpi" fine 0 --mixed
    expect_status 0
    expect_lines 'a result' 'a note' 'flowctl: warning: a warning' 'flowctl: warning: rank 1 on .*: this is flowctl .*'
}

@test "ranks on different processors are refused" {
    flowctl --version | grep -q libxsmm || skip 'what libxsmm takes for the processor is set'
    run --separate-stderr ranks 1 "$job" fine 0 : -n 1 env LIBXSMM_TARGET=snb "$job" fine 0
    expect_status 2
    expect_lines 'flowctl: error: rank 1 on [^ ]+: this is .* for snb, .*, and rank 0 on .* for .*--mixed'
}

# two_ranks SETTING WORDS SETTING WORDS: `run` of a training as two ranks, with FLOWCTL_AMX and further words for each
two_ranks() {
    # shellcheck disable=SC2086 # several words
    run --separate-stderr ranks 1 env FLOWCTL_AMX="$1" "$FLOWCTL" train spec.json -q $2 : \
        -n 1 env FLOWCTL_AMX="$3" "$FLOWCTL" train spec.json -q $4
}

@test "ranks with different arithmetic are refused" {
    make_project .
    # what one of them cannot do
    two_ranks emulate '--math bf16x3' none '--math bf16x3'
    expect_status 2
    expect_lines 'flowctl: error: rank 1 on [^ ]+: --math bf16x3: this processor has no AMX .*; choose float'
    two_ranks none '--math bf16x3' emulate '--math bf16x3'
    expect_status 2
    expect_lines 'flowctl: error: rank 0 on [^ ]+: --math bf16x3: this processor has no AMX .*; choose float'
    # what one of them is told to do
    two_ranks emulate '' emulate '--math bf16x3'
    expect_status 2
    expect_lines 'flowctl: error: rank 1 on [^ ]+: this is .*, bf16x3 with .*, and rank 0 on .*: what a rank .*--mixed'
    [ ! -e model.h5 ]
    two_ranks emulate '--math bf16x3' emulate '--math bf16x3'
    expect_status 0
    # a training goes on as it began, but for ranks that are told otherwise
    two_ranks emulate --resume none --resume
    expect_status 2
    [[ $(own_lines) == *'flowctl: error: rank 1 on '*': model.h5 goes on as it began: --math bf16x3: '* ]]
    two_ranks emulate --resume emulate '--resume --math float'
    expect_status 2
    expect_lines 'flowctl: error: rank 1 on [^ ]+: this is .*, --math float, and rank 0 on .* kernels: .*--mixed'
    two_ranks emulate --resume emulate --resume
    expect_status 0
}

@test "a file that one rank cannot see is named with the rank" {
    make_project here
    mkdir there
    cp here/spec.json here/train.csv there
    run --separate-stderr ranks 1 -wdir "$PWD/here" "$FLOWCTL" train spec.json : \
        -n 2 -wdir "$PWD/there" "$FLOWCTL" train spec.json
    expect_status 1
    [[ $(own_lines) == 'flowctl: error: '*'rank 1 on '*': validation.csv: there is no such file' ]]
    rm there/spec.json
    run --separate-stderr ranks 1 -wdir "$PWD/here" "$FLOWCTL" train spec.json : \
        -n 2 -wdir "$PWD/there" "$FLOWCTL" train spec.json
    expect_status 1
    [[ $(own_lines) == 'flowctl: error: rank 1 on '*': spec.json: there is no such file' ]]
    [ ! -e here/model.h5 ]
}

@test "a command that cannot be shared is refused, or left to rank 0" {
    run --separate-stderr ranks 2 "$job" refuse 0
    expect_status 2
    expect_lines 'flowctl: error: work cannot be shared by 2 processes: .*'
    run --separate-stderr ranks 1 "$job" refuse 0
    expect_status 0
    run --separate-stderr ranks 3 "$job" leave 0
    expect_status 0
    expect_lines 'a result' 'a note' 'flowctl: warning: a warning'
    make_csv 100 1 >rows.csv
    flowctl info rows.csv >alone.txt
    ranks 3 "$FLOWCTL" info rows.csv >three.txt
    same alone.txt three.txt
    run --separate-stderr ranks 3 "$FLOWCTL" info none.csv
    expect_status 1
    [ "$(own_lines)" = 'flowctl: error: none.csv: there is no such file' ]
    run --separate-stderr ranks 3 "$FLOWCTL" inf rows.csv
    expect_status 2
    [ "$(own_lines | grep -c 'did you mean "info"')" -eq 1 ]
}

@test "docs/scaling.md names what the program has" {
    local page=$root/docs/scaling.md name words n=0
    # commands that share their work, and those of rank 0
    for name in $(flowctl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help); do
        words=$(flowctl help "$name" | grep -A1 '^Several processes')
        case $words in
            *'share the work'*) tr '\n' ' ' <"$page" | grep -qE "\`$name\`[^.]* share their work\." ;;
            *'Rank 0'*) tr '\n' ' ' <"$page" | grep -qE "Rank 0 does [^.]*\`$name\`[^.]* alone\." ;;
            *'as one process'*) ! tr '\n' ' ' <"$page" | grep -qE "\`$name\`[^.]* (share their work|alone)\." ;;
            *) false ;;
        esac || { echo "$name: the page does not agree with \"$words\"" >&2 && return 1; }
    done
    # each line with a command is one that the program takes
    while read -ra words; do
        n=$((n + 1))
        run flowctl "${words[@]}" --help
        expect_status 0
    done < <(sed -n 's/^    .*flowctl-mpi //p' "$page")
    [ $n -ge 2 ]
}

@test "the program is one process without mpirun, and says what it was built with" {
    run --separate-stderr flowctl --version
    expect_status 0
    grep -qE '^MPI  +(Open MPI|MPICH|Intel\(R\) MPI) [^ ]*[0-9]' <<<"$output"
    make_csv 200 1 >train.csv
    make_csv 100 2 >validation.csv
    make_csv 100 3 >test.csv
    make_spec >spec.json
    flowctl train spec.json -q -o one.h5 --mixed
    "$root/build/flowctl" train spec.json -q -o two.h5
    diff <(flowctl logprob one.h5 test.csv -o -) <("$root/build/flowctl" logprob two.h5 test.csv -o -)
    run flowctl help train
    expect --mixed
    # the program without MPI knows nothing of it
    run "$root/build/flowctl" train spec.json --mixed
    expect_status 2
    expect 'unknown option --mixed'
    run "$root/build/flowctl" help train
    expect_not --mixed
    if command -v ldd >/dev/null; then
        run ldd "$root/build/flowctl"
        expect_not libmpi
    fi
}
