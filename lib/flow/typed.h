/* What a spec names by a type: "affine" or {"type": "affine", ...}. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_TYPED_H
#define FLOW_FLOW_TYPED_H

#include "core/json.h"

/* "affine" becomes {"type": "affine"} in the document, and *type is that name. `what` ("a univariate") is for
 * errors. */
flow_status flow_typed_name(const char **type, flow_json *spec, const char *what, flow_error *err);

/* FLOW_SPEC for a type nobody knows, with the nearest or all of the known ones. */
flow_status flow_typed_unknown(const flow_json *spec, const char *type, const char *const *known, int n_known,
                               flow_error *err);

#endif
