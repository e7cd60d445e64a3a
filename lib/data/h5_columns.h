/* Columns that lie in several datasets of a group. Internal to lib/data; inside a scope (h5/scope.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_COLUMNS_H
#define FLOW_DATA_H5_COLUMNS_H

#include "data/h5_members.h"
#include "data/h5_offer.h"
#include "data/h5_shapes.h"

/* Chooses among the columns offered, whose parts are members of the group, and fills the layout and the reader. */
flow_status flow_h5_columns_open(flow_h5_layout *layout, flow_reader *reader, const flow_h5_members *members,
                                 hid_t group, const flow_h5_offer *offer, const flow_reader_options *options,
                                 flow_error *err);

#endif
