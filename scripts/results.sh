#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/results.sh [-j THREADS] [SPEC...]      what `make results` does
#
# Trains each spec as it is, one after the other, and prints a row of a Markdown table for it as soon as it is done: the
# log-likelihood of its test set per row, in nats, with its standard error, and what it cost; of a continuous flow also
# the mean number of evaluations that a solve takes for a validation row. Without arguments: every
# protein-*.json and bsds-*.json in configs/ whose data are there. Models go to build/results/ or $RESULTS, progress to
# standard error; $FLOWCTL is the program. A spec that fails is left out of the table, and the exit status is then 1.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit
flowctl=${FLOWCTL:-$root/build/flowctl}
out=${RESULTS:-$root/build/results}
threads=
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads' "$@"
shift $((OPTIND - 1))

# training_data SPEC: the file it is trained on; paths in a spec are relative to its folder
training_data() {
    sed -n 's/.*"train" *: *"\([^":]*\)[":].*/\1/p' "$1" | head -n 1
}

if [ $# -eq 0 ]; then
    for spec in "$root"/configs/protein-*.json "$root"/configs/bsds-*.json; do
        data=$(training_data "$spec")
        if [ -e "$(dirname "$spec")/$data" ]; then
            set -- "$@" "$spec"
        else
            echo "$spec: left out, there is no $data" >&2
        fi
    done
fi
if [ $# -eq 0 ]; then
    echo "There is nothing to train." >&2
    exit 1
fi

# row NAME: the result of `train --json` on standard input as a row of the table
row() {
    awk -v name="$1" '
        # the number under KEY in the object under OUTER, or of the whole when OUTER is empty; "" where there is none
        function number(outer, key,    text) {
            text = $0
            if (outer != "") {
                if (!match(text, "\"" outer "\":[{][^}]*[}]"))
                    return ""
                text = substr(text, RSTART + length(outer) + 3, RLENGTH - length(outer) - 3)
            }
            if (!match(text, "\"" key "\":-?[0-9][-+.eE0-9]*"))
                return ""
            return substr(text, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
        }
        {
            mean = number("test", "mean")
            error = number("test", "standard_error")
            printf "| %s | %d | ", name, number("", "parameters")
            if (mean == "")
                printf "| | "
            else
                printf "%.2f ± %.2f | %.4f | ", mean, error, -mean / (number("", "columns") * log(2))
            evaluations = number("evaluations", "mean")
            if (evaluations == "")
                printf "| "
            else
                printf "%.0f | ", evaluations
            printf "%d | %d | %.0f | %d |\n", number("", "epochs"), number("", "best_epoch"), number("", "seconds"),
                   number("", "threads")
        }'
}

mkdir -p "$out" || exit
printf '| %s ' preset parameters 'test log-likelihood' 'bits per dimension' evaluations epochs 'best epoch' seconds \
    threads
echo '|'
echo '|---|---|---|---|---|---|---|---|---|'
bad=0
for spec; do
    name=$(basename "$spec" .json)
    printf '== %s\n' "$name" >&2
    if result=$("$flowctl" train "$spec" -o "$out/$name.h5" --force --json ${threads:+-j "$threads"}); then
        printf '%s\n' "$result" | row "$name"
    else
        status=$?
        [ "$status" -lt 128 ] || exit "$status" # stopped by a signal: the user wants no more
        bad=1
    fi
done
exit $bad
