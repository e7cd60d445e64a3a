#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compares processes with threads: how long a command takes as one process with N threads and as N processes of one.
#
#     scripts/bench_job.sh [-n N] [-r ROUNDS] COMMAND ARGUMENT...
#
# COMMAND is one of flowctl, without -j. The program with one thread, with N threads (default 2) and the job of N
# processes run in turns, ROUNDS times (default 5), and so does a job that only starts and ends, whose time is taken off
# that of the job. The medians are printed, in seconds on the wall. Nothing else should run meanwhile.
# Needs build/flowctl and build/flowctl-mpi (make MPI=yes). MPIRUN="srun --overlap" is another way to start a job.
set -euo pipefail
n=2
rounds=5
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'n=n r=rounds' "$@"
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
build=$(cd "$(dirname "$0")/../build" && pwd)
for program in "$build/flowctl" "$build/flowctl-mpi"; do
    [ -x "$program" ] || { echo "$program is not there: make MPI=yes" >&2 && exit 1; }
done
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
read -ra start <<<"${MPIRUN:-mpirun}"

# timed NAME COMMAND...: "NAME seconds"
timed() {
    local name=$1 began ended
    shift
    began=$(date +%s%N)
    "$@" >/dev/null
    ended=$(date +%s%N)
    echo "$name $(((ended - began) / 1000)) "
}

for ((round = 0; round < rounds; round++)); do
    timed one "$build/flowctl" "$@" -j 1
    timed threads "$build/flowctl" "$@" -j "$n"
    timed job "${start[@]}" -n "$n" "$build/flowctl-mpi" "$@" -j 1
    timed empty "${start[@]}" -n "$n" "$build/flowctl-mpi" --version
done | sort -k1,1 -k2,2n | awk -v n="$n" '
    { value[$1, ++count[$1]] = $2 / 1e6 }
    function median(name) {
        return (value[name, int((count[name] + 1) / 2)] + value[name, int((count[name] + 2) / 2)]) / 2
    }
    END {
        job = median("job") - median("empty")
        printf "%-28s %8.2f s\n", "one thread", median("one")
        printf "%-28s %8.2f s  %.2f times as fast\n", n " threads", median("threads"), median("one") / median("threads")
        printf "%-28s %8.2f s  %.2f times as fast\n", n " processes of one thread", job, median("one") / job
        printf "%-28s %8.2f s\n", "starting and ending them", median("empty")
    }'
