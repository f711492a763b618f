/* SPDX-License-Identifier: MIT */

/*
 * Probes and seeks by keys that are bytes find every key that is there, with all its
 * rows, and no other, however the keys lie: those beside each key, too, and those below
 * and above all.
 */

#include "spine/spine.h"
#include "wide_keys.h"

#ifdef SPINE_BLOCKS_ELSEWHERE
#define KEYS 600u
#define MANY_ROWS 100u
#else
#define KEYS 9000u
#define MANY_ROWS 9000u
#endif
#define BATCHES 3u
#define VALUE_BYTES 6u

static struct random source = {UINT64_C(0x5eed0b17e)};

/* Every second key has rows: one, or some, or more than a block has. */
struct world {
    struct spine_schema schema;
    struct wide_key *keys;
    uint32_t *rows;
    size_t key_count;
    struct spine_snapshot *snapshot;
};

/* Rows on their way into a batch. */
struct rows_given {
    struct spine_columns columns;
    uint8_t *keys;
    uint64_t *key_offsets;
    uint8_t *values;
    uint64_t *value_offsets;
};

/* Value `number` of a key, as bytes or as a number; of few different ones. */
static void
write_value(const struct world *world, uint64_t number, uint8_t *to)
{
    if (world->schema.value.kind == SPINE_U64) {
        memcpy(to, &number, sizeof number);
        return;
    }
    for (size_t at = VALUE_BYTES; at-- > 0; number /= 10)
        to[at] = (uint8_t)('0' + number % 10);
}

static size_t
value_bytes(const struct world *world)
{
    return world->schema.value.kind == SPINE_U64 ? 8 : VALUE_BYTES;
}

static struct rows_given
rows_given_new(size_t rows)
{
    return (struct rows_given){.keys = test_malloc(rows * WIDE_BYTES_MAX + 1),
                               .key_offsets = test_calloc(rows + 1, sizeof(uint64_t)),
                               .values = test_malloc(rows * 8 + 1),
                               .value_offsets = test_calloc(rows + 1, sizeof(uint64_t))};
}

static void
rows_given_free(struct rows_given *given)
{
    test_free(given->keys);
    test_free(given->key_offsets);
    test_free(given->values);
    test_free(given->value_offsets);
}

static void
give_row(const struct world *world, struct rows_given *given, size_t key, uint64_t number)
{
    struct spine_columns *const columns = &given->columns;
    const uint64_t at = given->key_offsets[columns->rows];
    const size_t bytes = value_bytes(world);

    memcpy(given->keys + at, world->keys[key].bytes, world->keys[key].size);
    write_value(world, number, given->values + columns->rows * bytes);
    columns->rows++;
    given->key_offsets[columns->rows] = at + world->keys[key].size;
    given->value_offsets[columns->rows] = columns->rows * bytes;
}

static void
give_columns(const struct world *world, struct rows_given *given)
{
    given->columns.keys = given->keys;
    given->columns.values = given->values;
    if (world->schema.key.kind == SPINE_BYTES)
        given->columns.key_offsets = given->key_offsets;
    if (world->schema.value.kind == SPINE_BYTES)
        given->columns.value_offsets = given->value_offsets;
}

static void
world_init(struct world *world, enum lie lie, struct spine_schema schema)
{
    const size_t size = schema.key.kind == SPINE_FIXED ? schema.key.size : 23;
    struct spine_batch *batches[BATCHES];
    struct rows_given given[BATCHES];
    uint64_t row = 0;

    *world = (struct world){.schema = schema,
                            .keys = test_calloc(KEYS, sizeof(struct wide_key)),
                            .rows = test_calloc(KEYS, sizeof(uint32_t))};
    world->key_count = wide_keys_draw(lie, size, world->keys, KEYS);
    for (size_t b = 0; b < BATCHES; b++)
        given[b] = rows_given_new(4 * KEYS + MANY_ROWS);
    for (size_t i = 1; i + 1 < world->key_count; i += 2) {
        world->rows[i] = i / 2 == KEYS / 6 ? MANY_ROWS : i % 31 == 0 ? 3 : 1;
        for (uint32_t r = 0; r < world->rows[i]; r++)
            give_row(world, &given[row++ % BATCHES], i, r);
    }
    for (size_t b = 0; b < BATCHES; b++) {
        struct spine_error error;

        give_columns(world, &given[b]);
        assert_int_equal(
            spine_batch_from_columns(&schema, &given[b].columns, &batches[b], NULL),
            SPINE_OK);
#ifndef SPINE_BLOCKS_ELSEWHERE
        rebuild_batch(&batches[b]);
#endif
        if (spine_batch_check(batches[b], &error) != SPINE_OK)
            fail_msg("%s", error.message);
        rows_given_free(&given[b]);
    }
    assert_int_equal(
        spine_snapshot_of_batches(&schema, batches, BATCHES, &world->snapshot, NULL),
        SPINE_OK);
    for (size_t b = 0; b < BATCHES; b++)
        spine_batch_unref(batches[b]);
}

static void
world_release(struct world *world)
{
    spine_snapshot_unref(world->snapshot);
    test_free(world->keys);
    test_free(world->rows);
}

/* The rows of key `i` are [row, end) of what was given, in order. */
static void
expect_values(const struct world *world, size_t i, const struct spine_columns *columns,
              uint64_t row, uint64_t end)
{
    const size_t bytes = value_bytes(world);
    uint8_t value[8];

    assert_int_equal(end - row, world->rows[i]);
    for (uint64_t r = 0; row < end; r++, row++) {
        write_value(world, r, value);
        assert_memory_equal((const uint8_t *)columns->values + row * bytes, value, bytes);
        assert_int_equal(columns->weights[row], 1);
    }
}

/* Looks up keys `first`, `first` + `step` and so on. */
static void
expect_probe(const struct world *world, struct spine_probe *probe, size_t first,
             size_t step)
{
    struct rows_given asked = rows_given_new(world->key_count + 1);
    struct spine_probe_options counts = {.want = SPINE_PROBE_COUNTS};
    struct spine_probe_rows rows;
    uint64_t row = 0;

    for (size_t i = first; i < world->key_count; i += step)
        give_row(world, &asked, i, 0);
    give_columns(world, &asked);
    assert_int_equal(
        spine_snapshot_probe(world->snapshot, probe, &asked.columns, NULL, &rows, NULL),
        SPINE_OK);
    assert_false(rows.more);
    assert_int_equal(rows.keys, asked.columns.rows);
    for (size_t k = 0, i = first; k < rows.keys; k++, i += step) {
        expect_values(world, i, &rows.columns, row, rows.ends[k]);
        row = rows.ends[k];
    }
    assert_int_equal(spine_snapshot_probe(world->snapshot, probe, &asked.columns, &counts,
                                          &rows, NULL),
                     SPINE_OK);
    assert_int_equal(rows.columns.rows, row);
    rows_given_free(&asked);
}

static union spine_datum
key_datum(const struct world *world, size_t i)
{
    return spine_data(world->keys[i].bytes, world->keys[i].size);
}

/* Exact seeks in any order, and seeks to keys and what follows them. */
static void
expect_seeks(const struct world *world)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_snapshot_cursor(world->snapshot, &cursor, NULL), SPINE_OK);
    for (size_t turn = 0; turn < 2 * world->key_count; turn++) {
        const size_t i = turn < world->key_count
                             ? turn
                             : (size_t)random_below(&source, world->key_count);

        assert_int_equal(spine_cursor_seek_key_exact(cursor, key_datum(world, i)),
                         world->rows[i] > 0);
    }
    spine_cursor_close(cursor);
    assert_int_equal(spine_snapshot_cursor(world->snapshot, &cursor, NULL), SPINE_OK);
    for (size_t i = 0; i < world->key_count; i += 1 + (size_t)random_below(&source, 40)) {
        const size_t next = world->rows[i] > 0 ? i : i + 1;

        spine_cursor_seek_key(cursor, key_datum(world, i));
        if (next >= world->key_count || world->rows[next] == 0) {
            assert_false(spine_cursor_key_valid(cursor));
            break;
        }
        assert_true(spine_cursor_key_valid(cursor));
        assert_int_equal(spine_cursor_key(cursor).bytes.size, world->keys[next].size);
        assert_memory_equal(spine_cursor_key(cursor).bytes.data, world->keys[next].bytes,
                            world->keys[next].size);
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

static void
every_lie(void **state)
{
    static const struct spine_type types[] = {
        {SPINE_FIXED, 9},  {SPINE_FIXED, 16}, {SPINE_FIXED, 20}, {SPINE_FIXED, 24},
        {SPINE_FIXED, 32}, {SPINE_FIXED, 45}, {SPINE_BYTES, 0},
    };
    static const struct spine_type values[] = {{SPINE_U64, 0}, {SPINE_BYTES, 0}};
    struct spine_probe *probe;

    (void)state;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (enum lie lie = ENDS_COUNT; lie < LIES; lie++) {
            const struct spine_schema schema = {
                .key = types[t], .value = values[random_below(&source, 2)]};
            struct world world;

            if (lie == NESTED && types[t].kind == SPINE_FIXED)
                continue;
            world_init(&world, lie, schema);
            for (size_t step = 1; step < 200; step *= 7)
                expect_probe(&world, probe, step / 2, step);
            expect_seeks(&world);
            world_release(&world);
        }
    spine_probe_free(probe);
    expect_no_leak();
}

/* Rows that are nothing but a key: codes of two words. */
static void
keys_without_values(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_FIXED, 14}};
    struct wide_key *const keys = test_calloc(KEYS, sizeof *keys);

    (void)state;
    for (enum lie lie = ENDS_COUNT; lie < NESTED; lie++) {
        const size_t count = wide_keys_draw(lie, schema.key.size, keys, KEYS);
        struct rows_given asked = rows_given_new(KEYS), given = rows_given_new(KEYS);
        struct spine_probe_rows rows;
        struct spine_snapshot *snapshot;
        struct spine_batch *batch;
        struct spine_probe *probe;

        for (size_t i = 0; i < count; i++) {
            memcpy(asked.keys + 14 * i, keys[i].bytes, 14);
            memcpy(given.keys + 14 * (i / 2), keys[i].bytes, 14);
        }
        asked.columns = (struct spine_columns){.rows = count, .keys = asked.keys};
        given.columns = (struct spine_columns){.rows = count / 2, .keys = given.keys};
        assert_int_equal(spine_batch_from_columns(&schema, &given.columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_snapshot_of_batches(&schema, &batch, 1, &snapshot, NULL),
                         SPINE_OK);
        assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
        assert_int_equal(
            spine_snapshot_probe(snapshot, probe, &asked.columns, NULL, &rows, NULL),
            SPINE_OK);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(rows.ends[i] - (i > 0 ? rows.ends[i - 1] : 0), i % 2);
        spine_probe_free(probe);
        spine_snapshot_unref(snapshot);
        spine_batch_unref(batch);
        rows_given_free(&asked);
        rows_given_free(&given);
    }
    test_free(keys);
    expect_no_leak();
}

/*
 * Keys that are not there, between two blocks, and that end like keys of the second one:
 * of `begin_bytes` bytes that all keys of that block begin with, they differ in one.
 */
static void
try_between_blocks(size_t begin_bytes)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}};
    const size_t size = begin_bytes + 20, rows = 2 * BLOCK_ROWS;
    struct rows_given given = rows_given_new(rows), asked = rows_given_new(rows);
    struct spine_probe_rows found;
    struct spine_snapshot *snapshot;
    struct spine_batch *batch;
    struct spine_probe *probe;

    assert_true(size <= WIDE_BYTES_MAX);
    memset(given.keys, 'm', rows * size);
    memset(asked.keys, 'm', rows * size);
    for (size_t i = 0; i < rows; i++) {
        uint8_t *const key = given.keys + i * size;
        uint8_t *const beside = asked.keys + i * size;

        put_big(key + begin_bytes, i, 8);
        put_big(beside + begin_bytes, BLOCK_ROWS + i % BLOCK_ROWS, 8);
        /* Keys of the first block begin with "a"; those beside have a "b". */
        if (i < BLOCK_ROWS)
            key[0] = 'a';
        beside[i < BLOCK_ROWS ? 0 : begin_bytes - 1] = 'b';
        given.key_offsets[i + 1] = asked.key_offsets[i + 1] = (i + 1) * size;
    }
    given.columns = (struct spine_columns){.rows = rows,
                                           .keys = given.keys,
                                           .key_offsets = given.key_offsets,
                                           .values = given.key_offsets};
    asked.columns = (struct spine_columns){.rows = BLOCK_ROWS,
                                           .keys = asked.keys + BLOCK_ROWS * size,
                                           .key_offsets = asked.key_offsets};
    assert_int_equal(spine_batch_from_columns(&schema, &given.columns, &batch, NULL),
                     SPINE_OK);
#ifndef SPINE_BLOCKS_ELSEWHERE
    rebuild_batch(&batch);
#endif
    assert_int_equal(spine_snapshot_of_batches(&schema, &batch, 1, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    for (size_t from = 0; from < 2; from++) {
        asked.columns.keys = asked.keys + from * BLOCK_ROWS * size;
        assert_int_equal(
            spine_snapshot_probe(snapshot, probe, &asked.columns, NULL, &found, NULL),
            SPINE_OK);
        assert_int_equal(found.found, 0);
        asked.columns.keys = given.keys + from * BLOCK_ROWS * size;
        assert_int_equal(
            spine_snapshot_probe(snapshot, probe, &asked.columns, NULL, &found, NULL),
            SPINE_OK);
        assert_int_equal(found.found, BLOCK_ROWS);
    }
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    rows_given_free(&given);
    rows_given_free(&asked);
}

static void
keys_between_blocks(void **state)
{
    (void)state;
    for (size_t begin_bytes = 1; begin_bytes <= 24; begin_bytes++)
        try_between_blocks(begin_bytes);
    expect_no_leak();
}

enum { CELL_BYTES = 12, VALUE_MAX = 90 };

/* Every `step`-th of the keys from number `first` on; row i of the batch has key number
 * 2 * i + 1. */
static size_t
fill_cells(uint8_t *cells, uint64_t *offsets, size_t count, size_t first, size_t step)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t word =
            __builtin_bswap64((first + i * step) * UINT64_C(0x123456789));

        memset(cells + i * CELL_BYTES, 'k', CELL_BYTES);
        memcpy(cells + i * CELL_BYTES, &word, sizeof word);
        offsets[i + 1] = (i + 1) * CELL_BYTES;
    }
    return count;
}

static void
fill_values(uint8_t *values, uint64_t *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t size = i * 7 % VALUE_MAX;

        memset(values + offsets[i], (int)(i % 251), size);
        offsets[i + 1] = offsets[i] + size;
    }
}

/* All of `count` keys are found, with their values, and none between them. */
static void
find_all_of(enum spine_kind kind, size_t count)
{
    const struct spine_schema schema = {
        .key = {kind, kind == SPINE_FIXED ? CELL_BYTES : 0}, .value = {SPINE_BYTES, 0}};
    const size_t asked = 2 * count + 1;
    uint8_t *const keys = test_malloc(asked * CELL_BYTES);
    uint8_t *const values = test_malloc(count * VALUE_MAX);
    uint64_t *const key_offsets = test_calloc(asked + 1, sizeof *key_offsets);
    uint64_t *const value_offsets = test_calloc(count + 1, sizeof *value_offsets);
    struct spine_columns columns = {.rows = fill_cells(keys, key_offsets, count, 1, 2),
                                    .keys = keys,
                                    .key_offsets = key_offsets,
                                    .values = values,
                                    .value_offsets = value_offsets};
    struct spine_snapshot *snapshot;
    struct spine_probe_rows found;
    struct spine_probe *probe;
    struct spine_batch *batch;

    fill_values(values, value_offsets, count);
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&schema, &batch, 1, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    columns = (struct spine_columns){.rows = fill_cells(keys, key_offsets, asked, 0, 1),
                                     .keys = keys,
                                     .key_offsets = key_offsets};
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &columns, NULL, &found, NULL),
                     SPINE_OK);
    assert_int_equal(found.found, count);
    assert_int_equal(found.columns.rows, count);
    for (size_t i = 0; i < asked; i++)
        assert_int_equal(found.ends[i], (i + 1) / 2);
    assert_memory_equal(found.columns.value_offsets, value_offsets,
                        (count + 1) * sizeof *value_offsets);
    assert_memory_equal(found.columns.values, values, value_offsets[count]);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    test_free(keys);
    test_free(values);
    test_free(key_offsets);
    test_free(value_offsets);
}

/* Whatever the number of guides of a block. */
static void
blocks_of_every_size(void **state)
{
    (void)state;
    for (size_t count = 1; count < 2 * MANY_ROWS / 3; count += 1 + count / 64) {
        find_all_of(SPINE_BYTES, count);
        find_all_of(SPINE_FIXED, count);
    }
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lie),
        cmocka_unit_test(keys_between_blocks),
        cmocka_unit_test(keys_without_values),
        cmocka_unit_test(blocks_of_every_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
