/* SPDX-License-Identifier: MIT */

/*
 * Interleavings of a spine in trouble: sums of some batches are beyond int64_t, though
 * never that of all; memory is short from time to time; pauses, compactions, waits,
 * retries and closing come between. Nothing is lost, no wait lasts for ever, and no error
 * is told that is none.
 */

#include "harness/fault_alloc.h"
#include "harness/figure.h"
#include "harness/property.h"
#include "schedule/sim_thread.h"
#include "schedule/sim_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CASES 1500

#define INSERTERS 3u
/* As much as all inserters may have in the spine at a time, each once. */
#define HEAVY (INT64_MAX / (int64_t)INSERTERS)
#define HEAVY_KEY 7u
#define FILLER_KEY 8u

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct trouble {
    /* Its runtime, executor and workers; its spine is another one. */
    struct world world;
    struct spine *spine;
    /* Shortages may last longer than merges are tried again. */
    bool may_stick;
    bool is_short;
    /* There has been a shortage. */
    bool was_short;
    bool closing;
    /* A thread asks for the status of the spine, and retries. It waits for nothing there,
     * so closing does not wait for it. */
    bool is_asked;
    unsigned pauses;
    unsigned rows;
    unsigned requests;
    unsigned reports;
};

struct actor {
    struct trouble *trouble;
    struct rng rng;
};

/* Of all schedules. */
static uint64_t retries, given_up, sticky;

static void be_main(void *context);
static void be_inserter(void *context);
static void be_shortage(void *context);
static void be_reader(void *context);
static void be_compacter(void *context);
static void be_waiter(void *context);
static void be_pauser(void *context);
static void be_retrier(void *context);
static void be_merger(void *context);
static void end_well(struct trouble *trouble);
static void end_now(struct trouble *trouble, struct rng *rng);

static bool
one_schedule(struct rng *rng, size_t steps)
{
    struct trouble trouble = {.rows = (unsigned)steps};
    struct actor main_actor = {.trouble = &trouble};

    world_repeat_on_abort(rng->state);
    rng_init(&main_actor.rng, rng_next(rng));
    sim_begin(rng_next(rng));
    sim_spawn("main", be_main, &main_actor);
    sim_run();
    fault_alloc_disarm();
    world_release(&trouble.world);
    HOLDS_EQUAL(trouble.requests, trouble.reports);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
be_main(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;
    struct rng *rng = &self->rng;
    struct actor actors[SIM_THREADS_MAX];
    int threads[SIM_THREADS_MAX], worker;
    unsigned count = 0;
    static const struct {
        const char *name;
        void (*on_run)(void *context);
        unsigned percent;
    } kinds[] = {
        {"inserter", be_inserter, 100},  {"inserter", be_inserter, 100},
        {"inserter", be_inserter, 100},  {"shortage", be_shortage, 60},
        {"reader", be_reader, 50},       {"compacter", be_compacter, 50},
        {"compacter", be_compacter, 30}, {"waiter", be_waiter, 50},
        {"pauser", be_pauser, 30},       {"retrier", be_retrier, 100},
        {"merger", be_merger, 100},
    };

    world_open(&trouble->world, rng_next(rng));
    spine_close(trouble->world.spine);
    trouble->may_stick = rng_chance(rng, 50);
    const struct spine_options options = {
        .level0_rows = 1,
        .backpressure_batches = 8 + (uint32_t)rng_below(rng, 20),
        .help_batches = rng_chance(rng, 50) ? UINT32_MAX : 0,
        .retry_ms = trouble->may_stick ? 1 : 0,
        .only_due_merges = rng_chance(rng, 50)};
    world_require(spine_open(trouble->world.runtime, &numbers, &options, &trouble->spine,
                             NULL) == SPINE_OK,
                  "a spine");
    worker = trouble->world.manual ? 0 : sim_spawn("worker", world_work, &trouble->world);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!rng_chance(rng, kinds[i].percent) ||
            (kinds[i].on_run == be_merger && !trouble->world.manual))
            continue;
        actors[count] = (struct actor){.trouble = trouble};
        rng_init(&actors[count].rng, rng_next(rng));
        threads[count] = sim_spawn(kinds[i].name, kinds[i].on_run, &actors[count]);
        count++;
    }
    const bool in_the_middle = rng_chance(rng, 30);
    if (in_the_middle)
        end_now(trouble, rng);
    for (unsigned i = 0; i < count; i++)
        sim_join(threads[i]);
    if (!in_the_middle)
        end_well(trouble);
    spine_runtime_close(trouble->world.runtime);
    world_stop_workers(&trouble->world);
    if (worker > 0)
        sim_join(worker);
}

/* Everything adds up to what is left of the filler. */
static void
end_well(struct trouble *trouble)
{
    struct spine_batch *batch = NULL;
    struct spine_stats stats;

    spine_retry(trouble->spine);
    world_require(spine_wait_idle(trouble->spine, UINT64_MAX, NULL) == SPINE_OK,
                  "the spine does not become idle");
    world_require(spine_consolidate(trouble->spine, &batch, NULL) == SPINE_OK,
                  "not all batches add up");
    spine_batch_unref(batch);
    spine_get_stats(trouble->spine, &stats);
    world_require(stats.rows == 1 && stats.batches == 1, "rows are lost, or left");
    retries += stats.merge_retries;
    given_up += stats.given_up_merges;
    world_require(spine_check(trouble->spine, NULL) == SPINE_OK, "spine_check");
    trouble->closing = true;
    spine_close(trouble->spine);
}

static void
end_now(struct trouble *trouble, struct rng *rng)
{
    for (uint64_t i = rng_below(rng, 300); i > 0; i--)
        sim_yield();
    trouble->closing = true;
    while (!sim_all_entered() || trouble->is_asked)
        sim_yield();
    spine_close(trouble->spine);
}

/* Aborts unless that is a status that a call may have now. */
static void
require_status(const struct trouble *trouble, enum spine_status status, const char *call)
{
    world_require(status == SPINE_OK || (status == SPINE_NOMEM && trouble->was_short) ||
                      (status == SPINE_CANCELLED && trouble->closing),
                  call);
}

/* A batch of HEAVY, or of -HEAVY and another row, which is on another level. */
static struct spine_batch *
heavy_batch(bool plus)
{
    static const uint64_t keys[] = {HEAVY_KEY, FILLER_KEY};
    const int64_t weights[] = {plus ? HEAVY : -HEAVY, 1};
    const struct spine_columns columns = {
        .rows = plus ? 1 : 2, .keys = keys, .weights = weights};
    struct spine_batch *batch = NULL;

    fault_alloc_pause();
    world_require(spine_batch_from_columns(&numbers, &columns, &batch, NULL) == SPINE_OK,
                  "a batch");
    fault_alloc_resume();
    return batch;
}

static void
be_inserter(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;
    const unsigned pairs = 3 + (unsigned)rng_below(&self->rng, 8);

    for (unsigned i = 0; i < 2 * pairs && !trouble->closing;) {
        struct spine_batch *batch = heavy_batch(i % 2 == 0);
        const bool wait = rng_chance(&self->rng, 70);

        sim_enter();
        const enum spine_status st = wait ? spine_insert(trouble->spine, batch, NULL)
                                          : spine_try_insert(trouble->spine, batch, NULL);
        sim_leave();
        spine_batch_unref(batch);
        if (st != SPINE_BUSY || wait)
            require_status(trouble, st, "an insert answers what it must not");
        i += st == SPINE_OK;
        sim_yield();
    }
}

static void
be_shortage(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 4 && !trouble->closing; i++) {
        sim_sleep(rng_below(&self->rng, 500000));
        if (trouble->closing)
            break;
        trouble->was_short = true;
        fault_alloc_arm(FAULT_FOREVER, 1);
        sim_sleep(rng_below(&self->rng, 6000000));
        fault_alloc_disarm();
    }
}

static void
be_reader(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 6 && !trouble->closing; i++) {
        struct spine_cursor *cursor = NULL;

        sim_enter();
        enum spine_status st = spine_cursor_open(trouble->spine, &cursor, NULL);
        sim_leave();
        require_status(trouble, st, "a cursor answers what it must not");
        if (st == SPINE_OK) {
            const bool found = spine_cursor_seek_key_exact(cursor, spine_u64(HEAVY_KEY));
            const int64_t weight = found ? spine_cursor_weight(cursor) : 0;

            st = spine_cursor_status(cursor);
            require_status(trouble, st, "a read answers what it must not");
            if (st == SPINE_OK)
                world_require(weight >= 0 && weight % HEAVY == 0, "a weight is wrong");
        }
        spine_cursor_close(cursor);
        sim_yield();
    }
}

static void
on_compacted(void *context, enum spine_status status)
{
    struct trouble *trouble = context;

    require_status(trouble, status, "a compaction reports what it must not");
    trouble->reports++;
}

static void
be_compacter(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 3 && !trouble->closing; i++) {
        enum spine_status st;

        sim_enter();
        if (rng_chance(&self->rng, 50)) {
            trouble->requests++;
            st = spine_compact(trouble->spine, on_compacted, trouble, NULL);
            trouble->requests -= st != SPINE_OK;
        } else
            st = spine_consolidate(trouble->spine, NULL, NULL);
        sim_leave();
        if (st != SPINE_BUSY || trouble->pauses == 0)
            require_status(trouble, st, "a compaction answers what it must not");
        sim_yield();
    }
}

static void
be_waiter(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 4 && !trouble->closing; i++) {
        const uint64_t timeout_ns =
            rng_chance(&self->rng, 50) ? UINT64_MAX : rng_below(&self->rng, 3000000);
        const bool idle = rng_chance(&self->rng, 50);

        sim_enter();
        const enum spine_status st =
            idle ? spine_wait_idle(trouble->spine, timeout_ns, NULL)
                 : spine_insert_wait(trouble->spine, timeout_ns, NULL);
        sim_leave();
        if (st != SPINE_TIMEOUT || timeout_ns == UINT64_MAX)
            require_status(trouble, st, "a wait answers what it must not");
        sim_yield();
    }
}

static void
be_pauser(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 3 && !trouble->closing; i++) {
        trouble->pauses++;
        sim_enter();
        spine_pause(trouble->spine);
        sim_leave();
        sim_sleep(rng_below(&self->rng, 2000000));
        if (trouble->closing)
            return;
        sim_enter();
        spine_resume(trouble->spine);
        sim_leave();
        sim_yield();
    }
}

/* Clears what is sticky, for as long as there may be inserts that meet it. */
static void
be_retrier(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 60 && !trouble->closing; i++) {
        sim_enter();
        trouble->is_asked = true;
        const enum spine_status st = spine_get_status(trouble->spine, NULL);
        world_require(st == SPINE_OK ||
                          (st == SPINE_NOMEM && trouble->may_stick && trouble->was_short),
                      "an error is sticky that must not be");
        if (st != SPINE_OK)
            spine_retry(trouble->spine);
        sticky += st != SPINE_OK;
        trouble->is_asked = false;
        sim_leave();
        sim_sleep(rng_below(&self->rng, 1000000));
    }
    fault_alloc_disarm();
    if (!trouble->closing) {
        sim_enter();
        spine_retry(trouble->spine);
        sim_leave();
    }
}

static void
be_merger(void *context)
{
    struct actor *self = context;
    struct trouble *trouble = self->trouble;

    for (unsigned i = 0; i < 200 && !trouble->closing; i++) {
        (void)spine_runtime_run(trouble->world.runtime, 1 + rng_below(&self->rng, 10));
        sim_yield();
    }
}

static void
test_troubles(void **state)
{
    const struct property law = {"test_troubles", one_schedule, CASES, 1};

    (void)state;
    retries = given_up = sticky = 0;
    assert_true(property_holds(&law));
    figure_add("schedules", harness_cases(law.cases));
    printf("%" PRIu64 " merges tried again, %" PRIu64 " given up, %" PRIu64
           " errors sticky\n",
           retries, given_up, sticky);
    if (harness_cases(law.cases) >= law.cases)
        assert_true(retries > 100 && given_up > retries + 100 && sticky > 10);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_troubles)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
