/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/board.h"

#include <math.h>

#include "draw/layout.h"

int32_t flow_board_color(flow_color color)
{
    return color == FLOW_BLACK ? FLOW_CANVAS_PLAIN : (int32_t)flow_color_rgb(color);
}

/* Places in dots, from the top left of the canvas. */
static double board_x(const flow_board *b, double value)
{
    return 2 * (b->left + b->width * flow_axis_share(&b->panel->x, value));
}

static double board_y(const flow_board *b, double value)
{
    return 4 * (b->top + b->height * (1 - flow_axis_share(&b->panel->y, value)));
}

static void board_dot(const flow_board *b, double x, double y, int32_t color)
{
    if (x >= 2 * b->left && x < 2 * (b->left + b->width) && y >= 4 * b->top && y < 4 * (b->top + b->height))
        flow_canvas_dot(b->canvas, (int)x, (int)y, color);
}

/* Between two points in dots; of a dashed line, dots are left out. */
static void board_line(const flow_board *b, double x0, double y0, double x1, double y1, int32_t color, bool dashed)
{
    const double most = fmax(fabs(x1 - x0), fabs(y1 - y0));
    if (!(most < 1e5)) /* a point far beyond the panel, or none */
        return;
    const int n = (int)ceil(most) + 1;
    for (int k = 0; k <= n; k++) {
        const double x = x0 + (x1 - x0) * k / n, y = y0 + (y1 - y0) * k / n;
        if (!dashed || ((int)x + (int)y) % 4 < 2)
            board_dot(b, x, y, color);
    }
}

/* ---- items ---- */

/* A value at the upper end is within the panel. */
static double board_lift(const flow_board *b, double y)
{
    const double end = 4.0 * (b->top + b->height);
    return y >= end && y < end + 1 ? end - 0.5 : y;
}

static void board_curve(const flow_board *b, const flow_item *item)
{
    const int32_t color = flow_board_color(item->color);
    for (size_t k = 1; k < item->n; k++) {
        const double x0 = board_x(b, item->x[k - 1]), y0 = board_y(b, item->y[k - 1]);
        const double x1 = board_x(b, item->x[k]), y1 = board_y(b, item->y[k]);
        if (isfinite(x0) && isfinite(y0) && isfinite(x1) && isfinite(y1))
            board_line(b, x0, board_lift(b, y0), x1, board_lift(b, y1), color, item->dashed);
    }
}

static void board_histogram(const flow_board *b, const flow_item *item)
{
    const int32_t color = flow_board_color(item->color);
    double before = 4.0 * (b->top + b->height) - 0.5;
    for (size_t k = 0; k < item->n; k++) {
        const double x0 = board_x(b, item->x[k]), x1 = board_x(b, item->x[k + 1]);
        const double y = board_lift(b, board_y(b, item->y[k]));
        board_line(b, x0, before, x0, y, color, false);
        board_line(b, x0, y, x1, y, color, false);
        before = y;
    }
}

static void board_points(const flow_board *b, const flow_item *item)
{
    const int32_t color = flow_board_color(item->color);
    for (size_t k = 0; k < item->n; k++) {
        const double x = board_x(b, item->x[k]), y = board_lift(b, board_y(b, item->y[k]));
        const bool inside =
            x >= 2 * b->left && x < 2 * (b->left + b->width) && y >= 4 * b->top && y < 4 * (b->top + b->height);
        if (!inside)
            continue;
        if (item->low == NULL && item->n > 1) {
            board_dot(b, x, y, color);
        } else {
            flow_canvas_write(b->canvas, (int)(x / 2), (int)(y / 4), b->unicode ? "•" : "o", 1, color);
        }
    }
}

static void board_bars(const flow_board *b, const flow_item *item)
{
    for (size_t k = 0; k < item->n; k++) {
        const int x0 = (int)lround(board_x(b, item->x[k] - item->size / 2) / 2);
        int x1 = (int)lround(board_x(b, item->x[k] + item->size / 2) / 2);
        const double share = flow_axis_share(&b->panel->y, item->y[k]);
        const int eighths = isnan(share) ? 0 : (int)lround(8 * b->height * fmin(fmax(share, 0), 1));
        x1 = x1 <= x0 ? x0 + 1 : x1;
        for (int x = x0 < b->left ? b->left : x0; x < x1 && x < b->left + b->width; x++)
            for (int y = 0; 8 * y < eighths; y++) {
                flow_canvas_cell *cell = flow_canvas_at(b->canvas, x, b->top + b->height - 1 - y);
                cell->height = (unsigned char)(eighths - 8 * y < 8 ? eighths - 8 * y : 8);
                cell->shade_color = flow_board_color(item->color);
            }
    }
}

/* Whether a point in dots is inside of an odd number of loops. */
static bool board_is_inside(const flow_board *b, const flow_item *item, double x, double y)
{
    bool inside = false;
    for (size_t k = 1; k < item->n; k++) {
        const double x0 = board_x(b, item->x[k - 1]), y0 = board_y(b, item->y[k - 1]);
        const double x1 = board_x(b, item->x[k]), y1 = board_y(b, item->y[k]);
        if ((y0 > y) != (y1 > y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
            inside = !inside;
    }
    return inside;
}

static void board_area(const flow_board *b, const flow_item *item)
{
    const int shade = item->color == FLOW_LIGHT ? 1 : item->color == FLOW_MIDDLE ? 2 : 3;
    for (int y = b->top; y < b->top + b->height; y++)
        for (int x = b->left; x < b->left + b->width; x++)
            if (board_is_inside(b, item, 2 * x + 1, 4 * y + 2)) {
                flow_canvas_cell *cell = flow_canvas_at(b->canvas, x, y);
                cell->shade = (unsigned char)shade;
                cell->shade_color = FLOW_CANVAS_PLAIN;
            }
}

/* The mean over a part of a grid, from shares of its extent; NaN where there is nothing. */
static double board_mean(const flow_item *item, double x0, double x1, double y0, double y1)
{
    const int i0 = (int)(x0 * item->nx), j0 = (int)(y0 * item->ny);
    int i1 = (int)(x1 * item->nx), j1 = (int)(y1 * item->ny), n = 0;
    double sum = 0;
    i1 = i1 <= i0 ? i0 + 1 : i1;
    j1 = j1 <= j0 ? j0 + 1 : j1;
    for (int j = j0; j < j1 && j < item->ny; j++)
        for (int i = i0; i < i1 && i < item->nx; i++) {
            const double z = item->z[(size_t)j * (size_t)item->nx + (size_t)i];
            if (!isnan(z)) {
                sum += z;
                n++;
            }
        }
    return n > 0 ? sum / n : (double)NAN;
}

static int32_t board_grid_color(const flow_board *b, double t)
{
    return isnan(t) ? FLOW_CANVAS_PLAIN : (int32_t)flow_color_at(b->map, t);
}

static void board_grid(const flow_board *b, const flow_item *item)
{
    const double low = b->panel->z_low, extent = b->panel->z_high - low;
    for (int y = 0; y < b->height; y++)
        for (int x = 0; x < b->width; x++) {
            flow_canvas_cell *cell = flow_canvas_at(b->canvas, b->left + x, b->top + y);
            const double x0 = (double)x / b->width, x1 = (x + 1.0) / b->width;
            const double y0 = 1 - (y + 1.0) / b->height, y1 = 1 - (double)y / b->height, middle = 0.5 * (y0 + y1);
            const double upper = (board_mean(item, x0, x1, middle, y1) - low) / extent;
            const double lower = (board_mean(item, x0, x1, y0, middle) - low) / extent;
            const double both = 0.5 * (upper + lower);
            cell->upper = board_grid_color(b, upper);
            cell->lower = board_grid_color(b, lower);
            cell->shade = (unsigned char)(isnan(both) ? 0 : fmin(fmax(floor(5 * both), 0), 4));
            cell->shade_color = FLOW_CANVAS_PLAIN;
        }
}

/* The mean colour of a part of an image, from above. */
static int32_t board_mean_color(const flow_item *item, double x0, double x1, double y0, double y1)
{
    int i0 = (int)(x0 * item->nx), j0 = (int)(y0 * item->ny), i1 = (int)(x1 * item->nx), j1 = (int)(y1 * item->ny);
    long sums[3] = {0, 0, 0}, n = 0;
    i1 = i1 <= i0 ? i0 + 1 : i1;
    j1 = j1 <= j0 ? j0 + 1 : j1;
    for (int j = j0; j < j1 && j < item->ny; j++)
        for (int i = i0; i < i1 && i < item->nx; i++, n++)
            for (int k = 0; k < 3; k++)
                sums[k] += item->rgb[3 * ((size_t)j * (size_t)item->nx + (size_t)i) + (size_t)k];
    return n > 0 ? (int32_t)(sums[0] / n << 16 | sums[1] / n << 8 | sums[2] / n) : FLOW_CANVAS_PLAIN;
}

static void board_image(const flow_board *b, const flow_item *item)
{
    for (int y = 0; y < b->height; y++)
        for (int x = 0; x < b->width; x++) {
            flow_canvas_cell *cell = flow_canvas_at(b->canvas, b->left + x, b->top + y);
            const double x0 = (double)x / b->width, x1 = (x + 1.0) / b->width, y0 = (double)y / b->height;
            const double y1 = (y + 1.0) / b->height, middle = 0.5 * (y0 + y1);
            cell->upper = board_mean_color(item, x0, x1, y0, middle);
            cell->lower = board_mean_color(item, x0, x1, middle, y1);
            const int32_t both = board_mean_color(item, x0, x1, y0, y1);
            const int gray = (((both >> 16) & 0xff) * 3 + ((both >> 8) & 0xff) * 6 + (both & 0xff)) / 10;
            cell->shade = (unsigned char)(gray * 5 / 256);
            cell->shade_color = FLOW_CANVAS_PLAIN;
        }
}

static void board_rule(const flow_board *b, const flow_item *item)
{
    const int32_t color = flow_board_color(item->color);
    if (item->x != NULL) {
        const double x = board_x(b, item->x[0]);
        for (int y = 0; y < 4 * b->height; y += 2)
            board_dot(b, x, 4 * b->top + y, color);
    } else {
        const double y = board_lift(b, board_y(b, item->y[0]));
        for (int x = 0; x < 2 * b->width; x += 2)
            board_dot(b, 2 * b->left + x, y, color);
    }
}

static void board_mark(const flow_board *b, const flow_item *item)
{
    const double x = board_x(b, item->x[0]);
    const int32_t color = flow_board_color(item->color);
    const int top = (int)lround(b->height * (1 - item->size));
    for (int y = 4 * top; y < 4 * b->height; y++)
        board_dot(b, x, 4 * b->top + y, color);
    if (item->text == NULL)
        return;
    const int length = flow_page_characters(item->text), at = (int)(x / 2);
    const int most = item->align == FLOW_ALIGN_RIGHT ? at - b->left : b->left + b->width - at - 1;
    if (most > 3)
        flow_canvas_write(b->canvas, item->align == FLOW_ALIGN_RIGHT ? at - (length < most ? length : most) : at + 1,
                          b->top + top, item->text, most, color);
}

static void board_text(const flow_board *b, const flow_item *item)
{
    const int length = flow_page_characters(item->text);
    const int most = b->width < length ? b->width : length;
    const int at = (int)(item->x[0] * b->width);
    int x = item->align == FLOW_ALIGN_LEFT ? at : item->align == FLOW_ALIGN_RIGHT ? at - most : at - most / 2;
    int y = (int)((1 - item->y[0]) * b->height);
    x = x < 0 ? 0 : x + most > b->width ? b->width - most : x;
    y = y >= b->height ? b->height - 1 : y;
    flow_canvas_write(b->canvas, b->left + x, b->top + y, item->text, most, flow_board_color(item->color));
}

void flow_board_item(const flow_board *b, const flow_item *item)
{
    static void (*const draw[])(const flow_board *, const flow_item *) = {
        [FLOW_ITEM_CURVE] = board_curve, [FLOW_ITEM_HISTOGRAM] = board_histogram, [FLOW_ITEM_POINTS] = board_points,
        [FLOW_ITEM_BARS] = board_bars,   [FLOW_ITEM_AREA] = board_area,           [FLOW_ITEM_GRID] = board_grid,
        [FLOW_ITEM_RULE] = board_rule,   [FLOW_ITEM_MARK] = board_mark,           [FLOW_ITEM_TEXT] = board_text,
        [FLOW_ITEM_IMAGE] = board_image,
    };
    draw[item->kind](b, item);
}
