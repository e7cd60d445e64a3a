/* Files that are not CSV, by their first bytes. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_SIGNATURE_H
#define FLOW_DATA_CSV_SIGNATURE_H

#include "data/csv_stream.h"

/* FLOW_FORMAT with a remedy for formats that others have: spreadsheets, UTF-16, Parquet, ... */
flow_status flow_csv_refuse_others(const flow_csv_stream *stream, flow_error *err);

#endif
