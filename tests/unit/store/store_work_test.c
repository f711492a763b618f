/* SPDX-License-Identifier: MIT */

/*
 * What runtimes do for a store: files go in their threads, reads are done by them and
 * told, whoever closes first; and what a crash has left goes when a store is opened.
 */

#include "unit/store/file_fixture.h"

#include "spine/fault.h"
#include "spine/spine.h"
#include "store/store_extent.h"
#include "store/store_state.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define BLOCKS 20u

struct world {
    struct spine_backend memory;
    struct spine_store *store;
    struct spine_runtime *runtime;
    pthread_t main;
    atomic_uint removes;
    atomic_uint removes_here;
    /* At the same time, and at most. */
    atomic_uint removing, removing_most;
    atomic_uint reads;
    atomic_bool reads_fail;
    /* In the last read, but for what was read; not for the room to align it. */
    atomic_uint_least64_t memory_beside;
};

static uint64_t
memory_beside_cache(struct spine_store *store)
{
    return store_memory(store) - atomic_load(&store->cache.bytes);
}

/* It takes a while. */
static void
note_removal(struct world *world)
{
    const unsigned removing = atomic_fetch_add(&world->removing, 1) + 1;

    if (removing > atomic_load(&world->removing_most))
        atomic_store(&world->removing_most, removing);
    usleep(1000);
    atomic_fetch_sub(&world->removing, 1);
}

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct world *world = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_REMOVE) {
        atomic_fetch_add(&world->removes, 1);
        if (pthread_equal(pthread_self(), world->main))
            atomic_fetch_add(&world->removes_here, 1);
        note_removal(world);
    }
    if (operation == SPINE_OPERATION_READ_AT) {
        atomic_fetch_add(&world->reads, 1);
        if (world->store != NULL)
            atomic_store(&world->memory_beside, memory_beside_cache(world->store) - size);
        if (atomic_load(&world->reads_fail))
            fault->status = SPINE_IO;
    }
}

static void
world_init(struct world *world, bool manual)
{
    struct spine_runtime_options options = {.manual = manual};
    struct spine_backend backend;

    memset(world, 0, sizeof *world);
    world->main = pthread_self();
    assert_int_equal(spine_memory_backend(&world->memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&world->memory, on_operation, world, &backend, NULL),
        SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
    options.store = world->store;
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
}

static void
world_release(struct world *world)
{
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static struct store_file *
file_of(struct world *world)
{
    struct store_file *file;

    assert_int_equal(write_file(world->store, BLOCKS, 1, &file, NULL), SPINE_OK);
    return file;
}

static void
test_files_go_in_threads_of_the_runtime(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, false);
    for (unsigned i = 0; i < 20; i++)
        store_file_unref(file_of(&world));
    for (unsigned i = 0; i < 5000 && atomic_load(&world.removes) < 20; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&world.removes), 20);
    assert_int_equal(atomic_load(&world.removes_here), 0);
    /* The other jobs are left for reads. */
    assert_int_equal(atomic_load(&world.removing_most), 1);
    world_release(&world);
}

static void
test_files_go_when_a_manual_runtime_runs_or_closes(void **state)
{
    struct world world;
    struct store_file *file;

    (void)state;
    world_init(&world, true);
    store_file_unref(file_of(&world));
    assert_int_equal(atomic_load(&world.removes), 0);
    assert_true(spine_runtime_run(world.runtime, 100) > 0);
    assert_int_equal(atomic_load(&world.removes), 1);
    assert_int_equal(spine_runtime_run(world.runtime, 100), 0);

    store_file_unref(file_of(&world));
    file = file_of(&world);
    spine_runtime_close(world.runtime);
    assert_int_equal(atomic_load(&world.removes), 2);
    /* Nobody serves the store any more. */
    store_file_unref(file);
    assert_int_equal(atomic_load(&world.removes), 3);
    spine_store_close(world.store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
count_end(void *context)
{
    atomic_fetch_add((atomic_uint *)context, 1);
}

static void
expect_images(struct store_extent *run)
{
    uint8_t expected[IMAGE_BYTES_MAX];

    for (uint32_t i = 0; i < run->count; i++)
        assert_memory_equal(store_image(run->images[i]), expected,
                            image_of(run->index + i, expected));
}

static void
test_runs_are_read_and_told(void **state)
{
    atomic_uint ends = 0;
    struct store_extent *run;
    struct spine_error error;
    struct store_file *file;
    struct world world;

    (void)state;
    world_init(&world, true);
    file = file_of(&world);
    assert_int_equal(store_extent_new(file, 2, 9, true, &run, NULL), SPINE_OK);
    assert_true(store_extent_submit(run, world.runtime, count_end, &ends));
    assert_false(store_extent_has_ended(run));
    assert_int_equal(spine_runtime_run(world.runtime, 1), 1);
    assert_true(store_extent_has_ended(run));
    assert_int_equal(atomic_load(&ends), 1);
    assert_int_equal(atomic_load(&world.reads), 1);
    assert_in_range(atomic_load(&world.memory_beside), memory_beside_cache(world.store),
                    memory_beside_cache(world.store) + 2 * STORE_PAGE_BYTES);
    assert_int_equal(store_extent_finish(run, NULL), SPINE_OK);
    expect_images(run);
    store_extent_free(run);

    /* One that nobody has begun is read by who needs it, and is not told. */
    assert_int_equal(store_extent_new(file, 2, 9, true, &run, NULL), SPINE_OK);
    assert_true(store_extent_submit(run, world.runtime, count_end, &ends));
    assert_int_equal(store_extent_finish(run, NULL), SPINE_OK);
    expect_images(run);
    store_extent_free(run);

    /* One that fails says why. */
    atomic_store(&world.reads_fail, true);
    assert_int_equal(store_extent_new(file, 0, BLOCKS, true, &run, NULL), SPINE_OK);
    assert_true(store_extent_submit(run, NULL, count_end, &ends));
    (void)spine_runtime_run(world.runtime, 100);
    assert_int_equal(atomic_load(&ends), 2);
    assert_int_equal(store_extent_finish(run, &error), SPINE_IO);
    assert_int_equal(error.status, SPINE_IO);
    store_extent_free(run);

    /* One that nobody wants any more is not read. */
    atomic_store(&world.reads, 0);
    assert_int_equal(store_extent_new(file, 0, 3, true, &run, NULL), SPINE_OK);
    assert_true(store_extent_submit(run, NULL, count_end, &ends));
    store_extent_free(run);
    (void)spine_runtime_run(world.runtime, 100);
    assert_int_equal(atomic_load(&world.reads), 0);
    assert_int_equal(atomic_load(&ends), 2);
    store_file_unref(file);
    world_release(&world);
}

/* Reads that nobody has begun are taken back in any order; others are done in theirs. */
static void
test_reads_are_taken_back(void **state)
{
    enum { RUNS = 40 };
    struct store_extent *runs[RUNS];
    struct store_file *file;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    world_init(&world, true);
    file = file_of(&world);
    for (unsigned round = 0; round < 50; round++) {
        unsigned left = 0, reads = 0;

        for (unsigned i = 0; i < RUNS; i++) {
            assert_int_equal(store_extent_new(file, i % BLOCKS, 1, true, &runs[i], NULL),
                             SPINE_OK);
            assert_true(store_extent_submit(runs[i], NULL, NULL, NULL));
        }
        for (unsigned i = 0; i < RUNS; i++) {
            const unsigned at = (unsigned)rng_below(&rng, RUNS);

            store_extent_free(runs[at]);
            runs[at] = NULL;
        }
        for (unsigned i = 0; i < RUNS; i++)
            left += runs[i] != NULL;
        assert_in_range(left, 1, RUNS - 1);
        while (spine_runtime_run(world.runtime, 1) > 0 && reads < left) {
            for (unsigned i = 0, seen = 0; i < RUNS; i++)
                if (runs[i] != NULL)
                    assert_int_equal(store_extent_has_ended(runs[i]), seen++ <= reads);
            reads++;
        }
        assert_int_equal(reads, left);
        for (unsigned i = 0; i < RUNS; i++)
            store_extent_free(runs[i]);
    }
    store_file_unref(file);
    world_release(&world);
}

static struct spine_runtime *
runtime_with_limit(struct spine_store *store, uint64_t limit_bytes)
{
    const struct spine_runtime_options options = {
        .manual = true, .store = store, .memory_limit_bytes = limit_bytes};
    struct spine_runtime *runtime;

    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    return runtime;
}

/* What is in the cache when all blocks of the file were read. */
static uint64_t
cached_bytes(struct store_file *file)
{
    struct store_cache_counts counts;

    for (uint32_t i = 0; i < file->table.block_count; i++) {
        struct cached_image *cached;

        assert_int_equal(store_pin(file, i, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
    store_cache_counts(file->store, &counts);
    return counts.bytes;
}

/* The cache is bounded by the strictest of the runtimes that serve the store now, also
 * when the store was opened without options. */
static void
test_limits_bound_the_cache(void **state)
{
    const uint64_t small = UINT64_C(1) << 20, large = UINT64_C(64) << 20;
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct spine_runtime *runtimes[2];
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 400, 0, &file, NULL), SPINE_OK);
    runtimes[0] = runtime_with_limit(store, large);
    assert_true(cached_bytes(file) > small);
    runtimes[1] = runtime_with_limit(store, small);
    assert_in_range(cached_bytes(file), small / 8, small / 4);
    store_press(store, runtimes[1],
                &(struct service_room){.limit_bytes = small, .free_bytes = small / 4});
    assert_in_range(cached_bytes(file), small / 4, small / 2);
    store_press(store, runtimes[1],
                &(struct service_room){.limit_bytes = small, .shift = 1});
    store_press(store, runtimes[0],
                &(struct service_room){.limit_bytes = large, .shift = 0});
    assert_in_range(cached_bytes(file), small / 16, small / 8);
    spine_runtime_close(runtimes[1]);
    assert_true(cached_bytes(file) > small);
    spine_runtime_close(runtimes[0]);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The more is held, the less is read ahead; what the cache could let go of is not. */
static void
test_limits_bound_reading_ahead(void **state)
{
    const uint64_t limit = UINT64_C(8) << 20, most = limit / 8 * 3;
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct spine_runtime *runtime;
    struct cached_image *images[1000];
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 1000, 0, &file, NULL), SPINE_OK);
    assert_true(store_ahead_bytes(store) == UINT64_MAX);
    runtime = runtime_with_limit(store, limit);
    for (uint32_t i = 0; i < 1000; i++) {
        const uint64_t held = store_memory(store);

        assert_int_equal(store_ahead_bytes(store), held < most ? (most - held) / 16 : 0);
        assert_int_equal(store_pin(file, i, true, &images[i], NULL), SPINE_OK);
    }
    assert_int_equal(store_ahead_bytes(store), 0);
    for (uint32_t i = 0; i < 1000; i++)
        store_unpin(images[i]);
    assert_in_range(store_ahead_bytes(store), most / 20, most / 16);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(store_pin(file, i, false, &images[i], NULL), SPINE_OK);
        store_unpin(images[i]);
    }
    assert_in_range(store_memory(store), most / 2, limit);
    assert_in_range(store_ahead_bytes(store), most / 20, most / 16);
    store_press(store, runtime, &(struct service_room){.limit_bytes = limit, .shift = 2});
    assert_in_range(store_ahead_bytes(store), most / 100, most / 64);
    spine_runtime_close(runtime);
    assert_true(store_ahead_bytes(store) == UINT64_MAX);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* A runtime opens while reads wait that nobody served: its store kicks it before it has
 * its loop. */
static void
test_runtimes_open_with_something_to_do(void **state)
{
    atomic_uint ends = 0;
    struct spine_runtime *second;
    struct store_extent *run;
    struct store_file *file;
    struct world world;

    (void)state;
    world_init(&world, true);
    file = file_of(&world);
    assert_int_equal(store_extent_new(file, 2, 9, true, &run, NULL), SPINE_OK);
    assert_true(store_extent_submit(run, NULL, count_end, &ends));
    spine_runtime_close(world.runtime);
    assert_int_equal(
        spine_runtime_open(&(struct spine_runtime_options){.store = world.store}, &second,
                           NULL),
        SPINE_OK);
    for (unsigned i = 0; i < 5000 && atomic_load(&ends) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&ends), 1);
    store_extent_free(run);
    store_file_unref(file);
    world.runtime = second;
    world_release(&world);
}

static const char leftover[] = "00112233445566778899aabbccddeeff" STORE_FILE_ENDING;

static bool
leftover_stays(const char *other, bool keep)
{
    const struct spine_store_options options = {.keep_leftovers = keep};
    struct spine_backend backend;
    struct spine_store *store;
    void *object;
    uint64_t bytes;
    bool stays;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(backend.put_new(backend.context, leftover, "x", 1, NULL), SPINE_OK);
    if (other != NULL)
        assert_int_equal(backend.put_new(backend.context, other, "x", 1, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    stays = backend.open(backend.context, leftover, &object, &bytes, NULL) == SPINE_OK;
    if (stays)
        backend.close(backend.context, object);
    if (other != NULL) {
        assert_int_equal(backend.open(backend.context, other, &object, &bytes, NULL),
                         SPINE_OK);
        backend.close(backend.context, object);
    }
    spine_store_close(store);
    return stays;
}

static void
test_leftovers_go_when_a_store_is_opened(void **state)
{
    (void)state;
    assert_false(leftover_stays(NULL, false));
    assert_true(leftover_stays(NULL, true));
    /* What is none of ours may refer to it. */
    assert_true(leftover_stays("a-manifest", false));
    assert_true(
        leftover_stays("00112233445566778899aabbccddeef" STORE_FILE_ENDING, false));
    assert_true(leftover_stays("00112233445566778899AABBCCDDEEFF.batch", false));
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_go_in_threads_of_the_runtime),
        cmocka_unit_test(test_files_go_when_a_manual_runtime_runs_or_closes),
        cmocka_unit_test(test_runs_are_read_and_told),
        cmocka_unit_test(test_reads_are_taken_back),
        cmocka_unit_test(test_runtimes_open_with_something_to_do),
        cmocka_unit_test(test_limits_bound_the_cache),
        cmocka_unit_test(test_limits_bound_reading_ahead),
        cmocka_unit_test(test_leftovers_go_when_a_store_is_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
