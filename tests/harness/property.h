/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_PROPERTY_H
#define HARNESS_PROPERTY_H

/*
 * harness/property -- laws that are tried with many seeds.
 *
 * A law is a function that draws everything from its rng, does at most `steps` things
 * and says whether the law held. Case i of a run has its own seed; when a case fails,
 * `steps` is halved as long as the case still fails, and the line to repeat it is
 * printed.
 *
 *     SPINE_SEED=n     the seed of the first case (default fixed; "random": of the clock)
 *     SPINE_CASES=n    how many cases instead of the law's own number
 *     SPINE_SCALE=n    multiplies the number of cases
 *     SPINE_SHARE=n    divides it; at least one is left
 *     SPINE_STEPS=n    steps instead of the law's own number
 *     SPINE_TEST=x     run only tests of this name (with * and ?)
 *
 * or as arguments: --seed=n --cases=n --scale=n --share=n --steps=n --filter=x.
 */

#include "harness/rng.h"
#include "spine/types.h"

typedef bool property_fn(struct rng *rng, size_t steps);

struct property {
    /* The name of the cmocka test, for the line that repeats a case. */
    const char *name;
    property_fn *on_case;
    unsigned cases;
    size_t steps;
};

/* Reads arguments and environment; first thing in main(). Line-buffers stdout. */
void harness_start(int argc, char **argv);
/* The seed of this run. */
uint64_t harness_seed(void);
/* Runs all cases; false at the first that fails. */
bool property_holds(const struct property *property);
/* The number of cases, of steps, as the settings have it. */
unsigned harness_cases(unsigned cases);
size_t harness_steps(size_t steps);

/* Prints a failure with its place; always false. */
bool property_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* True when `status` is SPINE_OK; otherwise prints it with the error's message. */
bool property_ok(const char *file, int line, enum spine_status status,
                 const struct spine_error *error);

/* Each leaves the law with false, or goes on. */
#define HOLDS(condition)                                                                 \
    do {                                                                                 \
        if (!(condition))                                                                \
            return property_fail(__FILE__, __LINE__, "%s", #condition);                  \
    } while (0)
#define HOLDS_EQUAL(expected, observed)                                                  \
    do {                                                                                 \
        const long long holds_expected = (long long)(expected);                          \
        const long long holds_observed = (long long)(observed);                          \
        if (holds_expected != holds_observed)                                            \
            return property_fail(__FILE__, __LINE__, "%s is %lld, expected %lld",        \
                                 #observed, holds_observed, holds_expected);             \
    } while (0)
#define HOLDS_OK(call)                                                                   \
    do {                                                                                 \
        const enum spine_status holds_status = (call);                                   \
        if (!property_ok(__FILE__, __LINE__, holds_status, NULL))                        \
            return false;                                                                \
    } while (0)
#define HOLDS_STATUS(expected, call)                                                     \
    do {                                                                                 \
        const enum spine_status holds_status = (call);                                   \
        if (holds_status != (expected))                                                  \
            return property_fail(__FILE__, __LINE__, "%s answered %s, expected %s",      \
                                 #call, spine_status_name(holds_status),                 \
                                 spine_status_name(expected));                           \
    } while (0)

#endif
