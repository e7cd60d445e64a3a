/* Images: rows of the data above, draws of the models below. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "run/format.h"
#include "run/plot_rows.h"

enum { SHEET_IMAGES = 32, SHEET_ON_TERMINAL = 8, SHEET_MOST = 1024, SHEET_GAP = 2 };

typedef struct sheet {
    flow_plot *plot;
    flow_picture_options how;
    int n; /* origins */
    flow_plot_rows rows[FLOW_PLOT_MODELS_MAX + 1];
} sheet;

/* A value of a pixel from black to white. */
static unsigned char sheet_byte(const sheet *s, double value)
{
    const double t = (value - s->how.least) / (s->how.most - s->how.least);
    return (unsigned char)lround(255 * fmin(fmax(isnan(t) ? 0 : t, 0), 1));
}

/* Images of an origin, `across` of them in a line, with gaps between them. */
static void sheet_panel(sheet *s, int k, int across)
{
    flow_plot *plot = s->plot;
    flow_figure *figure = plot->figure;
    const flow_plot_rows *rows = &s->rows[k];
    const flow_shape shape = s->how.shape;
    const int n = (int)rows->kept.n, down = (n + across - 1) / across;
    const int width = across * (shape.width + SHEET_GAP) - SHEET_GAP;
    const int height = down * (shape.height + SHEET_GAP) - SHEET_GAP;
    unsigned char *rgb = flow_arena_take(&figure->arena, 3 * (size_t)width * (size_t)height, 1);
    for (size_t i = 0; rgb != NULL && i < 3 * (size_t)width * (size_t)height; i++)
        rgb[i] = 255;
    for (int i = 0; i < n && rgb != NULL; i++) {
        const double *row = flow_plot_row(rows, (size_t)i);
        const int left = i % across * (shape.width + SHEET_GAP), top = i / across * (shape.height + SHEET_GAP);
        for (int y = 0; y < shape.height; y++)
            for (int x = 0; x < shape.width; x++)
                for (int c = 0; c < 3; c++) {
                    const int channel = shape.channels >= 3 ? c : 0;
                    const size_t to = 3 * ((size_t)(top + y) * (size_t)width + (size_t)(left + x)) + (size_t)c;
                    rgb[to] = sheet_byte(s, row[(y * shape.width + x) * shape.channels + channel]);
                }
    }
    flow_frame *panel = flow_figure_panel(figure, k, 0);
    char count[FLOW_FORMAT_SIZE];
    flow_format_count(count, n);
    panel->bare = true;
    panel->aspect = (double)height / width;
    panel->title =
        rows->is_data
            ? flow_figure_text(figure, "data: the first %s rows of %s", count, flow_plot_base_name(plot->o->rows.input))
            : flow_figure_text(figure, "%s: %s draws%s", plot->names[k - (s->rows[0].is_data ? 1 : 0)], count,
                               rows->contexts != NULL ? " of the same classes" : "");
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_IMAGE);
    item->nx = width;
    item->ny = height;
    item->rgb = rgb;
}

static flow_status sheet_run(sheet *s, flow_error *err)
{
    flow_plot *plot = s->plot;
    const flow_run_plot_options *o = plot->o;
    const bool only_text = flow_plot_is_text(plot);
    const int64_t n = o->n > 0 ? o->n : only_text ? SHEET_ON_TERMINAL : SHEET_IMAGES;
    s->how = flow_session_picture(&plot->sessions[0]);
    if (flow_shape_size(s->how.shape) == 0)
        return flow_error_set(err, FLOW_ARGUMENT, "--kind sheet: the rows of %s are no images", plot->sessions[0].name);
    if (n > SHEET_MOST)
        return flow_error_set(err, FLOW_ARGUMENT, "-n %lld: a sheet has room for %d images", (long long)n, SHEET_MOST);
    if (o->rows.input != NULL) {
        s->n = 1;
        FLOW_TRY(flow_plot_rows_read(&s->rows[0], plot, n, err));
    }
    for (int m = 0; m < plot->n_models; m++) {
        FLOW_TRY(flow_plot_need_context(&plot->sessions[m], o->rows.input != NULL, err));
        const int at = s->n++;
        FLOW_TRY(flow_plot_rows_draw(&s->rows[at], plot, &plot->sessions[m], o->rows.input != NULL ? &s->rows[0] : NULL,
                                     NULL, n, err));
    }
    const int across = n <= 4 ? (int)n : n <= 8 ? 4 : n <= 32 ? 8 : n <= 128 ? 16 : 32;
    FLOW_TRY(flow_plot_begin(plot, s->n, 1, err));
    for (int k = 0; k < s->n; k++)
        sheet_panel(s, k, across);
    if (plot->height == 0 && !plot->figure->arena.failed) { /* as high as the images are */
        plot->figure->width = 600;
        plot->figure->height = 30;
        for (int k = 0; k < s->n; k++)
            plot->figure->height += (int)(560 * plot->figure->panels[k].aspect) + 44;
    }
    plot->result->draws = s->rows[s->n - 1].n;
    flow_plot_rows_say(&s->rows[0], plot);
    return FLOW_OK;
}

flow_status flow_plot_sheet(flow_plot *plot, flow_error *err)
{
    sheet *s = calloc(1, sizeof *s);
    if (s == NULL)
        return flow_error_memory(err, "a figure");
    s->plot = plot;
    const flow_status status = sheet_run(s, err);
    for (int k = 0; k < s->n; k++)
        flow_plot_rows_free(&s->rows[k]);
    free(s);
    return status;
}
