/* SPDX-License-Identifier: MIT */

/*
 * Edges lead to the block that has the place of a key, wherever one begins to look, and
 * wherever the key lies, as looking at every fence would.
 */

#include "../probe/wide_keys.h"

#include "batch/edges.h"

#define KEYS (5 * (size_t)BLOCK_ROWS)

static struct spine_batch *
batch_of_keys(const struct layout *layout, const struct wide_key *keys, size_t count)
{
    uint8_t *bytes = test_malloc(count * WIDE_BYTES_MAX + 1);
    uint64_t *offsets = test_calloc(count + 1, sizeof *offsets);
    struct spine_columns columns = {.rows = count, .keys = bytes};
    struct spine_batch *batch;

    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + offsets[i], keys[i].bytes, keys[i].size);
        offsets[i + 1] = offsets[i] + keys[i].size;
    }
    if (layout->key.kind == SPINE_BYTES)
        columns.key_offsets = offsets;
    assert_int_equal(spine_batch_from_columns(&layout->schema, &columns, &batch, NULL),
                     SPINE_OK);
    test_free(bytes);
    test_free(offsets);
    return batch;
}

/* By looking at all fences. */
static size_t
scan(const struct spine_batch *batch, const struct bound *bound)
{
    size_t at = 0;

    while (at < batch->block_count &&
           !fence_reaches(&batch->layout, &batch->fences[at], bound))
        at++;
    return at;
}

static void
expect_block(const struct spine_batch *batch, const struct wide_key *key)
{
    const size_t count = batch->block_count;
    const size_t nears[] = {0, 1, count / 2, count - 1, count, SIZE_MAX};
    struct cell cell;

    assert_int_equal(
        cell_of_datum(&batch->layout.key, spine_data(key->bytes, key->size), &cell, NULL),
        SPINE_OK);
    /* As rows have them. */
    if (!batch->layout.key.spans)
        cell.span = (struct span){0};
    for (int after = 0; after < 2; after++) {
        const struct bound bound = bound_of(&batch->layout, &cell, NULL, after > 0);
        const size_t expected = scan(batch, &bound);

        for (size_t i = 0; i < sizeof nears / sizeof *nears; i++)
            assert_int_equal(edges_find(batch, nears[i], &bound), expected);
    }
}

static void
try_keys(enum lie lie, struct spine_type type, struct wide_key *keys)
{
    const struct spine_schema schema = {.key = type};
    const size_t size = type.kind == SPINE_FIXED ? type.size : 17;
    const size_t count = wide_keys_draw(lie, size, keys, KEYS);
    struct spine_batch *batch;
    struct layout layout;
    struct wide_key far;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    batch = batch_of_keys(&layout, keys + count / 4, count / 2);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    for (size_t i = 0; i < count; i += 1 + i % 7)
        expect_block(batch, &keys[i]);
    for (size_t b = 0; b < batch->block_count; b++) {
        const uint64_t begin = count / 4 + batch->fences[b].row_begin;

        expect_block(batch, &keys[begin]);
        expect_block(batch, &keys[begin + batch->fences[b].rows - 1]);
    }
    far = keys[0];
    memset(far.bytes, 0, sizeof far.bytes);
    expect_block(batch, &far);
    memset(far.bytes, 0xff, sizeof far.bytes);
    expect_block(batch, &far);
    if (type.kind == SPINE_BYTES)
        expect_block(batch, &(struct wide_key){.size = 0});
    spine_batch_unref(batch);
}

static void
edges_lead_to_blocks(void **state)
{
    static const struct spine_type types[] = {
        {SPINE_FIXED, 9}, {SPINE_FIXED, 16}, {SPINE_FIXED, 33}, {SPINE_BYTES, 0}};
    struct wide_key *const keys = test_calloc(KEYS, sizeof *keys);

    (void)state;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (enum lie lie = ENDS_COUNT; lie < LIES; lie++)
            if (lie != NESTED || types[t].kind == SPINE_BYTES)
                try_keys(lie, types[t], keys);
    test_free(keys);
    expect_no_leak();
}

enum { LONG_KEYS = 100, LONG_BYTES = 70000 };

/* Keys whose common bytes are more than sixteen bits count: each second one is there, and
 * the others are not, nor is what they all begin with. */
static void
keys_of_many_bytes(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}};
    const size_t size = LONG_BYTES + 1;
    uint8_t *bytes = test_malloc(LONG_KEYS * size);
    uint64_t offsets[LONG_KEYS / 2 + 1] = {0}, words[LONG_KEYS];
    struct spine_columns columns = {.rows = LONG_KEYS / 2, .key_offsets = offsets};
    struct cell cells[LONG_KEYS];
    uint32_t candidates[LONG_KEYS], count = 0;
    struct hit hits[LONG_KEYS];
    struct spine_batch *batch;
    struct found_hits found = {.hits = hits};

    (void)state;
    memset(bytes, 'k', LONG_KEYS * size);
    for (size_t i = 0; i < LONG_KEYS / 2; i++) {
        bytes[(i + 1) * size - 1] = (uint8_t)(2 * i);
        offsets[i + 1] = (i + 1) * size;
    }
    columns.keys = bytes;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    for (size_t i = 0; i < LONG_KEYS; i++) {
        const bool is_short = i == 0;

        bytes[(i + 1) * size - 1] = (uint8_t)(i - 1);
        assert_int_equal(cell_of_datum(&batch->layout.key,
                                       spine_data(bytes + i * size, size - is_short),
                                       &cells[i], NULL),
                         SPINE_OK);
        words[i] = cells[i].word;
    }

    const struct probe_keys keys = {
        .column = &batch->layout.key, .count = LONG_KEYS, .words = words, .cells = cells};
    size_t begin, end;

    batch_probe_range(batch, &keys, &begin, &end);
    assert_int_equal(begin, 1);
    assert_int_equal(end, LONG_KEYS);
    for (size_t i = begin; i < end; i++)
        candidates[count++] = (uint32_t)i;
    assert_int_equal(batch_probe(batch, &keys, candidates, count, &found), SPINE_OK);
    assert_int_equal(found.count, LONG_KEYS / 2);
    for (size_t i = 0; i < found.count; i++) {
        const struct fence *const fence = &batch->fences[hits[i].block];

        assert_int_equal(hits[i].key, 2 * i + 1);
        assert_int_equal(fence->row_begin + hits[i].begin, i);
        assert_int_equal(hits[i].end, hits[i].begin + 1);
    }
    spine_batch_unref(batch);
    test_free(bytes);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_lead_to_blocks),
        cmocka_unit_test(keys_of_many_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
