/* The tables of keys in docs/spec.md, made from the JSON Schema of a spec.
 *
 * A table stands between two comments:
 *
 *     <!-- keys: train -->
 *     <!-- keys: map maf without hidden activation residual -->
 *     <!-- keys: map coupling only hidden activation residual -->
 *     <!-- end of keys -->
 *
 * The words are a definition of the schema ("spec": the whole), the name of a type where the definition has several
 * (support/columns: the object below a key of it), and perhaps "without" or "only" with keys. What is between the
 * comments is replaced. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TEST_SPEC_TABLES_H
#define TEST_SPEC_TABLES_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* The page with its tables made anew; the caller frees it. Fails the test for a comment that names nothing. */
char *spec_tables_fill(const char *page, const cJSON *schema);

/* How many keys of the schema are in no table of the page; `print` names each. A key of a type counts as being there
 * when a table of another type of the same definition has it with the same default and meaning. */
int spec_tables_missing(const char *page, const cJSON *schema, bool print);

#endif
