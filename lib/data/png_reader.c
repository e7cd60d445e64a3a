/* A folder of PNG files as a table: a row for each, in the order of their names. Where the files are in folders within
 * it, these are the classes: their names, sorted, are numbered from 0, and the column FLOW_LABEL has the number. A file
 * by itself is a table of one row. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/text.h"
#include "data/image_columns.h"
#include "data/png_file.h"

typedef struct png_reader {
    flow_reader common;
    flow_name_list files; /* their paths */
    int *labels;          /* (room): of the files; NULL: there are no classes */
    int room;
    flow_shape shape;
    int *pick;       /* (columns.n): places in an image, or after them the label */
    uint8_t *pixels; /* of one image */
    int64_t next;
} png_reader;

/* ---- rows ---- */

static flow_status png_reader_load(png_reader *r, flow_error *err)
{
    const char *file = r->files.at[r->next];
    flow_shape shape;
    FLOW_TRY(flow_png_look(&shape, file, err));
    if (shape.height != r->shape.height || shape.width != r->shape.width || shape.channels > r->shape.channels)
        return flow_error_set(err, FLOW_DATA, "%s: has changed since it was opened; start again, and do not change the "
                              "file meanwhile", file);
    return flow_png_read(r->pixels, r->shape, file, err);
}

static flow_status png_reader_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                                   flow_error *err)
{
    png_reader *r = (png_reader *)reader;
    const int d = reader->columns.n, n_values = flow_shape_size(r->shape);
    size_t n = 0;
    for (; n < n_max && r->next < reader->n_rows && flow_reader_left(reader, r->next) > 0; r->next++) {
        flow_status status = png_reader_load(r, err);
        if (status != FLOW_OK && (status != FLOW_DATA || !reader->skip_invalid))
            return status;
        if (status != FLOW_OK) {
            flow_reader_drop(reader, r->next, NULL);
            continue;
        }
        for (int j = 0; j < d; j++, rows++)
            *rows = r->pick[j] < n_values ? r->pixels[r->pick[j]] : r->labels[r->next];
        if (numbers != NULL)
            numbers[n] = r->next;
        n++;
    }
    *n_read = n;
    return FLOW_OK;
}

static flow_position png_reader_tell(const flow_reader *reader)
{
    return (flow_position){.row = ((const png_reader *)reader)->next};
}

static flow_status png_reader_seek(flow_reader *reader, const flow_position *position, flow_error *err)
{
    if (position->row > reader->n_rows)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld", reader->name, (long long)position->row);
    ((png_reader *)reader)->next = position->row;
    return FLOW_OK;
}

static void png_reader_close(flow_reader *reader)
{
    png_reader *r = (png_reader *)reader;
    flow_name_list_free(&r->files);
    free(r->labels);
    free(r->pick);
    free(r->pixels);
}

static const flow_reader_type png_reader_type = {
    .read = png_reader_read, .tell = png_reader_tell, .seek = png_reader_seek, .close = png_reader_close,
};

/* ---- the list of files ---- */

static int png_by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds the paths of what is in a folder, sorted: of folders, or of files whose names end in .png. Names that begin with
 * a dot do not count. */
static flow_status png_list(flow_name_list *out, const char *folder, bool folders, flow_error *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return flow_error_open(err, folder, errno);
    const int first = out->n;
    flow_status status = FLOW_OK;
    for (struct dirent *entry; status == FLOW_OK && (entry = readdir(dir)) != NULL;) {
        const size_t length = strlen(entry->d_name);
        const bool is_png = length > 4 && strcasecmp(entry->d_name + length - 4, ".png") == 0;
        struct stat info;
        if (entry->d_name[0] == '.' || (!folders && !is_png))
            continue;
        char *path = flow_format("%s/%s", folder, entry->d_name);
        if (path == NULL)
            status = flow_error_memory(err, folder);
        else if (!folders || (stat(path, &info) == 0 && S_ISDIR(info.st_mode)))
            status = flow_name_list_add(out, path, strlen(path), err);
        free(path);
    }
    closedir(dir);
    if (out->n > first)
        qsort(out->at + first, (size_t)(out->n - first), sizeof *out->at, png_by_name);
    return status;
}

/* Gives the files from `first` on the number of their class. */
static flow_status png_label(png_reader *r, int first, int label, flow_error *err)
{
    if (r->files.n > r->room) {
        int *labels = realloc(r->labels, 2 * (size_t)r->files.n * sizeof *labels);
        if (labels == NULL)
            return flow_error_memory(err, r->common.name);
        r->labels = labels;
        r->room = 2 * r->files.n;
    }
    for (int i = first; i < r->files.n; i++)
        r->labels[i] = label;
    return FLOW_OK;
}

static flow_status png_find_files(png_reader *r, const char *file, flow_error *err)
{
    struct stat info;
    if (stat(file, &info) == 0 && !S_ISDIR(info.st_mode))
        return flow_name_list_add(&r->files, file, strlen(file), err);
    FLOW_TRY(png_list(&r->files, file, false, err));
    if (r->files.n > 0)
        return FLOW_OK;
    flow_name_list folders = {0};
    flow_status status = png_list(&folders, file, true, err);
    for (int k = 0; k < folders.n && status == FLOW_OK; k++) {
        const int first = r->files.n;
        const char *name = strrchr(folders.at[k], '/') + 1;
        status = png_list(&r->files, folders.at[k], false, err);
        if (status == FLOW_OK)
            status = png_label(r, first, k, err);
        if (status == FLOW_OK)
            status = flow_name_list_add(&r->common.classes, name, strlen(name), err);
    }
    flow_name_list_free(&folders);
    if (status == FLOW_OK && r->files.n == 0)
        status = flow_error_set(err, FLOW_IO, "%s: is a folder without PNG files; name a CSV or HDF5 file in it", file);
    return status;
}

/* All have the size of the first one; where one has colours, the others get them, too. */
static flow_status png_find_shape(png_reader *r, flow_error *err)
{
    for (int i = 0; i < r->files.n; i++) {
        flow_shape shape;
        FLOW_TRY(flow_png_look(&shape, r->files.at[i], err));
        if (i == 0)
            r->shape = shape;
        if (shape.height != r->shape.height || shape.width != r->shape.width)
            return flow_error_set(err, FLOW_DATA, "%s: is %d pixels high and %d wide, and %s is %d high and %d wide; "
                                  "all images of a folder have one size", r->files.at[i], shape.height, shape.width,
                                  r->files.at[0], r->shape.height, r->shape.width);
        r->shape.channels = shape.channels > r->shape.channels ? shape.channels : r->shape.channels;
    }
    return FLOW_OK;
}

/* ---- opening ---- */

static flow_status png_reader_prepare(png_reader *r, const char *file, const flow_reader_options *options,
                                      flow_error *err)
{
    flow_reader *reader = &r->common;
    const flow_shape *wanted = &options->image.shape;
    const bool has_label = flow_image_wants_label(options);
    reader->name = flow_strdup(file);
    if (reader->name == NULL)
        return flow_error_memory(err, file);
    FLOW_TRY(png_find_files(r, file, err));
    FLOW_TRY(png_find_shape(r, err));
    if (wanted->channels == 3 && r->shape.channels == 1) /* a few grey ones of a set with colours */
        r->shape.channels = 3;
    if (wanted->channels > 0 &&
        (wanted->height != r->shape.height || wanted->width != r->shape.width ||
         wanted->channels != r->shape.channels))
        return flow_error_set(err, FLOW_DATA, "%s: its images are %d pixels high and %d wide with %d channel%s, and "
                              "%d, %d and %d were expected", file, r->shape.height, r->shape.width, r->shape.channels,
                              r->shape.channels == 1 ? "" : "s", wanted->height, wanted->width, wanted->channels);
    if (has_label && r->labels == NULL)
        return flow_error_set(err, FLOW_DATA, "%s: has no labels: the images of a class have a folder of their own, "
                              "%s/CLASS/NAME.png", file, file);
    reader->image = (flow_image){r->shape, FLOW_IMAGE_HWC};
    reader->stored = FLOW_VALUE_BYTE;
    reader->n_classes = reader->classes.n;
    reader->n_rows = r->files.n;
    r->pixels = malloc((size_t)flow_shape_size(r->shape));
    if (r->pixels == NULL)
        return flow_error_memory(err, file);
    return flow_image_choose_columns(reader, &r->pick, has_label, options, err);
}

flow_status flow_png_reader_open(flow_reader **out, const char *file, const char *path,
                                 const flow_reader_options *options, flow_error *err)
{
    (void)path;
    png_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return flow_error_memory(err, file);
    *out = &r->common;
    r->common = (flow_reader){.type = &png_reader_type, .can_seek = true, .finds_rows = true, .granule = 1,
                              .skip_invalid = options->skip_invalid};
    return png_reader_prepare(r, file, options, err);
}
