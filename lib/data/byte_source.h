/* The bytes of a file or a pipe, unpacked where they are compressed with gzip or zstd. Internal to lib/data.
 *
 * The first bytes decide, whatever the name of the file. Offsets count unpacked bytes.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_BYTE_SOURCE_H
#define FLOW_DATA_BYTE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum { FLOW_SIGNATURE_SIZE = 4 };

/* Start from {0}. */
typedef struct flow_byte_source {
    const char *name; /* borrowed, for messages */
    int descriptor;
    bool is_owned;                            /* closed at the end */
    unsigned char first[FLOW_SIGNATURE_SIZE]; /* bytes that were looked at: [n_given, n_first) are still to be given */
    size_t n_first, n_given;
    struct flow_unpacker *unpacker; /* NULL: the bytes are not compressed */
    const char *compression;        /* "gzip", "zstd"; NULL: none */
} flow_byte_source;

/* Looks at the first bytes. FLOW_FORMAT when they are compressed in a way that this program was built without. The
 * descriptor is the source's, also after an error; standard input is not closed. */
flow_status flow_byte_source_open(flow_byte_source *out, int descriptor, const char *name, flow_error *err);
void flow_byte_source_close(flow_byte_source *s);

/* Up to `room` bytes; *n is 0 at the end. FLOW_DATA when compressed bytes are damaged or end too early. */
flow_status flow_byte_source_read(flow_byte_source *s, char *out, size_t room, size_t *n, flow_error *err);

/* Goes to an offset of a regular file. Compressed bytes are unpacked up to there, from the beginning if the offset lies
 * behind. */
flow_status flow_byte_source_seek(flow_byte_source *s, int64_t offset, flow_error *err);

#endif
