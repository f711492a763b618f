/* SPDX-License-Identifier: MIT */

/*
 * Streams of records: their sizes, their end and their failures, and what is released
 * when. That the rows are right is a law (property/arrow_law_test).
 */

#include "arrow/arrow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow_fixture.h"
#include "harness/fault_alloc.h"

#include <errno.h>
#include <stdlib.h>

enum { MANY = 150000 };

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

/* Keys 0, 1, ... of weight `weight`, all with the value 7. */
static struct spine_batch *
batch_of(size_t rows, int64_t weight)
{
    static uint64_t keys[MANY], values[MANY];
    static int64_t weights[MANY];
    const struct spine_columns columns = {
        .rows = rows, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    for (size_t i = 0; i < rows; i++) {
        keys[i] = i;
        values[i] = 7;
        weights[i] = weight;
    }
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

/* A stream of the batch, which it takes. */
static void
open_stream(struct spine_batch *batch, struct ArrowArrayStream *out)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(
        spine_snapshot_of_batches(spine_batch_schema(batch), &batch, 1, &snapshot, NULL),
        SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(spine_snapshot_to_arrow(snapshot, NULL, out, NULL), SPINE_OK);
    spine_snapshot_unref(snapshot);
}

static void
many_rows(void **state)
{
    static const int64_t lengths[] = {65536, 65536, MANY - 2 * 65536};
    const size_t bytes = spine_allocated_bytes();
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array, end;
    uint64_t row = 0;

    (void)state;
    open_stream(batch_of(MANY, -3), &stream);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(schema.n_children, 3);
    schema.release(&schema);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        assert_int_equal(array.length, lengths[i]);
        assert_int_equal(array.n_children, 3);
        for (int64_t r = 0; r < array.length; r++, row++) {
            assert_int_equal(((const uint64_t *)array.children[0]->buffers[1])[r], row);
            assert_int_equal(((const uint64_t *)array.children[1]->buffers[1])[r], 7);
            assert_int_equal(((const int64_t *)array.children[2]->buffers[1])[r], -3);
        }
        if (i < 2)
            array.release(&array);
    }
    /* The last records are still there when the stream has ended and is released. */
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);
    assert_null(stream.get_last_error(&stream));
    stream.release(&stream);
    assert_null(stream.release);
    assert_int_equal(((const uint64_t *)array.children[0]->buffers[1])[0], 131072);
    array.release(&array);
    assert_int_equal(spine_allocated_bytes(), bytes);
}

/* Records of large rows end before they have 65,536 of them. */
static void
large_rows(void **state)
{
    static const struct spine_schema large = {.key = {SPINE_U64, 0},
                                              .value = {SPINE_FIXED, 500}};
    enum { ROWS = 40000, BYTES = 508 };
    static uint64_t keys[ROWS];
    static uint8_t values[ROWS * 500];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    struct spine_batch *batch;
    int64_t rows = 0;

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        keys[i] = i;
    assert_int_equal(spine_batch_from_columns(&large, &columns, &batch, NULL), SPINE_OK);
    open_stream(batch, &stream);
    ((struct records *)stream.private_data)->page_bytes = 10000 * BYTES;
    for (;;) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        if (array.release == NULL)
            break;
        /* Rows are read in pieces. */
        assert_in_range(array.length, 1, 10000 + 2048);
        assert_true(array.length >= 10000 || rows + array.length == ROWS);
        assert_int_equal(((const uint64_t *)array.children[0]->buffers[1])[0], rows);
        rows += array.length;
        array.release(&array);
    }
    assert_int_equal(rows, ROWS);
    stream.release(&stream);
}

/* What Arrow has as a page has it is not copied: buffers are the columns of the page, and
 * of all arrays that are given of it the last one to be released lets the page go. */
static void
columns_are_lent(void **state)
{
    struct ArrowSchema number = fake_field("l", "number"), text = fake_field("U", "text"),
                       code = fake_field("w:3", "code"), weight = fake_field("l", "w");
    struct ArrowSchema *fields[] = {&number, &text, &code, &weight};
    struct ArrowSchema schema = fake_struct(fields, 4);
    static const int64_t numbers[] = {1, 2, 3};
    static const uint64_t offsets[] = {0, 2, 2, 5};
    static const uint8_t valid[] = {5};
    const struct spine_column_data keys[] = {{.values = numbers}};
    const struct spine_column_data values[] = {
        {.values = "abcde", .offsets = offsets, .valid = valid}, {.values = "onetwosix"}};
    const struct spine_tuple_rows rows = {.rows = 3, .keys = keys, .values = values};
    static const char *const weights[] = {"w"};
    static const size_t first[1];
    const struct spine_arrow_columns columns = {
        .key_indexes = first, .key_count = 1, .weight_names = weights, .weight_count = 1};
    const size_t bytes = spine_allocated_bytes();
    struct spine_arrow_mapping *mapping;
    struct ArrowArrayStream stream;
    struct ArrowArray array, child;
    struct spine_cursor *cursor;
    struct spine_batch *batch;

    (void)state;
    assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, NULL),
                     SPINE_OK);
    assert_int_equal(
        spine_batch_from_tuples(spine_arrow_mapping_schema(mapping), &rows, &batch, NULL),
        SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_to_arrow(cursor, mapping, &stream, NULL), SPINE_OK);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.length, 3);

    const struct outlet *const outlet = &((struct records *)stream.private_data)->outlet;
    const struct spine_tuple_rows *const page = &outlet->rows;

    assert_ptr_equal(array.children[0]->buffers[1], page->keys[0].values);
    assert_ptr_equal(array.children[1]->buffers[0], page->values[0].valid);
    assert_ptr_equal(array.children[1]->buffers[1], page->values[0].offsets);
    assert_ptr_equal(array.children[1]->buffers[2], page->values[0].values);
    assert_ptr_equal(array.children[2]->buffers[1], page->values[1].values);
    assert_ptr_equal(array.children[3]->buffers[1], page->weights);

    assert_false(hold_is_alone(outlet->hold));
    child = *array.children[0];
    array.children[0]->release = NULL;
    array.release(&array);
    assert_null(array.release);
    assert_false(hold_is_alone(outlet->hold));
    child.release(&child);
    assert_null(child.release);
    assert_true(hold_is_alone(outlet->hold));
    stream.release(&stream);
    spine_batch_unref(batch);
    spine_arrow_mapping_free(mapping);
    assert_int_equal(spine_allocated_bytes(), bytes);
}

/* In the middle, and without having given anything. */
static void
early_release(void **state)
{
    const size_t bytes = spine_allocated_bytes();
    struct ArrowArrayStream stream;
    struct ArrowArray first, second, child;

    (void)state;
    open_stream(batch_of(10, 1), &stream);
    stream.release(&stream);
    assert_int_equal(spine_allocated_bytes(), bytes);

    open_stream(batch_of(MANY, 1), &stream);
    assert_int_equal(stream.get_next(&stream, &first), 0);
    assert_int_equal(stream.get_next(&stream, &second), 0);
    stream.release(&stream);
    first.release(&first);
    /* A child that is moved elsewhere outlives its parent. */
    child = *second.children[0];
    second.children[0]->release = NULL;
    second.release(&second);
    assert_int_equal(((const uint64_t *)child.buffers[1])[65535], 131071);
    child.release(&child);
    assert_null(child.release);
    assert_int_equal(spine_allocated_bytes(), bytes);
}

/* Without rows there are no records, and yet a schema. */
static void
no_rows(void **state)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    open_stream(batch_of(0, 1), &stream);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_null(array.release);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    schema.release(&schema);
    stream.release(&stream);
}

/* The records of a probe, up to 1 MiB each, whose values, of `width` bytes, begin with
 * their number: how many rows they have together, and the largest. */
static int64_t
read_probe(struct spine_batch *batch, size_t width, struct ArrowArray *column,
           int64_t *most)
{
    struct ArrowArray *list[1] = {column};
    struct ArrowArray keys = fake_record(list, 1, column->length, 0), array;
    struct spine_snapshot *snapshot;
    struct ArrowArrayStream stream;
    int64_t rows = 0;

    assert_int_equal(
        spine_snapshot_of_batches(spine_batch_schema(batch), &batch, 1, &snapshot, NULL),
        SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(
        spine_snapshot_probe_to_arrow(snapshot, NULL, &keys, NULL, &stream, NULL),
        SPINE_OK);
    spine_snapshot_unref(snapshot);
    ((struct records *)stream.private_data)->page_bytes = 1 << 20;
    *most = 0;
    for (;;) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        if (array.release == NULL)
            break;
        *most = array.length > *most ? array.length : *most;
        for (int64_t i = 0; i < array.length; i++, rows++) {
            const uint8_t *const values = array.children[1]->buffers[1];

            assert_int_equal(*(const uint64_t *)(values + (size_t)i * width), rows);
        }
        array.release(&array);
    }
    stream.release(&stream);
    return rows;
}

/* Each row of a probe has its key: few rows have long ones. */
static void
long_keys(void **state)
{
    static const struct spine_schema schema = {.key = {SPINE_FIXED, 1000},
                                               .value = {SPINE_U64, 0}};
    enum { ROWS = 30000 };
    static uint8_t key[ROWS * 1000];
    static uint64_t values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = key, .values = values};
    const void *buffers[2] = {NULL, key};
    struct ArrowArray column = fake_array(buffers, 2, 1, 0);
    struct spine_batch *batch;
    int64_t most;

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        values[i] = i;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(read_probe(batch, 8, &column, &most), ROWS);
    assert_in_range(most, 1000, (1 << 20) / 1000);
}

/* So do long values, of which the answers of the probe are small, too. */
static void
long_values(void **state)
{
    enum { ROWS = 2000, SIZE = 50000 };
    static const struct spine_schema large = {.key = {SPINE_U64, 0},
                                              .value = {SPINE_FIXED, SIZE}};
    const size_t before = spine_allocated_bytes();
    static uint64_t keys[ROWS];
    const void *buffers[2] = {NULL, keys};
    struct ArrowArray column = fake_array(buffers, 2, ROWS, 0);
    uint8_t *const values = calloc(ROWS, SIZE);
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_batch *batch;
    int64_t most;

    (void)state;
    assert_non_null(values);
    for (uint64_t i = 0; i < ROWS; i++) {
        keys[i] = i;
        memcpy(values + i * SIZE, &i, sizeof i);
    }
    assert_int_equal(spine_batch_from_columns(&large, &columns, &batch, NULL), SPINE_OK);
    free(values);
    assert_int_equal(read_probe(batch, SIZE, &column, &most), ROWS);
    assert_in_range(most, 20, (1 << 20) / SIZE + 1);
    assert_int_equal(spine_allocated_bytes(), before);
}

/* A value with more times than records have rows. */
static void
many_times(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .time = SPINE_TIME_U64};
    static uint64_t keys[MANY], times[MANY];
    const struct spine_columns columns = {.rows = MANY, .keys = keys, .times = times};
    struct ArrowArrayStream stream;
    struct spine_batch *batch;
    struct ArrowArray array;
    uint64_t row = 0;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        times[i] = i;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    open_stream(batch, &stream);
    for (;;) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        if (array.release == NULL)
            break;
        assert_in_range(array.length, 1, 65536);
        const struct ArrowArray *const column = array.children[1];
        assert_int_equal(column->length, array.length);
        for (int64_t r = 0; r < array.length; r++, row++)
            assert_int_equal(((const uint64_t *)column->buffers[1])[column->offset + r],
                             row);
        array.release(&array);
    }
    assert_int_equal(row, MANY);
    stream.release(&stream);
}

/* From where a cursor stands to its bound. */
static void
a_range(void **state)
{
    const union spine_datum lower = spine_u64(10), upper = spine_u64(20);
    struct spine_batch *const batch = batch_of(100, 1);
    struct ArrowArrayStream stream;
    struct spine_cursor *cursor;
    struct ArrowArray array;

    (void)state;
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    spine_cursor_set_bounds(cursor, &lower, &upper);
    spine_cursor_seek_key(cursor, spine_u64(13));
    assert_int_equal(spine_cursor_to_arrow(cursor, NULL, &stream, NULL), SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.length, 7);
    assert_int_equal(((const uint64_t *)array.children[0]->buffers[1])[0], 13);
    array.release(&array);
    stream.release(&stream);
}

/* A sum that is too large is told, each time that somebody asks. */
static void
failures(void **state)
{
    struct spine_batch *const batches[] = {batch_of(10, INT64_MAX), batch_of(10, 1)};
    struct spine_snapshot *snapshot;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    assert_int_equal(spine_snapshot_of_batches(&pairs, batches, 2, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_snapshot_to_arrow(snapshot, NULL, &stream, NULL), SPINE_OK);
    assert_null(stream.get_last_error(&stream));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stream.get_next(&stream, &array), EOVERFLOW);
        assert_null(array.release);
        assert_non_null(stream.get_last_error(&stream));
    }
    stream.release(&stream);

    /* Who asks a stream that was released hears that. */
    struct ArrowArrayStream ghost = {0};
    assert_int_equal(spine_snapshot_to_arrow(snapshot, NULL, &stream, NULL), SPINE_OK);
    ghost = stream;
    stream.release(&stream);
    ghost.private_data = NULL;
    assert_int_equal(ghost.get_next(&ghost, &array), EINVAL);
    assert_int_equal(ghost.get_schema(&ghost, &schema), EINVAL);
    assert_string_equal(ghost.get_last_error(&ghost), "the stream has been released");
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batches[0]);
    spine_batch_unref(batches[1]);
}

/* Keys in no order, twice, and absent; through a time; counts and other schemas are
 * refused. */
static void
probes(void **state)
{
    const struct spine_schema timed = {
        .key = {SPINE_BYTES, 0}, .value = {SPINE_FIXED, 2}, .time = SPINE_TIME_U64};
    const uint64_t offsets[] = {0, 1, 3, 3}, times[] = {1, 5, 3};
    const struct spine_columns columns = {.rows = 3,
                                          .keys = "abc",
                                          .key_offsets = offsets,
                                          .values = "112233",
                                          .times = times};
    const int64_t wanted[] = {0, 2, 3, 3, 4};
    const void *buffers[3] = {NULL, wanted, "bcxa"};
    struct ArrowArray column = fake_array(buffers, 3, 4, 0), *list[1] = {&column};
    struct ArrowArray keys = fake_record(list, 1, 4, 0), array;
    struct spine_probe_options options = {.has_through = true, .through = 4};
    struct spine_arrow_mapping *mapping;
    struct spine_snapshot *snapshot;
    struct ArrowArrayStream stream;
    struct spine_batch *batch;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_batch_from_columns(&timed, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&timed, &batch, 1, &snapshot, NULL),
                     SPINE_OK);
    spine_batch_unref(batch);
    released = 0;
    assert_int_equal(
        spine_snapshot_probe_to_arrow(snapshot, NULL, &keys, NULL, &stream, &error),
        SPINE_OK);
    assert_int_equal(released, 0);
    /* "" and "bc"; "x" and "a" ask for what there is of them. */
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.length, 3);
    assert_memory_equal(array.children[0]->buffers[2], "abc", 3);
    assert_memory_equal(array.children[1]->buffers[1], "331122", 6);
    assert_int_equal(((const uint64_t *)array.children[2]->buffers[1])[2], 5);
    array.release(&array);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_null(array.release);
    stream.release(&stream);

    assert_int_equal(
        spine_snapshot_probe_to_arrow(snapshot, NULL, &keys, &options, &stream, &error),
        SPINE_OK);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.length, 2);
    assert_int_equal(((const uint64_t *)array.children[2]->buffers[1])[1], 0);
    array.release(&array);
    stream.release(&stream);

    options = (struct spine_probe_options){.want = SPINE_PROBE_COUNTS};
    assert_int_equal(
        spine_snapshot_probe_to_arrow(snapshot, NULL, &keys, &options, &stream, &error),
        SPINE_INVALID);
    assert_int_equal(spine_arrow_mapping_of_schema(&pairs, &mapping, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_to_arrow(snapshot, mapping, &keys, NULL, &stream, &error),
        SPINE_INVALID);
    assert_non_null(strstr(error.message, "mapping has another schema: key SPINE_U64"));
    assert_int_equal(spine_snapshot_to_arrow(snapshot, mapping, &stream, &error),
                     SPINE_INVALID);
    assert_null(stream.release);
    keys.release = NULL;
    assert_int_equal(
        spine_snapshot_probe_to_arrow(snapshot, NULL, &keys, NULL, &stream, &error),
        SPINE_MISUSE);
    spine_arrow_mapping_free(mapping);
    spine_snapshot_unref(snapshot);
}

/* A batch in, a stream and a probe out; a status. */
static enum spine_status
use_all(const struct spine_arrow_mapping *mapping, const struct ArrowArray *record)
{
    struct ArrowArrayStream streams[2] = {0};
    struct spine_snapshot *snapshot = NULL;
    struct spine_batch *batch = NULL;
    struct ArrowArray array, keys = *record;
    enum spine_status st = spine_batch_from_arrow(mapping, record, &batch, NULL);

    keys.n_children = 1;
    if (st == SPINE_OK)
        st = spine_snapshot_of_batches(spine_arrow_mapping_schema(mapping), &batch, 1,
                                       &snapshot, NULL);
    if (st == SPINE_OK)
        st = spine_snapshot_to_arrow(snapshot, mapping, &streams[0], NULL);
    if (st == SPINE_OK)
        st = spine_snapshot_probe_to_arrow(snapshot, mapping, &keys, NULL, &streams[1],
                                           NULL);
    for (int i = 0; i < 2 && st == SPINE_OK; i++) {
        const int answer = streams[i].get_next(&streams[i], &array);

        assert_true(answer == 0 || answer == ENOMEM);
        if (answer != 0) {
            assert_null(array.release);
            st = SPINE_NOMEM;
            break;
        }
        assert_int_equal(array.length, 3);
        array.release(&array);
    }
    for (int i = 0; i < 2; i++)
        if (streams[i].release != NULL)
            streams[i].release(&streams[i]);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    return st;
}

/* Whichever allocation fails, that is told, and nothing is left. */
static void
without_memory(void **state)
{
    const uint8_t valid[1] = {5}, bits[1] = {3};
    const int32_t offsets[] = {0, 2, 2, 5};
    const int8_t indexes[] = {1, 0, 1};
    const void *string_buffers[3] = {NULL, offsets, "abcde"};
    const void *bool_buffers[2] = {valid, bits}, *index_buffers[2] = {valid, indexes};
    const void *value_buffers[3] = {NULL, offsets, "abcde"};
    struct ArrowSchema values = fake_field("z", "");
    struct ArrowSchema fields[3] = {fake_field("u", "key"), fake_field("b", "x"),
                                    fake_field("c", "y")};
    struct ArrowSchema *field_list[3] = {&fields[0], &fields[1], &fields[2]};
    const struct ArrowSchema schema = fake_struct(field_list, 3);
    struct ArrowArray dictionary = fake_array(value_buffers, 3, 2, 0);
    struct ArrowArray arrays[3] = {fake_array(string_buffers, 3, 3, 0),
                                   fake_array(bool_buffers, 2, 3, 0),
                                   fake_array(index_buffers, 2, 3, 0)};
    struct ArrowArray *array_list[3] = {&arrays[0], &arrays[1], &arrays[2]};
    const struct ArrowArray record = fake_record(array_list, 3, 3, 0);
    struct spine_arrow_mapping *mapping;
    unsigned count = 0;
    bool fired = true;

    (void)state;
    fields[2].dictionary = &values;
    arrays[2].dictionary = &dictionary;
    fault_alloc_install();
    mapping = map_first(&schema);
    const size_t blocks = fault_alloc_live_blocks();
    for (uint64_t nth = 1; fired; nth++) {
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = use_all(mapping, &record);
        fired = fault_alloc_disarm();
        assert_true(st == SPINE_OK || (fired && st == SPINE_NOMEM));
        count += st == SPINE_NOMEM;
        assert_int_equal(fault_alloc_live_blocks(), blocks);
    }
    assert_in_range(count, 50, 1000);
    spine_arrow_mapping_free(mapping);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_rows),      cmocka_unit_test(large_rows),
        cmocka_unit_test(early_release),  cmocka_unit_test(no_rows),
        cmocka_unit_test(many_times),     cmocka_unit_test(a_range),
        cmocka_unit_test(failures),       cmocka_unit_test(probes),
        cmocka_unit_test(without_memory), cmocka_unit_test(columns_are_lent),
        cmocka_unit_test(long_keys),      cmocka_unit_test(long_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
