/* The survey of columns: every oddity is found and proved by its numbers, and ordinary columns have none. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/survey.h"
#include "num/real.h"
#include "num/rng.h"
#include "values.h"

/* ---- tables ---- */

/* Fills a row; `seed` tells apart tables of the same kind. */
typedef void fill_row(double *row, int64_t i, int64_t n, uint64_t seed);

static double uniform(uint64_t seed, int64_t i, int column)
{
    return flow_rng_uniform(seed, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)column);
}

static double normal(uint64_t seed, int64_t i, int column)
{
    return gsl_cdf_ugaussian_Pinv(uniform(seed, i, column));
}

/* The survey of n rows, which come in blocks. */
static flow_survey *survey_rows(int d, const char *const *names, fill_row *fill, int64_t n, uint64_t seed, size_t block)
{
    flow_error err = {0};
    flow_survey *s;
    double *rows = malloc(block * (size_t)d * sizeof *rows);
    int64_t *numbers = malloc(block * sizeof *numbers);
    if (flow_survey_new(&s, d, names, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    for (int64_t i = 0; i < n;) {
        size_t m = 0;
        for (; m < block && i < n; m++, i++) {
            fill(rows + m * (size_t)d, i, n, seed);
            numbers[m] = i;
        }
        assert_int_equal(flow_survey_add(s, rows, numbers, m, &err), FLOW_OK);
    }
    if (flow_survey_finish(s, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    free(rows);
    free(numbers);
    return s;
}

/* The kinds of the findings about a column, one bit each. */
static unsigned kinds_of(const flow_survey *s, int column)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < s->n_findings; i++)
        if (s->findings[i].column == column)
            kinds |= 1u << s->findings[i].kind;
    return kinds;
}

#define KIND(kind) (1u << FLOW_FINDING_##kind)

/* ---- every oddity at once ---- */

enum {
    INDEX,
    SHUFFLED,
    CONSTANT,
    NEARLY,
    ROUNDING,
    X,
    Y,
    SUM,
    COPY,
    AFFINE,
    WHOLE,
    ZEROS,
    ANGLE,
    DEGREES,
    DECADES,
    CAUCHY,
    BOOLEAN,
    CLASS,
    CODE,
    CODES,
    INNER,
    NETCDF,
    DATE,
    DAY,
    ROUNDED,
    BINARY,
    CLIPPED,
    OUTLIER,
    FLOATS,
    OTHER_UNIT,
    FEW,
    SHARE,
    LATE,
    CLOCK,
    N_ODD
};

static const struct {
    const char *name;
    unsigned kinds;
} odd[N_ODD] = {
    [INDEX] = {"index", KIND(ROW_NUMBER)},
    [SHUFFLED] = {"shuffled", KIND(ROW_NUMBER)},
    [CONSTANT] = {"constant", KIND(CONSTANT)},
    [NEARLY] = {"nearly", KIND(NEARLY_CONSTANT)},
    [ROUNDING] = {"rounding", KIND(NEARLY_CONSTANT)},
    [X] = {"x", 0},
    [Y] = {"y", 0},
    [SUM] = {"sum", KIND(LINEAR)},
    [COPY] = {"copy", KIND(COPY)},
    [AFFINE] = {"affine", KIND(LINEAR)},
    [WHOLE] = {"whole", KIND(LATTICE)},
    [ZEROS] = {"zeros", KIND(SPIKE) | KIND(BOUND)},
    [ANGLE] = {"angle", KIND(ANGLE)},
    [DEGREES] = {"degrees", KIND(ANGLE)},
    [DECADES] = {"decades", KIND(DECADES)},
    [CAUCHY] = {"cauchy", KIND(TAILS)},
    [BOOLEAN] = {"boolean", KIND(BOOLEAN)},
    [CLASS] = {"class", KIND(CLASSES)},
    [CODE] = {"code", KIND(CODE)},
    [CODES] = {"codes", KIND(CODE) | KIND(LATTICE)},
    [INNER] = {"inner", KIND(CODE)},
    [NETCDF] = {"netcdf", KIND(CODE)},
    [DATE] = {"date", 0},
    [DAY] = {"day", KIND(LINEAR)},
    [ROUNDED] = {"rounded", KIND(LATTICE)},
    [BINARY] = {"binary", KIND(LATTICE)},
    [CLIPPED] = {"clipped", KIND(SPIKE) | KIND(BOUND)},
    [OUTLIER] = {"outlier", KIND(OUTLIERS)},
    [FLOATS] = {"floats", KIND(LATTICE)},
    [OTHER_UNIT] = {"other_unit", KIND(LATTICE)},
    [FEW] = {"few", KIND(REPEATED)},
    [SHARE] = {"share", KIND(BOUND)},
    [LATE] = {"late", KIND(SPIKE)},
    [CLOCK] = {"clock", KIND(ROW_NUMBER)},
};

enum { N = 20000 };

static void fill_odd(double *x, int64_t i, int64_t n, uint64_t seed)
{
    double u[N_ODD];
    for (int j = 0; j < N_ODD; j++)
        u[j] = uniform(seed, i, j);
    x[INDEX] = (double)i;
    x[SHUFFLED] = (double)(i * 7919 % n + 1);
    x[CONSTANT] = 3.5;
    x[NEARLY] = i == 17 || i == 12345 ? 8 + (double)i : 7;
    x[ROUNDING] = 0.1 * (1 + 1e-15 * floor(5 * u[ROUNDING]));
    x[X] = 5 + gsl_cdf_ugaussian_Pinv(u[X]);
    x[Y] = gsl_cdf_ugaussian_Pinv(u[Y]);
    x[SUM] = x[X] - 2 * x[Y] + 3;
    x[COPY] = x[Y];
    x[AFFINE] = 1.8 * x[X] + 32;
    x[WHOLE] = floor(100 * u[WHOLE]);
    x[ZEROS] = i % 2 == 0 ? 0 : -log(u[ZEROS]);
    x[ANGLE] = FLOW_PI * (2 * u[ANGLE] - 1);
    x[DEGREES] = 360 * u[DEGREES];
    x[DECADES] = pow(10, 10 * u[DECADES] - 5);
    x[CAUCHY] = tan(FLOW_PI * (u[CAUCHY] - 0.5));
    x[BOOLEAN] = u[BOOLEAN] < 0.3;
    x[CLASS] = 1 + floor(3 * u[CLASS]);
    x[CODE] = i % 100 == 5 ? -999 : 10 * gsl_cdf_ugaussian_Pinv(u[CODE]);
    x[INNER] = i % 200 == 9 ? -999 : 800 * gsl_cdf_ugaussian_Pinv(u[INNER]);
    x[CODES] = i % 100 == 5 ? 9999 : i % 100 == 7 ? 9998 : floor(90 * u[CODES]);
    x[NETCDF] = i % 1000 == 5 ? 9.96921e36 : gsl_cdf_ugaussian_Pinv(u[NETCDF]);
    x[DATE] = 1.7e9 + floor(3e7 * u[DATE]);
    x[DAY] = 1.7e9 / 86400 + floor(3e7 * u[DATE]) / 86400;
    x[ROUNDED] = nearbyint(100 * gsl_cdf_ugaussian_Pinv(u[ROUNDED])) / 100;
    x[BINARY] = floor(1024 * u[BINARY]) / 1024;
    x[CLIPPED] = fmin(1, -log(u[CLIPPED]));
    x[OUTLIER] = i == 4321 ? -1e6 : gsl_cdf_ugaussian_Pinv(u[OUTLIER]);
    x[FLOATS] = (float)(floor(100 * u[FLOATS]) / 10);
    x[OTHER_UNIT] = nearbyint(1e5 * (floor(20 * u[OTHER_UNIT]) - 9.5) / 5.766) / 1e5;
    x[FEW] = exp(0.3 * floor(7 * u[FEW]));
    x[SHARE] = u[SHARE];
    x[LATE] = i > n / 2 && i % 4 == 0 ? -0.5 : gsl_cdf_ugaussian_Pinv(u[LATE]);
    x[CLOCK] = 1.7e9 + 0.1 * (double)i;
}

static flow_survey *survey_odd(size_t block)
{
    const char *names[N_ODD];
    for (int j = 0; j < N_ODD; j++)
        names[j] = odd[j].name;
    return survey_rows(N_ODD, names, fill_odd, N, 3, block);
}

static void test_kinds(void **state)
{
    (void)state;
    flow_survey *s = survey_odd(1000);
    assert_int_equal(s->n_rows, N);
    assert_true(s->compared);
    for (int j = 0; j < N_ODD; j++)
        if (kinds_of(s, j) != odd[j].kinds)
            fail_msg("%s: the kinds found are %#x, not %#x", odd[j].name, kinds_of(s, j), odd[j].kinds);
    for (size_t i = 1; i < s->n_findings; i++)
        ASSERT_LE(s->findings[i - 1].kind, s->findings[i].kind);
    flow_survey_free(s);
}

/* The finding, which has to be there. */
static const flow_finding *found(const flow_survey *s, flow_finding_kind kind, int column)
{
    const flow_finding *f = flow_survey_find(s, kind, column);
    if (f == NULL)
        fail_msg("%s: there is no finding %d", odd[column].name, kind);
    return f;
}

static void test_numbers(void **state)
{
    (void)state;
    flow_survey *s = survey_odd(1000);
    const flow_finding *f = found(s, FLOW_FINDING_ROW_NUMBER, INDEX);
    ASSERT_EQ(f->value, 0);
    ASSERT_EQ(f->step, 1);
    f = found(s, FLOW_FINDING_ROW_NUMBER, SHUFFLED);
    ASSERT_EQ(f->value, 1);
    ASSERT_EQ(f->step, 0);
    f = found(s, FLOW_FINDING_ROW_NUMBER, CLOCK);
    ASSERT_NEAR(f->value, 1.7e9, 1e-6);
    ASSERT_NEAR(f->step, 0.1, 1e-9);
    ASSERT_EQ(found(s, FLOW_FINDING_CONSTANT, CONSTANT)->value, 3.5);
    f = found(s, FLOW_FINDING_NEARLY_CONSTANT, NEARLY);
    ASSERT_EQ(f->value, 7);
    ASSERT_EQ(f->rows, 2);
    f = found(s, FLOW_FINDING_NEARLY_CONSTANT, ROUNDING);
    ASSERT_EQ(f->rows, 0);
    ASSERT_LT(f->ratio, 1e-14);
    ASSERT_GT(f->ratio, 1e-16);

    f = found(s, FLOW_FINDING_LATTICE, WHOLE);
    ASSERT_EQ(f->step, 1);
    ASSERT_EQ(f->lower, 0);
    ASSERT_EQ(f->distinct, 100);
    ASSERT_NEAR(f->share, 0.01, 0.003);
    f = found(s, FLOW_FINDING_LATTICE, ROUNDED);
    ASSERT_EQ(f->step, 0.01);
    assert_true(isnan(f->lower));
    ASSERT_EQ(found(s, FLOW_FINDING_LATTICE, BINARY)->step, 1.0 / 1024);
    ASSERT_NEAR(found(s, FLOW_FINDING_LATTICE, FLOATS)->step, 0.1, 1e-15);
    f = found(s, FLOW_FINDING_LATTICE, OTHER_UNIT);
    ASSERT_NEAR(f->step, 1 / 5.766, 1e-4);
    ASSERT_NEAR(f->lower, -9.5 / 5.766, 1e-4);
    ASSERT_EQ(found(s, FLOW_FINDING_REPEATED, FEW)->distinct, 7);
    f = found(s, FLOW_FINDING_BOOLEAN, BOOLEAN);
    ASSERT_EQ(f->lower, 0);
    ASSERT_EQ(f->upper, 1);
    ASSERT_NEAR(f->share, 0.3, 0.02);
    ASSERT_EQ(found(s, FLOW_FINDING_CLASSES, CLASS)->distinct, 3);

    f = found(s, FLOW_FINDING_SPIKE, ZEROS);
    ASSERT_EQ(f->value, 0);
    ASSERT_EQ(f->rows, N / 2);
    f = found(s, FLOW_FINDING_BOUND, ZEROS);
    ASSERT_EQ(f->lower, 0);
    ASSERT_EQ(f->rows, N / 2);
    assert_true(isnan(f->upper));
    f = found(s, FLOW_FINDING_SPIKE, CLIPPED);
    ASSERT_EQ(f->value, 1);
    ASSERT_NEAR(f->share, exp(-1), 0.02);
    ASSERT_EQ(found(s, FLOW_FINDING_BOUND, CLIPPED)->upper, 1);
    ASSERT_EQ(found(s, FLOW_FINDING_BOUND, CLIPPED)->lower, 0);
    ASSERT_EQ(found(s, FLOW_FINDING_BOUND, SHARE)->upper, 1);
    ASSERT_EQ(found(s, FLOW_FINDING_BOUND, SHARE)->rows, 0);
    f = found(s, FLOW_FINDING_SPIKE, LATE); /* it was not frequent while all values were counted */
    ASSERT_EQ(f->value, -0.5);
    ASSERT_NEAR(f->share, 0.125, 0.01);

    f = found(s, FLOW_FINDING_ANGLE, ANGLE);
    ASSERT_NEAR(f->lower, -FLOW_PI, 1e-12);
    ASSERT_NEAR(f->step, 2 * FLOW_PI, 1e-12);
    ASSERT_EQ(found(s, FLOW_FINDING_ANGLE, DEGREES)->step, 360);
    ASSERT_NEAR(found(s, FLOW_FINDING_DECADES, DECADES)->ratio, 9, 0.2);
    ASSERT_GT(found(s, FLOW_FINDING_TAILS, CAUCHY)->ratio, 200);
    f = found(s, FLOW_FINDING_OUTLIERS, OUTLIER);
    ASSERT_EQ(f->value, -1e6);
    ASSERT_EQ(f->row, 4321);
    ASSERT_EQ(f->rows, 1);
    ASSERT_NEAR(f->ratio, 1e6, 5e4);

    f = found(s, FLOW_FINDING_CODE, CODE);
    ASSERT_EQ(f->value, -999);
    ASSERT_EQ(f->rows, N / 100);
    ASSERT_EQ(f->row, 5);
    ASSERT_EQ(found(s, FLOW_FINDING_CODE, NETCDF)->value, 9.96921e36);
    f = found(s, FLOW_FINDING_CODE, CODES);
    ASSERT_EQ(f[0].value, 9998);
    ASSERT_EQ(f[1].value, 9999);
    ASSERT_EQ(f[1].column, CODES);
    flow_survey_free(s);
}

static void test_dependencies(void **state)
{
    (void)state;
    flow_survey *s = survey_odd(1000);
    const flow_finding *f = found(s, FLOW_FINDING_LINEAR, SUM);
    assert_int_equal(f->n_terms, 2);
    assert_int_equal(f->terms[0].column, X);
    assert_int_equal(f->terms[1].column, Y);
    ASSERT_NEAR(f->terms[0].factor, 1, 1e-9);
    ASSERT_NEAR(f->terms[1].factor, -2, 1e-9);
    ASSERT_NEAR(f->offset, 3, 1e-8);
    ASSERT_LT(f->residual, 1e-9);
    f = found(s, FLOW_FINDING_COPY, COPY);
    assert_int_equal(f->n_terms, 1);
    assert_int_equal(f->terms[0].column, Y);
    ASSERT_EQ(f->terms[0].factor, 1);
    f = found(s, FLOW_FINDING_LINEAR, AFFINE);
    assert_int_equal(f->n_terms, 1);
    ASSERT_NEAR(f->terms[0].factor, 1.8, 1e-9);
    ASSERT_NEAR(f->offset, 32, 1e-8);
    f = found(s, FLOW_FINDING_LINEAR, DAY); /* of columns of 1e9 */
    assert_int_equal(f->n_terms, 1);
    assert_int_equal(f->terms[0].column, DATE);
    ASSERT_NEAR(f->terms[0].factor * 86400, 1, 1e-9);
    flow_survey_free(s);
}

static void test_facts(void **state)
{
    (void)state;
    flow_survey *s = survey_odd(1000);
    const flow_survey_column *c = &s->columns[X];
    assert_string_equal(c->name, "x");
    ASSERT_NEAR(c->mean, 5, 0.05);
    ASSERT_NEAR(c->deviation, 1, 0.05);
    ASSERT_NEAR(c->quantiles[FLOW_QUANTILE_50], 5, 0.05);
    ASSERT_NEAR(c->quantiles[FLOW_QUANTILE_95], 6.645, 0.1);
    assert_true(c->many);
    ASSERT_EQ(c->step, 0);
    ASSERT_EQ(c->lowest[0].value, c->least);
    ASSERT_EQ(c->highest[0].value, c->most);
    for (int i = 1; i < FLOW_SURVEY_EXTREMES; i++) {
        ASSERT_LT(c->lowest[i - 1].value, c->lowest[i].value);
        ASSERT_GT(c->highest[i - 1].value, c->highest[i].value);
    }
    c = &s->columns[CLASS];
    ASSERT_EQ(c->distinct, 3);
    assert_true(!c->many && c->whole);
    ASSERT_EQ(c->lowest[0].rows + c->lowest[1].rows + c->lowest[2].rows, N);
    assert_int_equal(c->n_frequent, 3);
    ASSERT_GE(c->frequent[0].rows, c->frequent[1].rows);
    flow_survey_free(s);
}

/* The same to the last bit but for the sums behind means. */
static void test_blocks_do_not_matter(void **state)
{
    (void)state;
    flow_survey *a = survey_odd(1000), *b = survey_odd(7);
    assert_int_equal(a->n_findings, b->n_findings);
    for (size_t i = 0; i < a->n_findings; i++) {
        const flow_finding *x = &a->findings[i], *y = &b->findings[i];
        ASSERT_EQ(x->kind, y->kind);
        ASSERT_EQ(x->column, y->column);
        ASSERT_EQ(x->rows, y->rows);
        ASSERT_EQ(x->step, y->step);
        ASSERT_EQ(x->residual, y->residual);
    }
    for (int j = 0; j < N_ODD; j++)
        assert_memory_equal(a->columns[j].quantiles, b->columns[j].quantiles, sizeof a->columns[j].quantiles);
    flow_survey_free(a);
    flow_survey_free(b);
}

/* ---- ordinary columns ---- */

enum { NORMAL, UNIFORM, UNIT, EXPONENTIAL, FIRST, SECOND, THIRD, N_ORDINARY };

static const char *const ordinary[N_ORDINARY] = {"normal", "uniform", "unit",  "exponential",
                                                 "first",  "second",  "third"};

static void fill_ordinary(double *x, int64_t i, int64_t n, uint64_t seed)
{
    (void)n;
    x[NORMAL] = 1e4 + 3e-2 * normal(seed, i, 0);
    x[UNIFORM] = 10 * uniform(seed, i, 1) - 2.7;
    x[UNIT] = uniform(seed, i, 2);
    x[EXPONENTIAL] = -7 * log(uniform(seed, i, 3));
    x[FIRST] = normal(seed, i, 4);
    x[SECOND] = 0.999 * x[FIRST] + sqrt(1 - 0.999 * 0.999) * normal(seed, i, 5);
    x[THIRD] = 0.999 * x[SECOND] + sqrt(1 - 0.999 * 0.999) * normal(seed, i, 6);
}

static void test_ordinary_columns(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        int tables;
    } sizes[] = {{10, 100}, {100, 300}, {1000, 100}, {100000, 3}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        for (int seed = 0; seed < sizes[k].tables; seed++) {
            flow_survey *s = survey_rows(N_ORDINARY, ordinary, fill_ordinary, sizes[k].n, (uint64_t)seed, 4096);
            for (size_t i = 0; i < s->n_findings; i++) {
                const flow_finding *f = &s->findings[i];
                bool bounded = f->column == UNIT || f->column == EXPONENTIAL; /* this is true of them */
                if (!(f->kind == FLOW_FINDING_BOUND && bounded && (isnan(f->lower) || f->lower == 0)))
                    fail_msg("%lld rows, seed %d, %s: finding %d", (long long)sizes[k].n, seed, ordinary[f->column],
                             f->kind);
            }
            if (sizes[k].n >= 1000)
                assert_non_null(flow_survey_find(s, FLOW_FINDING_BOUND, UNIT));
            flow_survey_free(s);
        }
    }
}

/* ---- shapes of tables ---- */

enum { WIDE = 200 };

/* Every third column is the sum of the two before it. */
static void fill_wide(double *x, int64_t i, int64_t n, uint64_t seed)
{
    (void)n;
    for (int j = 0; j < WIDE; j++)
        x[j] = j % 3 == 2 ? x[j - 1] + x[j - 2] : normal(seed, i, j);
}

static void test_several_dependencies(void **state)
{
    (void)state;
    const char *names[WIDE];
    for (int j = 0; j < WIDE; j++)
        names[j] = "x";
    flow_survey *s = survey_rows(WIDE, names, fill_wide, 1000, 1, 100);
    for (int j = 0; j < WIDE; j++) {
        const flow_finding *f = flow_survey_find(s, FLOW_FINDING_LINEAR, j);
        assert_int_equal(f != NULL, j % 3 == 2);
        if (f == NULL)
            continue;
        assert_int_equal(f->n_terms, 2);
        assert_int_equal(f->terms[0].column, j - 2);
        assert_int_equal(f->terms[1].column, j - 1);
        ASSERT_NEAR(f->terms[0].factor, 1, 1e-9);
    }
    flow_survey_free(s);
    s = survey_rows(WIDE, names, fill_wide, 100, 1, 100); /* few rows are on a plane anyway */
    for (size_t i = 0; i < s->n_findings; i++)
        assert_int_equal(s->findings[i].column % 3, 2);
    flow_survey_free(s);
}

static void fill_one(double *x, int64_t i, int64_t n, uint64_t seed)
{
    (void)n, (void)seed;
    x[0] = (double)i;
    x[1] = i % 2 == 0 ? 1e308 : -1e308;
}

static void test_few_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    for (int64_t n = 0; n < 5; n++) {
        flow_survey *s = survey_rows(2, names, fill_one, n, 1, 3);
        assert_int_equal(s->n_rows, n);
        for (size_t i = 0; i < s->n_findings; i++)
            assert_int_equal(s->findings[i].kind, FLOW_FINDING_CONSTANT);
        flow_survey_free(s);
    }
    flow_survey_free(NULL);
}

enum { FLAG, FAR, N_CLOSE };

static void fill_close(double *x, int64_t i, int64_t n, uint64_t seed)
{
    (void)n;
    x[FLAG] = i % 100 == 7 ? 1 : 0;
    x[FAR] = i % 2 == 0 ? 0 : 1000 + normal(seed, i, 0);
}

/* x and y, rounded or not; the second half of the rows is the first one again, or not. */
enum { COPIED_X, COPIED_Y, N_COPIED };
static bool copied_again;
static double copied_step;

static void fill_copied(double *x, int64_t i, int64_t n, uint64_t seed)
{
    const int64_t k = copied_again ? i % (n / 2) : i;
    for (int j = 0; j < N_COPIED; j++) {
        x[j] = normal(seed, k, j);
        if (copied_step > 0)
            x[j] = copied_step * nearbyint(x[j] / copied_step);
    }
}

/* Rows that occur twice are counted, in a sample where there are many; rounded ones that meet by chance are not. */
static void test_copies_of_rows(void **state)
{
    (void)state;
    static const char *const names[N_COPIED] = {"x", "y"};
    static const struct {
        int64_t n;
        bool again;
        double step;
        int64_t least, most;
    } cases[] = {{2000, true, 0, 1000, 1000}, {2000, false, 0, 0, 0},  {2000, true, 1e-5, 1000, 1000},
                 {2000, false, 0.1, 0, 0},    {2000, false, 1, 0, 0}, {200000, true, 0, 500, 20000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copied_again = cases[i].again;
        copied_step = cases[i].step;
        flow_survey *s = survey_rows(N_COPIED, names, fill_copied, cases[i].n, 7, 512);
        ASSERT_GE(s->n_copies, cases[i].least);
        ASSERT_LE(s->n_copies, cases[i].most);
        flow_survey_free(s);
    }
}

/* One row in a hundred is more than a handful, and 0 far from all others is a value, not a code. */
static void test_close_calls(void **state)
{
    (void)state;
    static const char *const names[N_CLOSE] = {"flag", "far"};
    flow_survey *s = survey_rows(N_CLOSE, names, fill_close, 300, 1, 64);
    ASSERT_EQ(kinds_of(s, FLAG), KIND(BOOLEAN));
    ASSERT_EQ(kinds_of(s, FAR) & (KIND(CODE) | KIND(SPIKE)), KIND(SPIKE));
    ASSERT_NEAR(flow_survey_tied(s, FLAG), 0.99, 1e-12);
    flow_survey_free(s);
}

/* Multiples of a half that were moved by an offset and printed with five digits. */
static void fill_centred(double *row, int64_t i, int64_t n, uint64_t seed)
{
    (void)n, (void)seed;
    char text[32];
    snprintf(text, sizeof text, "%.5g", 0.5 * (double)(i * i % 579) - 40.468);
    row[0] = strtod(text, NULL);
}

static void test_rounded_steps(void **state)
{
    (void)state;
    static const char *const names[] = {"x"};
    flow_survey *s = survey_rows(1, names, fill_centred, 2000, 1, 64);
    const flow_finding *found = flow_survey_find(s, FLOW_FINDING_LATTICE, 0);
    assert_non_null(found);
    ASSERT_EQ(found->step, 0.5);
    flow_survey_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_dependencies),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_blocks_do_not_matter),
        cmocka_unit_test(test_ordinary_columns),
        cmocka_unit_test(test_several_dependencies),
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_close_calls),
        cmocka_unit_test(test_copies_of_rows),
        cmocka_unit_test(test_rounded_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
