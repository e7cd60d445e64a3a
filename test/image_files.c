/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image_files.h"

#include <png.h>
#include <stdlib.h>
#include <unistd.h>

#include "values.h"

static void put(const char *name, const char *path, hid_t stored, int rank, const hsize_t *size, hid_t given,
                const void *values)
{
    hid_t file = access(at(name), F_OK) == 0 ? H5Fopen(at(name), H5F_ACC_RDWR, H5P_DEFAULT)
                                             : H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, size, NULL);
    hid_t set = H5Dcreate2(file, path, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(set, 0);
    ASSERT_GE(H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
}

const char *write_images(const char *name, const char *path, hid_t stored, flow_shape shape, const double *rows,
                         size_t n)
{
    const hsize_t size[] = {n, (hsize_t)shape.height, (hsize_t)shape.width, (hsize_t)shape.channels};
    put(name, path, stored, 4, size, H5T_NATIVE_DOUBLE, rows);
    return inside(name, path);
}

void write_labels(const char *name, const char *path, const int64_t *labels, size_t n)
{
    const hsize_t size = n;
    put(name, path, H5T_STD_I64LE, 1, &size, H5T_NATIVE_INT64, labels);
}

const char *write_png(const char *name, int color_type, int bit_depth, flow_shape shape, size_t row_bytes,
                      const uint8_t *pixels, bool clear)
{
    FILE *out = fopen(at(name), "wb");
    assert_non_null(out);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256];
    png_byte alpha[2] = {255, 0};
    png_color_16 one = {.index = 1, .red = 1, .green = 1, .blue = 1, .gray = 1};
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)i, (png_byte)(2 * i), (png_byte)(255 - i)};
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)shape.width, (png_uint_32)shape.height, bit_depth, color_type,
                 shape.height > 2 ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << bit_depth);
    if (clear)
        png_set_tRNS(png, info, alpha, 2, &one);
    png_bytep *rows = malloc((size_t)shape.height * sizeof *rows);
    for (int y = 0; y < shape.height; y++)
        rows[y] = (png_bytep)(uintptr_t)(pixels + (size_t)y * row_bytes);
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(out);
    free(rows);
    return at(name);
}
