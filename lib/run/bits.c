/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/bits.h"

const flow_report_field flow_bits_fields[] = {
    {"bits_per_dimension", FLOW_MEMBER(flow_bits, per_dimension.mean), FLOW_REPORT_WHEN(flow_bits, any)},
    {"bits_per_dimension_error", FLOW_MEMBER(flow_bits, per_dimension.error), FLOW_REPORT_WHEN(flow_bits, any)},
    FLOW_REPORT_END,
};

flow_bits flow_bits_of(const flow *f, flow_mean logprob)
{
    return (flow_bits){{flow_bits_per_dimension(f, logprob.mean), -flow_bits_per_dimension(f, logprob.error)},
                       flow_counts_bits(f)};
}
