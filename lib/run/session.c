/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/origin.h"
#include "run/root.h"

static bool session_has(const char *const *names, int n, const char *wanted)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], wanted) == 0)
            return true;
    return false;
}

/* The context stands beside the latents, and is read with them. */
static flow_status session_name_latents(flow_session *s, flow_error *err)
{
    for (const char *letter = "zuvwqrstabcdefghijklmnopxy"; *letter != '\0'; letter++) {
        bool taken = false;
        flow_name_list_free(&s->latents);
        FLOW_TRY(flow_name_list_number(&s->latents, *letter, s->dim, err));
        for (int i = 0; i < s->dim && !taken; i++)
            taken = session_has(s->context, s->n_context, s->latents.at[i]);
        if (!taken)
            return FLOW_OK;
    }
    return flow_error_set(err, FLOW_DATA, "%s: its context has the names of all latents, such as \"%.80s\"", s->name,
                          s->latents.at[0]);
}

/* Of those members that solve equations, one at least. */
static flow_status session_set_steps(flow_models *models, const flow_session_options *options, flow_error *err)
{
    int n = 0;
    flow_status status = FLOW_OK;
    for (int k = 0; k < models->n && (status == FLOW_OK || status == FLOW_ARGUMENT); k++) {
        status = flow_model_set_steps(models->members[k], options->solver, options->steps, err);
        n += status == FLOW_OK;
    }
    if (status == FLOW_ARGUMENT && n == 0)
        flow_error_prefix(err, status, "%s", options->solver != NULL ? "--steps, --solver: " : "--steps: ");
    return status == FLOW_ARGUMENT && n > 0 ? FLOW_OK : status;
}

static flow_status session_open(flow_session *out, const char *path, const flow_session_options *options,
                                flow_error *err)
{
    *out = (flow_session){.options = *options, .name = path};
    if (options->solver != NULL && options->steps == 0)
        return flow_error_set(err, FLOW_ARGUMENT, "--solver: say how many steps it is to take with --steps N");
    FLOW_TRY(flow_models_load(&out->models, path, err));
    if (options->steps > 0)
        FLOW_TRY(session_set_steps(out->models, options, err));
    out->model = out->models->members[0];
    out->dim = out->model->f->dim;
    out->n_context = out->model->f->context.n;
    out->width = flow_width(out->model->f);
    out->context = out->model->spec->data->context.at;
    out->columns = (const char *const *)out->model->columns;
    FLOW_TRY(session_name_latents(out, err));
    FLOW_TRY(flow_models_run(&out->ensemble, out->models, flow_run_threads(options->n_threads), err));
    out->runner = out->ensemble->n == 1 ? out->ensemble->members[0] : NULL;
    return FLOW_OK;
}

flow_status flow_session_open(flow_session *out, const char *path, const flow_session_options *options, flow_error *err)
{
    return flow_comm_agree(options->comm, session_open(out, path, options, err), err);
}

void flow_session_close(flow_session *s)
{
    flow_ensemble_free(s->ensemble);
    flow_models_free(s->models);
    flow_name_list_free(&s->latents);
    *s = (flow_session){0};
}

flow_status flow_session_check_latents(const flow_session *s, flow_error *err)
{
    if (s->runner != NULL)
        return FLOW_OK;
    return flow_error_set(err, FLOW_ARGUMENT,
                          "%s: is an ensemble of %d models, each with a latent space of its own, so "
                          "there is no map of x to one z; name one of the models, which \"flowctl info %s\" lists",
                          s->name, s->models->n, s->name);
}

const char **flow_session_names(const flow_session *s, const char *const *first)
{
    const char **names = malloc(((size_t)s->width + 1) * sizeof *names);
    for (int i = 0; names != NULL && i < s->width; i++)
        names[i] = i < s->dim ? first[i] : s->context[i - s->dim];
    if (names != NULL)
        names[s->width] = NULL;
    return names;
}

void flow_session_add_name(const flow_session *s, const char **names, const char *wanted,
                           char room[FLOW_ADDED_NAME_SIZE], const flow_run_hooks *hooks)
{
    names[s->width] = wanted;
    for (int k = 2; session_has(names, s->width, names[s->width]); k++) {
        snprintf(room, FLOW_ADDED_NAME_SIZE, "%.20s_%d", wanted, k);
        names[s->width] = room;
    }
    if (names[s->width] == room)
        flow_run_warn(hooks, "the model has a column \"%s\" of its own; the one that is added is \"%s\"", wanted, room);
}

/* Whether the names are x1, x2, ... by place, because the training data had none. Models of the first versions do not
 * say; names that look like numbers are then taken for them. */
static bool session_is_numbered(const flow_model *model)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(model->provenance, "data");
    const cJSON *named = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(data, "train"), "has_names");
    return cJSON_IsFalse(named) || named == NULL;
}

flow_image flow_session_image(const flow_session *s)
{
    return flow_image_of_options(s->model->spec->image);
}

flow_picture_options flow_session_picture(const flow_session *s)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(s->model->provenance, "data");
    const flow_data_origin origin = flow_data_origin_read(data, "train");
    flow_picture_options out = {.shape = flow_session_image(s).shape, .least = 0, .most = 1};
    if (origin.black < origin.white) {
        out.least = origin.black;
        out.most = origin.white;
    }
    return out;
}

flow_number_list flow_session_missing(const flow_session *s, const flow_number_list *named)
{
    return named->n > 0 ? *named : s->model->spec->data->missing;
}

static flow_status session_open_input(const flow_session *s, flow_input *out, const char *location,
                                      const char *const *names, int n, const flow_input_options *options,
                                      flow_error *err)
{
    if (flow_file_identify(location) == FLOW_FILE_MODEL)
        return flow_error_set(err, FLOW_DATA,
                              "%s: is a model, and data were expected: a table, FILE.csv or FILE.h5, behind the model",
                              location);
    if (flow_file_identify(location) == FLOW_FILE_JSON)
        return flow_error_set(err, FLOW_DATA,
                              "%s: is JSON, and data were expected: if it is a spec, flowctl train "
                              "makes a model of it, which goes in front of the data",
                              location);
    flow_input_options o = *options;
    o.columns = names;
    o.n_columns = n;
    o.n_context = s->n_context;
    o.n_classes = (int)s->model->spec->data->classes;
    o.label = n - s->n_context + flow_data_options_label(s->model->spec->data);
    o.numbered = session_is_numbered(s->model);
    o.chosen = o.chosen || s->model->spec->data->columns.n > 0;
    return flow_input_open(out, location, &o, err);
}

/* What the input is at rank 0. */
typedef struct session_input {
    int64_t n_rows, text_bytes;
    flow_position start;
    int n_read, n_columns;
    bool has_optional;
    bool fits; /* the ranks can try to share it */
} session_input;

static session_input session_look_at_input(const flow_input *in)
{
    if (in->reader == NULL)
        return (session_input){0};
    return (session_input){in->reader->n_rows, in->reader->text_bytes, flow_reader_tell(in->reader),
                           in->n_read, in->n_columns, in->has_optional, flow_row_parts_fit(in->reader)};
}

static bool session_is_same_input(const session_input *a, const session_input *b)
{
    return a->n_rows == b->n_rows && a->text_bytes == b->text_bytes && a->start.row == b->start.row &&
           a->start.offset == b->start.offset && a->start.line == b->start.line && a->n_read == b->n_read &&
           a->n_columns == b->n_columns && a->has_optional == b->has_optional && a->fits == b->fits;
}

/* Opens the input at the other ranks, too, if all of them can, and finds its rows. Else rank 0 has it alone. */
static flow_status session_share_input(const flow_session *s, flow_input *out, const char *location,
                                       const char *const *names, int n, const flow_input_options *options,
                                       const session_input *first, flow_error *err)
{
    const flow_comm *comm = s->options.comm;
    const bool root = flow_is_root(comm);
    flow_status status = FLOW_OK;
    if (!options->shared || !first->fits || flow_comm_size(comm) == 1)
        return FLOW_OK;
    bool same = root || session_open_input(s, out, location, names, n, options, NULL) == FLOW_OK;
    const session_input mine = session_look_at_input(out);
    same = same && session_is_same_input(&mine, first);
    if (!flow_comm_any(comm, !same))
        status = flow_row_parts_find(&out->parts, out->reader, comm, err);
    if (out->parts == NULL && !root)
        flow_input_close(out);
    return status;
}

flow_status flow_session_open_input(const flow_session *s, flow_input *out, const char *location,
                                    const char *const *names, int n, const flow_input_options *options, flow_error *err)
{
    const flow_comm *comm = s->options.comm;
    const bool root = flow_is_root(comm);
    FLOW_TRY(flow_root_status(comm, root ? session_open_input(s, out, location, names, n, options, err) : FLOW_OK,
                              err));
    session_input first = session_look_at_input(out);
    flow_comm_broadcast(comm, 0, &first, sizeof first);
    FLOW_TRY(session_share_input(s, out, location, names, n, options, &first, err));
    if (!root && out->parts == NULL)
        *out = (flow_input){.n_columns = first.n_columns, .has_optional = first.has_optional};
    return FLOW_OK;
}

const flow_report_field flow_solving_fields[] = {
    {"mean", FLOW_MEMBER(flow_solving, mean)},
    {"most", FLOW_MEMBER(flow_solving, most)},
    FLOW_REPORT_END,
};

flow_solving flow_session_solving(const flow_session *s, flow_direction to)
{
    const flow_comm *comm = s->options.comm;
    double evaluations = 0, solves = 0, most = 0;
    for (int k = 0; k < s->ensemble->n; k++) {
        const flow_runner *runner = s->ensemble->members[k];
        const flow_nfe mine = flow_runner_nfe(runner, to);
        const flow_nfe nfe = {.rows = flow_comm_sum_int(comm, mine.rows),
                              .evaluations = flow_comm_sum_int(comm, mine.evaluations),
                              .most = flow_comm_most(comm, mine.most)};
        evaluations += (double)nfe.evaluations;
        solves += (double)nfe.rows * flow_n_solvers(runner->f);
        most = fmax(most, flow_nfe_most(&nfe, runner->f));
    }
    return (flow_solving){solves > 0 ? evaluations / solves : 0, most, solves > 0};
}

const char *flow_session_round_trip_unit(const flow_session *s)
{
    return flow_rows_judge_values(s->model->f) ? "values of a pixel" : "units of the base's standard deviation";
}

static bool session_solves(const flow_session *s)
{
    for (int k = 0; k < s->models->n; k++)
        if (flow_n_solvers(s->models->members[k]->f) > 0)
            return true;
    return false;
}

void flow_session_diagnose_round_trip(const flow_session *s, char *out, size_t size)
{
    if (s->options.steps > 0)
        snprintf(out, size,
                 "with --steps %lld the way back is not the inverse of the way there; the error falls as "
                 "the number of steps grows",
                 (long long)s->options.steps);
    else if (session_solves(s))
        snprintf(out, size,
                 "this is the error of the solver that the spec sets for the differential equations, not of "
                 "rounding; a finer one (solver.rtol, solver.steps; --steps of sample) lowers it");
    else
        snprintf(out, size,
                 "the model is close to singular there and its inverse loses digits: make PRECISION=double "
                 "has more of them");
}
