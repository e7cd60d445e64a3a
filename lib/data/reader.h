/* What all kinds of table readers share. Internal to lib/data; data/table.h is the interface. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_READER_H
#define FLOW_DATA_READER_H

#include "data/table.h"

/* More columns than this are taken for damage: a file must not decide how much memory is allocated. */
enum { FLOW_COLUMNS_MAX = 1 << 16 };

/* The lines of a text that begin in a range of bytes. */
typedef struct flow_text_part {
    int64_t begin; /* where the first one begins */
    int64_t lines, rows;
    int64_t plain; /* 1: each row is a line, and there are no comments among them; else 0 */
} flow_text_part;

/* The dropped rows of a part of a table. The caller counts those of all parts, in their order. */
typedef struct flow_dropped_rows {
    size_t n, n_valued;
    int64_t *numbers; /* (n), at least as many as the part has rows; -1 - number for a row without values */
    double *values;   /* (n_valued, d) */
} flow_dropped_rows;

/* One kind of table. `close` releases what the kind owns; reader.c releases the common part. */
typedef struct flow_reader_type {
    flow_status (*read)(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                        flow_error *err);
    flow_position (*tell)(const flow_reader *reader);
    flow_status (*seek)(flow_reader *reader, const flow_position *position, flow_error *err);
    void (*limit)(flow_reader *reader, int64_t rows); /* optional; see flow_reader_limit */
    void (*close)(flow_reader *reader);
    /* of text, see below; else NULL */
    flow_status (*count)(flow_reader *reader, int64_t from, int64_t to, flow_text_part *out, flow_error *err);
    flow_status (*pass)(flow_reader *reader, int64_t rows, flow_error *err);
} flow_reader_type;

/* Both give a reader whose common part is complete; it is the caller's even after an error, and may be NULL then. */
flow_status flow_csv_reader_open(flow_reader **out, const char *file, const char *path,
                                 const flow_reader_options *options, flow_error *err);
flow_status flow_h5_reader_open(flow_reader **out, const char *file, const char *path,
                                const flow_reader_options *options, flow_error *err);
/* `file` is a folder, or a PNG file. */
flow_status flow_png_reader_open(flow_reader **out, const char *file, const char *path,
                                 const flow_reader_options *options, flow_error *err);
/* The table at a single location. `options` is not NULL. */
flow_status flow_reader_open_one(flow_reader **out, const char *location, const flow_reader_options *options,
                                 flow_error *err);
/* Several tables side by side, as one; `name` is for messages. FLOW_DATA when they have different numbers of rows. The
 * columns of a table without names are called after it: "showers_1", "showers_2", ..., or "energy" if it is one. */
flow_status flow_join_reader_open(flow_reader **out, const char *name, const flow_name_list *locations,
                                  const flow_reader_options *options, flow_error *err);
/* Reads CSV from an open descriptor, which the reader closes. */
flow_status flow_csv_reader_open_descriptor(flow_reader **out, int descriptor, const char *name,
                                            const flow_reader_options *options, flow_error *err);

/* Chooses columns: fills reader->columns and *chosen (owned; indices into `all`, the names of all columns). FLOW_DATA
 * for an unknown name (with the nearest one), a name of two columns, and a name that is chosen twice. */
flow_status flow_reader_choose(flow_reader *reader, int **chosen, const flow_name_list *all,
                               const flow_reader_options *options, flow_error *err);

/* The same where some columns, those with `aside` (all->n), are read only if the caller names them. */
flow_status flow_reader_choose_among(flow_reader *reader, int **chosen, const flow_name_list *all, const bool *aside,
                                     const flow_reader_options *options, flow_error *err);

/* Whether a field of CSV is a word: neither a number nor one of the usual marks of a missing value. */
bool flow_csv_is_word(const char *field, size_t length);

/* Of text (text_bytes > 0). Counts the lines that begin in the bytes [from, to), neither of which is before the first
 * row; the reader has to be sought afterwards. */
flow_status flow_reader_count(flow_reader *reader, int64_t from, int64_t to, flow_text_part *out, flow_error *err);
/* Of text whose rows are lines: passes over rows without a look at their values. */
flow_status flow_reader_pass(flow_reader *reader, int64_t rows, flow_error *err);

/* Adds a remark, a sentence that the location can stand in front of: "its fields are separated by tabs". */
flow_status flow_reader_remark(flow_reader *reader, flow_error *err, const char *format, ...) FLOW_PRINTF(3, 4);

/* How many rows from `row` on may still be read (reader->end). */
static inline int64_t flow_reader_left(const flow_reader *reader, int64_t row)
{
    return reader->end > 0 ? reader->end - row : INT64_MAX;
}

/* Counts row `row` as dropped, once, or puts it into reader->dropped. `values` (columns.n), of which the invalid ones
 * are not finite or codes, may be NULL. */
void flow_reader_drop(flow_reader *reader, int64_t row, double *values);

#endif
