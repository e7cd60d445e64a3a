/* The program as one of several processes (num/comm.h): which ranks work, which one speaks, and whether they are the
 * same program on the same kind of processor. A program that runs alone is not affected. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_JOB_H
#define FLOW_CMD_JOB_H

#include "command.h"

/* Joins the job. Ranks other than 0 print nothing from now on, neither results nor messages. */
flow_status job_begin(int *argc, char ***argv, console *con, flow_error *err);

/* Takes --mixed, an option of programs with MPI for all commands, out of the words of the command line. Returns whether
 * it was there. */
bool job_take_mixed(int *argc, char **argv);
/* Adds what the help of a command says of several processes, in a program with MPI. */
void job_add_help(flow_text *text, const command *cmd);

/* Runs the command at the ranks that take part in it. FLOW_ARGUMENT where several processes cannot run it, or where
 * they differ, unless they may (`mixed`). Collective. */
flow_status job_run(const command *cmd, common_args *common, bool mixed, console *con, flow_error *err);

/* Says the message of a failure, once for the job, and leaves the job. Returns the exit status of the program, of a
 * success `outcome`. */
int job_end(console *con, flow_status status, int outcome, const flow_error *err);

#endif
