/* Opens a data set and prints all that is known of it and all of its rows, for test/mpi_open.bats, which compares what
 * different numbers of processes print:
 *
 *     mpi_open LOCATION [memory=BYTES] [part=training] [skip] [weight=COLUMN]
 *     mpi_open LOCATION copy=OUT.h5 [hole=N] [tail=N]
 *
 * The second form copies a table, and puts NaN into each N-th row, or into all rows behind the first N.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_rows.h"

enum { BATCH = 1000 };

static void print_value(const flow_survey_value *value)
{
    printf(" %a:%lld:%lld", value->value, (long long)value->rows, (long long)value->row);
}

static void print_column(const flow_survey_column *c)
{
    printf("survey %s %a %a %a %a distinct %lld%s step %a whole %d\n", c->name, c->least, c->most, c->mean,
           c->deviation, (long long)c->distinct, c->many ? "+" : "", c->step, c->whole);
    for (int i = 0; i < c->n_lowest; i++)
        print_value(&c->lowest[i]);
    for (int i = 0; i < c->n_highest; i++)
        print_value(&c->highest[i]);
    for (int i = 0; i < c->n_frequent; i++)
        print_value(&c->frequent[i]);
    for (int q = 0; q < FLOW_N_QUANTILES; q++)
        printf(" %a", c->quantiles[q]);
    printf("\n");
}

static void print_survey(const flow_survey *s)
{
    printf("survey of %lld rows, %lld sampled\n", (long long)s->n_rows, (long long)s->n_sampled);
    for (int j = 0; j < s->n_columns; j++)
        print_column(&s->columns[j]);
    for (size_t i = 0; i < s->n_findings; i++) {
        const flow_finding *f = &s->findings[i];
        printf("finding %d of %d: %a %lld %a %lld %a %a %a %a %lld", (int)f->kind, f->column, f->value,
               (long long)f->rows, f->share, (long long)f->distinct, f->step, f->lower, f->upper, f->ratio,
               (long long)f->row);
        for (int t = 0; t < f->n_terms; t++)
            printf(" + %a [%d]", f->terms[t].factor, f->terms[t].column);
        printf(" %a %a\n", f->offset, f->residual);
    }
}

static void print_facts(const flow_dataset *data)
{
    const flow_row_store *store = (const flow_row_store *)data;
    printf("%s: %lld rows, %d columns, skipped %lld of %lld, weightless %lld, checksum %08x, held %d, %a in %a\n",
           data->location, (long long)data->n_rows, data->n_columns, (long long)data->n_skipped,
           (long long)data->skipped.all, (long long)data->n_weightless, (unsigned)data->checksum, data->is_held,
           data->effective_rows, data->weight_unit);
    if (data->n_skipped > 0)
        printf("skipped: %s in %lld, %s %a %a\n", data->skipped.column != NULL ? data->skipped.column : "-",
               (long long)data->skipped.invalid, data->skipped.other != NULL ? data->skipped.other : "-",
               data->skipped.mean, data->skipped.others);
    for (int i = 0; i < data->remarks.n; i++)
        printf("remark: %s\n", data->remarks.at[i]);
    for (int j = 0; j < data->n_columns; j++) {
        const flow_column_summary *s = &data->summary[j];
        printf("%s %a %a %a %a %a %a\n", s->name, s->least, s->most, s->mean, s->deviation, s->tied, s->distinct);
    }
    if (data->survey != NULL)
        print_survey(data->survey);
    for (int64_t i = 0; i < store->n_blocks && !data->is_held; i++)
        printf("block at row %lld: %d of %d\n", (long long)store->blocks[i].at.row, (int)store->blocks[i].n_kept,
               (int)store->blocks[i].n_read);
}

/* A checksum of all rows with their numbers, in the order of the file, or in that of an epoch. */
static flow_status print_rows(flow_dataset *data, bool shuffle, bool speaks, flow_error *err)
{
    const size_t d = (size_t)data->n_columns;
    double *rows = malloc(BATCH * d * sizeof *rows);
    int64_t numbers[BATCH];
    uint32_t sum = 0;
    size_t n = 0;
    flow_status status = shuffle ? flow_dataset_shuffle(data, 1, 2, 0, err) : FLOW_OK;
    if (!shuffle)
        flow_dataset_rewind(data);
    do {
        if (status == FLOW_OK)
            status = flow_dataset_next(data, rows, numbers, BATCH, &n, err);
        for (size_t i = 0; i < n && status == FLOW_OK; i++) {
            const double number = (double)numbers[i];
            sum = flow_dataset_checksum(flow_dataset_checksum(sum, rows + i * d, d), &number, 1);
        }
    } while (status == FLOW_OK && n > 0);
    if (status == FLOW_OK)
        status = flow_dataset_sample(data, rows, BATCH, &n, err);
    if (status == FLOW_OK && speaks)
        printf("rows %08x, sample of %zu %08x\n", (unsigned)sum, n, (unsigned)flow_dataset_checksum(0, rows, n * d));
    free(rows);
    return status;
}

static flow_status copy_table(const char *to, const char *from, int64_t hole, int64_t tail, flow_error *err)
{
    flow_reader *reader = NULL;
    flow_writer *writer = NULL;
    FLOW_TRY(flow_reader_open(&reader, from, NULL, err));
    const int d = reader->columns.n;
    double *row = malloc((size_t)d * sizeof *row);
    size_t n = 1;
    flow_status status = flow_writer_open(&writer, to, (const char *const *)reader->columns.at, d, NULL, err);
    for (int64_t i = 1; status == FLOW_OK && n > 0; i++) {
        status = flow_reader_read(reader, row, NULL, 1, &n, err);
        if ((hole > 0 && i % hole == 0) || (tail > 0 && i > tail))
            row[i % d] = NAN;
        if (status == FLOW_OK && n > 0)
            status = flow_writer_write(writer, row, 1, err);
    }
    if (status == FLOW_OK)
        status = flow_writer_finish(writer, err);
    else
        flow_writer_abandon(writer);
    flow_reader_close(reader);
    free(row);
    return status;
}

static flow_status open_and_print(const char *location, const flow_dataset_options *options, flow_error *err)
{
    const bool speaks = flow_comm_rank(options->comm) == 0;
    flow_dataset *data;
    FLOW_TRY(flow_dataset_open(&data, location, options, err));
    if (speaks)
        print_facts(data);
    flow_status status = print_rows(data, false, speaks, err);
    if (status == FLOW_OK)
        status = print_rows(data, true, speaks, err);
    flow_dataset_close(data);
    return status;
}

int main(int argc, char **argv)
{
    flow_error err = {0};
    flow_status status = flow_comm_start(&argc, &argv, &err);
    flow_dataset_options options = {.comm = flow_comm_world(), .survey = true, .share = 0.2, .seed = 3};
    const char *copy = NULL;
    int64_t hole = 0, tail = 0;
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "memory=", 7) == 0)
            options.memory_bytes = (size_t)strtoll(argv[i] + 7, NULL, 10);
        else if (strcmp(argv[i], "part=training") == 0)
            options.part = FLOW_PART_TRAINING;
        else if (strcmp(argv[i], "skip") == 0)
            options.skip_invalid = true;
        else if (strncmp(argv[i], "weight=", 7) == 0)
            options.weight = argv[i] + 7;
        else if (strncmp(argv[i], "copy=", 5) == 0)
            copy = argv[i] + 5;
        else if (strncmp(argv[i], "hole=", 5) == 0)
            hole = strtoll(argv[i] + 5, NULL, 10);
        else if (strncmp(argv[i], "tail=", 5) == 0)
            tail = strtoll(argv[i] + 5, NULL, 10);
        else
            status = flow_error_set(&err, FLOW_ARGUMENT, "unknown argument %s", argv[i]);
    }
    if (argc < 2)
        status = flow_error_set(&err, FLOW_ARGUMENT, "no file");
    else if (status == FLOW_OK)
        status = copy != NULL ? copy_table(copy, argv[1], hole, tail, &err) : open_and_print(argv[1], &options, &err);
    const int code = status == FLOW_OK ? 0 : 1;
    if (flow_comm_meet(code) && code != 0)
        printf("error %d: %s\n", (int)status, err.message);
    fflush(stdout);
    return flow_comm_finish(code);
}
