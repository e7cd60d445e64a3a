#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One training that many processes share, as a job of Slurm that is queued again until the training is done:
#
#     sbatch --ntasks=16 /usr/local/share/flowctl/slurm/train.sh SPEC [options of flowctl train]
#
# Two minutes before the time is over, the processes save the training and end with the status of SIGUSR1. The job is
# then queued again, and the training goes on, with the same result as without a break, and with any number of
# processes. Other failures end the job. $FLOWCTL_MPI is the program, which has to be the same on all nodes.
#
#SBATCH --job-name=flowctl-train
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=02:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
set -uo pipefail

if [ $# -eq 0 ]; then
    echo 'Submit this script with a spec: sbatch [options of sbatch] train.sh SPEC [options of flowctl train]' >&2
    exit 2
fi
# srun does not take this over from sbatch by itself.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}

srun --kill-on-bad-exit=1 "${FLOWCTL_MPI:-flowctl-mpi}" train "$@" --resume
status=$?
if [ $status -eq $((128 + $(kill -l USR1))) ]; then
    echo "The training is not finished; the job is queued again."
    scontrol requeue "$SLURM_JOB_ID"
    exit
fi
exit $status
