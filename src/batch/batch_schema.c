/* SPDX-License-Identifier: MIT */

/* A schema with its tuple types as bytes, and back. Bytes of a file may be anything. */

#include "batch/batch_sections.h"

#include "base/alloc.h"
#include "base/error.h"

/* Which tuple types a schema has. */
enum schema_flag { SCHEMA_KEY_TUPLE = 1, SCHEMA_VALUE_TUPLE = 2 };
#define SCHEMA_FLAGS 3u
/* The least bytes of a column. */
#define COLUMN_BYTES 20u

static void put_tuple(struct wire_writer *out, const struct spine_tuple_type *type);
static void put_text(struct wire_writer *out, const char *text);
static enum spine_status get_tuple(struct wire_reader *in, unsigned depth,
                                   struct spine_tuple_type **out,
                                   struct spine_error *error);
static enum spine_status get_schema_column(struct wire_reader *in, unsigned depth,
                                           struct spine_column *out,
                                           struct spine_error *error);
static bool get_schema_text(struct wire_reader *in, const char **out);

void
schema_encode(const struct spine_schema *schema, struct wire_writer *out)
{
    const bool key = schema->key_tuple != NULL, value = schema->value_tuple != NULL;

    wire_put_u8(out, (uint8_t)schema->key.kind);
    wire_put_u8(out, (uint8_t)schema->value.kind);
    wire_put_u8(out, (uint8_t)schema->time);
    wire_put_u8(out, (uint8_t)(schema->weight_count > 0 ? schema->weight_count : 1));
    wire_put_u32(out, schema->key.size);
    wire_put_u32(out, schema->value.size);
    wire_put_u32(out, (key ? SCHEMA_KEY_TUPLE : 0u) | (value ? SCHEMA_VALUE_TUPLE : 0u));
    if (key)
        put_tuple(out, schema->key_tuple);
    if (value)
        put_tuple(out, schema->value_tuple);
}

enum spine_status
schema_decode(struct span bytes, struct spine_schema *out, struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes.data, bytes.size);
    struct spine_tuple_type *key = NULL, *value = NULL;
    struct spine_schema schema = {0};
    struct spine_error why = {0};
    uint32_t flags;
    enum spine_status st = SPINE_OK;

    *out = schema;
    schema.key.kind = (enum spine_kind)wire_get_u8(&in);
    schema.value.kind = (enum spine_kind)wire_get_u8(&in);
    schema.time = (enum spine_time)wire_get_u8(&in);
    schema.weight_count = wire_get_u8(&in);
    schema.key.size = wire_get_u32(&in);
    schema.value.size = wire_get_u32(&in);
    flags = wire_get_u32(&in);
    if ((flags & SCHEMA_KEY_TUPLE) != 0)
        TRY(get_tuple(&in, 1, &key, &why));
    if ((flags & SCHEMA_VALUE_TUPLE) != 0)
        TRY(get_tuple(&in, 1, &value, &why));
    schema.key_tuple = key;
    schema.value_tuple = value;
    if (in.overrun || wire_left(&in) > 0 || (flags & ~SCHEMA_FLAGS) != 0 ||
        schema.weight_count == 0)
        TRY(spine_fail(&why, SPINE_CORRUPT, "its bytes are not those of one"));
    TRY(spine_schema_check(&schema, &why));
    *out = schema;
    key = value = NULL;
out:
    spine_tuple_type_unref(key);
    spine_tuple_type_unref(value);
    if (st == SPINE_NOMEM)
        return fail_by(error, &why, st, "no memory for a schema");
    if (st != SPINE_OK)
        return spine_fail(error, SPINE_CORRUPT, "the schema is none: %s", why.message);
    return SPINE_OK;
}

static void
put_tuple(struct wire_writer *out, const struct spine_tuple_type *type)
{
    wire_put_u32(out, (uint32_t)type->count);
    for (size_t i = 0; i < type->count; i++) {
        const struct spine_column *const column = &type->columns[i];

        wire_put_u8(out, (uint8_t)column->kind);
        wire_put_u8(out, (uint8_t)column->order);
        wire_put_u8(out, column->nullable);
        wire_put_u8(out, (uint8_t)column->unit);
        wire_put_u32(out, column->size);
        wire_put_u8(out, column->precision);
        wire_put_u8(out, (uint8_t)column->scale);
        wire_put_zeros(out, 2);
        put_text(out, column->name);
        put_text(out, column->zone);
        if (column->tuple != NULL)
            put_tuple(out, column->tuple);
    }
}

/* With its zero, so that it can be read where it lies. */
static void
put_text(struct wire_writer *out, const char *text)
{
    const size_t bytes = text != NULL ? strlen(text) + 1 : 0;

    wire_put_u32(out, (uint32_t)bytes);
    wire_put(out, text, bytes);
}

static enum spine_status
get_tuple(struct wire_reader *in, unsigned depth, struct spine_tuple_type **out,
          struct spine_error *error)
{
    const uint32_t count = wire_get_u32(in);
    struct spine_column *columns;
    enum spine_status st = SPINE_OK;

    if (in->overrun || depth > SPINE_TUPLE_DEPTH_MAX || count == 0 ||
        count > SPINE_TUPLE_COLUMNS_MAX || count > wire_left(in) / COLUMN_BYTES)
        return spine_fail(error, SPINE_CORRUPT, "a tuple has no such columns");
    columns = mem_zalloc(count * sizeof *columns);
    if (columns == NULL)
        return fail_nomem(error, "the columns of a schema", count * sizeof *columns);
    for (uint32_t i = 0; i < count; i++)
        TRY(get_schema_column(in, depth, &columns[i], error));
    TRY(spine_tuple_type_new(columns, count, out, error));
out:
    for (uint32_t i = 0; i < count; i++)
        spine_tuple_type_unref(columns[i].tuple);
    mem_free(columns, count * sizeof *columns);
    return st;
}

/* Names are borrowed from the bytes; a nested type is the caller's, also after a
 * failure. */
static enum spine_status
get_schema_column(struct wire_reader *in, unsigned depth, struct spine_column *out,
                  struct spine_error *error)
{
    struct spine_tuple_type *nested = NULL;
    uint8_t nullable;
    enum spine_status st = SPINE_OK;

    out->kind = (enum spine_column_kind)wire_get_u8(in);
    out->order = (enum spine_tuple_order)wire_get_u8(in);
    nullable = wire_get_u8(in);
    out->nullable = nullable == 1;
    out->unit = (enum spine_time_unit)wire_get_u8(in);
    out->size = wire_get_u32(in);
    out->precision = wire_get_u8(in);
    out->scale = (int8_t)wire_get_u8(in);
    if (!wire_get_zeros(in, 2) || nullable > 1 || !get_schema_text(in, &out->name) ||
        !get_schema_text(in, &out->zone) || in->overrun)
        return spine_fail(error, SPINE_CORRUPT, "a column is none");
    if (out->kind == SPINE_COLUMN_TUPLE)
        st = get_tuple(in, depth + 1, &nested, error);
    out->tuple = nested;
    return st;
}

static bool
get_schema_text(struct wire_reader *in, const char **out)
{
    const struct span text = wire_get(in, wire_get_u32(in));

    *out = NULL;
    if (in->overrun || text.size == 0)
        return !in->overrun;
    *out = (const char *)text.data;
    return memchr(text.data, 0, text.size) == text.data + text.size - 1;
}
