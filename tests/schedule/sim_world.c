/* SPDX-License-Identifier: MIT */
#include "schedule/sim_world.h"

#include "harness/lanes.h"
#include "schedule/sim_thread.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned draw_rows(struct rng *rng);
static void on_submit(void *context, void (*run)(void *argument), void *argument);

void
world_open(struct world *world, uint64_t seed)
{
    struct spine_options options = {0};
    struct spine_executor executor = {world, on_submit};
    struct spine_runtime_options runtime_options = {0};

    *world = (struct world){0};
    rng_init(&world->rng, seed);
    struct rng *rng = &world->rng;
    world->manual = rng_chance(rng, 30);
    world->report_may_close = rng_chance(rng, 30);
    const enum spine_kind kind = rng_chance(rng, 30) ? SPINE_U32 : SPINE_U64;
    world->prefix = (struct prefix){
        .schema = {.key = {kind, 0}, .value = {kind, 0}},
        .writers = 1 + (unsigned)rng_below(rng, WORLD_INSERTERS),
        .rows = draw_rows(rng),
    };
    if (rng_chance(rng, 20))
        world->prefix.schema.time = SPINE_TIME_U64;
    world_require(mutex_init(&world->mutex) == SPINE_OK, "a mutex");
    world_require(condition_init(&world->work) == SPINE_OK, "a condition");

    runtime_options.manual = world->manual;
    runtime_options.executor = world->manual ? NULL : &executor;
    runtime_options.slices_max = 1 + (unsigned)rng_below(rng, WORLD_WORKERS);
    runtime_options.run_us = 1 + (unsigned)rng_below(rng, 50);
    world_require(spine_runtime_open(&runtime_options, &world->runtime, NULL) == SPINE_OK,
                  "a runtime");

    options.level0_rows = 1 + (uint32_t)rng_below(rng, 20);
    options.backpressure_batches = 1 + (uint32_t)rng_below(rng, 10);
    options.help_batches =
        rng_chance(rng, 50) ? UINT32_MAX : 1 + (uint32_t)rng_below(rng, 8);
    options.encode_rows = (uint32_t)rng_below(rng, 100);
    world_require(spine_open(world->runtime, &world->prefix.schema, &options,
                             &world->spine, NULL) == SPINE_OK,
                  "a spine");
    lanes_force(world->spine, rng_chance(rng, 30));
}

void
world_release(struct world *world)
{
    world_require(world->queued == 0, "a run was submitted and never called");
    condition_release(&world->work);
    mutex_release(&world->mutex);
}

void
world_bounds_begin(const struct world *world, struct world_bounds *out)
{
    for (unsigned i = 0; i < WORLD_INSERTERS; i++)
        out->at_least[i] = world->returned[i];
}

void
world_check_cursor(struct world *world, struct spine_cursor *cursor,
                   const struct world_bounds *bounds, unsigned *seen)
{
    unsigned batches[PREFIX_WRITERS_MAX];
    const char *wrong = prefix_read(&world->prefix, cursor, batches);

    world_require(wrong == NULL, wrong);
    for (unsigned i = 0; i < world->prefix.writers; i++) {
        world_require(batches[i] >= bounds->at_least[i], "an inserted batch is missing");
        world_require(batches[i] <= world->begun[i], "a batch too much was seen");
        if (seen != NULL)
            seen[i] = batches[i];
    }
}

void
world_work(void *context)
{
    struct world *world = context;

    mutex_lock(&world->mutex);
    for (;;) {
        while (world->queued == 0 && !world->workers_stop)
            condition_wait(&world->work, &world->mutex);
        if (world->queued == 0)
            break;
        void (*const run)(void *) = world->queue[0].run;
        void *argument = world->queue[0].argument;
        world->queued--;
        for (unsigned i = 0; i < world->queued; i++)
            world->queue[i] = world->queue[i + 1];
        mutex_unlock(&world->mutex);
        run(argument);
        mutex_lock(&world->mutex);
    }
    mutex_unlock(&world->mutex);
}

void
world_require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "schedule, after %llu switches: %s\n",
            (unsigned long long)sim_switches(), what);
    abort();
}

/* Mostly next to none; now and then so many that merges take more than one slice. */
static unsigned
draw_rows(struct rng *rng)
{
    const uint64_t kind = rng_below(rng, 100);

    return kind < 80 ? 3 : kind < 97 ? 400 : 1000;
}

static void
on_submit(void *context, void (*run)(void *argument), void *argument)
{
    struct world *world = context;

    mutex_lock(&world->mutex);
    world_require(world->queued < WORLD_QUEUE, "more runs than slices_max allows");
    world->queue[world->queued].run = run;
    world->queue[world->queued++].argument = argument;
    condition_signal(&world->work);
    mutex_unlock(&world->mutex);
}

void
world_stop_workers(struct world *world)
{
    mutex_lock(&world->mutex);
    world->workers_stop = true;
    condition_broadcast(&world->work);
    mutex_unlock(&world->mutex);
}

static uint64_t seed_now;

static void
on_abort(int number)
{
    char text[160];
    const int size = snprintf(text, sizeof text,
                              "Repeat: SPINE_SEED=%" PRIu64 " SPINE_CASES=1\n", seed_now);
    const ssize_t written = write(STDERR_FILENO, text, (size_t)size);

    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

void
world_repeat_on_abort(uint64_t seed)
{
    seed_now = seed;
    signal(SIGABRT, on_abort);
    signal(SIGTRAP, on_abort);
}
