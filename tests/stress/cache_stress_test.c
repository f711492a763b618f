/* SPDX-License-Identifier: MIT */

/*
 * Threads want blocks of one file, some as merges, some in runs, from a backend that is
 * slow and fails now and then, while the bound of the cache changes: every image is what
 * was written, and no block is read twice at the same time. Rows that are kept are what
 * was kept.
 */

#include "unit/store/file_fixture.h"

#include "spine/fault.h"
#include "store/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 4u
#define BLOCKS 60u
#define ROUNDS 1500u

static atomic_uint reads;
static atomic_uint reads_so_far;
static atomic_bool disk_fails;
static struct store_file *file;

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument;
    (void)name;
    (void)offset;
    (void)size;
    if (operation != SPINE_OPERATION_READ_AT || file == NULL)
        return;
    if (atomic_load(&disk_fails) && atomic_fetch_add(&reads_so_far, 1) % 7 == 0)
        fault->status = SPINE_IO;
    else
        fault->delay_ns = 20000;
    atomic_fetch_add(&reads, 1);
}

struct reader {
    pthread_t thread;
    struct spine_store *store;
    struct store_file *file;
    uint64_t seed;
    uint64_t failures; /* reads that the disk failed */
    const char *wrong;
};

static bool
is_right(uint32_t index, const struct cached_image *cached)
{
    uint8_t expected[IMAGE_BYTES_MAX];

    return memcmp(store_image(cached), expected, image_of(index, expected)) == 0;
}

/* Asks for the row of a key, or keeps it; false: it is another one. */
static bool
row_is_right(uint64_t key)
{
    const struct row_place place = {.key = key, .block = (uint32_t)(key % BLOCKS)};
    const struct kept_row row = {
        .value = key * key, .weight = -(int64_t)key, .row = (uint16_t)key};
    struct kept_row found;

    if (store_row_find(file, &place, &found))
        return found.value == row.value && found.weight == row.weight &&
               found.row == row.row;
    store_row_keep(file, &place, &row);
    return true;
}

static void *
read_blocks(void *argument)
{
    struct reader *reader = argument;
    struct rng rng;

    rng_init(&rng, reader->seed);
    for (unsigned i = 0; i < ROUNDS && reader->wrong == NULL; i++) {
        const uint32_t index = (uint32_t)rng_below(&rng, BLOCKS);
        const size_t count =
            rng_chance(&rng, 30) ? 1 + (size_t)rng_below(&rng, BLOCKS - index) : 1;
        const bool transient = rng_chance(&rng, 30);
        struct cached_image *images[BLOCKS];
        enum spine_status st;

        if (count == 1)
            st = store_pin(file, index, transient, &images[0], NULL);
        else
            st = store_pin_extent(file, index, count, transient, images, NULL);
        if (st != SPINE_OK && (st != SPINE_IO || !atomic_load(&disk_fails)))
            reader->wrong = "a status that no read gives";
        reader->failures += st != SPINE_OK;
        for (size_t f = 0; st == SPINE_OK && f < count; f++) {
            if (!is_right(index + (uint32_t)f, images[f]))
                reader->wrong = "an image is not what was written";
            store_unpin(images[f]);
        }
        if (!row_is_right(rng_below(&rng, 2 * BLOCKS)))
            reader->wrong = "a row is not what was kept";
        if (rng_chance(&rng, 2))
            store_cache_set_bytes(reader->store, (size_t)rng_below(&rng, 600000));
    }
    return NULL;
}

static void
run_threads(bool fails)
{
    const struct spine_store_options options = {.cache_bytes = 200000};
    struct reader readers[THREADS];
    struct spine_backend inner, backend;
    struct store_cache_counts counts;
    struct spine_store *store;
    struct store_file *written;
    uint64_t failures = 0;

    file = NULL;
    atomic_store(&disk_fails, fails);
    assert_int_equal(spine_memory_backend(&inner, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&inner, on_operation, NULL, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    assert_int_equal(write_file(store, BLOCKS, 0, &written, NULL), SPINE_OK);
    file = written;
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.store = store, .seed = i + 1};
        assert_int_equal(
            pthread_create(&readers[i].thread, NULL, read_blocks, &readers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_null(readers[i].wrong);
        failures += readers[i].failures;
    }
    assert_true(!fails || failures > 0);
    store_cache_set_bytes(store, 0);
    store_cache_counts(store, &counts);
    assert_int_equal(counts.bytes, 0);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
images_are_right_whoever_reads_them(void **state)
{
    (void)state;
    run_threads(false);
}

static void
reads_that_fail_hurt_nobody_else(void **state)
{
    (void)state;
    run_threads(true);
}

static void *
read_one(void *argument)
{
    struct reader *reader = argument;
    struct cached_image *cached;

    if (store_pin(file, 0, false, &cached, NULL) != SPINE_OK)
        reader->wrong = "a read failed";
    else
        store_unpin(cached);
    return NULL;
}

/* All at once, many times: one read each time. */
static void
a_block_that_many_want_is_read_once(void **state)
{
    struct spine_backend inner, backend;
    struct spine_store *store;
    struct store_file *written;

    (void)state;
    file = NULL;
    atomic_store(&disk_fails, false);
    assert_int_equal(spine_memory_backend(&inner, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&inner, on_operation, NULL, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    assert_int_equal(write_file(store, 1, 0, &written, NULL), SPINE_OK);
    file = written;
    for (unsigned round = 0; round < 100; round++) {
        struct reader readers[THREADS] = {0};

        atomic_store(&reads, 0);
        store_cache_set_bytes(store, 0);
        store_cache_set_bytes(store, 1u << 20);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(
                pthread_create(&readers[i].thread, NULL, read_one, &readers[i]), 0);
        for (unsigned i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
            assert_null(readers[i].wrong);
        }
        assert_int_equal(atomic_load(&reads), 1);
    }
    store_file_unref(file);
    spine_store_close(store);
}

#define PINS 20000u

static void *
pin_often(void *argument)
{
    struct reader *reader = argument;

    for (unsigned i = 0; i < PINS && reader->wrong == NULL; i++) {
        struct cached_image *cached;

        if (store_pin(reader->file, 0, false, &cached, NULL) != SPINE_OK)
            reader->wrong = "a pin failed";
        else
            store_unpin(cached);
    }
    return NULL;
}

/* It is there when one thread looks, and gone when the next does. */
static void
a_block_that_leaves_at_once_is_read_again(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_NONE);
    struct reader readers[THREADS] = {0};
    struct store_file *written;

    (void)state;
    assert_int_equal(write_file(store, 1, 0, &written, NULL), SPINE_OK);
    store_cache_set_bytes(store, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i].file = written;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, pin_often, &readers[i]),
                         0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_null(readers[i].wrong);
    }
    store_file_unref(written);
    spine_store_close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_right_whoever_reads_them),
        cmocka_unit_test(reads_that_fail_hurt_nobody_else),
        cmocka_unit_test(a_block_that_many_want_is_read_once),
        cmocka_unit_test(a_block_that_leaves_at_once_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
