/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_records.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/h5_layout.h"
#include "h5/object.h"
#include "h5/scope.h"

enum { MOST_DEPTH = 8, MOST_BYTES = 1 << 26 /* of a record: the library holds whole ones to convert them */ };

/* ---- reading ---- */

static flow_status records_read(flow_h5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    double *to = l->scratch != NULL ? l->scratch : rows;
    FLOW_TRY(flow_h5_layout_read_1d(l->datasets[0], l->record, to, first, count, err));
    for (const flow_h5_leaf *leaf = l->leaves; leaf < l->leaves + l->n_leaves; leaf++)
        for (int64_t i = 0; i < count; i++)
            flow_h5_value_decode(&leaf->value, to + i * l->width + leaf->place, (size_t)leaf->n);
    if (l->scratch != NULL)
        for (int64_t i = 0; i < count; i++)
            for (int j = 0; j < l->d; j++)
                rows[i * l->d + j] = to[i * l->width + l->pick[j]];
    return FLOW_OK;
}

/* ---- the fields of a type ---- */

void flow_h5_fields_free(flow_h5_fields *fields)
{
    for (int i = 0; i < fields->n; i++) {
        free(fields->at[i].name);
        flow_h5_value_free(&fields->at[i].value);
    }
    free(fields->at);
    *fields = (flow_h5_fields){0};
}

/* The number of elements of an array of numbers, 0 for another one. */
static int records_array_size(hid_t type)
{
    hsize_t dims[FLOW_H5_RANK_MAX] = {0};
    hid_t of = H5Tget_super(type);
    const int rank = H5Tget_array_ndims(type);
    double n = 1;
    if (of < 0 || !flow_h5_is_value(of) || rank < 1 || rank > FLOW_H5_RANK_MAX || H5Tget_array_dims2(type, dims) < 0)
        n = 0;
    for (int i = 0; i < rank && n > 0; i++)
        n *= (double)dims[i];
    flow_h5_close(of);
    return n <= FLOW_COLUMNS_MAX ? (int)n : 0;
}

static bool records_is_int32(hid_t type)
{
    return H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 4 && H5Tget_sign(type) == H5T_SGN_2;
}

static flow_status records_add_field(flow_h5_fields *fields, char *name, hid_t type, flow_error *err)
{
    if (!flow_grow(&fields->at, &fields->capacity, (size_t)fields->n + 1, sizeof *fields->at)) {
        free(name);
        return flow_error_memory(err, "columns");
    }
    flow_h5_field *field = &fields->at[fields->n++];
    *field = (flow_h5_field){.name = name, .n = 1, .value = {.memory = H5I_INVALID_HID}};
    const H5T_class_t class = H5Tget_class(type);
    field->is_int32 = records_is_int32(type);
    if (flow_h5_is_value(type))
        return flow_h5_value_of_type(&field->value, type, err);
    const int n = class == H5T_ARRAY ? records_array_size(type) : 0;
    hid_t of = class == H5T_ARRAY ? H5Tget_super(type) : H5I_INVALID_HID;
    if (n == 0) {
        field->what = of >= 0 && H5Tget_class(of) == H5T_STRING ? "text" : flow_h5_describe_type(class);
        flow_h5_close(of);
        return FLOW_OK;
    }
    hsize_t dims[FLOW_H5_RANK_MAX];
    flow_status status = flow_h5_value_of_type(&field->value, of, err);
    field->n = n;
    field->is_int32 = status == FLOW_OK && records_is_int32(of);
    if (status == FLOW_OK && H5Tget_array_dims2(type, dims) >= 0) {
        hid_t one = field->value.memory;
        field->value.memory = H5Tarray_create2(one, (unsigned)H5Tget_array_ndims(type), dims);
        flow_h5_close(one);
    }
    flow_h5_close(of);
    return status;
}

/* Whether an array type is as long as its elements: the library trusts a damaged file. */
static bool records_is_sound_array(hid_t type)
{
    hsize_t dims[FLOW_H5_RANK_MAX];
    hid_t of = H5Tget_super(type);
    const int rank = H5Tget_array_ndims(type);
    double bytes = of >= 0 ? (double)H5Tget_size(of) : 0;
    const bool known = of >= 0 && rank >= 1 && rank <= FLOW_H5_RANK_MAX && H5Tget_array_dims2(type, dims) >= 0;
    for (int i = 0; i < rank && known; i++)
        bytes *= (double)dims[i];
    const bool sound = known && (H5Tget_class(of) != H5T_ARRAY || records_is_sound_array(of));
    flow_h5_close(of);
    return sound && bytes > 0 && bytes <= (double)H5Tget_size(type) && bytes >= (double)H5Tget_size(type);
}

/* Whether a member lies within its record. */
static bool records_is_sound(hid_t type, int i, hid_t member)
{
    const size_t whole = H5Tget_size(type), offset = H5Tget_member_offset(type, (unsigned)i),
                 size = H5Tget_size(member);
    return size > 0 && size <= whole && offset <= whole - size &&
           (H5Tget_class(member) != H5T_ARRAY || records_is_sound_array(member));
}

/* Members of members have names such as "position.x". */
static flow_status records_list(flow_h5_fields *fields, hid_t type, const char *prefix, int depth, flow_error *err)
{
    const int n = H5Tget_nmembers(type);
    flow_status status = FLOW_OK;
    if (n < 1 || n > FLOW_COLUMNS_MAX || fields->n > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_DATA, "has %d columns; 1 to %d are possible", n, FLOW_COLUMNS_MAX);
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char *member = H5Tget_member_name(type, (unsigned)i);
        hid_t of = H5Tget_member_type(type, (unsigned)i);
        char *name = member != NULL ? flow_format("%s%s", prefix, member) : NULL;
        if (member == NULL || of < 0) {
            status = flow_h5_error(err, FLOW_FORMAT, "a member has no name or no type");
        } else if (name == NULL) {
            status = flow_error_memory(err, "columns");
        } else if (!records_is_sound(type, i, of)) {
            status = flow_error_set(err, FLOW_FORMAT,
                                    "its member \"%.80s\" does not lie within its records; the file is "
                                    "damaged",
                                    name);
        } else if (H5Tget_class(of) == H5T_COMPOUND && depth < MOST_DEPTH) {
            char *below = flow_format("%s.", name);
            status =
                below != NULL ? records_list(fields, of, below, depth + 1, err) : flow_error_memory(err, "columns");
            free(below);
        } else {
            status = records_add_field(fields, name, of, err);
            name = NULL;
        }
        free(name);
        flow_h5_close(of);
        H5free_memory(member);
    }
    return status;
}

flow_status flow_h5_fields_find(flow_h5_fields *out, hid_t dataset, flow_error *err)
{
    *out = (flow_h5_fields){0};
    hid_t type = H5Dget_type(dataset);
    if (type < 0)
        return flow_h5_error(err, FLOW_FORMAT, "its type cannot be understood");
    const size_t bytes = H5Tget_size(type);
    flow_status status = bytes <= MOST_BYTES
                             ? records_list(out, type, "", 0, err)
                             : flow_error_set(err, FLOW_DATA,
                                              "its records have %zu bytes each; at most %d are possible: write "
                                              "long arrays as datasets of their own",
                                              bytes, MOST_BYTES);
    flow_h5_close(type);
    /* what R writes for a missing whole number */
    for (int i = 0; i < out->n && status == FLOW_OK && H5Aexists(dataset, "rhdf5-NA.OK") > 0; i++)
        if (out->at[i].is_int32)
            flow_h5_value_mark_missing(&out->at[i].value, INT32_MIN);
    return status;
}

/* ---- the type of a row in memory ---- */

typedef struct records_plan {
    const flow_h5_fields *fields;
    const bool *needed; /* (fields->n) */
    int *place;         /* (fields->n) of the first value of a field in a row; -1: not read */
    int next_field, next_place;
} records_plan;

/* How many values of 8 bytes the fields below a compound type have that are needed. */
static int records_count(const records_plan *plan, int first, int last)
{
    int n = 0;
    for (int i = first; i < last; i++)
        n += plan->needed[i] ? plan->fields->at[i].n : 0;
    return n;
}

/* How many fields the members of a type make. */
static int records_count_fields(hid_t type, int depth)
{
    int n = 0;
    for (int i = 0; i < H5Tget_nmembers(type); i++) {
        hid_t of = H5Tget_member_type(type, (unsigned)i);
        n +=
            of >= 0 && H5Tget_class(of) == H5T_COMPOUND && depth < MOST_DEPTH ? records_count_fields(of, depth + 1) : 1;
        flow_h5_close(of);
    }
    return n;
}

/* A type of the needed members alone, each value in 8 bytes; invalid when the library fails. */
static hid_t records_memory(records_plan *plan, hid_t type, int depth)
{
    const int first = plan->next_field, n = records_count(plan, first, first + records_count_fields(type, depth));
    const int start = plan->next_place;
    hid_t memory = H5Tcreate(H5T_COMPOUND, (size_t)n * sizeof(double));
    bool good = memory >= 0;
    for (int i = 0; i < H5Tget_nmembers(type) && good; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        hid_t of = H5Tget_member_type(type, (unsigned)i);
        good = name != NULL && of >= 0;
        const size_t offset = (size_t)(plan->next_place - start) * sizeof(double);
        if (good && H5Tget_class(of) == H5T_COMPOUND && depth < MOST_DEPTH) {
            const int below = records_count_fields(of, depth + 1);
            if (records_count(plan, plan->next_field, plan->next_field + below) > 0) {
                hid_t inner = records_memory(plan, of, depth + 1);
                good = inner >= 0 && H5Tinsert(memory, name, offset, inner) >= 0;
                flow_h5_close(inner);
            } else {
                plan->next_field += below;
            }
        } else if (good) {
            assert(plan->fields->at != NULL); /* this is one of them */
            const int k = plan->next_field++;
            plan->place[k] = plan->needed[k] ? plan->next_place : -1;
            plan->next_place += plan->needed[k] ? plan->fields->at[k].n : 0;
            good = !plan->needed[k] || H5Tinsert(memory, name, offset, plan->fields->at[k].value.memory) >= 0;
        }
        flow_h5_close(of);
        H5free_memory(name);
    }
    if (!good) {
        flow_h5_close(memory);
        return H5I_INVALID_HID;
    }
    return memory;
}

/* ---- opening ---- */

/* The values that have to be decoded. */
static flow_status records_take_leaves(flow_h5_layout *l, const flow_h5_fields *fields, const records_plan *plan,
                                       flow_error *err)
{
    l->leaves = calloc((size_t)fields->n + 1, sizeof *l->leaves);
    if (l->leaves == NULL)
        return flow_error_memory(err, "columns");
    for (int i = 0; i < fields->n; i++) {
        const flow_h5_value *value = &fields->at[i].value;
        if (!plan->needed[i] || flow_h5_value_is_plain(value))
            continue;
        l->leaves[l->n_leaves] = (flow_h5_leaf){*value, plan->place[i], fields->at[i].n};
        l->leaves[l->n_leaves++].value.memory = H5I_INVALID_HID;
    }
    return FLOW_OK;
}

static flow_status records_plan_rows(flow_h5_layout *l, flow_reader *reader, const flow_h5_fields *fields,
                                     const flow_h5_offer *offer, const int *chosen, flow_error *err)
{
    const size_t d = (size_t)l->d;
    hid_t type = H5Dget_type(l->datasets[0]);
    bool *needed = calloc((size_t)fields->n + 1, sizeof *needed);
    int *place = malloc(((size_t)fields->n + 1) * sizeof *place);
    l->pick = malloc(d * sizeof *l->pick);
    l->is_wide = calloc(d, sizeof *l->is_wide);
    flow_status status = FLOW_OK;
    if (needed == NULL || place == NULL || l->pick == NULL || l->is_wide == NULL)
        status = flow_error_memory(err, "the choice of columns");
    for (int j = 0; j < l->d && status == FLOW_OK; j++) {
        assert(offer->at != NULL && fields->at != NULL); /* columns were chosen of them */
        const int k = offer->at[chosen[j]].part;
        needed[k] = true;
        l->is_wide[j] = fields->at[k].value.is_wide;
    }
    records_plan plan = {.fields = fields, .needed = needed, .place = place};
    if (status == FLOW_OK && (type < 0 || (l->record = records_memory(&plan, type, 0)) < 0))
        status = flow_h5_error(err, FLOW_FORMAT, "%s: its rows cannot be read", reader->name);
    l->width = plan.next_place;
    bool as_stored = l->width == l->d;
    for (int j = 0; j < l->d && status == FLOW_OK; j++) {
        const flow_h5_column *column = &offer->at[chosen[j]];
        l->pick[j] = place[column->part] + column->place;
        as_stored = as_stored && l->pick[j] == j;
    }
    if (status == FLOW_OK)
        status = records_take_leaves(l, fields, &plan, err);
    flow_h5_shape shape;
    if (status == FLOW_OK)
        status = flow_h5_shape_of(&shape, l->datasets[0], err);
    if (status == FLOW_OK)
        status = flow_h5_layout_blocks(l, reader, l->width, shape.size[0], err);
    if (status == FLOW_OK && !as_stored)
        status = flow_h5_layout_make_block(&l->scratch, l, l->width, err);
    free(needed);
    free(place);
    flow_h5_close(type);
    return status;
}

flow_status flow_h5_fields_offer(flow_h5_offer *offer, const flow_h5_fields *fields, flow_error *err)
{
    for (int i = 0; i < fields->n; i++) {
        const flow_h5_field *field = &fields->at[i];
        const flow_h5_column first = {.part = i, .what = field->what, .is_unreadable = field->what != NULL};
        FLOW_TRY(flow_h5_offer_add_many(offer, field->name, field->n, &first, err));
    }
    return FLOW_OK;
}

flow_status flow_h5_records_open(flow_h5_layout *l, flow_reader *reader, const flow_h5_fields *fields,
                                 const flow_h5_offer *offer, const flow_reader_options *options, flow_error *err)
{
    int *chosen = NULL;
    l->read = records_read;
    reader->has_names = true;
    flow_status status = flow_h5_offer_choose(offer, reader, &chosen, options, err);
    l->d = reader->columns.n;
    if (status == FLOW_OK)
        status = records_plan_rows(l, reader, fields, offer, chosen, err);
    free(chosen);
    return status;
}

flow_status flow_h5_open_records(flow_h5_layout *l, flow_reader *reader, const flow_reader_options *options,
                                 flow_error *err)
{
    flow_h5_fields fields;
    flow_h5_offer offer = {0};
    flow_status status = flow_h5_fields_find(&fields, l->datasets[0], err);
    if (status == FLOW_OK)
        status = flow_h5_fields_offer(&offer, &fields, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else
        status = flow_h5_records_open(l, reader, &fields, &offer, options, err);
    flow_h5_offer_free(&offer);
    flow_h5_fields_free(&fields);
    return status;
}
