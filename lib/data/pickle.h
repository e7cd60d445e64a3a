/* The texts and numbers in a pickle of Python, for the names that pandas and PyTables write into HDF5 attributes.
 *
 * Protocol 0 of lists and tuples of texts, numbers and None is read, in the order in which they stand; everything else
 * is refused. Nothing is executed. (Python: Lib/pickletools.py.)
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_PICKLE_H
#define FLOW_DATA_PICKLE_H

#include <stdbool.h>

#include "data/name_list.h"

/* Appends the texts, in UTF-8, and the numbers as texts. `joined`: those of a tuple are one text, with "." between
 * them. False when the pickle is another one or is damaged, or memory is out. */
bool flow_pickle_read(flow_name_list *out, const char *pickle, bool joined);

#endif
