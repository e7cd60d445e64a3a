/* What a flow is made of. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_DESCRIBE_H
#define FLOW_RUN_DESCRIBE_H

#include "flow/flow.h"
#include "run/report.h"

typedef struct flow_layer {
    char name[FLOW_NAME_SIZE], label[FLOW_NAME_SIZE + 16]; /* label: for the table, indented by depth */
    int depth;                /* how many composites it is within */
    int kept;                 /* of a split: how many dimensions go on; 0: not a split */
    int64_t parameters, fitted; /* trained weights, without those that a mask removes; fitted values */
    char shapes[80];        /* of its matrices: "128x9, 128x128, 18x128" */
    cJSON *columns;         /* of a column map: what it does with which column, an array of strings; owned */
} flow_layer;

/* Starts from {0}; flow_description_free. */
typedef struct flow_description {
    flow_layer *items;
    flow_list layers; /* of flow_layer: what is done to the context, column maps, blocks, composites before the blocks
                         within them, and a base with parameters */
    flow_list rows;   /* the same, and their total */
    char *notes;      /* lines on what the column maps do with which column; owned; NULL: none */
    int dimensions, context_dimensions, context_features;
    int n_linear, n_periodic; /* dimensions */
    int64_t parameters;
    const char *base; /* of the linear dimensions */
    bool embeds;
} flow_description;

/* {"dimensions": d, "context_dimensions": c, "context_features": as many as the conditioners have as inputs,
 * "parameters": N, "layers": [{"name", "parameters", "fitted", "depth", "dimensions" (that go on behind a split),
 * "columns"}, ...], "base": "normal"}; as text a table. */
extern const flow_report_field flow_description_fields[];

flow_status flow_describe(flow_description *out, const flow *f, flow_error *err);
void flow_description_free(flow_description *d);

#endif
