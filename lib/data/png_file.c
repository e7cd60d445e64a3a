/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/png_file.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_VALUES = 1 << 16,   /* of an image: as of a row of a table */
    MOST_CHUNK = 1 << 20,    /* bytes of a chunk beside the pixels */
    SIGNATURE = 8,
    HEAD = SIGNATURE + 25    /* with the first chunk, IHDR */
};

static const uint8_t png_signature[SIGNATURE] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};

static size_t png_read_head(uint8_t head[HEAD], const char *file)
{
    FILE *in = fopen(file, "rb");
    size_t n = in != NULL ? fread(head, 1, HEAD, in) : 0;
    if (in != NULL)
        fclose(in);
    return n;
}

bool flow_png_has_signature(const char *file)
{
    uint8_t head[HEAD];
    return png_read_head(head, file) >= SIGNATURE && memcmp(head, png_signature, SIGNATURE) == 0;
}

static uint32_t png_number(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

flow_status flow_png_look(flow_shape *out, const char *file, flow_error *err)
{
    enum { COLOR = 2 }; /* this bit of the colour type says that there are colours */
    uint8_t head[HEAD];
    const size_t n = png_read_head(head, file);
    if (n < HEAD || memcmp(head, png_signature, SIGNATURE) != 0 || memcmp(head + SIGNATURE + 4, "IHDR", 4) != 0)
        return flow_error_set(err, FLOW_DATA, "%s: is not a PNG file, or its beginning is damaged", file);
    const uint32_t width = png_number(head + 16), height = png_number(head + 20);
    const uint32_t channels = (head[25] & COLOR) != 0 ? 3 : 1;
    if (width < 1 || height < 1 || width > MOST_VALUES || height > MOST_VALUES ||
        (uint64_t)width * height * channels > MOST_VALUES)
        return flow_error_set(err, FLOW_DATA, "%s: has %lu x %lu pixels with %lu values each; an image has 1 to %d "
                              "values", file, (unsigned long)height, (unsigned long)width, (unsigned long)channels,
                              MOST_VALUES);
    *out = (flow_shape){(int)height, (int)width, (int)channels};
    return FLOW_OK;
}

/* ---- reading ---- */

typedef struct png_reading {
    FILE *in;
    png_structp png;
    png_infop info;
    png_bytep *rows; /* (height) */
    char message[128];
} png_reading;

static void png_on_error(png_structp png, png_const_charp message)
{
    png_reading *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void png_on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* False, and a message, when the library fails or the image has another shape. No variable changes between setjmp
 * and longjmp but what `r` points to. */
static bool png_decode(png_reading *r, flow_shape shape)
{
    if (setjmp(png_jmpbuf(r->png)) != 0)
        return false;
    png_init_io(r->png, r->in);
    png_set_user_limits(r->png, MOST_VALUES, MOST_VALUES);
    png_set_chunk_malloc_max(r->png, MOST_CHUNK);
    png_set_chunk_cache_max(r->png, 16);
    png_read_info(r->png, r->info);
    if (png_get_image_width(r->png, r->info) != (png_uint_32)shape.width ||
        png_get_image_height(r->png, r->info) != (png_uint_32)shape.height) {
        snprintf(r->message, sizeof r->message, "it has changed");
        return false;
    }
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    png_set_strip_alpha(r->png);
    if (shape.channels == 3)
        png_set_gray_to_rgb(r->png);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    if (png_get_rowbytes(r->png, r->info) != (size_t)shape.width * (size_t)shape.channels) {
        snprintf(r->message, sizeof r->message, "its colours have changed");
        return false;
    }
    png_read_image(r->png, r->rows);
    png_read_end(r->png, NULL);
    return true;
}

flow_status flow_png_read(uint8_t *pixels, flow_shape shape, const char *file, flow_error *err)
{
    png_reading r = {.in = fopen(file, "rb")};
    if (r.in == NULL)
        return flow_error_open(err, file, errno);
    flow_status status = FLOW_OK;
    r.rows = malloc((size_t)shape.height * sizeof *r.rows);
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, png_on_error, png_on_warning);
    r.info = r.png != NULL ? png_create_info_struct(r.png) : NULL;
    if (r.rows == NULL || r.info == NULL)
        status = flow_error_memory(err, file);
    for (int y = 0; y < shape.height && status == FLOW_OK; y++)
        r.rows[y] = pixels + (size_t)y * (size_t)shape.width * (size_t)shape.channels;
    if (status == FLOW_OK && !png_decode(&r, shape))
        status = flow_error_set(err, FLOW_DATA, "%s: is damaged: %s (PNG)", file, r.message);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    fclose(r.in);
    return status;
}

/* ---- writing ---- */

flow_status flow_png_encode(char **out, size_t *size, const uint8_t *pixels, flow_shape shape, flow_error *err)
{
    static const png_uint_32 formats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)shape.width,
                       .height = (png_uint_32)shape.height, .format = formats[shape.channels - 1]};
    png_alloc_size_t n = PNG_IMAGE_PNG_SIZE_MAX(image);
    *out = malloc(n);
    if (*out == NULL)
        return flow_error_memory(err, "an image");
    if (png_image_write_to_memory(&image, *out, &n, 0, pixels, 0, NULL) == 0) {
        free(*out);
        *out = NULL;
        return flow_error_set(err, FLOW_IO, "an image cannot be packed: %s (PNG)", image.message);
    }
    *size = n;
    return FLOW_OK;
}
