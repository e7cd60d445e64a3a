/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_tables.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/h5_dialect.h"
#include "data/h5_members.h"
#include "data/h5_shapes.h"
#include "data/name_list.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"

/* Limits: a file may have millions of objects, and groups that contain themselves. */
enum { MOST_OBJECTS = 10000, MOST_DEPTH = 16, MOST_SHOWN = 12 };

typedef enum h5_kind { H5_TABLE, H5_IMAGES, H5_OTHER } h5_kind;

/* Something in a file: owned. */
typedef struct h5_entry {
    h5_kind kind;
    char *path, *text; /* text: its size, and what it is */
    double values;     /* how many */
    hsize_t rows;      /* 0: not known */
    int number;        /* in the order in which they were found */
} h5_entry;

typedef struct h5_listing {
    h5_entry *at; /* tables and images, the largest first; then all others */
    int n, n_tables, n_images;
    size_t capacity;
    int n_objects;
    flow_status status;
    flow_error *err;
} h5_listing;

/* One group during the walk through the file. */
typedef struct h5_visit {
    h5_listing *list;
    const struct h5_visit *above; /* NULL: this is the root */
    hid_t group;
    const char *path; /* of the group, without a final slash */
    int depth;
    bool pandas_only; /* a group of pandas, in which only other groups of pandas count */
} h5_visit;

static void tables_list_group(h5_listing *list, const h5_visit *above, hid_t group, const char *path);

/* Takes `path` and `text` over; NULL: memory was out. */
static void tables_add(h5_listing *list, h5_kind kind, char *path, char *text, double values, hsize_t rows)
{
    if (list->status == FLOW_OK &&
        (path == NULL || text == NULL || !flow_grow(&list->at, &list->capacity, (size_t)list->n + 1, sizeof *list->at)))
        list->status = flow_error_memory(list->err, "a list of tables");
    if (list->status != FLOW_OK) {
        free(path);
        free(text);
        return;
    }
    list->at[list->n] = (h5_entry){kind, path, text, values, rows, list->n};
    list->n++;
    list->n_tables += kind != H5_OTHER;
    list->n_images += kind == H5_IMAGES;
}

/* ---- what a group holds ---- */

static char *tables_describe_member(const flow_h5_member *m)
{
    return m->rank == 1 ? flow_format("(%llu)", (unsigned long long)m->rows)
                        : flow_format("(%llu, %d)%s", (unsigned long long)m->rows, m->width,
                                      m->across && m->width > 1 ? ", transposed" : "");
}

/* A link by name leads to what has a place of its own. */
static bool tables_is_soft(hid_t group, const char *name)
{
    H5L_info_t info;
    return H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_SOFT;
}

/* Vectors of one length are the columns of one table, which is the group; matrices beside them are tables as well. */
static void tables_list_members(h5_visit *at, hid_t group)
{
    h5_listing *list = at->list;
    flow_h5_members members;
    if (flow_h5_members_find(&members, group, false, NULL) != FLOW_OK) {
        flow_h5_members_free(&members);
        return;
    }
    int n = 0, n_vectors = 0, n_asides = 0, width = 0;
    hsize_t rows = 0;
    bool equal = true;
    for (int i = 0; i < members.n; i++)
        n_asides += members.at[i].what == NULL && !members.at[i].aside;
    const bool aside_too = n_asides == 0;
    for (int i = 0; i < members.n; i++) {
        const flow_h5_member *m = &members.at[i];
        if (m->what != NULL || (m->aside && !aside_too))
            continue;
        equal = equal && (n == 0 || m->rows == rows);
        rows = n == 0 ? m->rows : rows;
        n_vectors += m->width == 1;
        width += m->width;
        n++;
    }
    const bool joined = n > 1 && equal && n_vectors > 0 && width <= FLOW_COLUMNS_MAX;
    if (joined)
        tables_add(list, H5_TABLE, flow_strdup(at->path[0] == '\0' ? "/" : at->path),
                   flow_format("(%llu, %d) in columns", (unsigned long long)rows, width), (double)rows * n_vectors,
                   rows);
    for (int i = 0; i < members.n; i++) {
        const flow_h5_member *m = &members.at[i];
        if (m->what == NULL && (!m->aside || aside_too) && !(joined && m->width == 1) &&
            !tables_is_soft(group, m->name))
            tables_add(list, H5_TABLE, flow_format("%s/%s", at->path, m->name), tables_describe_member(m),
                       (double)m->rows * m->width, m->rows);
    }
    flow_h5_members_free(&members);
}

/* What is neither vector nor matrix. */
static void tables_list_dataset(h5_visit *at, hid_t dataset, const char *path)
{
    flow_h5_shape shape;
    flow_h5_member member;
    if (flow_h5_shape_of(&shape, dataset, NULL) != FLOW_OK ||
        flow_h5_member_of(&member, dataset, false, NULL) != FLOW_OK || member.what == NULL ||
        flow_h5_is_empty_scale(dataset))
        return;
    char text[128];
    double values = 1;
    flow_h5_describe_shape(text, sizeof text, &shape);
    for (int i = 0; i < shape.rank; i++)
        values *= (double)shape.size[i];
    const bool is_number = flow_h5_is_number(shape.type) && flow_h5_matlab_what(dataset) == NULL;
    const h5_kind kind = shape.rank == 1 && shape.type == H5T_COMPOUND       ? H5_TABLE
                         : (shape.rank == 3 || shape.rank == 4) && is_number ? H5_IMAGES
                                                                             : H5_OTHER;
    hid_t type = H5Dget_type(dataset);
    if (kind == H5_TABLE && type >= 0)
        values *= H5Tget_nmembers(type);
    flow_h5_close(type);
    tables_add(at->list, kind, flow_strdup(path),
               is_number ? flow_strdup(text)
                         : flow_format("%s of %s", text, shape.type == H5T_COMPOUND ? "records" : member.what),
               values, shape.rank > 0 ? shape.size[0] : 0);
}

/* A link into another file is not followed without being named, and a link to nothing cannot be. */
static void tables_list_target(h5_visit *at, hid_t group, const char *name, const char *path, bool is_soft)
{
    char *target = flow_h5_link_target(group, name);
    tables_add(at->list, H5_OTHER, flow_strdup(path),
               target != NULL ? flow_format("(a link to %s%s)", target, is_soft ? ", which is not there" : "") : NULL,
               0, 0);
    free(target);
}

static herr_t tables_list_link(hid_t group, const char *name, const flow_h5_link_info *info, void *data)
{
    h5_visit *at = data;
    h5_listing *list = at->list;
    if (list->status != FLOW_OK || ++list->n_objects > MOST_OBJECTS)
        return 1;
    const bool is_dead = info->type == H5L_TYPE_SOFT && H5Oexists_by_name(group, name, H5P_DEFAULT) <= 0;
    if (flow_h5_is_private(name) || (info->type != H5L_TYPE_HARD && info->type != H5L_TYPE_EXTERNAL && !is_dead))
        return 0;
    char *path = flow_format("%s/%s", at->path, name);
    hid_t object = info->type == H5L_TYPE_HARD ? H5Oopen(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (path == NULL)
        list->status = flow_error_memory(list->err, "a list of tables");
    else if (info->type != H5L_TYPE_HARD)
        tables_list_target(at, group, name, path, is_dead);
    else if (object >= 0 && H5Iget_type(object) == H5I_DATASET && !at->pandas_only)
        tables_list_dataset(at, object, path);
    else if (object >= 0 && H5Iget_type(object) == H5I_GROUP && at->depth < MOST_DEPTH &&
             !(at->pandas_only && strcmp(name, "meta") == 0)) /* categories, of pandas */
        tables_list_group(list, at, object, path);
    free(path);
    flow_h5_close(object);
    return 0;
}

static void tables_list_group(h5_listing *list, const h5_visit *above, hid_t group, const char *path)
{
    hsize_t rows, columns;
    for (const h5_visit *over = above; over != NULL; over = over->above)
        if (flow_h5_is_same(over->group, group)) /* a group in itself: everything in it has been listed */
            return;
    const bool is_pandas = flow_h5_is_pandas(group), pandas_only = above != NULL && above->pandas_only;
    h5_visit at = {.list = list,
                   .above = above,
                   .group = group,
                   .path = path,
                   .depth = above != NULL ? above->depth + 1 : 0,
                   .pandas_only = pandas_only || is_pandas};
    if (is_pandas) {
        flow_h5_pandas_size(&rows, &columns, group);
        tables_add(list, H5_TABLE, flow_strdup(path[0] == '\0' ? "/" : path),
                   flow_format("(%llu, %llu) of pandas", (unsigned long long)rows, (unsigned long long)columns),
                   (double)rows * (double)columns, rows);
    } else if (flow_h5_is_sparse(group)) {
        tables_add(list, H5_OTHER, flow_strdup(path[0] == '\0' ? "/" : path), flow_strdup("(a sparse matrix)"), 0, 0);
        return;
    } else if (!pandas_only) {
        tables_list_members(&at, group);
    }
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, tables_list_link, &at);
}

/* ---- the whole file ---- */

static int tables_depth(const char *path)
{
    int n = 0;
    for (const char *c = path; *c != '\0'; c++)
        n += *c == '/';
    return n;
}

static int tables_by_size(const void *a, const void *b)
{
    const h5_entry *x = a, *y = b;
    const int xs = x->kind == H5_OTHER, ys = y->kind == H5_OTHER;
    if (xs != ys)
        return xs - ys;
    if (x->values < y->values || x->values > y->values)
        return x->values < y->values ? 1 : -1;
    const int deep = tables_depth(x->path) - tables_depth(y->path);
    return deep != 0 ? deep : (x->number > y->number) - (x->number < y->number);
}

static flow_status tables_list_file(h5_listing *out, hid_t file, flow_error *err)
{
    *out = (h5_listing){.err = err};
    hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0)
        return flow_h5_error(err, FLOW_FORMAT, "the file's list of contents cannot be read");
    tables_list_group(out, NULL, root, "");
    flow_h5_close(root);
    if (out->n > 1)
        qsort(out->at, (size_t)out->n, sizeof *out->at, tables_by_size);
    return out->status;
}

static void tables_free_listing(h5_listing *list)
{
    for (int i = 0; i < list->n; i++) {
        free(list->at[i].path);
        free(list->at[i].text);
    }
    free(list->at);
    *list = (h5_listing){0};
}

/* "/a (1000, 5), /b (1000)" of entries first to last - 1; the caller's, NULL when memory is out. */
static char *tables_show(const h5_listing *list, int first, int last)
{
    flow_text text = {0};
    for (int i = first; i < last && i - first < MOST_SHOWN; i++)
        flow_text_add(&text, "%s%.80s %s", i > first ? ", " : "", list->at[i].path, list->at[i].text);
    flow_text_add(&text, last - first > MOST_SHOWN ? ", ..." : last == first ? "nothing" : "");
    if (text.failed)
        flow_text_free(&text);
    return text.data;
}

/* FLOW_DATA for a file that holds a network. */
static flow_status tables_refuse_weights(hid_t file, const char *name, flow_error *err)
{
    const char *program = flow_h5_weights_of(file);
    if (program == NULL)
        return FLOW_OK;
    return flow_error_set(err, FLOW_DATA,
                          "%s: holds the weights of a network (%s), and no data; write data with "
                          "\"with h5py.File('data.h5', 'w') as f: f['train'] = x\"",
                          name, program);
}

static bool tables_is_within(const char *path, const char *group)
{
    const size_t n = strlen(group);
    return strncmp(path, group, n) == 0 && (group[n - 1] == '/' || path[n] == '/');
}

/* What lies beside the only table with as many rows, and is not read; the caller's. NULL: nothing. */
static char *tables_beside(const h5_listing *list, const h5_entry *only)
{
    flow_text text = {0};
    int n = 0;
    for (int i = list->n_tables; i < list->n && only->rows > 1; i++)
        if (list->at[i].rows == only->rows && !tables_is_within(list->at[i].path, only->path) && n++ < MOST_SHOWN)
            flow_text_add(&text, "%s%.80s %s", n > 1 ? ", " : "passed over: ", list->at[i].path, list->at[i].text);
    if (n > MOST_SHOWN)
        flow_text_add(&text, ", ... (%d in all)", n);
    return text.data;
}

/* Two tables of one length: ". Those of one length are joined by a comma: F:/x,F:/y"; "" where there are none. */
static void tables_advise_to_join(flow_text *out, const h5_listing *list, const char *name)
{
    for (int i = 0; i < list->n_tables; i++)
        for (int k = i + 1; k < list->n_tables && k < i + MOST_SHOWN; k++) {
            const h5_entry *a = &list->at[i], *b = &list->at[k];
            if (a->kind != H5_TABLE || b->kind != H5_TABLE || a->rows < 2 || a->rows != b->rows)
                continue;
            flow_text_add(out, ". Columns of one length are joined by commas, as in %s:%.80s,%s:%.80s", name, a->path,
                          name, b->path);
            return;
        }
}

static flow_status tables_refuse_several(const h5_listing *list, const char *name, const char *shown, flow_error *err)
{
    flow_text more = {0};
    tables_advise_to_join(&more, list, name);
    flow_status status = flow_error_set(err, FLOW_DATA,
                                        "%s: holds several tables; name one, for example %s:%.80s. The tables are %s%s",
                                        name, name, list->at[0].path, shown, more.data != NULL ? more.data : "");
    flow_text_free(&more);
    return status;
}

flow_status flow_h5_only_table(char **path, char **beside, hid_t file, const char *name, flow_error *err)
{
    *path = *beside = NULL;
    FLOW_TRY(tables_refuse_weights(file, name, err));
    h5_listing list;
    flow_status status = tables_list_file(&list, file, err);
    const int n = list.n_tables;
    char *shown = status == FLOW_OK ? n > 0 ? tables_show(&list, 0, n) : tables_show(&list, n, list.n) : NULL;
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", name);
    } else if (shown == NULL) {
        status = flow_error_memory(err, "a list of tables");
    } else if (n == 1 || n == list.n_images + 1) { /* images beside a table do not count */
        int i = 0;
        while (n > 1 && list.at[i].kind == H5_IMAGES)
            i++;
        *path = flow_strdup(list.at[i].path);
        *beside = tables_beside(&list, &list.at[i]);
        status = *path != NULL ? FLOW_OK : flow_error_memory(err, "a path");
    } else if (n == 0) {
        status =
            flow_error_set(err, FLOW_DATA,
                           "%s: holds no table of numbers (a 2-D dataset, a compound dataset, or "
                           "a group of 1-D datasets) and no images; it holds %s. Write numbers (rows, columns), in "
                           "Python as \"with h5py.File('data.h5', 'w') as f: f['train'] = x\"",
                           name, shown);
    } else {
        status = tables_refuse_several(&list, name, shown, err);
    }
    free(shown);
    tables_free_listing(&list);
    return status;
}

flow_status flow_h5_all_tables(flow_name_list *paths, flow_name_list *sizes, const char *file, flow_error *err)
{
    hid_t id;
    h5_listing list = {0};
    flow_h5_scope scope = flow_h5_begin(file);
    flow_status status = flow_h5_open(&id, file, err);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", file);
    } else {
        status = tables_refuse_weights(id, file, err);
        if (status == FLOW_OK && (status = tables_list_file(&list, id, err)) != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", file);
    }
    for (int i = 0; i < list.n_tables && status == FLOW_OK; i++) {
        status = flow_name_list_add(paths, list.at[i].path, strlen(list.at[i].path), err);
        if (status == FLOW_OK)
            status = flow_name_list_add(sizes, list.at[i].text, strlen(list.at[i].text), err);
    }
    tables_free_listing(&list);
    flow_h5_close(id);
    flow_h5_end(&scope);
    return status;
}

flow_status flow_h5_no_table_at(hid_t file, const char *name, const char *path, flow_error *err)
{
    char *target = flow_h5_link_target(file, path);
    if (target != NULL) {
        flow_status status =
            flow_error_set(err, FLOW_DATA, "%s: %.80s is a link to %.400s, which is not there", name, path, target);
        free(target);
        return status;
    }
    h5_listing list;
    flow_name_list paths = {0};
    flow_status status = tables_list_file(&list, file, err);
    const int n = list.n_tables;
    char *shown = status == FLOW_OK ? n > 0 ? tables_show(&list, 0, n) : tables_show(&list, n, list.n) : NULL;
    for (int i = 0; i < n && status == FLOW_OK; i++)
        status = flow_name_list_add(&paths, list.at[i].path, strlen(list.at[i].path), err);
    if (status == FLOW_OK && shown == NULL)
        status = flow_error_memory(err, "a list of tables");
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", name);
    } else {
        const char *nearest = flow_nearest(path, (const char *const *)paths.at, paths.n);
        status = flow_error_set(err, FLOW_DATA, "%s: there is nothing at %.80s%s%.80s%s The file holds %s%s", name,
                                path, nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                                nearest != NULL ? "?" : ".", n > 0 ? "the tables " : "", shown);
    }
    free(shown);
    flow_name_list_free(&paths);
    tables_free_listing(&list);
    return status;
}
