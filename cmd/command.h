/* What a command of the program is: its table of options, its help, and a function that returns a flow_status.
 *
 * The program (flowctl.c) parses, calls `run` and turns the status into the exit code, so that a command does neither.
 *
 * To add a command: a file cmd_NAME.c that defines `command_NAME`, and X(NAME) in the list below.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_COMMAND_H
#define FLOW_CMD_COMMAND_H

#include "console.h"
#include "core/error.h"
#include "num/comm.h"
#include "num/math_mode.h"
#include "opt.h"

/* In the order of the help page. */
#define COMMANDS(X) \
    X(init) X(train) X(tune) X(sample) X(logprob) X(score) X(diagnose) X(compare) X(plot) X(invert) X(interpolate) \
    X(info) X(check)

enum { COMMAND_REJECTED = 3 }; /* outcome: the program did its work, and the answer is no */

/* Options of every command, and how it was called: the first member of the struct that its table fills. */
typedef struct common_args {
    bool help, quiet, json;
    int64_t threads; /* 0: as many as this process may use */
    flow_math math;
    bool has_math; /* it was given */
    const flow_comm *comm; /* the processes that run the command together; NULL: this one alone */
    int outcome;     /* set by a command whose success has an exit status of its own */
    int argc;        /* the whole command line, for provenance */
    char *const *argv;
} common_args;

/* Rows for the end of a table, which OPT_COMMON_END ends. */
#define OPT_COMMON_JSON(text) {"json", 0, OPT_MEMBER(common_args, json), NULL, text}
#define OPT_COMMON_THREADS                                                                                   \
    {"threads", 'j', OPT_MEMBER(common_args, threads), "N",                                                  \
     "threads to use; all processors by default. No result depends on it", .least = 1, .most = 1024}
#define OPT_COMMON_MATH                                                                                      \
    {"math", 0, OPT_MEMBER(common_args, math), "MATH",                                                       \
     "how matrices are multiplied: float, or bf16x3, three products of bfloat16 parts, which is faster where " \
     "the processor has AMX, with a relative error of 4e-6",                                                  \
     .fallback = "float", .choices = flow_math_names, .given = offsetof(common_args, has_math)}
#define OPT_COMMON_QUIET(text) {"quiet", 'q', OPT_MEMBER(common_args, quiet), NULL, text}
#define OPT_COMMON_HELP {"help", 'h', OPT_MEMBER(common_args, help), NULL, "show this page"}
#define OPT_COMMON_END \
    OPT_COMMON_QUIET("print nothing on standard error but warnings and errors"), OPT_COMMON_HELP, OPT_END

typedef struct command {
    const char *name;        /* "sample" */
    const char *summary;     /* one line */
    const char *description; /* paragraphs, wrapped when printed */
    const char *examples;    /* lines, printed as they are */
    const opt *options;      /* and arguments; ends with OPT_END */
    size_t args_size;
    flow_status (*run)(void *args, console *con, flow_error *err);
    /* In a job of several processes (num/comm.h) all of them share the work, or rank 0 does it alone, and the others
     * wait. With neither the command is refused there. */
    bool shares, alone;
} command;

#define COMMAND_DECLARE(name) extern const command command_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
