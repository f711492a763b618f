/* SPDX-License-Identifier: MIT */

/* Rows that cancel in two inputs: how far they are passed over, and what ends that. */

#include "unit/kernel/kernel_model.h"

enum { INPUTS = 3, ROWS = 1000, PIECE = 37 };

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
static const struct spine_schema halves = {.key = {SPINE_U32, 0},
                                           .value = {SPINE_U32, 0}};

/* Inputs that are staged PIECE rows at a time. */
struct fixture {
    struct layout layout;
    struct kway kway;
    struct kway_input inputs[INPUTS];
    struct feed {
        const struct layout *layout;
        struct rows rows;
        size_t at;
        /* Refuses to stage from this row on. */
        size_t refused;
    } feeds[INPUTS];
};

static enum spine_status
stage_piece(struct kway_input *input, size_t want)
{
    struct feed *feed = input->source;
    const size_t left = feed->rows.count - feed->at;
    const size_t count = left < PIECE ? left : PIECE;

    (void)want;
    if (feed->at >= feed->refused)
        return SPINE_NOMEM;
    rows_drop_front(feed->layout, &input->rows, input->at);
    input->at = 0;
    if (!rows_reserve(feed->layout, &input->rows, input->rows.count + count))
        return SPINE_NOMEM;
    rows_append(feed->layout, &input->rows, &feed->rows, feed->at, feed->at + count);
    feed->at += count;
    input->more = feed->at < feed->rows.count;
    return SPINE_OK;
}

static void
fixture_setup(struct fixture *fixture, const struct spine_schema *schema)
{
    *fixture = (struct fixture){.kway = {.layout = &fixture->layout,
                                         .inputs = fixture->inputs,
                                         .input_count = INPUTS,
                                         .on_refill = stage_piece}};
    assert_int_equal(layout_init(&fixture->layout, schema, NULL), SPINE_OK);
    for (unsigned i = 0; i < INPUTS; i++) {
        fixture->inputs[i].source = &fixture->feeds[i];
        fixture->feeds[i].layout = &fixture->layout;
        fixture->feeds[i].refused = SIZE_MAX;
    }
}

static void
fixture_teardown(struct fixture *fixture)
{
    for (unsigned i = 0; i < INPUTS; i++) {
        rows_release(&fixture->layout, &fixture->inputs[i].rows);
        rows_release(&fixture->layout, &fixture->feeds[i].rows);
    }
    kway_release(&fixture->kway);
}

static void
add(struct fixture *fixture, unsigned input, uint64_t key, uint64_t value, int64_t weight)
{
    const bool narrow = fixture->layout.schema.key.kind == SPINE_U32;
    const struct spine_row row = {
        .key = narrow ? spine_u32((uint32_t)key) : spine_u64(key),
        .value = narrow ? spine_u32((uint32_t)value) : spine_u64(value),
        .weight = weight};
    struct rows *rows = &fixture->feeds[input].rows;

    assert_true(rows_reserve(&fixture->layout, rows, rows->count + 1));
    assert_int_equal(rows_append_row(&fixture->layout, rows, &row, NULL), SPINE_OK);
    fixture->inputs[input].more = true;
    fixture->inputs[input].rows_left++;
}

/* Rows [begin, end), two values a key. */
static void
add_stretch(struct fixture *fixture, unsigned input, uint64_t begin, uint64_t end,
            int64_t weight)
{
    for (uint64_t row = begin; row < end; row++)
        add(fixture, input, row / 2, row % 2, weight);
}

/* The rows that are passed over, both of each pair. */
static uint64_t
skip_pairs(struct fixture *fixture)
{
    uint64_t used = 0;

    assert_int_equal(kway_skip(&fixture->kway, ROWS, &used), SPINE_OK);
    return used;
}

static const struct spine_schema *const schemas[] = {&pairs, &halves};

static void
a_stretch_is_passed_over_whole(void **state)
{
    (void)state;
    for (unsigned s = 0; s < 2; s++)
        for (uint64_t length = 0; length <= ROWS; length += length < 40 ? 1 : 240) {
            struct fixture fixture;

            fixture_setup(&fixture, schemas[s]);
            add_stretch(&fixture, 0, 0, ROWS + 1, 5);
            add_stretch(&fixture, 2, 0, length, -5);
            assert_int_equal(skip_pairs(&fixture), 2 * length);
            assert_int_equal(fixture.inputs[0].rows_left, ROWS + 1 - length);
            assert_int_equal(fixture.inputs[2].rows_left, 0);
            assert_int_equal(skip_pairs(&fixture), 0);
            fixture_teardown(&fixture);
        }
}

static void
a_third_input_ends_it(void **state)
{
    (void)state;
    for (unsigned s = 0; s < 2; s++)
        for (uint64_t at = 0; at < ROWS; at += 83) {
            struct fixture fixture;

            fixture_setup(&fixture, schemas[s]);
            add_stretch(&fixture, 0, 0, ROWS, -1);
            add_stretch(&fixture, 1, 0, ROWS, 1);
            /* The same row, or one between two others. */
            add(&fixture, 2, at / 2, at % 2 == 0 ? 0 : 7, 1);
            assert_int_equal(skip_pairs(&fixture), at % 2 == 0 ? 2 * at : 2 * (at + 1));
            fixture_teardown(&fixture);
        }
}

static void
other_sums_than_zero_end_it(void **state)
{
    static const int64_t weights[][2] = {
        {1, -2}, {1, 1}, {INT64_MIN, INT64_MIN}, {INT64_MIN, INT64_MAX}};

    (void)state;
    for (unsigned w = 0; w < sizeof weights / sizeof weights[0]; w++)
        for (uint64_t at = 0; at < 20; at++) {
            struct fixture fixture;

            fixture_setup(&fixture, &pairs);
            for (unsigned i = 0; i < 2; i++) {
                add_stretch(&fixture, i, 0, at, i == 0 ? INT64_MAX : -INT64_MAX);
                add_stretch(&fixture, i, at, at + 1, weights[w][i]);
                add_stretch(&fixture, i, at + 1, at + 30, i == 0 ? 1 : -1);
            }
            assert_int_equal(skip_pairs(&fixture), 2 * at);
            fixture_teardown(&fixture);
        }
}

static void
alone_nothing_cancels(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_setup(&fixture, &pairs);
    assert_int_equal(skip_pairs(&fixture), 0);
    add_stretch(&fixture, 1, 0, 100, 1);
    assert_int_equal(skip_pairs(&fixture), 0);
    assert_int_equal(fixture.inputs[1].rows_left, 100);
    fixture_teardown(&fixture);
}

/* What was passed over stays so, and the rest is there. */
static void
a_refill_that_fails_loses_nothing(void **state)
{
    struct fixture fixture;
    struct rows out = {0};
    uint64_t used = 0;

    (void)state;
    fixture_setup(&fixture, &pairs);
    add_stretch(&fixture, 0, 0, ROWS, 1);
    add_stretch(&fixture, 1, 0, ROWS / 2, -1);
    fixture.feeds[1].refused = 5 * PIECE;
    assert_int_equal(kway_skip(&fixture.kway, ROWS, &used), SPINE_NOMEM);
    assert_int_equal(used, 2 * 5 * PIECE);
    fixture.feeds[1].refused = SIZE_MAX;
    while (!kway_done(&fixture.kway))
        assert_int_equal(kway_fill(&fixture.kway, &out, 200, &used), SPINE_OK);
    assert_int_equal(used, ROWS + ROWS / 2);
    assert_int_equal(out.count, ROWS - ROWS / 2);
    assert_int_equal(out.hi[0], ROWS / 4);
    rows_release(&fixture.layout, &out);
    fixture_teardown(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stretch_is_passed_over_whole),
        cmocka_unit_test(a_third_input_ends_it),
        cmocka_unit_test(other_sums_than_zero_end_it),
        cmocka_unit_test(alone_nothing_cancels),
        cmocka_unit_test(a_refill_that_fails_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
