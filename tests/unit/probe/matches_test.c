/* SPDX-License-Identifier: MIT */

/*
 * What a probe of a batch gives at its limits: keys without rows there, two types of
 * keys, keys of very many rows, and calls at the wrong moment. That it gives the right
 * rows otherwise is a law (property/match_law_test.c).
 */

#include "probe_fixture.h"

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};
static const struct spine_schema texts = {.key = {SPINE_U64, 0},
                                          .value = {SPINE_BYTES, 0}};

static struct spine_batch *
batch_of(const struct spine_schema *schema, const struct spine_columns *columns)
{
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(schema, columns, &batch, NULL), SPINE_OK);
    return batch;
}

static struct spine_snapshot *
snapshot_of(const struct spine_schema *schema, struct spine_batch *batch)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(
        spine_snapshot_of_batches(schema, &batch, batch != NULL, &snapshot, NULL),
        SPINE_OK);
    return snapshot;
}

/* (1, 10) (1, 11) (3, 30) (5, 50). */
static struct spine_batch *
numbers_batch(void)
{
    static const uint64_t keys[] = {1, 1, 3, 5}, values[] = {10, 11, 30, 50};
    const struct spine_columns columns = {.rows = 4, .keys = keys, .values = values};

    return batch_of(&numbers, &columns);
}

/* (1, a) (2, bb) (5, "") (5, c), the last one of weight -2. */
static struct spine_batch *
texts_batch(void)
{
    static const uint64_t keys[] = {1, 2, 5, 5}, offsets[] = {0, 1, 3, 3, 4};
    static const int64_t weights[] = {1, 1, 1, -2};
    const struct spine_columns columns = {.rows = 4,
                                          .keys = keys,
                                          .values = "abbc",
                                          .value_offsets = offsets,
                                          .weights = weights};

    return batch_of(&texts, &columns);
}

static void
both_sides(void **state)
{
    static const uint64_t keys[] = {1, 2, 5}, own_ends[] = {1, 2, 4}, ends[] = {2, 2, 3};
    static const uint64_t values[] = {10, 11, 50};
    struct spine_batch *const own = texts_batch(), *const there = numbers_batch();
    struct spine_snapshot *const snapshot = snapshot_of(&numbers, there);
    struct spine_probe_matches both;
    struct spine_probe *probe;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    /* Twice: nothing of the first is left. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            spine_snapshot_probe_batch(snapshot, probe, own, NULL, &both, NULL),
            SPINE_OK);
        assert_int_equal(both.keys.rows, 3);
        assert_memory_equal(both.keys.keys, keys, sizeof keys);
        assert_null(both.keys.values);
        assert_memory_equal(both.own_ends, own_ends, sizeof own_ends);
        assert_int_equal(both.own.rows, 4);
        assert_null(both.own.keys);
        assert_memory_equal(both.own.values, "abbc", 4);
        assert_int_equal(both.own.value_offsets[4], 4);
        assert_int_equal(both.own.weights[3], -2);
        assert_null(both.own.times);
        assert_int_equal(both.found.first_key, 0);
        assert_int_equal(both.found.keys, 3);
        assert_int_equal(both.found.found, 2);
        assert_memory_equal(both.found.ends, ends, sizeof ends);
        assert_memory_equal(both.found.columns.values, values, sizeof values);
        assert_false(both.found.more);
    }
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(there);
    spine_batch_unref(own);
    expect_no_leak();
}

/* One row found at a time: all rows of the batch of its key beside it. */
static void
in_pieces(void **state)
{
    const struct spine_probe_options options = {.rows_max = 1};
    struct spine_batch *own = texts_batch();
    struct spine_batch *const there = numbers_batch();
    struct spine_snapshot *snapshot = snapshot_of(&numbers, there);
    struct spine_probe_matches both;
    struct spine_probe_rows rows;
    struct spine_probe *probe;
    uint64_t pairs = 0;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, own, &options, &both, NULL),
        SPINE_OK);
    /* Neither side need stay. */
    spine_snapshot_unref(snapshot);
    spine_batch_unref(own);
    spine_batch_unref(there);
    for (;;) {
        for (size_t k = 0; k < both.keys.rows; k++) {
            const uint64_t own_begin = k > 0 ? both.own_ends[k - 1] : 0;
            const uint64_t begin = k > 0 ? both.found.ends[k - 1] : 0;

            pairs += (both.own_ends[k] - own_begin) * (both.found.ends[k] - begin);
        }
        if (!both.found.more)
            break;
        assert_int_equal(spine_probe_next(probe, &rows, NULL), SPINE_MISUSE);
        assert_int_equal(spine_probe_next_matches(probe, &both, NULL), SPINE_OK);
    }
    assert_int_equal(pairs, 1 * 2 + 2 * 1);
    assert_int_equal(spine_probe_next_matches(probe, &both, NULL), SPINE_MISUSE);

    /* Given up in the middle, for other keys. */
    own = numbers_batch();
    snapshot = snapshot_of(&numbers, own);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, own, &options, &both, NULL),
        SPINE_OK);
    assert_true(both.found.more);
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe,
                             &(struct spine_columns){.rows = 1, .keys = &(uint64_t){1}},
                             &options, &rows, NULL),
        SPINE_OK);
    assert_int_equal(spine_probe_next_matches(probe, &both, NULL), SPINE_MISUSE);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(own);
    expect_no_leak();
}

static bool
is_three(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 == 3;
}

/* A filter hides what is there, not the rows of the batch; counts have no columns. */
static void
options_are_of_the_snapshot(void **state)
{
    static const uint64_t own_ends[] = {2, 3, 4}, ends[] = {0, 1, 1};
    const struct spine_key_filter filter = {.on_key = is_three};
    struct spine_probe_options options = {.filter = &filter, .want = SPINE_PROBE_COUNTS};
    struct spine_batch *const batch = numbers_batch();
    struct spine_snapshot *const snapshot = snapshot_of(&numbers, batch);
    struct spine_probe_matches both;
    struct spine_probe *probe;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, batch, &options, &both, NULL),
        SPINE_OK);
    assert_memory_equal(both.own_ends, own_ends, sizeof own_ends);
    assert_memory_equal(both.found.ends, ends, sizeof ends);
    assert_int_equal(both.found.columns.rows, 1);
    assert_null(both.found.columns.weights);
    options.want = (enum spine_probe_want)7;
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, batch, &options, &both, NULL),
        SPINE_INVALID);
    assert_int_equal(spine_probe_next_matches(probe, &both, NULL), SPINE_MISUSE);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    expect_no_leak();
}

static void
keys_of_two_types_are_refused(void **state)
{
    const struct spine_schema signed_keys = {.key = {SPINE_I64, 0}};
    const int64_t key = 1;
    const struct spine_columns columns = {.rows = 1, .keys = &key};
    struct spine_batch *const own = batch_of(&signed_keys, &columns);
    struct spine_batch *const there = numbers_batch();
    struct spine_snapshot *const snapshot = snapshot_of(&numbers, there);
    struct spine_probe_matches both;
    struct spine_probe *probe;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, own, NULL, &both, &error),
        SPINE_INVALID);
    assert_non_null(strstr(error.message, "SPINE_I64"));
    assert_non_null(strstr(error.message, "SPINE_U64"));
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, there, NULL, &both, &error),
        SPINE_OK);
    assert_int_equal(both.found.found, 3);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(there);
    spine_batch_unref(own);
    expect_no_leak();
}

/* Two keys of far more rows than are read at a time, and a batch without rows. */
static void
many_rows_and_none(void **state)
{
    enum { ROWS = 50000 };
    const struct spine_probe_options options = {.rows_max = 10};
    uint64_t *const keys = calloc(ROWS, sizeof *keys);
    uint64_t *const values = calloc(ROWS, sizeof *values);
    struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_snapshot *const snapshot = snapshot_of(&numbers, NULL);
    struct spine_batch *batch;
    struct spine_probe_matches both;
    struct spine_probe *probe;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = i < ROWS / 3 ? 7 : 8;
        values[i] = i;
    }
    batch = batch_of(&numbers, &columns);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, batch, &options, &both, NULL),
        SPINE_OK);
    assert_int_equal(both.keys.rows, 1);
    assert_int_equal(both.own.rows, ROWS / 3);
    assert_int_equal(spine_probe_next_matches(probe, &both, NULL), SPINE_OK);
    assert_int_equal(both.own_ends[0], ROWS - ROWS / 3);
    assert_memory_equal(both.own.values, values + ROWS / 3,
                        (ROWS - ROWS / 3) * sizeof *values);
    assert_false(both.found.more);
    spine_batch_unref(batch);

    columns.rows = 0;
    batch = batch_of(&numbers, &columns);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, batch, NULL, &both, NULL), SPINE_OK);
    assert_int_equal(both.keys.rows, 0);
    assert_false(both.found.more);
    spine_batch_unref(batch);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    free(keys);
    free(values);
    expect_no_leak();
}

/* A key, a value and times for which a read of few rows has no room at first. */
static void
long_cells_and_many_times(void **state)
{
    enum { TIMES = 40, KEY_BYTES = 3000, VALUE_BYTES = 5000 };
    const struct spine_schema schema = {
        .key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64};
    const struct spine_probe_options options = {.rows_max = 1};
    uint8_t *const cell = calloc(VALUE_BYTES, 1);
    uint64_t key_offsets[] = {0, KEY_BYTES}, value_offsets[] = {0, VALUE_BYTES};
    struct spine_batcher *batcher;
    struct spine_snapshot *snapshot;
    struct spine_batch *batch;
    struct spine_probe *probe;
    struct spine_probe_matches both;

    (void)state;
    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (uint64_t time = 0; time < TIMES; time++) {
        const struct spine_columns row = {.rows = 1,
                                          .keys = cell,
                                          .key_offsets = key_offsets,
                                          .values = cell,
                                          .value_offsets = value_offsets,
                                          .times = &time};

        assert_int_equal(spine_batcher_add_columns(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    snapshot = snapshot_of(&schema, NULL);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, batch, &options, &both, NULL),
        SPINE_OK);
    assert_false(both.found.more);
    assert_int_equal(both.keys.rows, 1);
    assert_int_equal(both.keys.key_offsets[1], KEY_BYTES);
    assert_int_equal(both.own_ends[0], TIMES);
    assert_int_equal(both.own.value_offsets[TIMES], TIMES * VALUE_BYTES);
    assert_int_equal(both.own.times[TIMES - 1], TIMES - 1);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    free(cell);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides),
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(options_are_of_the_snapshot),
        cmocka_unit_test(keys_of_two_types_are_refused),
        cmocka_unit_test(many_rows_and_none),
        cmocka_unit_test(long_cells_and_many_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
