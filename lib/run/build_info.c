/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/build_info.h"

#include <cjson/cJSON.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#ifndef FLOW_NO_ZSTD
#include <zstd.h>
#endif

#include "model/file.h"
#include "num/comm.h"
#include "num/gemm_bf16x3.h"
#include "num/parallel.h"
#include "num/vecmath.h"

/* The Makefile says it. */
#ifndef FLOW_FLAGS
#define FLOW_FLAGS NULL
#endif

#if defined(__clang__)
#define BUILD_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define BUILD_COMPILER "gcc " __VERSION__
#else
#define BUILD_COMPILER NULL
#endif

/* OpenBLAS says which one it is; of other libraries with the interface of CBLAS that is not known. */
#if defined(__ELF__)
extern char *openblas_get_config(void) __attribute__((weak));

static void build_name_cblas(char *out, size_t size)
{
    const char *config = openblas_get_config != NULL ? openblas_get_config() : "CBLAS";
    const size_t name = strcspn(config, " "), version = name + strspn(config + name, " ");
    snprintf(out, size, "%.*s", (int)(version + strcspn(config + version, " ")), config);
}
#else
static void build_name_cblas(char *out, size_t size)
{
    snprintf(out, size, "CBLAS");
}
#endif

#define BUILD(member) FLOW_MEMBER(flow_build_info, member)

const flow_report_field flow_build_info_fields[] = {
    {"version", NULL, "flowctl %s", BUILD(version)},
    FLOW_REPORT_GROUP_ROW("", flow_build_info, libraries, flow_libraries_fields),
    {"vector_kernels_compiled", "all kernels", "%s", BUILD(compiled)},
    {"bf16x3", "bf16x3", "by %s", BUILD(bf16x3)},
    {"threads", "threads", "%d", BUILD(threads)},
    {"cblas", "CBLAS", "%s", FLOW_MEMBER_ARRAY(flow_build_info, cblas)},
    {"cjson", "cJSON", "%s", BUILD(cjson)},
    {"zlib", "zlib", "%s", BUILD(zlib)},
    {"zstd", "zstd", "%s", BUILD(zstd)},
    {"libpng", "libpng", "%s", BUILD(png)},
    {"mpi", "MPI", "%s", BUILD(mpi)},
    {"compiler", "compiler", "%s", BUILD(compiler)},
    {"flags", "flags", "%s", BUILD(flags)},
    FLOW_REPORT_END,
};

void flow_build_info_find(flow_build_info *out)
{
    const flow_bf16x3_kernels *kernels = flow_bf16x3_find();
    *out = (flow_build_info){
        .bf16x3 = kernels != NULL ? kernels->name : NULL,
        .version = flow_program_version(),
        .threads = flow_processors(),
        .cjson = cJSON_Version(),
        .zlib = zlibVersion(),
#ifndef FLOW_NO_ZSTD
        .zstd = ZSTD_versionString(),
#endif
        .png = png_get_libpng_ver(NULL),
        .mpi = flow_comm_library(),
        .compiler = BUILD_COMPILER,
        .flags = FLOW_FLAGS,
    };
    flow_libraries_find(&out->libraries);
    build_name_cblas(out->cblas, sizeof out->cblas);
    out->compiled = (flow_text_list){flow_vec_list(out->compiled_at), out->compiled_at};
}
