/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_FIXTURE_H
#define BACKEND_FIXTURE_H

/*
 * The kinds of backends that come with the library, fresh and empty; and what is done
 * with them.
 */

#include "store/store.h"

#include "harness/directory.h"
#include "harness/rng.h"
#include "spine/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[DIRECTORY_BYTES];

static inline void
make_directory(void)
{
    directory_make(directory, "spine_backend");
}

static inline void
remove_directory(void)
{
    directory_remove(directory);
}

static inline void
no_fault(void *argument, enum spine_operation operation, const char *name,
         uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument;
    (void)operation;
    (void)name;
    (void)offset;
    (void)size;
    (void)fault;
}

/* DIRECTORY_CLOSED has at most one file open between two reads. */
enum kind { MEMORY, DIRECTORY, DIRECTORY_BUFFERED, DIRECTORY_CLOSED, FAULTS, KINDS };

static inline void
open_kind(enum kind kind, struct spine_backend *out)
{
    const struct spine_directory_options options = {
        .buffered = kind == DIRECTORY_BUFFERED,
        .descriptors_max = kind == DIRECTORY_CLOSED};
    struct spine_backend inner;
    struct spine_error error = {0};

    switch (kind) {
    case MEMORY:
        assert_int_equal(spine_memory_backend(out, &error), SPINE_OK);
        break;
    case DIRECTORY:
    case DIRECTORY_BUFFERED:
    case DIRECTORY_CLOSED:
        make_directory();
        if (spine_directory_backend(directory, &options, out, &error) != SPINE_OK)
            fail_msg("%s", error.message);
        break;
    default:
        assert_int_equal(spine_memory_backend(&inner, &error), SPINE_OK);
        assert_int_equal(spine_fault_backend(&inner, no_fault, NULL, out, &error),
                         SPINE_OK);
    }
}

static inline void
close_kind(enum kind kind, struct spine_backend *backend)
{
    spine_backend_release(backend);
    spine_backend_release(backend);
    if (kind >= DIRECTORY && kind <= DIRECTORY_CLOSED)
        remove_directory();
    assert_int_equal(spine_allocated_bytes(), 0);
}

static inline void
fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rng_next(&rng);
}

/* Writes an object in parts of different sizes. */
static inline void
put(const struct spine_backend *backend, const char *name, const uint8_t *bytes,
    size_t size)
{
    struct spine_error error = {0};
    size_t at = 0, part = 1;
    void *writer;

    assert_int_equal(backend->create(backend->context, name, &writer, &error), SPINE_OK);
    while (at < size) {
        part = part * 3 < size - at ? part * 3 : size - at;
        assert_int_equal(
            backend->write(backend->context, writer, bytes + at, part, &error), SPINE_OK);
        at += part;
    }
    if (backend->finish(backend->context, writer, &error) != SPINE_OK)
        fail_msg("%s", error.message);
}

static inline void
expect(const struct spine_backend *backend, const char *name, const uint8_t *bytes,
       size_t size)
{
    uint8_t *const read = malloc(size + 1);
    struct spine_error error = {0};
    uint64_t length = 1;
    void *object;

    assert_int_equal(backend->open(backend->context, name, &object, &length, &error),
                     SPINE_OK);
    assert_int_equal(length, size);
    if (size > 0) {
        assert_int_equal(
            backend->read_at(backend->context, object, 0, read, size, &error), SPINE_OK);
        assert_memory_equal(read, bytes, size);
    }
    assert_int_equal(backend->read_at(backend->context, object, size, read, 1, &error),
                     SPINE_CORRUPT);
    assert_non_null(strstr(error.message, name));
    for (size_t at = 1; at + 1 < size; at = at * 2 + 13) {
        const size_t part = size - at < 5000 ? size - at : 5000;

        assert_int_equal(
            backend->read_at(backend->context, object, at, read, part, &error), SPINE_OK);
        assert_memory_equal(read, bytes + at, part);
        assert_int_equal(
            backend->read_at(backend->context, object, at, read, size - at + 1, &error),
            SPINE_CORRUPT);
    }
    backend->close(backend->context, object);
    free(read);
}

struct names {
    unsigned count;
    uint64_t bytes;
    unsigned stop_after;
};

static inline enum spine_status
count_name(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct names *names = argument;

    (void)error;
    assert_true(spine_name_is_valid(name));
    names->count++;
    names->bytes += bytes;
    return names->count == names->stop_after ? SPINE_BUSY : SPINE_OK;
}

static inline struct names
names_of(const struct spine_backend *backend)
{
    struct names names = {0};

    assert_int_equal(backend->list(backend->context, count_name, &names, NULL), SPINE_OK);
    return names;
}

/* What a script of all operations answers. */
static inline enum spine_status
run_all(const struct spine_backend *backend, struct spine_error *error)
{
    void *writer = NULL, *object = NULL;
    struct names names = {0};
    uint64_t length;
    char read[3];
    enum spine_status st = backend->create(backend->context, "a", &writer, error);

    if (st == SPINE_OK) {
        st = backend->write(backend->context, writer, "123", 3, error);
        if (st == SPINE_OK)
            st = backend->finish(backend->context, writer, error);
        else
            backend->abort(backend->context, writer);
    }
    if (st == SPINE_OK)
        st = backend->open(backend->context, "a", &object, &length, error);
    if (st == SPINE_OK) {
        st = backend->read_at(backend->context, object, 0, read, 3, error);
        if (st == SPINE_OK && memcmp(read, "123", 3) != 0)
            st = SPINE_CORRUPT;
        if (st == SPINE_OK)
            st = backend->sync(backend->context, object, error);
        backend->close(backend->context, object);
    }
    if (st == SPINE_OK)
        st = backend->sync_names(backend->context, error);
    if (st == SPINE_OK)
        st = backend->put_new(backend->context, "b", "4", 1, error);
    if (st == SPINE_OK)
        st = backend->remove(backend->context, "b", error);
    if (st == SPINE_OK)
        st = backend->list(backend->context, count_name, &names, error);
    return st;
}

#endif
