#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Many rows of a model, in parts of equal size, as a job array of Slurm:
#
#     sbatch --array=1-1000%50 /usr/local/share/flowctl/slurm/sample.sh 1000 1e10 MODEL draws/events.h5 [options]
#
# draws 10^10 rows in 1,000 parts, draws/events-0001.h5 and so on, at most 50 at the same time. Row i depends on the
# model, the seed and i alone: the parts are the rows that one run of flowctl sample -n 1e10 would give, whichever
# machines draw them. Options are those of flowctl sample; with --given, -n is the number of rows for each row of the
# context, and 1e10 has to be that of all rows.
#
# A part appears when it is complete. Parts that are there are not drawn again: the same command makes what is missing
# after a failure, and --array=7,12 makes these two. $FLOWCTL is the program.
#
#SBATCH --job-name=flowctl-sample
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.out
set -euo pipefail

task=${SLURM_ARRAY_TASK_ID:?submit this script with sbatch --array=1-PARTS}
if [ $# -lt 4 ] || ! [[ $1 =~ ^[1-9][0-9]*$ ]] || ! rows=$(printf '%.0f' "$2" 2>/dev/null); then
    echo 'The arguments are PARTS ROWS MODEL OUTPUT [options of flowctl sample], as in 1000 1e10 model.h5 draws.h5' >&2
    exit 2
fi
parts=$1 model=$3 output=$4
shift 4
if [ "$task" -lt 1 ] || [ "$task" -gt "$parts" ]; then
    echo "There is no part $task: --array=1-$parts goes with $parts parts." >&2
    exit 2
fi

first=$((rows * (task - 1) / parts))
last=$((rows * task / parts))
name=${output##*/}
part=${output%"$name"}${name%.*}-$(printf '%04d' "$task").${name##*.}
if [ -e "$part" ]; then
    echo "$part is there already."
    exit
fi
number=(-n "$rows")
for option; do
    case $option in
        --given* | -g*) number=() ;;
    esac
done
mkdir -p "$(dirname "$part")"
"${FLOWCTL:-flowctl}" sample "$model" "${number[@]}" -j "${SLURM_CPUS_PER_TASK:-1}" "$@" -o "$part" \
    --first "$first" --limit $((last - first))
