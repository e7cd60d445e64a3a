/* The program around its commands: the table of commands, dispatch, help pages, version, exit codes.
 *
 * Exit codes: 0 success, 1 failure, 2 a mistake in the command line or the spec, 128 + n stopped by signal n.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "model/file.h"
#include "report.h"
#include "run/version.h"
#include "stop.h"

static const command *const commands[] = {
#define COMMAND_ENTRY(name) &command_##name,
    COMMANDS(COMMAND_ENTRY)
#undef COMMAND_ENTRY
    NULL,
};

static const command *find_command(const char *name)
{
    for (int i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* The exit code: 0, or 1 when standard output cannot be written. */
static int print_page(console *con, flow_text *text)
{
    flow_error err = {0};
    flow_status status = report_take(text, &err);
    if (status != FLOW_OK)
        console_error(con, "%s", err.message);
    return status == FLOW_OK ? 0 : 1;
}

static int print_overview(console *con)
{
    flow_text text = {0};
    int width = (int)strlen("help");
    for (int i = 0; commands[i] != NULL; i++)
        width = (int)strlen(commands[i]->name) > width ? (int)strlen(commands[i]->name) : width;
    flow_text_add(&text, "flowctl: density estimation with normalizing flows\n\nUsage: flowctl COMMAND [arguments]\n\n"
                         "Commands:\n");
    for (int i = 0; commands[i] != NULL; i++)
        flow_text_add(&text, "  %-*s  %s\n", width, commands[i]->name, commands[i]->summary);
    flow_text_add(&text, "  %-*s  %s\n", width, "help", "show the options of a command: flowctl help COMMAND");
    flow_text_add(&text, "\nFor a first model:\n"
                         "  flowctl train configs/moons.json\n"
                         "  flowctl sample configs/moons.json -n 1000\n"
                         "\nflowctl --version shows the version and the libraries in use.\n");
    return print_page(con, &text);
}

static int print_help(console *con, const command *cmd)
{
    flow_text text = {0};
    char name[32];
    snprintf(name, sizeof name, "flowctl %s", cmd->name);
    flow_text_add(&text, "%s: %s\n\nUsage: ", name, cmd->summary);
    opt_usage(&text, name, cmd->options);
    flow_text_add(&text, "\n\n");
    opt_wrap(&text, cmd->description, 0, 0);
    flow_text_add(&text, "\n");
    opt_help(&text, cmd->options);
    if (cmd->examples != NULL)
        flow_text_add(&text, "\nExamples:\n%s\n", cmd->examples);
    return print_page(con, &text);
}

static int print_version(console *con)
{
    flow_text text = {0};
    flow_libraries libraries;
    flow_libraries_find(&libraries);
    flow_text_add(&text, "flowctl %s\n", flow_program_version());
    flow_report_text(&text, flow_libraries_fields, &libraries, 0, 15);
    return print_page(con, &text);
}

static int unknown_command(console *con, const char *name)
{
    enum { MOST = 32 };
    const char *names[MOST] = {"help"};
    int n = 1;
    for (int i = 0; commands[i] != NULL && n < MOST; i++)
        names[n++] = commands[i]->name;
    const char *nearest = flow_nearest(name + strspn(name, "-"), names, n);
    if (nearest != NULL)
        console_error(con, "unknown command \"%.60s\"; did you mean \"%s\"?", name, nearest);
    else
        console_error(con, "unknown command \"%.60s\"; \"flowctl help\" lists them", name);
    return 2;
}

static int exit_code(flow_status status)
{
    switch (status) {
    case FLOW_OK:
        return 0;
    case FLOW_SPEC:
    case FLOW_ARGUMENT:
        return 2;
    case FLOW_INTERRUPTED:
        return stop_signal() != 0 ? 128 + stop_signal() : 1;
    default:
        return 1;
    }
}

static int run_command(console *con, const command *cmd, int argc, char **argv)
{
    flow_error err = {0};
    void *args = calloc(1, cmd->args_size);
    if (args == NULL) {
        console_error(con, "out of memory");
        return 1;
    }
    common_args *common = args;
    common->argc = argc;
    common->argv = argv;
    int code = 0;
    flow_status status = opt_parse(args, cmd->options, argc - 2, argv + 2, &err);
    con->quiet = common->quiet;
    if (status == FLOW_OK && common->help) {
        code = print_help(con, cmd);
    } else {
        if (status == FLOW_OK)
            status = opt_check(args, cmd->options, &err);
        if (status != FLOW_OK) {
            console_error(con, "%s (see: flowctl help %s)", err.message, cmd->name);
        } else {
            status = cmd->run(args, con, &err);
            console_clear(con);
            if (status != FLOW_OK && err.message[0] != '\0')
                console_error(con, "%s", err.message);
        }
        code = exit_code(status);
    }
    free(args);
    return code;
}

int main(int argc, char **argv)
{
    console con;
    console_open(&con);
    /* a closed pipe is reported by the write that fails (report.h) */
    signal(SIGPIPE, SIG_IGN);
    /* a file that grows beyond the limit of the system is a failed write, too */
    signal(SIGXFSZ, SIG_IGN);
    /* HDF5 closes at exit what a failed write has left open, and crashes there; the commands close what they open */
    H5dont_atexit();
    /* HDF5 prints a stack of errors of its own by default */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);

    const char *first = argc > 1 ? argv[1] : "help";
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0 || strcmp(first, "version") == 0)
        return print_version(&con);
    if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        if (argc < 3)
            return print_overview(&con);
        const command *about = find_command(argv[2]);
        return about != NULL ? print_help(&con, about) : unknown_command(&con, argv[2]);
    }
    const command *cmd = find_command(first);
    if (cmd == NULL)
        return unknown_command(&con, first);
    return run_command(&con, cmd, argc, argv);
}
