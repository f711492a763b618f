/* SPDX-License-Identifier: MIT */

/*
 * A probe gives exactly the rows that a model has of its keys, for every schema, with
 * filters and without, whole and in pieces; and so does a cursor.
 */

#include "probe_fixture.h"

/* Rows [from, to) of a call's columns are rows of the world from `begin` on. */
static void
expect_rows(const struct world *world, const struct spine_columns *columns, size_t from,
            size_t to, size_t begin)
{
    const struct layout *layout = &world->layout;
    const unsigned width = layout->weight_count;
    const struct spine_columns piece = piece_of(layout, columns, from, to);
    struct rows given = {0};
    struct spine_schema schema = layout->schema;
    struct layout without_key;

    if (from == to)
        return;
    /* Values and times alone, as a layout of their own; then cell by cell. */
    schema.key = (struct spine_type){SPINE_NONE, 0};
    assert_int_equal(layout_init(&without_key, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&without_key, &given, to - from));
    rows_append_columns(&without_key, &given, &piece, 0, to - from);
    for (size_t i = 0; i < to - from; i++) {
        uint8_t a[16], b[16];
        union spine_datum value = rows_value_datum(&without_key, &given, i, a);
        union spine_datum other = rows_value_datum(layout, &world->rows, begin + i, b);
        struct cell x, y;

        assert_int_equal(cell_of_datum(&layout->value, value, &x, NULL), SPINE_OK);
        assert_int_equal(cell_of_datum(&layout->value, other, &y, NULL), SPINE_OK);
        if (x.word != y.word || span_compare(x.span, y.span) != 0)
            fail_msg("value of row %zu differs", begin + i);
        for (unsigned w = 0; w < width; w++)
            if (given.weight[i * width + w] !=
                world->rows.weight[(begin + i) * width + w])
                fail_msg("weight of row %zu differs", begin + i);
        if (layout->timed && given.time[i] != world->rows.time[begin + i])
            fail_msg("time of row %zu differs", begin + i);
    }
    rows_release(&without_key, &given);
}

/* All calls of a probe together give every key's rows. */
static void
expect_probe(const struct world *world, struct spine_probe *probe,
             const struct key_set *keys, const struct spine_probe_options *options)
{
    struct spine_probe_rows rows;
    struct spine_error error;
    size_t next_key = 0, given = 0;

    assert_int_equal(spine_snapshot_probe(world->snapshot, probe, &keys->columns, options,
                                          &rows, &error),
                     SPINE_OK);
    for (;;) {
        size_t found = 0, from = 0;

        assert_int_equal(rows.first_key, next_key);
        if (options->rows_max > 0 && options->want == SPINE_PROBE_ROWS)
            assert_true(rows.columns.rows <= options->rows_max);
        for (size_t i = 0; i < rows.keys; i++) {
            const size_t to = (size_t)rows.ends[i];
            size_t begin, end;

            expected_rows(world, keys, next_key, &begin, &end);
            assert_true(from <= to);
            if (options->want == SPINE_PROBE_ROWS)
                expect_rows(world, &rows.columns, from, to, begin + given);
            given += to - from;
            found += to > from;
            /* The last key of a call may go on in the next. */
            if (i + 1 == rows.keys && rows.more && given < end - begin)
                break;
            if (given != end - begin)
                fail_msg(
                    "key %zu of kind %d has %zu rows, not %zu (want %d, at most %zu)",
                    next_key, (int)world->layout.key.kind, end - begin, given,
                    (int)options->want, options->rows_max);
            from = to;
            next_key++;
            given = 0;
        }
        assert_int_equal(rows.found, found);
        if (!rows.more)
            break;
        assert_int_equal(spine_probe_next(probe, &rows, &error), SPINE_OK);
        /* It may also go on with a key that has no rows left. */
        if (rows.first_key + 1 == next_key) {
            size_t begin, end;

            expected_rows(world, keys, --next_key, &begin, &end);
            given = end - begin;
        }
    }
    assert_int_equal(next_key, keys->rows.count);
    assert_int_equal(spine_probe_next(probe, &rows, NULL), SPINE_MISUSE);
}

/* Exact seeks find what the probe found. */
static void
expect_seeks(const struct world *world, const struct key_set *keys)
{
    struct spine_cursor *cursor;
    uint8_t scratch[16];

    assert_int_equal(spine_snapshot_cursor(world->snapshot, &cursor, NULL), SPINE_OK);
    for (size_t i = 0; i < keys->rows.count; i++) {
        size_t begin, end;

        expected_rows(world, keys, i, &begin, &end);
        assert_int_equal(spine_cursor_seek_key_exact(cursor, key_datum(keys, i, scratch)),
                         begin < end);
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

static void
try_schema(struct spine_probe *probe, const struct spine_schema *schema,
           const struct draw *draw, size_t key_count)
{
    const size_t batch_count = (size_t)random_below(&source, BATCHES_MAX) + 1;
    struct spine_probe_options options = {0};
    struct world world;
    struct key_set keys;

    world_init(&world, schema, draw, batch_count, random_below(&source, 2) > 0);
    key_set_init(&keys, schema, key_count, 2 * draw->keys, draw->cell_bytes);
    expect_probe(&world, probe, &keys, &options);
    options.rows_max = (size_t)random_below(&source, 300) + 1;
    expect_probe(&world, probe, &keys, &options);
    options.want = SPINE_PROBE_COUNTS;
    expect_probe(&world, probe, &keys, &options);
    expect_seeks(&world, &keys);
    key_set_release(&keys);
    world_release(&world);
}

static void
every_schema(void **state)
{
    struct spine_probe *probe;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++) {
            const uint64_t shape = random_below(&source, 4);
            const struct spine_schema schema = {.key = all_types[k],
                                                .value = all_types[v],
                                                .weight_count = shape == 1 ? 3 : 1,
                                                .time = shape == 2 ? SPINE_TIME_U64
                                                                   : SPINE_UNTIMED};
            const struct draw draw = {.rows = (size_t)random_below(&source, 3000) + 1,
                                      .keys = random_below(&source, 2000) + 1,
                                      .values = random_below(&source, 50) + 1,
                                      .times = 4,
                                      .magnitude = (int64_t)random_below(&source, 3)};

            try_schema(probe, &schema, &draw, 500);
        }
    spine_probe_free(probe);
    expect_no_leak();
}

/* Many blocks, more keys than a chunk, keys with very many rows. */
static void
large(void **state)
{
    static const struct {
        struct spine_schema schema;
        struct draw draw;
        size_t keys;
    } cases[] = {
        {{.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
         {.rows = 150000, .keys = 80000, .values = 4, .magnitude = 1},
         50000},
        {{.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
         {.rows = 150000, .keys = 60000, .values = 1000},
         40000},
        {{.key = {SPINE_U64, 0}, .value = {SPINE_I64, 0}},
         {.rows = 100000, .keys = 3, .values = 1000000},
         10},
        /* Runs of some dozens of rows, some of which meet and cancel each other. */
        {{.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
         {.rows = 200000, .keys = 1000, .values = 2000, .magnitude = 1},
         1500},
        {{.key = {SPINE_I32, 0}, .value = {SPINE_U32, 0}},
         {.rows = 100000, .keys = 500, .values = 100000, .magnitude = 1},
         800},
        {{.key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64},
         {.rows = 60000, .keys = 5000, .values = 10, .times = 20},
         5000},
        {{.key = {SPINE_NONE, 0}, .value = {SPINE_U64, 0}},
         {.rows = 60000, .keys = 1, .values = 100000},
         1},
    };
    struct spine_probe *probe;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        try_schema(probe, &cases[i].schema, &cases[i].draw, cases[i].keys);
    spine_probe_free(probe);
    expect_no_leak();
}

/* Keys that lie as no guess expects: crowded, and two far away. */
static void
skewed_keys(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const size_t count = 20000;
    uint64_t *words = malloc((count + 2) * sizeof *words);
    struct spine_columns columns = {.rows = count + 2, .keys = words};
    struct spine_probe_rows rows;
    struct spine_snapshot *snapshot;
    struct spine_batch *batch;
    struct spine_probe *probe;

    (void)state;
    for (size_t i = 0; i < count; i++)
        words[i] = 2 * i * i * i + 1000;
    words[count] = UINT64_MAX - 1;
    words[count + 1] = UINT64_MAX;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    rebuild_batch(&batch);
    assert_int_equal(spine_snapshot_of_batches(&schema, &batch, 1, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    for (uint64_t off = 0; off < 2; off++) {
        for (size_t i = 0; i < count; i++)
            words[i] += off;
        columns.rows = count + 2 - off;
        assert_int_equal(
            spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL), SPINE_OK);
        assert_int_equal(rows.found, off == 0 ? count + 2 : 1);
        assert_int_equal(rows.columns.rows, rows.found);
    }
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    free(words);
    expect_no_leak();
}

static void
bad_keys_are_refused(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    const uint64_t words[] = {1, 2, 2, 3}, good[] = {1, 2};
    struct spine_columns keys = {.rows = 4, .keys = words};
    const struct spine_probe_options options = {.want = (enum spine_probe_want)7};
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_probe_rows rows;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_snapshot_of_batches(&schema, NULL, 0, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "key 2"));
    keys.keys = NULL;
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, &error),
                     SPINE_INVALID);
    assert_int_equal(spine_probe_next(probe, &rows, &error), SPINE_MISUSE);
    keys = (struct spine_columns){.rows = 2, .keys = good};
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe, &keys, &options, &rows, &error),
        SPINE_INVALID);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, &error),
                     SPINE_OK);
    assert_int_equal(rows.keys, 2);
    assert_int_equal(rows.found, 0);
    keys.rows = 0;
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, &error),
                     SPINE_OK);
    assert_int_equal(rows.keys, 0);
    assert_false(rows.more);
    spine_probe_free(probe);
    spine_probe_free(NULL);
    spine_snapshot_unref(snapshot);
    expect_no_leak();
}

static void
sums_that_overflow_are_told(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const uint64_t word = 7;
    const int64_t weight = INT64_MAX;
    const struct spine_columns columns = {.rows = 1, .keys = &word, .weights = &weight};
    struct spine_batch *batches[2];
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_probe_rows rows;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batches[i], NULL),
                         SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&schema, batches, 2, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL),
                     SPINE_OVERFLOW);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    for (int i = 0; i < 2; i++)
        spine_batch_unref(batches[i]);
    expect_no_leak();
}

/* ---- Without memory ---- */

static uint64_t allocations_left = UINT64_MAX;

static void *
failing_alloc(void *context, size_t bytes)
{
    (void)context;
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(bytes);
}

static void
failing_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

/* A probe with `allocations` allocations, whole and in pieces; true when it succeeded.
 * Filters that cannot be built are done without. */
static bool
probe_with(struct world *world, const struct key_set *keys, uint64_t allocations)
{
    const struct spine_probe_options options = {.rows_max = 50};
    struct spine_probe_rows rows = {0};
    struct spine_probe *probe;
    enum spine_status st;

    allocations_left = allocations;
    st = spine_probe_new(&probe, NULL);
    if (st == SPINE_OK)
        st = spine_snapshot_probe(world->snapshot, probe, &keys->columns, &options, &rows,
                                  NULL);
    while (st == SPINE_OK && rows.more)
        st = spine_probe_next(probe, &rows, NULL);
    allocations_left = UINT64_MAX;
    assert_true(st == SPINE_OK || st == SPINE_NOMEM);
    if (st == SPINE_NOMEM && probe != NULL)
        expect_probe(world, probe, keys, &options);
    spine_probe_free(probe);
    return st == SPINE_OK;
}

static void
failing_allocations_leave_a_usable_probe(void **state)
{
    static const struct spine_allocator allocator = {NULL, failing_alloc, failing_free};
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64},
    };
    const struct draw draw = {.rows = 1500, .keys = 300, .values = 4, .times = 3};

    (void)state;
    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        struct world world;
        struct key_set keys;
        uint64_t needed = 0;

        world_init(&world, &schemas[i], &draw, 4, true);
        key_set_init(&keys, &schemas[i], 200, 600, 0);
        while (!probe_with(&world, &keys, needed))
            needed++;
        assert_true(needed > 10);
        key_set_release(&keys);
        world_release(&world);
        expect_no_leak();
    }
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

/* ---- Filters ---- */

/* Reads that fail pay for a filter; then it says no, and what it did is counted. */
static void
filters_come_when_they_pay(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_options options = {.filter_rows_min = 1000};
    const struct spine_runtime_options manual = {.manual = true};
    uint64_t words[2000], absent[2000];
    struct spine_columns columns = {.rows = 2000, .keys = words};
    const struct spine_columns keys = {.rows = 1999, .keys = absent};
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_batch *batch;
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_probe_rows rows;
    struct spine_stats stats;

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        words[i] = i * 1000000007;
        absent[i] = words[i] + 5;
    }
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, &options, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);

    assert_int_equal(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL),
                     SPINE_OK);
    assert_int_equal(rows.found, 2000);
    spine_get_stats(spine, &stats);
    assert_int_equal(stats.filter_bytes, 0);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, NULL),
                     SPINE_OK);
    spine_get_stats(spine, &stats);
    assert_true(stats.filter_bytes > 2000);
    assert_int_equal(stats.lookups, 3999);
    assert_int_equal(stats.lookup_filter_rejections + stats.lookup_filter_passes, 0);

    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, NULL),
                     SPINE_OK);
    assert_int_equal(rows.found, 0);
    spine_get_stats(spine, &stats);
    assert_int_equal(stats.lookups, 5998);
    assert_int_equal(stats.lookup_filter_rejections + stats.lookup_filter_passes, 1999);
    assert_int_equal(stats.lookup_filter_passes, stats.lookup_filter_errors);
    assert_true(stats.lookup_filter_errors < 20);

    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    spine_close(spine);
    spine_runtime_close(runtime);
    expect_no_leak();
}

/* What was there at two moments: searches in either count, if both are of one spine. */
static void
searches_in_sources_count(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_cursor_source sources[2] = {{.negated = true}, {.negated = false}};
    struct spine_snapshot *foreign;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_cursor *cursor;
    struct spine_stats stats;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
    for (uint64_t i = 0; i < 2; i++) {
        const uint64_t words[] = {i, 10};
        const struct spine_columns columns = {.rows = 2, .keys = words};
        struct spine_batch *batch;

        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        assert_int_equal(spine_take_snapshot(spine, &sources[i].snapshot, NULL),
                         SPINE_OK);
    }
    assert_int_equal(spine_cursor_open_sources(sources, 2, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(0)));
    spine_cursor_close(cursor);
    spine_get_stats(spine, &stats);
    assert_true(stats.lookups > 0);

    const uint64_t lookups = stats.lookups;

    assert_int_equal(spine_snapshot_of_batches(&schema, NULL, 0, &foreign, NULL),
                     SPINE_OK);
    spine_snapshot_unref(sources[0].snapshot);
    sources[0].snapshot = foreign;
    assert_int_equal(spine_cursor_open_sources(sources, 2, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(0)));
    spine_cursor_close(cursor);
    spine_get_stats(spine, &stats);
    assert_int_equal(stats.lookups, lookups);

    spine_snapshot_unref(sources[0].snapshot);
    spine_snapshot_unref(sources[1].snapshot);
    spine_close(spine);
    spine_runtime_close(runtime);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema),
        cmocka_unit_test(large),
        cmocka_unit_test(skewed_keys),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(sums_that_overflow_are_told),
        cmocka_unit_test(failing_allocations_leave_a_usable_probe),
        cmocka_unit_test(filters_come_when_they_pay),
        cmocka_unit_test(searches_in_sources_count),
    };

    print_message("seed %#llx\n", (unsigned long long)source.state);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
