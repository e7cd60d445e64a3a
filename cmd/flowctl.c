/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "program.h"

/* In the order of the help page. */
static const command *const commands[] = {
    &command_train, &command_sample, &command_logprob, &command_invert, &command_info, &command_check, NULL,
};

int main(int argc, char **argv)
{
    return program_run(commands, argc, argv);
}
