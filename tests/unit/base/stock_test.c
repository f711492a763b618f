/* SPDX-License-Identifier: MIT */
#include "base/stock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include <cmocka.h>

#define PIECE ((size_t)100 << 10)
#define MUCH ((size_t)64 << 20)
#define THREADS 4u
#define ROUNDS 5000u
#define HELD 8u

static int
empty_it(void **state)
{
    (void)state;
    stock_empty();
    return 0;
}

static void *
piece_new(size_t bytes)
{
    void *const piece = malloc(bytes);

    assert_non_null(piece);
    return piece;
}

static void
the_latest_that_fits_is_taken(void **state)
{
    void *const first = piece_new(PIECE), *const second = piece_new(PIECE);
    void *const large = piece_new(2 * PIECE);

    (void)state;
    assert_null(stock_take(PIECE));
    assert_true(stock_put(first, PIECE, MUCH));
    assert_true(stock_put(second, PIECE, MUCH));
    assert_true(stock_put(large, 2 * PIECE, MUCH));
    /* Too small, and too large by more than a sixteenth. */
    assert_null(stock_take(PIECE + 1));
    assert_null(stock_take(PIECE - PIECE / 8));
    assert_ptr_equal(stock_take(PIECE - PIECE / 32), second);
    assert_ptr_equal(stock_take(PIECE), first);
    assert_null(stock_take(PIECE));
    assert_ptr_equal(stock_take(2 * PIECE), large);
    free(first);
    free(second);
    free(large);
}

/* Sizes are classed; what is needed may be the last of its class. */
static void
a_piece_of_the_next_class_fits(void **state)
{
    const size_t end = STOCK_PIECE_MIN + STOCK_PIECE_MIN / 8;
    void *const piece = piece_new(end);

    (void)state;
    assert_true(stock_put(piece, end, MUCH));
    assert_ptr_equal(stock_take(end - 1), piece);
    free(piece);
}

static void
the_oldest_are_freed_beyond_the_bound(void **state)
{
    void *pieces[10];

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        pieces[i] = piece_new(PIECE);
        assert_true(stock_put(pieces[i], PIECE, 3 * PIECE));
    }
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(stock_take(PIECE), pieces[9 - i]);
    assert_null(stock_take(PIECE));
    for (unsigned i = 0; i < 3; i++)
        free(pieces[9 - i]);
}

static void
limits_add_up_and_end(void **state)
{
    (void)state;
    stock_limit(PIECE);
    stock_limit(PIECE + 1);
    for (unsigned i = 0; i < 5; i++)
        assert_true(stock_put(piece_new(PIECE), PIECE, MUCH));
    for (unsigned i = 0; i < 2; i++)
        free(stock_take(PIECE));
    assert_null(stock_take(PIECE));

    stock_unlimit(PIECE);
    stock_unlimit(PIECE + 1);
    for (unsigned i = 0; i < 5; i++)
        assert_true(stock_put(piece_new(PIECE), PIECE, MUCH));
    for (unsigned i = 0; i < 5; i++) {
        void *const piece = stock_take(PIECE);

        assert_non_null(piece);
        free(piece);
    }
}

static void
a_lower_bound_frees_a_few_at_a_time(void **state)
{
    unsigned kept = 0;
    void *piece;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_true(stock_put(piece_new(PIECE), PIECE, MUCH));
    assert_true(stock_put(piece_new(PIECE), PIECE, PIECE));
    for (; (piece = stock_take(PIECE)) != NULL; kept++)
        free(piece);
    assert_in_range(kept, 2, 10);
}

static void
small_and_very_large_memory_is_not_kept(void **state)
{
    void *const piece = piece_new(STOCK_PIECE_MIN - 1);

    (void)state;
    assert_false(stock_put(piece, STOCK_PIECE_MIN - 1, MUCH));
    assert_null(stock_take(STOCK_PIECE_MIN - 1));
    assert_false(stock_put(piece, STOCK_PIECE_MAX, MUCH));
    assert_null(stock_take(STOCK_PIECE_MAX));
    assert_null(stock_take(SIZE_MAX));
    free(piece);
}

static void
what_is_kept_goes_when_it_is_emptied(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_true(stock_put(piece_new(PIECE + i * 4096), PIECE + i * 4096, MUCH));
    stock_empty();
    for (unsigned i = 0; i < 10; i++)
        assert_null(stock_take(PIECE + i * 4096));
    stock_empty();
}

/* Takes, fills and puts; what it has filled nobody else writes to. */
static void
take_and_put(void *argument)
{
    uint64_t *held[HELD] = {NULL};
    const uint64_t mine = (uint64_t)(uintptr_t)argument;

    for (uint64_t round = 0; round < ROUNDS; round++) {
        const size_t at = round % HELD, bytes = PIECE - (round * mine % 7) * 512;

        if (held[at] != NULL) {
            assert_int_equal(held[at][0], mine);
            assert_int_equal(held[at][PIECE / 8 - 1], mine + at);
            if (!stock_put(held[at], PIECE, 16 * PIECE))
                free(held[at]);
        }
        held[at] = stock_take(bytes);
        if (held[at] == NULL)
            held[at] = piece_new(PIECE);
        held[at][0] = mine;
        held[at][PIECE / 8 - 1] = mine + at;
        if (round % 1000 == 0)
            stock_empty();
    }
    for (unsigned at = 0; at < HELD; at++)
        free(held[at]);
}

static void
a_piece_is_given_to_one_thread(void **state)
{
    uv_thread_t threads[THREADS];

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], take_and_put, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_join(&threads[i]), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_latest_that_fits_is_taken, empty_it),
        cmocka_unit_test_setup(a_piece_of_the_next_class_fits, empty_it),
        cmocka_unit_test_setup(the_oldest_are_freed_beyond_the_bound, empty_it),
        cmocka_unit_test_setup(limits_add_up_and_end, empty_it),
        cmocka_unit_test_setup(a_lower_bound_frees_a_few_at_a_time, empty_it),
        cmocka_unit_test_setup(small_and_very_large_memory_is_not_kept, empty_it),
        cmocka_unit_test_setup(what_is_kept_goes_when_it_is_emptied, empty_it),
        cmocka_unit_test_setup_teardown(a_piece_is_given_to_one_thread, empty_it,
                                        empty_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
