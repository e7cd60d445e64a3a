/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/script.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw/quote.h"
#include "draw/script_item.h"

/* ---- texts ---- */

/* A line of `length` bytes. */
static void script_quote_part(flow_text *out, const char *text, int length)
{
    char part[512];
    snprintf(part, sizeof part, "%.*s", length, text);
    flow_quote_add(out, part, 0);
}

static double script_x(const flow_script *s, double pixels)
{
    return pixels / s->page->width;
}

static double script_y(const flow_script *s, double pixels)
{
    return 1 - pixels / s->page->height;
}

typedef struct script_words {
    double left, top; /* of the middle of the line */
    double font;
    const char *style; /* "left", "center", "right", with "rotate by 90" */
    const char *color;
    int most;
    bool bold;
} script_words;

static void script_label(flow_script *s, const char *text, int length, const script_words *w)
{
    flow_text_add(s->text, "set label ");
    if (length > 0)
        script_quote_part(s->text, text, length);
    else
        flow_quote_add(s->text, text, w->most);
    flow_text_add(s->text, " at screen %.5f, screen %.5f %s font '%s%s,%g' tc rgb '%s' front\n", script_x(s, w->left),
                  script_y(s, w->top), w->style, flow_script_font(s),
                  w->bold && s->o->format != FLOW_PICTURE_SVG ? ":Bold" : "", w->font, w->color);
}

/* Lines of a text of the whole width. */
static void script_lines(flow_script *s, const char *text, double top, double step, double font, const char *color)
{
    const int most = (int)fmax((s->page->width - 28) / flow_page_text_width(1, font), 8);
    const char *rest = text;
    for (int k = 0, length; rest != NULL && *rest != '\0'; k++) {
        const char *line = rest;
        rest = flow_page_line(line, most, &length);
        const script_words w = {
            .left = 14, .top = top + (k + 0.5) * step, .font = font, .style = "left", .color = color};
        if (length > 0)
            script_label(s, line, length, &w);
    }
}

static void script_item_texts(flow_script *s, const flow_item *item)
{
    static const char *const sides[] = {"left", "center", "right"};
    const bool mark = item->kind == FLOW_ITEM_MARK;
    if (item->text == NULL || (!mark && item->kind != FLOW_ITEM_TEXT) || item->x == NULL)
        return;
    flow_text_add(s->text, "set label ");
    flow_quote_add(s->text, item->text, 0);
    flow_text_add(s->text, " at ");
    if (mark)
        flow_text_add(s->text, "first %.15g, graph %.4f %s offset char %g, 0", item->x[0], item->size,
                      sides[item->align], item->align == FLOW_ALIGN_RIGHT ? -0.6 : 0.6);
    else
        flow_text_add(s->text, "graph %.4f, graph %.4f %s", item->x[0], item->y[0], sides[item->align]);
    flow_text_add(s->text, " font '%s,%g'", flow_script_font(s), FLOW_FONT_TICK);
    flow_script_add_color(s, "tc", item->color, 0);
    flow_text_add(s->text, " front\n");
}

/* ---- panels ---- */

static void script_ticks(flow_script *s, const char *letter, const flow_axis *axis, const flow_ticks *ticks,
                         bool labels)
{
    const int digits = flow_script_digits(axis) + 2;
    const bool corner = s->page->figure->corner;
    if (ticks->n == 0) {
        flow_text_add(s->text, "unset %stics\n", letter);
        return;
    }
    flow_text_add(s->text, "set %stics out nomirror scale 0.5, 0.25 offset %s font '%s,%g' tc rgb '#303030' (", letter,
                  letter[0] == 'x'   ? "0, 0.4"
                  : letter[0] == 'y' ? "0.5, 0"
                                     : "-0.5, 0",
                  flow_script_font(s), FLOW_FONT_TICK);
    for (int k = 0; k < ticks->n; k++) {
        const double share = flow_axis_share(axis, ticks->at[k]);
        const bool shown = labels && (!corner || (share > 0.05 && share < 0.95) || ticks->n < 3);
        flow_text_add(s->text, "%s", k > 0 ? ", " : "");
        flow_quote_add(s->text, shown ? ticks->text[k] : "", 0);
        flow_text_add(s->text, " %.*g", digits, flow_axis_place(axis, ticks->at[k]));
    }
    for (int k = 0; k < ticks->n_minor; k++)
        flow_text_add(s->text, ", '' %.*g 1", digits, flow_axis_place(axis, ticks->minor[k]));
    flow_text_add(s->text, ")\n");
}

/* The name of an axis with the remark of its ticks. */
static void script_axis_label(flow_script *s, const flow_axis *axis, const flow_ticks *ticks, script_words *w,
                              double room)
{
    flow_text text = {0};
    if (axis->label == NULL)
        return;
    const int remark = flow_page_characters(ticks->remark);
    w->most = (int)fmax(room / flow_page_text_width(1, w->font) - remark, 6);
    flow_text_add(s->text, "set label ");
    flow_quote_add(&text, axis->label, w->most);
    if (text.data != NULL && text.length > 0)
        flow_text_add(s->text, "%.*s%s'", (int)text.length - 1, text.data, ticks->remark);
    else
        flow_text_add(s->text, "''");
    flow_text_add(s->text, " at screen %.5f, screen %.5f %s font '%s,%g' tc rgb '%s'\n", script_x(s, w->left),
                  script_y(s, w->top), w->style, flow_script_font(s), w->font, w->color);
    flow_text_free(&text);
}

static void script_range(flow_script *s, char letter, const flow_axis *axis)
{
    const int digits = flow_script_digits(axis) + 4;
    flow_text_add(s->text, "set %crange [%.*g:%.*g]\n", letter, digits, flow_axis_place(axis, axis->low), digits,
                  flow_axis_place(axis, axis->high));
}

static void script_axes(flow_script *s, const flow_frame *p, const flow_box *frame)
{
    flow_ticks x, y;
    const bool corner = s->page->figure->corner;
    const bool labels_x = flow_page_labels_x(s->page, p), labels_y = flow_page_labels_y(s->page, p);
    flow_page_ticks_x(&x, &p->x, frame);
    flow_page_ticks_y(&y, &p->y, frame);
    script_ticks(s, "x", &p->x, &x, labels_x);
    script_ticks(s, "y", &p->y, &y, labels_y);
    const double width = frame->right - frame->left, height = frame->bottom - frame->top;
    script_words of_x = {.left = frame->left + width / 2,
                         .top = frame->bottom + (x.n > 0 ? 34 : 12),
                         .font = FLOW_FONT_LABEL,
                         .style = "center",
                         .color = "#000000"};
    script_words of_y = {.left = frame->left - (y.n > 0 ? 52 : 12),
                         .top = frame->top + height / 2,
                         .font = FLOW_FONT_LABEL,
                         .style = "center rotate by 90",
                         .color = "#000000"};
    if (labels_x)
        script_axis_label(s, &p->x, &x, &of_x, width + (corner ? 0 : 40));
    if (labels_y)
        script_axis_label(s, &p->y, &y, &of_y, height + (corner ? 0 : 30));
}

static void script_color_bar(flow_script *s, const flow_frame *p, const flow_box *frame)
{
    if (p->bar_label == NULL) {
        flow_text_add(s->text, "unset colorbox\n");
        return;
    }
    const flow_axis axis = {.label = p->bar_label, .low = p->z_low, .high = p->z_high};
    const double left = frame->right + 12, width = 14, height = frame->bottom - frame->top;
    flow_ticks ticks;
    flow_page_ticks_y(&ticks, &axis, frame);
    flow_text_add(s->text, "set colorbox vertical user origin screen %.5f, screen %.5f size screen %.5f, screen %.5f\n",
                  script_x(s, left), script_y(s, frame->bottom), width / s->page->width, height / s->page->height);
    script_ticks(s, "cb", &axis, &ticks, true);
    script_words w = {.left = left + width + 50,
                      .top = frame->top + height / 2,
                      .font = FLOW_FONT_LABEL,
                      .style = "center rotate by 90",
                      .color = "#000000"};
    script_axis_label(s, &axis, &ticks, &w, height);
}

static void script_panel(flow_script *s, const flow_frame *p)
{
    const flow_box frame = flow_page_frame(s->page, p);
    flow_text_add(s->text, "\n# panel %d, %d\n", p->row + 1, p->column + 1);
    flow_text_add(s->text,
                  "set lmargin at screen %.5f; set rmargin at screen %.5f; set tmargin at screen %.5f; "
                  "set bmargin at screen %.5f\n",
                  script_x(s, frame.left), script_x(s, frame.right), script_y(s, frame.top), script_y(s, frame.bottom));
    bool is_image = false, is_grid = false;
    for (const flow_item *item = p->items; item != NULL; item = item->next) {
        is_image = is_image || item->kind == FLOW_ITEM_IMAGE;
        is_grid = is_grid || item->kind == FLOW_ITEM_GRID;
        if (item->kind == FLOW_ITEM_IMAGE)
            flow_text_add(s->text, "set xrange [-0.5:%d.5]; set yrange [-0.5:%d.5]\n", item->nx - 1, item->ny - 1);
    }
    if (!is_image) {
        script_range(s, 'x', &p->x);
        script_range(s, 'y', &p->y);
    }
    flow_text_add(s->text,
                  p->bare ? "unset border; unset xtics; unset ytics\n" : "set border 15 lw 0.8 lc rgb '#505050'\n");
    if (!p->bare)
        script_axes(s, p, &frame);
    if (is_grid)
        flow_text_add(s->text, "set cbrange [%.9g:%.9g]\n", p->z_low, p->z_high);
    script_color_bar(s, p, &frame);
    if (p->title != NULL) {
        const script_words w = {.left = (frame.left + frame.right) / 2,
                                .top = frame.top - 12,
                                .font = FLOW_FONT_LABEL,
                                .style = "center",
                                .color = "#000000",
                                .most =
                                    (int)((frame.right - frame.left + 40) / flow_page_text_width(1, FLOW_FONT_LABEL))};
        script_label(s, p->title, 0, &w);
    }
    s->first = true;
    for (const flow_item *item = p->items; item != NULL; item = item->next)
        script_item_texts(s, item);
    for (const flow_item *item = p->items; item != NULL; item = item->next) {
        flow_script_plot_item(s, item);
    }
    flow_text_add(s->text, s->first ? "plot NaN\n" : "\n");
    flow_text_add(s->text, "unset label; unset object; unset arrow\n");
}

/* ---- the page ---- */

static void script_legend_entry(flow_script *s, int k)
{
    const flow_page *page = s->page;
    const flow_item *item = page->legend[k];
    const double left = page->legend_left[k], middle = page->legend_top[k] + 9;
    const bool band = item->kind <= FLOW_ITEM_HISTOGRAM && item->low != NULL;
    const bool area = item->kind == FLOW_ITEM_AREA || item->kind == FLOW_ITEM_BARS || item->filled || band;
    const bool line = !area || (item->kind <= FLOW_ITEM_HISTOGRAM && item->width > 0);
    if (area) {
        flow_text_add(s->text,
                      "set object rectangle from screen %.5f, screen %.5f to screen %.5f, screen %.5f "
                      "fs solid noborder",
                      script_x(s, left), script_y(s, middle + 6), script_x(s, left + 26), script_y(s, middle - 6));
        flow_script_add_color(s, "fc", item->color, item->opacity > 0 ? item->opacity : band ? FLOW_BAND_OPACITY : 0);
        flow_text_add(s->text, "\n");
    }
    if (item->kind == FLOW_ITEM_POINTS) {
        flow_text_add(s->text, "set label '' at screen %.5f, screen %.5f point pt 7 ps %g", script_x(s, left + 13),
                      script_y(s, middle), fmax(item->size, 0.5));
        flow_script_add_color(s, "lc", item->color, 0);
        flow_text_add(s->text, "\n");
    }
    if (line && (item->kind != FLOW_ITEM_POINTS || item->low != NULL)) {
        const bool upright = item->kind == FLOW_ITEM_POINTS;
        flow_text_add(s->text, "set arrow from screen %.5f, screen %.5f to screen %.5f, screen %.5f nohead",
                      script_x(s, left + (upright ? 13 : 0)), script_y(s, middle + (upright ? 7 : 0)),
                      script_x(s, left + (upright ? 13 : 26)), script_y(s, middle - (upright ? 7 : 0)));
        flow_item solid = *item;
        solid.opacity = 0;
        flow_script_line_style(s, &solid);
        flow_text_add(s->text, "\n");
    }
    const script_words w = {.left = left + 34,
                            .top = middle,
                            .font = FLOW_FONT_LABEL,
                            .style = "left",
                            .color = "#000000",
                            .most =
                                (int)((page->width - left - 40) / (0.92 * flow_page_text_width(1, FLOW_FONT_LABEL)))};
    script_label(s, item->legend, 0, &w);
}

static void script_page(flow_script *s, const flow_figure *figure)
{
    flow_page page;
    flow_page_arrange(&page, figure, s->o->width, s->o->height);
    s->page = &page;
    const int n = figure->n_rows * figure->n_columns;
    flow_text_add(s->text, "\n");
    /* The numbers of all panels stand in front of them. */
    for (int k = 0; k < n; k++)
        for (const flow_item *item = figure->used[k] ? figure->panels[k].items : NULL; item != NULL; item = item->next)
            flow_script_write_item(s, &figure->panels[k], item);
    flow_text_add(s->text, "\nset multiplot\n");
    if (figure->title != NULL) {
        const script_words w = {.left = 14,
                                .top = page.title_top + 11,
                                .font = FLOW_FONT_TITLE,
                                .style = "left",
                                .color = "#000000",
                                .bold = true,
                                .most = (int)((page.width - 28) / flow_page_text_width(1, FLOW_FONT_TITLE))};
        script_label(s, figure->title, 0, &w);
    }
    script_lines(s, figure->subtitle, page.subtitle_top, 18, FLOW_FONT_LABEL, "#303030");
    script_lines(s, figure->note, page.note_top, 15, FLOW_FONT_NOTE, "#505050");
    for (int k = 0; k < page.n_legend; k++)
        script_legend_entry(s, k);
    for (int k = 0; k < n; k++)
        if (figure->used[k])
            script_panel(s, &figure->panels[k]);
    flow_text_add(s->text, "unset multiplot\n");
    s->page = NULL;
}

/* ---- the whole ---- */

static void script_terminal(flow_script *s, const flow_page *page)
{
    const int width = page->width, height = page->height;
    flow_text *out = s->text;
    switch (s->o->format) {
    case FLOW_PICTURE_SVG:
        flow_text_add(out, "set terminal svg size %d,%d noenhanced font '%s,%g' background '#ffffff'\n", width, height,
                      flow_script_font(s), FLOW_FONT_LABEL);
        break;
    case FLOW_PICTURE_PDF:
        flow_text_add(out,
                      "set terminal pdfcairo size %.4fin,%.4fin noenhanced font '%s,%g' fontscale 0.5625 "
                      "linewidth 1.3 background '#ffffff'\n",
                      width / 96.0, height / 96.0, flow_script_font(s), FLOW_FONT_LABEL);
        break;
    default:
        flow_text_add(out,
                      "set terminal pngcairo size %d,%d noenhanced font '%s,%g' fontscale 0.75 background "
                      "'#ffffff'\n",
                      width, height, flow_script_font(s), FLOW_FONT_LABEL);
    }
}

static void script_palette(flow_script *s)
{
    enum { COLORS = 33 };
    flow_text_add(s->text, "set palette defined (");
    for (int k = 0; k < COLORS; k++)
        flow_text_add(s->text, "%s%d '#%06x'", k == 0 ? "" : ", ", k,
                      (unsigned)flow_color_at(s->o->map, (double)k / (COLORS - 1)));
    flow_text_add(s->text, ") maxcolors 256\n");
}

/* The name of a file, which has to be the one that it is: only a line break is taken out. */
static void script_set_name(flow_script *s, const char *set, const char *name)
{
    flow_text_add(s->text, "%s'", set);
    for (const char *c = name; *c != '\0'; c++)
        flow_text_add(s->text, *c == '\'' ? "''" : "%c", *c == '\n' ? '?' : *c);
    flow_text_add(s->text, "'\n");
}

void flow_script_add(flow_text *text, flow_text *data, const flow_figure *const *figures, int n,
                     const flow_script_options *options)
{
    flow_script s = {.text = text, .data = data, .o = options};
    flow_page first;
    flow_page_arrange(&first, figures[0], options->width, options->height);
    flow_text_add(text, "# made by flowctl plot; run by gnuplot 5.2 or later\n"
                        "reset\nset encoding utf8\n");
    script_terminal(&s, &first);
    if (options->data != NULL || options->output != NULL)
        flow_text_add(
            text,
            "# the folder of this script\nhere = ''\n"
            "if (exists('ARG0')) { do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } } }\n");
    if (options->output != NULL)
        script_set_name(&s, "set output here.", options->output);
    if (options->data != NULL)
        script_set_name(&s, "dat = here.", options->data);
    flow_text_add(text, "unset key\nset termoption noenhanced\n");
    script_palette(&s);
    for (int k = 0; k < n; k++)
        script_page(&s, figures[k]);
    flow_text_add(text, "unset output\n");
}
