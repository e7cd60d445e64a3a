/* Columns that lie in several datasets, or in one whose rows run along its second dimension. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "data/h5_dialect.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/source.h"

/* ---- reading ---- */

/* `count` rows of the values of a part into `out`: (count, width), or (width, count) for rows that run across. */
static flow_status columns_read_part(const flow_h5_layout *l, int k, double *out, int64_t first, int64_t count,
                                     flow_error *err)
{
    const flow_h5_part *part = &l->parts[k];
    const flow_h5_value *value = &l->values[k];
    const hid_t dataset = l->datasets[k];
    if (part->rank == 1)
        return flow_h5_layout_read_values(dataset, value, out, first, count, err);
    const int along = l->across[k] ? 1 : 0;
    hsize_t start[2], size[2];
    start[along] = (hsize_t)first;
    size[along] = (hsize_t)count;
    start[1 - along] = (hsize_t)part->first;
    size[1 - along] = (hsize_t)part->width;
    flow_status status = FLOW_OK;
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(2, size, NULL);
    if (space < 0 || memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
        H5Dread(dataset, value->memory, memory, space, H5P_DEFAULT, out) < 0)
        status = flow_h5_read_failed(dataset, first, count, err);
    else
        flow_h5_value_decode(value, out, (size_t)count * (size_t)part->width);
    flow_h5_close(memory);
    flow_h5_close(space);
    return status;
}

static flow_status columns_read(flow_h5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    for (int k = 0; k < l->n_datasets; k++) {
        FLOW_TRY(columns_read_part(l, k, l->scratch, first, count, err));
        const int64_t row_step = l->across[k] ? 1 : l->parts[k].width, place_step = l->across[k] ? count : 1;
        for (int j = l->part_first[k]; j >= 0; j = l->part_next[j]) {
            const double *from = l->scratch + (l->place[j] - l->parts[k].first) * place_step;
            double *to = rows + j;
            for (int64_t i = 0; i < count; i++, from += row_step, to += l->d)
                *to = *from;
        }
    }
    return FLOW_OK;
}

/* ---- opening ---- */

/* Which of the parts are needed, and which of their columns: the datasets of the layout are those of these parts, in
 * the order of the first chosen column of each. */
static flow_status columns_plan(flow_h5_layout *l, int *used, int n_members, const flow_h5_offer *offer,
                                const int *chosen, flow_error *err)
{
    const size_t d = (size_t)l->d;
    int n = 0, *slot = malloc((size_t)n_members * sizeof *slot), *last = malloc((size_t)n_members * sizeof *last);
    l->place = malloc(d * sizeof *l->place);
    l->part_next = malloc(d * sizeof *l->part_next);
    l->part_first = malloc((size_t)n_members * sizeof *l->part_first);
    l->parts = calloc((size_t)n_members, sizeof *l->parts);
    l->is_wide = calloc(d, sizeof *l->is_wide);
    if (slot == NULL || last == NULL || l->place == NULL || l->part_next == NULL || l->part_first == NULL ||
        l->parts == NULL || l->is_wide == NULL) {
        free(slot);
        free(last);
        return flow_error_memory(err, "the choice of columns");
    }
    for (int i = 0; i < n_members; i++)
        slot[i] = -1;
    for (int j = 0; j < l->d; j++) {
        const flow_h5_column *column = &offer->at[chosen[j]];
        int k = slot[column->part];
        l->place[j] = column->place;
        l->part_next[j] = -1;
        if (k < 0) {
            k = slot[column->part] = n++;
            used[k] = column->part;
            l->part_first[k] = j;
            l->parts[k] = (flow_h5_part){.first = column->place, .width = 1};
        } else {
            flow_h5_part *p = &l->parts[k];
            const int end = p->first + p->width > column->place + 1 ? p->first + p->width : column->place + 1;
            p->first = p->first < column->place ? p->first : column->place;
            p->width = end - p->first;
            l->part_next[last[k]] = j;
        }
        last[k] = j;
    }
    free(slot);
    free(last);
    return flow_h5_layout_make_datasets(l, n, err);
}

static flow_status columns_open_one(flow_h5_layout *l, int k, flow_reader *reader, hid_t group,
                                    const flow_h5_member *member, const char *shown, flow_error *err)
{
    l->parts[k].rank = member->rank;
    l->across[k] = member->across;
    l->datasets[k] = H5Dopen2(group, member->name, H5P_DEFAULT);
    if (l->datasets[k] < 0)
        return flow_h5_error(err, FLOW_FORMAT, "%s: the column \"%.80s\" cannot be opened", reader->name, shown);
    flow_status status = flow_h5_value_of(&l->values[k], l->datasets[k], err);
    if (status != FLOW_OK)
        return flow_error_prefix(err, status, "%s: the column \"%.80s\": ", reader->name, shown);
    for (int j = l->part_first[k]; j >= 0; j = l->part_next[j])
        l->is_wide[j] = l->values[k].is_wide;
    return FLOW_OK;
}

flow_status flow_h5_columns_open(flow_h5_layout *l, flow_reader *reader, const flow_h5_members *members, hid_t group,
                                 const flow_h5_offer *offer, const flow_reader_options *options, flow_error *err)
{
    int *chosen = NULL, *used = calloc((size_t)members->n + 1, sizeof *used), width = 1;
    flow_status status = used != NULL ? flow_h5_offer_choose(offer, reader, &chosen, options, err)
                                      : flow_error_memory(err, "the choice of columns");
    l->read = columns_read;
    l->d = reader->columns.n;
    if (status == FLOW_OK)
        status = columns_plan(l, used, members->n, offer, chosen, err);
    const flow_h5_member *first = status == FLOW_OK ? &members->at[used[0]] : NULL;
    for (int k = 0; k < l->n_datasets && status == FLOW_OK; k++) {
        const flow_h5_member *member = &members->at[used[k]];
        const char *name = member->name;
        if (member->rows != first->rows)
            status = flow_error_set(err, FLOW_DATA,
                                    "%s: the column \"%.80s\" has %llu rows, but \"%.80s\" has %llu; "
                                    "choose columns of one length by name",
                                    reader->name, name, (unsigned long long)member->rows, first->name,
                                    (unsigned long long)first->rows);
        else
            status = columns_open_one(l, k, reader, group, member, name, err);
        width = l->parts[k].width > width ? l->parts[k].width : width;
    }
    if (status == FLOW_OK)
        status = flow_h5_layout_blocks(l, reader, l->d > width ? l->d : width, first->rows, err);
    if (status == FLOW_OK)
        status = flow_h5_layout_make_block(&l->scratch, l, width, err);
    free(chosen);
    free(used);
    return status;
}

/* Offers the columns of a member. */
static flow_status columns_offer(flow_h5_offer *offer, int i, const flow_h5_member *m, hid_t group, bool alone,
                                 const char *where, flow_error *err)
{
    const flow_h5_column column = {.part = i,
                                   .aside = m->aside,
                                   .is_unreadable = m->what != NULL,
                                   .what = m->what != NULL ? m->what : "values of a dimension"};
    flow_name_list names = {0};
    flow_status status = FLOW_OK;
    hid_t dataset = m->what == NULL && m->rank == 2 ? H5Dopen2(group, m->name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (dataset >= 0)
        status = flow_h5_layout_names(&names, dataset, where, err);
    flow_h5_close(dataset);
    if (status == FLOW_OK && names.n == m->width) {
        flow_h5_column one = column;
        for (; one.place < names.n && status == FLOW_OK; one.place++)
            status = flow_h5_offer_add(offer, names.at[one.place], &one, err);
    } else if (status == FLOW_OK && alone && m->width > 1) {
        flow_h5_column one = column;
        flow_name_list_free(&names);
        status = flow_name_list_number(&names, 'x', m->width, err);
        for (; one.place < m->width && status == FLOW_OK; one.place++)
            status = flow_h5_offer_add(offer, names.at[one.place], &one, err);
    } else if (status == FLOW_OK) {
        status = flow_h5_offer_add_many(offer, m->name, m->what == NULL ? m->width : 1, &column, err);
    }
    flow_name_list_free(&names);
    return status;
}

flow_status flow_h5_open_group(flow_h5_layout *l, flow_reader *reader, hid_t group, bool turned,
                               const flow_reader_options *options, flow_error *err)
{
    flow_h5_members members;
    flow_h5_offer offer = {0};
    reader->has_names = true;
    flow_status status = flow_h5_members_find(&members, group, turned, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else if (flow_h5_is_sparse(group))
        status = flow_error_set(err, FLOW_DATA,
                                "%s: is a sparse matrix (data, indices, indptr), which is not read; write it as "
                                "f['train'] = X.toarray() in Python does",
                                reader->name);
    else if (members.n == 0)
        status = flow_error_set(err, FLOW_DATA,
                                "%s: is a group without datasets in it; name a table below it. "
                                "flowctl info lists the tables of the file",
                                reader->name);
    for (int i = 0; i < members.n && status == FLOW_OK; i++)
        status = columns_offer(&offer, i, &members.at[i], group, false, reader->name, err);
    if (status == FLOW_OK)
        status = flow_h5_columns_open(l, reader, &members, group, &offer, options, err);
    flow_h5_offer_free(&offer);
    flow_h5_members_free(&members);
    return status;
}

flow_status flow_h5_open_across(flow_h5_layout *l, flow_reader *reader, const flow_h5_member *member, hid_t group,
                                const flow_reader_options *options, flow_error *err)
{
    flow_h5_member one = *member;
    const flow_h5_members members = {.at = &one, .n = 1};
    flow_h5_offer offer = {0};
    flow_status status = columns_offer(&offer, 0, member, group, true, reader->name, err);
    assert(status != FLOW_OK || offer.names.at != NULL);
    reader->has_names = status == FLOW_OK && (member->width == 1 || strcmp(offer.names.at[0], "x1") != 0);
    if (status == FLOW_OK)
        status = flow_h5_columns_open(l, reader, &members, group, &offer, options, err);
    flow_h5_offer_free(&offer);
    return status;
}
