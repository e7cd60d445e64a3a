#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# scripts/slurm/train.sh, with stand-ins for Slurm (docs/scaling.md)

load cli_helper
load mpi_helper

setup() {
    make_project "$BATS_TEST_TMPDIR"
    enter_folder
    sed -i 's/"epochs": 3/"epochs": 400, "patience": 400/' spec.json
    mkdir bin
    PATH=$PWD/bin:$PATH
    export FLOWCTL_MPI=$FLOWCTL
    # `sbatch SCRIPT ARGUMENTS...` until the script asks for no more
    cat >bin/sbatch <<'SH'
#!/usr/bin/env bash
# Slurm reads the options up to the first line of the script that is no comment.
options=$(sed '/^[^#]/,$d' "$1" | sed -n 's/^#SBATCH //p')
grep -qx -e '--requeue' <<<"$options" || exit 3
export SLURM_JOB_ID=77 SLURM_CPUS_PER_TASK=1 SLURM_SIGNAL
# without B: it goes to all processes of the steps, and not to the script
SLURM_SIGNAL=$(sed -n 's/^--signal=\([A-Z0-9]*\)@[0-9]*$/\1/p' <<<"$options")
for ((run = 1; run < 20; run++)); do
    rm -f queued
    export SLURM_NTASKS=$((run % 3 + 1))
    bash "$@" >>job.out 2>&1
    code=$?
    echo $run >runs
    [ -e queued ] || exit $code
done
exit 4
SH
    # The time of a run is over when it has trained some epochs; of the third one it is not.
    cat >bin/srun <<'SH'
#!/usr/bin/env bash
[ "$1" = --kill-on-bad-exit=1 ] || exit 3
before=$(grep -c 'epoch ' job.out)
timeout -k 5 120 mpirun -n "$SLURM_NTASKS" "${@:2}" &
for ((i = 0; i < 1000 && $(cat runs 2>/dev/null || echo 0) < 2; i++)); do
    kill -s 0 $! 2>/dev/null || break
    if [ "$(grep -c 'epoch ' job.out)" -gt $((before + 3)) ]; then
        kill -s "$SLURM_SIGNAL" "$(pgrep -P $!)"
        break
    fi
    sleep 0.02
done
wait $!
SH
    cat >bin/scontrol <<'SH'
#!/usr/bin/env bash
[ "$*" = 'requeue 77' ] && : >queued
SH
    chmod +x bin/*
}

@test "a training is queued again until it is done, with 2, 3 and 1 processes, and is that of one process" {
    flowctl train spec.json -q -o whole.h5
    run sbatch "$root/scripts/slurm/train.sh" spec.json -o parts.h5
    [ "$status" -eq 0 ] || { cat job.out >&2 && false; }
    [ "$(cat runs)" -eq 3 ]
    [ "$(grep -c 'is not finished; the job is queued again' job.out)" -eq 2 ]
    [ "$(grep -c '^resumed after' job.out)" -eq 2 ]
    diff <(flowctl logprob whole.h5 test.csv -o -) <(flowctl logprob parts.h5 test.csv -o -)
}

@test "a training that fails is not queued again" {
    run sbatch "$root/scripts/slurm/train.sh" none.json
    expect_status 1
    [ "$(cat runs)" -eq 1 ]
    [ "$(grep -c 'none.json: there is no such file' job.out)" -eq 1 ]
    run "$root/scripts/slurm/train.sh"
    expect_status 2
    expect 'sbatch [options of sbatch] train.sh SPEC'
}
