/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/registry.h"

#include "flow/block/multiscale.h"

#define X(name) &flow_column_##name,
const flow_column_type *const flow_column_types[] = {FLOW_COLUMNS(X) NULL};
#undef X
#define X(name) &flow_block_##name,
const flow_block_type *const flow_block_types[] = {FLOW_BLOCKS(X) NULL};
#undef X

/* ---- bases ---- */

#define X(name) &flow_base_##name.info,
static const flow_type_info *const base_types[] = {FLOW_BASES(X) NULL};
#undef X

const flow_choices flow_bases = {.definition = "base", .what = "a base", .types = base_types};

extern const flow_base_type flow_base_mixed;
const flow_type_info *const flow_mixed_base = &flow_base_mixed.info;

/* ---- presets ---- */

#define COUPLING(word, sentence, own)                                                                    \
    {                                                                                                    \
        .name = word, .help = sentence, .options = flow_coupling_table,                                  \
        .options_size = sizeof(flow_coupling_options), .defaults = own, .repeats = true                  \
    }

#define MULTISCALE(word, sentence, own)                                                                  \
    {                                                                                                    \
        .name = word, .help = sentence, .options = flow_multiscale_table,                                \
        .options_size = sizeof(flow_multiscale_options), .defaults = own, .repeats = true                \
    }

/* Real NVP on vectors: alternating masks, affine couplings (Dinh et al. 2017; widths as in Papamakarios et al. 2017,
 * sec. 4.2). */
static const char *const realnvp_defaults[] = {"repeat",     "8",           "mask", "\"alternate\"",
                                               "univariate", "\"affine\"", NULL};
static const flow_preset realnvp = {
    .info = MULTISCALE("realnvp", "affine couplings with alternating masks, on images at several scales",
                       realnvp_defaults),
    .block = &flow_block_coupling, .of_images = flow_multiscale_realnvp, .check_table = flow_multiscale_check_table,
};

/* NICE: four additive couplings and a diagonal scaling (Dinh et al. 2015, sec. 3.3 and 5.1). */
static const char *const nice_defaults[] = {"repeat", "4", "mask", "\"alternate\"", "univariate", "\"additive\"", NULL};
static const flow_actnorm_options nice_scaling = {.fit = false};
static const flow_choice nice_closing[] = {
    {.type = &flow_block_actnorm.info, .options = &nice_scaling, .repeat = 1},
};
static const flow_preset nice = {
    .info = COUPLING("nice", "additive couplings and a final scaling", nice_defaults),
    .block = &flow_block_coupling, .closing = {.n = 1, .at = nice_closing},
};

/* Glow on vectors: steps of actnorm, an invertible matrix and an affine coupling of one half by the other (Kingma and
 * Dhariwal 2018, sec. 3 and table 1). The matrices spread what one coupling enlarges over all dimensions, the next one
 * enlarges it again: with bounds of 2 and more some samples in 100,000 leave every scale, in float beyond return
 * (measured on the protein data), and nothing is gained; scales of whole dimensions are actnorm's. */
static const char *const glow_defaults[] = {"repeat",     "8",
                                            "mask",       "\"half\"",
                                            "univariate", "{\"type\": \"affine\", \"bound\": 1}",
                                            NULL};
static const flow_actnorm_options glow_actnorm = {.fit = true};
static const flow_choice glow_opening[] = {
    {.type = &flow_block_actnorm.info, .options = &glow_actnorm, .repeat = 1},
    {.type = &flow_block_linear.info, .repeat = 1},
};
static const flow_preset glow = {
    .info = MULTISCALE("glow", "steps of actnorm, an invertible matrix and an affine coupling, on images at several "
                       "scales", glow_defaults),
    .block = &flow_block_coupling, .opening = {.n = 2, .at = glow_opening}, .of_images = flow_multiscale_glow,
    .check_table = flow_multiscale_check_table,
};

/* Neural spline flows, coupling and autoregressive (Durkan et al. 2019, sec. 4.1 and 5.1), with tails of a slope of
 * their own: outside of the box the paper's identity can do nothing for an outlier, which then decides the mean
 * log-density. The slopes are at most 1, so that no outlier goes further out. */
#define SPLINE "{\"type\": \"rational_quadratic\", \"tails\": \"bounded\"}"
static const char *const nsf_defaults[] = {"repeat", "8", "mask", "\"alternate\"", "univariate", SPLINE, NULL};
static const flow_preset nsf = {
    .info = COUPLING("nsf", "spline couplings with alternating masks", nsf_defaults),
    .block = &flow_block_coupling,
};

static const char *const nsf_ar_defaults[] = {"repeat", "5", "univariate", SPLINE, NULL};
static const flow_preset nsf_ar = {
    .info = {FLOW_INFO("nsf_ar", "masked autoregressive spline blocks in alternating order",
                       flow_autoregressive_table, flow_autoregressive_options), .defaults = nsf_ar_defaults,
                       .repeats = true},
    .block = &flow_block_maf,
};

#define FLOW_PRESETS(X) X(realnvp) X(nice) X(glow) X(nsf) X(nsf_ar)

#define X(name) &name,
const flow_preset *const flow_presets[] = {FLOW_PRESETS(X) NULL};
#undef X

/* ---- all that may stand in a list ---- */

#define COLUMN(name) &flow_column_##name.info,
#define BLOCK(name) &flow_block_##name.info,
#define PRESET(name) &name.info,
static const flow_type_info *const map_types[] = {FLOW_COLUMNS(COLUMN) FLOW_PRESETS(PRESET) FLOW_BLOCKS(BLOCK) NULL};

const flow_choices flow_maps = {.definition = "map", .what = "a column map or a block", .types = map_types};

const flow_column_type *flow_column_of(const flow_type_info *type)
{
    for (int i = 0; flow_column_types[i] != NULL; i++)
        if (&flow_column_types[i]->info == type)
            return flow_column_types[i];
    return NULL;
}

const flow_block_type *flow_block_of(const flow_type_info *type)
{
    for (int i = 0; flow_block_types[i] != NULL; i++)
        if (&flow_block_types[i]->info == type)
            return flow_block_types[i];
    return NULL;
}

const flow_preset *flow_preset_of(const flow_type_info *type)
{
    for (int i = 0; flow_presets[i] != NULL; i++)
        if (&flow_presets[i]->info == type)
            return flow_presets[i];
    return NULL;
}
