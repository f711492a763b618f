/* SPDX-License-Identifier: MIT */

/* Who finds a sum that is not in int64_t names the row, by the kinds of its columns. */

#include "harness/fault_alloc.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 2, PAD = 3000, BYTES = 12, TEXT_BYTES = 120 };

static const struct spine_schema schemas[] = {
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U32, 0}, .value = {SPINE_I32, 0}},
    {.key = {SPINE_I64, 0}, .value = {SPINE_F64, 0}},
    {.key = {SPINE_U64, 0}},
    {.value = {SPINE_U64, 0}},
    {.key = {SPINE_FIXED, BYTES}},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_BYTES, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .weight_count = WIDTH},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_PAIR},
};
#define SCHEMAS (sizeof schemas / sizeof schemas[0])

/* `number` as a cell; numbers below 10^6 have the order of their cells. */
static union spine_datum
datum_of(enum spine_kind kind, unsigned number, char *bytes)
{
    switch (kind) {
    case SPINE_U64:
        return spine_u64(number);
    case SPINE_I64:
        return spine_i64(number);
    case SPINE_U32:
        return spine_u32(number);
    case SPINE_I32:
        return spine_i32((int32_t)number);
    case SPINE_F64:
        return spine_f64(number);
    case SPINE_FIXED:
    case SPINE_BYTES:
        (void)snprintf(bytes, BYTES + 1, "number%06u", number);
        return spine_data(bytes, BYTES);
    case SPINE_NONE:
        break;
    }
    return (union spine_datum){0};
}

/* Appends how messages show that to `text`. */
static void
append_cell(char *text, const char *name, enum spine_kind kind, unsigned number)
{
    const size_t used = strlen(text);
    const bool bytes = kind == SPINE_FIXED || kind == SPINE_BYTES;

    if (kind != SPINE_NONE)
        (void)snprintf(text + used, TEXT_BYTES - used,
                       bytes ? "%s%s \"number%06u\"" : "%s%s %u", used > 0 ? ", " : "",
                       name, number);
}

struct world {
    const struct spine_schema *schema;
    /* The row whose sum overflows. */
    unsigned heavy;
    uint64_t time;
    char name[TEXT_BYTES];
};

/* Adds row `number`. */
static void
add(const struct world *world, struct spine_batcher *batcher, unsigned number,
    int64_t weight)
{
    char key[BYTES + 1], value[BYTES + 1];
    const int64_t weights[WIDTH] = {1, weight};
    const struct spine_row row = {.key = datum_of(world->schema->key.kind, number, key),
                                  .value =
                                      datum_of(world->schema->value.kind, number, value),
                                  .time = world->time,
                                  .weight = weight,
                                  .weights = weights};

    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
}

/* Rows before and behind the heavy one, `pad` of each, and that one. */
static struct spine_batch *
make_batch(const struct world *world, unsigned pad, int64_t weight)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(world->schema, &batcher, NULL), SPINE_OK);
    for (unsigned i = 0; i < pad; i++) {
        add(world, batcher, world->heavy - pad + i, 1);
        add(world, batcher, world->heavy + 1 + i, 1);
    }
    add(world, batcher, world->heavy, weight);
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    return batch;
}

static void
world_init(struct world *world, const struct spine_schema *schema)
{
    *world = (struct world){.schema = schema, .heavy = 10000};
    append_cell(world->name, "key", schema->key.kind, world->heavy);
    append_cell(world->name, "value", schema->value.kind, world->heavy);
    if (schema->time == SPINE_TIME_U64) {
        world->time = 5;
        strcat(world->name, ", time 5");
    } else if (schema->time == SPINE_TIME_PAIR) {
        world->time = spine_time_pair(5, 6);
        strcat(world->name, ", time (5, 6)");
    }
}

static void
expect_named(const struct world *world, enum spine_status st,
             const struct spine_error *error)
{
    char expected[TEXT_BYTES + 60];

    (void)snprintf(expected, sizeof expected, "the sum of weights is not in int64_t: %s",
                   world->name);
    if (st != SPINE_OVERFLOW || error->status != st)
        fail_msg("%s: %s, %s", world->name, spine_status_name(st), error->message);
    const char *const found = strstr(error->message, expected);
    if (found == NULL || strcmp(found, expected) != 0)
        fail_msg("'%s' does not end with '%s'", error->message, expected);
}

/* ---- Readers ---- */

static void
expect_cursor(const struct world *world, struct spine_cursor *cursor)
{
    struct spine_error error;

    expect_named(world, spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
}

/* Into the caller's memory. */
static void
read_all(struct spine_cursor *cursor)
{
    static uint64_t keys[4 * PAD * 2], values[4 * PAD * 2], offsets[4 * PAD + 1];
    static uint64_t other_offsets[4 * PAD + 1], times[4 * PAD];
    static int64_t weights[4 * PAD * WIDTH];
    const struct spine_column_buffers buffers = {.rows = 4 * PAD,
                                                 .keys = keys,
                                                 .key_offsets = offsets,
                                                 .key_bytes = sizeof keys,
                                                 .values = values,
                                                 .value_offsets = other_offsets,
                                                 .value_bytes = sizeof values,
                                                 .times = times,
                                                 .weights = weights};

    while (spine_cursor_read(cursor, &buffers) > 0)
        continue;
}

static void
read_back(struct spine_cursor *cursor)
{
    spine_cursor_fast_forward(cursor);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key_reverse(cursor)) {
        spine_cursor_fast_forward_vals(cursor);
        while (spine_cursor_val_valid(cursor))
            spine_cursor_step_val_reverse(cursor);
    }
}

static void
expect_reads(const struct world *world, struct spine_snapshot *snapshot)
{
    struct spine_cursor *cursor;

    for (unsigned way = 0; way < 3; way++) {
        assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
        if (way == 0)
            for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
                while (spine_cursor_val_valid(cursor))
                    spine_cursor_step_val(cursor);
        else if (way == 1)
            read_back(cursor);
        else
            read_all(cursor);
        expect_cursor(world, cursor);
    }
}

static void
expect_probe(const struct world *world, struct spine_snapshot *snapshot)
{
    const enum spine_kind kind = world->schema->key.kind;
    const uint64_t offsets[] = {0, BYTES};
    struct spine_probe_rows rows;
    struct spine_probe *probe;
    struct spine_error error;
    char bytes[BYTES + 1];
    const union spine_datum key = datum_of(kind, world->heavy, bytes);
    const struct spine_columns keys = {
        .rows = 1,
        .keys = kind == SPINE_FIXED || kind == SPINE_BYTES ? (const void *)bytes : &key,
        .key_offsets = kind == SPINE_BYTES ? offsets : NULL};

    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    expect_named(world, spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, &error),
                 &error);
    spine_probe_free(probe);
}

static void
test_readers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * SCHEMAS; i++) {
        struct spine_snapshot *snapshot;
        struct spine_batch *batches[2];
        struct world world;

        world_init(&world, &schemas[i / 2]);
        batches[0] = make_batch(&world, i % 2 * PAD, INT64_MAX);
        batches[1] = make_batch(&world, i % 2 * PAD, 1);
        assert_int_equal(
            spine_snapshot_of_batches(world.schema, batches, 2, &snapshot, NULL),
            SPINE_OK);
        expect_reads(&world, snapshot);
        if (world.schema->key.kind != SPINE_NONE)
            expect_probe(&world, snapshot);
        spine_snapshot_unref(snapshot);
        spine_batch_unref(batches[0]);
        spine_batch_unref(batches[1]);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* INT64_MIN has no negative. */
static void
test_negated_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * SCHEMAS; i++) {
        struct spine_cursor_source sources[2] = {{.negated = true}, {.negated = true}};
        struct spine_batch *batch;
        struct world world;

        world_init(&world, &schemas[i / 2]);
        batch = make_batch(&world, 5, INT64_MIN);
        for (size_t s = 0; s < 2; s++)
            assert_int_equal(spine_snapshot_of_batches(world.schema, &batch, 1,
                                                       &sources[s].snapshot, NULL),
                             SPINE_OK);
        for (unsigned way = 0; way < 3; way++) {
            struct spine_cursor *cursor;

            assert_int_equal(spine_cursor_open_sources(sources, 1 + i % 2, &cursor, NULL),
                             SPINE_OK);
            if (way == 0)
                spine_cursor_rewind(cursor);
            else if (way == 1)
                spine_cursor_fast_forward(cursor);
            else
                read_all(cursor);
            expect_cursor(&world, cursor);
        }
        spine_snapshot_unref(sources[0].snapshot);
        spine_snapshot_unref(sources[1].snapshot);
        spine_batch_unref(batch);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* A value fits at each time, and not over all of them: it is named without a time. */
static void
test_sums_over_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        struct spine_cursor *cursor, *group;
        struct spine_snapshot *snapshot;
        struct spine_batch *batches[2];
        struct spine_error error;
        struct world world;

        if (schemas[i].time == SPINE_UNTIMED)
            continue;
        world_init(&world, &schemas[i]);
        *strstr(world.name, ", time") = '\0';
        batches[0] = make_batch(&world, 0, INT64_MAX);
        world.time++;
        batches[1] = make_batch(&world, 0, 1);
        assert_int_equal(
            spine_snapshot_of_batches(world.schema, batches, 2, &snapshot, NULL),
            SPINE_OK);
        assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
        expect_named(&world, spine_cursor_group(cursor, UINT64_MAX, &group, &error),
                     &error);
        spine_cursor_rewind(cursor);
        assert_int_equal(spine_cursor_weight(cursor), 0);
        expect_cursor(&world, cursor);
        spine_snapshot_unref(snapshot);
        spine_batch_unref(batches[0]);
        spine_batch_unref(batches[1]);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* ---- Makers ---- */

static void
test_batchers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3 * SCHEMAS; i++) {
        /* Sums that leave int64_t by little, and so far that nothing brings them back. */
        const unsigned heavies = i % 3 == 2 ? 10 : 2;
        struct spine_batcher *batcher;
        struct spine_batch *batch;
        struct spine_error error;
        struct world world;

        world_init(&world, &schemas[i / 3]);
        assert_int_equal(spine_batcher_new(world.schema, &batcher, NULL), SPINE_OK);
        for (unsigned r = 0; r < i % 3 * 200; r++)
            add(&world, batcher, r, 1);
        for (unsigned r = 0; r < heavies; r++)
            add(&world, batcher, world.heavy, INT64_MAX);
        expect_named(&world, spine_batcher_seal(batcher, &batch, &error), &error);
        /* It says so again. */
        expect_named(&world, spine_batcher_seal(batcher, &batch, &error), &error);
        spine_batcher_free(batcher);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* ---- Spines ---- */

static bool
keep_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context, (void)key, (void)value;
    return false;
}

static void
expect_spine(const struct world *world, unsigned pad, bool with_filter)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_value_filter top = {
        .retain = SPINE_RETAIN_TOP, .count = 2, .on_value = keep_value};
    struct spine_runtime *runtime;
    struct spine_batch *batch;
    struct spine_error error;
    struct spine *spine;

    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, world->schema, NULL, &spine, NULL), SPINE_OK);
    if (with_filter)
        assert_int_equal(spine_retain_values(spine, &top, NULL), SPINE_OK);
    for (int i = 0; i < 2; i++) {
        batch = make_batch(world, pad, INT64_MAX);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    expect_named(world, spine_consolidate(spine, &batch, &error), &error);
    expect_named(world, spine_get_status(spine, &error), &error);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
test_spines(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        struct world world;

        world_init(&world, &schemas[i]);
        expect_spine(&world, 0, false);
        expect_spine(&world, PAD, false);
        if (world.schema->value.kind != SPINE_NONE) {
            expect_spine(&world, 0, true);
            expect_spine(&world, PAD, true);
        }
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers),         cmocka_unit_test(test_negated_sources),
        cmocka_unit_test(test_sums_over_times), cmocka_unit_test(test_batchers),
        cmocka_unit_test(test_spines),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
