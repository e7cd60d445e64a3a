#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/density.sh [-j THREADS] [-p FOLDER] [SPEC...]      what `make pictures` does, with -p docs/pictures
#
# For flows on the 2-D sets of data/: trains each spec, unless its model is there and newer than the spec, and prints a
# row of a Markdown table for it: the log-likelihood of its test set and that of the true density on the same rows, the
# integral of the learned density over a grid, and what training took. With -p gnuplot draws the data, samples and the
# density side by side in FOLDER/NAME.png. Without specs: those of continuous flows on these sets. Models go to
# build/pictures/ or $RESULTS, progress to standard error; $FLOWCTL is the program.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
flowctl=${FLOWCTL:-$root/build/flowctl}
generate=$root/build/generate
out=${RESULTS:-$root/build/pictures}
threads='' pictures=''
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads p=pictures' "$@"
shift $((OPTIND - 1))
if [ -n "$pictures" ] && ! command -v gnuplot >/dev/null; then
    echo "density.sh: gnuplot draws the pictures and is not installed: apt-get install gnuplot-nox" >&2
    exit 1
fi
if [ $# -eq 0 ]; then
    for set in moons eight-gaussians checkerboard spirals; do
        for spec in "$root/configs/$set-ffjord.json" "$root/configs/$set-flow-matching.json"; do
            [ ! -e "$spec" ] || set -- "$@" "$spec"
        done
    done
fi

# text KEY FILE: the first text under KEY; number KEY FILE: the first number
text() {
    sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p" "$2" | head -n 1
}
number() {
    grep -oE "\"$1\": *-?[0-9][-+.eE0-9]*" "$2" | head -n 1 | sed 's/.*: *//'
}

# objective SPEC
objective() {
    found=$(grep -oE '"objective" *: *(\{[^}]*"type" *: *)?"[a-z_]+"' "$1" | grep -oE '[a-z_]+"$' | tr -d '"')
    echo "${found:-mle}"
}

# Half the side of the square around 0 in which the density is looked at: the largest value of the rows on standard
# input and a third more. What lies outside of it is missing in the integral.
half_side() {
    awk -F, 'NR > 1 { for (k = 1; k <= 2; k++) { v = $k < 0 ? -$k : $k; if (v > m) m = v } } END { print 4 * m / 3 }'
}

points=400 # along a side of the grid

# grid HALF: the midpoints of its cells
grid() {
    awk -v h="$1" -v n="$points" 'BEGIN {
        print "x,y"
        for (j = 0; j < n; j++)
            for (i = 0; i < n; i++)
                printf "%.9g,%.9g\n", h * ((2 * i + 1) / n - 1), h * ((2 * j + 1) / n - 1)
    }'
}

# draw NAME SET HALF: FOLDER/NAME.png, from the files in $out
draw() {
    gnuplot <<PLOT
set terminal png size 1080,390 font "DejaVuSans,11"
set output "$pictures/$1.png"
set datafile separator ","
set termoption noenhanced
set multiplot layout 1,3
set xrange [-$3:$3]
set yrange [-$3:$3]
set size ratio 1
set tics out nomirror scale 0.5
unset key
set margins 4, 1, 2, 2
set title "data: 10,000 rows of $2"
plot "$out/data.csv" every ::1 using 1:2 with dots linecolor rgb "#1f3b73"
set title "10,000 samples of $1"
plot "$out/samples.csv" every ::1 using 1:2 with dots linecolor rgb "#1f3b73"
set title "density of $1"
set palette defined (0 "white", 0.15 "#c6d4ee", 0.5 "#4c6fb1", 1 "#10203f") maxcolors 64
unset colorbox
plot "$out/density.csv" using 1:2:3 with image
PLOT
}

mkdir -p "$out" ${pictures:+"$pictures"}
"$generate" --truth >"$out/truth.txt"
echo '| preset | objective | test log-likelihood | true density | integral | evaluations | epochs | seconds | threads |'
echo '|---|---|---|---|---|---|---|---|---|'
for spec; do
    name=$(basename "$spec" .json)
    model=$out/$name.h5 result=$out/$name.json
    if [ ! -e "$result" ] || [ ! -e "$model" ] || [ -n "$(find "$spec" -newer "$model")" ]; then
        printf '== %s\n' "$name" >&2
        "$flowctl" train "$spec" -o "$model" --force --json ${threads:+-j "$threads"} >"$result.tmp"
        mv "$result.tmp" "$result"
    fi
    data=$(text train "$spec")
    set=$(basename "${data%%:*}" .h5)
    "$generate" --rows "$set" >"$out/data.csv"
    half=$(half_side <"$out/data.csv")
    grid "$half" >"$out/grid.csv"
    "$flowctl" logprob "$model" "$out/grid.csv" -q -o "$out/logprob.csv" ${threads:+-j "$threads"} >/dev/null
    paste -d, "$out/grid.csv" "$out/logprob.csv" | awk -F, 'NR > 1 { print $1 "," $2 "," exp($3) }' >"$out/density.csv"
    integral=$(awk -F, -v h="$half" -v n="$points" '{ s += $3 } END { printf "%.4f", s * (2 * h / n) ^ 2 }' \
        "$out/density.csv")
    "$flowctl" logprob "$model" "$root/data/$set.h5:/test" --json >"$out/test.json"
    truth=$(awk -v name="$set" '$1 == name { printf "%.3f", $2 }' "$out/truth.txt")
    printf '| %s | %s | %.3f ± %.3f | %s | %s | %.0f | %.0f | %.0f | %d |\n' "$name" "$(objective "$spec")" \
        "$(number mean "$out/test.json")" "$(number standard_error "$out/test.json")" "$truth" "$integral" \
        "$(sed 's/.*"evaluations"://' "$out/test.json" | grep -oE '"mean":[0-9.]+' | head -n 1 | cut -d: -f2)" \
        "$(number epochs "$result")" "$(number seconds "$result")" "$(number threads "$result")"
    if [ -n "$pictures" ]; then
        "$flowctl" sample "$model" -n 10000 -q -o "$out/samples.csv"
        draw "$name" "$set" "$half"
    fi
done
