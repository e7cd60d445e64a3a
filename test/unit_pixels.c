/* The column map "pixels": its maps against the formulas in long double, also where there are no data, their gradients,
 * the noise, and what is no pixel. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "values.h"

enum { N = 8 };

/* A flow of this map alone, for images of one row of two pixels. */
static const flow_column *open_map(subject *s, const char *options)
{
    subject_open(s, (subject_shape){.dim = 2, .image = {1, 2, 1}, .seed = 1}, "{\"flow\": [{\"type\": \"pixels\"%s}]}",
                 options);
    return &s->f->columns[0];
}

static void to_latent(const flow_column *map, const double *x, double *z, double *logdet)
{
    memset(logdet, 0, N * sizeof *logdet);
    map->type->to_latent(map->state, NULL, N, x, z, logdet);
}

static void to_data(const flow_column *map, const double *z, double *x, double *logdet)
{
    memset(logdet, 0, N * sizeof *logdet);
    map->type->to_data(map->state, NULL, N, z, x, logdet);
}

static void maps_follow_the_formulas(void **state)
{
    (void)state;
    static const double x[2 * N] = {0, 1e-9, 0.5, 1, 17.25, 100, 127.5, 128, 200, 254, 255, 255.5, 255.999, 256, 3, 64};
    double z[2 * N], back[2 * N], logdet[N], logdet_back[N];
    for (int logit = 0; logit < 2; logit++) {
        subject s;
        const flow_column *map = open_map(&s, logit ? ", \"alpha\": 0.01" : ", \"map\": \"scale\"");
        to_latent(map, x, z, logdet);
        to_data(map, z, back, logdet_back);
        for (int j = 0; j < N; j++) {
            long double sum = 0;
            for (int k = j; k < 2 * N; k += N) {
                long double u = (long double)x[k] / 256, p = 0.01L + 0.98L * u;
                ASSERT_NEAR(z[k], (double)(logit ? logl(p / (1 - p)) : u - 0.5L), 1e-14);
                sum += logit ? logl(0.98L / 256 / (p * (1 - p))) : logl(1.0L / 256);
                ASSERT_NEAR(back[k], x[k], 1e-11);
            }
            ASSERT_NEAR(logdet[j], (double)sum, 1e-13);
            ASSERT_NEAR(logdet[j] + logdet_back[j], 0, 1e-12);
        }
        subject_close(&s);
    }
}

/* Draws may be anywhere. */
static void latents_without_data_come_back(void **state)
{
    (void)state;
    static const double z[2 * N] = {-2.95, -10, -36, -37, -40, -745, -1e6, 0, 2.95, 10, 36, 37, 40, 745, 1e6, 3};
    double x[2 * N], back[2 * N], logdet[N], logdet_back[N];
    subject s;
    const flow_column *map = open_map(&s, "");
    to_data(map, z, x, logdet);
    to_latent(map, x, back, logdet_back);
    for (int k = 0; k < 2 * N; k++) {
        ASSERT_NEAR(back[k], z[k], 1e-12 * fmax(1, fabs(z[k])));
        if (z[k] != 0)
            assert_true(z[k] < 0 ? x[k] < 0 : x[k] > 256);
    }
    for (int j = 0; j < N; j++)
        ASSERT_NEAR(logdet[j] + logdet_back[j], 0, 1e-12);
    map->type->round(map->state, NULL, N, x);
    for (int k = 0; k < 2 * N; k++)
        ASSERT_EQ(x[k], z[k] < 0 ? 0 : z[k] > 0 ? 255 : 128);
    subject_close(&s);
}

/* The sum of the outputs, times 1, 2, ..., and of the log-determinants, times -1, -2, ... */
static double value_of(const flow_column *map, bool latent, const double *in)
{
    double out[2 * N], logdet[N], sum = 0;
    (latent ? to_latent : to_data)(map, in, out, logdet);
    for (int k = 0; k < 2 * N; k++)
        sum += (k + 1) * out[k];
    for (int j = 0; j < N; j++)
        sum -= (j + 1) * logdet[j];
    return sum;
}

static void gradients_are_those_of_the_maps(void **state)
{
    (void)state;
    static const double places[2][2 * N] = {
        {-300, -1, 0.5, 20, 100, 128, 200, 255, 255.9, 257, 300, 1000, 3, 5, 80, 131},
        {-8, -3, -2.9, -1, -0.5, -0.1, 0, 0.1, 0.5, 1, 2, 2.9, 3, 4, 20, 60},
    };
    for (int kind = 0; kind < 4; kind++) {
        const bool latent = kind % 2 == 0;
        const double *in = places[latent ? 0 : 1];
        double gout[2 * N], glogdet[N], gin[2 * N];
        subject s;
        const flow_column *map = open_map(&s, kind < 2 ? "" : ", \"map\": \"scale\"");
        for (int k = 0; k < 2 * N; k++)
            gout[k] = k + 1;
        for (int j = 0; j < N; j++)
            glogdet[j] = -(j + 1);
        (latent ? map->type->to_latent_backward : map->type->to_data_backward)(map->state, NULL, N, in, gout, glogdet,
                                                                               gin);
        for (int k = 0; k < 2 * N; k++) {
            double moved[2 * N], h = 1e-5;
            memcpy(moved, in, sizeof moved);
            moved[k] = in[k] + h;
            double above = value_of(map, latent, moved);
            moved[k] = in[k] - h;
            double slope = (above - value_of(map, latent, moved)) / (2 * h);
            ASSERT_NEAR(gin[k], slope, 1e-5 * fmax(1, fabs(slope)));
        }
        subject_close(&s);
    }
}

static void noise_stays_in_the_step_of_its_pixel(void **state)
{
    (void)state;
    static const int levels[] = {256, 32, 2};
    static const double pixels[2 * N] = {0, 1, 7, 8, 127, 128, 254, 255, 255, 0, 3, 200, 131, 64, 16, 9};
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        const double step = 256. / levels[l];
        char options[64];
        subject s;
        snprintf(options, sizeof options, ", \"levels\": %d", levels[l]);
        const flow_column *map = open_map(&s, options);
        for (int kind = 0; kind < 3; kind++) {
            flow_noise noise = kind == 0 ? (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .seed = 5} : flow_noise_of_draw(0);
            double x[2 * N], logdet[N] = {0};
            noise.inner = kind == 2;
            memcpy(x, pixels, sizeof x);
            map->type->spread(map->state, NULL, &noise, N, x, logdet);
            for (int k = 0; k < 2 * N; k++) {
                double from = x[k] / step - floor(pixels[k] / step);
                const double margin = noise.inner ? FLOW_NOISE_INNER : 0;
                assert_true(from >= margin && from < 1 - margin);
            }
            for (int j = 0; j < N; j++)
                ASSERT_NEAR(logdet[j], 2 * log(step), 1e-14);
            map->type->round(map->state, NULL, N, x);
            for (int k = 0; k < 2 * N; k++)
                ASSERT_EQ(x[k], step * floor(pixels[k] / step));
        }
        subject_close(&s);
    }
}

static void other_numbers_are_no_pixels(void **state)
{
    (void)state;
    static const double values[] = {-1, 0.5, 256, 1e300, -0.0};
    const flow_noise noise = flow_noise_of_draw(0);
    subject s;
    const flow_column *map = open_map(&s, "");
    for (int v = 0; v < 5; v++) {
        double x[2 * N] = {0}, logdet[N] = {0};
        const double row[2] = {255, values[v]};
        flow_error err = {0};
        x[N + 2] = values[v];
        map->type->spread(map->state, NULL, &noise, N, x, logdet);
        for (int j = 0; j < N; j++)
            ASSERT_EQ(logdet[j], j == 2 && v < 4 ? -INFINITY : 0);
        assert_int_equal(map->type->check_row(map->state, row, &err), v < 4 ? FLOW_DATA : FLOW_OK);
        if (v == 2)
            assert_string_equal(err.message, "value 2 is 256, and pixels are whole numbers from 0 to 255; scale the "
                                            "values, or replace \"pixels\" by \"standardize\"");
    }
    double odd[2 * N] = {INFINITY, -INFINITY, NAN, -5, 256, 300}; /* a failure stays visible */
    map->type->round(map->state, NULL, N, odd);
    assert_true(odd[0] == INFINITY && odd[1] == -INFINITY && isnan(odd[2]));
    ASSERT_EQ(odd[3], 0);
    ASSERT_EQ(odd[4], 255);
    ASSERT_EQ(odd[5], 255);
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_follow_the_formulas),        cmocka_unit_test(latents_without_data_come_back),
        cmocka_unit_test(gradients_are_those_of_the_maps), cmocka_unit_test(noise_stays_in_the_step_of_its_pixel),
        cmocka_unit_test(other_numbers_are_no_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
