# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# HDF5 files of other programs (docs/hdf5.md), and tables that are joined by columns.

load cli_helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

@test "HDF5 files of pandas, PyTables, h5py and netCDF4 have the columns that these wrote" {
    local python=${PYTHON:-python3}
    "$python" -c 'import h5py, numpy' 2>"$BATS_TEST_TMPDIR/python" || skip "$python has no h5py"
    run "$python" "$root/test/foreign.py" "$FLOWCTL"
    expect_status 0
    expect "ok h5py_columns"
}

# One byte of each is 0 and should be 8: the shape of an array in a struct, and the size of a number in it. HDF5 1.10.8
# crashes over them; later versions refuse them.
@test "a damaged file over which the HDF5 library crashes is an error that names the file" {
    [[ $FLOWCTL != *asan* ]] || skip "the sanitizer has a handler of its own"
    for name in damaged_array damaged_struct; do
        cp "$root/test/corpus/hdf5/$name.h5" .
        run flowctl info $name.h5
        expect_status 1
        [ "$(grep -c "^flowctl: error: $name.h5" <<<"$output")" -eq 1 ]
        run flowctl train $name.h5 -o m.h5
        expect_status 1
        expect "$name.h5"
    done
}

# the lines of the table in docs/hdf5.md, and the cases that hold them
@test "every case of docs/hdf5.md is a test" {
    local name n=0
    while read -r name; do
        grep -q "^def $name()" "$root/test/foreign.py" || grep -q "($name)" "$root"/test/unit_foreign.c ||
            grep -q "($name)" "$root/test/unit_hdf5.c" ||
            { echo "docs/hdf5.md names $name, which is no test"; return 1; }
        n=$((n + 1))
    done < <(grep -o '| `[a-z0-9_]*` |$' "$root/docs/hdf5.md" | tr -d '|` ')
    [ "$n" -gt 20 ]
}

@test "tables are joined by columns: in a spec, on the command line, in training and evaluation" {
    awk 'BEGIN { srand(1); print "x,y"; for (i = 0; i < 300; i++) print rand() + rand(), rand() - rand() }' |
        tr ' ' , >xy.csv
    awk 'BEGIN { srand(2); print "c"; for (i = 0; i < 300; i++) print rand() }' >c.csv
    paste -d , xy.csv c.csv >whole.csv
    cat >joined.json <<'JSON'
{ "data": { "train": ["xy.csv", "c.csv"], "validation": ["xy.csv", "c.csv"], "test": "xy.csv,c.csv", "context": ["c"] },
  "flow": ["standardize", { "type": "maf", "hidden": [8] }], "train": { "epochs": 2, "batch": 64 } }
JSON
    sed 's/\["xy.csv", "c.csv"\]\|"xy.csv,c.csv"/"whole.csv"/g' joined.json >whole.json
    run flowctl check joined.json
    expect_status 0
    flowctl train joined.json -q -o joined.h5
    flowctl train whole.json -q -o whole.h5
    run flowctl info joined.h5
    expect "xy.csv,$PWD/c.csv, 300 rows"
    # the same model as that of the whole table, from each form of the location
    run --separate-stderr flowctl logprob whole.h5 whole.csv -o -
    local expected=$output
    run --separate-stderr flowctl logprob joined.h5 xy.csv,c.csv -o -
    expect_status 0
    [ "$output" = "$expected" ]
    flowctl train whole.json -q -d c.csv,xy.csv -o again.h5 --set data.columns='["x","y"]'
    run --separate-stderr flowctl logprob again.h5 c.csv,xy.csv -o -
    [ "$output" = "$expected" ]
    run --separate-stderr flowctl sample whole.h5 --given xy.csv,c.csv -n 1 -o -
    expect_status 0
    expected=$output
    run --separate-stderr flowctl sample joined.h5 --given c.csv -n 1 -o -
    [ "$output" = "$expected" ]
    run flowctl logprob joined.h5 xy.csv,c.csv -o c.csv
    expect_status 1
    expect "-o c.csv: this file holds the data that are read"
    head -n 200 c.csv >short.csv
    run flowctl logprob joined.h5 xy.csv,short.csv
    expect_status 1
    expect "short.csv has 199 rows, and xy.csv has more; tables that are joined have the same rows"
    run flowctl init xy.csv,c.csv --context c
    expect_status 0
    run flowctl check xy.json
    expect_status 0
}
