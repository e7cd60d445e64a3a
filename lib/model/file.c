/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/json.h"
#include "core/peek.h"
#include "h5/file.h"
#include "model/model.h"

#ifndef FLOW_VERSION
#define FLOW_VERSION "unknown"
#endif

static const char magic[] = "flowctl-model\n";
enum { MAGIC_SIZE = sizeof magic - 1, SUM_BYTES = 1 << 20 };

const char *flow_program_version(void)
{
    return FLOW_VERSION;
}

/* ---- the head ---- */

/* The lines that the sum covers: all above the sum. */
static int head_render_summed(char block[FLOW_HEAD_SIZE], const flow_head *head)
{
    return snprintf(block, FLOW_HEAD_SIZE, "%sversion %u\nprogram %s\nbytes %020" PRIu64 "\n", magic, head->version,
                    head->program, head->bytes);
}

static void head_render(char block[FLOW_HEAD_SIZE], const flow_head *head)
{
    memset(block, 0, FLOW_HEAD_SIZE);
    int n = head_render_summed(block, head);
    snprintf(block + n, FLOW_HEAD_SIZE - (size_t)n,
             "crc32 %08" PRIx32 "\n"
             "This is a trained model of flowctl: an HDF5 file behind these 512 bytes, which HDF5 programs skip.\n"
             "\"flowctl info FILE\" describes it; the sum above tells whether it is intact.\n",
             head->crc32);
}

static uint32_t head_sum(const flow_head *head)
{
    char block[FLOW_HEAD_SIZE];
    int n = head_render_summed(block, head);
    return (uint32_t)crc32_z(0, (const unsigned char *)block, (size_t)n);
}

void flow_head_seal(char *image, size_t size)
{
    flow_head head = {.version = FLOW_MODEL_VERSION, .bytes = size};
    snprintf(head.program, sizeof head.program, "%s", flow_program_version());
    const unsigned char *data = (const unsigned char *)image + FLOW_HEAD_SIZE;
    head.crc32 = (uint32_t)crc32_z(head_sum(&head), data, size - FLOW_HEAD_SIZE);
    head_render(image, &head);
}

/* ---- reading ---- */

/* Up to `size` bytes, fewer only at the end of the file; -1 on failure. */
static ssize_t file_read_fully(int fd, void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (char *)data + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static flow_status file_inspect_open(flow_file_kind *out, int fd, const char *path, flow_error *err)
{
    struct stat about;
    char start[FLOW_HEAD_SIZE];
    bool is_hdf5 = false;
    const bool is_known = fstat(fd, &about) == 0;
    if (is_known && !S_ISREG(about.st_mode))
        return FLOW_OK;
    const ssize_t n = is_known ? file_read_fully(fd, start, sizeof start) : -1;
    if (n < 0)
        return flow_error_set(err, FLOW_IO, "cannot be read: %s", strerror(errno));
    if (n >= MAGIC_SIZE && memcmp(start, magic, MAGIC_SIZE) == 0) {
        *out = FLOW_FILE_MODEL;
        return FLOW_OK;
    }
    if (n > 0)
        FLOW_TRY(flow_h5_find_signature(&is_hdf5, path, err));
    if (is_hdf5)
        *out = FLOW_FILE_HDF5;
    else if (flow_json_begins(start, (size_t)n))
        *out = FLOW_FILE_JSON;
    return FLOW_OK;
}

flow_status flow_file_inspect(flow_file_kind *out, const char *path, flow_error *err)
{
    *out = FLOW_FILE_OTHER;
    const int fd = flow_peek_open(path);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        *out = FLOW_FILE_MISSING;
    if (fd < 0 && (*out == FLOW_FILE_MISSING || errno == ENXIO)) /* a pipe or a device */
        return FLOW_OK;
    flow_status status = fd >= 0 ? file_inspect_open(out, fd, path, err)
                                 : flow_error_set(err, FLOW_IO, "cannot be read: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    if (status == FLOW_OK || err == NULL)
        return status;
    const flow_error why = *err;
    return flow_error_set(err, status,
                          "%s: this file exists and %s, so that its contents are unknown; make it readable, name "
                          "another one, or remove it",
                          path, why.message);
}

flow_file_kind flow_file_identify(const char *path)
{
    flow_file_kind kind;
    return flow_file_inspect(&kind, path, NULL) == FLOW_OK ? kind : FLOW_FILE_OTHER;
}

static flow_status file_fail_not_model(const char *path, off_t size, flow_error *err)
{
    if (size == 0)
        return flow_error_set(err, FLOW_FORMAT, "%s: the file is empty, not a flowctl model", path);
    if (flow_h5_has_signature(path))
        return flow_error_set(err, FLOW_FORMAT, "%s: is an HDF5 file but not a flowctl model (or one that another "
                              "program has rewritten, which removes its first 512 bytes); to read it as data, name "
                              "a table in it, as in %s:/data", path, path);
    return flow_error_set(err, FLOW_FORMAT,
                          "%s: is not a flowctl model; models are the files that flowctl train writes", path);
}

/* Reads a head. It is damaged unless writing it again gives the same bytes. */
static flow_status head_parse(flow_head *head, const char block[FLOW_HEAD_SIZE], const char *path, flow_error *err)
{
    char text[FLOW_HEAD_SIZE + 1];
    memcpy(text, block, FLOW_HEAD_SIZE);
    text[FLOW_HEAD_SIZE] = '\0';
    *head = (flow_head){0};
    /* The comparison below finds a number out of range. NOLINTNEXTLINE(cert-err34-c) */
    int n = sscanf(text + MAGIC_SIZE, "version %9u\nprogram %63[^\n]\nbytes %20" SCNu64 "\ncrc32 %8" SCNx32,
                   &head->version, head->program, &head->bytes, &head->crc32);
    if (n >= 2 && head->version != FLOW_MODEL_VERSION)
        return flow_error_set(err, FLOW_FORMAT, "%s: was written by flowctl %s in format %u, this is flowctl %s, which "
                              "reads format %d; read it with flowctl %s%s", path, head->program, head->version,
                              flow_program_version(), FLOW_MODEL_VERSION, head->program,
                              head->version > FLOW_MODEL_VERSION ? " or later" : ", or train again");
    char same[FLOW_HEAD_SIZE];
    if (n == 4)
        head_render(same, head);
    if (n < 4 || memcmp(same, block, FLOW_HEAD_SIZE) != 0)
        return flow_error_set(err, FLOW_FORMAT, "%s: is a flowctl model, but its head (the first %d bytes) is damaged; "
                              "copy the file again from where it was written, or train again", path, FLOW_HEAD_SIZE);
    return FLOW_OK;
}

/* `left`: bytes behind the head, as far as is known. */
static flow_status head_verify_sum(const flow_head *head, int fd, off_t left, const char *path, flow_error *err)
{
    const size_t room = left > 0 && left < SUM_BYTES ? (size_t)left : SUM_BYTES;
    unsigned char *piece = malloc(room);
    if (piece == NULL)
        return flow_error_memory(err, path);
    uint32_t sum = head_sum(head);
    uint64_t size = FLOW_HEAD_SIZE;
    ssize_t n;
    while ((n = file_read_fully(fd, piece, room)) > 0) {
        sum = (uint32_t)crc32_z(sum, piece, (size_t)n);
        size += (uint64_t)n;
    }
    int error = errno;
    free(piece);
    if (n < 0)
        return flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", path, strerror(error));
    if (size != head->bytes)
        return flow_error_set(err, FLOW_FORMAT,
                              "%s: is %s: it should have %" PRIu64 " bytes and has %" PRIu64 "; copy the "
                              "file again from where it was written, or train again",
                              path, size < head->bytes ? "truncated" : "damaged", head->bytes, size);
    if (sum != head->crc32)
        return flow_error_set(err, FLOW_FORMAT, "%s: is damaged: its bytes do not have the checksum they were written "
                              "with; copy the file again from where it was written, or train again", path);
    return FLOW_OK;
}

static flow_status file_verify_open(flow_head *head, int fd, const char *path, flow_error *err)
{
    struct stat about;
    char block[FLOW_HEAD_SIZE] = {0};
    bool is_known = fstat(fd, &about) == 0;
    if (is_known && !S_ISREG(about.st_mode))
        return flow_error_set(err, FLOW_IO, "%s: is a folder, not a model file", path);
    ssize_t n = is_known ? file_read_fully(fd, block, sizeof block) : -1;
    if (n < 0)
        return flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (n < MAGIC_SIZE || memcmp(block, magic, MAGIC_SIZE) != 0)
        return file_fail_not_model(path, about.st_size, err);
    if (n < FLOW_HEAD_SIZE)
        return flow_error_set(err, FLOW_FORMAT, "%s: is truncated: only its first %zd bytes are there; copy the file "
                              "again from where it was written, or train again", path, n);
    FLOW_TRY(head_parse(head, block, path, err));
    return head_verify_sum(head, fd, about.st_size - FLOW_HEAD_SIZE, path, err);
}

flow_status flow_file_verify(flow_head *head, const char *path, flow_error *err)
{
    const int fd = flow_peek_open(path);
    if (fd < 0 && errno == ENXIO)
        return flow_error_set(err, FLOW_IO, "%s: is a device or pipe, not a model file", path);
    if (fd < 0)
        return flow_error_open(err, path, errno);
    flow_status status = file_verify_open(head, fd, path, err);
    close(fd);
    return status;
}
