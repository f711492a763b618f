/* SPDX-License-Identifier: MIT */

/*
 * The machine stops at any operation of a disk. Whatever is left of what was not durable,
 * the last checkpoint that was acknowledged is restored, or the one that was under way,
 * row by row; nothing else, and nothing is left over. Who restores, removes or sweeps
 * after that may be struck, too.
 */

#include "crash/crash_fixture.h"
#include "harness/figure.h"

#define SEEDS 64u
/* Ways in which a disk fails: once or from there on, before, after, or in a sync. */
#define MODES 6u
/* Allocations that fail, one after the other, in what is done at a point. */
#define SHORTAGES 16u
/* Of up to three actions, with and without files for what is merged. */
#define SEQUENCES (2 * (ACTION_COUNT + 1) * ACTION_COUNT * ACTION_COUNT)
/* Sanitizers, whose share of the cases is smaller than this, try shorter scripts, and not
 * all sequences of two. */
#define SHARE_FEW 4u
#define STEPS 25u
#define STEPS_FEW 10u
/* That they lead to, at least. */
#define SEQUENCE_STATES 40000u

/* What a crash at some operation would find. */
struct crash_point {
    struct crash_image *image;
    uint64_t allowed;
};

struct crash_points {
    struct crash_points *next; /* of the disks that checkpoints were copied to */
    struct crash_disk *disk;
    const uint64_t *allowed;
    struct crash_point *points;
    size_t count;
    /* When the last one was noted. */
    uint64_t changes;
};

/* What is done after a crash, and is struck, too. */
enum inside {
    INSIDE_RESTORE,
    INSIDE_REMOVE_NEWEST,
    INSIDE_REMOVE_OLDER,
    INSIDE_SWEEP,
    INSIDES
};

static struct {
    uint64_t operations, points, states, states_inside, faults_inside, shortages_inside;
} totals;

/* Operations that change nothing that a crash would leave are one point. */
static void
note_point(void *argument)
{
    struct crash_points *points = argument;
    const struct crash_point *last =
        points->count > 0 ? &points->points[points->count - 1] : NULL;

    if (last != NULL && points->changes == points->disk->changes &&
        last->allowed == *points->allowed)
        return;
    points->points =
        realloc(points->points, (points->count + 1) * sizeof *points->points);
    assert_non_null(points->points);
    points->points[points->count++] =
        (struct crash_point){crash_disk_image(points->disk), *points->allowed};
    points->changes = points->disk->changes;
}

/* Of all disks. */
static void
note_points(struct crash_points *points)
{
    for (; points != NULL; points = points->next)
        note_point(points);
}

static void
watch(struct crash_points *points, struct crash_disk *disk, const uint64_t *allowed)
{
    *points = (struct crash_points){.disk = disk, .allowed = allowed};
    disk->on_operation = note_point;
    disk->argument = points;
}

static void
watch_copy(void *argument, struct crash_copy *copy)
{
    struct crash_points *points = argument;
    struct crash_points *others = malloc(sizeof *others);

    assert_non_null(others);
    watch(others, &copy->disk, &copy->allowed);
    others->next = points->next;
    points->next = others;
    note_point(others);
}

/* And the disks of exports from now on. */
static void
watch_run(struct crash_points *points, struct crash_run *run)
{
    watch(points, &run->disk, &run->allowed);
    run->on_copy = watch_copy;
    run->argument = points;
    note_point(points);
}

static void
points_release(struct crash_points *points)
{
    if (points->next != NULL) {
        points_release(points->next);
        free(points->next);
    }
    for (size_t i = 0; i < points->count; i++)
        free(points->points[i].image);
    free(points->points);
    points->disk->on_operation = NULL;
}

/* Seed 0: nothing is left of what was not durable, 1: all, others: some. */
static void
crashed_disk(struct crash_disk *disk, const struct crash_image *image, uint64_t seed)
{
    crash_disk_init_from(disk, image,
                         seed == 0   ? SPINE_CRASH_LOSES_ALL
                         : seed == 1 ? SPINE_CRASH_KEEPS_ALL
                                     : SPINE_CRASH_LOSES_SOME,
                         seed);
}

static uint64_t
bit_of(const struct crash_file *manifest)
{
    return manifest != NULL ? (uint64_t)1 << state_of(manifest) : NO_STATE;
}

/* What a process does that comes after a crash. All that it finds is durable. */
static enum spine_status
act_inside(const struct world *world, const struct crash_disk *disk, enum inside inside,
           uint64_t *allowed)
{
    const struct crash_file *first = crash_disk_manifest(disk, 0);
    const struct crash_file *second = crash_disk_manifest(disk, 1);
    struct spine_restored *restored;
    enum spine_status st;

    *allowed = bit_of(first);
    if (inside == INSIDE_SWEEP)
        return spine_store_sweep(world->store, NULL, NULL, NULL);
    if (inside == INSIDE_RESTORE || second == NULL) {
        st = spine_restore(world->store, 0, world->runtime, NULL, &restored, NULL);
        spine_restored_free(restored);
        return st;
    }
    if (inside == INSIDE_REMOVE_OLDER)
        return spine_checkpoint_remove(world->store, sequence_of(second), NULL);
    *allowed |= bit_of(second);
    st = spine_checkpoint_remove(world->store, sequence_of(first), NULL);
    if (st == SPINE_OK)
        *allowed = bit_of(second);
    return st;
}

/* A crash of a crash: at every operation of whoever acts on the state of `point`. */
static bool
second_crash_is_survived(struct crash_run *run, const struct crash_point *point,
                         uint64_t seed, enum inside inside)
{
    struct world world = {.count = 0};
    uint64_t allowed = point->allowed;
    struct crash_points noted;
    struct crash_disk disk;
    enum spine_status st;
    bool is_right;

    crashed_disk(&disk, point->image, seed);
    watch(&noted, &disk, &allowed);
    world.disk = crash_disk_backend(&disk);
    world_open(&world);
    st = act_inside(&world, &disk, inside, &allowed);
    world_close(&world);
    is_right = (st == SPINE_OK || (st == SPINE_NOT_FOUND && allowed == NO_STATE)) &&
               disk_is_right(run, &disk, allowed);
    note_point(&noted);
    for (size_t i = 0; is_right && i < noted.count; i++)
        for (uint64_t again = 0; is_right && again < 4; again++) {
            struct crash_disk left;

            crashed_disk(&left, noted.points[i].image, again);
            is_right = disk_is_right(run, &left, noted.points[i].allowed);
            crash_disk_release(&left);
            totals.states_inside++;
        }
    points_release(&noted);
    crash_disk_release(&disk);
    return is_right;
}

/* A fault of the disk, or the want of memory that comes with the `nth` allocation. */
struct trouble {
    struct crash_fault fault;
    enum fault_mode mode;
    uint64_t nth; /* 0: none */
    bool fired;
    uint64_t allocations;
};

/* Whoever acts on the state of `point` is in trouble: nothing is lost by that, for those
 * who restore after it, or after a crash that follows. */
static bool
trouble_is_survived(struct crash_run *run, const struct crash_point *point, uint64_t seed,
                    enum inside inside, struct trouble *trouble)
{
    struct world world = {.count = 0};
    struct crash_disk disk, left;
    struct crash_image *image;
    enum spine_status st;
    uint64_t allowed;
    bool is_right, is_short;

    crashed_disk(&disk, point->image, seed);
    world.disk = crash_disk_backend(&disk);
    world_open(&world);
    crash_disk_arm(&disk, trouble->fault);
    trouble->allocations = fault_alloc_count();
    if (trouble->nth > 0)
        fault_alloc_arm(trouble->mode, trouble->nth);
    st = act_inside(&world, &disk, inside, &allowed);
    is_short = trouble->nth > 0 && fault_alloc_disarm();
    trouble->allocations = fault_alloc_count() - trouble->allocations;
    trouble->fired = crash_disk_disarm(&disk) || is_short;
    is_right = st == SPINE_OK || st == SPINE_NOT_FOUND ||
               (trouble->fired && st == (is_short ? SPINE_NOMEM : SPINE_IO));
    world_close(&world);
    image = crash_disk_image(&disk);
    crash_disk_init_from(&left, image, SPINE_CRASH_LOSES_ALL, 0);
    is_right = is_right && disk_is_right(run, &left, allowed) &&
               disk_is_right(run, &disk, allowed);
    crash_disk_release(&left);
    free(image);
    crash_disk_release(&disk);
    return is_right;
}

/* The disk fails at each operation of whoever acts on the state of `point`. */
static bool
faults_inside_are_survived(struct crash_run *run, const struct crash_point *point,
                           uint64_t seed, enum inside inside, unsigned mode)
{
    struct trouble trouble = {.fired = true};

    for (uint64_t at = 1; trouble.fired; at++) {
        trouble.fault = (struct crash_fault){.at = at,
                                             .forever = mode % 2 == 1,
                                             .after = mode / 2 == 1,
                                             .syncs = mode / 2 == 2};
        if (!trouble_is_survived(run, point, seed, inside, &trouble))
            return property_fail(__FILE__, __LINE__, "act %d, operation %llu, mode %u",
                                 (int)inside, (unsigned long long)at, mode);
        totals.faults_inside += trouble.fired;
    }
    return true;
}

/* Memory runs out for whoever acts on the state of `point`, at some allocations. */
static bool
shortages_inside_are_survived(struct crash_run *run, const struct crash_point *point,
                              uint64_t seed, enum inside inside)
{
    struct trouble trouble = {.nth = UINT64_MAX};
    uint64_t all;

    HOLDS(trouble_is_survived(run, point, seed, inside, &trouble));
    all = trouble.allocations;
    for (uint64_t i = 0; i < SHORTAGES && i < all; i++) {
        /* Others at the next point. */
        trouble.nth = 1 + (i * all / SHORTAGES + totals.points) % all;
        trouble.mode = (i + totals.points) % 2 == 0 ? FAULT_ONCE : FAULT_FOREVER;
        if (!trouble_is_survived(run, point, seed, inside, &trouble))
            return property_fail(__FILE__, __LINE__, "act %d, allocation %llu%s",
                                 (int)inside, (unsigned long long)trouble.nth,
                                 trouble.mode == FAULT_FOREVER ? ", all" : "");
        totals.shortages_inside += trouble.fired;
    }
    return true;
}

/* Those of all disks. */
static bool
points_are_survived(struct crash_run *run, const struct crash_points *points,
                    uint64_t seeds)
{
    const bool is_thorough = seeds > SEEDS;

    HOLDS_EQUAL(0, points->disk->violations);
    if (points->next != NULL)
        HOLDS(points_are_survived(run, points->next, seeds));
    for (size_t i = 0; i < points->count; i++) {
        const struct crash_point *point = &points->points[i];

        for (uint64_t seed = 0; seed < seeds; seed++) {
            struct crash_disk disk;
            bool is_right;

            crashed_disk(&disk, point->image, seed);
            is_right = disk_is_right(run, &disk, point->allowed);
            crash_disk_release(&disk);
            totals.states++;
            if (!is_right)
                return property_fail(__FILE__, __LINE__, "point %zu of %zu, seed %llu", i,
                                     points->count, (unsigned long long)seed);
        }
        const enum inside inside = (enum inside)(totals.points % INSIDES);
        const unsigned mode = (unsigned)(totals.points / INSIDES % MODES);

        HOLDS(second_crash_is_survived(run, point, i % seeds, inside));
        for (unsigned k = 0; k < (is_thorough ? MODES : mode >= 4 ? 4 : 2); k += 2)
            HOLDS(faults_inside_are_survived(run, point, i % seeds, inside,
                                             (mode + k) % MODES));
        if (is_thorough)
            HOLDS(shortages_inside_are_survived(run, point, i % seeds, inside));
        totals.points++;
    }
    return true;
}

static bool
crashes_are_survived(struct rng *rng, size_t steps)
{
    static struct crash_run run;
    struct crash_points points;
    bool is_right;

    crash_run_init(&run, rng_next(rng), rng_chance(rng, 50));
    watch_run(&points, &run);
    is_right = run_script(&run, steps) && finish_background(&run);
    note_points(&points);
    totals.operations += run.disk.operations;
    is_right = is_right && points_are_survived(&run, &points, SEEDS + 2) &&
               world_holds(&run.world, run.world.models);
    points_release(&points);
    crash_run_release(&run);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return is_right;
}

static void
print_totals(void)
{
    print_message(
        "%llu operations, %llu points, %llu states, %llu states, %llu faults and %llu "
        "wants of memory inside what is done then\n",
        (unsigned long long)totals.operations, (unsigned long long)totals.points,
        (unsigned long long)totals.states, (unsigned long long)totals.states_inside,
        (unsigned long long)totals.faults_inside,
        (unsigned long long)totals.shortages_inside);
    figure_add("crash states", totals.states + totals.states_inside);
    memset(&totals, 0, sizeof totals);
}

/* By how much the cases of this run are divided. */
static unsigned
share_of_run(void)
{
    return SEQUENCES / harness_cases(SEQUENCES);
}

static void
test_crashes_are_survived(void **state)
{
    const struct property law = {"test_crashes_are_survived", crashes_are_survived, 3,
                                 share_of_run() > SHARE_FEW ? STEPS_FEW : STEPS};

    (void)state;
    assert_true(property_holds(&law));
    print_totals();
}

/* `count` actions on a fresh store, and crashes during and after the last of them. */
static bool
sequence_is_survived(const enum crash_action *actions, size_t count, bool spills)
{
    static struct crash_run run;
    struct crash_points points;
    bool is_right = true;

    crash_run_init(&run, 1, spills);
    for (size_t i = 0; is_right && i + 1 < count; i++)
        is_right = run_action(&run, actions[i]);
    watch_run(&points, &run);
    is_right =
        is_right && run_action(&run, actions[count - 1]) && finish_background(&run);
    note_points(&points);
    totals.operations += run.disk.operations;
    is_right = is_right && points_are_survived(&run, &points, 6) &&
               world_holds(&run.world, run.world.models);
    points_release(&points);
    crash_run_release(&run);
    return is_right;
}

static void
test_short_sequences_are_survived(void **state)
{
    const unsigned share = share_of_run();
    const bool is_few = share > SHARE_FEW;
    unsigned sequences = 0;
    struct rng rng;

    (void)state;
    rng_init(&rng, harness_seed());
    for (size_t count = 1, all = ACTION_COUNT; count <= 3; count++, all *= ACTION_COUNT)
        for (size_t number = 0; number < 2 * all; number++) {
            enum crash_action actions[3];
            size_t rest = number / 2;

            /* Those of one always. */
            if (count == 2 && is_few && rng_below(&rng, share / 2) > 0)
                continue;
            if (count == 3 && share > 1 && rng_below(&rng, share) > 0)
                continue;
            for (size_t i = 0; i < count; i++, rest /= ACTION_COUNT)
                actions[i] = (enum crash_action)(rest % ACTION_COUNT);
            if (!sequence_is_survived(actions, count, number % 2 == 1))
                fail_msg("actions %d, %d, %d of %zu", (int)actions[0],
                         count > 1 ? (int)actions[1] : -1,
                         count > 2 ? (int)actions[2] : -1, count);
            sequences++;
        }
    assert_int_equal(spine_allocated_bytes(), 0);
    print_message("%u sequences\n", sequences);
    figure_add("sequences of actions", sequences);
    /* Fewer than ever: something is not tried any more. */
    assert_true(totals.states >= SEQUENCE_STATES || share > 1);
    print_totals();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crashes_are_survived),
        cmocka_unit_test(test_short_sequences_are_survived),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
