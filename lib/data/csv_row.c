/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_row.h"

#include <math.h>
#include <string.h>

#include "data/csv_header.h"
#include "data/csv_words.h"
#include "data/decimal.h"
#include "data/decimal_short.h"
#if FLOW_FAST_DECIMALS && defined(__SSE2__)
#include <emmintrin.h>
#endif

/* `also`: the blank beside the space. */
static inline const char *row_skip_blanks(const char *c, char also)
{
    while (*c == ' ' || *c == also)
        c++;
    return c;
}

static void row_note(flow_csv_finding *found, size_t field, flow_csv_trouble what, const char *text, size_t length)
{
    if (what != FLOW_CSV_GOOD && found->what == FLOW_CSV_GOOD)
        *found = (flow_csv_finding){.what = what, .field = field, .text = text, .length = length};
}

/* A field that the fast scan cannot read: rare, so that this may be slow. */
static void row_judge(const flow_csv_aim *aim, size_t field, const char *text, size_t length, double *value,
                      flow_csv_finding *found)
{
    const char *end = text + length;
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    length = (size_t)(end - text);
    const flow_csv_kind kind = flow_csv_judge(text, length, aim->decimal, value);
    flow_csv_trouble what = FLOW_CSV_NOT_A_NUMBER;
    if (kind == FLOW_CSV_NUMBER)
        what = isfinite(*value) ? FLOW_CSV_GOOD : FLOW_CSV_NOT_FINITE;
    else if (kind == FLOW_CSV_MISSING)
        what = FLOW_CSV_IS_MISSING;
    else if ((kind == FLOW_CSV_TRUTH && aim->truths[field] != FLOW_CSV_NO_TRUTHS) ||
             (kind == FLOW_CSV_LETTER && aim->truths[field] == FLOW_CSV_TRUTH_LETTERS))
        what = FLOW_CSV_GOOD;
    if (what == FLOW_CSV_IS_MISSING || what == FLOW_CSV_NOT_A_NUMBER)
        *value = (double)NAN;
    row_note(found, field, what, text, length);
}

/* A field of a column without a name has to be empty. */
static void row_expect_nothing(size_t field, const char *text, size_t length, flow_csv_finding *found)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t') {
            row_note(found, field, FLOW_CSV_NOT_EMPTY, text, length);
            return;
        }
}

/* ------------------------------------------------------------------ fields between delimiters */

/* The end of a field that holds an ordinary number, in quotes or not; NULL for every other field. */
static inline const char *row_scan_field(const char *c, const char *stop, const char *limit, char delimiter, char point,
                                         char also, double *value)
{
    bool quoted = *c == '"';
    const char *end;
    c = row_skip_blanks(c + quoted, also);
    if (point == '.')
        end = flow_decimal_scan(c, limit, value);
    else /* a decimal comma is one only where it does not separate fields */
        end = flow_decimal_scan_with(c, limit, quoted || point != delimiter ? point : '.', value);
    if (end == NULL)
        return NULL;
    end = row_skip_blanks(end, also);
    if (quoted && *end++ != '"')
        return NULL;
    return *end == delimiter || end == stop ? end : NULL;
}

/* The end of a field without a number, and its contents. NULL unless it has no quotes, or one as its first byte, one as
 * its last byte and none between them: the record has to be split then. */
static const char *row_find_end(const char *c, const char *stop, char delimiter, const char **text, size_t *length)
{
    bool quoted = *c == '"' && c < stop;
    const char *from = quoted ? c + 1 : c;
    const char *end = memchr(from, quoted ? '"' : delimiter, (size_t)(stop - from));
    *text = from;
    if (quoted) {
        *length = end != NULL ? (size_t)(end - from) : 0;
        return end != NULL && (end[1] == delimiter || end + 1 == stop) ? end + 1 : NULL;
    }
    end = end != NULL ? end : stop;
    *length = (size_t)(end - from);
    return memchr(from, '"', *length) == NULL ? end : NULL;
}

/* With constants for what is behind `found`, this is as fast as code for them alone. */
static inline bool row_parse(const flow_csv_aim *aim, const char *text, size_t length, const char *limit, double *row,
                             flow_csv_finding *found, char delimiter, char decimal, char also, size_t n_empty)
{
    const char *stop = text + length, *c = text;
    size_t field = 0;
    for (;; field++, c++) {
        int target = field < (size_t)aim->n_targets ? aim->target[field] : -1;
        if (target >= 0) {
            const char *end = row_scan_field(c, stop, limit, delimiter, decimal, also, &row[target]);
            if (end == stop)
                break;
            if (end != NULL) {
                c = end;
                continue;
            }
        }
        const char *contents;
        size_t n;
        c = row_find_end(c, stop, delimiter, &contents, &n);
        if (c == NULL)
            return false;
        if (target >= 0)
            row_judge(aim, field, contents, n, &row[target], found);
        else if (n_empty > 0 && field + n_empty >= aim->n_fields)
            row_expect_nothing(field, contents, n, found);
        if (c == stop)
            break;
    }
    if (field + 1 != aim->n_fields)
        *found = (flow_csv_finding){.what = FLOW_CSV_RAGGED, .field = field + 1};
    return true;
}

#if FLOW_FAST_DECIMALS && defined(__SSE2__)

enum { MARKED = 64 };

/* A bit for each of the next MARKED bytes that no number has: a comma, or what comes before it in ASCII, such as line
 * ends, blanks and quotes, up to the asterisk. */
static inline uint64_t row_mark(const char *text)
{
    const __m128i comma = _mm_set1_epi8(','), low = _mm_set1_epi8('*');
    uint64_t marks = 0;
    for (int i = 0; i < MARKED / 16; i++) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + 16 * i));
        const __m128i hits =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, comma), _mm_cmpeq_epi8(_mm_min_epu8(bytes, low), bytes));
        marks |= (uint64_t)(unsigned)_mm_movemask_epi8(hits) << 16 * i;
    }
    return marks;
}

/* 16 bytes are taken from where the first of these are ones and the others zeros, or the other way around. */
static const uint8_t row_ones[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
                     row_zeros[34] = {[17] = 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                      255,        255, 255, 255, 255, 255, 255, 255};

/* The number between c and end, if it has up to 16 bytes behind its sign, and no exponent; false for all others. No
 * jump depends on its form: where the forms of numbers differ, a processor foresees such jumps wrongly, and that takes
 * longer than what is done here. Reads the 17 bytes in front of `end`. */
static inline bool row_take_plain(const char *c, const char *end, double *value)
{
    const bool negative = *c == '-';
    c += (int)negative | (*c == '+');
    const unsigned length = (unsigned)(end - c);
    if (length - 1 >= 16)
        return false;
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
    const __m128i before = _mm_loadu_si128((const __m128i *)(const void *)(end - 17));
    /* the bytes up to the point, if there is one, move one byte back, over it */
    const unsigned points = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')));
    const unsigned inside = points & 0xffff0000u >> length;
    const unsigned n_moved = 31 - (unsigned)__builtin_clz(inside << 1 | 1), has_point = n_moved != 0;
    const unsigned n_fraction = (16 - n_moved) & 15;
    const __m128i moved = _mm_loadu_si128((const __m128i *)(const void *)(row_ones + 16 - n_moved));
    const __m128i kept = _mm_loadu_si128((const __m128i *)(const void *)(row_zeros + 1 + length - has_point));
    __m128i digits = _mm_or_si128(_mm_and_si128(moved, before), _mm_andnot_si128(moved, bytes));
    digits = _mm_and_si128(kept, _mm_xor_si128(digits, _mm_set1_epi8('0')));
    const __m128i good = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
    /* digits to pairs, pairs to fours, fours to eights, and those to the whole: see decimal_join_digits */
    __m128i joined = _mm_add_epi16(_mm_mullo_epi16(_mm_and_si128(digits, _mm_set1_epi16(255)), _mm_set1_epi16(10)),
                                   _mm_srli_epi16(digits, 8));
    joined = _mm_madd_epi16(joined, _mm_set1_epi32(1 << 16 | 100));
    joined = _mm_madd_epi16(_mm_packs_epi32(joined, joined), _mm_set1_epi32(1 << 16 | 10000));
    const uint64_t two = (uint64_t)_mm_cvtsi128_si64(joined), whole = (two & 0xffffffff) * 100000000 + (two >> 32);
    if (_mm_movemask_epi8(good) != 0xffff || length == has_point || whole >> DBL_MANT_DIG != 0)
        return false;
    const double magnitude = (double)(int64_t)whole / decimal_powers[n_fraction]; /* see decimal_compose */
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= (uint64_t)negative << 63;
    memcpy(value, &bits, sizeof bits);
    return true;
}

/* A row of numbers between commas. Where a field ends is known before it is read, so that the processor reads several
 * at once. False for every other row: row_parse decides then. */
static bool row_parse_plain(const flow_csv_aim *aim, const char *text, size_t length, const char *limit, double *row)
{
    const char *stop = text + length, *block = text, *c = text;
    if (limit - stop < MARKED)
        return false;
    uint64_t marks = row_mark(block);
    for (size_t field = 0;; field++) {
        while (marks == 0)
            marks = row_mark(block += MARKED);
        const char *end = block + __builtin_ctzll(marks);
        marks &= marks - 1;
        if (end != stop && *end != ',')
            return false;
        const int target = field < (size_t)aim->n_targets ? aim->target[field] : -1;
        if (target >= 0 && !(end - text > 16 && row_take_plain(c, end, &row[target])) &&
            flow_decimal_short(c, &row[target]) != end)
            return false;
        if (end == stop)
            return field + 1 == aim->n_fields;
        c = end + 1;
    }
}

#else

static bool row_parse_plain(const flow_csv_aim *aim, const char *text, size_t length, const char *limit, double *row)
{
    (void)aim, (void)text, (void)length, (void)limit, (void)row;
    return false;
}

#endif

/* ------------------------------------------------------------------ fields between blanks */

static inline bool row_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The end of a number and of its field; NULL for everything else. */
static const char *row_scan_word(const flow_csv_aim *aim, const char *c, const char *stop, const char *limit,
                                 double *value)
{
    const bool quoted = *c == '"';
    const char *end = flow_decimal_scan_with(c + quoted, limit, aim->decimal, value);
    if (end == NULL || (quoted && *end++ != '"'))
        return NULL;
    return end == stop || row_is_blank(*end) ? end : NULL;
}

static const char *row_find_word_end(const char *c, const char *stop, const char **text, size_t *length)
{
    const bool quoted = *c == '"';
    const char *from = c + quoted, *end = from;
    while (end < stop && (quoted ? *end != '"' : !row_is_blank(*end) && *end != '"'))
        end++;
    *text = from;
    *length = (size_t)(end - from);
    if (quoted && end++ == stop)
        return NULL;
    return end == stop || row_is_blank(*end) ? end : NULL;
}

static bool row_parse_words(const flow_csv_aim *aim, const char *text, size_t length, const char *limit, double *row,
                            flow_csv_finding *found)
{
    const char *stop = text + length;
    size_t field = 0;
    for (const char *c = row_skip_blanks(text, '\t'); c < stop; field++) {
        const int target = field < (size_t)aim->n_targets ? aim->target[field] : -1;
        const char *end = target >= 0 ? row_scan_word(aim, c, stop, limit, &row[target]) : NULL;
        if (end == NULL) {
            const char *contents;
            size_t n;
            end = row_find_word_end(c, stop, &contents, &n);
            if (end == NULL)
                return false;
            if (target >= 0)
                row_judge(aim, field, contents, n, &row[target], found);
        }
        c = row_skip_blanks(end, '\t');
    }
    if (field != aim->n_fields)
        *found = (flow_csv_finding){.what = FLOW_CSV_RAGGED, .field = field};
    return true;
}

/* ------------------------------------------------------------------ any of them */

bool flow_csv_row_parse(const flow_csv_aim *aim, const char *text, size_t length, const char *limit, double *row,
                        flow_csv_finding *found)
{
    found->what = FLOW_CSV_GOOD;
    if (aim->delimiter == ',' && aim->decimal == '.' && aim->n_empty == 0)
        return row_parse_plain(aim, text, length, limit, row) ||
               row_parse(aim, text, length, limit, row, found, ',', '.', '\t', 0);
    if (aim->delimiter == ' ')
        return row_parse_words(aim, text, length, limit, row, found);
    return row_parse(aim, text, length, limit, row, found, aim->delimiter, aim->decimal,
                     aim->delimiter == '\t' ? ' ' : '\t', aim->n_empty);
}

flow_csv_finding flow_csv_row_of_fields(const flow_csv_aim *aim, const flow_csv_fields *fields, double *row)
{
    flow_csv_finding found = {.what = FLOW_CSV_GOOD};
    if (fields->n != aim->n_fields)
        return (flow_csv_finding){.what = FLOW_CSV_RAGGED, .field = fields->n};
    for (size_t i = 0; i < aim->n_fields; i++) {
        const int target = i < (size_t)aim->n_targets ? aim->target[i] : -1;
        size_t length;
        const char *text = flow_csv_field(fields, i, &length);
        if (target < 0) {
            if (i + aim->n_empty >= aim->n_fields)
                row_expect_nothing(i, text, length, &found);
            continue;
        }
        const char *end =
            flow_decimal_scan_with(row_skip_blanks(text, '\t'), text + length + 1, aim->decimal, &row[target]);
        if (end == NULL || row_skip_blanks(end, '\t') != text + length)
            row_judge(aim, i, text, length, &row[target], &found);
    }
    return found;
}
