/* Any bytes as a spec: read, resolved, built into a flow of a few columns, printed and read again. Whatever they are,
 * there is an error or a flow, and a resolved spec reads as itself. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_spec: %s\n", what);
    abort();
}

/* Wide networks are built like narrow ones and take a hundred times as long: of documents with numbers of three digits
 * and more, one in 16 is. */
static bool is_built(const char *text, size_t size)
{
    unsigned sum = 0;
    int digits = 0, most = 0;
    for (size_t i = 0; i < size; i++) {
        digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
        most = digits > most ? digits : most;
        sum = 31 * sum + (unsigned char)text[i];
    }
    return most < 3 || sum % 16 == 0;
}

/* The resolved document, or NULL when there is an error. `builds`: the flow is built as well. */
static char *resolve(const char *text, size_t size, const char *const *overrides, int n_overrides, bool builds)
{
    flow_error err = {0};
    flow_spec *spec;
    if (flow_spec_parse(&spec, text, size, "fuzz.json", NULL, overrides, n_overrides, &err) != FLOW_OK) {
        require(spec == NULL && err.code != FLOW_OK && err.message[0] != '\0', "an error without a message");
        return NULL;
    }
    subject s = {0};
    char *resolved = NULL;
    if (!builds) {
        resolved = flow_json_print(spec->document);
    } else if (subject_try_spec(&s, &err, (subject_shape){.dim = 3}, spec) == FLOW_OK) {
        require(s.f->dim == 3 && flow_params_count(&s.f->params) <= s.f->params.n_weights, "a flow that is no flow");
        resolved = flow_json_print(spec->document);
    } else {
        require(err.code != FLOW_OK && err.message[0] != '\0', "an error without a message");
    }
    subject_close(&s);
    flow_spec_free(spec);
    return resolved;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* what follows a zero byte is an override */
    const char *text = (const char *)data;
    const char *zero = size > 0 ? memchr(text, 0, size) : NULL;
    size_t length = zero != NULL ? (size_t)(zero - text) : size;
    char override[128] = "";
    const char *const overrides[] = {override};
    if (length + 1 < size)
        snprintf(override, sizeof override, "%.*s", (int)(size - length - 1 < 100 ? size - length - 1 : 100),
                 text + length + 1);
    const bool builds = is_built(text, size);
    char *once = resolve(text, length, overrides, override[0] != '\0', builds);
    if (once != NULL) {
        char *twice = resolve(once, strlen(once), NULL, 0, builds);
        require(twice != NULL && strcmp(once, twice) == 0, "a resolved spec does not read as itself");
        free(twice);
    }
    free(once);
    return 0;
}

#include "fuzz_replay.h"
