/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train_show.h"

#include <math.h>
#include <stdio.h>

#include "report.h"
#include "run/format.h"

/* ---- while it runs ---- */

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
    {NULL, NULL, "\nthe rows are pictures of height %d", DATA(image.shape.height), .positive = true},
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
    show->epochs = start->epochs;
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
    snprintf(line, sizeof line, "epoch %*lld/%lld %3.0f%%  train %s%.4f%s%s  ETA %s  %s%s", show_digits(p->epochs),
             (long long)p->epoch, (long long)p->epochs, 100 * (double)p->row / (double)p->rows,
             show->has_loss ? "loss " : "", show->has_loss ? -p->training : p->training,
             show->validation[0] != '\0' ? "  valid " : "", show->validation,
             flow_format_duration(left, p->seconds_left), flow_format_rate(rate, p->rows_per_second),
             show_evaluations(evaluations, p->evaluations));
    console_live(show->con, line);
}

static void show_epoch(void *context, const flow_epoch *epoch)
{
    train_show *show = context;
    char rate[FLOW_FORMAT_SIZE], left[FLOW_FORMAT_SIZE], evaluations[FLOW_FORMAT_SIZE];
    bool validated = !isnan(epoch->validation);
    if (validated)
        flow_format_estimate_fixed(show->validation, epoch->validation, epoch->validation_error);
    if (show->con->terminal) /* the live line shows it */
        return;
    console_say(show->con, CONSOLE_NOTE, "epoch %*lld/%lld  training %s%.4f%s%s%s  rate %.2g  %s%s  ETA %s",
                show_digits(show->epochs), (long long)epoch->epoch, (long long)show->epochs,
                show->has_loss ? "loss " : "", show->has_loss ? -epoch->training : epoch->training,
                validated ? "  validation " : "", show->validation,
                !validated ? "" : epoch->best > 0 ? " *" : "  ", epoch->rate,
                flow_format_rate(rate, show->progress.rows_per_second),
                show_evaluations(evaluations, epoch->evaluations),
                flow_format_duration(left, show->progress.seconds_left));
}

void train_show_hook(train_show *show, flow_run_train_options *options)
{
    options->hooks = console_hooks(show->con, NULL);
    options->on_start = show_start;
    options->on_step = show_step;
    options->on_epoch = show_epoch;
    options->context = show;
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
    {NULL, NULL, " (%s", RESULT(x.n_held_out), WHEN(summary.validation.any)},
    {NULL, NULL, " %s)", RESULT(x.row_name), WHEN(summary.validation.any)},
    {NULL, "test", "%s nats", RESULT(summary.test.logprob), WHEN(summary.test.any)},
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

static void show_profile(flow_text *text, const flow_run_train_result *result)
{
    double whole = 0;
    for (int i = 0; i < FLOW_PHASES; i++)
        whole += result->phases[i].seconds;
    char head[FLOW_FORMAT_SIZE];
    snprintf(head, sizeof head, "where %.2f s on %d thread%s went", whole, result->x.n_threads,
             result->x.n_threads == 1 ? "" : "s");
    flow_text_add(text, "  %-47s  products  elementwise  waiting\n", head);
    for (const flow_train_phase *p = result->phases; p < result->phases + FLOW_PHASES; p++) {
        double all = p->products + p->elementwise + p->waiting;
        flow_text_add(text, "    %-27s %8.2f s %4.0f %%", p->phase, p->seconds, show_percent(p->seconds, whole));
        if (p->parallel)
            flow_text_add(text, "  %6.0f %%  %9.0f %%  %5.0f %%", show_percent(p->products, all),
                          show_percent(p->elementwise, all), show_percent(p->waiting, all));
        flow_text_add(text, "\n");
    }
}

flow_status train_show_end(const train_show *show, const flow_run_train_result *result, bool json, flow_error *err)
{
    const report_format format = {.json = json, .fields = result_fields, .indent = 2, .width = 10};
    if (!json && show->con->quiet)
        return FLOW_OK;
    flow_status status = report_print(show->con, &format, result, err);
    flow_text text = {0};
    if (status == FLOW_OK && !json && result->profile.n > 0) {
        show_profile(&text, result);
        status = report_take(&text, err);
    }
    return status;
}
