/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/file.h"
#include "num/comm.h"
#include "num/gemm.h"
#include "run/version.h"
#include "stop.h"

flow_status job_begin(int *argc, char ***argv, console *con, flow_error *err)
{
    FLOW_TRY(flow_comm_start(argc, argv, err));
    if (flow_comm_rank(flow_comm_world()) == 0)
        return FLOW_OK;
    con->silent = true;
    const int nothing = open("/dev/null", O_WRONLY);
    const bool replaced = nothing >= 0 && dup2(nothing, STDOUT_FILENO) >= 0;
    const int code = errno;
    if (nothing >= 0)
        close(nothing);
    return replaced ? FLOW_OK : flow_error_open(err, "/dev/null", code);
}

bool job_take_mixed(int *argc, char **argv)
{
    bool found = false, only_arguments = flow_comm_library() == NULL;
    int n = 0;
    for (int i = 0; i < *argc; i++) {
        only_arguments = only_arguments || strcmp(argv[i], "--") == 0;
        if (!only_arguments && strcmp(argv[i], "--mixed") == 0)
            found = true;
        else
            argv[n++] = argv[i];
    }
    *argc = n;
    return found;
}

void job_add_help(flow_text *text, const command *cmd)
{
    if (flow_comm_library() == NULL)
        return;
    flow_text_add(text, "\nSeveral processes (mpirun, srun):\n");
    if (cmd->shares)
        flow_text_add(text, "  They share the work, and the result is that of one process.\n"
                            "  --mixed  also where they are different versions of the program, or run on different\n"
                            "           processors: the result may then depend on the number of processes\n");
    else
        flow_text_add(text, "  %s\n", cmd->alone ? "Rank 0 does the work alone." : "This command runs as one process.");
}

/* What the bits of a result depend on beside the spec, the data and the seed. */
typedef struct job_program {
    char name[320], text[320];
} job_program;

static void job_program_find(job_program *out, const common_args *common)
{
    *out = (job_program){0};
    char processor[64];
    flow_libraries libraries;
    flow_libraries_find(&libraries);
    flow_gemm_processor(processor, sizeof processor);
    snprintf(out->name, sizeof out->name, "%s", flow_comm_name());
    snprintf(out->text, sizeof out->text, "flowctl %s, %s, GSL %s, %s for %s, %s kernels", flow_program_version(),
             libraries.precision, libraries.gsl, libraries.gemm, processor, libraries.kernels);
    /* a training that goes on asks for it only where the option was not given */
    if (common->has_math) {
        const size_t length = strlen(out->text);
        snprintf(out->text + length, sizeof out->text - length, ", --math %s", flow_math_names[common->math]);
    }
}

/* Compares each rank with rank 0. */
static flow_status job_compare(const common_args *common, bool mixed, console *con, flow_error *err)
{
    const flow_comm *all = flow_comm_world();
    job_program mine, first;
    job_program_find(&mine, common);
    first = mine;
    flow_comm_broadcast(all, 0, &first, sizeof first);
    flow_status status = FLOW_OK;
    if (strcmp(mine.text, first.text) != 0)
        status = flow_error_set(err, FLOW_ARGUMENT, "this is %s, and %s is %s: what a rank computes would depend on it",
                                mine.text, first.name, first.text);
    status = flow_comm_agree(all, status, err);
    if (status == FLOW_OK)
        return FLOW_OK;
    if (!mixed) {
        const flow_error why = *err;
        return flow_error_set(err, status, "%s; start one program on processors of one kind, or add --mixed",
                              why.message);
    }
    console_say(con, CONSOLE_WARNING, "%s", err->message);
    return FLOW_OK;
}

flow_status job_run(const command *cmd, common_args *common, bool mixed, console *con, flow_error *err)
{
    const flow_comm *all = flow_comm_world();
    FLOW_TRY(flow_comm_agree(all, flow_error_prefix(err, flow_gemm_check(common->math, err), "--math "), err));
    flow_math_choose(common->math);
    if (flow_comm_size(all) > 1 && !cmd->alone && !cmd->shares)
        return flow_error_set(err, FLOW_ARGUMENT, "%s cannot be shared by %d processes: start it as one", cmd->name,
                              flow_comm_size(all));
    if (all != NULL && cmd->shares)
        FLOW_TRY(job_compare(common, mixed, con, err));
    common->comm = cmd->shares ? all : NULL;
    return cmd->shares || flow_comm_rank(all) == 0 ? cmd->run(common, con, err) : FLOW_OK;
}

static int job_exit_code(flow_status status, int outcome)
{
    switch (status) {
    case FLOW_OK:
        return outcome;
    case FLOW_SPEC:
    case FLOW_ARGUMENT:
        return 2;
    case FLOW_INTERRUPTED:
        /* where another rank has received the signal, flow_comm_finish has its number */
        return stop_signal() != 0 || flow_comm_world() != NULL ? 128 + stop_signal() : 1;
    default:
        return 1;
    }
}

int job_end(console *con, flow_status status, int outcome, const flow_error *err)
{
    const int code = job_exit_code(status, outcome);
    const bool first = flow_comm_rank(flow_comm_world()) == 0, speaks = flow_comm_meet(code);
    /* mpirun and srun kill what is left of a job as soon as one rank has ended with a status other than 0 */
    if (flow_comm_world() != NULL)
        stop_ignore();
    if (speaks && status != FLOW_OK && err->message[0] != '\0') {
        con->silent = false;
        console_say(con, CONSOLE_ERROR, "%s%s%s", first ? "" : flow_comm_name(), first ? "" : ": ", err->message);
    }
    return flow_comm_finish(code);
}
