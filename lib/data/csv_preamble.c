/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_preamble.h"

#include <string.h>

#include "data/csv_dialect.h"
#include "data/csv_words.h"

bool flow_csv_is_rule(const char *text, size_t length)
{
    enum { SHORTEST = 4 };
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (strchr("-=*+|: \t", text[i]) == NULL || text[i] == '\0')
            return false;
        n += text[i] == '-' || text[i] == '=' || text[i] == '*';
    }
    return n >= SHORTEST;
}

/* The number of the line in which record i begins. */
static long long preamble_line(const flow_csv_sample *sample, size_t i)
{
    const char *front = sample->stream->buffer + sample->stream->begin;
    long long line = sample->stream->line;
    for (const char *c = front; (c = memchr(c, '\n', (size_t)(front + sample->from[i] - c))) != NULL; c++)
        line++;
    return line;
}

/* Whether all fields of the record that was split last are words. */
static bool preamble_is_words(const flow_csv_fields *fields, char decimal)
{
    for (size_t k = 0; k < fields->n; k++) {
        size_t length;
        double value;
        const char *field = flow_csv_field(fields, k, &length);
        if (flow_csv_judge(field, length, decimal, &value) < FLOW_CSV_LETTER)
            return false;
    }
    return true;
}

flow_status flow_csv_refuse_preamble(const flow_csv_format *format, bool with_names, flow_csv_sample *sample,
                                     flow_error *err)
{
    enum { FEWEST_ROWS = 3 };
    flow_csv_sample rest = *sample;
    flow_status status = FLOW_OK;
    bool found = false;
    size_t first = 1;
    for (; first + FEWEST_ROWS <= sample->n && !found && status == FLOW_OK; first++) {
        rest.n = sample->n - first;
        memmove(rest.from, sample->from + first, rest.n * sizeof *rest.from);
        memmove(rest.length, sample->length + first, rest.n * sizeof *rest.length);
        status = flow_csv_dialect_fits(&found, format, &rest, err);
        bool good = true;
        if (found && with_names)
            status = flow_csv_sample_split(&rest, 0, format->delimiter, &good, err);
        found = found && (!with_names || preamble_is_words(&rest.fields, format->decimal));
    }
    sample->fields = rest.fields; /* its memory may have moved */
    if (status != FLOW_OK || !found)
        return status;
    char text[FLOW_EXCERPT_SIZE];
    const long long line = preamble_line(sample, --first);
    return flow_error_set(err, FLOW_DATA,
                          "%s: its table seems to begin in line %lld, \"%s\": take the lines above out, as \"tail -n "
                          "+%lld\" does, or put # in front of them",
                          sample->stream->name, line,
                          flow_csv_excerpt(text, flow_csv_sample_text(sample, first), sample->length[first]), line);
}
