/* CSV files: every form that is read, and what is refused in which words. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/csv_fields.h"
#include "values.h"

static void test_csv_forms(void **state)
{
    (void)state;
    const double v[] = {1, 2.5, -3e-2, 4};
    reads(write_text("a.csv", "x,y\n1,2.5\n-3e-2,4\n"), "x y", 2, v);
    assert_true(got.has_names);
    remarks(NULL);
    reads(write_text("a.csv", "x,y\n1,2.5\n-3e-2,4"), "x y", 2, v);                         /* no line end at the end */
    remarks("its last line has no line end; if the file was cut, the last number (row 2) is, too");
    reads(write_text("a.csv", "x,y\n1,2.5\n\"-3e-2\",\"\n4\"\n"), "x y", 2, v);
    remarks(NULL);
    reads(write_text("a.csv", "x,y\r\n1,2.5\r\n-3e-2,4\r\n"), "x y", 2, v);                 /* CRLF */
    reads(write_text("a.csv", "\xef\xbb\xbfx,y\r\n1,2.5\r\n-3e-2,4"), "x y", 2, v);         /* byte-order mark */
    reads(write_text("a.csv", "\n  \nx,y\n\n1,2.5\n\r\n \t\n-3e-2,4\n\n\n"), "x y", 2, v);  /* blank lines */
    reads(write_text("a.csv", "x , y\n 1 ,\t2.5 \n-3e-2, 4\t\n"), "x y", 2, v);             /* blanks */
    reads(write_text("a.csv", "\"x\",\"y\"\n1,2.5\n-3e-2,4\n"), "x y", 2, v);               /* R's header */
    reads(write_text("a.csv", "\"x\",\"y\"\n\"1\",\"2.5\"\n\"-3e-2\",4\n"), "x y", 2, v);   /* quoted numbers */
    reads(write_text("a.csv", "\"1\",\"2.5\"\n\"-3e-2\",\"4\"\n"), "x1 x2", 2, v);          /* and no header */
    /* quotes that need splitting, and quotes that do not */
    reads(write_text("a.csv", "x,y\n \"1\", \"2.5\" \n\" -3e-2 \",\"4\"\r\n"), "x y", 2, v);
    reads(write_text("a.csv", "\"m, in \"\"GeV\"\"\",\"two\nlines\"\n1,2.5\n-3e-2,4\n"),
          "m, in \"GeV\" two\nlines", 2, v);
    reads(write_text("a.csv", "# x,y\n1,2.5\n-3e-2,4\n"), "x y", 2, v);                     /* numpy.savetxt */
    reads(write_text("a.csv", "1,2.5\n-3e-2,4\n"), "x1 x2", 2, v);                          /* no header */
    assert_false(got.has_names);
    reads(write_text("a.csv", "1990,1991\n-3e-2,4\n"), "x1 x2", 2, (double[]){1990, 1991, -3e-2, 4});
    reads(write_text("a.csv", "\"1990\",\"1991\"\n1,2.5\n-3e-2,4\n"), "1990 1991", 2, v);   /* names that are numbers */
    reads(write_text("a.csv", "country,1990\n1,2.5\n-3e-2,4\n"), "country 1990", 2, v);
    reads(write_text("a.csv", "\"\",\"x\"\n\"1\",2.5\n\"-3e-2\",4\n"), "unnamed1 x", 2, v); /* R's row names */
    reads(write_text("a.csv", "gr\xc3\xb6\xc3\x9f" "e; cm,\"a;b\"\n1,2.5\n-3e-2,4\n"),
          "gr\xc3\xb6\xc3\x9f" "e; cm a;b", 2, v);
    reads(write_text("a.csv", "x\n5\n"), "x", 1, (double[]){5});
    reads(write_text("a.csv", "x,y\n"), "x y", 0, v);                                       /* header only */
    reads(write_text("a.csv", "x,y"), "x y", 0, v);
    reads(write_text("a.csv", "+7,-.5,6.,1e3,-0,12345678901234567890,0.1000000000000000055511151231257827\n"),
          "x1 x2 x3 x4 x5 x6 x7", 1, (double[]){7, -0.5, 6, 1000, 0, 12345678901234567890.0, 0.1});
    reads(write_text("a:b.csv", "x\n5\n"), "x", 1, (double[]){5}); /* a colon in a file's name */
    reads(write_text("table.txt", "x\n5\n"), "x", 1, (double[]){5});
}

/* Fields with a | behind each; ! where a quote cannot be, + where the line ends in quotes. */
static void test_csv_fields(void **state)
{
    (void)state;
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"", "|"},
        {"a,b", "a|b|"},
        {"a,,b,", "a||b||"},
        {" a b\t,\t c ", "a b|c|"},
        {"\"a\",\" b \"", "a| b |"},
        {" \"a\" , \"b\"\t", "a|b|"},
        {"\"\",\"\"\"\"", "|\"|"},
        {"\"a,b\",\"say \"\"c\"\"\"", "a,b|say \"c\"|"},
        {"\"a", "a\n+"},
        {"x,\"a\"\"", "x|a\"\n+"},
        {"a\"b", "!"},
        {"a\"\"", "!"},
        {"\"a\"b", "!"},
        {"\"a\" \"b\"", "!"},
        {"\"a\" b", "!"},
    };
    flow_csv_fields f = {0};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        bool more, good;
        char found[64] = "";
        flow_csv_fields_begin(&f, ',');
        assert_int_equal(flow_csv_fields_line(&f, cases[k].line, strlen(cases[k].line), &more, &good, NULL), FLOW_OK);
        for (size_t i = 0; i < f.n && good; i++) {
            size_t length;
            strcat(strcat(found, flow_csv_field(&f, i, &length)), "|");
            assert_int_equal(length, strlen(flow_csv_field(&f, i, &length)));
        }
        if (more) /* an open field has no end yet */
            strncat(found, f.text + (f.n == 0 ? 0 : f.starts[f.n]), f.used - (f.n == 0 ? 0 : f.starts[f.n]));
        assert_string_equal(strcat(found, more ? "+" : good ? "" : "!"), cases[k].expected);
    }
    flow_csv_fields_free(&f);
}

static void test_csv_refusals(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", write_text("a.csv", "x,mass\n1,2\n3\n"));
    refuses(path, FLOW_DATA, "row 2 (line 3) has 1 field where 2 are expected");
    refuses(path, FLOW_DATA, path);
    write_text("a.csv", "x,mass\n1,2\n\n\n3,4,5\n");
    refuses(path, FLOW_DATA, "row 2 (line 5) has 3 fields where 2 are expected");
    write_text("a.csv", "x,mass\n1,2\n3,4,\n");
    refuses(path, FLOW_DATA, "row 2 (line 3) has 3 fields");
    write_text("a.csv", "x,mass\n1,2\n3,heavy\n");
    refuses(path, FLOW_DATA, "row 2 (line 3), column \"mass\": \"heavy\" is not a number");
    refuses(path, FLOW_DATA, "--skip-invalid");
    write_text("a.csv", "x,mass\n1,2\n3,\"hea\"\"vy\"\n");
    refuses(path, FLOW_DATA, "column \"mass\": \"hea\"vy\" is not a number");
    write_text("a.csv", "x,mass\n1,2\n3,NA\n");
    refuses(path, FLOW_DATA, "column \"mass\": \"NA\" is a missing value");
    write_text("a.csv", "x,mass\n1,2\n3, \n");
    refuses(path, FLOW_DATA, "column \"mass\": the value is missing");
    write_text("a.csv", "x,mass\n1,2\n3,\"\"\n");
    refuses(path, FLOW_DATA, "column \"mass\": the value is missing");
    write_text("a.csv", "x,mass\n1,2\n,3\n");
    refuses(path, FLOW_DATA, "column \"x\": the value is missing");
    write_text("a.csv", "x,mass\n1,2\nnan,3\n");
    refuses(path, FLOW_DATA, "column \"x\": \"nan\" is not a finite number");
    write_text("a.csv", "x,mass\n1,2\n3,-inf\n");
    refuses(path, FLOW_DATA, "\"-inf\" is not a finite number");
    write_text("a.csv", "x,mass\n1,2\n3,1e999\n");
    refuses(path, FLOW_DATA, "\"1e999\" is not a finite number");
    write_text("a.csv", "x,mass\n1,2\n3,0x10\n");
    refuses(path, FLOW_DATA, "\"0x10\" is not a number");
    write_text("a.csv", "x,mass\n1,2\n3,4 5\n");
    refuses(path, FLOW_DATA, "\"4 5\" is not a number");
    write_text("a.csv", "x,mass\n1,2\n3,4.5.6\n");
    refuses(path, FLOW_DATA, "\"4.5.6\" is not a number");
    write_text("a.csv", "x,mass\n1,2\n3,4\x1b[31m\n");
    refuses(path, FLOW_DATA, "\"4?[31m\" is not a number");
    write_text("a.csv", "x,mass\n1,2\n3,4\"5\n");
    refuses(path, FLOW_DATA, "row 2 (line 3) has a quote in the middle of a field");
    write_text("a.csv", "x,mass\n1,2\n3,\"45\n6,7\n");
    refuses(path, FLOW_DATA, "the quote that is opened in line 3 is never closed");
    write_text("a.csv", "");
    refuses(path, FLOW_DATA, "is empty");
    write_text("a.csv", "\n\n  \n");
    refuses(path, FLOW_DATA, "is empty");
    write_text("a.csv", "x,y\n\"1,500\",2\n");
    refuses(path, FLOW_DATA, "\"1,500\" is not a number");
    refuses(path, FLOW_DATA, "If its decimals follow a comma, say --decimal ,; take marks between thousands out");
    write_text("a.csv", "gr\xf6\xdf" "e,y\n1,2\n");
    refuses(path, FLOW_DATA, "iconv -f LATIN1 -t UTF-8");
    write_text("a.csv", "1.5,2.o\n3.5,4.5\n");
    refuses(path, FLOW_DATA, "line 1 mixes words (\"2.o\" in column 2) and numbers (\"1.5\" in column 1)");
    write_text("a.csv", "NA,1.5\n2,3\n");
    refuses(path, FLOW_DATA, "row 1 (line 1), column \"x1\": \"NA\" is a missing value");
    write_bytes("a.csv", "PK\x03\x04rest", 8);
    refuses(path, FLOW_FORMAT, "spreadsheet");
    write_bytes("a.csv", "\xfd" "7zXZrest", 9);
    refuses(path, FLOW_FORMAT, "xz -dc");
    write_bytes("a.csv", "\xff\xfex\0,\0y\0", 8);
    refuses(path, FLOW_FORMAT, "UTF-16");
    write_bytes("a.csv", "a\0b\0c\n1,2\n", 11);
    refuses(path, FLOW_FORMAT, "is not a text file");
    write_bytes("a.csv", "x,y\n1,2\n3,4\0\n", 13);
    refuses(path, FLOW_DATA, "is not a number");
    refuses(folder, FLOW_IO, "is a folder");
    refuses(at("none.csv"), FLOW_IO, "none.csv: there is no such file");
    refuses("", FLOW_ARGUMENT, "empty");
    snprintf(path, sizeof path, "%s:/x", write_text("a.csv", "x\n1\n"));
    refuses(path, FLOW_FORMAT, "is not an HDF5 file");
    refuses(write_text("a.h5", "x\n1\n"), FLOW_FORMAT, "is not an HDF5 file");
    refuses(write_text("b.h5", ""), FLOW_FORMAT, "is empty");
}

static void test_csv_selection(void **state)
{
    (void)state;
    char path[256];
    flow_error err;
    snprintf(path, sizeof path, "%s", write_text("a.csv", "name,x,mass,y\nfoo,1,2,3\nbar,4,NA,\"6\"\n"));
    const char *const two[] = {"y", "x"};
    flow_reader_options options = {.columns = two, .n_columns = 2, .skip_invalid = false};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_string_equal(got.names, "y x");
    const double expected[] = {3, 1, 6, 4};
    assert_memory_equal(got.values, expected, sizeof expected);
    /* quotes in a column that is not read: commas, quotes and line ends in it, fields that are easy beside it */
    write_text("a.csv", "name,x,mass,y\n\"a,b\",1,2,3\n\"say \"\"x\"\"\",\"4\",NA,\"6\"\n");
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_memory_equal(got.values, expected, sizeof expected);
    write_text("a.csv", "name,x,mass,y\n\"a\nb\",\"1\",2,3\n\"\",4, \"\" ,\"6\"");
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_memory_equal(got.values, expected, sizeof expected);
    write_text("a.csv", "name,x,mass,y\na,1,2,3\n\"b\"c,4,5,6\n");
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "row 2 (line 3) has a quote in the middle of a field");
    const char *const wrong[] = {"y", "mas"};
    options.columns = wrong;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "there is no column \"mas\"; did you mean \"mass\"?");
    const char *const far[] = {"y", "temperature"};
    options.columns = far;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "the columns are: name, x, mass, y");
    const char *const twice[] = {"y", "y"};
    options.columns = twice;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "chosen twice");
    write_text("a.csv", "x,x,y\n1,2,3\n");
    options.columns = two;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "columns 1 and 2 are both named \"x\"");
    write_text("a.csv", "1,2,3\n4,5,6\n");
    const char *const numbered[] = {"x3", "x1"};
    options.columns = numbered;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    ASSERT_EQ(got.values[0], 3);
    ASSERT_EQ(got.values[1], 1);
    ASSERT_EQ(got.values[2], 6);
    ASSERT_EQ(got.values[3], 4);
    /* ragged rows are refused even where only columns before the raggedness are chosen */
    write_text("a.csv", "1,2,3\n4\n");
    options = (flow_reader_options){.columns = &numbered[1], .n_columns = 1};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "row 2 (line 2) has 1 field where 3 are expected");
}

/* Columns that are asked for behind the others: the context and the weight of a data set. */
static void test_csv_last_columns(void **state)
{
    (void)state;
    char path[256];
    flow_error err;
    snprintf(path, sizeof path, "%s", write_text("a.csv", "w,x,c,y,k\n1,2,3,4,5\n6,7,8,9,10\n"));
    static const char *const last[] = {"c", "w"}, *const two[] = {"y", "x"};
    flow_reader_options options = {.last = last, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_string_equal(got.names, "x y k c w");
    assert_memory_equal(got.values, ((double[]){2, 4, 5, 3, 1, 7, 9, 10, 8, 6}), 10 * sizeof(double));
    options = (flow_reader_options){.columns = two, .n_columns = 2, .last = last, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_string_equal(got.names, "y x c w");
    assert_memory_equal(got.values, ((double[]){4, 2, 3, 1, 9, 7, 8, 6}), 8 * sizeof(double));

    static const char *const unknown[] = {"c", "wight"}, *const again[] = {"c", "c"}, *const both[] = {"x"};
    options = (flow_reader_options){.last = unknown, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "there is no column \"wight\"");
    options.last = again;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "the column \"c\" is chosen twice");
    options = (flow_reader_options){.columns = two, .n_columns = 2, .last = both, .n_last = 1};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "the column \"x\" is chosen twice");

    /* all of the columns, and more than there are */
    static const char *const all[] = {"k", "y", "c", "x", "w"};
    options = (flow_reader_options){.last = all, .n_last = 5};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_string_equal(got.names, "k y c x w");
    write_text("a.csv", "w\n1\n2\n");
    options = (flow_reader_options){.last = last, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "there is no column \"c\"");

    /* without a header names are numbers */
    static const char *const numbered[] = {"x3", "x1"};
    write_text("a.csv", "1,2,3,4\n5,6,7,8\n");
    options = (flow_reader_options){.last = numbered, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_memory_equal(got.values, ((double[]){2, 4, 3, 1, 6, 8, 7, 5}), 8 * sizeof(double));

    /* what is not among the columns does not matter, what is last does */
    write_text("a.csv", "name,x,c,w\nfoo,1,2,3\nbar,4,NA,6\nbaz,7,8,inf\n");
    static const char *const x[] = {"x"};
    options = (flow_reader_options){.columns = x, .n_columns = 1, .last = last, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "row 2");
    assert_says(&err, "\"c\"");
    options.skip_invalid = true;
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.n_skipped, 2);
    options = (flow_reader_options){.last = last, .n_last = 2};
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_DATA);
    assert_says(&err, "\"name\"");
}

static void test_csv_skips_invalid_rows(void **state)
{
    (void)state;
    flow_error err;
    flow_reader_options options = {.columns = NULL, .n_columns = 0, .skip_invalid = true};
    const char *path = write_text("a.csv", "x,y\n1,2\nNA,3\n4\n5,6,7\ninf,1\n\"a\"b,1\n8,\"9\"\n,\n10,11\n12,x");
    assert_int_equal(read_with(&got, path, &options, &err), FLOW_OK);
    assert_int_equal(got.n, 3);
    assert_int_equal(got.n_skipped, 7);
    const double expected[] = {1, 2, 8, 9, 10, 11};
    const int64_t numbers[] = {0, 6, 8};
    assert_memory_equal(got.values, expected, sizeof expected);
    assert_memory_equal(got.numbers, numbers, sizeof numbers);
}

static void test_csv_seeks(void **state)
{
    (void)state;
    enum { N = 3000 };
    flow_error err;
    FILE *file = fopen(at("s.csv"), "wb");
    fputs("\xef\xbb\xbfi,\"with, comma\"\r\n", file);
    for (int i = 0; i < N; i++) {
        if (i % 7 == 3)
            fprintf(file, "bad,%d\r\n", i);
        else if (i % 11 == 0)
            fprintf(file, "\"%d\",\"%d\"\n\n", i, -i);
        else
            fprintf(file, "%d,%d\n", i, -i);
    }
    fclose(file);
    flow_reader *reader;
    flow_reader_options options = {.columns = NULL, .n_columns = 0, .skip_invalid = true};
    assert_int_equal(flow_reader_open(&reader, at("s.csv"), &options, &err), FLOW_OK);
    assert_true(reader->can_seek);
    assert_int_equal(reader->n_rows, -1);
    flow_position places[N / 10 + 1];
    int n_places = 0;
    double rows[20];
    int64_t numbers[10];
    size_t n;
    do {
        places[n_places++] = flow_reader_tell(reader);
        assert_int_equal(flow_reader_read(reader, rows, numbers, 10, &n, &err), FLOW_OK);
    } while (n > 0);
    int64_t n_skipped = reader->n_skipped;
    assert_int_equal(n_skipped, 429);
    for (int k = n_places - 2; k >= 0; k -= 3) {
        assert_int_equal(flow_reader_seek(reader, &places[k], &err), FLOW_OK);
        assert_int_equal(flow_reader_tell(reader).row, places[k].row);
        assert_int_equal(flow_reader_read(reader, rows, numbers, 10, &n, &err), FLOW_OK);
        ASSERT_GT(n, 0);
        assert_true((k == n_places - 2 || n == 10));
        for (size_t i = 0; i < n; i++)
            assert_true(rows[2 * i] == (double)numbers[i] && rows[2 * i + 1] == -(double)numbers[i]);
        ASSERT_GE(numbers[0], places[k].row);
        ASSERT_LE(numbers[0], places[k].row + 1);
        assert_int_equal(flow_reader_tell(reader).offset, places[k + 1].offset);
    }
    assert_int_equal(reader->n_skipped, n_skipped);
    flow_reader_close(reader);
}

static long peak_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void test_csv_memory_is_bounded(void **state)
{
    (void)state;
    /* 60 MB in about half a megabyte */
    FILE *file = fopen(at("large.csv"), "wb");
    fputs("a,b,c\n", file);
    for (int i = 0; i < 2500000; i++)
        fputs("1.25,2.5,-3.75000000000\n", file);
    fclose(file);
    flow_error err;
    flow_reader *reader;
    long before = peak_kilobytes();
    assert_int_equal(flow_reader_open(&reader, at("large.csv"), NULL, &err), FLOW_OK);
    static double rows[3000];
    size_t n, all = 0;
    do {
        assert_int_equal(flow_reader_read(reader, rows, NULL, 1000, &n, &err), FLOW_OK);
        all += n;
    } while (n > 0);
    flow_reader_close(reader);
    assert_int_equal(all, 2500000);
    ASSERT_LT(peak_kilobytes() - before, 8192);
    remove(at("large.csv"));
    /* a line without an end is refused before it fills the memory */
    file = fopen(at("large.csv"), "wb");
    fputs("a,b\n1,2\n3,", file);
    for (int i = 0; i < 1000000; i++)
        fputs("0123456789abcdef", file);
    fclose(file);
    refuses(at("large.csv"), FLOW_DATA, "line 3 begins a record of more than 8 MB");
    file = fopen(at("large.csv"), "r+b");
    fputs("a,b\n1,2\n\"3", file);
    fclose(file);
    refuses(at("large.csv"), FLOW_DATA, "is a quote not closed there");
    remove(at("large.csv"));
}

static void test_csv_from_a_pipe(void **state)
{
    (void)state;
    flow_error err = {0};
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        int out = open(at("pipe"), O_WRONLY);
        ssize_t n = write(out, "x,y\n1,2\n3,", 10);
        usleep(20000);
        n += write(out, "4\n", 2);
        _exit(n != 12);
    }
    flow_reader *reader;
    assert_int_equal(flow_reader_open(&reader, at("pipe"), NULL, &err), FLOW_OK);
    assert_false(reader->can_seek);
    double rows[8];
    size_t n;
    flow_position start = flow_reader_tell(reader);
    assert_int_equal(flow_reader_read(reader, rows, NULL, 4, &n, &err), FLOW_OK);
    assert_int_equal(n, 2);
    ASSERT_EQ(rows[3], 4);
    assert_int_equal(flow_reader_seek(reader, &start, &err), FLOW_ARGUMENT);
    assert_says(&err, "only once");
    flow_reader_close(reader);
    waitpid(child, NULL, 0);
    /* standard input */
    int saved = dup(STDIN_FILENO), file = open(write_text("in.csv", "x,y\n1,2\n3,4\n"), O_RDONLY);
    dup2(file, STDIN_FILENO);
    close(file);
    reads("-", "x y", 2, (double[]){1, 2, 3, 4});
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static void test_locale_does_not_matter(void **state)
{
    (void)state;
    const char *old = setlocale(LC_NUMERIC, "de_DE.UTF-8");
    if (old == NULL)
        old = setlocale(LC_NUMERIC, "de_DE");
    if (old == NULL)
        skip();
    reads(write_text("a.csv", "x,y\n1.5,1.00000000000000000000000001\n"), "x y", 1, (double[]){1.5, 1});
    flow_error err;
    flow_writer *writer;
    assert_int_equal(flow_writer_open(&writer, at("b.csv"), (const char *[]){"x"}, 1, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, (double[]){1.5, 1.5e-300}, 2, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    char text[64] = {0};
    read_bytes(at("b.csv"), text, sizeof text - 1);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(text, "x\n1.5\n1.5e-300\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_forms),
        cmocka_unit_test(test_csv_fields),
        cmocka_unit_test(test_csv_refusals),
        cmocka_unit_test(test_csv_selection),
        cmocka_unit_test(test_csv_last_columns),
        cmocka_unit_test(test_csv_skips_invalid_rows),
        cmocka_unit_test(test_csv_seeks),
        cmocka_unit_test(test_csv_memory_is_bounded),
        cmocka_unit_test(test_csv_from_a_pipe),
        cmocka_unit_test(test_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
