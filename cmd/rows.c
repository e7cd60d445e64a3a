/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows.h"

#include "data/missing.h"

flow_status rows_open(flow_session *s, row_args *args, flow_row_options *rows, bool prints, console *con,
                      flow_error *err)
{
    if (args->common.json && flow_is_standard(rows->output))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--json and -o - would both write to standard output; name a file with -o FILE");
    if (rows->output == NULL && prints && !args->common.json)
        rows->output = "-";
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&rows->missing, args->missing, err));
    FLOW_TRY(flow_csv_words_read(&rows->csv, &args->csv, err));
    rows->hooks = console_hooks(con, rows->output);
    args->session.n_threads = args->common.threads;
    args->session.comm = args->common.comm;
    FLOW_TRY(flow_session_open(s, args->model, &args->session, err));
    rows->sources.model = args->model;
    rows->sources.trained = s->model;
    return FLOW_OK;
}
