/* From data alone to a spec: looks at a table or at images, decides what to model and how, and writes a spec whose
 * notes say why each thing is there. docs/automatic.md has the decisions with their reasons. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INIT_H
#define FLOW_RUN_INIT_H

#include "core/arena.h"
#include "core/option.h"
#include "run/hooks.h"
#include "data/csv_format.h"
#include "run/report.h"

typedef struct flow_run_init_options {
    const char *data;              /* a location */
    const char *spec;              /* the file to write; NULL: the name of the model, or else of the data, with .json */
    const char *model;             /* the model that the spec is to make; NULL: the name of the spec with .h5 */
    const char *validation, *test; /* locations, or shares of the rows as text; NULL: none is named */
    const char *columns, *drop, *context; /* "a,b,c"; NULL: none are named */
    const char *angles;                   /* "phi,hour=24": columns that are periodic */
    const char *weight;
    flow_number_list missing;     /* values that stand for a missing one */
    flow_csv_words csv;           /* how a text table is written */
    bool fast_sampling;           /* couplings, which sample as fast as they evaluate */
    double minutes;               /* about how long the training is to take on one processor; 0: not limited */
    const char *const *overrides; /* (n_overrides): KEY=VALUE, which the spec gets as its own */
    int n_overrides;
    bool force;  /* replace a spec that exists */
    bool resume; /* take a spec that exists, if it names the same data */
    bool trains; /* refuse now what would be refused when training begins: a model that exists, unless `force` */
} flow_run_init_options;

/* What was noticed, and decided about it. */
typedef struct flow_init_remark {
    const char *about; /* "left out", "whole numbers" */
    const char *text;  /* "id: row numbers; run: constant, 7" */
} flow_init_remark;

/* flow_run_init_free; all of it is of the arena but for the document. */
typedef struct flow_run_init_result {
    const char *location, *spec, *model; /* files */
    bool kept;                           /* the spec was there: nothing else was looked at or written */
    const char *row_name;                /* "rows", "images" */
    int64_t n_rows;                      /* usable ones, of the training table with its held-out share */
    int n_columns, n_modelled;
    flow_text_list left_out;
    flow_list remarks; /* of flow_init_remark */
    cJSON *document;   /* the spec; owned */
    flow_arena arena;
} flow_run_init_result;

/* FLOW_EXISTS when a file would be replaced. */
flow_status flow_run_init(flow_run_init_result *out, const flow_run_init_options *options, flow_error *err);
void flow_run_init_free(flow_run_init_result *result);

/* Whether `argument`, where a spec may stand, names data instead: a table, an HDF5 file that is no model, a folder. A
 * file that does not exist is data if the name says so. */
bool flow_names_data(const char *argument);

#endif
