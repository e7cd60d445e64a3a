/* A survey of the columns of a table: what is odd about them, from one pass over its rows in bounded memory.
 *
 * Of each column there are facts (flow_survey_column), and of the table there are findings (flow_finding): a column
 * that counts the rows, a constant, whole numbers, codes for missing values, columns that follow from others. A finding
 * is a kind and the numbers that prove it; nothing here has words for users.
 *
 * A survey is a function of the rows and of their numbers alone, of no seed and no number of threads; the size of the
 * blocks in which rows are added matters to the rounding of means and deviations. Exact over all rows: least, most and
 * the values next to them with their rows, lattices, constants, row numbers, and the number of different values up to
 * `distinct_limit`. From a sample of at most 32768 rows, chosen by a hash of the number of the row: quantiles, and
 * linear dependencies, which are looked for among up to FLOW_SURVEY_COMPARED columns. The sample is the whole of a
 * table that is no larger; of a table with more than 64 columns it has 2^21 values, but at least 256 rows.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_H
#define FLOW_DATA_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "num/comm.h"

enum {
    FLOW_SURVEY_EXTREMES = 16, /* different values that are kept at each end of a column */
    FLOW_SURVEY_FREQUENT = 4,  /* values that are kept as the most frequent ones */
    FLOW_SURVEY_COMPARED = 512 /* with more columns, linear dependencies are not looked for */
};

/* The quantiles that are kept. */
typedef enum flow_survey_quantile {
    FLOW_QUANTILE_0_1,
    FLOW_QUANTILE_1,
    FLOW_QUANTILE_5,
    FLOW_QUANTILE_25,
    FLOW_QUANTILE_50,
    FLOW_QUANTILE_75,
    FLOW_QUANTILE_95,
    FLOW_QUANTILE_99,
    FLOW_QUANTILE_99_9,
    FLOW_N_QUANTILES
} flow_survey_quantile;

typedef struct flow_survey_value {
    double value;
    int64_t rows; /* that have it */
    int64_t row;  /* the number of the first of them, from 0; -1: not known */
} flow_survey_value;

typedef struct flow_survey_column {
    const char *name; /* borrowed from the names that flow_survey_new was given */
    double least, most, mean, deviation;
    flow_survey_value lowest[FLOW_SURVEY_EXTREMES];  /* the least different values, in rising order */
    flow_survey_value highest[FLOW_SURVEY_EXTREMES]; /* the greatest ones, in falling order */
    int n_lowest, n_highest;
    int64_t distinct;                                 /* number of different values; if `many`, a lower limit */
    bool many;                                        /* there are more than `distinct_limit` of them */
    flow_survey_value frequent[FLOW_SURVEY_FREQUENT]; /* in falling order of their rows. If `many`, the rows of values
                                                         that became frequent late are estimated from the sample */
    int n_frequent;
    double step; /* all values are on a lattice of this step that begins at `least`; 0: on none */
    bool whole;  /* all are whole numbers */
    double quantiles[FLOW_N_QUANTILES];
} flow_survey_column;

typedef enum flow_finding_kind {
    /* a column with one of the first three has no other findings */
    FLOW_FINDING_CONSTANT,        /* value */
    FLOW_FINDING_NEARLY_CONSTANT, /* value, the most frequent one, and `rows` that have another; or rows 0: all values
                                     are equal but for rounding, value is their mean, ratio their deviation / |mean| */
    FLOW_FINDING_ROW_NUMBER,      /* value + step * number of the row; or step 0: the whole numbers from `value` on, in
                                     another order */
    FLOW_FINDING_COPY,            /* terms: the column whose values these are */
    FLOW_FINDING_LINEAR,          /* terms, offset, residual: the column follows from others */
    FLOW_FINDING_CODE,            /* value, rows: probably stands for "missing" */
    FLOW_FINDING_BOOLEAN,         /* two values: lower and upper; rows: of upper */
    FLOW_FINDING_CLASSES,         /* distinct: few different whole numbers */
    FLOW_FINDING_LATTICE,         /* step, distinct (0: many); lower: where the lattice begins, NaN if it holds 0 and no
                                     end is natural; value, rows, share: the most frequent one */
    FLOW_FINDING_REPEATED,        /* distinct; value, rows, share: few values, on no lattice */
    FLOW_FINDING_SPIKE,           /* value, rows, share: beside values that are all different. Several for a column
                                     are several findings */
    FLOW_FINDING_BOUND,           /* lower, upper, and how many rows are exactly on them (rows) */
    FLOW_FINDING_ANGLE,           /* lower, step: the values fill a period of `step`. A question, never certain */
    FLOW_FINDING_DECADES,         /* lower, upper: the quantiles 0.05 and 0.95; ratio: log10 of upper / lower */
    FLOW_FINDING_TAILS,           /* ratio: (quantile 0.999 - 0.001) / (0.75 - 0.25); 4.6 of a normal distribution;
                                     value (the farthest), row; rows that are so far beyond all others that the tail
                                     does not explain them */
    FLOW_FINDING_OUTLIERS,        /* rows, value (the farthest), row, ratio (robust deviations from the median); lower,
                                     upper: 25 of these from the median, and the rows are those beyond */
    FLOW_N_FINDINGS
} flow_finding_kind;

typedef struct flow_finding_term {
    int column;
    double factor;
} flow_finding_term;

/* What a kind does not have is 0, and NaN for `lower` and `upper`; a value is NaN where it is not known. */
typedef struct flow_finding {
    flow_finding_kind kind;
    int column;
    double value;
    int64_t rows;
    double share; /* rows / all rows */
    int64_t distinct;
    double step;
    double lower, upper; /* NaN: none */
    double ratio;
    int64_t row; /* number of a row, from 0 */
    /* column = offset + sum of factor * column of each term, in every row; */
    const flow_finding_term *terms;
    int n_terms;
    double offset;
    double residual; /* but for this: the deviation of the difference, as a share of the column's own */
} flow_finding;

/* Plain fields, valid once it is finished; for reading only. */
typedef struct flow_survey {
    int64_t n_rows, n_sampled;
    int64_t n_copies; /* of the sampled rows, those that are equal to an earlier one, if they are no coincidence */
    int n_columns;
    int64_t distinct_limit;      /* 4096, and fewer for more than 256 columns */
    bool compared;               /* linear dependencies were looked for */
    flow_survey_column *columns; /* (n_columns) */
    flow_finding *findings;      /* (n_findings) in the order of the kinds, then of the columns */
    size_t n_findings;
    struct flow_survey_scan *scan; /* what is added up; NULL once it is finished */
} flow_survey;

/* `names` (d) are borrowed for the life of the survey. */
flow_status flow_survey_new(flow_survey **out, int d, const char *const *names, flow_error *err);
/* Adds rows (n, d), finite, with their numbers, which rise. */
flow_status flow_survey_add(flow_survey *survey, const double *rows, const int64_t *numbers, size_t n, flow_error *err);
/* The same in parts, for ranks that share the columns: each adds its share of them (flow_share_first), [first, last),
 * of all rows, (n, last - first); and all ranks add the same rows to the sample. */
flow_status flow_survey_add_columns(flow_survey *survey, int first, int last, const double *rows,
                                    const int64_t *numbers, size_t n, flow_error *err);
struct flow_row_sample *flow_survey_sample(const flow_survey *survey);
/* Ends the pass, and fills columns and findings. Collective. */
flow_status flow_survey_finish(flow_survey *survey, const flow_comm *comm, flow_error *err);
void flow_survey_free(flow_survey *survey);

/* The first finding of this kind about the column; NULL: none. */
const flow_finding *flow_survey_find(const flow_survey *survey, flow_finding_kind kind, int column);

/* Whether programs use this number for "missing": -999, 9.96921e36, -2147483648 and others. */
bool flow_survey_is_usual_code(double value);

/* The share of the rows that have the most frequent value of the column. */
double flow_survey_tied(const flow_survey *survey, int column);

#endif
