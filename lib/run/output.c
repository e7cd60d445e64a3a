/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/replace.h"
#include "core/text.h"
#include "data/location.h"
#include "run/origin.h"

/* ---- what must not be replaced ---- */

static bool output_is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether one of the tables at `location` lies in the file, and, for a `path`, at that path or at one not known. */
static bool output_holds(const char *file, const char *path, bool any_path, const char *location)
{
    flow_name_list parts;
    bool holds = false;
    if (location == NULL || flow_is_standard(location) || flow_location_parts(&parts, NULL, location, NULL) != FLOW_OK)
        return false;
    for (int i = 0; i < parts.n && !holds; i++) {
        flow_location place = {0};
        if (flow_location_find(&place, parts.at[i], NULL) != FLOW_OK)
            continue;
        holds = output_is_same_file(file, place.file) &&
                (any_path || place.path == NULL || (path != NULL && strcmp(place.path, path) == 0));
        flow_location_free(&place);
    }
    flow_name_list_free(&parts);
    return holds;
}

bool flow_output_is_same_table(const char *location, const char *other)
{
    flow_name_list parts;
    bool same = false;
    if (location == NULL || flow_is_standard(location) || flow_location_parts(&parts, NULL, location, NULL) != FLOW_OK)
        return false;
    for (int i = 0; i < parts.n && !same; i++) {
        flow_location place = {0};
        if (flow_location_find(&place, parts.at[i], NULL) != FLOW_OK)
            continue;
        same = output_holds(place.file, place.path, place.path == NULL, other);
        flow_location_free(&place);
    }
    flow_name_list_free(&parts);
    return same;
}

static flow_status output_check_source(const char *option, const char *file, const char *source, const char *what,
                                       flow_error *err)
{
    return output_holds(file, NULL, true, source)
               ? flow_error_set(err, FLOW_EXISTS,
                                "%s %s: this file holds the %s that are read; name another file for the "
                                "results",
                                option, file, what)
               : FLOW_OK;
}

/* Another table of an HDF5 file may be written; where the model names none, the file has only one. */
static flow_status output_check_trained(const char *option, const flow_location *target, const flow_model *model,
                                        flow_error *err)
{
    static const char *const keys[] = {"train", "validation", "test"};
    const cJSON *data = model != NULL ? cJSON_GetObjectItemCaseSensitive(model->provenance, "data") : NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && data != NULL; i++) {
        const flow_data_origin origin = flow_data_origin_read(data, keys[i]);
        if (origin.any && output_holds(target->file, target->path, false, origin.location))
            return flow_error_set(err, FLOW_EXISTS,
                                  "%s %s: this file holds the %s data of the model; name another file "
                                  "for the results, or replace it with --force",
                                  option, target->file, keys[i]);
    }
    return FLOW_OK;
}

flow_status flow_output_check(const char *option, const char *location, const flow_output_sources *sources,
                              flow_error *err)
{
    flow_location target = {0};
    FLOW_TRY(flow_location_name(&target, location, err));
    flow_status status = FLOW_OK;
    flow_file_kind kind = FLOW_FILE_MISSING;
    if (!flow_is_standard(target.file))
        status = flow_file_inspect(&kind, target.file, err);
    if (kind == FLOW_FILE_MODEL || kind == FLOW_FILE_JSON)
        status = flow_error_set(err, FLOW_EXISTS, "%s %s: this file is a %s; name another file for the results", option,
                                target.file, kind == FLOW_FILE_MODEL ? "model" : "spec");
    if (status == FLOW_OK)
        status = output_check_source(option, target.file, sources->model, "parameters", err);
    if (status == FLOW_OK)
        status = output_check_source(option, target.file, sources->data, "data", err);
    if (status == FLOW_OK)
        status = output_check_source(option, target.file, sources->given, "data", err);
    if (status == FLOW_OK && !sources->force)
        status = output_check_trained(option, &target, sources->trained, err);
    flow_location_free(&target);
    return status;
}

/* ---- other programs ---- */

static bool output_has_no_locks(int code)
{
    /* ENOTSUP and EOPNOTSUPP are one number on some systems. NOLINTNEXTLINE(misc-redundant-expression) */
    return code == ENOLCK || code == ENOTSUP || code == EOPNOTSUPP || code == ENOSYS || code == EINVAL;
}

flow_status flow_output_lock(flow_lock *out, const char *file, bool waits, const char *doing,
                             const flow_run_hooks *hooks, flow_error *err)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    flow_lock_state state = FLOW_LOCK_BUSY;
    struct stat info;
    *out = (flow_lock){0};
    if (file == NULL || flow_is_standard(file) || flow_path_descriptor(file) >= 0 ||
        (stat(file, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return FLOW_OK;
    for (int tries = 0; state == FLOW_LOCK_BUSY; tries++) {
        FLOW_TRY(flow_lock_try(out, &state, file, err));
        if (state == FLOW_LOCK_BUSY && !waits)
            return flow_error_set(err, FLOW_EXISTS,
                                  "%s: another flowctl %s at this moment; wait until it ends, or name "
                                  "another one with -o",
                                  file, doing);
        if (state == FLOW_LOCK_BUSY && tries == 0) {
            flow_run_warn(hooks, "%s: another flowctl %s at this moment; waiting until it ends", file, doing);
            flow_run_begin(hooks); /* a signal ends the wait */
        }
        if (state == FLOW_LOCK_BUSY && flow_run_should_stop(hooks))
            return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
        if (state == FLOW_LOCK_BUSY)
            nanosleep(&pause, NULL);
    }
    if (state == FLOW_LOCK_TAKEN)
        flow_replace_clean(file);
    else if (output_has_no_locks(out->code))
        flow_run_warn(hooks,
                      "%s: its file system has no locks (%s), as NFS without its lock service; nothing keeps two "
                      "programs from writing this file at once, so run one at a time",
                      file, strerror(out->code));
    return FLOW_OK;
}

bool flow_output_is_closed(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}
