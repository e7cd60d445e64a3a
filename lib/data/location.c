/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/location.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"

static bool location_exists(const char *file, size_t length)
{
    char *name = flow_format("%.*s", (int)length, file);
    struct stat info;
    bool found = name != NULL && stat(name, &info) == 0 && !S_ISDIR(info.st_mode);
    free(name);
    return found;
}

/* The length of the file's part of a location. A colon may be part of a file name: the separator is the first colon
 * after the name of an existing file, or else after a name whose ending says that the file has paths. */
static size_t location_file_length(const char *location, bool look)
{
    size_t length = strlen(location);
    if (look && location_exists(location, length))
        return length;
    for (const char *colon = strchr(location, ':'); look && colon != NULL; colon = strchr(colon + 1, ':'))
        if (colon != location && location_exists(location, (size_t)(colon - location)))
            return (size_t)(colon - location);
    for (const char *colon = strchr(location, ':'); colon != NULL; colon = strchr(colon + 1, ':'))
        if (flow_table_format_named(location, (size_t)(colon - location))->has_paths)
            return (size_t)(colon - location);
    return length;
}

static flow_status location_split(flow_location *out, const char *location, bool look, flow_error *err)
{
    *out = (flow_location){0};
    if (location == NULL || flow_is_standard(location)) {
        out->format = flow_table_format_named("", 0);
        out->file = flow_strdup("-");
        return out->file != NULL ? FLOW_OK : flow_error_memory(err, "a location");
    }
    if (location[0] == '\0')
        return flow_error_set(err, FLOW_ARGUMENT, "the location of a table is empty; name a CSV or HDF5 file");
    size_t length = location_file_length(location, look);
    bool has_path = location[length] == ':';
    const char *path = has_path ? location + length + 1 : "";
    out->format = flow_table_format_named(location, length);
    out->file = flow_format("%.*s", (int)length, location);
    if (has_path) {
        out->path = flow_format("%s%s", path[0] == '/' ? "" : "/", path);
        for (size_t n = out->path != NULL ? strlen(out->path) : 0; n > 1 && out->path[n - 1] == '/'; n--)
            out->path[n - 1] = '\0';
    }
    if (out->file == NULL || (has_path && out->path == NULL)) {
        flow_location_free(out);
        return flow_error_memory(err, "a location");
    }
    return FLOW_OK;
}

/* What the contents of a regular file say about its format. */
static flow_status location_check_contents(flow_location *place, bool is_empty, flow_error *err)
{
    const flow_table_format *named = place->format, *found = flow_table_format_of(place->file);
    place->format = found;
    if (found->recognise != NULL || named->recognise == NULL)
        return FLOW_OK;
    if (is_empty)
        return flow_error_set(err, FLOW_FORMAT, "%s: is empty; %s was expected", place->file, named->name);
    return flow_error_set(err, FLOW_FORMAT, "%s: is not %s, or its beginning is damaged", place->file, named->name);
}

flow_status flow_location_find(flow_location *out, const char *location, flow_error *err)
{
    flow_status status = location_split(out, location, true, err);
    if (status != FLOW_OK || flow_is_standard(out->file))
        return status;
    struct stat info;
    if (stat(out->file, &info) != 0)
        status = flow_error_open(err, out->file, errno);
    else if (S_ISDIR(info.st_mode))
        out->format = flow_table_format_of_folders();
    else if (S_ISREG(info.st_mode))
        status = location_check_contents(out, info.st_size == 0, err);
    if (status == FLOW_OK && !out->format->has_paths && out->path != NULL)
        status =
            flow_error_set(err, FLOW_FORMAT, "%s: is not an HDF5 file, or its beginning is damaged; there is no %s",
                           out->file, out->path);
    if (status != FLOW_OK)
        flow_location_free(out);
    return status;
}

flow_status flow_location_name(flow_location *out, const char *location, flow_error *err)
{
    flow_status status = location_split(out, location, false, err);
    if (status != FLOW_OK)
        return status;
    if (out->format->has_paths && out->path != NULL && strcmp(out->path, "/") == 0)
        status = flow_error_set(err, FLOW_ARGUMENT, "%s: the table in it needs a name, for example %s:/data", location,
                                out->file);
    if (status != FLOW_OK)
        flow_location_free(out);
    return status;
}

void flow_location_free(flow_location *location)
{
    free(location->file);
    free(location->path);
    *location = (flow_location){0};
}
