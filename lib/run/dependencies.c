/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/dependencies.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/location.h"

/* Removes "folder/../" where the folder is no symbolic link: make knows a file by one name only. */
static void dependencies_shorten(char *path)
{
    for (char *up = strstr(path, "/../"); up != NULL;) {
        char *folder = up;
        while (folder > path && folder[-1] != '/')
            folder--;
        struct stat info;
        *up = '\0';
        const bool removed =
            *folder != '\0' && strcmp(folder, "..") != 0 && lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
        *up = '/';
        if (removed)
            memmove(folder, up + 4, strlen(up + 4) + 1);
        up = strstr(removed ? path : up + 1, "/../");
    }
}

/* Adds the name unless it is there already; changes it. */
static flow_status dependencies_add(flow_name_list *out, char *file, flow_error *err)
{
    dependencies_shorten(file);
    for (int i = 0; i < out->n; i++)
        if (strcmp(out->at[i], file) == 0)
            return FLOW_OK;
    return flow_name_list_add(out, file, strlen(file), err);
}

/* The files of a location of data, each without its path inside. */
static flow_status dependencies_add_location(flow_name_list *out, const flow_experiment *x, const char *location,
                                             flow_error *err)
{
    if (location == NULL || flow_is_standard(location))
        return FLOW_OK;
    flow_name_list parts = {0};
    char *path = flow_spec_location(x->spec, location);
    flow_status status = path != NULL ? flow_location_parts(&parts, NULL, path, err) : flow_error_memory(err, location);
    for (int i = 0; i < parts.n && status == FLOW_OK; i++) {
        flow_location place = {0};
        if (flow_location_find(&place, parts.at[i], NULL) != FLOW_OK) { /* it is missing, or no table */
            flow_location_free(&place);
            status = flow_location_name(&place, parts.at[i], err);
        }
        if (status == FLOW_OK)
            status = dependencies_add(out, place.file, err);
        flow_location_free(&place);
    }
    flow_name_list_free(&parts);
    free(path);
    return status;
}

flow_status flow_run_dependencies(flow_name_list *out, const flow_experiment *x, const char *file, flow_error *err)
{
    const flow_data_options *data = x->data;
    if (!flow_is_standard(file))
        FLOW_TRY(flow_name_list_add(out, file, strlen(file), err));
    FLOW_TRY(dependencies_add_location(out, x, data->train, err));
    FLOW_TRY(dependencies_add_location(out, x, data->validation.text, err));
    FLOW_TRY(dependencies_add_location(out, x, data->test.text, err));
    if (x->draws == NULL || x->draws->density == NULL)
        return FLOW_OK;
    char *path = flow_spec_path(x->spec, x->draws->density);
    flow_status status = path != NULL ? dependencies_add(out, path, err) : flow_error_memory(err, x->draws->density);
    free(path);
    return status;
}

/* A name as make reads it, in a target or in a prerequisite. */
static flow_status dependencies_print(flow_text *out, const char *file, flow_error *err)
{
    if (strpbrk(file, "\r\n%\\") != NULL)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "the name \"%s\" has a line end, %% or a backslash, which make takes "
                              "for something else; rename the file",
                              file);
    for (const char *c = file; *c != '\0'; c++)
        flow_text_add(out, "%s%c", *c == '$' ? "$" : strchr(" \t#:", *c) != NULL ? "\\" : "", *c);
    return FLOW_OK;
}

flow_status flow_run_make_rule(flow_text *out, const char *target, const flow_name_list *files, flow_error *err)
{
    FLOW_TRY(dependencies_print(out, target, err));
    flow_text_add(out, ":");
    for (int i = 0; i < files->n; i++) {
        flow_text_add(out, " ");
        FLOW_TRY(dependencies_print(out, files->at[i], err));
    }
    flow_text_add(out, "\n");
    for (int i = 1; i < files->n; i++) {
        FLOW_TRY(dependencies_print(out, files->at[i], err));
        flow_text_add(out, ":\n");
    }
    return out->failed ? flow_error_memory(err, "a rule of make") : FLOW_OK;
}
