/* How many epochs fit into a time, from a count and not from a clock, so that the same data give the same spec. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "flow/flow.h"
#include "model/spec.h"
#include "nn/params.h"
#include "run/init_plan.h"

/* Weights times rows that one processor trains in a second, of mixtures and of images (docs/automatic.md). */
static const double per_second = 5e9;
static const double per_second_of_images = 1.5e10;

enum { MOST_EPOCHS = 1000 };

/* How many rows are trained in a second for each weight. The weights of an image act at all its pixels, of which there
 * are a quarter behind the first squeeze. */
static double minutes_rate(const init_plan *plan)
{
    const flow_shape shape = plan->image.shape;
    return shape.channels > 0 ? per_second_of_images / ((double)shape.height * shape.width / 4) : per_second;
}

static flow_status minutes_build(flow **out, const init_plan *plan, flow_spec *spec, flow_error *err)
{
    const flow_shape shape = plan->image.shape;
    if (shape.channels > 0)
        FLOW_TRY(flow_spec_set_shape(spec, shape, err));
    const int dim = shape.channels > 0 ? flow_shape_size(shape) : plan->out->n_modelled;
    const char **names = flow_arena_take(plan->arena, (size_t)dim, sizeof *names);
    if (names == NULL)
        return flow_error_memory(err, "columns");
    for (int i = 0, n = 0; i < plan->n_columns; i++)
        if (!plan->columns[i].is_context && !plan->columns[i].is_left_out)
            names[n++] = plan->columns[i].name;
    const flow_row_layout layout = flow_spec_layout(spec, dim, shape.channels > 0 ? NULL : names);
    return flow_build(out, &spec->design, &layout, (uint64_t)spec->seed, err);
}

flow_status init_fit_minutes(init_plan *plan, const cJSON *document, flow_error *err)
{
    init_training *t = &plan->training;
    flow_spec *spec = NULL;
    flow *f = NULL;
    cJSON *copy = cJSON_Duplicate(document, 1);
    if (copy == NULL)
        return flow_error_memory(err, "a spec");
    flow_status status = flow_spec_make(&spec, copy, plan->out->spec, NULL, NULL, 0, err);
    if (status == FLOW_OK)
        status = minutes_build(&f, plan, spec, err);
    if (status == FLOW_OK) {
        const double rows =
            (double)plan->n_rows * (1 - plan->sets[INIT_VALIDATION].share - plan->sets[INIT_TEST].share);
        const double steps = rows * (double)flow_params_count(&f->params);
        const double epochs = plan->options->minutes * 60 * minutes_rate(plan) / steps;
        t->epochs = (int64_t)fmin(fmax(floor(epochs), 1), MOST_EPOCHS);
    }
    flow_free(f);
    flow_spec_free(spec);
    return status;
}
