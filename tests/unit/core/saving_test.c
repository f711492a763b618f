/* SPDX-License-Identifier: MIT */

/*
 * Merges ahead beside checkpoints: what is saved is left alone, as far as readers can
 * bear it, and so little is written anew.
 */

#include "core.h"
#include "spine/backend.h"
#include "spine/checkpoint.h"
#include "unit/core/manual_fixture.h"

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
};

static void
world_open(struct world *world)
{
    *world = (struct world){0};
    manual_open(&numbers, NULL, &world->runtime, &world->spine);
}

static void
world_close(struct world *world)
{
    manual_close(world->runtime, world->spine);
}

static struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

/* A batch of `rows` new keys, which are everywhere among the others. */
static void
insert(struct world *world, size_t rows)
{
    insert_spread(world->spine, rows, &world->rows);
}

/* Merges all that is to merge, and returns how many merges ended. */
static uint64_t
merge_all(struct world *world)
{
    const uint64_t before = stats_of(world).merges;

    while (spine_runtime_run(world->runtime, UINT64_MAX) > 0)
        continue;
    return stats_of(world).merges - before;
}

static struct spine_cut *
cut_of(struct world *world)
{
    struct spine_cut *cut;

    assert_int_equal(spine_take_cut(world->spine, &cut, NULL), SPINE_OK);
    return cut;
}

static void
what_a_cut_has_is_left_alone(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 200000);
    spine_cut_unref(cut_of(&world));
    /* Without the cut these would merge with it: it has less than four times as many. */
    insert(&world, 60000);
    assert_int_equal(merge_all(&world), 0);
    /* Of 200,000 rows a 1,024th, and one for two of 460,000: enough for all. */
    insert(&world, 400000);
    assert_int_equal(merge_all(&world), 1);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

static void
a_part_is_merged_for_readers(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 640000);
    insert(&world, 30000);
    spine_cut_unref(cut_of(&world));
    /* 654 rows, and one for two new ones: not enough for 30,000. */
    insert(&world, 4000);
    insert(&world, 4000);
    assert_int_equal(merge_all(&world), 1);
    assert_int_equal(stats_of(&world).batches, 3);
    insert(&world, 54000);
    assert_int_equal(merge_all(&world), 1);
    assert_int_equal(stats_of(&world).batches, 2);
    /* What was made of them costs nothing more, as it is written anyway. */
    insert(&world, 24000);
    assert_int_equal(merge_all(&world), 1);
    assert_int_equal(stats_of(&world).batches, 2);
    /* The next cut begins anew. */
    spine_cut_unref(cut_of(&world));
    insert(&world, 30000);
    assert_int_equal(merge_all(&world), 0);
    world_close(&world);
}

static void
merges_that_are_due_do_not_care(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    for (int i = 0; i < 3; i++)
        insert(&world, 100000);
    spine_cut_unref(cut_of(&world));
    assert_int_equal(merge_all(&world), 1);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

static void
a_merge_that_has_just_begun_is_given_up(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 200000);
    insert(&world, 60000);
    (void)spine_runtime_run(world.runtime, 30000);
    assert_int_equal(stats_of(&world).levels[2].merging_batches, 1);
    spine_cut_unref(cut_of(&world));
    assert_int_equal(stats_of(&world).levels[2].merging_batches, 0);
    assert_int_equal(stats_of(&world).given_up_merges, 1);
    assert_int_equal(merge_all(&world), 0);
    assert_int_equal(stats_of(&world).batches, 2);
    world_close(&world);
}

static void
a_merge_that_is_half_done_goes_on(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 200000);
    insert(&world, 60000);
    (void)spine_runtime_run(world.runtime, 140000);
    assert_int_equal(stats_of(&world).levels[2].merging_batches, 1);
    spine_cut_unref(cut_of(&world));
    assert_int_equal(merge_all(&world), 1);
    assert_int_equal(stats_of(&world).given_up_merges, 0);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

/* A fork is made of a cut that nobody saves; a spine that is opened with one begins with
 * saved batches. */
static void
forks_save_nothing(void **state)
{
    struct world world;
    struct spine_cut *cut;
    struct spine *fork;

    (void)state;
    world_open(&world);
    insert(&world, 200000);
    insert(&world, 60000);
    spine_pause(world.spine);
    assert_int_equal(spine_fork(world.spine, &fork, NULL), SPINE_OK);
    assert_true(spine_runtime_run(world.runtime, UINT64_MAX) > 0);
    spine_close(fork);
    cut = cut_of(&world);
    assert_int_equal(spine_open_cut(world.runtime, cut, &fork, NULL), SPINE_OK);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    spine_close(fork);
    spine_cut_unref(cut);
    spine_resume(world.spine);
    world_close(&world);
}

static uint64_t
checkpoint(struct world *world, struct spine_store *store)
{
    const struct spine_checkpoint_item item = {.name = "rows", .spine = world->spine};
    struct spine_checkpoint_info info;

    assert_int_equal(spine_checkpoint(store, &item, 1, NULL, &info, NULL), SPINE_OK);
    return info.file_bytes;
}

/* What is written for one hundredth of new rows, in the mean of many times: a twentieth
 * at most, the merges included that are due. */
static void
little_more_is_written_for_few_rows(void **state)
{
    struct spine_backend backend;
    struct spine_store *store;
    uint64_t all, more = 0;
    struct world world;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    world_open(&world);
    for (int i = 0; i < 100; i++)
        insert(&world, 10000);
    (void)merge_all(&world);
    all = checkpoint(&world, store);
    for (int round = 0; round < 20; round++) {
        insert(&world, 10000);
        (void)merge_all(&world);
        more += checkpoint(&world, store);
    }
    print_message("1 %% new rows: %.2f %% of the bytes\n",
                  5.0 * (double)more / (double)all);
    assert_true(more <= all); /* twenty times a twentieth */
    world_close(&world);
    spine_store_close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_cut_has_is_left_alone),
        cmocka_unit_test(a_part_is_merged_for_readers),
        cmocka_unit_test(merges_that_are_due_do_not_care),
        cmocka_unit_test(a_merge_that_has_just_begun_is_given_up),
        cmocka_unit_test(a_merge_that_is_half_done_goes_on),
        cmocka_unit_test(forks_save_nothing),
        cmocka_unit_test(little_more_is_written_for_few_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
