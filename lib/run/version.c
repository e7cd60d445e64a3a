/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/version.h"

#include <gsl/gsl_version.h>
#include <hdf5.h>
#include <stdio.h>

#include "h5/lock.h"
#include "num/gemm.h"
#include "num/real.h"
#include "num/vecmath.h"

const flow_report_field flow_libraries_fields[] = {
    {"precision", "precision", "%s", FLOW_MEMBER(flow_libraries, precision)},
    {"matrix_products", "matrix products", "%s", FLOW_MEMBER(flow_libraries, gemm)},
    {"vector_kernels", "vector kernels", "%s", FLOW_MEMBER(flow_libraries, kernels)},
    {"hdf5", "HDF5", "%s", FLOW_MEMBER(flow_libraries, hdf5)},
    {"gsl", "GSL", "%s", FLOW_MEMBER(flow_libraries, gsl)},
    FLOW_REPORT_END,
};

void flow_libraries_find(flow_libraries *out)
{
    unsigned major = 0, minor = 0, release = 0;
    flow_h5_lock();
    H5get_libversion(&major, &minor, &release);
    flow_h5_unlock();
    *out = (flow_libraries){FLOW_PRECISION, out->gemm_text, flow_vec_name(), out->hdf5_text, gsl_version, "", ""};
    snprintf(out->hdf5_text, sizeof out->hdf5_text, "%u.%u.%u", major, minor, release);
    flow_gemm_library(out->gemm_text, sizeof out->gemm_text);
}
