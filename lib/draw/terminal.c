/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/terminal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw/board.h"
#include "draw/layout.h"

/* ---- the frame ---- */

static void board_ticks_x(const flow_board *b, bool labels)
{
    flow_ticks ticks;
    const bool unicode = b->unicode;
    const int bottom = b->top + b->height;
    int free_from = b->left - 2;
    flow_axis_ticks(&ticks, &b->panel->x, b->width / 8 > 2 ? b->width / 8 : 2, 7, !unicode);
    for (int x = 0; x < b->width; x++)
        flow_canvas_write(b->canvas, b->left + x, bottom, unicode ? "─" : "-", 1, FLOW_CANVAS_PLAIN);
    for (int k = 0; k < ticks.n; k++) {
        const int length = flow_page_characters(ticks.text[k]);
        const int at = b->left + (int)(flow_axis_share(&b->panel->x, ticks.at[k]) * (b->width - 1) + 0.5);
        const int from = at - length / 2;
        flow_canvas_write(b->canvas, at, bottom, unicode ? "┴" : "+", 1, FLOW_CANVAS_PLAIN);
        if (!labels || from < free_from || from + length > b->left + b->width + 2)
            continue;
        flow_canvas_write(b->canvas, from, bottom + 1, ticks.text[k], length, FLOW_CANVAS_PLAIN);
        free_from = from + length + 1;
    }
    if (!labels || b->panel->x.label == NULL)
        return;
    flow_text label = {0};
    flow_text_add(&label, "%s%s", b->panel->x.label, ticks.remark);
    if (label.data != NULL) {
        const int length = flow_page_characters(label.data), most = b->width < length ? b->width : length;
        flow_canvas_write(b->canvas, b->left + (b->width - most) / 2, bottom + 2, label.data, most, FLOW_CANVAS_PLAIN);
    }
    flow_text_free(&label);
}

enum { BOARD_LABEL = 8 }; /* characters for the labels of y */

static void board_ticks_y(const flow_board *b, bool labels)
{
    flow_ticks ticks;
    const bool unicode = b->unicode;
    flow_axis_ticks(&ticks, &b->panel->y, b->height / 3 > 2 ? b->height / 3 : 2, 6, !unicode);
    for (int y = 0; y < b->height; y++)
        flow_canvas_write(b->canvas, b->left - 1, b->top + y, unicode ? "│" : "|", 1, FLOW_CANVAS_PLAIN);
    flow_canvas_write(b->canvas, b->left - 1, b->top + b->height, unicode ? "└" : "+", 1, FLOW_CANVAS_PLAIN);
    for (int k = 0; k < ticks.n; k++) {
        const int length = flow_page_characters(ticks.text[k]);
        int at = (int)((1 - flow_axis_share(&b->panel->y, ticks.at[k])) * b->height);
        at = b->top + (at >= b->height ? b->height - 1 : at);
        flow_canvas_write(b->canvas, b->left - 1, at, unicode ? "┤" : "+", 1, FLOW_CANVAS_PLAIN);
        if (labels)
            flow_canvas_write(b->canvas, b->left - 1 - length, at, ticks.text[k], length, FLOW_CANVAS_PLAIN);
    }
}

/* The name of y stands over the axis, at its left. */
static void board_name_y(const flow_board *b, int left, int most)
{
    flow_ticks ticks;
    flow_text label = {0};
    if (b->panel->y.label == NULL)
        return;
    flow_axis_ticks(&ticks, &b->panel->y, b->height / 3 > 2 ? b->height / 3 : 2, 6, !b->unicode);
    flow_text_add(&label, "%s%s", b->panel->y.label, ticks.remark);
    if (label.data != NULL)
        flow_canvas_write(b->canvas, left, b->top - 1, label.data, most, FLOW_CANVAS_PLAIN);
    flow_text_free(&label);
}

/* ---- the page ---- */

typedef struct screen {
    const flow_figure *figure;
    const flow_terminal *terminal;
    int n_across;      /* panels side by side */
    int width, height; /* of the cells of panels, with their labels */
    int top;           /* lines over the panels */
} screen;

static bool screen_is_last(const screen *s, const flow_frame *panel)
{
    return !s->figure->corner || panel->row == s->figure->n_rows - 1;
}

static flow_board screen_board(const screen *s, flow_canvas *canvas, const flow_frame *panel, int place)
{
    const bool corner = s->figure->corner;
    const int row = corner ? panel->row : place / s->n_across, column = corner ? panel->column : place % s->n_across;
    flow_board out = {.canvas = canvas, .map = s->terminal->map, .unicode = s->terminal->unicode, .panel = panel};
    out.left = (corner ? BOARD_LABEL : 0) + column * s->width + (corner || panel->bare ? 1 : BOARD_LABEL + 1);
    out.top = s->top + row * s->height + 1;
    out.width = s->width - (corner ? 2 : panel->bare ? 2 : BOARD_LABEL + 3);
    out.height = s->height - (corner ? 2 : 4);
    if (panel->aspect > 0) { /* a character is twice as high as wide */
        const int high = (int)lround(out.width * panel->aspect / 2), wide = (int)lround(2 * out.height / panel->aspect);
        if (high < out.height)
            out.height = high;
        else if (wide < out.width)
            out.width = wide;
    }
    return out;
}

static void screen_panel(const screen *s, flow_canvas *canvas, const flow_frame *panel, int place)
{
    const flow_board b = screen_board(s, canvas, panel, place);
    const bool corner = s->figure->corner;
    for (const flow_item *item = panel->items; item != NULL; item = item->next)
        flow_board_item(&b, item);
    if (!panel->bare) {
        board_ticks_x(&b, screen_is_last(s, panel));
        board_ticks_y(&b, !corner || panel->column == 0);
        if (!corner || panel->column == 0)
            board_name_y(&b, corner ? 0 : b.left - BOARD_LABEL - 1, b.width + BOARD_LABEL);
    }
    if (panel->title != NULL) {
        const int length = flow_page_characters(panel->title), most = length < b.width ? length : b.width;
        flow_canvas_write(canvas, b.left + b.width - most, b.top - 1, panel->title, most, FLOW_CANVAS_PLAIN);
    }
}

static const char *screen_sample(const flow_item *item, bool unicode)
{
    if (item->kind == FLOW_ITEM_AREA || item->kind == FLOW_ITEM_BARS)
        return unicode ? "▒▒" : "::";
    if (item->kind == FLOW_ITEM_POINTS)
        return unicode ? "• " : "o ";
    return item->dashed ? (unicode ? "⠒ " : "- ") : unicode ? "⠒⠒" : "--";
}

/* Entries, as many in a line as fit; returns how many lines there are. Without a canvas it only counts. */
static int screen_legend(const screen *s, flow_canvas *canvas, int top)
{
    const flow_item *entries[FLOW_LEGEND_MAX];
    const int n = flow_figure_legend(s->figure, entries);
    int x = 0, y = 0;
    for (int k = 0; k < n; k++) {
        const int length = 3 + flow_page_characters(entries[k]->legend);
        if (x > 0 && x + length > s->terminal->columns) {
            x = 0;
            y++;
        }
        if (canvas != NULL) {
            const int32_t color = flow_board_color(entries[k]->color);
            flow_canvas_write(canvas, x, top + y, screen_sample(entries[k], s->terminal->unicode), 2, color);
            flow_canvas_write(canvas, x + 3, top + y, entries[k]->legend, s->terminal->columns - x - 4,
                              FLOW_CANVAS_PLAIN);
        }
        x += length + 3;
    }
    return n > 0 ? y + 1 : 0;
}

static void screen_wrap(flow_text *out, const char *text, int columns)
{
    int length;
    while (text != NULL && *text != '\0') {
        const char *line = text;
        text = flow_page_line(line, columns, &length);
        flow_text_add(out, "%.*s\n", length, line);
    }
}

static void screen_arrange(screen *s)
{
    const flow_figure *f = s->figure;
    const int columns = s->terminal->columns;
    s->top = (f->title != NULL) + (f->subtitle != NULL) + screen_legend(s, NULL, 0);
    if (f->corner) {
        s->n_across = f->n_columns;
        s->width = (columns - BOARD_LABEL) / f->n_columns;
        s->width = s->width > 48 ? 48 : s->width < 10 ? 10 : s->width;
        s->height = s->width / 2 + 1;
        return;
    }
    s->n_across = columns / f->n_columns >= 36 ? f->n_columns : 1;
    s->width = columns / s->n_across;
    s->width = s->n_across == 1 && s->width > 100 ? 100 : s->width;
    const double aspect = f->panels[0].aspect > 0 ? f->panels[0].aspect : 0.6;
    s->height = (int)((s->width - BOARD_LABEL) * aspect / 2) + 4;
    s->height = s->height < 10 ? 10 : s->height > 44 ? 44 : s->height;
}

flow_status flow_terminal_add(flow_text *out, const flow_figure *figure, const flow_terminal *terminal, flow_error *err)
{
    FLOW_TRY(flow_figure_check(figure, err));
    screen s = {.figure = figure, .terminal = terminal};
    flow_canvas canvas;
    screen_arrange(&s);
    int n = 0, place = 0, y = 0;
    for (int k = 0; k < figure->n_rows * figure->n_columns; k++)
        n += figure->used[k];
    const int rows = figure->corner ? figure->n_rows : (n + s.n_across - 1) / s.n_across;
    const int width = figure->corner ? BOARD_LABEL + s.width * s.n_across + 2 : s.width * s.n_across;
    const int all = width > terminal->columns ? width : terminal->columns;
    FLOW_TRY(flow_canvas_make(&canvas, all, s.top + rows * s.height + (figure->corner ? 2 : 0), err));
    if (figure->title != NULL)
        flow_canvas_write(&canvas, 0, y++, figure->title, terminal->columns, FLOW_CANVAS_PLAIN);
    if (figure->subtitle != NULL)
        flow_canvas_write(&canvas, 0, y++, figure->subtitle, terminal->columns, FLOW_CANVAS_PLAIN);
    screen_legend(&s, &canvas, y);
    for (int k = 0; k < figure->n_rows * figure->n_columns; k++)
        if (figure->used[k])
            screen_panel(&s, &canvas, &figure->panels[k], place++);
    flow_canvas_print(out, &canvas, terminal->unicode, terminal->colors);
    flow_canvas_free(&canvas);
    screen_wrap(out, figure->note, terminal->columns);
    return out->failed ? flow_error_memory(err, "a text") : FLOW_OK;
}
