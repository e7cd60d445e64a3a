/* The version of the program and of what it stands on. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_VERSION_H
#define FLOW_CMD_VERSION_H

#include <cjson/cJSON.h>

#include "core/text.h"

/* "0.1.0-gf63c07a" */
const char *version_program(void);

/* The lines that `flowctl --version` prints. */
void version_print(flow_text *text);

/* {"gemm": "libxsmm 1.17", "kernels": "AVX-512", "precision": "float", "hdf5": ..., "gsl": ...}; the caller's. */
cJSON *version_libraries(void);

#endif
