/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "data/missing.h"
#include "model/model.h"
#include "ode/solver.h"
#include "rows.h"
#include "run/plot.h"

typedef struct plot_args {
    common_args common;
    opt_texts files; /* the models, and behind them the data */
    const char *data;
    const char *missing;
    flow_csv_words csv;
    opt_texts given;
    flow_run_plot_options run;
} plot_args;

#define ARG(member) OPT_MEMBER(plot_args, member)

static const char *const maps[] = {"viridis", "cividis", NULL};

static const opt options[] = {
    OPT_ARGUMENT_ROW("MODEL", OPT_ARGUMENTS, plot_args, files, "model files, or the specs that trained them"),
    OPT_ARGUMENT_ROW("DATA", OPT_OPTIONAL, plot_args, data,
                     "rows to compare with, behind the models: FILE.csv, FILE.h5[:/set], or - for CSV on standard "
                     "input"),
    {"kind", 'k', ARG(run.kind), "KIND", "what is drawn: corner (histograms of columns and contours of pairs of "
     "columns, draws against data; the default with data), samples (points of a pair of columns, data beside draws), "
     "map (log p over two columns), given (columns of draws for each --given), curves (training and held-out values of "
     "each epoch; the default without data), calibration (PIT of latents and columns, coverage of regions), sheet "
     "(images, data above and draws below; the default with data of images)", .fallback = "auto",
     .choices = flow_plot_kinds},
    {"output", 'o', ARG(run.rows.output), "FILE", "the picture: FILE.png, FILE.svg or FILE.pdf, drawn by gnuplot. "
     "Without it, the picture is drawn as text on the terminal"},
    OPT_ROWS_FORCE(plot_args, run.rows.sources.force),
    {"script", 0, ARG(run.script), "FILE.gp", "keep what gnuplot is given, to edit: the script, and FILE.dat beside it "
     "with the numbers; \"gnuplot FILE.gp\" draws the picture again"},
    {"text", 0, ARG(run.text), NULL, "draw on the terminal, also with -o"},
    {"columns", 'c', ARG(run.columns), "A,B", "columns to show, those of the context too; by default all up to 8, or "
     "the 6 in which data and draws differ most"},
    {"number", 'n', ARG(run.n), "N", "draws of each model: by default 50,000; of calibration 20,000, or 200 for each "
     "row of a conditional model; points of samples 2,000; images 32", .least = 1, .most = 1e12},
    {"given", 'g', ARG(given), "VALUES", "a context of a conditional model, such as energy=2 or mass=1.5,angle=2; may "
     "be given several times"},
    {"levels", 0, ARG(run.levels), "P,Q", "shares of the probability within the contours, in percent; by default "
     "39.3,86.5,98.9, which are 1, 2 and 3 deviations of a normal density of two columns"},
    {"row", 'r', ARG(run.row), "ROW", "of a map of two among more columns: the others have the values of this row of "
     "the data, counted from 1, instead of their medians", .least = 1, .most = 9e15},
    {"size", 0, ARG(run.size), "WxH", "the size of the picture in pixels, 96 to an inch; by default as the panels "
     "need"},
    {"map", 0, ARG(run.map), "NAME", "the colours of maps: viridis or cividis", .fallback = "viridis",
     .choices = maps},
    {"seed", 's', ARG(run.seed), "N", "of the draws", .fallback = "1", .most = 9e15},
    OPT_ROWS_WEIGHT(plot_args, run.weight, ""),
    {"steps", 0, ARG(run.session.steps), "N", "of a continuous model: solve its differential equations in N equal "
     "steps instead of by the solver of the model", .least = 1, .most = FLOW_ODE_STEPS_MAX},
    OPT_ROWS_MISSING(plot_args, missing),
    OPT_ROWS_CSV(plot_args, csv),
    OPT_ROWS_SKIP_INVALID(plot_args, run.rows.skip_invalid, ""),
    OPT_COMMON_JSON("print {\"kind\", \"rows\", \"draws\", \"columns\", ...} on standard output, and no picture "
                    "there"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_plot_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_plot_result, member)

static const flow_report_field shown_fields[] = {
    {"name", FLOW_MEMBER(flow_plot_shown, name)},
    {"distance", FLOW_MEMBER(flow_plot_shown, distance)},
    FLOW_REPORT_END,
};

static const flow_report_field result_fields[] = {
    {"kind", RESULT(kind)},
    {"models", RESULT(models)},
    {"data", RESULT(data)},
    {"output", NULL, "%s: ", RESULT(output)},
    {NULL, NULL, "%s", RESULT(kind)},
    {"rows", NULL, ", %s row{|s}", RESULT(rows), WHEN(rows)},
    {"draws", NULL, ", %s draw{|s}", RESULT(draws), WHEN(draws)},
    {"epochs", NULL, ", %s epoch{|s}", RESULT(epochs), WHEN(epochs)},
    {"skipped", RESULT(skipped)},
    {"script", NULL, "; script: %s", RESULT(script)},
    {"all_columns", RESULT(all_columns)},
    {"columns", FLOW_REPORT_LIST_OF(flow_run_plot_result, columns, flow_plot_shown, shown_fields)},
    {"note", RESULT(note)},
    FLOW_REPORT_END,
};

/* The last word is the data, unless it is a model, or a spec, as well. */
static void plot_take_data(plot_args *args)
{
    opt_texts *files = &args->files;
    const char *last = files->at[files->n - 1];
    const flow_file_kind kind = flow_file_identify(last);
    if (files->n > 1 && kind != FLOW_FILE_MODEL && kind != FLOW_FILE_JSON) {
        args->data = last;
        files->n--;
    }
}

/* What standard output can show. Programs that read it get no colours. */
static flow_terminal plot_find_terminal(void)
{
    struct winsize size = {0};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    const bool is_terminal = isatty(STDOUT_FILENO) == 1;
    const bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    const char *set = locale != (locale_t)0 ? nl_langinfo_l(CODESET, locale) : "";
    flow_terminal out = {.columns = 80,
                         .unicode = strcasecmp(set, "UTF-8") == 0 || strcasecmp(set, "UTF8") == 0,
                         .colors = is_terminal && !dumb && (no_color == NULL || no_color[0] == '\0')};
    if (locale != (locale_t)0)
        freelocale(locale);
    if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        out.columns = size.ws_col;
    return out;
}

static flow_status plot_print(const plot_args *args, console *con, flow_run_plot_result *result, flow_error *err)
{
    const report_format format = {.json = args->common.json, .fields = result_fields, .note = true};
    if (result->text != NULL && !args->common.json) {
        flow_text text = {0};
        console_clear(con);
        flow_text_add(&text, "%s", result->text);
        FLOW_TRY(report_take(&text, err));
    }
    if (!args->common.json && result->output == NULL && result->script == NULL)
        return FLOW_OK;
    return report_print(con, &format, result, err);
}

static flow_status plot_run(void *args_, console *con, flow_error *err)
{
    plot_args *args = args_;
    flow_run_plot_options *run = &args->run;
    flow_run_plot_result result = {0};
    plot_take_data(args);
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&run->rows.missing, args->missing, err));
    FLOW_TRY(flow_csv_words_read(&run->rows.csv, &args->csv, err));
    run->models = args->files.at;
    run->n_models = args->files.n;
    run->given = args->given.at;
    run->n_given = args->given.n;
    run->rows.input = args->data;
    run->rows.sources.model = args->files.at[0];
    run->rows.hooks = console_hooks(con, NULL);
    run->session.n_threads = args->common.threads;
    run->no_text = args->common.json;
    run->terminal = plot_find_terminal();
    flow_status status = flow_run_plot(&result, run, err);
    if (status == FLOW_OK)
        status = plot_print(args, con, &result, err);
    flow_run_plot_free(&result);
    return status;
}

const command command_plot = {
    .name = "plot",
    .summary = "pictures of models and data, as files or on the terminal",
    .description =
        "Draws what a model has learned: its draws against data, its density, its training, its calibration. gnuplot "
        "draws the files; on the terminal nothing else is needed. Histograms and contours are of all rows, which are "
        "read in bounded memory. Axes leave out values far out, and the picture says which share that is. Decades and "
        "heavy tails have logarithmic axes, columns of few values have bars.\n\n"
        "Several models are drawn into one figure if they have the same columns. A conditional model is drawn for the "
        "contexts of the data, or for those of --given.",
    .examples = "  flowctl plot moons.h5 two_moons_test.csv\n"
                "  flowctl plot moons.h5 two_moons_test.csv -o moons.png --script moons.gp\n"
                "  flowctl plot model.h5 events.csv --columns x,energy -o corner.pdf\n"
                "  flowctl plot maf.h5 nsf.h5 -o curves.svg\n"
                "  flowctl plot moons.h5 --kind map -o map.png\n"
                "  flowctl plot detector.h5 --given energy=5,eta=0 --given energy=50,eta=0 -o given.png\n"
                "  flowctl plot detector.h5 data/detector.h5:/test --kind calibration -o calibration.png\n"
                "  flowctl plot digits.h5 mnist.h5:/test -o digits.png",
    .options = options, .args_size = sizeof(plot_args), .run = plot_run,
    .alone = true,
};
