/* SPDX-License-Identifier: MIT */

/*
 * A probe pins the blocks of many keys before it searches the first of them, whatever the
 * keys are: that is where many reads go out at once.
 */

#include "harness/elsewhere.h"
#include "spine/probe.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 4800u
#define KEYS 400u
/* As many as are pinned together, at most. */
#define TOGETHER 64u
#define KEY_BYTES 20u

static char cells[ROWS][KEY_BYTES];

/* Key `number` of the schema. */
static union spine_datum
key_of(const struct spine_schema *schema, uint64_t number)
{
    size_t size;

    if (schema->key.kind == SPINE_U64)
        return spine_u64(number);
    size = (size_t)sprintf(cells[number], "the same and %06u", (unsigned)number);
    if (schema->key.kind == SPINE_BYTES)
        return spine_data(cells[number], size);
    return spine_data(cells[number] + size - schema->key.size, schema->key.size);
}

static struct spine_batch *
make_batch(const struct spine_schema *schema)
{
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(schema, &builder, NULL), SPINE_OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct spine_row row = {.weight = 1};

        row.key = key_of(schema, i);
        row.value = spine_u64(i * i);
        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

/* Every twelfth key, all of which are there. */
static void
probe_keys(const struct spine_schema *schema, struct spine_snapshot *snapshot)
{
    static uint64_t words[KEYS], offsets[KEYS + 1];
    static char bytes[KEYS * KEY_BYTES];
    struct spine_columns keys = {.rows = KEYS, .keys = words};
    struct spine_probe_rows rows;
    struct spine_probe *probe;

    for (uint64_t i = 0; i < KEYS; i++) {
        const union spine_datum key = key_of(schema, i * (ROWS / KEYS));

        words[i] = i * (ROWS / KEYS);
        if (schema->key.kind == SPINE_U64)
            continue;
        memcpy(bytes + offsets[i], key.bytes.data, key.bytes.size);
        offsets[i + 1] = offsets[i] + key.bytes.size;
        keys.keys = bytes;
        if (schema->key.kind == SPINE_BYTES)
            keys.key_offsets = offsets;
    }
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, NULL),
                     SPINE_OK);
    assert_int_equal(rows.found, KEYS);
    for (uint64_t i = 0; i < KEYS; i++) {
        const uint64_t number = i * (ROWS / KEYS);

        assert_int_equal(rows.ends[i], i + 1);
        assert_int_equal(((const uint64_t *)rows.columns.values)[i], number * number);
    }
    spine_probe_free(probe);
}

static void
blocks_of_many_keys_are_pinned_together(void **state)
{
    const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_FIXED, 12}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_FIXED, 19}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct spine_batch *batch = make_batch(&schemas[i]);
        struct spine_snapshot *snapshot;

        assert_int_equal(
            spine_snapshot_of_batches(&schemas[i], &batch, 1, &snapshot, NULL), SPINE_OK);
        elsewhere_count_most();
        probe_keys(&schemas[i], snapshot);
        assert_int_equal(elsewhere_pinned_most(), TOGETHER);
        spine_snapshot_unref(snapshot);
        spine_batch_unref(batch);
    }
    assert_int_equal(elsewhere_pinned(), 0);
}

/*
 * Rows of blocks that do not stay are copied. A probe in pieces keeps the copies of some
 * keys at a time, however many keys it has; by bytes, of fewer.
 */
static void
copies_do_not_add_up(void **state)
{
    enum { LARGE = 3000 };
    static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                               .value = {SPINE_FIXED, LARGE}};
    static const struct spine_probe_options all[] = {
        {.rows_max = 1000},
        {.bytes_max = 1u << 20},
        {.rows_max = 77, .bytes_max = 1u << 19}};
    static const size_t most[] = {12u << 20, 4u << 20, 2u << 20};
    static uint64_t words[ROWS];
    static uint8_t values[ROWS * LARGE];
    const struct spine_columns rows = {.rows = ROWS, .keys = words, .values = values};
    const struct spine_columns keys = {.rows = ROWS, .keys = words};
    struct spine_snapshot *snapshot;
    struct spine_batch *batch;

    (void)state;
    for (uint64_t i = 0; i < ROWS; i++) {
        words[i] = i;
        memcpy(values + i * LARGE, &i, sizeof i);
    }
    assert_int_equal(spine_batch_from_columns(&schema, &rows, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&schema, &batch, 1, &snapshot, NULL),
                     SPINE_OK);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const size_t before = spine_allocated_bytes();
        struct spine_probe_rows found = {.more = true};
        struct spine_probe *probe;
        uint64_t row = 0;

        assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
        for (bool is_first = true; found.more; is_first = false) {
            assert_int_equal(is_first ? spine_snapshot_probe(snapshot, probe, &keys,
                                                             &all[i], &found, NULL)
                                      : spine_probe_next(probe, &found, NULL),
                             SPINE_OK);
            for (size_t r = 0; r < found.columns.rows; r++, row++)
                assert_memory_equal((const uint8_t *)found.columns.values + r * LARGE,
                                    &row, sizeof row);
            assert_in_range(spine_allocated_bytes() - before, 0, most[i]);
        }
        assert_int_equal(row, ROWS);
        spine_probe_free(probe);
    }
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_many_keys_are_pinned_together),
        cmocka_unit_test(copies_do_not_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
