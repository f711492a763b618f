/* SPDX-License-Identifier: MIT */
#include "retain/retain.h"

#include "unit/retain/retain_fixture.h"

#define KEYS 300u

static bool
is_even(void *context, union spine_datum key)
{
    (void)context;
    asked++;
    return key.u64 % 2 == 0;
}

/* Rows (key, value) of KEYS keys with two values each, 20 and 40. */
static void
make_rows(const struct layout *layout, struct rows *rows)
{
    *rows = (struct rows){0};
    assert_true(rows_reserve(layout, rows, 2 * KEYS));
    for (uint64_t i = 0; i < 2 * KEYS; i++) {
        rows->hi[i] = i / 2;
        rows->lo[i] = i % 2 == 0 ? 20 : 40;
        rows->weight[i] = 1;
    }
    rows->count = 2 * KEYS;
}

static struct retain *
make_retain(const struct layout *layout, struct key_filter *keys,
            struct value_filter *values)
{
    const struct retain_options options = {.keys = keys, .values = values};
    struct retain *retain;

    assert_int_equal(retain_new(&retain, layout, &options, NULL), SPINE_OK);
    return retain;
}

static struct key_filter *
even_keys(void)
{
    const struct spine_key_filter filter = {.on_key = is_even};
    struct key_filter *out;

    assert_int_equal(key_filter_new(&filter, &out, NULL), SPINE_OK);
    return out;
}

/* Whatever the fuel of each step, the same rows are left, and every callback costs. */
static void
any_fuel_leaves_the_same_rows(void **state)
{
    static const uint64_t fuels[] = {1, 2, 7, 100, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof fuels / sizeof fuels[0]; i++) {
        struct key_filter *keys = even_keys();
        struct value_filter *values = filter_of(SPINE_RETAIN_SIMPLE, 0);
        struct layout layout;
        struct retain *retain;
        struct output output;
        struct rows rows;
        uint64_t used = 0;
        size_t at = 0;

        asked = 0;
        assert_int_equal(layout_init(&layout, &pairs_schema, NULL), SPINE_OK);
        make_rows(&layout, &rows);
        output_init(&output, &layout);
        retain = make_retain(&layout, keys, values);
        assert_false(retain_by_group(retain));
        while (at < rows.count) {
            struct retain_fuel fuel = {.rows = fuels[i]};
            const size_t before = at;

            assert_int_equal(retain_step(retain, &rows, &at, &output, &fuel, NULL),
                             SPINE_OK);
            assert_true(at > before || fuel.used > 0);
            used += fuel.used;
            assert_true(used <= 8 * KEYS);
        }
        assert_true(used >= asked && asked > 0);
        assert_int_equal(output.pending.count, KEYS / 2);
        for (size_t r = 0; r < output.pending.count; r++) {
            assert_int_equal(output.pending.hi[r], 2 * r);
            assert_int_equal(output.pending.lo[r], 40);
        }
        assert_int_equal(retain_rows_dropped(retain), 2 * KEYS - KEYS / 2);
        retain_free(retain);
        output_release(&output);
        rows_release(&layout, &rows);
        key_filter_unref(keys);
        value_filter_unref(values);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* Rows that were judged alike count as judged: the step goes on behind them. */
static void
rows_that_are_alike_are_judged_together(void **state)
{
    struct value_filter *values = filter_of(SPINE_RETAIN_SIMPLE, 0);
    struct retain_fuel fuel = {.rows = UINT64_MAX};
    struct layout layout;
    struct retain *retain;
    struct output output;
    struct rows rows;
    bool keeps = false;
    size_t at;

    (void)state;
    assert_int_equal(layout_init(&layout, &pairs_schema, NULL), SPINE_OK);
    make_rows(&layout, &rows);
    /* 20 20 20, then 40 20 40 20 ... */
    rows.lo[1] = 21;
    rows.lo[2] = 22;
    output_init(&output, &layout);
    retain = make_retain(&layout, NULL, values);
    at = retain_alike(retain, &rows, &keeps, &fuel);
    assert_int_equal(at, 3);
    assert_false(keeps);
    assert_int_equal(retain_rows_dropped(retain), 3);
    assert_int_equal(retain_step(retain, &rows, &at, &output, &fuel, NULL), SPINE_OK);
    assert_int_equal(at, rows.count);
    assert_int_equal(output.pending.count, KEYS - 1);
    assert_int_equal(retain_rows_dropped(retain), KEYS + 1);
    retain_free(retain);
    output_release(&output);
    rows_release(&layout, &rows);
    value_filter_unref(values);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* The filters go with the retain, when nobody else has them; NULL is nothing. */
static void
a_retain_keeps_its_filters(void **state)
{
    struct key_filter *keys = even_keys();
    const uint64_t number = keys->shared.number;
    struct layout layout;
    struct retain *retain;

    (void)state;
    assert_int_equal(layout_init(&layout, &pairs_schema, NULL), SPINE_OK);
    retain = make_retain(&layout, keys, NULL);
    key_filter_unref(keys);
    assert_int_equal(retain_judged_by(retain).keys, number);
    assert_int_equal(retain_judged_by(retain).values, 0);
    assert_false(retain_judges_key(retain, spine_u64(0)));
    retain_free(retain);
    retain_free(NULL);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_fuel_leaves_the_same_rows),
        cmocka_unit_test(rows_that_are_alike_are_judged_together),
        cmocka_unit_test(a_retain_keeps_its_filters),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
