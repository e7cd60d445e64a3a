/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image_files.h"

#include <unistd.h>

#include "values.h"

static void put(const char *name, const char *path, hid_t stored, int rank, const hsize_t *size, hid_t given,
                const void *values)
{
    hid_t file = access(at(name), F_OK) == 0 ? H5Fopen(at(name), H5F_ACC_RDWR, H5P_DEFAULT)
                                             : H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, size, NULL);
    hid_t set = H5Dcreate2(file, path, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(set, 0);
    ASSERT_GE(H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
}

const char *write_images(const char *name, const char *path, hid_t stored, flow_shape shape, const double *rows,
                         size_t n)
{
    const hsize_t size[] = {n, (hsize_t)shape.height, (hsize_t)shape.width, (hsize_t)shape.channels};
    put(name, path, stored, 4, size, H5T_NATIVE_DOUBLE, rows);
    return inside(name, path);
}

void write_labels(const char *name, const char *path, const int64_t *labels, size_t n)
{
    const hsize_t size = n;
    put(name, path, H5T_STD_I64LE, 1, &size, H5T_NATIVE_INT64, labels);
}
