/* Any bytes as a model file: loaded or refused with a message, within bounded memory. What loads can be evaluated.
 *
 * The checksum in the head refuses nearly everything that a fuzzer makes of a file. So an input that begins with a zero
 * is a recipe: its bytes choose what the HDF5 library changes in a model, or in an ensemble of two, which then gets a
 * head that fits. With FLOW_FUZZ_SEAL=1 in the environment all other inputs get such a head, too; what is found then
 * may be a fault of that library, which was not written for damaged files (docs/model-file.md). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "model/file.h"
#include "model/models.h"
#include "recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DIM = 2, IMAGE_MAX = 1 << 20, OBJECTS_MAX = 128, TEXT_MAX = 1 << 14 };

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_model: %s\n", what);
    abort();
}

static void put(const char *path, const uint8_t *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    require(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0 && close(fd) == 0,
            "no file to work with");
}

static size_t get(uint8_t *data, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, data, IMAGE_MAX) : -1;
    require(n > 0 && n < IMAGE_MAX && close(fd) == 0, "no file to work with");
    return (size_t)n;
}

/* ------------------------------------------------------------------ recipes */

/* A file that is changed, and the paths of what is in it. */
typedef struct original {
    uint8_t image[IMAGE_MAX];
    size_t size;
    int n_objects;
    char objects[OBJECTS_MAX][128];
} original;

static original originals[2];

static herr_t note_object(hid_t file, const char *name, const H5L_info_t *about, void *to)
{
    (void)file, (void)about;
    original *o = to;
    if (o->n_objects < OBJECTS_MAX)
        snprintf(o->objects[o->n_objects++], sizeof o->objects[0], "%s", name);
    return 0;
}

static void note(original *o, const char *path)
{
    o->size = get(o->image, path);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Lvisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, note_object, o);
    H5Fclose(file);
    require(o->n_objects > 0, "no model to change");
}

/* A model with a state and a history, and an ensemble of it and itself. */
static void make_originals(const char *path)
{
    static const char text[] = "{\"flow\": [\"standardize\", {\"type\": \"maf\", \"hidden\": [3]}, \"actnorm\"], "
                               "\"data\": \"x.csv\"}";
    static const char *const columns[DIM] = {"x", "y"}, *const history_columns[2] = {"epoch", "validation"};
    double rows[16 * DIM], history[4] = {1, -2.5, 2, -2.25}, figures[3] = {0.5, 1, 2};
    int64_t counters[2] = {1, -2};
    flow_error err = {0};
    flow_spec *spec = NULL;
    subject made;
    for (int i = 0; i < 16 * DIM; i++)
        rows[i] = sin(3.0 * i);
    require(flow_spec_parse(&spec, text, strlen(text), "fuzz.json", "/", NULL, 0, &err) == FLOW_OK &&
                subject_try_spec(&made, &err, (subject_shape){.dim = DIM}, spec) == FLOW_OK,
            err.message);
    subject_init_weights(&made, 1);
    require(flow_fit(made.f, made.weights, rows, 16, columns, &err) == FLOW_OK, err.message);
    flow_array state[] = {{"counters", FLOW_ARRAY_INT64, 2, 1, counters, false},
                          {"figures", FLOW_ARRAY_DOUBLE, 1, 3, figures, false},
                          {"adam/first", FLOW_ARRAY_REAL, made.f->params.n_weights, 1, made.weights, false}};
    cJSON *about = cJSON_Parse("{\"best_epoch\": 2}");
    const flow_model_contents contents = {.spec = spec,
                                          .f = made.f,
                                          .weights = made.weights,
                                          .columns = columns,
                                          .state = state,
                                          .n_state = 3,
                                          .history = history,
                                          .n_epochs = 2,
                                          .history_columns = history_columns,
                                          .n_history_columns = 2,
                                          .provenance = about,
                                          .summary = about};
    require(flow_model_save(path, &contents, &err) == FLOW_OK, err.message);
    note(&originals[0], path);
    flow_model *model = NULL;
    require(flow_model_load(&model, path, &err) == FLOW_OK, err.message);
    flow_model *members[2] = {model, model};
    double weights[2] = {0.25, 0.75};
    const flow_models two = {.n = 2, .members = members, .weights = weights, .provenance = about, .summary = about};
    require(flow_models_save(path, &two, &err) == FLOW_OK, err.message);
    note(&originals[1], path);
    flow_model_free(model);
    cJSON_Delete(about);
    subject_close(&made);
    flow_spec_free(spec);
}

/* Bytes of the recipe over those of a dataset, at a place of it; a byte 255 stands for eight of them. */
static void change_values(recipe *r, hid_t file, const char *path)
{
    static uint8_t values[TEXT_MAX];
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    const size_t size = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    const H5T_class_t class = H5Tget_class(type);
    if (dataset >= 0 && size > 0 && size <= sizeof values && (class == H5T_INTEGER || class == H5T_FLOAT) &&
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0) {
        size_t at = recipe_byte(r) * 256;
        at = (at + recipe_byte(r)) % size;
        for (unsigned n = recipe_byte(r) % 24; n > 0 && at < size; n--) {
            const unsigned b = recipe_byte(r);
            for (int k = 0; k < (b == 255 ? 8 : 1) && at < size; k++)
                values[at++] = (uint8_t)b;
        }
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
}

static void change_text(recipe *r, hid_t file, const char *path)
{
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT), type = H5Dget_type(dataset);
    char *text = NULL, whole[TEXT_MAX];
    if (dataset >= 0 && H5Tis_variable_str(type) > 0) {
        hid_t space = H5Dget_space(dataset);
        const hssize_t n = H5Sget_simple_extent_npoints(space);
        H5Sclose(space);
        if (n == 1 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) >= 0 && text != NULL) {
            const size_t length = strlen(text);
            size_t at = recipe_byte(r) * 256;
            at = (at + recipe_byte(r)) % (length + 1);
            const size_t skipped = recipe_byte(r) % 32, n_new = recipe_byte(r) % 32;
            const size_t to = at + skipped < length ? at + skipped : length;
            char put_in[32] = "";
            for (size_t i = 0; i < n_new; i++)
                put_in[i] = (char)recipe_byte(r);
            snprintf(whole, sizeof whole, "%.*s%s%s", (int)at, text, put_in, text + to);
            const char *changed = whole;
            H5free_memory(text);
            H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &changed);
        }
    }
    H5Tclose(type);
    H5Dclose(dataset);
}

static void change(recipe *r, hid_t file, const original *o)
{
    static const char *const attributes[] = {"format",    "format_version", "program_version",
                                             "precision", "directory",      "columns"};
    static const char *const texts[] = {"flowctl-model", "float", "double", "/", "", "a,b"};
    const unsigned what = recipe_byte(r) % 8;
    const char *path = o->objects[recipe_byte(r) % (unsigned)o->n_objects];
    const char *other = o->objects[recipe_byte(r) % (unsigned)o->n_objects];
    if (what == 0) {
        change_values(r, file, path);
    } else if (what == 1) {
        change_text(r, file, path);
    } else if (what == 2) {
        const char *name = attributes[recipe_byte(r) % (sizeof attributes / sizeof attributes[0])];
        hid_t at = H5Oopen(file, other == path ? "/" : path, H5P_DEFAULT);
        H5Adelete(at, name);
        recipe_make_attribute(r, at, name, texts, sizeof texts / sizeof texts[0]);
        H5Oclose(at);
    } else {
        H5Ldelete(file, path, H5P_DEFAULT);
        if (what == 3)
            H5Lcreate_soft(other, file, path, H5P_DEFAULT, H5P_DEFAULT);
        else if (what == 4)
            H5Lcreate_hard(file, other, file, path, H5P_DEFAULT, H5P_DEFAULT);
        else if (what == 5)
            H5Lcreate_external("nowhere.h5", other, file, path, H5P_DEFAULT, H5P_DEFAULT);
        else if (what == 6)
            recipe_make_dataset(r, file, path);
    }
}

static void forge(recipe *r, const char *path)
{
    static uint8_t image[IMAGE_MAX];
    const original *o = &originals[recipe_byte(r) % 2];
    put(path, o->image, o->size);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    require(file >= 0, "no file to change");
    for (int i = 0; i < 8 && r->at < r->end; i++)
        change(r, file, o);
    H5Fclose(file);
    const size_t size = get(image, path);
    flow_head_seal((char *)image, size);
    put(path, image, size);
}

/* ------------------------------------------------------------------ loading */

static void use(const flow_models *models)
{
    const flow_model *first = models->members[0];
    const int d = first->f->dim;
    double *row = calloc((size_t)flow_width(first->f), sizeof *row), logp = NAN;
    flow_ensemble *ensemble = NULL;
    bool small = d <= 64;
    require(row != NULL, "no memory for a row");
    for (int k = 0; k < models->n; k++)
        small = small && models->members[k]->f->params.n_weights < 1 << 20 && models->members[k]->f->n_blocks < 64;
    if (small && flow_models_run(&ensemble, models, 1, NULL) == FLOW_OK)
        flow_ensemble_logp(ensemble, row, 1, &logp, &(double){0});
    flow_ensemble_free(ensemble);
    free(row);
    for (int i = 0; i < d; i++)
        require(first->columns[i] != NULL, "a column without a name");
}

static void load(const char *path)
{
    flow_error err = {0};
    flow_models *models = NULL;
    flow_status status = flow_models_load(&models, path, &err);
    if (status == FLOW_OK) {
        double numbers[4];
        flow_array array = {"figures", FLOW_ARRAY_DOUBLE, 2, 2, numbers, false};
        flow_model_read_state(models->members[0], &array, 1, &err);
        use(models);
    } else {
        require(models == NULL && err.message[0] != '\0', "an error without a message");
    }
    flow_models_free(models);
}

/* In memory where there is such a folder. */
static const char *prepare(void)
{
    static char path[64];
    if (path[0] != '\0')
        return path;
    snprintf(path, sizeof path, "%s/fuzz_model-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (long)getpid());
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    /* what the library keeps for the next file need not be asked for, and cleared by the sanitizer, again */
    H5set_free_list_limits(1 << 24, 1 << 23, 1 << 24, 1 << 23, 1 << 24, 1 << 23);
    make_originals(path);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = prepare();
    if (size > 0 && data[0] == 0) {
        forge(&(recipe){data + 1, data + size}, path);
    } else if (getenv("FLOW_FUZZ_SEAL") != NULL && size > FLOW_HEAD_SIZE) {
        uint8_t *sealed = malloc(size);
        require(sealed != NULL, "no memory for the input");
        memcpy(sealed, data, size);
        flow_head_seal((char *)sealed, size);
        put(path, sealed, size);
        free(sealed);
    } else {
        put(path, data, size);
    }
    load(path);
    unlink(path);
    return 0;
}

#include "fuzz_replay.h"
