/* The contract that every registered type keeps. The configs are in test/contract; a registered type without one fails.
 * Each check of each config is a test of its own.
 *
 * Blocks that differ in training (flow/noise.h) have their gradients checked in both modes, with their penalties.
 *
 * For each config: round trips both ways; log-determinants against the determinant of a numerical Jacobian (GSL LU);
 * the gradients of both directions and of the log-density, at the inputs and at the weights, against central
 * differences; rows independent of each other; the same bits for any number of threads; save and load without a
 * change. Finite differences want the double build; in float they are left out.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/conditioner/conditioners.h"
#include "flow/registry.h"
#include "flow/rows.h"
#include "harness.h"
#include "flow/univariate/univariates.h"
#include "model/model.h"
#include "num/rng.h"
#include "values.h"

enum { N = 16, MOST_DIM = 18, MOST_CONTEXT = 3, SEED = 7 };

/* The weights of a flow whose gradients are compared with differences. With sanitizers, which look for faults of memory
 * in passes that are all the same, few are enough; the double build without them has the others. */
#ifdef __SANITIZE_ADDRESS__
enum { MOST_WEIGHTS = 10 };
#else
enum { MOST_WEIGHTS = 150 };
#endif

static const bool is_double = sizeof(real) == sizeof(double);

/* ------------------------------------------------------------------ the configs */

/* An entry of test/contract/FILE.json:
 *
 *     {"type": what it tests, as the registry names it; "name": optional, for people; "dim", "context": columns;
 *      "image": [height, width, channels] in place of "dim";
 *      "inexact": what a solver may be off by in log-determinants and round trips, 0 unless it is there;
 *      "flow", "base", "embedding": as in a spec}
 *
 * Continuous flows are as exact as their solvers: with tight tolerances to the last digits, else as the order and the
 * steps of the method allow. Their discrete gradients are exact in all cases: those of what was computed. The adjoint
 * ones are as good as the solution. */
typedef struct config {
    char name[128];
    const char *type;
    int dim, n_context;
    flow_shape image; /* {0}: a table */
    double inexact;
    const cJSON *json;
    char *text; /* JSON of "flow", "base" and "embedding" alone */
    bool has_columns, is_base;
} config;

static const char *const files[] = {"plain", "conditional", "continuous", "bases", "images"};

enum { N_FILES = sizeof files / sizeof *files, CONFIGS_MAX = 400 };

static cJSON *documents[N_FILES];
static config configs[CONFIGS_MAX];
static int n_configs;

static bool is_column_map(const cJSON *map)
{
    const char *type = cJSON_IsString(map) ? map->valuestring : text_member(map, "type");
    for (int i = 0; flow_column_types[i] != NULL; i++)
        if (strcmp(flow_column_types[i]->info.name, type) == 0)
            return true;
    return false;
}

/* Adds "flow", "base" and "embedding" of an entry. */
static void add_flow(cJSON *to, const cJSON *entry)
{
    static const char *const keys[] = {"flow", "base", "embedding"};
    for (int k = 0; k < 3; k++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(entry, keys[k]);
        if (member != NULL)
            cJSON_AddItemToObject(to, keys[k], cJSON_Duplicate(member, true));
    }
}

static char *flow_text_of(const cJSON *entry)
{
    cJSON *document = cJSON_CreateObject();
    add_flow(document, entry);
    char *text = json_text(document);
    cJSON_Delete(document);
    return text;
}

static void add_config(const char *file, int number, const cJSON *json)
{
    ASSERT_LT(n_configs, CONFIGS_MAX);
    config *c = &configs[n_configs++];
    *c = (config){.type = text_member(json, "type"),
                  .dim = (int)number_member(json, "dim"),
                  .n_context = (int)number_member(json, "context"),
                  .inexact = number_member(json, "inexact"),
                  .json = json,
                  .text = flow_text_of(json),
                  .is_base = strcmp(file, "bases") == 0};
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(json, "image");
    if (image != NULL) {
        c->image = (flow_shape){cJSON_GetArrayItem(image, 0)->valueint, cJSON_GetArrayItem(image, 1)->valueint,
                                cJSON_GetArrayItem(image, 2)->valueint};
        c->dim = flow_shape_size(c->image);
    }
    assert_in_range(c->dim, 1, MOST_DIM);
    assert_in_range(c->n_context, 0, MOST_CONTEXT);
    const char *name = text_member(json, "name");
    snprintf(c->name, sizeof c->name, "%s/%d %s of %d%s%s", file, number, c->type, c->dim, name[0] != '\0' ? ", " : "",
             name);
    const cJSON *map;
    cJSON_ArrayForEach(map, cJSON_GetObjectItemCaseSensitive(json, "flow"))
    {
        c->has_columns |= is_column_map(map);
    }
}

static void read_configs(void)
{
    for (int f = 0; f < N_FILES; f++) {
        char path[64];
        int number = 0;
        const cJSON *entry;
        snprintf(path, sizeof path, "test/contract/%s.json", files[f]);
        documents[f] = read_json(path);
        cJSON_ArrayForEach(entry, documents[f])
        {
            add_config(files[f], number++, entry);
        }
    }
}

static void free_configs(void)
{
    for (int k = 0; k < n_configs; k++)
        free(configs[k].text);
    for (int f = 0; f < N_FILES; f++)
        cJSON_Delete(documents[f]);
}

/* ------------------------------------------------------------------ a flow to look at */

typedef struct contract {
    const config *config;
    subject made;
    flow *f;              /* these three are borrowed from it */
    real *weights;
    real *gradient;       /* (n_weights), of the last backward */
    flow_workspace *ws;
    double x[MOST_DIM * N];           /* a tile in the units of the data */
    real z[MOST_DIM * N];             /* and a tile of latents */
    real c[MOST_DIM * N], g[N], p[N]; /* L = sum c . output + sum g . logdet + sum p . penalty */
    const real *latent;               /* of the last log-density */
} contract;

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(SEED, FLOW_STREAM_OTHER, row, column) - 1;
}

/* A value that a column may have, whichever it is. */
static double value_of(const flow *f, double x)
{
    return f->n_discrete > 0 ? rint(x) : x;
}

/* In the inner part of one of four cells. */
static double pixel_value(int k)
{
    return 64 * (k % 4) + 32 + 24 * uniform((uint64_t)k, 2);
}

static void contract_open(contract *s, const config *asked)
{
    flow_error err;
    *s = (contract){.config = asked};
    const subject_shape shape = {.dim = asked->dim, .n_context = asked->n_context, .image = asked->image, .seed = 3};
    subject_open(&s->made, shape, "%s", asked->text);
    subject_init_weights(&s->made, 3);                    /* and fitted values: orders, signs */
    subject_scatter_weights(&s->made, 0.6, SEED, 1); /* far from the identity, so that nothing hides behind a zero */
    subject_workspace(&s->made, N, true);
    s->f = s->made.f;
    s->weights = s->made.weights;
    s->ws = s->made.ws;
    s->gradient = flow_alloc_aligned(s->f->params.n_weights + 1, sizeof *s->gradient);
    assert_non_null(s->gradient);
    int count = asked->dim * N;
    const bool pixels = asked->image.channels > 0 && s->f->n_discrete > 0;
    for (int k = 0; k < count; k++) {
        s->x[k] = pixels ? pixel_value(k) : 1.7 * uniform((uint64_t)k, 2);
        s->z[k] = (real)(1.7 * uniform((uint64_t)k, 3));
        s->c[k] = (real)uniform((uint64_t)k, 4);
    }
    for (int j = 0; j < N; j++)
        s->g[j] = (real)uniform((uint64_t)j, 5), s->p[j] = (real)uniform((uint64_t)j, 9);
    for (int k = 0; k < asked->n_context * N; k++)
        s->ws->given[k] = 1.3 * uniform((uint64_t)k, 8);
    double rows[N * MOST_DIM];
    for (int j = 0; j < N; j++)
        for (int i = 0; i < asked->dim; i++)
            rows[j * asked->dim + i] = value_of(s->f, pixels ? s->x[i * N + j] : 5 + 3 * s->x[i * N + j]);
    /* column maps, and blocks that observe, have values of their own only after a fit */
    if ((s->f->n_columns > 0 || flow_has_batch_stats(s->f)) && asked->n_context == 0)
        assert_int_equal(flow_fit(s->f, s->weights, rows, N, NULL, &err), FLOW_OK);
}

static void contract_close(contract *s)
{
    flow_free_aligned(s->gradient);
    subject_close(&s->made);
}

/* The two directions behind one signature, over doubles. */
static void map(contract *s, bool latent, const double *in, double *out, double *logdet)
{
    size_t count = (size_t)s->f->dim * N;
    if (latent) {
        const real *z;
        memcpy(s->ws->x, in, count * sizeof *in);
        flow_tile_to_latent(s->f, s->weights, s->ws, N, &z);
        for (size_t k = 0; k < count; k++)
            out[k] = (double)z[k];
    } else {
        for (size_t k = 0; k < count; k++)
            s->ws->a[k] = (real)in[k];
        flow_tile_to_data(s->f, s->weights, s->ws, N);
        memcpy(out, s->ws->x, count * sizeof *out);
    }
    memcpy(logdet, s->ws->logdet, N * sizeof *logdet);
}

static void input_of(const contract *s, bool latent, double *in)
{
    for (int k = 0; k < s->f->dim * N; k++)
        in[k] = latent ? s->x[k] : (double)s->z[k];
}

static double tolerance(double in_double, double in_float)
{
    return is_double ? in_double : in_float;
}

static double inexact(const contract *s, double otherwise)
{
    return s->config->inexact > otherwise ? s->config->inexact : otherwise;
}

#define EXPECT_NEAR(a, b, eps, ...)                                                          \
    do {                                                                                     \
        double a_ = (a), b_ = (b), e_ = (eps);                                               \
        if (!(fabs(a_ - b_) <= e_ * (1 + fabs(b_)))) {                                       \
            char what_[160];                                                                 \
            snprintf(what_, sizeof what_, __VA_ARGS__);                                      \
            fail_msg("%s: %.12g is not %.12g; the config is %s", what_, a_, b_, s->config->text); \
        }                                                                                    \
    } while (0)

/* ------------------------------------------------------------------ the checks */

static void check_round_trip(contract *s, bool latent_first)
{
    double in[MOST_DIM * N], there[MOST_DIM * N], back[MOST_DIM * N], logdet[N], logdet_back[N];
    double eps = inexact(s, tolerance(1e-10, 2e-3));
    input_of(s, latent_first, in);
    map(s, latent_first, in, there, logdet);
    map(s, !latent_first, there, back, logdet_back);
    for (int k = 0; k < s->f->dim * N; k++)
        EXPECT_NEAR(back[k], in[k], eps, "round trip, value %d", k);
    for (int j = 0; j < N; j++)
        EXPECT_NEAR(logdet_back[j], -logdet[j], eps, "log-determinants of both directions, row %d", j);
}

/* Central differences of fourth order, so that the step can be long enough for their digits to last. */
static void check_jacobian(contract *s, bool latent)
{
    const double h = 3e-5; /* h^4 is far below what rounding leaves of a difference, 1e-16 / h, at less it is not */
    static const double steps[] = {-2, -1, 1, 2}, weights[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    int d = s->f->dim;
    double in[MOST_DIM * N], out[MOST_DIM * N], logdet[N], ignored[N];
    double jacobian[N][MOST_DIM * MOST_DIM] = {{0}};
    input_of(s, latent, in);
    for (int i = 0; i < d; i++) {
        for (int p = 0; p < 4; p++) {
            double moved[MOST_DIM * N];
            memcpy(moved, in, sizeof moved);
            for (int j = 0; j < N; j++)
                moved[i * N + j] += steps[p] * h;
            map(s, latent, moved, out, ignored);
            for (int k = 0; k < d; k++)
                for (int j = 0; j < N; j++)
                    jacobian[j][k * d + i] += weights[p] * out[k * N + j] / h;
        }
    }
    map(s, latent, in, out, logdet);
    gsl_permutation *p = gsl_permutation_alloc((size_t)d);
    for (int j = 0; j < N; j++) {
        gsl_matrix_view m = gsl_matrix_view_array(jacobian[j], (size_t)d, (size_t)d);
        int sign;
        gsl_linalg_LU_decomp(&m.matrix, p, &sign);
        EXPECT_NEAR(logdet[j], gsl_linalg_LU_lndet(&m.matrix), inexact(s, 1e-8), "log-determinant, row %d", j);
    }
    gsl_permutation_free(p);
}

/* L of each row */
static void objective(contract *s, bool latent, const double *in, double *l)
{
    double out[MOST_DIM * N], logdet[N];
    map(s, latent, in, out, logdet);
    for (int j = 0; j < N; j++) {
        l[j] = (double)s->g[j] * logdet[j] + (double)s->p[j] * s->ws->penalty[j];
        for (int i = 0; i < s->f->dim; i++)
            l[j] += (double)s->c[i * N + j] * out[i * N + j];
    }
}

static bool is_of_base(const contract *s, size_t weight)
{
    for (int e = 0; e < s->f->params.n_entries; e++) {
        const flow_param *entry = &s->f->params.entries[e];
        size_t end = entry->offset + (size_t)entry->rows * (size_t)entry->cols;
        if (entry->trainable && weight >= entry->offset && weight < end)
            return strncmp(entry->name, "base/", 5) == 0;
    }
    return false;
}

/* What is differentiated: a direction's objective, or the sum of g . log p, which has the base in it. */
typedef enum what { TO_LATENT, TO_DATA, LOG_DENSITY } what;

static void evaluate(contract *s, what of, const double *in, double *l)
{
    if (of != LOG_DENSITY) {
        objective(s, of == TO_LATENT, in, l);
        return;
    }
    memcpy(s->ws->x, in, (size_t)s->f->dim * N * sizeof *in);
    flow_tile_logp(s->f, s->weights, s->ws, N, l, &s->latent);
    for (int j = 0; j < N; j++)
        l[j] = (double)s->g[j] * l[j] + (double)s->p[j] * s->ws->penalty[j];
}

static void backward(contract *s, what of, const real **gin)
{
    memcpy(s->ws->glogdet, s->g, sizeof s->g);
    s->ws->gpenalty = s->p;
    if (s->config->image.channels > 0) { /* their tapes add at once */
        s->ws->tape.gradient = s->gradient;
        memset(s->gradient, 0, s->f->params.n_weights * sizeof *s->gradient);
    }
    if (of == LOG_DENSITY) {
        flow_tile_logp_backward(s->f, s->weights, s->ws, N, s->latent, gin);
        return;
    }
    size_t count = (size_t)s->f->dim * N;
    if (of == TO_LATENT) {
        memcpy(s->ws->ga, s->c, count * sizeof(real));
        flow_tile_to_latent_backward(s->f, s->weights, s->ws, N, s->ws->ga, gin);
        return;
    }
    for (size_t k = 0; k < count; k++)
        s->ws->x[k] = (double)s->c[k];
    flow_tile_to_data_backward(s->f, s->weights, s->ws, N, s->ws->x, gin);
}

static void check_input_gradient(contract *s, what of, const double *in, const real *g_in)
{
    const double h = 1e-6;
    for (int i = 0; i < s->f->dim; i++) {
        double moved[MOST_DIM * N], l[2][N];
        for (int side = 0; side < 2; side++) {
            memcpy(moved, in, sizeof moved);
            for (int j = 0; j < N; j++)
                moved[i * N + j] += side == 0 ? h : -h;
            evaluate(s, of, moved, l[side]);
        }
        for (int j = 0; j < N; j++)
            EXPECT_NEAR((double)g_in[i * N + j], (l[0][j] - l[1][j]) / (2 * h), 1e-6, "gradient %d at input %d, row %d",
                        (int)of, i, j);
    }
}

static void check_weight_gradient(contract *s, what of, const double *in, const real *gradient)
{
    const double h = 1e-6;
    flow_span *spans;
    int n_spans;
    size_t live = flow_params_count(&s->f->params), step = live / MOST_WEIGHTS + 1, seen = 0;
    assert_int_equal(flow_params_spans(&s->f->params, &spans, &n_spans, 1000, NULL), FLOW_OK);
    for (int r = 0; r < n_spans; r++) {
        for (size_t k = 0; k < spans[r].length; k++) {
            if (seen++ % step != 0 && !is_of_base(s, spans[r].offset + k))
                continue;
            real *w = &s->weights[spans[r].offset + k], old = *w;
            double total[2] = {0, 0}, l[N];
            for (int side = 0; side < 2; side++) {
                *w = old + (real)(side == 0 ? h : -h);
                evaluate(s, of, in, l);
                for (int j = 0; j < N; j++)
                    total[side] += l[j];
            }
            *w = old;
            EXPECT_NEAR((double)gradient[spans[r].offset + k], (total[0] - total[1]) / (2 * h), 1e-6,
                        "gradient %d at weight %zu", (int)of, spans[r].offset + k);
        }
    }
    free(spans);
}

/* From the gradient at the first block to that at the data `in`: a backward to the data end stops at the blocks. */
static void through_columns(const contract *s, const double *in, real *g)
{
    enum { MOST_COLUMNS = 3 };
    int count = s->f->dim * N;
    double tiles[MOST_COLUMNS + 1][MOST_DIM * N], ignored[N], glogdet[N], at[MOST_DIM * N];
    ASSERT_LE(s->f->n_columns, MOST_COLUMNS);
    memcpy(tiles[0], in, (size_t)count * sizeof *in);
    for (int m = 0; m < s->f->n_columns; m++)
        s->f->columns[m].type->to_latent(s->f->columns[m].state, s->f->params.fitted, N, tiles[m], tiles[m + 1],
                                         ignored);
    for (int j = 0; j < N; j++)
        glogdet[j] = (double)s->g[j];
    for (int k = 0; k < count; k++)
        at[k] = (double)g[k];
    for (int m = s->f->n_columns - 1; m >= 0; m--)
        s->f->columns[m].type->to_latent_backward(s->f->columns[m].state, s->f->params.fitted, N, tiles[m], at, glogdet,
                                                  at);
    for (int k = 0; k < count; k++)
        g[k] = (real)at[k];
}

static void check_gradients(contract *s, what of)
{
    double in[MOST_DIM * N], l[N];
    real g_in[MOST_DIM * N];
    const real *result;
    input_of(s, of != TO_DATA, in);
    evaluate(s, of, in, l);
    backward(s, of, &result);
    memcpy(g_in, result, (size_t)s->f->dim * N * sizeof(real));
    if (of != TO_DATA)
        through_columns(s, in, g_in);
    if (s->config->image.channels == 0)
        flow_tapes_gradient(&s->ws->tape, 1, 2, s->f->params.n_weights, s->gradient);
    check_input_gradient(s, of, in, g_in);
    check_weight_gradient(s, of, in, s->gradient);
}

/* Rows do not see each other: moving one row leaves the bits of all others. */
static void check_rows_independent(contract *s, bool latent)
{
    double in[MOST_DIM * N], one[MOST_DIM * N], other[MOST_DIM * N], logdet[N], logdet_other[N];
    input_of(s, latent, in);
    map(s, latent, in, one, logdet);
    for (int i = 0; i < s->f->dim; i++)
        in[i * N + 5] += 1;
    map(s, latent, in, other, logdet_other);
    for (int j = 0; j < N; j++) {
        if (j == 5)
            continue;
        ASSERT_EQ(logdet[j], logdet_other[j]);
        for (int i = 0; i < s->f->dim; i++)
            ASSERT_EQ(one[i * N + j], other[i * N + j]);
    }
}

static void check_threads(contract *s)
{
    enum { ROWS = 700 };
    size_t d = (size_t)s->f->dim, width = (size_t)flow_width(s->f);
    double *rows = malloc(ROWS * width * sizeof *rows), *z[2], logp[2][ROWS];
    for (size_t k = 0; k < ROWS * width; k++)
        rows[k] = value_of(s->f, 1.5 * uniform(k, 6));
    for (int run = 0; run < 2; run++) {
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s->f, s->weights, run == 0 ? 1 : 3, NULL), FLOW_OK);
        z[run] = malloc(ROWS * d * sizeof **z);
        flow_rows_logp(runner, rows, ROWS, logp[run]);
        flow_rows_to_data(runner, rows, ROWS, z[run], NULL);
        flow_runner_free(runner);
    }
    assert_memory_equal(logp[0], logp[1], sizeof logp[0]);
    assert_memory_equal(z[0], z[1], ROWS * d * sizeof **z);
    free(rows);
    free(z[0]);
    free(z[1]);
}

static void check_save_and_load(contract *s)
{
    flow_error err;
    const char *path = at("model.h5");
    static const char *const columns[] = {"u", "v", "w"};
    cJSON *document = cJSON_Parse("{\"data\": {\"train\": \"x.csv\"}, \"seed\": 3}");
    add_flow(document, s->config->json);
    if (!cJSON_HasObjectItem(document, "base")) /* a spec has another default than a flow without one */
        cJSON_AddStringToObject(document, "base", "normal");
    if (s->config->n_context > 0)
        cJSON_AddItemToObject(cJSON_GetObjectItem(document, "data"), "context",
                              cJSON_CreateStringArray(columns, s->config->n_context));
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(s->config->json, "image");
    if (image != NULL)
        cJSON_AddItemToObject(document, "image", cJSON_Duplicate(image, true));
    char *text = json_text(document);
    flow_spec *spec;
    if (flow_spec_parse(&spec, text, strlen(text), "config", NULL, NULL, 0, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    static const char *const names[MOST_DIM] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                                "j", "k", "l", "m", "n", "o", "p", "q", "r"};
    flow_model_contents contents = {.spec = spec, .f = s->f, .weights = s->weights, .columns = names};
    if (flow_model_save(path, &contents, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    flow_model *model;
    if (flow_model_load(&model, path, &err) != FLOW_OK)
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(model->f->params.n_weights, s->f->params.n_weights);
    assert_memory_equal(model->weights, s->weights, s->f->params.n_weights * sizeof(real));
    assert_memory_equal(model->f->params.fitted, s->f->params.fitted, s->f->params.n_fitted * sizeof(double));
    flow_model_free(model);
    flow_spec_free(spec);
    free(text);
    cJSON_Delete(document);
}

/* ------------------------------------------------------------------ one test for each check and config */

static void both_round_trips(contract *s)
{
    check_round_trip(s, true);
    check_round_trip(s, false);
}

static void both_jacobians(contract *s)
{
    check_jacobian(s, true);
    check_jacobian(s, false);
}

/* The same probes for every value that is compared. */
static void check_gradients_of_training(contract *s)
{
    s->ws->mode = FLOW_TRAINING;
    s->ws->noise = (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .seed = 11, .first_row = 1000};
    check_gradients(s, TO_LATENT);
    check_gradients(s, LOG_DENSITY);
    check_gradients(s, TO_DATA);
    s->ws->mode = FLOW_EVALUATION;
    s->ws->noise = (flow_noise){.kind = FLOW_NOISE_NONE};
}

static void all_gradients(contract *s)
{
    check_gradients(s, TO_LATENT);
    check_gradients(s, LOG_DENSITY);
    check_gradients(s, TO_DATA);
    if (s->f->n_discrete == 0) /* noise would take these off their lattice */
        check_gradients_of_training(s);
}

static void independence_of_rows(contract *s)
{
    check_rows_independent(s, true);
    check_rows_independent(s, false);
}

/* The backward of column maps, which compute in double in every build. */
static void gradients_of_columns(contract *s)
{
    const double h = 1e-6;
    for (int m = 0; m < s->f->n_columns; m++) {
        const flow_column *column = &s->f->columns[m];
        const double *fitted = s->f->params.fitted;
        int count = s->f->dim * N;
        double g[N], c[MOST_DIM * N], gin[MOST_DIM * N];
        for (int j = 0; j < N; j++)
            g[j] = (double)s->g[j];
        for (int k = 0; k < count; k++)
            c[k] = (double)s->c[k];
        for (int latent = 0; latent < 2; latent++) {
            (latent ? column->type->to_latent_backward : column->type->to_data_backward)(column->state, fitted, N,
                                                                                          s->x, c, g, gin);
            for (int k = 0; k < count; k++) {
                double l[2];
                for (int side = 0; side < 2; side++) {
                    double in[MOST_DIM * N], out[MOST_DIM * N], logdet[N] = {0};
                    memcpy(in, s->x, sizeof in);
                    in[k] += side == 0 ? h : -h;
                    (latent ? column->type->to_latent : column->type->to_data)(column->state, fitted, N, in, out,
                                                                               logdet);
                    l[side] = g[k % N] * logdet[k % N];
                    for (int i = 0; i < s->f->dim; i++)
                        l[side] += c[i * N + k % N] * out[i * N + k % N];
                }
                EXPECT_NEAR(gin[k], (l[0] - l[1]) / (2 * h), 1e-6, "gradient of the column map at %d", k);
            }
        }
    }
}

static const struct check {
    const char *name;
    void (*run)(contract *s);
    bool by_differences; /* compares with finite differences of a flow, which need the double build */
    bool of_columns;     /* for flows with column maps only */
} checks[] = {
    {"round trip", both_round_trips, false, false},
    {"log-determinant", both_jacobians, true, false},
    {"gradients", all_gradients, true, false},
    {"gradients of column maps", gradients_of_columns, false, true},
    {"independence of rows", independence_of_rows, false, false},
    {"independence of threads", check_threads, false, false},
    {"save and load", check_save_and_load, false, false},
};

enum { N_CHECKS = sizeof checks / sizeof *checks };

typedef struct job {
    const struct check *check;
    const config *config;
    char name[160];
} job;

static void run_job(void **state)
{
    const job *j = *state;
    contract s;
    if (j->check->by_differences && !is_double)
        skip();
    contract_open(&s, j->config);
    j->check->run(&s);
    contract_close(&s);
}

static void expect_config(const char *type, bool is_base)
{
    for (int k = 0; k < n_configs; k++)
        if (configs[k].is_base == is_base && strcmp(configs[k].type, type) == 0)
            return;
    fail_msg("the registered type \"%s\" has no config in test/contract", type);
}

static void every_type_has_a_config(void **state)
{
    (void)state;
    for (int i = 0; flow_column_types[i] != NULL; i++)
        expect_config(flow_column_types[i]->info.name, false);
    for (int i = 0; flow_block_types[i] != NULL; i++)
        expect_config(flow_block_types[i]->info.name, false);
    for (int i = 0; flow_univariates.types[i] != NULL; i++)
        expect_config(flow_univariates.types[i]->name, false);
    for (int i = 0; flow_conditioners.types[i] != NULL; i++)
        expect_config(flow_conditioners.types[i]->name, false);
    for (int i = 0; flow_masked_conditioners.types[i] != NULL; i++)
        expect_config(flow_masked_conditioners.types[i]->name, false);
    for (int i = 0; flow_bases.types[i] != NULL; i++)
        expect_config(flow_bases.types[i]->name, true);
    for (int i = 0; flow_presets[i] != NULL; i++)
        expect_config(flow_presets[i]->info.name, false);
}

/* A config that does not contain its type tests something else. */
static void every_config_has_its_type(void **state)
{
    (void)state;
    for (int k = 0; k < n_configs; k++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\"", configs[k].type);
        if (strstr(configs[k].text, quoted) == NULL)
            fail_msg("%s: no \"%s\" in %s", configs[k].name, configs[k].type, configs[k].text);
    }
}

/* Whether a config was asked for: all of them without arguments, else those of the types named there. */
static bool is_wanted(const config *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], c->type) == 0)
            return true;
    return argc == 1;
}

/* contract_block [TYPE...] */
int main(int argc, char **argv)
{
    static job jobs[N_CHECKS * CONFIGS_MAX];
    static struct CMUnitTest tests[N_CHECKS * CONFIGS_MAX + 2] = {
        cmocka_unit_test(every_type_has_a_config), cmocka_unit_test(every_config_has_its_type)};
    size_t n = 0;
    read_configs();
    for (int k = 0; k < N_CHECKS; k++) {
        for (int c = 0; c < n_configs; c++) {
            job *j = &jobs[n];
            if ((checks[k].of_columns && !configs[c].has_columns) || !is_wanted(&configs[c], argc, argv))
                continue;
            *j = (job){.check = &checks[k], .config = &configs[c]};
            snprintf(j->name, sizeof j->name, "%.30s: %.120s", checks[k].name, configs[c].name);
            tests[2 + n++] = (struct CMUnitTest){j->name, run_job, NULL, NULL, j};
        }
    }
    if (n == 0) {
        fprintf(stderr, "no config has a type that is named on the command line\n");
        return 2;
    }
    int failed = _cmocka_run_group_tests("contract of the registered types", tests, n + 2, make_folder, remove_folder);
    free_configs();
    return failed;
}
