/* A named array: the form in which modules hand their numbers to the model file and get them back. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_ARRAY_H
#define FLOW_CORE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum flow_array_kind { FLOW_ARRAY_FLOAT, FLOW_ARRAY_DOUBLE, FLOW_ARRAY_INT64 } flow_array_kind;

/* (rows, cols), row-major. `name` and `data` are borrowed from the module. The same struct serves for writing, where
 * the data are read, and for loading, where they are filled. */
typedef struct flow_array {
    const char *name;
    flow_array_kind kind;
    size_t rows, cols;
    void *data;
    bool optional; /* reading: where the file has no such array, `data` keeps its values */
} flow_array;

#endif
