/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "run/format.h"
#include "run/tune.h"
#include "stop.h"
#include "train_spec.h"

typedef struct tune_args {
    train_args train;
    int64_t epochs;
    flow_run_tune_options run;
} tune_args;

#define ARG(member) OPT_MEMBER(tune_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("SPEC|DATA", OPT_ARGUMENT, tune_args, train.run.spec,
                     "a JSON file that names the data and a flow to start from; or data, " INIT_DATA_HELP ": then a "
                     "spec is made for them, as \"flowctl init\" does, and its object \"tune\" says what varies"),
    {"trials", 'n', ARG(run.trials), "N", "how many candidates to try, the spec itself among them", .fallback = "27",
     .least = 1, .most = FLOW_TUNE_TRIALS_MAX},
    {"epochs", 'e', ARG(epochs), "N", "the epochs of the last rung, instead of train.epochs of the spec", .least = 1,
     .most = 1e9},
    {"factor", 0, ARG(run.factor), "N",
     "one of N candidates goes on to the next rung, with N times the epochs", .fallback = "3", .least = 2, .most = 100},
    {"minutes", 'm', ARG(run.minutes), "M",
     "end after about M minutes with the best model so far; the result then depends on the speed of the machine",
     .least = 0.01, .most = 1e6},
    TRAIN_ROWS_DATA,
    {"test", 0, ARG(train.init.test), "DATA", "data for the last score, which decide nothing, instead of data.test; a "
     "number between 0 and 1 is the share of the training rows to leave for it"},
    {"output", 'o', ARG(run.output), "MODEL", "the best model, FILE.h5; its spec goes to FILE.json and the search to "
     "the folder FILE.tune. NAME-tuned.h5 beside the spec by default"},
    {"keep", 'k', ARG(run.keep), "K", "store an ensemble as the model: a mixture of the K best models, with weights "
     "that are fitted to the held-out rows. K candidates are trained to the end, at least; the best model and its spec "
     "go to FILE-single.h5 and FILE-single.json",
     .least = 2, .most = FLOW_MEMBERS_MAX},
    TRAIN_ROWS_KEYS,
    INIT_OPTION_ROWS(tune_args, train.init),
    TRAIN_ROWS_SEED,
    {"resume", 'r', ARG(run.resume), NULL, "go on with a search that was stopped, with the same result as without the "
     "stop; start anew if there is none yet"},
    {"force", 'f', ARG(run.force), NULL, "replace a search that exists, and its model"},
    OPT_COMMON_JSON("print {\"model\", \"spec\", \"validation\", \"test\", \"candidates\", ...} on standard output at "
                    "the end"),
    {"threads", 'j', OPT_MEMBER(common_args, threads), "N",
     "candidates to train side by side, one thread each; all processors by default. Without --minutes no result "
     "depends on it", .least = 1, .most = 1024},
    {"math", 0, OPT_MEMBER(common_args, math), "MATH",
     "how matrices are multiplied: float, or bf16x3, three products of bfloat16 parts, which is faster where the "
     "processor has AMX, with a relative error of 4e-6. By default float, and what is resumed goes on as it began",
     .choices = flow_math_names, .given = offsetof(common_args, has_math)},
    OPT_COMMON_QUIET("show no progress and no summary; warnings and errors remain"),
    OPT_COMMON_HELP,
    OPT_END,
};

/* ---- while it runs ---- */

#define RESULT(member) FLOW_MEMBER(flow_run_tune_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_tune_result, member)

static const flow_report_field start_fields[] = {
    {NULL, NULL, "%s: ", RESULT(source)},
    {NULL, NULL, "%d candidate{|s}", RESULT(n_candidates)},
    {NULL, NULL, " (with all %d combination{|s} of the space)", RESULT(n_combinations), WHEN(exhausted)},
    {NULL, NULL, " on %d thread{|s}", RESULT(n_threads)},
    {NULL, NULL, ", %s rows", RESULT(n_rows)},
    {NULL, NULL, " of %d column{|s}", RESULT(dim)},
    {NULL, NULL, ", compared on %s held-out rows", RESULT(n_held_out)},
    {NULL, NULL, "\nthe spec names no validation data: a share of %.6g of the rows is held out",
     RESULT(validation_share), .positive = true},
    {NULL, NULL, "\nthe spec names no test data: a share of %.6g of the rows is left for the last score",
     RESULT(test_share), .positive = true},
    {NULL, NULL, "\n%d spec{ of the space does|s of the space do} not fit the data; search.json says why",
     RESULT(n_refused), .positive = true},
    {NULL, NULL, "\nvaried, with the number of values: %s", RESULT(varied)},
    {NULL, NULL, "\nas the spec has them: %s; list them in tune.space to vary them too", RESULT(pinned)},
    {NULL, NULL, "\nresumed from %s", RESULT(folder), WHEN(resumed)},
    FLOW_REPORT_END,
};

static void show_plan(console *con, const flow_run_tune_result *search)
{
    flow_text text = {0};
    for (int k = 0; k < search->n_rungs; k++)
        flow_text_add(&text, "%s%lld to epoch %lld", k > 0 ? ", " : "", (long long)search->rungs[k].candidates,
                      (long long)search->rungs[k].epochs);
    console_say(con, CONSOLE_NOTE, "rungs: %s; the spec itself is in all of them", text.data != NULL ? text.data : "");
    flow_text_free(&text);
}

static void show_start(void *context, const flow_run_tune_result *search)
{
    console *con = context;
    const report_format format = {.fields = start_fields, .note = true};
    report_print(con, &format, search, NULL);
    show_plan(con, search);
}

static const char *show_validation(char out[FLOW_FORMAT_SIZE], const flow_tune_candidate *c)
{
    out[0] = '\0';
    return isfinite(c->validation.mean) ? flow_format_estimate_fixed(out, c->validation.mean, c->validation.error)
                                        : out;
}

static void show_candidate(void *context, const flow_run_tune_result *search, const flow_tune_candidate *c)
{
    console *con = context;
    char validation[FLOW_FORMAT_SIZE];
    show_validation(validation, c);
    if (c->state == FLOW_TUNE_FAILED)
        console_say(con, CONSOLE_NOTE, "rung %d  candidate %3lld  failed: %s", search->rung + 1, (long long)c->number,
                    c->problem != NULL ? c->problem : "");
    else if (!con->terminal) /* the live table shows it */
        console_say(con, CONSOLE_NOTE, "rung %d  candidate %3lld  epoch %lld%s  validation %s  %s", search->rung + 1,
                    (long long)c->number, (long long)c->epochs, c->state == FLOW_TUNE_LATE ? " (late)" : "",
                    validation[0] != '\0' ? validation : "none", c->settings);
}

static int show_compare(const void *a, const void *b)
{
    const flow_tune_candidate *first = *(const flow_tune_candidate *const *)a;
    const flow_tune_candidate *second = *(const flow_tune_candidate *const *)b;
    const bool training = first->state == FLOW_TUNE_TRAINING;
    if (training != (second->state == FLOW_TUNE_TRAINING))
        return training ? 1 : -1;
    if (!training && first->validation.mean != second->validation.mean)
        return first->validation.mean > second->validation.mean ? -1 : 1;
    return first->number < second->number ? -1 : 1;
}

/* The best ones of the rung so far, and those in training: "3/9" is the epoch of one. */
static void show_table(flow_text *text, const flow_run_tune_result *search)
{
    enum { SHOWN = 8 };
    const flow_tune_candidate *shown[FLOW_TUNE_TRIALS_MAX], *c = search->candidates.items;
    size_t n = 0, done = 0;
    for (size_t i = 0; i < search->candidates.n && n < FLOW_TUNE_TRIALS_MAX; i++)
        if (c[i].state == FLOW_TUNE_TRAINING || c[i].state == FLOW_TUNE_DONE || c[i].state == FLOW_TUNE_LATE)
            shown[n++] = &c[i];
    qsort(shown, n, sizeof *shown, show_compare);
    for (size_t i = 0; i < n; i++) {
        char validation[FLOW_FORMAT_SIZE], epoch[FLOW_FORMAT_SIZE];
        const bool training = shown[i]->state == FLOW_TUNE_TRAINING;
        if (!training && done++ >= SHOWN)
            continue;
        snprintf(epoch, sizeof epoch, "%lld", (long long)shown[i]->epochs);
        if (training)
            snprintf(epoch, sizeof epoch, "%lld/%lld", (long long)shown[i]->progress.epoch,
                     (long long)search->rungs[search->rung].epochs);
        flow_text_add(text, "\n  %9lld  %9s  %-21s  %s", (long long)shown[i]->number, epoch,
                      show_validation(validation, shown[i]), shown[i]->settings);
    }
}

static void show_step(void *context, const flow_run_tune_result *search)
{
    console *con = context;
    if (!console_live_is_due(con))
        return;
    const flow_tune_candidate *c = search->candidates.items;
    char failed[FLOW_FORMAT_SIZE] = "", elapsed[FLOW_FORMAT_SIZE];
    int64_t done = 0, all = 0;
    for (size_t i = 0; i < search->candidates.n; i++) {
        done += c[i].state == FLOW_TUNE_DONE || c[i].state == FLOW_TUNE_LATE;
        all += c[i].state <= FLOW_TUNE_LATE;
    }
    if (search->n_failed > 0)
        snprintf(failed, sizeof failed, ", %lld failed", (long long)search->n_failed);
    flow_text text = {0};
    flow_text_add(&text, "rung %d of %d, to epoch %lld: %lld of %lld candidates done%s; %s\n", search->rung + 1,
                  search->n_rungs, (long long)search->rungs[search->rung].epochs, (long long)done, (long long)all,
                  failed, flow_format_duration(elapsed, search->seconds));
    flow_text_add(&text, "  candidate      epoch  validation             settings");
    show_table(&text, search);
    if (text.data != NULL)
        console_live(con, text.data);
    flow_text_free(&text);
}

static void show_rung(void *context, const flow_run_tune_result *search)
{
    console *con = context;
    const flow_tune_candidate *c = search->ranking.items, *all = search->candidates.items;
    flow_text text = {0};
    for (size_t i = 0; i < search->ranking.n; i++)
        if (all[c[i].number - 1].state <= FLOW_TUNE_LATE)
            flow_text_add(&text, "%s%lld", text.length > 0 ? ", " : "", (long long)c[i].number);
    if (search->rung < search->n_rungs && text.data != NULL)
        console_say(con, CONSOLE_NOTE, "rung %d is done; these go on, the best first: %s", search->rung, text.data);
    flow_text_free(&text);
}

/* ---- the end ---- */

#define BEST(member) FLOW_MEMBER_THROUGH(flow_run_tune_result, best, flow_tune_candidate, member)
#define CANDIDATE(member) FLOW_MEMBER(flow_tune_candidate, member)

static const flow_report_field ranking_fields[] = {
    {NULL, "candidate", "%d", CANDIDATE(number), .width = 9},
    {NULL, "epochs", "%d", CANDIDATE(epochs), .width = 6},
    {NULL, "validation", "%s", CANDIDATE(validation), .width = 21},
    {NULL, "behind", "%s", CANDIDATE(behind), .width = 19},
    {NULL, "seconds", "%.1f", CANDIDATE(seconds), .width = 7},
    {NULL, "settings", "%s", CANDIDATE(settings), .left = true},
    FLOW_REPORT_END,
};

#define ENSEMBLE(member) FLOW_MEMBER(flow_tune_ensemble, member)

static const flow_report_field ensemble_fields[] = {
    {NULL, "ensemble", "%s", ENSEMBLE(model)},
    {NULL, "", "of the candidate{|s} (with weight{|s}) ", ENSEMBLE(members)},
    {NULL, NULL, "%s", ENSEMBLE(mixed)},
    {NULL, "validation", "%s nats", ENSEMBLE(scores.validation)},
    {NULL, NULL, " (the same rows, to which the weights were fitted); above the best candidate by %s, row by row",
     ENSEMBLE(scores.gain)},
    {NULL, "test", "%s nats", ENSEMBLE(scores.test)},
    {NULL, NULL, "; above the best candidate by %s, row by row", ENSEMBLE(scores.test_gain)},
    FLOW_REPORT_END,
};

static const flow_report_field result_fields[] = {
    {NULL, NULL, "%s: ", RESULT(model)},
    {NULL, NULL, "the best of %d candidate{|s}", RESULT(n_candidates)},
    {NULL, NULL, " in %t", RESULT(seconds)},
    {NULL, NULL, "; %d failed", RESULT(n_failed), .positive = true},
    {NULL, NULL, "; %d had no turn in this time", RESULT(n_untried), .positive = true},
    {NULL, "candidate", "%d", BEST(number)},
    {NULL, NULL, ": %s", BEST(settings)},
    {NULL, NULL, ", whose training was not over when the time was", RESULT(unfinished)},
    {NULL, "validation", "%s nats", BEST(validation)},
    {NULL, NULL, " (%s rows, which chose it: this flatters)", RESULT(n_held_out)},
    {NULL, NULL, "; above the spec itself by %s, row by row", RESULT(gain)},
    {NULL, "as good", "%d other{|s} of the last rung, within two standard errors of the difference", RESULT(n_tied),
     .positive = true},
    {NULL, "test", "%s nats", RESULT(test)},
    {NULL, NULL, " (%s rows, which the search never saw)", RESULT(n_test), .positive = true},
    {NULL, NULL, "; above the spec itself by %s, row by row", RESULT(test_gain)},
    {NULL, "its spec", "%s", RESULT(spec)},
    FLOW_REPORT_GROUP_WHEN(NULL, flow_run_tune_result, ensemble, ensemble.model, ensemble_fields),
    {NULL, "all of them", "%s", RESULT(table)},
    {"model", RESULT(model)},
    {"spec", RESULT(spec)},
    {"folder", RESULT(folder)},
    {"table", RESULT(table)},
    {"candidate", BEST(number)},
    {"settings", BEST(settings)},
    {"set", BEST(set)},
    {"epochs", BEST(epochs)},
    {"unfinished", RESULT(unfinished)},
    FLOW_REPORT_GROUP_ROW("gain", flow_run_tune_result, gain, flow_mean_fields),
    {"tied", RESULT(n_tied)},
    FLOW_REPORT_GROUP_ROW("test", flow_run_tune_result, test, flow_mean_fields),
    {"test_rows", RESULT(n_test)},
    FLOW_REPORT_GROUP_ROW("test_gain", flow_run_tune_result, test_gain, flow_mean_fields),
    FLOW_REPORT_GROUP_WHEN("ensemble", flow_run_tune_result, ensemble, ensemble.model, flow_tune_ensemble_fields),
    {"validation_rows", RESULT(n_held_out)},
    {"validation_share", RESULT(validation_share)},
    {"test_share", RESULT(test_share)},
    {"trials", RESULT(n_candidates)},
    {"untried", RESULT(n_untried)},
    {"failed", RESULT(n_failed)},
    {"refused", RESULT(n_refused)},
    {"combinations", RESULT(n_combinations)},
    {"seconds", RESULT(seconds)},
    {"resumed", RESULT(resumed)},
    {"candidates", FLOW_REPORT_LIST_OF(flow_run_tune_result, candidates, flow_tune_candidate,
                                       flow_tune_candidate_fields)},
    FLOW_REPORT_END,
};

/* The best ones; the table in the folder has all of them. */
static const flow_report_field table_fields[] = {
    {.table = true, FLOW_REPORT_LIST_OF(flow_run_tune_result, ranking, flow_tune_candidate, ranking_fields)},
    {NULL, NULL, "\nbehind: the best one of the same rung minus this one, on the same held-out rows\n\n",
     RESULT(model)},
    FLOW_REPORT_END,
};

static flow_status show_end(console *con, flow_run_tune_result *result, bool json, flow_error *err)
{
    enum { SHOWN = 10 };
    const report_format table = {.fields = table_fields}, end = {.json = json, .fields = result_fields, .indent = 2,
                                                                 .width = 11};
    if (!json && con->quiet)
        return FLOW_OK;
    const size_t n = result->ranking.n;
    result->ranking.n = n < SHOWN ? n : SHOWN;
    flow_status status = json ? FLOW_OK : report_print(con, &table, result, err);
    result->ranking.n = n;
    return status == FLOW_OK ? report_print(con, &end, result, err) : status;
}

/* ---- the command ---- */

static flow_status tune_run(void *args_, console *con, flow_error *err)
{
    tune_args *args = args_;
    flow_run_tune_options *o = &args->run;
    const common_args *common = &args->train.common;
    opt_texts *set = &args->train.set;
    o->comm = common->comm;
    o->n_threads = common->threads;
    o->has_math = common->has_math;
    o->argc = common->argc;
    o->argv = common->argv;
    o->hooks = console_hooks(con, NULL);
    if (flow_comm_rank(o->comm) > 0)
        return flow_tune_serve(o, err);
    flow_run_tune_result result = {0};
    flow_run_init_result made = {0};
    char epochs[64], *owned[TRAIN_OVERRIDES] = {0};
    snprintf(epochs, sizeof epochs, "train.epochs=%lld", (long long)args->epochs);
    args->train.run.output = o->output; /* where the overrides expect it */
    args->train.run.force = o->force;
    args->train.run.resume = o->resume;
    flow_status status = train_find_spec(&args->train, false, &made, con, err);
    o->spec = args->train.run.spec;
    if (status == FLOW_OK)
        status = train_collect_overrides(set, owned, &args->train, err);
    if (status == FLOW_OK && args->epochs > 0)
        status = opt_texts_add(set, epochs, "epochs", err);
    o->overrides = set->at;
    o->n_overrides = set->n;
    o->context = con;
    o->on_start = show_start;
    o->on_step = show_step;
    o->on_candidate = show_candidate;
    o->on_rung = show_rung;
    if (status == FLOW_OK)
        status = flow_run_tune(&result, o, err);
    flow_tune_dismiss(o->comm);
    for (int i = 0; i < TRAIN_OVERRIDES; i++)
        free(owned[i]);
    console_clear(con);
    if (status == FLOW_OK) {
        status = show_end(con, &result, common->json, err);
    } else if (status == FLOW_INTERRUPTED) {
        console_say(con, CONSOLE_NOTE, "stopped by %s in rung %d of %d; the same command with --resume%s goes on",
                    stop_signal_name(), result.rung + 1, result.n_rungs,
                    o->force ? " instead of --force" : "");
        err->message[0] = '\0'; /* the user asked for it */
    }
    flow_run_tune_free(&result);
    flow_run_init_free(&made);
    return status;
}

const command command_tune = {
    .name = "tune",
    .summary = "search for a better spec: flow, widths, learning rate, ...",
    .description = "Tries variations of a spec and keeps the best model. Candidates are drawn by the seed from a "
                   "space of specs (docs/spec.md, \"tune\"), the spec itself being the first. All are trained for a "
                   "few epochs, the best third of them for three times as many, and so on; those that are left are "
                   "trained to the end (successive halving). They are compared by the held-out log-density, row by "
                   "row. The object \"tune\" of the spec says what varies; without it, the search does not change a "
                   "key that the spec writes, other than \"flow\".\nWith data in place of a spec, a spec is made for "
                   "them first, events.json for events.csv, in the current folder: its \"tune\" has values around "
                   "those that init chose, of the maps, the flow, the base and the training. With --resume, a spec "
                   "that is there stays.\nThe rows of data.test, or a tenth of the "
                   "training rows that is split off before, decide nothing: the best model is evaluated on them "
                   "once, at the end, beside the spec itself.\nThe folder of the search has the spec and the model "
                   "of every candidate, and a table. After Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 or a crash, --resume goes "
                   "on with the same result as without the stop. A candidate that fails is counted and left out.",
    .examples = "  flowctl tune events.csv --minutes 10\n"
                "  flowctl tune events.json\n"
                "  flowctl tune events.json --minutes 30 -o best.h5\n"
                "  flowctl tune events.json --trials 81 --epochs 200 --resume",
    .options = options, .args_size = sizeof(tune_args), .run = tune_run,
    .shares = true,
};
