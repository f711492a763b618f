/* SPDX-License-Identifier: MIT */

/*
 * Large batches while the allocator refuses: blocks, runs and merges of runs fail half
 * way, lose nothing, and succeed when asked again. (tests/fault does the same with every
 * allocation of small ones.)
 */

#include "batch_fixture.h"

#include "harness/fault_alloc.h"

/* Makes the batch of the columns; with refusals if a point is armed. */
typedef struct spine_batch *
make_fn(const struct spine_schema *schema, const struct spine_columns *columns);

/* `call`, which may be refused once. */
#define ATTEMPT(call)                                                                    \
    do {                                                                                 \
        enum spine_status attempt = (call);                                              \
        if (attempt == SPINE_NOMEM && fault_alloc_disarm())                              \
            attempt = (call);                                                            \
        assert_int_equal(attempt, SPINE_OK);                                             \
    } while (0)

static struct spine_batch *
make_from_columns(const struct spine_schema *schema, const struct spine_columns *columns)
{
    struct spine_batch *batch = NULL;

    ATTEMPT(spine_batch_from_columns(schema, columns, &batch, NULL));
    return batch;
}

/* Rows one by one, then pieces of all sizes. */
static struct spine_batch *
make_by_batcher(const struct spine_schema *schema, const struct spine_columns *columns)
{
    struct spine_batcher *batcher = NULL;
    struct spine_batch *batch = NULL;
    size_t piece = 1;

    ATTEMPT(spine_batcher_new(schema, &batcher, NULL));
    for (size_t at = 0, end; at < columns->rows; at = end) {
        end = at + piece < columns->rows ? at + piece : columns->rows;
        if (piece <= 2) {
            const struct spine_row row = row_of_columns(schema, columns, at);

            end = at + 1;
            ATTEMPT(spine_batcher_add(batcher, &row, NULL));
        } else {
            const struct spine_columns part = columns_part(schema, columns, at, end - at);

            ATTEMPT(spine_batcher_add_columns(batcher, &part, NULL));
        }
        if (at > 20000)
            piece = piece * 3 % 40000;
    }
    ATTEMPT(spine_batcher_seal(batcher, &batch, NULL));
    spine_batcher_free(batcher);
    return batch;
}

/* The rows of the columns, in order. */
static const struct rows *ordered;

static struct spine_batch *
make_by_builder(const struct spine_schema *schema, const struct spine_columns *columns)
{
    struct spine_builder *builder = NULL;
    struct spine_batch *batch = NULL;
    struct layout layout;

    (void)columns;
    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    ATTEMPT(spine_builder_new(schema, &builder, NULL));
    for (size_t at = 0; at < ordered->count; at++) {
        uint8_t scratch[2][16];
        const struct spine_row row = row_of_rows(&layout, ordered, at, scratch);

        ATTEMPT(spine_builder_add(builder, &row, NULL));
    }
    ATTEMPT(spine_builder_seal(builder, &batch, NULL));
    spine_builder_free(builder);
    return batch;
}

/* Makes the batch with the n-th allocation refused, for up to `points` n spread over all;
 * every time it must be `rows`. */
static void
refuse(make_fn *make, const struct spine_schema *schema,
       const struct spine_columns *columns, uint64_t points)
{
    struct spine_batch *batch;
    struct layout layout;
    struct rows rows;
    uint64_t before, all, step;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    fault_alloc_install();
    rows = rows_of_columns(&layout, columns);
    ordered = &rows;
    before = fault_alloc_count();
    batch = make(schema, columns);
    all = fault_alloc_count() - before;
    expect_batch(&layout, batch, &rows);
    spine_batch_unref(batch);

    step = all > points ? all / points : 1;
    for (uint64_t n = 1; n <= all; n += step) {
        fault_alloc_arm(n / step % 2 == 0 ? FAULT_ONCE : FAULT_FOREVER, n);
        batch = make(schema, columns);
        fault_alloc_disarm();
        expect_batch(&layout, batch, &rows);
        spine_batch_unref(batch);
    }
    rows_release(&layout, &rows);
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
    expect_no_leak();
}

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};
static const struct spine_schema cells = {
    .key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_U64};

static void
unordered_rows_survive(void **state)
{
    (void)state;
    static const struct draw draws[] = {
        {.rows = 700000, .keys = 20, .values = 3, .magnitude = 2},
        {.rows = 90000, .keys = 100000, .values = 1000},
        {.rows = 60000, .keys = 3000, .values = 9, .times = 3},
    };

    for (uint64_t d = 0; d < sizeof draws / sizeof *draws; d++) {
        const struct spine_schema *schema = d == 2 ? &cells : &numbers;
        struct random random = {d};
        struct owned_columns columns = columns_draw(schema, &draws[d], &random);

        refuse(make_by_batcher, schema, &columns.columns, 12);
        refuse(make_from_columns, schema, &columns.columns, 12);
        columns_free(&columns);
    }
}

static void
ordered_rows_survive(void **state)
{
    (void)state;
    const struct draw draw = {.rows = 12000, .keys = 3000, .values = 9, .times = 3};
    struct random random = {9};
    struct owned_columns columns = columns_draw(&cells, &draw, &random);

    refuse(make_by_builder, &cells, &columns.columns, 60);
    columns_free(&columns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unordered_rows_survive),
        cmocka_unit_test(ordered_rows_survive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
