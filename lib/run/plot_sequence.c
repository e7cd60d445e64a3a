/* Making a picture: the models, the kind, the figure, the files. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/replace.h"
#include "draw/gnuplot.h"
#include "run/given.h"
#include "run/plot_run.h"

const char *const flow_plot_kinds[] = {"auto",  "corner", "samples",     "map",
                                       "given", "curves", "calibration", "sheet", NULL};

/* ---- options ---- */

static int plot_compare_levels(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static flow_status plot_read_levels(flow_plot *plot, flow_error *err)
{
    static const double usual[] = {0.393469, 0.864665,
                                   0.988891}; /* 1 - exp(-k^2 / 2): k deviations in two dimensions */
    flow_name_list parts = {0};
    if (plot->o->levels == NULL) {
        memcpy(plot->levels, usual, sizeof usual);
        plot->n_levels = 3;
        return FLOW_OK;
    }
    flow_status status = flow_name_list_split(&parts, plot->o->levels, err);
    bool good = parts.n > 0 && parts.n <= FLOW_PLOT_LEVELS_MAX;
    for (int k = 0; k < parts.n && good; k++) {
        double percent = 0;
        good = flow_number_parse(parts.at[k], &percent) && percent > 0 && percent < 100;
        plot->levels[k] = percent / 100;
    }
    plot->n_levels = parts.n;
    flow_name_list_free(&parts);
    if (status == FLOW_OK && !good)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--levels takes up to %d shares in percent, each between 0 and 100, such as 68,95, not "
                              "\"%.60s\"",
                              FLOW_PLOT_LEVELS_MAX, plot->o->levels);
    qsort(plot->levels, (size_t)plot->n_levels, sizeof *plot->levels, plot_compare_levels);
    return status;
}

static flow_status plot_read_size(flow_plot *plot, flow_error *err)
{
    enum { LEAST = 200, MOST = 10000 };
    const char *size = plot->o->size, *cross = size != NULL ? strchr(size, 'x') : NULL;
    double width = 0, height = 0;
    if (size == NULL)
        return FLOW_OK;
    char first[16] = "";
    if (cross != NULL && cross - size < (long)sizeof first)
        memcpy(first, size, (size_t)(cross - size));
    if (cross == NULL || !flow_number_parse(first, &width) || !flow_number_parse(cross + 1, &height) ||
        !(width >= LEAST && width <= MOST && height >= LEAST && height <= MOST))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--size takes width and height in pixels, each from %d to %d, such "
                              "as 800x600, not \"%.40s\"",
                              LEAST, MOST, size);
    plot->width = (int)width;
    plot->height = (int)height;
    return FLOW_OK;
}

/* What must not be replaced, before anything is computed. */
static flow_status plot_check_files(const flow_run_plot_options *o, flow_error *err)
{
    const char *picture = o->rows.output, *script = o->script;
    flow_output_sources sources = o->rows.sources;
    flow_picture_format format;
    char *data = NULL;
    sources.data = o->rows.input;
    if (picture != NULL) {
        FLOW_TRY(flow_picture_format_of(&format, picture, "-o", err));
        FLOW_TRY(flow_output_check("-o", picture, &sources, err));
        if (!sources.force)
            FLOW_TRY(flow_replace_protect(picture, err));
    }
    if (script == NULL)
        return FLOW_OK;
    flow_status status = flow_script_data_name(&data, script, err);
    if (status == FLOW_OK)
        status = flow_output_check("--script", script, &sources, err);
    if (status == FLOW_OK)
        status = flow_output_check("--script", data, &sources, err);
    if (status == FLOW_OK && !sources.force)
        status = flow_replace_protect(script, err);
    if (status == FLOW_OK && !sources.force)
        status = flow_replace_protect(data, err);
    free(data);
    return status;
}

/* ---- models ---- */

/* The name of the file without its folder and end; the models of one figure have different names. */
static flow_status plot_name_models(flow_plot *plot, flow_error *err)
{
    for (int m = 0; m < plot->n_models; m++) {
        const char *base = flow_plot_base_name(plot->o->models[m]), *dot = strrchr(base, '.');
        bool twice = false;
        for (int k = 0; k < plot->n_models && !twice; k++)
            twice = k != m && strcmp(flow_plot_base_name(plot->o->models[k]), base) == 0;
        plot->names[m] =
            twice ? flow_strdup(plot->o->models[m])
                  : flow_format("%.*s", dot != NULL && dot != base ? (int)(dot - base) : (int)strlen(base), base);
        if (plot->names[m] == NULL)
            return flow_error_memory(err, "the name of a model");
    }
    return FLOW_OK;
}

static flow_status plot_check_columns(const flow_session *a, const flow_session *b, flow_error *err)
{
    bool same = a->dim == b->dim && a->n_context == b->n_context;
    for (int i = 0; i < a->dim && same; i++)
        same = strcmp(a->columns[i], b->columns[i]) == 0;
    for (int i = 0; i < a->n_context && same; i++)
        same = strcmp(a->context[i], b->context[i]) == 0;
    return same ? FLOW_OK
                : flow_error_set(err, FLOW_ARGUMENT,
                                 "%s and %s have different columns, or the same in another order; "
                                 "draw a picture of each",
                                 a->name, b->name);
}

static flow_status plot_open_models(flow_plot *plot, flow_error *err)
{
    const flow_run_plot_options *o = plot->o;
    const bool curves =
        o->kind == FLOW_PLOT_CURVES || (o->kind == FLOW_PLOT_AUTO && o->rows.input == NULL && o->n_given == 0);
    for (int m = 0; m < o->n_models; m++) {
        plot->n_models = m + 1;
        FLOW_TRY(flow_session_open(&plot->sessions[m], o->models[m], &o->session, err));
        if (m > 0 && !curves) /* the columns of trainings do not matter */
            FLOW_TRY(plot_check_columns(&plot->sessions[0], &plot->sessions[m], err));
    }
    return plot_name_models(plot, err);
}

/* ---- the whole ---- */

static flow_plot_kind plot_choose_kind(const flow_plot *plot)
{
    const flow_run_plot_options *o = plot->o;
    const bool image = flow_shape_size(flow_session_image(&plot->sessions[0]).shape) > 0;
    if (o->kind != FLOW_PLOT_AUTO)
        return o->kind;
    if (o->rows.input != NULL)
        return image ? FLOW_PLOT_SHEET : FLOW_PLOT_CORNER;
    return o->n_given > 0 ? FLOW_PLOT_GIVEN : FLOW_PLOT_CURVES;
}

static flow_status plot_make(flow_plot *plot, flow_plot_kind kind, flow_error *err)
{
    switch (kind) {
    case FLOW_PLOT_SAMPLES:
        return flow_plot_samples(plot, err);
    case FLOW_PLOT_MAP:
        return flow_plot_map(plot, err);
    case FLOW_PLOT_CURVES:
        return flow_plot_curves(plot, err);
    case FLOW_PLOT_CALIBRATION:
        return flow_plot_calibration(plot, err);
    case FLOW_PLOT_SHEET:
        return flow_plot_sheet(plot, err);
    default:
        return flow_plot_corner(plot, err);
    }
}

static flow_status plot_check_kind(const flow_plot *plot, flow_plot_kind kind, flow_error *err)
{
    const flow_run_plot_options *o = plot->o;
    if (o->n_given > 0)
        FLOW_TRY(flow_given_check(&plot->sessions[0], err));
    if (kind == FLOW_PLOT_GIVEN && o->n_given == 0)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--kind given: name a context or several with --given, such as "
                              "--given %s=VALUE",
                              plot->sessions[0].n_context > 0 ? plot->sessions[0].context[0] : "x");
    if (o->n_given > 0 && kind != FLOW_PLOT_GIVEN && kind != FLOW_PLOT_MAP)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--given is for --kind given and --kind map: rows of data have "
                              "contexts of their own");
    if (o->n_given > 1 && kind == FLOW_PLOT_MAP)
        return flow_error_set(err, FLOW_ARGUMENT, "--kind map: takes one --given");
    return FLOW_OK;
}

/* While no other program writes the picture; what one that was killed has left of it is removed. */
static flow_status plot_write(const flow_figure *const *figure, const flow_draw_options *how,
                              const flow_run_plot_options *o, flow_error *err)
{
    flow_lock lock = {0};
    flow_status status = flow_output_lock(&lock, how->file, true, "writes this file", &o->rows.hooks, err);
    if (status == FLOW_OK)
        status = flow_draw_files(figure, 1, how, err);
    flow_lock_release(&lock);
    return status;
}

static flow_status plot_finish(flow_plot *plot, flow_error *err)
{
    const flow_run_plot_options *o = plot->o;
    flow_run_plot_result *r = plot->result;
    const flow_figure *figure = plot->figure;
    FLOW_TRY(plot->note.failed ? flow_error_memory(err, "a text") : flow_figure_check(figure, err));
    if (plot->note.length > 0)
        r->note = plot->figure->note = plot->note.data;
    const flow_draw_options how = {.map = (flow_color_map)o->map, .file = o->rows.output, .script = o->script};
    if (how.file != NULL || how.script != NULL)
        FLOW_TRY(plot_write(&figure, &how, o, err));
    r->output = how.file;
    r->script = how.script;
    if (o->no_text || (!o->text && (how.file != NULL || how.script != NULL)))
        return FLOW_OK;
    flow_text text = {0};
    flow_terminal terminal = o->terminal;
    terminal.map = (flow_color_map)o->map;
    flow_status status = flow_terminal_add(&text, figure, &terminal, err);
    r->text = text.data;
    return status;
}

flow_status flow_run_plot(flow_run_plot_result *out, const flow_run_plot_options *options, flow_error *err)
{
    *out = (flow_run_plot_result){.data = options->rows.input, .models = {options->n_models, options->models}};
    flow_plot *plot = calloc(1, sizeof *plot);
    if (plot == NULL)
        return flow_error_memory(err, "a figure");
    out->plot = plot;
    plot->o = options;
    plot->result = out;
    if (options->n_models > FLOW_PLOT_MODELS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "%d models are named; a figure has room for %d", options->n_models,
                              FLOW_PLOT_MODELS_MAX);
    FLOW_TRY(plot_read_levels(plot, err));
    FLOW_TRY(plot_read_size(plot, err));
    FLOW_TRY(plot_check_files(options, err));
    FLOW_TRY(plot_open_models(plot, err));
    const flow_plot_kind kind = plot_choose_kind(plot);
    out->kind = flow_plot_kinds[kind];
    FLOW_TRY(plot_check_kind(plot, kind, err));
    FLOW_TRY(plot_make(plot, kind, err));
    return plot_finish(plot, err);
}

void flow_run_plot_free(flow_run_plot_result *result)
{
    flow_plot *plot = result->plot;
    free(result->columns.items);
    free(result->text);
    if (plot != NULL) {
        for (int m = 0; m < plot->n_models; m++) {
            flow_session_close(&plot->sessions[m]);
            free((char *)plot->names[m]);
        }
        flow_figure_free(plot->figure);
        flow_text_free(&plot->note);
        free(plot);
    }
    *result = (flow_run_plot_result){0};
}
