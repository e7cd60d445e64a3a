/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/read_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

flow_status flow_read_expected(const flow_json *at, const char *expected, flow_error *err)
{
    char found[80];
    flow_json_describe(found, sizeof found, at);
    return flow_json_fail(at, err, "expected %s, found %s", expected, found);
}

static flow_status read_range(const flow_json *at, const flow_option *option, double value, flow_error *err)
{
    bool exclusive = option->kind == FLOW_OPTION_TEXT_OR_NUMBER;
    if (exclusive ? value > option->least && value < option->most : value >= option->least && value <= option->most)
        return FLOW_OK;
    char found[FLOW_NUMBER_SIZE], least[FLOW_NUMBER_SIZE], most[FLOW_NUMBER_SIZE];
    flow_number_print(found, value);
    flow_number_print(least, option->least);
    flow_number_print(most, option->most);
    if (exclusive)
        return flow_json_fail(at, err, "%s is out of range; a number is between %s and %s here", found, least, most);
    if (isinf(option->most) || (option->most >= 9e15 && value < option->least))
        return flow_json_fail(at, err, "%s is out of range; allowed is %s or more", found, least);
    return flow_json_fail(at, err, "%s is out of range; allowed is %s to %s", found, least, most);
}

/* A whole number within the range of the option. */
static flow_status read_whole(int64_t *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsNumber(at->node))
        return flow_read_expected(at, "a whole number", err);
    double value = at->node->valuedouble;
    FLOW_TRY(read_range(at, option, value, err));
    if (value != floor(value) || fabs(value) > 9007199254740992.0)
        return flow_read_expected(at, "a whole number", err);
    *out = (int64_t)value;
    return FLOW_OK;
}

/* `"reverse", "random" or MORE`, MORE being the last word when it is NULL. */
static void read_list_words(char *out, size_t size, const char *const *words, const char *more)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; words[i] != NULL && used < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] == NULL && more == NULL ? " or " : ", ";
        used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", before, words[i]);
    }
    if (more != NULL && used < size)
        snprintf(out + used, size - used, " or %s", more);
}

/* `more`: what may stand in place of a word, for messages; NULL: nothing. */
static flow_status read_word(int *out, const flow_json *at, const char *const *words, const char *more, flow_error *err)
{
    char list[240];
    read_list_words(list, sizeof list, words, more);
    if (!cJSON_IsString(at->node))
        return flow_read_expected(at, list, err);
    const char *word = at->node->valuestring;
    int n = 0;
    for (; words[n] != NULL; n++) {
        if (strcmp(words[n], word) == 0) {
            *out = n;
            return FLOW_OK;
        }
    }
    const char *nearest = flow_nearest(word, words, n);
    return flow_json_fail(at, err, "found \"%.60s\", allowed is %s%s%s%s", word, list,
                          nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                          nearest != NULL ? "\"?" : "");
}

/* The elements of a list. It may be long: one walk along it, and paths are made for messages alone. */
static flow_status read_elements(int *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    int i = 0;
    for (const cJSON *node = at->node->child; node != NULL; node = node->next, i++) {
        double value = cJSON_IsNumber(node) ? node->valuedouble : NAN;
        if (value >= option->least && value <= option->most && value == floor(value)) {
            out[i] = (int)value;
            continue;
        }
        flow_json element = flow_json_element(at, i);
        int64_t ignored;
        return read_whole(&ignored, &element, option, err);
    }
    return FLOW_OK;
}

static flow_status read_ints(flow_int_list *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsArray(at->node))
        return flow_read_expected(at, "a list of whole numbers", err);
    int n = cJSON_GetArraySize(at->node);
    if (n > FLOW_LIST_MAX)
        return flow_json_fail(at, err, "%d elements, at most %d are allowed", n, FLOW_LIST_MAX);
    out->n = n;
    return read_elements(out->at, at, option, err);
}

static flow_status read_number(double *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsNumber(at->node))
        return flow_read_expected(at, "a number", err);
    *out = at->node->valuedouble;
    return read_range(at, option, *out, err);
}

static flow_status read_numbers(flow_number_list *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsArray(at->node))
        return flow_read_expected(at, "a list of numbers", err);
    out->n = cJSON_GetArraySize(at->node);
    if (out->n > FLOW_LIST_MAX)
        return flow_json_fail(at, err, "%d elements, at most %d are allowed", out->n, FLOW_LIST_MAX);
    for (int i = 0; i < out->n; i++) {
        const flow_json element = flow_json_element(at, i);
        FLOW_TRY(read_number(&out->at[i], &element, option, err));
    }
    return FLOW_OK;
}

static flow_status read_word_or_ints(flow_word_or_ints *out, const flow_json *at, const flow_option *option,
                                     flow_arena *arena, flow_error *err)
{
    if (!cJSON_IsArray(at->node))
        return read_word(&out->word, at, option->words, "a list of whole numbers", err);
    int n = cJSON_GetArraySize(at->node);
    int *values = flow_arena_take(arena, (size_t)n, sizeof *values);
    if (values == NULL)
        return flow_error_memory(err, at->path);
    *out = (flow_word_or_ints){.word = -1, .n = n, .at = values};
    return read_elements(values, at, option, err);
}

static flow_status read_text(const char **out, const flow_json *at, flow_arena *arena, flow_error *err)
{
    if (!cJSON_IsString(at->node))
        return flow_read_expected(at, "a text", err);
    if (at->node->valuestring[0] == '\0')
        return flow_json_fail(at, err, "the text is empty; name something or leave the key out");
    *out = flow_arena_text(arena, at->node->valuestring);
    return *out != NULL ? FLOW_OK : flow_error_memory(err, at->path);
}

static flow_status read_texts(flow_text_list *out, const flow_json *at, const flow_option *option, flow_arena *arena,
                              flow_error *err)
{
    if (!cJSON_IsArray(at->node))
        return flow_read_expected(at, "a list of texts such as [\"mass\", \"energy\"]", err);
    int n = cJSON_GetArraySize(at->node), i = 0;
    if (n < 1 || n > option->most)
        return flow_json_fail(at, err, "%d elements; allowed are 1 to %.0f, or leave the key out", n, option->most);
    const char **texts = flow_arena_take(arena, (size_t)n, sizeof *texts);
    if (texts == NULL)
        return flow_error_memory(err, at->path);
    for (const cJSON *node = at->node->child; node != NULL; node = node->next, i++) {
        if (!cJSON_IsString(node) || node->valuestring[0] == '\0') {
            flow_json element = flow_json_element(at, i);
            return flow_read_expected(&element, "a text", err);
        }
        texts[i] = flow_arena_text(arena, node->valuestring);
        if (texts[i] == NULL)
            return flow_error_memory(err, at->path);
    }
    *out = (flow_text_list){.n = n, .at = texts};
    const char *twice;
    FLOW_TRY(flow_find_repeated(&twice, texts, (size_t)n, err));
    return twice != NULL ? flow_json_fail(at, err, "\"%.60s\" is listed twice", twice) : FLOW_OK;
}

/* The texts of a list, with commas in between. */
static flow_status read_joined(const char **out, const flow_json *at, flow_arena *arena, flow_error *err)
{
    const flow_option any = {.most = FLOW_LIST_MAX};
    flow_text_list list = {0};
    flow_text text = {0};
    FLOW_TRY(read_texts(&list, at, &any, arena, err));
    for (int i = 0; i < list.n; i++)
        flow_text_add(&text, "%s%s", i > 0 ? "," : "", list.at[i]);
    *out = text.failed ? NULL : flow_arena_text(arena, text.data);
    flow_text_free(&text);
    return *out != NULL ? FLOW_OK : flow_error_memory(err, at->path);
}

static flow_status read_text_or_number(flow_text_or_number *out, const flow_json *at, const flow_option *option,
                                       flow_arena *arena, flow_error *err)
{
    if (option->joined && cJSON_IsArray(at->node))
        return read_joined(&out->text, at, arena, err);
    if (!cJSON_IsNumber(at->node))
        return cJSON_IsString(at->node) ? read_text(&out->text, at, arena, err)
                                        : flow_read_expected(at, "a text or a number", err);
    out->number = at->node->valuedouble;
    return read_range(at, option, out->number, err);
}

static flow_status read_alternatives_of(flow_alternatives *out, const flow_json *at, flow_arena *arena, flow_error *err)
{
    const int n = cJSON_GetArraySize(at->node);
    int i = 0;
    if (!cJSON_IsArray(at->node))
        return flow_read_expected(at, "a list of values", err);
    if (n < 1)
        return flow_json_fail(at, err, "the list is empty; give it a value, or leave the key out");
    const char **values = flow_arena_take(arena, (size_t)n, sizeof *values);
    *out = (flow_alternatives){flow_arena_text(arena, at->node->string), n, values};
    if (values == NULL || out->key == NULL)
        return flow_error_memory(err, at->path);
    for (const cJSON *node = at->node->child; node != NULL; node = node->next, i++) {
        char *text = cJSON_PrintUnformatted(node);
        values[i] = text != NULL ? flow_arena_text(arena, text) : NULL;
        free(text);
        if (values[i] == NULL)
            return flow_error_memory(err, at->path);
    }
    return FLOW_OK;
}

static flow_status read_alternatives(flow_alternatives_list *out, const flow_json *at, flow_arena *arena,
                                     flow_error *err)
{
    const int n = cJSON_GetArraySize(at->node);
    int i = 0;
    if (!cJSON_IsObject(at->node))
        return flow_read_expected(at, "an object of lists such as {\"train.batch\": [128, 256]}", err);
    flow_alternatives *list = flow_arena_take(arena, (size_t)n, sizeof *list);
    if (list == NULL)
        return flow_error_memory(err, at->path);
    for (cJSON *node = at->node->child; node != NULL; node = node->next, i++) {
        const flow_json member = flow_json_child(at, node);
        FLOW_TRY(read_alternatives_of(&list[i], &member, arena, err));
    }
    *out = (flow_alternatives_list){n, list};
    return FLOW_OK;
}

flow_status flow_read_value(void *out, const flow_option *option, const flow_json *at, flow_arena *arena,
                            flow_error *err)
{
    switch (option->kind) {
    case FLOW_OPTION_FLAG:
        *(bool *)out = cJSON_IsTrue(at->node);
        return cJSON_IsBool(at->node) ? FLOW_OK : flow_read_expected(at, "true or false", err);
    case FLOW_OPTION_INT:
        return read_whole(out, at, option, err);
    case FLOW_OPTION_NUMBER:
        return read_number(out, at, option, err);
    case FLOW_OPTION_WORD:
        return read_word(out, at, option->words, NULL, err);
    case FLOW_OPTION_TEXT:
        return option->joined && cJSON_IsArray(at->node) ? read_joined(out, at, arena, err)
                                                         : read_text(out, at, arena, err);
    case FLOW_OPTION_INTS:
        return read_ints(out, at, option, err);
    case FLOW_OPTION_NUMBERS:
        return read_numbers(out, at, option, err);
    case FLOW_OPTION_TEXTS:
        return read_texts(out, at, option, arena, err);
    case FLOW_OPTION_WORD_OR_INTS:
        return read_word_or_ints(out, at, option, arena, err);
    case FLOW_OPTION_TEXT_OR_NUMBER:
        return read_text_or_number(out, at, option, arena, err);
    case FLOW_OPTION_ALTERNATIVES:
        return read_alternatives(out, at, arena, err);
    default:
        return FLOW_OK;
    }
}
