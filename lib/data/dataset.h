/* A data set for training and evaluation: a table that is checked once and served in batches.
 *
 * flow_dataset_open reads the whole table once: every value is checked, rows are counted, column statistics and a
 * checksum are taken. A table that fits the memory budget is held; a larger one is read again each epoch, block by
 * block, on request by a thread that reads ahead.
 *
 * Order. Epoch e of seed s has one order of the rows that depends on nothing else: exact when the rows are held (a
 * random permutation of all of them), and otherwise blocks in random order, several of them pooled and their
 * rows permuted. Their number depends on the memory budget: the same order needs the same budget.
 * Serving can start at any row of an epoch, so that a stopped run continues where it was.
 *
 * Shares. The rows are split by counter-based random numbers of (seed, row) into a training part, a held-out part
 * (`share`) and a test part (`test_share`), which are opened separately and never overlap, at any size and without any
 * list. The held-out rows are a share of those that are not in the test part.
 *
 * Ranks. The processes of a job may share a data set (`comm`, num/comm.h). Each reads its part of the rows when the
 * table is opened (data/scan_ranks.h), keeps its part of the rows that are held, and reads its part of those that are
 * not. Rows, order, numbers and errors are those of one process. The budget of memory is that of all of them together.
 *
 * A row holds the columns of the data, then those of the context, then the weight of the row if there is one. A row of
 * weight 0 is left out. Where weights are so large or so small that sums of them would be no numbers, they are served
 * in another unit, a power of two.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_H
#define FLOW_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "data/survey.h"
#include "data/table.h"
#include "num/comm.h"

typedef enum flow_part { FLOW_PART_ALL, FLOW_PART_TRAINING, FLOW_PART_HELD_OUT, FLOW_PART_TEST } flow_part;

typedef struct flow_dataset_options {
    const char *const *columns; /* as in flow_reader_options */
    int n_columns;
    bool skip_invalid;
    flow_number_list missing; /* as in flow_reader_options, as the next one */
    flow_csv_format csv;
    size_t memory_bytes; /* budget of the rows when held (of a table 8 bytes a value); 0: no limit */
    double share, test_share; /* from 0 (no such part) to below 1; used when part is not FLOW_PART_ALL */
    flow_part part;
    uint64_t seed; /* of the split */
    const char *const *context; /* columns of the context: after the others */
    int n_context;
    const char *weight; /* column of the rows' weights: the last one. NULL: no weights */
    flow_image image;   /* as in flow_reader_options */
    bool allow_negative_weights;
    bool flip; /* half of the images of a shuffled epoch, by (seed, epoch, number of the row), are mirrored left to
                  right */
    bool survey;     /* look at the columns (data/survey.h); not of images */
    const flow_comm *comm; /* the ranks that share the rows; borrowed. NULL: this process alone */
    bool read_ahead; /* a thread reads the next rows that are not held; rows, order and errors stay the same */
} flow_dataset_options;

/* Over the valid rows of the part that was opened. */
typedef struct flow_column_summary {
    const char *name;  /* borrowed from the data set */
    double least, most, mean, deviation; /* deviation: square root of the unbiased variance */
    double tied;       /* share of the most frequent value, estimated from a sample of rows; 1: constant */
    double distinct;   /* number of distinct values in that sample, as a share of the sample */
} flow_column_summary;

/* What is known about a data set, for reading only; all of it lives as long as the data set. */
typedef struct flow_dataset {
    const flow_comm *comm; /* the ranks that share the rows: then all functions but flow_dataset_close are collective */
    char *location;
    const char *const *columns; /* (n_columns) names: of the data, then of the context, then of the weight */
    int n_columns, n_context;
    bool has_names;             /* the names come from the file */
    flow_image image;           /* what the columns of the data make; a shape of {0}: rows of a table */
    flow_value_type stored;     /* of the data, as far as the file says */
    int n_classes;              /* the labels of images are 0 to n_classes - 1; 0: not read, or not known */
    const char *const *classes; /* (n_classes) their names, where there are any; NULL: none */
    bool is_weighted;           /* the weights are not negative, unless that was allowed, and their sum is positive */
    bool is_held;
    bool is_packed;             /* as in flow_reader: rows that are not held are read in the order of the file only */
    size_t row_bytes;           /* of a row that is held: of images in the type on file, of a table in double */
    int64_t n_rows;
    int64_t n_skipped;          /* invalid ones */
    flow_skipped skipped;       /* what is known about them */
    int64_t n_weightless;       /* left out: of weight 0 */
    double weight_unit;         /* of the weights that are served; 1, but for extreme ones */
    double effective_rows;      /* (sum w)^2 / sum(w^2) (Kish 1965); without weights n_rows */
    uint32_t checksum;          /* CRC-32 (zlib) over the values as little-endian doubles, in file order */
    flow_name_list remarks;     /* as in flow_reader */
    flow_column_summary *summary; /* (n_columns) */
    flow_survey *survey;        /* of all valid rows of the table, whatever their part and weight; NULL: not asked for,
                                   or the rows are images */
} flow_dataset;

flow_status flow_dataset_open(flow_dataset **out, const char *location, const flow_dataset_options *options,
                              flow_error *err);
/* The same of a table in memory, whose rows and names are borrowed for the life of the data set. */
flow_status flow_dataset_open_rows(flow_dataset **out, const flow_table_rows *table,
                                   const flow_dataset_options *options, flow_error *err);
void flow_dataset_close(flow_dataset *data);

/* How its rows are shown as images: bytes from 0 to 255, other values from the least to the most. */
flow_picture_options flow_dataset_picture(const flow_dataset *data);

/* FLOW_DATA when a column of the data is constant, since its density is unbounded, but for those marked in `discrete`
 * (of the columns of the data; NULL: none), or when the values of a column of data or context are too large or too
 * close to each other to be standardised. With a survey, a column is constant as well if all rows but a handful have
 * the same value, whichever part these are in. */
flow_status flow_dataset_check_spread(const flow_dataset *data, const bool *discrete, flow_error *err);

/* Copies up to n_max rows that represent the set (all of them when they fit, else rows spread over the file) into
 * rows (n_max, d): for data-dependent initial values. Do not call it in the middle of an epoch. */
flow_status flow_dataset_sample(flow_dataset *data, double *rows, size_t n_max, size_t *n_read, flow_error *err);

/* Starts epoch `epoch` of `seed` at row `start` of its order (0: the beginning). */
flow_status flow_dataset_shuffle(flow_dataset *data, uint64_t seed, int64_t epoch, int64_t start, flow_error *err);
/* Starts at the first row, in file order. */
void flow_dataset_rewind(flow_dataset *data);

/* The next up to n_max rows of the order begun by shuffle or rewind, into rows (n_max, d); `numbers` (n_max, may be
 * NULL) receives each row's number in the file, counted from 0. *n_read is 0 at the end of the epoch. */
flow_status flow_dataset_next(flow_dataset *data, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                              flow_error *err);

/* The same for the ranks that share the data set: of the next bounds[R] rows, which there have to be, rank r of R gets
 * those from bounds[r] to bounds[r + 1] into its `rows` and `numbers`. flow_dataset_next gives all ranks all rows. */
flow_status flow_dataset_next_share(flow_dataset *data, double *rows, int64_t *numbers, const int64_t *bounds,
                                    flow_error *err);

/* Goes on with the checksum of a data set, which starts from 0, over n more values. */
uint32_t flow_dataset_checksum(uint32_t sum, const double *values, size_t n);

#endif
