/* SPDX-License-Identifier: MIT */
#include "tuple/tuple.h"

#include "tuple_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The bytes end where their memory ends, so that ASan sees a read beyond. */
static uint8_t *
exact_bytes_of_hex(const char *hex, struct spine_bytes *out)
{
    uint8_t bytes[256];
    const size_t size = bytes_of_hex(hex, bytes, sizeof bytes);
    uint8_t *const exact = malloc(size > 0 ? size : 1);

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    *out = (struct spine_bytes){exact, size};
    return exact;
}

static void
what_was_put_is_read(void **state)
{
    (void)state;
    struct spine_tuple_writer writer;
    struct spine_tuple_reader reader;
    struct spine_tuple_element element;

    spine_tuple_writer_init(&writer);
    spine_tuple_begin(&writer, SPINE_DESCENDING);
    spine_tuple_put_string(&writer, "a\0b", 3, SPINE_ASCENDING);
    spine_tuple_put_null(&writer, SPINE_DESCENDING_NULLS_LAST);
    spine_tuple_end(&writer);
    spine_tuple_put_bytes(&writer, "xy", 2, SPINE_ASCENDING);
    spine_tuple_put_f64(&writer, -0.25, SPINE_DESCENDING);

    const struct spine_bytes bytes = spine_tuple_bytes(&writer);
    spine_tuple_reader_init(&reader, bytes);
    assert_true(spine_tuple_next(&reader, &element));
    assert_int_equal(element.kind, SPINE_TUPLE_BEGIN);
    assert_int_equal(element.order, SPINE_DESCENDING);
    assert_true(spine_tuple_next(&reader, &element));
    assert_int_equal(element.kind, SPINE_TUPLE_STRING);
    assert_int_equal(element.order, SPINE_ASCENDING);
    assert_int_equal(element.as.bytes.size, 3);
    assert_memory_equal(element.as.bytes.data, "a\0b", 3);
    assert_true(spine_tuple_next(&reader, &element));
    assert_int_equal(element.kind, SPINE_TUPLE_NULL);
    assert_int_equal(element.order, SPINE_DESCENDING_NULLS_LAST);
    assert_true(spine_tuple_next(&reader, &element));
    assert_int_equal(element.kind, SPINE_TUPLE_END);
    assert_true(spine_tuple_next(&reader, &element));
    assert_int_equal(element.kind, SPINE_TUPLE_BYTES);
    assert_int_equal(element.as.bytes.size, 2);
    /* Nothing to undo, so nothing was copied. */
    assert_ptr_equal(element.as.bytes.data,
                     (const uint8_t *)bytes.data + bytes.size - 13);
    assert_true(spine_tuple_next(&reader, &element));
    assert_int_equal(element.kind, SPINE_TUPLE_F64);
    assert_int_equal(element.order, SPINE_DESCENDING);
    assert_true(element.as.f64 == -0.25);
    assert_false(spine_tuple_next(&reader, &element));
    assert_false(spine_tuple_next(&reader, &element));
    assert_int_equal(spine_tuple_reader_status(&reader, NULL), SPINE_OK);

    spine_tuple_reader_release(&reader);
    spine_tuple_reader_release(&reader);
    assert_false(spine_tuple_next(&reader, &element));
    spine_tuple_writer_release(&writer);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Tuples and the offset that is to blame. */
static const struct {
    const char *hex;
    size_t at;
} corrupt[] = {
    /* No such tag, an end without a beginning, and the same flipped. */
    {"00", 0},
    {"01", 0},
    {"03", 0},
    {"06", 0},
    {"1a", 0},
    {"29", 0},
    {"31", 0},
    {"43", 0},
    {"7f", 0},
    {"80", 0},
    {"ff", 0},
    {"05 05 ff", 2},
    {"42 00 00", 2},
    {"42 ff 00", 1},
    {"bd 00 ff", 1},
    /* Cut off. */
    {"12", 0},
    {"05 28 ff ff ff ff ff ff ff", 1},
    {"0f", 0},
    {"30 00 00 00 00 00 00 00", 0},
    {"40", 0},
    {"40 61", 0},
    {"40 61 00", 0},
    {"40 61 00 ff", 0},
    {"40 61 00 ff 00", 0},
    {"42", 1},
    {"42 05", 2},
    {"bd 05", 2},
    /* Numbers with bytes to spare. */
    {"12 00", 0},
    {"21 00", 0},
    {"22 00 ff", 0},
    {"de ff", 0},
    {"0f ff", 0},
    {"0e ff 00", 0},
    /* Numbers that are none. */
    {"19 80 00 00 00 00 00 00 00", 0},
    {"08 7f ff ff ff ff ff ff ff", 0},
    {"08 ff 7f ff ff ff ff ff ff", 0},
    /* Zeros that are not escaped; the wrong end of a flipped string. */
    {"40 00 01", 0},
    {"40 61 00 fe 00 00", 0},
    {"bf 9e 00 00", 0},
    {"bf 9e ff 01", 0},
};

static void
bytes_that_no_writer_gives_are_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof corrupt / sizeof corrupt[0]; i++) {
        struct spine_bytes bytes;
        struct spine_tuple_reader reader;
        struct spine_tuple_element element;
        struct spine_error error = {SPINE_OK, ""};
        uint8_t *const exact = exact_bytes_of_hex(corrupt[i].hex, &bytes);
        char place[64];

        spine_tuple_reader_init(&reader, bytes);
        while (spine_tuple_next(&reader, &element))
            continue;
        const enum spine_status status = spine_tuple_reader_status(&reader, &error);
        (void)snprintf(place, sizeof place,
                       "tuple of %zu bytes, at byte %zu: ", bytes.size, corrupt[i].at);
        if (status != SPINE_CORRUPT || error.status != SPINE_CORRUPT ||
            strncmp(error.message, place, strlen(place)) != 0)
            fail_msg("%s: %s, %s", corrupt[i].hex, spine_status_name(status),
                     error.message);
        assert_false(spine_tuple_next(&reader, &element));
        spine_tuple_reader_release(&reader);
        free(exact);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
nesting_has_a_limit(void **state)
{
    (void)state;
    uint8_t bytes[2 * SPINE_TUPLE_DEPTH_MAX + 2];
    struct spine_tuple_reader reader;
    struct spine_tuple_element element;
    const size_t depth = SPINE_TUPLE_DEPTH_MAX;
    size_t elements = 0;

    memset(bytes, 0x42, depth);
    memset(bytes + depth, 0, depth);
    spine_tuple_reader_init(&reader, (struct spine_bytes){bytes, 2 * depth});
    while (spine_tuple_next(&reader, &element))
        elements++;
    assert_int_equal(spine_tuple_reader_status(&reader, NULL), SPINE_OK);
    assert_int_equal(elements, 2 * depth);

    memset(bytes, 0x42, depth + 1);
    memset(bytes + depth + 1, 0, depth + 1);
    spine_tuple_reader_restart(&reader, (struct spine_bytes){bytes, sizeof bytes});
    while (spine_tuple_next(&reader, &element))
        continue;
    assert_int_equal(spine_tuple_reader_status(&reader, NULL), SPINE_CORRUPT);
    spine_tuple_reader_restart(&reader, (struct spine_bytes){NULL, 0});
    assert_false(spine_tuple_next(&reader, &element));
    assert_int_equal(spine_tuple_reader_status(&reader, NULL), SPINE_OK);
}

/* Writes and reads a tuple that needs every allocation there is, while the nth and all
   after it are refused. True when none was refused. */
static bool
works_with_allocations(size_t granted)
{
    struct refusing refusing = {granted, 0};
    const struct spine_allocator allocator = {&refusing, refusing_alloc, refusing_free};
    struct spine_tuple_writer writer, copy;
    struct spine_tuple_reader reader;

    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    spine_tuple_writer_init(&writer);
    spine_tuple_writer_init(&copy);
    for (unsigned i = 0; i < 40; i++) {
        spine_tuple_begin(&writer, SPINE_DESCENDING);
        spine_tuple_put_string(&writer, "a\0bcdefghijklmnopqrstuvwxyz", i % 26,
                               SPINE_ASCENDING);
        spine_tuple_put_u64(&writer, i, SPINE_DESCENDING);
        spine_tuple_end(&writer);
    }
    enum spine_status status = spine_tuple_writer_status(&writer, NULL);
    const struct spine_bytes bytes = spine_tuple_bytes(&writer);
    assert_true((status == SPINE_OK) == (bytes.size > 0));

    spine_tuple_reader_init(&reader, bytes);
    if (status == SPINE_OK)
        status = tuple_copy(&reader, &copy);
    if (status == SPINE_OK)
        status = spine_tuple_writer_status(&copy, NULL);
    assert_int_equal(status, refusing.refusals > 0 ? SPINE_NOMEM : SPINE_OK);
    if (status == SPINE_OK) {
        assert_int_equal(spine_tuple_bytes(&copy).size, bytes.size);
        assert_memory_equal(spine_tuple_bytes(&copy).data, bytes.data, bytes.size);
    }
    spine_tuple_reader_release(&reader);
    spine_tuple_writer_release(&copy);
    spine_tuple_writer_release(&writer);
    assert_int_equal(spine_allocated_bytes(), 0);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
    return refusing.refusals == 0;
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    size_t granted = 0;

    while (!works_with_allocations(granted))
        granted++;
    assert_true(granted > 10);
}

static void
a_writer_works_again_after_a_failure(void **state)
{
    (void)state;
    struct refusing refusing = {0, 0};
    const struct spine_allocator allocator = {&refusing, refusing_alloc, refusing_free};
    struct spine_tuple_writer writer;

    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    spine_tuple_writer_init(&writer);
    spine_tuple_put_u64(&writer, 5, SPINE_ASCENDING);
    assert_int_equal(spine_tuple_writer_status(&writer, NULL), SPINE_NOMEM);
    refusing.granted = 1;
    spine_tuple_put_u64(&writer, 5, SPINE_ASCENDING);
    assert_int_equal(spine_tuple_writer_status(&writer, NULL), SPINE_NOMEM);
    spine_tuple_clear(&writer);
    spine_tuple_put_u64(&writer, 5, SPINE_ASCENDING);
    assert_int_equal(spine_tuple_writer_status(&writer, NULL), SPINE_OK);
    assert_int_equal(spine_tuple_bytes(&writer).size, 2);
    spine_tuple_writer_release(&writer);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_read),
        cmocka_unit_test(bytes_that_no_writer_gives_are_corrupt),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_writer_works_again_after_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
