/* The tables of completion.bash, completion.zsh and completion.fish. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "ode/solver.h"
#include "pages.h"

/* ---- what options are ---- */

static bool page_is_argument(const opt *o)
{
    return o->name != NULL && (o->kind == OPT_ARGUMENT || o->kind == OPT_ARGUMENTS || o->kind == OPT_OPTIONAL);
}

static bool page_is_spec_of_flow(const char *value)
{
    return strcmp(value, "METHOD") == 0;
}

/* By the name of the value, as the help has it. Arguments that take what is for those behind them are any files. */
page_kind page_kind_of(const opt *o)
{
    const char *value = page_is_argument(o) ? o->name : o->value;
    if (o->kind == OPT_ARGUMENTS && page_is_argument(o + 1))
        return PAGE_FILE;
    if (o->kind == OPT_FLAG)
        return PAGE_NOTHING;
    if (strcmp(value, "SPEC") == 0 || strcmp(value, "SPEC|DATA") == 0)
        return PAGE_SPEC;
    if (o->choices != NULL || strchr(value, '|') != NULL || page_is_spec_of_flow(value))
        return PAGE_WORDS;
    if (strcmp(value, "MODEL") == 0)
        return PAGE_MODEL;
    if (strcmp(value, "DATA") == 0 || strcmp(value, "OUT") == 0 || strncmp(value, "FILE", 4) == 0)
        return PAGE_FILE;
    return strcmp(value, "KEY=VALUE") == 0 ? PAGE_KEY : PAGE_VALUE;
}

void page_words(flow_text *out, const opt *o)
{
    const char *between = "";
    for (int i = 0; o->choices != NULL && o->choices[i] != NULL; i++, between = " ")
        flow_text_add(out, "%s%s", between, o->choices[i]);
    for (int i = 0; o->choices == NULL && page_is_spec_of_flow(o->value) && flow_solvers.types[i] != NULL; i++) {
        flow_text_add(out, "%s%s", between, flow_solvers.types[i]->name);
        between = " ";
    }
    for (const char *c = o->value; *between == '\0' && *c != '\0'; c++)
        flow_text_add(out, "%c", *c == '|' ? ' ' : *c);
}

void page_summary(flow_text *out, const opt *o)
{
    enum { MOST = 70 };
    flow_text help = {0};
    opt_help_text(&help, o);
    const char *words = help.data != NULL ? help.data : "";
    if (strcmp(o->name, "json") == 0 && o->kind == OPT_FLAG)
        words = "print the result as one JSON object";
    size_t length = strcspn(words, ":;(");
    for (const char *c = words; (c = strstr(c, ", ")) != NULL && c < words + length; c++)
        if (c - words > 20 || length > MOST) {
            length = (size_t)(c - words);
            break;
        }
    const char *stop = strstr(words, ". ");
    if (stop != NULL && stop < words + length)
        length = (size_t)(stop - words);
    while (length > MOST || (length > 0 && words[length - 1] == ' '))
        length--;
    for (size_t i = 0; i < length; i++)
        if (strchr("'\"`[]\\$", words[i]) == NULL)
            flow_text_add(out, "%c", words[i]);
    flow_text_free(&help);
}

/* A text within single quotes, for zsh and fish. */
static void page_add_quoted(flow_text *out, const char *words)
{
    for (const char *c = words; *c != '\0'; c++)
        flow_text_add(out, *c == '\'' ? "'\\''" : "%c", *c);
}

/* ---- bash: a function that prints, for a command, "@KIND" for each of its arguments, "@KIND+" for one that may come
 * again, and "--name", "--name:KIND" and the same of the letter ---- */

static void bash_add_kind(flow_text *out, const opt *o)
{
    static const char *const kinds[] = {"", "value", "words", "model", "spec", "file", "key"};
    const page_kind kind = page_kind_of(o);
    flow_text words = {0};
    if (kind != PAGE_WORDS) {
        flow_text_add(out, "%s", kinds[kind]);
        return;
    }
    page_words(&words, o);
    for (char *c = words.data; c != NULL && *c != '\0'; c++)
        flow_text_add(out, *c == ' ' ? "|" : "%c", *c);
    flow_text_free(&words);
}

static void bash_add_option(flow_text *out, const opt *o)
{
    const char *colon = o->kind == OPT_FLAG ? "" : ":";
    flow_text_add(out, " --%s%s", o->name, colon);
    bash_add_kind(out, o);
    if (o->letter == '\0')
        return;
    flow_text_add(out, " -%c%s", o->letter, colon);
    bash_add_kind(out, o);
}

void completion_bash(flow_text *out)
{
    flow_text_add(out, "_flowctl_commands='");
    for (int i = 0; pages_commands[i] != NULL; i++)
        flow_text_add(out, "%s ", pages_commands[i]->name);
    flow_text_add(out, "help'\n_flowctl_table() {\n    case $1 in\n");
    for (int i = 0; pages_commands[i] != NULL; i++) {
        flow_text_add(out, "        %s) echo '", pages_commands[i]->name);
        const opt *o = pages_commands[i]->options;
        for (; page_is_argument(o); o++) {
            flow_text_add(out, "%s@", o == pages_commands[i]->options ? "" : " ");
            bash_add_kind(out, o);
            flow_text_add(out, o->kind == OPT_ARGUMENTS ? "+" : "");
        }
        for (; o->name != NULL; o++)
            bash_add_option(out, o);
        flow_text_add(out, "' ;;\n");
    }
    flow_text_add(out, "        help) echo \"@${_flowctl_commands// /|}\" ;;\n    esac\n}\n"
                       "_flowctl_keys() {\n    cat <<'END'\n");
    page_keys(out);
    flow_text_add(out, "END\n}\n");
}

/* ---- zsh: a case for each command with its call of _arguments ---- */

static void zsh_add_action(flow_text *out, const opt *o)
{
    static const char *const actions[] = {"", "", "", "_flowctl_models", "_files", "_files", "_flowctl_settings"};
    flow_text_add(out, ":%s:", page_is_argument(o) ? o->name : o->value);
    if (page_kind_of(o) == PAGE_WORDS) {
        flow_text_add(out, "(");
        page_words(out, o);
        flow_text_add(out, ")");
    } else {
        flow_text_add(out, "%s", actions[page_kind_of(o)]);
    }
}

static void zsh_add_option(flow_text *out, const opt *o)
{
    const char *value = o->kind == OPT_FLAG ? "" : "=", *letter_value = o->kind == OPT_FLAG ? "" : "+";
    const bool again = o->kind == OPT_TEXTS;
    flow_text_add(out, " \\\n                ");
    if (again && o->letter == '\0')
        flow_text_add(out, "'*--%s%s[", o->name, value);
    else if (o->letter == '\0')
        flow_text_add(out, "'--%s%s[", o->name, value);
    else
        flow_text_add(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, letter_value, o->name, value);
    page_summary(out, o);
    flow_text_add(out, "]");
    if (o->kind != OPT_FLAG)
        zsh_add_action(out, o);
    flow_text_add(out, "'");
}

void completion_zsh(flow_text *out)
{
    flow_text_add(out, "_flowctl_commands=(\n");
    for (int i = 0; pages_commands[i] != NULL; i++) {
        flow_text_add(out, "    '%s:", pages_commands[i]->name);
        page_add_quoted(out, pages_commands[i]->summary);
        flow_text_add(out, "'\n");
    }
    flow_text_add(out, "    'help:show the options of a command'\n)\n\n_flowctl_options() {\n    case $1 in\n");
    for (int i = 0; pages_commands[i] != NULL; i++) {
        const opt *o = pages_commands[i]->options;
        flow_text_add(out, "        %s)\n            _arguments -s -S", pages_commands[i]->name);
        for (; page_is_argument(o); o++) {
            flow_text_add(out, " \\\n                '%s",
                          o->kind == OPT_ARGUMENTS  ? "*"
                          : o->kind == OPT_OPTIONAL ? ":"
                                                    : "");
            zsh_add_action(out, o);
            flow_text_add(out, "'");
            if (o->kind == OPT_ARGUMENTS) /* takes all words */
                while (page_is_argument(o + 1))
                    o++;
        }
        for (; o->name != NULL; o++)
            zsh_add_option(out, o);
        flow_text_add(out, "\n            ;;\n");
    }
    flow_text_add(out, "        help) _describe command _flowctl_commands ;;\n    esac\n}\n\n_flowctl_keys=(\n");
    flow_text keys = {0};
    page_keys(&keys);
    for (char *line = keys.data != NULL ? strtok(keys.data, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
        flow_text_add(out, "    '%s'\n", line);
    flow_text_add(out, ")\n");
    flow_text_free(&keys);
}

/* ---- fish: a line for each option ---- */

static void fish_add(flow_text *out, const char *name, const opt *o)
{
    static const char *const sources[] = {
        "", "-x", "", "-x -a '(__flowctl_models)'", "-r -F", "-r -F", "-x -a '(__flowctl_settings)'"};
    const page_kind kind = page_kind_of(o);
    flow_text_add(out, "complete -c flowctl -n '__fish_seen_subcommand_from %s' -l %s", name, o->name);
    if (o->letter != '\0')
        flow_text_add(out, " -s %c", o->letter);
    if (kind == PAGE_WORDS) {
        flow_text_add(out, " -x -a '");
        page_words(out, o);
        flow_text_add(out, "'");
    } else if (kind != PAGE_NOTHING) {
        flow_text_add(out, " %s", sources[kind]);
    }
    flow_text_add(out, " -d '");
    page_summary(out, o);
    flow_text_add(out, "'\n");
}

void completion_fish(flow_text *out)
{
    flow_text_add(out, "set -g __flowctl_commands");
    for (int i = 0; pages_commands[i] != NULL; i++)
        flow_text_add(out, " %s", pages_commands[i]->name);
    flow_text_add(out, "\n");
    for (int i = 0; pages_commands[i] != NULL; i++) {
        const command *cmd = pages_commands[i];
        flow_text_add(out, "complete -c flowctl -n __flowctl_needs_command -f -a %s -d '", cmd->name);
        page_add_quoted(out, cmd->summary);
        flow_text_add(out, "'\n");
        const opt *o = cmd->options;
        bool models = false;
        for (; page_is_argument(o); o++)
            models = models || page_kind_of(o) == PAGE_MODEL;
        if (models)
            flow_text_add(out, "complete -c flowctl -n '__fish_seen_subcommand_from %s' -a '(__flowctl_models)'\n",
                          cmd->name);
        for (; o->name != NULL; o++)
            fish_add(out, cmd->name, o);
    }
    flow_text_add(out, "function __flowctl_keys\n    echo '");
    page_keys(out);
    flow_text_add(out, "'\nend\n");
}
