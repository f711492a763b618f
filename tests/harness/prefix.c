/* SPDX-License-Identifier: MIT */
#include "harness/prefix.h"

#include <stdlib.h>

static void add(struct spine_batcher *batcher, const struct prefix *prefix, uint64_t key,
                uint64_t value, int64_t weight);
static uint64_t number_of(const struct spine_type *type, union spine_datum cell);
static union spine_datum cell_of(const struct spine_type *type, uint64_t number);

struct spine_batch *
prefix_batch(const struct prefix *prefix, unsigned writer, unsigned number)
{
    struct spine_batch *batch = NULL;
    struct spine_batcher *batcher = NULL;

    if (spine_batcher_new(&prefix->schema, &batcher, NULL) != SPINE_OK)
        abort();
    for (unsigned i = 0; i < prefix->rows; i++)
        add(batcher, prefix, writer, (uint64_t)number * prefix->rows + i, 1);
    add(batcher, prefix, PREFIX_TOGGLE + writer, 0, number % 2 == 0 ? 1 : -1);
    if (spine_batcher_seal(batcher, &batch, NULL) != SPINE_OK)
        abort();
    spine_batcher_free(batcher);
    return batch;
}

const char *
prefix_read(const struct prefix *prefix, struct spine_cursor *cursor,
            unsigned seen[PREFIX_WRITERS_MAX])
{
    uint64_t rows[PREFIX_WRITERS_MAX] = {0}, toggles[PREFIX_WRITERS_MAX] = {0};

    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor)) {
        const uint64_t key = number_of(&prefix->schema.key, spine_cursor_key(cursor));
        const uint64_t writer = key >= PREFIX_TOGGLE ? key - PREFIX_TOGGLE : key;
        uint64_t *count = key >= PREFIX_TOGGLE ? &toggles[writer] : &rows[writer];

        if (writer >= prefix->writers)
            return "a key that nobody inserted";
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            if (number_of(&prefix->schema.value, spine_cursor_val(cursor)) != (*count)++)
                return "a row is missing, or one too much";
            if (spine_cursor_weight(cursor) != 1)
                return "a weight is not 1";
        }
    }
    if (spine_cursor_status(cursor) != SPINE_OK)
        return "the cursor failed";
    for (unsigned i = 0; i < prefix->writers; i++) {
        seen[i] = (unsigned)(rows[i] / prefix->rows);
        if (rows[i] % prefix->rows != 0 || toggles[i] != seen[i] % 2)
            return "a part of a batch was seen";
    }
    return NULL;
}

static void
add(struct spine_batcher *batcher, const struct prefix *prefix, uint64_t key,
    uint64_t value, int64_t weight)
{
    const struct spine_row row = {.key = cell_of(&prefix->schema.key, key),
                                  .value = cell_of(&prefix->schema.value, value),
                                  .weight = weight};

    if (spine_batcher_add(batcher, &row, NULL) != SPINE_OK)
        abort();
}

static uint64_t
number_of(const struct spine_type *type, union spine_datum cell)
{
    return type->kind == SPINE_U32 ? cell.u32 : cell.u64;
}

static union spine_datum
cell_of(const struct spine_type *type, uint64_t number)
{
    return type->kind == SPINE_U32 ? spine_u32((uint32_t)number) : spine_u64(number);
}
