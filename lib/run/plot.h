/* Pictures of models and data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_H
#define FLOW_RUN_PLOT_H

#include "draw/terminal.h"
#include "run/row_walk.h"
#include "run/session.h"

typedef enum flow_plot_kind {
    FLOW_PLOT_AUTO,        /* corner with data, sheet with data of images, else curves */
    FLOW_PLOT_CORNER,      /* columns and pairs of columns: the models' draws against the data */
    FLOW_PLOT_SAMPLES,     /* points of a pair of columns: data beside draws */
    FLOW_PLOT_MAP,         /* log p over a pair of columns */
    FLOW_PLOT_GIVEN,       /* columns and pairs of columns of draws for given contexts */
    FLOW_PLOT_CURVES,      /* training curves */
    FLOW_PLOT_CALIBRATION, /* PIT of latents and columns, coverage of the regions of highest density */
    FLOW_PLOT_SHEET        /* images: data above, draws below */
} flow_plot_kind;

/* The names of the kinds, NULL-terminated. */
extern const char *const flow_plot_kinds[];

enum { FLOW_PLOT_MODELS_MAX = 6, FLOW_PLOT_COLUMNS_MAX = 12, FLOW_PLOT_LEVELS_MAX = 5 };

typedef struct flow_run_plot_options {
    flow_plot_kind kind;
    const char *const *models; /* (n_models) files, or specs that trained them */
    int n_models;
    flow_row_options rows;    /* input: the data, NULL without; output: the picture, NULL without */
    const char *script;       /* FILE.gp; NULL: not kept */
    const char *weight;       /* a column; NULL: that of the model, where the data have it */
    const char *columns;      /* "a,b"; NULL: chosen */
    const char *const *given; /* (n_given) contexts, "energy=2" */
    int n_given;
    const char *levels; /* "68,95": masses within contours, in percent; NULL: 39.3, 86.5, 98.9 */
    const char *size;   /* "800x600" of the picture, in pixels; NULL: chosen */
    int map;            /* flow_color_map */
    bool text;          /* for a terminal, too; without output and script that is so */
    bool no_text;       /* not even then: for results as numbers */
    flow_terminal terminal;
    int64_t n;   /* draws; 0: chosen */
    int64_t row; /* of the data, counted from 1: where a map of more than two columns is taken; 0: the
                                 medians */
    int64_t seed;
    flow_session_options session;
} flow_run_plot_options;

/* A column that is shown. */
typedef struct flow_plot_shown {
    const char *name;
    double distance; /* of Kolmogorov and Smirnov between data and draws; NaN: not known */
} flow_plot_shown;

/* flow_run_plot_free. Strings are borrowed from the options and the result. */
typedef struct flow_run_plot_result {
    const char *kind, *data, *output, *script;
    flow_text_list models;
    int64_t rows, skipped; /* of the data */
    int64_t draws;         /* of each model */
    int64_t epochs;        /* of the longest training */
    int64_t all_columns;
    flow_list columns;      /* of flow_plot_shown */
    const char *note;       /* what is to be known about the picture */
    char *text;             /* for the terminal, owned; NULL: none */
    bool chosen;            /* the columns were chosen among others */
    struct flow_plot *plot; /* what the strings belong to */
} flow_run_plot_result;

/* FLOW_ARGUMENT for what does not fit together. flow_run_plot_free is needed after a failure, too. */
flow_status flow_run_plot(flow_run_plot_result *out, const flow_run_plot_options *options, flow_error *err);
void flow_run_plot_free(flow_run_plot_result *result);

#endif
