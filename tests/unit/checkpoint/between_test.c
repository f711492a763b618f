/* SPDX-License-Identifier: MIT */

/*
 * A range of keys of a batch, and of a cut, is exactly its rows; the blocks within are
 * shared, in memory and in files, so that the checkpoint of a part writes next to
 * nothing. The part of a cut has its filters, and what they have judged. When memory is
 * short or a block cannot be read, there is no part, and nothing else has changed.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "batch/fence.h"
#include "harness/fault_alloc.h"
#include "harness/nulls.h"
#include "snapshot/snapshot.h"
#include "spine/filter.h"

static void
model_between(const struct model *from, const union spine_datum *lower,
              const union spine_datum *upper, struct model *out)
{
    const enum spine_kind kind = from->schema.key.kind;

    model_init(out, &from->schema);
    for (size_t i = 0; i < from->count; i++)
        if ((lower == NULL || model_cell_compare(kind, from->rows[i].key, *lower) >= 0) &&
            (upper == NULL || model_cell_compare(kind, from->rows[i].key, *upper) < 0))
            model_add(out, &from->rows[i]);
    model_consolidate(out);
}

static bool
same_block(const struct fence *a, const struct fence *b)
{
    if (a->block != NULL || b->block != NULL)
        return a->block == b->block;
    return a->keeper == b->keeper && a->number == b->number;
}

/* How many blocks of the part are none of the batch's; a part has them in order. */
static size_t
own_blocks(const struct spine_batch *part, const struct spine_batch *batch)
{
    size_t own = 0, at = 0;

    for (size_t i = 0; i < part->block_count; i++) {
        size_t found = at;

        while (found < batch->block_count &&
               !same_block(&part->fences[i], &batch->fences[found]))
            found++;
        if (found == batch->block_count)
            own++;
        else
            at = found + 1;
    }
    return own;
}

static bool
part_is_right(struct spine_batch *batch, const struct model *rows,
              const union spine_datum *lower, const union spine_datum *upper)
{
    struct spine_error why = {0};
    struct spine_batch *part;
    struct model expected;

    model_between(rows, lower, upper, &expected);
    HOLDS_EQUAL(SPINE_OK, spine_batch_between(batch, lower, upper, &part, &why));
    HOLDS(check_batch(part, &expected, "part"));
    HOLDS(own_blocks(part, batch) <= 2);
    HOLDS(expected.count < rows->count || part == batch);
    spine_batch_unref(part);
    model_release(&expected);
    return true;
}

static bool
parts_of_batches(struct rng *rng, size_t steps)
{
    struct generator generator;
    struct spine_schema schema;
    struct model rows;
    struct spine_batch *batch;
    uint8_t scratch[2][64];

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&rows, &schema);
    generate_rows(&generator, rng_magnitude(rng, steps), &rows);
    batch = batch_of_rows(&rows);
    model_consolidate(&rows);
    for (unsigned i = 0; i < 8; i++) {
        const union spine_datum lower = generate_key_near(&generator, scratch[0]);
        const union spine_datum upper = generate_key_near(&generator, scratch[1]);

        HOLDS(part_is_right(batch, &rows, rng_chance(rng, 80) ? &lower : NULL,
                            rng_chance(rng, 80) ? &upper : NULL));
    }
    spine_batch_unref(batch);
    model_release(&rows);
    generator_release(&generator);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_parts_of_batches(void **state)
{
    const struct property law = {"test_parts_of_batches", parts_of_batches, 100, 40000};

    (void)state;
    assert_true(property_holds(&law));
}

/* The bytes that both parts have in blocks of their own, at most. */
static uint64_t
most_bytes(const struct spine_cut *cut)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < cut->snapshot->batch_count; i++) {
        const struct spine_batch *batch = cut->snapshot->batches[i];
        size_t most = 0;

        for (size_t k = 0; k < batch->block_count; k++)
            most = batch->fences[k].bytes > most ? batch->fences[k].bytes : most;
        /* Around one key, with the sections of two files. */
        bytes += 2 * (most + 4096);
    }
    return bytes;
}

/* A spine in two, each half with its checkpoint, and both in one again. */
static bool
spines_are_split(struct rng *rng, size_t steps)
{
    struct spine_checkpoint_item items[2] = {{.name = "low"}, {.name = "high"}};
    struct spine_checkpoint_info info;
    struct spine_error why = {0};
    struct spine_restored *restored;
    struct spine_cut *cut, *parts[2];
    struct world world = {.spills = rng_chance(rng, 50)};
    uint8_t scratch[64];

    HOLDS_EQUAL(SPINE_OK, spine_memory_backend(&world.disk, NULL));
    world_begin(&world, rng, 1);
    for (size_t i = 0; i < 4; i++)
        world_insert(&world, 0, 1 + rng_magnitude(rng, steps));
    HOLDS_EQUAL(SPINE_OK, world_checkpoint(&world, NULL, &why));
    const union spine_datum middle = generate_key_near(&world.generators[0], scratch);
    HOLDS_EQUAL(SPINE_OK, spine_take_cut(world.spines[0], &cut, &why));
    HOLDS_EQUAL(SPINE_OK, spine_cut_between(cut, NULL, &middle, &parts[0], &why));
    HOLDS_EQUAL(SPINE_OK, spine_cut_between(cut, &middle, NULL, &parts[1], &why));
    for (unsigned i = 0; i < 2; i++)
        items[i].cut = parts[i];
    HOLDS_EQUAL(SPINE_OK, spine_checkpoint(world.store, items, 2, NULL, &info, &why));
    HOLDS(info.file_bytes <= most_bytes(cut));
    HOLDS_EQUAL(SPINE_OK,
                spine_restore(world.store, 0, world.runtime, NULL, &restored, &why));
    for (unsigned i = 0; i < 2; i++) {
        struct spine *half = spine_restored_take(restored, items[i].name);
        struct model expected;

        HOLDS(half != NULL);
        model_between(&world.models[0], i == 1 ? &middle : NULL, i == 0 ? &middle : NULL,
                      &expected);
        HOLDS(check_spine(half, &expected, items[i].name));
        HOLDS_EQUAL(SPINE_OK, spine_check(half, &why));
        model_release(&expected);
        spine_close(half);
        spine_cut_unref(parts[i]);
    }
    spine_restored_free(restored);
    spine_cut_unref(cut);
    HOLDS(world_holds(&world, world.models));
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_spines_are_split(void **state)
{
    const struct property law = {"test_spines_are_split", spines_are_split, 60, 20000};

    (void)state;
    assert_true(property_holds(&law));
}

/* ---- filters ---- */

#define KEYS 30000u
#define VALUES 3u
#define LOWER 7001u
#define UPPER 20002u

static const struct spine_schema pairs = {.key = {.kind = SPINE_U64},
                                          .value = {.kind = SPINE_U64}};

static bool
key_is_even(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 0;
}

static bool
no_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

/* Every key with a value of its own in each of some batches. */
static struct spine *
spine_of_pairs(struct spine_runtime *runtime)
{
    static uint64_t keys[KEYS], values[KEYS];
    const struct spine_columns columns = {.rows = KEYS, .keys = keys, .values = values};
    struct spine *spine;

    assert_int_equal(spine_open(runtime, &pairs, NULL, &spine, NULL), SPINE_OK);
    for (uint64_t value = 1; value <= VALUES; value++) {
        struct spine_batch *batch;

        for (uint64_t i = 0; i < KEYS; i++) {
            keys[i] = i;
            values[i] = value;
        }
        assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    return spine;
}

/* The spine of a range of keys of another one. */
static struct spine *
part_of_spine(struct spine *spine, struct spine_runtime *runtime)
{
    const union spine_datum lower = spine_u64(LOWER), upper = spine_u64(UPPER);
    struct spine_cut *cut, *part;
    struct spine *opened;

    assert_int_equal(spine_take_cut(spine, &cut, NULL), SPINE_OK);
    assert_int_equal(spine_cut_between(cut, &lower, &upper, &part, NULL), SPINE_OK);
    spine_cut_unref(cut);
    assert_int_equal(spine_open_cut(runtime, part, &opened, NULL), SPINE_OK);
    spine_cut_unref(part);
    return opened;
}

/* The greatest value of each even key of the range, and no more. */
static void
expect_filtered(struct spine *part)
{
    struct spine_stats stats;
    struct spine_cursor *cursor;
    uint64_t key = LOWER + LOWER % 2;

    spine_get_stats(part, &stats);
    assert_string_equal(stats.key_filter, "even");
    assert_string_equal(stats.value_filter, "top");
    assert_int_equal(spine_consolidate(part, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_check(part, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_open(part, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), key += 2) {
        assert_int_equal(spine_cursor_key(cursor).u64, key);
        assert_int_equal(spine_cursor_val(cursor).u64, VALUES);
        spine_cursor_step_val(cursor);
        assert_false(spine_cursor_val_valid(cursor));
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_int_equal(key, UPPER);
    spine_cursor_close(cursor);
}

static void
test_parts_have_the_filters(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_key_filter even = {.name = "even", .on_key = key_is_even};
    const struct spine_value_filter top = {
        .name = "top", .retain = SPINE_RETAIN_TOP, .count = 1, .on_value = no_value};
    const union spine_datum lower = spine_u64(LOWER);
    struct spine_runtime *runtime;
    struct spine_snapshot *snapshot;
    struct spine_batch *whole, *part;
    struct spine *spine, *opened;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    spine = spine_of_pairs(runtime);
    assert_int_equal(spine_retain_keys(spine, &even, NULL), SPINE_OK);
    assert_int_equal(spine_retain_values(spine, &top, NULL), SPINE_OK);
    /* Nothing was dropped when the cut is taken. */
    opened = part_of_spine(spine, runtime);
    expect_filtered(opened);
    spine_close(opened);
    /* Everything was. */
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    opened = part_of_spine(spine, runtime);
    expect_filtered(opened);
    spine_close(opened);
    /* What was judged stays so, the rows that were copied included. */
    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(snapshot->batch_count, 1);
    whole = snapshot->batches[0];
    assert_true(whole->judged);
    assert_int_equal(spine_batch_between(whole, &lower, NULL, &part, NULL), SPINE_OK);
    assert_int_equal(own_blocks(part, whole), 1);
    assert_true(part->judged);
    assert_true(judged_by_covers(&part->judged_by, &whole->judged_by));
    spine_batch_unref(part);
    spine_snapshot_unref(snapshot);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* ---- what fails ---- */

struct failing {
    struct world world;
    struct spine_cut *cut;
    /* The read that fails, counted down; 0: none. */
    unsigned reads_left;
};

static void
fail_a_read(void *argument, enum spine_operation operation, const char *name,
            uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct failing *failing = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_READ_AT && failing->reads_left > 0 &&
        --failing->reads_left == 0)
        fault->status = SPINE_IO;
}

/* A cut of batches in files, of which none is in the cache. */
static void
failing_init(struct failing *failing)
{
    struct spine_runtime_options options = {.manual = true, .min_storage_bytes = 1};
    struct world *world = &failing->world;

    *failing = (struct failing){0};
    assert_int_equal(spine_memory_backend(&world->disk, NULL), SPINE_OK);
    world->on_operation = fail_a_read;
    world->fault_argument = failing;
    world_open(world);
    spine_runtime_close(world->runtime);
    options.store = world->store;
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    world->spines[0] = spine_of_pairs(world->runtime);
    world->count = 1;
    assert_int_equal(spine_consolidate(world->spines[0], NULL, NULL), SPINE_OK);
    assert_int_equal(spine_take_cut(world->spines[0], &failing->cut, NULL), SPINE_OK);
    assert_true(failing->cut->snapshot->batches[0]->in_files);
    store_cache_set_bytes(world->store, 0);
}

static void
failing_release(struct failing *failing)
{
    spine_cut_unref(failing->cut);
    world_close(&failing->world);
    spine_backend_release(&failing->world.disk);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* A part, whose rows are right, or none. */
static enum spine_status
try_part(struct failing *failing, struct spine_error *why)
{
    const union spine_datum lower = spine_u64(LOWER), upper = spine_u64(UPPER);
    struct spine_cut *part = failing->cut;
    const enum spine_status st =
        spine_cut_between(failing->cut, &lower, &upper, &part, why);

    if (st == SPINE_OK) {
        assert_int_equal(spine_snapshot_rows(spine_cut_snapshot(part)),
                         (UPPER - LOWER) * VALUES);
        spine_cut_unref(part);
    } else {
        assert_null(part);
        assert_string_not_equal(why->message, "");
    }
    return st;
}

static void
test_a_want_of_memory(void **state)
{
    struct failing failing;
    size_t live;
    uint64_t nth = 1;

    (void)state;
    failing_init(&failing);
    live = fault_alloc_live_blocks();
    for (;; nth++) {
        struct spine_error why = {0};
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = try_part(&failing, &why);
        if (!fault_alloc_disarm())
            break;
        assert_int_equal(st, SPINE_NOMEM);
        assert_int_equal(why.status, SPINE_NOMEM);
        assert_int_equal(fault_alloc_live_blocks(), live);
    }
    assert_true(nth > 10);
    failing_release(&failing);
}

static void
test_reads_that_fail(void **state)
{
    struct failing failing;
    unsigned nth = 1;

    (void)state;
    failing_init(&failing);
    for (;; nth++) {
        struct spine_error why = {0};
        enum spine_status st;

        failing.reads_left = nth;
        st = try_part(&failing, &why);
        if (failing.reads_left > 0)
            break;
        assert_int_equal(st, SPINE_IO);
        assert_int_equal(why.status, SPINE_IO);
    }
    /* Two blocks, at two ends, twice: to find the bounds, and to copy rows. */
    assert_in_range(nth - 1, 2, 4);
    failing.reads_left = 0;
    failing_release(&failing);
}

static void
test_refusals(void **state)
{
    static const struct spine_schema schema = {.key = {.kind = SPINE_U64}};
    const uint64_t keys[] = {1, 2, 3};
    const struct spine_columns columns = {.rows = 3, .keys = keys};
    const union spine_datum bytes = spine_data("x", 1), three = spine_u64(3);
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_batch *batch, *part = NULL;
    struct spine_cut *cut = NULL, *of_cut;

    (void)state;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    REFUSES(spine_batch_between, out, (batch, NULL, NULL, NULL, error));
    REFUSES(spine_batch_between, batch, (NULL, NULL, NULL, &part, error));
    TOLERATES(spine_batch_between, lower,
              spine_batch_between(batch, NULL, &three, &part, NULL) == SPINE_OK);
    spine_batch_unref(part);
    TOLERATES(spine_batch_between, upper,
              spine_batch_between(batch, &three, NULL, &part, NULL) == SPINE_OK);
    spine_batch_unref(part);
    REFUSES(spine_cut_between, out, (cut, NULL, NULL, NULL, error));
    REFUSES(spine_cut_between, cut, (NULL, NULL, NULL, &cut, error));
    assert_int_equal(spine_runtime_open(&(struct spine_runtime_options){.manual = true},
                                        &runtime, NULL),
                     SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_take_cut(spine, &cut, NULL), SPINE_OK);
    TOLERATES(spine_cut_between, lower,
              spine_cut_between(cut, NULL, &three, &of_cut, NULL) == SPINE_OK);
    spine_cut_unref(of_cut);
    TOLERATES(spine_cut_between, upper,
              spine_cut_between(cut, &three, NULL, &of_cut, NULL) == SPINE_OK);
    spine_cut_unref(of_cut);
    spine_cut_unref(cut);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(spine_batch_between(batch, NULL, &bytes, &part, &told),
                     SPINE_INVALID);
    assert_non_null(strstr(told.message, "spine_batch_between: upper: "));
    spine_batch_unref(batch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_batches),
        cmocka_unit_test(test_spines_are_split),
        cmocka_unit_test(test_parts_have_the_filters),
        cmocka_unit_test(test_a_want_of_memory),
        cmocka_unit_test(test_reads_that_fail),
        cmocka_unit_test(test_refusals),
    };
    int failed;

    fault_alloc_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fault_alloc_remove();
    return failed;
}
