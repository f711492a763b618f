/* SPDX-License-Identifier: MIT */
#include "demo/lookup.h"

#include "spine/spine.h"

#include <stdlib.h>

#define LOOKUP_ROWS 4096u

static const struct spine_schema lookup_schema = {.key = {.kind = SPINE_U32},
                                                  .value = {.kind = SPINE_U64}};

static struct spine_batch *
lookup_batch(const struct table *table, struct lookup_columns columns);
static void lookup_read(struct lookup *lookup, struct spine_batch *batch, uint32_t count);

void
lookup_init(struct lookup *lookup, const struct table *table,
            struct lookup_columns columns, uint32_t count)
{
    struct spine_batch_info info;
    struct spine_batch *const batch = lookup_batch(table, columns);

    spine_batch_get_info(batch, &info);
    if (info.rows > UINT32_MAX)
        fail("%llu rows are too many", (unsigned long long)info.rows);
    lookup->begins = grow(NULL, (size_t)count + 1, sizeof *lookup->begins);
    lookup->pairs = grow(NULL, (size_t)info.rows + 1, sizeof *lookup->pairs);
    lookup_read(lookup, batch, count);
    spine_batch_unref(batch);
}

void
lookup_release(struct lookup *lookup)
{
    free(lookup->begins);
    free(lookup->pairs);
    *lookup = (struct lookup){0};
}

static struct spine_batch *
lookup_batch(const struct table *table, struct lookup_columns columns)
{
    struct spine_error error;
    struct spine_batch *batch;
    const size_t rows = table_rows(table);
    uint32_t *const keys = grow(NULL, rows + 1, sizeof *keys);
    uint64_t *const values = grow(NULL, rows + 1, sizeof *values);

    for (size_t at = 0; at < rows; at++) {
        const uint32_t *const row = table_row(table, at);
        keys[at] = row[columns.number];
        values[at] = (uint64_t)row[columns.first] << 32 | row[columns.second];
    }
    const struct spine_columns given = {.rows = rows, .keys = keys, .values = values};
    must(spine_batch_from_columns(&lookup_schema, &given, &batch, &error), &error,
         "spine_batch_from_columns");
    free(keys);
    free(values);
    return batch;
}

static void
lookup_read(struct lookup *lookup, struct spine_batch *batch, uint32_t count)
{
    struct spine_error error;
    struct spine_cursor *cursor;
    uint32_t keys[LOOKUP_ROWS], key = 0, end = 0;
    uint64_t values[LOOKUP_ROWS];
    const struct spine_column_buffers buffers = {
        .rows = LOOKUP_ROWS, .keys = keys, .values = values};
    size_t rows;

    must(spine_batch_cursor(batch, &cursor, &error), &error, "spine_batch_cursor");
    lookup->begins[0] = 0;
    while ((rows = spine_cursor_read(cursor, &buffers)) > 0)
        for (size_t at = 0; at < rows; at++) {
            while (key < keys[at])
                lookup->begins[++key] = end;
            lookup->pairs[end++] = (struct pair){.first = (uint32_t)(values[at] >> 32),
                                                 .second = (uint32_t)values[at]};
        }
    while (key < count)
        lookup->begins[++key] = end;
    must(spine_cursor_error(cursor, &error), &error, "reading a given relation");
    spine_cursor_close(cursor);
}
