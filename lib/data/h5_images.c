/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_shapes.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/h5_dialect.h"
#include "data/h5_members.h"
#include "data/image_columns.h"
#include "h5/check.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/source.h"
#include "h5/text.h"

/* The values of a row on file are those of the image, `width` of them, and then its label if that is read. */

static flow_status images_read(flow_h5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    flow_h5_shape shape;
    const bool has_label = l->n_datasets > 1;
    const int n = l->width;
    double *to = l->scratch != NULL ? l->scratch : rows;
    double *labels = has_label ? to + (size_t)l->block_rows * (size_t)n : to;
    FLOW_TRY(flow_h5_shape_of(&shape, l->datasets[0], err));
    if (has_label)
        FLOW_TRY(flow_h5_layout_read_values(l->datasets[1], &l->values[1], labels, first, count, err));
    hsize_t start[FLOW_H5_RANK_MAX] = {(hsize_t)first}, size[FLOW_H5_RANK_MAX];
    memcpy(size, shape.size, sizeof size);
    size[0] = (hsize_t)count;
    hid_t space = H5Dget_space(l->datasets[0]), memory = H5Screate_simple(shape.rank, size, NULL);
    flow_status status = FLOW_OK;
    if (space < 0 || memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
        H5Dread(l->datasets[0], l->values[0].memory, memory, space, H5P_DEFAULT, to) < 0)
        status = flow_h5_read_failed(l->datasets[0], first, count, err);
    else
        flow_h5_value_decode(&l->values[0], to, (size_t)count * (size_t)n);
    if (status == FLOW_OK && l->scratch != NULL)
        for (int64_t i = 0; i < count; i++)
            for (int j = 0; j < l->d; j++)
                rows[i * l->d + j] = l->pick[j] < n ? to[i * n + l->pick[j]] : labels[i];
    flow_h5_close(memory);
    flow_h5_close(space);
    return status;
}

/* ---- labels ---- */

/* The path of the labels of the images at `path`: PATH_labels, PATH_label, or `labels` or `label` beside it. */
static char *images_find_labels(hid_t file, const char *path)
{
    static const char *const ends[] = {"_labels", "_label", "/labels", "/label"};
    const char *slash = strrchr(path, '/');
    const int whole = (int)strlen(path), folder = slash != NULL ? (int)(slash - path) : 0;
    char *found = NULL;
    for (int i = 0; i < 4 && found == NULL; i++) {
        found = flow_format("%.*s%s", i < 2 ? whole : folder, path, ends[i]);
        if (found != NULL && (strcmp(found, path) == 0 || !flow_h5_exists(file, found))) {
            free(found);
            found = NULL;
        }
    }
    return found;
}

/* Labels are whole numbers from 0 on. */
static flow_status images_count_classes(flow_h5_layout *l, flow_reader *reader, flow_error *err)
{
    enum { PART = 4096, MOST = 4096 };
    double labels[PART];
    for (int64_t first = 0; first < l->n_rows; first += PART) {
        const int64_t n = l->n_rows - first < PART ? l->n_rows - first : PART;
        FLOW_TRY(flow_h5_layout_read_values(l->datasets[1], &l->values[1], labels, first, n, err));
        for (int64_t i = 0; i < n; i++) {
            if (!(labels[i] >= 0 && labels[i] < MOST) || labels[i] != (int)labels[i])
                return flow_error_set(err, FLOW_DATA, "%s: the label of row %lld is %g; labels are 0, 1, ... up to %d",
                                      reader->name, (long long)(first + i) + 1, labels[i], MOST - 1);
            reader->n_classes = (int)labels[i] >= reader->n_classes ? (int)labels[i] + 1 : reader->n_classes;
        }
    }
    return FLOW_OK;
}

static flow_status images_open_labels(flow_h5_layout *l, flow_reader *reader, hid_t file, const char *path,
                                      flow_error *err)
{
    char *found = images_find_labels(file, path);
    if (found == NULL)
        return flow_error_set(err, FLOW_DATA,
                              "%s: has no labels: neither %.80s_labels nor a dataset \"labels\" beside "
                              "it is there",
                              reader->name, path);
    hid_t dataset = H5I_INVALID_HID;
    flow_status status = flow_h5_open_dataset(&dataset, file, found, err);
    l->datasets[1] = dataset;
    flow_h5_member labels = {0};
    if (status == FLOW_OK) {
        l->n_datasets = 2;
        status = flow_h5_member_of(&labels, dataset, false, err);
    }
    if (status == FLOW_OK && (labels.rank != 1 || labels.what != NULL || labels.rows != (hsize_t)l->n_rows))
        status = flow_error_set(err, FLOW_DATA,
                                "%s: its labels in %.80s are not one number for each of the %lld "
                                "images",
                                reader->name, found, (long long)l->n_rows);
    free(found);
    if (status == FLOW_OK)
        status = flow_h5_value_of(&l->values[1], dataset, err);
    return status == FLOW_OK ? images_count_classes(l, reader, err) : status;
}

/* ---- opening ---- */

/* Where the caller asks for no layout, takes it from the attribute "layout" of the array, which this program writes. */
static void images_ask_layout(hid_t dataset, flow_image *wanted)
{
    char *text = NULL;
    if (wanted->layout == FLOW_IMAGE_AUTO && flow_h5_attr_read_text(&text, dataset, "layout", 16, NULL) == FLOW_OK)
        wanted->layout = strcmp(text, "hwc") == 0   ? FLOW_IMAGE_HWC
                         : strcmp(text, "chw") == 0 ? FLOW_IMAGE_CHW
                                                    : FLOW_IMAGE_AUTO;
    free(text);
}

flow_status flow_h5_open_images(flow_h5_layout *l, flow_reader *reader, const flow_h5_shape *shape,
                                const flow_h5_place *place, const flow_reader_options *options, flow_error *err)
{
    const bool has_label = flow_image_wants_label(options);
    uint64_t extents[3] = {0};
    for (int i = 1; i < shape->rank; i++)
        extents[i - 1] = shape->size[i];
    flow_image wanted = options->image;
    images_ask_layout(l->datasets[0], &wanted);
    FLOW_TRY(flow_image_of_array(&reader->image, &wanted, shape->rank - 1, extents, reader->name, err));
    if (flow_h5_is_reversed(l->datasets[0]))
        FLOW_TRY(
            flow_reader_remark(reader, err,
                               "is an array whose program writes its dimensions in reverse order: the "
                               "last one there numbers the images, and the images have height %d and width %d here",
                               reader->image.shape.height, reader->image.shape.width));
    l->width = flow_shape_size(reader->image.shape);
    l->read = images_read;
    FLOW_TRY(flow_h5_value_of(&l->values[0], l->datasets[0], err));
    reader->stored = flow_h5_layout_type(l->datasets[0], &l->values[0]);
    l->n_datasets = 1;
    FLOW_TRY(flow_h5_layout_blocks(l, reader, l->width, shape->size[0], err));
    if (has_label)
        FLOW_TRY(images_open_labels(l, reader, place->file, place->path, err));
    FLOW_TRY(flow_image_choose_columns(reader, &l->pick, has_label, options, err));
    l->d = reader->columns.n;
    bool as_stored = l->d == l->width;
    for (int j = 0; j < l->d; j++)
        as_stored = as_stored && l->pick[j] == j;
    return as_stored ? FLOW_OK : flow_h5_layout_make_block(&l->scratch, l, l->width + has_label, err);
}
