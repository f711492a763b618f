/* SPDX-License-Identifier: MIT */

/* Units are kept for the next write as long as files are written, and count. */

#include "store/sink_unit.h"

#include "unit/store/file_fixture.h"

#include "base/alloc.h"
#include "store/store_state.h"

static struct spine_store *
open_memory(void)
{
    struct spine_backend backend;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    return store;
}

static struct sink_unit *
take(struct spine_store *store, bool has_pages)
{
    struct sink_unit *unit;

    assert_int_equal(unit_new(store, has_pages, &unit, NULL), SPINE_OK);
    assert_int_equal(unit->filled, 0);
    assert_int_equal((uintptr_t)unit->bytes % 4096, 0);
    memset(unit->bytes, 1, STORE_WRITE_BYTES);
    unit->filled = STORE_WRITE_BYTES;
    return unit;
}

static void
a_unit_is_filled_again(void **state)
{
    struct spine_store *store = open_memory();
    const uint64_t before = store_memory(store);
    const size_t allocated = spine_allocated_bytes();
    struct sink_unit *first, *second;

    (void)state;
    /* As a store has it whose runtime has a limit. */
    atomic_store(&store->memory_max, 64u << 20);
    unit_pool_enter(store);
    first = take(store, true);
    second = take(store, false);
    assert_true(store_memory(store) - before >= 2 * (uint64_t)STORE_WRITE_BYTES);
    assert_int_equal(store_memory(store) - before, spine_allocated_bytes() - allocated);
    unit_free(store, first);
    /* One for each sink stays. */
    unit_free(store, second);
    assert_true(store_memory(store) - before >= STORE_WRITE_BYTES);
    assert_true(store_memory(store) - before < 2 * (uint64_t)STORE_WRITE_BYTES);
    assert_ptr_equal(take(store, false), first);
    unit_free(store, first);
    unit_free(store, NULL);

    /* Two sinks keep two, and the last one none. */
    unit_pool_enter(store);
    first = take(store, false);
    second = take(store, true);
    unit_free(store, first);
    unit_free(store, second);
    assert_true(store_memory(store) - before >= 2 * (uint64_t)STORE_WRITE_BYTES);
    unit_pool_leave(store);
    assert_true(store_memory(store) - before < 2 * (uint64_t)STORE_WRITE_BYTES);
    assert_true(store_memory(store) > before);
    unit_pool_leave(store);
    assert_int_equal(store_memory(store), before);
    spine_store_close(store);
}

/* The next checkpoint finds what the last one wrote with, until memory is limited. */
static void
two_units_stay_without_a_limit(void **state)
{
    struct spine_store *store = open_memory();
    const uint64_t before = store_memory(store);
    const size_t allocated = spine_allocated_bytes();
    struct sink_unit *units[3];

    (void)state;
    unit_pool_enter(store);
    for (int i = 0; i < 3; i++)
        units[i] = take(store, false);
    for (int i = 0; i < 3; i++)
        unit_free(store, units[i]);
    unit_pool_leave(store);
    assert_true(store_memory(store) - before >= 2 * (uint64_t)STORE_WRITE_BYTES);
    assert_true(store_memory(store) - before < 3 * (uint64_t)STORE_WRITE_BYTES);
    assert_int_equal(store_memory(store) - before, spine_allocated_bytes() - allocated);
    unit_pool_enter(store);
    assert_ptr_equal(take(store, false), units[1]);
    assert_ptr_equal(take(store, true), units[0]);
    units[2] = take(store, true);
    unit_free(store, units[2]);
    /* That of a merge does not stay. */
    unit_pool_leave(store);
    assert_true(store_memory(store) - before < 3 * (uint64_t)STORE_WRITE_BYTES);
    unit_pool_enter(store);
    unit_free(store, units[0]);
    unit_free(store, units[1]);
    unit_pool_leave(store);
    assert_true(store_memory(store) - before >= 2 * (uint64_t)STORE_WRITE_BYTES);

    atomic_store(&store->memory_max, 64u << 20);
    unit_pool_shrink(store);
    assert_int_equal(store_memory(store), before);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_is_filled_again),
        cmocka_unit_test(two_units_stay_without_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
