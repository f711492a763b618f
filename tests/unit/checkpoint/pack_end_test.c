/* SPDX-License-Identifier: MIT */

/* A checkpoint whose pack, which a thread writes, does not come to its end. */

#include "unit/checkpoint/place_fixture.h"

static void
fail_end_of_pack(void *argument, enum spine_operation operation, const char *name,
                 uint64_t offset, size_t size, struct spine_fault *fault)
{
    const atomic_bool *fails = argument;

    (void)offset;
    (void)size;
    if (*fails && operation == SPINE_OPERATION_FINISH && strstr(name, ".pack") != NULL)
        fault->status = SPINE_IO;
}

/* The manifest of a pack was prepared before the pack ends: without it there is none. */
static void
test_a_pack_that_does_not_end(void **state)
{
    struct spine_checkpoint_item spine = {.name = "spine"};
    struct spine_checkpoint_info info;
    struct spine_error error = {0};
    struct spine_restored *restored;
    struct spine_restored_item item;
    struct objects objects;
    struct place place;
    atomic_bool fails = true;

    (void)state;
    place_open_on(&place, fail_end_of_pack, &fails);
    spine.spine = open_spine(&place);
    insert(spine.spine, 0, 60000, 1);
    assert_int_equal(spine_checkpoint(place.store, &spine, 1, NULL, &info, &error),
                     SPINE_IO);
    assert_non_null(strstr(error.message, ".pack"));
    objects = world_objects(&(struct world){.disk = place.disk});
    assert_int_equal(objects.batches + objects.manifests + objects.others, 0);
    fails = false;
    assert_int_equal(spine_checkpoint(place.store, &spine, 1, NULL, &info, &error),
                     SPINE_OK);
    assert_int_equal(info.files, 1);
    restored = restore(&place, NULL);
    assert_true(spine_restored_get_item(restored, 0, &item));
    assert_int_equal(rows_of(item.spine), 60000);
    spine_restored_free(restored);
    spine_close(spine.spine);
    place_close(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pack_that_does_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
