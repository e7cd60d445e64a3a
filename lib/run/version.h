/* The version of the program, and the libraries it uses. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_VERSION_H
#define FLOW_RUN_VERSION_H

#include "run/report.h"

typedef struct flow_libraries {
    const char *precision, *kernels, *gsl; /* borrowed from the program */
    char gemm[64], hdf5[32];
} flow_libraries;

/* {"precision": "float", "matrix_products": "libxsmm 1.17", "vector_kernels": "AVX-512", "hdf5": ..., "gsl": ...} */
extern const flow_report_field flow_libraries_fields[];

void flow_libraries_find(flow_libraries *out);

#endif
