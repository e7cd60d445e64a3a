/* Defaults of a spec that depend on what it trains: the base, the optimizer, its rate and the average of the weights by
 * the flow; the batch and the decay by the rows. docs/automatic.md has the measurements. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_DEFAULTS_H
#define FLOW_MODEL_SPEC_DEFAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/json.h"

enum { SPEC_DEFAULTS = 6 };

/* Adds the keys that a document lacks; `images`: its rows are images, which it need not say. A document that is wrong
 * stays so, for its reader to say it. `added` lists the paths, NULL-terminated. */
flow_status spec_defaults_add(cJSON *document, bool images, const char *added[SPEC_DEFAULTS + 1], flow_error *err);
/* Takes these away again. */
void spec_defaults_remove(cJSON *document, const char *const *added);

/* Adds those that depend on the training rows and the columns of a table, which spec_defaults_add leaves out. */
flow_status spec_defaults_add_by_rows(cJSON *document, int64_t rows, int columns, bool *changed, flow_error *err);

#endif
