/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/canvas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw/quote.h"

flow_status flow_canvas_make(flow_canvas *out, int width, int height, flow_error *err)
{
    *out = (flow_canvas){.width = width, .height = height};
    out->cells = calloc((size_t)width * (size_t)height, sizeof *out->cells);
    if (out->cells == NULL)
        return flow_error_memory(err, "a figure");
    for (int k = 0; k < width * height; k++)
        out->cells[k].upper = out->cells[k].lower = FLOW_CANVAS_PLAIN;
    return FLOW_OK;
}

void flow_canvas_free(flow_canvas *canvas)
{
    free(canvas->cells);
    *canvas = (flow_canvas){0};
}

flow_canvas_cell *flow_canvas_at(flow_canvas *canvas, int x, int y)
{
    static _Thread_local flow_canvas_cell nowhere;
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return &nowhere;
    return &canvas->cells[(size_t)y * (size_t)canvas->width + (size_t)x];
}

void flow_canvas_dot(flow_canvas *canvas, int x, int y, int32_t color)
{
    static const unsigned char bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (x < 0 || y < 0)
        return;
    flow_canvas_cell *cell = flow_canvas_at(canvas, x / 2, y / 4);
    cell->dots |= bits[y % 4][x % 2];
    cell->dot_color = color;
}

void flow_canvas_write(flow_canvas *canvas, int x, int y, const char *text, int most, int32_t color)
{
    int n = 0, at = 0;
    for (const char *c = text; *c != '\0'; n++)
        c += flow_character_size(c) > 0 ? flow_character_size(c) : 1;
    const bool cut = n > most;
    const int head = most / 2, tail = n - (most - 1 - head);
    for (const char *c = text; *c != '\0'; at++) {
        const int length = flow_character_size(c);
        if (!cut || at <= head || at >= tail) {
            flow_canvas_cell *cell = flow_canvas_at(canvas, x++, y);
            memset(cell->text, 0, sizeof cell->text);
            cell->text_color = color;
            if (cut && at == head)
                cell->text[0] = '~';
            else if (length == 0 || flow_character_is_control(c, length))
                cell->text[0] = '?';
            else
                memcpy(cell->text, c, (size_t)length);
        }
        c += length > 0 ? length : 1;
    }
}

/* ---- printing ---- */

/* The nearest of the 256 colours of terminals: the cube of 6 x 6 x 6 behind the first 16. */
static int canvas_color(int32_t rgb)
{
    const int r = (rgb >> 16) & 0xff, g = (rgb >> 8) & 0xff, b = rgb & 0xff;
    if (r == g && g == b)
        return r < 4 ? 16 : r > 246 ? 231 : 232 + (r - 3) * 24 / 244;
    return 16 + 36 * ((r * 5 + 127) / 255) + 6 * ((g * 5 + 127) / 255) + (b * 5 + 127) / 255;
}

/* The mean row of the dots of a column of the cell, from above, and how many there are. */
static double canvas_mean_row(unsigned char dots, const unsigned char bits[4], int *n)
{
    double sum = 0;
    *n = 0;
    for (int row = 0; row < 4; row++)
        if ((dots & bits[row]) != 0) {
            sum += row;
            ++*n;
        }
    return *n > 0 ? sum / *n : 0;
}

/* A character whose stroke is about that of the dots. */
static char canvas_ascii(unsigned char dots)
{
    static const unsigned char left_bits[4] = {0x01, 0x02, 0x04, 0x40}, right_bits[4] = {0x08, 0x10, 0x20, 0x80};
    int n_left, n_right;
    const double left = canvas_mean_row(dots, left_bits, &n_left), right = canvas_mean_row(dots, right_bits, &n_right);
    const double row = (n_left * left + n_right * right) / (n_left + n_right);
    if ((n_left == 0 && n_right > 1) || (n_right == 0 && n_left > 1))
        return '|';
    if (n_left > 0 && n_right > 0 && fabs(left - right) > 1)
        return left > right ? '/' : '\\';
    return row < 0.8 ? '\'' : row > 2.2 ? '_' : '-';
}

static const char *canvas_shade(const flow_canvas_cell *cell, bool unicode)
{
    static const char *const shades[2][5] = {{" ", ".", ":", "#", "@"}, {" ", "░", "▒", "▓", "█"}};
    static const char *const bars[2][9] = {{" ", ".", ".", "-", "-", "=", "=", "#", "#"},
                                           {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}};
    return cell->height > 0 ? bars[unicode][cell->height] : shades[unicode][cell->shade];
}

/* What the cell shows, and its colour. */
static int32_t canvas_glyph(char out[8], const flow_canvas_cell *cell, bool unicode, bool colors)
{
    const int code = 0x2800 + cell->dots;
    if (cell->text[0] != '\0') {
        const bool plain = unicode || (unsigned char)cell->text[0] < 0x80;
        snprintf(out, 8, "%s", plain ? cell->text : "?");
        return cell->text_color;
    }
    if (cell->dots != 0) {
        if (unicode)
            snprintf(out, 8, "%c%c%c", 0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
        else
            snprintf(out, 8, "%c", canvas_ascii(cell->dots));
        return cell->dot_color;
    }
    if (colors && unicode && cell->upper != FLOW_CANVAS_PLAIN) {
        snprintf(out, 8, "▀");
        return cell->upper;
    }
    snprintf(out, 8, "%s", canvas_shade(cell, unicode));
    return cell->shade_color;
}

static bool canvas_is_blank(const flow_canvas_cell *cell)
{
    return (cell->text[0] == '\0' || cell->text[0] == ' ') && cell->dots == 0 && cell->shade == 0 &&
           cell->height == 0 && cell->upper == FLOW_CANVAS_PLAIN;
}

void flow_canvas_print(flow_text *out, const flow_canvas *canvas, bool unicode, bool colors)
{
    for (int y = 0; y < canvas->height; y++) {
        const flow_canvas_cell *line = canvas->cells + (size_t)y * (size_t)canvas->width;
        int n = canvas->width;
        int32_t color = FLOW_CANVAS_PLAIN, behind = FLOW_CANVAS_PLAIN;
        while (n > 0 && canvas_is_blank(&line[n - 1]))
            n--;
        for (int x = 0; x < n; x++) {
            char glyph[8];
            const int32_t wanted = canvas_glyph(glyph, &line[x], unicode, colors);
            const bool halves = glyph[0] != ' ' && line[x].text[0] == '\0' && unicode;
            const int32_t back = halves ? line[x].lower : FLOW_CANVAS_PLAIN;
            if (colors && (wanted != color || back != behind)) {
                flow_text_add(out, "\033[0");
                if (wanted != FLOW_CANVAS_PLAIN && wanted != 0) /* black may be the background: it stays plain */
                    flow_text_add(out, ";38;5;%d", canvas_color(wanted));
                if (back != FLOW_CANVAS_PLAIN)
                    flow_text_add(out, ";48;5;%d", canvas_color(back));
                flow_text_add(out, "m");
                color = wanted;
                behind = back;
            }
            flow_text_add(out, "%s", glyph);
        }
        flow_text_add(out, color != FLOW_CANVAS_PLAIN || behind != FLOW_CANVAS_PLAIN ? "\033[0m\n" : "\n");
    }
}
