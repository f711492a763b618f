/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SCRIPT_H
#define HARNESS_SCRIPT_H

/*
 * harness/script -- random calls to a few spines of one manual runtime, beside models
 * that are told the same.
 *
 *     script_init(&script, &rng, NULL)
 *     while (script_step(&script)) ...
 *     script_finish(&script)              closes the spines in some order, looks at
 *                                         everything that is held once more, frees all
 *
 * With `faulty`, any call may fail as harness/fault.h has it: one that answers
 * fault_status() must have changed nothing. Functions print what was wrong and
 * answer false.
 */

#include "harness/check.h"

#define SCRIPT_SPINES 3u
#define SCRIPT_VIEWS 6u

struct script_options {
    /* NULL: any schema. */
    const struct spine_schema *schema;
    bool faulty;
    /* The most rows of an inserted batch. */
    size_t batch_rows;
};

/* A spine and what it must hold. */
struct script_spine {
    struct spine *spine;
    struct model model;
    uint64_t frontier;
    unsigned pauses;
    bool dirty;
    uint64_t inserted_batches;
    uint64_t inserted_rows;
};

/* A snapshot or a cursor of old, and what it must go on to show. */
struct script_view {
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct model model;
    uint64_t frontier;
};

struct script {
    struct rng *rng;
    struct script_options options;
    struct generator generator;
    struct spine_runtime *runtime;
    struct script_spine spines[SCRIPT_SPINES];
    struct script_view views[SCRIPT_VIEWS];
    /* Compactions asked for, and reported. */
    unsigned compactions;
    unsigned compactions_done;
    /* Calls that answered fault_status(). */
    unsigned refused;
    /* What the last step did. */
    const char *step;
};

/* False with `faulty` when the very beginning failed; nothing is held then. */
bool
script_init(struct script *script, struct rng *rng, const struct script_options *options);
/* One random call, checked. */
bool script_step(struct script *script);
/* Compares every spine and every view with its model. */
bool script_check(struct script *script);
bool script_finish(struct script *script);

#endif
