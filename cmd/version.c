/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "version.h"

#include <gsl/gsl_version.h>
#include <hdf5.h>
#include <stdio.h>

#include "h5/lock.h"
#include "model/file.h"
#include "num/gemm.h"
#include "num/real.h"
#include "num/vecmath.h"

const char *version_program(void)
{
    return flow_program_version();
}

static void hdf5_version(char *out, size_t size)
{
    unsigned major = 0, minor = 0, release = 0;
    flow_h5_lock();
    H5get_libversion(&major, &minor, &release);
    flow_h5_unlock();
    snprintf(out, size, "%u.%u.%u", major, minor, release);
}

void version_print(flow_text *text)
{
    char gemm[64], hdf5[32];
    flow_gemm_library(gemm, sizeof gemm);
    hdf5_version(hdf5, sizeof hdf5);
    flow_text_add(text, "flowctl %s\n", flow_program_version());
    flow_text_add(text, "precision        %s\n", FLOW_PRECISION);
    flow_text_add(text, "matrix products  %s\n", gemm);
    flow_text_add(text, "vector kernels   %s\n", flow_vec_name());
    flow_text_add(text, "HDF5             %s\n", hdf5);
    flow_text_add(text, "GSL              %s\n", gsl_version);
}

cJSON *version_libraries(void)
{
    char gemm[64], hdf5[32];
    flow_gemm_library(gemm, sizeof gemm);
    hdf5_version(hdf5, sizeof hdf5);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "precision", FLOW_PRECISION);
    cJSON_AddStringToObject(out, "matrix_products", gemm);
    cJSON_AddStringToObject(out, "vector_kernels", flow_vec_name());
    cJSON_AddStringToObject(out, "hdf5", hdf5);
    cJSON_AddStringToObject(out, "gsl", gsl_version);
    return out;
}
