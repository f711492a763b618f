/* SPDX-License-Identifier: MIT */

/*
 * What is not taken from the allocator: nothing, as long as the library has no thread of
 * its own, and some KiB of libuv's for a runtime with a loop.
 *
 * malloc and its kin are this program's own here, for all libraries in it. The allocator
 * of the library takes memory from a mapping.
 */

#include "harness/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 1
#endif

#define MAPPED_BYTES ((size_t)1 << 30)
#define LOOP_BYTES_MAX 65536u
#define ROWS 300000u
#define BATCHES 20u

/* ---- malloc ---- */

static atomic_bool watched;
static atomic_size_t calls, held_bytes;

#ifdef HAS_OWN_MALLOC
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

#define FOR_ALL __attribute__((visibility("default")))

static void
note(size_t bytes)
{
    if (!atomic_load(&watched))
        return;
    atomic_fetch_add(&calls, 1);
    atomic_fetch_add(&held_bytes, bytes);
}

FOR_ALL void *
malloc(size_t bytes)
{
    note(bytes);
    return __libc_malloc(bytes);
}

FOR_ALL void *
calloc(size_t count, size_t bytes)
{
    note(count * bytes);
    return __libc_calloc(count, bytes);
}

FOR_ALL void *
realloc(void *memory, size_t bytes)
{
    note(bytes);
    return __libc_realloc(memory, bytes);
}

FOR_ALL int
posix_memalign(void **out, size_t alignment, size_t bytes)
{
    note(bytes);
    *out = __libc_memalign(alignment, bytes);
    return *out == NULL;
}

FOR_ALL void *
aligned_alloc(size_t alignment, size_t bytes)
{
    note(bytes);
    return __libc_memalign(alignment, bytes);
}
#endif

/* ---- The allocator: a mapping that is used up ---- */

static char *mapping;
static atomic_size_t mapped_bytes;

static void *
take(void *context, size_t bytes)
{
    const size_t begin = atomic_fetch_add(&mapped_bytes, (bytes + 63) & ~(size_t)63);

    (void)context;
    return begin + bytes <= MAPPED_BYTES ? mapping + begin : NULL;
}

static void
leave(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)memory;
    (void)bytes;
}

/* ---- The tests ---- */

static uint64_t keys[ROWS];

static void
insert_batch(struct spine *spine, const struct spine_schema *schema, uint64_t first,
             uint64_t step)
{
    const struct spine_columns columns = {.rows = ROWS / BATCHES, .keys = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS / BATCHES; i++)
        keys[i] = first + i * step;
    require(spine_batch_from_columns(schema, &columns, &batch, NULL) == SPINE_OK,
            "batch");
    require(spine_insert(spine, batch, NULL) == SPINE_OK, "an insert");
    spine_batch_unref(batch);
}

/* Absent keys, until the readers have built a filter. */
static void
probe_in_vain(struct spine *spine)
{
    const struct spine_columns columns = {.rows = ROWS / BATCHES, .keys = keys};
    struct spine_snapshot *snapshot;
    struct spine_probe_rows rows;
    struct spine_probe *probe;
    struct spine_stats stats;

    require(spine_take_snapshot(spine, &snapshot, NULL) == SPINE_OK, "a snapshot");
    require(spine_probe_new(&probe, NULL) == SPINE_OK, "a probe");
    for (uint64_t turn = 0; turn < 8; turn++) {
        for (uint64_t i = 0; i < columns.rows; i++)
            keys[i] = 1 + turn % 2 * 2 + i * 8;
        require(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL) ==
                    SPINE_OK,
                "a probe");
        require(rows.found == 0, "what is not there");
    }
    spine_get_stats(spine, &stats);
    require(stats.filter_bytes > 0, "a filter");
    require(spine_allocated_bytes() > stats.filter_bytes, "filters are counted");
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
}

/* Keys that are multiples of 4, densely (a Roaring filter) or widely (a Bloom filter). */
static void
live(struct spine_runtime *runtime, uint64_t spread)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    struct spine *spine;
    struct spine_cursor *cursor;
    uint64_t count = 0;

    require(spine_open(runtime, &schema, NULL, &spine, NULL) == SPINE_OK, "a spine");
    for (uint64_t i = 0; i < BATCHES; i++)
        insert_batch(spine, &schema, i * 4 * spread, 4 * BATCHES * spread);
    require(spine_wait_idle(spine, UINT64_MAX, NULL) == SPINE_OK, "a wait");
    require(spine_consolidate(spine, NULL, NULL) == SPINE_OK, "a consolidation");
    probe_in_vain(spine);
    require(spine_cursor_open(spine, &cursor, NULL) == SPINE_OK, "a cursor");
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        count++;
    require(count == ROWS, "another number of rows");
    spine_cursor_close(cursor);
    require(spine_check(spine, NULL) == SPINE_OK, "a check");
    spine_close(spine);
}

static void
nothing_is_outside_without_threads(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;

    (void)state;
    atomic_store(&calls, 0);
    atomic_store(&watched, true);
    require(spine_runtime_open(&manual, &runtime, NULL) == SPINE_OK, "a runtime");
    live(runtime, 1);
    live(runtime, 1000003);
    spine_runtime_close(runtime);
    atomic_store(&watched, false);
    assert_int_equal(atomic_load(&calls), 0);
    assert_true(atomic_load(&mapped_bytes) > 1000000);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
little_is_outside_with_a_loop(void **state)
{
    struct spine_runtime *runtime;

    (void)state;
    atomic_store(&held_bytes, 0);
    atomic_store(&watched, true);
    require(spine_runtime_open(NULL, &runtime, NULL) == SPINE_OK, "a runtime");
    live(runtime, 1);
    live(runtime, 1000003);
    spine_runtime_close(runtime);
    atomic_store(&watched, false);
#ifdef HAS_OWN_MALLOC
    assert_in_range(atomic_load(&held_bytes), 1, LOOP_BYTES_MAX);
#endif
    print_message("of libuv: %zu bytes\n", atomic_load(&held_bytes));
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct spine_allocator allocator = {NULL, take, leave};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_outside_without_threads),
        cmocka_unit_test(little_is_outside_with_a_loop),
    };

    mapping = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(mapping != MAP_FAILED, "a mapping");
    require(spine_set_allocator(&allocator) == SPINE_OK, "an allocator");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
