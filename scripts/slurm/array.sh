#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The models of an experiment (experiment.mk) as the tasks of a Slurm array, one spec each; the table is made afterwards
# by make on the machine that submits. In the folder of the Makefile:
#
#     sbatch --array=1-"$(ls configs/*.json | wc -l)" /usr/local/share/flowctl/slurm/array.sh configs/*.json
#     make
#
# Two minutes before the time is over, the training is saved and the task is queued again, where it goes on. It is saved
# as well when scancel ends the task, or when it has to make room for another job; then Slurm decides whether the task
# is queued again. $GOALS are the goals of make.
#
#SBATCH --job-name=flowctl
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=02:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.out
set -uo pipefail

task=${SLURM_ARRAY_TASK_ID:?submit this script with sbatch --array=1-N and N specs}
if [ "$task" -lt 1 ] || [ "$task" -gt $# ]; then
    echo "There is no spec $task: --array=1-$# goes with these $# specs." >&2
    exit 2
fi
spec=${!task}
export SLURM_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}

stopped=no
# shellcheck disable=SC2086  # one word each
make --no-print-directory CONFIGS="$spec" ${GOALS:-models} &
pid=$!
trap 'stopped=yes; kill -s TERM "$pid"' USR1
trap 'kill -s TERM "$pid"' TERM
while wait "$pid"; status=$?; kill -s 0 "$pid" 2>/dev/null; do :; done

if [ $stopped = yes ] && [ $status -ne 0 ]; then
    echo "$spec is not finished; the task is queued again."
    # The number of the job stands for the whole array in its last task.
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$task"
    exit
fi
exit $status
