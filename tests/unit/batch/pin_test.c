/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "harness/elsewhere.h"

#define BLOCKS 4u
#define VALUE_BYTES 4096u

/* A batch of some blocks that are elsewhere, whose rows borrow from them. */
static struct spine_batch *
make_batch(struct layout *layout)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_BYTES, 0}};
    static char value[VALUE_BYTES];
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(layout_init(layout, &schema, NULL), SPINE_OK);
    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    for (uint64_t i = 0; i < BLOCKS * (BLOCK_BYTES / VALUE_BYTES); i++) {
        struct spine_row row = {.key = spine_u64(i), .weight = 1};

        memset(value, (int)(i % 251), sizeof value);
        row.value = spine_data(value, sizeof value);
        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    assert_true(batch->block_count >= BLOCKS);
    elsewhere_move(batch);
    return batch;
}

/* A reader that leaves its pins to a list, and where it stages. */
struct world {
    struct layout layout;
    struct spine_batch *batch;
    struct pins pins;
    struct kway_input staged;
    struct reader reader;
};

static void
world_init(struct world *world)
{
    *world = (struct world){0};
    world->batch = make_batch(&world->layout);
    reader_init(&world->reader, world->batch);
    world->reader.pins = &world->pins;
    world->reader.staged = &world->staged;
}

static void
world_release(struct world *world)
{
    pins_release(&world->pins);
    pins_release(&world->pins);
    reader_release(&world->reader);
    reader_release(&world->reader);
    assert_int_equal(world->pins.lent, 0);
    assert_int_equal(elsewhere_pinned(), 0);
    rows_release(&world->layout, &world->staged.rows);
    spine_batch_unref(world->batch);
    expect_no_leak();
}

/* Stages the rest of the present block, and returns its rows. */
static size_t
stage_block(struct world *world)
{
    const size_t before = world->staged.rows.count;

    assert_int_equal(reader_stage(&world->reader, &world->staged.rows, BLOCK_ROWS),
                     SPINE_OK);
    return world->staged.rows.count - before;
}

static void
expect_row(const struct world *world, size_t at)
{
    const struct span value = world->staged.rows.value[at];

    assert_int_equal(value.size, VALUE_BYTES);
    assert_int_equal(value.data[0], at % 251);
    assert_int_equal(value.data[VALUE_BYTES - 1], at % 251);
}

/* Blocks that staged rows borrow from stay until those rows are used, and what was made
 * of them is done. */
static void
pins_last_as_long_as_rows_borrow(void **state)
{
    struct world world;
    size_t ends[BLOCKS], rows = 0;

    (void)state;
    world_init(&world);
    for (size_t i = 0; i < BLOCKS; i++)
        ends[i] = rows += stage_block(&world);
    /* The reader has the last one. */
    assert_int_equal(world.pins.count, BLOCKS - 1);
    assert_int_equal(world.pins.lent, BLOCKS);
    assert_int_equal(elsewhere_pinned(), BLOCKS);
    for (size_t i = 0; i < rows; i++)
        expect_row(&world, i);

    /* All are staged, none is used. */
    pins_return(&world.pins, 0, 0);
    assert_int_equal(elsewhere_pinned(), BLOCKS);
    /* Those of the first block are used, but what they became still borrows. */
    world.staged.at = ends[0];
    pins_return(&world.pins, ends[0], 0);
    assert_int_equal(elsewhere_pinned(), BLOCKS);
    pins_return(&world.pins, ends[0], ends[0] - 1);
    assert_int_equal(elsewhere_pinned(), BLOCKS);
    pins_return(&world.pins, ends[0], ends[0]);
    assert_int_equal(elsewhere_pinned(), BLOCKS - 1);
    for (size_t i = ends[0]; i < rows; i++)
        expect_row(&world, i);

    /* In the middle of the third one: of the second nothing is used any more. */
    world.staged.at = ends[1] + 1;
    pins_return(&world.pins, ends[1] + 1, ends[1] + 1);
    assert_int_equal(elsewhere_pinned(), BLOCKS - 2);
    for (size_t i = ends[1] + 1; i < rows; i++)
        expect_row(&world, i);
    assert_int_equal(world.pins.lent, BLOCKS - 2);
    world_release(&world);
}

/* Rows that were dropped without being used hold nothing. */
static void
used_rows_need_not_be_staged(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    (void)stage_block(&world);
    (void)stage_block(&world);
    world.staged.rows.count = world.staged.at = 0;
    pins_return(&world.pins, 0, 0);
    assert_int_equal(world.pins.count, 0);
    assert_int_equal(elsewhere_pinned(), 1);
    world_release(&world);
}

/* A copy of a reader is where it is, and pins for itself. */
static void
a_copy_holds_nothing(void **state)
{
    struct world world;
    struct reader copy;
    struct rows rows = {0};

    (void)state;
    world_init(&world);
    assert_int_equal(reader_stage(&world.reader, &world.staged.rows, 1), SPINE_OK);
    assert_int_equal(world.staged.rows.count, 1);
    copy = reader_copy(&world.reader);
    assert_null(copy.pin.keeper);
    assert_int_equal(reader_offset(&copy), 1);
    assert_int_equal(elsewhere_pinned(), 1);
    assert_int_equal(reader_stage(&copy, &rows, 1), SPINE_OK);
    assert_int_equal(rows.count, 1);
    assert_int_equal(elsewhere_pinned(), 2);
    assert_int_equal(rows.value[0].data[0], 1);
    reader_release(&copy);
    /* It is where it was. */
    assert_int_equal(reader_offset(&copy), 2);
    assert_int_equal(elsewhere_pinned(), 1);
    rows_release(&world.layout, &rows);
    world_release(&world);
}

/* A reader whose rows nobody has goes on without leaving its pin. */
static void
a_seek_leaves_no_pin(void **state)
{
    struct world world;
    struct cell key = {0};

    (void)state;
    world_init(&world);
    for (uint64_t at = 0; at < world.batch->info.rows; at += 50) {
        key.word = at;
        assert_int_equal(seek_exact(&world.reader, &key), 1);
    }
    assert_int_equal(world.pins.count, 0);
    assert_int_equal(world.pins.lent, 0);
    assert_int_equal(elsewhere_pinned(), 1);
    world_release(&world);
}

/* A pin that fails leaves what is held, and the reader where it is. */
static void
a_failed_pin_changes_nothing(void **state)
{
    struct spine_error error = {0};
    struct world world;
    size_t rows;

    (void)state;
    world_init(&world);
    world.reader.error = &error;
    rows = stage_block(&world);
    elsewhere_arm(FAULT_FOREVER, 1, SPINE_CORRUPT);
    assert_int_equal(reader_stage(&world.reader, &world.staged.rows, 1), SPINE_CORRUPT);
    assert_int_equal(world.staged.rows.count, rows);
    assert_int_equal(error.status, SPINE_CORRUPT);
    assert_non_null(strstr(error.message, ELSEWHERE_MESSAGE " 1 "));
    elsewhere_disarm();
    assert_int_equal(reader_offset(&world.reader), rows);
    for (size_t i = 0; i < rows; i++)
        expect_row(&world, i);
    assert_true(stage_block(&world) > 0);
    expect_row(&world, rows);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins_last_as_long_as_rows_borrow),
        cmocka_unit_test(used_rows_need_not_be_staged),
        cmocka_unit_test(a_copy_holds_nothing),
        cmocka_unit_test(a_seek_leaves_no_pin),
        cmocka_unit_test(a_failed_pin_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
