/* SPDX-License-Identifier: MIT */

/* Keys of many values: where a window of one key begins, grows and ends. */

#include "cursor/cursor_state.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    BATCHES = 3,
    /* The rows of a block. */
    BLOCK = 4096
};

static const struct spine_schema schemas[] = {
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
};

/*
 * A batch of keys 1, 2 and 3. Key 2 has `size` values, `number` + BATCHES * i, and begins
 * `before` rows before the end of the first block.
 */
static struct spine_batch *
batch_of(const struct spine_schema *schema, size_t number, size_t before, size_t size)
{
    const size_t rows = BLOCK - before + size + 1;
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(schema, &builder, NULL), SPINE_OK);
    for (size_t i = 0; i < rows; i++) {
        const size_t key = i < BLOCK - before ? 1 : i + 1 < rows ? 2 : 3;
        const size_t value = key == 1   ? i
                             : key == 2 ? number + BATCHES * (i - (BLOCK - before))
                                        : 0;
        const bool small = schema->key.kind == SPINE_U32;
        const struct spine_row row = {
            .key = small ? spine_u32((uint32_t)key) : spine_u64(key),
            .value = small ? spine_u32((uint32_t)value) : spine_u64(value),
            .weight = 1,
            .time = 5};

        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

static union spine_datum
cell_of(const struct spine_cursor *cursor, uint64_t number)
{
    return cursor->layout.schema.key.kind == SPINE_U32 ? spine_u32((uint32_t)number)
                                                       : spine_u64(number);
}

/* The value, which is a number of 4 or 8 bytes. */
static uint64_t
value_of(struct spine_cursor *cursor)
{
    const union spine_datum value = spine_cursor_val(cursor);

    return cursor->layout.schema.key.kind == SPINE_U32 ? value.u32 : value.u64;
}

/* Key 2 has the values 0 to `values` - 1, from whichever end they are read. */
static void
check_key(struct spine_cursor *cursor, size_t values)
{
    size_t read = 0;

    assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
        assert_int_equal(value_of(cursor), read++);
    assert_int_equal(read, values);
    spine_cursor_step_key(cursor);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u32, 3);

    assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
    spine_cursor_fast_forward_vals(cursor);
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val_reverse(cursor))
        assert_int_equal(value_of(cursor), --read);
    assert_int_equal(read, 0);

    assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
    spine_cursor_seek_val(cursor, cell_of(cursor, values / 2));
    for (read = values / 2; spine_cursor_val_valid(cursor); read++) {
        assert_int_equal(value_of(cursor), read);
        spine_cursor_step_val(cursor);
    }
    assert_int_equal(read, values);
    assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
    spine_cursor_step_key_reverse(cursor);
    assert_int_equal(spine_cursor_key(cursor).u32, 1);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
}

static struct spine_cursor *
cursor_over(const struct spine_schema *schema, const size_t *before, const size_t *sizes,
            size_t batch_count)
{
    struct spine_batch *batches[BATCHES];
    struct spine_cursor *cursor;
    struct layout layout;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    for (size_t b = 0; b < batch_count; b++)
        batches[b] = batch_of(schema, b, before[b], sizes[b]);
    assert_int_equal(cursor_new(&cursor, &layout, batches, batch_count, NULL), SPINE_OK);
    for (size_t b = 0; b < batch_count; b++)
        spine_batch_unref(batches[b]);
    return cursor;
}

/* Also where a key begins with the last rows of a block, and ends with those of another
 * or with the first ones. */
static void
keys_begin_and_end_anywhere_in_blocks(void **state)
{
    static const size_t sizes[] = {1,         2,         40,        BLOCK,
                                   BLOCK + 1, BLOCK + 2, BLOCK + 3, 2 * BLOCK + 2};
    static const size_t befores[] = {BLOCK - 1, 1, 2, 3, 5};

    (void)state;
    for (size_t k = 0; k < sizeof schemas / sizeof schemas[0]; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (size_t b = 0; b + 2 < sizeof befores / sizeof befores[0]; b++) {
                const size_t same[BATCHES] = {sizes[s], sizes[s], sizes[s]};
                struct spine_cursor *cursor =
                    cursor_over(&schemas[k], &befores[b], same, BATCHES);

                check_key(cursor, BATCHES * sizes[s]);
                spine_cursor_close(cursor);
            }
}

static void
one_batch_needs_no_merging(void **state)
{
    static const size_t sizes[] = {1, 2, 3, BLOCK + 1, 3 * BLOCK};

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t before = 2;
        struct spine_cursor *cursor = cursor_over(&schemas[0], &before, &sizes[s], 1);
        size_t read = 0;

        assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(2)));
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            assert_int_equal(spine_cursor_val(cursor).u64, BATCHES * read++);
        assert_int_equal(read, sizes[s]);
        spine_cursor_close(cursor);
    }
}

/* Who asks for one value does not pay for many. */
static void
one_value_of_many_reads_few_rows(void **state)
{
    static const size_t before[BATCHES] = {5, 5, 5};
    static const size_t sizes[BATCHES] = {3 * BLOCK, BLOCK, 100};

    (void)state;
    for (size_t k = 0; k < sizeof schemas / sizeof schemas[0]; k++) {
        struct spine_cursor *cursor = cursor_over(&schemas[k], before, sizes, BATCHES);

        assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
        assert_int_equal(value_of(cursor), 0);
        assert_true(cursor->window.rows.count <= 2 * WINDOW_WANT_FEW);
        spine_cursor_fast_forward_vals(cursor);
        assert_int_equal(value_of(cursor), BATCHES * (sizes[0] - 1));
        assert_true(cursor->window.rows.count <= 2 * WINDOW_WANT_FEW);
        assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
        spine_cursor_seek_val(cursor, cell_of(cursor, 3000));
        assert_int_equal(value_of(cursor), 3000);
        assert_true(cursor->window.rows.count <= 2 * WINDOW_WANT_FEW);
        spine_cursor_close(cursor);
    }
}

/* Who asks for a key of some values gets them in one piece. */
static void
some_values_are_read_at_once(void **state)
{
    static const size_t before[BATCHES] = {BLOCK, BLOCK, BLOCK};
    static const size_t sizes[BATCHES] = {20, 20, 20};

    (void)state;
    for (size_t k = 0; k < sizeof schemas / sizeof schemas[0]; k++) {
        struct spine_cursor *cursor = cursor_over(&schemas[k], before, sizes, BATCHES);

        assert_true(spine_cursor_seek_key_exact(cursor, cell_of(cursor, 2)));
        assert_int_equal(cursor->window.rows.count, 60);
        spine_cursor_close(cursor);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_begin_and_end_anywhere_in_blocks),
        cmocka_unit_test(one_batch_needs_no_merging),
        cmocka_unit_test(one_value_of_many_reads_few_rows),
        cmocka_unit_test(some_values_are_read_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
