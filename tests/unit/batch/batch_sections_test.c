/* SPDX-License-Identifier: MIT */

/*
 * What a batch knows beside its blocks is the same after it went through bytes; bytes
 * that no batch gives are refused.
 */

#include "batch/batch_sections.h"

#include "batch/marks.h"
#include "harness/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Of one fence, without its cells. */
#define FENCE_BYTES 64u

struct sections {
    struct wire_writer schema, counts, fences, marks;
};

static struct span
span_of(const struct wire_writer *writer)
{
    return (struct span){writer->bytes, writer->size};
}

static void
encode(const struct spine_batch *batch, struct sections *out)
{
    *out = (struct sections){0};
    schema_encode(&batch->layout.schema, &out->schema);
    counts_encode(batch, &out->counts);
    fences_encode(batch, &out->fences);
    marks_encode(batch, &out->marks);
}

static void
sections_release(struct sections *sections)
{
    wire_release(&sections->schema);
    wire_release(&sections->counts);
    wire_release(&sections->fences);
    wire_release(&sections->marks);
}

/* A batch of the sections, without blocks; NULL, and a status, when they are none. */
static struct spine_batch *
decode(const struct sections *sections, enum spine_status *st, struct spine_error *error)
{
    struct spine_batch_info info = {0};
    struct spine_batch *batch = NULL;
    struct spine_schema schema = {0};
    struct layout layout;
    size_t blocks;

    *st = schema_decode(span_of(&sections->schema), &schema, error);
    if (*st == SPINE_OK)
        *st = layout_init(&layout, &schema, error);
    if (*st == SPINE_OK)
        *st = counts_decode(span_of(&sections->counts), &info, &blocks, error);
    /* A file has as many blocks in its table. */
    if (*st == SPINE_OK && blocks > 100000)
        *st = SPINE_CORRUPT;
    if (*st == SPINE_OK)
        batch = batch_alloc(&layout, blocks);
    schema_unref(&schema);
    if (*st != SPINE_OK)
        return NULL;
    assert_non_null(batch);
    batch->info = info;
    *st = fences_decode(span_of(&sections->fences), batch, error);
    if (*st == SPINE_OK)
        *st = marks_decode(span_of(&sections->marks), batch, error);
    if (*st == SPINE_OK)
        return batch;
    spine_batch_unref(batch);
    return NULL;
}

static bool
fences_equal(const struct layout *layout, const struct fence *a, const struct fence *b)
{
    const struct row_code first_a = fence_first(a), first_b = fence_first(b);
    const struct row_code last_a = fence_last(a), last_b = fence_last(b);

    return row_code_compare(layout, &first_a, &first_b) == 0 &&
           row_code_compare(layout, &last_a, &last_b) == 0 &&
           a->first_lo == b->first_lo && a->last_lo == b->last_lo &&
           a->row_begin == b->row_begin && a->rows == b->rows && a->keys == b->keys &&
           a->values == b->values && a->negative_rows == b->negative_rows &&
           a->continues == b->continues && a->key_framed == b->key_framed &&
           a->key_width == b->key_width && a->value_width == b->value_width &&
           a->values_at == b->values_at && a->encoded == b->encoded;
}

static struct spine_batch *
random_batch(struct rng *rng, size_t rows_max)
{
    struct spine_schema schema;
    struct generator generator;
    struct spine_batch *batch;
    struct model rows;

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&rows, &schema);
    generate_rows(&generator, rng_magnitude(rng, rows_max), &rows);
    batch = batch_of_rows(&rows);
    model_release(&rows);
    generator_release(&generator);
    return batch;
}

static bool
sections_keep_everything(struct rng *rng, size_t steps)
{
    struct spine_batch *batch = random_batch(rng, steps), *decoded;
    struct spine_error error = {0};
    struct sections sections;
    enum spine_status st;

    encode(batch, &sections);
    HOLDS(!sections.fences.failed && !sections.marks.failed);
    decoded = decode(&sections, &st, &error);
    if (decoded == NULL)
        return property_fail(__FILE__, __LINE__, "%s", error.message);
    HOLDS(spine_schema_equal(&decoded->layout.schema, &batch->layout.schema));
    HOLDS_EQUAL(batch->info.rows, decoded->info.rows);
    HOLDS_EQUAL(batch->info.keys, decoded->info.keys);
    HOLDS_EQUAL(batch->info.negative_rows, decoded->info.negative_rows);
    HOLDS_EQUAL(batch->block_count, decoded->block_count);
    HOLDS_EQUAL(batch->has_frames, decoded->has_frames);
    for (size_t i = 0; i < batch->block_count; i++)
        HOLDS(fences_equal(&batch->layout, &batch->fences[i], &decoded->fences[i]));
    HOLDS(batch->marks == NULL || memcmp(batch->marks, decoded->marks,
                                         marks_count(&batch->layout, batch->block_count) *
                                             sizeof(uint64_t)) == 0);
    spine_batch_unref(decoded);
    spine_batch_unref(batch);
    sections_release(&sections);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_sections_keep_everything(void **state)
{
    const struct property law = {"test_sections_keep_everything",
                                 sections_keep_everything, 60, 20000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
damage(struct rng *rng, struct wire_writer *section)
{
    if (section->size == 0)
        return;
    switch (rng_below(rng, 3)) {
    case 0:
        section->size = rng_index(rng, section->size);
        break;
    case 1:
        section->bytes[rng_index(rng, section->size)] = (uint8_t)rng_next(rng);
        break;
    default:
        section->bytes[rng_index(rng, section->size)] ^=
            (uint8_t)(1u << rng_below(rng, 8));
    }
}

/* Whatever the bytes: a status with a message, or a batch that is in order. */
static bool
damage_is_a_status(struct rng *rng, size_t steps)
{
    struct spine_batch *batch = random_batch(rng, 10000);
    struct sections sections;

    for (size_t i = 0; i < steps; i++) {
        struct spine_error error = {0};
        struct spine_batch *decoded;
        enum spine_status st;

        encode(batch, &sections);
        for (size_t damages = rng_magnitude(rng, 4); damages > 0; damages--)
            damage(rng, (struct wire_writer *)&sections + rng_below(rng, 4));
        decoded = decode(&sections, &st, &error);
        HOLDS(decoded != NULL ? st == SPINE_OK : st == SPINE_CORRUPT);
        for (size_t b = 1; decoded != NULL && b < decoded->block_count; b++) {
            const struct row_code before = fence_last(&decoded->fences[b - 1]);
            const struct row_code after = fence_first(&decoded->fences[b]);

            HOLDS(row_code_compare(&decoded->layout, &before, &after) <= 0);
        }
        spine_batch_unref(decoded);
        sections_release(&sections);
    }
    spine_batch_unref(batch);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_damage_is_a_status(void **state)
{
    const struct property law = {"test_damage_is_a_status", damage_is_a_status, 40, 200};

    (void)state;
    assert_true(property_holds(&law));
}

/* Numbers that no batch has, one at a time, in two blocks of numbers. */
static void
test_numbers_contradict_each_other(void **state)
{
    /* Where in a fence, and what is there instead. */
    static const struct {
        size_t fence, at;
        uint32_t number;
        size_t bytes;
    } edits[] = {
        {1, 0, 0, 4},               /* the first key: before the block before */
        {0, 32, 0, 4},              /* rows */
        {0, 32, BLOCK_ROWS + 1, 4}, /* rows */
        {0, 36, 0, 4},              /* keys */
        {0, 40, BLOCK_ROWS + 1, 4}, /* values */
        {0, 44, BLOCK_ROWS + 1, 4}, /* negative rows */
        {0, 52, 65, 1},             /* width of keys */
        {0, 54, 1, 1},              /* the first one continues */
        {1, 54, 1, 1},              /* the second does, and has another key */
        {1, 55, 1, 1},              /* what has to be zero */
    };
    const struct spine_schema schema = {.key = {.kind = SPINE_U64},
                                        .value = {.kind = SPINE_U64}};
    struct spine_batch *batch, *decoded;
    struct spine_error error = {0};
    struct sections sections;
    enum spine_status st;
    struct model rows;

    (void)state;
    model_init(&rows, &schema);
    for (uint64_t i = 0; i < 2 * BLOCK_ROWS; i++)
        model_add(&rows, &(struct model_row){.key.u64 = i, .weights = {1}});
    batch = batch_of_rows(&rows);
    model_release(&rows);
    assert_int_equal(batch->block_count, 2);
    encode(batch, &sections);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        uint8_t *at = sections.fences.bytes + edits[i].fence * FENCE_BYTES + edits[i].at;
        uint32_t before = 0;

        memcpy(&before, at, edits[i].bytes);
        memcpy(at, &edits[i].number, edits[i].bytes);
        decoded = decode(&sections, &st, &error);
        if (decoded != NULL)
            fail_msg("edit %zu is not noticed", i);
        assert_int_equal(st, SPINE_CORRUPT);
        memcpy(at, &before, edits[i].bytes);
    }
    /* More keys, or negative rows, than rows. */
    for (size_t i = 1; i < 3; i++) {
        const uint64_t more = batch->info.rows + 1;
        uint64_t before;

        memcpy(&before, sections.counts.bytes + 8 * i, sizeof before);
        memcpy(sections.counts.bytes + 8 * i, &more, sizeof more);
        assert_null(decode(&sections, &st, &error));
        assert_int_equal(st, SPINE_CORRUPT);
        memcpy(sections.counts.bytes + 8 * i, &before, sizeof before);
    }
    decoded = decode(&sections, &st, &error);
    assert_non_null(decoded);
    spine_batch_unref(decoded);
    /* More bytes than there are numbers. */
    wire_put_u64(&sections.counts, 0);
    assert_null(decode(&sections, &st, &error));
    spine_batch_unref(batch);
    sections_release(&sections);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* One byte more than a cell may have: all of them are there. */
static void
test_cells_are_not_too_long(void **state)
{
    const struct spine_schema schema = {.key = {.kind = SPINE_BYTES},
                                        .value = {.kind = SPINE_U64}};
    const uint32_t size = SPINE_BYTES_MAX + 1;
    struct wire_writer whole;
    struct spine_error error = {0};
    struct spine_batch *batch;
    struct sections sections;
    enum spine_status st;
    struct model rows;

    (void)state;
    model_init(&rows, &schema);
    model_add(&rows, &(struct model_row){.weights = {1}});
    batch = batch_of_rows(&rows);
    model_release(&rows);
    encode(batch, &sections);
    spine_batch_unref(batch);
    whole = sections.fences;
    assert_int_equal(whole.size, FENCE_BYTES + 4 * sizeof size);
    /* The first key is longer; three spans without bytes follow. */
    sections.fences.size += size;
    sections.fences.bytes = calloc(1, sections.fences.size);
    assert_non_null(sections.fences.bytes);
    memcpy(sections.fences.bytes, whole.bytes, FENCE_BYTES);
    memcpy(sections.fences.bytes + FENCE_BYTES, &size, sizeof size);
    assert_null(decode(&sections, &st, &error));
    assert_int_equal(st, SPINE_CORRUPT);
    free(sections.fences.bytes);
    sections.fences = whole;
    sections_release(&sections);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_keep_everything),
        cmocka_unit_test(test_damage_is_a_status),
        cmocka_unit_test(test_numbers_contradict_each_other),
        cmocka_unit_test(test_cells_are_not_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
