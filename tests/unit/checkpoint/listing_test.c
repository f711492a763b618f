/* SPDX-License-Identifier: MIT */

/*
 * What is listed may be gone when it is looked at, or have come since; names that look
 * like those of checkpoints are none; numbers end.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "checkpoint/checkpoint.h"
#include "harness/fault_alloc.h"

#include <stdlib.h>

/* What another process does just before object `name` is opened. */
struct meanwhile {
    struct world world;
    char name[SPINE_NAME_MAX + 1];
    char removed[2][SPINE_NAME_MAX + 1];
    const char *put_text; /* comes as `name`; NULL: nothing */
    enum spine_status open_status, list_status;
};

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct meanwhile *meanwhile = argument;
    struct spine_backend *disk = &meanwhile->world.disk;

    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_LIST)
        fault->status = meanwhile->list_status;
    if (operation != SPINE_OPERATION_OPEN || strcmp(name, meanwhile->name) != 0)
        return;
    fault->status = meanwhile->open_status;
    for (size_t i = 0; i < 2; i++)
        if (meanwhile->removed[i][0] != 0)
            (void)disk->remove(disk->context, meanwhile->removed[i], NULL);
    if (meanwhile->put_text != NULL)
        (void)disk->put_new(disk->context, name, meanwhile->put_text,
                            strlen(meanwhile->put_text), NULL);
}

/* Two checkpoints. */
static void
meanwhile_init(struct meanwhile *meanwhile, struct rng *rng)
{
    *meanwhile = (struct meanwhile){0};
    rng_init(rng, 31);
    world_init(&meanwhile->world, rng, 1);
    for (unsigned i = 0; i < 2; i++) {
        world_insert(&meanwhile->world, 0, 100);
        assert_int_equal(world_checkpoint(&meanwhile->world, NULL, NULL), SPINE_OK);
    }
    meanwhile->world.fault_argument = meanwhile;
    meanwhile->world.on_operation = on_operation;
}

static void
meanwhile_release(struct meanwhile *meanwhile)
{
    world_release(&meanwhile->world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
remove_object(struct world *world, const char *name)
{
    assert_int_equal(world->disk.remove(world->disk.context, name, NULL), SPINE_OK);
}

static void
put_object(struct world *world, const char *name, const char *text)
{
    assert_int_equal(
        world->disk.put_new(world->disk.context, name, text, strlen(text), NULL),
        SPINE_OK);
}

/* The text of a manifest; the caller frees it. */
static char *
text_of(struct world *world, const char *name)
{
    struct spine_backend *disk = &world->disk;
    uint64_t bytes;
    void *object;
    char *text;

    assert_int_equal(disk->open(disk->context, name, &object, &bytes, NULL), SPINE_OK);
    text = calloc(1, bytes + 1);
    assert_non_null(text);
    assert_int_equal(disk->read_at(disk->context, object, 0, text, bytes, NULL),
                     SPINE_OK);
    disk->close(disk->context, object);
    return text;
}

struct seen {
    uint64_t sequences[8];
    enum spine_status statuses[8];
    size_t count;
    enum spine_status answer;
};

static enum spine_status
see(void *context, const struct spine_checkpoint_summary *summary,
    const struct spine_error *error)
{
    struct seen *seen = context;

    assert_true((summary->status == SPINE_OK) == (error->message[0] == 0));
    seen->sequences[seen->count] = summary->sequence;
    seen->statuses[seen->count++] = summary->status;
    return seen->answer;
}

/* Listed were a receipt and no manifest: another process was between the two. */
static void
test_a_manifest_comes_or_goes(void **state)
{
    struct meanwhile meanwhile;
    struct spine_error error = {0};
    struct rng rng;
    char *text;

    (void)state;
    meanwhile_init(&meanwhile, &rng);
    manifest_name(2, meanwhile.name);
    text = text_of(&meanwhile.world, meanwhile.name);

    /* It is there now. */
    remove_object(&meanwhile.world, meanwhile.name);
    meanwhile.put_text = text;
    assert_int_equal(world_restore(&meanwhile.world, 0, &error), SPINE_OK);
    meanwhile.put_text = NULL;
    assert_int_equal(world_restore(&meanwhile.world, 2, &error), SPINE_OK);

    /* Nobody can tell. */
    remove_object(&meanwhile.world, meanwhile.name);
    meanwhile.open_status = SPINE_IO;
    assert_int_equal(world_restore(&meanwhile.world, 0, &error), SPINE_IO);
    meanwhile.open_status = SPINE_OK;

    /* The receipt is gone, too. */
    receipt_name(2, meanwhile.removed[0]);
    assert_int_equal(world_restore(&meanwhile.world, 0, &error), SPINE_OK);
    assert_int_equal(world_objects(&meanwhile.world).manifests, 1);
    free(text);
    meanwhile_release(&meanwhile);
}

static void
test_a_list_is_of_what_is_there(void **state)
{
    struct meanwhile meanwhile;
    struct seen seen = {0};
    struct rng rng;

    (void)state;
    meanwhile_init(&meanwhile, &rng);
    meanwhile.list_status = SPINE_IO;
    assert_int_equal(spine_checkpoint_list(meanwhile.world.store, see, &seen, NULL),
                     SPINE_IO);
    assert_int_equal(seen.count, 0);
    meanwhile.list_status = SPINE_OK;

    /* Who is told ends the list. */
    seen.answer = SPINE_CANCELLED;
    assert_int_equal(spine_checkpoint_list(meanwhile.world.store, see, &seen, NULL),
                     SPINE_CANCELLED);
    assert_int_equal(seen.count, 1);

    /* One goes while it is listed. */
    seen = (struct seen){0};
    manifest_name(2, meanwhile.name);
    manifest_name(2, meanwhile.removed[0]);
    receipt_name(2, meanwhile.removed[1]);
    assert_int_equal(spine_checkpoint_list(meanwhile.world.store, see, &seen, NULL),
                     SPINE_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.sequences[0], 1);
    meanwhile_release(&meanwhile);
}

static void
test_a_lost_one_is_listed_in_its_place(void **state)
{
    struct meanwhile meanwhile;
    struct seen seen = {0};
    struct rng rng;
    char name[SPINE_NAME_MAX + 1];

    (void)state;
    meanwhile_init(&meanwhile, &rng);
    manifest_name(1, name);
    remove_object(&meanwhile.world, name);
    assert_int_equal(spine_checkpoint_list(meanwhile.world.store, see, &seen, NULL),
                     SPINE_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.sequences[0], 1);
    assert_int_equal(seen.statuses[0], SPINE_CORRUPT);
    assert_int_equal(seen.sequences[1], 2);
    assert_int_equal(seen.statuses[1], SPINE_OK);
    meanwhile_release(&meanwhile);
}

/* Objects of others have the names that they want. */
static void
test_other_names_are_no_checkpoints(void **state)
{
    static const char *const names[] = {
        "checkpoint-3.json",
        "checkpoint-000000000000000000003.json",
        "checkpoint-00000000000000000003.jso",
        "checkpoint-00000000000000000003.json.old",
        "checkpoint-0000000000000000000x.json",
        "checkpoint-18446744073709551616.json",
        "checkpoint-99999999999999999999.json",
        "checkpoint-00000000000000000000.json",
        "acknowledged-18446744073709551617",
        "acknowledged-3",
        "checkpoints",
    };
    struct meanwhile meanwhile;
    struct seen seen = {0};
    struct rng rng;

    (void)state;
    meanwhile_init(&meanwhile, &rng);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(manifest_sequence(names[i]), 0);
        assert_int_equal(receipt_sequence(names[i]), 0);
        put_object(&meanwhile.world, names[i], "not ours");
    }
    assert_int_equal(spine_checkpoint_list(meanwhile.world.store, see, &seen, NULL),
                     SPINE_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(spine_store_sweep(meanwhile.world.store, NULL, NULL, NULL),
                     SPINE_OK);
    assert_int_equal(world_checkpoint(&meanwhile.world, NULL, NULL), SPINE_OK);
    meanwhile_release(&meanwhile);
}

static void
test_numbers_end(void **state)
{
    struct meanwhile meanwhile;
    struct spine_error error = {0};
    char name[SPINE_NAME_MAX + 1];
    struct rng rng;

    (void)state;
    meanwhile_init(&meanwhile, &rng);
    manifest_name(UINT64_MAX, name);
    assert_true(manifest_sequence(name) == UINT64_MAX);
    put_object(&meanwhile.world, name, "{}");
    assert_int_equal(world_checkpoint(&meanwhile.world, NULL, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "greatest number"));
    meanwhile_release(&meanwhile);
}

/* An export does not go where there are files, though there is no checkpoint. */
static void
test_files_are_in_the_way(void **state)
{
    const struct spine_store_options options = {.keep_leftovers = true};
    struct meanwhile meanwhile;
    struct spine_error error = {0};
    struct export_info info;
    struct spine_backend disk;
    struct spine_store *to;
    struct rng rng;

    (void)state;
    meanwhile_init(&meanwhile, &rng);
    assert_int_equal(spine_memory_backend(&disk, NULL), SPINE_OK);
    assert_int_equal(disk.put_new(disk.context, "0123456789abcdef0123456789abcdef.batch",
                                  "x", 1, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&disk, &options, &to, NULL), SPINE_OK);
    assert_int_equal(checkpoint_export(meanwhile.world.store, 0, to, NULL, &info, &error),
                     SPINE_EXISTS);
    spine_store_close(to);
    meanwhile_release(&meanwhile);
}

/* A batch of this process has the file, and no checkpoint: it does not wait. Without
 * memory to note others they wait from the next sweep on. */
static void
test_grace_is_for_what_nobody_has(void **state)
{
    const struct spine_sweep_options options = {.grace_ms = 1000000};
    struct spine_sweep_info info;
    struct world world = {.spills = true};
    struct rng rng;
    uint64_t nth = 0;
    bool fired;

    (void)state;
    fault_alloc_install();
    rng_init(&rng, 32);
    assert_int_equal(spine_memory_backend(&world.disk, NULL), SPINE_OK);
    world_begin(&world, &rng, 1);
    for (unsigned i = 0; i < 30; i++)
        world_insert(&world, 0, 2000);
    assert_int_equal(spine_consolidate(world.spines[0], NULL, NULL), SPINE_OK);
    assert_true(world_objects(&world).batches > 0);
    assert_int_equal(spine_store_sweep(world.store, &options, &info, NULL), SPINE_OK);
    assert_int_equal(info.files + info.waiting_files, 0);
    put_object(&world, "0123456789abcdef0123456789abcdef.batch", "left");
    do {
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, ++nth);
        st = spine_store_sweep(world.store, &options, &info, NULL);
        fired = fault_alloc_disarm();
        assert_true(st == SPINE_OK || (fired && st == SPINE_NOMEM));
        if (st == SPINE_OK)
            assert_int_equal(info.waiting_files, 1);
    } while (fired);
    assert_true(nth > 3);
    world_release(&world);
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manifest_comes_or_goes),
        cmocka_unit_test(test_a_list_is_of_what_is_there),
        cmocka_unit_test(test_a_lost_one_is_listed_in_its_place),
        cmocka_unit_test(test_other_names_are_no_checkpoints),
        cmocka_unit_test(test_numbers_end),
        cmocka_unit_test(test_files_are_in_the_way),
        cmocka_unit_test(test_grace_is_for_what_nobody_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
