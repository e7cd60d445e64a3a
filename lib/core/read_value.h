/* Reading of the values of options that hold no object: the leaves of core/read.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_READ_VALUE_H
#define FLOW_CORE_READ_VALUE_H

#include "core/arena.h"
#include "core/error.h"
#include "core/json.h"
#include "core/option.h"

/* Fills the member at `out` of an option whose kind is none of CHOICE, CHOICE_LIST, OBJECT, MAP and INTO; for those it
 * does nothing. */
flow_status flow_read_value(void *out, const flow_option *option, const flow_json *at, flow_arena *arena,
                            flow_error *err);

/* FLOW_SPEC: "PATH: expected ..., found ...". */
flow_status flow_read_expected(const flow_json *at, const char *expected, flow_error *err);

#endif
