/* SPDX-License-Identifier: MIT */

/* NULL for every pointer that cuts and checkpoints take. */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "harness/nulls.h"

static void
cuts(void **state)
{
    struct spine_cut_info info;
    struct spine_cut *cut;
    struct spine *spine;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    world_init(&world, &rng, 1);
    REFUSES(spine_take_cut, spine, (NULL, &cut, error));
    assert_null(cut);
    REFUSES(spine_take_cut, out, (world.spines[0], NULL, error));
    assert_int_equal(spine_take_cut(world.spines[0], &cut, NULL), SPINE_OK);
    REFUSES(spine_open_cut, cut, (world.runtime, NULL, &spine, error));
    assert_null(spine);
    REFUSES(spine_open_cut, out, (world.runtime, cut, NULL, error));
    REFUSES(spine_open_cut, runtime, (NULL, cut, &spine, error));
    assert_null(spine);
    TOLERATES(spine_clear_dirty_since, spine, !spine_clear_dirty_since(NULL, cut));
    TOLERATES(spine_clear_dirty_since, cut,
              !spine_clear_dirty_since(world.spines[0], NULL));
    TOLERATES(spine_cut_ref, cut, spine_cut_ref(NULL) == NULL);
    TOLERATES(spine_cut_unref, cut, (spine_cut_unref(NULL), true));
    TOLERATES(spine_cut_snapshot, cut, spine_cut_snapshot(NULL) == NULL);
    TOLERATES(spine_cut_get_info, cut,
              (spine_cut_get_info(NULL, &info), info.inserted_rows == 0));
    TOLERATES(spine_cut_get_info, out, (spine_cut_get_info(cut, NULL), true));
    spine_cut_unref(cut);
    world_release(&world);
}

static enum spine_status
on_checkpoint(void *context, const struct spine_checkpoint_summary *summary,
              const struct spine_error *why)
{
    (void)context;
    (void)summary;
    (void)why;
    return SPINE_OK;
}

static void
checkpoints(void **state)
{
    struct spine_checkpoint_item item = {.name = "it"};
    struct spine_restored_item restored_item;
    struct spine_restored *restored;
    struct spine_sweep_info info;
    struct world world;
    struct rng rng;
    size_t bytes;

    (void)state;
    rng_init(&rng, 1);
    world_init(&world, &rng, 1);
    item.spine = world.spines[0];
    REFUSES(spine_checkpoint, store, (NULL, &item, 1, NULL, NULL, error));
    REFUSES(spine_checkpoint, items, (world.store, NULL, 1, NULL, NULL, error));
    TOLERATES(spine_checkpoint, options,
              spine_checkpoint(world.store, &item, 1, NULL, NULL, NULL) == SPINE_OK);
    TOLERATES(spine_checkpoint, info,
              spine_checkpoint(world.store, &item, 1, NULL, NULL, NULL) == SPINE_OK);
    REFUSES(spine_checkpoint_list, store, (NULL, on_checkpoint, NULL, error));
    REFUSES(spine_checkpoint_list, on_checkpoint, (world.store, NULL, NULL, error));
    REFUSES(spine_checkpoint_remove, store, (NULL, 1, error));
    REFUSES(spine_store_sweep, store, (NULL, NULL, &info, error));
    TOLERATES(spine_store_sweep, options,
              spine_store_sweep(world.store, NULL, &info, NULL) == SPINE_OK);
    TOLERATES(spine_store_sweep, info,
              spine_store_sweep(world.store, NULL, NULL, NULL) == SPINE_OK);

    REFUSES(spine_restore, store, (NULL, 0, world.runtime, NULL, &restored, error));
    assert_null(restored);
    REFUSES(spine_restore, runtime, (world.store, 0, NULL, NULL, &restored, error));
    assert_null(restored);
    REFUSES(spine_restore, out, (world.store, 0, world.runtime, NULL, NULL, error));
    TOLERATES(spine_restore, options,
              spine_restore(world.store, 0, world.runtime, NULL, &restored, NULL) ==
                  SPINE_OK);
    TOLERATES(spine_restored_sequence, restored, spine_restored_sequence(NULL) == 0);
    TOLERATES(spine_restored_user_data, restored,
              spine_restored_user_data(NULL, &bytes) == NULL && bytes == 0);
    TOLERATES(spine_restored_user_data, bytes,
              spine_restored_user_data(restored, NULL) == NULL);
    TOLERATES(spine_restored_count, restored, spine_restored_count(NULL) == 0);
    TOLERATES(spine_restored_get_item, restored,
              !spine_restored_get_item(NULL, 0, &restored_item));
    TOLERATES(spine_restored_get_item, out, !spine_restored_get_item(restored, 0, NULL));
    TOLERATES(spine_restored_take, restored, spine_restored_take(NULL, "it") == NULL);
    TOLERATES(spine_restored_take, name, spine_restored_take(restored, NULL) == NULL);
    TOLERATES(spine_restored_free, restored, (spine_restored_free(NULL), true));
    spine_restored_free(restored);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(checkpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
