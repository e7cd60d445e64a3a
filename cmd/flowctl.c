/* The program around its commands: the table of commands, dispatch, help pages, version, exit codes.
 *
 * Exit codes: 0 success, 1 failure, 2 a mistake in the command line or the spec, 3 a model that is rejected, 128 + n
 * stopped by signal n.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "crash.h"
#include "job.h"
#include "num/comm.h"
#include "report.h"
#include "run/build_info.h"

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

static flow_status print_overview(flow_error *err)
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
                         "  flowctl train events.csv\n"
                         "  flowctl sample events.h5 -n 1000\n"
                         "\nflowctl --version shows the version, and what the program was built with.\n");
    return report_take(&text, err);
}

static flow_status print_help(const command *cmd, flow_error *err)
{
    flow_text text = {0};
    flow_text_add(&text, "flowctl %s: %s\n\nUsage: flowctl ", cmd->name, cmd->summary);
    opt_usage(&text, cmd->name, cmd->options);
    flow_text_add(&text, "\n\n");
    flow_text_wrap(&text, cmd->description, 0, 0);
    flow_text_add(&text, "\n");
    opt_help(&text, cmd->options);
    job_add_help(&text, cmd);
    if (cmd->examples != NULL)
        flow_text_add(&text, "\nExamples:\n%s\n", cmd->examples);
    return report_take(&text, err);
}

static flow_status print_version(console *con, int argc, char **argv, flow_error *err)
{
    flow_build_info info;
    report_format format = {.fields = flow_build_info_fields, .width = 15};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") != 0)
            return flow_error_set(err, FLOW_ARGUMENT, "%.60s: --version takes nothing but --json", argv[i]);
        format.json = true;
    }
    flow_build_info_find(&info);
    return report_print(con, &format, &info, err);
}

static flow_status unknown_command(const char *name, flow_error *err)
{
    enum { MOST = 32 };
    const char *names[MOST] = {"help"};
    int n = 1;
    for (int i = 0; commands[i] != NULL && n < MOST; i++)
        names[n++] = commands[i]->name;
    const char *nearest = flow_nearest(name + strspn(name, "-"), names, n);
    if (nearest != NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "unknown command \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return flow_error_set(err, FLOW_ARGUMENT, "unknown command \"%.60s\"; \"flowctl help\" lists them", name);
}

/* *outcome: the exit status of a success. */
static flow_status run_command(console *con, const command *cmd, int argc, char **argv, int *outcome, flow_error *err)
{
    common_args *common = calloc(1, cmd->args_size);
    char **words = calloc((size_t)argc, sizeof *words);
    if (common == NULL || words == NULL) {
        free(common);
        free(words);
        return flow_error_memory(err, "the options");
    }
    common->argc = argc;
    common->argv = argv;
    int n_words = argc - 2;
    memcpy(words, argv + 2, (size_t)n_words * sizeof *words);
    const bool mixed = job_take_mixed(&n_words, words);
    flow_status status = opt_parse(common, cmd->options, n_words, words, err);
    con->quiet = common->quiet;
    const bool help = status == FLOW_OK && common->help;
    if (status == FLOW_OK && !help)
        status = opt_check(common, cmd->options, err);
    if (status != FLOW_OK) {
        const flow_error why = *err;
        flow_error_set(err, status, "%s (see: flowctl help %s)", why.message, cmd->name);
    } else {
        status = help ? print_help(cmd, err) : job_run(cmd, common, mixed, con, err);
    }
    *outcome = common->outcome;
    free(common);
    free(words);
    return status;
}

static flow_status run(console *con, int argc, char **argv, int *outcome, flow_error *err)
{
    const char *first = argc > 1 ? argv[1] : "help";
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0 || strcmp(first, "version") == 0)
        return print_version(con, argc, argv, err);
    const bool help = strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0;
    if (help && argc < 3)
        return print_overview(err);
    const char *name = help ? argv[2] : first;
    const command *cmd = find_command(name);
    if (cmd == NULL)
        return unknown_command(name, err);
    return help ? print_help(cmd, err) : run_command(con, cmd, argc, argv, outcome, err);
}

/* Standard streams that are closed are opened on nothing, in the wrong direction, so that reading and writing fail.
 * Else a file that is opened later would be one of them, and receive messages. */
static void open_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int k = STDIN_FILENO; k <= STDERR_FILENO; k++)
        if (fcntl(k, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[k]) < 0)
            exit(1);
}

int main(int argc, char **argv)
{
    console con;
    flow_error err = {0};
    open_standard_streams();
    /* HDF5 closes at exit what a failed write has left open, and crashes there; the commands close what they open */
    H5dont_atexit();
#ifdef H5_HAVE_PARALLEL
    H5open(); /* once MPI has started, HDF5 would do the same when MPI ends */
#endif
    console_open(&con);
    flow_status status = job_begin(&argc, &argv, &con, &err);
    /* a closed pipe is reported by the write that fails (report.h) */
    signal(SIGPIPE, SIG_IGN);
    /* a file that grows beyond the limit of the system is a failed write, too */
    signal(SIGXFSZ, SIG_IGN);
    /* HDF5 prints a stack of errors of its own by default */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    crash_watch(con.silent ? flow_comm_name() : NULL);
    int outcome = 0;
    if (status == FLOW_OK)
        status = run(&con, argc, argv, &outcome, &err);
    console_clear(&con);
    return job_end(&con, status, outcome, &err);
}
