/* SPDX-License-Identifier: MIT */

/*
 * A book knows how many snapshots there are and since when the oldest is there, whichever
 * of them end; and lives as long as one of them does.
 */

#include "snapshot/book.h"

#include "spine/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LINES 5u

static size_t
count_of(struct snapshot_book *book, const struct book_line *except, uint64_t *oldest_ns)
{
    size_t count;

    book_read(book, except, &count, oldest_ns);
    return count;
}

#define SECOND UINT64_C(1000000000)

static void
set_age(struct book_line *line, uint64_t age_ns)
{
    atomic_store(&line->taken_ns, clock_now_ns() - age_ns);
}

/* `count` lines but for `except` are there, of which `oldest` is the oldest. */
static void
expect_oldest(struct snapshot_book *book, const struct book_line *except, size_t count,
              const struct book_line *oldest)
{
    const uint64_t taken_ns = atomic_load(&oldest->taken_ns);
    const uint64_t least_ns = clock_now_ns() - taken_ns;
    uint64_t oldest_ns;

    assert_int_equal(count_of(book, except, &oldest_ns), count);
    assert_in_range(oldest_ns, least_ns, clock_now_ns() - taken_ns);
}

/* Lines end in all orders of a few: from either end, and from inside. */
static void
test_the_oldest_of_those_that_are_left(void **state)
{
    (void)state;
    for (unsigned first = 0; first < LINES; first++) {
        struct snapshot_book *book = snapshot_book_new();
        struct book_line lines[LINES] = {0};
        uint64_t oldest_ns;

        assert_int_equal(count_of(book, NULL, &oldest_ns), 0);
        assert_int_equal(oldest_ns, 0);
        for (unsigned i = 0; i < LINES; i++) {
            book_enter(book, &lines[i]);
            set_age(&lines[i], (LINES - i) * SECOND);
        }
        for (unsigned k = 0; k < LINES; k++) {
            const unsigned gone = (first + 2 * k) % LINES;
            unsigned oldest = 0;

            book_leave(&lines[gone]);
            book_leave(&lines[gone]);
            while (oldest < LINES && lines[oldest].book == NULL)
                oldest++;
            if (oldest < LINES) {
                expect_oldest(book, NULL, LINES - 1 - k, &lines[oldest]);
                continue;
            }
            assert_int_equal(count_of(book, NULL, &oldest_ns), 0);
            assert_int_equal(oldest_ns, 0);
        }
        snapshot_book_unref(book);
        assert_int_equal(spine_allocated_bytes(), 0);
    }
}

/* The list that a spine keeps for its next reader does not count, oldest or not. */
static void
test_one_is_left_out(void **state)
{
    struct snapshot_book *book = snapshot_book_new();
    struct book_line kept = {0}, held = {0};
    uint64_t oldest_ns;

    (void)state;
    book_enter(book, &kept);
    set_age(&kept, 2 * SECOND);
    assert_int_equal(count_of(book, &kept, &oldest_ns), 0);
    assert_int_equal(oldest_ns, 0);
    book_enter(book, &held);
    set_age(&held, SECOND);
    expect_oldest(book, &kept, 1, &held);
    expect_oldest(book, &held, 1, &kept);
    expect_oldest(book, NULL, 2, &kept);
    /* It is taken anew. */
    book_renew(&kept);
    expect_oldest(book, &held, 1, &kept);
    assert_true(atomic_load(&kept.taken_ns) > atomic_load(&held.taken_ns));
    book_leave(&kept);
    book_leave(&held);
    snapshot_book_unref(book);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_a_book_outlives_its_spine(void **state)
{
    struct snapshot_book *book = snapshot_book_new();
    struct book_line line = {0}, in_none = {0};
    uint64_t oldest_ns;

    (void)state;
    book_enter(NULL, &in_none);
    assert_null(in_none.book);
    book_leave(&in_none);
    book_enter(book, &line);
    snapshot_book_unref(book);
    assert_int_equal(count_of(line.book, NULL, &oldest_ns), 1);
    book_leave(&line);
    snapshot_book_unref(NULL);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_of_those_that_are_left),
        cmocka_unit_test(test_one_is_left_out),
        cmocka_unit_test(test_a_book_outlives_its_spine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
