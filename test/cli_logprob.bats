#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# logprob and invert

load cli_helper

setup_file() {
    make_model
}

setup() {
    enter_folder
}

@test "logprob prints the mean with its error, bits per dimension and the least likely rows" {
    run --separate-stderr flowctl logprob model.h5 test.csv
    expect_status 0
    expect "rows                  100" "mean log-density" " +- " nats "bits per dimension" "least likely rows" "at row"
}

@test "logprob --json has the documented keys, consistent with the values per row" {
    run --separate-stderr flowctl logprob model.h5 test.csv --json -o values.csv
    expect_status 0
    expect_json rows mean standard_error bits_per_dimension worst
    [ "$(json_number rows <<<"$output")" = 100 ]
    mean=$(json_number mean <<<"$output")
    error=$(json_number standard_error <<<"$output")
    awk -v mean="$mean" -v error="$error" 'NR > 1 { n++; s += $1; q += $1 * $1 }
        END { m = s / n; e = sqrt((q / n - m * m) / (n - 1))
              exit !((m - mean) ^ 2 < 1e-12 && (e / error - 1) ^ 2 < 1e-6) }' values.csv
    run flowctl logprob model.h5 test.csv --json -o -
    expect_status 2
}

@test "logprob is in the units of the data: a change of units changes it by the Jacobian" {
    # millimetres for metres: the density per unit falls by 1000, log p by ln 1000
    awk -F, -v OFS=, 'NR > 1 { $2 = 1000 * $2 } { print }' train.csv >t && mv t train.csv
    awk -F, -v OFS=, 'NR > 1 { $2 = 1000 * $2 } { print }' validation.csv >t && mv t validation.csv
    awk -F, -v OFS=, 'NR > 1 { $2 = 1000 * $2 } { print }' test.csv >millimetres.csv
    flowctl train spec.json -q -o mm.h5 --set data.test=null
    a=$(flowctl logprob model.h5 test.csv --json | json_number mean)
    b=$(flowctl logprob mm.h5 millimetres.csv --json | json_number mean)
    awk -v a="$a" -v b="$b" 'BEGIN { e = a - b - log(1000); exit !(e > -0.01 && e < 0.01) }'
}

@test "values go to -o, in CSV and HDF5, and to standard output" {
    flowctl logprob model.h5 test.csv -q -o a.csv
    flowctl logprob model.h5 test.csv -q -o - >b.csv
    same a.csv b.csv
    [ "$(head -n 1 a.csv)" = logprob ]
    [ "$(wc -l <a.csv)" -eq 101 ]
    flowctl logprob model.h5 test.csv -q -o a.h5
    run flowctl info a.h5
    expect "100 rows" logprob
}

@test "standard input and threads make no difference" {
    flowctl logprob model.h5 test.csv -q -o a.csv --threads 1
    flowctl logprob model.h5 - -q -o b.csv --threads 2 <test.csv
    same a.csv b.csv
    flowctl logprob model.h5 <(cat test.csv) -q -o c.csv
    same a.csv c.csv
}

@test "columns are matched by name: in any order, among others" {
    awk -F, 'NR == 1 { print "tag,y,z,x"; next } { print "7," $2 ",8," $1 }' test.csv >wide.csv
    awk -F, 'NR == 1 { print "tag,y,z,x"; next } { print "muon," $2 ",," $1 }' test.csv >words.csv
    flowctl logprob model.h5 test.csv -q -o a.csv
    flowctl logprob model.h5 wide.csv -q -o b.csv
    flowctl logprob model.h5 - -q -o c.csv <wide.csv
    flowctl logprob model.h5 words.csv -q -o d.csv
    same a.csv b.csv
    same a.csv c.csv
    same a.csv d.csv
}

@test "data without names are matched by position, if their number is right" {
    tail -n +2 test.csv >bare.csv
    flowctl logprob model.h5 test.csv -q -o a.csv
    flowctl logprob model.h5 bare.csv -q -o b.csv
    same a.csv b.csv
    awk '{ print $0 ",1" }' bare.csv >three.csv
    run flowctl logprob model.h5 three.csv
    expect_status 1
    expect "3 columns" "2"
}

@test "missing columns are listed" {
    awk -F, 'NR == 1 { print "x,q"; next } { print }' test.csv >other.csv
    run flowctl logprob model.h5 other.csv
    expect_status 1
    expect other.csv missing y "x, q"
    run flowctl logprob model.h5 - <other.csv
    expect_status 1
    expect missing
}

@test "values that are not finite: file, row and column, or counted with --skip-invalid" {
    printf '125,inf\n' >>test.csv
    run flowctl logprob model.h5 test.csv
    expect_status 1
    expect test.csv 101 y
    run flowctl logprob model.h5 test.csv --skip-invalid
    expect_status 0
    expect "1 invalid row" "rows                  100"
}

@test "ragged rows, words and empty fields are errors with their place" {
    printf '125\n' >>test.csv
    run flowctl logprob model.h5 test.csv
    expect_status 1
    expect test.csv 102
    printf 'x,y\n1,2\n3,high\n' >words.csv
    run flowctl logprob model.h5 words.csv
    expect_status 1
    expect words.csv high y
    run flowctl logprob model.h5 spec.json
    expect_status 1
    expect "spec.json: is JSON" "flowctl train"
    printf 'x,y\n1,\n' >empty.csv
    run flowctl logprob model.h5 empty.csv
    expect_status 1
}

@test "no rows at all are an error" {
    printf 'x,y\n' >none.csv
    run flowctl logprob model.h5 none.csv
    expect_status 1
    expect none.csv
}

@test "the data that are read are not written over" {
    cp test.csv before.csv
    run flowctl logprob model.h5 test.csv -o test.csv
    expect_status 1
    same test.csv before.csv
}

@test "an outlier is evaluated, and found" {
    printf '500,1\n' >>test.csv
    run --separate-stderr flowctl logprob model.h5 test.csv --json
    expect_status 0
    expect '"worst":[{"row":101,'
}

# ---- invert ----

@test "invert goes to the latent space and back, and says how exactly" {
    run --separate-stderr flowctl invert model.h5 test.csv
    expect_status 0
    [ "${lines[0]}" = "z1,z2" ]
    [ "${#lines[@]}" -eq 101 ]
    [[ $stderr == *"round-trip error"* ]]
    printf '%s\n' "$output" >z.csv
    flowctl invert model.h5 z.csv --to data -q -o x.csv
    [ "$(head -n 1 x.csv)" = "x,y" ]
    paste -d, test.csv x.csv |
        awk -F, 'NR > 1 { e = $1 - $3; f = $2 - $4; if (e * e > 1e-6 || f * f > 1e-10) { print; exit 1 } }'
}

@test "invert --json has the documented keys" {
    run --separate-stderr flowctl invert model.h5 test.csv --json
    expect_status 0
    expect_json rows max_round_trip_error column
    [ "$(json_number rows <<<"$output")" = 100 ]
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    flowctl invert model.h5 test.csv -q -o z.csv
    run --separate-stderr flowctl invert model.h5 z.csv --to data --json -o x.h5
    expect_status 0
    expect_json rows max_round_trip_error
    [ -s x.h5 ]
    run flowctl invert model.h5 test.csv --json -o -
    expect_status 2
}

@test "log p is the base's log-density plus the log-determinant" {
    flowctl train spec.json -q -o normal.h5 --set base=normal
    flowctl invert normal.h5 test.csv --logdet -q -o z.csv
    flowctl logprob normal.h5 test.csv -q -o p.csv
    [ "$(head -n 1 z.csv)" = "z1,z2,logdet" ]
    paste -d, z.csv p.csv | awk -F, 'NR > 1 {
        p = -0.5 * ($1 * $1 + $2 * $2) - log(6.283185307179586) + $3
        e = p - $4; if (e * e > 1e-8) { print; exit 1 } }'
}

@test "latent rows are read by name or by position" {
    flowctl invert model.h5 test.csv -q -o z.csv
    awk -F, '{ print $2 "," $1 }' z.csv >swapped.csv
    tail -n +2 z.csv >bare.csv
    flowctl invert model.h5 z.csv --to data -q >a.csv
    flowctl invert model.h5 swapped.csv --to data -q >b.csv
    flowctl invert model.h5 bare.csv --to data -q >c.csv
    same a.csv b.csv
    same a.csv c.csv
    run flowctl invert model.h5 test.csv --to data
    expect_status 1
    expect missing z1
}

@test "a reader that goes away is a normal end of invert" {
    set -o pipefail
    for _ in $(seq 300); do tail -n +2 test.csv; done >many.csv
    flowctl invert model.h5 many.csv 2>log.txt | head -n 2 >/dev/null
    [ ! -s log.txt ]
}

@test "logprob of estimated traces gives the standard error of each row and of their mean" {
    estimated='{ "type": "hutchinson", "exact_up_to": 1 }'
    for trace in '"hutchinson"' "$estimated"; do
        make_spec |
            sed "s/{ \"type\": \"maf\".*/{ \"type\": \"ffjord\", \"hidden\": [6, 5, 4], \"trace\": $trace } ],/" >f.json
        run --separate-stderr flowctl train f.json --quiet --force
        expect_status 0
        run --separate-stderr flowctl logprob model.h5 test.csv --json -o values.csv
        expect_status 0
        if [ "$trace" != "$estimated" ]; then
            [ "$(head -1 values.csv)" = logprob ]
            ! grep -q estimator_error <<<"$output" || return 1
            continue
        fi
        [ "$(head -1 values.csv)" = logprob,standard_error ]
        error=$(json_number estimator_error <<<"$output")
        awk -F, -v error="$error" 'NR > 1 { n++; q += $2 * $2; bad += !($2 > 0) }
            END { exit !(bad == 0 && (sqrt(q) / n / error - 1) ^ 2 < 1e-6) }' values.csv
        run --separate-stderr flowctl logprob model.h5 test.csv
        expect "from estimated traces, whose own standard error is"
    done
}
