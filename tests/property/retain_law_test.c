/* SPDX-License-Identifier: MIT */

/*
 * The law of retention: a row that the filter keeps, judged on the whole, consolidated
 * group, never changes its weight in any reader, whatever merges with what; and a
 * rejected row is gone once everything has merged.
 */

#include "harness/lanes.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 5u
#define VALUES 9u

/*
 * The weight of each (key, value), added up over times, and whether it is there: with
 * times it may be there and its weights add up to zero.
 */
struct content {
    int64_t weights[KEYS][VALUES];
    bool present[KEYS][VALUES];
};

/* What the filters of a case look like. A value passes when its bit is set for
 * its key. */
struct filters {
    bool has_keys;
    bool has_values;
    uint64_t key_min;
    enum spine_retain retain;
    uint64_t count;
    uint64_t passes[KEYS];
    unsigned released;
};

static bool
on_key(void *context, union spine_datum key)
{
    const struct filters *filters = context;

    return key.u64 >= filters->key_min;
}

static bool
on_value(void *context, union spine_datum key, union spine_datum value)
{
    const struct filters *filters = context;

    return filters->passes[key.u64] >> value.u32 & 1;
}

static void
on_release(void *context)
{
    ((struct filters *)context)->released++;
}

static void
draw_filters(struct rng *rng, struct filters *filters)
{
    *filters = (struct filters){0};
    filters->has_keys = rng_chance(rng, 30);
    filters->has_values = !filters->has_keys || rng_chance(rng, 70);
    filters->key_min = filters->has_keys ? rng_below(rng, KEYS) : 0;
    filters->retain = (enum spine_retain)rng_below(rng, 4);
    filters->count = rng_below(rng, 4);
    for (unsigned key = 0; key < KEYS; key++)
        /* Monotone where it must be: the bits from some value on. */
        filters->passes[key] = filters->retain == SPINE_RETAIN_LAST
                                   ? ~UINT64_C(0) << rng_below(rng, VALUES + 1)
                                   : rng_next(rng) & rng_next(rng);
}

static bool
set_filters(struct spine *spine, struct filters *filters)
{
    const struct spine_key_filter keys = {.name = "from the least key",
                                          .context = filters,
                                          .on_key = on_key,
                                          .on_release = on_release};
    const struct spine_value_filter values = {.name = "by a mask",
                                              .context = filters,
                                              .retain = filters->retain,
                                              .count = filters->count,
                                              .on_value = on_value,
                                              .on_release = on_release};

    HOLDS_OK(spine_retain_keys(spine, filters->has_keys ? &keys : NULL, NULL));
    HOLDS_OK(spine_retain_values(spine, filters->has_values ? &values : NULL, NULL));
    return true;
}

/* Values that the whole group keeps, as bits: by counting, from the definition. */
static uint64_t
kept_values(const struct filters *filters, const struct content *content, unsigned key)
{
    const uint64_t all = (UINT64_C(1) << VALUES) - 1;
    uint64_t kept = filters->passes[key] & all;
    uint64_t left = filters->count;

    if (filters->has_keys && key < filters->key_min)
        return 0;
    if (!filters->has_values || (filters->retain == SPINE_RETAIN_SIMPLE))
        return filters->has_values ? kept : all;
    for (unsigned i = 0; i < VALUES; i++) {
        const unsigned value =
            filters->retain == SPINE_RETAIN_BOTTOM ? i : VALUES - 1 - i;

        /* A value that is not there is not judged; it must not appear. */
        if (!content->present[key][value])
            kept |= UINT64_C(1) << value;
        else if (!(filters->passes[key] >> value & 1) && left > 0) {
            kept |= UINT64_C(1) << value;
            left--;
        }
    }
    return kept;
}

/* Do the weights of the value's times, none of them before `frontier`, leave anything? */
static bool
is_present(struct spine_cursor *cursor, uint64_t frontier)
{
    const uint64_t *times;
    const int64_t *weights;
    const size_t count = spine_cursor_times(cursor, &times, &weights);
    int64_t at_frontier = 0;

    for (size_t i = 0; i < count; i++) {
        if (times[i] > frontier)
            return true;
        at_frontier += weights[i];
    }
    return at_frontier != 0;
}

static bool
read_content(struct spine *spine, uint64_t frontier, struct content *content)
{
    struct spine_cursor *cursor;

    memset(content, 0, sizeof *content);
    HOLDS_OK(spine_cursor_open(spine, &cursor, NULL));
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            const uint64_t key = spine_cursor_key(cursor).u64;
            const uint32_t value = spine_cursor_val(cursor).u32;

            content->weights[key][value] = spine_cursor_weight(cursor);
            content->present[key][value] = is_present(cursor, frontier);
        }
    HOLDS_OK(spine_cursor_status(cursor));
    spine_cursor_close(cursor);
    return true;
}

static bool
insert_some(struct rng *rng, struct spine *spine, bool retract)
{
    const struct spine_schema *schema = spine_get_schema(spine);
    const size_t rows = 1 + rng_index(rng, 12);
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    HOLDS_OK(spine_batcher_new(schema, &batcher, NULL));
    for (size_t i = 0; i < rows; i++) {
        const struct spine_row row = {.key = spine_u64(rng_below(rng, KEYS)),
                                      .value =
                                          spine_u32((uint32_t)rng_below(rng, VALUES)),
                                      .time = rng_below(rng, 4),
                                      .weight = retract && rng_chance(rng, 50) ? -1 : 1};

        HOLDS_OK(spine_batcher_add(batcher, &row, NULL));
    }
    HOLDS_OK(spine_batcher_seal(batcher, &batch, NULL));
    HOLDS_OK(spine_insert(spine, batch, NULL));
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    return true;
}

static bool
same_where_kept(const struct filters *filters, const struct content *before,
                const struct content *after)
{
    for (unsigned key = 0; key < KEYS; key++) {
        const uint64_t kept = kept_values(filters, before, key);

        for (unsigned value = 0; value < VALUES; value++)
            if (kept >> value & 1)
                HOLDS_EQUAL(before->weights[key][value], after->weights[key][value]);
    }
    return true;
}

/* Rejected rows are gone after a consolidation, which has all of their weight. */
static bool
gone_where_rejected(const struct filters *filters, const struct content *content)
{
    for (unsigned key = 0; key < KEYS; key++) {
        const uint64_t kept = kept_values(filters, content, key);

        for (unsigned value = 0; value < VALUES; value++)
            if (!(kept >> value & 1))
                HOLDS(!content->present[key][value]);
    }
    return true;
}

static bool
steps_hold(struct rng *rng, struct spine *spine, struct filters filters[2], size_t steps)
{
    unsigned current = 0;
    uint64_t frontier = 0;
    struct content before, after;
    bool timed = spine_get_schema(spine)->time != SPINE_UNTIMED;

    for (size_t step = 0; step < steps; step++) {
        if (rng_chance(rng, 15)) {
            struct filters *next = &filters[1 - current];

            /* No merge is under way that would use the filters of before. */
            draw_filters(rng, next);
            HOLDS(set_filters(spine, next));
            current = 1 - current;
        }
        if (timed && rng_chance(rng, 20)) {
            frontier += rng_below(rng, 2);
            HOLDS_OK(spine_set_frontier(spine, frontier, NULL));
        }
        HOLDS(insert_some(rng, spine, true));
        HOLDS(read_content(spine, frontier, &before));
        HOLDS_OK(spine_wait_idle(spine, UINT64_MAX, NULL));
        if (rng_chance(rng, 10)) {
            HOLDS_OK(spine_consolidate(spine, NULL, NULL));
            HOLDS(read_content(spine, frontier, &after));
            HOLDS(gone_where_rejected(&filters[current], &after));
        }
        HOLDS(read_content(spine, frontier, &after));
        if (filters[current].has_keys || filters[current].has_values)
            HOLDS(same_where_kept(&filters[current], &before, &after));
        HOLDS_OK(spine_check(spine, NULL));
    }
    return true;
}

static bool
retention_law(struct rng *rng, size_t steps)
{
    static const enum spine_time times[] = {SPINE_UNTIMED, SPINE_UNTIMED, SPINE_TIME_U64};
    const struct spine_schema schema = {
        .key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}, .time = times[rng_below(rng, 3)]};
    /* Small levels, so that merges seldom have all of a row. */
    const struct spine_options small = {.level0_rows = 1 + (uint32_t)rng_below(rng, 20)};
    const struct spine_runtime_options options = {.manual = true};
    /* Outlive the spine, which releases them. */
    struct filters filters[2] = {{0}};
    struct spine_runtime *runtime;
    struct spine *spine;
    bool held;

    HOLDS_OK(spine_runtime_open(&options, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &schema, &small, &spine, NULL));
    lanes_force(spine, rng_chance(rng, 50));
    held = steps_hold(rng, spine, filters, steps);
    spine_close(spine);
    spine_runtime_close(runtime);
    return held;
}

static void
what_the_filter_keeps_stays_as_it_is(void **state)
{
    static const struct property law = {.name = "what_the_filter_keeps_stays_as_it_is",
                                        .on_case = retention_law,
                                        .cases = 400,
                                        .steps = 60};

    (void)state;
    assert_true(property_holds(&law));
}

/* A window that slides: its retractions follow its inserts, and the filter follows it. */
static void
a_moving_bound_keeps_space_flat(void **state)
{
    enum { STEPS = 400, ROWS = 500 };
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_runtime_options options = {.manual = true};
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows_max = 0;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
    for (uint64_t step = 0; step < STEPS; step++) {
        static uint64_t keys[ROWS];
        static struct filters bounds[STEPS];
        const struct spine_columns columns = {.rows = ROWS, .keys = keys};
        const struct spine_key_filter filter = {.context = &bounds[step],
                                                .on_key = on_key};
        struct spine_batch *batch;
        struct spine_stats stats;

        bounds[step].key_min = step < 4 ? 0 : (step - 4) * ROWS;
        for (uint64_t i = 0; i < ROWS; i++)
            keys[i] = step * ROWS + i;
        assert_int_equal(spine_retain_keys(spine, &filter, NULL), SPINE_OK);
        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
        spine_get_stats(spine, &stats);
        if (stats.rows > rows_max)
            rows_max = stats.rows;
    }
    /* Four steps are needed; up to 7 + 7 loose batches of eight steps wait for their
     * merge. */
    assert_in_range(rows_max, 4 * ROWS, 30 * ROWS);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
filters_are_released_once(void **state)
{
    struct spine_key_filter missing = {0};
    struct filters filters[2] = {{.has_keys = true, .has_values = true},
                                 {.has_keys = true}};
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}};
    const struct spine_runtime_options options = {.manual = true};
    struct spine_error error = {0};
    struct spine_runtime *runtime;
    struct spine_stats stats;
    struct spine *spine;
    struct spine *fork;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_retain_keys(spine, &missing, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "on_key"));
    assert_true(set_filters(spine, &filters[0]));
    spine_get_stats(spine, &stats);
    assert_string_equal(stats.key_filter, "from the least key");
    assert_string_equal(stats.value_filter, "by a mask");
    assert_int_equal(spine_fork(spine, &fork, NULL), SPINE_OK);
    assert_true(set_filters(spine, &filters[1]));
    assert_int_equal(filters[0].released, 0);
    spine_close(fork);
    assert_int_equal(filters[0].released, 2);
    spine_close(spine);
    assert_int_equal(filters[1].released, 1);
    spine_runtime_close(runtime);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_filter_keeps_stays_as_it_is),
        cmocka_unit_test(a_moving_bound_keeps_space_flat),
        cmocka_unit_test(filters_are_released_once),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
