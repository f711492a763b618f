/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "spine/spine.h"

#define ROWS ((size_t)600000)

static struct spine_batch *
batch_of_numbers(size_t rows)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    uint64_t *numbers = malloc(rows * sizeof *numbers);
    const struct spine_columns columns = {
        .rows = rows, .keys = numbers, .values = numbers};
    struct random random = {11};
    struct spine_batch *batch;
    struct spine_error error;

    /* Keys whose words do not become much shorter. */
    for (size_t i = 0; i < rows; i++)
        numbers[i] = random_next(&random);
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, &error),
                     SPINE_OK);
    free(numbers);
    return batch;
}

static uint64_t
sum_of_values(const struct spine_batch *batch)
{
    struct rows rows = rows_of_batch(batch, 5000);
    uint64_t sum = 0;

    for (size_t i = 0; i < rows.count; i++)
        sum += rows.lo[i] * (i + 1);
    rows_release(&batch->layout, &rows);
    return sum;
}

/* In any portions, and no more once all shares are paid. */
static void
searches_pay_share_by_share(void **state)
{
    (void)state;
    const uint64_t portions[] = {1000, 3000, 100000, UINT32_MAX};

    for (size_t p = 0; p < sizeof portions / sizeof portions[0]; p++) {
        struct spine_batch *batch = batch_of_numbers(ROWS);
        const uint64_t sum = sum_of_values(batch);
        uint64_t told = 0, counted;

        assert_true(batch->info.bytes > 4u << 20);
        do {
            counted = atomic_load(&batch->searches);
            assert_int_equal(counted, told);
            batch_searched(batch, portions[p]);
            told += portions[p];
        } while (atomic_load(&batch->searches) > counted);
        assert_true(counted > 0);
        batch_searched(batch, 1);
        assert_int_equal(atomic_load(&batch->searches), counted);
        assert_int_equal(sum_of_values(batch), sum);
        spine_batch_unref(batch);
        expect_no_leak();
    }
}

static void
small_batches_do_not_count(void **state)
{
    (void)state;
    struct spine_batch *batch = batch_of_numbers(10000);

    batch_searched(batch, 1000000);
    assert_int_equal(atomic_load(&batch->searches), 0);
    spine_batch_unref(batch);
}

static void
cursors_tell_their_exact_seeks(void **state)
{
    (void)state;
    struct spine_batch *batch = batch_of_numbers(ROWS);
    struct random random = {11};
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct spine_error error;

    assert_int_equal(spine_snapshot_of_batches(spine_batch_schema(batch), &batch, 1,
                                               &snapshot, &error),
                     SPINE_OK);
    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, &error), SPINE_OK);
    for (size_t i = 0; i < 1000; i++) {
        const uint64_t key = random_next(&random);

        assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(key)));
        assert_int_equal(spine_cursor_val(cursor).u64, key);
    }
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    assert_int_equal(atomic_load(&batch->searches), 1000);
    spine_batch_unref(batch);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_pay_share_by_share),
        cmocka_unit_test(small_batches_do_not_count),
        cmocka_unit_test(cursors_tell_their_exact_seeks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
