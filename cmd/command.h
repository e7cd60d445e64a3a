/* What a command of the program is: its tables, its help, and a function that returns a flow_status.
 *
 * The program (program.h) parses, calls `run` and turns the status into the exit code, so that a command does neither.
 * The struct a command's options fill begins with a common_args.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_COMMAND_H
#define FLOW_CMD_COMMAND_H

#include "core/error.h"
#include "console.h"
#include "opt.h"

/* What every command understands, and how it was called. */
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

extern const command command_train, command_sample, command_logprob, command_invert, command_info, command_check;

#endif
