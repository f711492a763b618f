/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/marks.h"

/* A batch of the ascending `keys`. */
static struct spine_batch *
batch_of_keys(const uint64_t *keys, size_t count)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_columns columns = {.rows = count, .keys = keys};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

/* The first granule whose mark is not less, by looking at all. */
static size_t
scan(const struct spine_batch *batch, uint64_t word)
{
    const size_t count = batch->block_count * BLOCK_MARKS;
    size_t at = 0;

    while (at < count && batch->marks[1 + at] < word)
        at++;
    return at;
}

/* From wherever it begins to look, at every mark and beside it. */
static void
expect_found(const struct spine_batch *batch, uint64_t word)
{
    const size_t count = batch->block_count * BLOCK_MARKS;
    const size_t nears[] = {0, 1, count / 2, count - 1, count, SIZE_MAX};
    const size_t expected = scan(batch, word);

    for (size_t i = 0; i < sizeof nears / sizeof nears[0]; i++)
        assert_int_equal(marks_find(batch, nears[i], word), expected);
    for (size_t near = expected > 3 ? expected - 3 : 0; near < expected + 3; near++)
        assert_int_equal(marks_find(batch, near, word), expected);
}

static void
expect_marks(const uint64_t *keys, size_t count)
{
    struct spine_batch *batch = batch_of_keys(keys, count);
    const size_t marks = batch->block_count * BLOCK_MARKS;

    assert_true(batch->marks[0] == keys[0]);
    for (size_t i = 0; i < marks; i++) {
        const uint64_t mark = batch->marks[1 + i];
        const struct granule granule = marks_granule(batch, i);

        assert_true(batch->marks[i] <= mark);
        assert_true(granule.begin <= granule.end || granule.end == granule.fence->keys);
        expect_found(batch, mark);
        expect_found(batch, mark - (mark > 0));
        expect_found(batch, mark + (mark < UINT64_MAX));
    }
    expect_found(batch, 0);
    expect_found(batch, UINT64_MAX);
    for (size_t i = 0; i < count; i += 1 + count / 500) {
        const size_t number = marks_find(batch, i, keys[i]);
        const struct granule granule = marks_granule(batch, number);
        const uint32_t guess = marks_guess(batch->marks, number, &granule, keys[i]);

        /* The granule has the key, and the guess is one of its keys. */
        assert_true(granule.begin <= guess && guess < granule.end);
        assert_true(keys[i] <= batch->marks[1 + number]);
        assert_true(number == 0 || keys[i] > batch->marks[number]);
    }
    spine_batch_unref(batch);
}

/* One key, fewer keys than granules, a key more than a block, several blocks. */
static void
marks_of_batches_of_every_size(void **state)
{
    static const size_t counts[] = {
        1,    2,          BLOCK_MARKS - 1, BLOCK_MARKS,        BLOCK_MARKS + 1,
        1000, BLOCK_ROWS, BLOCK_ROWS + 1,  3 * BLOCK_ROWS + 17};
    static uint64_t keys[3 * BLOCK_ROWS + 17];

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint64_t k = 0; k < counts[i]; k++)
            keys[k] = 10 + 3 * k;
        expect_marks(keys, counts[i]);
    }
    expect_no_leak();
}

/* Keys at both ends of their range, and such as are anything but spread evenly. */
static void
marks_of_uneven_keys(void **state)
{
    static uint64_t keys[BLOCK_ROWS + 100];
    const size_t count = sizeof keys / sizeof keys[0];

    (void)state;
    for (uint64_t k = 0; k < count; k++)
        keys[k] = k;
    keys[count - 1] = UINT64_MAX;
    expect_marks(keys, count);
    for (uint64_t k = 0; k < count; k++)
        keys[k] = UINT64_MAX - (count - 1 - k);
    keys[0] = 0;
    expect_marks(keys, count);
    for (uint64_t k = 0; k < 60; k++)
        keys[k] = UINT64_C(1) << k;
    expect_marks(keys, 60);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_of_batches_of_every_size),
        cmocka_unit_test(marks_of_uneven_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
