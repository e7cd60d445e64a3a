/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double flow_axis_place(const flow_axis *axis, double value)
{
    switch (axis->scale) {
    case FLOW_SCALE_LOG:
        return value > 0 ? log10(value) : (double)NAN;
    case FLOW_SCALE_ASINH:
        return asinh(value / axis->unit);
    default:
        return value;
    }
}

double flow_axis_value(const flow_axis *axis, double place)
{
    switch (axis->scale) {
    case FLOW_SCALE_LOG:
        return pow(10, place);
    case FLOW_SCALE_ASINH:
        return sinh(place) * axis->unit;
    default:
        return place;
    }
}

double flow_axis_share(const flow_axis *axis, double value)
{
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    return (flow_axis_place(axis, value) - low) / (high - low);
}

/* ---- labels ---- */

/* 10⁶, or 1e6 in ASCII */
static void axis_print_power(char *out, size_t size, int power, bool ascii)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char plain[12];
    if (ascii) {
        snprintf(out, size, "1e%d", power);
        return;
    }
    snprintf(plain, sizeof plain, "%d", power < 0 ? -power : power);
    size_t used = (size_t)snprintf(out, size, "10%s", power < 0 ? "⁻" : "");
    for (const char *at = plain; *at != '\0' && used < size; at++)
        used += (size_t)snprintf(out + used, size - used, "%s", digits[*at - '0']);
}

/* 1, 2 or 5 times a power of 10; 2.5 leads to labels that are longer. */
static double axis_nice_step(double least)
{
    const double power = pow(10, floor(log10(least))), rest = least / power;
    return power * (rest <= 1 + 1e-9 ? 1 : rest <= 2 + 1e-9 ? 2 : rest <= 5 + 1e-9 ? 5 : 10);
}

/* ---- linear ---- */

/* The labels of ticks that are `step` apart as (value - shift) / 10^power, with so many decimals. */
typedef struct axis_form {
    double step, shift;
    int power, decimals;
} axis_form;

static axis_form axis_choose_form(double low, double high, double step)
{
    axis_form form = {.step = step};
    const double most = fmax(fabs(low), fabs(high));
    const int of_step = (int)floor(log10(step) + 1e-9), of_most = (int)floor(log10(most) + 1e-9);
    if (of_most - of_step >= 5) { /* more digits than a label has room for */
        form.shift = floor(low / (10 * step)) * 10 * step;
        const double left = high - form.shift;
        const int of_left = (int)floor(log10(left) + 1e-9);
        form.power = of_left >= 5 || of_left < -3 ? of_left : 0;
    } else {
        form.power = of_most >= 5 || of_most < -3 ? of_most : 0;
    }
    form.decimals = of_step < form.power ? form.power - of_step : 0;
    return form;
}

static int axis_print_tick(char out[FLOW_TICK_SIZE], const axis_form *form, double value)
{
    double shown = (value - form->shift) / pow(10, form->power);
    if (fabs(shown) < 1e-9 * form->step / pow(10, form->power))
        shown = 0;
    return snprintf(out, FLOW_TICK_SIZE, "%.*f", form->decimals, shown);
}

static void axis_linear_ticks(flow_ticks *out, const flow_axis *axis, int most, int widest, bool ascii)
{
    const double low = axis->low, high = axis->high, span = high - low;
    if (!(span > 1e-14 * fmax(fabs(low), fabs(high)))) /* no numbers between them */
        return;
    double step = axis_nice_step(span / most);
    axis_form form = {0};
    if (axis->whole && step < 1)
        step = 1;
    for (int tries = 0; tries < 8; tries++) {
        form = axis_choose_form(low, high, step);
        const long long first = (long long)ceil(low / step - 1e-9), last = (long long)floor(high / step + 1e-9);
        int longest = 0;
        out->n = 0;
        for (long long k = first; k <= last && out->n < FLOW_TICKS_MAX; k++) {
            const double value = (double)k * step;
            const int length = axis_print_tick(out->text[out->n], &form, value);
            longest = length > longest ? length : longest;
            out->at[out->n++] = value;
        }
        if (out->n <= most && (longest <= widest || out->n <= 2))
            break;
        step = axis_nice_step(1.5 * step);
    }
    if (form.shift != 0 && form.power != 0) {
        char power[FLOW_TICK_SIZE];
        axis_print_power(power, sizeof power, form.power, ascii);
        snprintf(out->remark, sizeof out->remark, ascii ? " - %.12g / %.12s" : " − %.12g / %.20s", form.shift, power);
    } else if (form.shift != 0) {
        snprintf(out->remark, sizeof out->remark,
                 form.shift < 0 ? " + %.12g"
                 : ascii        ? " - %.12g"
                                : " − %.12g",
                 fabs(form.shift));
    } else if (form.power != 0) {
        char power[FLOW_TICK_SIZE];
        axis_print_power(power, sizeof power, form.power, ascii);
        snprintf(out->remark, sizeof out->remark, " / %s", power);
    }
}

/* ---- logarithmic ---- */

/* 0.01, 1, 1000, 10⁶; -1000 */
static void axis_print_decade(char out[FLOW_TICK_SIZE], double value, bool ascii)
{
    const double size = fabs(value);
    const int power = (int)lround(log10(size));
    out[0] = '-';
    char *at = out + (value < 0);
    const size_t room = FLOW_TICK_SIZE - (value < 0);
    if (power >= -2 && power <= 3)
        snprintf(at, room, "%g", size);
    else
        axis_print_power(at, room, power, ascii);
}

static bool axis_is_inside(const flow_axis *axis, double value)
{
    const double share = flow_axis_share(axis, value);
    return share >= -1e-9 && share <= 1 + 1e-9;
}

static void axis_add_minor(flow_ticks *out, const flow_axis *axis, double value)
{
    if (out->n_minor < FLOW_MINOR_MAX && axis_is_inside(axis, value))
        out->minor[out->n_minor++] = value;
}

/* Decades from 10^first to 10^last, every `every`-th with a label; `sign` -1: of the negative half. */
static void axis_add_decades(flow_ticks *out, const flow_axis *axis, int first, int last, int every, int sign,
                             bool ascii)
{
    for (int power = first; power <= last; power++) {
        const double value = sign * pow(10, power);
        if (every == 1)
            for (int k = 2; k < 10; k++)
                axis_add_minor(out, axis, k * value);
        if ((power - first) % every != 0) {
            axis_add_minor(out, axis, value);
        } else if (out->n < FLOW_TICKS_MAX && axis_is_inside(axis, value)) {
            axis_print_decade(out->text[out->n], value, ascii);
            out->at[out->n++] = value;
        }
    }
}

static void axis_log_ticks(flow_ticks *out, const flow_axis *axis, int most, int widest, bool ascii)
{
    const double low = log10(axis->low), high = log10(axis->high);
    const int first = (int)ceil(low - 1e-9), last = (int)floor(high + 1e-9), n = last - first + 1;
    if (n >= 2) {
        axis_add_decades(out, axis, first - 1, first - 1, 1, 1, ascii); /* its small ticks */
        axis_add_decades(out, axis, first, last, (n + most - 1) / (most > 0 ? most : 1), 1, ascii);
        return;
    }
    /* less than a decade with labels at its ends */
    static const double steps[] = {1, 2, 5};
    for (int power = first - 1; power <= last; power++)
        for (int k = 0; k < 3; k++) {
            const double value = steps[k] * pow(10, power);
            if (out->n < FLOW_TICKS_MAX && axis_is_inside(axis, value)) {
                snprintf(out->text[out->n], FLOW_TICK_SIZE, "%g", value);
                out->at[out->n++] = value;
            }
        }
    if (out->n < 2) {
        out->n = 0;
        axis_linear_ticks(out, axis, most, widest, ascii);
    }
}

static void axis_asinh_ticks(flow_ticks *out, const flow_axis *axis, int most, bool ascii)
{
    const int least = (int)lround(log10(axis->unit)) + 1;
    const int up = axis->high > 0 ? (int)floor(log10(axis->high) + 1e-9) : least - 1;
    const int down = axis->low < 0 ? (int)floor(log10(-axis->low) + 1e-9) : least - 1;
    const int n = (up >= least ? up - least + 1 : 0) + (down >= least ? down - least + 1 : 0);
    const int every = n > most - 1 ? (n + most - 2) / (most > 1 ? most - 1 : 1) : 1;
    axis_add_decades(out, axis, least, down, every, -1, ascii);
    if (axis_is_inside(axis, 0)) {
        snprintf(out->text[out->n], FLOW_TICK_SIZE, "0");
        out->at[out->n++] = 0;
    }
    axis_add_decades(out, axis, least, up, every, 1, ascii);
}

void flow_axis_ticks(flow_ticks *out, const flow_axis *axis, int most, int widest, bool ascii)
{
    *out = (flow_ticks){0};
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    if (axis->no_ticks || !(high > low) || !isfinite(low) || !isfinite(high) || most < 1)
        return;
    if (axis->scale == FLOW_SCALE_LOG)
        axis_log_ticks(out, axis, most, widest, ascii);
    else if (axis->scale == FLOW_SCALE_ASINH)
        axis_asinh_ticks(out, axis, most, ascii);
    else
        axis_linear_ticks(out, axis, most, widest, ascii);
}
