/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/target.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/text.h"
#include "density.h"
#include "flow/flow.h"
#include "num/rng.h"

/* ISO C has no conversion from an object pointer to a function pointer; in POSIX their bytes are the same. */
static void find(void *out, void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof symbol);
}

static flow_status take_checksum(flow_target *target, const char *file, flow_error *err)
{
    FILE *in = fopen(file, "rb");
    if (in == NULL)
        return flow_error_set(err, FLOW_SPEC, "%s cannot be read: %s", target->path, strerror(errno));
    unsigned char bytes[1 << 14];
    uLong sum = crc32(0, NULL, 0);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        sum = crc32(sum, bytes, (uInt)n);
    target->checksum = (uint32_t)sum;
    bool failed = ferror(in) != 0;
    fclose(in);
    if (failed)
        return flow_error_set(err, FLOW_SPEC, "%s cannot be read; is it a shared library?", target->path);
    return FLOW_OK;
}

static flow_status load(flow_target *target, flow_error *err)
{
    char *file = realpath(target->path, NULL); /* dlopen searches other folders for a name without one */
    if (file == NULL)
        return flow_error_set(err, FLOW_SPEC, "%s: %s; build the library, or correct its path, which is relative to "
                              "the spec", target->path, strerror(errno));
    flow_status status = take_checksum(target, file, err);
    if (status == FLOW_OK && (target->library = dlopen(file, RTLD_NOW | RTLD_LOCAL)) == NULL) {
        const char *why = dlerror();
        status = flow_error_set(err, FLOW_SPEC, "%s cannot be loaded: %s", target->path, why != NULL ? why : "?");
    }
    free(file);
    if (status != FLOW_OK)
        return status;
    find(&target->log_density, target->library, "log_density");
    if (target->log_density == NULL)
        return flow_error_set(err, FLOW_SPEC, "%s has no function log_density; it has to define \"double log_density("
                              "const double *x, double *gradient, size_t n, void *data)\", in C++ as extern \"C\"",
                              target->path);
    return FLOW_OK;
}

/* From the number in the spec (0: none), the library's number, and its list of names. */
static flow_status settle_dim(flow_target *target, int64_t dim, const char *const *names, flow_error *err)
{
    int64_t n_names = 0, own = 0;
    while (names != NULL && n_names <= FLOW_DIM_MAX && names[n_names] != NULL)
        n_names++;
    const size_t *number = dlsym(target->library, "log_density_dimensions");
    if (number != NULL)
        own = *number > FLOW_DIM_MAX ? FLOW_DIM_MAX + 1 : (int64_t)*number;
    if (number != NULL && names != NULL && own != n_names)
        return flow_error_set(err, FLOW_SPEC, "%s contradicts itself: log_density_dimensions is %lld, and "
                              "log_density_columns names %lld", target->path, (long long)own, (long long)n_names);
    own = names != NULL ? n_names : own;
    if ((number != NULL || names != NULL) && (own < 1 || own > FLOW_DIM_MAX))
        return flow_error_set(err, FLOW_SPEC, "%s has %lld dimensions; allowed are 1 to %d", target->path,
                              (long long)own, FLOW_DIM_MAX);
    if (dim == 0 && own == 0)
        return flow_error_set(err, FLOW_SPEC, "%s does not say how many dimensions its density has; give "
                              "\"dimensions\" a number", target->path);
    if (dim != 0 && own != 0 && dim != own)
        return flow_error_set(err, FLOW_SPEC, "%s is a density in %lld dimensions, and the spec says %lld",
                              target->path, (long long)own, (long long)dim);
    target->dim = (int)(dim != 0 ? dim : own);
    return FLOW_OK;
}

static flow_status name_columns(flow_target *target, const char *const *names, flow_error *err)
{
    const char *twice = NULL, **columns = flow_arena_take(&target->arena, (size_t)target->dim, sizeof *columns);
    target->has_names = names != NULL;
    target->columns = columns;
    for (int i = 0; columns != NULL && i < target->dim; i++) {
        char made[16];
        snprintf(made, sizeof made, "x%d", i + 1);
        if (names != NULL && names[i][0] == '\0')
            return flow_error_set(err, FLOW_SPEC, "%s: name %d of log_density_columns is empty", target->path, i + 1);
        columns[i] = flow_arena_text(&target->arena, names != NULL ? names[i] : made);
    }
    if (target->arena.failed)
        return flow_error_memory(err, "the names of the columns");
    FLOW_TRY(flow_find_repeated(&twice, columns, (size_t)target->dim, err));
    return twice == NULL ? FLOW_OK : flow_error_set(err, FLOW_SPEC, "%s: log_density_columns names \"%.80s\" twice",
                                                    target->path, twice);
}

static flow_status begin(flow_target *target, flow_error *err)
{
    void *(*make)(size_t n);
    find(&make, target->library, "log_density_new");
    if (make == NULL)
        return FLOW_OK;
    target->data = make((size_t)target->dim);
    if (target->data == NULL)
        return flow_error_set(err, FLOW_SPEC, "%s: log_density_new(%d) returned NULL: the density cannot be used",
                              target->path, target->dim);
    find(&target->release, target->library, "log_density_free");
    return FLOW_OK;
}

static flow_status target_make(flow_target *target, const char *path, int64_t dim, bool parallel, flow_error *err)
{
    target->path = flow_arena_text(&target->arena, path);
    if (target->path == NULL)
        return flow_error_memory(err, path);
    if (!parallel && pthread_mutex_init(&target->mutex, NULL) != 0)
        return flow_error_memory(err, "a lock");
    target->lock = parallel ? NULL : &target->mutex;
    FLOW_TRY(load(target, err));
    const char *const *names = dlsym(target->library, "log_density_columns");
    FLOW_TRY(settle_dim(target, dim, names, err));
    FLOW_TRY(name_columns(target, names, err));
    return begin(target, err);
}

flow_status flow_target_open(flow_target **out, const char *path, int64_t dim, bool parallel, flow_error *err)
{
    *out = NULL;
    flow_target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return flow_error_memory(err, path);
    flow_status status = target_make(target, path, dim, parallel, err);
    FLOW_RETURN_MADE(out, target, flow_target_close, status);
}

void flow_target_close(flow_target *target)
{
    if (target == NULL)
        return;
    if (target->release != NULL)
        target->release(target->data);
    if (target->library != NULL)
        dlclose(target->library);
    if (target->lock != NULL)
        pthread_mutex_destroy(target->lock);
    flow_arena_release(&target->arena);
    free(target);
}

double flow_target_log(const flow_target *target, const double *x, double *gradient)
{
    if (target->lock == NULL)
        return target->log_density(x, gradient, (size_t)target->dim, target->data);
    pthread_mutex_lock(target->lock);
    double log_density = target->log_density(x, gradient, (size_t)target->dim, target->data);
    pthread_mutex_unlock(target->lock);
    return log_density;
}

/* ---- the gradient ---- */

static void compare(const flow_target *target, double *x, double given, int i, double *worst, flow_target_mismatch *out)
{
    static const double share = 1e-3, least = 1e-5; /* of a derivative, of the density: far above rounding errors */
    const double old = x[i], h = 6e-6 * fmax(1, fabs(old));
    x[i] = old + h;
    double above = flow_target_log(target, x, NULL);
    x[i] = old - h;
    double below = flow_target_log(target, x, NULL);
    x[i] = old;
    double wanted = (above - below) / (2 * h);
    if (!isfinite(wanted) || !isfinite(given))
        return; /* training reports these */
    out->n_compared++;
    double difference = fabs(given - wanted) / (share * fabs(wanted) + least * (1 + fabs(above)));
    if (difference <= 1)
        return;
    out->n_wrong++;
    if (difference <= *worst)
        return;
    *worst = difference;
    out->dimension = i;
    out->at = old;
    out->found = given;
    out->wanted = wanted;
}

flow_status flow_target_check(const flow_target *target, flow_target_mismatch *out, flow_error *err)
{
    enum { POINTS = 8, MOST_DERIVATIVES = 64 };
    *out = (flow_target_mismatch){0};
    size_t d = (size_t)target->dim;
    double *x = malloc(2 * d * sizeof *x), *gradient = x != NULL ? x + d : NULL;
    if (x == NULL)
        return flow_error_memory(err, "a point");
    double worst = 0;
    for (int p = 0; p < POINTS; p++) {
        for (size_t i = 0; i < d; i++)
            x[i] = 4 * flow_rng_uniform(1, FLOW_STREAM_OTHER, (uint64_t)p, (uint32_t)i) - 2;
        flow_target_log(target, x, gradient);
        int stride = target->dim / MOST_DERIVATIVES + 1;
        for (int i = p % stride; i < target->dim; i += stride)
            compare(target, x, gradient[i], i, &worst, out);
    }
    free(x);
    return FLOW_OK;
}
