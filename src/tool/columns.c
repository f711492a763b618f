/* SPDX-License-Identifier: MIT */

/*
 * Tuple types and their values as text and as JSON. Dates and times are those of ISO
 * 8601, nulls the empty text.
 */

#include "tool/tool.h"

#include "base/alloc.h"
#include "base/error.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define DAY_SECONDS 86400

static bool add_plain(struct text *text, const char *plain);
static const char *kind_text(enum spine_column_kind kind);
static bool add_kind(struct text *text, const struct spine_column *column);
static cJSON *json_column_type(const struct spine_column *column);
static bool
add_number(struct text *text, const struct spine_column *column, const uint8_t *at);
static bool add_real(struct text *text, double number, int digits);
static bool add_date(struct text *text, int64_t days);
static bool add_clock(struct text *text, int64_t units, enum spine_time_unit unit);
static bool add_decimal(struct text *text, const uint8_t *at, int scale);
static bool add_tuple(struct text *text, const struct spine_tuple_type *type,
                      const struct spine_column_data *data);
static bool column_is_null(const struct spine_column_data *data);
static int64_t integer_at(const uint8_t *at, size_t bytes);
static int64_t divide_down(int64_t number, int64_t by);
static int64_t rest_of(int64_t number, int64_t by);

/* "(customer u32, day date32 descending, note string null)". */
bool
text_add_tuple_type(struct text *text, const struct spine_tuple_type *type)
{
    const size_t count = spine_tuple_type_count(type);
    bool there = text_add(text, "(", 1);

    for (size_t i = 0; there && i < count; i++) {
        const struct spine_column *const column = spine_tuple_type_column(type, i);
        const unsigned order = (unsigned)column->order;

        there =
            (i == 0 || text_add(text, ", ", 2)) && add_plain(text, column->name) &&
            (column->name == NULL || *column->name == '\0' || text_add(text, " ", 1)) &&
            add_kind(text, column) &&
            ((order & SPINE_DESCENDING) == 0 || text_add(text, " descending", 11)) &&
            (!column->nullable || text_add(text, " null", 5)) &&
            ((order & SPINE_ASCENDING_NULLS_LAST) == 0 || !column->nullable ||
             text_add(text, " last", 5));
    }
    return there && text_add(text, ")", 1);
}

/* A name, which may be NULL, as bytes are printed: those of a file may be any. */
static bool
add_plain(struct text *text, const char *plain)
{
    return plain == NULL || text_add_bytes(text, (const uint8_t *)plain, strlen(plain));
}

static bool
add_kind(struct text *text, const struct spine_column *column)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};

    switch (column->kind) {
    case SPINE_COLUMN_TUPLE:
        return text_add_tuple_type(text, column->tuple);
    case SPINE_COLUMN_FIXED:
        return text_printf(text, "fixed(%" PRIu32 ")", column->size);
    case SPINE_COLUMN_DECIMAL128:
        return text_printf(text, "decimal(%u, %d)", column->precision, column->scale);
    case SPINE_COLUMN_TIME:
        return text_printf(text, "time[%s]", units[column->unit]);
    case SPINE_COLUMN_TIMESTAMP:
        return text_printf(text, "timestamp[%s%s", units[column->unit],
                           column->zone != NULL ? ", " : "") &&
               add_plain(text, column->zone) && text_add(text, "]", 1);
    default:
        return text_printf(text, "%s", kind_text(column->kind));
    }
}

static const char *
kind_text(enum spine_column_kind kind)
{
    static const char *const names[] = {
        [SPINE_COLUMN_BOOL] = "bool",     [SPINE_COLUMN_I8] = "i8",
        [SPINE_COLUMN_I16] = "i16",       [SPINE_COLUMN_I32] = "i32",
        [SPINE_COLUMN_I64] = "i64",       [SPINE_COLUMN_U8] = "u8",
        [SPINE_COLUMN_U16] = "u16",       [SPINE_COLUMN_U32] = "u32",
        [SPINE_COLUMN_U64] = "u64",       [SPINE_COLUMN_F32] = "f32",
        [SPINE_COLUMN_F64] = "f64",       [SPINE_COLUMN_DATE32] = "date32",
        [SPINE_COLUMN_STRING] = "string", [SPINE_COLUMN_BINARY] = "binary"};

    return names[kind];
}

cJSON *
json_tuple_type(const struct spine_tuple_type *type)
{
    cJSON *const json = cJSON_CreateArray();

    for (size_t i = 0; json != NULL && i < spine_tuple_type_count(type); i++) {
        cJSON *const column = json_column_type(spine_tuple_type_column(type, i));

        if (column == NULL || !cJSON_AddItemToArray(json, column)) {
            cJSON_Delete(column);
            cJSON_Delete(json);
            return NULL;
        }
    }
    return json;
}

static cJSON *
json_column_type(const struct spine_column *column)
{
    const unsigned order = (unsigned)column->order;
    cJSON *const json = cJSON_CreateObject();
    struct text kind = {0}, name = {0};
    const bool whole =
        (column->name == NULL ||
         (add_plain(&name, column->name) &&
          json_add(json, "name", cJSON_CreateString(name.data)))) &&
        (column->kind == SPINE_COLUMN_TUPLE
             ? json_add(json, "columns", json_tuple_type(column->tuple))
             : add_kind(&kind, column) &&
                   json_add(json, "kind", cJSON_CreateString(kind.data))) &&
        json_add(json, "nullable", cJSON_CreateBool(column->nullable)) &&
        json_add(json, "descending", cJSON_CreateBool((order & SPINE_DESCENDING) != 0)) &&
        json_add(json, "nulls_last",
                 cJSON_CreateBool((order & SPINE_ASCENDING_NULLS_LAST) != 0));

    text_release(&kind);
    text_release(&name);
    if (whole)
        return json;
    cJSON_Delete(json);
    return NULL;
}

bool
text_add_name(struct text *text, const struct spine_tuple_type *type, size_t index,
              const char *side)
{
    const char *const name = spine_tuple_type_column(type, index)->name;

    if (name != NULL && *name != '\0')
        return add_plain(text, name);
    return text_printf(text, "%s%zu", side, index + 1);
}

bool
text_add_value(struct text *text, const struct spine_column *column,
               const struct spine_column_data *data)
{
    const uint8_t *const at = data->values;

    if (column_is_null(data))
        return text_add(text, "", 0);
    if (column->kind == SPINE_COLUMN_TUPLE)
        return add_tuple(text, column->tuple, data->columns);
    if (column->kind == SPINE_COLUMN_FIXED)
        return text_add_bytes(text, at, column->size);
    if (data->offsets != NULL)
        return text_add_bytes(text, at + data->offsets[0],
                              (size_t)(data->offsets[1] - data->offsets[0]));
    return add_number(text, column, at);
}

cJSON *
json_value(const struct spine_column *column, const struct spine_column_data *data)
{
    const bool is_text = column->kind >= SPINE_COLUMN_DATE32;
    struct text text = {0};
    cJSON *json = NULL;

    if (column_is_null(data))
        return cJSON_CreateNull();
    if (column->kind == SPINE_COLUMN_TUPLE)
        return json_tuple(column->tuple, data->columns, "column");
    if (text_add_value(&text, column, data))
        json = is_text || strpbrk(text.data, "in") != NULL ? cJSON_CreateString(text.data)
                                                           : cJSON_CreateRaw(text.data);
    if (column->kind == SPINE_COLUMN_BOOL) {
        cJSON_Delete(json);
        json = cJSON_CreateBool(*(const uint8_t *)data->values != 0);
    }
    text_release(&text);
    return json;
}

cJSON *
json_tuple(const struct spine_tuple_type *type, const struct spine_column_data *data,
           const char *side)
{
    cJSON *json = cJSON_CreateObject();
    struct text name = {0};

    for (size_t i = 0; json != NULL && i < spine_tuple_type_count(type); i++) {
        name.size = 0;
        if (text_add_name(&name, type, i, side) &&
            json_add(json, name.data,
                     json_value(spine_tuple_type_column(type, i), &data[i])))
            continue;
        cJSON_Delete(json);
        json = NULL;
    }
    text_release(&name);
    return json;
}

static bool
add_tuple(struct text *text, const struct spine_tuple_type *type,
          const struct spine_column_data *data)
{
    bool there = text_add(text, "(", 1);

    for (size_t i = 0; there && i < spine_tuple_type_count(type); i++)
        there = (i == 0 || text_add(text, ", ", 2)) &&
                text_add_value(text, spine_tuple_type_column(type, i), &data[i]);
    return there && text_add(text, ")", 1);
}

static bool
column_is_null(const struct spine_column_data *data)
{
    return data->valid != NULL &&
           (data->valid[data->valid_offset / 8] >> data->valid_offset % 8 & 1) == 0;
}

static bool
add_number(struct text *text, const struct spine_column *column, const uint8_t *at)
{
    const bool is_short = column->unit <= SPINE_MILLISECONDS;
    uint64_t word = 0;
    float single;
    double number;

    switch (column->kind) {
    case SPINE_COLUMN_BOOL:
        return *at != 0 ? text_add(text, "true", 4) : text_add(text, "false", 5);
    case SPINE_COLUMN_F32:
        memcpy(&single, at, sizeof single);
        return add_real(text, (double)single, 9);
    case SPINE_COLUMN_F64:
        memcpy(&number, at, sizeof number);
        return add_real(text, number, 17);
    case SPINE_COLUMN_DATE32:
        return add_date(text, integer_at(at, 4));
    case SPINE_COLUMN_TIME:
        return add_clock(text, integer_at(at, is_short ? 4 : 8), column->unit);
    case SPINE_COLUMN_TIMESTAMP: {
        static const int64_t units[] = {1, 1000, 1000000, 1000000000};
        const int64_t units_of_day = DAY_SECONDS * units[column->unit];
        const int64_t moment = integer_at(at, 8);

        return add_date(text, divide_down(moment, units_of_day)) &&
               text_add(text, "T", 1) &&
               add_clock(text, rest_of(moment, units_of_day), column->unit);
    }
    case SPINE_COLUMN_DECIMAL128:
        return add_decimal(text, at, column->scale);
    default:
        break;
    }
    if (column->kind >= SPINE_COLUMN_U8) {
        memcpy(&word, at, (size_t)1 << (column->kind - SPINE_COLUMN_U8));
        return text_printf(text, "%" PRIu64, word);
    }
    return text_printf(text, "%" PRId64,
                       integer_at(at, (size_t)1 << (column->kind - SPINE_COLUMN_I8)));
}

static bool
add_real(struct text *text, double number, int digits)
{
    return text_printf(text, "%.*g", digits, number);
}

/* The least of two's complement that has `bytes`. */
static int64_t
integer_at(const uint8_t *at, size_t bytes)
{
    const unsigned unused = 64 - 8 * (unsigned)bytes;
    uint64_t word = 0;

    memcpy(&word, at, bytes);
    return (int64_t)(word << unused) >> unused;
}

static int64_t
divide_down(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

/* What divide_down() leaves, from 0 to below `by`. */
static int64_t
rest_of(int64_t number, int64_t by)
{
    const int64_t rest = number % by;

    return rest < 0 ? rest + by : rest;
}

/* Of the Gregorian calendar, as if it had always been. Years are counted from March on,
 * so that the day that some have more is their last. */
static bool
add_date(struct text *text, int64_t days)
{
    const int64_t since = days + 719468; /* the first of March of the year 0 */
    const int64_t era = divide_down(since, 146097);
    const int64_t day_of_era = since - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const int64_t month =
        month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

    return text_printf(text, "%04" PRId64 "-%02" PRId64 "-%02" PRId64,
                       year_of_era + era * 400 + (month <= 2), month, day);
}

static bool
add_clock(struct text *text, int64_t units, enum spine_time_unit unit)
{
    static const int64_t of_second[] = {1, 1000, 1000000, 1000000000};
    const int64_t seconds = divide_down(units, of_second[unit]);
    const int64_t rest = rest_of(units, of_second[unit]);

    return text_printf(text, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600,
                       seconds / 60 % 60, seconds % 60) &&
           (unit == SPINE_SECONDS ||
            text_printf(text, ".%0*" PRId64, 3 * (int)unit, rest));
}

/* Digits from the last one on; a negative scale is zeros behind them. */
static bool
add_decimal(struct text *text, const uint8_t *at, int scale)
{
    __extension__ unsigned __int128 number;
    char digits[200];
    size_t begin = sizeof digits;
    const bool is_negative = at[15] >= 0x80;

    memcpy(&number, at, sizeof number);
    if (is_negative)
        number = -number;
    for (int i = scale; i < 0 && number != 0; i++)
        digits[--begin] = '0';
    for (int i = 0; number != 0 || i <= scale; i++) {
        if (i == scale && scale > 0)
            digits[--begin] = '.';
        digits[--begin] = (char)('0' + (int)(number % 10));
        number /= 10;
    }
    if (begin == sizeof digits)
        digits[--begin] = '0';
    if (is_negative)
        digits[--begin] = '-';
    return text_add(text, digits + begin, sizeof digits - begin);
}
