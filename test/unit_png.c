/* PNG files: folders of them as data, sheets of images, and damaged files. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image_files.h"
#include "table_files.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "values.h"

static const char *const label[] = {"label"};

static void make_dir(const char *name)
{
    mkdir(at(name), 0700);
}

static void expect_picture(const char *location, const flow_image *wanted, flow_shape shape, const double *values)
{
    flow_error err = {0};
    const flow_reader_options options = {.image = *wanted};
    flow_reader *reader;
    double row[256];
    size_t n;
    if (flow_reader_open(&reader, location, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(reader->image.shape.height, shape.height);
    assert_int_equal(reader->image.shape.width, shape.width);
    assert_int_equal(reader->image.shape.channels, shape.channels);
    if (flow_reader_read(reader, row, NULL, 1, &n, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(n, 1);
    for (int i = 0; i < flow_shape_size(shape); i++)
        ASSERT_EQ(row[i], values[i]);
    flow_reader_close(reader);
}

static const flow_image any = {.layout = FLOW_IMAGE_AUTO};

/* Every kind of PNG file is 8-bit grey or RGB here. */
static void test_kinds(void **state)
{
    (void)state;
    const flow_shape two = {2, 1, 1}, color = {2, 1, 3}, wide = {1, 4, 1};
    const uint8_t grey[] = {7, 1}, deep[] = {7, 128, 1, 127}, bits[] = {0xa0}, rgb[] = {1, 1, 1, 4, 5, 6};
    const uint8_t grey_alpha[] = {7, 0, 1, 200}, rgb_alpha[] = {1, 2, 3, 0, 4, 5, 6, 255}, deep_rgb[] = {
        1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0};
    expect_picture(write_png("grey.png", PNG_COLOR_TYPE_GRAY, 8, two, 1, grey, false), &any, two,
                   (double[]){7, 1});
    expect_picture(at("grey.png"), &(flow_image){color, FLOW_IMAGE_AUTO}, color, (double[]){7, 7, 7, 1, 1, 1});
    expect_picture(write_png("clear.png", PNG_COLOR_TYPE_GRAY, 8, two, 1, grey, true), &any, two,
                   (double[]){7, 1});
    expect_picture(write_png("deep.png", PNG_COLOR_TYPE_GRAY, 16, two, 2, deep, false), &any, two,
                   (double[]){7, 1});
    expect_picture(write_png("bits.png", PNG_COLOR_TYPE_GRAY, 1, wide, 1, bits, false), &any, wide,
                   (double[]){255, 0, 255, 0});
    expect_picture(write_png("ga.png", PNG_COLOR_TYPE_GRAY_ALPHA, 8, two, 2, grey_alpha, false), &any, two,
                   (double[]){7, 1});
    expect_picture(write_png("rgb.png", PNG_COLOR_TYPE_RGB, 8, two, 3, rgb, false), &any, color,
                   (double[]){1, 1, 1, 4, 5, 6});
    expect_picture(write_png("rgbclear.png", PNG_COLOR_TYPE_RGB, 8, two, 3, rgb, true), &any, color,
                   (double[]){1, 1, 1, 4, 5, 6});
    expect_picture(write_png("rgba.png", PNG_COLOR_TYPE_RGB_ALPHA, 8, two, 4, rgb_alpha, false), &any, color,
                   (double[]){1, 2, 3, 4, 5, 6});
    expect_picture(write_png("rgb16.png", PNG_COLOR_TYPE_RGB, 16, two, 6, deep_rgb, false), &any, color,
                   (double[]){1, 2, 3, 4, 5, 6});
    expect_picture(write_png("palette.png", PNG_COLOR_TYPE_PALETTE, 8, two, 1, grey, true), &any, color,
                   (double[]){7, 14, 248, 1, 2, 254});
    expect_picture(write_png("palette4.png", PNG_COLOR_TYPE_PALETTE, 4, two, 1, (uint8_t[]){0x70, 0x10}, false), &any,
                   color, (double[]){7, 14, 248, 1, 2, 254});
    /* interlaced */
    const flow_shape tall = {9, 5, 1};
    uint8_t pixels[45];
    double values[45];
    for (int i = 0; i < 45; i++)
        values[i] = pixels[i] = (uint8_t)(5 * i);
    expect_picture(write_png("tall.png", PNG_COLOR_TYPE_GRAY, 8, tall, 5, pixels, false), &any, tall, values);
}

static void test_folders(void **state)
{
    (void)state;
    const flow_shape one = {1, 2, 1};
    flow_error err = {0};
    make_dir("flat");
    write_png("flat/b.png", PNG_COLOR_TYPE_GRAY, 8, one, 2, (uint8_t[]){3, 4}, false);
    write_png("flat/a.PNG", PNG_COLOR_TYPE_GRAY, 8, one, 2, (uint8_t[]){1, 2}, false);
    write_png("flat/c.png", PNG_COLOR_TYPE_GRAY, 8, one, 2, (uint8_t[]){5, 6}, false);
    write_text("flat/.hidden.png", "not an image");
    write_text("flat/notes.txt", "not an image");
    reads(at("flat"), "x1 x2", 3, six);
    assert_false(got.has_names);
    const flow_reader_options with_label = {.last = label, .n_last = 1};
    assert_int_equal(read_with(&got, at("flat"), &with_label, &err), FLOW_DATA);
    assert_says(&err, "has no labels: the images of a class have a folder of their own");

    make_dir("classes");
    make_dir("classes/cat");
    make_dir("classes/ant");
    make_dir("classes/bee");
    write_png("classes/cat/1.png", PNG_COLOR_TYPE_GRAY, 8, one, 2, (uint8_t[]){5, 6}, false);
    write_png("classes/ant/2.png", PNG_COLOR_TYPE_GRAY, 8, one, 2, (uint8_t[]){3, 4}, false);
    write_png("classes/ant/1.png", PNG_COLOR_TYPE_GRAY, 8, one, 2, (uint8_t[]){1, 2}, false);
    reads(at("classes"), "x1 x2", 3, six);
    assert_int_equal(read_with(&got, at("classes"), &with_label, &err), FLOW_OK);
    assert_string_equal(got.names, "x1 x2 label");
    const double labelled[] = {1, 2, 0, 3, 4, 0, 5, 6, 2};
    for (int i = 0; i < 9; i++)
        ASSERT_EQ(got.values[i], labelled[i]);
    const flow_dataset_options options = {.context = label, .n_context = 1};
    flow_dataset *data = open_set(at("classes"), &options);
    assert_int_equal(data->n_classes, 3);
    assert_string_equal(data->classes[1], "bee");
    assert_int_equal(data->row_bytes, 2 + sizeof(double));
    flow_dataset_close(data);

    make_dir("empty");
    refuses(at("empty"), FLOW_IO, "is a folder without PNG files");
    write_png("flat/d.png", PNG_COLOR_TYPE_GRAY, 8, (flow_shape){2, 1, 1}, 1, (uint8_t[]){5, 6}, false);
    refuses(at("flat"), FLOW_DATA, "flat/d.png: is 2 pixels high and 1 wide, and ");
    write_text("flat/d.png", "no image at all, and long enough for a head");
    refuses(at("flat"), FLOW_DATA, "flat/d.png: is not a PNG file");
    /* grey beside colours is a colour */
    write_png("flat/d.png", PNG_COLOR_TYPE_RGB, 8, one, 6, (uint8_t[]){1, 2, 3, 4, 5, 6}, false);
    assert_int_equal(read_with(&got, at("flat"), NULL, &err), FLOW_OK);
    assert_int_equal(got.d, 6);
    for (int i = 0; i < 6; i++) {
        ASSERT_EQ(got.values[i], i < 3 ? 1 : 2);
        ASSERT_EQ(got.values[18 + i], i + 1);
    }
    const flow_reader_options other = {.image = {{2, 1, 3}, FLOW_IMAGE_AUTO}};
    assert_int_equal(read_with(&got, at("flat"), &other, &err), FLOW_DATA);
    assert_says(&err, "are 1 pixels high and 2 wide with 3 channels, and 2, 1 and 3 were expected");
}

/* All rows of a location, one by one; out has their number, the number of the last one, and how many were skipped. */
static flow_status try_all(int64_t out[3], const char *location, bool skip_invalid, flow_error *err)
{
    static double row[1 << 16];
    const flow_reader_options options = {.skip_invalid = skip_invalid};
    flow_reader *reader;
    out[0] = 0;
    FLOW_TRY(flow_reader_open(&reader, location, &options, err));
    flow_status status = FLOW_OK;
    size_t n;
    do {
        status = flow_reader_read(reader, row, &out[1], 1, &n, err);
        out[0] += (int64_t)n;
    } while (status == FLOW_OK && n > 0);
    out[2] = reader->n_skipped;
    flow_reader_close(reader);
    return status;
}

/* What is cut or changed anywhere is an error, or an image of the same size; with skip_invalid a missing row. */
static void test_damage(void **state)
{
    (void)state;
    enum { SIDE = 12, MOST = 4096 };
    const flow_shape shape = {SIDE, SIDE, 1};
    uint8_t pixels[3 * SIDE * SIDE];
    char bytes[MOST], changed[MOST];
    int64_t read[3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i);
    for (int kind = 0; kind < 2; kind++) {
        write_png("whole.png", kind == 0 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_PALETTE, 8, shape,
                  (kind == 0 ? 3 : 1) * SIDE, pixels, kind == 1);
        const size_t n = read_bytes(at("whole.png"), bytes, sizeof bytes);
        ASSERT_LT(n, MOST);
        assert_int_equal(try_all(read, at("whole.png"), false, NULL), FLOW_OK);
        for (size_t length = 8; length < n; length++) {
            flow_error err = {0};
            write_bytes("cut.png", bytes, length);
            assert_int_equal(try_all(read, at("cut.png"), false, &err), FLOW_DATA);
            assert_says(&err, "cut.png: is ");
        }
        for (size_t i = 8; i < n; i++) {
            for (int bit = 0; bit < 8; bit++) {
                memcpy(changed, bytes, n);
                changed[i] = (char)(changed[i] ^ 1 << bit);
                write_bytes("changed.png", changed, n);
                flow_status status = try_all(read, at("changed.png"), false, NULL);
                if (status != FLOW_OK)
                    assert_int_equal(status, FLOW_DATA);
            }
        }
        make_dir("two");
        write_bytes("two/b.png", bytes, n);
        write_bytes("two/a.png", bytes, n - 30);
        assert_int_equal(try_all(read, at("two"), true, NULL), FLOW_OK);
        assert_int_equal(read[0], 1);
        assert_int_equal(read[1], 1);
        assert_int_equal(read[2], 1);
    }
    /* sizes that nothing is allocated for */
    memcpy(changed, bytes, sizeof bytes);
    memcpy(changed + 16, "\x7f\xff\xff\xff\x7f\xff\xff\xff", 8);
    write_bytes("vast.png", changed, 1000);
    refuses(at("vast.png"), FLOW_DATA, "has 2147483647 x 2147483647 pixels with 3 values each; an image has "
            "1 to 65536");
    memset(changed + 16, 0, 8);
    write_bytes("vast.png", changed, 1000);
    refuses(at("vast.png"), FLOW_DATA, "has 0 x 0 pixels");
}

/* ---- writing ---- */

static void write_pictures(const char *location, flow_shape shape, double least, double most, const double *rows,
                           size_t n)
{
    const flow_writer_options options = {.picture = {.shape = shape, .least = least, .most = most, .first = 7}};
    const char *names[64];
    flow_writer *writer;
    flow_error err = {0};
    for (int i = 0; i < 64; i++)
        names[i] = "x";
    if (flow_writer_open(&writer, location, names, flow_shape_size(shape), &options, &err) != FLOW_OK ||
        flow_writer_write(writer, rows, n, &err) != FLOW_OK || flow_writer_finish(writer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void test_sheet(void **state)
{
    (void)state;
    const flow_shape one = {2, 3, 1};
    double rows[3 * 6], sheet[10 * 12];
    for (int i = 0; i < 18; i++)
        rows[i] = i * 10;
    for (int i = 0; i < 120; i++)
        sheet[i] = 255;
    /* two beside each other, and one below, 2 pixels apart */
    for (int k = 0; k < 3; k++)
        for (int y = 0; y < 2; y++)
            for (int x = 0; x < 3; x++)
                sheet[(2 + k / 2 * 4 + y) * 12 + 2 + k % 2 * 5 + x] = rows[k * 6 + y * 3 + x];
    write_pictures(at("sheet.png"), one, 0, 255, rows, 3);
    expect_picture(at("sheet.png"), &any, (flow_shape){10, 12, 1}, sheet);
    /* values outside are cut, and those between rounded */
    const double wild[] = {-0.5, -5, 0.5, 0.4, 1, 70, 0, 0, 0, 0, 1, 1};
    const double shown[] = {32, 0, 96, 89, 128, 255, 64, 64, 64, 64, 128, 128};
    write_pictures(at("one-%d.png"), (flow_shape){2, 2, 3}, -1, 3, wild, 1);
    expect_picture(at("one-7.png"), &any, (flow_shape){2, 2, 3}, shown);
    write_pictures(at("many-%03d.png"), one, 0, 255, rows, 3);
    expect_picture(at("many-008.png"), &any, one, rows + 6);
    assert_int_equal(access(at("many-010.png"), F_OK), -1);
    /* images with transparency, which is not read */
    write_pictures(at("alpha.png"), (flow_shape){1, 1, 4}, 0, 255, (double[]){1, 2, 3, 4}, 1);
    write_pictures(at("alpha-%d.png"), (flow_shape){1, 1, 2}, 0, 255, (double[]){1, 2}, 1);
    expect_picture(at("alpha-7.png"), &any, (flow_shape){1, 1, 1}, (double[]){1});
    write_pictures(at("none.png"), one, 0, 255, rows, 0);
}

static void expect_no_writer(const char *name, flow_shape shape, const char *text)
{
    const flow_writer_options options = {.picture = {.shape = shape, .most = 255}};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    flow_writer *writer;
    flow_error err = {0};
    assert_int_equal(flow_writer_open(&writer, at(name), names, 6, &options, &err), FLOW_ARGUMENT);
    assert_null(writer);
    assert_says(&err, text);
}

static void test_writer_refusals(void **state)
{
    (void)state;
    expect_no_writer("a.png", (flow_shape){0, 0, 0}, "a.png: the rows are no images; name a CSV or HDF5 file");
    expect_no_writer("a.png", (flow_shape){1, 1, 6}, "images of 6 channels cannot be shown");
    static const char *const bad[] = {"%x.png", "%.png", "%3.png", "%d%d.png", "%%.png", "%9999d.png", "%s.png",
                                      "%-3d.png", "%1$d.png"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_no_writer(bad[i], (flow_shape){1, 2, 3}, "the number of an image is written as \"%d\" or \"%05d\"");
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    const flow_writer_options options = {.picture = {.shape = {1, 2, 3}, .most = 255}};
    flow_writer *writer;
    flow_error err = {0};
    assert_int_equal(flow_writer_open(&writer, at("sheet.png"), names, 6, &options, &err), FLOW_OK);
    assert_int_equal(flow_writer_begin(writer, "/other", &err), FLOW_ARGUMENT);
    flow_writer_abandon(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_sheet),
        cmocka_unit_test(test_writer_refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
