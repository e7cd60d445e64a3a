/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/format.h"
#include "run/train.h"
#include "stop.h"
#include "train_spec.h"

#define ARG(member) OPT_MEMBER(train_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("SPEC|DATA", OPT_ARGUMENT, train_args, run.spec,
                     "a JSON file that names the data, the flow, the training and the model file; or data, "
                     INIT_DATA_HELP ": then a spec is made for them, as \"flowctl init\" does"),
    TRAIN_ROWS_DATA,
    {"test", 0, ARG(init.test), "DATA", "data to evaluate once, at the end, instead of data.test; a number between 0 "
     "and 1 is the share of the training rows to leave for it"},
    {"output", 'o', ARG(run.output), "MODEL", "the model file, instead of \"output\" of the spec"},
    TRAIN_ROWS_KEYS,
    INIT_OPTION_ROWS(train_args, init),
    INIT_MINUTES_ROW(train_args, init),
    TRAIN_ROWS_SEED,
    {"resume", 'r', ARG(run.resume), NULL, "continue a run that was stopped, with the same result as without the "
     "stop; start anew if there is no model yet"},
    {"force", 'f', ARG(run.force), NULL, "replace a model that exists"},
    {"profile", 0, ARG(run.profile), NULL,
     "show at the end how the time was spent: reading, matrix products, elementwise work, waiting, optimizer"},
    OPT_COMMON_JSON("print {\"model\", \"epochs\", \"best_epoch\", \"seconds\", \"validation\", \"test\", ...} on "
                    "standard output at the end"),
    OPT_COMMON_THREADS,
    {"math", 0, OPT_MEMBER(common_args, math), "MATH",
     "how matrices are multiplied: float, or bf16x3, three products of bfloat16 parts, which is faster where the "
     "processor has AMX, with a relative error of 4e-6. By default float, and what is resumed goes on as it began",
     .choices = flow_math_names, .given = offsetof(common_args, has_math)},
    OPT_COMMON_QUIET("show no progress and no summary; warnings and errors remain"),
    OPT_COMMON_HELP,
    OPT_END,
};

/* ---- while it runs ---- */

typedef struct train_show {
    console *con;
    bool has_loss;
    const flow *bits;       /* likelihoods are shown in bits per dimension of this flow; NULL: in nats */
    char validation[64];    /* the last held-out log-likelihood; "" without */
    flow_progress progress; /* of the last step */
} train_show;

#define RESULT(member) FLOW_MEMBER(flow_run_train_result, member)
#define SPEC(member) FLOW_MEMBER_THROUGH(flow_run_train_result, x.spec, flow_spec, member)
#define OPTION(member) FLOW_MEMBER_THROUGH(flow_run_train_result, x.data, flow_data_options, member)
#define DATA(member) FLOW_MEMBER_THROUGH(flow_run_train_result, x.training, flow_dataset, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_train_result, member)

static const flow_report_field start_fields[] = {
    {NULL, NULL, "%s: ", SPEC(name)},
    {NULL, NULL, "%s ", RESULT(x.n_rows)},
    {NULL, NULL, "%s of ", RESULT(x.row_name)},
    {NULL, NULL, "%d column{|s}", RESULT(x.dim)},
    {NULL, NULL, " given %d other{|s}", OPTION(context)},
    {NULL, NULL, " an epoch", RESULT(x.n_rows), WHEN(x.target)},
    {NULL, NULL, ", validated on %s", RESULT(x.n_held_out), .positive = true},
    {NULL, NULL, ", %s parameters", RESULT(parameters)},
    {NULL, NULL, ", %d thread{|s}", RESULT(x.n_threads)},
    {NULL, NULL, "\nthe rows are images of height %d", DATA(image.shape.height), .positive = true},
    {NULL, NULL, ", width %d", DATA(image.shape.width), .positive = true},
    {NULL, NULL, " and %d channel{|s}", DATA(image.shape.channels), .positive = true},
    {NULL, NULL, ", stored as channels, height, width", RESULT(x.channels_first)},
    {NULL, NULL, "\nweighted by %s: the rows say as much as ", OPTION(weight)},
    {NULL, NULL, "%s of equal weight", DATA(effective_rows), FLOW_REPORT_WHEN(flow_dataset, is_weighted)},
    {NULL, NULL, "; left out for a weight of 0: %s rows", DATA(n_weightless), .positive = true},
    {NULL, NULL, "\nno validation data: {|all }%d epoch{ is|s are} run and the last weights are kept; "
                 "data.validation: 0.1 would hold out a tenth of the rows and keep the best ones", RESULT(epochs),
     FLOW_REPORT_UNLESS(flow_run_train_result, x.n_held_out)},
    {NULL, NULL, "\nresumed after %d epoch{|s}", RESULT(first_epoch), WHEN(resumed)},
    FLOW_REPORT_END,
};

static void show_start(void *context, const flow_run_train_result *start)
{
    train_show *show = context;
    const report_format format = {.fields = start_fields, .note = true};
    show->has_loss = flow_objective_interpolant(&start->x.objective) != NULL;
    show->bits = flow_counts_bits(start->x.f) ? start->x.f : NULL;
    report_print(show->con, &format, start, NULL);
}

/* "  36 evaluations a solve", or "" where nothing is solved */
static const char *show_evaluations(char out[FLOW_FORMAT_SIZE], double evaluations)
{
    out[0] = '\0';
    if (evaluations > 0)
        snprintf(out, FLOW_FORMAT_SIZE, "  %.0f evaluations a solve", evaluations);
    return out;
}

static double show_training(const train_show *show, double training)
{
    return show->has_loss ? -training : show->bits != NULL ? flow_bits_per_dimension(show->bits, training) : training;
}

/* Behind the last likelihood of a line. */
static const char *show_unit(const train_show *show)
{
    return show->bits != NULL && (!show->has_loss || show->validation[0] != '\0') ? " bits/dim" : "";
}

static int show_digits(int64_t n)
{
    return snprintf(NULL, 0, "%lld", (long long)n);
}

static void show_step(void *context, const flow_progress *p)
{
    enum { LINE_SIZE = 320 };
    train_show *show = context;
    show->progress = *p;
    if (!console_live_is_due(show->con))
        return;
    char line[LINE_SIZE], rate[FLOW_FORMAT_SIZE], left[FLOW_FORMAT_SIZE], evaluations[FLOW_FORMAT_SIZE];
    snprintf(line, sizeof line, "epoch %*lld/%lld %3.0f%%  train %s%.4f%s%s%s  ETA %s  %s%s", show_digits(p->epochs),
             (long long)p->epoch, (long long)p->epochs, 100 * (double)p->row / (double)p->rows,
             show->has_loss ? "loss " : "", show_training(show, p->training),
             show->validation[0] != '\0' ? "  valid " : "", show->validation, show_unit(show),
             flow_format_duration(left, p->seconds_left), flow_format_rate(rate, p->rows_per_second),
             show_evaluations(evaluations, p->evaluations));
    console_live(show->con, line);
}

static void show_epoch(void *context, const flow_epoch *epoch)
{
    train_show *show = context;
    char rate[FLOW_FORMAT_SIZE], left[FLOW_FORMAT_SIZE], evaluations[FLOW_FORMAT_SIZE];
    bool validated = !isnan(epoch->validation);
    flow_mean validation = {epoch->validation, epoch->validation_error};
    if (show->bits != NULL)
        validation = flow_bits_of(show->bits, validation).per_dimension;
    if (validated)
        flow_format_estimate_fixed(show->validation, validation.mean, validation.error);
    if (show->con->terminal) /* the live line shows it */
        return;
    console_say(show->con, CONSOLE_NOTE, "epoch %*lld/%lld  training %s%.4f%s%s%s%s  rate %.2g  %s%s  ETA %s",
                show_digits(show->progress.epochs), (long long)epoch->epoch, (long long)show->progress.epochs,
                show->has_loss ? "loss " : "", show_training(show, epoch->training),
                validated ? "  validation " : "", show->validation, show_unit(show),
                !validated ? "" : epoch->best > 0 ? " *" : "  ", epoch->rate,
                flow_format_rate(rate, show->progress.rows_per_second),
                show_evaluations(evaluations, epoch->evaluations),
                flow_format_duration(left, show->progress.seconds_left));
}

/* ---- the end ---- */

#define PHASE(member) FLOW_MEMBER(flow_train_phase, member), FLOW_REPORT_WHEN(flow_train_phase, parallel)

static const flow_report_field phase_fields[] = {
    {"phase", FLOW_MEMBER(flow_train_phase, phase)},
    {"seconds", FLOW_MEMBER(flow_train_phase, seconds)},
    {"products", PHASE(products)},
    {"elementwise", PHASE(elementwise)},
    {"waiting", PHASE(waiting)},
    FLOW_REPORT_END,
};

static const flow_report_field profile_fields[] = {
    {"phases", FLOW_REPORT_LIST_OF(flow_run_train_result, profile, flow_train_phase, phase_fields)},
    FLOW_REPORT_END,
};

static const flow_report_field result_fields[] = {
    {"model", NULL, "%s: ", RESULT(model)},
    {NULL, NULL, "%d epoch{|s}", RESULT(summary.epochs)},
    {NULL, NULL, " in %t", RESULT(summary.seconds)},
    {NULL, NULL, ", no further improvement", RESULT(converged)},
    {NULL, NULL, ", interrupted", RESULT(interrupted)},
    {NULL, NULL, "; the best weights are those of epoch %d", RESULT(summary.best_epoch), WHEN(x.n_held_out),
     .positive = true},
    {NULL, "validation", "%s nats", RESULT(summary.validation.logprob), WHEN(summary.validation.any)},
    {NULL, NULL, ", %s bits per dimension", RESULT(summary.validation.bits.per_dimension),
     WHEN(summary.validation.bits.any)},
    {NULL, NULL, " (%s", RESULT(x.n_held_out), WHEN(summary.validation.any)},
    {NULL, NULL, " %s)", RESULT(x.row_name), WHEN(summary.validation.any)},
    {NULL, "test", "%s nats", RESULT(summary.test.logprob), WHEN(summary.test.any)},
    {NULL, NULL, ", %s bits per dimension", RESULT(summary.test.bits.per_dimension),
     WHEN(summary.test.bits.any)},
    {NULL, NULL, " (%s rows)", RESULT(summary.test.rows), .positive = true},
    FLOW_REPORT_GROUP_ROW("", flow_run_train_result, summary, flow_train_summary_fields),
    {"rows", RESULT(x.n_rows)},
    {"columns", RESULT(x.dim)},
    {"parameters", RESULT(parameters)},
    {"threads", RESULT(x.n_threads)},
    {"resumed", RESULT(resumed)},
    {.key = "profile", .kind = FLOW_REPORT_GROUP, .fields = profile_fields, WHEN(profile.n)},
    FLOW_REPORT_END,
};

static double show_percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static flow_status show_profile(const flow_run_train_result *result, flow_error *err)
{
    flow_text text = {0};
    double whole = 0;
    for (size_t i = 0; i < result->profile.n; i++)
        whole += result->phases[i].seconds;
    char head[FLOW_FORMAT_SIZE];
    snprintf(head, sizeof head, "where %.2f s on %d thread%s went", whole, result->x.n_threads,
             result->x.n_threads == 1 ? "" : "s");
    flow_text_add(&text, "  %-47s  products  elementwise  waiting\n", head);
    for (const flow_train_phase *p = result->phases; p < result->phases + result->profile.n; p++) {
        double all = p->products + p->elementwise + p->waiting;
        flow_text_add(&text, "    %-27s %8.2f s %4.0f %%", p->phase, p->seconds, show_percent(p->seconds, whole));
        if (p->parallel)
            flow_text_add(&text, "  %6.0f %%  %9.0f %%  %5.0f %%", show_percent(p->products, all),
                          show_percent(p->elementwise, all), show_percent(p->waiting, all));
        flow_text_add(&text, "\n");
    }
    return report_take(&text, err);
}

static flow_status show_end(console *con, const flow_run_train_result *result, bool json, flow_error *err)
{
    const report_format format = {.json = json, .fields = result_fields, .indent = 2, .width = 10};
    if (!json && con->quiet)
        return FLOW_OK;
    FLOW_TRY(report_print(con, &format, result, err));
    return !json && result->profile.n > 0 ? show_profile(result, err) : FLOW_OK;
}

/* ---- the command ---- */

static flow_status train_run(void *args_, console *con, flow_error *err)
{
    train_args *args = args_;
    train_show show = {.con = con};
    flow_run_train_result result = {0};
    flow_run_init_result made = {0};
    flow_run_train_options *o = &args->run;
    char *owned[TRAIN_OVERRIDES] = {0};
    flow_status status = train_find_spec(args, true, &made, con, err);
    if (status == FLOW_OK)
        status = train_collect_overrides(&args->set, owned, args, err);
    o->overrides = args->set.at;
    o->n_overrides = args->set.n;
    o->comm = args->common.comm;
    o->n_threads = args->common.threads;
    o->has_math = args->common.has_math;
    o->argc = args->common.argc;
    o->argv = args->common.argv;
    o->hooks = console_hooks(con, NULL);
    o->context = &show;
    o->on_start = show_start;
    o->on_step = show_step;
    o->on_epoch = show_epoch;
    if (status == FLOW_OK)
        status = flow_run_train(&result, o, err);
    for (int i = 0; i < TRAIN_OVERRIDES; i++)
        free(owned[i]);
    flow_error later = {0};
    flow_status shown = result.model != NULL ? show_end(con, &result, args->common.json, &later) : FLOW_OK;
    if (shown != FLOW_OK) {
        *err = later;
        status = shown;
    } else if (status == FLOW_INTERRUPTED && result.model != NULL) {
        console_say(con, CONSOLE_NOTE, "stopped by %s after %lld epoch%s and saved in %s; the same command with "
                    "--resume%s goes on", stop_signal_name(),
                    (long long)result.summary.epochs, result.summary.epochs == 1 ? "" : "s", result.model,
                    o->force ? " instead of --force" : "");
        err->message[0] = '\0'; /* the user asked for it */
    }
    flow_run_train_free(&result);
    flow_run_init_free(&made);
    return status;
}

const command command_train = {
    .name = "train",
    .summary = "train the flow that a spec describes, on data or on a density",
    .description = "Trains with the objective that the spec names (train.objective; maximum likelihood by default) "
                   "until the held-out likelihood stops improving (train.patience) or all epochs are done, and keeps "
                   "the best weights. The model is saved as training goes on; after Ctrl-C, SIGTERM, SIGHUP or "
                   "SIGUSR1 it is saved at the end of the step, and --resume continues bit for bit. A model that "
                   "exists is not replaced without --resume or --force.\nWith data in place of a spec, a spec is "
                   "made for them first, as \"flowctl init\" does: events.json for events.csv, in the current "
                   "folder, which makes events.h5. With --resume a spec that is there stays.\nLog-likelihoods are "
                   "means per row in nats, in the units of the data, with their standard errors; of images whose "
                   "values are all discrete, epochs show bits per dimension instead. If the objective trains on a "
                   "density instead of data, they are lower bounds of log Z, and at the end log Z is estimated, with "
                   "the effective sample size of the draws. The result does not depend on the number of threads.",
    .examples = "  flowctl train configs/moons.json -o moons.h5\n"
                "  flowctl train events.csv\n"
                "  flowctl train spec.json --data events.csv --validation 0.1 -o events.h5\n"
                "  flowctl train spec.json --set train.epochs=200 --resume",
    .options = options, .args_size = sizeof(train_args), .run = train_run, .shares = true,
};
