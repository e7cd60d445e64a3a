/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/version.h"

#include <gsl/gsl_version.h>
#include <hdf5.h>
#include <stdio.h>

#include "h5/scope.h"
#include "num/gemm.h"
#include "num/real.h"
#include "num/vecmath.h"

const flow_report_field flow_libraries_fields[] = {
    {"precision", "precision", "%s", FLOW_MEMBER(flow_libraries, precision)},
    {"matrix_products", "matrix products", "%s", FLOW_MEMBER_ARRAY(flow_libraries, gemm)},
    {"vector_kernels", "vector kernels", "%s", FLOW_MEMBER(flow_libraries, kernels)},
    {"hdf5", "HDF5", "%s", FLOW_MEMBER_ARRAY(flow_libraries, hdf5)},
    {"gsl", "GSL", "%s", FLOW_MEMBER(flow_libraries, gsl)},
    FLOW_REPORT_END,
};

void flow_libraries_find(flow_libraries *out)
{
    unsigned major = 0, minor = 0, release = 0;
    flow_h5_lock();
    H5get_libversion(&major, &minor, &release);
    flow_h5_unlock();
    *out = (flow_libraries){FLOW_PRECISION, flow_vec_name(), gsl_version, "", ""};
    snprintf(out->hdf5, sizeof out->hdf5, "%u.%u.%u", major, minor, release);
    flow_gemm_library(out->gemm, sizeof out->gemm);
}
