/* The columns of readers whose format holds images. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_IMAGE_COLUMNS_H
#define FLOW_DATA_IMAGE_COLUMNS_H

#include "data/reader.h"

/* Whether FLOW_LABEL is among the last columns that are asked for. */
bool flow_image_wants_label(const flow_reader_options *options);

/* Chooses among the values of an image, x1, x2, ... in the order height, width, channels, and FLOW_LABEL behind them
 * where `has_label`. reader->image says what the images are, and afterwards that the rows are none where single
 * values were chosen. *pick (columns.n; owned) are places in a row on file, and the number of its values for the label.
 */
flow_status flow_image_choose_columns(flow_reader *reader, int **pick, bool has_label,
                                      const flow_reader_options *options, flow_error *err);

#endif
