# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # what `run` sets
#
# Shared by the tests of several processes (test/mpi_*.bats); load it after cli_helper.

# More processes than processors, and as root in a container.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
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
