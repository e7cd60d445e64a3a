#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What it costs to train on a table that is larger than the memory allowed for it.
#
#     scripts/bench_streaming.sh [-j THREADS] [-n ROWS] [-m GIB] [-e EPOCHS] [-f FOLDER] [TABLE...]
#
# Makes a table of ROWS rows (default 5,000,000) and 10 columns in FOLDER (a temporary one), in HDF5 and, where $PYTHON
# has h5py, compressed with gzip; or takes the tables that are named. Trains a flow on each of them: with rows that are
# held, and with GIB of memory (by default a tenth of the rows), so that they are read again in every epoch. Prints for
# each the rows of an epoch in a second, with and without the first reading of the table, and the peak resident memory.
#
#     FLOWCTL=PROGRAM     the program (build/flowctl)
#     RUN="mpirun -n 2"   what it is started with
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${FLOWCTL:-build/flowctl}")
threads=1 rows=5000000 memory='' epochs=2 folder=''
# shellcheck source=scripts/options.bash
source scripts/options.bash
read_options 'j=threads n=rows m=memory e=epochs f=folder' "$@"
shift $((OPTIND - 1))
command -v /usr/bin/time >/dev/null || { echo "the program /usr/bin/time is not installed" >&2 && exit 1; }
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
[ -n "$memory" ] || memory=$(awk -v n="$rows" 'BEGIN { printf "%.6f", n * 80 / 10 / 1073741824 }')

make_tables() {
    awk 'BEGIN { srand(1); for (i = 0; i < 2000; i++) for (j = 1; j <= 10; j++)
        printf "%.4f%s", rand() + rand() * rand(), j < 10 ? "," : "\n" }' >"$folder/few.csv"
    cat >"$folder/few.json" <<'JSON'
{"data": {"train": "few.csv"}, "flow": ["standardize", {"type": "maf", "hidden": [8], "repeat": 1}],
 "train": {"epochs": 2}, "output": "few.h5"}
JSON
    "$program" train "$folder/few.json" -q --force
    "$program" sample "$folder/few.h5" -n "$rows" -q -o "$folder/plain.h5" --force
    tables=("$folder/plain.h5")
    if "${PYTHON:-python3}" -c 'import h5py' 2>/dev/null; then
        "${PYTHON:-python3}" - "$folder" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1] + "/plain.h5") as a, h5py.File(sys.argv[1] + "/gzip.h5", "w") as b:
    rows = a["data"]
    to = b.create_dataset("data", rows.shape, rows.dtype, chunks=(8192, rows.shape[1]), compression="gzip",
                          compression_opts=1, shuffle=True)
    for i in range(0, rows.shape[0], 1 << 20):
        to[i:i + (1 << 20)] = rows[i:i + (1 << 20)]
PY
        tables+=("$folder/gzip.h5")
    fi
}

# train TABLE GIB: prints the line of a table
train() {
    local log=$folder/log seconds whole peak n
    cat >"$folder/spec.json" <<'JSON'
{"flow": ["standardize", {"type": "maf", "hidden": [32], "repeat": 2}],
 "train": {"epochs": 2, "batch": 4096, "schedule": "constant"}}
JSON
    # shellcheck disable=SC2086 # several words
    /usr/bin/time -f '%e %M' ${RUN:-} "$program" train "$folder/spec.json" --data "$1" --set data.memory="$2" \
        --set train.epochs="$epochs" -j "$threads" -o "$folder/model.h5" --force --json >"$folder/result" 2>"$log" ||
        { cat "$log" >&2 && exit 1; }
    read -r whole peak < <(tail -n 1 "$log")
    seconds=$(grep -o '"seconds": *[0-9.]*' "$folder/result" | head -n 1 | grep -o '[0-9.]*$')
    n=$("$program" info "$1" --json | grep -o '"rows": *[0-9]*' | head -n 1 | grep -o '[0-9]*$')
    awk -v t="$(basename "$1")" -v m="$2" -v n="$n" -v e="$epochs" -v s="$seconds" -v w="$whole" -v p="$peak" 'BEGIN {
        printf "%-12s %10.3f  %12.0f  %10.2f  %13.2f  %9.2f\n", t, m, n * e / s, s / e, w - s, p / 1048576 }'
}

tables=("$@")
[ ${#tables[@]} -gt 0 ] || make_tables
printf '%-12s %10s  %12s  %10s  %13s  %9s\n' table 'memory,GiB' 'rows/s' 'epoch, s' 'the rest, s' 'peak, GiB'
for table in "${tables[@]}"; do
    train "$table" 1000
    train "$table" "$memory"
done
