#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# interpolate

load cli_helper

setup_file() {
    make_model
}

setup() {
    enter_folder
}

# rows_of FILE N...: the header and these rows of a CSV file
rows_of() {
    local file=$1 n
    head -n 1 "$file"
    shift
    for n; do sed -n "$((n + 1))p" "$file"; done
}

# near FILE FILE: CSV files of the same numbers, up to rounding
near() {
    paste -d, "$1" "$2" | awk -F, 'NR > 1 { for (i = 1; i <= NF / 2; i++) { e = $i - $(i + NF / 2)
        if (e * e > 1e-8 * (1 + $i * $i)) { print; exit 1 } } }'
}

@test "the walk begins and ends at the rows" {
    run --separate-stderr flowctl interpolate model.h5 test.csv --rows 3,17 -n 6
    expect_status 0
    [ "${#lines[@]}" -eq 7 ]
    [[ $stderr == "6 rows from row 3 to row 17, whose latents are "*" degrees apart; largest round-trip error "* ]]
    printf '%s\n' "${lines[0]}" "${lines[1]}" "${lines[6]}" >ends.csv
    rows_of test.csv 3 17 >rows.csv
    near ends.csv rows.csv
    run --separate-stderr flowctl interpolate model.h5 test.csv
    [ "${#lines[@]}" -eq 9 ] # 8 by default, from row 1 to row 2
    printf '%s\n' "${lines[0]}" "${lines[1]}" "${lines[8]}" >ends.csv
    rows_of test.csv 1 2 >rows.csv
    near ends.csv rows.csv
}

@test "between them it is on the arc between the latents, and with --linear on the line" {
    rows_of test.csv 17 3 >rows.csv
    flowctl invert model.h5 rows.csv -q -o ends.csv
    for linear in 0 1; do
        option=(--linear)
        flowctl interpolate model.h5 test.csv --rows 17,3 -n 5 "${option[@]:0:$linear}" -q -o walk.csv
        flowctl invert model.h5 walk.csv -q -o z.csv
        awk -F, -v linear=$linear 'NR == 2 { a1 = $1; a2 = $2 } NR == 3 { b1 = $1; b2 = $2 }
            END {
                print "z1,z2"
                r = atan2(a1 * b2 - a2 * b1, a1 * b1 + a2 * b2)
                for (i = 0; i < 5; i++) {
                    t = i / 4
                    of_a = linear ? 1 - t : cos(t * r) - sin(t * r) * cos(r) / sin(r)
                    of_b = linear ? t : sin(t * r) / sin(r)
                    printf "%.9g,%.9g\n", of_a * a1 + of_b * b1, of_a * a2 + of_b * b2
                }
            }' ends.csv >expected.csv
        near z.csv expected.csv
    done
}

@test "interpolate --json has the documented keys" {
    run --separate-stderr flowctl interpolate model.h5 test.csv --rows 3,17 -n 4 --json -o walk.h5
    expect_status 0
    expect_json model data rows from to path angle max_round_trip_error non_finite output
    expect '"rows":4,"from":3,"to":17,"path":"spherical"'
    is_below "$(json_number max_round_trip_error <<<"$output")" 0.001
    run flowctl info walk.h5
    expect "4 rows"
    run --separate-stderr flowctl interpolate model.h5 test.csv --rows 5,5 --json
    expect '"path":"linear"' # there is no arc
    run flowctl interpolate model.h5 test.csv --json -o -
    expect_status 2
}

@test "rows that are not there, and that are no numbers of rows" {
    run flowctl interpolate model.h5 test.csv --rows 3,101
    expect_status 1
    expect "test.csv: there is no row 101; the last one is row 100"
    for rows in 3 0,1 1,2,3 1.5,2 x,1; do
        run flowctl interpolate model.h5 test.csv --rows $rows
        expect_status 2
        expect "--rows takes two numbers of rows"
    done
    run flowctl interpolate model.h5 test.csv -n 1
    expect_status 2
    awk 'NR == 4 { print "," } NR != 4 { print }' test.csv >holes.csv
    run flowctl interpolate model.h5 holes.csv --rows 3,5 --skip-invalid
    expect_status 1
    expect "holes.csv: row 3 is left out, because its values are not valid"
    run flowctl interpolate model.h5 holes.csv --rows 5,7 --skip-invalid
    expect_status 0
    cp test.csv before.csv
    run flowctl interpolate model.h5 test.csv -o test.csv
    expect_status 1
    same test.csv before.csv
}

@test "periodic latents go the shorter way round, at a constant speed" {
    awk 'BEGIN { srand(4); print "angle,y"
        for (i = 0; i < 300; i++) { y = rand() + rand(); print 6.283185307 * rand() "," y } }' >circle.csv
    cat >circle.json <<JSON
{
  "data": { "train": "circle.csv" },
  "flow": [ { "type": "support", "columns": { "angle": { "periodic": 6.283185307179586 }, "y": { "lower": 0 } } },
            "standardize", { "type": "maf", "repeat": 2, "hidden": [8] } ],
  "train": { "epochs": 2, "batch": 50 }, "output": "circle.h5"
}
JSON
    flowctl train circle.json -q
    printf 'angle,y\n0.1,1\n6.2,1\n3,1\n' >ends.csv
    for rows in 1,2 2,1 1,3; do
        flowctl interpolate circle.h5 ends.csv --rows $rows -n 5 -q -o walk.csv
        flowctl invert circle.h5 walk.csv -q -o z.csv
        awk -F, 'NR == 2 { last = $1 }
            NR > 2 { step = $1 - last; last = $1
                     if (step > 3.141592654) step -= 6.283185307179586
                     if (step < -3.141592654) step += 6.283185307179586
                     if (NR == 3) first = step
                     e = step - first; if (e * e > 1e-8 || 16 * step * step > 9.87) { print; exit 1 } }' z.csv
    done
    printf 'angle,y\n1,1\n1,-1\n' >outside.csv
    run flowctl interpolate circle.h5 outside.csv
    expect_status 1
    expect "outside.csv: row 2 is outside of the support: " y
}

@test "the context goes from one to the other, and a class is that of the nearer row" {
    for set in train validation test; do
        awk -F, -v OFS=, 'NR == 1 { print $0, "t", "label"; next } { print $0, 0.1 * NR, NR % 3 }' $set.csv >t
        mv t $set.csv
    done
    flowctl train spec.json -q -o conditional.h5 --set 'data.context=["t","label"]' --set data.classes=3
    flowctl interpolate conditional.h5 test.csv --rows 1,3 -n 5 -q -o walk.csv
    [ "$(head -n 1 walk.csv)" = x,y,t,label ]
    awk -F, 'NR > 1 { e = $3 - 0.2 - 0.05 * (NR - 2)
        if (e * e > 1e-20 || $4 != (NR <= 4 ? 2 : 1)) { print; exit 1 } }' walk.csv
    awk 'NR == 1 || NR == 2' walk.csv >first.csv
    rows_of test.csv 1 >row.csv
    near first.csv row.csv
}
