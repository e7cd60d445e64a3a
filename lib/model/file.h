/* The head of a model file, which seals the HDF5 data after it.
 *
 * A model file begins with FLOW_HEAD_SIZE bytes of text (an HDF5 user block, which every HDF5 program skips):
 *
 *     flowctl-model
 *     version 2
 *     program 0.2.0
 *     bytes 00000000000000123456
 *     crc32 89abcdef
 *     (two lines for people, and zeros to the end)
 *
 * `bytes` is the length of the whole file and `crc32` the CRC-32 (zlib) of the lines above it and all bytes after the
 * head. A file that is truncated or changed anywhere is refused before the HDF5 library, which was not written for
 * damaged files, reads it. The seal guards against accidents, not against malice: forged data can have a forged sum.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_FILE_H
#define FLOW_MODEL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum { FLOW_HEAD_SIZE = 512, FLOW_PROGRAM_SIZE = 64 };

typedef struct flow_head {
    unsigned version;
    char program[FLOW_PROGRAM_SIZE]; /* the version of the program that wrote the file */
    uint64_t bytes;
    uint32_t crc32;
} flow_head;

/* The version of this program, as heads have it. */
const char *flow_program_version(void);

/* Seals an image whose first FLOW_HEAD_SIZE bytes are free for it: computes the sum and writes the head. */
void flow_head_seal(char *image, size_t size);

/* Reads and verifies the head of a model file and the sum of its bytes. FLOW_IO when it cannot be read, FLOW_FORMAT
 * when it is not a model, damaged, or of another version of the format. */
flow_status flow_file_verify(flow_head *head, const char *path, flow_error *err);

#endif
