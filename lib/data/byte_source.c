/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/byte_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#ifndef FLOW_NO_ZSTD
#include <zstd.h>
#endif

enum { PACKED_SIZE = 1 << 16 };

typedef enum packing { GZIP, ZSTD } packing;

static const char *const packing_names[] = {"gzip", "zstd"};

/* What is unpacked. A file may consist of several compressed parts, one behind the other (gzip: members, zstd: frames).
 */
typedef struct flow_unpacker {
    packing kind;
    unsigned char packed[PACKED_SIZE];
    size_t begin, end;  /* the bytes of `packed` that are to be unpacked */
    bool at_end;        /* the file has no more bytes */
    bool in_part;       /* a part has begun and not ended */
    bool holds_output;  /* the last call filled its room, and may have kept bytes back */
    int64_t n_unpacked; /* bytes that were given so far */
    z_stream gzip;
#ifndef FLOW_NO_ZSTD
    ZSTD_DStream *zstd;
#endif
} flow_unpacker;

static flow_status source_read_file(const flow_byte_source *s, void *out, size_t room, size_t *n, flow_error *err)
{
    ssize_t done;
    do /* a file goes on at once; waiting for a pipe ends with the signal */
        done = read(s->descriptor, out, room);
    while (done < 0 && errno == EINTR && lseek(s->descriptor, 0, SEEK_CUR) >= 0);
    *n = done > 0 ? (size_t)done : 0;
    if (done < 0 && errno == EINTR)
        return flow_error_set(err, FLOW_INTERRUPTED, "%s: interrupted while reading", s->name);
    return done >= 0 ? FLOW_OK : flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", s->name, strerror(errno));
}

/* ------------------------------------------------------------------ unpacking */

static flow_status unpacker_new(flow_unpacker **out, packing kind, flow_error *err)
{
    flow_unpacker *u = calloc(1, sizeof *u);
    *out = u;
    if (u == NULL)
        return flow_error_memory(err, "a compressed file");
    u->kind = kind;
    bool good = true;
    if (kind == GZIP)
        good = inflateInit2(&u->gzip, 16 + MAX_WBITS) == Z_OK; /* 16: the format of gzip, with its checksum */
#ifndef FLOW_NO_ZSTD
    else
        good = (u->zstd = ZSTD_createDStream()) != NULL;
#endif
    return good ? FLOW_OK : flow_error_memory(err, "a compressed file");
}

static void unpacker_free(flow_unpacker *u)
{
    if (u == NULL)
        return;
    if (u->kind == GZIP)
        inflateEnd(&u->gzip);
#ifndef FLOW_NO_ZSTD
    ZSTD_freeDStream(u->zstd);
#endif
    free(u);
}

/* Before the first byte. */
static void unpacker_restart(flow_unpacker *u)
{
    u->begin = u->end = 0;
    u->at_end = u->in_part = u->holds_output = false;
    u->n_unpacked = 0;
    if (u->kind == GZIP)
        inflateReset(&u->gzip);
#ifndef FLOW_NO_ZSTD
    else
        ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_only);
#endif
}

/* Unpacks what is there; NULL, or what is wrong with it. */
static const char *unpacker_step(flow_unpacker *u, char *out, size_t room, size_t *n)
{
#ifndef FLOW_NO_ZSTD
    if (u->kind == ZSTD) {
        ZSTD_inBuffer in = {u->packed + u->begin, u->end - u->begin, 0};
        ZSTD_outBuffer to = {out, room, 0};
        const size_t left = ZSTD_decompressStream(u->zstd, &to, &in);
        if (ZSTD_isError(left))
            return ZSTD_getErrorName(left);
        u->begin += in.pos;
        *n = to.pos;
        u->in_part = left != 0;
        u->holds_output = u->in_part && to.pos == room;
        return NULL;
    }
#endif
    u->gzip.next_in = u->packed + u->begin;
    u->gzip.avail_in = (uInt)(u->end - u->begin);
    u->gzip.next_out = (unsigned char *)out;
    u->gzip.avail_out = (uInt)room;
    const int result = inflate(&u->gzip, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return u->gzip.msg != NULL ? u->gzip.msg : "damaged";
    u->begin = u->end - u->gzip.avail_in;
    *n = room - u->gzip.avail_out;
    u->in_part = result != Z_STREAM_END;
    u->holds_output = u->in_part && u->gzip.avail_out == 0;
    if (!u->in_part)
        inflateReset(&u->gzip);
    return NULL;
}

/* Zeros behind the last part fill a block of a tape or a disk. */
static void unpacker_skip_zeros(flow_unpacker *u)
{
    while (!u->in_part && u->n_unpacked > 0 && u->begin < u->end && u->packed[u->begin] == 0)
        u->begin++;
}

static flow_status source_unpack(flow_byte_source *s, char *out, size_t room, size_t *n, flow_error *err)
{
    flow_unpacker *u = s->unpacker;
    room = room < (1u << 30) ? room : 1u << 30; /* zlib counts in 32 bits */
    *n = 0;
    for (;;) {
        unpacker_skip_zeros(u);
        if (u->begin == u->end && !u->at_end && !u->holds_output) {
            u->begin = u->end = 0;
            FLOW_TRY(source_read_file(s, u->packed, PACKED_SIZE, &u->end, err));
            u->at_end = u->end == 0;
            continue;
        }
        if (u->begin == u->end && !u->in_part)
            return FLOW_OK;
        if (u->begin == u->end && !u->holds_output)
            return flow_error_set(err, FLOW_DATA,
                                  "%s: ends in the middle of its compressed data: the file was cut; "
                                  "copy it again",
                                  s->name);
        const char *wrong = unpacker_step(u, out, room, n);
        if (wrong != NULL)
            return flow_error_set(err, FLOW_DATA, "%s: its compressed data are damaged (%s: %s); copy the file again",
                                  s->name, s->compression, wrong);
        u->n_unpacked += (int64_t)*n;
        if (*n > 0)
            return FLOW_OK;
    }
}

/* ------------------------------------------------------------------ the source */

static flow_status source_choose(flow_byte_source *s, flow_error *err)
{
    static const unsigned char gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    packing kind;
    if (s->n_first >= sizeof gzip && memcmp(s->first, gzip, sizeof gzip) == 0)
        kind = GZIP;
    else if (s->n_first >= sizeof zstd && memcmp(s->first, zstd, sizeof zstd) == 0)
        kind = ZSTD;
    else
        return FLOW_OK;
#ifdef FLOW_NO_ZSTD
    if (kind == ZSTD)
        return flow_error_set(err, FLOW_FORMAT,
                              "%s: is compressed with zstd, and this program was built without "
                              "libzstd; pipe it through zstd -dc and read standard input (-), or build the program "
                              "where libzstd is",
                              s->name);
#endif
    FLOW_TRY(unpacker_new(&s->unpacker, kind, err));
    s->compression = packing_names[kind];
    memcpy(s->unpacker->packed, s->first, s->n_first);
    s->unpacker->end = s->n_first;
    return FLOW_OK;
}

flow_status flow_byte_source_open(flow_byte_source *out, int descriptor, const char *name, flow_error *err)
{
    *out = (flow_byte_source){.name = name, .descriptor = descriptor, .is_owned = descriptor != STDIN_FILENO};
    size_t n = 1;
    while (out->n_first < FLOW_SIGNATURE_SIZE && n > 0) { /* a pipe may give a byte at a time */
        FLOW_TRY(source_read_file(out, out->first + out->n_first, FLOW_SIGNATURE_SIZE - out->n_first, &n, err));
        out->n_first += n;
    }
    return source_choose(out, err);
}

void flow_byte_source_close(flow_byte_source *s)
{
    unpacker_free(s->unpacker);
    if (s->is_owned)
        close(s->descriptor);
    *s = (flow_byte_source){0};
}

flow_status flow_byte_source_read(flow_byte_source *s, char *out, size_t room, size_t *n, flow_error *err)
{
    if (s->unpacker != NULL)
        return source_unpack(s, out, room, n, err);
    if (s->n_given == s->n_first)
        return source_read_file(s, out, room, n, err);
    const size_t waiting = s->n_first - s->n_given < room ? s->n_first - s->n_given : room;
    memcpy(out, s->first + s->n_given, waiting);
    FLOW_TRY(source_read_file(s, out + waiting, room - waiting, n, err));
    *n += waiting;
    s->n_given += waiting;
    return FLOW_OK;
}

static flow_status source_seek_file(const flow_byte_source *s, int64_t offset, flow_error *err)
{
    return lseek(s->descriptor, (off_t)offset, SEEK_SET) >= 0
               ? FLOW_OK
               : flow_error_set(err, FLOW_IO, "%s: cannot be read again: %s", s->name, strerror(errno));
}

flow_status flow_byte_source_seek(flow_byte_source *s, int64_t offset, flow_error *err)
{
    flow_unpacker *u = s->unpacker;
    s->n_given = s->n_first;
    if (u == NULL)
        return source_seek_file(s, offset, err);
    if (offset < u->n_unpacked) {
        FLOW_TRY(source_seek_file(s, 0, err));
        unpacker_restart(u);
    }
    while (u->n_unpacked < offset) {
        char passed[1 << 14];
        const int64_t left = offset - u->n_unpacked;
        size_t n;
        FLOW_TRY(source_unpack(s, passed, left < (int64_t)sizeof passed ? (size_t)left : sizeof passed, &n, err));
        if (n == 0)
            return flow_error_set(err, FLOW_DATA, "%s: has become shorter while it was read", s->name);
    }
    return FLOW_OK;
}
