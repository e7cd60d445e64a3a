/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/name_list.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"

/* Limits: a file may have millions of objects, and groups that contain themselves. */
enum { MOST_OBJECTS = 10000, MOST_DEPTH = 16, MOST_SHOWN = 12 };

typedef enum h5_kind { H5_TABLE, H5_IMAGES, H5_OTHER } h5_kind;

typedef struct h5_listing {
    flow_name_list tables, others; /* paths; images are tables, too */
    flow_name_list sizes;          /* of the tables */
    int n_images, last_table;      /* last_table: the index of the last one that does not hold images */
    flow_text shown_tables, shown_others;
    int n_objects;
    flow_status status;
    flow_error *err;
} h5_listing;

/* One group during the walk through the file. */
typedef struct h5_visit {
    h5_listing *list;
    const char *path; /* of the group, without a final slash */
    int depth;
    flow_name_list vectors; /* the 1-D datasets of numbers in this group */
    hsize_t length;     /* of the first one */
    bool equal;
} h5_visit;

static void tables_list_group(h5_listing *list, hid_t group, const char *path, int depth);

static void tables_add(h5_listing *list, h5_kind kind, const char *path, const char *shape)
{
    const bool is_table = kind != H5_OTHER;
    flow_name_list *names = is_table ? &list->tables : &list->others;
    flow_text *shown = is_table ? &list->shown_tables : &list->shown_others;
    if (names->n < MOST_SHOWN)
        flow_text_add(shown, "%s%.80s %s", names->n == 0 ? "" : ", ", path, shape);
    else if (names->n == MOST_SHOWN)
        flow_text_add(shown, ", ...");
    if (list->status == FLOW_OK)
        list->status = flow_name_list_add(names, path, strlen(path), list->err);
    if (is_table && list->status == FLOW_OK)
        list->status = flow_name_list_add(&list->sizes, shape, strlen(shape), list->err);
    list->n_images += kind == H5_IMAGES;
    if (kind == H5_TABLE)
        list->last_table = list->tables.n - 1;
}

static void tables_list_dataset(h5_visit *at, hid_t dataset, const char *name, const char *path)
{
    flow_h5_shape shape;
    if (flow_h5_shape_of(&shape, dataset, NULL) != FLOW_OK)
        return;
    bool is_number = flow_h5_is_number(shape.type);
    if (shape.rank == 1 && is_number) { /* perhaps one column of the group */
        if (at->vectors.n == 0)
            at->length = shape.size[0];
        at->equal = at->vectors.n == 0 || (at->equal && shape.size[0] == at->length);
        if (at->list->status == FLOW_OK)
            at->list->status = flow_name_list_add(&at->vectors, name, strlen(name), at->list->err);
        return;
    }
    char text[128];
    flow_h5_describe_shape(text, sizeof text, &shape);
    h5_kind kind = H5_OTHER;
    if ((shape.rank == 2 && is_number) || (shape.rank == 1 && shape.type == H5T_COMPOUND))
        kind = H5_TABLE;
    else if ((shape.rank == 3 || shape.rank == 4) && is_number)
        kind = H5_IMAGES;
    if (!is_number) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, " of %s", flow_h5_describe_type(shape.type));
    }
    tables_add(at->list, kind, path, text);
}

static herr_t tables_list_link(hid_t group, const char *name, const flow_h5_link_info *info, void *data)
{
    h5_visit *at = data;
    h5_listing *list = at->list;
    if (list->status != FLOW_OK || ++list->n_objects > MOST_OBJECTS)
        return 1;
    if (info->type != H5L_TYPE_HARD)
        return 0;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    char *path = flow_format("%s/%s", at->path, name);
    if (path == NULL)
        list->status = flow_error_memory(list->err, "a list of tables");
    else if (object >= 0 && H5Iget_type(object) == H5I_DATASET)
        tables_list_dataset(at, object, name, path);
    else if (object >= 0 && H5Iget_type(object) == H5I_GROUP && at->depth < MOST_DEPTH)
        tables_list_group(list, object, path, at->depth + 1);
    free(path);
    flow_h5_close(object);
    return 0;
}

static void tables_list_group(h5_listing *list, hid_t group, const char *path, int depth)
{
    h5_visit at = {.list = list, .path = path, .depth = depth, .equal = true};
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, tables_list_link, &at);
    char text[64];
    if (at.vectors.n > 1 && at.equal) {
        snprintf(text, sizeof text, "(%llu, %d) in columns", (unsigned long long)at.length, at.vectors.n);
        tables_add(list, H5_TABLE, path[0] == '\0' ? "/" : path, text);
    } else {
        for (int i = 0; i < at.vectors.n; i++) {
            char *whole = flow_format("%s/%s", path, at.vectors.at[i]);
            snprintf(text, sizeof text, "(%llu)", (unsigned long long)at.length);
            if (whole != NULL)
                tables_add(list, H5_TABLE, whole, at.vectors.n == 1 ? text : "(one column)");
            free(whole);
        }
    }
    flow_name_list_free(&at.vectors);
}

static flow_status tables_list_file(h5_listing *out, hid_t file, flow_error *err)
{
    *out = (h5_listing){.err = err};
    hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0)
        return flow_h5_error(err, FLOW_FORMAT, "the file's list of contents cannot be read");
    tables_list_group(out, root, "", 0);
    flow_h5_close(root);
    return out->status;
}

static void tables_free_listing(h5_listing *list)
{
    flow_name_list_free(&list->tables);
    flow_name_list_free(&list->others);
    flow_name_list_free(&list->sizes);
    flow_text_free(&list->shown_tables);
    flow_text_free(&list->shown_others);
}

static const char *tables_shown(const flow_text *text)
{
    return text->data != NULL ? text->data : "nothing";
}

flow_status flow_h5_only_table(char **path, hid_t file, const char *name, flow_error *err)
{
    *path = NULL;
    h5_listing list;
    flow_status status = tables_list_file(&list, file, err);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", name);
    } else if (list.tables.n == 1 || list.tables.n == list.n_images + 1) { /* images beside a table do not count */
        *path = flow_strdup(list.tables.at[list.tables.n == 1 ? 0 : list.last_table]);
        status = *path != NULL ? FLOW_OK : flow_error_memory(err, "a path");
    } else if (list.tables.n == 0) {
        status = flow_error_set(err, FLOW_DATA, "%s: holds no table of numbers (a 2-D dataset, a compound dataset, or "
                                "a group of 1-D datasets) and no images; it holds %s", name,
                                tables_shown(&list.shown_others));
    } else {
        status = flow_error_set(err, FLOW_DATA, "%s: holds several tables; name one, for example %s:%.80s. The tables "
                                "are %s", name, name, list.tables.at[0], tables_shown(&list.shown_tables));
    }
    tables_free_listing(&list);
    return status;
}

flow_status flow_h5_all_tables(flow_name_list *paths, flow_name_list *sizes, const char *file, flow_error *err)
{
    hid_t id;
    h5_listing list = {0};
    flow_h5_scope scope = flow_h5_begin();
    flow_status status = flow_h5_open(&id, file, err);
    if (status == FLOW_OK)
        status = tables_list_file(&list, id, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", file);
    *paths = list.tables;
    *sizes = list.sizes;
    list.tables = list.sizes = (flow_name_list){0};
    tables_free_listing(&list);
    flow_h5_close(id);
    flow_h5_end(&scope);
    return status;
}

flow_status flow_h5_no_table_at(hid_t file, const char *name, const char *path, flow_error *err)
{
    h5_listing list;
    flow_status status = tables_list_file(&list, file, err);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", name);
    } else {
        const char *nearest = flow_nearest(path, (const char *const *)list.tables.at, list.tables.n);
        bool tables = list.tables.n > 0;
        status = flow_error_set(err, FLOW_DATA, "%s: there is nothing at %.80s%s%.80s%s The file holds %s%s", name,
                                path, nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                                nearest != NULL ? "?" : ".", tables ? "the tables " : "",
                                tables ? list.shown_tables.data : tables_shown(&list.shown_others));
    }
    tables_free_listing(&list);
    return status;
}
