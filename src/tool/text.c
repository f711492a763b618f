/* SPDX-License-Identifier: MIT */

/* Text that grows; keys, values and times written into it, and read from arguments. */

#include "tool/tool.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static size_t utf8_size(const uint8_t *at, size_t left);
static enum spine_status
parse_number(const char *source, enum spine_kind kind, union spine_datum *out);
static bool parse_bytes(const char *source, struct text *bytes);
static int hex_digit(char letter);

bool
text_add(struct text *text, const char *data, size_t size)
{
    if (!array_reserve(&text->data, &text->capacity, 1, text->size + size + 1))
        return false;
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
    return true;
}

bool
text_printf(struct text *text, const char *format, ...)
{
    char buffer[128];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return text_add(text, buffer, (size_t)size);
}

void
text_release(struct text *text)
{
    mem_free(text->data, text->capacity);
    *text = (struct text){0};
}

bool
text_add_cell(struct text *text, const struct spine_type *type, union spine_datum cell)
{
    switch (type->kind) {
    case SPINE_NONE:
        return text_add(text, "", 0);
    case SPINE_U64:
        return text_printf(text, "%" PRIu64, cell.u64);
    case SPINE_I64:
        return text_printf(text, "%" PRId64, cell.i64);
    case SPINE_U32:
        return text_printf(text, "%" PRIu32, cell.u32);
    case SPINE_I32:
        return text_printf(text, "%" PRId32, cell.i32);
    case SPINE_F64:
        return text_printf(text, "%.17g", cell.f64);
    case SPINE_FIXED:
    case SPINE_BYTES:
        return text_add_bytes(text, cell.bytes.data, cell.bytes.size);
    }
    return false;
}

bool
text_add_bytes(struct text *text, const uint8_t *data, size_t size)
{
    bool there = text_add(text, "", 0);

    for (size_t at = 0; there && at < size;) {
        const size_t letters = utf8_size(data + at, size - at);

        if (letters == 0) {
            there = text_printf(text, "\\x%02x", data[at]);
            at++;
        } else if (data[at] == '\\') {
            there = text_add(text, "\\\\", 2);
            at++;
        } else {
            there = text_add(text, (const char *)data + at, letters);
            at += letters;
        }
    }
    return there;
}

/* The bytes of the printable character at `at`, as RFC 3629 has it; 0 when it is none. */
static size_t
utf8_size(const uint8_t *at, size_t left)
{
    const uint8_t first = at[0];
    size_t size = 1;
    uint32_t code = first;

    if (first < 0x80)
        return first >= 0x20 && first != 0x7f;
    if (first >= 0xf5 || first < 0xc2)
        return 0;
    size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (size > left)
        return 0;
    code = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    /* Control characters, codes written too long, surrogates, and beyond the last. */
    if (code < 0xa0 || (size == 3 && code < 0x800) || (size == 4 && code < 0x10000) ||
        (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    return size;
}

bool
text_add_time(struct text *text, enum spine_time kind, uint64_t time)
{
    if (kind == SPINE_TIME_PAIR)
        return text_printf(text, "%" PRIu32 ":%" PRIu32, (uint32_t)(time >> 32),
                           (uint32_t)time);
    return text_printf(text, "%" PRIu64, time);
}

enum spine_status
text_parse_cell(const char *source, const struct spine_type *type, struct text *bytes,
                union spine_datum *out, struct spine_error *error)
{
    struct text name = {0};
    enum spine_status st;

    *out = (union spine_datum){0};
    bytes->size = 0;
    if (type->kind != SPINE_FIXED && type->kind != SPINE_BYTES)
        st = parse_number(source, type->kind, out);
    else if (!text_add(bytes, "", 0))
        st = SPINE_NOMEM;
    else
        st = parse_bytes(source, bytes) &&
                     (type->kind == SPINE_BYTES || bytes->size == type->size)
                 ? SPINE_OK
                 : SPINE_INVALID;
    if (st == SPINE_OK && (type->kind == SPINE_FIXED || type->kind == SPINE_BYTES))
        *out = spine_data(bytes->data, bytes->size);
    if (st == SPINE_INVALID && text_add_type(&name, type))
        (void)spine_fail(error, st, "'%.100s' is no key of type %s", source, name.data);
    else if (st != SPINE_OK)
        st = fail_nomem(error, "a key", strlen(source));
    text_release(&name);
    return st;
}

bool
text_has_blank(const char *source)
{
    return *source != '\0' && strchr(" \t\n\v\f\r", *source) != NULL;
}

static enum spine_status
parse_number(const char *source, enum spine_kind kind, union spine_datum *out)
{
    const bool is_signed = kind == SPINE_I64 || kind == SPINE_I32;
    char *end = NULL;

    errno = 0;
    if (kind == SPINE_F64) {
        *out = spine_f64(strtod(source, &end));
    } else if (is_signed) {
        const int64_t number = strtoll(source, &end, 10);

        if (kind == SPINE_I32 && (number < INT32_MIN || number > INT32_MAX))
            return SPINE_INVALID;
        *out = kind == SPINE_I32 ? spine_i32((int32_t)number) : spine_i64(number);
    } else {
        const uint64_t number = strtoull(source, &end, 10);

        if (kind == SPINE_NONE || strchr(source, '-') != NULL ||
            (kind == SPINE_U32 && number > UINT32_MAX))
            return SPINE_INVALID;
        *out = kind == SPINE_U32 ? spine_u32((uint32_t)number) : spine_u64(number);
    }
    if (text_has_blank(source) || end == source || *end != '\0' ||
        (errno == ERANGE && kind != SPINE_F64))
        return SPINE_INVALID;
    return SPINE_OK;
}

/* What text_add_bytes() made. */
static bool
parse_bytes(const char *source, struct text *bytes)
{
    for (const char *at = source; *at != '\0'; at++) {
        char letter = *at;

        if (letter == '\\' && at[1] == '\\') {
            at++;
        } else if (letter == '\\') {
            const int high = at[1] == 'x' ? hex_digit(at[2]) : -1;
            const int low = high >= 0 ? hex_digit(at[3]) : -1;

            if (low < 0)
                return false;
            letter = (char)(high * 16 + low);
            at += 3;
        }
        if (!text_add(bytes, &letter, 1))
            return false;
    }
    return true;
}

static int
hex_digit(char letter)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = letter != '\0' ? strchr(digits, letter | 0x20) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

bool
text_add_type(struct text *text, const struct spine_type *type)
{
    static const char *const names[] = {
        [SPINE_NONE] = "none",   [SPINE_U64] = "u64",    [SPINE_I64] = "i64",
        [SPINE_U32] = "u32",     [SPINE_I32] = "i32",    [SPINE_F64] = "f64",
        [SPINE_FIXED] = "fixed", [SPINE_BYTES] = "bytes"};

    if (type->kind == SPINE_FIXED)
        return text_printf(text, "fixed(%" PRIu32 ")", type->size);
    return text_printf(text, "%s", names[type->kind]);
}

const char *
time_name(enum spine_time kind)
{
    return kind == SPINE_UNTIMED ? "untimed" : kind == SPINE_TIME_U64 ? "u64" : "pair";
}

cJSON *
json_u64(uint64_t number)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    return cJSON_CreateRaw(digits);
}

bool
json_add(cJSON *object, const char *name, cJSON *member)
{
    if (object == NULL || member == NULL ||
        !cJSON_AddItemToObject(object, name, member)) {
        cJSON_Delete(member);
        return false;
    }
    return true;
}

cJSON *
json_cell(const struct spine_type *type, union spine_datum cell)
{
    const bool is_text = type->kind == SPINE_FIXED || type->kind == SPINE_BYTES ||
                         (type->kind == SPINE_F64 && !isfinite(cell.f64));
    struct text text = {0};
    cJSON *json = NULL;

    if (type->kind == SPINE_NONE)
        return cJSON_CreateNull();
    if (text_add_cell(&text, type, cell))
        json = is_text ? cJSON_CreateString(text.data) : cJSON_CreateRaw(text.data);
    text_release(&text);
    return json;
}

enum spine_status
json_print(cJSON *value, bool pretty, struct spine_error *error)
{
    char *const printed = value == NULL ? NULL
                          : pretty      ? cJSON_Print(value)
                                        : cJSON_PrintUnformatted(value);

    cJSON_Delete(value);
    if (printed == NULL)
        return spine_fail(error, SPINE_NOMEM, "no memory for the output");
    (void)puts(printed);
    cJSON_free(printed);
    return SPINE_OK;
}
