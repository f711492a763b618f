/* SPDX-License-Identifier: MIT */

/*
 * Whether the weights of equal rows can be added up does not depend on their order, on
 * none of the ways on which rows are sorted or merged.
 */

#include "base/wide_sum.h"
#include "unit/kernel/kernel_model.h"

enum { HEAVY_MAX = 5, INPUTS_MAX = 24, HEAVY_KEY = 1 << 20 };

struct heavy {
    size_t count;
    int64_t weights[HEAVY_MAX];
};

/* Some of them leave int64_t on the way, some at last. No sum is 1, the weight of all
 * other rows. */
static const struct heavy heavies[] = {
    {3, {INT64_MAX, 1, -1}},
    {3, {INT64_MIN, -1, 1}},
    {3, {INT64_MIN, INT64_MAX, 1}},
    {4, {INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN}},
    {5, {INT64_MAX, INT64_MAX, INT64_MAX, -INT64_MAX, -INT64_MAX}},
    {2, {INT64_MAX, 1}},
    {3, {INT64_MIN, -1, -1}},
    {5, {INT64_MAX, INT64_MAX, -1, -2, -3}},
    /* A multiple of 2^64. */
    {4, {INT64_MAX, INT64_MAX, 1, 1}},
};
#define HEAVIES (sizeof heavies / sizeof heavies[0])

static const struct spine_schema schemas[] = {
    {.key = {SPINE_U64, 0}},
    {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U64, 0}, .weight_count = 2},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
};
#define SCHEMAS (sizeof schemas / sizeof schemas[0])

/* How rows are spread over inputs, and asked for. */
struct plan {
    size_t inputs;
    size_t rows; /* of each, without the heavy one */
    size_t want;
};

static wide_sum
sum_of(const struct heavy *heavy)
{
    wide_sum sum = 0;

    for (size_t i = 0; i < heavy->count; i++)
        sum += heavy->weights[i];
    return sum;
}

/* Order number `number` of the weights; false when there are not so many. */
static bool
in_order(const struct heavy *heavy, unsigned number, struct heavy *out)
{
    struct heavy left = *heavy;

    out->count = heavy->count;
    for (size_t i = 0; i < heavy->count; i++) {
        const size_t at = number % left.count;

        number /= (unsigned)left.count;
        out->weights[i] = left.weights[at];
        left.weights[at] = left.weights[--left.count];
    }
    return number == 0;
}

static void
set_row(struct model_row *row, uint64_t key, int64_t weight)
{
    *row = (struct model_row){.key = key, .weights = {weight, 1}};
}

/* Sorted rows of input `input`: one of them heavy if it has a weight. */
static void
make_input(const struct layout *layout, const struct plan *plan, size_t input,
           const struct heavy *heavy, struct rows *rows, uint8_t **cells)
{
    struct model_rows model = {test_calloc(plan->rows + 1, sizeof *model.rows), 0};

    for (size_t r = 0; r < plan->rows; r++) {
        const uint64_t half = r < plan->rows / 2 ? 0 : HEAVY_KEY;

        set_row(&model.rows[model.count++], half + r * INPUTS_MAX + input + 1, 1);
    }
    if (input < heavy->count)
        set_row(&model.rows[model.count++], HEAVY_KEY, heavy->weights[input]);
    model_consolidate(layout, &model);
    model_to_rows(layout, &model, rows, cells);
    test_free(model.rows);
}

static enum spine_status
refill_nothing(struct kway_input *input, size_t want)
{
    (void)input;
    (void)want;
    fail();
    return SPINE_INVALID;
}

/* `others` rows of weight 1, and the heavy one unless its weights add up to nothing. */
static void
check_rows(const struct layout *layout, const struct rows *rows, size_t others,
           wide_sum sum)
{
    size_t found = 0;

    assert_int_equal(rows->count, others + (sum != 0 || layout->weight_count > 1));
    for (size_t i = 0; i < rows->count; i++)
        if (rows->weight[i * layout->weight_count] != 1) {
            found++;
            assert_true(rows->weight[i * layout->weight_count] == sum);
        }
    assert_int_equal(found, sum != 0 || layout->weight_count > 1);
}

static void
try_merge(const struct layout *layout, const struct plan *plan, const struct heavy *heavy)
{
    struct kway_input inputs[INPUTS_MAX] = {0};
    uint8_t *cells[INPUTS_MAX];
    struct kway kway = {.layout = layout,
                        .inputs = inputs,
                        .input_count = plan->inputs,
                        .on_refill = refill_nothing};
    const wide_sum sum = sum_of(heavy);
    enum spine_status st = SPINE_OK;
    struct rows out = {0};
    uint64_t used = 0;

    for (size_t i = 0; i < plan->inputs; i++) {
        make_input(layout, plan, i, heavy, &inputs[i].rows, &cells[i]);
        inputs[i].rows_left = inputs[i].rows.count;
    }
    while (st == SPINE_OK && !kway_done(&kway))
        st = kway_fill(&kway, &out, plan->want, &used);
    assert_int_equal(st, wide_sum_fits(sum) ? SPINE_OK : SPINE_OVERFLOW);
    if (st == SPINE_OK)
        check_rows(layout, &out, plan->inputs * plan->rows, sum);
    for (size_t i = 0; i < plan->inputs; i++) {
        rows_release(layout, &inputs[i].rows);
        test_free(cells[i]);
    }
    rows_release(layout, &out);
    kway_release(&kway);
}

static void
try_plan(const struct plan *plan)
{
    for (size_t s = 0; s < SCHEMAS; s++) {
        struct layout layout;

        assert_int_equal(layout_init(&layout, &schemas[s], NULL), SPINE_OK);
        for (size_t h = 0; h < HEAVIES; h++) {
            struct heavy heavy;

            for (unsigned order = 0; in_order(&heavies[h], order, &heavy); order++)
                try_merge(&layout, plan, &heavy);
        }
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
heaps_add_in_any_order(void **state)
{
    (void)state;
    try_plan(&(struct plan){.inputs = 6, .rows = 8, .want = 16});
}

static void
windows_merged_two_by_two_add_in_any_order(void **state)
{
    (void)state;
    try_plan(&(struct plan){.inputs = 5, .rows = 100, .want = 2000});
}

static void
windows_of_nothing_else_add_in_any_order(void **state)
{
    (void)state;
    try_plan(&(struct plan){.inputs = 5, .rows = 0, .want = 2000});
}

static void
windows_sorted_by_buckets_add_in_any_order(void **state)
{
    (void)state;
    try_plan(&(struct plan){.inputs = INPUTS_MAX, .rows = 20, .want = 4000});
}

/* The heavy rows of one sort, far from one another. */
static void
try_sort(const struct layout *layout, size_t others, const struct heavy *heavy)
{
    const size_t count = others + heavy->count;
    struct model_rows model = {test_calloc(count, sizeof *model.rows), count};
    const wide_sum sum = sum_of(heavy);
    struct rows rows = {0}, scratch = {0};
    uint8_t *cells;

    for (size_t i = 0; i < count; i++)
        set_row(&model.rows[i], (i * 7919 + 1) % HEAVY_KEY, 1);
    for (size_t i = 0; i < heavy->count; i++)
        set_row(&model.rows[i * (others / heavy->count + 1)], HEAVY_KEY,
                heavy->weights[i]);
    model_to_rows(layout, &model, &rows, &cells);
    const enum spine_status st = rows_consolidate(layout, &rows, &scratch);

    assert_int_equal(st, wide_sum_fits(sum) ? SPINE_OK : SPINE_OVERFLOW);
    if (st == SPINE_OK)
        check_rows(layout, &rows, others, sum);
    rows_release(layout, &rows);
    rows_release(layout, &scratch);
    test_free(model.rows);
    test_free(cells);
}

static void
sorts_add_in_any_order(void **state)
{
    const size_t others[] = {0, 20, 400};

    (void)state;
    for (size_t s = 0; s < SCHEMAS; s++) {
        struct layout layout;

        assert_int_equal(layout_init(&layout, &schemas[s], NULL), SPINE_OK);
        for (size_t h = 0; h < HEAVIES * 3; h++) {
            struct heavy heavy;

            for (unsigned order = 0; in_order(&heavies[h / 3], order, &heavy); order++)
                try_sort(&layout, others[h % 3], &heavy);
        }
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heaps_add_in_any_order),
        cmocka_unit_test(windows_merged_two_by_two_add_in_any_order),
        cmocka_unit_test(windows_of_nothing_else_add_in_any_order),
        cmocka_unit_test(windows_sorted_by_buckets_add_in_any_order),
        cmocka_unit_test(sorts_add_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
