/* What the program was built from and with: `flowctl --version`. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_BUILD_INFO_H
#define FLOW_RUN_BUILD_INFO_H

#include "run/version.h"

/* Strings are borrowed from the program and its libraries. Versions of libraries are those that run, which may be newer
 * than those that it was compiled with. NULL: it was built without. */
typedef struct flow_build_info {
    const char *version;
    flow_libraries libraries;
    flow_text_list compiled; /* vector kernels, the widest first */
    const char *compiled_at[4];
    const char *bf16x3; /* what forms products with --math bf16x3; NULL: this processor cannot */
    int threads; /* that are used unless -j says otherwise */
    char cblas[64];
    const char *cjson, *zlib, *zstd, *png;
    const char *mpi; /* "Open MPI 4.1.4", of a program that can run as several processes */
    const char *compiler, *flags;
} flow_build_info;
extern const flow_report_field flow_build_info_fields[];

/* *out must stay where it is. */
void flow_build_info_find(flow_build_info *out);

#endif
