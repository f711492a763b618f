/* SPDX-License-Identifier: MIT */

/*
 * Without memory every call of tuples is SPINE_NOMEM, takes nothing and leaves nothing
 * behind, whichever allocation it is that fails.
 */

#include "batch/batch_sections.h"

#include "harness/fault_alloc.h"
#include "harness/tuples.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ROWS = 1500 };

struct world {
    struct heap heap;
    struct spine_tuple_type *type;
    struct spine_schema schema;
    struct spine_tuple_rows rows;
};

static enum spine_status
make_type(const struct world *world)
{
    const struct spine_column columns[] = {
        {.name = "a", .kind = SPINE_COLUMN_I64},
        {.name = "b", .kind = SPINE_COLUMN_TUPLE, .tuple = world->type}};
    struct spine_tuple_type *type;
    const enum spine_status st = spine_tuple_type_new(columns, 2, &type, NULL);

    assert_true((st == SPINE_OK) == (type != NULL));
    spine_tuple_type_unref(type);
    return st;
}

/* Into cells and back, and the bounds of a prefix, and of some. */
static enum spine_status
use_page(const struct world *world)
{
    struct spine_tuple_page *page = NULL;
    const struct spine_tuple_prefixes prefixes = {
        .rows = 1, .count = 1, .columns = world->rows.keys};
    struct spine_key_ranges ranges;
    struct spine_tuple_bounds bounds;
    struct spine_tuple_rows back;
    struct spine_columns cells;
    enum spine_status st = spine_tuple_page_new(&page, NULL);

    if (st == SPINE_OK)
        st = spine_tuple_encode(page, &world->schema, &world->rows, &cells, NULL);
    if (st == SPINE_OK)
        st = spine_tuple_decode(page, &world->schema, &cells, &back, NULL);
    if (st == SPINE_OK)
        st = spine_tuple_prefix_bounds(page, world->type, world->rows.keys, 1, &bounds,
                                       NULL);
    if (st == SPINE_OK)
        st = spine_tuple_prefix_ranges(page, world->type, &prefixes, &ranges, NULL);
    spine_tuple_page_free(page);
    return st;
}

/* One tuple of its columns, out of which only a string takes memory of its own. */
static enum spine_status
use_row(const struct world *world)
{
    static const char text[200] = "text";
    const struct spine_column columns[] = {
        {.kind = SPINE_COLUMN_STRING},
        {.kind = SPINE_COLUMN_TUPLE, .nullable = true, .tuple = world->type}};
    const struct spine_tuple_value *values = NULL;
    struct spine_tuple_writer *writer = NULL;
    struct spine_tuple_reader *reader = NULL;
    struct spine_tuple_type *type = NULL;
    union spine_datum cell;
    enum spine_status st = spine_tuple_type_new(columns, 2, &type, NULL);

    if (st == SPINE_OK)
        st = spine_tuple_writer_new(type, &writer, NULL);
    if (st == SPINE_OK)
        st = spine_tuple_reader_new(type, &reader, NULL);
    if (st == SPINE_OK) {
        spine_tuple_put_bytes(writer, text, sizeof text);
        spine_tuple_put_null(writer);
        st = spine_tuple_finish(writer, &cell, NULL);
        assert_true(st == SPINE_OK || cell.bytes.data == NULL);
    }
    if (st == SPINE_OK) {
        st = spine_tuple_read(reader, cell, &values, NULL);
        assert_true((st == SPINE_OK) == (values != NULL));
    }
    if (st == SPINE_OK)
        assert_memory_equal(values[0].as.bytes.data, text, sizeof text);
    spine_tuple_reader_free(reader);
    spine_tuple_writer_free(writer);
    spine_tuple_type_unref(type);
    return st;
}

static enum spine_status
use_batch(const struct world *world)
{
    struct spine_tuple_page *page = NULL;
    struct spine_cursor *cursor = NULL;
    struct spine_batch *batch = NULL;
    struct spine_tuple_rows read;
    size_t rows = 0;
    enum spine_status st =
        spine_batch_from_tuples(&world->schema, &world->rows, &batch, NULL);

    if (st == SPINE_OK)
        st = spine_batch_cursor(batch, &cursor, NULL);
    if (st == SPINE_OK)
        st = spine_tuple_page_new(&page, NULL);
    while (st == SPINE_OK && spine_cursor_read_tuples(cursor, page, 400, &read) > 0)
        rows += read.rows;
    if (st == SPINE_OK)
        st = spine_cursor_status(cursor);
    assert_true(st != SPINE_OK || rows > 0);
    spine_tuple_page_free(page);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    return st;
}

/* What a batcher was refused it has not: added once more, each row is there once. */
static enum spine_status
use_batcher(const struct world *world)
{
    struct spine_batcher *batcher = NULL;
    struct spine_batch *batch = NULL;
    enum spine_status st = spine_batcher_new(&world->schema, &batcher, NULL);

    if (st == SPINE_OK)
        st = spine_batcher_add_tuples(batcher, &world->rows, NULL);
    if (st == SPINE_OK)
        st = spine_batcher_seal(batcher, &batch, NULL);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    return st;
}

static enum spine_status
use_schema_bytes(const struct world *world)
{
    struct wire_writer bytes = {0};
    struct spine_schema schema = {0};
    enum spine_status st = SPINE_NOMEM;

    schema_encode(&world->schema, &bytes);
    if (!bytes.failed)
        st = schema_decode((struct span){bytes.bytes, bytes.size}, &schema, NULL);
    schema_unref(&schema);
    wire_release(&bytes);
    return st;
}

static void
each_allocation_may_fail(void **state)
{
    static enum spine_status (*const calls[])(const struct world *world) = {
        make_type, use_page, use_row, use_batch, use_batcher, use_schema_bytes};
    struct world world = {0};
    struct rng rng;

    (void)state;
    fault_alloc_install();
    rng_init(&rng, 20240229);
    world.type = tuple_type_draw(&rng, 2, false);
    world.schema.key = spine_tuple_type_cell(world.type);
    world.schema.key_tuple = world.type;
    world.rows.rows = ROWS;
    world.rows.keys = tuples_draw(&rng, &world.heap, world.type, ROWS);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const size_t live = fault_alloc_live_blocks();
        uint64_t nth = 1;

        for (bool fired = true; fired; nth++) {
            enum spine_status st;

            fault_alloc_arm(FAULT_ONCE, nth);
            st = calls[i](&world);
            fired = fault_alloc_disarm();
            assert_int_equal(st, fired ? SPINE_NOMEM : SPINE_OK);
            assert_int_equal(fault_alloc_live_blocks(), live);
        }
        assert_true(nth > 3);
    }
    spine_tuple_type_unref(world.type);
    heap_release(&world.heap);
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
