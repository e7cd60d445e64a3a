/* The search for the best spec: its space, its draws, its comparisons, and its result from a C program. */
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
#include <unistd.h>

#include "harness.h"
#include "run/tune_search.h"
#include "values.h"

/* ---- the space ---- */

typedef struct space_fixture {
    cJSON *document;
    flow_spec *spec;
    flow_arena arena;
    flow_alternatives_list space;
    flow_text pinned;
} space_fixture;

static void make_space(space_fixture *f, const char *text)
{
    flow_error err = {0};
    *f = (space_fixture){0};
    if (flow_json_parse(&f->document, text, strlen(text), "text", &err) != FLOW_OK ||
        flow_spec_parse(&f->spec, text, strlen(text), "text", NULL, NULL, 0, &err) != FLOW_OK ||
        tune_space_make(&f->space, &f->pinned, &f->arena, f->document, f->spec, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void free_space(space_fixture *f)
{
    cJSON_Delete(f->document);
    flow_text_free(&f->pinned);
    flow_spec_free(f->spec);
    flow_arena_release(&f->arena);
}

/* The values of a key as "value value ..."; "" when it is not in the space. */
static const char *values_of(const space_fixture *f, const char *key)
{
    static char text[2048];
    text[0] = '\0';
    for (int k = 0; k < f->space.n; k++)
        for (int i = 0; strcmp(f->space.at[k].key, key) == 0 && i < f->space.at[k].n; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
                     f->space.at[k].values[i]);
    return text;
}

static void test_what_the_spec_writes_is_pinned(void **state)
{
    (void)state;
    space_fixture f;
    make_space(&f, "{\"flow\": [\"standardize\", \"maf\"]}");
    assert_string_equal(values_of(&f, "train.batch"), "64 128 256");
    assert_string_equal(values_of(&f, "base"), "\"normal\" {\"type\":\"student_t\",\"outlier_rows\":0.0001}");
    assert_string_equal(values_of(&f, "flow[1].repeat"), "3 5 8");
    assert_int_equal(f.space.at[0].n, 12);
    assert_int_equal(tune_space_size(&f.space), 12 * 3 * 3 * 2 * 3 * 3 * 2 * 2);
    free_space(&f);
    make_space(&f, "{\"flow\": [\"standardize\", \"maf\"], \"base\": \"logistic\", \"train\": {\"batch\": 7, "
                   "\"optimizer\": \"adamw\"}}");
    assert_string_equal(values_of(&f, "train.batch"), "");
    assert_string_equal(values_of(&f, "base"), "");
    assert_string_equal(f.pinned.data, "train.optimizer, train.batch, base");
    assert_string_equal(values_of(&f, "train.ema"), "0.99 0.999");
    assert_string_equal(values_of(&f, "train.optimizer.rate"), "0.002 0.005 0.01");
    free_space(&f);
}

static void test_tune_replaces_and_adds(void **state)
{
    (void)state;
    space_fixture f;
    make_space(&f, "{\"flow\": [\"standardize\", \"maf\"], \"train\": {\"batch\": 7}, \"tune\": {\"space\": "
                   "{\"train.batch\": [8, 9], \"train.clip\": [1, 2], \"flow\": [[\"maf\"]]}}}");
    assert_string_equal(values_of(&f, "train.batch"), "8 9");
    assert_string_equal(values_of(&f, "train.clip"), "1 2");
    assert_string_equal(values_of(&f, "flow"), "[\"maf\"]");
    assert_string_equal(values_of(&f, "flow[1].repeat"), ""); /* is one of the built-in flows */
    assert_string_equal(f.space.at[0].key, "flow");           /* before what may lie in it */
    assert_string_equal(values_of(&f, "base"), "\"normal\" {\"type\":\"student_t\",\"outlier_rows\":0.0001}");
    free_space(&f);
    make_space(&f, "{\"flow\": [\"maf\"], \"tune\": {\"only\": true, \"space\": {\"train.batch\": [8, 9]}}}");
    assert_int_equal(f.space.n, 1);
    free_space(&f);
    make_space(&f, "{\"flow\": [\"maf\"], \"tune\": {\"only\": true}}");
    assert_int_equal(f.space.n, 0);
    assert_int_equal(tune_space_size(&f.space), 1);
    free_space(&f);
}

static char *read_page(const char *path)
{
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = calloc(MOST, 1);
    assert_non_null(file);
    assert_non_null(text);
    ASSERT_LT(fread(text, 1, MOST - 1, file), MOST - 1);
    fclose(file);
    return text;
}

/* What docs/spec.md says about the built-in space is what it is. */
static void test_the_page_lists_the_built_in_space(void **state)
{
    (void)state;
    space_fixture f;
    make_space(&f, "{\"flow\": [\"standardize\", \"maf\"]}");
    char *page = read_page("docs/spec.md");
    for (int k = 1; k < f.space.n; k++) { /* the flows stand in words there */
        flow_text row = {0};
        flow_text_add(&row, "| `%s` | `", f.space.at[k].key);
        for (int i = 0; i < f.space.at[k].n; i++)
            flow_text_add(&row, "%s%s", i > 0 ? "`, `" : "", f.space.at[k].values[i]);
        flow_text_add(&row, "` |");
        if (strstr(page, row.data) == NULL)
            fail_msg("docs/spec.md has no row %s", row.data);
        flow_text_free(&row);
    }
    free(page);
    free_space(&f);
}

/* ---- draws ---- */

static void test_values_are_drawn_evenly(void **state)
{
    (void)state;
    space_fixture f;
    make_space(&f, "{\"flow\": [\"maf\"], \"tune\": {\"only\": true, \"space\": {\"train.batch\": [1, 2, 3], "
                   "\"train.clip\": [1, 2, 3], \"train.ema\": [0.1, 0.2, 0.3, 0.4, 0.5]}}}");
    int values[3], again[3], seen[3][5] = {{0}}, equal = 0, other = 0;
    for (int64_t i = 0; i < 300; i++) {
        tune_space_draw(values, &f.space, 5, i);
        tune_space_draw(again, &f.space, 5, i);
        assert_memory_equal(values, again, sizeof values);
        tune_space_draw(again, &f.space, 6, i);
        other += memcmp(values, again, sizeof values) != 0;
        equal += values[0] == values[1];
        for (int k = 0; k < 3; k++)
            seen[k][values[k]]++;
        for (int k = 0; k < 3; k++) /* each value once in a run as long as the list */
            for (int v = 0; (i + 1) % f.space.at[k].n == 0 && v < f.space.at[k].n; v++)
                assert_int_equal(seen[k][v], (i + 1) / f.space.at[k].n);
    }
    ASSERT_GT(other, 200);              /* of another seed */
    ASSERT_LT(abs(equal - 100), 4 * 9); /* two keys are independent: a third is equal, with a deviation below 9 */
    free_space(&f);
}

/* ---- comparing ---- */

static void test_time_goes_by_the_work_of_a_rung(void **state)
{
    (void)state;
    const flow_tune_rung rungs[] = {
        {.candidates = 27, .epochs = 2}, {.candidates = 9, .epochs = 4}, {.candidates = 3, .epochs = 12}};
    ASSERT_NEAR(tune_share_of_time(rungs, 3, 0), 54. / 96, 1e-12);
    ASSERT_NEAR(tune_share_of_time(rungs, 3, 1), 72. / 96, 1e-12);
    ASSERT_EQ(tune_share_of_time(rungs, 3, 2), 1);
    ASSERT_EQ(tune_share_of_time(rungs, 1, 0), 1);
}

static void test_scores_are_compared_by_rows(void **state)
{
    (void)state;
    double a[] = {1, 2, 4, 7}, b[] = {0, 2, 2, 6}, equal[] = {1, 1, 1, 1}, weights[] = {2, 1, 1, 0};
    flow_row_scores first = {4, a, equal}, second = {4, b, equal};
    flow_mean found = tune_compare(&first, &second); /* differences 1, 0, 2, 1 */
    ASSERT_NEAR(found.mean, 1, 1e-15);
    ASSERT_NEAR(found.error, sqrt(2.0 / 3 / 4), 1e-15);
    first.weight = weights;
    ASSERT_NEAR(tune_compare(&first, &second).mean, 1, 1e-15); /* (2 1 + 0 + 2) / 4 */
    second.n = 3;
    assert_true(isnan(tune_compare(&first, &second).mean));
    assert_true(isnan(tune_compare(&(flow_row_scores){0}, &(flow_row_scores){0}).mean));
}

/* ---- a search ---- */

static int make_project(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    FILE *file = fopen(at("train.csv"), "w");
    assert_non_null(file);
    fputs("x,y\n", file);
    for (int i = 0; i < 300; i++)
        fprintf(file, "%.6f,%.6f\n", sin(1.7 * i) + cos(0.3 * i * i), 100 + 3 * cos(2.9 * i));
    fclose(file);
    write_text("spec.json",
               "{\"data\": {\"train\": \"train.csv\", \"validation\": 0.3}, \"flow\": [\"standardize\", "
               "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4]}], \"train\": {\"epochs\": 8, \"batch\": 50}, "
               "\"tune\": {\"only\": true, \"space\": {\"flow[1].repeat\": [1, 2], \"train.optimizer.rate\": "
               "[0.0001, 0.001, 0.01], \"train.ema\": [0, 0.9]}}}");
    return 0;
}

typedef struct heard {
    int starts, candidates, rungs;
    _Atomic int steps;  /* should_stop looks at it in any thread */
    int64_t stop_after; /* steps; 0: never */
    int left;           /* after the first rung */
} heard;

static void on_start(void *context, const flow_run_tune_result *search)
{
    heard *h = context;
    h->starts++;
    static const int64_t candidates[] = {9, 5, 3, 2}, epochs[] = {1, 2, 4, 8};
    assert_int_equal(search->n_rungs, 4);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(search->rungs[k].candidates, candidates[k]);
        assert_int_equal(search->rungs[k].epochs, epochs[k]);
    }
}

static void on_step(void *context, const flow_run_tune_result *search)
{
    (void)search;
    ((heard *)context)->steps++;
}

static void on_candidate(void *context, const flow_run_tune_result *search, const flow_tune_candidate *c)
{
    assert_int_equal(c->epochs, search->rungs[search->rung].epochs);
    ((heard *)context)->candidates++;
}

static void on_rung(void *context, const flow_run_tune_result *search)
{
    heard *h = context;
    const flow_tune_candidate *c = search->candidates.items;
    h->rungs++;
    for (size_t i = 0; h->rungs == 1 && i < search->candidates.n; i++)
        h->left += c[i].state == FLOW_TUNE_WAITING;
}

static bool should_stop(void *context)
{
    const heard *h = context;
    return h->stop_after > 0 && h->steps >= h->stop_after;
}

static flow_status tune(flow_run_tune_result *result, heard *h, const char *output, int threads, bool resume)
{
    flow_error err = {0};
    char spec[1024], model[1024];
    snprintf(spec, sizeof spec, "%s", at("spec.json"));
    snprintf(model, sizeof model, "%s", at(output));
    const flow_run_tune_options options = {
        .spec = spec,
        .output = model,
        .trials = 9,
        .factor = 2,
        .resume = resume,
        .n_threads = threads,
        .hooks = {.context = h, .should_stop = should_stop},
        .context = h,
        .on_start = on_start,
        .on_step = on_step,
        .on_candidate = on_candidate,
        .on_rung = on_rung,
    };
    flow_status status = flow_run_tune(result, &options, &err);
    if (status != FLOW_OK && status != FLOW_INTERRUPTED)
        fail_msg("%s", err.message);
    return status;
}

static void same_results(const flow_run_tune_result *a, const flow_run_tune_result *b)
{
    const flow_tune_candidate *first = a->candidates.items, *second = b->candidates.items;
    assert_int_equal(a->candidates.n, b->candidates.n);
    for (size_t i = 0; i < a->candidates.n; i++) {
        assert_string_equal(first[i].settings, second[i].settings);
        assert_string_equal(first[i].state_name, second[i].state_name);
        assert_int_equal(first[i].rung, second[i].rung);
        assert_int_equal(first[i].epochs, second[i].epochs);
        ASSERT_EQ(first[i].validation.mean, second[i].validation.mean);
        ASSERT_EQ(first[i].behind.mean, second[i].behind.mean);
        ASSERT_EQ(first[i].behind.error, second[i].behind.error);
    }
    assert_int_equal(a->best->number, b->best->number);
    ASSERT_EQ(a->test.mean, b->test.mean);
    ASSERT_EQ(a->gain.mean, b->gain.mean);
    ASSERT_EQ(a->test_gain.error, b->test_gain.error);
    assert_int_equal(a->n_test, b->n_test);
}

static void test_a_search_does_not_depend_on_threads_and_stops(void **state)
{
    (void)state;
    heard h = {0};
    flow_run_tune_result whole, other;
    assert_int_equal(tune(&whole, &h, "whole.h5", 1, false), FLOW_OK);
    assert_int_equal(h.starts, 1);
    assert_int_equal(h.rungs, 4);
    ASSERT_LT(h.left, 7); /* five, and the spec itself where it is none of them */
    ASSERT_GT(h.left, 4);
    assert_int_equal(whole.n_test + whole.n_rows + whole.n_held_out, 300);
    assert_true(isfinite(whole.test.mean));
    const flow_tune_candidate *c = whole.candidates.items;
    for (size_t i = 0; i < whole.candidates.n; i++)
        if (c[i].rung == 4)
            ASSERT_LT(c[i].validation.mean - whole.best->validation.mean, 1e-12);
    if (whole.best->number != 1) /* paired means are differences of means */
        ASSERT_NEAR(whole.gain.mean, whole.best->validation.mean - c[0].validation.mean, 1e-9);

    h = (heard){0};
    assert_int_equal(tune(&other, &h, "two.h5", 2, false), FLOW_OK);
    same_results(&whole, &other);
    flow_run_tune_free(&other);

    static const int64_t stops[] = {1, 17, 30, 40, 30};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) { /* in rungs, and one behind the other */
        h = (heard){.stop_after = stops[i]};
        assert_int_equal(tune(&other, &h, "stopped.h5", 2, true), FLOW_INTERRUPTED);
        assert_true(other.interrupted);
        assert_null(other.best);
        flow_run_tune_free(&other);
    }
    h = (heard){0};
    assert_int_equal(tune(&other, &h, "stopped.h5", 2, true), FLOW_OK);
    assert_true(other.resumed);
    same_results(&whole, &other);
    flow_run_tune_free(&other);
    flow_run_tune_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_spec_writes_is_pinned),
        cmocka_unit_test(test_tune_replaces_and_adds),
        cmocka_unit_test(test_the_page_lists_the_built_in_space),
        cmocka_unit_test(test_values_are_drawn_evenly),
        cmocka_unit_test(test_time_goes_by_the_work_of_a_rung),
        cmocka_unit_test(test_scores_are_compared_by_rows),
        cmocka_unit_test_setup_teardown(test_a_search_does_not_depend_on_threads_and_stops, make_project,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
