/* SPDX-License-Identifier: MIT */

/*
 * A range of keys of a batch, and of a cut, is exactly its rows; the blocks within are
 * shared, in memory and in files, so that the checkpoint of a part writes next to
 * nothing.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "batch/fence.h"
#include "harness/nulls.h"
#include "snapshot/snapshot.h"

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
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
