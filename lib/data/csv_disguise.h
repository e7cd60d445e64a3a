/* Numbers that are written so that they are none. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_DISGUISE_H
#define FLOW_DATA_CSV_DISGUISE_H

#include <stddef.h>

/* What to do about a field that is no number, as "take the percent signs out"; NULL: it is a word like any other. */
const char *flow_csv_undisguise(const char *field, size_t length);

#endif
