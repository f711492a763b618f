/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/fence.h"

/* A batch and its rows, and cells to search for. */
struct world {
    struct layout layout;
    struct owned_columns columns;
    struct rows rows;
    /* Rows drawn from the same cells and others: what is searched for. */
    struct owned_columns probe_columns;
    struct rows probes;
    struct spine_batch *batch;
};

static void
world_init(struct world *world, const struct spine_schema *schema,
           const struct draw *draw, uint64_t seed)
{
    struct draw probes = *draw;
    struct random random = {seed};

    assert_int_equal(layout_init(&world->layout, schema, NULL), SPINE_OK);
    world->columns = columns_draw(schema, draw, &random);
    world->rows = rows_of_columns(&world->layout, &world->columns.columns);
    world->batch = batch_of_rows(&world->layout, &world->rows, 5000);
    probes.rows = 60;
    probes.keys *= 2;
    probes.values *= 2;
    world->probe_columns = columns_draw(schema, &probes, &random);
    world->probes = (struct rows){0};
    assert_true(rows_reserve(&world->layout, &world->probes, probes.rows));
    rows_append_columns(&world->layout, &world->probes, &world->probe_columns.columns, 0,
                        probes.rows);
}

static void
world_release(struct world *world)
{
    rows_release(&world->layout, &world->rows);
    rows_release(&world->layout, &world->probes);
    spine_batch_unref(world->batch);
    columns_free(&world->columns);
    columns_free(&world->probe_columns);
    expect_no_leak();
}

/* The number of rows less than (or not greater than) the probe, by looking at all. */
static size_t
count_before(const struct world *world, size_t probe, bool by_value, bool after)
{
    const struct layout *layout = &world->layout;
    struct rows pair = {0};
    size_t count = 0;

    assert_true(rows_reserve(layout, &pair, 2));
    for (size_t i = 0; i < world->rows.count; i++) {
        bool equal;
        int order;

        pair.count = 0;
        rows_append(layout, &pair, &world->rows, i, i + 1);
        rows_append(layout, &pair, &world->probes, probe, probe + 1);
        if (layout->timed)
            pair.time[0] = pair.time[1];
        order = rows_compare(layout, &pair, 0, &pair, 1);
        equal = by_value ? order == 0 : rows_key_end(layout, &pair, 0, 2) == 2;
        count += equal ? after : order < 0;
    }
    rows_release(layout, &pair);
    return count;
}

static void
expect_seeks(struct world *world, struct random *random)
{
    const struct layout *layout = &world->layout;
    struct reader reader;

    reader_init(&reader, world->batch);
    for (size_t p = 0; p < world->probes.count; p++) {
        const struct cell key = rows_key(layout, &world->probes, p);
        const struct cell value = rows_value(layout, &world->probes, p);
        const size_t key_begin = count_before(world, p, false, false);
        const size_t key_end = count_before(world, p, false, true);
        size_t exact;

        seek(&reader, &key, NULL);
        assert_int_equal(reader_offset(&reader), key_begin);
        seek_after(&reader, &key, NULL);
        assert_int_equal(reader_offset(&reader), key_end);
        seek(&reader, &key, &value);
        assert_int_equal(reader_offset(&reader), count_before(world, p, true, false));
        seek_after(&reader, &key, &value);
        assert_int_equal(reader_offset(&reader), count_before(world, p, true, true));

        reader_to_offset(&reader, random_below(random, world->rows.count + 1));
        exact = seek_exact(&reader, &key);
        assert_int_equal(exact > 0, key_end > key_begin);
        assert_true(exact <= key_end - key_begin);
        if (exact > 0)
            assert_int_equal(reader_offset(&reader), key_begin);
        if (exact > 0 && exact < key_end - key_begin)
            assert_int_equal(reader.row + exact, world->batch->fences[reader.block].rows);
        reader_to_offset(&reader, random_below(random, world->rows.count + 1));
    }
}

static void
seeks_find_what_a_scan_finds(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++, seed++) {
            const struct spine_schema schema = {.key = all_types[k],
                                                .value = all_types[v],
                                                .time = seed % 2 == 0 ? SPINE_UNTIMED
                                                                      : SPINE_TIME_U64};
            const struct draw draw = {.rows = 200, .keys = 30, .values = 9, .times = 3};
            struct random random = {seed};
            struct world world;

            world_init(&world, &schema, &draw, seed);
            expect_seeks(&world, &random);
            world_release(&world);
        }
}

static void
seeks_cross_blocks(void **state)
{
    (void)state;
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64},
    };
    static const struct draw draws[] = {
        {.rows = 30000, .keys = 3, .values = 100000, .times = 2},
        {.rows = 30000, .keys = 20000, .values = 1, .times = 2},
        {.rows = 30000, .keys = 1, .values = 2, .times = 100000},
    };

    for (size_t s = 0; s < sizeof schemas / sizeof *schemas; s++)
        for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
            struct random random = {s * 10 + d};
            struct world world;

            world_init(&world, &schemas[s], &draws[d], s * 10 + d);
            if (world.probes.count > 12)
                world.probes.count = 12;
            expect_seeks(&world, &random);
            world_release(&world);
        }
}

/* Key `i` of a pattern; rising by at least 2. */
static uint64_t
patterned_key(int pattern, uint64_t i)
{
    switch (pattern) {
    case 0:
        return 2 * i;
    case 1:
        return i * i * i + 2 * i;
    case 2: /* a few far away */
        return 2 * i + (i % 30000 > 29990 ? i << 32 : 0) + (i / 30000 << 60);
    default: /* crowds */
        return (i / 1000 << 40) + 2 * i;
    }
}

/* However keys are spread, guesses about where they are do no harm. */
static void
seeks_among_many_blocks(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const size_t count = 100000;
    uint64_t *keys = malloc(count * sizeof *keys);

    for (int pattern = 0; pattern < 4; pattern++) {
        const struct spine_columns columns = {.rows = count, .keys = keys};
        struct random random = {(uint64_t)pattern};
        struct spine_batch *batch;
        struct reader reader;
        struct rows rows;

        for (size_t i = 0; i < count; i++)
            keys[i] = patterned_key(pattern, i);
        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(batch->info.keys, count);
        assert_true(batch->block_count > 20);
        rows = rows_of_batch(batch, BLOCK_ROWS);
        reader_init(&reader, batch);
        for (size_t i = 0; i < 3 * count; i++) {
            const size_t at = i < count ? i : random_below(&random, count);
            const struct cell key = {.word = rows.hi[at]};
            const struct cell above = {.word = rows.hi[at] + 1};

            if (i % 3 == 0)
                reader_prefetch(&reader, &key);
            assert_int_equal(seek_exact(&reader, &key), 1);
            assert_int_equal(reader_offset(&reader), at);
            assert_int_equal(seek_exact(&reader, &above), 0);
            seek_after(&reader, &key, NULL);
            assert_int_equal(reader_offset(&reader), at + 1);
            seek(&reader, &key, NULL);
            assert_int_equal(reader_offset(&reader), at);
        }
        rows_release(&batch->layout, &rows);
        spine_batch_unref(batch);
    }
    free(keys);
    expect_no_leak();
}

/* Words at the ends of their range have nothing behind them. */
static void
seeks_at_the_ends_of_words(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}};
    const struct spine_schema wide = {.key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}};
    const uint32_t keys[] = {0, UINT32_MAX}, values[] = {0, UINT32_MAX};
    const uint64_t wide_keys[] = {0, UINT64_MAX};

    for (int s = 0; s < 2; s++) {
        const struct spine_columns columns = {
            .rows = 2, .keys = s == 0 ? (const void *)keys : wide_keys, .values = values};
        const struct cell key = {.word = s == 0 ? UINT32_MAX : UINT64_MAX};
        const struct cell value = {.word = UINT32_MAX}, none = {0};
        struct layout layout;
        struct reader reader;
        struct rows rows;
        struct spine_batch *batch;

        assert_int_equal(layout_init(&layout, s == 0 ? &schema : &wide, NULL), SPINE_OK);
        rows = rows_of_columns(&layout, &columns);
        batch = batch_of_rows(&layout, &rows, 10);
        reader_init(&reader, batch);
        seek_after(&reader, &key, NULL);
        assert_int_equal(reader_offset(&reader), 2);
        seek_after(&reader, &key, &value);
        assert_int_equal(reader_offset(&reader), 2);
        seek_after(&reader, &none, NULL);
        assert_int_equal(reader_offset(&reader), 1);
        seek(&reader, &none, &value);
        assert_int_equal(reader_offset(&reader), 1);
        seek_after(&reader, &none, &none);
        assert_int_equal(reader_offset(&reader), 1);
        seek(&reader, &none, NULL);
        assert_int_equal(reader_offset(&reader), 0);
        rows_release(&layout, &rows);
        spine_batch_unref(batch);
    }
    expect_no_leak();
}

/* From any place, backward in any pieces, come the rows before it, complemented. */
static void
reverse_staging_mirrors_forward(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++, seed++) {
            const struct spine_schema schema = {.key = all_types[k],
                                                .value = all_types[v],
                                                .weight_count = (unsigned)(seed % 3),
                                                .time = seed % 2 == 0 ? SPINE_UNTIMED
                                                                      : SPINE_TIME_U64};
            const struct draw draw = {
                .rows = 9000, .keys = 300, .values = 90, .times = 3, .magnitude = 200};
            struct random random = {seed};
            struct rows back = {0};
            struct world world;
            struct reader reader;
            size_t from;

            world_init(&world, &schema, &draw, seed);
            from = random_below(&random, world.rows.count + 1);
            reader_init(&reader, world.batch);
            reader.pins = &rows_pins;
            reader_to_offset(&reader, from);
            while (reader_offset(&reader) > 0)
                assert_int_equal(
                    reader_stage_reverse(&reader, &back, 1 + random_below(&random, 3000)),
                    SPINE_OK);
            assert_int_equal(back.count, from);
            rows_turn_round(&world.layout, &back, 0);
            expect_rows_equal(&world.layout, &back, 0, &world.rows, 0, from);
            reader_release(&reader);
            rows_release(&world.layout, &back);
            world_release(&world);
        }
}

/* Staging from any place, in any pieces, gives the rows that follow it. */
static void
staging_begins_anywhere(void **state)
{
    (void)state;
    const struct spine_schema schema = {
        .key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_U64};
    const struct draw draw = {.rows = 20000, .keys = 300, .values = 9, .times = 30};
    struct random random = {11};
    struct world world;
    struct rows rows = {0};

    world_init(&world, &schema, &draw, 11);
    for (int i = 0; i < 500; i++) {
        const size_t offset = random_below(&random, world.rows.count + 1);
        struct reader reader;
        size_t got;

        reader_init(&reader, world.batch);
        reader_to_offset(&reader, offset);
        assert_int_equal(reader_offset(&reader), offset);
        rows.count = 0;
        assert_int_equal(reader_stage(&reader, &rows, 1 + random_below(&random, 100)),
                         SPINE_OK);
        got = rows.count;
        assert_int_equal(reader_offset(&reader), offset + got);
        assert_true(got > 0 || offset == world.rows.count);
        expect_rows_equal(&world.layout, &rows, 0, &world.rows, offset, got);
        reader_release(&reader);
    }
    rows_release(&world.layout, &rows);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeks_find_what_a_scan_finds),
        cmocka_unit_test(seeks_cross_blocks),
        cmocka_unit_test(seeks_among_many_blocks),
        cmocka_unit_test(seeks_at_the_ends_of_words),
        cmocka_unit_test(reverse_staging_mirrors_forward),
        cmocka_unit_test(staging_begins_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
