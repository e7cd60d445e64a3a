#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# How fast several processes write one table in HDF5: rank 0 for all, as flowctl-mpi does, and all of them by parallel
# HDF5 (docs/decisions, "Rows that several processes write").
#
#     scripts/measure_parallel_hdf5.sh [-r RANKS] [-n ROUNDS] [-f FOLDER]
#
# 10 million rows of 10 columns go into a file in FOLDER (a temporary one) in the chunks of flowctl, with and without
# their checksums; ROUNDS times (5) in turns, by RANKS processes (2). Prints the medians: seconds, and MB/s. Then it
# prints whether the files are those of one process, byte for byte. Needs an HDF5 library that is built for the MPI
# library, with its compiler h5pcc (H5PCC=PROGRAM: another name).
set -euo pipefail
ranks=2 rounds=5 folder=''
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'r=ranks n=rounds f=folder' "$@"
work=$(mktemp -d)
trap 'rm -rf "$work" "${folder:-$work}/parallel_hdf5.h5"' EXIT

cat >"$work/write.c" <<'C'
#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 10000000, COLUMNS = 10, CHUNK = (1 << 18) / (8 * COLUMNS), PART = 8 * CHUNK };

static hid_t data, space, how = H5P_DEFAULT;

static void put(const double *rows, hsize_t first, hsize_t n)
{
    const hsize_t from[2] = {first, 0}, size[2] = {n, COLUMNS};
    hid_t memory = H5Screate_simple(2, size, NULL), place = H5Scopy(space);
    if (n > 0)
        H5Sselect_hyperslab(place, H5S_SELECT_SET, from, NULL, size, NULL);
    else
        H5Sselect_none(place), H5Sselect_none(memory);
    if (H5Dwrite(data, H5T_NATIVE_DOUBLE, memory, place, how, rows) < 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    H5Sclose(memory);
    H5Sclose(place);
}

static hsize_t most(hsize_t first, hsize_t n)
{
    return first >= ROWS ? 0 : ROWS - first < n ? ROWS - first : n;
}

/* write FILE together|alone sums|plain */
int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    const int together = strcmp(argv[2], "together") == 0, sums = strcmp(argv[3], "sums") == 0;
    const int bytes = PART * COLUMNS * (int)sizeof(double);
    double *part = malloc((size_t)bytes), *all = malloc((size_t)bytes * (size_t)size);
    for (int i = 0; i < PART * COLUMNS; i++)
        part[i] = 1e-3 * i;
    MPI_Barrier(MPI_COMM_WORLD);
    double seconds = MPI_Wtime();
    hid_t file = -1;
    if (together || rank == 0) {
        const hsize_t extent[2] = {ROWS, COLUMNS}, chunk[2] = {CHUNK, COLUMNS};
        hid_t access = H5Pcreate(H5P_FILE_ACCESS), layout = H5Pcreate(H5P_DATASET_CREATE);
        if (together) {
            H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
            how = H5Pcreate(H5P_DATASET_XFER);
            H5Pset_dxpl_mpio(how, H5FD_MPIO_COLLECTIVE);
        }
        file = H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, access);
        H5Pset_chunk(layout, 2, chunk);
        H5Pset_fill_time(layout, H5D_FILL_TIME_NEVER);
        H5Pset_obj_track_times(layout, 0);
        if (sums)
            H5Pset_fletcher32(layout);
        space = H5Screate_simple(2, extent, NULL);
        data = H5Dcreate2(file, "data", H5T_IEEE_F64LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
    }
    for (hsize_t at = 0; at < ROWS; at += (hsize_t)PART * (hsize_t)size) {
        const hsize_t first = at + (hsize_t)PART * (hsize_t)rank;
        if (!together)
            MPI_Gather(part, bytes, MPI_BYTE, all, bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
        if (together)
            put(part, first, most(first, PART));
        else if (rank == 0)
            put(all, at, most(at, (hsize_t)PART * (hsize_t)size));
    }
    if (file >= 0) {
        H5Dclose(data);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    seconds = MPI_Wtime() - seconds;
    if (rank == 0)
        printf("%s %s %.3f\n", argv[2], argv[3], seconds);
    MPI_Finalize();
    return 0;
}
C
(cd "$work" && "${H5PCC:-h5pcc}" -O2 -o write write.c) # it leaves an object behind
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
for ((round = 0; round < rounds; round++)); do
    for sums in sums plain; do
        for how in alone together; do
            mpirun -n "$ranks" "$work/write" "${folder:-$work}/parallel_hdf5.h5" $how $sums
        done
    done
done | sort -k1,2 -k3,3n | awk -v rounds="$rounds" '
    { value[$1 " " $2, ++count[$1 " " $2]] = $3 }
    function median(name) {
        return (value[name, int((rounds + 1) / 2)] + value[name, int((rounds + 2) / 2)]) / 2
    }
    function show(text, name) { printf "%-42s %6.2f s  %5.0f MB/s\n", text, median(name), 800 / median(name) }
    END {
        show("rank 0, with checksums", "alone sums")
        show("parallel HDF5, with checksums", "together sums")
        show("rank 0, without checksums", "alone plain")
        show("parallel HDF5, without checksums", "together plain")
    }'

data=${folder:-$work}/parallel_hdf5.h5
for sums in sums plain; do
    mpirun -n 1 "$work/write" "$data" alone $sums >/dev/null
    one=$(cksum <"$data")
    for how in alone together; do
        mpirun -n "$ranks" "$work/write" "$data" $how $sums >/dev/null
        [ "$(cksum <"$data")" = "$one" ] && bytes="the same bytes as" || bytes="other bytes than"
        echo "$ranks ranks, $how, $sums: $bytes one process"
    done
done
