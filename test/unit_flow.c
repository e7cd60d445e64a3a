/* Flows as a whole: from JSON to blocks and the errors on the way, values taken from data, log-densities against GSL's,
 * and many rows at once for any number of threads and any cut.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/memory.h"
#include "core/read.h"
#include "flow/block/options.h"
#include "flow/conditioner/conditioners.h"
#include "flow/design.h"
#include "flow/rows.h"
#include "flow/univariate/options.h"
#include "flow/univariate/univariates.h"
#include "harness.h"
#include "values.h"
#include "num/rng.h"

static const bool is_double = sizeof(real) == sizeof(double);

enum { SEED = 19 };

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(SEED, FLOW_STREAM_OTHER, row, column) - 1;
}

/* Random live weights: far from the identity every flow starts at. */
static void start(subject *s, const char *json, int dim)
{
    subject_open(s, (subject_shape){.dim = dim, .seed = 3}, "%s", json);
    subject_scatter_weights(s, 0.25, SEED, 1);
}

/* ------------------------------------------------------------------ from structs */

/* A flow from structs is the flow of the document that says the same: the same names, shapes and initial weights. */
static void structs_make_the_same_flow(void **state)
{
    (void)state;
    flow_error err;
    flow_arena arena = {0};
    const flow_rational_quadratic_options spline = {.bins = 5, .bound = 4, .tails = FLOW_TAILS_LINEAR};
    const flow_net_options network = {.hidden = {2, {8, 6}}};
    const flow_coupling_options coupling = {.mask = FLOW_MASK_HALF,
                                            .univariate = {&flow_univariate_rational_quadratic.info, &spline, 1},
                                            .conditioner = {&flow_conditioner_mlp.info, &network, 1}};
    flow_choice maps[3] = {{&flow_column_standardize.info, NULL, 1}, {&flow_block_coupling.info, &coupling, 2}};
    assert_int_equal(flow_choice_default(&maps[2], &flow_maps, "glow", &arena, &err), FLOW_OK);
    maps[2].repeat = 2;
    const flow_repeat_options twice = {.times = 2, .flow = {2, maps + 1}};
    const flow_choice list[2] = {maps[0], {&flow_block_repeat.info, &twice, 1}};
    const flow_design design = {.maps = {2, list}};
    flow *f;
    if (flow_build(&f, &design, &(flow_row_layout){.dim = 5}, 3, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    flow_arena_release(&arena);
    real *weights = flow_alloc_aligned(f->params.n_weights, sizeof *weights);
    assert_int_equal(flow_init_weights(f, 3, weights, &err), FLOW_OK);

    subject s;
    subject_open(
        &s, (subject_shape){.dim = 5, .seed = 3}, "%s",
        "{\"flow\": [\"standardize\", {\"type\": \"repeat\", \"times\": 2, \"flow\": [{\"type\": \"coupling\", "
        "\"repeat\": 2, \"mask\": \"half\", \"hidden\": [8, 6], \"univariate\": {\"type\": "
        "\"rational_quadratic\", \"bins\": 5, \"bound\": 4, \"tails\": \"linear\"}}, {\"type\": \"glow\", "
        "\"repeat\": 2}]}]}");
    subject_init_weights(&s, 3);
    assert_int_equal(f->n_blocks, s.f->n_blocks);
    assert_int_equal(f->params.n_entries, s.f->params.n_entries);
    for (int e = 0; e < f->params.n_entries; e++)
        assert_string_equal(f->params.entries[e].name, s.f->params.entries[e].name);
    assert_int_equal(f->params.n_weights, s.f->params.n_weights);
    assert_memory_equal(weights, s.weights, f->params.n_weights * sizeof *weights);
    subject_close(&s);
    flow_free_aligned(weights);
    flow_free(f);
}

static void structs_that_do_not_fit_have_a_place(void **state)
{
    (void)state;
    flow_error err;
    flow *f;
    const flow_permute_options order = {.order = {.word = -1, .n = 3, .at = (const int[]){2, 0, 2}}};
    const flow_choice permute = {&flow_block_permute.info, &order, 1};
    const flow_repeat_options twice = {.times = 2, .flow = {1, &permute}};
    const flow_choice list[] = {{&flow_column_whiten.info, NULL, 1}, {&flow_block_repeat.info, &twice, 1}};
    const flow_design design = {.maps = {2, list}};
    assert_int_equal(flow_build(&f, &design, &(flow_row_layout){.dim = 3}, 1, &err), FLOW_SPEC);
    assert_string_equal(err.message, "flow[1].flow[0].order[2]: dimension 2 is in the list twice");
    assert_null(f);
    const flow_choice never = {&flow_block_linear.info, NULL, 0};
    assert_int_equal(flow_build(&f, &(flow_design){.maps = {1, &never}}, &(flow_row_layout){.dim = 3}, 1, &err),
                     FLOW_ARGUMENT);
    const flow_embedding_options embedding = {.features = 4};
    assert_int_equal(flow_build(&f, &(flow_design){.embedding = &embedding}, &(flow_row_layout){.dim = 3}, 1, &err),
                     FLOW_SPEC);
    assert_string_equal(err.message, "embedding: there is no context to embed; name its columns in data.context");
}

/* ------------------------------------------------------------------ from a spec */

static void expect_blocks(const char *json, int dim, int n_columns, int n_blocks, const char *first, const char *last)
{
    subject s;
    start(&s, json, dim);
    assert_int_equal(s.f->n_columns, n_columns);
    assert_int_equal(s.f->n_blocks, n_blocks);
    if (n_blocks > 0) {
        assert_string_equal(s.f->blocks[0]->name, first);
        assert_string_equal(s.f->blocks[n_blocks - 1]->name, last);
    }
    int entry = 0; /* the entries of the blocks follow each other, and carry their names */
    for (int b = 0; b < n_blocks; b++) {
        const flow_block *block = s.f->blocks[b];
        ASSERT_GE(block->first_param, entry);
        ASSERT_GE(block->last_param, block->first_param);
        entry = block->last_param;
        for (int e = block->first_param; e < block->last_param; e++) {
            const char *name = s.f->params.entries[e].name;
            assert_true(strncmp(name, block->name, strlen(block->name)) == 0);
            ASSERT_EQ(name[strlen(block->name)], '/');
        }
    }
    subject_close(&s);
}

static void presets_expand(void **state)
{
    (void)state;
    expect_blocks("{\"flow\": []}", 3, 0, 0, NULL, NULL);
    expect_blocks("{}", 3, 0, 0, NULL, NULL);
    expect_blocks("{\"flow\": [\"standardize\"]}", 3, 1, 0, NULL, NULL);
    expect_blocks("{\"flow\": [\"realnvp\"]}", 4, 0, 8, "0.realnvp", "7.realnvp");
    expect_blocks("{\"flow\": [{\"type\": \"standardize\"}, {\"type\": \"maf\"}]}", 4, 1, 5, "1.maf", "5.maf");
    expect_blocks("{\"flow\": [{\"type\": \"nice\"}]}", 4, 0, 5, "0.nice", "4.actnorm");
    expect_blocks("{\"flow\": [\"standardize\", {\"type\": \"glow\", \"repeat\": 4}]}", 4, 1, 12, "1.actnorm",
                  "12.glow");
    expect_blocks("{\"flow\": [\"iaf\"]}", 4, 0, 5, "0.iaf", "4.iaf");
    expect_blocks("{\"flow\": [{\"type\": \"realnvp\", \"repeat\": 3, \"hidden\": []}, \"actnorm\"]}", 2, 0, 4,
                  "0.realnvp", "3.actnorm");
    expect_blocks("{\"flow\": [\"coupling\"]}", 2, 0, 1, "0.coupling", "0.coupling");
}

static void expect_resolved(const char *element_json, const char *resolved)
{
    char json[400];
    snprintf(json, sizeof json, "{\"flow\": [%s], \"base\": \"normal\"}", element_json);
    subject s;
    start(&s, json, 4);
    cJSON *expected = cJSON_Parse(resolved);
    assert_non_null(expected);
    flow_json root = flow_json_root(s.document), base = flow_json_member(&root, "base");
    flow_json list = flow_json_member(&root, "flow"), element = flow_json_element(&list, 0);
    if (!cJSON_Compare(element.node, expected, true)) {
        char *found = cJSON_Print(element.node);
        fail_msg("%s was resolved to %s", element_json, found);
    }
    assert_true(cJSON_IsObject(base.node));
    assert_string_equal(flow_json_member(&base, "type").node->valuestring, "normal");

    /* what was resolved means the same again, and stays as it is */
    char *text = cJSON_PrintUnformatted(s.document);
    subject again;
    start(&again, text, 4);
    assert_true(cJSON_Compare(s.document, again.document, true));
    assert_int_equal(again.f->n_blocks, s.f->n_blocks);
    assert_int_equal(again.f->params.n_entries, s.f->params.n_entries);
    for (int e = 0; e < s.f->params.n_entries; e++)
        assert_string_equal(again.f->params.entries[e].name, s.f->params.entries[e].name);
    cJSON_free(text);
    cJSON_Delete(expected);
    subject_close(&again);
    subject_close(&s);
}

static void expect_defaults(const char *type, const char *resolved)
{
    char json[100];
    snprintf(json, sizeof json, "{\"type\": \"%s\"}", type);
    expect_resolved(json, resolved);
}

#define NET_OF(type) \
    "\"conditioner\": {\"type\": \"" type "\", \"hidden\": [128, 128], \"activation\": \"relu\", \"residual\": false}"
#define NET NET_OF("network")
#define MASKED NET_OF("made")
#define MASK "\"mask\": \"alternate\", \"flip\": false"
#define BOUNDED(bound) "\"univariate\": {\"type\": \"affine\", \"bound\": " #bound "}"
#define AFFINE BOUNDED(3)
#define SPLINE \
    "\"univariate\": {\"type\": \"rational_quadratic\", \"bins\": 8, \"bound\": 5, \"tails\": \"bounded\", " \
    "\"circular\": false}"

static void defaults_are_filled_in(void **state)
{
    (void)state;
    expect_defaults("maf", "{\"type\": \"maf\", \"repeat\": 5, \"order\": \"alternate\", " AFFINE ", " MASKED "}");
    expect_defaults("iaf", "{\"type\": \"iaf\", \"repeat\": 5, \"order\": \"alternate\", " BOUNDED(2) ", " MASKED "}");
    expect_defaults("glow", "{\"type\": \"glow\", \"repeat\": 8, \"mask\": \"half\", \"flip\": false, " BOUNDED(1) ", "
                            NET "}");
    expect_defaults("realnvp", "{\"type\": \"realnvp\", \"repeat\": 8, " MASK ", " AFFINE ", " NET "}");
    expect_defaults("nice", "{\"type\": \"nice\", \"repeat\": 4, " MASK ", \"univariate\": {\"type\": \"additive\"}, "
                            NET "}");
    expect_defaults("nsf", "{\"type\": \"nsf\", \"repeat\": 8, " MASK ", " SPLINE ", " NET "}");
    expect_defaults("nsf_ar",
                    "{\"type\": \"nsf_ar\", \"repeat\": 5, \"order\": \"alternate\", " SPLINE ", " MASKED "}");
    expect_defaults("coupling", "{\"type\": \"coupling\", \"repeat\": 1, " MASK ", " AFFINE ", " NET "}");
    expect_defaults("standardize", "{\"type\": \"standardize\"}");
}

/* ------------------------------------------------------------------ groups */

#define TIMES(n, list) "{\"type\": \"repeat\", \"times\": " #n ", \"flow\": [" list "]}"
#define NESTED_4 TIMES(2, TIMES(2, TIMES(2, TIMES(2, "\"permute\""))))

/* Two specs of one flow: the same names, the same orders and, with the same weights, the same map. */
static void expect_same_flow(const char *list, const char *other, int dim)
{
    char json[2][600];
    snprintf(json[0], sizeof json[0], "{\"flow\": [%s]}", list);
    snprintf(json[1], sizeof json[1], "{\"flow\": [%s]}", other);
    subject s[2];
    real z[2][8 * FLOW_LANES];
    for (int k = 0; k < 2; k++) {
        start(&s[k], json[k], dim);
        flow_workspace *ws;
        const real *latent;
        assert_int_equal(flow_workspace_new(&ws, s[k].f, FLOW_LANES, false, NULL), FLOW_OK);
        for (int v = 0; v < dim * FLOW_LANES; v++)
            ws->x[v] = uniform((uint64_t)v, 2);
        flow_tile_to_latent(s[k].f, s[k].weights, ws, FLOW_LANES, &latent);
        memcpy(z[k], latent, (size_t)dim * FLOW_LANES * sizeof *latent);
        flow_workspace_free(ws);
    }
    const flow *a = s[0].f, *b = s[1].f;
    assert_int_equal(a->n_blocks, b->n_blocks);
    for (int i = 0; i < a->n_blocks; i++)
        assert_string_equal(a->blocks[i]->name, b->blocks[i]->name);
    assert_int_equal(a->params.n_entries, b->params.n_entries);
    for (int e = 0; e < a->params.n_entries; e++)
        assert_string_equal(a->params.entries[e].name, b->params.entries[e].name);
    assert_int_equal(a->params.n_fitted, b->params.n_fitted);
    assert_memory_equal(a->params.fitted, b->params.fitted, a->params.n_fitted * sizeof(double));
    assert_memory_equal(z[0], z[1], (size_t)dim * FLOW_LANES * sizeof **z);
    subject_close(&s[0]);
    subject_close(&s[1]);
}

#define MAF(repeat) "{\"type\": \"maf\", \"repeat\": " #repeat ", \"hidden\": [6]}"
#define MAF_IN(order) "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [6], \"order\": \"" order "\"}"
#define COUPLING(repeat) "{\"type\": \"coupling\", \"repeat\": " #repeat ", \"hidden\": [6]}"
#define FLIPPED "{\"type\": \"coupling\", \"flip\": true, \"hidden\": [6]}"

/* What alternates goes by how often it has been there, through groups as through "repeat". */
static void groups_repeat(void **state)
{
    (void)state;
    expect_blocks("{\"flow\": [\"standardize\", " TIMES(3, MAF(2) ", \"permute\"") ", \"actnorm\"]}", 4, 1, 10,
                  "1.maf", "10.actnorm");
    expect_blocks("{\"flow\": [" NESTED_4 "]}", 4, 0, 16, "0.permute", "15.permute");
    expect_blocks("{\"flow\": [" TIMES(2, "\"glow\", \"nice\"") "]}", 4, 0, 2 * (24 + 5), "0.actnorm", "57.actnorm");
    expect_same_flow(TIMES(4, MAF(1)), MAF(4), 5);
    expect_same_flow(TIMES(2, MAF(3)), MAF(6), 5);
    expect_same_flow(TIMES(3, TIMES(3, COUPLING(1))), COUPLING(9), 4);
    expect_same_flow(TIMES(3, MAF(1) ", \"permute\""),
                     MAF_IN("natural") ", \"permute\", " MAF_IN("reverse") ", \"permute\", " MAF_IN("natural") ", "
                     "\"permute\"", 5);
    expect_same_flow(TIMES(2, COUPLING(1) ", " COUPLING(1)), COUPLING(1) ", " COUPLING(1) ", " FLIPPED ", " FLIPPED, 3);
    expect_same_flow(TIMES(2, "{\"type\": \"glow\", \"repeat\": 3, \"hidden\": [6]}"),
                     "{\"type\": \"glow\", \"repeat\": 6, \"hidden\": [6]}", 4);
    expect_same_flow(TIMES(3, MAF_IN("random")),
                     "{\"type\": \"maf\", \"repeat\": 3, \"hidden\": [6], \"order\": \"random\"}", 7);

    expect_resolved(TIMES(2, "\"maf\", {\"type\": \"actnorm\", \"repeat\": 2}"),
                    TIMES(2, "{\"type\": \"maf\", \"repeat\": 5, \"order\": \"alternate\", " AFFINE ", " MASKED "}, "
                             "{\"type\": \"actnorm\", \"repeat\": 2, \"fit\": true}"));
}

typedef struct mistake {
    const char *json;
    int dim;
    flow_status status;
    const char *path, *says, *also; /* parts of the message */
} mistake;

#define ELEVEN "1,1,1,1,1,1,1,1,1,1,1"

static const mistake mistakes[] = {
    {"{\"flow\": [{\"type\": \"mav\"}]}", 3, FLOW_SPEC, "flow[0].type", "mav", "\"maf\""},
    {"{\"flow\": [\"standardize\", {\"type\": \"realnpv\"}]}", 3, FLOW_SPEC, "flow[1].type", "realnpv", "\"realnvp\""},
    {"{\"flow\": [\"zzzzzzzzzzzzz\"]}", 3, FLOW_SPEC, "flow[0]", "standardize, ", "coupling"},
    {"{\"flow\": [{\"type\": 7}]}", 3, FLOW_SPEC, "flow[0]", "type", ""},
    {"{\"flow\": [{\"hidden\": [7]}]}", 3, FLOW_SPEC, "flow[0]", "type", ""},
    {"{\"flow\": [3]}", 3, FLOW_SPEC, "flow[0]", "found 3", ""},
    {"{\"flow\": [null]}", 3, FLOW_SPEC, "flow[0]", "expected", ""},
    {"{\"flow\": {\"type\": \"maf\"}}", 3, FLOW_SPEC, "flow", "expected a list", "an object"},
    {"{\"flow\": [{\"type\": \"maf\", \"hiden\": [7]}]}", 3, FLOW_SPEC, "flow[0]", "hiden", "\"hidden\""},
    {"{\"flow\": [{\"type\": \"maf\", \"mask\": \"half\"}]}", 3, FLOW_SPEC, "flow[0]", "mask", ""},
    {"{\"flow\": [{\"type\": \"standardize\", \"repeat\": 2}]}", 3, FLOW_SPEC, "flow[0]", "repeat", ""},
    {"{\"flow\": [{\"type\": \"maf\", \"hidden\": [0]}]}", 3, FLOW_SPEC, "flow[0].conditioner.hidden[0]", "0",
     "1 to 65536"},
    {"{\"flow\": [{\"type\": \"maf\", \"hidden\": [8, 65537]}]}", 3, FLOW_SPEC, "flow[0].conditioner.hidden[1]",
     "65537", "65536"},
    {"{\"flow\": [{\"type\": \"maf\", \"hidden\": [8.5]}]}", 3, FLOW_SPEC, "flow[0].conditioner.hidden[0]", "8.5", ""},
    {"{\"flow\": [{\"type\": \"maf\", \"hidden\": 8}]}", 3, FLOW_SPEC, "flow[0].conditioner.hidden", "list", "8"},
    {"{\"flow\": [{\"type\": \"maf\", \"hidden\": [" ELEVEN "," ELEVEN "," ELEVEN "]}]}", 3, FLOW_SPEC,
     "flow[0].conditioner.hidden", "33", "32"},
    {"{\"flow\": [{\"type\": \"maf\", \"repeat\": 0}]}", 3, FLOW_SPEC, "flow[0].repeat", "0", "1 to 1024"},
    {"{\"flow\": [{\"type\": \"maf\", \"repeat\": 1025}]}", 3, FLOW_SPEC, "flow[0].repeat", "1025", "1024"},
    {"{\"flow\": [{\"type\": \"maf\", \"repeat\": \"5\"}]}", 3, FLOW_SPEC, "flow[0].repeat", "number", ""},
    {"{\"flow\": [{\"type\": \"maf\", \"activation\": \"rleu\"}]}", 3, FLOW_SPEC, "flow[0].conditioner.activation",
     "rleu", "\"relu\""},
    {"{\"flow\": [{\"type\": \"maf\", \"residual\": 1}]}", 3, FLOW_SPEC, "flow[0].conditioner.residual",
     "true or false", ""},
    {"{\"flow\": [{\"type\": \"maf\", \"residual\": true, \"hidden\": [8, 9]}]}", 3, FLOW_SPEC, "flow[0]", "residual",
     "equal width"},
    {"{\"flow\": [{\"type\": \"coupling\", \"residual\": true, \"hidden\": [8, 8, 9]}]}", 3, FLOW_SPEC, "flow[0]",
     "residual", "equal width"},
    {"{\"flow\": [{\"type\": \"maf\", \"univariate\": \"afine\"}]}", 3, FLOW_SPEC, "flow[0].univariate", "afine",
     "\"affine\""},
    {"{\"flow\": [{\"type\": \"maf\", \"univariate\": {\"type\": \"affine\", \"bound\": -1}}]}", 3, FLOW_SPEC,
     "flow[0].univariate.bound", "-1", "0.1 to 30"},
    {"{\"flow\": [{\"type\": \"maf\", \"univariate\": {\"type\": \"additive\", \"bound\": 1}}]}", 3, FLOW_SPEC,
     "flow[0].univariate", "bound", ""},
    {"{\"flow\": [\"maf\", \"standardize\"]}", 3, FLOW_SPEC, "flow[1]", "standardize", "before all blocks"},
    {"{\"flow\": [{\"type\": \"permute\", \"repeat\": 1024}, \"permute\"]}", 3, FLOW_SPEC, "flow[1]", "1024", "blocks"},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": \"revers\"}]}", 3, FLOW_SPEC, "flow[0].order", "revers",
     "\"reverse\""},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": 1}]}", 3, FLOW_SPEC, "flow[0].order", "\"random\"", "a list"},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": [1, 0]}]}", 3, FLOW_SPEC, "flow[0].order", "2", "3"},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": [1, 0, 1]}]}", 3, FLOW_SPEC, "flow[0].order[2]", "1", "twice"},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": [1, 0, 3]}]}", 3, FLOW_SPEC, "flow[0].order[2]", "0 to 2", ""},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": [1, 0.5, 2]}]}", 3, FLOW_SPEC, "flow[0].order[1]", "whole number",
     "0.5"},
    {"{\"flow\": [{\"type\": \"permute\", \"order\": [\"x\", 0, 2]}]}", 3, FLOW_SPEC, "flow[0].order[0]",
     "whole number", "\"x\""},
    {"{\"flow\": [{\"type\": \"glow\", \"repeat\": 342}]}", 3, FLOW_SPEC, "flow[0]", "1024", "blocks"},
    {"{\"flow\": [{\"type\": \"glow\", \"fit\": true}]}", 3, FLOW_SPEC, "flow[0]", "fit", ""},
    {"{\"flow\": [{\"type\": \"householder\", \"reflections\": 0}]}", 3, FLOW_SPEC, "flow[0].reflections", "0",
     "1 to 65536"},
    {"{\"flow\": [\"linear\"]}", 4097, FLOW_SPEC, "flow[0]", "4097 x 4097", "4096"},
    {"{\"flow\": [" TIMES(2, "\"maf\", {\"type\": \"mav\"}") "]}", 3, FLOW_SPEC, "flow[0].flow[1].type", "mav",
     "\"maf\""},
    {"{\"flow\": [\"repaet\"]}", 3, FLOW_SPEC, "flow[0].type", "repaet", "\"repeat\""},
    {"{\"flow\": [\"repeat\"]}", 3, FLOW_SPEC, "flow[0]", "\"times\" is missing", ""},
    {"{\"flow\": [{\"type\": \"repeat\", \"times\": 2}]}", 3, FLOW_SPEC, "flow[0]", "\"flow\" is missing", ""},
    {"{\"flow\": [{\"type\": \"repeat\", \"times\": 2, \"blocks\": []}]}", 3, FLOW_SPEC, "flow[0]", "blocks", ""},
    {"{\"flow\": [{\"type\": \"repeat\", \"times\": 2, \"flow\": \"maf\"}]}", 3, FLOW_SPEC, "flow[0].flow", "list",
     "\"maf\""},
    {"{\"flow\": [" TIMES(0, "\"maf\"") "]}", 3, FLOW_SPEC, "flow[0].times", "0", "1 to 1024"},
    {"{\"flow\": [" TIMES(1025, "\"maf\"") "]}", 3, FLOW_SPEC, "flow[0].times", "1025", "1024"},
    {"{\"flow\": [" TIMES(1024, TIMES(1024, TIMES(1024, ""))) "]}", 3, FLOW_SPEC, "flow[0].flow[0].flow[0].flow",
     "empty", "one block"},
    {"{\"flow\": [" TIMES(1024, TIMES(1024, TIMES(1024, "\"permute\""))) "]}", 3, FLOW_SPEC,
     "flow[0].flow[0].flow[0].flow[0]", "1025 blocks", "at most 1024"},
    {"{\"flow\": [" TIMES(2, NESTED_4) "]}", 3, FLOW_SPEC, "flow[0].flow[0].flow[0].flow[0].flow[0]", "repeat", "3"},
    {"{\"flow\": [" TIMES(2, "\"standardize\", \"maf\"") "]}", 3, FLOW_SPEC, "flow[0].flow[0]", "standardize",
     "not repeated"},
    {"{\"flow\": [" TIMES(2, "{\"type\": \"maf\", \"hidden\": [8, 9], \"residual\": true}") "]}", 3, FLOW_SPEC,
     "flow[0].flow[0]", "residual", "equal width"},
    {"{\"flow\": [{\"type\": \"split\", \"keep\": 1, \"flow\": [\"maf\"]}]}", 1, FLOW_SPEC, "flow[0].keep",
     "1 dimension here", "cannot be split"},
    {"{\"flow\": [{\"type\": \"split\", \"keep\": 2, \"flow\": [\"maf\"]}]}", 2, FLOW_SPEC, "flow[0].keep",
     "2 dimensions here", "expected 1 to 1"},
    {"{\"flow\": [{\"type\": \"batchnorm\", \"momentum\": 1.5}]}", 3, FLOW_SPEC, "flow[0].momentum", "1.5", "0 to 1"},
    {"{\"flow\": [{\"type\": \"batchnorm\", \"epsilon\": 0}]}", 3, FLOW_SPEC, "flow[0].epsilon", "0", "1e-12"},
    {"{\"flow\": [], \"base\": \"norml\"}", 3, FLOW_SPEC, "base", "norml", "\"normal\""},
    {"{\"flow\": [], \"base\": {\"type\": \"normal\", \"scale\": 2}}", 3, FLOW_SPEC, "base", "scale", ""},
    {"{\"flow\": [], \"base\": 3}", 3, FLOW_SPEC, "base", "found 3", ""},
    {"{\"flow\": []}", 0, FLOW_DATA, "", "0 columns", "65536"},
    {"{\"flow\": []}", -5, FLOW_DATA, "", "-5 columns", "65536"},
    {"{\"flow\": []}", 65537, FLOW_DATA, "", "65537 columns", "65536"},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof mistakes / sizeof *mistakes; k++) {
        const mistake *m = &mistakes[k];
        subject s;
        flow_error err;
        flow_status status = subject_try(&s, &err, (subject_shape){.dim = m->dim, .seed = 3}, "%s", m->json);
        if (status != m->status)
            fail_msg("%s: status %d, \"%s\"", m->json, (int)status, err.message);
        assert_int_equal(err.code, m->status);
        assert_null(s.f);
        if (strncmp(err.message, m->path, strlen(m->path)) != 0 || strstr(err.message, m->says) == NULL ||
            strstr(err.message, m->also) == NULL)
            fail_msg("%s: \"%s\"", m->json, err.message);
        subject_close(&s);
    }
}

static long resident_megabytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

/* Specs that ask for the most of everything are refused, or cost no more than they are worth. */
static void hostile_sizes(void **state)
{
    (void)state;
    char wide[32 * 8] = "65536", thin[32 * 8] = "1", json[1024];
    for (int l = 1; l < 32; l++) {
        strcat(wide, ",65536");
        strcat(thin, ",1");
    }
    static const int dims[] = {1, 2, 65536};
    static const char *const types[] = {"maf", "realnvp", "nice", "glow", "iaf"};
    long before = resident_megabytes();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (size_t d = 0; d < 3; d++) {
            for (int which = 0; which < 2; which++) {
                snprintf(json, sizeof json, "{\"flow\": [{\"type\": \"%s\", \"repeat\": 1024, \"hidden\": [%s]}]}",
                         types[t], which == 0 ? wide : thin);
                subject s;
                flow_error err;
                flow_status status = subject_try(&s, &err, (subject_shape){.dim = dims[d], .seed = 3}, "%s", json);
                bool fits = which == 1 && dims[d] < 65536;
                if (strcmp(types[t], "nice") == 0 || strcmp(types[t], "glow") == 0)
                    fits = false; /* their companions are too many */
                if (fits != (status == FLOW_OK) || (!fits && status != FLOW_SPEC))
                    fail_msg("%s on %d columns: status %d, \"%s\"", json, dims[d], (int)status, err.message);
                subject_close(&s);
            }
        }
    }
    long grown = resident_megabytes() - before;
    if (grown > 1500) /* the sanitizers count in this */
        fail_msg("%ld MB to refuse a spec", grown);
}

/* ------------------------------------------------------------------ values from data */

enum { ROWS = 1000 };

/* Columns of very different places and sizes, the first like a time stamp. */
static const double places[] = {1.7e9, -3, 125.09, 0, 1e-12}, sizes[] = {250, 0.5, 0.02, 1e6, 1e-13};

static double *new_rows(int dim)
{
    double *rows = malloc((size_t)ROWS * (size_t)dim * sizeof *rows);
    assert_non_null(rows);
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, 0, FLOW_STREAM_OTHER, 0);
    for (int j = 0; j < ROWS; j++)
        for (int i = 0; i < dim; i++)
            rows[j * dim + i] = places[i] + sizes[i] * gsl_ran_gaussian_ziggurat(&rng, 1);
    return rows;
}

static void standardized_density_is_gaussian(void **state)
{
    (void)state;
    enum { D = 5 };
    subject s;
    start(&s, "{\"flow\": [\"standardize\"]}", D);
    double *rows = new_rows(D), *copy = new_rows(D);
    flow_error err;
    assert_int_equal(flow_fit(s.f, s.weights, rows, ROWS, NULL, &err), FLOW_OK);
    assert_memory_equal(rows, copy, ROWS * D * sizeof *rows); /* only looked at */

    double mean[D], deviation[D];
    for (int i = 0; i < D; i++) {
        long double sum = 0, squares = 0; /* two passes: the reference for a time stamp */
        for (int j = 0; j < ROWS; j++)
            sum += rows[j * D + i];
        for (int j = 0; j < ROWS; j++)
            squares += (rows[j * D + i] - sum / ROWS) * (rows[j * D + i] - sum / ROWS);
        mean[i] = (double)(sum / ROWS);
        deviation[i] = (double)sqrtl(squares / (ROWS - 1));
        ASSERT_NEAR(s.f->params.fitted[i], mean[i], 1e-13 * fabs(mean[i]) + 1e-9 * deviation[i]);
        ASSERT_NEAR(s.f->params.fitted[D + i] / deviation[i], 1, 1e-9);
    }
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, &err), FLOW_OK);
    double *logp = malloc(ROWS * sizeof *logp), *z = malloc(ROWS * D * sizeof *z), *x = malloc(ROWS * D * sizeof *x);
    double *logdet = malloc(ROWS * sizeof *logdet);
    assert_non_null(logp);
    assert_non_null(z);
    assert_non_null(x);
    assert_non_null(logdet);
    flow_rows_logp(runner, rows, ROWS, logp);
    flow_rows_to_latent(runner, rows, ROWS, z, logdet);
    for (int j = 0; j < ROWS; j++) {
        double expected = 0, determinant = 0;
        for (int i = 0; i < D; i++) {
            expected += log(gsl_ran_gaussian_pdf(rows[j * D + i] - mean[i], deviation[i]));
            determinant -= log(deviation[i]);
            ASSERT_NEAR(z[j * D + i], (rows[j * D + i] - mean[i]) / deviation[i], is_double ? 1e-8 : 1e-6);
        }
        ASSERT_NEAR(logp[j], expected, is_double ? 1e-7 : 1e-5);
        ASSERT_NEAR(logdet[j], determinant, 1e-8);
    }
    flow_rows_to_data(runner, z, ROWS, x, logdet);
    for (int j = 0; j < ROWS; j++) {
        double determinant = 0;
        for (int i = 0; i < D; i++) {
            determinant += log(deviation[i]);
            double rounding = 4e-16 * fabs(mean[i]) + (is_double ? 1e-14 : 1e-6) * deviation[i];
            ASSERT_NEAR(x[j * D + i], rows[j * D + i], rounding);
        }
        ASSERT_NEAR(logdet[j], determinant, 1e-8);
    }
    free(rows);
    free(copy);
    free(logp);
    free(logdet);
    free(z);
    free(x);
    flow_runner_free(runner);
    subject_close(&s);
}

/* Rows that hardly leave a plane, far from the origin: their density is that of the normal distribution with their mean
 * and their covariance, as GSL has it, and what leaves the map is uncorrelated. */
static void whitened_density_is_gaussian(void **state)
{
    (void)state;
    enum { D = 4 };
    subject s;
    start(&s, "{\"flow\": [\"whiten\"]}", D);
    double *rows = new_rows(D), *z = malloc(ROWS * D * sizeof *z), *x = malloc(ROWS * D * sizeof *x);
    double *logp = malloc(ROWS * sizeof *logp), *logdet = malloc(ROWS * sizeof *logdet);
    assert_non_null(z);
    assert_non_null(x);
    assert_non_null(logp);
    assert_non_null(logdet);
    for (int j = 0; j < ROWS; j++) {
        double *row = rows + j * D;
        for (int i = 0; i < D; i++)
            row[i] = uniform((uint64_t)j, (uint32_t)i);
        row[1] = 1000 + 5 * row[0] - 2 * row[1];
        row[3] = 3 * row[0] - 0.5 * (row[1] - 1000) + row[2] + 1e-3 * row[3];
    }
    flow_error err;
    assert_int_equal(flow_fit(s.f, s.weights, rows, ROWS, NULL, &err), FLOW_OK);
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);

    gsl_vector *mean = gsl_vector_alloc(D), *work = gsl_vector_alloc(D);
    gsl_matrix *factor = gsl_matrix_alloc(D, D);
    for (size_t i = 0; i < D; i++) {
        gsl_vector_set(mean, i, gsl_stats_mean(rows + i, D, ROWS));
        for (size_t k = 0; k < D; k++)
            gsl_matrix_set(factor, i, k, gsl_stats_covariance(rows + i, D, rows + k, D, ROWS));
    }
    assert_int_equal(gsl_linalg_cholesky_decomp1(factor), GSL_SUCCESS);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, &err), FLOW_OK);
    flow_rows_logp(runner, rows, ROWS, logp);
    flow_rows_to_latent(runner, rows, ROWS, z, logdet);
    flow_rows_to_data(runner, z, ROWS, x, NULL);
    for (int j = 0; j < ROWS; j++) {
        gsl_vector_view row = gsl_vector_view_array(rows + j * D, D);
        double expected;
        gsl_ran_multivariate_gaussian_log_pdf(&row.vector, mean, factor, &expected, work);
        ASSERT_NEAR(logp[j], expected, is_double ? 1e-7 : 1e-5);
        for (int i = 0; i < D; i++)
            ASSERT_NEAR(x[j * D + i], rows[j * D + i], is_double ? 1e-12 : 1e-5);
    }
    for (int i = 0; i < D; i++)
        for (int k = 0; k <= i; k++)
            ASSERT_NEAR(gsl_stats_covariance(z + i, D, z + k, D, ROWS), i == k, is_double ? 1e-7 : 1e-5);
    gsl_vector_free(mean);
    gsl_vector_free(work);
    gsl_matrix_free(factor);
    free(rows);
    free(z);
    free(x);
    free(logp);
    free(logdet);
    flow_runner_free(runner);
    subject_close(&s);
}

/* No maps at all: the base alone. And networks as they are initialised: still the base, whatever the depth. */
static void flows_start_at_the_base(void **state)
{
    (void)state;
    static const char *const specs[] = {"{}", "{\"flow\": [\"permute\"]}", "{\"flow\": [\"maf\"]}",
                                        "{\"flow\": [{\"type\": \"realnvp\", \"repeat\": 100, \"hidden\": [16]}]}",
                                        "{\"flow\": [\"nice\"]}"};
    enum { D = 3 };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        subject s;
        start(&s, specs[k], D);
        assert_int_equal(flow_init_weights(s.f, 1, s.weights, NULL), FLOW_OK);
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
        double rows[40 * D], logp[40];
        for (int i = 0; i < 40 * D; i++)
            rows[i] = 4 * uniform((uint64_t)i, 2);
        flow_rows_logp(runner, rows, 40, logp);
        for (int j = 0; j < 40; j++) {
            double expected = 0;
            for (int i = 0; i < D; i++)
                expected += log(gsl_ran_ugaussian_pdf(rows[j * D + i]));
            ASSERT_NEAR(logp[j], expected, is_double ? 1e-12 : 1e-5);
        }
        flow_runner_free(runner);
        subject_close(&s);
    }
}

static void fit_names_what_it_cannot_use(void **state)
{
    (void)state;
    static const char *const names[] = {"time", "mass"};
    subject s;
    start(&s, "{\"flow\": [\"standardize\", \"maf\"]}", 2);
    double rows[4 * 2] = {1, 5, 2, 5, 3, 5, 4, 5};
    flow_error err;
    assert_int_equal(flow_fit(s.f, s.weights, rows, 4, names, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "mass"));
    assert_int_equal(flow_fit(s.f, s.weights, rows, 4, NULL, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "column 2"));
    assert_int_equal(flow_fit(s.f, s.weights, rows, 0, names, &err), FLOW_DATA);
    assert_int_equal(flow_fit(s.f, s.weights, rows, 1, names, &err), FLOW_DATA);
    rows[1] = INFINITY;
    assert_int_equal(flow_fit(s.f, s.weights, rows, 4, names, &err), FLOW_DATA);
    subject_close(&s);
}

/* Columns that leave the data no volume, in a fit; and in a file, what is no triangle with a positive diagonal. */
static void whitening_refuses(void **state)
{
    (void)state;
    enum { D = 3 };
    static const char *const names[D] = {"a", "b", "total"};
    subject s;
    start(&s, "{\"flow\": [\"whiten\"]}", D);
    double rows[100 * D], same[100 * D];
    for (int j = 0; j < 100; j++) {
        double a = uniform((uint64_t)j, 0), b = 30 + uniform((uint64_t)j, 1);
        memcpy(rows + j * D, (double[]){a, b, 0.1 * a + b - 7}, D * sizeof *rows);
        memcpy(same + j * D, (double[]){a, 3, b}, D * sizeof *same);
    }
    flow_error err;
    assert_int_equal(flow_fit(s.f, s.weights, rows, 100, names, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "column 3 total is a linear function"));
    assert_int_equal(flow_fit(s.f, s.weights, same, 100, names, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "column 2 b has no spread"));
    assert_int_equal(flow_fit(s.f, s.weights, rows, 1, names, &err), FLOW_DATA);
    subject_close(&s);

    start(&s, "{\"flow\": [\"whiten\"]}", D);
    double *fitted = s.f->params.fitted;
    static const double tried[] = {NAN, INFINITY, 0, -1, 2};
    for (int k = 0; k < D + D * D; k++) {
        int row = (k - D) / D, column = (k - D) % D;
        bool mean = k < D, diagonal = !mean && row == column, above = !mean && row < column;
        double good = fitted[k];
        for (int v = 0; v < 5; v++) {
            fitted[k] = tried[v];
            bool bad = v < 2 || (diagonal && tried[v] <= 0) || (above && tried[v] != 0);
            assert_int_equal(flow_check(s.f, &err), bad ? FLOW_FORMAT : FLOW_OK);
        }
        fitted[k] = good;
    }
    subject_close(&s);
}

/* Values from a file may be anything. */
static void check_refuses(void **state)
{
    (void)state;
    subject s;
    start(&s, "{\"flow\": [\"standardize\", {\"type\": \"permute\", \"order\": \"random\"}, {\"type\": \"maf\"}]}", 3);
    flow_error err;
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    double *fitted = s.f->params.fitted;
    static const double unusable[] = {NAN, INFINITY, 1.5, 3, -1, 0};
    for (size_t k = 0; k < s.f->params.n_fitted; k++) {
        double good = fitted[k];
        bool mean = k < 3, deviation = k >= 3 && k < 6;
        for (int v = 0; v < 6; v++) {
            fitted[k] = unusable[v];
            bool bad = v < 2 || (deviation ? unusable[v] <= 0 : !mean && unusable[v] != good);
            flow_status status = flow_check(s.f, &err);
            if (status != (bad ? FLOW_FORMAT : FLOW_OK))
                fail_msg("fitted value %zu = %g: status %d", k, unusable[v], (int)status);
        }
        fitted[k] = good;
    }
    subject_close(&s);
}

/* ------------------------------------------------------------------ many rows */

enum { D = 5 };
static const char *const busy = "{\"flow\": [\"standardize\", "
                                "{\"type\": \"maf\", \"repeat\": 2, \"hidden\": [40, 24]}, "
                                "{\"type\": \"realnvp\", \"repeat\": 2, \"hidden\": [33], \"activation\": \"silu\"}]}";

typedef struct results {
    double logp[ROWS], z[ROWS * D], into[ROWS], x[ROWS * D], out_of[ROWS], drawn[ROWS * D], drawn_logp[ROWS], error;
} results;

/* Everything a runner can do to n rows. */
static void run(const subject *s, const double *rows, size_t n, uint64_t first_row, int n_threads, results *r)
{
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s->f, s->weights, n_threads, NULL), FLOW_OK);
    flow_rows_logp(runner, rows, n, r->logp);
    flow_rows_to_latent(runner, rows, n, r->z, r->into);
    flow_rows_to_data(runner, r->z, n, r->x, r->out_of);
    flow_rows_sample(runner, 42, first_row, n, 1, NULL, r->drawn, r->drawn_logp, &r->error);
    flow_runner_free(runner);
}

static subject busy_subject(double **rows)
{
    subject s;
    start(&s, busy, D);
    *rows = new_rows(D);
    assert_int_equal(flow_fit(s.f, s.weights, *rows, ROWS, NULL, NULL), FLOW_OK);
    return s;
}

static void threads_change_nothing(void **state)
{
    (void)state;
    double *rows;
    subject s = busy_subject(&rows);
    results *one = calloc(1, sizeof *one), *many = calloc(1, sizeof *many);
    assert_non_null(one);
    assert_non_null(many);
    static const size_t counts[] = {1, 15, 16, 127, 128, 129, 300, ROWS};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        memset(one, 0, sizeof *one);
        run(&s, rows, counts[c], 0, 1, one);
        for (int n_threads = 2; n_threads <= 5; n_threads++) {
            memset(many, 0, sizeof *many);
            run(&s, rows, counts[c], 0, n_threads, many);
            assert_memory_equal(one, many, sizeof *one);
        }
    }
    free(one);
    free(many);
    free(rows);
    subject_close(&s);
}

static void inverses_invert(void **state)
{
    (void)state;
    double *rows;
    subject s = busy_subject(&rows);
    results *r = calloc(1, sizeof *r);
    assert_non_null(r);
    run(&s, rows, ROWS, 0, 2, r);
    double bound = is_double ? 1e-11 : 1e-4;
    for (int k = 0; k < ROWS; k++) {
        double base = 0;
        for (int i = 0; i < D; i++) {
            ASSERT_NEAR((r->x[k * D + i] - rows[k * D + i]) / sizes[i], 0, bound * 100);
            base += log(gsl_ran_ugaussian_pdf(r->z[k * D + i]));
        }
        ASSERT_NEAR(r->into[k] + r->out_of[k], 0, bound * 10);
        ASSERT_NEAR(r->logp[k], base + r->into[k], bound);
    }
    ASSERT_GT(r->error, 0);
    ASSERT_LT(r->error, bound * 100);
    free(r);
    free(rows);
    subject_close(&s);
}

/* Any cut at tiles gives the same bits; any cut at all gives the same numbers, and in place as well. */
static void cuts_change_nothing(void **state)
{
    (void)state;
    double *rows;
    subject s = busy_subject(&rows);
    results *whole = calloc(1, sizeof *whole), *part = calloc(1, sizeof *part);
    assert_non_null(whole);
    assert_non_null(part);
    run(&s, rows, ROWS, 7 * FLOW_TILE, 2, whole);
    static const size_t cuts[] = {0, 128, 256, 640, 768, ROWS};
    for (size_t c = 0; c + 1 < sizeof cuts / sizeof *cuts; c++) {
        size_t first = cuts[c], n = cuts[c + 1] - first;
        run(&s, rows + first * D, n, 7 * FLOW_TILE + first, 2, part);
        assert_memory_equal(part->logp, whole->logp + first, n * sizeof(double));
        assert_memory_equal(part->z, whole->z + first * D, n * D * sizeof(double));
        assert_memory_equal(part->into, whole->into + first, n * sizeof(double));
        assert_memory_equal(part->x, whole->x + first * D, n * D * sizeof(double));
        assert_memory_equal(part->out_of, whole->out_of + first, n * sizeof(double));
        assert_memory_equal(part->drawn, whole->drawn + first * D, n * D * sizeof(double));
        assert_memory_equal(part->drawn_logp, whole->drawn_logp + first, n * sizeof(double));
    }
    for (size_t first = 0; first < 300; first += 37) {
        size_t n = 1 + first % 50;
        run(&s, rows + first * D, n, 0, 1, part);
        for (size_t k = 0; k < n; k++)
            ASSERT_NEAR(part->logp[k], whole->logp[first + k], is_double ? 1e-11 : 1e-4);
    }
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
    double *inside = malloc(ROWS * D * sizeof *inside);
    assert_non_null(inside);
    memcpy(inside, rows, ROWS * D * sizeof *inside);
    flow_rows_to_latent(runner, inside, ROWS, inside, NULL);
    assert_memory_equal(inside, whole->z, ROWS * D * sizeof *inside);
    flow_rows_to_data(runner, inside, ROWS, inside, NULL);
    assert_memory_equal(inside, whole->x, ROWS * D * sizeof *inside);
    flow_runner_free(runner);
    free(inside);
    free(whole);
    free(part);
    free(rows);
    subject_close(&s);
}

static void samples(void **state)
{
    (void)state;
    double *rows;
    subject s = busy_subject(&rows);
    results *r = calloc(1, sizeof *r);
    double *x = malloc(ROWS * D * sizeof *x), *logp = malloc(ROWS * sizeof *logp);
    assert_non_null(r);
    assert_non_null(x);
    assert_non_null(logp);
    run(&s, rows, ROWS, 0, 2, r);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);

    flow_rows_logp(runner, r->drawn, ROWS, logp); /* the density of a draw is the density of that row */
    assert_memory_equal(logp, r->drawn_logp, ROWS * sizeof *logp);
    flow_rows_sample(runner, 42, 0, ROWS, 1, NULL, x, NULL, NULL); /* asking for less changes nothing */
    assert_memory_equal(x, r->drawn, ROWS * D * sizeof *x);
    flow_rows_sample(runner, 43, 0, ROWS, 1, NULL, x, NULL, NULL);
    for (int k = 0; k < ROWS; k++)
        ASSERT_NE(x[k * D], r->drawn[k * D]);

    /* without spread all draws are the image of the origin; the base is scaled by the temperature */
    double origin[D] = {0}, image[D];
    flow_rows_to_data(runner, origin, 1, image, NULL);
    flow_rows_sample(runner, 42, 0, ROWS, 0, NULL, x, NULL, NULL);
    for (int k = 0; k < ROWS * D; k++)
        ASSERT_NEAR((x[k] - image[k % D]) / sizes[k % D], 0, is_double ? 1e-11 : 1e-5);
    flow_runner_free(runner);
    subject_close(&s);

    start(&s, "{}", D);
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
    flow_rows_sample(runner, 42, 0, ROWS, 0.5, NULL, x, NULL, NULL);
    ASSERT_NEAR(gsl_stats_sd(x, 1, ROWS * D), 0.5, 0.02);
    flow_rows_sample(runner, 42, 0, ROWS, 1, NULL, r->drawn, NULL, NULL);
    for (int k = 0; k < ROWS * D; k++)
        ASSERT_NEAR(x[k], 0.5 * r->drawn[k], 1e-15);
    flow_runner_free(runner);
    free(r);
    free(x);
    free(logp);
    free(rows);
    subject_close(&s);
}

/* ------------------------------------------------------------------ one tile */

static void tiles_load_and_store(void **state)
{
    (void)state;
    subject s;
    start(&s, "{}", 3);
    flow_workspace *ws;
    assert_int_equal(flow_workspace_new(&ws, s.f, FLOW_TILE, false, NULL), FLOW_OK);
    double rows[20 * 3], back[20 * 3];
    for (int k = 0; k < 60; k++)
        rows[k] = k;
    assert_int_equal(flow_tile_load(s.f, ws, rows, 20), 32);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 32; j++)
            ASSERT_EQ(ws->x[i * 32 + j], rows[(j < 20 ? j : 19) * 3 + i]);
    flow_tile_store(s.f, ws, 32, back, 20);
    assert_memory_equal(back, rows, sizeof rows);
    assert_int_equal(flow_tile_load(s.f, ws, rows, 16), FLOW_GRAIN);
    flow_workspace_free(ws);
    flow_workspace_free(NULL);
    subject_close(&s);
    flow_free(NULL);
    flow_runner_free(NULL);
}

static void culprits_are_found(void **state)
{
    (void)state;
    double *rows;
    subject s = busy_subject(&rows);
    flow_workspace *ws;
    char place[FLOW_DIAGNOSIS_SIZE];
    assert_int_equal(flow_workspace_new(&ws, s.f, FLOW_TILE, false, NULL), FLOW_OK);
    int n = flow_tile_load(s.f, ws, rows, 20);
    assert_false(flow_tile_diagnose(s.f, s.weights, ws, n, FLOW_TO_LATENT, 3, place, sizeof place));
    assert_string_equal(place, "");
    rows[3 * D + 1] = NAN;
    n = flow_tile_load(s.f, ws, rows, 20);
    assert_true(flow_tile_diagnose(s.f, s.weights, ws, n, FLOW_TO_LATENT, 3, place, sizeof place));
    assert_string_equal(place, "the data or their column maps");
    n = flow_tile_load(s.f, ws, rows, 20);
    /* rows do not know of each other */
    assert_false(flow_tile_diagnose(s.f, s.weights, ws, n, FLOW_TO_LATENT, 4, place, sizeof place));
    rows[3 * D + 1] = 0;
    for (int b = 0; b < s.f->n_blocks; b++) {
        int entry = s.f->blocks[b]->last_param - 1; /* the bias of its last layer */
        real *weight = &s.weights[s.f->params.entries[entry].offset], good = *weight;
        *weight = (real)NAN;
        n = flow_tile_load(s.f, ws, rows, 20);
        assert_true(flow_tile_diagnose(s.f, s.weights, ws, n, FLOW_TO_LATENT, 4, place, sizeof place));
        assert_string_equal(place, s.f->blocks[b]->name);
        *weight = good;
    }
    flow_workspace_free(ws);
    free(rows);
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_make_the_same_flow),
        cmocka_unit_test(structs_that_do_not_fit_have_a_place),
        cmocka_unit_test(presets_expand),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(groups_repeat),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(hostile_sizes),
        cmocka_unit_test(standardized_density_is_gaussian),
        cmocka_unit_test(whitened_density_is_gaussian),
        cmocka_unit_test(whitening_refuses),
        cmocka_unit_test(flows_start_at_the_base),
        cmocka_unit_test(fit_names_what_it_cannot_use),
        cmocka_unit_test(check_refuses),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(inverses_invert),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(samples),
        cmocka_unit_test(tiles_load_and_store),
        cmocka_unit_test(culprits_are_found),
    };
    return cmocka_run_group_tests_name("flows", tests, NULL, NULL);
}
