/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/layout.h"

#include <math.h>
#include <string.h>

enum {
    EDGE = 14,          /* free at the edges of the page */
    LEGEND_SAMPLE = 34, /* width of a sample, with the blank behind it */
    LEGEND_LINE = 19,
    CORNER_GAP = 7
};

double flow_page_text_width(int n, double font)
{
    return 0.6 * font * n;
}

int flow_page_characters(const char *text)
{
    int n = 0;
    for (; text != NULL && *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

const char *flow_page_line(const char *text, int most, int *length)
{
    int n = 0, at = 0, blank = -1;
    for (; text[at] != '\0' && text[at] != '\n'; at++) {
        const bool begins = ((unsigned char)text[at] & 0xc0) != 0x80;
        if (begins && n == most)
            break;
        if (text[at] == ' ')
            blank = at;
        n += begins;
    }
    if (text[at] != '\0' && text[at] != '\n' && text[at] != ' ' && blank > 0)
        at = blank;
    *length = at;
    while (text[at] == ' ')
        at++;
    at += text[at] == '\n';
    return text[at] != '\0' ? text + at : NULL;
}

int flow_page_lines(const char *text, double width, double font)
{
    int n = 0, length;
    const int most = (int)fmax(width / flow_page_text_width(1, font), 8);
    for (; text != NULL && *text != '\0'; n++)
        text = flow_page_line(text, most, &length);
    return n;
}

/* ---- the legend ---- */

static void page_arrange_column(flow_page *page)
{
    int longest = 0;
    for (int k = 0; k < page->n_legend; k++) {
        const int length = flow_page_characters(page->legend[k]->legend);
        longest = length > longest ? length : longest;
    }
    const double width = LEGEND_SAMPLE + flow_page_text_width(longest, FLOW_FONT_LABEL);
    const double middle = page->cells.left + 0.5 * (page->cells.right - page->cells.left);
    const double left = fmax(page->width - EDGE - width, page->figure->n_columns > 2 ? middle : EDGE);
    for (int k = 0; k < page->n_legend; k++) {
        page->legend_left[k] = left;
        page->legend_top[k] = page->cells.top + 12 + k * LEGEND_LINE;
    }
}

/* In lines, from `top` on; returns where what follows begins. */
static double page_arrange_row(flow_page *page, double top)
{
    double left = EDGE;
    for (int k = 0; k < page->n_legend; k++) {
        const double width =
            LEGEND_SAMPLE + flow_page_text_width(flow_page_characters(page->legend[k]->legend), FLOW_FONT_LABEL) + 12;
        if (left > EDGE && left + width > page->width - EDGE) {
            left = EDGE;
            top += LEGEND_LINE;
        }
        page->legend_left[k] = left;
        page->legend_top[k] = top;
        left += width;
    }
    return page->n_legend > 0 ? top + LEGEND_LINE : top;
}

/* ---- the page ---- */

static void page_choose_size(flow_page *page, int width, int height)
{
    const flow_figure *f = page->figure;
    const int n = f->n_columns > f->n_rows ? f->n_columns : f->n_rows;
    const int corner = n <= 2 ? 270 : n <= 3 ? 220 : n <= 4 ? 190 : n <= 6 ? 165 : 150;
    const int wide = f->corner ? corner : n == 1 ? 640 : n == 2 ? 430 : 360;
    const int high = f->corner ? corner : n == 1 ? 420 : n == 2 ? 380 : 330;
    page->width = width > 0 ? width : f->width > 0 ? f->width : f->n_columns * wide + (f->corner ? 70 : 0);
    page->height = height > 0 ? height : f->height > 0 ? f->height : 0;
    if (page->height > 0)
        return;
    const double inner = page->width - 2 * EDGE;
    page->height = f->n_rows * high + (f->corner ? 60 : 0) + 2 * EDGE + (f->title != NULL ? 24 : 0) +
                   18 * flow_page_lines(f->subtitle, inner, FLOW_FONT_LABEL) +
                   15 * flow_page_lines(f->note, inner, FLOW_FONT_NOTE) +
                   (!f->corner && page->n_legend > 0 ? LEGEND_LINE : 0);
}

void flow_page_arrange(flow_page *out, const flow_figure *figure, int width, int height)
{
    *out = (flow_page){.figure = figure};
    out->n_legend = flow_figure_legend(figure, out->legend);
    page_choose_size(out, width, height);
    const double inner = out->width - 2 * EDGE;
    double top = EDGE;
    out->title_top = top;
    top += figure->title != NULL ? 24 : 0;
    out->subtitle_top = top;
    top += 18 * flow_page_lines(figure->subtitle, inner, FLOW_FONT_LABEL);
    if (!figure->corner)
        top = page_arrange_row(out, top + 2);
    const int n_notes = flow_page_lines(figure->note, inner, FLOW_FONT_NOTE);
    out->note_top = out->height - EDGE + 4 - 15.0 * n_notes;
    out->cells = (flow_box){EDGE, top + 4, out->width - EDGE, out->note_top - (n_notes > 0 ? 6 : 0)};
    if (figure->corner)
        page_arrange_column(out);
}

static flow_box page_frame_of_corner(const flow_page *page, const flow_frame *panel)
{
    const flow_figure *f = page->figure;
    const double left = page->cells.left + 58, top = page->cells.top + 4, bottom = page->cells.bottom - 44;
    const double width = (page->cells.right - left + CORNER_GAP) / f->n_columns;
    const double height = (bottom - top + CORNER_GAP) / f->n_rows;
    return (flow_box){left + panel->column * width, top + panel->row * height,
                      left + (panel->column + 1) * width - CORNER_GAP, top + (panel->row + 1) * height - CORNER_GAP};
}

static flow_box page_frame_apart(const flow_page *page, const flow_frame *panel)
{
    const flow_figure *f = page->figure;
    const double width = (page->cells.right - page->cells.left) / f->n_columns;
    const double height = (page->cells.bottom - page->cells.top) / f->n_rows;
    flow_box out = {page->cells.left + panel->column * width, page->cells.top + panel->row * height, 0, 0};
    out.right = out.left + width - 12;
    out.bottom = out.top + height;
    out.top += panel->title != NULL ? 26 : 8;
    if (!panel->bare) {
        out.left += panel->y.no_ticks ? (panel->y.label != NULL ? 24 : 8) : 66;
        out.bottom -= panel->x.no_ticks ? (panel->x.label != NULL ? 24 : 8) : 46;
    } else {
        out.bottom -= 8;
    }
    if (panel->bar_label != NULL)
        out.right -= 84;
    if (panel->aspect > 0) {
        const double w = out.right - out.left, h = out.bottom - out.top;
        if (h > w * panel->aspect)
            out.bottom = out.top + w * panel->aspect;
        else
            out.right = out.left + h / panel->aspect;
    }
    return out;
}

flow_box flow_page_frame(const flow_page *page, const flow_frame *panel)
{
    return page->figure->corner ? page_frame_of_corner(page, panel) : page_frame_apart(page, panel);
}

bool flow_page_labels_x(const flow_page *page, const flow_frame *panel)
{
    return !panel->bare && (!page->figure->corner || panel->row == page->figure->n_rows - 1);
}

bool flow_page_labels_y(const flow_page *page, const flow_frame *panel)
{
    return !panel->bare && (!page->figure->corner || panel->column == 0);
}

/* ---- ticks ---- */

void flow_page_ticks_x(flow_ticks *out, const flow_axis *axis, const flow_box *frame)
{
    const double width = frame->right - frame->left;
    for (int most = (int)fmax(width / 26, 2);; most--) {
        int longest = 1;
        flow_axis_ticks(out, axis, most, 9, false);
        for (int k = 0; k < out->n; k++) {
            const int length = flow_page_characters(out->text[k]);
            longest = length > longest ? length : longest;
        }
        /* labels at the ends reach beyond the frame */
        if (most <= 2 || (out->n - 0.5) * (flow_page_text_width(longest, FLOW_FONT_TICK) + 10) <= width)
            return;
    }
}

void flow_page_ticks_y(flow_ticks *out, const flow_axis *axis, const flow_box *frame)
{
    flow_axis_ticks(out, axis, (int)fmax((frame->bottom - frame->top) / 28, 2), 6, false);
}
