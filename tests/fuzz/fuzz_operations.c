/* SPDX-License-Identifier: MIT */

/*
 * Bytes as calls to spines, cursors and snapshots, each checked against the model: the
 * random scripts of the property tests, with decisions that the fuzzer makes.
 */

#include "fuzz/fuzz.h"

#include "harness/fault_alloc.h"
#include "harness/script.h"

#define STEPS_MAX 300u

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct script_options options = {.batch_rows = 60};
    struct script script;
    struct rng rng;

    rng_init_bytes(&rng, data, size);
    FUZZ_REQUIRE(script_init(&script, &rng, &options));
    for (unsigned i = 0; i < STEPS_MAX && !rng_is_dry(&rng); i++)
        FUZZ_REQUIRE(script_step(&script));
    FUZZ_REQUIRE(script_finish(&script));
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
    return 0;
}
