/* SPDX-License-Identifier: MIT */
#include "harness/property.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SEED_DEFAULT UINT64_C(20240229)

static struct {
    const char *program;
    uint64_t seed;
    uint64_t cases;
    uint64_t scale;
    uint64_t share;
    uint64_t steps;
} run = {"test", SEED_DEFAULT, 0, 1, 1, 0};

static const char *setting(int argc, char **argv, const char *option, const char *env);
static void
setting_number(int argc, char **argv, const char *option, const char *env, uint64_t *out);
static void report_failure(const struct property *property, uint64_t seed, size_t steps);

void
harness_start(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    run.program = argc > 0 ? argv[0] : "test";

    const char *seed = setting(argc, argv, "--seed=", "SPINE_SEED");
    if (seed != NULL && strcmp(seed, "random") == 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        run.seed = (uint64_t)now.tv_sec * UINT64_C(1000000007) + (uint64_t)now.tv_nsec;
    } else if (seed != NULL) {
        run.seed = strtoull(seed, NULL, 0);
    }
    setting_number(argc, argv, "--cases=", "SPINE_CASES", &run.cases);
    setting_number(argc, argv, "--scale=", "SPINE_SCALE", &run.scale);
    setting_number(argc, argv, "--share=", "SPINE_SHARE", &run.share);
    setting_number(argc, argv, "--steps=", "SPINE_STEPS", &run.steps);

    const char *filter = setting(argc, argv, "--filter=", "SPINE_TEST");
    if (filter != NULL)
        cmocka_set_test_filter(filter);
    printf("SPINE_SEED=%" PRIu64 "\n", run.seed);
}

uint64_t
harness_seed(void)
{
    return run.seed;
}

bool
property_holds(const struct property *property)
{
    struct rng seeds;
    uint64_t seed = run.seed;
    const unsigned cases = harness_cases(property->cases);
    const size_t steps = harness_steps(property->steps);

    rng_init(&seeds, run.seed);
    for (unsigned i = 0; i < cases; i++) {
        struct rng rng;

        rng_init(&rng, seed);
        if (!property->on_case(&rng, steps)) {
            report_failure(property, seed, steps);
            return false;
        }
        seed = rng_next(&seeds);
    }
    printf("%s: %u cases held\n", property->name, cases);
    return true;
}

unsigned
harness_cases(unsigned cases)
{
    if (run.cases > 0)
        return (unsigned)run.cases;
    cases = (unsigned)(cases * run.scale / (run.share > 0 ? run.share : 1));
    return cases > 0 ? cases : 1;
}

size_t
harness_steps(size_t steps)
{
    return run.steps > 0 ? (size_t)run.steps : steps;
}

bool
property_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("%s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

bool
property_ok(const char *file, int line, enum spine_status status,
            const struct spine_error *error)
{
    if (status == SPINE_OK)
        return true;
    return property_fail(file, line, "%s: %s", spine_status_name(status),
                         error == NULL ? "no message" : error->message);
}

/* The value of an argument, or else of an environment variable, or else NULL. */
static const char *
setting(int argc, char **argv, const char *option, const char *env)
{
    const size_t size = strlen(option);

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], option, size) == 0)
            return argv[i] + size;
    return getenv(env);
}

static void
setting_number(int argc, char **argv, const char *option, const char *env, uint64_t *out)
{
    const char *text = setting(argc, argv, option, env);

    if (text != NULL)
        *out = strtoull(text, NULL, 0);
}

/* Halves the steps while the case still fails: what is printed last is the shortest. */
static void
report_failure(const struct property *property, uint64_t seed, size_t steps)
{
    size_t least = steps;

    for (size_t half = steps / 2; half > 0; half /= 2) {
        struct rng rng;

        rng_init(&rng, seed);
        printf("%s: again with %zu steps\n", property->name, half);
        if (property->on_case(&rng, half))
            break;
        least = half;
    }
    printf("%s failed. Repeat: SPINE_SEED=%" PRIu64
           " SPINE_CASES=1 SPINE_STEPS=%zu SPINE_TEST=%s %s\n",
           property->name, seed, least, property->name, run.program);
}
