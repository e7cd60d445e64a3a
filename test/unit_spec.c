/* The spec: what is read, what is filled in, and what each kind of mistake is told. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema.h"
#include "harness.h"
#include "flow/design.h"
#include "train/optimizer.h"
#include "values.h"

static flow_spec *parse_with(const char *text, const char *const *overrides, int n)
{
    flow_spec *spec;
    flow_error err = {0};
    if (flow_spec_parse(&spec, text, strlen(text), "configs/moons.json", "configs", overrides, n, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return spec;
}

static flow_spec *parse(const char *text)
{
    return parse_with(text, NULL, 0);
}

static void check_refused_with(const char *text, const char *override, const char *expected)
{
    flow_spec *spec;
    flow_error err = {0};
    assert_int_equal(flow_spec_parse(&spec, text, strlen(text), "m.json", NULL, &override, override != NULL, &err),
                     FLOW_SPEC);
    assert_null(spec);
    assert_string_equal(err.message, expected);
    assert_int_equal(flow_spec_parse(&spec, text, strlen(text), "m.json", NULL, &override, override != NULL, NULL),
                     FLOW_SPEC);
}

static void check_refused(const char *text, const char *expected)
{
    check_refused_with(text, NULL, expected);
}

/* The same inside "data": {...}. */
static void check_data_refused(const char *data, const char *expected)
{
    char text[512];
    snprintf(text, sizeof text, "{\"flow\": [], \"data\": %s}", data);
    check_refused(text, expected);
}

static void test_minimal(void **state)
{
    (void)state;
    flow_spec *spec = parse("{\"flow\": []}");
    assert_string_equal(spec->source, "configs/moons.json");
    assert_string_equal(spec->dir, "configs");
    assert_string_equal(spec->name, "moons");
    assert_string_equal(spec->output, "moons.h5");
    assert_null(spec->data->train);
    assert_null(spec->data->validation.text);
    assert_null(spec->data->test.text);
    assert_null(spec->data->columns.at);
    ASSERT_EQ(spec->data->validation.number, 0);
    ASSERT_EQ(spec->data->memory, 4);
    assert_false(spec->data->skip_invalid);
    assert_int_equal(spec->seed, 1);
    assert_int_equal(spec->design.maps.n, 0);
    assert_string_equal(spec->design.base.type->name, "student_t");
    assert_null(spec->design.embedding);
    assert_int_equal(spec->train->epochs, 100);
    assert_string_equal(spec->train->objective.type->name, "mle");
    char *text = flow_json_print(spec->document);
    cJSON *again = cJSON_Parse(text);
    char *plain = cJSON_PrintUnformatted(again);
    assert_string_equal(plain, "{\"flow\":[],\"base\":{\"type\":\"student_t\",\"degrees\":10,"
                               "\"outliers\":0,\"outlier_rows\":0,\"outlier_spread\":0.3},"
                               "\"train\":{\"optimizer\":{\"type\":\"adamw\","
                               "\"rate\":0.005,\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-08},\"ema\":0.99,"
                               "\"objective\":{\"type\":\"mle\"},"
                               "\"schedule\":{\"type\":\"cosine\",\"warmup\":0,\"final\":0},"
                               "\"epochs\":100,\"patience\":20,\"min_improvement\":1,\"clip\":5,\"memory\":4},"
                               "\"data\":{\"allow_negative_weights\":false,\"skip_invalid\":false,"
                               "\"flip\":false,\"memory\":4},"
                               "\"seed\":1,\"name\":\"moons\",\"output\":\"moons.h5\"}");
    free(plain);
    cJSON_Delete(again);
    free(text);
    flow_spec_free(spec);
    flow_spec_free(NULL);
}

/* ---- defaults that depend on the flow and the rows ---- */

static void expect_defaults(const flow_spec *spec, const char *base, const char *optimizer, double rate, double ema)
{
    const flow_optimizer_options *o = spec->train->optimizer.options;
    assert_string_equal(spec->design.base.type->name, base);
    assert_string_equal(spec->train->optimizer.type->name, optimizer);
    ASSERT_EQ(o->rate, rate);
    ASSERT_EQ(spec->train->ema, ema);
    ASSERT_EQ(flow_json_find(spec->document, "train.ema")->valuedouble, ema);
    ASSERT_EQ(flow_json_find(spec->document, "train.optimizer.rate")->valuedouble, rate);
}

static void test_defaults_by_flow(void **state)
{
    (void)state;
    static const struct {
        const char *text, *base, *optimizer;
        double rate, ema;
    } cases[] = {
        {"{\"flow\": [\"standardize\", \"maf\"]}", "student_t", "adamw", 0.005, 0.99},
        {"{\"flow\": [\"nsf\"], \"base\": null, \"train\": {\"ema\": null}}", "student_t", "adamw", 0.005, 0.99},
        {"{\"flow\": [\"nsf\"], \"train\": {\"objective\": \"mle\", \"optimizer\": {\"beta1\": 0.8}}}", "student_t",
         "adamw", 0.005, 0.99},
        {"{\"flow\": [\"maf\"], \"train\": {\"optimizer\": \"adam\"}}", "student_t", "adam", 0.005, 0.99},
        {"{\"flow\": [\"maf\"], \"train\": {\"optimizer\": \"adamax\"}}", "student_t", "adamax", 0.002, 0.99},
        {"{\"flow\": [\"maf\"], \"base\": \"logistic\", \"train\": {\"optimizer\": {\"rate\": 0.1}, \"ema\": 0}}",
         "logistic", "adamw", 0.1, 0},
        {"{\"flow\": [\"glow\"], \"image\": [4, 4, 1]}", "normal", "adam", 0.001, 0},
        {"{\"flow\": [\"pixels\", \"glow\"]}", "normal", "adam", 0.001, 0},
        {"{\"flow\": [{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"squeeze\"]}]}", "normal", "adam", 0.001, 0},
        {"{\"flow\": [\"standardize\", {\"type\": \"ffjord\"}]}", "normal", "adam", 0.001, 0},
        {"{\"flow\": [\"ffjord\"], \"train\": {\"objective\": \"flow_matching\"}}", "normal", "adam", 0.001, 0},
        {"{\"flow\": [\"iaf\"], \"train\": {\"objective\": {\"type\": \"reverse_kl\", \"density\": \"d.so\"}}}",
         "normal", "adam", 0.001, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        flow_spec *spec = parse(cases[i].text);
        expect_defaults(spec, cases[i].base, cases[i].optimizer, cases[i].rate, cases[i].ema);
        flow_spec_free(spec);
    }
    /* what the data say to be images */
    flow_spec *spec = parse("{\"flow\": [\"standardize\", \"glow\"], "
                            "\"train\": {\"optimizer\": {\"type\": \"adamw\"}}}");
    expect_defaults(spec, "student_t", "adamw", 0.005, 0.99);
    assert_int_equal(flow_spec_set_shape(spec, (flow_shape){8, 8, 1}, NULL), FLOW_OK);
    expect_defaults(spec, "normal", "adamw", 0.001, 0);
    ASSERT_EQ(((const flow_optimizer_options *)spec->train->optimizer.options)->decay, 0.01);
    assert_int_equal(spec->train->batch, 256);
    flow_spec_free(spec);
}

static void test_defaults_by_rows(void **state)
{
    (void)state;
    static const struct {
        int64_t rows;
        int columns;
        int64_t batch;
        double decay;
    } cases[] = {
        {300, 10, 32, 0.4},    {2047, 10, 32, 0.12},         {2048, 10, 64, 0.12},
        {3309, 23, 64, 0.27},  {8192, 10, 256, 0.031},       {1000000, 10, 256, 0.00025},
        {1, 1, 32, 0.4},       {INT64_C(1) << 40, 2, 256, 2.1e-11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        flow_spec *spec = parse("{\"flow\": [\"maf\"]}");
        assert_false(flow_spec_has_batch(spec));
        assert_int_equal(flow_spec_set_rows(spec, cases[i].rows, cases[i].columns, NULL), FLOW_OK);
        assert_true(flow_spec_has_batch(spec));
        assert_int_equal(spec->train->batch, cases[i].batch);
        ASSERT_EQ(((const flow_optimizer_options *)spec->train->optimizer.options)->decay, cases[i].decay);
        flow_spec_free(spec);
    }
    flow_spec *spec = parse("{\"flow\": [\"maf\"], \"train\": {\"batch\": 7, \"optimizer\": {\"type\": \"adamw\", "
                            "\"decay\": 0.02}}}");
    assert_int_equal(flow_spec_set_rows(spec, 100, 10, NULL), FLOW_OK);
    assert_int_equal(spec->train->batch, 7);
    ASSERT_EQ(((const flow_optimizer_options *)spec->train->optimizer.options)->decay, 0.02);
    flow_spec_free(spec);
}

static void test_everything(void **state)
{
    (void)state;
    flow_spec *spec = parse("{\"$schema\": \"schema.json\", \"name\": \"protein-maf\", \"data\": {\"train\": "
                            "\"p.h5:/train\","
                            " \"validation\": \"p.h5:/validation\", \"test\": \"/abs/p.h5:/test\", \"columns\": "
                            "[\"a\", \"b\"],"
                            " \"skip_invalid\": true, \"memory\": 0.5}, \"flow\": [{\"type\": \"standardize\"}],"
                            " \"base\": {\"type\": \"normal\"}, \"train\": {\"epochs\": 3}, \"seed\": 9007199254740991,"
                            " \"output\": \"models/p.h5\"}");
    assert_string_equal(spec->name, "protein-maf");
    assert_string_equal(spec->data->train, "p.h5:/train");
    assert_string_equal(spec->data->validation.text, "p.h5:/validation");
    assert_int_equal(spec->data->columns.n, 2);
    assert_string_equal(spec->data->columns.at[1], "b");
    assert_true(spec->data->skip_invalid);
    ASSERT_EQ(spec->data->memory, 0.5);
    ASSERT_EQ(spec->seed, UINT64_C(9007199254740991));
    char *path = flow_spec_path(spec, spec->data->train);
    assert_string_equal(path, "configs/p.h5:/train");
    free(path);
    path = flow_spec_path(spec, spec->data->test.text);
    assert_string_equal(path, "/abs/p.h5:/test");
    free(path);
    path = flow_spec_path(spec, spec->output);
    assert_string_equal(path, "configs/models/p.h5");
    free(path);
    flow_spec_free(spec);
}

static void test_short_forms(void **state)
{
    (void)state;
    const char *const overrides[] = {"data=other.csv", "data.validation=0.25", "base=normal",
                                     "train.optimizer.rate=0.01"};
    flow_spec *spec = parse("{\"flow\": [], \"data\": \"x.csv\", \"base\": \"normal\"}");
    assert_string_equal(spec->data->train, "x.csv");
    assert_string_equal(spec->design.base.type->name, "normal");
    flow_spec_free(spec);
    spec = parse_with("{\"flow\": [], \"data\": \"x.csv\"}", overrides, 4);
    assert_string_equal(spec->data->train, "other.csv");
    ASSERT_EQ(spec->data->validation.number, 0.25);
    assert_null(spec->data->validation.text);
    flow_spec_free(spec);
    /* an override reaches into what is a short form in the file */
    const char *const deeper[] = {"flow[0].hidden=[3]", "flow[1].univariate.bound=2", "train.schedule.warmup=7"};
    spec = parse_with("{\"flow\": [\"maf\", {\"type\": \"maf\", \"univariate\": \"affine\"}], "
                      "\"train\": {\"schedule\": \"cosine\"}}", deeper, 3);
    char *text = flow_json_print(spec->document);
    assert_non_null(strstr(text, "[3]"));
    assert_non_null(strstr(text, "\"bound\":\t2"));
    assert_non_null(strstr(text, "\"warmup\":\t7"));
    free(text);
    flow_spec_free(spec);
    /* null is the same as absent */
    spec = parse("{\"flow\": [], \"data\": {\"train\": \"x.csv\", \"validation\": null, \"columns\": null}, \"name\": "
                 "null, "
                 "\"output\": null}");
    assert_string_equal(spec->output, "moons.h5");
    flow_spec_free(spec);
}

static void check_output(const char *name, const char *text, const char *expected)
{
    flow_spec *spec;
    assert_int_equal(flow_spec_parse(&spec, text, strlen(text), name, NULL, NULL, 0, NULL), FLOW_OK);
    assert_string_equal(spec->output, expected);
    flow_spec_free(spec);
}

static void test_output(void **state)
{
    (void)state;
    check_output("a/b/moons.json", "{\"flow\": []}", "moons.h5");
    check_output("a.b/moons", "{\"flow\": []}", "moons.h5");
    check_output(".json", "{\"flow\": []}", ".json.h5");
    check_output("standard input", "{\"flow\": []}", "model.h5");
    check_output("m.json", "{\"flow\": [], \"name\": \"my model\"}", "my model.h5");
    check_output("m.json", "{\"flow\": [], \"name\": \"a/b\"}", "a-b.h5");
    check_refused("{\"flow\": [], \"output\": \"-\"}",
                  "m.json: output: a model cannot go to standard output; name a file such as \"model.h5\"");
    check_refused("{\"flow\": [], \"output\": \"models/\"}",
                  "m.json: output: \"models/\" is a folder; name a file such as \"models/model.h5\"");
    check_refused("{\"flow\": [], \"output\": \"m.json\"}",
                  "m.json: output: a model is an HDF5 file; call it .h5, not \"m.json\"");
    check_refused("{\"flow\": [], \"output\": \"d.h5\", \"data\": \"d.h5:/train\"}",
                  "m.json: output: the model would replace the data in \"d.h5\"; choose another name");
    check_refused("{\"flow\": [], \"data\": \"m.h5\"}",
                  "m.json: output: the model would replace the data in \"m.h5\"; choose another name");
    check_refused("{\"flow\": [], \"data\": {\"test\": \"m.h5:/x\"}}",
                  "m.json: output: the model would replace the data in \"m.h5\"; choose another name");
}

static void test_alternatives(void **state)
{
    (void)state;
    flow_spec *spec = parse("{\"flow\": [], \"tune\": {\"space\": {\"base\": [\"normal\", {\"type\": \"logistic\"}], "
                            "\"flow[1].hidden\": [[4, 4]]}}}");
    const flow_alternatives_list *space = &spec->tune->space;
    assert_false(spec->tune->only);
    assert_int_equal(space->n, 2);
    assert_string_equal(space->at[0].key, "base");
    assert_int_equal(space->at[0].n, 2);
    assert_string_equal(space->at[0].values[0], "\"normal\"");
    assert_string_equal(space->at[0].values[1], "{\"type\":\"logistic\"}");
    assert_string_equal(space->at[1].values[0], "[4,4]");
    flow_spec_free(spec);
    spec = parse("{\"flow\": [], \"tune\": null}");
    assert_null(spec->tune);
    flow_spec_free(spec);
    check_refused("{\"flow\": [], \"tune\": {\"space\": {\"base\": []}}}",
                  "m.json: tune.space.base: the list is empty; give it a value, or leave the key out");
}

static void test_top_level_mistakes(void **state)
{
    (void)state;
    check_refused("[]", "m.json: expected an object { ... }, found a list");
    check_refused("3", "m.json: expected an object { ... }, found 3");
    check_refused("{\"flow\": [}", "m.json:1:11: this is not valid JSON; look for a missing comma, quote or bracket "
                                   "here "
                                   "or just before");
    check_refused("{}", "m.json: the key \"flow\" is missing: the list of maps from the data to the base, such as "
                        "[\"standardize\", \"maf\"]");
    check_refused("{\"flows\": []}", "m.json: unknown key \"flows\"; did you mean \"flow\"?");
    check_refused("{\"flow\": [], \"optimiser\": 1}",
                  "m.json: unknown key \"optimiser\"; the keys here are: $schema, name, data, image, flow, base, "
                  "embedding, "
                  "train, tune, seed, output");
    check_refused("{\"flow\": {\"type\": \"maf\"}}",
                  "m.json: flow: expected a list [ ... ], each element a column map or a block, found an "
                  "object");
    check_refused("{\"flow\": [], \"flow\": []}", "m.json: the key \"flow\" occurs twice");
    check_refused("{\"flow\": [], \"name\": 3}", "m.json: name: expected a text, found 3");
    check_refused("{\"flow\": [], \"name\": \"\"}", "m.json: name: the text is empty; name something or leave the key "
                                                    "out");
    check_refused("{\"flow\": [], \"output\": \"\"}",
                  "m.json: output: the text is empty; name something or leave the key out");
    check_refused("{\"flow\": [], \"seed\": -1}", "m.json: seed: -1 is out of range; allowed is 0 or more");
    check_refused("{\"flow\": [], \"seed\": 1.5}", "m.json: seed: expected a whole number, found 1.5");
    check_refused("{\"flow\": [], \"seed\": 1e17}",
                  "m.json: seed: 1e+17 is out of range; allowed is 0 to 9007199254740992");
    check_refused("{\"flow\": [], \"train\": [1]}",
                  "m.json: train: expected an object { ... }, found a list");
    check_refused("{\"flow\": [], \"data\": 3}", "m.json: data: expected an object { ... }, found 3");
}

static void expect_image(const flow_spec *spec, int height, int width, int channels, flow_image_layout layout)
{
    const flow_image image = flow_image_of_options(spec->image);
    assert_int_equal(image.shape.height, height);
    assert_int_equal(image.shape.width, width);
    assert_int_equal(image.shape.channels, channels);
    assert_int_equal(image.layout, layout);
}

static void test_image(void **state)
{
    (void)state;
    flow_spec *spec = parse("{\"flow\": []}");
    expect_image(spec, 0, 0, 0, FLOW_IMAGE_AUTO);
    assert_int_equal(flow_spec_set_shape(spec, (flow_shape){2, 3, 1}, NULL), FLOW_OK);
    expect_image(spec, 2, 3, 1, FLOW_IMAGE_AUTO);
    assert_int_equal(flow_spec_layout(spec, 6, NULL).shape.width, 3);
    char *text = flow_json_print(spec->document);
    flow_spec_free(spec);
    spec = parse(text);
    expect_image(spec, 2, 3, 1, FLOW_IMAGE_AUTO);
    free(text);
    flow_spec_free(spec);
    const char *const overrides[] = {"image.layout=chw"};
    spec = parse_with("{\"flow\": [], \"image\": [4, 5, 3]}", overrides, 1);
    expect_image(spec, 4, 5, 3, FLOW_IMAGE_CHW);
    flow_spec_free(spec);
    spec = parse("{\"flow\": [], \"image\": {\"layout\": \"hwc\", \"note\": \"by rows\"}}");
    expect_image(spec, 0, 0, 0, FLOW_IMAGE_HWC);
    assert_int_equal(flow_spec_set_shape(spec, (flow_shape){2, 3, 1}, NULL), FLOW_OK);
    expect_image(spec, 2, 3, 1, FLOW_IMAGE_HWC);
    const cJSON *document = cJSON_GetObjectItem(spec->document, "image");
    assert_string_equal(cJSON_GetObjectItem(document, "note")->valuestring, "by rows");
    flow_spec_free(spec);
    check_refused("{\"flow\": [], \"image\": [4, 5]}",
                   "m.json: image.shape: 2 numbers; the shape of an image is [HEIGHT, WIDTH, CHANNELS]");
    check_refused("{\"flow\": [], \"image\": [4, 0, 1]}",
                  "m.json: image.shape[1]: 0 is out of range; allowed is 1 to 65536");
    check_refused("{\"flow\": [], \"image\": [65536, 65536, 65536]}",
                   "m.json: image.shape: images of 65536 x 65536 x 65536 have more than 65536 values");
    check_refused("{\"flow\": [], \"image\": \"mnist\"}", "m.json: image: expected an object { ... }, found \"mnist\"");
}

static void test_data_mistakes(void **state)
{
    (void)state;
    check_data_refused("{\"trian\": \"x\"}", "m.json: data: unknown key \"trian\"; did you mean \"train\"?");
    check_data_refused("{\"train\": 2}", "m.json: data.train: expected a text, found 2");
    check_data_refused("{\"train\": [\"x\", 2]}", "m.json: data.train[1]: expected a text, found 2");
    check_data_refused("{\"train\": []}", "m.json: data.train: 0 elements; allowed are 1 to 32, or leave the key out");
    check_data_refused("{\"test\": [\"x\", \"\"]}", "m.json: data.test[1]: expected a text, found \"\"");
    check_data_refused("{\"train\": \"\"}", "m.json: data.train: the text is empty; name something or leave the key "
                                            "out");
    check_data_refused("{\"test\": \"\"}", "m.json: data.test: the text is empty; name something or leave the key out");
    check_data_refused("\"\"", "m.json: data.train: the text is empty; name something or leave the key out");
    check_data_refused("{\"validation\": 1}",
                       "m.json: data.validation: 1 is out of range; a number is between 0 and 1 here");
    check_data_refused("{\"validation\": 0}",
                       "m.json: data.validation: 0 is out of range; a number is between 0 and 1 here");
    check_data_refused("{\"validation\": true}", "m.json: data.validation: expected a text or a number, found true");
    check_data_refused("{\"validation\": \"\"}",
                       "m.json: data.validation: the text is empty; name something or leave the key out");
    check_data_refused("{\"columns\": \"a\"}",
                       "m.json: data.columns: expected a list of texts such as [\"mass\", \"energy\"], found \"a\"");
    check_data_refused("{\"columns\": []}",
                       "m.json: data.columns: 0 elements; allowed are 1 to 65536, or leave the key out");
    check_data_refused("{\"columns\": [\"a\", 2]}", "m.json: data.columns[1]: expected a text, found 2");
    check_data_refused("{\"columns\": [\"a\", \"\"]}", "m.json: data.columns[1]: expected a text, found \"\"");
    check_data_refused("{\"columns\": [\"a\", \"b\", \"a\"]}", "m.json: data.columns: \"a\" is listed twice");
    check_data_refused("{\"context\": [\"a\"], \"columns\": [\"b\", \"a\"]}",
                       "m.json: data.context: the column \"a\" is in data.columns too; it is modelled or given, "
                       "not both");
    check_data_refused("{\"context\": [\"a\"], \"weight\": \"a\"}",
                       "m.json: data.weight: the column \"a\" is in data.context too; a weight is neither modelled nor "
                       "given");
    check_data_refused("{\"skip_invalid\": 1}", "m.json: data.skip_invalid: expected true or false, found 1");
    check_data_refused("{\"memory\": 0}", "m.json: data.memory: 0 is out of range; allowed is 0.001 to 1000000");
}

static void test_overrides(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.epochs=5", "train.epochs=7", "flow[0].repeat=2", "name=other", "seed=4"};
    flow_spec *spec = parse_with("{\"flow\": [{\"type\": \"maf\"}]}", overrides, 5);
    assert_int_equal(spec->seed, 4);
    assert_string_equal(spec->output, "other.h5");
    assert_int_equal(spec->train->epochs, 7);
    flow_spec_free(spec);
    const char *const without[] = {"data=null"};
    spec = parse_with("{\"data\": \"a.csv\", \"flow\": []}", without, 1);
    assert_null(spec->data->train);
    flow_spec_free(spec);
    check_refused_with("{\"flow\": []}", "epochs",
                       "\"epochs\" is not of the form key=value, for example train.epochs=5");
    check_refused_with("{\"flow\": []}", "flow[0].repeat=1",
                       "\"flow[0].repeat=1\": there is no list element [0]: the list has 0 elements, counted from 0; "
                       "set the whole list, flow=[...]");
    check_refused_with("{\"flow\": []}", "sed=1", "m.json: unknown key \"sed\"; did you mean \"seed\"?");
    check_refused_with("[]", "seed=1", "m.json: expected an object { ... }, found a list");
}

/* A document that was resolved once reads as itself. */
static void test_resolved_is_stable(void **state)
{
    (void)state;
    flow_spec *spec = parse("{\"flow\": [\"standardize\", {\"type\": \"realnvp\", \"hidden\": [8]}, \"permute\", "
                            "\"actnorm\", {\"type\": \"maf\", \"repeat\": 2}, \"nice\"], \"data\": \"x.csv\", "
                            "\"seed\": 9007199254740991, \"train\": {\"optimizer\": {\"type\": \"adam\", "
                            "\"rate\": 0.30000000000000004}}}");
    flow_error err = {0};
    subject s;
    char *first = NULL, *second = NULL;
    if (subject_try_spec(&s, &err, (subject_shape){.dim = 4}, spec) != FLOW_OK)
        fail_msg("%s", err.message);
    first = flow_json_print(spec->document);
    size_t n_weights = s.f->params.n_weights;
    subject_close(&s);
    flow_spec_free(spec);

    spec = parse(first);
    assert_int_equal(subject_try_spec(&s, &err, (subject_shape){.dim = 4}, spec), FLOW_OK);
    second = flow_json_print(spec->document);
    assert_string_equal(first, second);
    ASSERT_EQ(spec->seed, UINT64_C(9007199254740991));
    assert_int_equal(s.f->params.n_weights, n_weights);
    subject_close(&s);
    flow_spec_free(spec);
    free(first);
    free(second);
}

static void test_numbers_under_a_comma_locale(void **state)
{
    (void)state;
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE", "fr_FR"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_ALL, names[i]) != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
    if (!found) {
        setlocale(LC_ALL, "C");
        skip();
    }
    flow_spec *spec = parse("{\"flow\": [], \"data\": {\"validation\": 0.1, \"memory\": 0.25}}");
    ASSERT_EQ(spec->data->validation.number, 0.1);
    char *text = flow_json_print(spec->document);
    assert_non_null(strstr(text, "0.25"));
    free(text);
    flow_spec_free(spec);
    setlocale(LC_ALL, "C");
}

static void test_files(void **state)
{
    (void)state;
    char expected[2 * TEST_PATH_SIZE];
    flow_spec *spec;
    flow_error err;
    assert_int_equal(flow_spec_read(&spec, at("rings.json"), NULL, 0, &err), FLOW_IO);
    snprintf(expected, sizeof expected, "%s: there is no such file", at("rings.json"));
    assert_string_equal(err.message, expected);
    const char *path = write_text("rings.json", "{\"flow\": [], \"data\": \"rings.csv\"}");
    assert_int_equal(flow_spec_read(&spec, path, NULL, 0, &err), FLOW_OK);
    assert_string_equal(spec->dir, folder);
    assert_string_equal(spec->output, "rings.h5");
    char *data = flow_spec_path(spec, spec->data->train);
    assert_string_equal(data, at("rings.csv"));
    free(data);
    flow_spec_free(spec);
}

static void test_many_columns(void **state)
{
    (void)state;
    cJSON *document = cJSON_Parse("{\"flow\": [], \"data\": {\"columns\": []}}");
    cJSON *columns = cJSON_GetObjectItem(cJSON_GetObjectItem(document, "data"), "columns");
    for (int i = 0; i < FLOW_SPEC_COLUMNS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        cJSON_AddItemToArray(columns, cJSON_CreateString(name));
    }
    char *text = cJSON_PrintUnformatted(document);
    flow_spec *spec = parse(text);
    assert_int_equal(spec->data->columns.n, FLOW_SPEC_COLUMNS_MAX);
    assert_string_equal(spec->data->columns.at[FLOW_SPEC_COLUMNS_MAX - 1], "x65535");
    flow_spec_free(spec);
    free(text);
    cJSON_Delete(document);
}

/* Every $ref of the schema has a definition, once all layers have added theirs. */
static void check_refs(const cJSON *node, const cJSON *definitions)
{
    for (; node != NULL; node = node->next) {
        if (node->string != NULL && strcmp(node->string, "$ref") == 0) {
            const char *prefix = "#/definitions/";
            assert_memory_equal(node->valuestring, prefix, strlen(prefix));
            if (cJSON_GetObjectItemCaseSensitive(definitions, node->valuestring + strlen(prefix)) == NULL)
                fail_msg("nothing defines %s", node->valuestring);
        }
        check_refs(node->child, definitions);
    }
}

/* ---- the comparison for --resume ---- */

static void keep_path(void *context, const flow_json *was, const flow_json *is)
{
    (void)was;
    flow_text_add(context, "%s ", is->path);
}

static void expect_differences(const char *was, const char *is, const char *paths)
{
    flow_spec *a = parse(was), *b = parse(is);
    flow_text text = {0};
    flow_text_add(&text, "%s", "");
    flow_spec_compare(a, b, keep_path, &text);
    assert_string_equal(text.data, paths);
    flow_text_free(&text);
    flow_spec_free(a);
    flow_spec_free(b);
}

static void test_compare(void **state)
{
    (void)state;
    /* a default and the same value written out are the same; what may change does not count */
    expect_differences("{\"flow\": [\"maf\"], \"data\": \"a.csv\"}",
                       "{\"flow\": [{\"type\": \"maf\", \"repeat\": 5}], \"name\": \"other\", \"output\": \"o.h5\", "
                       "\"data\": {\"train\": \"b.csv\", \"test\": \"t.csv\", \"memory\": 4, \"columns\": [\"x\"], "
                       "\"validation\": \"v.csv\", \"skip_invalid\": true}, "
                       "\"train\": {\"epochs\": 7, \"patience\": 1, \"min_improvement\": 2}}", "");
    expect_differences("{\"flow\": []}", "{\"flow\": [], \"seed\": 2, \"data\": {\"memory\": 2, \"weight\": \"w\", "
                       "\"context\": [\"c\"], \"validation\": 0.1}}",
                       "data.validation data.context data.weight data.memory seed ");
    expect_differences("{\"flow\": [], \"data\": {\"validation\": 0.1}}",
                       "{\"flow\": [], \"data\": {\"validation\": 0.2}}", "data.validation ");
    expect_differences("{\"flow\": []}",
                       "{\"flow\": [], \"base\": \"normal\", \"embedding\": {}, \"train\": {\"batch\": 2, "
                       "\"optimizer\": {\"rate\": 0.1}, \"schedule\": \"constant\"}}",
                       "base.type embedding train.optimizer.rate train.schedule.type train.batch ");
    /* lists of maps, one in another, univariates in them, and columns by name */
    expect_differences("{\"flow\": [{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"nsf\", \"permute\"]}]}",
                       "{\"flow\": [{\"type\": \"repeat\", \"times\": 3, \"flow\": [{\"type\": \"nsf\", \"repeat\": 2, "
                       "\"univariate\": {\"bins\": 4}}, {\"type\": \"permute\", \"order\": [1, 0]}]}]}",
                       "flow[0].times flow[0].flow[0].repeat flow[0].flow[0].univariate.bins flow[0].flow[1].order ");
    expect_differences("{\"flow\": [\"maf\"]}", "{\"flow\": [\"maf\", \"maf\"]}", "flow ");
    /* notes say nothing to a training */
    expect_differences("{\"flow\": [{\"type\": \"maf\", \"note\": \"a\"}]}",
                       "{\"note\": \"b\", \"flow\": [{\"type\": \"maf\"}], \"train\": {\"note\": \"c\"}}", "");
#define SUPPORT(columns) "{\"flow\": [{\"type\": \"support\", \"columns\": {" columns "}}]}"
    expect_differences(SUPPORT("\"a\": {\"lower\": 0}, \"b\": {\"lower\": 0}"),
                       SUPPORT("\"a\": {\"lower\": 1}, \"c\": {\"lower\": 0}"),
                       "flow[0].columns.a.lower flow[0].columns.b flow[0].columns.c ");
}

static void test_schema(void **state)
{
    (void)state;
    cJSON *schema = flow_spec_schema();
    cJSON *definitions = cJSON_GetObjectItemCaseSensitive(schema, "definitions");
    assert_true(cJSON_IsObject(definitions));
    check_refs(schema, definitions);
    const char *const keys[] = {"name", "data", "flow", "base", "train", "seed", "output", "$schema"};
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(cJSON_GetObjectItemCaseSensitive(properties, keys[i]));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(schema, "additionalProperties")));
    cJSON_Delete(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_defaults_by_flow),
        cmocka_unit_test(test_defaults_by_rows),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_alternatives),
        cmocka_unit_test(test_top_level_mistakes),
        cmocka_unit_test(test_data_mistakes),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_resolved_is_stable),
        cmocka_unit_test(test_numbers_under_a_comma_locale),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_many_columns),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests_name("spec", tests, make_folder, remove_folder);
}
