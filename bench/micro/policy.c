/* SPDX-License-Identifier: MIT */

/*
 * micro_policy [ROWS]: what a policy should cost and give, by simulation: distinct rows
 * in batches of 10,000, merges that take no time. One line per policy and decade: how
 * often a row is written, batches in the mean and at most.
 */

#include "micro/micro.h"
#include "slots.h"

#define BATCH_ROWS UINT64_C(10000)
#define BATCHES_MAX 1024

struct world {
    struct slot_policy policy;
    bool ahead;
    uint64_t rows[BATCHES_MAX]; /* ascending */
    size_t count;
    uint64_t written;
};

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

static bool
merge_due(struct world *world)
{
    size_t begin = 0;

    while (begin < world->count) {
        const unsigned level = slot_level(&world->policy, world->rows[begin]);
        size_t end = begin;

        while (end < world->count &&
               slot_level(&world->policy, world->rows[end]) == level)
            end++;
        const size_t count = slot_merge_count(&world->policy, level, end - begin);
        if (count > 0) {
            merge(world, begin, begin + count);
            return true;
        }
        begin = end;
    }
    return false;
}

static void
simulate(const char *name, enum spine_policy policy, bool ahead, uint64_t rows)
{
    static struct world world;
    uint64_t sum = 0, inserts = 0, report = 1000000;
    size_t count_max = 0;

    world = (struct world){.ahead = ahead};
    slot_policy_init(&world.policy, policy, 14999);
    for (uint64_t inserted = BATCH_ROWS; inserted <= rows; inserted += BATCH_ROWS) {
        put(&world, BATCH_ROWS);
        while (merge_due(&world))
            ;
        if (ahead) {
            const size_t count = slot_ahead_count(&world.policy, world.rows, world.count);
            if (count > 0)
                merge(&world, 0, count);
        }
        inserts++;
        sum += world.count;
        if (world.count > count_max)
            count_max = world.count;
        if (inserted == report) {
            printf("%-12s %12llu rows %6.2f written %6.1f batches %4zu at most\n", name,
                   (unsigned long long)inserted, (double)world.written / (double)inserted,
                   (double)sum / (double)inserts, count_max);
            report *= 10;
        }
    }
}

int
main(int argc, char **argv)
{
    const uint64_t rows = argc > 1 ? (uint64_t)strtod(argv[1], NULL) : 1000000000;

    simulate("decades-due", SPINE_POLICY_DECADES, false, rows);
    simulate("fours-due", SPINE_POLICY_FOURS, false, rows);
    simulate("decades", SPINE_POLICY_DECADES, true, rows);
    simulate("fours", SPINE_POLICY_FOURS, true, rows);
    return 0;
}
