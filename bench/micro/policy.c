/* SPDX-License-Identifier: MIT */

/*
 * micro_policy [ROWS [RESULTS]]: what policies should cost and give, by simulation:
 * distinct rows in batches of 10,000, merges that take no time. One line per policy and
 * decade: how often a row is written, batches in the mean and at most. To the file
 * RESULTS, unless it is missing, ten lines of JSON per decade for plots.
 *
 * NAME-due: only what is due. NAME: merges ahead whenever nothing is due. start-2-8:
 * start counts that follow the load instead of merges ahead, at the levels of decades: 2
 * when nothing else is to do, 8 otherwise; start-3-8 with 3. "/10": there is something
 * else to do but after every tenth insert. flood: as in floods (pace.h), and what is
 * written includes what then becomes of it once somebody waits until all is merged.
 */

#include "micro/micro.h"
#include "pace.h"
#include "slots.h"

#include <errno.h>
#include <math.h>

#define BATCH_ROWS UINT64_C(10000)
#define BATCHES_MAX 1024

struct scenario {
    const char *name;
    enum slot_levels levels;
    bool ahead;
    /* There is nothing else to do after every so many inserts; 0: never. */
    unsigned idle_every;
    /* Batches at which a level merges then, and else; 0: as the policy says. */
    unsigned start_idle;
    unsigned start_busy;
    /* More comes in than merges could take in. */
    bool flood;
};

static const struct scenario scenarios[] = {
    {"decades-due", SLOT_DECADES, .ahead = false},
    {"fours-due", SLOT_FOURS, .ahead = false},
    {"decades", SLOT_DECADES, .ahead = true, .idle_every = 1},
    {"fours", SLOT_FOURS, .ahead = true, .idle_every = 1},
    {"start-2-8", SLOT_DECADES, false, 1, .start_idle = 2, .start_busy = 8},
    {"start-3-8", SLOT_DECADES, false, 1, .start_idle = 3, .start_busy = 8},
    {"decades/10", SLOT_DECADES, .ahead = true, .idle_every = 10},
    {"fours/10", SLOT_FOURS, .ahead = true, .idle_every = 10},
    {"start-2-8/10", SLOT_DECADES, false, 10, .start_idle = 2, .start_busy = 8},
    {"start-3-8/10", SLOT_DECADES, false, 10, .start_idle = 3, .start_busy = 8},
    {"start-8", SLOT_DECADES, false, 0, .start_busy = 8},
    {"flood", SLOT_DECADES, .ahead = false, .flood = true},
};

struct world {
    struct slot_policy policy;
    /* There is a flood; levels that become due merge with the one below. */
    bool flood;
    bool takes_above;
    uint64_t rows[BATCHES_MAX]; /* ascending */
    size_t count;
    uint64_t inserted;
    uint64_t written;
    /* Of the batches after each insert: their sum and the most. */
    uint64_t count_sum;
    size_t count_max;
};

static void world_insert(struct world *world, const struct scenario *scenario);
static void world_start_at(struct world *world, unsigned count);
static void world_settle(struct world *world);
static bool merge_due(struct world *world);
static size_t due_count(const struct world *world, unsigned level, size_t loose);
static size_t end_of_level(const struct world *world, unsigned level, size_t begin);
static size_t end_of_due(const struct world *world, size_t begin, size_t end);
static void put(struct world *world, uint64_t rows);
static void merge(struct world *world, size_t begin, size_t end);
static void report(const struct world *world, const char *name);
static void record(const struct world *world, const char *name, FILE *results);

static void
simulate(const struct scenario *scenario, uint64_t rows, FILE *results)
{
    static struct world world;
    double next = 10 * BATCH_ROWS, decade = next;

    world = (struct world){0};
    slot_policy_init(&world.policy, scenario->levels, 14999);
    world.flood = world.takes_above = scenario->flood;
    while (world.inserted < rows) {
        world_insert(&world, scenario);
        world.count_sum += world.count;
        world.count_max = world.count > world.count_max ? world.count : world.count_max;
        if ((double)world.inserted < next)
            continue;
        if ((double)world.inserted >= decade) {
            report(&world, scenario->name);
            decade *= 10;
        }
        if (results != NULL)
            record(&world, scenario->name, results);
        while (next <= (double)world.inserted)
            next *= pow(10, 0.1);
        if (next > 0.999 * decade)
            next = decade;
    }
}

static void
world_insert(struct world *world, const struct scenario *scenario)
{
    put(world, BATCH_ROWS);
    world->inserted += BATCH_ROWS;
    world_start_at(world, scenario->start_busy);
    world_settle(world);
    if (scenario->idle_every == 0 ||
        world->inserted / BATCH_ROWS % scenario->idle_every != 0)
        return;
    world_start_at(world, scenario->start_idle);
    world_settle(world);
    if (scenario->ahead) {
        static struct slot_cost batches[BATCHES_MAX];
        for (size_t i = 0; i < world->count; i++)
            batches[i] =
                (struct slot_cost){.rows = world->rows[i], .cost = world->rows[i]};
        const size_t count =
            slot_ahead_count(&world->policy, batches, world->count, UINT64_MAX);
        if (count > 0)
            merge(world, 0, count);
    }
}

static void
world_start_at(struct world *world, unsigned count)
{
    for (unsigned level = 0; count > 0 && level < SPINE_LEVELS; level++)
        world->policy.merge_min[level] = (uint8_t)count;
}

static void
world_settle(struct world *world)
{
    while (merge_due(world))
        ;
}

/* The lowest level that has enough batches. */
static bool
merge_due(struct world *world)
{
    size_t begin = 0;

    while (begin < world->count) {
        const unsigned level = slot_level(&world->policy, world->rows[begin]);
        const size_t end = end_of_level(world, level, begin);
        const size_t count = due_count(world, level, end - begin);

        if (count > 0) {
            const size_t due = begin + count;

            merge(world, begin, world->takes_above ? end_of_due(world, begin, due) : due);
            return true;
        }
        begin = end;
    }
    return false;
}

/* How many of the batches of a level merge. */
static size_t
due_count(const struct world *world, unsigned level, size_t loose)
{
    if (world->flood && loose < pace_merge_min(level))
        return 0;
    return slot_merge_count(&world->policy, level, &(struct slot_loose){.count = loose});
}

static size_t
end_of_level(const struct world *world, unsigned level, size_t begin)
{
    size_t end = begin;

    while (end < world->count && slot_level(&world->policy, world->rows[end]) <= level)
        end++;
    return end;
}

/* The end of what merges with the batches from `begin` to `end`, which are all of their
 * level: the levels that their sum makes due. */
static size_t
end_of_due(const struct world *world, size_t begin, size_t end)
{
    for (;;) {
        uint64_t sum = 0;

        for (size_t i = begin; i < end; i++)
            sum += world->rows[i];
        const unsigned level = slot_level(&world->policy, sum);
        const size_t end_above = end_of_level(world, level, end);
        size_t loose = 1;

        for (size_t i = end; i < end_above; i++)
            loose += slot_level(&world->policy, world->rows[i]) == level;
        if (level <= slot_level(&world->policy, world->rows[end - 1]) ||
            due_count(world, level, loose) == 0 ||
            end_above - begin > world->policy.merge_max)
            return end;
        end = end_above;
    }
}

static void
put(struct world *world, uint64_t rows)
{
    size_t at = world->count++;

    for (; at > 0 && world->rows[at - 1] > rows; at--)
        world->rows[at] = world->rows[at - 1];
    world->rows[at] = rows;
    world->written += rows;
}

/* Merges the batches from `begin` to `end`. */
static void
merge(struct world *world, size_t begin, size_t end)
{
    uint64_t sum = 0;

    for (size_t i = begin; i < end; i++)
        sum += world->rows[i];
    memmove(world->rows + begin, world->rows + end,
            (world->count - end) * sizeof *world->rows);
    world->count -= end - begin;
    put(world, sum);
}

static double
written_per_row(const struct world *world)
{
    static struct world settled;

    settled = *world;
    settled.flood = false;
    world_settle(&settled);
    return (double)settled.written / (double)settled.inserted;
}

static double
batches_mean(const struct world *world)
{
    return (double)world->count_sum * BATCH_ROWS / (double)world->inserted;
}

static void
report(const struct world *world, const char *name)
{
    printf("%-13s %12llu rows %6.2f written %6.1f batches %4zu at most\n", name,
           (unsigned long long)world->inserted, written_per_row(world),
           batches_mean(world), world->count_max);
}

/* As bench_macro writes its results. */
static void
record(const struct world *world, const char *name, FILE *results)
{
    const struct {
        const char *metric;
        const char *unit;
        double value;
    } figures[] = {{"write_amplification", "rows/row", written_per_row(world)},
                   {"runs_per_probe", "runs", batches_mean(world)}};

    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        fprintf(results,
                "{\"workload\":\"%s\",\"engine\":\"simulation\",\"metric\":\"%s\","
                "\"unit\":\"%s\",\"n\":%llu,\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,"
                "\"samples\":1}\n",
                name, figures[i].metric, figures[i].unit,
                (unsigned long long)world->inserted, figures[i].value, figures[i].value,
                figures[i].value);
}

int
main(int argc, char **argv)
{
    const uint64_t rows = argc > 1 ? (uint64_t)strtod(argv[1], NULL) : 1000000000;
    FILE *const results = argc > 2 ? fopen(argv[2], "w") : NULL;

    if (argc > 2 && results == NULL) {
        fprintf(stderr, "error: %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        simulate(&scenarios[i], rows, results);
    return results != NULL && fclose(results) != 0;
}
