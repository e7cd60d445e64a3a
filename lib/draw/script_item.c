/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/script_item.h"

#include <math.h>

const char *flow_script_font(const flow_script *s)
{
    return s->o->format == FLOW_PICTURE_SVG ? "sans-serif" : "Sans";
}

/* ---- numbers ---- */

/* Digits that tell the places of an axis apart. */
int flow_script_digits(const flow_axis *axis)
{
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    const double ratio = fmax(fabs(low), fabs(high)) / (high - low);
    return ratio > 1 ? (int)fmin(6 + ceil(log10(ratio)), 17) : 6;
}

static flow_text *script_numbers(flow_script *s)
{
    return s->o->data != NULL ? s->data : s->text;
}

static void script_begin_block(flow_script *s, const char *what)
{
    if (s->o->data != NULL)
        flow_text_add(s->data, "%s# %d: %s\n", s->n_blocks > 0 ? "\n\n" : "", s->n_blocks, what);
    else
        flow_text_add(s->text, "$d%d << EOD\n", s->n_blocks);
}

static void script_end_block(flow_script *s)
{
    if (s->o->data == NULL)
        flow_text_add(s->text, "EOD\n");
    s->n_blocks++;
}

/* The next block as what is plotted. */
static void script_source(flow_script *s)
{
    flow_text_add(s->text, s->first ? "plot " : ", \\\n    ");
    s->first = false;
    flow_text_add(s->text, s->o->data != NULL ? "dat index %d " : "$d%d ", s->at++);
}

static void script_point(flow_text *out, int digits_x, double x, int digits_y, double y)
{
    flow_text_add(out, "%.*g %.*g\n", digits_x, x, digits_y, y);
}

/* ---- items: their numbers ---- */

/* A value is brought to the edge of the panel where it has no place or lies beyond a multiple of its extent. */
static double script_place(const flow_axis *axis, double value)
{
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    const double place = flow_axis_place(axis, value), span = high - low;
    if (isnan(value))
        return value;
    return isnan(place) ? low - span : fmin(fmax(place, low - 10 * span), high + 10 * span);
}

/* A line breaks at an empty line; two of them would end the block. */
static void script_curve(flow_script *s, const flow_frame *p, const flow_item *item, bool band)
{
    flow_text *out = script_numbers(s);
    const int dx = flow_script_digits(&p->x), dy = flow_script_digits(&p->y);
    bool first = true, broken = false;
    for (size_t k = 0; k < item->n; k++) {
        const double x = script_place(&p->x, item->x[k]), y = script_place(&p->y, item->y[k]);
        if (isnan(x) || isnan(y) || (band && (isnan(item->low[k]) || isnan(item->high[k])))) {
            broken = true;
            continue;
        }
        flow_text_add(out, broken && !first ? "\n" : "");
        if (band)
            flow_text_add(out, "%.*g %.*g %.*g\n", dx, x, dy, script_place(&p->y, item->low[k]), dy,
                          script_place(&p->y, item->high[k]));
        else
            script_point(out, dx, x, dy, y);
        first = broken = false;
    }
}

static void script_steps(flow_script *s, const flow_frame *p, const flow_item *item, bool band)
{
    flow_text *out = script_numbers(s);
    const int dx = flow_script_digits(&p->x), dy = flow_script_digits(&p->y);
    for (size_t k = 0; k < item->n; k++)
        for (size_t end = 0; end < 2; end++) {
            const double x = script_place(&p->x, item->x[k + end]);
            if (band)
                flow_text_add(out, "%.*g %.*g %.*g\n", dx, x, dy, script_place(&p->y, item->low[k]), dy,
                              script_place(&p->y, item->high[k]));
            else
                script_point(out, dx, x, dy, script_place(&p->y, item->y[k]));
        }
}

/* Each value by itself, with an empty line in front of the next one: an upright line from `low` to `high`, or a box
 * from 0 to `y`. */
static void script_uprights(flow_script *s, const flow_frame *p, const flow_item *item, bool boxes)
{
    flow_text *out = script_numbers(s);
    const int dx = flow_script_digits(&p->x), dy = flow_script_digits(&p->y);
    const double half = boxes ? item->size / 2 : 0;
    bool first = true;
    for (size_t k = 0; k < item->n; k++) {
        if (isnan(item->y[k]))
            continue;
        const double left = script_place(&p->x, item->x[k] - half), right = script_place(&p->x, item->x[k] + half);
        const double bottom = boxes ? 0 : script_place(&p->y, item->low[k]);
        const double top = script_place(&p->y, boxes ? item->y[k] : item->high[k]);
        flow_text_add(out, first ? "" : "\n");
        script_point(out, dx, left, dy, bottom);
        script_point(out, dx, left, dy, top);
        if (boxes) {
            script_point(out, dx, right, dy, top);
            script_point(out, dx, right, dy, bottom);
        }
        first = false;
    }
}

/* All loops as one: from the first point to each loop and back, so that the ways there have no area. */
static void script_area(flow_script *s, const flow_frame *p, const flow_item *item)
{
    flow_text *out = script_numbers(s);
    const int dx = flow_script_digits(&p->x), dy = flow_script_digits(&p->y);
    for (size_t k = 0; k < item->n; k++) {
        const size_t at = isnan(item->x[k]) ? 0 : k;
        script_point(out, dx, script_place(&p->x, item->x[at]), dy, script_place(&p->y, item->y[at]));
    }
}

/* The middle of each cell and its value: gnuplot 5.4 cannot read a matrix from a file with more behind it. */
static void script_grid(flow_script *s, const flow_frame *p, const flow_item *item)
{
    flow_text *out = script_numbers(s);
    const int dx = flow_script_digits(&p->x), dy = flow_script_digits(&p->y);
    const double x0 = flow_axis_place(&p->x, p->x.low), x1 = flow_axis_place(&p->x, p->x.high);
    const double y0 = flow_axis_place(&p->y, p->y.low), y1 = flow_axis_place(&p->y, p->y.high);
    for (int j = 0; j < item->ny; j++)
        for (int i = 0; i < item->nx; i++) {
            const double z = item->z[(size_t)j * (size_t)item->nx + (size_t)i];
            flow_text_add(out, isnan(z) ? "%.*g %.*g NaN\n" : "%.*g %.*g %.5g\n", dx + 1,
                          x0 + (x1 - x0) * (i + 0.5) / item->nx, dy + 1, y0 + (y1 - y0) * (j + 0.5) / item->ny, z);
        }
}

static void script_image(flow_script *s, const flow_item *item)
{
    flow_text *out = script_numbers(s);
    for (int j = 0; j < item->ny; j++)
        for (int i = 0; i < item->nx; i++) {
            const unsigned char *c = item->rgb + 3 * ((size_t)j * (size_t)item->nx + (size_t)i);
            flow_text_add(out, "%d %d %d %d %d\n", i, item->ny - 1 - j, c[0], c[1], c[2]);
        }
}

static void script_rule(flow_script *s, const flow_frame *p, const flow_item *item)
{
    flow_text *out = script_numbers(s);
    const flow_axis *along = item->x != NULL ? &p->y : &p->x;
    const double at = item->x != NULL ? script_place(&p->x, item->x[0]) : script_place(&p->y, item->y[0]);
    const double ends[2] = {flow_axis_place(along, along->low), flow_axis_place(along, along->high)};
    for (int k = 0; k < 2; k++)
        if (item->x != NULL)
            script_point(out, flow_script_digits(&p->x), at, flow_script_digits(&p->y), ends[k]);
        else
            script_point(out, flow_script_digits(&p->x), ends[k], flow_script_digits(&p->y), at);
}

static void script_mark(flow_script *s, const flow_frame *p, const flow_item *item)
{
    const double low = flow_axis_place(&p->y, p->y.low), high = flow_axis_place(&p->y, p->y.high);
    const double at = script_place(&p->x, item->x[0]);
    script_point(script_numbers(s), flow_script_digits(&p->x), at, flow_script_digits(&p->y), low);
    script_point(script_numbers(s), flow_script_digits(&p->x), at, flow_script_digits(&p->y),
                 low + item->size * (high - low));
}

/* ---- items: how they are drawn ---- */

/* '#AARRGGBB': 00 is opaque */
void flow_script_add_color(flow_script *s, const char *word, flow_color color, double opacity)
{
    const unsigned rest = opacity > 0 && opacity < 1 ? (unsigned)lround(255 * (1 - opacity)) : 0;
    flow_text_add(s->text, " %s rgb '#%02x%06x'", word, rest, (unsigned)flow_color_rgb(color));
}

void flow_script_line_style(flow_script *s, const flow_item *item)
{
    flow_text_add(s->text, " lw %g%s", item->width, item->dashed ? " dt (6,4)" : "");
    flow_script_add_color(s, "lc", item->color, item->opacity);
}

/* Whether an item has a block of numbers for an area or error bars, and one for a line or points. */
static void script_decide(const flow_item *item, bool *area, bool *line)
{
    const bool any = item->n > 0;
    *area = *line = false;
    switch (item->kind) {
    case FLOW_ITEM_CURVE:
    case FLOW_ITEM_HISTOGRAM:
        *area = any && (item->low != NULL || item->filled);
        *line = any && item->width > 0;
        break;
    case FLOW_ITEM_POINTS:
        *area = any && item->low != NULL;
        *line = any;
        break;
    case FLOW_ITEM_BARS:
        *area = any;
        *line = any && item->low != NULL;
        break;
    case FLOW_ITEM_AREA:
        *area = item->n > 2;
        break;
    case FLOW_ITEM_TEXT:
        break;
    default:
        *line = true;
    }
}

static void script_write_block(flow_script *s, const flow_frame *p, const flow_item *item, bool area)
{
    static const char *const names[] = {"curve", "histogram", "points", "boxes", "area",
                                        "grid",  "rule",      "mark",   "text",  "image"};
    script_begin_block(s, names[item->kind]);
    switch (item->kind) {
    case FLOW_ITEM_CURVE:
        script_curve(s, p, item, area && item->low != NULL);
        break;
    case FLOW_ITEM_HISTOGRAM:
        script_steps(s, p, item, area && item->low != NULL);
        break;
    case FLOW_ITEM_POINTS:
        if (area)
            script_uprights(s, p, item, false);
        else
            script_curve(s, p, item, false);
        break;
    case FLOW_ITEM_BARS:
        if (area)
            script_uprights(s, p, item, true);
        else
            script_uprights(s, p, item, false);
        break;
    case FLOW_ITEM_AREA:
        script_area(s, p, item);
        break;
    case FLOW_ITEM_GRID:
        script_grid(s, p, item);
        break;
    case FLOW_ITEM_IMAGE:
        script_image(s, item);
        break;
    case FLOW_ITEM_RULE:
        script_rule(s, p, item);
        break;
    case FLOW_ITEM_MARK:
        script_mark(s, p, item);
        break;
    default:
        break;
    }
    script_end_block(s);
}

void flow_script_write_item(flow_script *s, const flow_frame *p, const flow_item *item)
{
    bool area, line;
    script_decide(item, &area, &line);
    if (area)
        script_write_block(s, p, item, true);
    if (line)
        script_write_block(s, p, item, false);
}

static void script_plot_area(flow_script *s, const flow_item *item)
{
    script_source(s);
    if (item->kind == FLOW_ITEM_POINTS) {
        flow_text_add(s->text, "using 1:2 with lines");
        flow_script_line_style(s, item);
    } else {
        const bool band = item->low != NULL && item->kind <= FLOW_ITEM_HISTOGRAM;
        flow_text_add(s->text, band                                ? "using 1:2:3 with filledcurves"
                               : item->kind <= FLOW_ITEM_HISTOGRAM ? "using 1:2 with filledcurves y1=0"
                                                                   : "using 1:2 with filledcurves closed");
        flow_text_add(s->text, " fs solid noborder");
        flow_script_add_color(s, "fc", item->color, item->opacity > 0 ? item->opacity : band ? FLOW_BAND_OPACITY : 0);
    }
}

static void script_plot_line(flow_script *s, const flow_item *item)
{
    script_source(s);
    if (item->kind == FLOW_ITEM_GRID) {
        flow_text_add(s->text, "using 1:2:3 with image");
    } else if (item->kind == FLOW_ITEM_IMAGE) {
        flow_text_add(s->text, "using 1:2:3:4:5 with rgbimage");
    } else if (item->kind == FLOW_ITEM_BARS) {
        flow_text_add(s->text, "using 1:2 with lines lw 1");
        flow_script_add_color(s, "lc", FLOW_BLACK, 0);
    } else if (item->kind == FLOW_ITEM_POINTS) {
        flow_text_add(s->text, "using 1:2 with points pt 7 ps %g", item->size);
        flow_script_add_color(s, "lc", item->color, item->opacity);
    } else {
        flow_text_add(s->text, "using 1:2 with lines");
        flow_item solid = *item;
        if (item->kind <= FLOW_ITEM_HISTOGRAM) /* that is the opacity of what is filled */
            solid.opacity = item->filled || item->low != NULL ? 0 : item->opacity;
        flow_script_line_style(s, &solid);
    }
}

void flow_script_plot_item(flow_script *s, const flow_item *item)
{
    bool area, line;
    script_decide(item, &area, &line);
    /* SVG would show the command as the title of each */
    if (area) {
        script_plot_area(s, item);
        flow_text_add(s->text, " title ''");
    }
    if (line) {
        script_plot_line(s, item);
        flow_text_add(s->text, " title ''");
    }
}
