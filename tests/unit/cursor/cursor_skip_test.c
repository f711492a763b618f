/* SPDX-License-Identifier: MIT */

/*
 * The stretches that cursors tell of: their ends are rows, whatever became of the blocks
 * that these were read from.
 */

#include "core.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 12000u
/* Rows [BEGIN, END) are retracted. */
#define BEGIN 2000u
#define END 9000u
#define KEY_BYTES 12u

static const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                           .value = {SPINE_BYTES, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    /* Of every value. */
    size_t value_bytes;
};

/* Rows [begin, end); a value ends with its key. */
static void
insert(struct world *world, uint64_t begin, uint64_t end, int64_t weight)
{
    char *value = calloc(1, world->value_bytes + 1);
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    memset(value, 'v', world->value_bytes);
    for (uint64_t number = begin; number < end; number++) {
        char key[32];
        const struct spine_row row = {.key = spine_data(key, KEY_BYTES),
                                      .value = spine_data(value, world->value_bytes),
                                      .weight = weight};

        assert_int_equal(sprintf(key, "key %08llu", (unsigned long long)number),
                         KEY_BYTES);
        memcpy(value + world->value_bytes - KEY_BYTES, key, KEY_BYTES);
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    free(value);
}

static void
world_open(struct world *world, size_t value_bytes)
{
    const struct spine_runtime_options manual = {.manual = true};

    *world = (struct world){.value_bytes = value_bytes};
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &schema, NULL, &world->spine, NULL),
                     SPINE_OK);
    insert(world, 0, ROWS, 1);
    insert(world, BEGIN, END, -1);
}

static void
world_close(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
}

/* The number of a row that is there. */
static uint64_t
number_of(const struct world *world, const struct row_code *code)
{
    char key[KEY_BYTES + 1] = {0};
    char again[sizeof key];
    unsigned long long number;

    assert_int_equal(code->key.size, KEY_BYTES);
    memcpy(key, code->key.data, KEY_BYTES);
    assert_int_equal(sscanf(key, "key %8llu", &number), 1);
    assert_int_equal(sprintf(again, "key %08llu", number % 100000000), KEY_BYTES);
    assert_string_equal(again, key);
    assert_int_equal(code->value.size, world->value_bytes);
    assert_memory_equal(code->value.data + world->value_bytes - KEY_BYTES, key,
                        KEY_BYTES);
    assert_int_equal(code->value.data[0], 'v');
    return number;
}

/* Reads over what is retracted. */
static void
read_all(struct world *world, bool backward)
{
    struct spine_cursor *cursor;
    size_t rows = 0;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    if (backward) {
        for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
             spine_cursor_step_key_reverse(cursor))
            rows++;
    } else {
        for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
            rows++;
    }
    assert_int_equal(spine_cursor_error(cursor, NULL), SPINE_OK);
    assert_int_equal(rows, ROWS - (END - BEGIN));
    spine_cursor_close(cursor);
}

static void
ends_of_stretches_are_rows(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 40);
    for (int backward = 0; backward < 2; backward++) {
        struct skipped *skipped;

        read_all(&world, backward);
        skipped = lookup_ledger_take_skipped(world.spine->ledger);
        assert_non_null(skipped);
        assert_true(skipped->has_low && skipped->has_high);
        assert_in_range(skipped->rows, END - BEGIN, 2 * (END - BEGIN));

        const uint64_t low = number_of(&world, &skipped->low);
        const uint64_t high = number_of(&world, &skipped->high);

        /* Up to a window away from where it begins, and as far as a fill went. */
        assert_in_range(low, 0, BEGIN + 1000);
        assert_in_range(high, END - 1500, END + 2100);
        skipped_unref(skipped);
    }
    world_close(&world);
}

static void
long_rows_bound_no_stretch(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 5000);
    read_all(&world, false);
    assert_null(lookup_ledger_take_skipped(world.spine->ledger));
    world_close(&world);
}

/* Short rows are skipped, and long ones come behind them, or before. */
static void
long_rows_end_no_stretch(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};

    (void)state;
    for (int backward = 0; backward < 2; backward++) {
        const uint64_t begin = backward ? 0 : 4000, end = backward ? 8000 : ROWS;
        struct spine_cursor *cursor;
        struct world world = {.value_bytes = 40};

        assert_int_equal(spine_runtime_open(&manual, &world.runtime, NULL), SPINE_OK);
        assert_int_equal(spine_open(world.runtime, &schema, NULL, &world.spine, NULL),
                         SPINE_OK);
        insert(&world, backward ? 8000 : 0, backward ? ROWS : 4000, 1);
        insert(&world, backward ? 8000 : 0, backward ? ROWS : 4000, -1);
        world.value_bytes = 5000;
        insert(&world, begin, end, 1);
        assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
        if (backward)
            spine_cursor_fast_forward(cursor);
        assert_true(spine_cursor_key_valid(cursor));
        assert_true(spine_cursor_rows_skipped(cursor) >= 8000);
        assert_null(lookup_ledger_take_skipped(world.spine->ledger));
        spine_cursor_close(cursor);
        world_close(&world);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_stretches_are_rows),
        cmocka_unit_test(long_rows_bound_no_stretch),
        cmocka_unit_test(long_rows_end_no_stretch),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
