/* Figures: ticks, histograms, smoothing, contours and their levels, scripts for gnuplot, text for terminals. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "draw/contour.h"
#include "draw/gnuplot.h"
#include "draw/quote.h"
#include "draw/smooth.h"
#include "draw/terminal.h"
#include "num/rng.h"
#include "values.h"

/* ---- axes ---- */

static const char *ticks_of(const flow_axis *axis, int most)
{
    static char out[1024];
    flow_ticks ticks;
    size_t used = 0;
    flow_axis_ticks(&ticks, axis, most, 8, true);
    out[0] = '\0';
    for (int k = 0; k < ticks.n; k++) {
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s", k == 0 ? "" : " ", ticks.text[k]);
        const double share = flow_axis_share(axis, ticks.at[k]);
        assert_true(share > -1e-6 && share < 1 + 1e-6);
    }
    snprintf(out + used, sizeof out - used, "%s", ticks.remark);
    return out;
}

static void ticks_are_round_numbers(void **state)
{
    (void)state;
    assert_string_equal(ticks_of(&(flow_axis){.low = -1.2, .high = 2.3}, 4), "-1 0 1 2");
    assert_string_equal(ticks_of(&(flow_axis){.low = 0, .high = 0.35}, 4), "0.0 0.1 0.2 0.3");
    assert_string_equal(ticks_of(&(flow_axis){.low = -2.5e6, .high = 2.5e6}, 5), "-2 -1 0 1 2 / 1e6");
    assert_string_equal(ticks_of(&(flow_axis){.low = 0, .high = 4e-6}, 5), "0 1 2 3 4 / 1e-6");
    assert_string_equal(ticks_of(&(flow_axis){.low = 1600000003, .high = 1600000047}, 5), "10 20 30 40 - 1600000000");
    assert_string_equal(ticks_of(&(flow_axis){.low = 0.5, .high = 3.5, .whole = true}, 9), "1 2 3");
    /* what has no extent, or none that numbers can tell apart, has no ticks */
    assert_string_equal(ticks_of(&(flow_axis){.low = 1, .high = 1}, 5), "");
    assert_string_equal(ticks_of(&(flow_axis){.low = 1e300, .high = nextafter(1e300, INFINITY)}, 5), "");
    assert_string_equal(ticks_of(&(flow_axis){.low = 0, .high = NAN}, 5), "");
}

static void ticks_of_decades(void **state)
{
    (void)state;
    const flow_axis log = {.scale = FLOW_SCALE_LOG, .low = 0.005, .high = 2e5};
    assert_string_equal(ticks_of(&log, 8), "0.01 0.1 1 10 100 1000 1e4 1e5");
    assert_string_equal(ticks_of(&log, 4), "0.01 1 100 1e4");
    const flow_axis part = {.scale = FLOW_SCALE_LOG, .low = 1.5, .high = 7};
    assert_string_equal(ticks_of(&part, 5), "2 5");
    const flow_axis both = {.scale = FLOW_SCALE_ASINH, .unit = 0.1, .low = -30, .high = 300};
    assert_string_equal(ticks_of(&both, 9), "-1 -10 0 1 10 100");
}

static void places_and_values_are_inverses(void **state)
{
    (void)state;
    const flow_axis axes[] = {{.low = -3, .high = 8},
                              {.scale = FLOW_SCALE_LOG, .low = 0.01, .high = 50},
                              {.scale = FLOW_SCALE_ASINH, .unit = 0.1, .low = -10, .high = 1000}};
    for (size_t a = 0; a < 3; a++)
        for (int k = 0; k <= 8; k++) {
            const double t = k / 8.0, low = flow_axis_place(&axes[a], axes[a].low),
                         high = flow_axis_place(&axes[a], axes[a].high);
            const double value = flow_axis_value(&axes[a], low + t * (high - low));
            ASSERT_NEAR(flow_axis_share(&axes[a], value), t, 1e-12);
        }
    assert_true(isnan(flow_axis_place(&axes[1], 0)));
}

/* ---- histograms ---- */

static void histograms_count_weights_and_their_errors(void **state)
{
    (void)state;
    flow_bins bins;
    flow_error err;
    const flow_axis axis = {.low = 0, .high = 4};
    assert_int_equal(flow_bins_make(&bins, &axis, 4, &err), FLOW_OK);
    flow_bins_add(&bins, 0.5, 2);
    flow_bins_add(&bins, 0.7, 1);
    flow_bins_add(&bins, 4, 3);  /* the end belongs to the last cell */
    flow_bins_add(&bins, -1, 1); /* below */
    flow_bins_add(&bins, 9, 2.5);
    flow_bins_add(&bins, 1.5, -0.5);
    double density[4], error[4], edges[5];
    flow_bins_density(&bins, density, error);
    flow_bins_edges(&bins, edges);
    ASSERT_NEAR(bins.total, 9, 1e-15);
    ASSERT_NEAR(density[0], 3.0 / 9, 1e-15);
    ASSERT_NEAR(error[0], sqrt(5) / 9, 1e-15);
    ASSERT_NEAR(density[1], -0.5 / 9, 1e-15);
    ASSERT_NEAR(density[3], 3.0 / 9, 1e-15);
    ASSERT_NEAR(bins.below, 1, 0);
    ASSERT_NEAR(bins.above, 2.5, 0);
    ASSERT_NEAR(edges[3], 3, 1e-15);
    flow_bins_free(&bins);
}

static void densities_of_decades_are_per_place(void **state)
{
    (void)state;
    flow_bins bins;
    flow_error err;
    const flow_axis axis = {.scale = FLOW_SCALE_LOG, .low = 0.1, .high = 1000};
    assert_int_equal(flow_bins_make(&bins, &axis, 2, &err), FLOW_OK);
    flow_bins_add(&bins, 1, 1);
    flow_bins_add(&bins, 50, 1);
    flow_bins_add(&bins, 60, 1);
    flow_bins_add(&bins, 0, 1); /* has no place */
    double density[2];
    flow_bins_density(&bins, density, NULL);
    ASSERT_NEAR(density[0], 0.25 / 2, 1e-15); /* of four rows, in two decades */
    ASSERT_NEAR(density[1], 0.5 / 2, 1e-15);
    ASSERT_NEAR(bins.below, 1, 0);
    flow_bins_free(&bins);
}

/* ---- smoothing ---- */

static void make_normal_cells(flow_cells *cells, int n, double gap)
{
    flow_error err;
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, 3, FLOW_STREAM_OTHER, 0);
    const flow_axis axis = {.low = -5, .high = 5};
    assert_int_equal(flow_cells_make(cells, &axis, 80, &axis, 80, &err), FLOW_OK);
    for (int i = 0; i < n; i++) {
        double sum = 0, other = 0;
        for (int k = 0; k < 12; k++) {
            sum += gsl_rng_uniform(&rng);
            other += gsl_rng_uniform(&rng);
        }
        /* two bells with `gap` between them */
        const double scale = gap > 0 ? 0.3 : 1;
        flow_cells_add(cells, scale * (sum - 6) + (i % 2 == 0 ? gap : -gap), scale * (other - 6), 1);
    }
}

static void kernels_keep_the_weight_and_are_as_wide_as_the_data_allow(void **state)
{
    (void)state;
    flow_error err;
    flow_cells cells;
    flow_kernel kernel = {0};
    double *z = calloc(80 * 80, sizeof *z), sum = 0;
    assert_non_null(z);
    make_normal_cells(&cells, 20000, 0);
    assert_int_equal(flow_kernel_choose(&kernel, &cells, false, false, &err), FLOW_OK);
    assert_true(kernel.factor >= 0.5); /* Scott's rule is for a normal density */
    assert_int_equal(flow_smooth(z, &cells, &kernel, &err), FLOW_OK);
    for (int k = 0; k < 80 * 80; k++)
        sum += z[k];
    ASSERT_NEAR(sum, cells.inside, 1e-9 * sum);
    flow_cells_free(&cells);
    /* two narrow bells far apart: Scott's rule would fill the gap */
    kernel = (flow_kernel){0};
    make_normal_cells(&cells, 20000, 3);
    assert_int_equal(flow_kernel_choose(&kernel, &cells, false, false, &err), FLOW_OK);
    assert_true(kernel.factor <= 0.35);
    flow_cells_free(&cells);
    /* few rows: the rule itself */
    kernel = (flow_kernel){0};
    make_normal_cells(&cells, 200, 3);
    assert_int_equal(flow_kernel_choose(&kernel, &cells, false, false, &err), FLOW_OK);
    ASSERT_NEAR(kernel.factor, 1, 0);
    /* columns of few values are not smoothed */
    assert_int_equal(flow_kernel_choose(&kernel, &cells, true, false, &err), FLOW_OK);
    ASSERT_NEAR(kernel.x, 0, 0);
    assert_true(kernel.y > 0);
    flow_cells_free(&cells);
    free(z);
}

static void kernels_go_round_a_period(void **state)
{
    (void)state;
    flow_error err;
    flow_cells cells;
    const flow_axis axis = {.low = 0, .high = 1};
    double z[10] = {0};
    assert_int_equal(flow_cells_make(&cells, &axis, 10, &axis, 1, &err), FLOW_OK);
    flow_cells_add(&cells, 0.01, 0.5, 1);
    flow_kernel kernel = {.x = 1, .beyond_x = FLOW_BEYOND_OTHER_END};
    assert_int_equal(flow_smooth(z, &cells, &kernel, &err), FLOW_OK);
    ASSERT_NEAR(z[9], z[1], 1e-15);
    kernel.beyond_x = FLOW_BEYOND_MIRROR;
    assert_int_equal(flow_smooth(z, &cells, &kernel, &err), FLOW_OK);
    ASSERT_NEAR(z[9], 0, 1e-15);
    flow_cells_free(&cells);
}

/* ---- levels and contours ---- */

enum { SIDE = 121 };

/* The standard normal density of two columns over [-6, 6] x [-6, 6]: the probability of cells. */
static double *make_normal_grid(void)
{
    double *z = calloc((size_t)SIDE * SIDE, sizeof *z);
    assert_non_null(z);
    for (int j = 0; j < SIDE; j++)
        for (int i = 0; i < SIDE; i++) {
            const double x = 12 * (i + 0.5) / SIDE - 6, y = 12 * (j + 0.5) / SIDE - 6, cell = 12.0 / SIDE;
            z[j * SIDE + i] = exp(-0.5 * (x * x + y * y)) / (2 * 3.14159265358979) * cell * cell;
        }
    return z;
}

/* 39.3 % of the probability lies within one deviation, 86.5 % within two, 98.9 % within three. */
static void contours_hold_their_mass(void **state)
{
    (void)state;
    const double masses[3] = {0.393469, 0.864665, 0.988891};
    flow_error err;
    double *z = make_normal_grid(), levels[3];
    assert_int_equal(flow_mass_levels(levels, masses, 3, z, (size_t)SIDE * SIDE, 1, &err), FLOW_OK);
    for (int k = 0; k < 3; k++) {
        flow_contour line;
        assert_int_equal(flow_contour_trace(&line, z, SIDE, SIDE, levels[k], false, &err), FLOW_OK);
        assert_true(line.n > 20);
        ASSERT_NEAR(line.x[0], line.x[line.n - 1], 1e-12); /* a loop */
        double area = 0;
        for (size_t i = 0; i < line.n; i++) {
            assert_false(isnan(line.x[i]));
            const double x = 12 * line.x[i] - 6, y = 12 * line.y[i] - 6;
            ASSERT_NEAR(sqrt(x * x + y * y), k + 1, 0.05);
            if (i > 0)
                area += 0.5 * (line.x[i - 1] * line.y[i] - line.x[i] * line.y[i - 1]);
        }
        assert_true(area > 0); /* high ground is to the left */
        flow_contour_free(&line);
    }
    /* where less than the mass is in the picture there is no such contour */
    assert_int_equal(flow_mass_levels(levels, masses, 3, z, (size_t)SIDE * SIDE, 2, &err), FLOW_OK);
    assert_false(isnan(levels[0]));
    assert_true(isnan(levels[1]));
    free(z);
}

static void holes_go_round_the_other_way(void **state)
{
    (void)state;
    double z[7 * 7];
    flow_contour line;
    flow_error err;
    for (int k = 0; k < 49; k++) {
        const int i = k % 7 - 3, j = k / 7 - 3, ring = abs(i) > abs(j) ? abs(i) : abs(j);
        z[k] = ring == 2 ? 1 : 0;
    }
    assert_int_equal(flow_contour_trace(&line, z, 7, 7, 0.5, true, &err), FLOW_OK);
    int n = 0;
    double areas[4] = {0};
    for (size_t i = 1; i < line.n; i++) {
        n += isnan(line.x[i]);
        assert_true(n < 4);
        if (!isnan(line.x[i]) && !isnan(line.x[i - 1]))
            areas[n] += 0.5 * (line.x[i - 1] * line.y[i] - line.x[i] * line.y[i - 1]);
    }
    assert_int_equal(n, 1);
    assert_true(areas[0] * areas[1] < 0);
    flow_contour_free(&line);
}

static void areas_are_closed_along_the_edge(void **state)
{
    (void)state;
    const double z[4] = {1, 1, 1, 1};
    flow_contour line;
    flow_error err;
    double area = 0;
    assert_int_equal(flow_contour_trace(&line, z, 2, 2, 0.5, false, &err), FLOW_OK);
    assert_int_equal(line.n, 0);
    flow_contour_free(&line);
    assert_int_equal(flow_contour_trace(&line, z, 2, 2, 0.5, true, &err), FLOW_OK);
    for (size_t i = 1; i < line.n; i++)
        area += 0.5 * (line.x[i - 1] * line.y[i] - line.x[i] * line.y[i - 1]);
    assert_true(area > 0.85 && area <= 1); /* all of it but for the corners */
    flow_contour_free(&line);
}

/* ---- scripts ---- */

static const char *quoted(const char *text, int most)
{
    static char out[512];
    flow_text words = {0};
    flow_quote_add(&words, text, most);
    snprintf(out, sizeof out, "%s", words.data);
    flow_text_free(&words);
    return out;
}

static void hostile_texts_are_quoted(void **state)
{
    (void)state;
    assert_string_equal(quoted("a `reboot` b", 0), "'a `reboot` b'"); /* nothing is executed in single quotes */
    assert_string_equal(quoted("it's '", 0), "'it''s '''");
    assert_string_equal(quoted("a\nsystem 'reboot'\r\t\x7f", 0), "'a?system ''reboot''?"
                                                                 "?"
                                                                 "?'");
    assert_string_equal(quoted("\xff\xc3(\xe2\x80", 0), "'?"
                                                        "?(?"
                                                        "?'"); /* no UTF-8 */
    assert_string_equal(quoted("\xe2\x80\xae"
                               "abc",
                               0),
                        "'?abc'"); /* from right to left */
    assert_string_equal(quoted("\xc2\x9b"
                               "31m",
                               0),
                        "'?31m'");
    assert_string_equal(quoted("Größe • 1", 0), "'Größe • 1'");
    assert_string_equal(quoted("abcdefghij", 6), "'abc…ij'");
    assert_string_equal(quoted(NULL, 0), "''");
}

/* A figure with a bit of everything and hostile names. */
static flow_figure *make_figure(void)
{
    static const double x[3] = {0, 1, 2}, y[3] = {0.5, NAN, 1}, low[3] = {0.4, 0, 0.9}, high[3] = {0.6, 0, 1.1};
    static const double loop_x[4] = {0.5, 1.5, 1, 0.5}, loop_y[4] = {0.2, 0.2, 0.8, 0.2}, z[4] = {0, 1, 2, NAN};
    static const unsigned char rgb[12] = {255, 0, 0, 0, 255, 0};
    flow_figure *figure = flow_figure_new(1, 3);
    assert_non_null(figure);
    figure->title = "`touch pwned` $(touch pwned) 'x";
    figure->note = "a note\nset output 'pwned'";
    flow_frame *panel = flow_figure_panel(figure, 0, 0);
    panel->x = (flow_axis){.label = "x'\nsystem('touch pwned')", .low = 0, .high = 2};
    panel->y = (flow_axis){.label = "`touch pwned`", .low = 0, .high = 1.2};
    static const flow_item_kind kinds[] = {FLOW_ITEM_CURVE, FLOW_ITEM_POINTS, FLOW_ITEM_BARS, FLOW_ITEM_HISTOGRAM};
    for (size_t k = 0; k < 4; k++) {
        flow_item *item = flow_frame_add(figure, panel, kinds[k]);
        item->n = kinds[k] == FLOW_ITEM_HISTOGRAM ? 2 : 3;
        item->x = x;
        item->y = kinds[k] == FLOW_ITEM_HISTOGRAM ? low : y;
        item->low = kinds[k] == FLOW_ITEM_BARS ? NULL : low;
        item->high = high;
        item->size = 0.5;
        item->legend = k == 0 ? "a '`touch pwned`'" : NULL;
        item->color = FLOW_BLUE;
    }
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_AREA);
    item->n = 4;
    item->x = loop_x;
    item->y = loop_y;
    item->color = FLOW_LIGHT;
    item = flow_frame_add(figure, panel, FLOW_ITEM_MARK);
    item->x = &x[1];
    item->size = 0.5;
    item->text = "%s %d `touch pwned`";
    panel = flow_figure_panel(figure, 0, 1);
    panel->x = panel->y = (flow_axis){.low = 0, .high = 1};
    panel->bar_label = "z";
    panel->z_high = 2;
    item = flow_frame_add(figure, panel, FLOW_ITEM_GRID);
    item->nx = item->ny = 2;
    item->z = z;
    panel = flow_figure_panel(figure, 0, 2);
    panel->bare = true;
    panel->aspect = 1;
    item = flow_frame_add(figure, panel, FLOW_ITEM_IMAGE);
    item->nx = item->ny = 2;
    item->rgb = rgb;
    return figure;
}

/* Nothing of the texts is outside of single quotes, which end on their line. */
static void check_quotes(const char *script)
{
    bool inside = false;
    for (const char *c = script; *c != '\0'; c++) {
        if (*c == '\'')
            inside = !inside;
        assert_false(inside && *c == '\n');
        assert_false(!inside && (*c == '`' || *c == '"'));
        if (!inside)
            assert_int_not_equal(strncmp(c, "pwned", 5), 0);
    }
    assert_false(inside);
}

static void scripts_have_texts_in_quotes_alone(void **state)
{
    (void)state;
    flow_figure *figure = make_figure();
    const flow_figure *pages[] = {figure};
    flow_text script = {0}, data = {0};
    const flow_script_options inside = {0}, apart = {.format = FLOW_PICTURE_SVG, .output = "it's.svg", .data = "a.dat"};
    flow_script_add(&script, NULL, pages, 1, &inside);
    assert_false(script.failed);
    check_quotes(script.data);
    assert_non_null(strstr(script.data, "$d0 << EOD\n0 0.4 0.6\n"));
    assert_non_null(strstr(script.data, "set terminal pngcairo"));
    flow_text_free(&script);
    flow_script_add(&script, &data, pages, 1, &apart);
    check_quotes(script.data);
    assert_null(strstr(script.data, "EOD"));
    assert_non_null(strstr(script.data, "set output here.'it''s.svg'\n"));
    assert_non_null(strstr(script.data, "dat index 0 using 1:2:3 with filledcurves"));
    assert_int_equal(strncmp(data.data, "# 0: curve\n0 0.4 0.6\n", 21), 0);
    flow_text_free(&script);
    flow_text_free(&data);
    flow_figure_free(figure);
}

static bool has_gnuplot(void)
{
    /* NOLINTNEXTLINE(cert-env33-c): a constant command */
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static void gnuplot_draws_hostile_figures(void **state)
{
    (void)state;
    static const char *const files[] = {"draw-test.png", "draw-test.svg", "draw-test.pdf"};
    static const char *const heads[] = {"\x89PNG", "<?xml", "%PDF"};
    if (!has_gnuplot())
        skip();
    char folder[] = "/tmp/flow-draw-XXXXXX", before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    flow_figure *figure = make_figure();
    const flow_figure *pages[] = {figure, figure};
    for (size_t k = 0; k < 3; k++) {
        flow_error err = {0};
        char head[8] = "";
        const flow_draw_options options = {.file = files[k], .script = "it's.gp"};
        const flow_status status = flow_draw_files(pages, k == 2 ? 2 : 1, &options, &err);
        if (status != FLOW_OK)
            fail_msg("%s", err.message);
        FILE *f = fopen(files[k], "rb");
        assert_non_null(f);
        assert_int_equal(fread(head, 1, strlen(heads[k]), f), strlen(heads[k]));
        assert_int_equal(memcmp(head, heads[k], strlen(heads[k])), 0);
        fclose(f);
        unlink(files[k]);
        /* the script that is kept draws the same file */
        /* NOLINTNEXTLINE(cert-env33-c): a constant command */
        assert_int_equal(system("cd / && gnuplot \"$OLDPWD/it's.gp\""), 0);
        assert_int_equal(access(files[k], R_OK), 0);
        unlink(files[k]);
    }
    flow_error err;
    const flow_draw_options several = {.file = "two.png"};
    assert_int_equal(flow_draw_files(pages, 2, &several, &err), FLOW_ARGUMENT);
    assert_int_not_equal(access("pwned", F_OK), 0);
    unlink("it's.gp");
    unlink("it's.dat");
    assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
    assert_int_equal(chdir(before), 0);
    flow_figure_free(figure);
}

static void a_missing_gnuplot_is_named(void **state)
{
    (void)state;
    flow_figure *figure = make_figure();
    const flow_figure *pages[] = {figure};
    flow_error err;
    const char *path = getenv("PATH");
    char *kept = strdup(path != NULL ? path : "");
    setenv("PATH", "/nonexistent", 1);
    const flow_draw_options options = {.file = "/tmp/flow-draw-none.png"};
    assert_int_equal(flow_draw_files(pages, 1, &options, &err), FLOW_IO);
    setenv("PATH", kept, 1);
    free(kept);
    assert_non_null(strstr(err.message, "apt-get install gnuplot-nox"));
    assert_int_not_equal(access("/tmp/flow-draw-none.png", F_OK), 0);
    flow_figure_free(figure);
}

static void names_of_pictures_say_their_format(void **state)
{
    (void)state;
    flow_picture_format format;
    flow_error err;
    assert_int_equal(flow_picture_format_of(&format, "a.b/c.PDF", "-o", &err), FLOW_OK);
    assert_int_equal(format, FLOW_PICTURE_PDF);
    assert_int_equal(flow_picture_format_of(&format, ".png", "-o", &err), FLOW_ARGUMENT);
    assert_int_equal(flow_picture_format_of(&format, "-", "-o", &err), FLOW_ARGUMENT);
    assert_non_null(strstr(err.message, ".png, .svg or .pdf"));
}

/* ---- the terminal ---- */

static void terminals_show_bars_and_lines(void **state)
{
    (void)state;
    static const double at[2] = {0.5, 1.5}, height[2] = {1, 0.5}, x[2] = {0, 2}, y[2] = {0.25, 0.25};
    flow_figure *figure = flow_figure_new(1, 1);
    flow_frame *panel = flow_figure_panel(figure, 0, 0);
    figure->title = "a\x1b[31mb"; /* an escape sequence must not reach the terminal */
    panel->x = (flow_axis){.label = "x", .low = 0, .high = 2};
    panel->y = (flow_axis){.low = 0, .high = 1};
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_BARS);
    item->n = 2;
    item->x = at;
    item->y = height;
    item->size = 1;
    item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
    item->n = 2;
    item->x = x;
    item->y = y;
    item->legend = "line";
    flow_text text = {0};
    flow_error err;
    const flow_terminal ascii = {.columns = 40}, unicode = {.columns = 40, .unicode = true};
    assert_int_equal(flow_terminal_add(&text, figure, &ascii, &err), FLOW_OK);
    assert_null(strchr(text.data, '\x1b'));
    assert_non_null(strstr(text.data, "a?[31mb\n--"));
    for (const char *c = text.data; *c != '\0'; c++)
        assert_true((unsigned char)*c < 0x80);
    int n_full = 0; /* lines in which the left bar stands alone, and both */
    for (const char *line = text.data; line != NULL; line = strchr(line + 1, '\n'))
        n_full += strspn(line + (*line == '\n'), " 01.5+|") >= 9 && strstr(line, "##############") != NULL;
    assert_true(n_full > 0);
    flow_text_free(&text);
    assert_int_equal(flow_terminal_add(&text, figure, &unicode, &err), FLOW_OK);
    assert_non_null(strstr(text.data, "████"));
    assert_non_null(strstr(text.data, "⠉⠉⠉⠉") != NULL   ? strstr(text.data, "⠉⠉⠉⠉")
                    : strstr(text.data, "⣀⣀⣀⣀") != NULL ? strstr(text.data, "⣀⣀⣀⣀")
                    : strstr(text.data, "⠒⠒⠒⠒") != NULL ? strstr(text.data, "⠒⠒⠒⠒")
                                                        : strstr(text.data, "⠤⠤⠤⠤"));
    flow_text_free(&text);
    flow_figure_free(figure);
}

static void terminals_are_never_overrun(void **state)
{
    (void)state;
    flow_figure *figure = make_figure();
    flow_error err;
    for (int columns = 20; columns < 140; columns += 17)
        for (int kind = 0; kind < 4; kind++) {
            flow_text text = {0};
            const flow_terminal terminal = {.columns = columns, .unicode = kind % 2 == 1, .colors = kind >= 2};
            figure->corner = kind == 3;
            assert_int_equal(flow_terminal_add(&text, figure, &terminal, &err), FLOW_OK);
            assert_true(text.length > 100);
            flow_text_free(&text);
        }
    flow_figure_free(figure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_numbers),
        cmocka_unit_test(ticks_of_decades),
        cmocka_unit_test(places_and_values_are_inverses),
        cmocka_unit_test(histograms_count_weights_and_their_errors),
        cmocka_unit_test(densities_of_decades_are_per_place),
        cmocka_unit_test(kernels_keep_the_weight_and_are_as_wide_as_the_data_allow),
        cmocka_unit_test(kernels_go_round_a_period),
        cmocka_unit_test(contours_hold_their_mass),
        cmocka_unit_test(holes_go_round_the_other_way),
        cmocka_unit_test(areas_are_closed_along_the_edge),
        cmocka_unit_test(hostile_texts_are_quoted),
        cmocka_unit_test(scripts_have_texts_in_quotes_alone),
        cmocka_unit_test(gnuplot_draws_hostile_figures),
        cmocka_unit_test(a_missing_gnuplot_is_named),
        cmocka_unit_test(names_of_pictures_say_their_format),
        cmocka_unit_test(terminals_show_bars_and_lines),
        cmocka_unit_test(terminals_are_never_overrun),
    };
    return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
