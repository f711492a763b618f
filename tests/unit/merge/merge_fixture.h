/* SPDX-License-Identifier: MIT */
#ifndef UNIT_MERGE_MERGE_FIXTURE_H
#define UNIT_MERGE_MERGE_FIXTURE_H

/*
 * Batches out of models and models out of batches, by the writing and the reading half of
 * batch/ alone.
 */

#include "batch/batch.h"
#include "harness/generate.h"
#include "harness/model.h"
#include "harness/property.h"
#include "merge/merge.h"

#include <stdio.h>
#include <stdlib.h>

#define FIXTURE_BATCHES_MAX 2000u

/* Every second batch is encoded. */
static unsigned fixture_turn;

/* A batch of the rows of `model`, which is consolidated. Blocks end after `block_rows`
 * rows, 0: by themselves. NULL without memory. */
static inline struct spine_batch *
fixture_batch(const struct layout *layout, const struct model *model, size_t block_rows)
{
    struct spine_batch *batch = NULL;
    struct output output;
    enum spine_status st = SPINE_OK;

    output_init(&output, layout);
    output.encode_rows = fixture_turn++ % 2 == 0 ? UINT64_MAX : 1;
    for (size_t i = 0; i < model->count && st == SPINE_OK; i++) {
        const struct model_row *from = &model->rows[i];
        const struct spine_row row = {.key = from->key,
                                      .value = from->value,
                                      .time = from->time,
                                      .weight = from->weights[0],
                                      .weights = from->weights};
        const bool same_value =
            i > 0 &&
            model_cell_compare(model->schema.key.kind, from[-1].key, from->key) == 0 &&
            model_cell_compare(model->schema.value.kind, from[-1].value, from->value) ==
                0;

        if (block_rows > 0 && i % block_rows == 0 && !same_value)
            st = output_flush(&output, true);
        if (st == SPINE_OK &&
            !rows_reserve(layout, &output.pending, output.pending.count + 1))
            st = SPINE_NOMEM;
        if (st == SPINE_OK)
            st = rows_append_row(layout, &output.pending, &row, NULL);
    }
    if (st == SPINE_OK)
        st = output_seal(&output, &batch, NULL);
    output_release(&output);
    return batch;
}

/* merge_seal() by very little fuel. */
static inline enum spine_status
fixture_seal(struct merge *merge, struct spine_batch **out)
{
    enum spine_status st;

    do {
        uint64_t fuel_rows = 3;

        st = merge_seal(merge, &fuel_rows, out, NULL);
    } while (st == SPINE_OK && *out == NULL);
    return st;
}

/* Appends all rows of `batch` to `out`. False without memory. */
static inline bool
fixture_rows(const struct spine_batch *batch, struct model *out)
{
    const struct layout *layout = &batch->layout;
    struct reader reader;
    struct rows rows = {0};
    enum spine_status st = SPINE_OK;

    reader_init(&reader, batch);
    while (st == SPINE_OK && !reader_at_end(&reader)) {
        st = reader_stage(&reader, &rows, BLOCK_ROWS);
        for (size_t i = 0; i < rows.count; i++) {
            uint8_t key[16], value[16];
            struct model_row row = {.key = rows_key_datum(layout, &rows, i, key),
                                    .value = rows_value_datum(layout, &rows, i, value),
                                    .time = layout->timed ? rows.time[i] : 0};

            memcpy(row.weights, rows.weight + i * layout->weight_count,
                   layout->weight_count * sizeof *row.weights);
            model_add(out, &row);
        }
        rows.count = 0;
    }
    reader_release(&reader);
    rows_release(layout, &rows);
    return st == SPINE_OK;
}

/* Some batches and what they add up to. */
struct fixture {
    struct spine_schema schema;
    struct layout layout;
    struct generator generator;
    struct spine_batch *batches[FIXTURE_BATCHES_MAX];
    size_t batch_count;
    /* All rows of all batches, consolidated. */
    struct model sum;
};

/* `batch_count` batches of up to `rows_max` rows each. NULL options: all drawn. */
static inline void
fixture_init(struct fixture *fixture, struct rng *rng, const struct spine_schema *schema,
             const struct generate_options *options, size_t batch_count, size_t rows_max)
{
    *fixture = (struct fixture){.schema = *schema, .batch_count = batch_count};
    if (layout_init(&fixture->layout, schema, NULL) != SPINE_OK)
        abort();
    generator_init(&fixture->generator, rng, schema, options);
    model_init(&fixture->sum, schema);
    for (size_t i = 0; i < batch_count; i++) {
        struct model model;

        model_init(&model, schema);
        if (!rng_chance(rng, 10))
            generate_rows(&fixture->generator, rng_magnitude(rng, rows_max), &model);
        model_add_rows(&fixture->sum, model.rows, model.count);
        model_consolidate(&model);
        fixture->batches[i] = fixture_batch(
            &fixture->layout, &model, rng_chance(rng, 50) ? 0 : rng_magnitude(rng, 500));
        if (fixture->batches[i] == NULL)
            abort();
        model_release(&model);
    }
    model_consolidate(&fixture->sum);
}

static inline void
fixture_release(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->batch_count; i++)
        spine_batch_unref(fixture->batches[i]);
    model_release(&fixture->sum);
    generator_release(&fixture->generator);
}

#endif
