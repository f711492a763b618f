/* SPDX-License-Identifier: MIT */

/*
 * The law of probes: what a probe of any keys, or of any ranges of keys, gives, whole or
 * in pieces, is what the model has of them, whatever the schema, the batches and the
 * filters are.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "spine/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCHES_MAX 12u
#define KEYS_MAX 200u

struct world {
    struct spine_schema schema;
    struct generator generator;
    struct model rows;
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t frontier;
    struct spine_snapshot *snapshot;
    /* Of keeps_key(). */
    uint64_t salt;
};

static bool
world_init(struct world *world, struct rng *rng)
{
    /* Filters from the first row on, or never. */
    const struct spine_options options = {.filter_rows_min = rng_chance(rng, 50) ? 1 : 0,
                                          .level0_rows =
                                              (uint32_t)rng_magnitude(rng, 1000)};
    const struct spine_runtime_options manual = {.manual = true};
    const size_t batches = rng_magnitude(rng, BATCHES_MAX);
    struct model rows;

    *world = (struct world){0};
    generate_schema(rng, &world->schema);
    generator_init(&world->generator, rng, &world->schema, NULL);
    model_init(&world->rows, &world->schema);
    model_init(&rows, &world->schema);
    HOLDS_OK(spine_runtime_open(&manual, &world->runtime, NULL));
    HOLDS_OK(spine_open(world->runtime, &world->schema, &options, &world->spine, NULL));
    for (size_t i = 0; i < batches; i++) {
        struct spine_batch *batch;

        rows.count = 0;
        generate_rows(&world->generator, rng_magnitude(rng, 400), &rows);
        model_add_rows(&world->rows, rows.rows, rows.count);
        batch = batch_of_rows(&rows);
        HOLDS_OK(spine_insert(world->spine, batch, NULL));
        spine_batch_unref(batch);
        if (world->schema.time != SPINE_UNTIMED && rng_chance(rng, 20)) {
            world->frontier = spine_time_join(world->schema.time, world->frontier,
                                              generate_time(&world->generator));
            HOLDS_OK(spine_set_frontier(world->spine, world->frontier, NULL));
        }
        (void)spine_runtime_run(world->runtime, rng_magnitude(rng, 500));
    }
    model_consolidate(&world->rows);
    model_release(&rows);
    HOLDS_OK(spine_take_snapshot(world->spine, &world->snapshot, NULL));
    return true;
}

static void
world_release(struct world *world)
{
    spine_snapshot_unref(world->snapshot);
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    model_release(&world->rows);
    generator_release(&world->generator);
}

/* About half of the keys. The context is the world. */
static bool
keeps_key(void *context, union spine_datum key)
{
    const struct world *world = context;
    const enum spine_kind kind = world->schema.key.kind;
    uint64_t hash = world->salt;

    if (kind == SPINE_FIXED || kind == SPINE_BYTES)
        for (size_t i = 0; i < key.bytes.size; i++)
            hash = hash * 31 + ((const uint8_t *)key.bytes.data)[i];
    else if (kind == SPINE_U32 || kind == SPINE_I32)
        hash += key.u32;
    else if (kind != SPINE_NONE)
        hash += key.u64;
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 63;
}

/* Up to KEYS_MAX strictly ascending keys, there or not, as rows of a model. */
static void
draw_keys(struct world *world, struct rng *rng, struct model *keys)
{
    const size_t count = rng_index(rng, KEYS_MAX + 1);
    uint8_t scratch[64];

    for (size_t i = 0; i < count; i++) {
        const struct model_row row = {
            .key = rng_chance(rng, 60) ? generate_key(&world->generator)
                                       : generate_key_near(&world->generator, scratch),
            .weights = {1}};

        model_add(keys, &row);
    }
    model_consolidate(keys);
    model_keep_keys(keys);
}

/* Appends the rows of one answer to `out`, with the keys they were asked by. */
static bool
take_rows(const struct model *keys, const struct spine_probe_rows *rows, bool has_times,
          struct model *out)
{
    const unsigned width = out->weight_count;
    uint64_t row = 0;
    size_t found = 0;

    HOLDS(has_times == (rows->columns.times != NULL) || rows->columns.rows == 0);
    HOLDS(rows->first_key + rows->keys <= keys->count);
    for (size_t k = 0; k < rows->keys; k++) {
        HOLDS(rows->ends[k] >= row);
        found += rows->ends[k] > row;
        for (; row < rows->ends[k]; row++) {
            struct model_row got = {.key = keys->rows[rows->first_key + k].key};

            got.value = column_cell(&out->schema.value, rows->columns.values,
                                    rows->columns.value_offsets, row);
            got.time = has_times ? rows->columns.times[row] : 0;
            memcpy(got.weights, rows->columns.weights + row * width,
                   width * sizeof *got.weights);
            model_add(out, &got);
        }
    }
    HOLDS_EQUAL(found, rows->found);
    return true;
}

static uint64_t
cell_bytes(struct spine_type type, union spine_datum cell)
{
    const bool is_small = type.kind == SPINE_U32 || type.kind == SPINE_I32;

    if (type.kind == SPINE_NONE)
        return 0;
    return type.kind == SPINE_FIXED || type.kind == SPINE_BYTES ? cell.bytes.size
           : is_small                                           ? 4
                                                                : 8;
}

/* An answer has no more rows and bytes than it may: of one more row at most are there
 * bytes beyond that, and what was guessed of rows that are smaller. */
static bool
answer_is_small(const struct world *world, const struct spine_probe_rows *rows,
                const struct spine_probe_options *options)
{
    const struct spine_columns *const columns = &rows->columns;
    uint64_t bytes = 0, largest = 0;

    for (size_t i = 0; i < columns->rows; i++) {
        uint64_t row = cell_bytes(world->schema.value,
                                  column_cell(&world->schema.value, columns->values,
                                              columns->value_offsets, i));

        if (columns->keys != NULL)
            row += cell_bytes(
                world->schema.key,
                column_cell(&world->schema.key, columns->keys, columns->key_offsets, i));
        largest = row > largest ? row : largest;
        bytes += row;
    }
    HOLDS(options->rows_max == 0 || columns->rows <= options->rows_max);
    HOLDS(options->bytes_max == 0 || columns->rows <= 1 ||
          bytes <= options->bytes_max + 256 * largest);
    return true;
}

/* The same probe that counts finds as many rows, unless a frontier added some up. */
static bool
counts_are(struct world *world, struct spine_probe *probe,
           const struct spine_columns *keys, const struct spine_probe_options *options,
           const struct model *observed)
{
    struct spine_probe_options counting = *options;
    struct spine_probe_rows rows;

    counting.want = SPINE_PROBE_COUNTS;
    HOLDS_OK(spine_snapshot_probe(world->snapshot, probe, keys, &counting, &rows, NULL));
    HOLDS(!rows.more);
    if (world->frontier == 0 || options->has_through)
        HOLDS_EQUAL(observed->count, rows.columns.rows);
    return true;
}

static bool
probe_gives(struct world *world, struct rng *rng, struct spine_probe *probe)
{
    const enum spine_time time = world->schema.time;
    const struct spine_key_filter filter = {.context = world, .on_key = keeps_key};
    const struct spine_probe_options options = {
        .filter = rng_chance(rng, 30) ? &filter : NULL,
        .rows_max = rng_chance(rng, 50) ? rng_magnitude(rng, 300) : 0,
        .bytes_max = rng_chance(rng, 30) ? rng_magnitude(rng, 5000) : 0,
        .has_through = rng_chance(rng, 40),
        .through =
            spine_time_join(time, world->frontier, generate_time(&world->generator))};
    const bool has_times = time != SPINE_UNTIMED && !options.has_through;
    struct spine_probe_rows rows;
    struct model keys, expected, observed;
    struct columns columns;
    bool more = true;

    world->salt = rng_next(rng);
    model_init(&keys, &world->schema);
    model_init(&expected, &world->schema);
    model_init(&observed, &world->schema);
    draw_keys(world, rng, &keys);
    for (size_t i = 0; i < keys.count; i++)
        for (size_t r = 0; r < world->rows.count; r++)
            if (model_cell_compare(world->schema.key.kind, keys.rows[i].key,
                                   world->rows.rows[r].key) == 0 &&
                (options.filter == NULL || keeps_key(world, keys.rows[i].key)))
                model_add(&expected, &world->rows.rows[r]);
    columns_init(&columns, &keys);
    HOLDS_OK(spine_snapshot_probe(world->snapshot, probe, &columns.view, &options, &rows,
                                  NULL));
    while (more) {
        HOLDS(take_rows(&keys, &rows, has_times, &observed));
        HOLDS(answer_is_small(world, &rows, &options));
        more = rows.more;
        if (more)
            HOLDS_OK(spine_probe_next(probe, &rows, NULL));
    }
    if (options.has_through)
        model_through(&expected, options.through);
    model_advance(&expected, has_times ? world->frontier : 0);
    model_advance(&observed, has_times ? world->frontier : 0);
    HOLDS(model_equal(&expected, &observed, "probe"));
    HOLDS(counts_are(world, probe, &columns.view, &options, &observed));
    columns_release(&columns);
    model_release(&keys);
    model_release(&expected);
    model_release(&observed);
    return true;
}

static bool
probes(struct rng *rng, size_t steps)
{
    struct spine_probe *probe;
    struct world world;

    HOLDS(world_init(&world, rng));
    HOLDS_OK(spine_probe_new(&probe, NULL));
    for (size_t i = 0; i < steps; i++)
        HOLDS(probe_gives(&world, rng, probe));
    spine_probe_free(probe);
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* ---- Ranges ---- */

/* Ranges that do not overlap, as rows of two models: their lower and their upper keys. */
struct ranges {
    struct model lower;
    struct model upper;
    struct columns lower_columns;
    struct columns upper_columns;
    struct spine_key_ranges view;
};

static void
ranges_draw(struct ranges *ranges, struct world *world, struct rng *rng)
{
    struct model keys;

    model_init(&keys, &world->schema);
    model_init(&ranges->lower, &world->schema);
    model_init(&ranges->upper, &world->schema);
    draw_keys(world, rng, &keys);
    ranges->view = (struct spine_key_ranges){.last_is_open = rng_chance(rng, 30)};
    for (size_t at = 0; at < keys.count;) {
        const size_t left = keys.count - 1 - at;
        const size_t length = rng_chance(rng, 5) ? 0 : 1 + rng_magnitude(rng, 20);
        const size_t end = at + (length < left ? length : left);

        model_add(&ranges->lower, &keys.rows[at]);
        ranges->view.ranges++;
        if (ranges->view.last_is_open && (end == keys.count - 1 || rng_chance(rng, 3)))
            break;
        model_add(&ranges->upper, &keys.rows[end]);
        at = end == at || rng_chance(rng, 30) ? end + 1 : end;
        if (end == keys.count - 1)
            break;
    }
    ranges->view.last_is_open = ranges->upper.count < ranges->lower.count;
    columns_init(&ranges->lower_columns, &ranges->lower);
    columns_init(&ranges->upper_columns, &ranges->upper);
    ranges->view.lower = ranges->lower_columns.keys;
    ranges->view.lower_offsets = ranges->lower_columns.key_offsets;
    ranges->view.upper = ranges->upper_columns.keys;
    ranges->view.upper_offsets = ranges->upper_columns.key_offsets;
    model_release(&keys);
}

static void
ranges_release(struct ranges *ranges)
{
    columns_release(&ranges->lower_columns);
    columns_release(&ranges->upper_columns);
    model_release(&ranges->lower);
    model_release(&ranges->upper);
}

static bool
range_has(const struct ranges *ranges, enum spine_kind kind, size_t at,
          union spine_datum key)
{
    return model_cell_compare(kind, ranges->lower.rows[at].key, key) <= 0 &&
           (at >= ranges->upper.count ||
            model_cell_compare(kind, key, ranges->upper.rows[at].key) < 0);
}

/* Appends the rows of one answer to `out`; they are of the ranges that they are said to
 * be of. */
static bool
take_range_rows(const struct ranges *ranges, const struct spine_probe_rows *rows,
                bool has_times, struct model *out)
{
    const struct spine_columns *const columns = &rows->columns;
    const unsigned width = out->weight_count;
    uint64_t row = 0;
    size_t found = 0;

    HOLDS(has_times == (columns->times != NULL) || columns->rows == 0);
    HOLDS(rows->first_key + rows->keys <= ranges->lower.count);
    for (size_t k = 0; k < rows->keys; k++) {
        HOLDS(rows->ends[k] >= row);
        found += rows->ends[k] > row;
        for (; row < rows->ends[k]; row++) {
            struct model_row got = {.time = has_times ? columns->times[row] : 0};

            got.key =
                column_cell(&out->schema.key, columns->keys, columns->key_offsets, row);
            got.value = column_cell(&out->schema.value, columns->values,
                                    columns->value_offsets, row);
            memcpy(got.weights, columns->weights + row * width,
                   width * sizeof *got.weights);
            HOLDS(range_has(ranges, out->schema.key.kind, rows->first_key + k, got.key));
            model_add(out, &got);
        }
    }
    HOLDS_EQUAL(found, rows->found);
    return true;
}

/* The same probe that counts finds as many rows, unless a frontier added some up. */
static bool
range_counts_are(struct world *world, struct spine_probe *probe,
                 const struct ranges *ranges, const struct spine_probe_options *options,
                 size_t expected)
{
    struct spine_probe_options counting = *options;
    struct spine_probe_rows rows;

    counting.want = SPINE_PROBE_COUNTS;
    HOLDS_OK(spine_snapshot_probe_ranges(world->snapshot, probe, &ranges->view, &counting,
                                         &rows, NULL));
    HOLDS(!rows.more && rows.keys == ranges->lower.count);
    if (world->frontier == 0 || options->has_through)
        HOLDS_EQUAL(expected, rows.columns.rows);
    return true;
}

/* All that a probe of ranges has to give. */
static bool
take_all_ranges(struct world *world, struct spine_probe *probe,
                const struct ranges *ranges, const struct spine_probe_options *options,
                struct model *observed)
{
    const bool has_times = world->schema.time != SPINE_UNTIMED && !options->has_through;
    struct spine_probe_rows rows;

    HOLDS_OK(spine_snapshot_probe_ranges(world->snapshot, probe, &ranges->view, options,
                                         &rows, NULL));
    for (;;) {
        HOLDS(take_range_rows(ranges, &rows, has_times, observed));
        HOLDS(answer_is_small(world, &rows, options));
        if (!rows.more)
            return true;
        HOLDS_OK(spine_probe_next(probe, &rows, NULL));
    }
}

static bool
ranges_give(struct world *world, struct rng *rng, struct spine_probe *probe)
{
    const enum spine_time time = world->schema.time;
    const struct spine_probe_options options = {
        .rows_max = rng_chance(rng, 50) ? rng_magnitude(rng, 300) : 0,
        .bytes_max = rng_chance(rng, 30) ? rng_magnitude(rng, 5000) : 0,
        .has_through = rng_chance(rng, 40),
        .through =
            spine_time_join(time, world->frontier, generate_time(&world->generator))};
    const bool has_times = time != SPINE_UNTIMED && !options.has_through;
    struct model expected, observed;
    struct ranges ranges;

    model_init(&expected, &world->schema);
    model_init(&observed, &world->schema);
    ranges_draw(&ranges, world, rng);
    for (size_t i = 0; i < ranges.lower.count; i++)
        for (size_t r = 0; r < world->rows.count; r++)
            if (range_has(&ranges, world->schema.key.kind, i, world->rows.rows[r].key))
                model_add(&expected, &world->rows.rows[r]);
    HOLDS(take_all_ranges(world, probe, &ranges, &options, &observed));
    if (options.has_through)
        model_through(&expected, options.through);
    HOLDS(range_counts_are(world, probe, &ranges, &options, observed.count));
    model_advance(&expected, has_times ? world->frontier : 0);
    model_advance(&observed, has_times ? world->frontier : 0);
    HOLDS(model_equal(&expected, &observed, "probe of ranges"));
    ranges_release(&ranges);
    model_release(&expected);
    model_release(&observed);
    return true;
}

/* Keys are asked for in between: nothing of a probe is left to the next one. */
static bool
ranges_are_probed(struct rng *rng, size_t steps)
{
    const struct spine_key_ranges none = {0};
    struct spine_probe_rows rows;
    struct spine_probe *probe;
    struct world world;

    HOLDS(world_init(&world, rng));
    HOLDS_OK(spine_probe_new(&probe, NULL));
    if (world.schema.key.kind == SPINE_NONE)
        HOLDS(spine_snapshot_probe_ranges(world.snapshot, probe, &none, NULL, &rows,
                                          NULL) == SPINE_INVALID);
    for (size_t i = 0; world.schema.key.kind != SPINE_NONE && i < steps; i++) {
        HOLDS(ranges_give(&world, rng, probe));
        if (rng_chance(rng, 20))
            HOLDS(probe_gives(&world, rng, probe));
    }
    spine_probe_free(probe);
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_ranges(void **state)
{
    const struct property law = {"test_ranges", ranges_are_probed, 200, 12};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_probes(void **state)
{
    const struct property law = {"test_probes", probes, 200, 12};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_probes),
                                       cmocka_unit_test(test_ranges)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
