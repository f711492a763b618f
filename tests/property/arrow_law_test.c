/* SPDX-License-Identifier: MIT */

/*
 * Rows that go out as records of Arrow and come in again are the same rows: of every kind
 * of column, with nulls, times and several weights, in pieces of any size, released in
 * any order.
 */

#include "arrow/arrow.h"
#include "harness/property.h"
#include "harness/tuples.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BATCHES_MAX = 4096, WEIGHTS_MAX = 3 };

struct world {
    struct heap heap;
    struct spine_schema schema;
    struct spine_batch *batch;
    struct spine_error error;
};

/* A type, or none. */
static struct spine_tuple_type *
draw_type(struct rng *rng)
{
    return rng_chance(rng, 80) ? tuple_type_draw(rng, 2, rng_chance(rng, 50)) : NULL;
}

/* A batch of random rows. Where a type is missing there is no cell; that of both may not
 * be. */
static void
world_init(struct world *world, struct rng *rng, size_t steps)
{
    struct spine_tuple_rows rows = {.rows = rng_magnitude(rng, steps)};
    struct spine_schema *const schema = &world->schema;
    uint64_t *times;
    int64_t *weights;

    *world = (struct world){0};
    schema->key_tuple = draw_type(rng);
    schema->value_tuple = draw_type(rng);
    if (schema->key_tuple == NULL && schema->value_tuple == NULL)
        schema->key_tuple = tuple_type_draw(rng, 2, false);
    schema->key = spine_tuple_type_cell(schema->key_tuple);
    schema->value = spine_tuple_type_cell(schema->value_tuple);
    schema->weight_count = 1 + (unsigned)rng_index(rng, WEIGHTS_MAX);
    schema->time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_UNTIMED;
    if (schema->key_tuple != NULL)
        rows.keys = tuples_draw(rng, &world->heap, schema->key_tuple, rows.rows);
    if (schema->value_tuple != NULL)
        rows.values = tuples_draw(rng, &world->heap, schema->value_tuple, rows.rows);
    times = heap_take(&world->heap, (rows.rows + 1) * sizeof *times);
    weights = heap_take(&world->heap, (rows.rows + 1) * WEIGHTS_MAX * sizeof *weights);
    for (size_t i = 0; i < rows.rows; i++)
        times[i] = rng_index(rng, 5);
    for (size_t i = 0; i < rows.rows * WEIGHTS_MAX; i++)
        weights[i] = (int64_t)rng_index(rng, 5) - 2;
    rows.times = times;
    rows.weights = weights;
    assert_int_equal(spine_batch_from_tuples(schema, &rows, &world->batch, NULL),
                     SPINE_OK);
}

static void
world_release(struct world *world)
{
    spine_batch_unref(world->batch);
    spine_tuple_type_unref(world->schema.key_tuple);
    spine_tuple_type_unref(world->schema.value_tuple);
    heap_release(&world->heap);
}

/* The rows of the batch as a stream of records of `mapping`. */
static void
stream_of(struct spine_batch *batch, const struct spine_arrow_mapping *mapping,
          struct ArrowArrayStream *out)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_to_arrow(cursor, mapping, out, NULL), SPINE_OK);
}

/* Has no column with short offsets more than `bytes_max` bytes, or else one row only? */
static bool
field_fits(const struct arrow_field *field, const struct ArrowArray *array, int64_t begin,
           int64_t rows, uint64_t bytes_max)
{
    const int32_t *offsets;

    begin += array->offset;
    for (size_t i = 0; i < field->child_count; i++)
        if (!field_fits(&field->children[i], array->children[i], begin, rows, bytes_max))
            return false;
    if (field->layout != ARROW_STRINGS || rows == 1)
        return true;
    offsets = array->buffers[1];
    return (uint64_t)(offsets[begin + rows] - offsets[begin]) <= bytes_max;
}

static bool
records_fit(const struct spine_arrow_mapping *mapping, const struct ArrowArray *array,
            uint64_t bytes_max)
{
    for (size_t i = 0; i < mapping->count; i++)
        if (!field_fits(&mapping->fields[i], array->children[i], array->offset,
                        array->length, bytes_max))
            return false;
    return true;
}

/* What a stream gives, as batches; releases it, at last or before its records. */
static struct spine_snapshot *
read_stream(struct rng *rng, struct ArrowArrayStream *stream,
            const struct spine_arrow_mapping *mapping)
{
    static struct spine_batch *batches[BATCHES_MAX];
    static struct ArrowArray kept[BATCHES_MAX];
    const uint64_t bytes_max = ((struct records *)stream->private_data)->bytes_max;
    const bool keeps = rng_chance(rng, 30);
    struct spine_snapshot *snapshot;
    size_t count = 0;

    for (;; count++) {
        struct ArrowArray *const array = &kept[count];

        assert_int_equal(stream->get_next(stream, array), 0);
        if (array->release == NULL)
            break;
        assert_true(count < BATCHES_MAX - 1);
        assert_in_range(array->length, 1, RECORD_ROWS_MAX);
        assert_true(records_fit(mapping, array, bytes_max));
        if (keeps)
            continue;
        assert_int_equal(spine_batch_from_arrow(mapping, array, &batches[count], NULL),
                         SPINE_OK);
        array->release(array);
    }
    stream->release(stream);
    assert_null(stream->release);
    for (size_t i = 0; i < count && keeps; i++) {
        assert_int_equal(spine_batch_from_arrow(mapping, &kept[i], &batches[i], NULL),
                         SPINE_OK);
        kept[i].release(&kept[i]);
    }
    assert_int_equal(spine_snapshot_of_batches(spine_arrow_mapping_schema(mapping),
                                               batches, count, &snapshot, NULL),
                     SPINE_OK);
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(batches[i]);
    return snapshot;
}

/* Are the rows of both the same? Takes the second. */
static bool
rows_are_equal(struct spine_batch *batch, struct spine_snapshot *snapshot)
{
    struct spine_snapshot *whole;
    struct spine_cursor *cursor;
    bool are_equal;

    assert_int_equal(
        spine_snapshot_of_batches(spine_batch_schema(batch), &batch, 1, &whole, NULL),
        SPINE_OK);
    const struct spine_cursor_source sources[] = {{whole, false}, {snapshot, true}};
    assert_int_equal(spine_cursor_open_sources(sources, 2, &cursor, NULL), SPINE_OK);
    are_equal = !spine_cursor_key_valid(cursor);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    spine_snapshot_unref(whole);
    return are_equal;
}

static bool
records_come_back(struct rng *rng, size_t steps)
{
    struct spine_arrow_mapping *mapping;
    struct ArrowArrayStream stream;
    struct world world;

    world_init(&world, rng, steps);
    HOLDS_OK(spine_arrow_mapping_of_schema(&world.schema, &mapping, &world.error));
    stream_of(world.batch, rng_chance(rng, 50) ? mapping : NULL, &stream);
    HOLDS(rows_are_equal(world.batch, read_stream(rng, &stream, mapping)));
    spine_arrow_mapping_free(mapping);
    world_release(&world);
    return true;
}

/* Strings and binaries with offsets of 32 bits. */
static void
shorten(struct ArrowSchema *schema)
{
    if (schema->format[0] == 'U')
        schema->format = "u";
    if (schema->format[0] == 'Z')
        schema->format = "z";
    for (int64_t i = 0; i < schema->n_children; i++)
        shorten(schema->children[i]);
}

/* By a schema of Arrow with short offsets, in records of few bytes. */
static bool
short_records_come_back(struct rng *rng, size_t steps)
{
    static const char *const names[][WEIGHTS_MAX] = {
        {"weight"}, {"weight_0", "weight_1", "weight_2"}};
    struct spine_arrow_mapping *mapping, *narrow;
    struct spine_snapshot *snapshot;
    struct spine_batch_info info[2];
    struct ArrowArrayStream stream;
    struct spine_batch *batch;
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct world world;
    size_t indexes[8];

    world_init(&world, rng, steps);
    const struct spine_arrow_columns columns = {
        .key_indexes = indexes,
        .key_count = spine_tuple_type_count(world.schema.key_tuple),
        .weight_names = names[world.schema.weight_count > 1],
        .weight_count = world.schema.weight_count,
        .time_name = world.schema.time != SPINE_UNTIMED ? "time" : NULL};
    assert_true(columns.key_count <= 8);
    for (size_t i = 0; i < 8; i++)
        indexes[i] = i;
    HOLDS_OK(spine_arrow_mapping_of_schema(&world.schema, &mapping, &world.error));
    HOLDS_OK(spine_arrow_schema(mapping, &schema, &world.error));
    shorten(&schema);
    HOLDS_OK(spine_arrow_mapping_new(&schema, &columns, &narrow, &world.error));
    schema.release(&schema);

    /* The fields of the second mapping in the first: so the batch goes out with short
     * offsets, although its schema is the first one's. */
    for (size_t i = 0; i < mapping->count; i++)
        mapping->fields[i] = narrow->fields[i];
    stream_of(world.batch, mapping, &stream);
    HOLDS_EQUAL(stream.get_next(&stream, &array), 0);
    stream.release(&stream);
    if (array.release == NULL) {
        HOLDS_OK(spine_batch_from_tuples(spine_arrow_mapping_schema(narrow),
                                         &(struct spine_tuple_rows){0}, &batch, NULL));
    } else {
        HOLDS_OK(spine_batch_from_arrow(narrow, &array, &batch, &world.error));
        array.release(&array);
    }
    spine_batch_get_info(world.batch, &info[0]);
    spine_batch_get_info(batch, &info[1]);
    HOLDS_EQUAL(info[0].rows, info[1].rows);

    stream_of(batch, narrow, &stream);
    ((struct records *)stream.private_data)->bytes_max = rng_index(rng, 300);
    snapshot = read_stream(rng, &stream, narrow);
    HOLDS(rows_are_equal(batch, snapshot));
    spine_batch_unref(batch);
    spine_arrow_mapping_free(narrow);
    spine_arrow_mapping_free(mapping);
    world_release(&world);
    return true;
}

/* A stream of a probe has exactly the rows of its keys. */
static bool
probes_have_their_rows(struct rng *rng, size_t steps)
{
    struct spine_probe_options options = {0};
    struct spine_arrow_mapping *mapping;
    struct ArrowArrayStream stream;
    struct ArrowArray keys;
    struct spine_snapshot *whole;
    struct spine_cursor *cursor;
    struct world world;

    world_init(&world, rng, steps);
    if (world.schema.key_tuple == NULL) {
        world_release(&world);
        return true;
    }
    options.rows_max = rng_chance(rng, 50) ? 0 : 1 + rng_index(rng, 20);
    HOLDS_OK(spine_arrow_mapping_of_schema(&world.schema, &mapping, &world.error));
    HOLDS_OK(spine_snapshot_of_batches(&world.schema, &world.batch, 1, &whole, NULL));

    /* The keys of all rows from one on, with repetitions. */
    HOLDS_OK(spine_batch_cursor(world.batch, &cursor, NULL));
    for (size_t i = rng_index(rng, 50); i > 0 && spine_cursor_key_valid(cursor); i--)
        spine_cursor_step_key(cursor);
    HOLDS_OK(spine_cursor_to_arrow(cursor, mapping, &stream, &world.error));
    HOLDS_EQUAL(stream.get_next(&stream, &keys), 0);
    stream.release(&stream);
    if (keys.release != NULL) {
        const int64_t all_columns = keys.n_children;
        struct ArrowArrayStream answers;
        struct spine_snapshot *found;

        keys.n_children = (int64_t)spine_tuple_type_count(world.schema.key_tuple);
        HOLDS_OK(spine_snapshot_probe_to_arrow(whole, mapping, &keys, &options, &answers,
                                               &world.error));
        keys.n_children = all_columns;
        found = read_stream(rng, &answers, mapping);
        struct spine_batch *batch;
        HOLDS_OK(spine_batch_from_arrow(mapping, &keys, &batch, &world.error));
        HOLDS(rows_are_equal(batch, found));
        spine_batch_unref(batch);
        keys.release(&keys);
    }
    spine_arrow_mapping_free(mapping);
    spine_snapshot_unref(whole);
    world_release(&world);
    return true;
}

#define LAW(law, cases, steps)                                                           \
    static void test_##law(void **state)                                                 \
    {                                                                                    \
        const struct property property = {"test_" #law, law, cases, steps};              \
                                                                                         \
        (void)state;                                                                     \
        assert_true(property_holds(&property));                                          \
    }

LAW(records_come_back, 300, 1000)
LAW(short_records_come_back, 300, 1000)
LAW(probes_have_their_rows, 300, 1000)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_come_back),
        cmocka_unit_test(test_short_records_come_back),
        cmocka_unit_test(test_probes_have_their_rows),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
