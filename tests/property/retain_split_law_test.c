/* SPDX-License-Identifier: MIT */

/*
 * Merges that are split drop what filters reject, and nothing else: as long as no rows
 * come in, a row that the filters keep, judged on the whole group, has the same weight
 * before and after any slice; groups are as large as several windows, or small.
 */

#include "harness/lanes.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Keys times values. */
#define CELLS 16384u

static uint64_t splits;

struct case_of {
    struct rng *rng;
    uint32_t keys;
    uint32_t values;
    bool filters_keys;
    enum spine_retain retain;
    uint64_t count;
    /* What on_value keeps: values from `value_min` on, or one in `part`. */
    uint32_t value_min;
    uint32_t part;
    struct spine_runtime *runtime;
    struct spine *spine;
    /* The weight of each row. */
    int64_t *before;
    int64_t *after;
};

static bool
on_key(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 3 != 0;
}

static bool
on_value(void *context, union spine_datum key, union spine_datum value)
{
    const struct case_of *of = context;

    if (of->retain == SPINE_RETAIN_LAST)
        return value.u64 >= of->value_min;
    return (value.u64 + key.u64) % of->part == 0;
}

static bool
set_filters(struct case_of *of)
{
    const struct spine_key_filter keys = {.name = "two thirds", .on_key = on_key};
    const struct spine_value_filter values = {.name = "some",
                                              .context = of,
                                              .retain = of->retain,
                                              .count = of->count,
                                              .on_value = on_value};

    if (of->filters_keys)
        HOLDS_OK(spine_retain_keys(of->spine, &keys, NULL));
    HOLDS_OK(spine_retain_values(of->spine, &values, NULL));
    return true;
}

static bool
insert_some(struct case_of *of, size_t rows)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    HOLDS_OK(spine_batcher_new(spine_get_schema(of->spine), &batcher, NULL));
    for (size_t i = 0; i < rows; i++) {
        const struct spine_row row = {.key = spine_u64(rng_below(of->rng, of->keys)),
                                      .value = spine_u64(rng_below(of->rng, of->values)),
                                      .time = rng_below(of->rng, 3),
                                      .weight = rng_chance(of->rng, 30) ? -1 : 1};

        HOLDS_OK(spine_batcher_add(batcher, &row, NULL));
    }
    HOLDS_OK(spine_batcher_seal(batcher, &batch, NULL));
    HOLDS_OK(spine_insert(of->spine, batch, NULL));
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    return true;
}

static bool
read_content(struct case_of *of, int64_t *weights)
{
    struct spine_cursor *cursor;

    memset(weights, 0, CELLS * sizeof *weights);
    HOLDS_OK(spine_cursor_open(of->spine, &cursor, NULL));
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            weights[spine_cursor_key(cursor).u64 * of->values +
                    spine_cursor_val(cursor).u64] = spine_cursor_weight(cursor);
    HOLDS_OK(spine_cursor_status(cursor));
    spine_cursor_close(cursor);
    return true;
}

/* Are kept rows as they were? Those of untimed spines only, whose weights say which rows
 * are there. */
static bool
same_where_kept(struct case_of *of)
{
    for (uint32_t key = 0; key < of->keys; key++) {
        const int64_t *before = of->before + (size_t)key * of->values;
        const int64_t *after = of->after + (size_t)key * of->values;
        uint64_t left = of->retain != SPINE_RETAIN_SIMPLE ? of->count : 0;

        if (of->filters_keys && key % 3 == 0)
            continue;
        for (uint32_t i = 0; i < of->values; i++) {
            const uint32_t value =
                of->retain == SPINE_RETAIN_BOTTOM ? i : of->values - 1 - i;
            bool kept = on_value(of, spine_u64(key), spine_u64(value));

            if (before[value] == 0)
                continue;
            if (!kept && left > 0) {
                kept = true;
                left--;
            }
            if (kept)
                HOLDS_EQUAL(before[value], after[value]);
        }
    }
    return true;
}

/* After a consolidation no row is there that on_value, or on_key, rejects, but for
 * `count` of each key. */
static bool
gone_where_rejected(struct case_of *of)
{
    for (uint32_t key = 0; key < of->keys; key++) {
        uint64_t rejected = 0;

        for (uint32_t value = 0; value < of->values; value++) {
            if (of->after[(size_t)key * of->values + value] == 0)
                continue;
            HOLDS(!(of->filters_keys && key % 3 == 0));
            rejected += !on_value(of, spine_u64(key), spine_u64(value));
        }
        HOLDS(rejected <= (of->retain != SPINE_RETAIN_SIMPLE ? of->count : 0));
    }
    return true;
}

static bool
steps_hold(struct case_of *of, size_t steps)
{
    const bool timed = spine_get_schema(of->spine)->time != SPINE_UNTIMED;

    for (size_t step = 0; step < steps; step++) {
        HOLDS(insert_some(of, 1 + rng_index(of->rng, 6000)));
        HOLDS(read_content(of, of->before));
        for (uint64_t runs = rng_below(of->rng, 12); runs > 0; runs--) {
            (void)spine_runtime_run(of->runtime, 1 + rng_below(of->rng, 6000));
            if (timed)
                continue;
            HOLDS(read_content(of, of->after));
            HOLDS(same_where_kept(of));
        }
        HOLDS_OK(spine_check(of->spine, NULL));
        /* Merges judge by what there was when they began. */
        HOLDS_OK(spine_wait_idle(of->spine, UINT64_MAX, NULL));
        HOLDS(read_content(of, of->after));
        HOLDS(timed || same_where_kept(of));
    }
    HOLDS(read_content(of, of->before));
    HOLDS_OK(spine_consolidate(of->spine, NULL, NULL));
    HOLDS(read_content(of, of->after));
    HOLDS(timed || same_where_kept(of));
    HOLDS(timed || gone_where_rejected(of));
    return true;
}

static bool
splits_keep_what_filters_keep(struct rng *rng, size_t steps)
{
    static const uint32_t keys[] = {4, 128, 4096};
    const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                        .value = {SPINE_U64, 0},
                                        .time = rng_chance(rng, 20) ? SPINE_TIME_U64
                                                                    : SPINE_UNTIMED};
    const struct spine_options options = {.level0_rows = 1 + (uint32_t)rng_below(rng, 40),
                                          .encode_rows =
                                              (uint32_t)rng_magnitude(rng, 5000),
                                          .only_due_merges = rng_chance(rng, 50),
                                          .help_batches = UINT32_MAX};
    const struct spine_runtime_options manual = {.manual = true};
    struct case_of of = {.rng = rng,
                         .keys = keys[rng_below(rng, 3)],
                         .filters_keys = rng_chance(rng, 30),
                         .retain = (enum spine_retain)rng_below(rng, 4),
                         .count = rng_below(rng, 4),
                         .part = 1 + (uint32_t)rng_below(rng, 9)};
    struct spine_stats stats;
    bool held;

    of.values = CELLS / of.keys;
    of.value_min = (uint32_t)rng_below(rng, of.values);
    of.before = malloc(CELLS * sizeof *of.before);
    of.after = malloc(CELLS * sizeof *of.after);
    HOLDS(of.before != NULL && of.after != NULL);
    HOLDS_OK(spine_runtime_open(&manual, &of.runtime, NULL));
    HOLDS_OK(spine_open(of.runtime, &schema, &options, &of.spine, NULL));
    lanes_force(of.spine, rng_chance(rng, 50));
    held = set_filters(&of) && steps_hold(&of, steps);
    spine_get_stats(of.spine, &stats);
    splits += stats.merge_splits;
    spine_close(of.spine);
    spine_runtime_close(of.runtime);
    free(of.before);
    free(of.after);
    return held;
}

static void
test_splits_keep_what_filters_keep(void **state)
{
    static const struct property law = {.name = "test_splits_keep_what_filters_keep",
                                        .on_case = splits_keep_what_filters_keep,
                                        .cases = 30,
                                        .steps = 8};

    (void)state;
    splits = 0;
    assert_true(property_holds(&law));
    printf("%llu splits\n", (unsigned long long)splits);
    if (harness_cases(law.cases) >= law.cases)
        assert_true(splits > 30);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_keep_what_filters_keep),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
