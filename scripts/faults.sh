#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     FAULT_STEP=1 scripts/faults.sh [-k KIND]... [SCENARIO]...      what `make faults` does
#
# Runs commands of build/flowctl again and again while calls of the system fail, one call after the other: the first of
# a run, then the second, and so on to the last (test/faults/calls.c, preloaded). With FAULT_STEP=N
# only every N-th one fails, and with FAULT_FIRST=N none before the N-th: what was interrupted goes on there. The kinds:
#
#     eio, enospc          the call fails with this error
#     eio-on, enospc-on    and so do all later ones: the disk is gone, or stays full
#     eintr                the call is interrupted once
#     short                a read or write does half of its bytes
#     kill                 the program is killed (SIGKILL) at the call
#
# A run that ends must have status 1 and one message that names a file of the run, or status 0 and the same results as
# an undisturbed run: always where reads or writes are short, or interrupted. What was there before is intact, or
# replaced by a complete result. No temporary file is left, or, where the call that removes it has failed and after a
# kill, the next run removes it, as it does with the empty file of a lock; that run has the same results as an
# undisturbed one.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
root=$PWD

step=${FAULT_STEP:-1} first=${FAULT_FIRST:-1}
kinds=()
while getopts k: option; do
    case $option in
        k) kinds+=("$OPTARG") ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ ${#kinds[@]} -gt 0 ] || kinds=(eio eio-on enospc enospc-on eintr short kill)

program=${FLOWCTL:-$root/build/flowctl}
shim=${FAULT_CALLS:-$root/build/faults/calls.so}
base=/tmp
[ ! -w /dev/shm ] || base=/dev/shm
place=$(mktemp -d "$base/faults.XXXXXX") || exit
trap 'rm -rf "$place"' EXIT
before=$place/before good=$place/good work=$place/work log=$place/log
export LC_ALL=C OPENBLAS_NUM_THREADS=1 # starting them takes a fifth of a run
ulimit -c 0

# Prepares the folder of a scenario, and sets `command` and `again`, which ends what a kill has stopped.
prepare() {
    cat >spec.json <<'JSON'
{
  "data": { "train": "train.csv", "validation": "held_out.csv" },
  "flow": [ "standardize", { "type": "maf", "repeat": 1, "hidden": [4] } ],
  "train": { "epochs": 2, "batch": 32, "schedule": "constant" },
  "output": "model.h5"
}
JSON
    local seed=1 file
    for file in train held_out; do
        awk -v seed=$((seed++)) 'BEGIN { srand(seed); print "x,y"
            for (i = 0; i < 80; i++) printf "%.5f,%.5f\n", rand() + rand(), rand() - rand() }' >"$file.csv"
    done
    "$program" train spec.json -q || return
    local force=()
    ! "$program" help sample | grep -q -e --force || force=(--force)
    case $1 in
        train) command=(train spec.json --force -q -j 2) ;;
        resume) command=(train spec.json --resume --set train.epochs=4 -q -j 2) ;;
        sample)
            "$program" sample model.h5 -n 9 -s 2 -o sample.csv -q || return
            command=(sample model.h5 -n 9 -o sample.csv -q "${force[@]}")
            ;;
        table)
            "$program" sample model.h5 -n 9 -s 2 -o tables.h5:/other -q || return
            command=(sample model.h5 -n 9 -o tables.h5:/new -q "${force[@]}")
            ;;
        logprob) command=(logprob model.h5 held_out.csv -o logprob.csv -q) ;;
        stream)
            command=(logprob model.h5 held_out.csv -o - -q)
            out=$work/stream # a file of the folder of which calls fail
            ;;
        invert)
            "$program" invert model.h5 train.csv -o latent.h5 -q || return
            command=(invert model.h5 held_out.csv -o latent.h5 -q "${force[@]}")
            ;;
        tune)
            rm model.h5
            command=(tune spec.json -n 3 -e 3 -j 1 -q -o tuned.h5)
            ;;
        *)
            echo "faults.sh: unknown scenario $1"
            return 1
            ;;
    esac
    again=("${command[@]}")
    [ "$1" != tune ] || again+=(--resume)
}

# The program in the folder of work: status, standard output in $out and error in $place/err.
start() {
    (
        cd "$work" || exit
        "$program" "$@"
        exit $? # so that this shell, and not the one around it, says that the program was killed
    ) >"$out" 2>"$place/err"
}

# Is the file of the folder of work complete?
is_model() {
    [[ $1 == *.h5 ]] && (cd "$work" && "$program" info "$1") >/dev/null 2>&1
}

# Sets `densities`: a file of those of a model of an undisturbed run.
evaluate_good() {
    densities=$place/of/${1//\//:}
    [ -e "$densities" ] || (cd "$good" && "$program" logprob "$1" train.csv -o - -q) >"$densities" 2>/dev/null ||
        { rm -f "$densities"; return 1; }
}

# Sets `worth`: how the files differ from those of an undisturbed run, apart from models with the same densities.
compare_with_good() {
    local line name
    worth=''
    while IFS= read -r line; do
        name=${line##*"$work"/}
        name=${name% differ}
        if [[ $line == Files* && $name == *.h5 ]] &&
            evaluate_good "$name" &&
            (cd "$work" && "$program" logprob "$name" train.csv -o - -q) >"$place/b" 2>/dev/null &&
            cmp -s "$densities" "$place/b"; then
            continue
        fi
        [[ $line == "Only in $work"*.tmp || $line == "Only in $work"*.lock ]] && continue # see look
        # what a search notes about its candidates has times in it
        [[ $line == Files* && $name == tuned.*[!5] ]] && continue
        worth+="$line"$'\n'
    done < <(diff -rq "$good" "$work")
}

# Sets `lost` (old files that are neither whole nor replaced by whole ones) and `left` (temporary files and locks).
look() {
    local line name
    lost='' left=''
    while IFS= read -r line; do
        case $line in
            "Only in $work: stream") ;;
            "Only in $before"*) lost+="$line"$'\n' ;;
            "Only in $work"*.tmp | "Only in $work"*.lock) left+="$line"$'\n' ;;
            "Only in $work: "*)
                name=${line#*: }
                [ -d "$work/$name" ] || cmp -s "$work/$name" "$good/$name" || is_model "$name" || lost+="$line"$'\n'
                ;;
            Files*)
                name=${line##*"$work"/}
                name=${name% differ}
                cmp -s "$work/$name" "$good/$name" || is_model "$name" || lost+="$line"$'\n'
                ;;
        esac
    done < <(diff -rq "$before" "$work")
}

complain() {
    n_faults=$((n_faults + 1))
    printf '    FAULT %s, %s of call %d (%s): %s\n' "$scenario" "$kind" "$at" "$(head -n 1 "$log")" "$1"
    sed 's/^/        | /' "$place/err" | head -n 5
    printf '%s' "${2-}" | sed "s,$place/,,g; s/^/        : /"
}

# Does the message name a file whose call has failed? A temporary one has the name of the file that it becomes, and a
# file of a folder that failed will do.
names_a_file() {
    sed -E 's/^[^ ]* //; s,.*/,,; s/^\.(.*)\.[0-9]+-[0-9]+\.tmp$/\1/; s/^(work|\.)$/:/
        s/^stream$/standard output/' "$log" | sort -u | grep -qFf - "$place/err"
}

# One run in which call number $at fails.
disturb() {
    local status name how=${kind%-on}
    rm -rf "$work" && cp -a "$before" "$work"
    : >"$log"
    [ "$kind" = "$how" ] || export FAULT_ON=yes
    FAULT_FOLDER=$work FAULT_KIND=$how FAULT_AT=$at FAULT_LOG=$log LD_PRELOAD=$preload start "${command[@]}"
    status=$?
    unset FAULT_ON
    [ -s "$log" ] || return 1
    n_runs=$((n_runs + 1))
    read -r name _ <"$log"
    look
    [ -z "$lost" ] || complain "files are neither the old ones nor complete" "$lost"
    if [ "$kind" = kill ]; then
        [ $status -eq 137 ] || complain "status $status instead of 137"
    elif [ $status -eq 0 ]; then
        n_survived=$((n_survived + 1))
        survived+="$name"$'\n'
        compare_with_good
        [ -z "$worth" ] || complain "status 0, and other results" "$worth"
        cmp -s "$out" "$place/good.out" || complain "status 0, and another output"
    elif [ $status -ne 1 ]; then
        complain "status $status"
    else
        case $kind-$name in
            short-* | eintr-*read | eintr-*write) complain "status 1; such a call can be continued" ;;
        esac
        [ "$(grep -c '^flowctl: error: ' "$place/err")" -eq 1 ] || complain "not one message"
        names_a_file || complain "no file is named"
    fi
    if [ "$kind" = kill ] || { [ -n "$left" ] && { [[ $left != *.tmp* ]] || grep -q '^unlink' "$log"; }; }; then
        start "${again[@]}" || complain "the next run ends with status $?"
        look
        compare_with_good
        [ -z "$worth" ] || complain "the next run has other results" "$worth"
    fi
    [ -z "$left" ] || complain "temporary files are left" "$left"
    return 0
}

# The sanitizers have to be loaded first; a program without them needs nothing.
preload=$shim
total=0 faults=0
[ $# -gt 0 ] || set -- train resume sample table logprob stream invert tune
for scenario in "$@"; do
    rm -rf "$before" "$good" "$work" "$place/of"
    out=$place/out
    mkdir "$before" "$place/of"
    cd "$before" && prepare "$scenario" || exit
    cd "$root" || exit
    cp -a "$before" "$work"
    if ! start "${command[@]}"; then
        cat "$place/err"
        exit 1
    fi
    cp -a "$out" "$place/good.out"
    mv "$work" "$good"
    for kind in "${kinds[@]}"; do
        n_runs=0 n_survived=0 n_faults=0 at=$first survived=''
        while disturb; do
            at=$((at + step))
        done
        names=$(sort <<<"${survived%$'\n'}" | uniq -c | awk 'NF == 2 { printf "%s%s %d", s, $2, $1; s = ", " }')
        printf '%-8s %-10s %4d runs, %3d survived, %d faults%s\n' "$scenario" "$kind" "$n_runs" "$n_survived" \
            "$n_faults" "${names:+ ($names)}"
        total=$((total + n_runs)) faults=$((faults + n_faults))
    done
done
printf '%d runs with a call that failed, %d faults\n' "$total" "$faults"
[ "$faults" -eq 0 ] && [ "$total" -gt 0 ]
