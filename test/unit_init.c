/* Specs that are made from data alone: which columns they have, what is said of them, and how they are trained. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"
#include "harness.h"
#include "model/model.h"
#include "num/rng.h"
#include "run/init.h"
#include "values.h"

/* ---- tables ---- */

static double uniform(int row, int column)
{
    return flow_rng_uniform(5, FLOW_STREAM_OTHER, (uint64_t)row, (uint32_t)column);
}

static double normal(int row, int column)
{
    return sqrt(-2 * log(uniform(row, 2 * column + 100))) * cos(6.283185307179586 * uniform(row, 2 * column + 101));
}

/* A column: its name, and the value in a row. */
typedef struct column {
    const char *name;
    double (*value)(int row);
} column;

static double value_a(int row)
{
    return normal(row, 1);
}

static double value_b(int row)
{
    return normal(row, 2);
}

static double value_sum(int row)
{
    return normal(row, 1) + normal(row, 2);
}

static double value_number(int row)
{
    return row + 1;
}

static double value_constant(int row)
{
    (void)row;
    return 3;
}

static double value_count(int row)
{
    return floor(-6 * log(uniform(row, 3)));
}

static double value_class(int row)
{
    return floor(4 * uniform(row, 4)) + 1;
}

static double value_sign(int row)
{
    return uniform(row, 5) < 0.5 ? -1 : 1;
}

static double value_rounded(int row)
{
    return 0.5 * rint(20 * normal(row, 6)) + 100;
}

static double value_share(int row)
{
    return uniform(row, 7);
}

static double value_positive(int row)
{
    return -log(uniform(row, 8));
}

static double value_code(int row)
{
    return uniform(row, 9) < 0.05 ? -999 : normal(row, 9);
}

static double value_hole(int row)
{
    return uniform(row, 10) < 0.5 ? NAN : normal(row, 10);
}

static double value_angle(int row)
{
    return 360 * uniform(row, 11);
}

static double value_few(int row)
{
    const double u = uniform(row, 12);
    return u < 0.3 ? sqrt(2) : u < 0.6 ? sqrt(5) : sqrt(26);
}

/* ---- a column of every kind, as people have them ---- */

static double value_poisson(int row)
{
    double product = uniform(row, 20);
    int n = 0;
    for (; product > 0.0497870683678639 && n < 60; n++) /* exp(-3) */
        product *= uniform(row, 21 + n);
    return n;
}

static double value_rain(int row)
{
    return uniform(row, 81) < 0.5 ? 0 : exp(normal(row, 81));
}

static double value_radians(int row)
{
    return 6.283185307179586 * uniform(row, 82);
}

/* Of von Mises with the concentration 1.5 around 1 (Best and Fisher 1979). */
static double value_wind(int row)
{
    const double a = 1 + sqrt(1 + 4 * 1.5 * 1.5), b = (a - sqrt(2 * a)) / 3, r = (1 + b * b) / (2 * b);
    for (uint32_t k = 0;; k++) {
        const double z = cos(3.141592653589793 * uniform(row, 2000 + 3 * (int)k));
        const double f = (1 + r * z) / (r + z), c = 1.5 * (r - f), u = uniform(row, 2001 + 3 * (int)k);
        if (c * (2 - c) > u || log(c / u) + 1 - c >= 0) {
            const double angle = 1 + (uniform(row, 2002 + 3 * (int)k) < 0.5 ? -acos(f) : acos(f));
            return angle < 0 ? angle + 6.283185307179586 : angle;
        }
    }
}

static double value_decades(int row)
{
    return pow(10, 10 * uniform(row, 83) - 5);
}

static double value_cauchy(int row)
{
    return tan(3.141592653589793 * (uniform(row, 84) - 0.5));
}

static double value_flag(int row)
{
    return uniform(row, 85) < 0.3;
}

static double value_kind(int row)
{
    return floor(5 * uniform(row, 86));
}

static double value_temp(int row)
{
    return uniform(row, 87) < 0.02 ? -999 : 15 + 8 * normal(row, 87);
}

static double value_time(int row)
{
    return 1.7e9 + rint(2592000 * uniform(row, 88) * 1000) / 1000;
}

static double value_tenths(int row)
{
    return rint(10 * (10 + 2.2 * normal(row, 89))) / 10;
}

static double value_percent(int row)
{
    return fmin(100, fmax(0, 60 + 40 * normal(row, 90)));
}

static double value_nearly(int row)
{
    return row % 1700 == 11 ? 2 : 1;
}

static double value_float(int row)
{
    return (double)(float)(100 + 0.01 * normal(row, 91));
}

static double value_bimodal(int row)
{
    return (uniform(row, 92) < 0.4 ? -3 : 3) + 0.5 * normal(row, 92);
}

/* Of Student's t with 3 degrees of freedom, and a slip of the pen. */
static double value_slip(int row)
{
    double squares = 0;
    for (int k = 0; k < 3; k++)
        squares += normal(row, 93 + k) * normal(row, 93 + k);
    return row == 1234 ? 1e12 : normal(row, 96) / sqrt(squares / 3);
}

static double value_glitch(int row)
{
    return row == 77 ? -1e6 : normal(row, 97);
}

/* NA of R in whole numbers, the fill value of netCDF, and codes in shares of 1. */
static double value_integer(int row)
{
    return uniform(row, 98) < 0.01 ? -2147483648.0 : rint(50 * normal(row, 98));
}

static double value_filled(int row)
{
    return uniform(row, 99) < 0.01 ? (double)9.96921e36f : 15 + 5 * normal(row, 99);
}

static double value_mostly(int row)
{
    return uniform(row, 60) < 0.3 ? -2147483648.0 : rint(50 * normal(row, 60));
}

static double value_small(int row)
{
    return uniform(row, 61) < 0.02 ? -999 : 0.01 * normal(row, 61);
}

static const column all_columns[] = {
    {"integer", value_integer}, {"filled", value_filled}, {"mostly", value_mostly}, {"small", value_small},
    {"counts", value_poisson}, {"rain", value_rain},     {"angle", value_radians}, {"wind", value_wind},
    {"energy", value_decades}, {"cauchy", value_cauchy}, {"flag", value_flag},     {"kind", value_kind},
    {"temp", value_temp},      {"time", value_time},     {"tenths", value_tenths}, {"percent", value_percent},
    {"nearly", value_nearly},  {"float", value_float},   {"modes", value_bimodal}, {"slip", value_slip},
    {"glitch", value_glitch},
    {"a", value_a},         {"b", value_b},         {"sum", value_sum},     {"number", value_number},
    {"same", value_a},      {"const", value_constant}, {"count", value_count}, {"class", value_class},
    {"sign", value_sign},   {"half", value_rounded},   {"share", value_share}, {"mass", value_positive},
    {"code", value_code},   {"hole", value_hole},   {"phi", value_angle},   {"few", value_few},
};

static const column *column_of(const char *name)
{
    size_t i = 0;
    while (strcmp(all_columns[i].name, name) != 0)
        i++;
    return &all_columns[i];
}

/* A CSV file in the folder of the tests with columns "a,b". */
static const char *write_table(const char *names, int rows)
{
    flow_text text = {0};
    char copy[300];
    snprintf(copy, sizeof copy, "%s", names);
    const column *columns[32];
    int n = 0;
    for (char *name = strtok(copy, ","); name != NULL; name = strtok(NULL, ","))
        columns[n++] = column_of(name);
    flow_text_add(&text, "%s\n", names);
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < n; i++) {
            const double value = columns[i]->value(row);
            char number[FLOW_NUMBER_SIZE] = "";
            if (isfinite(value))
                flow_number_print(number, value);
            flow_text_add(&text, "%s%s", number, i + 1 < n ? "," : "\n");
        }
    assert_false(text.failed);
    const char *file = write_text("table.csv", text.data);
    flow_text_free(&text);
    return file;
}

/* ---- results ---- */

static flow_run_init_options options_of(const char *data)
{
    static char names[2][1024];
    snprintf(names[0], sizeof names[0], "%s", data);
    snprintf(names[1], sizeof names[1], "%s", at("made.json"));
    return (flow_run_init_options){.data = names[0], .spec = names[1], .force = true};
}

static void make(flow_run_init_result *out, const flow_run_init_options *options)
{
    flow_error err = {0};
    if (flow_run_init(out, options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void make_of(flow_run_init_result *out, const char *names, int rows)
{
    const flow_run_init_options options = options_of(write_table(names, rows));
    make(out, &options);
}

static void expect_refused(const flow_run_init_options *options, flow_status code, const char *text)
{
    flow_run_init_result out;
    flow_error err = {0};
    assert_int_equal(flow_run_init(&out, options, &err), code);
    if (strstr(err.message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, err.message);
    flow_run_init_free(&out);
}

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* The value as JSON text without blanks; "" when there is none. */
static void expect_json(const cJSON *node, const char *text)
{
    char *found = node != NULL ? cJSON_PrintUnformatted(node) : NULL;
    assert_string_equal(found != NULL ? found : "", text);
    free(found);
}

static const cJSON *support_of(const flow_run_init_result *r, const char *name)
{
    const cJSON *map = cJSON_GetArrayItem(member(r->document, "flow"), 0);
    return member(member(map, "columns"), name);
}

static const char *remark_of(const flow_run_init_result *r, const char *about)
{
    const flow_init_remark *remarks = r->remarks.items;
    for (size_t i = 0; i < r->remarks.n; i++)
        if (strcmp(remarks[i].about, about) == 0)
            return remarks[i].text;
    return "";
}

static void expect_columns(const flow_run_init_result *r, const char *text)
{
    expect_json(member(member(r->document, "data"), "columns"), text);
}

/* ---- tests ---- */

static void test_columns_without_a_density_are_left_out(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "number,a,const,b,sum,same", 300);
    expect_columns(&r, "[\"a\",\"b\"]");
    assert_int_equal(r.n_columns, 6);
    assert_int_equal(r.n_modelled, 2);
    assert_int_equal(r.left_out.n, 4);
    assert_string_equal(remark_of(&r, "left out"),
                        "number (numbers the rows); const (constant, 3); sum (= a + b); same (the same as a)");
    flow_run_init_free(&r);
    make_of(&r, "a,b", 300);
    expect_columns(&r, "");
    assert_string_equal(remark_of(&r, "left out"), "");
    flow_run_init_free(&r);
}

static void test_supports(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "a,count,class,sign,half,share,mass", 2000);
    assert_null(support_of(&r, "a"));
    expect_json(support_of(&r, "count"), "{\"lower\":0,\"discrete\":true}");
    expect_json(support_of(&r, "class"), "{\"lower\":1,\"upper\":4,\"discrete\":true}");
    expect_json(support_of(&r, "sign"), "{\"lower\":-1,\"upper\":1,\"discrete\":true,\"step\":2}");
    expect_json(support_of(&r, "half"), "{\"discrete\":true,\"step\":0.5}");
    expect_json(support_of(&r, "share"), "{\"lower\":0,\"upper\":1}");
    expect_json(support_of(&r, "mass"), "{\"lower\":0}");
    flow_run_init_free(&r);
}

/* Values with probabilities of their own: codes for missing values, and all of a few. */
static void test_spikes(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "a,code,few", 1000);
    expect_json(member(support_of(&r, "code"), "spikes"), "[-999]");
    assert_non_null(strstr(member(support_of(&r, "code"), "note")->valuestring, "-999 in "));
    const cJSON *few = member(support_of(&r, "few"), "spikes");
    assert_int_equal(cJSON_GetArraySize(few), 3);
    ASSERT_EQ(cJSON_GetArrayItem(few, 0)->valuedouble, sqrt(2));
    ASSERT_EQ(cJSON_GetArrayItem(few, 2)->valuedouble, sqrt(26));
    assert_non_null(strstr(remark_of(&r, "missing?"), "code (-999 in "));
    assert_non_null(strstr(remark_of(&r, "single values"), "few (3 values in 100 % of the rows)"));
    flow_run_init_free(&r);
}

/* Codes that have no place in a density: their rows are skipped as those with NaN are. */
static void test_codes_without_a_place(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "a,integer,filled,mostly,small", 4000);
    const cJSON *data = member(r.document, "data");
    expect_columns(&r, "[\"a\",\"integer\",\"filled\",\"small\"]");
    assert_int_equal(cJSON_GetArraySize(member(data, "missing")), 2);
    ASSERT_EQ(cJSON_GetArrayItem(member(data, "missing"), 0)->valuedouble, -2147483648.0);
    ASSERT_EQ(cJSON_GetArrayItem(member(data, "missing"), 1)->valuedouble, (double)9.96921e36f);
    expect_json(member(data, "skip_invalid"), "true");
    ASSERT_NEAR(r.n_rows, 4000 * 0.98, 30);
    expect_json(support_of(&r, "integer"), "{\"discrete\":true}");
    expect_json(support_of(&r, "filled"), "");
    expect_json(member(support_of(&r, "small"), "spikes"), "[-999]"); /* far, but not too far for the robust map */
    expect_json(member(cJSON_GetArrayItem(member(r.document, "flow"), 1), "type"), "\"asinh\"");
    assert_non_null(strstr(remark_of(&r, "missing"), "integer (-2147483648 in "));
    assert_non_null(strstr(remark_of(&r, "missing"), "These rows are skipped"));
    assert_non_null(strstr(remark_of(&r, "missing?"), "small (-999 in "));
    assert_non_null(strstr(remark_of(&r, "left out"), "mostly (no number in "));
    flow_run_init_free(&r);
    /* of the context it is said */
    flow_run_init_options options = options_of(write_table("a,small", 1000));
    options.context = "small";
    make(&r, &options);
    assert_non_null(strstr(remark_of(&r, "missing?"), "small (-999 in "));
    flow_run_init_free(&r);
}

static void test_an_angle_is_a_question(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "a,phi", 1000);
    assert_non_null(strstr(remark_of(&r, "please look"), "phi: fills 0 to 360"));
    assert_null(support_of(&r, "phi"));
    flow_run_init_free(&r);
}

/* The answer to the question, and periods that no one could guess. */
static void test_angles_are_named(void **state)
{
    (void)state;
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("a,phi,angle,share", 1000));
    options.angles = "phi,angle,share=1";
    make(&r, &options);
    expect_json(support_of(&r, "phi"), "{\"periodic\":360,\"lower\":0}");
    expect_json(support_of(&r, "angle"), "{\"periodic\":6.2831853071795862,\"lower\":0}");
    expect_json(support_of(&r, "share"), "{\"periodic\":1,\"lower\":0}");
    assert_string_equal(remark_of(&r, "please look"), "");
    assert_string_equal(remark_of(&r, "angles"), "phi (0 to 360); angle (0 to 6.28319); share (0 to 1)");
    flow_run_init_free(&r);
    options.angles = "b";
    expect_refused(&options, FLOW_DATA, "--angles: ");
    options.angles = "phi";
    options.context = "phi";
    expect_refused(&options, FLOW_ARGUMENT, "--angles: the column \"phi\" is in --context too");
    options = options_of(write_table("a,time", 300));
    options.angles = "time";
    expect_refused(&options, FLOW_ARGUMENT, "is no usual period; name it, as in time=");
}

/* A column of every kind at once: what a newcomer is told, and what the spec does about it. */
static void test_every_kind_at_once(void **state)
{
    (void)state;
    static const char columns[] = "number,const,a,same,b,sum,counts,rain,angle,wind,energy,cauchy,flag,kind,temp,time,"
                                  "tenths,percent,nearly,float,modes,slip,glitch";
    flow_run_init_result r;
    make_of(&r, columns, 5000);
    assert_string_equal(remark_of(&r, "left out"), "number (numbers the rows); const (constant, 3); same (the same as "
                                                   "a); sum (= a + b); nearly (1 in all rows but 3)");
    expect_columns(&r, "[\"a\",\"b\",\"counts\",\"rain\",\"angle\",\"wind\",\"energy\",\"cauchy\",\"flag\",\"kind\","
                       "\"temp\",\"time\",\"tenths\",\"percent\",\"float\",\"modes\",\"slip\",\"glitch\"]");
    static const char *const plain[] = {"a",    "b",     "angle", "wind", "cauchy",
                                        "time", "float", "modes", "slip", "glitch"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        expect_json(support_of(&r, plain[i]), "");
    expect_json(support_of(&r, "counts"), "{\"lower\":0,\"discrete\":true}");
    expect_json(member(support_of(&r, "rain"), "spikes"), "[0]");
    expect_json(member(support_of(&r, "rain"), "lower"), "0");
    expect_json(support_of(&r, "energy"), "{\"lower\":0}");
    expect_json(support_of(&r, "flag"), "{\"lower\":0,\"upper\":1,\"discrete\":true}");
    expect_json(support_of(&r, "kind"), "{\"lower\":0,\"upper\":4,\"discrete\":true}");
    expect_json(member(support_of(&r, "temp"), "spikes"), "[-999]");
    expect_json(member(support_of(&r, "tenths"), "step"), "0.1");
    expect_json(member(support_of(&r, "percent"), "spikes"), "[100,0]");
    expect_json(member(support_of(&r, "percent"), "lower"), "0");
    expect_json(member(support_of(&r, "percent"), "upper"), "100");
    expect_json(member(cJSON_GetArrayItem(member(r.document, "flow"), 1), "type"), "\"asinh\"");
    assert_string_equal(remark_of(&r, "heavy tails"), "cauchy; slip (1000000000000 in row 1235, far from all others); "
                                                      "glitch (-1000000 in row 78, far from all others)");
    assert_string_equal(remark_of(&r, "please look"), "angle, wind: fills 0 to 6.28319; if it is an angle, say so with "
                                                      "--angles");
    assert_non_null(strstr(remark_of(&r, "missing?"), "temp (-999 in "));
    assert_non_null(strstr(remark_of(&r, "missing?"), "--missing -999 drops these rows instead"));
    flow_run_init_free(&r);
}

static void test_named_columns_are_modelled(void **state)
{
    (void)state;
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("number,a,b,sum,mass", 300));
    options.columns = "sum,b,a,number";
    options.context = "mass";
    make(&r, &options);
    expect_columns(&r, "[\"sum\",\"b\",\"a\",\"number\"]");
    expect_json(member(member(r.document, "data"), "context"), "[\"mass\"]");
    assert_null(support_of(&r, "mass"));
    assert_non_null(
        strstr(remark_of(&r, "please look"), "number: numbers the rows; modelled since --columns names it"));
    flow_run_init_free(&r);
    options.columns = NULL;
    options.drop = "number";
    options.weight = "mass";
    options.context = NULL;
    make(&r, &options);
    expect_columns(&r, "[\"a\",\"b\"]");
    expect_json(member(member(r.document, "data"), "weight"), "\"mass\"");
    flow_run_init_free(&r);
    options.drop = "nmber";
    expect_refused(&options, FLOW_DATA, "--drop: ");
    options.drop = "number,a,b,sum";
    expect_refused(&options, FLOW_ARGUMENT, "no column is left to model");
}

static void test_a_copy_of_the_context_is_left_out(void **state)
{
    (void)state;
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("same,a,b", 300));
    options.context = "a";
    make(&r, &options);
    expect_columns(&r, "[\"b\"]");
    flow_run_init_free(&r);
}

static void test_missing_values(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "a,hole,b", 300);
    expect_columns(&r, "[\"a\",\"b\"]");
    assert_null(member(member(r.document, "data"), "skip_invalid"));
    assert_int_equal(r.n_rows, 300);
    flow_run_init_free(&r);
    flow_run_init_options options = options_of(write_table("a,hole,b", 300));
    options.columns = "a,hole";
    make(&r, &options);
    expect_json(member(member(r.document, "data"), "skip_invalid"), "true");
    ASSERT_LT(r.n_rows, 200);
    flow_run_init_free(&r);
    options = options_of(write_table("a,b", 10));
    expect_refused(&options, FLOW_DATA, "10 rows with a number in every column");
}

/* A bound of the training data that held-out rows break is none. */
static void test_bounds_hold_for_the_held_out_rows(void **state)
{
    (void)state;
    flow_run_init_result r;
    char other[1024];
    snprintf(other, sizeof other, "%s", write_text("other.csv", "mass,class,share\n-0.5,5,0.5\n1,0,0.2\n"));
    flow_run_init_options options = options_of(write_table("mass,class,share", 500));
    options.validation = other;
    make(&r, &options);
    assert_null(support_of(&r, "mass"));
    expect_json(support_of(&r, "class"), "{\"lower\":0,\"upper\":5,\"discrete\":true}");
    expect_json(support_of(&r, "share"), "{\"lower\":0,\"upper\":1}");
    assert_non_null(strstr(remark_of(&r, "please look"), "mass: held-out rows reach to -0.5"));
    flow_run_init_free(&r);
}

/* Of few rows, some of the density may lie beyond the last one. */
static void test_few_rows_have_no_bounds(void **state)
{
    (void)state;
    flow_run_init_result r;
    make_of(&r, "share,a", 200);
    assert_null(support_of(&r, "share"));
    assert_non_null(strstr(remark_of(&r, "please look"), "share: begins at 0"));
    flow_run_init_free(&r);
    make_of(&r, "share,a", 400);
    expect_json(support_of(&r, "share"), "{\"lower\":0,\"upper\":1}");
    flow_run_init_free(&r);
}

static double share_of(int rows)
{
    flow_run_init_result r;
    make_of(&r, "a,b", rows);
    const double share = member(member(r.document, "data"), "validation")->valuedouble;
    flow_run_init_free(&r);
    return share;
}

static void test_the_share_that_is_held_out(void **state)
{
    (void)state;
    ASSERT_EQ(share_of(100), 0.25);
    ASSERT_EQ(share_of(1000), 0.2);
    ASSERT_EQ(share_of(5000), 0.1);
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("a,b", 100));
    options.validation = "0.4";
    options.test = "0.2";
    make(&r, &options);
    ASSERT_EQ(member(member(r.document, "data"), "validation")->valuedouble, 0.4);
    ASSERT_EQ(member(member(r.document, "data"), "test")->valuedouble, 0.2);
    flow_run_init_free(&r);
}

static double epochs_of(double minutes)
{
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("a,b,mass", 1000));
    options.minutes = minutes;
    make(&r, &options);
    const double epochs = member(member(r.document, "train"), "epochs")->valuedouble;
    flow_run_init_free(&r);
    return epochs;
}

static void test_minutes_are_counted(void **state)
{
    (void)state;
    const double few = epochs_of(0.05), more = epochs_of(0.1);
    ASSERT_GT(few, 1);
    ASSERT_NEAR(more, 2 * few, 1);
    ASSERT_EQ(epochs_of(0.05), few);
    ASSERT_EQ(epochs_of(1e6), 1000);
}

/* The values that a search tries are such as the spec has, and its own are among them. */
static void test_the_space_of_a_search_is_around_the_choice(void **state)
{
    (void)state;
    static const int rows[] = {200, 2500, 12000};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        flow_run_init_result r;
        flow_spec *spec;
        int n = 0;
        make_of(&r, i == 1 ? "a,b,share" : "a,b", rows[i]);
        char *text = cJSON_PrintUnformatted(r.document);
        flow_error err;
        assert_int_equal(flow_spec_parse(&spec, text, strlen(text), "text", NULL, NULL, 0, &err), FLOW_OK);
        for (const cJSON *key = member(member(r.document, "tune"), "space")->child; key != NULL; key = key->next, n++) {
            cJSON *own = cJSON_Duplicate(flow_json_find(r.document, key->string), 1);
            cJSON_DeleteItemFromObject(own, "note");
            bool found = false;
            for (const cJSON *value = key->child; value != NULL; value = value->next)
                found = found || cJSON_Compare(value, own, 1);
            if (!found)
                fail_msg("%s of %d rows lacks its own value", key->string, rows[i]);
            cJSON_Delete(own);
        }
        assert_int_equal(n, 9);
        flow_spec_free(spec);
        free(text);
        flow_run_init_free(&r);
    }
}

static void test_overrides_are_in_the_spec(void **state)
{
    (void)state;
    static const char *const overrides[] = {"train.epochs=3", "seed=9", "train.batch=16", "flow[1]=\"maf\""};
    static const char *const wrong[] = {"train.epoch=3"};
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("a,b", 100));
    options.overrides = overrides;
    options.n_overrides = 4;
    make(&r, &options);
    expect_json(member(member(r.document, "train"), "epochs"), "3");
    expect_json(member(r.document, "seed"), "9");
    const cJSON *space = member(member(r.document, "tune"), "space");
    assert_non_null(cJSON_GetObjectItemCaseSensitive(space, "base")); /* what is overridden does not vary */
    assert_null(cJSON_GetObjectItemCaseSensitive(space, "train.batch"));
    assert_null(cJSON_GetObjectItemCaseSensitive(space, "flow[1].repeat"));
    flow_run_init_free(&r);
    options.overrides = wrong;
    options.n_overrides = 1;
    expect_refused(&options, FLOW_SPEC, "train: unknown key \"epoch\"");
}

static void test_files(void **state)
{
    (void)state;
    flow_run_init_result r;
    flow_run_init_options options = options_of(write_table("a,b", 100));
    make(&r, &options);
    flow_run_init_free(&r);
    options.force = false;
    expect_refused(&options, FLOW_EXISTS, "this spec exists already");
    options.resume = true;
    make(&r, &options);
    assert_true(r.kept);
    flow_run_init_free(&r);
    char other[1024];
    snprintf(other, sizeof other, "%s", write_text("other.csv", "a,b\n1,2\n"));
    options.data = other;
    expect_refused(&options, FLOW_EXISTS, "trains on other data");
    options.force = true;
    options.resume = false;
    options.spec = other;
    expect_refused(&options, FLOW_EXISTS, "is not a spec, so it is not replaced");
    options.data = "-";
    expect_refused(&options, FLOW_ARGUMENT, "standard input can be read only once");
}

static void test_data_are_told_from_specs(void **state)
{
    (void)state;
    assert_true(flow_names_data(write_text("plain", "a,b\n1,2\n")));
    assert_true(flow_names_data(write_text("table.csv", "a,b\n1,2\n")));
    assert_false(flow_names_data(write_text("spec", " {\"flow\": []}")));
    assert_false(flow_names_data(write_text("broken.json", "[1, 2")));
    assert_false(flow_names_data(write_text("empty", "")));
    assert_true(flow_names_data(folder));
    assert_true(flow_names_data("data/two_moons.h5"));
    assert_true(flow_names_data("data/two_moons.h5:/train"));
    assert_true(flow_names_data("no_such_file.csv"));
    assert_true(flow_names_data("no_such_file.h5:/set"));
    assert_false(flow_names_data("no_such_file.json"));
    assert_false(flow_names_data("no_such_file"));
    assert_false(flow_names_data("-"));
}

static void test_images(void **state)
{
    (void)state;
    flow_run_init_result r;
    flow_run_init_options options = options_of("data/bars_discs.h5");
    options.context = "label";
    make(&r, &options);
    const cJSON *maps = member(r.document, "flow");
    expect_json(member(cJSON_GetArrayItem(maps, 0), "type"), "\"pixels\"");
    expect_json(member(cJSON_GetArrayItem(maps, 2), "type"), "\"glow\"");
    expect_json(member(cJSON_GetArrayItem(maps, 2), "levels"), "2");
    expect_json(member(member(r.document, "data"), "context"), "[\"label\"]");
    flow_run_init_free(&r);
    options.context = "x1";
    expect_refused(&options, FLOW_ARGUMENT, "the rows are images");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_without_a_density_are_left_out),
        cmocka_unit_test(test_supports),
        cmocka_unit_test(test_spikes),
        cmocka_unit_test(test_codes_without_a_place),
        cmocka_unit_test(test_an_angle_is_a_question),
        cmocka_unit_test(test_angles_are_named),
        cmocka_unit_test(test_every_kind_at_once),
        cmocka_unit_test(test_named_columns_are_modelled),
        cmocka_unit_test(test_a_copy_of_the_context_is_left_out),
        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_bounds_hold_for_the_held_out_rows),
        cmocka_unit_test(test_few_rows_have_no_bounds),
        cmocka_unit_test(test_the_share_that_is_held_out),
        cmocka_unit_test(test_minutes_are_counted),
        cmocka_unit_test(test_the_space_of_a_search_is_around_the_choice),
        cmocka_unit_test(test_overrides_are_in_the_spec),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_data_are_told_from_specs),
        cmocka_unit_test(test_images),
    };
    return cmocka_run_group_tests_name("init", tests, make_folder, remove_folder);
}
