/* SPDX-License-Identifier: MIT */

/*
 * Real interleavings inside the core: the library is compiled with
 * SPINE_SIMULATED_THREADS, and its users are threads of schedule/sim_thread. Who runs
 * next is drawn at every lock, unlock, wait and signal.
 */

#include "core.h"
#include "harness/fault_alloc.h"
#include "harness/figure.h"
#include "harness/property.h"
#include "schedule/sim_thread.h"
#include "schedule/sim_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CASES 10000

/* One user of the world; `number` tells inserters apart. */
struct actor {
    struct world *world;
    unsigned number;
    /* Draws of its own, so that actors do not depend on one another. */
    struct rng rng;
};

static void be_main(void *context);
static void be_inserter(void *context);
static void be_reader(void *context);
static void be_compacter(void *context);
static void be_pauser(void *context);
static void be_forker(void *context);
static void be_waiter(void *context);
static void be_looker(void *context);
static void be_merger(void *context);
static void close_at_the_end(struct world *world);
static void close_runtime(struct world *world, unsigned inside);
static void close_now(struct world *world, struct rng *rng);
static void check_inserts(struct world *world, enum spine_status status);
static void on_compacted(void *context, enum spine_status status);

/* Everything that is going on is over, then closing; or closing in the middle of it. */
static bool
one_schedule(struct rng *rng, size_t steps)
{
    struct world world;
    struct actor main_actor = {.world = &world, .number = (unsigned)steps};

    world_repeat_on_abort(rng->state);
    rng_init(&main_actor.rng, rng_next(rng));
    sim_begin(rng_next(rng));
    sim_spawn("main", be_main, &main_actor);
    sim_run();
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    HOLDS_EQUAL(0, fault_alloc_live_blocks());
    return true;
}

static void
be_main(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;
    struct rng *rng = &self->rng;
    struct actor actors[SIM_THREADS_MAX];
    int threads[SIM_THREADS_MAX], workers[WORLD_WORKERS];
    unsigned count = 0;
    static const struct {
        const char *name;
        void (*on_run)(void *context);
        unsigned percent;
    } others[] = {
        {"reader", be_reader, 80},       {"compacter", be_compacter, 50},
        {"compacter", be_compacter, 40}, {"pauser", be_pauser, 40},
        {"forker", be_forker, 30},       {"waiter", be_waiter, 30},
        {"looker", be_looker, 30},
    };

    world_open(world, rng_next(rng));
    for (unsigned i = 0; i < SIM_THREADS_MAX; i++) {
        actors[i] = (struct actor){.world = world, .number = i};
        rng_init(&actors[i].rng, rng_next(rng));
    }
    const unsigned worker_count = world->manual ? 0 : 1 + (unsigned)rng_below(rng, 2);
    for (unsigned i = 0; i < worker_count; i++)
        workers[i] = sim_spawn("worker", world_work, world);
    for (unsigned i = 0; i < world->prefix.writers; i++, count++)
        threads[count] = sim_spawn("inserter", be_inserter, &actors[count]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (rng_chance(rng, others[i].percent)) {
            threads[count] = sim_spawn(others[i].name, others[i].on_run, &actors[count]);
            count++;
        }
    if (world->manual) {
        threads[count] = sim_spawn("merger", be_merger, &actors[count]);
        count++;
    }
    const bool in_the_middle = rng_chance(rng, 50);
    if (in_the_middle)
        close_now(world, rng);
    for (unsigned i = 0; i < count; i++)
        sim_join(threads[i]);
    while (world->report_closes && !world->report_closed)
        sim_yield();
    world->report_may_close = false;
    if (!world->spine_closing)
        close_at_the_end(world);
    if (world->runtime != NULL)
        spine_runtime_close(world->runtime);
    world_stop_workers(world);
    for (unsigned i = 0; i < worker_count; i++)
        sim_join(workers[i]);
    world_require(world->compactions == world->compactions_done,
                  "a compaction was not reported, or more than once");
}

static void
close_at_the_end(struct world *world)
{
    struct world_bounds bounds;
    struct spine_cursor *cursor = NULL;

    world_bounds_begin(world, &bounds);
    /* Nobody merges on a manual runtime any more. */
    while (world->manual && spine_runtime_run(world->runtime, 1000) > 0)
        ;
    world_require(spine_wait_idle(world->spine, UINT64_MAX, NULL) == SPINE_OK,
                  "the spine does not become idle");
    /* Merges ahead may begin again, no others are left. */
    for (unsigned i = 0; i < spine_task_count_locked(world->spine); i++) {
        const struct merge_task *task = spine_task_locked(world->spine, i);

        world_require(task->state == TASK_IDLE || task->ahead,
                      "a wait ends and a merge goes on");
    }
    world_require(spine_check(world->spine, NULL) == SPINE_OK, "spine_check");
    world_require(spine_cursor_open(world->spine, &cursor, NULL) == SPINE_OK, "cursor");
    world->spine_closing = true;
    spine_close(world->spine);
    world_check_cursor(world, cursor, &bounds, NULL);
    spine_cursor_close(cursor);
}

/* While at most `inside` threads are in the runtime itself. */
static void
close_runtime(struct world *world, unsigned inside)
{
    world->runtime_closing = true;
    while (world->in_runtime > inside)
        sim_yield();
    spine_runtime_close(world->runtime);
    world->runtime = NULL;
}

/* The spine, or its runtime first, while others are in calls. */
static void
close_now(struct world *world, struct rng *rng)
{
    for (uint64_t i = rng_below(rng, 60); i > 0; i--)
        sim_yield();
    if (rng_chance(rng, 40) && !world->runtime_closing) {
        close_runtime(world, 0);
        for (uint64_t i = rng_below(rng, 60); i > 0; i--)
            sim_yield();
    }
    if (world->spine_closing)
        return;
    world->spine_closing = true;
    while (!sim_all_entered())
        sim_yield();
    spine_close(world->spine);
}

static void
be_inserter(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;
    const unsigned batches = 1 + (unsigned)rng_below(&self->rng, 10);

    for (unsigned i = 0; i < batches && !world->spine_closing;) {
        struct spine_batch *batch = prefix_batch(&world->prefix, self->number, i);
        const bool wait = rng_chance(&self->rng, 70);
        enum spine_status st;

        /* Making the batch does not switch, so nobody has closed since. */
        world->begun[self->number] = i + 1;
        sim_enter();
        if (wait)
            st = spine_insert(world->spine, batch, NULL);
        else
            st = spine_try_insert(world->spine, batch, NULL);
        sim_leave();
        spine_batch_unref(batch);
        check_inserts(world, st);
        if (st == SPINE_OK) {
            world->returned[self->number] = ++i;
            continue;
        }
        if (st == SPINE_CANCELLED)
            break;
        /* Nobody reads between this and the next try. */
        world->begun[self->number] = i;
        sim_yield();
    }
}

static void
check_inserts(struct world *world, enum spine_status status)
{
    const bool closing = world->spine_closing || world->runtime_closing;

    world_require(status == SPINE_OK || status == SPINE_BUSY ||
                      (status == SPINE_CANCELLED && closing),
                  "an insert answers what it must not");
}

/* Keeps a snapshot from time to time, and looks at it again later. */
static void
be_reader(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;
    struct world_bounds bounds, kept_bounds;
    struct spine_snapshot *kept = NULL;
    unsigned kept_seen[WORLD_INSERTERS] = {0};

    for (unsigned i = 0; i < 8 && !world->spine_closing; i++) {
        struct spine_snapshot *snapshot = NULL;
        struct spine_cursor *cursor = NULL;
        unsigned seen[WORLD_INSERTERS] = {0};

        world_bounds_begin(world, &bounds);
        sim_enter();
        world_require(spine_take_snapshot(world->spine, &snapshot, NULL) == SPINE_OK,
                      "snapshot");
        sim_leave();
        world_require(spine_snapshot_cursor(snapshot, &cursor, NULL) == SPINE_OK,
                      "cursor");
        world_check_cursor(world, cursor, &bounds, seen);
        spine_cursor_close(cursor);
        if (kept == NULL) {
            kept = spine_snapshot_ref(snapshot);
            kept_bounds = bounds;
            for (unsigned j = 0; j < WORLD_INSERTERS; j++)
                kept_seen[j] = seen[j];
        }
        spine_snapshot_unref(snapshot);
        sim_yield();
    }
    if (kept == NULL)
        return;
    struct spine_cursor *cursor = NULL;
    unsigned seen[WORLD_INSERTERS] = {0};
    world_require(spine_snapshot_cursor(kept, &cursor, NULL) == SPINE_OK, "cursor");
    world_check_cursor(world, cursor, &kept_bounds, seen);
    for (unsigned j = 0; j < WORLD_INSERTERS; j++)
        world_require(seen[j] == kept_seen[j], "a snapshot has changed");
    spine_cursor_close(cursor);
    spine_snapshot_unref(kept);
}

static void
be_compacter(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;

    for (unsigned i = 0; i < 3 && !world->spine_closing; i++) {
        struct spine_batch *batch = NULL;
        struct spine_cursor *cursor = NULL;
        struct world_bounds bounds;
        enum spine_status st;

        sim_enter();
        if (rng_chance(&self->rng, 50)) {
            world->compactions++;
            st = spine_compact(world->spine, on_compacted, world, NULL);
            if (st != SPINE_OK)
                world->compactions--;
        } else {
            world_bounds_begin(world, &bounds);
            st = spine_consolidate(world->spine, &batch, NULL);
        }
        sim_leave();
        world_require(st == SPINE_OK || (st == SPINE_BUSY && world->pauses > 0) ||
                          (st == SPINE_CANCELLED &&
                           (world->spine_closing || world->runtime_closing)),
                      "compact or consolidate answers what it must not");
        if (batch != NULL) {
            world_require(spine_batch_cursor(batch, &cursor, NULL) == SPINE_OK, "cursor");
            world_check_cursor(world, cursor, &bounds, NULL);
            spine_cursor_close(cursor);
            spine_batch_unref(batch);
        }
        sim_yield();
    }
}

static void
on_compacted(void *context, enum spine_status status)
{
    struct world *world = context;

    world_require(status == SPINE_OK || status == SPINE_CANCELLED,
                  "a compaction reports what it must not");
    world->compactions_done++;
    if (!world->report_may_close || world->spine_closing)
        return;
    /* The one thread that may be in the runtime itself is this one. */
    const unsigned inside = world->manual ? 1 : 0;
    const uint64_t way = rng_below(&world->rng, 4);

    world->spine_closing = true;
    world->report_closes = true;
    if (way == 1 && !world->runtime_closing)
        close_runtime(world, inside);
    while (!sim_all_entered())
        sim_yield();
    spine_close(world->spine);
    if (way == 2 && !world->runtime_closing)
        close_runtime(world, inside);
    world->report_closed = true;
}

static void
be_pauser(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;

    for (unsigned i = 0; i < 3 && !world->spine_closing; i++) {
        world->pauses++;
        sim_enter();
        spine_pause(world->spine);
        sim_leave();
        for (uint64_t j = rng_below(&self->rng, 20); j > 0; j--)
            sim_yield();
        if (world->spine_closing)
            return;
        sim_enter();
        spine_resume(world->spine);
        sim_leave();
        sim_yield();
    }
}

static void
be_forker(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;
    struct world_bounds bounds;

    for (unsigned i = 0; i < 2 && !world->spine_closing; i++) {
        struct spine *fork = NULL;
        struct spine_cursor *cursor = NULL;

        world_bounds_begin(world, &bounds);
        sim_enter();
        world_require(spine_fork(world->spine, &fork, NULL) == SPINE_OK, "fork");
        sim_leave();
        world_require(spine_cursor_open(fork, &cursor, NULL) == SPINE_OK, "cursor");
        if (rng_chance(&self->rng, 50)) {
            const enum spine_status st =
                spine_wait_idle(fork, rng_below(&self->rng, 100000), NULL);
            world_require(st == SPINE_OK || st == SPINE_TIMEOUT ||
                              (st == SPINE_CANCELLED && world->runtime_closing),
                          "a fork is not idle");
            world_require(spine_check(fork, NULL) == SPINE_OK, "a fork is corrupt");
        }
        spine_close(fork);
        world_check_cursor(world, cursor, &bounds, NULL);
        spine_cursor_close(cursor);
        sim_yield();
    }
}

static void
be_waiter(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;

    for (unsigned i = 0; i < 4 && !world->spine_closing; i++) {
        const uint64_t timeout_ns =
            rng_chance(&self->rng, 30) ? UINT64_MAX : rng_below(&self->rng, 1000000);
        const bool idle = rng_chance(&self->rng, 50);

        sim_enter();
        const enum spine_status st =
            idle ? spine_wait_idle(world->spine, timeout_ns, NULL)
                 : spine_insert_wait(world->spine, timeout_ns, NULL);
        sim_leave();
        world_require(st == SPINE_OK ||
                          (st == SPINE_TIMEOUT && timeout_ns != UINT64_MAX) ||
                          (st == SPINE_CANCELLED &&
                           (world->spine_closing || world->runtime_closing)),
                      "a wait answers what it must not");
        sim_yield();
    }
}

static void
be_looker(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;

    for (unsigned i = 0; i < 12 && !world->spine_closing; i++) {
        struct spine_stats stats;

        sim_enter();
        switch (rng_below(&self->rng, 3)) {
        case 0:
            spine_get_stats(world->spine, &stats);
            world_require(stats.inserted_rows ==
                              stats.inserted_batches * (world->prefix.rows + 1),
                          "statistics do not agree");
            break;
        case 1:
            world_require(spine_check(world->spine, NULL) == SPINE_OK, "spine_check");
            break;
        default:
            world_require(spine_get_status(world->spine, NULL) == SPINE_OK,
                          "a sticky error");
            break;
        }
        sim_leave();
        sim_yield();
    }
}

/* On a manual runtime: merges, until the runtime or the inserters end. */
static void
be_merger(void *context)
{
    struct actor *self = context;
    struct world *world = self->world;

    for (unsigned i = 0; i < 200 && !world->runtime_closing; i++) {
        world->in_runtime++;
        (void)spine_runtime_run(world->runtime, 1 + rng_below(&self->rng, 40));
        world->in_runtime--;
        sim_yield();
    }
}

static void
test_schedules(void **state)
{
    const struct property law = {"test_schedules", one_schedule, CASES, 1};

    (void)state;
    assert_true(property_holds(&law));
    figure_add("schedules", harness_cases(law.cases));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedules)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
