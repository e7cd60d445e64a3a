/* A command that several processes share, and that ends at one of them as the arguments say, for test/mpi_job.bats:
 *
 *     mpi_job HOW RANK [--mixed]
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crash.h"
#include "h5/scope.h"
#include "job.h"
#include "num/comm.h"
#include "stop.h"

typedef struct job_args {
    common_args common;
    const char *how;
    bool chosen; /* this is the rank */
} job_args;

/* A rank that needs the others goes on so until all stop. */
static flow_status work_until_stopped(flow_error *err)
{
    const struct timespec step = {.tv_nsec = 5000000};
    while (!flow_comm_any(flow_comm_world(), stop_asked(NULL)))
        nanosleep(&step, NULL);
    return flow_error_set(err, FLOW_INTERRUPTED, "stopped by %s", stop_signal_name());
}

static flow_status job_work(void *at, console *con, flow_error *err)
{
    const job_args *args = at;
    const flow_comm *all = flow_comm_world();
    stop_watch(NULL);
    printf("a result\n");
    fflush(stdout);
    console_say(con, CONSOLE_NOTE, "a note");
    console_say(con, CONSOLE_WARNING, "a warning");
    if (strcmp(args->how, "all") == 0)
        return flow_error_set(err, FLOW_DATA, "the same everywhere");
    if (strcmp(args->how, "agree") == 0) {
        const flow_status mine = args->chosen ? flow_error_set(err, FLOW_SPEC, "only here") : FLOW_OK;
        return flow_comm_agree(all, mine, err);
    }
    if (strcmp(args->how, "late") == 0)
        return args->chosen ? flow_error_set(err, FLOW_IO, "only here") : FLOW_OK;
    if (strcmp(args->how, "reject") == 0) {
        ((job_args *)at)->common.outcome = COMMAND_REJECTED;
        return FLOW_OK;
    }
    if (strcmp(args->how, "crash-all") == 0 || (strcmp(args->how, "crash") == 0 && args->chosen)) {
        flow_h5_begin("damaged.h5");
        raise(SIGSEGV);
    }
    if (strcmp(args->how, "alone") == 0 && args->chosen)
        return flow_error_set(err, FLOW_SPEC, "only here");
    if (strcmp(args->how, "kill") == 0 && args->chosen)
        raise(SIGKILL);
    if (strcmp(args->how, "term") == 0 && args->chosen)
        raise(SIGTERM);
    if (strcmp(args->how, "usr1") == 0 && args->chosen)
        raise(SIGUSR1);
    return strcmp(args->how, "fine") == 0 ? FLOW_OK : work_until_stopped(err);
}

int main(int argc, char **argv)
{
    console con;
    flow_error err = {0};
    console_open(&con);
    flow_status status = job_begin(&argc, &argv, &con, &err);
    crash_watch(con.silent ? flow_comm_name() : NULL);
    const bool mixed = job_take_mixed(&argc, argv);
    if (argc != 3)
        status = flow_error_set(&err, FLOW_ARGUMENT, "mpi_job HOW RANK");
    job_args args = {.how = argv[1]};
    if (status == FLOW_OK) {
        const bool refused = strcmp(args.how, "refuse") == 0, leave = strcmp(args.how, "leave") == 0;
        const command work = {.name = "work", .run = job_work, .shares = !refused && !leave, .alone = leave};
        args.how = leave || refused ? "fine" : args.how;
        args.chosen = flow_comm_rank(flow_comm_world()) == atoi(argv[2]);
        status = job_run(&work, &args.common, mixed, &con, &err);
    }
    return job_end(&con, status, args.common.outcome, &err);
}
