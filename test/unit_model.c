/* Model files: what is saved comes back, and nothing else passes for a model. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/text.h"
#include "flow/design.h"
#include "flow/rows.h"
#include "h5/array.h"
#include "h5/file.h"
#include "h5/scope.h"
#include "h5/text.h"
#include "harness.h"
#include "model/file.h"
#include "model/model.h"
#include "num/rng.h"
#include "values.h"

enum { DIM = 3, N_ROWS = 64, PATH_SIZE = TEST_PATH_SIZE };

static const char spec_text[] =
    "{\"flow\": [{\"type\": \"standardize\"}, {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [8, 8]},"
    " {\"type\": \"permute\", \"order\": \"random\"}, {\"type\": \"actnorm\"},"
    " {\"type\": \"coupling\", \"hidden\": [6]}], \"data\": \"rings.csv\", \"seed\": 7}";

static const char *const columns[DIM] = {"mass", "\xce\xb7", "a rather long name, with a comma"};
static const char *const history_columns[2] = {"epoch", "validation"};

/* A model that is ready to be saved, and the arrays of a state. */
typedef struct fixture {
    flow_spec *spec;
    subject made;
    flow *f;       /* borrowed from it */
    real *weights; /* likewise */
    double history[4];
    int64_t counters[5];
    double figures[3];
    flow_array state[3];
    cJSON *provenance, *summary;
    flow_model_contents contents;
} fixture;

static void check_ok(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        fail_msg("%s", err->message);
}

static void in_folder(char path[PATH_SIZE], const char *name)
{
    strcpy(path, at(name));
}

static void start(fixture *x)
{
    *x = (fixture){.history = {1, -2.5, 2, NAN}, .counters = {1, -2, INT64_MAX, INT64_MIN, 0},
                   .figures = {0.1, -INFINITY, DBL_TRUE_MIN}};
    flow_error err = {0};
    check_ok(flow_spec_parse(&x->spec, spec_text, strlen(spec_text), "rings.json", folder, NULL, 0, &err), &err);
    check_ok(subject_try_spec(&x->made, &err, (subject_shape){.dim = DIM}, x->spec), &err);
    subject_init_weights(&x->made, x->spec->seed);
    x->f = x->made.f;
    x->weights = x->made.weights;
    double rows[N_ROWS * DIM];
    for (size_t k = 0; k < N_ROWS * DIM; k++)
        rows[k] = 125.09 + 0.01 * flow_rng_uniform(3, FLOW_STREAM_OTHER, k, 0);
    check_ok(flow_fit(x->f, x->weights, rows, N_ROWS, columns, &err), &err);
    x->provenance = cJSON_Parse("{\"command\": \"flowctl train rings.json\"}");
    x->summary = cJSON_Parse("{\"best_epoch\": 2}");
    x->state[0] = (flow_array){"counters", FLOW_ARRAY_INT64, 5, 1, x->counters, false};
    x->state[1] = (flow_array){"figures", FLOW_ARRAY_DOUBLE, 1, 3, x->figures, false};
    x->state[2] = (flow_array){"adam/first", FLOW_ARRAY_REAL, x->f->params.n_weights, 1, x->weights, false};
    x->contents = (flow_model_contents){.spec = x->spec,
                                        .f = x->f,
                                        .weights = x->weights,
                                        .columns = columns,
                                        .state = x->state,
                                        .n_state = 3,
                                        .history = x->history,
                                        .n_epochs = 2,
                                        .history_columns = history_columns,
                                        .n_history_columns = 2,
                                        .provenance = x->provenance,
                                        .summary = x->summary};
}

static void stop(fixture *x)
{
    subject_close(&x->made);
    flow_spec_free(x->spec);
    cJSON_Delete(x->provenance);
    cJSON_Delete(x->summary);
}

static void save(const fixture *x, const char *path)
{
    flow_error err = {0};
    check_ok(flow_model_save(path, &x->contents, &err), &err);
}

static flow_model *load(const char *path)
{
    flow_model *model = NULL;
    flow_error err = {0};
    check_ok(flow_model_load(&model, path, &err), &err);
    return model;
}

static void check_contains(const char *message, const char *fragment)
{
    if (strstr(message, fragment) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", message, fragment);
}

static void check_refused(const char *path, flow_status expected, const char *fragment)
{
    flow_model *model = NULL;
    flow_error err = {0};
    flow_status status = flow_model_load(&model, path, &err);
    if (status != expected)
        fail_msg("status %d and not %d: %s", (int)status, (int)expected, err.message);
    assert_null(model);
    check_contains(err.message, fragment);
    assert_int_equal(err.code, expected);
    assert_int_equal(flow_model_load(&model, path, NULL), expected);
}

static char *bytes_of_file(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    *size = (size_t)ftell(in);
    rewind(in);
    char *data = malloc(*size + 1);
    assert_int_equal(fread(data, 1, *size, in), *size);
    fclose(in);
    return data;
}

static void write_file_bytes(const char *path, const char *data, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static void write_file(const char *path, const char *text)
{
    write_file_bytes(path, text, strlen(text));
}

/* ---- what is saved comes back ---- */

static void test_identity(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "identity.h5");
    save(&x, path);
    assert_int_equal(flow_file_identify(path), FLOW_FILE_MODEL);
    flow_model *model = load(path);
    const flow_params *params = &x.f->params;
    assert_int_equal(model->f->params.n_weights, params->n_weights);
    assert_memory_equal(model->weights, x.weights, params->n_weights * sizeof(real));
    assert_int_equal(model->f->params.n_fitted, params->n_fitted);
    assert_memory_equal(model->f->params.fitted, params->fitted, params->n_fitted * sizeof(double));
    assert_int_equal(model->f->dim, DIM);
    for (int i = 0; i < DIM; i++)
        assert_string_equal(model->columns[i], columns[i]);
    assert_int_equal(model->n_epochs, 2);
    assert_memory_equal(model->history, x.history, sizeof x.history);
    assert_int_equal(model->n_history_columns, 2);
    assert_string_equal(model->history_columns[1], "validation");
    assert_true(cJSON_Compare(model->provenance, x.provenance, 1));
    assert_true(cJSON_Compare(model->summary, x.summary, 1));
    assert_true(cJSON_Compare(model->spec->document, x.spec->document, 1));
    assert_string_equal(model->path, path);
    assert_string_equal(model->precision, FLOW_PRECISION);
    assert_string_equal(model->program_version, flow_program_version());
    assert_string_equal(model->spec->dir, folder);
    assert_true(model->has_state);

    int64_t counters[5] = {0};
    double figures[3] = {0};
    real *first = calloc(params->n_weights, sizeof *first);
    const flow_array back[] = {{"counters", FLOW_ARRAY_INT64, 5, 1, counters, false},
                               {"figures", FLOW_ARRAY_DOUBLE, 1, 3, figures, false},
                               {"adam/first", FLOW_ARRAY_REAL, params->n_weights, 1, first, false}};
    flow_error err = {0};
    check_ok(flow_model_read_state(model, back, 3, &err), &err);
    /* what a file lacks is an error, unless it is optional: then it stays as it is */
    int64_t later = 42;
    flow_array more = {"later", FLOW_ARRAY_INT64, 1, 1, &later, false};
    assert_int_equal(flow_model_read_state(model, &more, 1, &err), FLOW_FORMAT);
    check_contains(err.message, "its training state has no \"later\"");
    more.optional = true;
    check_ok(flow_model_read_state(model, &more, 1, &err), &err);
    assert_int_equal(later, 42);
    assert_memory_equal(counters, x.counters, sizeof counters);
    assert_memory_equal(figures, x.figures, sizeof figures);
    assert_memory_equal(first, x.weights, params->n_weights * sizeof *first);
    free(first);
    flow_model_free(model);
    flow_model_free(NULL);
    stop(&x);
}

/* The same densities and the same draws, bit for bit. */
static void test_a_loaded_model_computes_the_same(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "same.h5");
    save(&x, path);
    flow_model *model = load(path);
    flow_runner *one, *two;
    assert_int_equal(flow_runner_new(&one, x.f, x.weights, 1, NULL), FLOW_OK);
    assert_int_equal(flow_runner_new(&two, model->f, model->weights, 2, NULL), FLOW_OK);
    enum { N = 300 };
    static double a[N * DIM], b[N * DIM], p[N], q[N];
    flow_rows_sample(one, 5, 0, N, 1, NULL, a, p, NULL);
    flow_rows_sample(two, 5, 0, N, 1, NULL, b, q, NULL);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(p, q, sizeof p);
    flow_runner_free(one);
    flow_runner_free(two);
    flow_model_free(model);
    stop(&x);
}

static void test_a_model_without_the_rest(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "bare.h5");
    x.contents.n_state = 0;
    x.contents.n_epochs = 0;
    x.contents.provenance = x.contents.summary = NULL;
    save(&x, path);
    flow_model *model = load(path);
    assert_false(model->has_state);
    assert_null(model->history);
    assert_int_equal(model->n_epochs, 0);
    assert_null(model->provenance);
    assert_null(model->summary);
    flow_error err = {0};
    assert_int_equal(flow_model_read_state(model, x.state, 1, &err), FLOW_FORMAT);
    check_contains(err.message, "it was saved without its training state and cannot be resumed");
    flow_model_free(model);
    stop(&x);
}

/* No clock and no chance in a file: equal models are equal bytes. */
static void test_equal_models_are_equal_files(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    size_t n, m;
    in_folder(path, "a.h5");
    save(&x, path);
    char *first = bytes_of_file(path, &n);
    struct timespec pause = {1, 100000000};
    nanosleep(&pause, NULL);
    save(&x, path);
    char *second = bytes_of_file(path, &m);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    stop(&x);
}

static void test_permissions_and_links(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE], link[PATH_SIZE];
    in_folder(path, "mode.h5");
    in_folder(link, "link.h5");
    struct stat about;
    mode_t old = umask(027);
    save(&x, path);
    umask(old);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(symlink("mode.h5", link), 0);
    save(&x, link);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0604);
    assert_int_equal(lstat(link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    flow_model_free(load(link));
    stop(&x);
}

static void test_a_spec_leads_to_its_model(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE], spec[PATH_SIZE];
    in_folder(spec, "lead.json");
    write_file(spec, "{\"flow\": []}");
    assert_int_equal(flow_file_identify(spec), FLOW_FILE_JSON);
    check_refused(spec, FLOW_IO, "lead.h5 does not exist yet; make it with flowctl train ");
    in_folder(path, "lead.h5");
    save(&x, path);
    flow_model *model = load(spec);
    assert_string_equal(model->path, path);
    flow_model_free(model);
    write_file(path, "{\"flow\": []}");
    check_refused(spec, FLOW_FORMAT, "lead.h5 is a JSON file, not a model");
    write_file(spec, "{\"flow\": ]}");
    check_refused(spec, FLOW_SPEC, "lead.json:1:10: this is not valid JSON");
    stop(&x);
}

/* ---- a file of an earlier program ---- */

/* Written once by `unit_model --write FILE` and kept: what it means does not change with the program. */
static const char golden[] = "test/corpus/model/version2.h5";

enum { PROBES = 4 };

static void probe(const flow *f, const real *weights, double logp[PROBES])
{
    double rows[PROBES * DIM];
    for (int k = 0; k < PROBES * DIM; k++)
        rows[k] = 125.09 + 0.001 * ((k * 7) % 11);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, f, weights, 1, NULL), FLOW_OK);
    flow_rows_logp(runner, rows, PROBES, logp);
    flow_runner_free(runner);
}

/* Away from the identity at which most blocks begin. */
static void disturb(fixture *x)
{
    for (int e = 0; e < x->f->params.n_entries; e++) {
        const flow_param *entry = &x->f->params.entries[e];
        size_t n = (size_t)entry->rows * (size_t)entry->cols;
        for (size_t k = 0; k < n && entry->trainable && entry->extent == NULL; k++)
            x->weights[entry->offset + k] +=
                (real)(0.4 * flow_rng_uniform(6, FLOW_STREAM_OTHER, k, (uint32_t)e) - 0.2);
    }
}

static void write_golden(const char *path)
{
    fixture x;
    start(&x);
    disturb(&x);
    double logp[PROBES];
    probe(x.f, x.weights, logp);
    cJSON_AddItemToObject(x.summary, "probes", cJSON_CreateDoubleArray(logp, PROBES));
    save(&x, path);
    stop(&x);
}

static void test_version_2_loads(void **state)
{
    (void)state;
    if (access(golden, R_OK) != 0)
        skip(); /* not in the top folder of the sources */
    flow_model *model = load(golden);
    double logp[PROBES];
    probe(model->f, model->weights, logp);
    const cJSON *expected = cJSON_GetObjectItemCaseSensitive(model->summary, "probes");
    for (int k = 0; k < PROBES; k++)
        if (fabs(logp[k] - cJSON_GetArrayItem(expected, k)->valuedouble) > 1e-4)
            fail_msg("log p of probe %d is %.9g and was %.9g", k, logp[k],
                     cJSON_GetArrayItem(expected, k)->valuedouble);
    assert_true(model->has_state);
    assert_int_equal(model->n_epochs, 2);
    flow_model_free(model);
}

/* ---- what is no model ---- */

#ifdef __linux__
/* A pipe that is opened for a look, and closed, has lost its writer when it is opened for reading. */
static void test_pipes_are_not_opened_for_a_look(void **state)
{
    (void)state;
    char path[PATH_SIZE], event[512];
    in_folder(path, "looked_at");
    assert_int_equal(mkfifo(path, 0600), 0);
    const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ASSERT_GE(watch, 0);
    ASSERT_GE(inotify_add_watch(watch, path, IN_OPEN), 0);
    assert_int_equal(flow_file_identify(path), FLOW_FILE_OTHER);
    assert_false(flow_h5_has_signature(path));
    check_refused(path, FLOW_IO, "is a device or pipe, not a model file");
    assert_int_equal(read(watch, event, sizeof event), -1);
    assert_int_equal(errno, EAGAIN);
    close(watch);
}
#endif

static void test_other_files(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    in_folder(path, "nothing.h5");
    check_refused(path, FLOW_IO, "nothing.h5: there is no such file");
    assert_int_equal(flow_file_identify(path), FLOW_FILE_MISSING);
    check_refused(folder, FLOW_IO, "is a folder, not a model file");
    assert_int_equal(flow_file_identify(folder), FLOW_FILE_OTHER);
    check_refused("/dev/null", FLOW_IO, "is a device or pipe, not a model file");
    check_refused("-", FLOW_ARGUMENT, "a model cannot be read from standard input");
    in_folder(path, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused(path, FLOW_IO, "is a device or pipe, not a model file");
    in_folder(path, "empty.h5");
    write_file(path, "");
    check_refused(path, FLOW_FORMAT, "empty.h5: the file is empty, not a flowctl model");
    in_folder(path, "rows.csv");
    write_file(path, "x,y\n1,2\n");
    check_refused(path, FLOW_FORMAT, "rows.csv: is not a flowctl model");
    assert_int_equal(flow_file_identify(path), FLOW_FILE_OTHER);
    in_folder(path, "data.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, FLOW_FORMAT, "data.h5: is an HDF5 file but not a flowctl model");
    assert_int_equal(flow_file_identify(path), FLOW_FILE_HDF5);
}

static void test_truncated(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "short.h5");
    save(&x, path);
    size_t size;
    char *data = bytes_of_file(path, &size);
    for (size_t n = 0; n < size; n += n < 600 || n + 600 > size ? 1 : 97) {
        write_file_bytes(path, data, n);
        check_refused(path, FLOW_FORMAT, n < 14 ? "model" : "is truncated");
    }
    char *longer = malloc(size + 1);
    memcpy(longer, data, size);
    longer[size] = '\0';
    write_file_bytes(path, longer, size + 1);
    check_refused(path, FLOW_FORMAT, "is damaged: it should have ");
    free(longer);
    free(data);
    stop(&x);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "flipped.h5");
    save(&x, path);
    size_t size;
    char *data = bytes_of_file(path, &size);
    for (size_t at = 0; at < size; at += at < 1024 ? 1 : 61) {
        char bit = (char)(1 << (at % 8));
        data[at] = (char)(data[at] ^ bit);
        write_file_bytes(path, data, size);
        check_refused(path, FLOW_FORMAT, "");
        data[at] = (char)(data[at] ^ bit);
    }
    write_file_bytes(path, data, size);
    flow_model_free(load(path));
    free(data);
    stop(&x);
}

static void test_other_versions(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "newer.h5");
    save(&x, path);
    size_t size;
    char *data = bytes_of_file(path, &size);
    memset(data, 0, FLOW_HEAD_SIZE);
    snprintf(data, FLOW_HEAD_SIZE, "flowctl-model\nversion 3\nprogram 9.1.0\nsomething new\n");
    write_file_bytes(path, data, size);
    check_refused(path, FLOW_FORMAT, "was written by flowctl 9.1.0 in format 3, this is flowctl ");
    check_refused(path, FLOW_FORMAT, "read it with flowctl 9.1.0 or later");
    snprintf(data, FLOW_HEAD_SIZE, "flowctl-model\nversion 1\nprogram 0.1.0\nbytes 00000000000000000512\n");
    write_file_bytes(path, data, size);
    check_refused(path, FLOW_FORMAT, "was written by flowctl 0.1.0 in format 1, this is flowctl ");
    check_refused(path, FLOW_FORMAT, "which reads format 2; read it with flowctl 0.1.0, or train again");
    free(data);
    stop(&x);
}

/* ---- whole files with other contents ---- */

/* Seals a file again whose contents were changed with HDF5. */
static void reseal(const char *path)
{
    size_t size;
    char *data = bytes_of_file(path, &size);
    flow_head_seal(data, size);
    write_file_bytes(path, data, size);
    free(data);
}

static hid_t open_to_change(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    return file;
}

static void close_changed(hid_t file, const char *path)
{
    ASSERT_GE(H5Fclose(file), 0);
    reseal(path);
}

/* Saves a model, applies a change to the dataset `name`, and expects a refusal. */
static void check_changed(const char *name, const flow_array *instead, const char *fragment)
{
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "changed.h5");
    save(&x, path);
    hid_t file = open_to_change(path);
    ASSERT_GE(H5Ldelete(file, name, H5P_DEFAULT), 0);
    if (instead != NULL) {
        flow_array array = *instead;
        array.name = name;
        assert_int_equal(flow_h5_write_array(file, &array, NULL), FLOW_OK);
    }
    close_changed(file, path);
    check_refused(path, FLOW_FORMAT, fragment);
    stop(&x);
}

static void test_changed_contents(void **state)
{
    (void)state;
    double zeros[64] = {0}, infinite[DIM] = {1, INFINITY, 1}, negative[DIM] = {1, -1, 1};
    float ones[64];
    int64_t whole[DIM] = {1, 2, 3};
    for (int i = 0; i < 64; i++)
        ones[i] = 1;
    check_changed("spec", NULL, "spec is missing");
    check_changed("columns", NULL, "columns is missing");
    check_changed("parameters", NULL, "is missing");
    check_changed("parameters/0.standardize/mean", NULL, "parameters/0.standardize/mean is missing");
    check_changed("spec", &(flow_array){NULL, FLOW_ARRAY_DOUBLE, 1, 1, zeros, false}, "spec is not a text");
    check_changed("columns", &(flow_array){NULL, FLOW_ARRAY_DOUBLE, 1, 1, zeros, false}, "columns is not a text");
    check_changed("summary", &(flow_array){NULL, FLOW_ARRAY_DOUBLE, 1, 1, zeros, false}, "summary is not a text");
    check_changed("history", &(flow_array){NULL, FLOW_ARRAY_DOUBLE, 1, 1, zeros, false}, "columns is missing");
    check_changed("history", &(flow_array){NULL, FLOW_ARRAY_INT64, 1, 1, whole, false},
                  "history is not a table of epochs");

    /* the entries of the parameter vector */
    fixture x;
    start(&x);
    const flow_param *mean = &x.f->params.entries[0];
    char name[FLOW_NAME_SIZE + 16], masked[FLOW_NAME_SIZE + 16] = "";
    snprintf(name, sizeof name, "parameters/%s", mean->name);
    size_t rows = (size_t)mean->rows, cols = (size_t)mean->cols, masked_rows = 0, masked_cols = 0;
    for (int e = 0; e < x.f->params.n_entries && masked_rows == 0; e++) {
        const flow_param *entry = &x.f->params.entries[e];
        if (entry->extent != NULL && entry->extent[0] < entry->cols && entry->rows * entry->cols <= 64) {
            snprintf(masked, sizeof masked, "parameters/%s", entry->name);
            masked_rows = (size_t)entry->rows;
            masked_cols = (size_t)entry->cols;
        }
    }
    stop(&x);
    assert_int_equal(rows * cols, DIM);
    check_changed(name, &(flow_array){NULL, FLOW_ARRAY_DOUBLE, rows, cols + 1, zeros, false}, " is needed");
    check_changed(name, &(flow_array){NULL, FLOW_ARRAY_INT64, rows, cols, whole, false},
                  "holds whole numbers, and doubles are");
    check_changed(name, &(flow_array){NULL, FLOW_ARRAY_FLOAT, rows, cols, ones, false},
                  "holds floats, and doubles are needed");
    check_changed(name, &(flow_array){NULL, FLOW_ARRAY_DOUBLE, rows, cols, infinite, false}, "is not a finite number");
    check_changed("parameters/0.standardize/deviation",
                  &(flow_array){NULL, FLOW_ARRAY_DOUBLE, rows, cols, negative, false},
                  "is not a model that this program can read");
    if (masked_rows > 0)
        check_changed(masked, &(flow_array){NULL, FLOW_ARRAY_FLOAT, masked_rows, masked_cols, ones, false},
                      "is masked and must be zero");
}

/* A text in place of another, then a refusal. */
static void check_spec(const char *text, const char *fragment)
{
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "spec.h5");
    save(&x, path);
    hid_t file = open_to_change(path);
    ASSERT_GE(H5Ldelete(file, "spec", H5P_DEFAULT), 0);
    assert_int_equal(flow_h5_write_text(file, "spec", text, NULL), FLOW_OK);
    close_changed(file, path);
    check_refused(path, FLOW_FORMAT, fragment);
    stop(&x);
}

static void test_changed_specs(void **state)
{
    (void)state;
    check_spec("", "its spec: is empty");
    check_spec("{\"flow\": [\"vortex\"]}", "flow[0].type: unknown type \"vortex\"");
    check_spec("{\"flow\": [\"standardize\", \"actnorm\"]}", "is missing");
    check_spec("{\"flow\": [{\"type\": \"maf\", \"hidden\": [10000, 10000]}]}",
               " bytes of parameters, and the file has ");
    check_spec("{\"flow\": [], \"image\": [1, 2, 2]}", "images of 1 x 2 x 2 have 4 values, and the rows have 3");
    check_spec("{\"flow\": [], \"image\": [3, 1, 0]}", "its spec: image.shape[2]: 0 is out of range");
    check_spec("{\"flow\": [\"squeeze\"], \"image\": [3, 1, 1]}", "an image of 3 x 1 pixels does not divide");
    check_spec("{\"flow\": [], \"data\": {\"columns\": [\"a\"]}}", "its spec names 1 columns, and it has 3");
}

/* Only what lies in the file itself is read: no links to elsewhere, no filters that were not asked for. */
static void test_links_and_filters(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE], other[PATH_SIZE];
    in_folder(other, "other.h5");
    save(&x, other);
    in_folder(path, "links.h5");
    save(&x, path);
    hid_t file = open_to_change(path);
    H5Ldelete(file, "columns", H5P_DEFAULT);
    H5Lcreate_soft("/history", file, "columns", H5P_DEFAULT, H5P_DEFAULT);
    close_changed(file, path);
    check_refused(path, FLOW_FORMAT, "columns is missing");
    file = open_to_change(path);
    H5Ldelete(file, "columns", H5P_DEFAULT);
    H5Lcreate_external(other, "/columns", file, "columns", H5P_DEFAULT, H5P_DEFAULT);
    close_changed(file, path);
    check_refused(path, FLOW_FORMAT, "columns is missing");

    save(&x, path);
    file = open_to_change(path);
    H5Ldelete(file, "history", H5P_DEFAULT);
    hsize_t dims[2] = {2, 2};
    hid_t space = H5Screate_simple(2, dims, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, dims);
    H5Pset_shuffle(creation);
    hid_t dataset = H5Dcreate2(file, "history", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x.history);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    close_changed(file, path);
    check_refused(path, FLOW_FORMAT, "history is not stored plainly");
    stop(&x);
}

/* A model of the program of the other precision is read; training is not continued in it. */
static void test_other_precision(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "precision.h5");
    save(&x, path);
    flow_array_kind other = FLOW_ARRAY_REAL == FLOW_ARRAY_FLOAT ? FLOW_ARRAY_DOUBLE : FLOW_ARRAY_FLOAT;
    hid_t file = open_to_change(path);
    for (int e = 0; e < x.f->params.n_entries; e++) {
        const flow_param *entry = &x.f->params.entries[e];
        size_t n = (size_t)entry->rows * (size_t)entry->cols;
        if (!entry->trainable)
            continue;
        char name[FLOW_NAME_SIZE + 16];
        snprintf(name, sizeof name, "parameters/%s", entry->name);
        double *as_double = malloc(n * sizeof *as_double);
        float *as_float = malloc(n * sizeof *as_float);
        for (size_t k = 0; k < n; k++)
            as_double[k] = as_float[k] = (float)x.weights[entry->offset + k];
        flow_array array = {name, other, (size_t)entry->rows, (size_t)entry->cols,
                            other == FLOW_ARRAY_DOUBLE ? (void *)as_double : (void *)as_float, false};
        H5Ldelete(file, name, H5P_DEFAULT);
        assert_int_equal(flow_h5_write_array(file, &array, NULL), FLOW_OK);
        free(as_double);
        free(as_float);
    }
    H5Ldelete(file, "training/adam/first", H5P_DEFAULT);
    flow_array moments = {"training/adam/first", other, 3, 1, x.figures, false};
    assert_int_equal(flow_h5_write_array(file, &moments, NULL), FLOW_OK);
    close_changed(file, path);
    flow_model *model = load(path);
    assert_string_equal(model->precision, other == FLOW_ARRAY_DOUBLE ? "double" : "float");
    for (size_t k = 0; k < x.f->params.n_weights; k++)
        ASSERT_EQ(model->weights[k], (real)(float)x.weights[k]);
    flow_error err = {0};
    real numbers[3];
    flow_array wanted = {"adam/first", FLOW_ARRAY_REAL, 3, 1, numbers, false};
    assert_int_equal(flow_model_read_state(model, &wanted, 1, &err), FLOW_FORMAT);
    check_contains(err.message, other == FLOW_ARRAY_DOUBLE ? "it was trained in double precision and cannot be resumed "
                                                             "in "
                                                             "float"
                                                           : "it was trained in float precision and cannot be resumed "
                                                             "in "
                                                             "double");
    flow_model_free(model);
    stop(&x);
}

static void check_state(const flow_model *model, const char *name, flow_array_kind kind, size_t rows, size_t cols,
                        const char *fragment)
{
    int64_t counters[5] = {11, 12, 13, 14, 15}, other[64];
    const flow_array wanted[2] = {{"counters", FLOW_ARRAY_INT64, 5, 1, counters, false},
                                  {name, kind, rows, cols, other, false}};
    flow_error err = {0};
    assert_int_equal(flow_model_read_state(model, wanted, 2, &err), FLOW_FORMAT);
    check_contains(err.message, fragment);
    assert_int_equal(counters[0], 11); /* nothing is filled when something is wrong */
}

static void test_states_that_do_not_fit(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "state.h5");
    save(&x, path);
    flow_model *model = load(path);
    check_state(model, "average", FLOW_ARRAY_DOUBLE, 1, 3, "its training state has no \"average\"");
    check_state(model, "adam", FLOW_ARRAY_DOUBLE, 1, 3, "cannot be opened as a dataset");
    check_state(model, "figures", FLOW_ARRAY_DOUBLE, 1, 4, "\"figures\" of its training state is 1 x 3, and 1 x 4");
    check_state(model, "figures", FLOW_ARRAY_DOUBLE, 3, 1, "\"figures\" of its training state is 1 x 3, and 3 x 1");
    check_state(model, "figures", FLOW_ARRAY_INT64, 1, 3, "figures");
    check_state(model, "figures", FLOW_ARRAY_FLOAT, 1, 3, "it was trained in double precision");
    x.summary->child->valuedouble = 3;
    save(&x, path);
    flow_error err = {0};
    assert_int_equal(flow_model_read_state(model, x.state, 1, &err), FLOW_IO);
    check_contains(err.message, "another process has replaced it in the meantime");
    unlink(path);
    assert_int_equal(flow_model_read_state(model, x.state, 1, &err), FLOW_IO);
    flow_model_free(model);
    stop(&x);
}

/* ---- a failure leaves the old file ---- */

static int count_files(const char *beginning)
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    closedir(dir);
    return n;
}

static void check_not_saved(const fixture *x, const char *path, flow_status expected, const char *fragment)
{
    flow_error err = {0};
    assert_int_equal(flow_model_save(path, &x->contents, &err), expected);
    check_contains(err.message, fragment);
    assert_int_equal(flow_model_save(path, &x->contents, NULL), expected);
}

static void test_failures_to_save(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "no/such/folder.h5");
    check_not_saved(&x, path, FLOW_IO,
                    "folder.h5: cannot be written: No such file or directory; make its folder first");
    check_not_saved(&x, folder, FLOW_IO, "is a folder; name a file in it");
    check_not_saved(&x, "/dev/null", FLOW_IO, "is a device or pipe, and a model has to be a regular file");
    in_folder(path, "kept.h5");
    save(&x, path);
    x.weights[x.f->params.entries[x.f->params.n_entries - 1].offset] = (real)NAN;
    x.f->params.fitted[0] = 125;
    check_not_saved(&x, path, FLOW_NUMERIC, "is not finite, so the model is not saved");
    flow_model *model = load(path);
    ASSERT_NE(model->f->params.fitted[0], 125);
    flow_model_free(model);
    if (geteuid() != 0) { /* root may write anywhere */
        start(&x);
        assert_int_equal(chmod(folder, 0500), 0);
        check_not_saved(&x, path, FLOW_IO, "cannot be written: Permission denied; write to a folder where you may (the "
                                          "old file is intact)");
        assert_int_equal(chmod(folder, 0700), 0);
    }
    assert_int_equal(count_files("kept.h5"), 1);
    stop(&x);
}

/* A limit on the size of files stands for a full disk: the write fails in the middle. */
static void test_a_full_disk(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "full.h5");
    save(&x, path);
    size_t size, again;
    char *before = bytes_of_file(path, &size);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {5000, 5000};
        signal(SIGXFSZ, SIG_IGN);
        flow_error err = {0};
        bool ok = setrlimit(RLIMIT_FSIZE, &limit) == 0 && flow_model_save(path, &x.contents, &err) == FLOW_IO &&
                  strstr(err.message, "full.h5: cannot be written: File too large (the old file is intact)") != NULL;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
    char *after = bytes_of_file(path, &again);
    assert_int_equal(size, again);
    assert_memory_equal(before, after, size);
    assert_int_equal(count_files("full.h5"), 1);
    free(before);
    free(after);
    stop(&x);
}

/* A child that saves, over and over, models whose summary counts up. */
static pid_t start_saver(fixture *x, const char *path, int first, int n)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    for (int i = 0; i < n; i++) {
        cJSON_SetNumberValue(x->summary->child, first + i);
        if (flow_model_save(path, &x->contents, NULL) != FLOW_OK)
            _exit(1);
    }
    _exit(0);
}

static int counted(const char *path)
{
    flow_model *model = load(path);
    int n = (int)model->summary->child->valuedouble;
    flow_model_free(model);
    return n;
}

static void test_kills_at_any_instant(void **state)
{
    (void)state;
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "killed.h5");
    save(&x, path);
    int last = 0;
    for (int round = 0; round < 40; round++) {
        pid_t child = start_saver(&x, path, last + 1, 1000000);
        double u = flow_rng_uniform(1, FLOW_STREAM_OTHER, (uint64_t)round, 0);
        struct timespec pause = {0, (long)(u * 2e7)};
        nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        int now = counted(path);
        ASSERT_GE(now, last);
        last = now;
    }
    ASSERT_GT(last, 0);
    stop(&x);
}

static void test_savers_at_the_same_time(void **state)
{
    (void)state;
    enum { SAVERS = 4, SAVES = 15 };
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "race.h5");
    save(&x, path);
    pid_t children[SAVERS];
    for (int i = 0; i < SAVERS; i++)
        children[i] = start_saver(&x, path, 1000 * (i + 1), SAVES);
    for (int i = 0; i < 50; i++)
        counted(path);
    for (int i = 0; i < SAVERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        ASSERT_EQ(WEXITSTATUS(status), 0);
    }
    assert_int_equal(counted(path) % 1000, SAVES - 1);
    assert_int_equal(count_files("race.h5"), 1);
    stop(&x);
}

/* ---- threads ---- */

typedef struct user {
    const flow_model_contents *contents;
    const char *path;
    atomic_bool done;
    flow_status status;
} user;

static void *use_save(void *argument)
{
    user *u = argument;
    u->status = flow_model_save(u->path, u->contents, NULL);
    atomic_store(&u->done, true);
    return NULL;
}

static void *use_load(void *argument)
{
    user *u = argument;
    flow_model *model;
    u->status = flow_model_load(&model, u->path, NULL);
    flow_model_free(model);
    atomic_store(&u->done, true);
    return NULL;
}

/* While another thread is in the HDF5 library, models are neither written nor read. */
static void test_waits_for_the_library(void **state)
{
    (void)state;
    static void *(*const uses[])(void *) = {use_save, use_load};
    fixture x;
    start(&x);
    char path[PATH_SIZE];
    in_folder(path, "waits.h5");
    for (int k = 0; k < 2; k++) {
        user u = {.contents = &x.contents, .path = path};
        pthread_t thread;
        flow_h5_lock();
        assert_int_equal(pthread_create(&thread, NULL, uses[k], &u), 0);
        usleep(100000);
        assert_false(atomic_load(&u.done));
        flow_h5_unlock();
        pthread_join(thread, NULL);
        assert_int_equal(u.status, FLOW_OK);
    }
    stop(&x);
}

/* Steps that are refused leave the spec and the flow as they were; others are in the spec afterwards. */
static void test_steps_for_a_solver(void **state)
{
    (void)state;
    static const char text[] = "{\"flow\": [{\"type\": \"repeat\", \"times\": 2, \"flow\": [{\"type\": \"ffjord\", "
                               "\"hidden\": [4], \"solver\": {\"type\": \"dopri5\", \"rtol\": 0.001}}]}]}";
    flow_error err = {0};
    subject s;
    flow_model model = {.path = "m.h5"};
    check_ok(flow_spec_parse(&model.spec, text, strlen(text), "m.json", NULL, NULL, 0, &err), &err);
    check_ok(subject_try_spec(&s, &err, (subject_shape){.dim = DIM}, model.spec), &err);
    const flow *made = model.f = s.f;
    char *before = flow_json_print(model.spec->document);

    assert_int_not_equal(flow_model_set_steps(&model, "rk4", 20000, &err), FLOW_OK);
    assert_non_null(strstr(err.message, "20000"));
    assert_ptr_equal(model.f, made);
    char *after = flow_json_print(model.spec->document);
    assert_string_equal(after, before);
    free(after);

    check_ok(flow_model_set_steps(&model, "rk4", 12, &err), &err);
    s.f = model.f;
    assert_int_equal(model.f->n_blocks, 2);
    after = flow_json_print(model.spec->document);
    assert_non_null(strstr(after, "\"rk4\""));
    assert_null(strstr(after, "dopri5"));
    assert_int_equal(flow_model_set_steps(&model, "rk5", 12, &err), FLOW_ARGUMENT);
    assert_string_equal(err.message, "unknown solver \"rk5\"; did you mean \"rk4\"?");
    free(after);
    free(before);
    subject_close(&s);
    flow_spec_free(model.spec);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_golden(argv[2]);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_a_loaded_model_computes_the_same),
        cmocka_unit_test(test_a_model_without_the_rest),
        cmocka_unit_test(test_equal_models_are_equal_files),
        cmocka_unit_test(test_permissions_and_links),
        cmocka_unit_test(test_a_spec_leads_to_its_model),
        cmocka_unit_test(test_version_2_loads),
#ifdef __linux__
        cmocka_unit_test(test_pipes_are_not_opened_for_a_look),
#endif
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_changed_contents),
        cmocka_unit_test(test_changed_specs),
        cmocka_unit_test(test_links_and_filters),
        cmocka_unit_test(test_other_precision),
        cmocka_unit_test(test_states_that_do_not_fit),
        cmocka_unit_test(test_failures_to_save),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_kills_at_any_instant),
        cmocka_unit_test(test_savers_at_the_same_time),
        cmocka_unit_test(test_waits_for_the_library),
        cmocka_unit_test(test_steps_for_a_solver),
    };
    return cmocka_run_group_tests_name("model", tests, make_folder, remove_folder);
}
