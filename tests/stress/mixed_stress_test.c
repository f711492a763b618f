/* SPDX-License-Identifier: MIT */

/*
 * Everybody at once, in real threads, on runtimes of every kind. For ThreadSanitizer, and
 * for what only happens at full speed.
 */

#include "harness/host.h"
#include "harness/lanes.h"
#include "harness/prefix.h"
#include "harness/property.h"
#include "harness/rng.h"
#include "harness/sanitized.h"
#include "harness/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define INSERTERS 4u
#define READERS 2u
#define BATCHES ALL_OR_FEW(150u, 75u)
#define ROWS 60u
#define CURSORS 16u

struct crowd {
    struct host host;
    struct prefix prefix;
    struct spine *spine;
    uint64_t seed;
    /* Batches of each inserter whose insert has begun, and has returned. */
    atomic_uint begun[INSERTERS];
    atomic_uint returned[INSERTERS];
    atomic_uint working;
    atomic_uint compactions;
    atomic_uint compactions_done;
};

struct member {
    struct crowd *crowd;
    unsigned number;
    uv_thread_t thread;
    /* Cursors that outlive the spine, and what they have to show at least. */
    struct spine_cursor *cursors[CURSORS];
    unsigned at_least[CURSORS][INSERTERS];
    unsigned cursor_count;
};

static void
be_inserter(void *context)
{
    struct member *self = context;
    struct crowd *crowd = self->crowd;
    struct rng rng;

    rng_init(&rng, crowd->seed + self->number);
    for (unsigned i = 0; i < BATCHES; i++) {
        struct spine_batch *batch = prefix_batch(&crowd->prefix, self->number, i);
        enum spine_status st = SPINE_BUSY;

        atomic_store(&crowd->begun[self->number], i + 1);
        if (rng_chance(&rng, 30))
            st = spine_try_insert(crowd->spine, batch, NULL);
        if (st == SPINE_BUSY)
            st = spine_insert(crowd->spine, batch, NULL);
        require(st == SPINE_OK, "an insert failed");
        atomic_store(&crowd->returned[self->number], i + 1);
        spine_batch_unref(batch);
    }
    atomic_fetch_sub(&crowd->working, 1);
}

static void
check_view(struct crowd *crowd, struct spine_cursor *cursor, const unsigned *at_least)
{
    unsigned seen[PREFIX_WRITERS_MAX];
    const char *wrong = prefix_read(&crowd->prefix, cursor, seen);

    require(wrong == NULL, wrong);
    for (unsigned i = 0; i < INSERTERS; i++) {
        require(seen[i] >= at_least[i], "an inserted batch is missing");
        require(seen[i] <= atomic_load(&crowd->begun[i]), "a batch too much was seen");
    }
}

static void
be_reader(void *context)
{
    struct member *self = context;
    struct crowd *crowd = self->crowd;

    while (atomic_load(&crowd->working) > 0) {
        struct spine_cursor *cursor;
        unsigned at_least[INSERTERS];

        for (unsigned i = 0; i < INSERTERS; i++)
            at_least[i] = atomic_load(&crowd->returned[i]);
        require(spine_cursor_open(crowd->spine, &cursor, NULL) == SPINE_OK, "no cursor");
        check_view(crowd, cursor, at_least);
        if (self->cursor_count == CURSORS) {
            spine_cursor_close(cursor);
            continue;
        }
        for (unsigned i = 0; i < INSERTERS; i++)
            self->at_least[self->cursor_count][i] = at_least[i];
        self->cursors[self->cursor_count++] = cursor;
    }
}

static void
on_compacted(void *context, enum spine_status status)
{
    struct crowd *crowd = context;

    require(status == SPINE_OK || status == SPINE_CANCELLED, "a compaction failed");
    atomic_fetch_add(&crowd->compactions_done, 1);
}

static void
fork_and_close(struct crowd *crowd)
{
    struct spine *fork;
    struct spine_cursor *cursor;
    unsigned at_least[INSERTERS];

    for (unsigned i = 0; i < INSERTERS; i++)
        at_least[i] = atomic_load(&crowd->returned[i]);
    require(spine_fork(crowd->spine, &fork, NULL) == SPINE_OK, "no fork");
    require(spine_cursor_open(fork, &cursor, NULL) == SPINE_OK, "no cursor of a fork");
    spine_close(fork);
    check_view(crowd, cursor, at_least);
    spine_cursor_close(cursor);
}

static void
consolidate(struct crowd *crowd)
{
    struct spine_batch *batch = NULL;
    struct spine_cursor *cursor;
    unsigned at_least[INSERTERS];

    for (unsigned i = 0; i < INSERTERS; i++)
        at_least[i] = atomic_load(&crowd->returned[i]);
    require(spine_consolidate(crowd->spine, &batch, NULL) == SPINE_OK, "no batch");
    if (batch == NULL)
        return;
    require(spine_batch_cursor(batch, &cursor, NULL) == SPINE_OK, "no cursor");
    check_view(crowd, cursor, at_least);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
}

/* Statistics, forks, compactions, pauses, checks. */
static void
be_operator(void *context)
{
    struct member *self = context;
    struct crowd *crowd = self->crowd;
    struct rng rng;

    rng_init(&rng, crowd->seed + self->number);
    while (atomic_load(&crowd->working) > 0) {
        struct spine_stats stats;

        switch (rng_below(&rng, 8)) {
        case 0:
            fork_and_close(crowd);
            break;
        case 1:
            atomic_fetch_add(&crowd->compactions, 1);
            require(spine_compact(crowd->spine, on_compacted, crowd, NULL) == SPINE_OK,
                    "no compaction");
            break;
        case 2:
            spine_pause(crowd->spine);
            spine_resume(crowd->spine);
            break;
        case 3:
            require(spine_check(crowd->spine, NULL) == SPINE_OK, "spine_check");
            break;
        case 4:
            consolidate(crowd);
            break;
        case 5:
            (void)spine_runtime_run(crowd->host.runtime, 5000);
            break;
        default:
            spine_get_stats(crowd->spine, &stats);
            require(stats.rows >= stats.batches, "statistics do not agree");
            break;
        }
    }
}

static void
run_crowd(enum host_kind kind, bool runtime_first)
{
    const struct spine_options options = {.level0_rows = 500,
                                          .backpressure_batches = 12,
                                          .help_batches = runtime_first ? UINT32_MAX : 4};
    struct crowd crowd = {
        .prefix = {.schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
                   .writers = INSERTERS,
                   .rows = ROWS},
        .seed = harness_seed() + (uint64_t)kind};
    struct member members[INSERTERS + READERS + 1] = {0};
    const unsigned count = INSERTERS + READERS + 1;
    unsigned all[INSERTERS];

    watchdog_start("a crowd on one spine", 200);
    const size_t before = spine_allocated_bytes();
    host_open(&crowd.host, kind, 2);
    require(spine_open(crowd.host.runtime, &crowd.prefix.schema, &options, &crowd.spine,
                       NULL) == SPINE_OK,
            "no spine");
    lanes_force(crowd.spine, runtime_first);
    atomic_store(&crowd.working, INSERTERS);
    for (unsigned i = 0; i < count; i++) {
        members[i].crowd = &crowd;
        members[i].number = i;
        void (*const body)(void *) = i < INSERTERS             ? be_inserter
                                     : i < INSERTERS + READERS ? be_reader
                                                               : be_operator;
        require(uv_thread_create(&members[i].thread, body, &members[i]) == 0,
                "no thread");
    }
    for (unsigned i = 0; i < count; i++)
        uv_thread_join(&members[i].thread);

    require(spine_wait_idle(crowd.spine, UINT64_MAX, NULL) == SPINE_OK, "not idle");
    for (unsigned i = 0; i < INSERTERS; i++)
        all[i] = BATCHES;
    struct spine_cursor *cursor;
    require(spine_cursor_open(crowd.spine, &cursor, NULL) == SPINE_OK, "no cursor");
    require(spine_check(crowd.spine, NULL) == SPINE_OK, "spine_check");
    if (runtime_first)
        host_close_runtime(&crowd.host);
    spine_close(crowd.spine);
    host_close(&crowd.host);
    require(atomic_load(&crowd.compactions) == atomic_load(&crowd.compactions_done),
            "a compaction was not reported");
    check_view(&crowd, cursor, all);
    spine_cursor_close(cursor);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < members[i].cursor_count; j++) {
            check_view(&crowd, members[i].cursors[j], members[i].at_least[j]);
            spine_cursor_close(members[i].cursors[j]);
        }
    require(spine_allocated_bytes() == before, "memory leaked");
    watchdog_stop();
}

static void
test_default_runtime(void **state)
{
    (void)state;
    run_crowd(HOST_DEFAULT, false);
}

static void
test_default_runtime_closed_first(void **state)
{
    (void)state;
    run_crowd(HOST_DEFAULT, true);
}

static void
test_loop_of_the_host(void **state)
{
    (void)state;
    run_crowd(HOST_LOOP, false);
}

static void
test_loop_of_the_host_closed_first(void **state)
{
    (void)state;
    run_crowd(HOST_LOOP, true);
}

static void
test_executor_of_the_host(void **state)
{
    (void)state;
    run_crowd(HOST_EXECUTOR, false);
}

static void
test_executor_of_the_host_closed_first(void **state)
{
    (void)state;
    run_crowd(HOST_EXECUTOR, true);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_runtime),
        cmocka_unit_test(test_default_runtime_closed_first),
        cmocka_unit_test(test_loop_of_the_host),
        cmocka_unit_test(test_loop_of_the_host_closed_first),
        cmocka_unit_test(test_executor_of_the_host),
        cmocka_unit_test(test_executor_of_the_host_closed_first),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
