/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/weighed.h"

#include <stdlib.h>
#include <string.h>

flow_status flow_weighed_open(flow_input *in, const char **weight, const flow_session *s, const flow_row_options *rows,
                              const flow_weighed_options *options, flow_error *err)
{
    const char *asked = options->asked, *data = rows->input, *wanted = asked != NULL ? asked : options->trained;
    const char **names = flow_session_names(s, s->columns);
    flow_status status = names == NULL ? flow_error_memory(err, "column names") : FLOW_OK;
    *weight = NULL;
    for (int i = 0; asked != NULL && i < s->width && status == FLOW_OK; i++)
        if (strcmp(names[i], asked) == 0)
            status =
                flow_error_set(err, FLOW_ARGUMENT, "--weight %.80s: is a column of the model and no weight", asked);
    const flow_input_options how = {
        .optional = wanted,
        .skip_invalid = rows->skip_invalid,
        .missing = flow_session_missing(s, &rows->missing),
        .csv = rows->csv,
        .image = flow_session_image(s),
        .given = options->given,
        .shared = options->shared,
    };
    if (status == FLOW_OK)
        status = flow_session_open_input(s, in, data, names, s->width, &how, err);
    free(names);
    if (status != FLOW_OK || wanted == NULL)
        return status;
    if (in->has_optional)
        *weight = wanted;
    else if (asked != NULL)
        status = flow_error_set(err, FLOW_DATA, "%s: there is no column \"%.80s\" to weigh the rows by", data, wanted);
    else
        flow_run_warn(&rows->hooks,
                      "%s: has no column \"%s\", by which the training data were weighed; all rows "
                      "count the same",
                      data, wanted);
    return status;
}
