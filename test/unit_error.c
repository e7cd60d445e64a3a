/* Error messages, with and without a place for them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/error.h"

static void test_set_fills_code_and_message(void **state)
{
    (void)state;
    flow_error err = {0};
    assert_int_equal(flow_error_set(&err, FLOW_DATA, "row %d: %s", 3, "is empty"), FLOW_DATA);
    assert_int_equal(err.code, FLOW_DATA);
    assert_string_equal(err.message, "row 3: is empty");
    assert_int_equal(flow_error_memory(&err, "a table"), FLOW_MEMORY);
    assert_string_equal(err.message, "out of memory for a table");
}

static void test_prefix_keeps_message_and_code(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_error_set(&err, FLOW_IO, "cannot be read");
    assert_int_equal(flow_error_prefix(&err, FLOW_IO, "%s: ", "a.h5"), FLOW_IO);
    assert_int_equal(err.code, FLOW_IO);
    assert_string_equal(err.message, "a.h5: cannot be read");
    assert_int_equal(flow_error_prefix(&err, FLOW_OK, "nothing: "), FLOW_OK);
    assert_string_equal(err.message, "a.h5: cannot be read");
}

static void test_no_error_struct_leaves_the_code(void **state)
{
    (void)state;
    assert_int_equal(flow_error_set(NULL, FLOW_SPEC, "wrong"), FLOW_SPEC);
    assert_int_equal(flow_error_prefix(NULL, FLOW_SPEC, "flow[0]: "), FLOW_SPEC);
    assert_int_equal(flow_error_prefix(NULL, FLOW_OK, "flow[0]: "), FLOW_OK);
    assert_int_equal(flow_error_memory(NULL, "a table"), FLOW_MEMORY);
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    flow_error err = {0};
    char path[2 * FLOW_ERROR_SIZE];
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = '\0';
    flow_error_set(&err, FLOW_IO, "%s", path);
    assert_int_equal(strlen(err.message), FLOW_ERROR_SIZE - 1);
    flow_error_prefix(&err, FLOW_IO, "b%s: ", path);
    assert_int_equal(strlen(err.message), FLOW_ERROR_SIZE - 1);
    assert_int_equal(err.message[0], 'b');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_code_and_message),
        cmocka_unit_test(test_prefix_keeps_message_and_code),
        cmocka_unit_test(test_no_error_struct_leaves_the_code),
        cmocka_unit_test(test_long_messages_are_cut),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
