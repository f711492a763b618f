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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_is_filled_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
