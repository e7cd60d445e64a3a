/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"
#include "values.h"

#include <stdio.h>
#include <string.h>

const double six[6] = {1, 2, 3, 4, 5, 6};

void assert_says(const flow_error *err, const char *text)
{
    if (strstr(err->message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->message, text);
}

flow_status read_with(content *out, const char *location, const flow_reader_options *options, flow_error *err)
{
    flow_reader *reader;
    memset(out, 0, sizeof *out);
    flow_status status = flow_reader_open(&reader, location, options, err);
    if (status != FLOW_OK) {
        assert_null(reader);
        return status;
    }
    out->d = reader->columns.n;
    out->has_names = reader->has_names;
    for (int i = 0; i < out->d; i++) {
        strcat(out->names, i > 0 ? " " : "");
        strcat(out->names, reader->columns.at[i]);
    }
    size_t n_read;
    do {
        size_t room = 4096 / (size_t)out->d - out->n;
        room = room < 512 - out->n ? room : 512 - out->n;
        room = room < 7 ? room : 7;
        status =
            flow_reader_read(reader, out->values + out->n * (size_t)out->d, out->numbers + out->n, room, &n_read, err);
        out->n += n_read;
    } while (status == FLOW_OK && n_read > 0);
    out->n_skipped = reader->n_skipped;
    for (int i = 0; i < reader->remarks.n; i++)
        strcat(strcat(out->remarks, "\n"), reader->remarks.at[i]);
    flow_reader_close(reader);
    return status;
}

content got;

void reads(const char *location, const char *names, size_t n, const double *values)
{
    flow_error err = {0};
    flow_status status = read_with(&got, location, NULL, &err);
    if (status != FLOW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(got.names, names);
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n * (size_t)got.d; i++)
        ASSERT_EQ(got.values[i], values[i]);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got.numbers[i], i);
}

void refuses(const char *location, flow_status code, const char *text)
{
    flow_error err = {0};
    const flow_status status = read_with(&got, location, NULL, &err);
    if (status != code)
        fail_msg("status %d instead of %d: %s", status, code, err.message);
    assert_int_equal(err.code, code);
    assert_says(&err, text);
    assert_int_equal(read_with(&got, location, NULL, NULL), code);
}

void remarks(const char *text)
{
    char line[512];
    if (text != NULL)
        snprintf(line, sizeof line, "\n%s", text);
    if (text != NULL ? strstr(got.remarks, line) == NULL : got.remarks[0] != '\0')
        fail_msg("\"%s\" is not said: \"%s\"", text != NULL ? text : "nothing", got.remarks);
}
