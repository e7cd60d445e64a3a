#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/measure_diagnose.sh [-j THREADS] [-n REPETITIONS] [-r ROWS]
#
# How often `flowctl diagnose` is wrong: how often it rejects rows that are draws of the model itself, for several kinds
# of models, and how often it rejects models and rows that are wrong in known ways. Prints Markdown tables, among them
# how often the p-value of each part is below 0.05, 0.25 and 0.5 where the model is right. Files go to build/diagnose/
# or $RESULTS; $FLOWCTL is the program. A repetition is a fresh table of ROWS rows and a fresh seed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
flowctl=${FLOWCTL:-$root/build/flowctl}
out=${RESULTS:-$root/build/diagnose}
threads=1 repetitions=100 rows=1000
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads n=repetitions r=rows' "$@"
mkdir -p "$out"
cd "$out"

# draw ROWS SEED: x and y in a bent band, and a heavy-tailed z; n counts, w is 0 half of the time
draw() {
    awk -v n="$1" -v seed="$2" '
        function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
        BEGIN {
            srand(seed)
            OFMT = CONVFMT = "%.9g"
            print "x,y,z,n,w"
            for (i = 0; i < n; i++) {
                x = normal()
                y = 0.5 * x * x + 0.4 * normal()
                z = 0.3 * x + normal() / sqrt((normal() ^ 2 + normal() ^ 2 + normal() ^ 2) / 3)
                for (k = 0; rand() < 0.5 + 0.3 * (x > 0) && k < 9; k++);
                w = rand() < 0.5 ? 0 : -log(1 - rand())
                print x "," y "," z "," k "," w
            }
        }'
}

# fit NAME COLUMNS CONTEXT FLOW EPOCHS [BASE] [TRAIN]: NAME.h5
fit() {
    local context=
    [ ! -s "$1.h5" ] || return 0
    [ -z "$3" ] || context=", \"context\": [$3]"
    cat >"$1.json" <<JSON
{ "data": { "train": "${7:-train.csv}", "columns": [$2]$context },
  "flow": [ $4 ], "base": "${6:-normal}", "train": { "epochs": $5, "batch": 128 } }
JSON
    "$flowctl" train "$1.json" -q -j "$threads"
}

maf='"standardize", { "type": "maf", "repeat": 3, "hidden": [32, 32] }'
support='{ "type": "support",
    "columns": { "n": { "lower": 0, "discrete": true }, "w": { "lower": 0, "spikes": [0] } } }'
[ -s train.csv ] || draw 5000 1 >train.csv
[ -s few.csv ] || head -n 501 train.csv >few.csv
fit normal '"x", "y"' '' "$maf" 15
fit student '"x", "y", "z"' '' "$maf" 15 student_t
fit spline '"x", "y"' '' '"standardize", { "type": "nsf", "repeat": 3, "hidden": [32, 32] }' 15
fit mixed '"x", "n", "w"' '' "$support, $maf" 15
fit given '"y", "z"' '"x"' "$maf" 15 student_t
fit once '"x", "y"' '' "$maf" 1
fit memory '"x", "y"' '' '"standardize", { "type": "maf", "repeat": 3, "hidden": [128, 128] }' 400 normal few.csv

# verdict MODEL DATA SEED >>FILE: "grade p", then "part p_alone" of each part, on one line
verdict() {
    local json
    json=$("$flowctl" diagnose "$1" "$2" --seed "$3" -q --json -j "$threads") || [ $? -eq 3 ]
    sed -e 's/.*"grade":"\([a-z]*\)".*"p":\([^,]*\),"level.*"parts":\[\(.*\)\],"failures".*/\1 \2 \3/' \
        -e 's/{"part":"\([a-z]*\)"[^}]*"p_alone":\([^,}]*\)[^}]*},*/\1 \2 /g' <<<"$json"
}

# seed of repetition $1 of case $2
number() { echo $((1000 * $2 + $1)); }

# repeat NAME NUMBER MODEL MAKE...: MAKE writes the rows of a repetition, given its seed, to standard output
repeat() {
    local name=$1 case=$2 model=$3 r
    shift 3
    [ "$(wc -l 2>/dev/null <"$name.verdicts" || echo 0)" -ne "$repetitions" ] || return 0
    for ((r = 1; r <= repetitions; r++)); do
        "$@" "$(number "$r" "$case")" >"$name.csv"
        verdict "$model" "$name.csv" "$r"
    done >"$name.part"
    mv "$name.part" "$name.verdicts"
    rm -f "$name.csv"
}

sample() { "$flowctl" sample "$1" -n "$rows" --seed "$2" -q -j "$threads"; }
fresh() { draw "$rows" "$1"; }
given() {
    draw "$rows" "$1" | cut -d, -f1 >given.csv
    "$flowctl" sample given.h5 --given given.csv --seed "$1" -q -j "$threads"
}
# of the model "normal": y in another order, shifted by 0.2 deviations, without rows far out
shuffled() {
    sample normal.h5 "$1" >rows.csv
    tail -n +2 rows.csv | cut -d, -f2 | shuf --random-source=<(yes "$1") | { echo y && cat; } >y.csv
    cut -d, -f1 rows.csv | paste -d, - y.csv
}
deviation() { awk -F, 'NR > 1 { s += $2; q += $2 * $2 } END { print sqrt(q / (NR - 1) - (s / (NR - 1)) ^ 2) }' "$1"; }
shifted() {
    sample normal.h5 "$1" >rows.csv
    awk -F, -v OFS=, -v d="$(deviation rows.csv)" 'NR > 1 { $2 += 0.2 * d } { print }' rows.csv
}
cut_tails() { sample normal.h5 "$1" | awk -F, 'NR == 1 || ($1 > -2 && $1 < 2)'; }

repeat truth_normal 1 normal.h5 sample normal.h5
repeat truth_student 2 student.h5 sample student.h5
repeat truth_spline 3 spline.h5 sample spline.h5
repeat truth_mixed 4 mixed.h5 sample mixed.h5
repeat truth_given 5 given.h5 given
repeat wrong_once 6 once.h5 fresh
repeat wrong_shuffled 7 normal.h5 shuffled
repeat wrong_shifted 8 normal.h5 shifted
repeat wrong_tails 9 normal.h5 cut_tails
repeat wrong_memory 10 memory.h5 fresh

echo "$repetitions repetitions, $rows rows each, level 0.01"
echo
echo "| case | fine | small | wrong | median p |"
echo "|---|---|---|---|---|"
for file in truth_*.verdicts wrong_*.verdicts; do
    sort -g -k2 "$file" | awk -v name="${file%.verdicts}" '
        { n[$1]++; p[NR] = $2 }
        END { printf "| %s | %d | %d | %d | %.2g |\n", name, n["fine"], n["small"], n["wrong"], p[int((NR + 1) / 2)] }'
done
echo
echo "| part, where the model is right | repetitions | p < 0.05 | p < 0.25 | p < 0.5 |"
echo "|---|---|---|---|---|"
cat truth_*.verdicts | awk '
    {
        for (i = 3; i < NF; i += 2) {
            n[$i]++
            a[$i] += $(i + 1) < 0.05
            b[$i] += $(i + 1) < 0.25
            c[$i] += $(i + 1) < 0.5
        }
    }
    END {
        for (part in n)
            printf "| %s | %d | %.1f %% | %.1f %% | %.1f %% |\n", part, n[part],
                   100 * a[part] / n[part], 100 * b[part] / n[part], 100 * c[part] / n[part]
    }' | sort
