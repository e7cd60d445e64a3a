/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/location.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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

/* Whether the first `length` bytes of `text` are a location: of a file that exists, or whose name says what it is. */
static bool location_is_one(const char *dir, const char *text, size_t length)
{
    char *one = flow_format("%.*s", (int)length, text);
    char *path = one != NULL ? flow_path_join(dir, one) : NULL;
    bool is = false;
    if (path != NULL && one[0] != '\0') {
        const size_t file = location_file_length(path, true);
        const flow_table_format *format = flow_table_format_named(path, file);
        struct stat info;
        is = location_exists(path, file) || (file == strlen(path) && stat(path, &info) == 0);
        for (const char *const *ending = format->endings; *ending != NULL && !is; ending++) {
            const size_t n = strlen(*ending);
            is = file > n && strncasecmp(path + file - n, *ending, n) == 0;
        }
    }
    free(one);
    free(path);
    return is;
}

/* Whether a location begins here. */
static bool location_begins(const char *dir, const char *text)
{
    for (size_t n = strcspn(text, ",");; n += 1 + strcspn(text + n + 1, ",")) {
        if (location_is_one(dir, text, n))
            return true;
        if (text[n] == '\0')
            return false;
    }
}

flow_status flow_location_parts(flow_name_list *out, const char *dir, const char *location, flow_error *err)
{
    *out = (flow_name_list){0};
    flow_status status = FLOW_OK;
    const char *start = location != NULL ? location : "-";
    char *whole = flow_path_join(dir, start);
    if (whole == NULL)
        return flow_error_memory(err, "a location");
    const bool is_file = location_exists(whole, strlen(whole));
    free(whole);
    for (const char *comma = strchr(start, ','); comma != NULL && !is_file && status == FLOW_OK;
         comma = strchr(comma + 1, ','))
        if (location_is_one(dir, start, (size_t)(comma - start)) && location_begins(dir, comma + 1)) {
            status = flow_name_list_add(out, start, (size_t)(comma - start), err);
            start = comma + 1;
        }
    if (status == FLOW_OK)
        status = flow_name_list_add(out, start, strlen(start), err);
    if (status != FLOW_OK)
        flow_name_list_free(out);
    return status;
}

char *flow_location_replace(const char *dir, const char *location, char *(*path_of)(const char *dir, const char *part))
{
    flow_name_list parts;
    flow_text text = {0};
    if (flow_location_parts(&parts, dir, location, NULL) != FLOW_OK)
        return NULL;
    for (int i = 0; i < parts.n; i++) {
        char *path = path_of(dir, parts.at[i]);
        text.failed = text.failed || path == NULL;
        flow_text_add(&text, "%s%s", i > 0 ? "," : "", path != NULL ? path : "");
        free(path);
    }
    flow_name_list_free(&parts);
    if (text.failed)
        flow_text_free(&text);
    return text.data;
}

char *flow_location_join(const char *dir, const char *location)
{
    return flow_location_replace(dir, location, flow_path_join);
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
