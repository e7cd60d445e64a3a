#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what the helper sets
# A table that is opened by several processes: what they know of it, its rows and its errors are those of one process,
# bit for bit.

load cli_helper
load mpi_helper

program=$root/build/test/mpi_open-mpi

# Rows with a number, a copy, few values, far values, a weight. $1: rows
make_rows() {
    awk -v n="$1" 'BEGIN {
        srand(3)
        print "id,x,y,k,copy,far,w"
        for (i = 0; i < n; i++) {
            x = rand() + rand() + rand(); y = 1700000000 + x * x + rand()
            far = i == n - 500 ? "3e299" : i % 1000 == 7 ? "-999" : sprintf("%.5fe-3", rand())
            printf "%d,%.6f,%.6f,%d,%.6f,%s,%.3f\n", i, x, y, int(5 * rand()), x, far, i % 50 == 3 ? 0 : 0.1 + rand()
        }
    }'
}

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    make_rows 30000 >plain.csv
    awk 'NR % 700 == 300 { sub(/,[^,]*/, ",none") } 1' plain.csv >holes.csv
    awk 'NR % 900 == 5 { print "" } 1' plain.csv >blank.csv
    head -c -1 plain.csv >cut.csv
    awk 'NR == 20000 { print "# a comment" } 1' plain.csv >comment.csv
    awk 'NR == 20000 { sub(/^/, "\""); sub(/,/, "\",") } 1' plain.csv >quote.csv
    awk 'NR == 17000 { sub(/,[^,]*/, ",none") } NR == 25000 { sub(/[^,]*$/, "what") } 1' plain.csv >wrong.csv
    awk -F, -v OFS=, 'NR == 12000 || NR == 28000 { $7 = -1 } 1' plain.csv >negative.csv
    gzip -k plain.csv
    "$program" plain.csv copy=plain.h5
    "$program" plain.csv copy=holes.h5 hole=9000
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

# same_as_one ARGUMENT...: what the program prints does not depend on the number of processes
same_as_one() {
    local n
    "$program" "$@" >"$BATS_TEST_TMPDIR/one" || true
    [ -s "$BATS_TEST_TMPDIR/one" ]
    for n in ${MPI_RANKS:-3}; do
        ranks "$n" "$program" "$@" >"$BATS_TEST_TMPDIR/many" 2>"$BATS_TEST_TMPDIR/notices" || true
        diff "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/many" >&2
    done
}

@test "a table of HDF5 is read by all ranks" {
    same_as_one plain.h5 memory=300000
    same_as_one plain.h5 weight=w part=training
}

@test "a table of CSV is read by all ranks" {
    same_as_one plain.csv
    same_as_one plain.csv memory=300000 weight=w part=training
    same_as_one blank.csv memory=300000
    same_as_one cut.csv
}

@test "rows that are dropped are those of one process" {
    same_as_one holes.csv skip
    same_as_one holes.csv skip memory=300000 part=training
    same_as_one holes.h5 skip memory=300000 weight=w
}

@test "text whose rows are not lines, and compressed text, are read by rank 0" {
    same_as_one quote.csv
    same_as_one comment.csv memory=300000
    same_as_one plain.csv.gz memory=300000
}

@test "the first error in the order of the rows is that of the job" {
    same_as_one wrong.csv
    grep -q "row 16999 (line 17000)" "$BATS_TEST_TMPDIR/one"
    same_as_one holes.h5
    grep -q "row 9000," "$BATS_TEST_TMPDIR/one"
    same_as_one negative.csv weight=w
    grep -q "row 11999 has the weight -1" "$BATS_TEST_TMPDIR/one"
}
