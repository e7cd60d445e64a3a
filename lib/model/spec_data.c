/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec_data.h"

#include <float.h>
#include <string.h>

#include "data/image.h"
#include "flow/context.h"

#define KEY(member, kind, text) FLOW_KEY(flow_data_options, member, kind, text)

/* Data may move: a resumed training compares their rows, and not where they are. */
const flow_option flow_data_options_table[] = {
    {KEY(train, TEXT, NULL), .may_change = true, .joined = true,
     .help = "the training data: FILE.csv, FILE.h5:/dataset or FILE.h5:/group, relative to the spec; several are "
             "joined by columns"},
    {KEY(validation, TEXT_OR_NUMBER, NULL), .least = 0, .most = 1, .may_change = true, .joined = true,
     .help = "held-out data that decide which weights are best: a location, or the share of the training rows to hold "
             "out"},
    {KEY(test, TEXT_OR_NUMBER, NULL), .least = 0, .most = 1, .may_change = true, .joined = true,
     .help = "data that are evaluated once, after training: a location, or the share of the training rows to leave for "
             "it"},
    {KEY(columns, TEXTS, NULL), .most = FLOW_SPEC_COLUMNS_MAX, .may_change = true,
     .help = "the columns to model, in this order; without it, all that are neither context nor weight"},
    {KEY(context, TEXTS, NULL), .most = FLOW_SPEC_COLUMNS_MAX,
     .help = "columns that are given: the flow is the density of the others conditional on these"},
    FLOW_KEY_INT(flow_data_options, classes, NULL, 2, FLOW_CLASSES_MAX,
                 "the column \"label\" of the context holds so many classes, 0, 1, ..., each an input of its own; "
                 "without it, those that the labels of images have"),
    FLOW_KEY_TEXT(flow_data_options, weight, "a column of weights: what each row counts in training and in means"),
    {KEY(allow_negative_weights, FLAG, "false"), .may_change = true,
     .help = "take rows of negative weight, as some event generators make them; their sum has to be positive"},
    {KEY(skip_invalid, FLAG, "false"), .may_change = true,
     .help = "drop rows with missing or non-finite values instead of refusing the data"},
    {KEY(missing, NUMBERS, NULL), .least = -DBL_MAX, .most = DBL_MAX, .may_change = true,
     .help = "numbers that stand for a missing value in any column, such as [-999, 9.96921e36]; they are as invalid as "
             "NaN is"},
    {FLOW_KEY_IN(flow_data_options, csv, delimiter, TEXT, NULL), .may_change = true,
     .help = "what separates the fields of CSV: one character, \"tab\" or \"blanks\"; without it, that is found out"},
    {FLOW_KEY_IN(flow_data_options, csv, decimal, TEXT, NULL), .may_change = true,
     .help = "what stands before the decimals in CSV, \".\" or \",\"; without it, that is found out"},
    {FLOW_KEY_IN(flow_data_options, csv, header, TEXT, NULL), .may_change = true,
     .help = "whether the first line of CSV has the names of the columns, \"yes\" or \"no\"; without it, that is found "
             "out"},
    FLOW_KEY_FLAG(flow_data_options, flip, "false",
                  "mirror training images left to right at random, half of them in each epoch"),
    FLOW_KEY_NUMBER(flow_data_options, memory, "4", 0.001, 1e6,
                    "GiB that rows held in memory may take, at all processes together; larger data are read "
                    "again each epoch"),
    FLOW_OPTIONS_END,
};

int flow_data_options_label(const flow_data_options *options)
{
    int i = options->context.n - 1;
    while (i >= 0 && strcmp(options->context.at[i], FLOW_LABEL) != 0)
        i--;
    return i;
}

static bool data_lists(const flow_text_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->at[i], name) == 0)
            return true;
    return false;
}

flow_status flow_data_options_check(const flow_data_options *options, const flow_json *at, flow_error *err)
{
    flow_json context = flow_json_member(at, "context"), weight = flow_json_member(at, "weight");
    for (int i = 0; i < options->context.n; i++)
        if (data_lists(&options->columns, options->context.at[i]))
            return flow_json_fail(&context, err, "the column \"%.60s\" is in data.columns too; it is modelled or "
                                  "given, not both", options->context.at[i]);
    flow_json classes = flow_json_member(at, "classes");
    const char *allowed, *wrong = flow_csv_words_check(&options->csv, &allowed);
    if (wrong != NULL) {
        flow_json member = flow_json_member(at, wrong);
        return flow_json_fail(&member, err, "it can be %s", allowed);
    }
    if (options->classes > 0 && flow_data_options_label(options) < 0)
        return flow_json_fail(&classes, err, "no column \"label\" is in data.context");
    if (options->weight == NULL)
        return FLOW_OK;
    bool is_context = data_lists(&options->context, options->weight);
    if (is_context || data_lists(&options->columns, options->weight))
        return flow_json_fail(&weight, err, "the column \"%.60s\" is in data.%s too; a weight is neither modelled nor "
                              "given", options->weight, is_context ? "context" : "columns");
    return FLOW_OK;
}
