/* Any words as a command line: the options of a command are parsed, and what the texts among them say, and nothing is
 * run. Whatever the words are, there is an error with a message, or arguments that are the same when the words are
 * parsed again.
 *
 * The words are the lines of the input; the first one chooses the command. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "data/csv_format.h"
#include "data/location.h"
#include "data/missing.h"
#include "model/spec.h"
#include "train_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 256 };

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_command: %s\n", what);
    abort();
}

static const command *const commands[] = {
#define COMMAND_ENTRY(name) &command_##name,
    COMMANDS(COMMAND_ENTRY)
#undef COMMAND_ENTRY
};

/* The nearest thing to a name: an unknown one chooses by its first byte. */
static const command *choose(const char *name)
{
    const size_t n = sizeof commands / sizeof commands[0];
    for (size_t i = 0; i < n; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return commands[(unsigned char)name[0] % n];
}

static flow_status parse(void *args, const command *cmd, int n, char *const *words)
{
    flow_error err = {0};
    flow_status status = opt_parse(args, cmd->options, n, words, &err);
    if (status == FLOW_OK)
        status = opt_check(args, cmd->options, &err);
    require(status == FLOW_OK || (status == FLOW_ARGUMENT && err.message[0] != '\0'), "an error without a message");
    return status;
}

/* Each value lies within its limits. */
static void check_limits(const char *args, const opt *o)
{
    for (; o->name != NULL; o++) {
        const bool limited = o->least != 0 || o->most != 0;
        if (o->kind == OPT_CHOICE) {
            int chosen, n = 0;
            memcpy(&chosen, args + o->offset, sizeof chosen);
            while (o->choices[n] != NULL)
                n++;
            require(chosen >= 0 && chosen < n, "a choice that there is not");
        } else if (o->kind == OPT_TEXTS) {
            const opt_texts *texts = (const opt_texts *)(const void *)(args + o->offset);
            require(texts->n >= 0 && texts->n <= OPT_TEXTS_MAX, "too many texts");
        } else if (o->kind == OPT_INT && limited) {
            int64_t number;
            memcpy(&number, args + o->offset, sizeof number);
            require(number == 0 || ((double)number >= o->least && (double)number <= o->most), "a number out of range");
        }
    }
}

static void require_read(flow_status status, const flow_error *err)
{
    require(status == FLOW_OK || err->message[0] != '\0', "an error without a message");
}

/* A text as each kind of list and word that commands read from one. */
static void read_text(const char *text)
{
    flow_number_list numbers;
    flow_name_list names = {0};
    flow_csv_format format;
    flow_location location;
    flow_error err = {0};
    require_read(flow_missing_read(&numbers, text, &err), &err);
    require_read(flow_name_list_split(&names, text, &err), &err);
    flow_name_list_free(&names);
    require_read(flow_csv_words_read(&format, &(flow_csv_words){text, text, text}, &err), &err);
    require_read(flow_location_name(&location, text, &err), &err);
    flow_location_free(&location);
    free(flow_location_join("/folder", text));
}

static void read_texts(const char *args, const opt *o)
{
    for (; o->name != NULL; o++) {
        const char *text = NULL;
        if (o->kind == OPT_TEXT || o->kind == OPT_ARGUMENT || o->kind == OPT_OPTIONAL)
            memcpy(&text, args + o->offset, sizeof text);
        if (text != NULL)
            read_text(text);
    }
}

/* What train and tune override of a spec. */
static void override(train_args *args)
{
    char *owned[TRAIN_OVERRIDES] = {0};
    flow_error err = {0};
    flow_status status = train_collect_overrides(&args->set, owned, args, &err);
    require_read(status, &err);
    cJSON *spec = cJSON_CreateObject();
    if (status == FLOW_OK)
        require_read(flow_spec_override(spec, args->set.at, args->set.n, &err), &err);
    cJSON_Delete(spec);
    for (int i = 0; i < TRAIN_OVERRIDES; i++)
        free(owned[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *words[WORDS_MAX];
    int n = 0;
    require(text != NULL, "no memory for the input");
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *at = text; n < WORDS_MAX && at != NULL; n++) {
        char *end = strchr(at, '\n');
        if (end != NULL)
            *end++ = '\0';
        words[n] = at;
        at = end;
    }
    const command *cmd = choose(words[0]);
    char *once = calloc(1, cmd->args_size), *again = calloc(1, cmd->args_size);
    require(once != NULL && again != NULL, "no memory for the options");
    flow_status status = parse(once, cmd, n - 1, words + 1);
    require(parse(again, cmd, n - 1, words + 1) == status, "another status the second time");
    require(memcmp(once, again, cmd->args_size) == 0, "other arguments the second time");
    if (status == FLOW_OK) {
        check_limits(once, cmd->options);
        read_texts(once, cmd->options);
        if (cmd == &command_train || cmd == &command_tune)
            override((train_args *)(void *)once);
    }
    free(once);
    free(again);
    free(text);
    return 0;
}

#include "fuzz_replay.h"
