/* SPDX-License-Identifier: MIT */

/*
 * What guests keep is taken from them when the host has closed the store and nobody
 * serves it, once; from a guest that has left nothing is taken, and none enters later.
 */

#include "spine/runtime.h"
#include "spine/store.h"
#include "store/store.h"

#include "base/container.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#define GUESTS 5u

struct keeper {
    struct store_guest guest;
    /* What is kept: a count of how often it was released. NULL once it was taken. */
    atomic_uint *kept;
};

static void *
on_take(struct store_guest *guest)
{
    struct keeper *keeper = container_of(guest, struct keeper, guest);
    void *taken = keeper->kept;

    assert_non_null(taken);
    keeper->kept = NULL;
    return taken;
}

static void
on_release(void *taken)
{
    atomic_fetch_add((atomic_uint *)taken, 1);
}

static bool
enter(struct spine_store *store, struct keeper *keeper, atomic_uint *kept)
{
    keeper->guest.on_take = on_take;
    keeper->guest.on_release = on_release;
    keeper->kept = kept;
    return store_guest_enter(store, &keeper->guest);
}

static struct spine_store *
open_store(void)
{
    struct spine_backend backend;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    return store;
}

/* Any of them leave, from either end of the list or from inside it, in either order,
 * before the rest is dismissed. */
static void
test_guests_leave_or_are_dismissed(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2u << GUESTS; round++) {
        const unsigned leaves = round / 2;
        struct spine_store *store = open_store();
        struct keeper keepers[GUESTS] = {0};
        atomic_uint released[GUESTS] = {0};

        for (unsigned i = 0; i < GUESTS; i++)
            assert_true(enter(store, &keepers[i], &released[i]));
        for (unsigned k = 0; k < GUESTS; k++) {
            const unsigned i = round % 2 == 0 ? k : GUESTS - 1 - k;

            if ((leaves >> i & 1) != 0) {
                assert_true(store_guest_leave(&keepers[i].guest));
                assert_false(store_guest_leave(&keepers[i].guest));
            }
        }
        spine_store_close(store);
        for (unsigned i = 0; i < GUESTS; i++) {
            const bool has_left = (leaves >> i & 1) != 0;

            assert_int_equal(released[i], !has_left);
            assert_true((keepers[i].kept != NULL) == has_left);
            /* Guests outlive the store. */
            assert_false(store_guest_leave(&keepers[i].guest));
        }
        assert_int_equal(spine_allocated_bytes(), 0);
    }
}

static void
test_a_guest_comes_again(void **state)
{
    struct spine_store *store = open_store();
    struct keeper keeper = {0};
    atomic_uint released = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(enter(store, &keeper, &released));
        assert_true(store_guest_leave(&keeper.guest));
    }
    assert_true(enter(store, &keeper, &released));
    spine_store_close(store);
    assert_int_equal(released, 1);
    assert_false(store_guest_leave(&keeper.guest));
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* A runtime that serves the store keeps the guests; when it closes they go. */
static void
test_guests_stay_while_the_store_is_served(void **state)
{
    struct spine_store *store = open_store();
    const struct spine_runtime_options options = {.manual = true, .store = store};
    struct spine_runtime *runtime;
    struct keeper early = {0}, late = {0}, later = {0};
    atomic_uint released[3] = {0};

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    assert_true(enter(store, &early, &released[0]));
    (void)store_ref(store);
    spine_store_close(store);
    assert_int_equal(released[0], 0);
    assert_true(enter(store, &late, &released[1]));
    spine_runtime_close(runtime);
    assert_int_equal(released[0], 1);
    assert_int_equal(released[1], 1);
    assert_false(enter(store, &later, &released[2]));
    assert_false(store_guest_leave(&later.guest));
    assert_int_equal(released[2], 0);
    assert_false(store_guest_leave(&early.guest));
    assert_false(store_guest_leave(&late.guest));
    store_unref(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What was kept by all guests, and what became of it. */
static atomic_uint kept, given_back, released_in_all;

static void *
come_and_go(void *argument)
{
    struct spine_store *store = argument;
    struct keeper keeper = {0};

    while (enter(store, &keeper, &released_in_all)) {
        atomic_fetch_add(&kept, 1);
        atomic_fetch_add(&given_back, store_guest_leave(&keeper.guest));
    }
    store_unref(store);
    return NULL;
}

/* The host closes the store while guests come and go. */
static void
test_guests_in_threads(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        struct spine_store *store = open_store();
        pthread_t threads[2];

        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(
                pthread_create(&threads[i], NULL, come_and_go, store_ref(store)), 0);
        spine_store_close(store);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(spine_allocated_bytes(), 0);
        assert_int_equal(kept, given_back + released_in_all);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guests_leave_or_are_dismissed),
        cmocka_unit_test(test_a_guest_comes_again),
        cmocka_unit_test(test_guests_stay_while_the_store_is_served),
        cmocka_unit_test(test_guests_in_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
