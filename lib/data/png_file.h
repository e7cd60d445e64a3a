/* Single PNG files of 8 bits. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_PNG_FILE_H
#define FLOW_DATA_PNG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/shape.h"

/* Whether a file begins with the signature of PNG. */
bool flow_png_has_signature(const char *file);

/* What a file holds: its height and width, and 1 channel for grey or 3 for colours, a palette among them. Nothing but
 * its first bytes is read. FLOW_DATA when it is no PNG file, or of more than 65,536 values. */
flow_status flow_png_look(flow_shape *out, const char *file, flow_error *err);

/* The image into pixels (height, width, channels), which has the shape of flow_png_look; grey becomes a colour where
 * 3 channels are wanted. 16 bits are reduced to 8, fewer are extended, and transparency is dropped. FLOW_DATA when the
 * file is damaged or has another shape. */
flow_status flow_png_read(uint8_t *pixels, flow_shape shape, const char *file, flow_error *err);

/* The bytes of a PNG file of an image of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels; *out is the
 * caller's (free). */
flow_status flow_png_encode(char **out, size_t *size, const uint8_t *pixels, flow_shape shape, flow_error *err);

#endif
