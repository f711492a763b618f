/* SPDX-License-Identifier: MIT */

/*
 * Values of many times, merged in pieces: no fill does more than it is asked for, and all
 * of them together give what the model says.
 */

#include "unit/kernel/kernel_model.h"

enum { INPUTS = 5, WANT = 1000 };

struct source {
    const struct layout *layout;
    struct rows rows;
    uint8_t *cells;
    size_t at;
};

struct fixture {
    struct layout layout;
    struct kway kway;
    struct kway_input inputs[INPUTS];
    struct source sources[INPUTS];
    struct rows expected;
    uint8_t *expected_cells;
    uint64_t rows_in;
};

struct plan {
    enum spine_time time;
    unsigned weight_count;
    bool descending;
    bool advance;
    /* Values of the only key, and times of each in each input. */
    size_t values;
    size_t times;
    /* Every second row of a time is this, and the others its opposite; 0: 1. */
    int64_t weight;
};

static enum spine_status
refill(struct kway_input *input, size_t want)
{
    struct source *source = input->source;
    const size_t left = source->rows.count - source->at;
    const size_t piece = want < left ? want : left;

    rows_drop_front(source->layout, &input->rows, input->at);
    input->at = 0;
    if (!rows_reserve(source->layout, &input->rows, input->rows.count + piece))
        return SPINE_NOMEM;
    rows_append(source->layout, &input->rows, &source->rows, source->at,
                source->at + piece);
    source->at += piece;
    input->more = source->at < source->rows.count;
    return SPINE_OK;
}

static uint64_t
draw_time(const struct plan *plan, uint64_t *seed)
{
    const uint64_t below = 4 * plan->times;

    if (plan->time == SPINE_TIME_U64)
        return model_below(seed, below);
    return spine_time_pair((uint32_t)model_below(seed, 6),
                           (uint32_t)model_below(seed, below));
}

/* The rows of one input, consolidated. */
static struct model_rows
draw_input(const struct plan *plan, const struct layout *layout, size_t input,
           uint64_t *seed)
{
    const size_t count = plan->values * plan->times;
    struct model_rows model = {test_calloc(count + 1, sizeof *model.rows), count};

    for (size_t i = 0; i < count; i++) {
        model.rows[i].key = 3;
        model.rows[i].value = i / plan->times;
        model.rows[i].time = draw_time(plan, seed);
        model.rows[i].weights[0] =
            plan->weight == 0 ? 1 : (input % 2 == 0 ? plan->weight : -plan->weight);
        if (plan->weight_count > 1)
            model.rows[i].weights[1] = (int64_t)model_below(seed, 5) - 2;
    }
    /* One of each time and input: sums of several would leave int64_t. */
    if (plan->weight == 0) {
        model_consolidate(layout, &model);
        return model;
    }
    qsort(model.rows, model.count, sizeof *model.rows, model_compare);
    model.count = 0;
    for (size_t i = 0; i < count; i++)
        if (model.count == 0 ||
            model_compare(&model.rows[model.count - 1], &model.rows[i]) != 0)
            model.rows[model.count++] = model.rows[i];
    return model;
}

static void
fixture_setup(struct fixture *fixture, const struct plan *plan, uint64_t *seed)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                        .value = {SPINE_BYTES, 0},
                                        .time = plan->time,
                                        .weight_count = plan->weight_count};
    const uint64_t frontier = plan->time == SPINE_TIME_U64
                                  ? 2 * plan->times
                                  : spine_time_pair(3, (uint32_t)plan->times);
    struct model_rows all = {
        test_calloc(INPUTS * plan->values * plan->times + 1, sizeof *all.rows), 0};

    memset(fixture, 0, sizeof *fixture);
    assert_int_equal(layout_init(&fixture->layout, &schema, NULL), SPINE_OK);
    fixture->kway = (struct kway){.layout = &fixture->layout,
                                  .inputs = fixture->inputs,
                                  .input_count = INPUTS,
                                  .on_refill = refill,
                                  .descending = plan->descending,
                                  .advance_times = plan->advance,
                                  .frontier = frontier,
                                  .in_pieces = true};
    for (size_t i = 0; i < INPUTS; i++) {
        struct source *source = &fixture->sources[i];
        struct model_rows model = draw_input(plan, &fixture->layout, i, seed);

        source->layout = &fixture->layout;
        model_to_rows(&fixture->layout, &model, &source->rows, &source->cells);
        if (plan->descending)
            rows_turn_round(&fixture->layout, &source->rows, 0);
        fixture->inputs[i] = (struct kway_input){
            .more = model.count > 0, .rows_left = model.count, .source = source};
        fixture->rows_in += model.count;
        memcpy(all.rows + all.count, model.rows, model.count * sizeof *all.rows);
        all.count += model.count;
        test_free(model.rows);
    }
    for (size_t r = 0; plan->advance && r < all.count; r++)
        all.rows[r].time = spine_time_join(plan->time, all.rows[r].time, frontier);
    model_consolidate(&fixture->layout, &all);
    model_to_rows(&fixture->layout, &all, &fixture->expected, &fixture->expected_cells);
    test_free(all.rows);
}

static void
fixture_teardown(struct fixture *fixture)
{
    for (size_t i = 0; i < INPUTS; i++) {
        rows_release(&fixture->layout, &fixture->inputs[i].rows);
        rows_release(&fixture->layout, &fixture->sources[i].rows);
        test_free(fixture->sources[i].cells);
    }
    rows_release(&fixture->layout, &fixture->expected);
    test_free(fixture->expected_cells);
    kway_release(&fixture->kway);
    kway_release(&fixture->kway);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Fills to the end; none does much more than it is asked for. */
static enum spine_status
fill_all(struct fixture *fixture, size_t want, struct rows *out)
{
    struct kway *kway = &fixture->kway;
    uint64_t used = 0;

    while (!kway_done(kway)) {
        const uint64_t work = used + kway->rows_again, held = kway_rows_held(kway);
        const size_t count = out->count;
        const enum spine_status st = kway_fill(kway, out, want, &used);

        if (st != SPINE_OK)
            return st;
        assert_true(used + kway->rows_again - work <= 2 * want + 3 * INPUTS);
        assert_true(out->count - count <= 2 * want + 3 * INPUTS);
        assert_true(used + kway->rows_again > work || kway_rows_held(kway) < held ||
                    kway_done(kway));
    }
    assert_int_equal(used, fixture->rows_in);
    assert_int_equal(kway_rows_held(kway), 0);
    return SPINE_OK;
}

static void
try_plan(const struct plan *plan, size_t want, uint64_t *seed)
{
    static struct fixture fixture;
    struct rows out = {0};

    fixture_setup(&fixture, plan, seed);
    assert_int_equal(fill_all(&fixture, want, &out), SPINE_OK);
    if (plan->descending)
        rows_turn_round(&fixture.layout, &out, 0);
    expect_same_rows(&fixture.layout, &out, &fixture.expected);
    rows_release(&fixture.layout, &out);
    fixture_teardown(&fixture);
}

static void
long_values_come_in_pieces(void **state)
{
    static const size_t times[] = {1, 50, 3000, 20000};
    static const size_t wants[] = {1, 100, WANT, 16384};
    uint64_t seed = 30;

    (void)state;
    for (unsigned kind = 0; kind < 16; kind++)
        for (size_t t = 0; t < 4; t++) {
            const struct plan plan = {.time = kind & 1 ? SPINE_TIME_PAIR : SPINE_TIME_U64,
                                      .weight_count = kind & 2 ? 2 : 1,
                                      .descending = kind & 4,
                                      .advance = kind & 8,
                                      .values = times[t] < 20000 ? 4 : 1,
                                      .times = times[t]};

            try_plan(
                &plan,
                wants[model_below(&seed, times[t] < 3000 ? 4 : 3) + (times[t] >= 3000)],
                &seed);
        }
}

/* Times that become equal have sums that leave int64_t on the way, and come back. */
static void
sums_may_leave_64_bits_on_the_way(void **state)
{
    uint64_t seed = 31;

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct plan plan = {.time = kind & 1 ? SPINE_TIME_PAIR : SPINE_TIME_U64,
                            .weight_count = 1,
                            .descending = kind & 2,
                            .advance = true,
                            .values = 1,
                            .times = 6000,
                            .weight = INT64_MAX};
        static struct fixture fixture;
        struct rows out = {0};

        /* Two inputs of the same times, of which the second takes back the first. */
        fixture_setup(&fixture, &plan, &seed);
        struct rows *first = &fixture.sources[0].rows, *second = &fixture.sources[1].rows;

        for (size_t i = 2; i < INPUTS; i++)
            fixture.inputs[i].more = false;
        assert_true(rows_reserve(&fixture.layout, second, first->count));
        second->count = 0;
        rows_append(&fixture.layout, second, first, 0, first->count);
        for (size_t r = 0; r < second->count; r++)
            second->weight[r] = -INT64_MAX;
        fixture.rows_in = 2 * first->count;
        assert_int_equal(fill_all(&fixture, WANT, &out), SPINE_OK);
        assert_int_equal(out.count, 0);

        rows_release(&fixture.layout, &out);
        fixture_teardown(&fixture);
    }
}

static void
sums_beyond_64_bits_overflow(void **state)
{
    uint64_t seed = 32;

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct plan plan = {.time = kind & 1 ? SPINE_TIME_PAIR : SPINE_TIME_U64,
                                  .weight_count = 1,
                                  .advance = true,
                                  .values = 1,
                                  .times = 5000};
        static struct fixture fixture;
        struct rows out = {0};

        fixture_setup(&fixture, &plan, &seed);
        for (size_t r = 0; r < fixture.sources[0].rows.count; r++)
            fixture.sources[0].rows.weight[r] = INT64_MAX;
        assert_int_equal(fill_all(&fixture, WANT, &out), SPINE_OVERFLOW);
        rows_release(&fixture.layout, &out);
        fixture_teardown(&fixture);
    }
}

static void
without_memory_nothing_leaks(void **state)
{
    const struct plan plan = {.time = SPINE_TIME_PAIR,
                              .weight_count = 2,
                              .advance = true,
                              .values = 2,
                              .times = 3000};
    static struct fixture fixture;
    struct scarce scarce = {.refused = true};
    uint64_t seed = 33;

    (void)state;
    for (size_t left = 0; scarce.refused; left++) {
        struct rows out = {0};
        enum spine_status st;

        scarce_begin(&scarce);
        fixture_setup(&fixture, &plan, &seed);
        scarce.left = left;
        st = fill_all(&fixture, WANT, &out);
        assert_int_equal(st, scarce.refused ? SPINE_NOMEM : SPINE_OK);
        rows_release(&fixture.layout, &out);
        fixture_teardown(&fixture);
        assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
        assert_true(left < 1000);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_values_come_in_pieces),
        cmocka_unit_test(sums_may_leave_64_bits_on_the_way),
        cmocka_unit_test(sums_beyond_64_bits_overflow),
        cmocka_unit_test(without_memory_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
