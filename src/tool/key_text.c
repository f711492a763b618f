/* SPDX-License-Identifier: MIT */

/*
 * Keys as arguments. One of columns is written as a row of CSV has it, such as
 * "7,2024-02-29": each column as text_add_value() prints it, and not more of them than
 * are wanted.
 */

#include "tool/tool.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_SECONDS 86400
/* Years, hours and the like have no more digits. */
#define DIGITS_MAX 15

__extension__ typedef unsigned __int128 uint128;
__extension__ typedef __int128 int128;

/* A column that is read. */
struct field {
    /* As it is written, and the bytes that this stands for. */
    struct text text;
    struct text bytes;
    uint64_t offsets[2];
    uint8_t number[16];
    uint8_t valid;
};

static enum spine_status parse_tuple(const char *source,
                                     const struct spine_tuple_type *type,
                                     struct spine_tuple_page *page, struct field *fields,
                                     union spine_datum *out, struct spine_error *error);
static bool take_csv_field(const char **at, struct text *out, bool *has_memory);
static bool
parse_field(const struct spine_column *column, struct field *field, bool *has_memory);
static bool parse_column_bytes(const struct spine_column *column, struct field *field,
                               bool *has_memory);
static bool
parse_column_number(const char *text, const struct spine_column *column, uint8_t *to);
static bool parse_signed(const char *text, const struct spine_column *column, void *to);
static bool parse_unsigned(const char *text, const struct spine_column *column, void *to);
static bool parse_real(const char *text, const struct spine_column *column, void *to);
static bool parse_decimal(const char *text, int scale, void *to);
static bool parse_moment(const char *text, const struct spine_column *column, void *to);
static bool parse_date(const char **at, int64_t *days);
static bool parse_clock(const char **at, enum spine_time_unit unit, int64_t *units);
static bool take_digits(const char **at, int64_t *out);
static bool take_letter(const char **at, char letter);
static bool
is_printed_so(const char *text, const struct spine_column *column, const void *number);

enum spine_status
text_parse_key(const char *source, const struct spine_schema *schema,
               struct key_bound *memory, union spine_datum *out,
               struct spine_error *error)
{
    const struct spine_tuple_type *const type = schema->key_tuple;
    const size_t count = spine_tuple_type_count(type);
    struct field *fields;
    enum spine_status st;

    if (type == NULL)
        return text_parse_cell(source, &schema->key, &memory->bytes, out, error);
    fields = mem_zalloc(count * sizeof *fields);
    if (fields == NULL)
        return fail_nomem(error, "a key", count * sizeof *fields);
    TRY(spine_tuple_page_new(&memory->page, error));
    TRY(parse_tuple(source, type, memory->page, fields, out, error));
out:
    for (size_t i = 0; i < count; i++) {
        text_release(&fields[i].text);
        text_release(&fields[i].bytes);
    }
    mem_free(fields, count * sizeof *fields);
    return st;
}

void
key_bound_release(struct key_bound *memory)
{
    text_release(&memory->bytes);
    spine_tuple_page_free(memory->page);
    memory->page = NULL;
}

/* The least tuple that begins with the columns that `source` has. */
static enum spine_status
parse_tuple(const char *source, const struct spine_tuple_type *type,
            struct spine_tuple_page *page, struct field *fields, union spine_datum *out,
            struct spine_error *error)
{
    const size_t count = spine_tuple_type_count(type);
    struct spine_column_data *const columns = mem_zalloc(count * sizeof *columns);
    struct spine_tuple_bounds bounds;
    struct text types = {0};
    const char *at = source;
    bool has_memory = columns != NULL, is_key = true;
    enum spine_status st = SPINE_OK;
    size_t given = 0;

    assert(count > 0);
    do {
        struct field *const field = &fields[given];

        is_key = given < count && has_memory &&
                 take_csv_field(&at, &field->text, &has_memory) &&
                 parse_field(spine_tuple_type_column(type, given), field, &has_memory);
        if (is_key)
            columns[given++] = (struct spine_column_data){
                .values = field->bytes.size > 0 ? (const void *)field->bytes.data
                                                : (const void *)field->number,
                .offsets = field->offsets,
                .valid = &field->valid};
    } while (is_key && take_letter(&at, ','));
    is_key = is_key && *at == '\0';
    if (!has_memory || (!is_key && !text_add_tuple_type(&types, type)))
        st = fail_nomem(error, "a key", strlen(source));
    else if (!is_key)
        st = spine_fail(error, SPINE_INVALID,
                        "'%.80s' is no key, or beginning of one: %.100s", source,
                        types.data);
    if (st == SPINE_OK)
        st = spine_tuple_prefix_bounds(page, type, columns, given, &bounds, error);
    if (st == SPINE_OK)
        *out = bounds.lower;
    text_release(&types);
    mem_free(columns, count * sizeof *columns);
    return st;
}

/* A field of CSV up to the next comma; a quote in quotes is two. False when quotes do not
 * end, or without memory. */
static bool
take_csv_field(const char **at, struct text *out, bool *has_memory)
{
    const bool is_quoted = **at == '"';

    *has_memory = text_add(out, "", 0);
    *at += is_quoted;
    for (; *has_memory && **at != '\0' && (is_quoted || **at != ','); (*at)++) {
        if (is_quoted && **at == '"' && (*at)[1] != '"')
            break;
        *at += is_quoted && **at == '"';
        *has_memory = text_add(out, *at, 1);
    }
    return *has_memory && (!is_quoted || take_letter(at, '"'));
}

/* The value of a column; an empty field is a null where there may be one. Of a tuple in a
 * tuple no text is read. */
static bool
parse_field(const struct spine_column *column, struct field *field, bool *has_memory)
{
    const char *const text = field->text.data;

    field->valid = column->nullable && *text == '\0' ? 0 : 1;
    if (field->valid == 0)
        return column->kind != SPINE_COLUMN_TUPLE &&
               (column->kind != SPINE_COLUMN_FIXED ||
                parse_column_bytes(column, field, has_memory));
    switch (column->kind) {
    case SPINE_COLUMN_TUPLE:
        return false;
    case SPINE_COLUMN_FIXED:
    case SPINE_COLUMN_STRING:
    case SPINE_COLUMN_BINARY:
        return parse_column_bytes(column, field, has_memory);
    default:
        return parse_column_number(text, column, field->number);
    }
}

static bool
parse_column_bytes(const struct spine_column *column, struct field *field,
                   bool *has_memory)
{
    const struct spine_type any = {.kind = SPINE_BYTES};
    union spine_datum cell;
    enum spine_status st;

    /* A null has bytes of its column's width, too. */
    while (field->valid == 0 && field->bytes.size < column->size)
        if (!text_add(&field->bytes, "", 1))
            return *has_memory = false;
    st = field->valid == 0
             ? SPINE_OK
             : text_parse_cell(field->text.data, &any, &field->bytes, &cell, NULL);
    *has_memory = st != SPINE_NOMEM;
    field->offsets[1] = field->bytes.size;
    return st == SPINE_OK &&
           (column->kind != SPINE_COLUMN_FIXED || field->bytes.size == column->size);
}

static bool
parse_column_number(const char *text, const struct spine_column *column, uint8_t *to)
{
    switch (column->kind) {
    case SPINE_COLUMN_BOOL:
        *to = strcmp(text, "true") == 0;
        return *to != 0 || strcmp(text, "false") == 0;
    case SPINE_COLUMN_F32:
    case SPINE_COLUMN_F64:
        return parse_real(text, column, to);
    case SPINE_COLUMN_DATE32:
    case SPINE_COLUMN_TIME:
    case SPINE_COLUMN_TIMESTAMP:
        return parse_moment(text, column, to);
    case SPINE_COLUMN_DECIMAL128:
        return parse_decimal(text, column->scale, to);
    default:
        break;
    }
    return column->kind >= SPINE_COLUMN_U8 ? parse_unsigned(text, column, to)
                                           : parse_signed(text, column, to);
}

static bool
parse_signed(const char *text, const struct spine_column *column, void *to)
{
    const unsigned unused = 64 - (8u << (column->kind - SPINE_COLUMN_I8));
    char *end = NULL;

    assert(column->kind >= SPINE_COLUMN_I8 && column->kind <= SPINE_COLUMN_I64);
    errno = 0;
    const int64_t number = strtoll(text, &end, 10);

    memcpy(to, &number, sizeof number);
    return !text_has_blank(text) && end != text && *end == '\0' && errno == 0 &&
           number <= INT64_MAX >> unused && number >= INT64_MIN >> unused;
}

static bool
parse_unsigned(const char *text, const struct spine_column *column, void *to)
{
    const unsigned unused = 64 - (8u << (column->kind - SPINE_COLUMN_U8));
    char *end = NULL;

    assert(column->kind >= SPINE_COLUMN_U8 && column->kind <= SPINE_COLUMN_U64);
    errno = 0;
    const uint64_t number = strtoull(text, &end, 10);

    memcpy(to, &number, sizeof number);
    return !text_has_blank(text) && end != text && *end == '\0' && errno == 0 &&
           strchr(text, '-') == NULL && number <= UINT64_MAX >> unused;
}

static bool
parse_real(const char *text, const struct spine_column *column, void *to)
{
    char *end = NULL;
    const float single = strtof(text, &end);
    const double number = strtod(text, &end);

    if (column->kind == SPINE_COLUMN_F32)
        memcpy(to, &single, sizeof single);
    else
        memcpy(to, &number, sizeof number);
    return !text_has_blank(text) && end != text && *end == '\0';
}

/* "-12.5" of scale 2 is -1250. With a scale below zero, zeros end it. */
static bool
parse_decimal(const char *text, int scale, void *to)
{
    const bool is_negative = *text == '-';
    const uint128 most = ((uint128)1 << 127) - !is_negative;
    uint128 number = 0;
    int fraction = -1, digits = 0;

    for (text += is_negative; *text != '\0'; text++) {
        const unsigned digit = (unsigned)(*text - '0');

        if (*text == '.' && fraction < 0 && scale > 0) {
            fraction = 0;
            continue;
        }
        if (*text < '0' || *text > '9' || number > (most - digit) / 10u)
            return false;
        number = number * 10u + digit;
        fraction += fraction >= 0;
        digits++;
    }
    for (int left = scale - (fraction > 0 ? fraction : 0); left != 0 && number != 0;
         left += left > 0 ? -1 : 1) {
        if (left > 0 ? number > most / 10u : number % 10u != 0 || scale >= 0)
            return false;
        number = left > 0 ? number * 10u : number / 10u;
    }
    number = is_negative ? -number : number;
    memcpy(to, &number, sizeof number);
    return digits > 0;
}

/* A date, a time, or both with a T between them. */
static bool
parse_moment(const char *text, const struct spine_column *column, void *to)
{
    static const int64_t of_second[] = {1, 1000, 1000000, 1000000000};
    const bool has_date = column->kind != SPINE_COLUMN_TIME;
    const bool has_clock = column->kind != SPINE_COLUMN_DATE32;
    int64_t days = 0, units = 0;
    const char *at = text;
    int128 moment;
    int64_t number;

    if ((has_date && !parse_date(&at, &days)) ||
        (has_date && has_clock && !take_letter(&at, 'T')) ||
        (has_clock && !parse_clock(&at, column->unit, &units)) || *at != '\0')
        return false;
    moment =
        has_clock ? (int128)days * DAY_SECONDS * of_second[column->unit] + units : days;
    number = (int64_t)moment;
    memcpy(to, &number, sizeof number);
    return moment == number && is_printed_so(text, column, to);
}

/* Days since 1970; what no month has is told by is_printed_so(). */
static bool
parse_date(const char **at, int64_t *days)
{
    const bool is_negative = take_letter(at, '-');
    int64_t year, month, day;

    if (!take_digits(at, &year) || !take_letter(at, '-') || !take_digits(at, &month) ||
        !take_letter(at, '-') || !take_digits(at, &day) || month > 12 || day > 31)
        return false;
    /* Years are counted from March on, as when they are printed. */
    year = (is_negative ? -year : year) - (month <= 2);

    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    *days = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
            day_of_year - 719468;
    return true;
}

static bool
parse_clock(const char **at, enum spine_time_unit unit, int64_t *units)
{
    int64_t hours, minutes, seconds, fraction = 0;

    if (!take_digits(at, &hours) || !take_letter(at, ':') || !take_digits(at, &minutes) ||
        !take_letter(at, ':') || !take_digits(at, &seconds) || hours > INT32_MAX ||
        minutes > 59 || seconds > 59)
        return false;
    if (unit != SPINE_SECONDS && (!take_letter(at, '.') || !take_digits(at, &fraction)))
        return false;
    *units = hours * 3600 + minutes * 60 + seconds;
    for (int i = 0; i < (int)unit; i++)
        *units *= 1000;
    *units += fraction;
    return true;
}

static bool
take_digits(const char **at, int64_t *out)
{
    const char *const begin = *at;

    for (*out = 0; **at >= '0' && **at <= '9' && *at - begin < DIGITS_MAX; (*at)++)
        *out = 10 * *out + (**at - '0');
    return *at > begin;
}

static bool
take_letter(const char **at, char letter)
{
    if (**at != letter)
        return false;
    (*at)++;
    return true;
}

/* So there are neither days that no month has, nor numbers that are too large. */
static bool
is_printed_so(const char *text, const struct spine_column *column, const void *number)
{
    const struct spine_column_data data = {.values = number};
    struct text printed = {0};
    const bool is_so =
        text_add_value(&printed, column, &data) && strcmp(printed.data, text) == 0;

    text_release(&printed);
    return is_so;
}
