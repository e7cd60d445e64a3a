/* Figures as a script for gnuplot.
 *
 * What comes from files and users, names of columns, models and data, stands in single quotes, where gnuplot executes
 * and replaces nothing, after control characters and what is no UTF-8 were taken out; enhanced text is off. Numbers and
 * all else are of this program. So a hostile name is text that is drawn. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_SCRIPT_H
#define FLOW_DRAW_SCRIPT_H

#include "core/text.h"
#include "draw/figure.h"
#include "draw/script_options.h"

/* Adds the script, and with options->data what belongs into that file to `data` (else it may be NULL). Several figures
 * are pages of a PDF. */
void flow_script_add(flow_text *script, flow_text *data, const flow_figure *const *figures, int n,
                     const flow_script_options *options);

#endif
