/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/hdf5_update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "data/hdf5_support.h"

enum { PIECE = 1 << 20 };

static bool has_attributes(hid_t object)
{
    hid_t first = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, 0, H5P_DEFAULT, H5P_DEFAULT);
    if (first >= 0)
        H5Aclose(first);
    return first >= 0;
}

/* Whether a dataset at `path` would take nothing else along: there is nothing but it and the groups on its way. */
static bool holds_only(hid_t file, const char *path)
{
    char *name = flow_strdup(path);
    hid_t group = H5Gopen2(file, "/", H5P_DEFAULT);
    bool only = name != NULL && group >= 0;
    for (char *at = name; only; ) {
        at += strspn(at, "/");
        char *end = at + strcspn(at, "/");
        bool last = end[strspn(end, "/")] == '\0';
        H5G_info_t info;
        only = !has_attributes(group) && H5Gget_info(group, &info) >= 0 && info.nlinks <= 1;
        if (!only || info.nlinks == 0)
            break;
        char after = *end;
        *end = '\0';
        hid_t next = H5Oopen(group, at, H5P_DEFAULT);
        *end = after;
        only = next >= 0 && H5Iget_type(next) == (last ? H5I_DATASET : H5I_GROUP);
        H5Gclose(group);
        group = next;
        if (last)
            break;
        at = end;
    }
    flow_hdf5_close_object(group);
    free(name);
    return only;
}

static flow_status copy(flow_output *output, flow_error *err)
{
    int from = open(output->target, O_RDONLY | O_CLOEXEC);
    char *piece = malloc(PIECE);
    flow_status status = piece != NULL ? FLOW_OK : flow_error_memory(err, "copying a file");
    ssize_t n = 0;
    while (status == FLOW_OK && (n = from < 0 ? -1 : read(from, piece, PIECE)) != 0) {
        if (n > 0)
            status = flow_output_write(output, piece, (size_t)n, err);
        else if (from < 0 || errno != EINTR)
            status = flow_error_set(err, FLOW_IO, "%s: cannot be read, so that its other tables cannot be kept: %s",
                                    output->name, strerror(errno));
    }
    free(piece);
    if (from >= 0)
        close(from);
    return status;
}

/* Makes room at `path`. */
static flow_status remove_old(hid_t file, const flow_output *output, const char *path, flow_error *err)
{
    hid_t old = H5Oopen(file, path, H5P_DEFAULT);
    bool is_group = old >= 0 && H5Iget_type(old) == H5I_GROUP, exists = old >= 0;
    flow_hdf5_close_object(old);
    if (is_group)
        return flow_error_set(err, FLOW_EXISTS, "%s: %s is a group in this file; name a new place in it, as in %s:%s/x",
                              output->name, path, output->name, path);
    if (exists && H5Ldelete(file, path, H5P_DEFAULT) < 0)
        return flow_hdf5_error(err, FLOW_IO, "%s: the old %s cannot be replaced", output->name, path);
    return FLOW_OK;
}

static flow_status fail_to_open(const flow_output *output, flow_error *err)
{
    return flow_hdf5_error(err, FLOW_FORMAT, "%s: exists and cannot be opened, it is damaged or in use, so that what "
                           "it holds cannot be kept; remove it, or name another file", output->name);
}

flow_status flow_hdf5_update(bool *update, flow_output *output, const char *path, hid_t access, flow_error *err)
{
    *update = false;
    if (!flow_hdf5_has_signature(output->target))
        return FLOW_OK;
    hid_t file = H5Fopen(output->target, H5F_ACC_RDONLY, access);
    if (file < 0)
        return fail_to_open(output, err);
    bool only = holds_only(file, path);
    H5Fclose(file);
    if (only)
        return FLOW_OK;
    flow_status status = copy(output, err);
    if (status != FLOW_OK)
        return status;
    file = H5Fopen(output->temporary, H5F_ACC_RDWR, access);
    if (file < 0)
        return fail_to_open(output, err);
    status = remove_old(file, output, path, err);
    if (H5Fclose(file) < 0 && status == FLOW_OK)
        status = flow_hdf5_error(err, FLOW_IO, "%s: the old %s cannot be replaced", output->name, path);
    *update = status == FLOW_OK;
    return status;
}
