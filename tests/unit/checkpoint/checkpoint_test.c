/* SPDX-License-Identifier: MIT */

/*
 * What a checkpoint has is restored exactly, by the process that made it and by the next;
 * what was written is not written again; what is not needed goes, and nothing else does.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include <uv.h>

static bool
checkpoints_come_back(struct rng *rng, size_t steps)
{
    struct model before[SPINES_MAX];
    struct spine_checkpoint_info info;
    struct spine_error error = {0};
    struct world world;
    bool dirty[SPINES_MAX];

    world_init(&world, rng, 1 + (unsigned)rng_below(rng, SPINES_MAX));
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < world.count; i++)
            for (uint64_t n = rng_below(rng, 5); n > 0; n--)
                world_insert(&world, i, rng_magnitude(rng, steps));
        for (unsigned i = 0; i < world.count; i++) {
            dirty[i] = spine_is_dirty(world.spines[i]);
            model_init(&before[i], spine_get_schema(world.spines[i]));
            model_copy(&before[i], &world.models[i]);
        }
        HOLDS_EQUAL(SPINE_OK, world_checkpoint(&world, &info, &error));
        HOLDS_EQUAL(round, info.sequence);
        for (unsigned i = 0; i < world.count; i++)
            HOLDS(!spine_is_dirty(world.spines[i]));
        HOLDS(world_holds(&world, world.models));
        /* What comes later is not in it. */
        for (unsigned i = 0; i < world.count; i++)
            world_insert(&world, i, 1 + rng_magnitude(rng, steps));
        for (unsigned i = 0; i < world.count; i++)
            model_copy(&world.models[i], &before[i]);
        if (rng_below(rng, 2) == 0) {
            world_close(&world);
            world_open(&world);
        }
        HOLDS_EQUAL(SPINE_OK, world_restore(&world, 0, &error));
        HOLDS(world_holds(&world, before));
        for (unsigned i = 0; i < world.count; i++) {
            HOLDS(spine_is_dirty(world.spines[i]) == dirty[i]);
            model_release(&before[i]);
        }
        HOLDS(world_objects(&world).manifests <= 2);
    }
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_checkpoints_come_back(void **state)
{
    const struct property law = {"test_checkpoints_come_back", checkpoints_come_back, 40,
                                 20000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_what_was_written_is_not_written_again(void **state)
{
    struct spine_checkpoint_info info;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 7);
    world_init(&world, &rng, 2);
    world_insert(&world, 0, 30000);
    world_insert(&world, 1, 500);
    assert_int_equal(world_checkpoint(&world, &info, &error), SPINE_OK);
    assert_true(info.files >= 1 && info.files <= 2);
    assert_int_equal(info.batches, 2);
    assert_int_equal(info.batches_reused, 0);
    assert_true(info.file_bytes > 0 && info.syncs > 0 && info.rows > 0);
    /* Nothing new: a manifest. */
    assert_int_equal(world_checkpoint(&world, &info, &error), SPINE_OK);
    assert_int_equal(info.files, 0);
    assert_int_equal(info.file_bytes, 0);
    assert_int_equal(info.batches_reused, 2);
    /* A small batch: its bytes, and not those of the others. */
    world_insert(&world, 1, 10);
    assert_int_equal(world_checkpoint(&world, &info, &error), SPINE_OK);
    assert_int_equal(info.files, 1);
    assert_true(info.file_bytes < 20000);
    assert_int_equal(world_objects(&world).manifests, 2);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_many_small_spines_share_a_file(void **state)
{
    enum { COUNT = 200 };
    const struct spine_schema schema = {.key = {.kind = SPINE_U64},
                                        .value = {.kind = SPINE_U64}};
    struct spine_checkpoint_item items[COUNT];
    static struct spine *spines[COUNT];
    static char names[COUNT][16];
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 8);
    world_init(&world, &rng, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        const uint64_t key = i;
        const struct spine_columns columns = {.rows = 1, .keys = &key, .values = &key};
        struct spine_batch *batch;

        (void)snprintf(names[i], sizeof names[i], "%u", i);
        assert_int_equal(spine_open(world.runtime, &schema, NULL, &spines[i], &error),
                         SPINE_OK);
        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, &error),
                         SPINE_OK);
        assert_int_equal(spine_insert(spines[i], batch, &error), SPINE_OK);
        spine_batch_unref(batch);
        items[i] = (struct spine_checkpoint_item){.name = names[i], .spine = spines[i]};
    }
    assert_int_equal(spine_checkpoint(world.store, items, COUNT, NULL, &info, &error),
                     SPINE_OK);
    assert_int_equal(info.files, 1);
    assert_true(info.syncs <= 10);
    for (unsigned i = 0; i < COUNT; i++)
        spine_close(spines[i]);
    world_close(&world);
    world_open(&world);
    assert_int_equal(
        spine_restore(world.store, 0, world.runtime, NULL, &restored, &error), SPINE_OK);
    assert_int_equal(spine_restored_count(restored), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct spine_restored_item item;
        struct spine_cursor *cursor;

        assert_true(spine_restored_get_item(restored, i, &item));
        assert_string_equal(item.name, names[i]);
        assert_null(item.key_filter);
        assert_int_equal(spine_cursor_open(item.spine, &cursor, &error), SPINE_OK);
        assert_true(spine_cursor_key_valid(cursor));
        assert_int_equal(spine_cursor_key(cursor).u64, i);
        spine_cursor_close(cursor);
    }
    spine_restored_free(restored);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static enum spine_status
note_summary(void *context, const struct spine_checkpoint_summary *summary,
             const struct spine_error *error)
{
    uint64_t *sequences = context;

    (void)error;
    assert_int_equal(summary->status, SPINE_OK);
    assert_true(summary->files > 0 && summary->file_bytes > 0 && summary->made_ms > 0);
    sequences[0]++;
    sequences[sequences[0]] = summary->sequence;
    return SPINE_OK;
}

static void
test_old_checkpoints_go_and_can_be_chosen(void **state)
{
    const struct spine_checkpoint_options all = {
        .keep = UINT32_MAX, .user_data = "offset 7", .user_bytes = 8};
    struct spine_error error = {0};
    struct spine_restored *restored;
    uint64_t sequences[8] = {0};
    struct model before[1];
    struct world world;
    struct rng rng;
    size_t bytes;

    (void)state;
    rng_init(&rng, 9);
    world_init(&world, &rng, 1);
    for (unsigned i = 0; i < 4; i++) {
        const struct spine_checkpoint_item item = {.name = "it",
                                                   .spine = world.spines[0]};

        world_insert(&world, 0, 100);
        if (i == 1) {
            model_init(&before[0], spine_get_schema(world.spines[0]));
            model_copy(&before[0], &world.models[0]);
        }
        assert_int_equal(spine_checkpoint(world.store, &item, 1, &all, NULL, &error),
                         SPINE_OK);
    }
    assert_int_equal(spine_checkpoint_list(world.store, note_summary, sequences, &error),
                     SPINE_OK);
    assert_int_equal(sequences[0], 4);
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(sequences[i], i);

    assert_int_equal(
        spine_restore(world.store, 2, world.runtime, NULL, &restored, &error), SPINE_OK);
    assert_int_equal(spine_restored_sequence(restored), 2);
    assert_memory_equal(spine_restored_user_data(restored, &bytes), "offset 7", 8);
    assert_int_equal(bytes, 8);
    spine_close(world.spines[0]);
    world.spines[0] = spine_restored_take(restored, "it");
    assert_null(spine_restored_take(restored, "it"));
    assert_null(spine_restored_take(restored, "nobody"));
    spine_restored_free(restored);
    assert_true(world_holds(&world, before));

    assert_int_equal(spine_checkpoint_remove(world.store, 2, &error), SPINE_OK);
    assert_int_equal(spine_checkpoint_remove(world.store, 2, &error), SPINE_NOT_FOUND);
    assert_int_equal(
        spine_restore(world.store, 2, world.runtime, NULL, &restored, &error),
        SPINE_NOT_FOUND);
    /* The spine still has its files. */
    assert_true(world_holds(&world, before));
    assert_int_equal(spine_checkpoint_remove(world.store, 1, &error), SPINE_OK);
    assert_int_equal(spine_checkpoint_remove(world.store, 3, &error), SPINE_OK);
    assert_int_equal(spine_checkpoint_remove(world.store, 4, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "4 is the only one"));
    model_release(&before[0]);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_a_lost_manifest_removes_nothing(void **state)
{
    struct spine_error error = {0};
    struct spine_sweep_info info;
    struct objects objects;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 10);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 1000);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    world_close(&world);
    objects = world_objects(&world);
    assert_int_equal(objects.manifests, 1);
    assert_int_equal(objects.others, 1);
    assert_true(objects.batches > 0);
    assert_int_equal(world.disk.remove(world.disk.context, objects.last_manifest, NULL),
                     SPINE_OK);
    world_open(&world);
    assert_int_equal(world_restore(&world, 0, &error), SPINE_CORRUPT);
    assert_int_equal(spine_store_sweep(world.store, NULL, &info, &error), SPINE_CORRUPT);
    assert_int_equal(world_objects(&world).batches, objects.batches);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

struct listed {
    unsigned count;
    struct spine_checkpoint_summary last;
};

static enum spine_status
on_listed(void *context, const struct spine_checkpoint_summary *summary,
          const struct spine_error *why)
{
    struct listed *listed = context;

    assert_true((summary->status == SPINE_OK) == (why->message[0] == 0));
    listed->count++;
    listed->last = *summary;
    return SPINE_OK;
}

/* The one before is there: that the newest is not is no reason to take it silently. */
static void
test_the_newest_manifest_is_missed(void **state)
{
    struct spine_error error = {0};
    struct listed listed = {0};
    struct spine_sweep_info info;
    struct objects objects;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 31);
    world_init(&world, &rng, 1);
    for (unsigned i = 0; i < 2; i++) {
        world_insert(&world, 0, 1000);
        assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    }
    world_close(&world);
    objects = world_objects(&world);
    assert_int_equal(objects.manifests, 2);
    assert_int_equal(objects.others, 2);
    assert_int_equal(world.disk.remove(world.disk.context, objects.last_manifest, NULL),
                     SPINE_OK);
    world_open(&world);
    assert_int_equal(world_restore(&world, 0, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "checkpoint 2 was acknowledged"));
    assert_int_equal(spine_store_sweep(world.store, NULL, &info, &error), SPINE_CORRUPT);
    assert_int_equal(spine_checkpoint_list(world.store, on_listed, &listed, NULL),
                     SPINE_OK);
    assert_int_equal(listed.count, 2);
    assert_int_equal(listed.last.sequence, 2);
    assert_int_equal(listed.last.status, SPINE_CORRUPT);
    assert_int_equal(world_restore(&world, 1, &error), SPINE_OK);
    assert_int_equal(world_objects(&world).batches, objects.batches);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_CORRUPT);
    assert_int_equal(world_objects(&world).batches, objects.batches);

    assert_int_equal(spine_checkpoint_remove(world.store, 2, &error), SPINE_OK);
    assert_int_equal(spine_checkpoint_remove(world.store, 2, &error), SPINE_NOT_FOUND);
    assert_int_equal(spine_store_sweep(world.store, NULL, &info, &error), SPINE_OK);
    assert_true(info.files > 0);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    assert_int_equal(world_restore(&world, 0, &error), SPINE_OK);
    assert_int_equal(world_objects(&world).others, 2);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_orphans_go_and_what_is_used_stays(void **state)
{
    struct spine_sweep_options look = {.dry_run = true};
    struct spine_error error = {0};
    struct spine_sweep_info info;
    struct world world;
    struct rng rng;
    size_t needed;

    (void)state;
    rng_init(&rng, 11);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 1000);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    needed = world_objects(&world).batches;
    /* As a crash leaves one. */
    assert_int_equal(world.disk.put_new(world.disk.context,
                                        "0123456789abcdef0123456789abcdef.pack", "x", 1,
                                        NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_sweep(world.store, &look, &info, &error), SPINE_OK);
    assert_int_equal(info.files, 1);
    assert_int_equal(info.file_bytes, 1);
    assert_int_equal(world_objects(&world).batches, needed + 1);
    world_close(&world);
    world_open(&world);
    assert_int_equal(world_objects(&world).batches, needed + 1);
    assert_int_equal(world_restore(&world, 0, &error), SPINE_OK);
    assert_int_equal(world_objects(&world).batches, needed);
    assert_true(world_holds(&world, world.models));
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What others may yet name in a manifest is found without need for some time before it
 * goes, and only if it was so all the time. */
static void
test_orphans_have_their_grace(void **state)
{
    static const char orphan[] = "0123456789abcdef0123456789abcdef.pack";
    struct spine_sweep_options options = {.grace_ms = 3600000};
    struct spine_sweep_info info;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 12);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 1000);
    assert_int_equal(world_checkpoint(&world, NULL, NULL), SPINE_OK);
    assert_int_equal(world.disk.put_new(world.disk.context, orphan, "x", 1, NULL),
                     SPINE_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(spine_store_sweep(world.store, &options, &info, NULL), SPINE_OK);
        assert_int_equal(info.files, 0);
        assert_int_equal(info.waiting_files, 1);
    }
    options.grace_ms = 5;
    uv_sleep(10);
    options.dry_run = true;
    assert_int_equal(spine_store_sweep(world.store, &options, &info, NULL), SPINE_OK);
    assert_int_equal(info.files, 1);
    assert_int_equal(info.waiting_files, 0);
    options.dry_run = false;
    /* It was away for a while: that begins anew. */
    assert_int_equal(world.disk.remove(world.disk.context, orphan, NULL), SPINE_OK);
    assert_int_equal(spine_store_sweep(world.store, &options, &info, NULL), SPINE_OK);
    assert_int_equal(info.files + info.waiting_files, 0);
    assert_int_equal(world.disk.put_new(world.disk.context, orphan, "x", 1, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_sweep(world.store, &options, &info, NULL), SPINE_OK);
    assert_int_equal(info.waiting_files, 1);
    uv_sleep(10);
    assert_int_equal(spine_store_sweep(world.store, &options, &info, NULL), SPINE_OK);
    assert_int_equal(info.files, 1);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What is inserted after a cut is not in its checkpoint, and leaves the spine dirty. */
static void
test_a_cut_is_what_is_written(void **state)
{
    struct spine_checkpoint_item item = {.name = "spine 0"};
    struct spine_cut_info info;
    struct model before[1];
    struct spine_cut *cut;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 13);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 700);
    model_init(&before[0], spine_get_schema(world.spines[0]));
    model_copy(&before[0], &world.models[0]);
    assert_int_equal(spine_take_cut(world.spines[0], &cut, NULL), SPINE_OK);
    world_insert(&world, 0, 50);
    item.spine = world.spines[0];
    item.cut = cut;
    assert_int_equal(spine_checkpoint(world.store, &item, 1, NULL, NULL, NULL), SPINE_OK);
    assert_true(spine_is_dirty(world.spines[0]));
    assert_false(spine_clear_dirty_since(world.spines[0], cut));
    assert_true(spine_is_dirty(world.spines[0]));
    spine_cut_unref(cut);
    assert_true(world_holds(&world, world.models));

    assert_int_equal(world_restore(&world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&world, before));
    assert_int_equal(spine_take_cut(world.spines[0], &cut, NULL), SPINE_OK);
    spine_cut_get_info(cut, &info);
    assert_int_equal(info.inserted_batches, 1);
    assert_true(info.dirty);
    assert_true(spine_clear_dirty_since(world.spines[0], cut));
    assert_false(spine_is_dirty(world.spines[0]));
    spine_cut_unref(cut);
    model_release(&before[0]);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_misuse_is_named(void **state)
{
    struct spine_checkpoint_options options = {.user_bytes = SPINE_USER_DATA_MAX + 1};
    struct spine_checkpoint_item items[2];
    struct spine_restored *restored;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 12);
    world_init(&world, &rng, 1);
    items[0] = (struct spine_checkpoint_item){.name = "a", .spine = world.spines[0]};
    items[1] = items[0];
    assert_int_equal(spine_checkpoint(world.store, items, 2, NULL, NULL, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "two spines are called \"a\""));
    items[1].name = "";
    assert_int_equal(spine_checkpoint(world.store, items, 2, NULL, NULL, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "item 1"));
    items[1].name = "b";
    items[1].spine = NULL;
    assert_int_equal(spine_checkpoint(world.store, items, 2, NULL, NULL, &error),
                     SPINE_INVALID);
    assert_int_equal(spine_checkpoint(world.store, items, 1, &options, NULL, &error),
                     SPINE_INVALID);
    options.user_bytes = 1;
    assert_int_equal(spine_checkpoint(world.store, items, 1, &options, NULL, &error),
                     SPINE_INVALID);
    assert_int_equal(
        spine_restore(world.store, 0, world.runtime, NULL, &restored, &error),
        SPINE_NOT_FOUND);
    assert_null(restored);
    /* One of nothing is one. */
    assert_int_equal(spine_checkpoint(world.store, NULL, 0, NULL, NULL, &error),
                     SPINE_OK);
    assert_int_equal(
        spine_restore(world.store, 0, world.runtime, NULL, &restored, &error), SPINE_OK);
    assert_int_equal(spine_restored_count(restored), 0);
    spine_restored_free(restored);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints_come_back),
        cmocka_unit_test(test_what_was_written_is_not_written_again),
        cmocka_unit_test(test_many_small_spines_share_a_file),
        cmocka_unit_test(test_old_checkpoints_go_and_can_be_chosen),
        cmocka_unit_test(test_a_lost_manifest_removes_nothing),
        cmocka_unit_test(test_the_newest_manifest_is_missed),
        cmocka_unit_test(test_orphans_go_and_what_is_used_stays),
        cmocka_unit_test(test_orphans_have_their_grace),
        cmocka_unit_test(test_a_cut_is_what_is_written),
        cmocka_unit_test(test_misuse_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
