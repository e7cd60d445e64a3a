# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # what `run` sets
#
# Shared by the tests of several processes (test/mpi_*.bats); load it after cli_helper.

# More processes than processors, and as root in a container.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
# Without a look for networks a job starts a fifth of a second earlier. A rank that waits leaves the processor to other
# tests; two ranks on two processors would not, and wait for time slices with each message.
export OMPI_MCA_pml=ob1 OMPI_MCA_mpi_yield_when_idle=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# ranks N COMMAND...: as N processes. A job that does not end, as one whose ranks wait for each other, is a failure.
ranks() {
    timeout -k 5 120 mpirun -n "$@"
}

# What the last `run` printed without the notices of mpirun about exit statuses and ends of jobs.
own_lines() {
    printf '%s\n%s\n' "$output" "${stderr-}" | grep -E '^(flowctl: |a (result|note))' || true
}
