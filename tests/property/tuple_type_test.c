/* SPDX-License-Identifier: MIT */

/*
 * Cells are in the order of the tuples that they hold, for every kind of column, every
 * order and place of nulls; tuples come back from them; bounds of a prefix hold those
 * that begin with it; and a probe of many prefixes gives these.
 */

#include "harness/property.h"
#include "harness/tuples.h"
#include "spine/spine.h"
#include "spine/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct heap heap;
    struct spine_tuple_page *page;
    struct spine_tuple_type *type;
    struct spine_schema schema;
    struct spine_tuple_rows rows;
    struct spine_columns cells;
    struct spine_error error;
};

static void
world_init(struct world *world, struct rng *rng, size_t steps)
{
    *world = (struct world){0};
    world->type = tuple_type_draw(rng, 2, rng_chance(rng, 50));
    world->rows.rows = rng_magnitude(rng, steps);
    world->rows.keys = tuples_draw(rng, &world->heap, world->type, world->rows.rows);
    world->schema = (struct spine_schema){.key = spine_tuple_type_cell(world->type),
                                          .key_tuple = world->type};
    assert_int_equal(spine_tuple_page_new(&world->page, NULL), SPINE_OK);
}

static void
world_release(struct world *world)
{
    spine_tuple_page_free(world->page);
    spine_tuple_type_unref(world->type);
    heap_release(&world->heap);
}

/* <0, 0, >0 as the library orders cells. */
static int
cells_compare(const struct world *world, const struct spine_columns *columns, size_t a,
              size_t b)
{
    const union spine_datum one =
        spine_tuple_datum(world->type, columns->keys, columns->key_offsets, a);
    const union spine_datum other =
        spine_tuple_datum(world->type, columns->keys, columns->key_offsets, b);
    const size_t sizes[] = {one.bytes.size, other.bytes.size};
    int order = 0;

    if (world->schema.key.kind == SPINE_U64)
        return (one.u64 > other.u64) - (one.u64 < other.u64);
    if (sizes[0] > 0 && sizes[1] > 0)
        order = memcmp(one.bytes.data, other.bytes.data,
                       sizes[0] < sizes[1] ? sizes[0] : sizes[1]);
    return order != 0 ? order : (sizes[0] > sizes[1]) - (sizes[0] < sizes[1]);
}

static bool
tuples_are_in_order(struct rng *rng, size_t steps)
{
    struct world world;

    world_init(&world, rng, steps);
    HOLDS_OK(spine_tuple_encode(world.page, &world.schema, &world.rows, &world.cells,
                                &world.error));
    for (size_t i = 0; i < 4 * steps; i++) {
        const size_t a = rng_index(rng, world.rows.rows);
        const size_t b = rng_index(rng, world.rows.rows);
        const int wanted = tuples_compare(world.type, spine_tuple_type_count(world.type),
                                          world.rows.keys, a, world.rows.keys, b);
        const int order = cells_compare(&world, &world.cells, a, b);

        HOLDS((wanted > 0) - (wanted < 0) == (order > 0) - (order < 0));
    }
    world_release(&world);
    return true;
}

static bool
tuples_come_back(struct rng *rng, size_t steps)
{
    struct spine_tuple_rows back;
    struct world world;

    world_init(&world, rng, steps);
    for (int round = 0; round < 2; round++) {
        HOLDS_OK(spine_tuple_encode(world.page, &world.schema, &world.rows, &world.cells,
                                    &world.error));
        HOLDS_OK(spine_tuple_decode(world.page, &world.schema, &world.cells, &back,
                                    &world.error));
        HOLDS_EQUAL(world.rows.rows, back.rows);
        for (size_t i = 0; i < back.rows; i++)
            HOLDS(tuples_compare(world.type, spine_tuple_type_count(world.type),
                                 world.rows.keys, i, back.keys, i) == 0);
    }
    world_release(&world);
    return true;
}

/* A batch of tuples, read again: each once, in order, with its weight. */
static bool
batches_have_the_tuples(struct rng *rng, size_t steps)
{
    const bool is_value = rng_chance(rng, 30);
    struct spine_tuple_rows read;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    struct spine_batcher *batcher;
    struct world world;
    size_t read_rows = 0;
    int64_t weights = 0;

    world_init(&world, rng, steps);
    if (is_value) {
        world.schema =
            (struct spine_schema){.value = world.schema.key, .value_tuple = world.type};
        world.rows.values = world.rows.keys;
        world.rows.keys = NULL;
    }
    if (rng_chance(rng, 50)) {
        HOLDS_OK(
            spine_batch_from_tuples(&world.schema, &world.rows, &batch, &world.error));
    } else {
        HOLDS_OK(spine_batcher_new(&world.schema, &batcher, NULL));
        HOLDS_OK(spine_batcher_add_tuples(batcher, &world.rows, &world.error));
        HOLDS_OK(spine_batcher_seal(batcher, &batch, NULL));
        spine_batcher_free(batcher);
    }
    HOLDS_OK(spine_batch_cursor(batch, &cursor, NULL));
    for (;;) {
        const size_t rows_max = 1 + rng_magnitude(rng, 6000);
        const size_t count =
            spine_cursor_read_tuples(cursor, world.page, rows_max, &read);
        const struct spine_column_data *const columns =
            is_value ? read.values : read.keys;

        if (count == 0)
            break;
        HOLDS_EQUAL(count, read.rows);
        HOLDS(count <= rows_max);
        for (size_t i = 0; i < count; i++) {
            HOLDS(i == 0 || tuples_compare(world.type, spine_tuple_type_count(world.type),
                                           columns, i - 1, columns, i) < 0);
            weights += read.weights[i];
        }
        read_rows += count;
    }
    HOLDS_OK(spine_cursor_status(cursor));
    HOLDS_EQUAL(world.rows.rows, (size_t)weights);

    struct spine_batch_info info;

    spine_batch_get_info(batch, &info);
    HOLDS_EQUAL(info.rows, read_rows);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    world_release(&world);
    return true;
}

static bool
prefixes_have_bounds(struct rng *rng, size_t steps)
{
    struct spine_tuple_bounds bounds;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    struct spine_tuple_page *page;
    struct world world;
    struct heap heap = {0};

    world_init(&world, rng, steps);
    HOLDS_OK(spine_tuple_page_new(&page, NULL));
    HOLDS_OK(spine_batch_from_tuples(&world.schema, &world.rows, &batch, &world.error));
    HOLDS_OK(spine_batch_cursor(batch, &cursor, NULL));
    for (size_t round = 0; round < 10; round++) {
        const size_t count = 1 + rng_index(rng, spine_tuple_type_count(world.type));
        const bool strange = rng_chance(rng, 30);
        const struct spine_column_data *const wanted =
            strange ? tuples_draw(rng, &heap, world.type, 1) : world.rows.keys;
        struct spine_tuple_rows read;
        int64_t expected = 0, found = 0;

        for (size_t i = 0; i < world.rows.rows; i++)
            expected +=
                tuples_compare(world.type, count, world.rows.keys, i, wanted, 0) == 0;
        HOLDS_OK(spine_tuple_prefix_bounds(page, world.type, wanted, count, &bounds,
                                           &world.error));
        spine_cursor_set_bounds(cursor, &bounds.lower,
                                bounds.has_upper ? &bounds.upper : NULL);
        while (spine_cursor_read_tuples(cursor, world.page, 100, &read) > 0)
            for (size_t i = 0; i < read.rows; i++)
                found += read.weights[i];
        HOLDS_OK(spine_cursor_status(cursor));
        HOLDS_EQUAL(expected, found);
    }
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    spine_tuple_page_free(page);
    world_release(&world);
    heap_release(&heap);
    return true;
}

#define PREFIXES_MAX 60u

/* The row of `rows` whose first `count` columns are the least ones greater than those of
 * row `after`, or of all if that is none of them; rows.rows if there is none. */
static size_t
next_prefix(const struct world *world, const struct spine_tuple_rows *rows, size_t count,
            size_t after)
{
    size_t next = rows->rows;

    for (size_t i = 0; i < rows->rows; i++)
        if ((after == rows->rows ||
             tuples_compare(world->type, count, rows->keys, i, rows->keys, after) > 0) &&
            (next == rows->rows ||
             tuples_compare(world->type, count, rows->keys, i, rows->keys, next) < 0))
            next = i;
    return next;
}

/* Some tuples that differ in their first `count` columns, in the order of these, out of
 * `rows`: as columns of `page`. */
static struct spine_tuple_prefixes
prefixes_choose(struct rng *rng, struct heap *heap, struct world *world,
                const struct spine_tuple_rows *rows, struct spine_tuple_page *page)
{
    const size_t count = 1 + rng_index(rng, spine_tuple_type_count(world->type));
    const bool is_bytes = world->schema.key.kind == SPINE_BYTES;
    struct spine_columns all, chosen = {0};
    uint64_t *const offsets = heap_take(heap, (PREFIXES_MAX + 1) * sizeof *offsets);
    struct spine_tuple_rows columns;
    uint8_t *cells = NULL;
    size_t used = 0;

    assert_int_equal(spine_tuple_encode(world->page, &world->schema, rows, &all, NULL),
                     SPINE_OK);
    cells = heap_take(heap, is_bytes ? (size_t)all.key_offsets[all.rows] + 1
                                     : (rows->rows + 1) * (8u + world->schema.key.size));
    for (size_t at = next_prefix(world, rows, count, rows->rows);
         at < rows->rows && chosen.rows < PREFIXES_MAX;
         at = next_prefix(world, rows, count, at)) {
        const union spine_datum cell =
            spine_tuple_datum(world->type, all.keys, all.key_offsets, at);
        const bool is_word = world->schema.key.kind == SPINE_U64;
        const size_t size = is_word ? sizeof cell.u64 : cell.bytes.size;

        if (rng_chance(rng, 30))
            continue;
        if (size > 0)
            memcpy(cells + used, is_word ? &cell.u64 : cell.bytes.data, size);
        used += size;
        offsets[++chosen.rows] = used;
    }
    chosen.keys = cells;
    chosen.key_offsets = is_bytes ? offsets : NULL;
    assert_int_equal(spine_tuple_decode(page, &world->schema, &chosen, &columns, NULL),
                     SPINE_OK);
    return (struct spine_tuple_prefixes){
        .rows = chosen.rows, .count = count, .columns = columns.keys};
}

/* One answer: the rows of each prefix begin with it, and have weights that are those of
 * the world `copies` times. */
static bool
prefix_rows_are(struct world *world, const struct spine_tuple_prefixes *prefixes,
                const struct spine_probe_rows *found, size_t copies)
{
    struct spine_tuple_rows read;

    HOLDS_OK(spine_tuple_decode(world->page, &world->schema, &found->columns, &read,
                                &world->error));
    HOLDS_EQUAL(prefixes->rows, found->keys);
    for (size_t k = 0, row = 0; k < found->keys; k++) {
        int64_t expected = 0, weights = 0;

        for (size_t i = 0; i < world->rows.rows; i++)
            expected += tuples_compare(world->type, prefixes->count, world->rows.keys, i,
                                       prefixes->columns, k) == 0;
        for (; row < found->ends[k]; row++) {
            HOLDS(tuples_compare(world->type, prefixes->count, read.keys, row,
                                 prefixes->columns, k) == 0);
            HOLDS(row == 0 ||
                  tuples_compare(world->type, spine_tuple_type_count(world->type),
                                 read.keys, row - 1, read.keys, row) < 0);
            weights += read.weights[row];
        }
        HOLDS_EQUAL(expected * (int64_t)copies, weights);
    }
    return true;
}

static bool
prefixes_are_probed(struct rng *rng, size_t steps)
{
    const size_t copies = 1 + rng_index(rng, 3);
    struct spine_tuple_page *page, *ranges_page;
    struct spine_batch *batches[3];
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct world world;
    struct heap heap = {0};

    world_init(&world, rng, steps);
    HOLDS_OK(spine_tuple_page_new(&page, NULL));
    HOLDS_OK(spine_tuple_page_new(&ranges_page, NULL));
    HOLDS_OK(spine_probe_new(&probe, NULL));
    for (size_t i = 0; i < copies; i++)
        HOLDS_OK(spine_batch_from_tuples(&world.schema, &world.rows, &batches[i],
                                         &world.error));
    HOLDS_OK(spine_snapshot_of_batches(&world.schema, batches, copies, &snapshot, NULL));
    for (size_t round = 0; round < 10; round++) {
        const bool strange = rng_chance(rng, 30);
        const size_t drawn = 1 + rng_magnitude(rng, 50);
        const struct spine_tuple_rows from = {
            .rows = strange ? drawn : world.rows.rows,
            .keys =
                strange ? tuples_draw(rng, &heap, world.type, drawn) : world.rows.keys};
        const struct spine_tuple_prefixes prefixes =
            prefixes_choose(rng, &heap, &world, &from, page);
        struct spine_key_ranges ranges;
        struct spine_probe_rows found;

        HOLDS_OK(spine_tuple_prefix_ranges(ranges_page, world.type, &prefixes, &ranges,
                                           &world.error));
        HOLDS_OK(spine_snapshot_probe_ranges(snapshot, probe, &ranges, NULL, &found,
                                             &world.error));
        HOLDS(prefix_rows_are(&world, &prefixes, &found, copies));
    }
    spine_snapshot_unref(snapshot);
    for (size_t i = 0; i < copies; i++)
        spine_batch_unref(batches[i]);
    spine_probe_free(probe);
    spine_tuple_page_free(page);
    spine_tuple_page_free(ranges_page);
    world_release(&world);
    heap_release(&heap);
    return true;
}

/* Whatever the bytes are: columns, or SPINE_CORRUPT. */
static bool
any_cells_are_read_safely(struct rng *rng, size_t steps)
{
    struct spine_tuple_rows read;
    struct world world;

    world_init(&world, rng, 1 + steps / 10);
    HOLDS_OK(spine_tuple_encode(world.page, &world.schema, &world.rows, &world.cells,
                                &world.error));
    for (size_t i = 0; i < steps; i++) {
        /* The page's own memory, which is not const. */
        uint8_t *const bytes = (uint8_t *)(uintptr_t)world.cells.keys;
        uint64_t *const offsets = (uint64_t *)(uintptr_t)world.cells.key_offsets;
        const size_t size =
            world.schema.key.kind == SPINE_BYTES
                ? (size_t)offsets[world.rows.rows]
                : world.rows.rows *
                      (world.schema.key.kind == SPINE_U64 ? 8 : world.schema.key.size);
        enum spine_status st;

        if (size == 0)
            break;
        bytes[rng_index(rng, size)] = (uint8_t)rng_next(rng);
        if (offsets != NULL && world.rows.rows > 1 && rng_chance(rng, 30)) {
            const size_t at = 1 + rng_index(rng, world.rows.rows - 1);

            offsets[at] =
                offsets[at - 1] + rng_below(rng, offsets[at + 1] - offsets[at - 1] + 1);
        }
        st = spine_tuple_decode(world.page, &world.schema, &world.cells, &read,
                                &world.error);
        HOLDS(st == SPINE_OK || st == SPINE_CORRUPT);
    }
    world_release(&world);
    return true;
}

#define LAW(law, cases, steps)                                                           \
    static void test_##law(void **state)                                                 \
    {                                                                                    \
        const struct property property = {"test_" #law, law, cases, steps};              \
                                                                                         \
        (void)state;                                                                     \
        assert_true(property_holds(&property));                                          \
    }

LAW(tuples_are_in_order, 600, 1500)
LAW(tuples_come_back, 600, 1500)
LAW(batches_have_the_tuples, 300, 5000)
LAW(prefixes_have_bounds, 300, 500)
LAW(prefixes_are_probed, 300, 500)
LAW(any_cells_are_read_safely, 300, 300)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuples_are_in_order),
        cmocka_unit_test(test_tuples_come_back),
        cmocka_unit_test(test_batches_have_the_tuples),
        cmocka_unit_test(test_prefixes_have_bounds),
        cmocka_unit_test(test_prefixes_are_probed),
        cmocka_unit_test(test_any_cells_are_read_safely),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
