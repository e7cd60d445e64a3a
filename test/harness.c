/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/read.h"
#include "data/table.h"
#include "flow/block/options.h"
#include "flow/design.h"
#include "flow/trace.h"
#include "flow/univariate/univariates.h"
#include "num/rng.h"
#include "ode/ode.h"
#include "values.h"

static void check(flow_status status, const flow_error *err, const char *what)
{
    if (status != FLOW_OK)
        fail_msg("%s: %s", what, err->message);
}

/* ------------------------------------------------------------------ a flow */

static cJSON *parse(const char *json)
{
    cJSON *document;
    flow_error err = {0};
    check(flow_json_parse(&document, json, strlen(json), "test", &err), &err, json);
    return document;
}

/* The keys of a spec that a subject may have. */
typedef struct parts {
    flow_design design;
    const flow_train_options *train;
} parts;

static const flow_option parts_table[] = {
    FLOW_DESIGN_OPTIONS(parts, design),
    {FLOW_KEY(parts, train, OBJECT, NULL), .table = flow_train_table, .size = sizeof(flow_train_options)},
    FLOW_OPTIONS_END,
};

static flow_status build(subject *s, const flow_design *design, subject_shape shape, flow_error *err)
{
    const flow_row_layout layout = {.dim = shape.dim, .n_context = shape.n_context, .columns = shape.columns,
                                    .shape = shape.image};
    return flow_build(&s->f, design, &layout, shape.seed, err);
}

static flow_status build_text(subject *s, const char *json, subject_shape shape, flow_error *err)
{
    *s = (subject){.document = parse(json)};
    flow_json root = flow_json_root(s->document);
    parts made = {0};
    if (!cJSON_HasObjectItem(s->document, "flow"))
        cJSON_AddArrayToObject(s->document, "flow");
    flow_status status = flow_read_options(&made, parts_table, &root, &s->arena, err);
    if (status == FLOW_OK && made.train != NULL)
        s->options = *made.train;
    return status == FLOW_OK ? build(s, &made.design, shape, err) : status;
}

static char *format_text(const char *format, va_list arguments)
{
    char *text;
    ASSERT_GE(vasprintf(&text, format, arguments), 0);
    return text;
}

void subject_open(subject *s, subject_shape shape, const char *format, ...)
{
    va_list arguments;
    flow_error err = {0};
    va_start(arguments, format);
    char *json = format_text(format, arguments);
    va_end(arguments);
    check(build_text(s, json, shape, &err), &err, json);
    free(json);
}

flow_status subject_try(subject *s, flow_error *err, subject_shape shape, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *json = format_text(format, arguments);
    va_end(arguments);
    flow_status status = build_text(s, json, shape, err);
    free(json);
    return status;
}

flow_status subject_try_spec(subject *s, flow_error *err, subject_shape shape, const flow_spec *spec)
{
    *s = (subject){0};
    s->options = *spec->train;
    shape.seed = (uint64_t)spec->seed;
    return build(s, &spec->design, shape, err);
}

static void drop_step(subject *s)
{
    flow_step_free(s->step);
    s->step = NULL;
}

void subject_close(subject *s)
{
    flow_trainer_free(s->trainer);
    drop_step(s);
    flow_workspace_free(s->ws);
    flow_free_aligned(s->weights);
    flow_free(s->f);
    flow_arena_release(&s->arena);
    cJSON_Delete(s->document);
    *s = (subject){0};
}

/* ------------------------------------------------------------------ weights and workspace */

static void need_weights(subject *s)
{
    if (s->weights == NULL)
        s->weights = flow_alloc_aligned(s->f->params.n_weights + 1, sizeof *s->weights);
    assert_non_null(s->weights);
}

void subject_init_weights(subject *s, uint64_t seed)
{
    flow_error err = {0};
    need_weights(s);
    check(flow_init_weights(s->f, seed, s->weights, &err), &err, "initial weights");
}

/* keep: 1 to add to the weights, 0 to replace them. */
static void set_weights(subject *s, real keep, double size, uint64_t seed, uint32_t column)
{
    flow_span *spans;
    int n_spans;
    flow_error err = {0};
    need_weights(s);
    check(flow_params_spans(&s->f->params, &spans, &n_spans, SIZE_MAX, &err), &err, "live weights");
    for (int r = 0; r < n_spans; r++) {
        for (size_t k = spans[r].offset; k < spans[r].offset + spans[r].length; k++) {
            double u = flow_rng_uniform(seed, FLOW_STREAM_OTHER, k, column);
            s->weights[k] = keep * s->weights[k] + (real)(size * (2 * u - 1));
        }
    }
    free(spans);
}

void subject_scatter_weights(subject *s, double size, uint64_t seed, uint32_t column)
{
    set_weights(s, 0, size, seed, column);
}

void subject_shake_weights(subject *s, double size, uint64_t seed, uint32_t column)
{
    set_weights(s, 1, size, seed, column);
}

void subject_workspace(subject *s, int n, bool keep)
{
    flow_error err = {0};
    flow_workspace_free(s->ws);
    s->ws = NULL;
    check(flow_workspace_new(&s->ws, s->f, n, keep, &err), &err, "workspace");
}

/* ------------------------------------------------------------------ training */

flow_step *subject_step(subject *s, const char *objective, const flow_target *target, int64_t n_max, int n_threads)
{
    flow_error err = {0};
    flow_choice choice = s->options.objective;
    drop_step(s);
    if (objective != NULL)
        check(flow_choice_parse(&choice, &flow_objectives, objective, &s->arena, &err), &err, objective);
    s->objective = flow_objective_of(&choice);
    check(flow_step_new(&s->step, s->f, &s->objective, target, n_max, SIZE_MAX, NULL, n_threads, &err), &err, "step");
    return s->step;
}

flow_status subject_try_trainer(subject *s, flow_error *err, flow_dataset *training, flow_dataset *held_out,
                                int n_threads)
{
    return flow_trainer_new(&s->trainer, s->f, &s->options, training, held_out, 1, n_threads, err);
}

flow_status subject_try_target(subject *s, flow_error *err, const flow_target *target, int n_threads)
{
    return flow_trainer_new_target(&s->trainer, s->f, &s->options, target, 1, NULL, n_threads, err);
}

void subject_start(subject *s, flow_dataset *training, flow_dataset *held_out, int n_threads)
{
    flow_error err = {0};
    check(subject_try_trainer(s, &err, training, held_out, n_threads), &err, "trainer");
    check(flow_trainer_start(s->trainer, &err), &err, "start of the training");
}

void subject_start_target(subject *s, const flow_target *target, int n_threads)
{
    flow_error err = {0};
    check(subject_try_target(s, &err, target, n_threads), &err, "trainer");
    check(flow_trainer_start(s->trainer, &err), &err, "start of the training");
}

static flow_status count_epoch(void *context, const flow_epoch *epoch, flow_error *err)
{
    (void)epoch, (void)err;
    ((subject *)context)->epochs++;
    return FLOW_OK;
}

static void count_step(void *context, const flow_progress *progress)
{
    subject *s = context;
    ASSERT_GT(progress->row, 0);
    ASSERT_LE(progress->row, progress->rows);
    ASSERT_GE(progress->epoch, 1);
    ASSERT_LE(progress->epoch, progress->epochs);
    s->steps++;
    s->last_row = progress->row;
}

static void keep_warning(void *context, const char *message)
{
    subject *s = context;
    s->warnings++;
    snprintf(s->warning, sizeof s->warning, "%s", message);
}

static bool is_enough(void *context)
{
    const subject *s = context;
    return s->stop_after > 0 && s->steps >= s->stop_after;
}

flow_status subject_try_run(subject *s, flow_error *err)
{
    const flow_train_hooks hooks = {.context = s,
                                    .on_epoch = count_epoch,
                                    .on_step = count_step,
                                    .on_warning = keep_warning,
                                    .should_stop = is_enough};
    return flow_trainer_run(s->trainer, &hooks, err);
}

void subject_run(subject *s)
{
    flow_error err = {0};
    check(subject_try_run(s, &err), &err, "training");
}

size_t array_bytes(const flow_array *array)
{
    return array->rows * array->cols * (array->kind == FLOW_ARRAY_FLOAT ? sizeof(float) : 8);
}

void subject_copy_state(subject *to, const subject *from)
{
    const flow_array *a, *b;
    const double *fitted = flow_trainer_best_flow(from->trainer)->params.fitted;
    flow_error err = {0};
    int n, n_to;
    int64_t n_epochs;
    if (from->f->params.n_fitted > 0)
        memcpy(to->f->params.fitted, fitted, from->f->params.n_fitted * sizeof *fitted);
    flow_trainer_state(from->trainer, &a, &n);
    flow_trainer_state(to->trainer, &b, &n_to);
    assert_int_equal(n, n_to);
    for (int k = 0; k < n; k++) {
        assert_string_equal(a[k].name, b[k].name);
        assert_int_equal(array_bytes(&a[k]), array_bytes(&b[k]));
        memcpy(b[k].data, a[k].data, array_bytes(&a[k]));
    }
    const flow_epoch *history = flow_trainer_history(from->trainer, &n_epochs);
    check(flow_trainer_set_history(to->trainer, flow_epoch_columns, FLOW_EPOCH_COLUMNS, flow_history_table(history),
                                   n_epochs, &err), &err, "history");
}

void subject_expect_same(const subject *a, const subject *b)
{
    const flow_array *x, *y;
    int n, m;
    int64_t n_epochs, m_epochs;
    flow_trainer_state(a->trainer, &x, &n);
    flow_trainer_state(b->trainer, &y, &m);
    assert_int_equal(n, m);
    for (int k = 0; k < n; k++) {
        assert_string_equal(x[k].name, y[k].name);
        assert_int_equal(array_bytes(&x[k]), array_bytes(&y[k]));
        if (strcmp(x[k].name, "seconds") != 0 && memcmp(x[k].data, y[k].data, array_bytes(&x[k])) != 0)
            fail_msg("the arrays \"%s\" of two trainings differ", x[k].name);
    }
    const flow_epoch *of_a = flow_trainer_history(a->trainer, &n_epochs);
    const flow_epoch *of_b = flow_trainer_history(b->trainer, &m_epochs);
    assert_int_equal(n_epochs, m_epochs);
    const double *p = flow_history_table(of_a), *q = flow_history_table(of_b);
    for (int64_t k = 0; k < n_epochs * FLOW_EPOCH_COLUMNS; k++) {
        const char *column = flow_epoch_columns[k % FLOW_EPOCH_COLUMNS];
        if (strcmp(column, "seconds") != 0 && memcmp(&p[k], &q[k], sizeof *p) != 0)
            fail_msg("epoch %d: the \"%s\" of two trainings are %.17g and %.17g", (int)(k / FLOW_EPOCH_COLUMNS) + 1,
                     column, p[k], q[k]);
    }
    assert_int_equal(flow_trainer_best_epoch(a->trainer), flow_trainer_best_epoch(b->trainer));
}

/* ------------------------------------------------------------------ parts by themselves */

flow_status optimizer_try(flow_optimizer **out, cJSON **resolved, const char *json, const flow_params *params,
                          flow_error *err)
{
    *resolved = parse(json);
    flow_json root = flow_json_root(*resolved);
    flow_arena arena = {0};
    flow_choice choice;
    *out = NULL;
    flow_status status = flow_read_choice(&choice, &flow_optimizers, "\"adam\"", &root, &arena, err);
    if (status == FLOW_OK)
        status = flow_optimizer_new(out, &choice, params, err);
    flow_arena_release(&arena);
    return status;
}

flow_optimizer *subject_optimizer(const subject *s)
{
    flow_optimizer *optimizer;
    flow_error err = {0};
    check(flow_optimizer_new(&optimizer, &s->options.optimizer, &s->f->params, &err), &err, "optimizer");
    return optimizer;
}

flow_status schedule_try(flow_schedule *out, const char *json, flow_error *err)
{
    flow_arena arena = {0};
    flow_choice choice;
    cJSON *document = parse(json);
    flow_json root = flow_json_root(document);
    flow_status status = flow_read_choice(&choice, &flow_schedules, "\"cosine\"", &root, &arena, err);
    if (status == FLOW_OK)
        *out = flow_schedule_of(&choice);
    flow_arena_release(&arena);
    cJSON_Delete(document);
    return status;
}

void univariate_open(flow_univariate *out, const char *json)
{
    flow_error err = {0};
    cJSON *document = parse(json);
    flow_json root = flow_json_root(document);
    flow_choice choice;
    flow_arena arena = {0};
    check(flow_read_choice(&choice, &flow_univariates, NULL, &root, &arena, &err), &err, json);
    check(flow_univariate_new(out, &choice, &err), &err, json);
    flow_arena_release(&arena);
    cJSON_Delete(document);
}

void solver_and_trace_of(flow_solver *solver, flow_trace *trace, const char *spec)
{
    flow_error err = {0};
    flow_choice choice;
    flow_arena arena = {0};
    cJSON *document = parse(spec);
    flow_json root = flow_json_root(document), list = flow_json_member(&root, "flow");
    flow_json block = flow_json_element(&list, 0);
    check(flow_read_choice(&choice, &flow_maps, NULL, &block, &arena, &err), &err, spec);
    const flow_ffjord_options *options = choice.options;
    *solver = flow_solver_of(&options->solver);
    *trace = flow_trace_of(&options->trace);
    flow_arena_release(&arena);
    cJSON_Delete(document);
}

/* ------------------------------------------------------------------ JSON */

cJSON *read_json(const char *path)
{
    cJSON *document;
    flow_error err = {0};
    check(flow_json_read(&document, path, &err), &err, path);
    return document;
}

char *json_text(const cJSON *json)
{
    char *text = flow_json_print(json);
    assert_non_null(text);
    return text;
}

const char *text_member(const cJSON *object, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(member) ? member->valuestring : "";
}

double number_member(const cJSON *object, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(member) ? member->valuedouble : 0;
}

/* ------------------------------------------------------------------ temporary files */

char folder[TEST_PATH_SIZE - 256];

int make_folder(void **state)
{
    (void)state;
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/flowctl_test_XXXXXX",
             temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
    return mkdtemp(folder) == NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *at(const char *name)
{
    static char path[4][TEST_PATH_SIZE];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

const char *inside(const char *file, const char *path)
{
    static char text[2][TEST_PATH_SIZE + 64];
    static int next;
    next = !next;
    snprintf(text[next], sizeof text[next], "%s:%s", at(file), path);
    return text[next];
}

const char *write_bytes(const char *name, const char *bytes, size_t n)
{
    const char *path = at(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *write_text(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

const char *write_rows(const char *name, const char *const *columns, int d, const double *rows, size_t n)
{
    const char *path = at(name);
    flow_error err = {0};
    flow_writer *writer;
    check(flow_writer_open(&writer, path, columns, d, NULL, &err), &err, name);
    check(flow_writer_write(writer, rows, n, &err), &err, name);
    check(flow_writer_finish(writer, &err), &err, name);
    return path;
}

size_t read_bytes(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(out, 1, size, file);
    fclose(file);
    return n;
}

int n_files(void)
{
    int n = 0;
    char command[TEST_PATH_SIZE];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &n), 1);
    pclose(in);
    return n;
}

flow_dataset *make_dataset(const char *name, const char *const *columns, int d, const double *rows, size_t n,
                           const flow_dataset_options *options)
{
    static const flow_dataset_options plain = {0};
    const char *path = write_rows(name, columns, d, rows, n);
    flow_error err = {0};
    flow_dataset *data;
    check(flow_dataset_open(&data, path, options != NULL ? options : &plain, &err), &err, name);
    return data;
}

flow_dataset *open_set(const char *location, const flow_dataset_options *options)
{
    flow_dataset *data;
    flow_error err = {0};
    if (flow_dataset_open(&data, location, options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return data;
}
