/* SPDX-License-Identifier: MIT */

/*
 * Bytes as a tuple: either they are refused, or they are the very bytes that writing what
 * was read gives. And two tuples: those that are valid order as their elements do, which
 * a prefix shows: it comes before what it begins.
 */

#include "fuzz/fuzz.h"

#include "spine/tuple_row.h"

#include <string.h>

static void
check_tuple(struct spine_bytes bytes)
{
    struct spine_tuple_element element;
    struct spine_tuple_writer writer;
    struct spine_tuple_reader reader;
    struct spine_error error = {0};
    struct spine_bytes written;
    enum spine_status st;

    spine_tuple_writer_init(&writer);
    spine_tuple_reader_init(&reader, bytes);
    while (spine_tuple_next(&reader, &element))
        spine_tuple_put(&writer, &element);
    st = spine_tuple_reader_status(&reader, &error);
    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_CORRUPT);
    FUZZ_REQUIRE(!spine_tuple_next(&reader, &element));
    if (st == SPINE_CORRUPT)
        FUZZ_REQUIRE(error.status == st && error.message[0] != '\0');
    else {
        FUZZ_REQUIRE(spine_tuple_writer_status(&writer, &error) == SPINE_OK);
        written = spine_tuple_bytes(&writer);
        FUZZ_REQUIRE(written.size == bytes.size);
        FUZZ_REQUIRE(bytes.size == 0 ||
                     memcmp(written.data, bytes.data, bytes.size) == 0);
    }
    spine_tuple_reader_release(&reader);
    spine_tuple_writer_release(&writer);
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_tuple((struct spine_bytes){data, size});
    /* A tuple that was cut off is refused, or is a shorter tuple. */
    if (size > 0)
        check_tuple((struct spine_bytes){data, size / 2});
    return 0;
}
