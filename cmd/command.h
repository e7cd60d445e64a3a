/* What a command of the program is: its tables, its help, and a function that returns a flow_status.
 *
 * The program (flowctl.c) parses, calls `run` and turns the status into the exit code, so that a command does neither.
 * The struct that a command's options fill begins with a common_args.
 *
 * To add a command: a file cmd_NAME.c that defines `command_NAME`, and X(NAME) in the list below.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_COMMAND_H
#define FLOW_CMD_COMMAND_H

#include "console.h"
#include "core/error.h"
#include "opt.h"

/* In the order of the help page. */
#define COMMANDS(X) \
    X(train) X(sample) X(logprob) X(invert) X(info) X(check)

/* Options of every command, and how it was called. */
typedef struct common_args {
    bool help, quiet, json;
    int64_t threads; /* 0: as many as this process may use */
    int argc;        /* the whole command line, for provenance */
    char *const *argv;
} common_args;

/* Rows for the end of an option table; `type` is the struct, whose member `common` is a common_args. */
#define OPT_COMMON_JSON(type, text) \
    {.name = "json", .kind = OPT_FLAG, .offset = offsetof(type, common.json), .help = text}
#define OPT_COMMON_THREADS(type)                                                                                    \
    {.name = "threads", .letter = 'j', .kind = OPT_INT, .offset = offsetof(type, common.threads), .value = "N",     \
     .least = 1, .most = 1024, .help = "threads to use; all processors by default. No result depends on it"}
#define OPT_COMMON_QUIET(type)                                                                  \
    {.name = "quiet", .letter = 'q', .kind = OPT_FLAG, .offset = offsetof(type, common.quiet), \
     .help = "print nothing on standard error but warnings and errors"}
#define OPT_COMMON_HELP(type) \
    {.name = "help", .letter = 'h', .kind = OPT_FLAG, .offset = offsetof(type, common.help), .help = "show this page"}

/* Rows of the commands that read and write rows; `member` is the one that is filled. */
#define OPT_ROWS_OUTPUT(type, member)                                                                              \
    {.name = "output", .letter = 'o', .kind = OPT_TEXT, .offset = offsetof(type, member), .value = "OUT",          \
     .help = "where the rows go: FILE.csv, FILE.h5[:/set], or - for CSV on standard output, which is the default; " \
             "an HDF5 file keeps its other tables"}
#define OPT_ROWS_SKIP_INVALID(type, member)                                            \
    {.name = "skip-invalid", .kind = OPT_FLAG, .offset = offsetof(type, member),       \
     .help = "drop rows with missing or non-finite values and report their number, " \
             "instead of stopping at the first"}
#define OPT_ROWS_FLOAT(type, member)                                     \
    {.name = "float", .kind = OPT_FLAG, .offset = offsetof(type, member), \
     .help = "write single precision: half the size in HDF5, fewer digits in CSV"}

typedef struct command {
    const char *name;        /* "sample" */
    const char *summary;     /* one line */
    const char *description; /* paragraphs, wrapped when printed */
    const char *examples;    /* lines, printed as they are */
    const opt_argument *arguments; /* ends with a row whose name is NULL; may be NULL */
    const opt *options;            /* ends with OPT_END */
    size_t args_size;
    flow_status (*run)(void *args, console *con, flow_error *err);
} command;

#define COMMAND_DECLARE(name) extern const command command_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
