/* A growing list of names that it owns. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_NAME_LIST_H
#define FLOW_DATA_NAME_LIST_H

#include <stddef.h>

#include "core/error.h"

/* Start from {0}. */
typedef struct flow_name_list {
    char **at;
    int n;
    size_t capacity;
} flow_name_list;

/* Appends a copy of the first `length` bytes of `text`. */
flow_status flow_name_list_add(flow_name_list *names, const char *text, size_t length, flow_error *err);
/* Appends copies of n texts. */
flow_status flow_name_list_copy(flow_name_list *names, const char *const *texts, int n, flow_error *err);
/* Appends the names of "a,b,c". */
flow_status flow_name_list_split(flow_name_list *names, const char *text, flow_error *err);
/* Appends x1, x2, ... xn with the letter "x". */
flow_status flow_name_list_number(flow_name_list *names, char letter, int n, flow_error *err);
void flow_name_list_free(flow_name_list *names);

#endif
