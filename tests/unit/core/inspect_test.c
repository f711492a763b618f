/* SPDX-License-Identifier: MIT */

/*
 * spine_check() finds places and sums that are wrong, however many batches there are; and
 * none while merges begin and end between its sections.
 */

#include "core.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
    atomic_bool done;
};

static void
insert(struct world *world)
{
    const uint64_t key = world->rows++;
    const struct spine_columns columns = {.rows = 1, .keys = &key};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* A paused spine of so many batches of a row. */
static void
world_open(struct world *world, bool manual, unsigned batches)
{
    const struct spine_runtime_options options = {.manual = manual};

    *world = (struct world){0};
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, NULL, &world->spine, NULL),
                     SPINE_OK);
    spine_pause(world->spine);
    for (unsigned i = 0; i < batches; i++)
        insert(world);
}

static void
world_close(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
}

static void
expect_fault(struct world *world, const char *text)
{
    struct spine_error error;

    assert_int_equal(spine_check(world->spine, &error), SPINE_CORRUPT);
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, text);
}

static struct entry *
greatest(const struct entry_set *set)
{
    struct entry *entry = set->top;

    while (entry->greater != NULL)
        entry = entry->greater;
    return entry;
}

static void
what_is_wrong_is_found(void **state)
{
    static const unsigned counts[] = {5, 1000};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct entry_set *loose;
        struct entry *last;
        struct world world;

        world_open(&world, true, counts[i]);
        loose = &world.spine->locked.loose;
        last = greatest(loose);
        assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);

        world.spine->locked.batch_count++;
        expect_fault(&world, "counted as");
        world.spine->locked.batch_count--;

        loose->top->sums.rows += 7;
        expect_fault(&world, "counted as");
        loose->top->sums.rows -= 7;

        loose->top->lesser->sums.rows += 7;
        expect_fault(&world, "does not add up");
        loose->top->lesser->sums.rows -= 7;

        loose->top->sums.count++;
        world.spine->locked.batch_count++;
        expect_fault(&world, "counted as");
        loose->top->sums.count--;
        world.spine->locked.batch_count--;

        last->batch->info.rows = 0;
        expect_fault(&world, "loose batch");
        last->batch->info.rows = 1;

        world.spine->locked.tasks[3].job.spare = true;
        expect_fault(&world, "a merge of 0 batches");
        world.spine->locked.tasks[3].job.spare = false;

        assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
        world_close(&world);
    }
}

static void *
check_until_done(void *context)
{
    struct world *world = context;

    while (!atomic_load(&world->done))
        if (spine_check(world->spine, NULL) != SPINE_OK)
            return world;
    return NULL;
}

/* Merges begin and end, batches come in, and compactions make merges be given up. */
static void
nothing_is_wrong_while_merges_go_on(void **state)
{
    struct world world;
    pthread_t thread;
    void *wrong;

    (void)state;
    world_open(&world, false, 2000);
    assert_int_equal(pthread_create(&thread, NULL, check_until_done, &world), 0);
    for (unsigned i = 0; i < 30; i++) {
        spine_resume(world.spine);
        if (i % 3 == 0)
            assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
        spine_pause(world.spine);
        for (unsigned j = 0; j < 300; j++)
            insert(&world);
    }
    spine_resume(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    atomic_store(&world.done, true);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_found),
        cmocka_unit_test(nothing_is_wrong_while_merges_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
