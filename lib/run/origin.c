/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/origin.h"

#include <stdio.h>

#define ORIGIN(member) FLOW_MEMBER(flow_data_origin, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_data_origin, member)

const flow_report_field flow_data_origin_fields[] = {
    {"location", ORIGIN(location)},
    {"dimensions", ORIGIN(dimensions), WHEN(is_density)},
    {"rows", ORIGIN(rows), WHEN(is_table)},
    {"columns", ORIGIN(columns), WHEN(is_table)},
    {"has_names", ORIGIN(has_names), WHEN(is_table)},
    {"context", ORIGIN(n_context), WHEN(is_table)},
    {"effective_rows", ORIGIN(effective_rows), WHEN(is_weighted)},
    {"weightless", ORIGIN(weightless), WHEN(is_weighted)},
    {"black", ORIGIN(black), WHEN(is_pictures)},
    {"white", ORIGIN(white), WHEN(is_pictures)},
    {"classes", ORIGIN(classes), WHEN(is_pictures)},
    {"skipped", ORIGIN(skipped), WHEN(is_table)},
    {"checksum", ORIGIN(checksum)},
    FLOW_REPORT_END,
};

#define RUN(member) FLOW_MEMBER(flow_training_run, member)

const flow_report_field flow_training_run_fields[] = {
    {"command", RUN(command)},
    {"host", RUN(host)},
    {"date", RUN(date)},
    {"version", RUN(version)},
    {"threads", RUN(threads)},
    {"math", RUN(math)},
    {"first_epoch", RUN(first_epoch)},
    FLOW_REPORT_GROUP_ROW("libraries", flow_training_run, libraries, flow_libraries_fields),
    FLOW_REPORT_END,
};

void flow_checksum_print(char out[FLOW_CHECKSUM_SIZE], uint32_t checksum)
{
    snprintf(out, FLOW_CHECKSUM_SIZE, "crc32:%08lx", (unsigned long)checksum);
}

flow_data_origin flow_data_origin_read(const cJSON *data, const char *key)
{
    flow_data_origin out = {.checksum = "no checksum"};
    flow_report_read(&out, flow_data_origin_fields, cJSON_GetObjectItemCaseSensitive(data, key));
    out.any = out.location != NULL;
    return out;
}
