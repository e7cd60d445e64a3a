/* Prints a man page, or the completion of a shell, from the tables of options: run by make, and not installed.
 *
 *     pages list                        the names of the commands
 *     pages man [COMMAND] VERSION DATE  the page of a command, or flowctl(1) without its notes
 *     pages bash|zsh|fish <TEMPLATE     the template with its line @TABLE@ filled in
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pages.h"

#include <stdio.h>
#include <string.h>

const command *const pages_commands[] = {
#define PAGES_ENTRY(name) &command_##name,
    COMMANDS(PAGES_ENTRY)
#undef PAGES_ENTRY
    NULL,
};

static int pages_print(flow_text *text)
{
    const bool good = !text->failed && text->data != NULL && fputs(text->data, stdout) >= 0 && fflush(stdout) == 0;
    flow_text_free(text);
    return good ? 0 : 1;
}

static int pages_list(void)
{
    flow_text text = {0};
    for (int i = 0; pages_commands[i] != NULL; i++)
        flow_text_add(&text, "%s\n", pages_commands[i]->name);
    return pages_print(&text);
}

static int pages_man(const char *name, const man_title *title)
{
    flow_text text = {0};
    if (name == NULL)
        man_program(&text, title);
    for (int i = 0; name != NULL && pages_commands[i] != NULL; i++)
        if (strcmp(pages_commands[i]->name, name) == 0)
            man_command(&text, pages_commands[i], title);
    return pages_print(&text);
}

static int pages_complete(void (*fill)(flow_text *))
{
    char line[4096];
    flow_text text = {0};
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "@TABLE@\n") == 0)
            fill(&text);
        else
            flow_text_add(&text, "%s", line);
    }
    return pages_print(&text);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "list") == 0)
        return pages_list();
    if (strcmp(what, "man") == 0 && (argc == 4 || argc == 5))
        return pages_man(argc == 5 ? argv[2] : NULL, &(man_title){argv[argc - 2], argv[argc - 1]});
    if (strcmp(what, "bash") == 0)
        return pages_complete(completion_bash);
    if (strcmp(what, "zsh") == 0)
        return pages_complete(completion_zsh);
    if (strcmp(what, "fish") == 0)
        return pages_complete(completion_fish);
    fprintf(stderr, "usage: pages list | man [COMMAND] VERSION DATE | bash | zsh | fish <TEMPLATE\n");
    return 2;
}
