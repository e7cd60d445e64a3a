/* CSV as other programs write it: the table of docs/data.md, row by row. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "num/rng.h"
#include "values.h"

static const double four[] = {1, 2.5, -3e-2, 4};

/* Reads with a format that the user says. */
static void reads_as(const char *text, flow_csv_format format, const char *names, size_t n, const double *values)
{
    flow_error err = {0};
    const flow_reader_options options = {.csv = format};
    if (read_with(&got, write_text("a.csv", text), &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(got.names, names);
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n * (size_t)got.d; i++)
        ASSERT_EQ(got.values[i], values[i]);
}

static void refuses_as(const char *text, flow_csv_format format, const char *says)
{
    flow_error err = {0};
    const flow_reader_options options = {.csv = format};
    assert_int_equal(read_with(&got, write_text("a.csv", text), &options, &err), FLOW_DATA);
    assert_says(&err, says);
}

/* Reads `text`, and expects one remark and no other; NULL: none. */
static void form(const char *text, const char *names, size_t n, const double *values, const char *remark)
{
    reads(write_text("a.csv", text), names, n, values);
    remarks(remark);
    if (remark != NULL && strchr(got.remarks + 1, '\n') != NULL)
        fail_msg("more than one remark: %s", got.remarks);
}

static void test_delimiters(void **state)
{
    (void)state;
    form("x;y\n1;2.5\n-3e-2;4\n", "x y", 2, four, "its fields are separated by semicolons");
    form("x\ty\n1\t2.5\n-3e-2\t4\n", "x y", 2, four, "its fields are separated by tabs");
    form("x|y\n1|2.5\n-3e-2|4\n", "x y", 2, four, "its fields are separated by bars (|)");
    form("x y\n1 2.5\n -3e-2   4 \n", "x y", 2, four, "its fields are separated by blanks");
    form("1;2.5\n-3e-2;4\n", "x1 x2", 2, four, "its fields are separated by semicolons");
    form("1 2.5\n-3e-2 4\n", "x1 x2", 2, four, "its fields are separated by blanks");
    form("1.000000000000000000e+00 2.500000000000000000e+00\n-3e-2 4\n", "x1 x2", 2, four, /* numpy.savetxt */
         "its fields are separated by blanks");
    form("\"a;b\";y\n1;2.5\n-3e-2;4\n", "a;b y", 2, four, "its fields are separated by semicolons");
    form("x;y\n\"1\";\"2.5\"\n\"-3e-2\" ;4\n", "x y", 2, four, "its fields are separated by semicolons");
    form("\"x x\" y\n\"1\" 2.5\n\"-3e-2\" \"4\"\n", "x x y", 2, four, "its fields are separated by blanks");
    form("x\t y\n1 \t 2.5\n-3e-2\t4\n", "x y", 2, four, "its fields are separated by tabs");
    form("sep=;\nx;y\n1;2.5\n-3e-2;4\n", "x y", 2, four, "its fields are separated by semicolons"); /* Excel */
    form("sep=,\r\nx,y\r\n1,2.5\r\n-3e-2,4\r\n", "x y", 2, four, NULL);
    /* commas in texts, and semicolons in names */
    form("x;y (GeV, MeV)\n1;2.5\n-3e-2;4\n", "x y (GeV, MeV)", 2, four, "its fields are separated by semicolons");
    form("x; X,y\n1,2.5\n-3e-2,4\n", "x; X y", 2, four, NULL);
    /* told, it is not remarked */
    reads_as("x;y\n1;2.5\n-3e-2;4\n", (flow_csv_format){.delimiter = ';'}, "x y", 2, four);
    remarks(NULL);
    reads_as("x:y\n1:2.5\n-3e-2:4\n", (flow_csv_format){.delimiter = ':'}, "x y", 2, four);
    reads_as("x y,z\n1,2\n", (flow_csv_format){.delimiter = ','}, "x y z", 1, (double[]){1, 2});
    /* a tab is no blank between tabs, and an empty field is a missing value */
    refuses(write_text("a.csv", "x\ty\tz\n1\t2\t3\n4\t\t5\n"), FLOW_DATA, "column \"y\": the value is missing");
    refuses(write_text("a.csv", "x y\n1 2\n3\n4 5\n"), FLOW_DATA, "row 2 (line 3) has 1 field where 2 are expected");
    refuses(write_text("a.csv", "E [GeV] theta\n1 2\n3 4\n"), FLOW_DATA, "Put names that have blanks in quotes");
}

static void test_decimal_commas(void **state)
{
    (void)state;
    const char *both = "its fields are separated by semicolons, and its decimals follow a comma";
    form("x;y\n1;2,5\n-3e-2;4\n", "x y", 2, four, both);
    form("1,0;2,5\n-3e-2;4\n", "x1 x2", 2, four, both);
    form("\"\";\"x\";\"y\"\n\"1\";1;2,5\n\"2\";-0,03;4\n", "unnamed1 x y", 2, /* R's write.csv2 */
         (double[]){1, 1, 2.5, 2, -3e-2, 4}, both);
    form("x\ty\n1\t2,5\n-3e-2\t4\n", "x y", 2, four,
         "its fields are separated by tabs, and its decimals follow a comma");
    form("1,0 2,5\n-0,03 4,0\n", "x1 x2", 2, four,
         "its fields are separated by blanks, and its decimals follow a comma");
    form("x,y\n\"1,0\",\"2,5\"\n\"-0,03\",4\n", "x y", 2, four, "its decimals follow a comma");
    form("x;y\n1;0,125\n2;0,25\n", "x y", 2, (double[]){1, 0.125, 2, 0.25}, both); /* 0,125 is no thousand */
    reads_as("x\n1,5\n-2,25\n", (flow_csv_format){.decimal = ','}, "x", 2, (double[]){1.5, -2.25});
    reads_as("x;y\n1,500;2\n3,250;4\n", (flow_csv_format){.decimal = ','}, "x y", 2, (double[]){1.5, 2, 3.25, 4});
    reads_as("x,y\n\"1,5\",2\n1.5,\"3\"\n", (flow_csv_format){.delimiter = ',', .decimal = ','}, "x y", 2,
             (double[]){1.5, 2, 1.5, 3});
    /* what can be read in two ways is not */
    refuses(write_text("a.csv", "x;y\n1,500;2\n3,250;4\n"), FLOW_DATA,
            "\"3,250\" have a decimal comma, or commas between");
    refuses(
        write_text("a.csv", "x;y\n1,5;2\n1.234,5;4\n"), FLOW_DATA,
        "\"1.234,5\" is not a number; correct it or drop such rows with --skip-invalid, or choose other columns. The "
        "decimals of this file follow a comma; take points between thousands out");
    refuses(write_text("a.csv", "x;y\n1,5;2\n1.234;4\n"), FLOW_DATA, "\"1,5\" is not a number");
    refuses(write_text("a.csv", "x\n1,5\n2,5\n"), FLOW_DATA, "If its decimals follow a comma, say --decimal ,");
    refuses(write_text("a.csv", "x;y\n1.5;2\n1,234;4\n"), FLOW_DATA, "\"1,234\" is not a number");
    refuses(write_text("a.csv", "x,y\n1.5,2\n\"1,234.5\",4\n"), FLOW_DATA, "take marks between thousands out");
}

static void test_comments(void **state)
{
    (void)state;
    form("# made by sim\nx,y\n1,2.5\n-3e-2,4\n", "x y", 2, four, NULL);
    form("# made by sim, run 17\n# x,y\n1,2.5\n-3e-2,4\n", "x y", 2, four,
         "the names of its columns are those of the comment \"x,y\"");
    form("# made by sim, run 17\n1,2.5\n-3e-2,4\n", "x1 x2", 2, four, NULL);
    form("# date: today, run = 17\n1,2.5\n-3e-2,4\n", "x1 x2", 2, four, NULL);
    form("# x y\n1 2.5\n-3e-2 4\n", "x y", 2, four, "its fields are separated by blanks");
    form("# x y\n1,2.5\n-3e-2,4\n", "x y", 2, four, NULL); /* header= of numpy.savetxt with another delimiter */
    form("# sim\n# E, theta\n# GeV, rad\n1,2.5\n-3e-2,4\n", "E theta", 2, four,
         "the names of its columns are those of the comment \"E, theta\"");
    form("#E [GeV],theta (rad)\n1,2.5\n-3e-2,4\n", "E [GeV] theta (rad)", 2, four, NULL);
    form("x,y\n# in GeV\n1,2.5\n# half way, 1\n\n  # and, blanks\n-3e-2,4\n# end\n", "x y", 2, four,
         "4 comments among its rows, the first in line 2, are passed over");
    form("x,y\n1,2.5\n#9,9\n-3e-2,4\n", "x y", 2, four,
         "1 comment among its rows, the first in line 3, is passed over");
    reads(write_text("a.csv", "% COMSOL\n% x y\n1 2.5\n-3e-2 4\n"), "x y", 2, four);
    remarks("the names of its columns are those of the comment \"x y\"");
    form("# gr\xf6\xdf"
         "e,y\n1,2.5\n-3e-2,4\n",
         "x1 x2", 2, four, NULL);                          /* no UTF-8, no names */
    form("%x,y\n1,2.5\n-3e-2,4\n", "%x y", 2, four, NULL); /* a name */
    refuses(write_text("a.csv", "# nothing\n# else\n"), FLOW_DATA, "has comments and nothing else");
    /* what Excel writes for an error is no comment */
    refuses(write_text("a.csv", "x,y\n1,2\n#N/A,3\n"), FLOW_DATA, "column \"x\": \"#N/A\" is a missing value");
    refuses(write_text("a.csv", "x,y\n1,2\n#DIV/0!,3\n"), FLOW_DATA, "column \"x\": \"#DIV/0!\" is not a number");
    /* names that begin like a comment come back */
    flow_error err;
    flow_writer *writer;
    assert_int_equal(flow_writer_open(&writer, at("b.csv"), (const char *[]){"#x", "y"}, 2, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, four, 2, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    reads(at("b.csv"), "#x y", 2, four);
}

static void test_ecsv(void **state)
{
    (void)state;
    reads(write_text("a.csv", "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: x, unit: GeV, datatype: float64}\n"
                              "# - {name: ok, datatype: bool}\n# schema: astropy-2.0\nx ok\n1.5 True\n2.5 False\n"),
          "x ok", 2, (double[]){1.5, 1, 2.5, 0});
    remarks("its fields are separated by blanks");
    remarks("True and False in the column \"ok\" are read as 1 and 0");
    refuses(write_text("a.csv", "# %ECSV 1.0\n# ---\n# delimiter: ','\nx,y\n1.5,2\n\"\",3\n"), FLOW_DATA,
            "column \"x\": the value is missing");
}

static void test_units(void **state)
{
    (void)state;
    form("x,y\nGeV,rad\n1,2.5\n-3e-2,4\n", "x y", 2, four,
         "line 2, \"GeV,rad\", stands under the header and has no numbers; it is passed over");
    form("x,y\n[GeV],-\n1,2.5\n-3e-2,4\n", "x y", 2, four, "line 2, \"[GeV],-\", stands under the header");
    form("x,y\n\"GeV\",\n1,2.5\n-3e-2,4\n", "x y", 2, four, "line 2, ");
    reads(write_text("a.csv", "x;y\nlong name;other\nGeV;rad\n1;2.5\n-3e-2;4\n"), "x y", 2, four);
    remarks("line 2, \"long name;other\", stands under the header and has no numbers; it is passed over");
    remarks("line 3, \"GeV;rad\", stands under the header and has no numbers; it is passed over");
    /* rows of texts are none, and neither are missing values */
    refuses(write_text("a.csv", "x,y\na,1\nb,2\n"), FLOW_DATA, "row 1 (line 2), column \"x\": \"a\" is not a number");
    refuses(write_text("a.csv", "x,y\nNA,NA\n1,2\n3,4\n"), FLOW_DATA,
            "row 1 (line 2), column \"x\": \"NA\" is a missing");
}

static void test_counting_headers(void **state)
{
    (void)state;
    const char *names =
        "its first line, \"0,1\", is taken for the names of the columns; if it is a row, say --header no";
    const char *row =
        "its first line, \"0,1\", is taken for a row; if it has the names of the columns, say --header yes";
    form("0,1\n1.0,2.5\n-3e-2,4.0\n2.0,1.0\n", "0 1", 3, (double[]){1, 2.5, -3e-2, 4, 2, 1}, names); /* pandas */
    form("0,1\n1.5,2\n-0.3,4\n", "0 1", 2, (double[]){1.5, 2, -0.3, 4}, names);
    form("1,2\n1.5,2\n-0.3,4\n", "1 2", 2, (double[]){1.5, 2, -0.3, 4},
         "its first line, \"1,2\", is taken for the names");
    form("0\n1.5\n-0.3\n", "0", 2, (double[]){1.5, -0.3}, "its first line, \"0\", is taken for the names");
    form(",0,1\n0,1.0,2.5\n1,-3e-2,4.0\n", "unnamed1 0 1", 2, (double[]){0, 1, 2.5, 1, -3e-2, 4}, NULL);
    /* a time that goes on, whole numbers, one row alone */
    form("0,1\n0.1,0.995\n0.2,0.98\n", "x1 x2", 3, (double[]){0, 1, 0.1, 0.995, 0.2, 0.98}, row);
    form("0,1\n2,5\n7,1\n", "x1 x2", 3, (double[]){0, 1, 2, 5, 7, 1}, row);
    form("0,1,2\n0,2,3\n", "x1 x2 x3", 2, (double[]){0, 1, 2, 0, 2, 3},
         "its first line, \"0,1,2\", is taken for a row");
    form("0,1\n", "x1 x2", 1, (double[]){0, 1}, NULL);
    form("1990,1991\n-3e-2,4.5\n", "x1 x2", 2, (double[]){1990, 1991, -3e-2, 4.5}, NULL);
    form("1990,1991\n-3e-2,4.5\n0.5,0.25\n", "x1 x2", 3, (double[]){1990, 1991, -3e-2, 4.5, 0.5, 0.25},
         "its first line, \"1990,1991\", is taken for a row; if it has the names of the columns, say --header yes");
    /* many whole numbers, none of which is like the number of its column: pixels */
    form("0,1,2,3,4,5,6,7,8\n9,9,9,9,0,0,0,0,0\n9,9,9,9,0,0,0,0,0\n", "0 1 2 3 4 5 6 7 8", 2,
         (double[]){9, 9, 9, 9, 0, 0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0}, "its first line, \"0,1,2,3,4,5,6,7,8\"");
    /* the user says it */
    reads_as("0,1\n0.1,0.995\n0.2,0.98\n", (flow_csv_format){.header = FLOW_CSV_NAMES_YES}, "0 1", 2,
             (double[]){0.1, 0.995, 0.2, 0.98});
    remarks(NULL);
    reads_as("0,1\n1.0,2.5\n", (flow_csv_format){.header = FLOW_CSV_NAMES_NO}, "x1 x2", 2, (double[]){0, 1, 1, 2.5});
    remarks(NULL);
    reads_as("1990,1991.5\n1,2.5\n-3e-2,4\n", (flow_csv_format){.header = FLOW_CSV_NAMES_YES}, "1990 1991.5", 2, four);
    refuses_as("x,y\n1,2\n", (flow_csv_format){.header = FLOW_CSV_NAMES_NO}, "row 1 (line 1), column \"x1\": \"x\"");
    refuses(write_text("a.csv", "NA,1.5\n2,3\n"), FLOW_DATA,
            "If this line has the names of the columns, say --header yes");
}

static void test_row_names(void **state)
{
    (void)state;
    const double rows[] = {1, 1, 2.5, 2, -3e-2, 4};
    const char *more = "its rows have a field more in front than its header, as R writes row names";
    form("\"\",\"x\",\"y\"\n\"1\",1,2.5\n\"2\",-3e-2,4\n", "unnamed1 x y", 2, rows, NULL); /* R's write.csv */
    form(",x,y\n1,1,2.5\n2,-3e-2,4\n", "unnamed1 x y", 2, rows, NULL);                     /* pandas */
    form("\"x\",\"y\"\n\"1\",1,2.5\n\"2\",-3e-2,4\n", "unnamed1 x y", 2, rows, more);      /* R's write.table */
    form("x,y\n1,1,2.5\n2,-3e-2,4\n", "unnamed1 x y", 2, rows, more);
    reads(write_text("a.csv", "\"x\" \"y\"\n\"1\" 1 2.5\n\"2\" -3e-2 4\n"), "unnamed1 x y", 2, rows);
    remarks(more);
    remarks("its fields are separated by blanks");
    refuses(write_text("a.csv", "x,y\n5,1,2.5\n2,-3e-2,4\n"), FLOW_DATA, "row.names = FALSE");
    refuses(write_text("a.csv", "x,y\n5,1,2.5\n2,-3e-2,4\n3,4,5\n"), FLOW_DATA,
            "so are 2 of the next 2 rows, which --skip-invalid would drop as well: correct the file");
}

static void test_empty_columns(void **state)
{
    (void)state;
    const char *out = "1 column at its end without a name and without values is left out";
    form("x,y,\n1,2.5,\n-3e-2,4,\n", "x y", 2, four, out);
    form("x,y\n1,2.5,\n-3e-2,4,\n", "x y", 2, four, out);
    form("1,2.5,\n-3e-2,4, \n", "x1 x2", 2, four, out);
    form("x,y,\n1,2.5\n-3e-2,4\n", "x y", 2, four, NULL);
    form("x,y,,\n1,2.5,,\n-3e-2,4,,\n", "x y", 2, four, "2 columns at its end without a name and without values are");
    form("x,y,\n1,2.5,\n\"-3e-2\",\"4\", \"\" \n", "x y", 2, four, out); /* a record that is split */
    refuses(write_text("a.csv", "x,y,\n1,2.5,\n-3e-2,4,\n1,2,7\n"), FLOW_DATA, "the value is missing");
    refuses(write_text("a.csv", "x,y,z\n1,2.5,\n-3e-2,4,\n"), FLOW_DATA, "column \"z\": the value is missing");
    /* a value there, far down, is not lost */
    char text[4096] = "x,y,\n";
    for (int i = 0; i < 100; i++)
        strcat(text, "1,2,\n");
    strcat(text, "1,2,7\n");
    refuses(write_text("a.csv", text), FLOW_DATA, "row 101 (line 102) has \"7\" in column 3, which has no name");
}

static void test_truth_values(void **state)
{
    (void)state;
    const double rows[] = {1.5, 1, 2.5, 0};
    form("x,ok\n1.5,True\n2.5,False\n", "x ok", 2, rows, "True and False in the column \"ok\" are read as 1 and 0");
    form("x,ok\n1.5,TRUE\n2.5,FALSE\n", "x ok", 2, rows, "True and False in the column \"ok\"");
    form("x,ok\n1.5,\"true\"\n2.5,\"false\"\n", "x ok", 2, rows, "True and False");
    form("x,ok\n1.5,T\n2.5,F\n", "x ok", 2, rows, "T and F in the column \"ok\" are read as 1 and 0");
    form("x,ok\n1.5,t\n2.5,f\n", "x ok", 2, rows, "T and F in the column \"ok\"");
    form("1.5,True\n2.5,False\n", "x1 x2", 2, rows, "True and False in the column \"x2\"");
    form("1.5,T\n2.5,F\n", "x1 x2", 2, rows, "T and F in the column \"x2\"");
    form("a,b,c\nTrue,False,1\nFalse,True,2\n", "a b c", 2, (double[]){1, 0, 1, 0, 1, 2},
         "True and False in the column \"a\" and 1 more column are read as 1 and 0");
    form("T,p\n1.5,1\n2.5,0\n", "T p", 2, rows, NULL); /* a temperature */
    refuses(write_text("a.csv", "x,base\n1.5,A\n2.5,T\n"), FLOW_DATA, "column \"base\": \"A\" is not a number");
    refuses(write_text("a.csv", "x,y\n1.5,1.5\n2.5,True\n3,4\n"), FLOW_DATA, "column \"y\": \"True\" is not a number");
}

static void test_missing_values(void **state)
{
    (void)state;
    static const char *const marks[] = {"NA",   "N/A", "n/a", "#N/A", "<NA>", "NaT", "null", "NULL",
                                        "None", "?",   "-",   "--",   ".",    "\\N", "\"\"", "n.a."};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "x,mass\n1,2\n3,%s\n", marks[i]);
        refuses(write_text("a.csv", text), FLOW_DATA, "row 2 (line 3), column \"mass\": ");
        refuses(at("a.csv"), FLOW_DATA, strcmp(marks[i], "\"\"") == 0 ? "the value is missing" : "is a missing value");
    }
}

static void test_ends_of_lines(void **state)
{
    (void)state;
    form("x,y\r1,2.5\r-3e-2,4\r", "x y", 2, four, NULL); /* old Macs */
    form("\"x\ry\",z\r1,2.5\r-3e-2,4\r", "x\ny z", 2, four, NULL);
    form("x,y\r1,2.5\r\n", "x y", 1, four, NULL);
    form("\xef\xbb\xbf"
         "sep=;\r\nx;y\r\n1;2,5\r\n-3e-2;4\r\n",
         "x y", 2, four, "its fields are separated by semicolons, and its decimals follow a comma");
    refuses(write_text("a.csv", "x,y\n1,2\n3"), FLOW_DATA,
            "It is the last line and has no line end: the file seems to be "
            "cut");
}

/* --skip-invalid is not advised where it drops most of the rows. */
static void test_advice(void **state)
{
    (void)state;
    refuses(
        write_text("a.csv", "id,x\na,1\nb,2\nc,3\nd,4\n"), FLOW_DATA,
        "row 1 (line 2), column \"id\": \"a\" is not a number; so are 3 of the next 3 rows, which --skip-invalid would "
        "drop as well: leave the column out of the columns (--columns), or write numbers for its words");
    refuses(write_text("a.csv", "id,x\n7,1\na,1\n1,2\n2,3\n3,4\n"), FLOW_DATA,
            "correct it or drop such rows with --skip-invalid, or choose other columns");
    refuses(write_text("a.csv", "x,y\n1,2\n3\n4\n5\n"), FLOW_DATA, "so are 2 of the next 2 rows");
    refuses(
        write_text("a.csv", "Simulation\n\nx,y\n1,2\n3,4\n"), FLOW_DATA,
        "a.csv: its table seems to begin in line 3, \"x,y\": take the lines above out, as \"tail -n +3\" does, or put "
        "# in front of them");
}

/* Lines above the table that are no comments, and lines that are drawn. */
static void test_preambles(void **state)
{
    (void)state;
    refuses(write_text("a.csv", "Title: of run 5\nOperator: me\n\nx,y\n1,2.5\n-3e-2,4\n"), FLOW_DATA,
            "its table seems to begin in line 4, \"x,y\"");
    refuses(write_text("a.csv", "%produced\n%x y\n1 2.5\n-3e-2 4\n"), FLOW_DATA,
            "its table seems to begin in line 2, \"%x y\"");
    refuses(write_text("a.csv", "! made by sim, with care\n! x y\n1 2.5\n-3e-2 4\n2 3\n"), FLOW_DATA,
            "its table seems to begin in line 3, \"1 2.5\"");
    refuses_as("made by sim\nx;y\n1;2.5\n-3e-2;4\n", (flow_csv_format){.delimiter = ';'},
               "its table seems to begin in line 2, \"x;y\"");
    /* one column has no table of several below */
    refuses(write_text("a.csv", "x\n1,5\n2,5\n3,5\n"), FLOW_DATA, "If its decimals follow a comma, say --decimal ,");
    /* psql, MySQL, and ROOT */
    reads(write_text("a.csv", " x   | y\n-----+-----\n 1   | 2.5\n -3e-2 | 4\n"), "x y", 2, four);
    remarks("its fields are separated by bars (|)");
    remarks("line 2, \"-----+-----\", stands under the header and has no numbers; it is passed over");
    reads(write_text("a.csv", "x | y\n----+----\nGeV | rad\n1 | 2.5\n-3e-2 | 4\n"), "x y", 2, four);
    const char *const chosen[] = {"x", "y"};
    const flow_reader_options options = {.columns = chosen, .n_columns = 2};
    flow_error err = {0};
    static const char *const drawn[] = {"+----+----+\n| x | y |\n+----+----+\n| 1 | 2.5 |\n| -3e-2 | 4 |\n",
                                        "***********\n*  x  *  y *\n***********\n* 1 * 2.5 *\n* -3e-2 * 4 *\n"};
    for (int i = 0; i < 2; i++) {
        if (read_with(&got, write_text("a.csv", drawn[i]), &options, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        assert_int_equal(got.n, 2);
        assert_memory_equal(got.values, four, sizeof four);
    }
}

/* Files that were put one behind another: rows must not go to the columns of another table. */
static void test_names_among_rows(void **state)
{
    (void)state;
    const flow_reader_options skip = {.skip_invalid = true};
    flow_error err = {0};
    write_text("a.csv", "x,y\n1,2.5\nx,y\n-3e-2,4\n");
    refuses(at("a.csv"), FLOW_DATA,
            "row 2 (line 3) is the header again, as where files were put one behind another; drop it with "
            "--skip-invalid, or take this line out");
    assert_int_equal(read_with(&got, at("a.csv"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.n_skipped, 1);
    static const char *const others[] = {"x,y\n1,2\ny,x\n2,1\n", "x,y\n1,2\na,b\n3,4\n", "x,y\n1,2\n\"y\",\"z\"\n3,4\n",
                                         "Model,DPO\nFirmware,2.68\nTIME,CH1\n1,2\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(read_with(&got, write_text("a.csv", others[i]), &skip, &err), FLOW_DATA);
        assert_says(&err, "has names of other columns, or of the same ones in another order");
    }
    /* of one column that is read, only a word that is a name */
    const char *const chosen[] = {"x"};
    const flow_reader_options one = {.columns = chosen, .n_columns = 1, .skip_invalid = true};
    assert_int_equal(read_with(&got, write_text("a.csv", "x,kind\n1,up\nbad,up\n2,down\n"), &one, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    assert_int_equal(read_with(&got, write_text("a.csv", "x,kind\n1,up\nkind,x\n"), &one, &err), FLOW_DATA);
    /* words that are no names: the same one twice, and errors of a spreadsheet */
    static const char *const rows[] = {"x,y\n1,2.5\nerror,error\n-3e-2,4\n", "x,y\n1,2.5\n#REF!,#DIV/0!\n-3e-2,4\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_with(&got, write_text("a.csv", rows[i]), &skip, &err), FLOW_OK);
        assert_int_equal(got.n_skipped, 1);
    }
}

/* Other ways to write numbers: read, or refused with what to do. */
static void test_disguised_numbers(void **state)
{
    (void)state;
    form(" 1.0D+00 0.25D1\n -3.d-2 4\n", "x1 x2", 2, four, "its fields are separated by blanks"); /* Fortran */
    form("x,y\n1,2.5\n\u22123e\u22122,4\n", "x y", 2, four, NULL);
    form("x;y\n1;2,5D0\n-3e-2;4\n", "x y", 2, four,
         "its fields are separated by semicolons, and its decimals follow a comma");
    static const char *const pairs[][2] = {
        {"64%", "take the percent signs out"},
        {"0.5 %", "take the percent signs out"},
        {"$12.50", "take the signs of currencies out"},
        {"12,50 \u20ac", "take the signs of currencies out"},
        {"2024-01-31", "write times as numbers, such as seconds since a date"},
        {"31.01.2024", "write times as numbers"},
        {"2024-01-31T12:00:00Z", "write times as numbers"},
        {"12:30", "write times as numbers"},
        {"(1.5-2j)", "write the real and the imaginary part as columns"},
        {"1+2i", "write the real and the imaginary part as columns"},
        {"[1.5", "take the brackets out"},
        {"0x1.8p+3", "write it in decimal, as printf does with %.17g"},
        {"1_000", "take the underscores out"},
        {"1 234.5", "take the marks between thousands out"},
        {"1\u202f234", "take the marks between thousands out"},
        {"1'234", "take the marks between thousands out"},
        {"yes", "write 1 and 0"},
        {"3:0.5", "write a column for each index"},
        {"0.123-101", "its exponent has no letter (Fortran)"},
        {"******", "the number had no room in its field (Fortran)"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[256];
        snprintf(text, sizeof text, "x,y\n1,\"%s\"\n2,\"%s\"\n3,\"%s\"\n", pairs[i][0], pairs[i][0], pairs[i][0]);
        refuses(write_text("a.csv", text), FLOW_DATA, pairs[i][1]);
        snprintf(text, sizeof text, "x,y\n1,2\n2,3\n3,\"%s\"\n4,5\n5,6\n", pairs[i][0]);
        refuses(write_text("a.csv", text), FLOW_DATA, pairs[i][1]);
    }
    refuses(write_text("a.csv", "x,y\n1,up\n2,down\n"), FLOW_DATA, "\"up\" is not a number");
    form("x,id\n1,1152921504606846977\n2,3\n", "x id", 2, (double[]){1, 1152921504606846976, 2, 3},
         "column \"id\" has whole numbers beyond 2^53, which are rounded, such as 1152921504606846977");
    form("x,id\n1,1152921504606846976\n2,3\n", "x id", 2, (double[]){1, 1152921504606846976, 2, 3}, NULL);
    refuses(write_bytes("a.csv", "x\0,\0y\0\n\0", 8), FLOW_FORMAT, "convert it with iconv -f UTF-16LE -t UTF-8");
    refuses(write_bytes("a.csv", "\0x\0,\0y\0\n", 8), FLOW_FORMAT, "convert it with iconv -f UTF-16BE -t UTF-8");
    refuses(write_text("a.csv", "[{\"x\": 1}, {\"x\": 2}]"), FLOW_FORMAT, "is JSON; write the table in it as CSV");
}

/* Plain rows are read by a way of their own; in quotes, the same numbers are not. */
static void test_plain_rows_are_as_quoted_ones(void **state)
{
    (void)state;
    enum { COLUMNS = 11, ROWS = 300, SIZE = 64 * COLUMNS * ROWS };
    static const char *const forms[] = {"%.6g", "%.3f", "%.0f",  "%+.17g", "%.10e", "%.8f",
                                        "%.9f", "%g",   "%.12E", "%.18g",  "%.0f.", "%.21f"};
    static char plain[SIZE], quoted[SIZE];
    static content other;
    const unsigned n_forms = sizeof forms / sizeof forms[0];
    flow_error err = {0};
    for (unsigned round = 0; round < 4; round++) {
        size_t p = 0, q = 0;
        for (unsigned i = 0; i < COLUMNS * ROWS; i++) {
            const double size = ldexp(1, (int)(60 * flow_rng_uniform(round, FLOW_STREAM_OTHER, i, 0)) - 30);
            char number[64];
            snprintf(number, sizeof number, forms[(unsigned)(n_forms * flow_rng_uniform(1, FLOW_STREAM_OTHER, i, 1))],
                     size * (flow_rng_uniform(2, FLOW_STREAM_OTHER, i, round) - 0.5));
            const char *end = (i + 1) % COLUMNS != 0 ? "," : round % 2 == 1 ? "\r\n" : "\n";
            p += (size_t)snprintf(plain + p, SIZE - p, "%s%s", number, end);
            q += (size_t)snprintf(quoted + q, SIZE - q, "\"%s\"%s", number, end);
        }
        const flow_reader_options options = {.room = round < 2 ? 0 : 512}; /* small: the end of the buffer is near */
        assert_int_equal(read_with(&other, write_text("quoted.csv", quoted), NULL, &err), FLOW_OK);
        assert_int_equal(read_with(&got, write_text("plain.csv", plain), &options, &err), FLOW_OK);
        assert_int_equal(got.n, ROWS);
        assert_int_equal(other.n, ROWS);
        assert_memory_equal(got.values, other.values, ROWS * COLUMNS * sizeof(double));
    }
}

/* Numbers of up to 19 digits, with the point at each place and with none, behind a field that is long enough for their
 * own way to be taken. */
static void test_plain_numbers_of_each_length(void **state)
{
    (void)state;
    enum { LONGEST = 19, NUMBERS = LONGEST * (LONGEST + 3) / 2, SIZE = 64 * NUMBERS };
    static const char digits[] = "9071992547409920358";
    static const char *const signs[] = {"", "-", "+"};
    static char text[SIZE];
    static double wanted[NUMBERS];
    for (int s = 0; s < 3; s++) {
        size_t used = (size_t)snprintf(text, SIZE, "x,y\n"), n = 0;
        for (int length = 1; length <= LONGEST; length++) {
            for (int point = 0; point <= length; point++) {
                char number[32];
                snprintf(number, sizeof number, "%s%.*s%s%.*s", signs[s], point, digits, point < length ? "." : "",
                         length - point, digits + point);
                used += (size_t)snprintf(text + used, SIZE - used, "0.00000000000000001,%s\n", number);
                wanted[n++] = strtod(number, NULL);
            }
        }
        flow_error err = {0};
        assert_int_equal(read_with(&got, write_text("a.csv", text), NULL, &err), FLOW_OK);
        assert_int_equal(got.n, n);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(&got.values[2 * i + 1], &wanted[i], sizeof wanted[i]);
    }
}

static void test_plain_fields_that_are_no_numbers(void **state)
{
    (void)state;
    static const char *const fields[] = {"1.2.3",
                                         "..1",
                                         "1..",
                                         "1x",
                                         "x1",
                                         "1-2",
                                         "--1",
                                         "-+1",
                                         "1234:678",
                                         "12/34",
                                         "12345678901.2.",
                                         "1e",
                                         "+.",
                                         "-.",
                                         "1_000",
                                         "0x10",
                                         "1234567.1234567a"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "x,y\n0.00000000000000001,2\n0.00000000000000001,%s\n", fields[i]);
        refuses(write_text("a.csv", text), FLOW_DATA, "is not a number");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_decimal_commas),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_ecsv),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_counting_headers),
        cmocka_unit_test(test_row_names),
        cmocka_unit_test(test_empty_columns),
        cmocka_unit_test(test_truth_values),
        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_ends_of_lines),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_preambles),
        cmocka_unit_test(test_names_among_rows),
        cmocka_unit_test(test_disguised_numbers),
        cmocka_unit_test(test_plain_rows_are_as_quoted_ones),
        cmocka_unit_test(test_plain_numbers_of_each_length),
        cmocka_unit_test(test_plain_fields_that_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
