#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Rows that several processes share: the same bytes as from one, for any number of them.

load cli_helper
load mpi_helper

plain=$root/build/flowctl

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/project"
    cd "$BATS_FILE_TMPDIR/project" || return
    make_project .
    "$plain" train spec.json -q
    # y, whose spread grows with c; a weight; whole numbers
    awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
        BEGIN { srand(8); print "y,c,w,n"; for (i = 0; i < 1003; i++) { c = 1 + i % 3
            printf "%.6f,%d,%.2f,%d\n", c * normal(), c, 0.5 + rand(), 5 * rand() } }' >given.csv
    cat >given.json <<JSON
{ "data": { "train": "given.csv", "columns": ["y"], "context": ["c"], "weight": "w" },
  "flow": ["standardize", { "type": "maf", "hidden": [4] }], "train": { "epochs": 1 } }
JSON
    cat >whole.json <<JSON
{ "data": { "train": "given.csv", "columns": ["y", "n"] },
  "flow": [{ "type": "support", "columns": { "n": { "lower": 0, "discrete": true } } }, "standardize", "maf"],
  "train": { "epochs": 1 } }
JSON
    cat >solved.json <<JSON
{ "data": { "train": "train.csv" }, "train": { "epochs": 1 },
  "flow": ["standardize", { "type": "ffjord", "hidden": [4] }] }
JSON
    cat >tuned.json <<JSON
{ "data": { "train": "train.csv", "validation": 0.3 },
  "flow": ["standardize", { "type": "maf", "hidden": [4] }], "train": { "epochs": 3 },
  "tune": { "only": true, "space": { "train.optimizer.rate": [1e-3, 5e-3, 2e-2] } } }
JSON
    for spec in given whole solved; do
        "$plain" train $spec.json -q
    done
    "$plain" tune tuned.json -n 3 --keep 2 -o ensemble.h5 -q
    # FOLDER COMMAND...: rank 1 runs the command in a folder of its own
    cat >blind <<'SH'
[ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}" != 1 ] || cd "$1"
shift
exec "$@"
SH
    # more than four parts of the first round of four processes
    "$plain" sample model.h5 -n 300001 --seed 3 -q -o many.csv
    { head -n 100000 many.csv; echo "1,oops"; tail -n +100001 many.csv; } >bad.csv
}

setup() {
    enter_folder
}

# shared FILE ARGUMENTS...: the program says the same and writes the same FILE as one process and as $sizes of a job
sizes=3
shared() {
    local file=$1 n
    shift
    "$plain" "$@" --json >plain.json 2>plain.err
    mv "$file" plain.out
    for n in $sizes; do
        ranks "$n" "$FLOWCTL" "$@" --json >ranks.json 2>ranks.err || { cat ranks.err >&2 && return 1; }
        same plain.json ranks.json
        same plain.err ranks.err
        same plain.out "$file"
        rm "$file"
    done
}

@test "logprob: tables longer than a round, weights, rows that are skipped" {
    sizes='4' shared out.csv logprob model.h5 many.csv -o out.csv
    sizes='2' shared out.h5 logprob model.h5 bad.csv --skip-invalid --float -o out.h5
    sizes='1 2 3 4' shared out.csv logprob given.h5 given.csv -o out.csv
    shared out.csv logprob given.h5 given.csv --weight n --given c=2 --worst 9 -o out.csv
    # fewer rows than ranks, and one
    head -n 3 many.csv >two.csv
    shared out.csv logprob model.h5 two.csv -o out.csv
}

@test "sample: any number of rows, any first row, into CSV and HDF5, with a table of the context" {
    sizes='1 2 3 4' shared out.h5 sample model.h5 -n 300001 --logprob -o out.h5:/set
    sizes='1 2 3 4' shared out.csv sample model.h5 -n 4001 --first 1077 --seed 5 -o out.csv
    shared out.csv sample model.h5 -n 1 --first 130 -o out.csv
    shared out.csv sample given.h5 --given given.csv -n 7 --first 12 --logprob -o out.csv
    sed '500s/^[^,]*,[^,]*/1,oops/' given.csv >gap.csv
    shared out.csv sample given.h5 --given gap.csv --skip-invalid -n 3 -o out.csv
    shared out.csv sample given.h5 --given c=3 -n 1001 -o out.csv
}

@test "invert, in both directions" {
    sizes=3 shared out.csv invert model.h5 many.csv --logdet -o out.csv
    "$plain" invert given.h5 given.csv -q -o latent.csv
    shared out.csv invert given.h5 latent.csv --to data -o out.csv
}

@test "models whose rows depend on noise, on a solver, or on several members" {
    local model
    for model in whole solved ensemble; do
        shared drawn.csv sample $model.h5 -n 2003 --logprob -o drawn.csv
        "$plain" sample $model.h5 -n 2003 -q -o rows.csv
        shared out.csv logprob $model.h5 rows.csv -o out.csv
    done
    shared out.csv invert solved.h5 rows.csv -o out.csv
    shared out.csv invert whole.h5 given.csv -o out.csv
}

@test "score: with the same draws for all rows, and with those of each context" {
    head -n 20000 many.csv >rows.csv
    shared out.csv score model.h5 rows.csv --draws 5003 --tail -o out.csv
    shared out.csv score given.h5 given.csv --draws 299 --top 30 -o out.csv
    shared out.csv score given.h5 given.csv --given c=2 --draws 1001 -o out.csv
    shared out.csv score solved.h5 test.csv --draws 401 -o out.csv
    sed 's/given.csv/solved.csv/; s/"maf"/"ffjord"/' given.json >steps.json
    cp given.csv solved.csv
    "$plain" train steps.json -q
    shared out.csv score steps.h5 given.csv --draws 99 -o out.csv
}

# shared_verdict ARGUMENTS...: as above, of diagnose
shared_verdict() {
    local n status=0
    "$plain" diagnose "$@" --json >plain.json 2>plain.err || status=$?
    [ $status -eq 0 ] || [ $status -eq 3 ]
    for n in $sizes; do
        run --separate-stderr ranks "$n" "$FLOWCTL" diagnose "$@" --json
        expect_status $status
        same plain.json <(echo "$output")
        same <(grep ^flowctl: plain.err || true) <(own_lines | grep ^flowctl: || true)
    done
}

@test "diagnose: a table, the rows that were held out, a context with weights, other kinds of models" {
    "$plain" sample model.h5 -n 3001 -q -o drawn.csv
    head -n 700 drawn.csv >some.csv
    shared_verdict model.h5 drawn.csv
    shared_verdict model.h5
    shared_verdict given.h5 given.csv
    sizes=3 shared_verdict ensemble.h5 some.csv
    sizes=2 shared_verdict solved.h5 some.csv
    sizes=3 shared_verdict whole.h5 given.csv --train given.csv
    sizes=2 shared_verdict model.h5 bad.csv --skip-invalid --rows 1000
    run --separate-stderr ranks 3 "$FLOWCTL" diagnose model.h5 bad.csv
    expect_status 1
    [ "$(own_lines)" = "$("$plain" diagnose model.h5 bad.csv 2>&1)" ]
}

@test "rows that no number stands for are told in the same way" {
    # beyond the range of float32 in latent units
    { head -n 3000 many.csv; echo "1e300,1e300"; tail -n 5000 many.csv; echo "-1e300,1"; } >far.csv
    shared out.csv logprob model.h5 far.csv -o out.csv
    grep -q '"non_finite":[12]' plain.json
    shared out.csv invert model.h5 far.csv -o out.csv
    shared out.csv score model.h5 far.csv --draws 999 -o out.csv
    shared out.csv sample model.h5 -n 1000 --temperature 1000 -o out.csv
}

@test "a bad row has the message that one process gives, and there is no output" {
    local n said
    run "$plain" logprob model.h5 bad.csv -o out.csv
    expect_status 1
    said=$output
    for n in 2 4; do
        run ranks "$n" "$FLOWCTL" logprob model.h5 bad.csv -o out.csv
        expect_status 1
        [ "$(own_lines)" = "$said" ]
        [ ! -e out.csv ]
    done
}

@test "of a table in HDF5 each rank reads its rows, if all can" {
    local copy=$root/build/test/mpi_open-mpi said
    "$copy" many.csv copy=rows.h5
    "$copy" given.csv copy=weights.h5
    "$copy" many.csv copy=holes.h5 hole=140000
    sizes=3 shared out.csv logprob model.h5 rows.h5 --worst 5 -o out.csv
    sizes='1 4' shared out.csv logprob given.h5 weights.h5 -o out.csv
    sizes=2 shared out.csv invert model.h5 rows.h5 -o out.csv
    sizes=3 shared out.csv score given.h5 weights.h5 --draws 99 -o out.csv
    sizes='2 4' shared out.csv logprob model.h5 holes.h5 --skip-invalid -o out.csv
    awk -F, 'NR == 1 { print "v" } NR > 1 { print NR }' many.csv >beside.csv
    "$copy" beside.csv copy=beside.h5
    sizes=3 shared out.csv logprob model.h5 beside.h5,rows.h5 --worst 5 -o out.csv
    # the rows of one of two tables are invalid, each 140,000th or all behind a place
    "$copy" many.csv copy=tail.h5 tail=120000
    for said in holes tail; do
        sizes='2 4' shared out.csv logprob model.h5 beside.h5,$said.h5 --skip-invalid -o out.csv
    done
    # the first of two bad rows, whichever rank reads it
    run "$plain" logprob model.h5 holes.h5
    expect_status 1
    expect "row 140000"
    said=$output
    run ranks 3 "$FLOWCTL" logprob model.h5 holes.h5 -o out.csv
    expect_status 1
    [ "$(own_lines)" = "$said" ]
    [ ! -e out.csv ]
    # rank 1 sees the model alone
    mkdir elsewhere
    cp model.h5 elsewhere/
    "$plain" logprob model.h5 rows.h5 -q -o alone.csv
    ranks 2 bash blind elsewhere "$FLOWCTL" logprob model.h5 rows.h5 -q -o out.csv
    same alone.csv out.csv
}

@test "of plain CSV each rank reads its rows, of other CSV rank 0 reads all" {
    # rows that are dropped: words, too few fields, no value, codes; more than a part of them in a row
    awk -F, -v OFS=, 'NR > 1 && NR % 1000 == 7 { $2 = "oops" } NR % 5000 == 9 { $0 = $1 } NR % 7000 == 13 { $1 = "" }
        NR > 90000 && NR < 200000 { $2 = -999 } { print }' many.csv >holes.csv
    sizes='2 5' shared out.csv logprob model.h5 holes.csv --skip-invalid --missing=-999 -o out.csv
    grep -q '"skipped":' plain.json
    grep -q 'dropped\|skipped' plain.err
    sizes=3 shared out.h5 invert model.h5 holes.csv --skip-invalid --missing=-999 -o out.h5
    sizes=2 shared out.csv score model.h5 holes.csv --skip-invalid --missing=-999 --draws 99 -o out.csv
    # all rows are dropped
    sed '2,$s/,.*/,oops/' given.csv >none.csv
    run "$plain" logprob given.h5 none.csv --skip-invalid --given c=1
    expect_status 1
    local said=$output
    run ranks 3 "$FLOWCTL" logprob given.h5 none.csv --skip-invalid --given c=1
    expect_status 1
    [ "$(own_lines)" = "$said" ]
    # the last line is cut
    head -c -3 many.csv >cut.csv
    sizes='2 3' shared out.csv logprob model.h5 cut.csv -o out.csv
    grep -q 'its last line has no line end' plain.err
    # rows that are no lines
    sed '5s/.*/"1.5","2"/; 70000s/^/# /' many.csv >quoted.csv
    sizes=2 shared out.csv logprob model.h5 quoted.csv -o out.csv
    gzip -k given.csv
    sizes=2 shared out.csv logprob given.h5 given.csv.gz -o out.csv
    # the first of two bad rows, whichever rank reads it
    local bad
    for bad in '1,2,3' '1' 'x,y' '1,-inf' ''; do
        sed "120000s/.*/$bad/; 250000s/.*/oops,1/" many.csv >wrong.csv
        run "$plain" logprob model.h5 wrong.csv
        expect_status 1
        said=$output
        run ranks 4 "$FLOWCTL" logprob model.h5 wrong.csv
        expect_status 1
        [ "$(own_lines)" = "$said" ]
    done
    # rank 1 has other numbers under the same name
    mkdir others
    cp model.h5 others/
    sed 's/[1-8]/9/g' many.csv >others/many.csv
    ranks 2 bash blind others "$FLOWCTL" logprob model.h5 many.csv -q -o out.csv
    "$plain" logprob model.h5 many.csv -q -o alone.csv
    [ "$(wc -l <out.csv)" -eq "$(wc -l <alone.csv)" ]
    run ! cmp -s out.csv alone.csv
    # a file of the same size whose rows begin elsewhere: rank 0 reads alone
    { echo x,y; yes 1.50,2.50 | head -n 104858; } >begin.csv
    { echo "# 2345678"; echo x,y; yes 1.50,2.50 | head -n 104857; } >others/begin.csv
    ranks 2 bash blind others "$FLOWCTL" logprob model.h5 begin.csv -q -o out.csv
    "$plain" logprob model.h5 begin.csv -q -o alone.csv
    same out.csv alone.csv
}

@test "a full disk at rank 0 ends all ranks" {
    # files of the message passing are larger than those of a small limit
    cat >limited <<'SH'
[ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}" != 0 ] || ulimit -f 60000
exec "$@"
SH
    run ranks 3 bash limited "$FLOWCTL" sample model.h5 -n 20000000 -o out.h5
    expect_status 1
    expect "flowctl: error: out.h5: /data cannot be written"
    [ "$(own_lines | wc -l)" -eq 1 ]
    [ -z "$(ls out.h5* .out.h5* 2>/dev/null)" ]
}

@test "when the reader of standard output is gone, all ranks end well" {
    echo 'exec "$@" 3>&1 | head -n 2' >piped
    run ranks 3 bash -o pipefail piped "$FLOWCTL" sample model.h5 -n 1000000000 -q
    expect_status 0
    [ "${lines[0]}" = x,y ]
    [ "${#lines[@]}" -eq 2 ]
}

@test "rank 0 alone reads standard input" {
    "$plain" logprob model.h5 many.csv --json | sed 's/many.csv/-/' >plain.json
    ranks 3 "$FLOWCTL" logprob model.h5 - --json <many.csv >ranks.json
    same plain.json ranks.json
}

@test "an output that must not be written is refused once, as by one process" {
    local said
    run "$plain" logprob model.h5 many.csv -o model.h5
    said=$output
    run ranks 3 "$FLOWCTL" logprob model.h5 many.csv -o model.h5
    expect_status 1
    [ "$(own_lines)" = "$said" ]
}
