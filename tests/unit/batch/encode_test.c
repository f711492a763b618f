/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/fence.h"

/* Encoded blocks are the plain ones in fewer bytes. */

struct world {
    struct layout layout;
    struct rows rows;
    /* With blocks of each kind. */
    struct spine_batch *batches[BLOCKS_COUNT];
};

/* Keys that rise by `step` or less, `per_key` rows for each. */
struct kind_of_rows {
    const char *name;
    struct spine_schema schema;
    size_t rows;
    uint64_t step;
    uint64_t per_key;
    uint64_t values;
    int64_t magnitude;
};

static void
world_init(struct world *world, const struct kind_of_rows *shape, uint64_t seed)
{
    const size_t rows = shape->rows;
    uint64_t *words = malloc(3 * rows * sizeof *words);
    int64_t *weights = malloc(rows * sizeof *weights);
    struct spine_columns columns = {
        .rows = rows, .keys = words, .values = words + rows, .weights = weights};
    struct random random = {seed};
    uint64_t key = 1000;

    for (size_t i = 0; i < rows; i++) {
        const uint64_t value = random_below(&random, shape->values);

        key += i % shape->per_key == 0 ? 1 + random_below(&random, shape->step) : 0;
        if (shape->schema.key.kind == SPINE_U32)
            ((uint32_t *)words)[i] = (uint32_t)key;
        else
            words[i] = key;
        if (shape->schema.value.kind == SPINE_U32)
            ((uint32_t *)(words + rows))[i] = (uint32_t)value;
        else
            words[rows + i] = value;
        words[2 * rows + i] = random_below(&random, 4);
        weights[i] = shape->magnitude == 0
                         ? 1
                         : (int64_t)random_below(&random, (uint64_t)shape->magnitude) + 1;
        weights[i] *= random_below(&random, 5) == 0 && shape->magnitude > 0 ? -1 : 1;
    }
    if (shape->schema.time != SPINE_UNTIMED)
        columns.times = words + 2 * rows;
    assert_int_equal(layout_init(&world->layout, &shape->schema, NULL), SPINE_OK);
    world->rows = rows_of_columns(&world->layout, &columns);
    next_blocks = BLOCKS_PLAIN;
    for (int kind = 0; kind < BLOCKS_COUNT; kind++)
        world->batches[kind] = batch_of_rows(&world->layout, &world->rows, 9000);
    free(words);
    free(weights);
}

static void
world_release(struct world *world)
{
    for (int kind = 0; kind < BLOCKS_COUNT; kind++)
        spine_batch_unref(world->batches[kind]);
    rows_release(&world->layout, &world->rows);
    expect_no_leak();
}

static size_t
encoded_blocks(const struct spine_batch *batch)
{
    size_t count = 0;

    for (size_t i = 0; i < batch->block_count; i++)
        count += (block_image(batch->fences[i].block)->flags & ~IMAGE_ENCODED) != 0;
    return count;
}

/* Any piece from any place, either way. */
static void
expect_pieces(const struct world *world, const struct spine_batch *batch,
              struct random *random)
{
    struct rows rows = {0};

    for (int i = 0; i < 300; i++) {
        const size_t offset = random_below(random, world->rows.count);
        const size_t want = 1 + random_below(random, i % 3 == 0 ? 5000 : 40);
        struct reader reader;

        rows.count = 0;
        reader_init(&reader, batch);
        reader_to_offset(&reader, offset);
        assert_int_equal(reader_stage(&reader, &rows, want), SPINE_OK);
        expect_rows_equal(&world->layout, &rows, 0, &world->rows, offset, rows.count);
    }
    rows_release(&world->layout, &rows);
}

/* Seeks go where they go in the plain batch. */
static void
expect_same_seeks(const struct world *world, const struct spine_batch *batch,
                  struct random *random)
{
    struct reader reader, plain;

    reader_init(&reader, batch);
    reader_init(&plain, world->batches[BLOCKS_PLAIN]);
    for (int i = 0; i < 2000; i++) {
        const size_t at = random_below(random, world->rows.count);
        struct cell key = rows_key(&world->layout, &world->rows, at);
        struct cell value = rows_value(&world->layout, &world->rows, at);

        key.word += random_below(random, 3) - 1;
        value.word += random_below(random, 3) - 1;
        if (i % 100 == 0)
            key.word = i % 200 == 0 ? 0 : UINT32_MAX;
        if (world->layout.value.shape == SHAPE_WORD4)
            value.word = (uint32_t)value.word;
        reader_prefetch(&reader, &key);
        assert_int_equal(seek_exact(&reader, &key), seek_exact(&plain, &key));
        assert_int_equal(reader_offset(&reader), reader_offset(&plain));
        seek(&reader, &key, &value);
        seek(&plain, &key, &value);
        assert_int_equal(reader_offset(&reader), reader_offset(&plain));
        seek_after(&reader, &key, i % 2 == 0 ? NULL : &value);
        seek_after(&plain, &key, i % 2 == 0 ? NULL : &value);
        assert_int_equal(reader_offset(&reader), reader_offset(&plain));
    }
}

static void
encoded_blocks_are_the_plain_ones(void **state)
{
    (void)state;
    static const struct spine_type u64 = {SPINE_U64, 0}, u32 = {SPINE_U32, 0},
                                   none = {SPINE_NONE, 0}, i64 = {SPINE_I64, 0};
    const struct kind_of_rows shapes[] = {
        {"counted", {.key = u64, .value = u64}, 30000, 1, 1, 1u << 20, 0},
        {"gaps", {.key = u64, .value = u64}, 30000, 1u << 17, 1, 1u << 20, 3},
        {"wide gaps",
         {.key = u64, .value = i64},
         30000,
         UINT64_C(1) << 47,
         1,
         UINT64_C(1) << 63,
         1000000},
        {"values of keys", {.key = u64, .value = u64}, 30000, 9, 7, 5000, 1},
        {"u32", {.key = u32, .value = u32}, 30000, 100, 1, 1u << 31, 1},
        {"u32 of keys", {.key = u32, .value = u32}, 30000, 100, 300, 1u << 20, 0},
        {"keys alone", {.key = u32, .value = none}, 30000, 5, 1, 2, 40000},
        {"values alone", {.key = none, .value = u64}, 30000, 5, 1, 1u << 30, 70},
        {"times", {.key = u64, .value = u32, .time = SPINE_TIME_U64}, 30000, 5, 10, 4, 1},
        {"times of keys",
         {.key = u64, .value = none, .time = SPINE_TIME_U64},
         30000,
         5,
         4,
         2,
         1},
        {"wide weights", {.key = u64, .value = u64}, 30000, 5, 1, 2, INT64_MAX},
        {"one row", {.key = u64, .value = u64}, 1, 5, 1, 2, 0},
        {"few rows", {.key = u64, .value = u32}, 100, 5, 3, 200, 0},
    };

    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kind = 0; kind < BLOCKS_COUNT; kind++) {
            struct random random = {s};
            struct spine_error error = {0};
            struct world world;
            struct spine_batch *batch;

            world_init(&world, &shapes[s], s);
            batch = world.batches[kind];
            if (spine_batch_check(batch, &error) != SPINE_OK)
                fail_msg("%s, kind %d: %s", shapes[s].name, kind, error.message);
            expect_batch(&world.layout, batch, &world.rows);
            expect_pieces(&world, batch, &random);
            expect_same_seeks(&world, batch, &random);
            if (shapes[s].rows > 10000)
                assert_int_equal(encoded_blocks(batch) > 0, kind != BLOCKS_PLAIN);
            if (shapes[s].rows > 10000 && kind == BLOCKS_MIXED)
                assert_true(encoded_blocks(batch) < batch->block_count);
            if (shapes[s].rows > 10000 &&
                (kind == BLOCKS_ENCODED || kind == BLOCKS_LATE)) {
                assert_int_equal(encoded_blocks(batch), batch->block_count);
                assert_true(batch->info.bytes <
                            world.batches[BLOCKS_PLAIN]->info.bytes / 10 * 9);
            }
            world_release(&world);
        }
}

/* Columns, batcher and builder encode what has 100,000 rows, and nothing smaller. */
static void
large_batches_are_encoded(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    uint64_t *words = malloc(ENCODE_ROWS * sizeof *words);

    for (size_t i = 0; i < ENCODE_ROWS; i++)
        words[i] = i;
    for (size_t rows = ENCODE_ROWS - 1; rows <= ENCODE_ROWS; rows++) {
        const struct spine_columns columns = {
            .rows = rows, .keys = words, .values = words};
        struct spine_batch *batches[2];
        struct spine_builder *builder;

        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batches[0], NULL),
                         SPINE_OK);
        assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
        for (size_t i = 0; i < rows; i++) {
            const struct spine_row row = {
                .key = spine_u64(i), .value = spine_u64(i), .weight = 1};

            assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
        }
        assert_int_equal(spine_builder_seal(builder, &batches[1], NULL), SPINE_OK);
        spine_builder_free(builder);
        for (int b = 0; b < 2; b++) {
            assert_int_equal(encoded_blocks(batches[b]),
                             rows == ENCODE_ROWS ? batches[b]->block_count : 0);
            assert_int_equal(spine_batch_check(batches[b], NULL), SPINE_OK);
            spine_batch_unref(batches[b]);
        }
    }
    free(words);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_blocks_are_the_plain_ones),
        cmocka_unit_test(large_batches_are_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
