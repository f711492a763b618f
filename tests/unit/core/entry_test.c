/* SPDX-License-Identifier: MIT */

/*
 * Sets of entries do what a plain array of entries would do.
 */

#include "base/steps.h"
#include "entry.h"
#include "harness/property.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SETS 3
#define ENTRIES_MAX 400

/* Every entry, and the set that it is in. */
struct world {
    struct entry_set sets[SETS];
    struct entry *entries[ENTRIES_MAX];
    unsigned set_of[ENTRIES_MAX];
    size_t count;
};

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

/* A batch of up to 5 rows, some of negative weight. */
static struct spine_batch *
any_batch(struct rng *rng)
{
    uint64_t keys[5] = {1, 2, 3, 4, 5};
    int64_t weights[5];
    const struct spine_columns columns = {
        .rows = 1 + rng_below(rng, 5), .keys = keys, .weights = weights};
    struct spine_batch *batch = NULL;

    for (size_t i = 0; i < 5; i++)
        weights[i] = rng_chance(rng, 30) ? -1 : 1;
    if (spine_batch_from_columns(&numbers, &columns, &batch, NULL) != SPINE_OK)
        abort();
    return batch;
}

static struct entry_range
any_range(struct rng *rng, size_t sequences)
{
    struct entry_range range = entries_all;

    if (rng_chance(rng, 60)) {
        range.level_begin = (unsigned)rng_below(rng, SPINE_LEVELS + 1);
        range.level_end = range.level_begin +
                          (unsigned)rng_below(rng, SPINE_LEVELS + 1 - range.level_begin);
    }
    if (rng_chance(rng, 60)) {
        range.first = rng_below(rng, sequences + 2);
        range.last = range.first + rng_below(rng, sequences + 2);
    }
    return range;
}

static bool
is_in(const struct entry *entry, struct entry_range range)
{
    return range.level_begin <= entry->level && entry->level < range.level_end &&
           range.first <= entry->sequence && entry->sequence <= range.last;
}

static bool
sums_are_those(const struct world *world, unsigned set, struct entry_range range)
{
    const struct entry_sums sums = entry_set_sums_in(&world->sets[set], range);
    struct entry_sums expected = {.sequence_least = UINT64_MAX};

    for (size_t i = 0; i < world->count; i++) {
        const struct entry *entry = world->entries[i];
        const struct spine_batch_info *info = &entry->batch->info;

        if (world->set_of[i] != set || !is_in(entry, range))
            continue;
        expected.count++;
        expected.rows += info->rows;
        expected.negative_rows += info->negative_rows;
        expected.bytes += info->bytes;
        if (info->rows > expected.rows_most)
            expected.rows_most = info->rows;
        if (entry->sequence < expected.sequence_least)
            expected.sequence_least = entry->sequence;
        if (entry->sequence > expected.sequence_most)
            expected.sequence_most = entry->sequence;
    }
    if (expected.count == 0)
        expected.sequence_least = 0;
    HOLDS_EQUAL(expected.count, sums.count);
    HOLDS_EQUAL(expected.rows, sums.rows);
    HOLDS_EQUAL(expected.negative_rows, sums.negative_rows);
    HOLDS_EQUAL(expected.bytes, sums.bytes);
    HOLDS_EQUAL(expected.rows_most, sums.rows_most);
    HOLDS_EQUAL(expected.sequence_least, sums.sequence_least);
    HOLDS_EQUAL(expected.sequence_most, sums.sequence_most);
    return true;
}

struct walk {
    const struct entry *last;
    size_t count;
    bool in_order;
};

static void
note(struct entry *entry, void *context)
{
    struct walk *walk = context;
    const struct entry *last = walk->last;

    if (last != NULL &&
        (last->level > entry->level ||
         (last->level == entry->level && last->sequence > entry->sequence)))
        walk->in_order = false;
    walk->last = entry;
    walk->count++;
}

static bool
look(const struct world *world, struct rng *rng, unsigned set)
{
    const struct entry_range range = any_range(rng, world->count);
    const struct entry_sums sums = entry_set_sums(&world->sets[set]);
    const struct entry *largest = entry_set_largest(&world->sets[set]);
    const uint64_t after = rng_below(rng, world->count + 2);
    struct walk walk = {.in_order = true};
    uint64_t next = UINT64_MAX;
    unsigned top = 0;

    HOLDS(sums_are_those(world, set, range));
    HOLDS(sums_are_those(world, set, entries_all));
    entry_set_each(&world->sets[set], range, note, &walk);
    HOLDS(walk.in_order);
    HOLDS_EQUAL(entry_set_sums_in(&world->sets[set], range).count, walk.count);
    HOLDS_EQUAL(sums.rows_most, largest != NULL ? largest->batch->info.rows : 0);
    for (size_t i = 0; i < world->count; i++)
        if (world->set_of[i] == set) {
            const struct entry *entry = world->entries[i];

            top = entry->level > top ? entry->level : top;
            if (entry->sequence > after && entry->sequence < next)
                next = entry->sequence;
        }
    HOLDS_EQUAL(top, entry_set_top_level(&world->sets[set]));
    HOLDS(next == entry_set_next(&world->sets[set], after));
    return true;
}

/* The `count_max` of a level with the least sequences move. */
static void
take(struct world *world, struct rng *rng, unsigned from, unsigned to)
{
    const struct entry_range range = any_range(rng, world->count);
    const size_t count_max = rng_chance(rng, 50) ? SIZE_MAX : (size_t)rng_below(rng, 5);
    size_t taken[SPINE_LEVELS] = {0};

    /* Entries are numbered in the order of their sequences. */
    for (size_t i = 0; i < world->count; i++) {
        const struct entry *entry = world->entries[i];

        if (world->set_of[i] == from && is_in(entry, range) &&
            taken[entry->level] < count_max) {
            taken[entry->level]++;
            world->set_of[i] = to;
        }
    }
    entry_set_take(&world->sets[from], range, count_max, &world->sets[to]);
}

static void
step(struct world *world, struct rng *rng)
{
    const unsigned from = (unsigned)rng_below(rng, SETS);
    const unsigned to = (from + 1 + (unsigned)rng_below(rng, SETS - 1)) % SETS;
    struct entry *entry;

    switch (rng_below(rng, 8)) {
    case 0:
        take(world, rng, from, to);
        break;
    case 1:
        entry_set_unite(&world->sets[to], &world->sets[from]);
        for (size_t i = 0; i < world->count; i++)
            if (world->set_of[i] == from)
                world->set_of[i] = to;
        break;
    case 2:
        entry = entry_set_take_any(&world->sets[from]);
        if (entry == NULL)
            break;
        entry_set_add(&world->sets[to], entry);
        for (size_t i = 0; i < world->count; i++)
            if (world->entries[i] == entry)
                world->set_of[i] = to;
        break;
    case 3:
        for (entry = entry_set_take_chain(&world->sets[from]); entry != NULL;) {
            struct entry *next = entry->greater;

            entry_set_add(&world->sets[from], entry);
            entry = next;
        }
        break;
    default: {
        struct spine_batch *batch = any_batch(rng);

        entry = entry_new(batch);
        spine_batch_unref(batch);
        /* Now and then the same as that of the one before, as of a split. */
        entry->sequence = world->count + 1 - (world->count > 0 && rng_chance(rng, 5));
        entry->level = (unsigned)rng_below(rng, SPINE_LEVELS);
        if (world->count > 0 && entry->sequence == world->count)
            entry->level = (world->entries[world->count - 1]->level + 1) % SPINE_LEVELS;
        entry_set_add(&world->sets[from], entry);
        world->set_of[world->count] = from;
        world->entries[world->count++] = entry;
    }
    }
}

static bool
sets_are_as_arrays(struct rng *rng, size_t steps)
{
    struct world world = {0};
    bool held = true;

    for (size_t i = 0; held && i < steps && world.count < ENTRIES_MAX; i++) {
        step(&world, rng);
        for (unsigned set = 0; held && set < SETS; set++)
            held = look(&world, rng, set);
    }
    for (unsigned set = 0; set < SETS; set++)
        entry_set_free(&world.sets[set]);
    return held;
}

static void
test_sets_are_as_arrays(void **state)
{
    const struct property property = {.name = "test_sets_are_as_arrays",
                                      .on_case = sets_are_as_arrays,
                                      .cases = 40,
                                      .steps = 400};

    (void)state;
    assert_true(property_holds(&property));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_are_as_arrays),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
