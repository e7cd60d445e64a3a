/* Any bytes as a model file: loaded or refused with a message, within bounded memory. What loads can be evaluated.
 *
 * The checksum in the head refuses nearly everything that a fuzzer makes of a file. So an input that begins with a zero
 * is a recipe: its bytes choose values and texts that change in a model, or in an ensemble of two, and then what the
 * HDF5 library changes in it; the file gets a head that fits. With FLOW_FUZZ_SEAL=1 in the environment all other inputs
 * get such a head, too; what is found then may be a fault of that library, which was not written for damaged files
 * (docs/model-file.md). */
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

enum { DIM = 2, IMAGE_MAX = 1 << 20, OBJECTS_MAX = 128 };

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_model: %s\n", what);
    abort();
}

static size_t get(uint8_t *data, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, data, IMAGE_MAX) : -1;
    require(n > 0 && n < IMAGE_MAX && close(fd) == 0, "no file to work with");
    return (size_t)n;
}

/* ------------------------------------------------------------------ recipes */

/* What is in a file that is changed: a path, and where the values are stored; size 0: there are none. */
typedef struct object {
    char path[128];
    size_t at, size;
    bool is_text;
} object;

typedef struct original {
    uint8_t image[IMAGE_MAX];
    size_t size;
    int n_objects;
    object objects[OBJECTS_MAX];
} original;

static original originals[2];

static herr_t note_object(hid_t file, const char *name, const H5L_info_t *about, void *to)
{
    (void)about;
    original *o = to;
    require(o->n_objects < OBJECTS_MAX, "too many objects");
    object *made = &o->objects[o->n_objects++];
    *made = (object){0};
    snprintf(made->path, sizeof made->path, "%s", name);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return 0;
    hid_t type = H5Dget_type(dataset);
    const haddr_t at = H5Dget_offset(dataset);
    if (at != HADDR_UNDEF) {
        made->at = (size_t)at;
        made->size = (size_t)H5Dget_storage_size(dataset);
        made->is_text = H5Tget_class(type) == H5T_STRING;
        require(made->at + made->size <= o->size, "values outside of the file");
    }
    H5Tclose(type);
    H5Dclose(dataset);
    return 0;
}

static void note(original *o, const char *path)
{
    o->size = get(o->image, path);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Lvisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, note_object, o);
    H5Fclose(file);
    bool values = false, texts = false;
    for (int i = 0; i < o->n_objects; i++) {
        values = values || (o->objects[i].size > 0 && !o->objects[i].is_text);
        texts = texts || (o->objects[i].size > 0 && o->objects[i].is_text);
    }
    require(values && texts, "no model to change");
}

/* Writes a fitted model of this flow; a large one with all that a model may hold: a state, a history, notes. */
static void write_model(const char *path, const char *text, bool large)
{
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
    flow_model_contents contents = {.spec = spec, .f = made.f, .weights = made.weights, .columns = columns};
    if (large) {
        contents.state = state, contents.n_state = 3;
        contents.history = history, contents.n_epochs = 2;
        contents.history_columns = history_columns, contents.n_history_columns = 2;
        contents.provenance = about, contents.summary = about;
    }
    require(flow_model_save(path, &contents, &err) == FLOW_OK, err.message);
    cJSON_Delete(about);
    subject_close(&made);
    flow_spec_free(spec);
}

/* A model, and an ensemble. The members of the ensemble are small: the library takes a fixed time for each array that
 * is read, and what reads them is the same. */
static void make_originals(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/fuzz_model-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (long)getpid());
    write_model(path,
                "{\"flow\": [\"standardize\", {\"type\": \"maf\", \"hidden\": [3], \"repeat\": 1}], "
                "\"data\": \"x.csv\"}",
                true);
    note(&originals[0], path);
    write_model(path, "{\"flow\": [\"actnorm\"]}", false);
    flow_error err = {0};
    flow_model *model = NULL;
    require(flow_model_load(&model, path, &err) == FLOW_OK, err.message);
    cJSON *about = cJSON_Parse("{\"best_epoch\": 2}");
    flow_model *members[2] = {model, model};
    double weights[2] = {0.25, 0.75};
    const flow_models two = {.n = 2, .members = members, .weights = weights, .provenance = about, .summary = about};
    require(flow_models_save(path, &two, &err) == FLOW_OK, err.message);
    note(&originals[1], path);
    unlink(path);
    flow_model_free(model);
    cJSON_Delete(about);
}

static size_t place_of(recipe *r, size_t size)
{
    const size_t high = recipe_byte(r) * 256;
    return (high + recipe_byte(r)) % size;
}

/* Bytes of the recipe over stored ones; a byte 255 stands for eight of them. */
static void change_values(recipe *r, uint8_t *values, size_t size)
{
    size_t at = place_of(r, size);
    for (unsigned n = recipe_byte(r) % 24; n > 0; n--) {
        const unsigned b = recipe_byte(r);
        for (int k = 0; k < (b == 255 ? 8 : 1) && at < size; k++)
            values[at++] = (uint8_t)b;
    }
}

/* Other bytes in place of some of a text; what follows moves, and the length of the whole stays as it is. */
static void change_text(recipe *r, uint8_t *text, size_t size)
{
    const size_t at = place_of(r, size), skipped = recipe_byte(r) % 32, n_new = recipe_byte(r) % 32;
    const size_t from = at + skipped < size ? at + skipped : size, to = at + n_new < size ? at + n_new : size;
    const size_t moved = size - (from > to ? from : to);
    memmove(text + to, text + from, moved);
    memset(text + to + moved, 0, size - to - moved);
    for (size_t i = at; i < to; i++)
        text[i] = (uint8_t)recipe_byte(r);
}

static void change_structure(recipe *r, hid_t file, const original *o)
{
    static const char *const attributes[] = {"format",    "format_version", "program_version",
                                             "precision", "directory",      "columns"};
    static const char *const texts[] = {"flowctl-model", "float", "double", "/", "", "a,b"};
    const unsigned what = recipe_byte(r) % 6;
    const char *path = o->objects[recipe_byte(r) % (unsigned)o->n_objects].path;
    const char *other = o->objects[recipe_byte(r) % (unsigned)o->n_objects].path;
    if (what == 0) {
        const char *name = attributes[recipe_byte(r) % (sizeof attributes / sizeof attributes[0])];
        hid_t at = H5Oopen(file, other == path ? "/" : path, H5P_DEFAULT);
        H5Adelete(at, name);
        recipe_make_attribute(r, at, name, texts, sizeof texts / sizeof texts[0]);
        H5Oclose(at);
        return;
    }
    H5Ldelete(file, path, H5P_DEFAULT);
    if (what == 1)
        H5Lcreate_soft(other, file, path, H5P_DEFAULT, H5P_DEFAULT);
    else if (what == 2)
        H5Lcreate_hard(file, other, file, path, H5P_DEFAULT, H5P_DEFAULT);
    else if (what == 3)
        H5Lcreate_external("nowhere.h5", other, file, path, H5P_DEFAULT, H5P_DEFAULT);
    else if (what == 4)
        recipe_make_dataset(r, file, path);
}

/* The image of a file with a head that fits; returns its size. */
static size_t close_image(hid_t file, uint8_t image[IMAGE_MAX])
{
    const size_t size = recipe_close(file, FLOW_HEAD_SIZE, image, IMAGE_MAX);
    require(size > 0, "a model that is too large");
    flow_head_seal((char *)image, size);
    return size;
}

/* First values and texts change where they are stored, and then the library changes what is left of the recipe. */
static const char *forge(recipe *r)
{
    static uint8_t image[IMAGE_MAX];
    const unsigned first = recipe_byte(r);
    const original *o = &originals[first % 2];
    memcpy(image, o->image, o->size);
    for (unsigned n = first / 2 % 4; n > 0 && r->at < r->end; n--) {
        const object *changed = &o->objects[recipe_byte(r) % (unsigned)o->n_objects];
        if (changed->size > 0)
            (changed->is_text ? change_text : change_values)(r, image + changed->at, changed->size);
    }
    if (r->at >= r->end) {
        flow_head_seal((char *)image, o->size);
        return recipe_put(image, o->size);
    }
    hid_t file = recipe_open(image, o->size, false);
    for (int i = 0; i < 8 && r->at < r->end; i++)
        change_structure(r, file, o);
    return recipe_put(image, close_image(file, image));
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

static bool load(const char *path)
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
    return status == FLOW_OK;
}

/* What a recipe changes has to be what makes a difference: without a change, a file that the library has opened and
 * closed loads. */
static void try_originals(void)
{
    static uint8_t image[IMAGE_MAX];
    for (int i = 0; i < 2; i++) {
        const original *o = &originals[i];
        const size_t size = close_image(recipe_open(o->image, o->size, false), image);
        require(load(recipe_put(image, size)), "an unchanged model is refused");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int seal = -1;
    if (seal < 0) {
        recipe_start();
        make_originals();
        try_originals();
        seal = getenv("FLOW_FUZZ_SEAL") != NULL;
    }
    if (size > 0 && data[0] == 0) {
        load(forge(&(recipe){data + 1, data + size}));
    } else if (seal && size > FLOW_HEAD_SIZE) {
        uint8_t *sealed = malloc(size);
        require(sealed != NULL, "no memory for the input");
        memcpy(sealed, data, size);
        flow_head_seal((char *)sealed, size);
        load(recipe_put(sealed, size));
        free(sealed);
    } else {
        load(recipe_put(data, size));
    }
    recipe_end();
    return 0;
}

#include "fuzz_replay.h"
