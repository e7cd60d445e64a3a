/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/option.h"

#include <stdarg.h>
#include <string.h>

const flow_option flow_no_options[] = {FLOW_OPTIONS_END};
const flow_option flow_option_repeat =
    FLOW_KEY_INT(flow_choice, repeat, "1", 1, FLOW_REPEAT_MAX, "how many of these, one after the other");

const flow_option *flow_option_find(const flow_option *table, const char *key)
{
    for (const flow_option *option = table; option->key != NULL; option++)
        if (strcmp(option->key, key) == 0)
            return option;
    return NULL;
}

const flow_type_info *flow_choices_find(const flow_choices *choices, const char *name)
{
    for (int i = 0; choices->types[i] != NULL; i++)
        if (strcmp(choices->types[i]->name, name) == 0)
            return choices->types[i];
    return NULL;
}

void flow_choices_hint(char out[FLOW_HINT_SIZE], const flow_choices *choices, const char *name)
{
    enum { MOST = 64 };
    const char *names[MOST] = {NULL};
    int n = 0;
    for (; n < MOST && choices->types[n] != NULL; n++)
        names[n] = choices->types[n]->name;
    flow_hint(out, name, names, n, "known types");
}

const char *flow_option_fallback(const flow_option *option, const flow_type_info *type)
{
    const char *const *own = type != NULL ? type->defaults : NULL;
    for (; own != NULL && own[0] != NULL; own += 2)
        if (strcmp(own[0], option->key) == 0)
            return own[1];
    return flow_option_is_required(option) ? NULL : option->fallback;
}

flow_status flow_option_fail(flow_error *err, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flow_error_setv(err, FLOW_SPEC, format, args);
    va_end(args);
    return flow_error_prefix(err, FLOW_SPEC, ".%s: ", key);
}

flow_status flow_option_locate(flow_error *err, flow_status code, const char *path)
{
    if (code != FLOW_OK && err != NULL && path[0] != '\0')
        flow_error_prefix(err, code, err->message[0] == '.' ? "%s" : "%s: ", path);
    return code;
}
