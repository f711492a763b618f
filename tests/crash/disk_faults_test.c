/* SPDX-License-Identifier: MIT */

/*
 * The disk fails, or there is no memory, at any point of a run: what fails says so, and
 * what was acknowledged stays. When disk and memory are well again everything works: what
 * the spines hold is what was inserted, and the next checkpoint is made and comes back.
 */

#include "crash/crash_fixture.h"

#define MODES 6u

static uint64_t faults[MODES], shortages;
/* What a backend may answer beside SPINE_IO. */
static const enum spine_status answers[] = {SPINE_NOMEM, SPINE_BUSY, SPINE_CORRUPT,
                                            SPINE_NOT_FOUND, SPINE_EXISTS};

/* After a crash that loses what is not durable. */
static bool
crash_is_survived(struct crash_run *run)
{
    struct crash_image *image = crash_disk_image(&run->disk);
    struct crash_disk disk;
    bool is_right;

    crash_disk_init_from(&disk, image, SPINE_CRASH_LOSES_ALL, 0);
    is_right = disk_is_right(run, &disk, run->allowed);
    crash_disk_release(&disk);
    free(image);
    return is_right;
}

/* What was read ahead while the disk failed may be told of once more, by each input. */
static bool
merges_go_on(struct crash_run *run)
{
    bool all_well = false;

    for (unsigned tries = 0; !all_well; tries++) {
        HOLDS(tries < 20);
        all_well = true;
        for (unsigned i = 0; i < CRASH_SPINES; i++)
            spine_retry(run->world.spines[i]);
        (void)spine_runtime_run(run->world.runtime, UINT64_MAX);
        for (unsigned i = 0; i < CRASH_SPINES; i++)
            all_well =
                all_well && spine_get_status(run->world.spines[i], NULL) == SPINE_OK;
    }
    return true;
}

/* Nothing fails any more. */
static bool
run_goes_on(struct crash_run *run)
{
    run->disk.fired = false;
    HOLDS(crash_is_survived(run));
    HOLDS(finish_background(run));
    HOLDS(merges_go_on(run));
    HOLDS(world_holds(&run->world, run->world.models));
    HOLDS(run_action(run, ACTION_INSERT_AND_CHECKPOINT));
    HOLDS(crash_is_survived(run));
    HOLDS(run_action(run, ACTION_SWEEP));
    HOLDS(run_action(run, ACTION_REOPEN));
    HOLDS(crash_disk_orphans(&run->disk) == 0);
    HOLDS(world_holds(&run->world, run->world.models));
    HOLDS_EQUAL(0, run->disk.violations);
    return true;
}

static struct crash_fault
fault_of(unsigned mode, uint64_t at)
{
    return (struct crash_fault){.at = at,
                                .forever = mode % 2 == 1,
                                .after = mode / 2 == 1,
                                .syncs = mode / 2 == 2};
}

/* Where sanitizers try a share, each way to fail meets every third place, and each place
 * some ways; otherwise all. */
static uint64_t
stride(void)
{
    return harness_cases(8) > 1 ? 1 : 3;
}

/* A script that meets the fault; `*fired`: it did. */
static bool
fault_is_survived(uint64_t seed, size_t actions, struct crash_fault fault, bool *fired)
{
    static struct crash_run run;
    bool is_right;

    crash_run_init(&run, seed, seed % 2 == 1);
    crash_disk_arm(&run.disk, fault);
    is_right = run_script(&run, actions);
    *fired = crash_disk_disarm(&run.disk);
    is_right = is_right && run_goes_on(&run);
    crash_run_release(&run);
    if (!is_right)
        return property_fail(__FILE__, __LINE__, "operation %llu%s%s%s, by %s",
                             (unsigned long long)fault.at, fault.forever ? ", all" : "",
                             fault.after ? ", after it" : "", fault.syncs ? ", sync" : "",
                             spine_status_name(fault.status));
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static bool
faults_are_survived(struct rng *rng, size_t steps)
{
    const uint64_t seed = rng_next(rng);

    for (unsigned mode = 0; mode < MODES; mode++) {
        bool fired = true;

        for (uint64_t at = 1 + mode % stride(); fired; at += stride()) {
            HOLDS(fault_is_survived(seed, steps, fault_of(mode, at), &fired));
            faults[mode] += fired;
        }
    }
    return true;
}

static void
test_disk_faults_are_survived(void **state)
{
    const struct property law = {"test_disk_faults_are_survived", faults_are_survived, 3,
                                 16};

    uint64_t all = 0;

    (void)state;
    memset(faults, 0, sizeof faults);
    assert_true(property_holds(&law));
    for (unsigned mode = 0; mode < MODES; mode++) {
        assert_true(faults[mode] > 0);
        all += faults[mode];
    }
    print_message("%llu faults\n", (unsigned long long)all);
}

static bool
answers_are_survived(struct rng *rng, size_t steps)
{
    const uint64_t seed = rng_next(rng);

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        for (unsigned forever = 0; forever < 2; forever++) {
            bool fired = true;

            for (uint64_t at = 1 + i % stride(); fired; at += stride()) {
                const struct crash_fault fault = {
                    .at = at, .forever = forever > 0, .status = answers[i]};

                HOLDS(fault_is_survived(seed, steps, fault, &fired));
                faults[i] += fired;
            }
        }
    return true;
}

static void
test_other_answers_are_survived(void **state)
{
    const struct property law = {"test_other_answers_are_survived", answers_are_survived,
                                 2, 16};

    (void)state;
    memset(faults, 0, sizeof faults);
    assert_true(property_holds(&law));
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        assert_true(faults[i] > 0);
        print_message("%s: %llu faults\n", spine_status_name(answers[i]),
                      (unsigned long long)faults[i]);
    }
}

/* The action of a run, while the `nth` allocation fails. */
static bool
shortage_is_survived(uint64_t seed, enum crash_action action, enum fault_mode mode,
                     uint64_t nth, bool *fired)
{
    static struct crash_run run;
    bool is_right;

    crash_run_init(&run, seed, seed % 2 == 1);
    is_right = run_action(&run, ACTION_INSERT_AND_CHECKPOINT) &&
               run_action(&run, ACTION_INSERT_AND_CHECKPOINT) &&
               run_action(&run, ACTION_INSERT);
    fault_alloc_arm(mode, nth);
    is_right = is_right && run_action(&run, action) &&
               (action != ACTION_START || finish_background(&run));
    *fired = fault_alloc_disarm();
    is_right = is_right && run_goes_on(&run);
    crash_run_release(&run);
    if (!is_right)
        return property_fail(__FILE__, __LINE__, "action %d, allocation %llu%s",
                             (int)action, (unsigned long long)nth,
                             mode == FAULT_FOREVER ? ", all" : "");
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static bool
shortages_are_survived(struct rng *rng, size_t steps)
{
    static const enum crash_action actions[] = {
        ACTION_CHECKPOINT, ACTION_REMOVE_NEWEST, ACTION_REMOVE_OLDER, ACTION_SWEEP,
        ACTION_RESTORE,    ACTION_START,         ACTION_EXPORT,
    };
    const uint64_t seed = rng_next(rng);

    (void)steps;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        for (unsigned mode = FAULT_ONCE; mode <= FAULT_FOREVER; mode++) {
            bool fired = true;

            for (uint64_t nth = 1; fired; nth += mode == FAULT_ONCE ? 1 : stride()) {
                HOLDS(shortage_is_survived(seed, actions[i], (enum fault_mode)mode, nth,
                                           &fired));
                shortages += fired;
            }
        }
    return true;
}

static void
test_shortages_are_survived(void **state)
{
    const struct property law = {"test_shortages_are_survived", shortages_are_survived, 2,
                                 1};

    (void)state;
    shortages = 0;
    fault_alloc_install();
    assert_true(property_holds(&law));
    fault_alloc_remove();
    assert_true(shortages > 20);
    print_message("%llu allocations failed\n", (unsigned long long)shortages);
}

/* An export, while the other disk fails. */
static bool
copy_fault_is_survived(uint64_t seed, struct crash_fault fault, bool *fired)
{
    static struct crash_run run;
    bool is_right;

    crash_run_init(&run, seed, seed % 2 == 1);
    run.copy_fault = fault;
    is_right = run_action(&run, ACTION_INSERT_AND_CHECKPOINT) &&
               run_action(&run, ACTION_INSERT_AND_CHECKPOINT) &&
               run_action(&run, ACTION_EXPORT);
    *fired = run.copy_failed;
    run.copy_fault = (struct crash_fault){0};
    is_right = is_right && run_action(&run, ACTION_EXPORT) && run_goes_on(&run);
    crash_run_release(&run);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return is_right;
}

static bool
copy_faults_are_survived(struct rng *rng, size_t steps)
{
    const uint64_t seed = rng_next(rng);

    (void)steps;
    for (unsigned mode = 0; mode < MODES; mode++) {
        bool fired = true;

        for (uint64_t at = 1 + mode % stride(); fired; at += stride()) {
            HOLDS(copy_fault_is_survived(seed, fault_of(mode, at), &fired));
            faults[mode] += fired;
        }
    }
    return true;
}

static void
test_faults_of_the_other_disk_are_survived(void **state)
{
    const struct property law = {"test_faults_of_the_other_disk_are_survived",
                                 copy_faults_are_survived, 2, 1};

    (void)state;
    memset(faults, 0, sizeof faults);
    assert_true(property_holds(&law));
    for (unsigned mode = 0; mode < MODES; mode++)
        assert_true(faults[mode] > 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_faults_are_survived),
        cmocka_unit_test(test_other_answers_are_survived),
        cmocka_unit_test(test_shortages_are_survived),
        cmocka_unit_test(test_faults_of_the_other_disk_are_survived),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
