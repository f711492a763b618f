/* SPDX-License-Identifier: MIT */
#include "base/ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <uv.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 20000

struct shared {
    struct ref ref;
    int payload;
    atomic_int last_drops;
};

static void
only_the_last_drop_says_so(void **state)
{
    (void)state;
    struct ref ref;

    ref_init(&ref);
    ref_take(&ref);
    ref_take(&ref);
    assert_int_equal(ref_count(&ref), 3);
    assert_false(ref_drop(&ref));
    assert_false(ref_drop(&ref));
    assert_true(ref_drop(&ref));
}

/* Gives back the one reference that the thread was given, after much taking and
 * dropping. */
static void
take_and_drop(void *argument)
{
    struct shared *shared = argument;

    for (int round = 0; round < ROUNDS; round++) {
        ref_take(&shared->ref);
        if (ref_drop(&shared->ref))
            atomic_fetch_add(&shared->last_drops, 1);
    }
    if (ref_drop(&shared->ref))
        atomic_fetch_add(&shared->last_drops, 1);
}

static void
threads_agree_who_was_last(void **state)
{
    (void)state;
    struct shared shared = {.payload = 7};
    uv_thread_t threads[THREADS];

    ref_init(&shared.ref);
    for (size_t i = 0; i < THREADS; i++)
        ref_take(&shared.ref);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], take_and_drop, &shared), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_join(&threads[i]), 0);
    assert_int_equal(shared.last_drops, 0);
    assert_true(ref_drop(&shared.ref));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_last_drop_says_so),
        cmocka_unit_test(threads_agree_who_was_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
