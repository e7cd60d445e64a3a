/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/given.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/location.h"

flow_status flow_given_check(const flow_session *s, flow_error *err)
{
    if (s->n_context == 0)
        return flow_error_set(err, FLOW_ARGUMENT, "--given: %s has no context; leave --given out", s->name);
    return FLOW_OK;
}

bool flow_given_is_typed(const char *given)
{
    flow_location place = {0};
    const bool is_file = flow_location_find(&place, given, NULL) == FLOW_OK;
    flow_location_free(&place);
    return !is_file && strchr(given, '=') != NULL;
}

/* A value of the context, as a number or as the name of a class. */
static bool given_read_value(double *out, const flow_session *s, const char *name, const char *text)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(s->model->provenance, "data");
    const cJSON *train = cJSON_GetObjectItemCaseSensitive(data, "train");
    const cJSON *classes = cJSON_GetObjectItemCaseSensitive(train, "classes");
    for (int i = 0; strcmp(name, FLOW_LABEL) == 0 && i < cJSON_GetArraySize(classes); i++) {
        const char *class = cJSON_GetStringValue(cJSON_GetArrayItem(classes, i));
        if (class != NULL && strcmp(class, text) == 0) {
            *out = i;
            return true;
        }
    }
    return flow_number_parse(text, out) && isfinite(*out);
}

/* Column i of the context. */
static flow_status given_read_column(double *out, const flow_session *s, int i, const flow_name_list *parts,
                                     bool or_file, const char *given, flow_error *err)
{
    const char *name = s->context[i], *value = NULL;
    const int n_classes = i == flow_data_options_label(s->model->spec->data) ? (int)s->model->spec->data->classes : 0;
    const size_t length = strlen(name);
    for (int k = 0; k < parts->n; k++)
        if (strncmp(parts->at[k], name, length) == 0 && parts->at[k][length] == '=')
            value = parts->at[k] + length + 1;
    if (value == NULL || parts->n != s->n_context)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--given %s: expected %sa value for each column of the context, such "
                              "as %s=1",
                              given, or_file ? "a file, or " : "", name);
    if (!given_read_value(out, s, name, value))
        return flow_error_set(err, FLOW_ARGUMENT, "--given %s: \"%s\" is no number%s", given, value,
                              n_classes > 0 ? ", and no class of the training data" : "");
    if (n_classes > 0 && !(*out >= 0 && *out < n_classes && *out == (int)*out))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--given: the label %g is none of the %d classes of the model, 0 to "
                              "%d",
                              *out, n_classes, n_classes - 1);
    return FLOW_OK;
}

flow_status flow_given_read(double **values, const flow_session *s, const char *given, bool or_file, flow_error *err)
{
    flow_name_list parts = {0};
    flow_status status = flow_name_list_split(&parts, given, err);
    *values = malloc((size_t)s->n_context * sizeof **values);
    if (status == FLOW_OK && *values == NULL)
        status = flow_error_memory(err, "the context");
    for (int i = 0; i < s->n_context && status == FLOW_OK; i++)
        status = given_read_column(&(*values)[i], s, i, &parts, or_file, given, err);
    flow_name_list_free(&parts);
    return status;
}
