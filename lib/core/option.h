/* Option tables: what a JSON object of a spec may contain, as data.
 *
 * A plain struct of options has a const table of flow_option, one row per key, each with the offset of the member that
 * it fills. The table drives reading (core/read.h), the JSON Schema (core/schema.h) and the tables of docs/spec.md. The
 * code that uses the options sees the struct alone: a C program may fill it by hand, or start from the defaults
 * (flow_options_default in core/read.h).
 *
 * Every object of a spec takes the key FLOW_NOTE as well, a text for people, which no table lists and no struct has.
 * The exception is a map (FLOW_OPTION_MAP), whose keys are the user's.
 *
 * Where a spec names one of several types, a word or {"type": word, ...}, the struct has a flow_choice, and the row
 * names the table of types, a flow_choices.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_OPTION_H
#define FLOW_CORE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"

/* A remark in an object of a spec: it stays in the document, and has no effect. */
#define FLOW_NOTE "note"

typedef struct flow_option flow_option;
typedef struct flow_choices flow_choices;

/* What every kind of type of this program begins with, as member `info`: blocks, univariates, optimizers, ... */
typedef struct flow_type_info {
    const char *name; /* the word in a spec, and part of the names in a model file */
    const char *help; /* one line */
    const flow_option *options; /* the table of its options */
    size_t options_size;        /* of the struct that they fill */
    /* key, JSON text, key, JSON text, ..., NULL: defaults of this type that replace those of the table; or NULL. */
    const char *const *defaults;
    bool repeats; /* takes the key "repeat" as well: how many of it, one after the other */
} flow_type_info;

/* One of several types with its options. The options are const for their user; whose memory they are, the owner of the
 * choice says (for a spec: the arena of the spec). */
typedef struct flow_choice {
    const flow_type_info *type; /* the `info` of its type; NULL: nothing was chosen */
    const void *options;        /* type->options_size bytes */
    int64_t repeat;             /* 1 or more; 1 for types that do not repeat */
} flow_choice;

typedef struct flow_choice_list {
    int n;
    const flow_choice *at; /* (n) */
} flow_choice_list;

/* A set of types to choose from. */
struct flow_choices {
    const char *definition; /* its name in the JSON Schema, such as "univariate" */
    const char *what;       /* for messages: "a univariate" */
    const flow_type_info *const *types; /* NULL-terminated */
};

enum { FLOW_LIST_MAX = 32, FLOW_REPEAT_MAX = 1024, FLOW_CHOICES_MAX = 1024 };

/* A short list of whole numbers, by value. */
typedef struct flow_int_list {
    int n;
    int at[FLOW_LIST_MAX];
} flow_int_list;

/* A short list of numbers, by value. */
typedef struct flow_number_list {
    int n;
    double at[FLOW_LIST_MAX];
} flow_number_list;

typedef struct flow_text_list {
    int n;
    const char *const *at; /* (n); NULL when absent */
} flow_text_list;

/* A word, or a list of whole numbers of any length. */
typedef struct flow_word_or_ints {
    int word;      /* the index in `words`; -1: a list */
    int n;
    const int *at; /* (n) */
} flow_word_or_ints;

/* A text, or a number. */
typedef struct flow_text_or_number {
    const char *text; /* NULL: a number, or absent */
    double number;    /* 0 when absent or a text */
} flow_text_or_number;

/* Objects with the same options under keys of the user's own. */
typedef struct flow_option_map {
    int n;
    const char *const *keys; /* (n) */
    const void *values;      /* n structs of the row's `size` */
} flow_option_map;

/* Values that a key of the user's own may have, as JSON text. */
typedef struct flow_alternatives {
    const char *key;
    int n;
    const char *const *values; /* (n), n > 0 */
} flow_alternatives;

typedef struct flow_alternatives_list {
    int n;
    const flow_alternatives *at; /* (n); NULL when absent */
} flow_alternatives_list;

typedef enum flow_option_kind {
    FLOW_OPTION_FLAG,           /* bool */
    FLOW_OPTION_INT,            /* int64_t */
    FLOW_OPTION_NUMBER,         /* double */
    FLOW_OPTION_WORD,           /* int: the index in `words` */
    FLOW_OPTION_TEXT,           /* const char *; NULL when absent or null; never empty */
    FLOW_OPTION_INTS,           /* flow_int_list */
    FLOW_OPTION_NUMBERS,        /* flow_number_list */
    FLOW_OPTION_TEXTS,          /* flow_text_list: 1 to `most` different texts, none of them empty */
    FLOW_OPTION_WORD_OR_INTS,   /* flow_word_or_ints */
    FLOW_OPTION_TEXT_OR_NUMBER, /* flow_text_or_number; the number lies between `least` and `most`, both exclusive */
    FLOW_OPTION_CHOICE,         /* flow_choice of `choices` */
    FLOW_OPTION_CHOICE_LIST,    /* flow_choice_list of `choices`; NULL: of the choices that the object is one of */
    FLOW_OPTION_OBJECT,         /* const void *: a struct of `table` and `size`; NULL when absent */
    FLOW_OPTION_MAP,            /* flow_option_map of `table` and `size` */
    FLOW_OPTION_ALTERNATIVES,   /* flow_alternatives_list: an object whose values are lists */
    FLOW_OPTION_INTO            /* fills no member: the value belongs to this key of the object under the key `into` */
} flow_option_kind;

/* `fallback` is JSON text ("128", "\"relu\"", "[128, 128]"); NULL: the key has no default and stays absent (the member
 * then keeps what `initial` says); FLOW_REQUIRED: absence is an error. */
#define FLOW_REQUIRED ((const char *)"")

struct flow_option {
    const char *key;
    flow_option_kind kind;
    size_t offset;
    const char *fallback;
    double least, most;         /* INT, NUMBER and the elements of INTS and NUMBERS; both inclusive */
    const char *const *words;   /* WORD, WORD_OR_INTS: NULL-terminated */
    const char *help;           /* one line */
    const flow_choices *choices;
    const flow_option *table;   /* OBJECT, MAP */
    size_t size;                /* OBJECT, MAP: of the struct */
    const char *definition;     /* OBJECT, MAP: its name in the JSON Schema; NULL: written out in place */
    const char *short_for;      /* OBJECT: a text, or a list if the key takes one, stands for an object with this key;
                                   NULL: it does not */
    const char *into;           /* INTO */
    const char *only_with;      /* the fallback applies only where the FLAG of this key, in a row above, is true */
    bool absent_is_nan;         /* NUMBER without a fallback: NAN when absent; otherwise 0 */
    bool joined;                /* TEXT, TEXT_OR_NUMBER: a list of texts stands for them with commas in between */
    bool filled_later;          /* what stands for an absent key depends on others: the member has the fallback, and the
                                   document stays without the key for those who add it */
    bool may_change;            /* another value does not make it another training: --resume accepts it */
};

/* Rows of a table for the struct `type`; the key has the name of the member. Other rows are written out. */
#define FLOW_KEY(type, member, of_kind, text) .key = #member, .kind = FLOW_OPTION_##of_kind, \
    .offset = offsetof(type, member), .fallback = text
#define FLOW_KEY_FLAG(type, member, text, line) {FLOW_KEY(type, member, FLAG, text), .help = line}
#define FLOW_KEY_TEXT(type, member, line) {FLOW_KEY(type, member, TEXT, NULL), .help = line}
#define FLOW_KEY_INT(type, member, text, from, to, line) \
    {FLOW_KEY(type, member, INT, text), .least = from, .most = to, .help = line}
#define FLOW_KEY_NUMBER(type, member, text, from, to, line) \
    {FLOW_KEY(type, member, NUMBER, text), .least = from, .most = to, .help = line}
#define FLOW_KEY_INTS(type, member, text, from, to, line) \
    {FLOW_KEY(type, member, INTS, text), .least = from, .most = to, .help = line}
#define FLOW_KEY_WORD(type, member, text, list, line) \
    {FLOW_KEY(type, member, WORD, text), .words = list, .help = line}
#define FLOW_KEY_CHOICE(type, member, text, set, line) \
    {FLOW_KEY(type, member, CHOICE, text), .choices = set, .help = line}

/* The same for a member of the struct `outer` within `type`: {FLOW_KEY_IN(...), .least = ..., .help = ...}. */
#define FLOW_KEY_IN(type, outer, member, of_kind, text) .key = #member, .kind = FLOW_OPTION_##of_kind, \
    .offset = offsetof(type, outer.member), .fallback = text

/* The last row of a table. */
#define FLOW_OPTIONS_END {.key = NULL}

/* The table of what has no options. */
extern const flow_option flow_no_options[];
/* The key "repeat" of types that repeat. */
extern const flow_option flow_option_repeat;

/* The members of a flow_type_info: with options of a struct `type`, and without options. */
#define FLOW_INFO(word, line, rows, type) .name = word, .help = line, .options = rows, .options_size = sizeof(type)
#define FLOW_INFO_BARE(word, line) .name = word, .help = line, .options = flow_no_options

/* Whether the key must be there. By its contents, since each source may have its own copy of the text. */
static inline bool flow_option_is_required(const flow_option *option)
{
    return option->fallback != NULL && option->fallback[0] == '\0';
}

/* The row of a key; NULL when the table has none. */
const flow_option *flow_option_find(const flow_option *table, const char *key);

/* The type of that name; NULL when there is none. */
const flow_type_info *flow_choices_find(const flow_choices *choices, const char *name);
/* flow_hint for a name that is none of theirs. */
void flow_choices_hint(char out[FLOW_HINT_SIZE], const flow_choices *choices, const char *name);

/* FLOW_SPEC for an option whose value does not fit its surroundings, from code that sees no document: `key` is its path
 * within the object, such as "order" or "columns.mass". flow_option_locate then puts the object's path in front:
 * "flow[2].order: message". Of any other error it makes "flow[2]: message". It returns `code`. */
flow_status flow_option_fail(flow_error *err, const char *key, const char *format, ...) FLOW_PRINTF(3, 4);
flow_status flow_option_locate(flow_error *err, flow_status code, const char *path);

/* The default of a key where `type` has defaults of its own; NULL: none. `type` may be NULL. */
const char *flow_option_fallback(const flow_option *option, const flow_type_info *type);

#endif
