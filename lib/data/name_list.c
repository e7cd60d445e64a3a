/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/name_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

flow_status flow_name_list_add(flow_name_list *names, const char *text, size_t length, flow_error *err)
{
    char *copy = malloc(length + 1);
    if (copy == NULL || !flow_grow(&names->at, &names->capacity, (size_t)names->n + 1, sizeof *names->at)) {
        free(copy);
        return flow_error_memory(err, "the names of the columns");
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    names->at[names->n++] = copy;
    return FLOW_OK;
}

flow_status flow_name_list_copy(flow_name_list *names, const char *const *texts, int n, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && status == FLOW_OK; i++)
        status = flow_name_list_add(names, texts[i], strlen(texts[i]), err);
    return status;
}

flow_status flow_name_list_split(flow_name_list *names, const char *text, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (size_t length; status == FLOW_OK && text != NULL; text = text[length] != '\0' ? text + length + 1 : NULL) {
        length = strcspn(text, ",");
        status = flow_name_list_add(names, text, length, err);
    }
    return status;
}

flow_status flow_name_list_number(flow_name_list *names, char letter, int n, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "%c%d", letter, i + 1);
        status = flow_name_list_add(names, name, (size_t)length, err);
    }
    return status;
}

void flow_name_list_free(flow_name_list *names)
{
    for (int i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
    *names = (flow_name_list){0};
}
