/* What the commands have in common that take or make rows of a model. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_ROWS_H
#define FLOW_CMD_ROWS_H

#include "command.h"
#include "data/csv_format.h"
#include "report.h"
#include "run/row_walk.h"
#include "run/session.h"

/* The first member of the struct that their tables fill. */
typedef struct row_args {
    common_args common;
    const char *model;
    const char *missing; /* "-999,9.96921e36"; NULL: those of the model */
    flow_csv_words csv;  /* of the data */
    flow_session_options session;
} row_args;

/* Rows of their tables; `type` is the struct, and `member` is filled. */
#define OPT_ROWS_MODEL \
    OPT_ARGUMENT_ROW("MODEL", OPT_ARGUMENT, row_args, model, "a model file, or the spec that trained it")
#define OPT_ROWS_DATA(type, member) \
    OPT_ARGUMENT_ROW("DATA", OPT_ARGUMENT, type, member, "FILE.csv, FILE.h5[:/set], or - for CSV on standard input")
#define OPT_ROWS_OUTPUT(type, member)                                                                              \
    {"output", 'o', OPT_MEMBER(type, member), "OUT",                                                               \
     "where the rows go: FILE.csv, FILE.h5[:/set], or - for CSV on standard output, which is the default; an HDF5 " \
     "file keeps its other tables"}
#define OPT_ROWS_FORCE(type, member)               \
    {"force", 'f', OPT_MEMBER(type, member), NULL, \
     "replace a file, or a table in an HDF5 file, that exists and that flowctl did not write"}
/* `effect`: what becomes of them in the results. */
#define OPT_ROWS_SKIP_INVALID(type, member, effect)     \
    {"skip-invalid", 0, OPT_MEMBER(type, member), NULL, \
     "skip rows with missing or non-finite values and report their number, instead of stopping at the first" effect}
#define OPT_ROWS_SKIPPED_ARE_NAN "; in the output they are rows of nan"
#define OPT_ROWS_MISSING(type, member)                                                                               \
    {"missing", 0, OPT_MEMBER(type, member), "A,B", "values that stand for a missing one in any column, such as "      \
     "-999,9.96921e36: they are as invalid as nan is"}
#define OPT_ROWS_CSV(type, member)                                                                                 \
    {"delimiter", 0, OPT_MEMBER(type, member.delimiter), "C",                                                       \
     "what separates the fields of CSV that is read: one character, tab, or blanks; by default that is found out"}, \
    {"decimal", 0, OPT_MEMBER(type, member.decimal), "C",                                                           \
     "what stands before the decimals in CSV that is read: a point or a comma; by default that is found out"},      \
    {"header", 0, OPT_MEMBER(type, member.header), "yes|no",                                                        \
     "whether the first line of CSV has the names of the columns; by default that is found out"}
/* `effect`: where the weights count. */
#define OPT_ROWS_WEIGHT(type, member, effect)        \
    {"weight", 0, OPT_MEMBER(type, member), "COLUMN", \
     "weigh the rows by this column" effect           \
     ", instead of by the weight column of the training, which is used where the data have it"}
#define OPT_ROWS_FLOAT(type, member)             \
    {"float", 0, OPT_MEMBER(type, member), NULL, \
     "write single precision: half the size in HDF5, fewer digits in CSV"}

/* Opens the model, and completes the options. `prints`: rows go to standard output unless -o or --json is given.
 * FLOW_ARGUMENT when --json and the rows of -o would both go to standard output. */
flow_status rows_open(flow_session *s, row_args *args, flow_row_options *rows, bool prints, console *con,
                      flow_error *err);

#endif
