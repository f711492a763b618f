/* SPDX-License-Identifier: MIT */

/*
 * A script of some two hundred calls, again and again with another of its allocations, or
 * of its pins where blocks are elsewhere, failing, once or during some calls. Every call
 * that is refused changed nothing; the content is the model's all the way.
 */

#include "harness/fault.h"
#include "harness/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEPS 200u
/* Calls during the fault before it is over, in FAULT_FOREVER. */
#define DROUGHT_STEPS 15u
/* Points per schema and mode, spread evenly; all of them when the scale is large. */
#define POINTS 250u

static bool
one_point(const struct spine_schema *schema, enum fault_mode mode, uint64_t nth,
          bool *fired)
{
    const struct script_options options = {
        .schema = schema, .faulty = true, .batch_rows = 30};
    struct script script;
    struct rng rng;
    unsigned drought = 0;

    *fired = true;
    rng_init(&rng, harness_seed());
    fault_arm(mode, nth);
    if (!script_init(&script, &rng, &options)) {
        HOLDS(fault_fired());
        HOLDS_EQUAL(0, fault_alloc_live_blocks());
        return true;
    }
    for (unsigned i = 0; i < harness_steps(STEPS); i++) {
        if (!script_step(&script))
            return property_fail(__FILE__, __LINE__, "step %u, %s", i, script.step);
        if (fault_fired() && ++drought == DROUGHT_STEPS)
            fault_disarm();
    }
    fault_disarm();
    *fired = fault_fired();
    HOLDS(script_finish(&script));
    HOLDS_EQUAL(0, fault_alloc_live_blocks());
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* The number of points that the script comes by when none fails. */
static uint64_t
count_points(const struct spine_schema *schema)
{
    const uint64_t before = fault_chances();
    bool fired;

    if (!one_point(schema, FAULT_ONCE, UINT64_MAX, &fired) || fired)
        return 0;
    return fault_chances() - before;
}

static bool
sweep_kind(const struct spine_schema *schema, const char *schema_name)
{
    const uint64_t all = count_points(schema);
    const uint64_t points = harness_cases(POINTS);
    const uint64_t stride = all > points ? all / points : 1;
    uint64_t visited = 0;

    HOLDS(all > 0);
    for (int mode = FAULT_ONCE; mode <= FAULT_FOREVER; mode++) {
        bool fired = true;
        for (uint64_t nth = 1; fired; nth += stride) {
            if (!one_point(schema, (enum fault_mode)mode, nth, &fired))
                return property_fail(__FILE__, __LINE__,
                                     "%s, %s %llu failing %s by %s, SPINE_SEED=%llu",
                                     schema_name, fault_name(), (unsigned long long)nth,
                                     mode == FAULT_ONCE ? "once" : "for some calls",
                                     spine_status_name(fault_status()),
                                     (unsigned long long)harness_seed());
            visited += fired;
        }
    }
    printf("%s: %llu of %llu %ss failed by %s, each twice\n", schema_name,
           (unsigned long long)visited / 2, (unsigned long long)all, fault_name(),
           spine_status_name(fault_status()));
    return true;
}

static bool
sweep(const struct spine_schema *schema, const char *schema_name)
{
    for (size_t kind = 0; kind < fault_kinds(); kind++) {
        fault_use(kind);
        if (!sweep_kind(schema, schema_name))
            return false;
    }
    return true;
}

static void
test_sweep_one_word(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}};

    (void)state;
    assert_true(sweep(&schema, "u32 -> u32"));
}

static void
test_sweep_two_words(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

    (void)state;
    assert_true(sweep(&schema, "u64 -> u64"));
}

static void
test_sweep_wide(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_I64, 0},
                                        .weight_count = 2,
                                        .time = SPINE_TIME_U64};

    (void)state;
    assert_true(sweep(&schema, "bytes -> i64, two weights, times"));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_one_word),
        cmocka_unit_test(test_sweep_two_words),
        cmocka_unit_test(test_sweep_wide),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
