/* SPDX-License-Identifier: MIT */

/* Arrays of Arrow that make no sense, or were released, are statuses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow_fixture.h"

static const uint64_t key_values[3] = {1, 2, 3};

/* A change of an array that makes it senseless, and what is said then. */
struct damage {
    const char *message;
    enum spine_status status;
    void (*damage)(struct ArrowArray *record);
};

static void
no_release(struct ArrowArray *record)
{
    record->release = NULL;
}

static void
no_child_release(struct ArrowArray *record)
{
    record->children[1]->release = NULL;
}

static void
no_child(struct ArrowArray *record)
{
    record->children[1] = NULL;
}

static void
few_children(struct ArrowArray *record)
{
    record->n_children = 1;
}

static void
no_children(struct ArrowArray *record)
{
    record->children = NULL;
}

static void
short_child(struct ArrowArray *record)
{
    record->children[1]->length = 2;
}

static void
negative_length(struct ArrowArray *record)
{
    record->length = -1;
}

static void
negative_offset(struct ArrowArray *record)
{
    record->children[1]->offset = -1;
}

static void
huge_offset(struct ArrowArray *record)
{
    record->children[1]->offset = INT64_MAX;
}

static void
few_buffers(struct ArrowArray *record)
{
    record->children[1]->n_buffers = 2;
}

static void
no_buffers(struct ArrowArray *record)
{
    record->children[1]->buffers = NULL;
}

static void
no_offsets_buffer(struct ArrowArray *record)
{
    record->children[1]->buffers[1] = NULL;
}

static void
no_bytes(struct ArrowArray *record)
{
    record->children[1]->buffers[2] = NULL;
}

static void
no_bitmap_of_nulls(struct ArrowArray *record)
{
    record->children[1]->null_count = 1;
}

static void
offset_below_zero(struct ArrowArray *record)
{
    static const int32_t offsets[4] = {-3, -2, -1, 0};

    record->children[1]->buffers[1] = offsets;
}

static void
offsets_fall(struct ArrowArray *record)
{
    static const int32_t offsets[4] = {0, 2, 1, 3};

    record->children[1]->buffers[1] = offsets;
}

static void
null_record(struct ArrowArray *record)
{
    static const uint8_t valid[1] = {5};
    static const void *buffers[1] = {valid};

    record->buffers = buffers;
    record->null_count = 1;
}

static void
dictionary_of_nobody(struct ArrowArray *record)
{
    record->children[1]->dictionary = record->children[0];
}

static const struct damage damages[] = {
    {"column (all): the array has been released", SPINE_MISUSE, no_release},
    {"column x: the array has been released", SPINE_MISUSE, no_child_release},
    {"column x: the array has been released", SPINE_MISUSE, no_child},
    {"column (all): 1 children; it takes 2", SPINE_INVALID, few_children},
    {"column (all): 2 children; it takes 2", SPINE_INVALID, no_children},
    {"column x: length 2, offset 0; it takes 3 rows from 0 on", SPINE_INVALID,
     short_child},
    {"column (all): length -1, offset 0; it takes 0 rows from 0 on", SPINE_INVALID,
     negative_length},
    {"column x: length 3, offset -1; it takes 3 rows from 0 on", SPINE_INVALID,
     negative_offset},
    {"column x: length 3, offset 9223372036854775807; it takes 3 rows from 0 on",
     SPINE_INVALID, huge_offset},
    {"column x: 2 buffers; it takes 3", SPINE_INVALID, few_buffers},
    {"column x: 3 buffers; it takes 3", SPINE_INVALID, no_buffers},
    {"column x: a buffer is NULL", SPINE_INVALID, no_offsets_buffer},
    {"column x: a buffer is NULL", SPINE_INVALID, no_bytes},
    {"column x: it has nulls, and no bitmap of them", SPINE_INVALID, no_bitmap_of_nulls},
    {"column x: an offset is below zero", SPINE_INVALID, offset_below_zero},
    {"value, column 0 (x): row 1 goes from 2 to 1; the most is 268435456 bytes",
     SPINE_INVALID, offsets_fall},
    {"record 1 is null", SPINE_INVALID, null_record},
    {"column x: it has a dictionary", SPINE_INVALID, dictionary_of_nobody},
};

static void
arrays_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const int32_t offsets[4] = {0, 1, 2, 3};
        const void *key_buffers[2] = {NULL, key_values},
                   *buffers[3] = {NULL, offsets, "abc"};
        struct ArrowSchema fields[2] = {fake_field("L", "key"), fake_field("u", "x")};
        struct ArrowSchema *field_list[2] = {&fields[0], &fields[1]};
        const struct ArrowSchema schema = fake_struct(field_list, 2);
        struct ArrowArray arrays[2] = {fake_array(key_buffers, 2, 3, 0),
                                       fake_array(buffers, 3, 3, 0)};
        struct ArrowArray *array_list[2] = {&arrays[0], &arrays[1]};
        struct ArrowArray record = fake_record(array_list, 2, 3, 0);
        struct spine_arrow_mapping *const mapping = map_first(&schema);
        struct spine_error error = {0};
        struct spine_batch *batch;

        assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                         SPINE_OK);
        spine_batch_unref(batch);
        damages[i].damage(&record);
        assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                         damages[i].status);
        assert_string_equal(error.message, damages[i].message);
        assert_null(batch);
        spine_arrow_mapping_free(mapping);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arrays_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
