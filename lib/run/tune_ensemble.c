/* The ensemble at the end of a search: the best candidates, mixed with the weights that make the held-out rows
 * likeliest. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/mixing.h"
#include "num/moments.h"
#include "run/tune_search.h"

#define MEMBER(member) FLOW_MEMBER(flow_tune_member, member)

static const flow_report_field member_fields[] = {
    {"candidate", MEMBER(candidate)},
    {"weight", MEMBER(weight)},
    {"settings", MEMBER(settings)},
    FLOW_REPORT_END,
};

const flow_report_field flow_tune_ensemble_fields[] = {
    {"model", FLOW_MEMBER(flow_tune_ensemble, model)},
    FLOW_REPORT_GROUP_ROW("", flow_tune_ensemble, scores, flow_ensemble_scores_fields),
    {"members", FLOW_REPORT_LIST_OF(flow_tune_ensemble, members, flow_tune_member, member_fields)},
    FLOW_REPORT_END,
};

/* Starts from {0}. */
typedef struct tune_mixture {
    tune_search *s;
    flow_models models;
    flow_model *members[FLOW_MEMBERS_MAX];
    double weights[FLOW_MEMBERS_MAX];
    const flow_tune_candidate *of[FLOW_MEMBERS_MAX];
    char *files[FLOW_MEMBERS_MAX];
    flow_row_scores validation[FLOW_MEMBERS_MAX], test[FLOW_MEMBERS_MAX];
} tune_mixture;

static void mixture_free_scores(flow_row_scores *scores)
{
    free(scores->logprob);
    free(scores->weight);
}

static void mixture_free(tune_mixture *m)
{
    for (int k = 0; k < m->models.n; k++) {
        flow_model_free(m->members[k]);
        free(m->files[k]);
        mixture_free_scores(&m->validation[k]);
        mixture_free_scores(&m->test[k]);
    }
    cJSON_Delete(m->models.provenance);
    cJSON_Delete(m->models.summary);
}

/* ---- the members ---- */

static flow_status mixture_check(const tune_mixture *m, int k, flow_error *err)
{
    if (k == 0)
        return FLOW_OK;
    if (m->validation[k].n != m->validation[0].n || m->test[k].n != m->test[0].n)
        return flow_error_set(err, FLOW_ARGUMENT, "it has other rows of validation or test data than the best one");
    return flow_ensemble_check_pair(m->members[0]->f, m->members[k]->f, (const char *const *)m->members[0]->columns,
                                    err);
}

/* Evaluates and loads a candidate, which is left out if it cannot be mixed with the first one. */
static flow_status mixture_add(tune_mixture *m, const flow_tune_candidate *c, flow_error *err)
{
    const int k = m->models.n++;
    flow_run_train_result result = {0};
    char *spec = tune_file_of(m->s, c, "json");
    m->files[k] = tune_file_of(m->s, c, "h5");
    m->of[k] = c;
    m->validation[k] = m->test[k] = (flow_row_scores){0};
    m->members[k] = NULL;
    flow_status status = spec != NULL && m->files[k] != NULL ? tune_evaluate(m->s, &result, spec, m->files[k], err)
                                                             : flow_error_memory(err, "a path");
    if (status == FLOW_OK) {
        m->validation[k] = result.validation; /* taken over */
        m->test[k] = result.test;
        result.validation = result.test = (flow_row_scores){0};
        status = flow_model_load(&m->members[k], m->files[k], err);
    }
    if (status == FLOW_OK)
        status = mixture_check(m, k, err);
    if (status == FLOW_ARGUMENT && k > 0) {
        flow_run_warn(&m->s->options->hooks, "candidate %lld is not in the ensemble: %s", (long long)c->number,
                      err->message);
        flow_model_free(m->members[k]);
        free(m->files[k]);
        mixture_free_scores(&m->validation[k]);
        mixture_free_scores(&m->test[k]);
        m->models.n--;
        status = FLOW_OK;
    }
    flow_run_train_free(&result);
    free(spec);
    return status;
}

/* ---- weights and scores ---- */

static flow_status mixture_fit(tune_mixture *m, flow_error *err)
{
    const size_t n = (size_t)m->validation[0].n;
    double *logp = calloc(n * (size_t)m->models.n + 1, sizeof *logp);
    if (logp == NULL)
        return flow_error_memory(err, "the weights of an ensemble");
    for (int k = 0; k < m->models.n; k++)
        memcpy(logp + (size_t)k * n, m->validation[k].logprob, n * sizeof *logp);
    flow_status status = flow_mixing_fit(m->weights, logp, m->validation[0].weight, n, m->models.n, err);
    free(logp);
    return status;
}

/* The mean log-density of the mixture, and what it is above that of the first member, row by row. */
static void mixture_score(flow_mean *mean, flow_mean *gain, const tune_mixture *m, const flow_row_scores *scores)
{
    flow_moments all = {0}, above = {0};
    *mean = *gain = (flow_mean){NAN, NAN};
    for (int64_t i = 0; i < scores[0].n; i++) {
        double logp = -INFINITY;
        for (int k = 0; k < m->models.n; k++)
            logp = flow_log_add(logp, log(m->weights[k]) + scores[k].logprob[i]);
        flow_moments_add(&all, logp, scores[0].weight[i]);
        flow_moments_add(&above, logp - scores[0].logprob[i], scores[0].weight[i]);
    }
    if (scores[0].n == 0)
        return;
    *mean = (flow_mean){flow_moments_mean(&all), flow_moments_error(&all)};
    *gain = (flow_mean){flow_moments_mean(&above), flow_moments_error(&above)};
}

static flow_status mixture_describe(tune_mixture *m, flow_error *err)
{
    flow_tune_ensemble *out = &m->s->out->ensemble;
    flow_text text = {0};
    flow_tune_member *list = calloc((size_t)m->models.n + 1, sizeof *list);
    out->members = (flow_list){list, (size_t)m->models.n};
    for (int k = 0; k < m->models.n && list != NULL; k++) {
        list[k] = (flow_tune_member){m->of[k]->number, m->weights[k], m->of[k]->settings};
        flow_text_add(&text, "%s%lld (%.3f)", k > 0 ? ", " : "", (long long)m->of[k]->number, m->weights[k]);
    }
    out->mixed = text.data;
    out->scores = (flow_ensemble_scores){.validation_rows = m->validation[0].n, .test_rows = m->test[0].n};
    mixture_score(&out->scores.validation, &out->scores.gain, m, m->validation);
    mixture_score(&out->scores.test, &out->scores.test_gain, m, m->test);
    return list != NULL && !text.failed ? FLOW_OK : flow_error_memory(err, "the members of an ensemble");
}

/* ---- its file ---- */

static flow_status mixture_save(tune_mixture *m, flow_error *err)
{
    const flow_tune_ensemble *out = &m->s->out->ensemble;
    const char *settings[FLOW_MEMBERS_MAX];
    for (int k = 0; k < m->models.n; k++)
        settings[k] = m->of[k]->settings;
    m->models.provenance = flow_ensemble_provenance(&m->models, (const char *const *)m->files, settings);
    m->models.summary = flow_report_json(flow_ensemble_scores_fields, &out->scores, err);
    if (m->models.provenance == NULL || m->models.summary == NULL)
        return flow_error_memory(err, "the description of an ensemble");
    return flow_models_save(out->model, &m->models, err);
}

flow_status tune_store_ensemble(tune_search *s, flow_error *err)
{
    const int64_t keep = s->options->keep;
    const flow_tune_candidate *ranked = s->out->ranking.items;
    tune_mixture *m = calloc(1, sizeof *m);
    if (m == NULL)
        return flow_error_memory(err, "an ensemble");
    m->s = s;
    m->models.members = m->members;
    m->models.weights = m->weights;
    flow_status status = FLOW_OK;
    for (size_t i = 0; i < s->out->ranking.n && m->models.n < keep && status == FLOW_OK; i++)
        status = mixture_add(m, &ranked[i], err);
    if (status == FLOW_OK)
        status = mixture_fit(m, err);
    if (status == FLOW_OK)
        status = mixture_describe(m, err);
    if (status == FLOW_OK)
        status = mixture_save(m, err);
    mixture_free(m);
    free(m);
    return status;
}

void tune_free_ensemble(flow_tune_ensemble *ensemble)
{
    free(ensemble->model);
    free(ensemble->mixed);
    free(ensemble->members.items);
}
