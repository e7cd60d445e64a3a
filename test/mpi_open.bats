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
    # most rows are dropped; some of them are too short to have values
    awk -F, 'NR > 1 && NR % 7 { sub(/,[^,]*/, ",none") } NR % 11 == 5 { $0 = $1 "," $2 } 1' plain.csv >most.csv
    awk 'NR > 1 { sub(/,[^,]*/, ",none") } 1' plain.csv >none.csv
    # an error that stays one when rows are dropped
    awk 'NR % 500 == 9 { sub(/,[^,]*/, ",none") } { print $0 "," (NR == 25000 ? 1 : "") }' plain.csv >extra.csv
    gzip -k plain.csv
    "$program" plain.csv copy=plain.h5
    "$program" plain.csv copy=holes.h5 hole=9000
    awk -F, -v OFS=, 'NR == 1 { print "a,b"; next } { print $2 + $6, $4 }' plain.csv >beside.csv
    "$program" beside.csv copy=beside.h5
    "$program" beside.csv copy=gaps.h5 hole=8998
    "$program" beside.csv copy=tail.h5 tail=5000
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

@test "tables of HDF5 that are joined are read by all ranks" {
    same_as_one plain.h5,beside.h5 memory=300000
    same_as_one beside.h5,holes.h5,gaps.h5 skip weight=w
    MPI_RANKS=4 same_as_one holes.h5,gaps.h5 skip memory=300000
    MPI_RANKS=4 same_as_one holes.h5,tail.h5 skip
    # two errors, of which the one in row 9000 is found first
    same_as_one holes.h5,gaps.h5
    grep -q "row 9000," "$BATS_TEST_TMPDIR/one"
    same_as_one plain.h5,beside.csv
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
    same_as_one plain.csv skip
    MPI_RANKS='2 5' same_as_one most.csv skip memory=300000
    same_as_one most.csv skip weight=w part=training
    same_as_one none.csv skip
    grep -q "no row can be used, 30000 were dropped" "$BATS_TEST_TMPDIR/one"
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
    same_as_one extra.csv skip
    grep -q "row 24999 (line 25000)" "$BATS_TEST_TMPDIR/one"
    awk -F, -v OFS=, 'NR == 24990 { $7 = -1 } 1' extra.csv >both.csv
    same_as_one both.csv skip weight=w
    same_as_one negative.csv weight=w
    grep -q "row 11999 has the weight -1" "$BATS_TEST_TMPDIR/one"
}
