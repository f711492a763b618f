/* SPDX-License-Identifier: MIT */
#include "unit/kernel/kernel_model.h"

enum { INPUTS_MAX = 70 };

/* What an input is staged from, in pieces of 1 to `piece_max` rows. */
struct source {
    const struct layout *layout;
    struct rows rows;
    uint8_t *cells;
    size_t at;
    size_t piece_max;
    uint64_t seed;
};

/* A merge and what must come out of it. */
struct fixture {
    struct layout layout;
    struct kway kway;
    struct kway_input inputs[INPUTS_MAX];
    struct source sources[INPUTS_MAX];
    struct rows expected;
    uint8_t *expected_cells;
    uint64_t rows_in;
};

struct plan {
    size_t inputs;
    size_t rows; /* per input, at most */
    enum model_draw keys;
    enum model_draw values;
    size_t piece_max;
    size_t want;
    bool descending;
    bool advance;
    /* Rows of timed inputs lose their times, and so may be alike. */
    bool repeat;
    bool in_pieces;
    /* Inputs have ranges of their own, by key. */
    bool clustered;
    /* The first input has so many times the rows of another; 0 means once. */
    size_t lopsided;
    /* Every input has the least and the greatest row there can be. */
    bool edges;
};

typedef enum spine_status
fill_fn(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);

static enum spine_status
refill(struct kway_input *input, size_t want)
{
    struct source *source = input->source;
    const size_t left = source->rows.count - source->at;
    size_t piece = 1 + model_below(&source->seed, source->piece_max);

    (void)want;
    assert_true(left > 0);
    if (piece > left)
        piece = left;
    if (model_below(&source->seed, 2) == 0) {
        rows_drop_front(source->layout, &input->rows, input->at);
        input->at = 0;
    }
    if (!rows_reserve(source->layout, &input->rows, input->rows.count + piece))
        return SPINE_NOMEM;
    rows_append(source->layout, &input->rows, &source->rows, source->at,
                source->at + piece);
    source->at += piece;
    input->more = source->at < source->rows.count;
    return SPINE_OK;
}

static void
rewind_inputs(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->kway.input_count; i++) {
        struct kway_input *input = &fixture->inputs[i];

        input->rows.count = 0;
        input->at = 0;
        input->more = fixture->sources[i].rows.count > 0;
        input->rows_left = fixture->sources[i].rows.count;
        fixture->sources[i].at = 0;
    }
}

static void
append_model(struct model_rows *to, const struct model_rows *from)
{
    to->rows = test_realloc(to->rows, (to->count + from->count + 1) * sizeof *to->rows);
    memcpy(to->rows + to->count, from->rows, from->count * sizeof *to->rows);
    to->count += from->count;
}

static void
fixture_setup(struct fixture *fixture, const struct spine_schema *schema,
              const struct plan *plan, uint64_t *seed)
{
    const uint64_t frontier = spine_time_pair(2, 3);
    struct model_rows all = {0};

    memset(fixture, 0, sizeof *fixture);
    assert_int_equal(layout_init(&fixture->layout, schema, NULL), SPINE_OK);
    fixture->kway = (struct kway){.layout = &fixture->layout,
                                  .inputs = fixture->inputs,
                                  .input_count = plan->inputs,
                                  .on_refill = refill,
                                  .descending = plan->descending,
                                  .advance_times = plan->advance,
                                  .frontier = frontier,
                                  .inputs_repeat = plan->repeat && fixture->layout.timed,
                                  .in_pieces = plan->in_pieces && !plan->repeat};
    for (size_t i = 0; i < plan->inputs; i++) {
        struct source *source = &fixture->sources[i];
        const size_t times = i == 0 && plan->lopsided > 0 ? plan->lopsided : 1;
        struct model_rows model =
            model_draw_rows(&fixture->layout, times * model_below(seed, plan->rows + 1),
                            plan->keys, plan->values, seed);

        for (size_t r = 0; plan->edges && r < model.count && r < 2; r++) {
            model.rows[r].key = r * model_number_max(schema->key);
            model.rows[r].value = r * model_number_max(schema->value);
        }
        for (size_t r = 0; plan->clustered && r < model.count; r++)
            model.rows[r].key =
                (model.rows[r].key % 1000 + i * 1000) & model_number_max(schema->key);
        model_consolidate(&fixture->layout, &model);
        source->layout = &fixture->layout;
        source->piece_max = plan->piece_max;
        source->seed = model_random(seed);
        model_to_rows(&fixture->layout, &model, &source->rows, &source->cells);
        if (plan->descending)
            rows_turn_round(&fixture->layout, &source->rows, 0);
        for (size_t r = 0; fixture->kway.inputs_repeat && r < model.count; r++)
            source->rows.time[r] = model.rows[r].time = 0;
        fixture->inputs[i].source = source;
        fixture->rows_in += model.count;
        append_model(&all, &model);
        test_free(model.rows);
    }
    for (size_t r = 0; fixture->layout.timed && plan->advance && r < all.count; r++)
        all.rows[r].time = spine_time_join(schema->time, all.rows[r].time, frontier);
    model_consolidate(&fixture->layout, &all);
    model_to_rows(&fixture->layout, &all, &fixture->expected, &fixture->expected_cells);
    test_free(all.rows);
    rewind_inputs(fixture);
}

static void
fixture_teardown(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->kway.input_count; i++) {
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

/* No two rows of one key and value at the seam of fills. In pieces they may be, but no
 * two of one time. */
static void
expect_whole_groups(const struct fixture *fixture, const struct rows *out, size_t seam)
{
    if (seam == 0 || seam >= out->count)
        return;
    if (fixture->kway.in_pieces && fixture->layout.timed &&
        out->time[seam - 1] != out->time[seam])
        return;
    assert_int_equal(rows_value_end(&fixture->layout, out, seam - 1, seam + 1), seam);
}

static void
run_fills(struct fixture *fixture, fill_fn *fill, size_t want)
{
    struct rows out = {0};
    uint64_t used = 0;

    rewind_inputs(fixture);
    while (!kway_done(&fixture->kway)) {
        const uint64_t done = used + fixture->kway.rows_again;
        const size_t seam = out.count;
        const bool held = kway_holds(&fixture->kway);
        uint64_t step;

        assert_int_equal(fill(&fixture->kway, &out, want, &used), SPINE_OK);
        step = used + fixture->kway.rows_again - done;
        assert_true(step > 0 || (held && kway_done(&fixture->kway)));
        if (fixture->kway.in_pieces)
            assert_true(step <= 2 * want + KWAY_WINDOW_MIN + 3 * INPUTS_MAX);
        expect_whole_groups(fixture, &out, seam);
    }
    assert_int_equal(used, fixture->rows_in);
    if (fixture->kway.descending)
        rows_turn_round(&fixture->layout, &out, 0);
    expect_same_rows(&fixture->layout, &out, &fixture->expected);
    rows_release(&fixture->layout, &out);
}

/* What cancels in two inputs is passed over before each fill. */
static enum spine_status
skip_and_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    if (kway->layout->row_kind != ROW_WIDE) {
        const enum spine_status st = kway_skip(kway, want, rows_used);

        if (st != SPINE_OK)
            return st;
    }
    return kway_done(kway) ? SPINE_OK : kway_fill(kway, out, want, rows_used);
}

static void
try_plan(const struct plan *plan, uint64_t *seed)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);
    static struct fixture fixture;

    for (size_t s = 0; s < schema_count; s++) {
        fixture_setup(&fixture, &schemas[s], plan, seed);
        run_fills(&fixture, kway_fill_heap, plan->want);
        run_fills(&fixture, kway_fill, plan->want);
        if (!plan->in_pieces)
            run_fills(&fixture, skip_and_fill, plan->want);
        fixture_teardown(&fixture);
    }
}

/* True once in `times`. */
static bool
few_in(uint64_t *seed, uint64_t times)
{
    return model_below(seed, times) == 0;
}

static void
random_inputs_merge_as_the_model_says(void **state)
{
    uint64_t seed = 20;

    (void)state;
    for (int round = 0; round < 60; round++) {
        const uint64_t round_seed = seed;
        const struct plan plan = {
            .inputs = 1 + model_below(&seed, few_in(&seed, 10) ? INPUTS_MAX - 1 : 9),
            .rows = 1 + model_below(&seed, few_in(&seed, 2) ? 2000 : 60),
            .keys = (enum model_draw)model_below(&seed, DRAW_COUNT),
            .values = (enum model_draw)model_below(&seed, DRAW_COUNT),
            .piece_max = 1 + model_below(&seed, few_in(&seed, 2) ? 5 : 700),
            .want = few_in(&seed, 3) ? 1 + model_below(&seed, 10)
                                     : 128 + model_below(&seed, 1500),
            .descending = model_below(&seed, 2) == 0,
            .advance = model_below(&seed, 2) == 0,
            .in_pieces = model_below(&seed, 2) == 0,
            .clustered = model_below(&seed, 4) == 0,
            .repeat = model_below(&seed, 3) == 0,
        };

        print_message("seed %llu: %zu inputs of %zu rows, keys %d, values %d, want %zu\n",
                      (unsigned long long)round_seed, plan.inputs, plan.rows, plan.keys,
                      plan.values, plan.want);
        try_plan(&plan, &seed);
    }
}

/* Windows of few or of uneven inputs are merged two by two. */
static void
uneven_inputs_merge_as_the_model_says(void **state)
{
    uint64_t seed = 25;

    (void)state;
    for (int round = 0; round < 60; round++) {
        const uint64_t round_seed = seed;
        const struct plan plan = {
            .inputs = 2 + model_below(&seed, 8),
            .rows = few_in(&seed, 3) ? 1 : 1 + model_below(&seed, 150),
            .keys = (enum model_draw)model_below(&seed, DRAW_COUNT),
            .values = (enum model_draw)model_below(&seed, DRAW_COUNT),
            .piece_max = few_in(&seed, 4) ? 20 : 3000,
            .want = 128 + model_below(&seed, 3000),
            .descending = few_in(&seed, 2),
            .lopsided = 1 + model_below(&seed, 50),
            .edges = few_in(&seed, 2),
        };

        print_message("seed %llu: %zu inputs of %zu rows, the first %zu times as many\n",
                      (unsigned long long)round_seed, plan.inputs, plan.rows,
                      plan.lopsided);
        try_plan(&plan, &seed);
    }
}

/* Rows of the first input end among those of the second, whose first row has value 0:
 * the window of the first input alone must end before it. */
static void
windows_end_before_closed_inputs(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    const struct plan plan = {.inputs = 2, .piece_max = 1000, .want = 400};
    static struct fixture fixture;
    uint64_t seed = 24;

    (void)state;
    fixture_setup(&fixture, &schema, &plan, &seed);
    for (uint64_t i = 0; i < 2000; i++) {
        const bool late = i >= 300;
        const struct spine_row row = {.key = spine_u64(late ? 5000 + i / 700 : i),
                                      .value = spine_u64(late ? i - 300 : 0),
                                      .weight = 1};
        struct rows *rows = &fixture.sources[late && (i == 300 || i % 10 > 0)].rows;

        assert_true(rows_reserve(&fixture.layout, rows, rows->count + 1));
        assert_true(rows_reserve(&fixture.layout, &fixture.expected, i + 1));
        assert_int_equal(rows_append_row(&fixture.layout, rows, &row, NULL), SPINE_OK);
        assert_int_equal(rows_append_row(&fixture.layout, &fixture.expected, &row, NULL),
                         SPINE_OK);
    }
    fixture.rows_in = 2000;
    for (size_t want = 128; want < 1500; want += 50)
        run_fills(&fixture, kway_fill, want);
    fixture_teardown(&fixture);
}

static void
no_inputs_are_done(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    struct layout layout;
    struct rows out = {0};
    uint64_t used = 0;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    struct kway kway = {.layout = &layout, .on_refill = refill};
    assert_true(kway_done(&kway));
    assert_int_equal(kway_fill(&kway, &out, 1000, &used), SPINE_OK);
    assert_int_equal(kway_fill(&kway, &out, 1, &used), SPINE_OK);
    assert_int_equal(out.count, 0);
    assert_int_equal(used, 0);
    kway_release(&kway);
    rows_release(&layout, &out);
}

static const struct plan small_plan = {.inputs = 6,
                                       .rows = 400,
                                       .keys = DRAW_POWERS,
                                       .values = DRAW_DENSE,
                                       .piece_max = 150,
                                       .want = 500};

static void
without_memory_nothing_leaks(void **state)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);
    static struct fixture fixture;
    uint64_t seed = 21;

    (void)state;
    for (size_t s = 0; s < schema_count; s++) {
        struct scarce scarce = {.refused = true};

        for (size_t left = 0; scarce.refused; left++) {
            enum spine_status st = SPINE_OK;
            struct rows out = {0};
            uint64_t used = 0;

            scarce_begin(&scarce);
            fixture_setup(&fixture, &schemas[s], &small_plan, &seed);
            scarce.left = left;
            while (st == SPINE_OK && !kway_done(&fixture.kway))
                st = kway_fill(&fixture.kway, &out, small_plan.want, &used);
            assert_int_equal(st, scarce.refused ? SPINE_NOMEM : SPINE_OK);
            rows_release(&fixture.layout, &out);
            fixture_teardown(&fixture);
            assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
            assert_true(left < 1000);
        }
    }
}

/* Weights of the last row of the first two inputs, which are made the same row. */
static void
make_overflow(struct fixture *fixture)
{
    const struct layout *layout = &fixture->layout;
    struct rows *a = &fixture->sources[0].rows, *b = &fixture->sources[1].rows;

    a->count = b->count = 0;
    assert_true(rows_reserve(layout, a, 300) && rows_reserve(layout, b, 300));
    rows_append(layout, a, &fixture->expected, 0, 300);
    rows_append(layout, b, &fixture->expected, 0, 300);
    for (size_t i = 0; i < 300 * layout->weight_count; i++)
        a->weight[i] = b->weight[i] = 1;
    a->weight[299 * layout->weight_count] = INT64_MAX;
}

static void
sums_beyond_64_bits_overflow(void **state)
{
    const struct spine_type u64 = {SPINE_U64, 0}, u32 = {SPINE_U32, 0};
    const struct spine_schema schemas[] = {
        {.key = u64, .value = u64},
        {.key = u64},
        {.key = u32, .value = u32, .time = SPINE_TIME_U64},
        {.key = u64, .weight_count = 2},
        {.key = {SPINE_BYTES, 0}, .value = u64},
    };
    struct plan plan = small_plan;
    static struct fixture fixture;
    uint64_t seed = 22;

    (void)state;
    plan.inputs = 2;
    plan.rows = 4000;
    plan.keys = plan.values = DRAW_UNIFORM;
    for (size_t s = 0; s < 5; s++) {
        enum spine_status st = SPINE_OK;
        struct rows out = {0};
        uint64_t used = 0;

        fixture_setup(&fixture, &schemas[s], &plan, &seed);
        make_overflow(&fixture);
        rewind_inputs(&fixture);
        while (st == SPINE_OK && !kway_done(&fixture.kway))
            st = kway_fill(&fixture.kway, &out, 150, &used);
        assert_int_equal(st, SPINE_OVERFLOW);
        rows_release(&fixture.layout, &out);
        fixture_teardown(&fixture);
    }
}

static enum spine_status
refill_or_fail(struct kway_input *input, size_t want)
{
    const struct source *source = input->source;

    return source->at > source->rows.count / 2 ? SPINE_IO : refill(input, want);
}

static void
failures_of_refills_are_passed_on(void **state)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);
    static struct fixture fixture;
    uint64_t seed = 23;

    (void)state;
    for (size_t s = 0; s < schema_count; s++) {
        fixture_setup(&fixture, &schemas[s], &small_plan, &seed);
        fixture.kway.on_refill = refill_or_fail;
        for (size_t i = 0; i < fixture.kway.input_count; i++)
            fixture.sources[i].piece_max = 3;
        for (size_t want = 7; want < 1000; want += 900) {
            enum spine_status st = SPINE_OK;
            struct rows out = {0};
            uint64_t used = 0;

            rewind_inputs(&fixture);
            while (st == SPINE_OK && !kway_done(&fixture.kway))
                st = kway_fill(&fixture.kway, &out, want, &used);
            assert_int_equal(st, fixture.expected.count > 20 ? SPINE_IO : st);
            rows_release(&fixture.layout, &out);
        }
        fixture_teardown(&fixture);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_inputs_merge_as_the_model_says),
        cmocka_unit_test(uneven_inputs_merge_as_the_model_says),
        cmocka_unit_test(windows_end_before_closed_inputs),
        cmocka_unit_test(no_inputs_are_done),
        cmocka_unit_test(without_memory_nothing_leaks),
        cmocka_unit_test(sums_beyond_64_bits_overflow),
        cmocka_unit_test(failures_of_refills_are_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
