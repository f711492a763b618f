/* SPDX-License-Identifier: MIT */
#include "filter/filter.h"

#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned releases;

static void
count_release(void *context)
{
    (void)context;
    releases++;
}

static bool
is_even(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 0;
}

static bool
keeps(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return true;
}

/* The last of its holders, and no other, has the caller told. */
static void
a_filter_is_released_once(void **state)
{
    const struct spine_key_filter filter = {.on_key = is_even,
                                            .on_release = count_release};
    const struct spine_value_filter values = {.on_value = keeps,
                                              .on_release = count_release};
    struct key_filter *key_filter;
    struct value_filter *value_filter;

    (void)state;
    releases = 0;
    assert_int_equal(key_filter_new(&filter, &key_filter, NULL), SPINE_OK);
    assert_int_equal(value_filter_new(&values, &value_filter, NULL), SPINE_OK);
    assert_ptr_equal(key_filter_ref(key_filter), key_filter);
    assert_ptr_equal(value_filter_ref(value_filter), value_filter);
    key_filter_unref(key_filter);
    value_filter_unref(value_filter);
    assert_int_equal(releases, 0);
    key_filter_unref(key_filter);
    assert_int_equal(releases, 1);
    value_filter_unref(value_filter);
    assert_int_equal(releases, 2);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* What is refused was not taken: its on_release is the caller's to call. */
static void
what_is_refused_is_not_released(void **state)
{
    const struct spine_key_filter no_key = {.on_release = count_release};
    const struct spine_key_filter filter = {.on_key = is_even,
                                            .on_release = count_release};
    const struct spine_value_filter unknown = {
        .on_value = keeps, .retain = (enum spine_retain)77, .on_release = count_release};
    struct spine_error error = {0};
    struct value_filter *value_filter = NULL;
    struct key_filter *key_filter = NULL;

    (void)state;
    releases = 0;
    assert_int_equal(key_filter_new(&no_key, &key_filter, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "on_key"));
    assert_int_equal(value_filter_new(&unknown, &value_filter, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "77"));
    fault_alloc_arm(FAULT_ONCE, 1);
    assert_int_equal(key_filter_new(&filter, &key_filter, &error), SPINE_NOMEM);
    fault_alloc_disarm();
    assert_int_equal(error.status, SPINE_NOMEM);
    assert_int_equal(releases, 0);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Names are cut, absent ones are empty, and NULL filters keep all. */
static void
names_are_cut_and_none_keeps_all(void **state)
{
    char name[SPINE_FILTER_NAME_MAX + 20];
    const struct spine_key_filter named = {.name = name, .on_key = is_even};
    struct key_filter *filter;

    (void)state;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(key_filter_new(&named, &filter, NULL), SPINE_OK);
    assert_int_equal(strlen(key_filter_name(filter)), SPINE_FILTER_NAME_MAX);
    assert_true(key_filter_keeps(filter, spine_u64(2)));
    assert_false(key_filter_keeps(filter, spine_u64(3)));
    key_filter_unref(filter);
    assert_string_equal(key_filter_name(NULL), "");
    assert_string_equal(value_filter_name(NULL), "");
    assert_true(key_filter_keeps(NULL, spine_u64(3)));
    assert_false(value_filter_needs_groups(NULL));
    assert_null(key_filter_ref(NULL));
    assert_null(value_filter_ref(NULL));
    key_filter_unref(NULL);
    value_filter_unref(NULL);
}

/* The same filter set again is another one: nothing that the first judged counts. */
static void
numbers_are_never_used_again(void **state)
{
    const struct spine_key_filter filter = {.on_key = is_even};
    uint64_t numbers[20];

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        struct key_filter *copy;

        assert_int_equal(key_filter_new(&filter, &copy, NULL), SPINE_OK);
        numbers[i] = copy->shared.number;
        key_filter_unref(copy);
        assert_true(numbers[i] != 0);
        for (size_t before = 0; before < i; before++)
            assert_true(numbers[before] != numbers[i]);
    }
}

static void
judged_rows_are_those_of_the_same_filters(void **state)
{
    const struct judged_by none = {0}, keys = {.keys = 1}, both = {1, 2}, others = {1, 3},
                           values = {0, 2};

    (void)state;
    /* No filters have nothing to say. */
    assert_true(judged_by_covers(&none, &none));
    assert_true(judged_by_covers(&both, &none));
    /* Fewer filters say nothing new, more and others do. */
    assert_true(judged_by_covers(&both, &keys));
    assert_true(judged_by_covers(&both, &values));
    assert_false(judged_by_covers(&keys, &both));
    assert_false(judged_by_covers(&none, &keys));
    assert_false(judged_by_covers(&both, &others));
    assert_int_equal(filters_mark(NULL, NULL).keys, 0);
    assert_int_equal(filters_mark(NULL, NULL).values, 0);
}

/* Rows before `begin` stay, the others go by their keys; also where codes are
 * complemented, as in a descending merge. */
static void
rows_of_rejected_keys_are_dropped(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    const struct spine_key_filter filter = {.on_key = is_even};
    struct key_filter *even;
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_int_equal(key_filter_new(&filter, &even, NULL), SPINE_OK);
    for (int complemented = 0; complemented < 2; complemented++) {
        struct rows rows = {0};

        assert_true(rows_reserve(&layout, &rows, 12));
        for (uint64_t i = 0; i < 12; i++) {
            const uint64_t key = i / 2;

            rows.hi[i] = complemented ? ~key : key;
            rows.lo[i] = complemented ? ~i : i;
            rows.weight[i] = (int64_t)i + 1;
        }
        rows.count = 12;
        /* Keys 1 (the second row), 3 and 5. */
        assert_int_equal(key_filter_rows(even, &layout, &rows, 3, complemented), 5);
        assert_int_equal(rows.count, 7);
        for (size_t i = 0; i < rows.count; i++) {
            static const uint64_t left[] = {0, 1, 2, 4, 5, 8, 9};

            assert_true(rows.hi[i] == (complemented ? ~(left[i] / 2) : left[i] / 2));
            assert_true(rows.lo[i] == (complemented ? ~left[i] : left[i]));
            assert_int_equal(rows.weight[i], left[i] + 1);
        }
        assert_int_equal(key_filter_rows(even, &layout, &rows, 7, complemented), 0);
        rows_release(&layout, &rows);
    }
    key_filter_unref(even);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_is_released_once),
        cmocka_unit_test(what_is_refused_is_not_released),
        cmocka_unit_test(names_are_cut_and_none_keeps_all),
        cmocka_unit_test(numbers_are_never_used_again),
        cmocka_unit_test(judged_rows_are_those_of_the_same_filters),
        cmocka_unit_test(rows_of_rejected_keys_are_dropped),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
