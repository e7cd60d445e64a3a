/* Results as JSON and as text, from one description: a table of the fields of a struct.
 *
 * A field with a key is in the JSON object; the members of a group whose key is "" are members of the object that the
 * group is in. A field with a text is in the text. Both have the order of the table. A label begins a new line of the
 * text, and fields without a label continue the line. In a text
 *     "%s"                    is the value: a string, 1,234,567 (a real number is rounded), -44.553 +- 0.061, names
 *     "%d"                    is a whole number without commas
 *     "%.3f", "%.6g", "%.1e"  are as in printf, of a real number; "%.1p" is 100 times as much, to be followed by "%%"
 *     "%m", "%t"              are a mean with its error, and a duration
 *     "%%"                    is "%"
 *     "{one|many}"            is "one" when the whole number, or the length of the list, is 1, else "many"
 * A number that is NaN, a string that is NULL, a flag that is false and an empty list are left out of the text. In
 * JSON, NaN is null, and a string, list of names or JSON that is NULL is left out. Nothing here prints.
 *
 * report_field.c, report_json.c, report_text.c and report_table.c implement it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_REPORT_H
#define FLOW_RUN_REPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/option.h"
#include "core/text.h"

/* The mean of something and its standard error; NaN: there is none. */
typedef struct flow_mean {
    double mean, error;
} flow_mean;

/* Structs, each described by the fields of the row. */
typedef struct flow_list {
    void *items;
    size_t n;
} flow_list;

typedef enum flow_report_kind {
    FLOW_REPORT_STRING, /* const char * */
    FLOW_REPORT_ARRAY,  /* char[]: a string; "": NULL */
    FLOW_REPORT_FLAG,   /* bool */
    FLOW_REPORT_INT,    /* int */
    FLOW_REPORT_INT64,  /* int64_t */
    FLOW_REPORT_REAL,   /* double */
    FLOW_REPORT_MEAN,   /* flow_mean: in the text alone */
    FLOW_REPORT_NAMES,  /* flow_text_list: an array of strings; in the text "a, b, c" of up to a dozen */
    FLOW_REPORT_LIST,   /* flow_list: an array of objects */
    FLOW_REPORT_JSON,   /* const cJSON *: copied; NULL: left out */
    FLOW_REPORT_GROUP   /* a struct within the struct: an object */
} flow_report_kind;

typedef struct flow_report_field {
    const char *key, *label, *text;
    size_t offset;
    size_t through;         /* 1 + the offset of a pointer: the row is about the struct that it points to, and left out
                               where it is NULL; 0: about the struct itself */
    size_t when, when_size; /* a member: the row is left out where it is false, 0 or NULL; size 0: none */
    const struct flow_report_field *fields; /* of a group and of the elements of a list */
    size_t size;                            /* of an element of a list */
    flow_report_kind kind;
    int width;     /* of a column of a table; 0: as wide as each value */
    bool unless;   /* the row is left out where `when` is not false, 0 or NULL */
    bool positive; /* of a number: the row is left out unless it is greater than 0 */
    bool table;    /* of a list: its text is a table, with the labels of `fields` as the heads of its columns; where the
                      first label is "", without a line of heads */
    bool blank;    /* of a table: it begins with an empty line */
    bool left;     /* of a column: its values are aligned at the left */
    bool fit;      /* of a column: it is as wide as its longest value, up to `width` */
} flow_report_field;

#define FLOW_REPORT_END {.key = NULL}

/* The kind and place of a member that is neither a group nor a list. */
#define FLOW_MEMBER(type, member)                                                                       \
    .offset = offsetof(type, member),                                                                   \
    .kind = _Generic(((type *)0)->member, const char *: FLOW_REPORT_STRING, char *: FLOW_REPORT_STRING, \
                     bool: FLOW_REPORT_FLAG, int: FLOW_REPORT_INT, int64_t: FLOW_REPORT_INT64,          \
                     double: FLOW_REPORT_REAL,                                                          \
                     flow_mean: FLOW_REPORT_MEAN, flow_text_list: FLOW_REPORT_NAMES,                    \
                     flow_list: FLOW_REPORT_LIST,                                                       \
                     const cJSON *: FLOW_REPORT_JSON, cJSON *: FLOW_REPORT_JSON)
/* The same of an array of characters. */
#define FLOW_MEMBER_ARRAY(type, member) .offset = offsetof(type, member), .kind = FLOW_REPORT_ARRAY
/* The same of a member of the struct `target` that a pointer of `type` points to. */
#define FLOW_MEMBER_THROUGH(type, pointer, target, member) \
    .through = 1 + offsetof(type, pointer), FLOW_MEMBER(target, member)
#define FLOW_REPORT_WHEN(type, member) .when = offsetof(type, member), .when_size = sizeof(((type *)0)->member)
#define FLOW_REPORT_UNLESS(type, member) FLOW_REPORT_WHEN(type, member), .unless = true
/* Rows of a struct within the struct, and of a list of structs `element`. */
#define FLOW_REPORT_GROUP_ROW(key_, type, member, table_) \
    {.key = (key_), .kind = FLOW_REPORT_GROUP, .offset = offsetof(type, member), .fields = (table_)}
#define FLOW_REPORT_GROUP_WHEN(key_, type, member, when_, table_)                                      \
    {.key = (key_), .kind = FLOW_REPORT_GROUP, .offset = offsetof(type, member), .fields = (table_), \
     FLOW_REPORT_WHEN(type, when_)}
#define FLOW_REPORT_LIST_OF(type, member, element, table_) \
    FLOW_MEMBER(type, member), .size = sizeof(element), .fields = (table_)

/* {"mean", "standard_error"} of a flow_mean. */
extern const flow_report_field flow_mean_fields[];

/* The fields of the struct at `from` as an object; the caller's. NULL, and an error, when memory is out. */
cJSON *flow_report_json(const flow_report_field *fields, const void *from, flow_error *err);

/* Adds `item`, or deletes it and returns false when it is NULL or memory is out. `parent` is an object, or an array:
 * then `key` is not used. */
bool flow_report_add(cJSON *parent, const char *key, cJSON *item);

/* Adds the text. A label is written after `indent` blanks, filled up to `width` and followed by two blanks; the last
 * line ends with a newline if `width` is not 0. */
void flow_report_text(flow_text *text, const flow_report_field *fields, const void *from, int indent, int width);

/* Adds a list of structs of `size` bytes as a table. CSV has the keys as the names of its columns, those of a group
 * behind that of the group, and all digits; what is not there is empty. Markdown has what the text has. */
void flow_report_csv(flow_text *text, const flow_report_field *fields, size_t size, const flow_list *list);
void flow_report_markdown(flow_text *text, const flow_report_field *fields, size_t size, const flow_list *list);

/* Fills the numbers, flags and groups of the struct itself from an object that flow_report_json made of it. What is
 * missing is NaN if it is a real number, and not changed otherwise; where a row depends on a bool, that says whether
 * its key is there. */
void flow_report_read(void *to, const flow_report_field *fields, const cJSON *object);

#endif
