/* SPDX-License-Identifier: MIT */

/* What readers hold beyond a block each: an eighth of a limit for all of them together,
 * and each of them as much as it leaves to others. */

#include "store/store.h"

#include "spine/backend.h"
#include "spine/runtime.h"
#include "spine/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

struct place {
    struct spine_store *store;
    struct spine_runtime *runtime;
};

static void
open_place(struct place *place, uint64_t limit_bytes)
{
    struct spine_runtime_options options = {.manual = true,
                                            .memory_limit_bytes = limit_bytes};
    struct spine_backend backend;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &place->store, NULL), SPINE_OK);
    options.store = place->store;
    assert_int_equal(spine_runtime_open(&options, &place->runtime, NULL), SPINE_OK);
}

static void
close_place(struct place *place)
{
    spine_runtime_close(place->runtime);
    spine_store_close(place->store);
}

static void
without_a_limit_all_is_given_and_nothing_counted(void **state)
{
    struct place place;
    uint64_t held = 0;

    (void)state;
    open_place(&place, 0);
    assert_true(store_ahead_max(place.store) == UINT64_MAX);
    assert_true(store_ahead_take(place.store, &held, UINT64_MAX / 2));
    assert_true(store_ahead_take(place.store, &held, UINT64_MAX / 2));
    assert_int_equal(held, 0);
    close_place(&place);
}

static void
each_reader_leaves_as_much_as_it_has(void **state)
{
    struct place place;
    uint64_t first = 0, second = 0, third = 0;

    (void)state;
    open_place(&place, 64 * MIB);
    assert_int_equal(store_ahead_max(place.store), 8 * MIB);
    assert_true(store_ahead_take(place.store, &first, 3 * MIB));
    assert_true(store_ahead_take(place.store, &first, MIB));
    assert_false(store_ahead_take(place.store, &first, 1));
    assert_int_equal(first, 4 * MIB);
    assert_false(store_ahead_take(place.store, &second, 2 * MIB + 1));
    assert_true(store_ahead_take(place.store, &second, 2 * MIB));
    assert_true(store_ahead_take(place.store, &third, MIB));
    store_ahead_give(place.store, &first, 3 * MIB);
    assert_int_equal(first, MIB);
    assert_true(store_ahead_take(place.store, &third, MIB));
    store_ahead_give(place.store, &first, first);
    store_ahead_give(place.store, &second, second);
    store_ahead_give(place.store, &third, third);
    assert_true(store_ahead_take(place.store, &second, 4 * MIB));
    store_ahead_give(place.store, &second, second);
    close_place(&place);
}

static void
no_amount_overflows(void **state)
{
    struct place place;
    uint64_t held = 0;

    (void)state;
    open_place(&place, 64 * MIB);
    assert_false(store_ahead_take(place.store, &held, UINT64_MAX));
    assert_true(store_ahead_take(place.store, &held, 4 * MIB));
    assert_false(store_ahead_take(place.store, &held, UINT64_MAX - MIB));
    store_ahead_give(place.store, &held, held);
    assert_int_equal(held, 0);
    close_place(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_all_is_given_and_nothing_counted),
        cmocka_unit_test(each_reader_leaves_as_much_as_it_has),
        cmocka_unit_test(no_amount_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
