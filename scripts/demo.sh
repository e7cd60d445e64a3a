#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `make demo`: learn a density from data, then ask it the four things one asks a density. Every command is shown as you
# would type it.
set -euo pipefail
cd "$(dirname "$0")/.."

flowctl=build/flowctl
spec=configs/moons.json
out=build/demo
model=$out/moons.h5

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi

say() { printf '\n%s\n' "$*"; }
run() {
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}

# the file a split of the spec names: data_file train|validation|test
data_file() {
    sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p" "$spec" | head -n 1
}

if [ ! -x "$flowctl" ]; then
    MAKEFLAGS='' "${MAKE:-make}" --no-print-directory
fi
# The data sets are made by a program, so that the repository need not carry them.
data=$(data_file train)
if [ ! -e "$(dirname "$spec")/${data%%:*}" ]; then
    MAKEFLAGS='' "${MAKE:-make}" --no-print-directory data
fi
mkdir -p "$out"
rm -f "$out"/*

say "Train a normalizing flow on two interleaved half circles, as $spec describes it."
run $flowctl train $spec -o $model --force

say "What is in the model file?"
run $flowctl info $model

say "Draw 1000 samples; the same seed gives the same samples, for any number of threads."
run $flowctl sample $model -n 1000 -o $out/samples.csv
run head -n 4 $out/samples.csv

test_data=$(data_file test)
test_data=$(dirname "$spec")/${test_data:-$data}
test_data=${test_data/#configs\/..\//}
say "How probable are data the flow has not seen? The mean of log p(x), in the units of the data, with its error."
run $flowctl logprob $model "$test_data"

say "Map the data to the latent space, where they should be standard normal, and back; the round trip is checked."
run $flowctl invert $model "$test_data" -o $out/latent.csv

say "Everything is in $out. Try $flowctl help, or write a spec of your own: $spec is a good start."
