/* SPDX-License-Identifier: MIT */
#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool
fill_batcher(struct spine_batcher *batcher, const struct model *rows, struct rng *rng);
static bool
fill_builder(struct spine_builder *builder, const struct model *rows, struct rng *rng);

/* Columns, the batcher and the builder make the same batch: the model's. */
static bool
ways_agree(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct generator generator;
    struct model rows, expected;
    struct spine_batcher *batcher;
    struct spine_builder *builder;
    struct spine_batch *batch;

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&rows, &schema);
    model_init(&expected, &schema);
    HOLDS_OK(spine_batcher_new(&schema, &batcher, NULL));
    HOLDS_OK(spine_builder_new(&schema, &builder, NULL));
    for (int round = 0; round < 2; round++) {
        rows.count = 0;
        generate_rows(&generator, rng_chance(rng, 5) ? 0 : rng_magnitude(rng, steps),
                      &rows);
        model_copy(&expected, &rows);
        model_consolidate(&expected);

        batch = batch_of_rows(&rows);
        HOLDS(check_batch(batch, &expected, "from columns"));
        spine_batch_unref(batch);

        if (!fill_batcher(batcher, &rows, rng))
            return false;
        HOLDS_OK(spine_batcher_seal(batcher, &batch, NULL));
        HOLDS(check_batch(batch, &expected, "batcher"));
        spine_batch_unref(batch);

        if (!fill_builder(builder, &expected, rng))
            return false;
        HOLDS_OK(spine_builder_seal(builder, &batch, NULL));
        HOLDS(check_batch(batch, &expected, "builder"));
        spine_batch_unref(batch);
    }
    spine_batcher_free(batcher);
    spine_builder_free(builder);
    model_release(&rows);
    model_release(&expected);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* Some rows one by one, some as columns; what is forgotten in between leaves no trace. */
static bool
fill_batcher(struct spine_batcher *batcher, const struct model *rows, struct rng *rng)
{
    struct model part = *rows;
    size_t at = 0;

    if (rng_chance(rng, 20) && rows->count > 0) {
        const struct spine_row row = row_of_model(&rows->rows[0]);
        HOLDS_OK(spine_batcher_add(batcher, &row, NULL));
        spine_batcher_clear(batcher);
    }
    while (at < rows->count) {
        const size_t count = rng_magnitude(rng, rows->count - at);
        if (rng_chance(rng, 50)) {
            struct columns columns;
            part.rows = rows->rows + at;
            part.count = count;
            columns_init(&columns, &part);
            HOLDS_OK(spine_batcher_add_columns(batcher, &columns.view, NULL));
            columns_release(&columns);
        } else {
            for (size_t i = at; i < at + count; i++) {
                const struct spine_row row = row_of_model(&rows->rows[i]);
                HOLDS_OK(spine_batcher_add(batcher, &row, NULL));
            }
        }
        at += count;
    }
    return true;
}

/* Now and then a row that is not in order, or weighs nothing. */
static bool
fill_builder(struct spine_builder *builder, const struct model *rows, struct rng *rng)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct spine_row row = row_of_model(&rows->rows[i]);
        HOLDS_OK(spine_builder_add(builder, &row, NULL));
        if (rng_chance(rng, 98))
            continue;
        row = row_of_model(&rows->rows[rng_index(rng, i + 1)]);
        HOLDS_STATUS(SPINE_INVALID, spine_builder_add(builder, &row, NULL));
        if (i + 1 < rows->count) {
            static const int64_t none[SPINE_WEIGHTS_MAX];
            row = row_of_model(&rows->rows[i + 1]);
            row.weight = 0;
            row.weights = none;
            HOLDS_STATUS(SPINE_INVALID, spine_builder_add(builder, &row, NULL));
        }
    }
    return true;
}

static void
test_ways_agree(void **state)
{
    const struct property law = {"test_ways_agree", ways_agree, 300, 3000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_ways_agree_over_many_blocks(void **state)
{
    const struct property law = {"test_ways_agree_over_many_blocks", ways_agree, 12,
                                 40000};

    (void)state;
    assert_true(property_holds(&law));
}

/* Any number of batches of one schema, read together, are their sum. */
static bool
snapshot_adds_up(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct generator generator;
    struct model rows, expected;
    struct spine_batch *batches[24];
    struct spine_snapshot *snapshot;
    const size_t batch_count = rng_chance(rng, 5) ? 0 : rng_magnitude(rng, 24);

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&rows, &schema);
    model_init(&expected, &schema);
    for (size_t i = 0; i < batch_count; i++) {
        rows.count = 0;
        if (rng_chance(rng, 40))
            generator_narrow(&generator);
        generate_rows(&generator, rng_magnitude(rng, steps), &rows);
        batches[i] = batch_of_rows(&rows);
        model_add_rows(&expected, rows.rows, rows.count);
    }
    model_consolidate(&expected);
    HOLDS_OK(spine_snapshot_of_batches(&schema, batches, batch_count, &snapshot, NULL));
    HOLDS(spine_snapshot_batch_count(snapshot) <= batch_count);
    for (size_t i = 0; i < batch_count; i++)
        spine_batch_unref(batches[i]);
    HOLDS(check_snapshot(snapshot, &expected, "snapshot of batches"));
    spine_snapshot_unref(snapshot);
    model_release(&rows);
    model_release(&expected);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_snapshot_adds_up(void **state)
{
    const struct property law = {"test_snapshot_adds_up", snapshot_adds_up, 200, 800};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_agree),
        cmocka_unit_test(test_ways_agree_over_many_blocks),
        cmocka_unit_test(test_snapshot_adds_up),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
