/* Man pages in the macros of man(7). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>

#include "pages.h"

/* Text that has no macros: a backslash, a hyphen of an option, and a point or an apostrophe at the beginning of a line
 * would be taken for some. */
static void man_add(flow_text *out, const char *words)
{
    bool begins = out->length == 0 || out->data[out->length - 1] == '\n';
    for (const char *c = words; *c != '\0'; c++) {
        if (begins && (*c == '.' || *c == '\''))
            flow_text_add(out, "\\&");
        if (*c == '\\')
            flow_text_add(out, "\\e");
        else if (*c == '-')
            flow_text_add(out, "\\-");
        else if (*c == '\'')
            flow_text_add(out, "\\(aq");
        else if (*c == '^')
            flow_text_add(out, "\\(ha");
        else if (*c == '~')
            flow_text_add(out, "\\(ti");
        else if (*c == '`')
            flow_text_add(out, "\\(ga");
        else
            flow_text_add(out, "%c", *c);
        begins = *c == '\n';
    }
}

/* Each sentence begins on a line of its own, as troff wants it. A point ends one if a blank and a capital follow. */
static void man_add_paragraph(flow_text *out, const char *words)
{
    flow_text line = {0};
    for (const char *c = words; *c != '\0'; c++) {
        const bool ends = c[0] == '.' && c[1] == ' ' && isupper((unsigned char)c[2]);
        flow_text_add(&line, "%c", *c);
        if (ends) {
            flow_text_add(&line, "\n");
            c++;
        }
    }
    man_add(out, line.data != NULL ? line.data : "");
    flow_text_add(out, "\n");
    flow_text_free(&line);
}

static void man_head(flow_text *out, const char *name, const char *summary, const man_title *title)
{
    flow_text_add(out, ".\\\" Made from the tables of the program; changes belong there.\n.TH ");
    for (const char *c = name; *c != '\0'; c++)
        flow_text_add(out, "%c", toupper((unsigned char)*c));
    flow_text_add(out, " 1 %s \"flowctl %s\" \"User Commands\"\n.SH NAME\n", title->date, title->version);
    man_add(out, name);
    flow_text_add(out, " \\- ");
    man_add(out, summary);
    flow_text_add(out, "\n");
}

/* ---- a command ---- */

static bool man_is_argument(const opt *o)
{
    return o->name != NULL && (o->kind == OPT_ARGUMENT || o->kind == OPT_ARGUMENTS || o->kind == OPT_OPTIONAL);
}

static void man_synopsis(flow_text *out, const command *cmd)
{
    flow_text_add(out, ".SH SYNOPSIS\n.B flowctl %s\n", cmd->name);
    for (const opt *o = cmd->options; man_is_argument(o); o++)
        flow_text_add(out,
                      o->kind == OPT_OPTIONAL    ? ".RI [ %s ]\n"
                      : o->kind == OPT_ARGUMENTS ? ".IR %s ...\\&\n"
                                                 : ".I %s\n",
                      o->name);
    flow_text_add(out, ".RI [ options ]\n");
}

static void man_help(flow_text *out, const opt *o)
{
    flow_text help = {0};
    opt_help_text(&help, o);
    man_add_paragraph(out, help.data != NULL ? help.data : "");
    flow_text_free(&help);
}

static void man_option(flow_text *out, const opt *o)
{
    flow_text_add(out, ".TP\n.B ");
    if (o->letter != '\0')
        flow_text_add(out, "\\-%c\\fR, \\fB", o->letter);
    flow_text_add(out, "\\-\\-");
    man_add(out, o->name);
    if (o->kind != OPT_FLAG) {
        flow_text_add(out, " \\fI");
        man_add(out, o->value);
    }
    flow_text_add(out, "\\fR\n");
    man_help(out, o);
}

static void man_exit_status(flow_text *out)
{
    static const char *const rows[][2] = {
        {"0", "Success."},
        {"1", "A failure."},
        {"2", "A mistake on the command line or in the spec."},
        {"3", "The program did its work, and its answer is no: diagnose alone ends so."},
        {"130, 143, 129, 138", "Stopped by SIGINT, SIGTERM, SIGHUP or SIGUSR1."},
    };
    flow_text_add(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        flow_text_add(out, ".TP\n.B %s\n%s\n", rows[i][0], rows[i][1]);
}

static void man_see_also(flow_text *out, const command *own)
{
    flow_text_add(out, ".SH SEE ALSO\n");
    if (own != NULL)
        flow_text_add(out, ".BR flowctl (1),\n");
    for (int i = 0; pages_commands[i] != NULL; i++)
        if (pages_commands[i] != own)
            flow_text_add(out, ".BR flowctl\\-%s (1),\n", pages_commands[i]->name);
    flow_text_add(out, ".BR flowctl\\-spec (5)\n");
}

void man_command(flow_text *out, const command *cmd, const man_title *title)
{
    char name[64] = "flowctl-";
    strncat(name, cmd->name, sizeof name - strlen(name) - 1);
    man_head(out, name, cmd->summary, title);
    man_synopsis(out, cmd);
    flow_text_add(out, ".SH DESCRIPTION\n");
    man_add_paragraph(out, cmd->description);
    const opt *o = cmd->options;
    for (; man_is_argument(o); o++) {
        flow_text_add(out, "%s.TP\n.I %s\n", o == cmd->options ? ".SH ARGUMENTS\n" : "", o->name);
        man_help(out, o);
    }
    flow_text_add(out, ".SH OPTIONS\n");
    for (; o->name != NULL; o++)
        man_option(out, o);
    man_exit_status(out);
    if (cmd->examples != NULL) {
        flow_text_add(out, ".SH EXAMPLES\n.nf\n");
        man_add(out, cmd->examples);
        flow_text_add(out, "\n.fi\n");
    }
    man_see_also(out, cmd);
}

/* ---- the program ---- */

void man_program(flow_text *out, const man_title *title)
{
    man_head(out, "flowctl", "density estimation with normalizing flows", title);
    flow_text_add(out,
                  ".SH SYNOPSIS\n.B flowctl\n.I COMMAND\n.RI [ arguments ]\n.br\n.B flowctl help\n.I COMMAND\n.br\n"
                  ".B flowctl \\-\\-version\n.RB [ \\-\\-json ]\n.SH DESCRIPTION\n");
    man_add_paragraph(out, "flowctl learns the probability density of a table of numbers with a normalizing flow, by "
                           "exact maximum likelihood. Afterwards it gives the log-density of new rows, draws new rows, "
                           "and maps rows to the latent space and back. It reads and writes CSV and HDF5.");
    flow_text_add(out, ".SH COMMANDS\n");
    for (int i = 0; pages_commands[i] != NULL; i++) {
        flow_text_add(out, ".TP\n.BR flowctl\\-%s (1)\n", pages_commands[i]->name);
        man_add(out, pages_commands[i]->summary);
        flow_text_add(out, "\n");
    }
    flow_text_add(out, ".SH EXAMPLES\n.nf\n");
    man_add(out, "  flowctl train events.csv\n  flowctl logprob events.h5 new.csv\n  flowctl sample events.h5 -n 1000");
    flow_text_add(out, "\n.fi\n");
    man_exit_status(out);
    man_see_also(out, NULL);
}
