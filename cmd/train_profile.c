/* Where the time of a training went. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "format.h"
#include "train.h"

/* In the order of flow_phase. */
static const char *const names[FLOW_PHASES] = {"data",      "maps and gradients of rows", "gradient of the weights",
                                               "optimizer", "held-out evaluation",        "saving and reporting"};

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* A phase in seconds of all threads. */
typedef struct parts {
    double seconds, products, elementwise, waiting;
} parts;

static parts parts_of(const flow_profile *profile, flow_phase phase)
{
    double busy = flow_profile_busy(profile, phase), products = flow_profile_products(profile, phase);
    double waiting = profile->seconds[phase] * profile->n_threads - busy;
    return (parts){profile->seconds[phase], products, busy - products, waiting > 0 ? waiting : 0};
}

cJSON *train_describe_profile(const flow_profile *profile)
{
    cJSON *object = cJSON_CreateObject(), *phases = cJSON_AddArrayToObject(object, "phases");
    for (int phase = 0; phase < FLOW_PHASES; phase++) {
        parts p = parts_of(profile, (flow_phase)phase);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddItemToArray(phases, entry);
        cJSON_AddStringToObject(entry, "phase", names[phase]);
        cJSON_AddNumberToObject(entry, "seconds", p.seconds);
        if (p.products + p.elementwise <= 0)
            continue;
        cJSON_AddNumberToObject(entry, "products", p.products);
        cJSON_AddNumberToObject(entry, "elementwise", p.elementwise);
        cJSON_AddNumberToObject(entry, "waiting", p.waiting);
    }
    return object;
}

void train_add_profile(flow_text *text, const flow_profile *profile)
{
    double whole = 0;
    for (int phase = 0; phase < FLOW_PHASES; phase++)
        whole += profile->seconds[phase];
    char head[FORMAT_SIZE];
    snprintf(head, sizeof head, "where %.2f s on %d thread%s went", whole, profile->n_threads,
             profile->n_threads == 1 ? "" : "s");
    flow_text_add(text, "  %-47s  products  elementwise  waiting\n", head);
    for (int phase = 0; phase < FLOW_PHASES; phase++) {
        parts p = parts_of(profile, (flow_phase)phase);
        double all = p.products + p.elementwise + p.waiting;
        flow_text_add(text, "    %-27s %8.2f s %4.0f %%", names[phase], p.seconds, share(p.seconds, whole));
        if (p.products + p.elementwise > 0)
            flow_text_add(text, "  %6.0f %%  %9.0f %%  %5.0f %%", share(p.products, all),
                          share(p.elementwise, all), share(p.waiting, all));
        flow_text_add(text, "\n");
    }
}
