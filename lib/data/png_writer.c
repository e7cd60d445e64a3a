/* Rows as images: all of them on one sheet, or each in a file of its own. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/png_file.h"
#include "data/writer.h"

enum {
    MARGIN = 2,               /* pixels between the images of a sheet, and around them */
    PAPER = 255,              /* what the margin is made of */
    MOST_SHEET = 1 << 28,     /* bytes of the pixels of a sheet */
    MOST_SIDE = 1 << 15,
    MOST_DIGITS = 9
};

typedef struct png_writer {
    flow_writer common;
    flow_picture_options options;
    size_t pattern, pattern_length; /* where "%03d" is in the name of the file; length 0: one sheet */
    int digits;                     /* of the number in names of files, at least */
    uint8_t *pixels;                /* the images so far */
    size_t n, room;                 /* of them */
    int64_t n_files;
    bool careful;
} png_writer;

/* ---- one image ---- */

static size_t png_picture_bytes(const png_writer *w)
{
    return (size_t)flow_shape_size(w->options.shape);
}

static void png_shade(const png_writer *w, uint8_t *to, const double *row)
{
    const double least = w->options.least, scale = w->options.most > least ? 255 / (w->options.most - least) : 0;
    for (size_t i = 0; i < png_picture_bytes(w); i++) {
        double shade = round((row[i] - least) * scale);
        to[i] = (uint8_t)(shade > 0 ? (shade < 255 ? shade : 255) : 0); /* 0 for NaN, too */
    }
}

static flow_status png_write_file(const png_writer *w, const char *file, const uint8_t *pixels, flow_shape shape,
                                  flow_error *err)
{
    char *bytes;
    size_t size;
    FLOW_TRY(flow_png_encode(&bytes, &size, pixels, shape, err));
    flow_status status = w->careful ? flow_replace_protect(file, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_replace_file(file, NULL, bytes, size, err);
    free(bytes);
    return status;
}

static flow_status png_write_single(png_writer *w, const double *row, flow_error *err)
{
    const char *name = w->common.output.name;
    const int64_t number = w->options.first + w->n_files++;
    char *file = flow_format("%.*s%0*lld%s", (int)w->pattern, name, w->digits, (long long)number,
                             name + w->pattern + w->pattern_length);
    if (file == NULL)
        return flow_error_memory(err, name);
    png_shade(w, w->pixels, row);
    flow_status status = png_write_file(w, file, w->pixels, w->options.shape, err);
    free(file);
    return status;
}

/* ---- a sheet ---- */

static flow_status png_grow(png_writer *w, flow_error *err)
{
    size_t room = w->room == 0 ? 64 : 2 * w->room, bytes = png_picture_bytes(w);
    if (w->n < w->room)
        return FLOW_OK;
    if (room > MOST_SHEET / bytes)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: %zu images and more are too many for one sheet; write a file "
                              "for each with a name such as \"out-%%05d.png\"", w->common.output.name, w->n);
    uint8_t *pixels = realloc(w->pixels, room * bytes);
    if (pixels == NULL)
        return flow_error_memory(err, "images");
    w->pixels = pixels;
    w->room = room;
    return FLOW_OK;
}

static flow_status png_write_sheet(png_writer *w, flow_error *err)
{
    const flow_shape one = w->options.shape;
    const size_t n = w->n > 0 ? w->n : 1;
    size_t across = w->options.across > 0 ? (size_t)w->options.across
                                          : (size_t)ceil(sqrt((double)n * one.height / one.width));
    across = across > n ? n : across;
    const size_t down = (n + across - 1) / across;
    const size_t width = MARGIN + across * (size_t)(one.width + MARGIN);
    const size_t height = MARGIN + down * (size_t)(one.height + MARGIN), row_bytes = width * (size_t)one.channels;
    if (width > MOST_SIDE || height > MOST_SIDE || height > MOST_SHEET / row_bytes)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: %zu images are too many for one sheet; write a file for each "
                              "with a name such as \"out-%%05d.png\"", w->common.output.name, w->n);
    uint8_t *sheet = malloc(height * row_bytes);
    if (sheet == NULL)
        return flow_error_memory(err, "a sheet of images");
    memset(sheet, PAPER, height * row_bytes);
    const size_t line = (size_t)one.width * (size_t)one.channels;
    for (size_t i = 0; i < w->n; i++) {
        size_t left = MARGIN + i % across * (size_t)(one.width + MARGIN);
        size_t top = MARGIN + i / across * (size_t)(one.height + MARGIN);
        for (size_t y = 0; y < (size_t)one.height; y++)
            memcpy(sheet + (top + y) * row_bytes + left * (size_t)one.channels,
                   w->pixels + i * png_picture_bytes(w) + y * line, line);
    }
    flow_status status = png_write_file(w, w->common.output.name, sheet,
                                        (flow_shape){(int)height, (int)width, one.channels}, err);
    free(sheet);
    return status;
}

/* ---- the writer ---- */

static flow_status png_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    png_writer *w = (png_writer *)writer;
    for (size_t i = 0; i < n_rows; i++, rows += writer->n_columns) {
        if (w->pattern_length > 0) {
            FLOW_TRY(png_write_single(w, rows, err));
            continue;
        }
        FLOW_TRY(png_grow(w, err));
        png_shade(w, w->pixels + w->n++ * png_picture_bytes(w), rows);
    }
    return FLOW_OK;
}

static flow_status png_writer_begin(flow_writer *writer, const char *path, flow_error *err)
{
    return flow_error_set(err, FLOW_ARGUMENT, "%s: a PNG file holds one sheet and cannot take %s", writer->output.name,
                          path);
}

static flow_status png_writer_finish(flow_writer *writer, flow_error *err)
{
    png_writer *w = (png_writer *)writer;
    return w->pattern_length > 0 ? FLOW_OK : png_write_sheet(w, err);
}

static void png_writer_release(flow_writer *writer)
{
    free(((png_writer *)writer)->pixels);
}

static const flow_writer_type png_writer_type = {png_writer_write, png_writer_begin, png_writer_finish,
                                                 png_writer_release};

/* Finds "%d", "%5d" or "%05d" in the name. False for any other use of "%". */
static bool png_find_pattern(png_writer *w, const char *name)
{
    const char *at = strchr(name, '%');
    if (at == NULL)
        return true;
    size_t length = 1 + strspn(at + 1, "0123456789");
    w->digits = (int)strtol(at + 1, NULL, 10);
    w->pattern = (size_t)(at - name);
    w->pattern_length = length + 1;
    return at[length] == 'd' && w->digits >= 0 && w->digits <= MOST_DIGITS && length <= 3 &&
           strchr(at + 1, '%') == NULL;
}

flow_status flow_png_writer_open(flow_writer **out, const char *file, const char *path, const char *const *columns,
                                 int n_columns, const flow_writer_options *options, flow_error *err)
{
    (void)path;
    (void)columns;
    const flow_shape shape = options->picture.shape;
    if (shape.channels < 1)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: the rows are no images; name a CSV or HDF5 file (.csv, .h5)",
                              file);
    if (shape.channels > 4 || flow_shape_size(shape) > n_columns)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: images of %d channels cannot be shown; name a CSV or HDF5 "
                              "file (.csv, .h5)", file, shape.channels);
    png_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return flow_error_memory(err, "an image");
    *out = &w->common;
    w->common = (flow_writer){.type = &png_writer_type, .n_columns = n_columns};
    w->options = options->picture;
    w->careful = options->careful;
    w->common.output.name = flow_strdup(file);
    if (w->common.output.name == NULL)
        return flow_error_memory(err, "an image");
    if (!png_find_pattern(w, file))
        return flow_error_set(err, FLOW_ARGUMENT, "%s: the number of an image is written as \"%%d\" or \"%%05d\" in "
                              "the name, once", file);
    if (w->careful && w->pattern_length == 0)
        FLOW_TRY(flow_replace_protect(file, err));
    return png_grow(w, err);
}
