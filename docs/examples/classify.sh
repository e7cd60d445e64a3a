#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A classifier by Bayes' rule: of a model p(x | label), log p(label | x) is log p(x | label) + log p(label), up to a
# constant of the row.
#
#     classify.sh MODEL DATA CLASSES [PRIOR,PRIOR,...] >classes.csv
#
# Labels are 0 to CLASSES - 1; the priors p(label) are equal unless they are given. Each row of the result has the most
# probable class, and its probability. Where the data have labels, the share of right classes follows on standard error,
# and the mean log-densities log p(x | label) and log p(x), the logarithm of the sum of p(x | label) p(label).
set -euo pipefail
[ $# -eq 3 ] || [ $# -eq 4 ] || { echo "usage: classify.sh MODEL DATA CLASSES [PRIOR,PRIOR,...]" >&2; exit 2; }
flowctl=${FLOWCTL:-flowctl} model=$1 data=$2 classes=$3 priors=${4-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

columns=()
for ((label = 0; label < classes; label++)); do
    "$flowctl" logprob "$model" "$data" --given "label=$label" -q -o "$folder/$label.csv" >/dev/null
    columns+=("$folder/$label.csv")
done
# the log-densities given the labels of the data: each one is that of one of the classes, to the last digit
own=$folder/own.csv
"$flowctl" logprob "$model" "$data" -q -o "$own" >/dev/null 2>&1 || own=
paste -d, "${columns[@]}" ${own:+"$own"} | awk -F, -v classes="$classes" -v priors="$priors" '
    BEGIN {
        given = split(priors, prior, ",")
        for (k = 1; k <= classes; k++)
            total += given > 0 ? prior[k] : 1
        for (k = 1; k <= classes; k++)
            shift[k] = given == 0 ? -log(total) : prior[k] > 0 ? log(prior[k] / total) : -1e300
        print "class,probability"
    }
    NR > 1 {
        best = 1
        for (k = 2; k <= classes; k++)
            if ($k + shift[k] > $best + shift[best])
                best = k
        sum = 0
        for (k = 1; k <= classes; k++)
            sum += exp($k + shift[k] - $best - shift[best])
        printf "%d,%.6g\n", best - 1, 1 / sum
        without_label += $best + shift[best] + log(sum)
        with_label += $NF
        rows++
        right += NF > classes && $best == $NF
    }
    END {
        if (NF > classes)
            printf "%d of %d rows right: %.2f %%; mean log-density %.2f given the label, %.2f without it\n",
                   right, rows, 100 * right / rows, with_label / rows, without_label / rows >"/dev/stderr"
    }'
