#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Candidates that several processes train: the same search as in one.

load cli_helper
load mpi_helper

plain=$root/build/flowctl

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    make_csv 500 1 >train.csv
    cat >spec.json <<JSON
{ "data": { "train": "train.csv", "validation": 0.3, "test": 0.1 },
  "flow": ["standardize", { "type": "maf", "hidden": [4] }], "train": { "epochs": 9 },
  "tune": { "only": true, "space": { "train.optimizer.rate": [1e-3, 5e-3, 2e-2, 1000],
                                     "flow[1].hidden": [[4], [8]] } } }
JSON
}

# Of a result or a table, what does not depend on the clock.
untimed() {
    sed 's/"seconds":[^,]*,//g' "$1"
}
untimed_table() {
    cut -d, -f1-4,6- "$1"
}

# search_in FOLDER COMMAND...: tunes the spec there
search_in() {
    local folder=$1
    shift
    mkdir "$folder"
    cp train.csv spec.json "$folder"
    (cd "$folder" && "$@" tune spec.json -n 8 --keep 2 -j 1 --json >result.json 2>said)
}

@test "a search gives the same candidates, ranks and models with 1 to 4 processes" {
    local n
    search_in one "$plain"
    "$plain" logprob one/spec-tuned.h5 train.csv -q -o one.csv >/dev/null
    # the candidates with the rate 1000 have something to say, and so does rank 0 of those of the other ranks
    grep -q "warning: candidate 4: epoch" one/said
    for n in 1 2 4; do
        search_in many$n ranks $n "$FLOWCTL"
        same <(untimed one/result.json) <(untimed many$n/result.json)
        same <(untimed_table one/spec-tuned.tune/candidates.csv) <(untimed_table many$n/spec-tuned.tune/candidates.csv)
        same <(sort one/said) <(sed "s:/many$n/:/one/:" many$n/said | sort)
        "$plain" logprob many$n/spec-tuned.h5 train.csv -q -o many.csv >/dev/null
        same one.csv many.csv
    done
}

@test "a search that was stopped goes on with another number of processes" {
    sed -i 's/"epochs": 9/"epochs": 1500, "patience": 0/' spec.json
    search_in one "$plain"
    mkdir stopped
    cp train.csv spec.json stopped
    cd stopped
    # rank 1 stops by itself when the search has begun
    cat >stopping <<'SH'
[ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}" != 1 ] ||
    (until [ -e spec-tuned.tune/search.json ]; do sleep 0.05; done; kill -USR1 $$) &
exec "$@"
SH
    run ranks 2 bash stopping "$FLOWCTL" tune spec.json -n 8 --keep 2 -j 1 -q
    [ "$status" -ne 0 ]
    [ ! -e spec-tuned.h5 ]
    ranks 3 "$FLOWCTL" tune spec.json -n 8 --keep 2 -j 1 -q --resume
    same <(untimed_table spec-tuned.tune/candidates.csv) <(untimed_table ../one/spec-tuned.tune/candidates.csv)
}

@test "a mistake that rank 0 finds ends all of them" {
    sed 's/1000/1e30/' spec.json >bad.json
    run ranks 3 "$FLOWCTL" tune bad.json
    expect_status 2
    [ "$(own_lines | wc -l)" -eq 1 ]
    expect "bad.json: tune.space.train.optimizer.rate[3]"
    "$FLOWCTL" tune spec.json -n 2 -q
    run ranks 2 "$FLOWCTL" tune spec.json -n 2 -q
    expect_status 1
    expect "exists already"
    [ "$(own_lines | wc -l)" -eq 1 ]
}
