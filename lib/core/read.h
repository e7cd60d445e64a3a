/* From JSON to structs of options: the one reader of specs.
 *
 * Reading refuses unknown keys, wrong types and values out of range, with their JSON path. It writes the default of
 * every absent key into the JSON and turns short forms into long ones, so that a document that has been read is fully
 * resolved: it means the same to a later version with other defaults. Notes (FLOW_NOTE in core/option.h) stay.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_READ_H
#define FLOW_CORE_READ_H

#include "core/arena.h"
#include "core/error.h"
#include "core/json.h"
#include "core/option.h"

/* Fills the zeroed struct at `out` from `object`. Texts, lists and nested structs are of the arena; nothing in the
 * struct refers to the document. FLOW_SPEC with the path for what does not fit. */
flow_status flow_read_options(void *out, const flow_option *table, flow_json *object, flow_arena *arena,
                              flow_error *err);

/* The same for one of several types: a word or an object with "type". `fallback` is the JSON text of what stands for an
 * absent type, or NULL: then "type" must be there. Where the object has the type of the fallback, its absent keys are
 * those of the fallback. */
flow_status flow_read_choice(flow_choice *out, const flow_choices *choices, const char *fallback, flow_json *at,
                             flow_arena *arena, flow_error *err);

/* What an empty object would give: for C programs that change some members afterwards. FLOW_SPEC when a key is
 * required; then its member stays zero and the others are filled in. */
flow_status flow_options_default(void *out, const flow_type_info *type, flow_arena *arena, flow_error *err);
/* The choice of the type of that name with all its defaults. */
flow_status flow_choice_default(flow_choice *out, const flow_choices *choices, const char *name, flow_arena *arena,
                                flow_error *err);

/* A whole program's way from text: parses `text` and reads it as a choice, for instance "{\"type\": \"maf\"}". */
flow_status flow_choice_parse(flow_choice *out, const flow_choices *choices, const char *text, flow_arena *arena,
                              flow_error *err);

#endif
