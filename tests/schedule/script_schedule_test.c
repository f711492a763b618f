/* SPDX-License-Identifier: MIT */

/*
 * The core on a manual runtime: every order of calls and slices that a seed draws, short
 * and many, with the content compared to the model all the way.
 */

#include "harness/fault_alloc.h"
#include "harness/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool
short_scripts_agree(struct rng *rng, size_t steps)
{
    /* Some with merges of more than one slice. */
    const struct script_options options = {
        .batch_rows = rng_magnitude(rng, rng_chance(rng, 5) ? 800 : 40)};
    struct script script;

    HOLDS(script_init(&script, rng, &options));
    for (size_t i = 0; i < steps; i++)
        if (!script_step(&script))
            return property_fail(__FILE__, __LINE__, "step %zu, %s", i, script.step);
    HOLDS(script_finish(&script));
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    HOLDS_EQUAL(0, fault_alloc_live_blocks());
    return true;
}

static void
test_short_scripts_agree(void **state)
{
    const struct property law = {"test_short_scripts_agree", short_scripts_agree, 10000,
                                 40};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_short_scripts_agree)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
