/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"

enum { COPY_BYTES = 1 << 20 };

static herr_t update_stop_at_first(hid_t object, const char *name, const H5A_info_t *about, void *context)
{
    (void)object;
    (void)name;
    (void)about;
    (void)context;
    return 1;
}

/* True also when they cannot be read. */
static bool update_has_attributes(hid_t object)
{
    return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, update_stop_at_first, NULL) != 0;
}

/* Whether the file has nothing but a dataset at `path` and the groups on the way to it. */
static bool update_holds_only(hid_t file, const char *path)
{
    char *name = flow_strdup(path);
    hid_t group = H5Gopen2(file, "/", H5P_DEFAULT);
    bool only = name != NULL && group >= 0;
    for (char *at = name; only;) {
        at += strspn(at, "/");
        char *end = at + strcspn(at, "/");
        bool last = end[strspn(end, "/")] == '\0';
        H5G_info_t info;
        only = !update_has_attributes(group) && H5Gget_info(group, &info) >= 0 && info.nlinks <= 1;
        if (!only || info.nlinks == 0)
            break;
        char after = *end;
        *end = '\0';
        hid_t next = H5Oopen(group, at, H5P_DEFAULT);
        *end = after;
        only = next >= 0 && H5Iget_type(next) == (last ? H5I_DATASET : H5I_GROUP);
        flow_h5_close(group);
        group = next;
        if (last)
            break;
        at = end;
    }
    flow_h5_close(group);
    free(name);
    return only;
}

/* Copies the old file to the temporary file. */
static flow_status update_copy(flow_replacement *output, flow_error *err)
{
    int from = open(output->target, O_RDONLY | O_CLOEXEC);
    char *piece = malloc(COPY_BYTES);
    flow_status status = piece != NULL ? FLOW_OK : flow_error_memory(err, "copying a file");
    ssize_t n = 0;
    while (status == FLOW_OK && (n = from < 0 ? -1 : read(from, piece, COPY_BYTES)) != 0) {
        if (n > 0)
            status = flow_replace_write(output, piece, (size_t)n, err);
        else if (from < 0 || errno != EINTR)
            status = flow_error_set(err, FLOW_IO, "%s: cannot be read, so that its other tables cannot be kept: %s",
                                    output->name, strerror(errno));
    }
    free(piece);
    if (from >= 0)
        close(from);
    return status;
}

/* ---- what must not be replaced unasked ---- */

static const char mark_name[] = "written_by", mark_text[] = "flowctl";

flow_status flow_h5_mark(hid_t dataset, flow_error *err)
{
    return flow_h5_attr_write_text(dataset, mark_name, mark_text, err);
}

static bool update_has_mark(hid_t object)
{
    enum { MOST = 64 };
    char *text = NULL;
    const bool has = H5Aexists(object, mark_name) > 0 &&
                     flow_h5_attr_read_text(&text, object, mark_name, MOST, NULL) == FLOW_OK &&
                     strcmp(text, mark_text) == 0;
    free(text);
    return has;
}

/* FLOW_EXISTS where a part of the way to `path` is a dataset. */
static flow_status update_check_way(hid_t file, const flow_replacement *output, const char *path, flow_error *err)
{
    char *way = flow_strdup(path);
    if (way == NULL)
        return flow_error_memory(err, "a path");
    flow_status status = FLOW_OK;
    for (char *slash = way; status == FLOW_OK && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        hid_t object = H5Oopen(file, way, H5P_DEFAULT);
        if (object >= 0 && H5Iget_type(object) != H5I_GROUP)
            status = flow_error_set(err, FLOW_EXISTS,
                                    "%s: %s is a table in this file, and %s cannot lie in it; name another place",
                                    output->name, way, path);
        flow_h5_close(object);
        *slash = '/';
    }
    free(way);
    return status;
}

/* Whether there is a dataset at `path` (*exists), and that it may be replaced. */
static flow_status update_check_table(bool *exists, hid_t file, const flow_replacement *output, const char *path,
                                      bool careful, flow_error *err)
{
    FLOW_TRY(update_check_way(file, output, path, err));
    hid_t old = H5Oopen(file, path, H5P_DEFAULT);
    *exists = old >= 0;
    const bool is_group = *exists && H5Iget_type(old) == H5I_GROUP, is_ours = *exists && update_has_mark(old);
    flow_h5_close(old);
    if (is_group)
        return flow_error_set(err, FLOW_EXISTS, "%s: %s is a group in this file; name a new place in it, as in %s:%s/x",
                              output->name, path, output->name, path);
    if (*exists && careful && !is_ours)
        return flow_error_set(err, FLOW_EXISTS,
                              "%s: the table %s in this file exists, and flowctl did not write it, so "
                              "it is not replaced; --force replaces it, -o %s:/NAME names another one",
                              output->name, path, output->name);
    return FLOW_OK;
}

flow_status flow_h5_remove_table(hid_t file, const flow_replacement *output, const char *path, bool careful,
                                 flow_error *err)
{
    bool exists = false;
    FLOW_TRY(update_check_table(&exists, file, output, path, careful, err));
    if (exists && H5Ldelete(file, path, H5P_DEFAULT) < 0)
        return flow_h5_error(err, FLOW_IO, "%s: the old %s cannot be replaced", output->name, path);
    return FLOW_OK;
}

static flow_status update_fail_to_open(const flow_replacement *output, flow_status status, flow_error *err)
{
    return flow_error_prefix(err, status,
                             "%s: exists, and its other tables cannot be kept; remove it, or name another "
                             "file. It ",
                             output->name);
}

flow_status flow_h5_update(hid_t *out, flow_replacement *output, const char *path, bool careful, flow_error *err)
{
    hid_t old;
    *out = H5I_INVALID_HID;
    if (!output->replaces)
        return FLOW_OK;
    bool is_hdf5;
    flow_status status = flow_h5_find_signature(&is_hdf5, output->target, err);
    if (status == FLOW_OK && !is_hdf5)
        return careful ? flow_replace_protect(output->target, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_h5_open(&old, output->target, err);
    if (status != FLOW_OK)
        return update_fail_to_open(output, status, err);
    bool only = update_holds_only(old, path), exists;
    if (only)
        status = update_check_table(&exists, old, output, path, careful, err);
    flow_h5_close(old);
    if (only || status != FLOW_OK)
        return status;
    status = update_copy(output, err);
    if (status != FLOW_OK)
        return status;
    status = flow_h5_open_to_write(out, output->temporary, err);
    return status == FLOW_OK ? flow_h5_remove_table(*out, output, path, careful, err)
                             : update_fail_to_open(output, status, err);
}
