#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What larger batches cost in likelihood, and the learning rate that goes with them: docs/scaling.md.
#
#     scripts/measure_batches.sh [-j THREADS] [-e EPOCHS] [-b "BATCH..."] [-r "EXPONENT..."] [DATA]
#
# Trains a masked autoregressive flow on DATA (default $FLOWCTL_DATA/protein.h5, with its parts for training, validation
# and test) for the same number of epochs with each batch B, at the rate 5e-3 (B / 256)^EXPONENT, and prints the
# log-likelihood of the held-out and of the test rows.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${FLOWCTL:-build/flowctl}")
threads=1 epochs=40 batches='256 1024 4096 16384' exponents='0 0.5 1'
# shellcheck source=scripts/options.bash
source scripts/options.bash
read_options 'j=threads e=epochs b=batches r=exponents' "$@"
shift $((OPTIND - 1))
data=$(realpath "${1:-${FLOWCTL_DATA:-../shared/data}/protein.h5}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

printf '%6s  %8s  %8s  %10s  %10s\n' batch exponent rate validation test
for batch in $batches; do
    for exponent in $exponents; do
        if [ "$batch" = 256 ] && [ "$exponent" != "${exponents%% *}" ]; then
            continue # the same rate
        fi
        rate=$(awk -v b="$batch" -v e="$exponent" 'BEGIN { printf "%.4g", 5e-3 * (b / 256) ^ e }')
        cat >"$folder/spec.json" <<JSON
{"data": {"train": "$data:/train", "validation": "$data:/validation", "test": "$data:/test"},
 "flow": ["standardize", {"type": "maf", "hidden": [128, 128], "repeat": 5}], "base": "student_t",
 "train": {"epochs": $epochs, "batch": $batch, "patience": 0, "ema": 0.99,
           "optimizer": {"type": "adamw", "rate": $rate}}, "output": "$folder/model.h5"}
JSON
        "$program" train "$folder/spec.json" -j "$threads" --force --json >"$folder/result" 2>"$folder/log" ||
            { cat "$folder/log" >&2 && exit 1; }
        tr -d '\n' <"$folder/result" | awk -v b="$batch" -v e="$exponent" -v r="$rate" '{
            match($0, /"validation": *\{[^}]*/); v = substr($0, RSTART, RLENGTH)
            match($0, /"test": *\{[^}]*/); t = substr($0, RSTART, RLENGTH)
            sub(/.*"mean": */, "", v); sub(/.*"mean": */, "", t)
            printf "%6d  %8g  %8s  %10.3f  %10.3f\n", b, e, r, v, t }'
    done
done
