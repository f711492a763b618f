/* SPDX-License-Identifier: MIT */
#include "unit/kernel/kernel_model.h"

struct plan {
    size_t rows;
    enum model_draw keys;
    enum model_draw values;
    enum { AS_DRAWN, SORTED, REVERSED, RUNS } arranged;
};

static void
arrange(struct model_rows *model, const struct plan *plan)
{
    if (plan->arranged == AS_DRAWN)
        return;
    if (plan->arranged == RUNS) {
        const size_t half = model->count / 2;

        qsort(model->rows, half, sizeof *model->rows, model_compare);
        qsort(model->rows + half, model->count - half, sizeof *model->rows,
              model_compare);
        return;
    }
    qsort(model->rows, model->count, sizeof *model->rows, model_compare);
    for (size_t i = 0; plan->arranged == REVERSED && i < model->count / 2; i++) {
        const struct model_row row = model->rows[i];

        model->rows[i] = model->rows[model->count - 1 - i];
        model->rows[model->count - 1 - i] = row;
    }
}

static void
try_plan(const struct plan *plan, uint64_t *seed)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);

    for (size_t s = 0; s < schema_count; s++) {
        struct rows rows = {0}, scratch = {0}, expected = {0};
        uint8_t *cells, *expected_cells;
        struct layout layout;

        assert_int_equal(layout_init(&layout, &schemas[s], NULL), SPINE_OK);
        struct model_rows model =
            model_draw_rows(&layout, plan->rows, plan->keys, plan->values, seed);
        arrange(&model, plan);
        model_to_rows(&layout, &model, &rows, &cells);
        model_consolidate(&layout, &model);
        model_to_rows(&layout, &model, &expected, &expected_cells);

        assert_int_equal(rows_consolidate(&layout, &rows, &scratch), SPINE_OK);
        expect_same_rows(&layout, &rows, &expected);
        /* Rows that are consolidated stay as they are. */
        assert_int_equal(rows_consolidate(&layout, &rows, &scratch), SPINE_OK);
        expect_same_rows(&layout, &rows, &expected);

        rows_release(&layout, &rows);
        rows_release(&layout, &scratch);
        rows_release(&layout, &expected);
        test_free(model.rows);
        test_free(cells);
        test_free(expected_cells);
        assert_int_equal(spine_allocated_bytes(), 0);
    }
}

static void
rows_in_any_order_are_consolidated(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 80; round++) {
        const uint64_t round_seed = seed;
        const struct plan plan = {
            .rows = model_below(&seed, round % 16 == 0  ? 30000
                                       : round % 2 == 0 ? 3000
                                                        : 120),
            .keys = (enum model_draw)model_below(&seed, DRAW_COUNT),
            .values = (enum model_draw)model_below(&seed, DRAW_COUNT),
            .arranged = (unsigned)model_below(&seed, 4),
        };

        print_message("seed %llu: %zu rows, keys %d, values %d, arranged %d\n",
                      (unsigned long long)round_seed, plan.rows, plan.keys, plan.values,
                      plan.arranged);
        try_plan(&plan, &seed);
    }
}

static void
few_rows_are_consolidated(void **state)
{
    uint64_t seed = 8;

    (void)state;
    for (size_t rows = 0; rows < 8; rows++)
        for (int round = 0; round < 20; round++) {
            const struct plan plan = {.rows = rows, .keys = DRAW_FEW, .values = DRAW_FEW};

            try_plan(&plan, &seed);
        }
}

static void
sums_beyond_64_bits_overflow(void **state)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);
    const size_t counts[] = {2, 3000};
    uint64_t seed = 9;

    (void)state;
    for (size_t s = 0; s < schema_count; s++)
        for (size_t c = 0; c < 2; c++) {
            struct rows rows = {0}, scratch = {0};
            struct layout layout;
            uint8_t *cells;

            assert_int_equal(layout_init(&layout, &schemas[s], NULL), SPINE_OK);
            struct model_rows model =
                model_draw_rows(&layout, counts[c], DRAW_DENSE, DRAW_DENSE, &seed);
            model.rows[0] = (struct model_row){.weights = {INT64_MAX, INT64_MAX}};
            model.rows[counts[c] - 1] = (struct model_row){.weights = {1, 1}};
            model_to_rows(&layout, &model, &rows, &cells);
            for (size_t i = 1; i + 1 < counts[c]; i++)
                for (unsigned w = 0; w < layout.weight_count; w++)
                    rows.weight[i * layout.weight_count + w] = 1;
            assert_int_equal(rows_consolidate(&layout, &rows, &scratch), SPINE_OVERFLOW);
            rows_release(&layout, &rows);
            rows_release(&layout, &scratch);
            test_free(model.rows);
            test_free(cells);
            assert_int_equal(spine_allocated_bytes(), 0);
        }
}

static void
without_memory_nothing_leaks(void **state)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);
    uint64_t seed = 10;

    (void)state;
    for (size_t s = 0; s < schema_count; s++) {
        struct scarce scarce = {.refused = true};

        for (size_t left = 0; scarce.refused; left++) {
            struct rows rows = {0}, scratch = {0};
            struct layout layout;
            uint8_t *cells;

            scarce_begin(&scarce);
            assert_int_equal(layout_init(&layout, &schemas[s], NULL), SPINE_OK);
            struct model_rows model =
                model_draw_rows(&layout, 900, DRAW_POWERS, DRAW_DENSE, &seed);
            model_to_rows(&layout, &model, &rows, &cells);
            scarce.left = left;
            const enum spine_status st = rows_consolidate(&layout, &rows, &scratch);

            assert_int_equal(st, scarce.refused ? SPINE_NOMEM : SPINE_OK);
            rows_release(&layout, &rows);
            rows_release(&layout, &scratch);
            test_free(model.rows);
            test_free(cells);
            assert_int_equal(spine_allocated_bytes(), 0);
            assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
            assert_true(left < 100);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_any_order_are_consolidated),
        cmocka_unit_test(few_rows_are_consolidated),
        cmocka_unit_test(sums_beyond_64_bits_overflow),
        cmocka_unit_test(without_memory_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
