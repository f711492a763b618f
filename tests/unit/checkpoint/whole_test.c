/* SPDX-License-Identifier: MIT */

/*
 * All that a spine is comes back with its checkpoint: frontier, names of filters, label;
 * and spines of every size and origin: two of the same batches, large ones, whose files
 * are written at the same time, batches that have some blocks of a file and not those
 * between. Manifests that nobody writes are refused.
 */

#include "unit/checkpoint/place_fixture.h"

#include "base/thread.h"
#include "block/block.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest_text.h"
#include "store/store.h"

#include <stdlib.h>
#include <time.h>

static bool
keep_key(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 >= 5;
}

static bool
keep_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return true;
}

static void
test_frontier_and_filters(void **state)
{
    const struct spine_schema timed = {
        .key = {.kind = SPINE_U64}, .value = {.kind = SPINE_U64}, .time = SPINE_TIME_U64};
    const struct spine_key_filter keys = {.name = "keys from 5", .on_key = keep_key};
    const struct spine_value_filter values = {.name = "values", .on_value = keep_value};
    struct spine_options options = {.name = "orders"};
    struct spine_checkpoint_item items[2] = {{.name = "both"}, {.name = "none"}};
    struct spine_restored *restored;
    struct spine_restored_item item;
    struct spine_cut_info info;
    struct spine_cut *cut;
    struct place place;

    (void)state;
    place_open(&place);
    assert_int_equal(spine_open(place.runtime, &timed, &options, &items[0].spine, NULL),
                     SPINE_OK);
    assert_int_equal(spine_set_frontier(items[0].spine, 17, NULL), SPINE_OK);
    assert_int_equal(spine_retain_keys(items[0].spine, &keys, NULL), SPINE_OK);
    assert_int_equal(spine_retain_values(items[0].spine, &values, NULL), SPINE_OK);
    items[1].spine = open_spine(&place);
    assert_int_equal(spine_checkpoint(place.store, items, 2, NULL, NULL, NULL), SPINE_OK);
    restored = restore(&place, NULL);
    assert_true(spine_restored_get_item(restored, 0, &item));
    assert_string_equal(item.name, "both");
    assert_string_equal(item.key_filter, "keys from 5");
    assert_string_equal(item.value_filter, "values");
    assert_int_equal(spine_take_cut(item.spine, &cut, NULL), SPINE_OK);
    spine_cut_get_info(cut, &info);
    assert_true(info.has_frontier && info.frontier == 17);
    spine_cut_unref(cut);
    assert_true(spine_restored_get_item(restored, 1, &item));
    assert_null(item.key_filter);
    assert_null(item.value_filter);
    assert_false(spine_restored_get_item(restored, 2, &item));
    spine_restored_free(restored);
    spine_close(items[0].spine);
    spine_close(items[1].spine);
    place_close(&place);
}

/* A batch of few large rows has a file of its own without filters: these cost memory, and
 * are of use only where there are many keys. */
static void
test_few_large_rows(void **state)
{
    enum { ROWS = 300, VALUE_BYTES = 10000 };
    const struct spine_schema large = {.key = {.kind = SPINE_U64},
                                       .value = {.kind = SPINE_BYTES}};
    static uint64_t keys[ROWS], offsets[ROWS + 1];
    uint8_t *const values = malloc((size_t)ROWS * VALUE_BYTES);
    const struct spine_columns columns = {
        .rows = ROWS, .keys = keys, .values = values, .value_offsets = offsets};
    struct spine_checkpoint_item item = {.name = "large"};
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct spine_restored_item found;
    struct spine_batch *batch;
    struct place place;

    (void)state;
    assert_non_null(values);
    for (uint64_t i = 0; i < ROWS; i++) {
        keys[i] = i;
        offsets[i + 1] = (i + 1) * VALUE_BYTES;
    }
    for (size_t i = 0; i < (size_t)ROWS * VALUE_BYTES; i++)
        values[i] = (uint8_t)(i * UINT64_C(2654435761) >> 13);
    place_open(&place);
    assert_int_equal(spine_open(place.runtime, &large, NULL, &item.spine, NULL),
                     SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&large, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(item.spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.files, 1);
    assert_int_equal(info.rows, ROWS);
    spine_close(item.spine);
    restored = restore(&place, NULL);
    assert_true(spine_restored_get_item(restored, 0, &found));
    assert_int_equal(rows_of(found.spine), ROWS);
    spine_restored_free(restored);
    place_close(&place);
    free(values);
}

/* One spine under two names: its batches are written once, to one pack. Orphans stay when
 * the host says so. */
static void
test_the_same_twice(void **state)
{
    struct spine_restore_options keep = {.keep_orphans = true};
    struct spine_checkpoint_item items[2] = {{.name = "a"}, {.name = "b"}};
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct spine_restored_item item;
    struct place place;

    (void)state;
    place_open(&place);
    items[0].spine = items[1].spine = open_spine(&place);
    insert(items[0].spine, 0, 1000, 1);
    insert(items[0].spine, 1000, 200000, 1);
    assert_int_equal(spine_checkpoint(place.store, items, 2, NULL, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.batches_reused, info.batches / 2);
    /* Neither batch is worth a file of its own. */
    assert_int_equal(info.files, 1);
    assert_int_equal(info.rows, 400000);
    assert_int_equal(place.disk.put_new(place.disk.context,
                                        "0123456789abcdef0123456789abcdef.batch", "x", 1,
                                        NULL),
                     SPINE_OK);
    for (unsigned i = 0; i < 2; i++) {
        restored = restore(&place, &keep);
        for (size_t k = 0; k < 2; k++) {
            assert_true(spine_restored_get_item(restored, k, &item));
            assert_int_equal(rows_of(item.spine), 200000);
        }
        spine_restored_free(restored);
        assert_int_equal(world_objects(&(struct world){.disk = place.disk}).batches,
                         info.files + (keep.keep_orphans ? 1 : 0));
        keep.keep_orphans = false;
    }
    spine_close(items[0].spine);
    place_close(&place);
}

/* Batches with files of their own, and a pack that a thread of its own writes: each
 * operation fails once. */
static void
test_large_ones_fail_and_succeed(void **state)
{
    enum { PACKED = (int)(STORE_OWN_THREAD_BYTES / 800000 + 1) };
    struct spine_checkpoint_item items[PACKED + 1];
    char names[PACKED + 1][16];
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct spine_restored_item item;
    enum spine_status st = SPINE_IO;
    struct place place;
    long long at;

    (void)state;
    place_open(&place);
    for (unsigned i = 0; i <= PACKED; i++) {
        (void)snprintf(names[i], sizeof names[i], "spine %u", i);
        items[i] =
            (struct spine_checkpoint_item){.name = names[i], .spine = open_spine(&place)};
        insert(items[i].spine, 0, i == 0 ? LARGE : 60000, 1);
    }
    insert(items[0].spine, LARGE, 2 * LARGE, 1);
    for (at = 1; st != SPINE_OK; at++) {
        bool has_failed;

        atomic_store(&place.fails_in, at);
        st = spine_checkpoint(place.store, items, PACKED + 1, NULL, &info, NULL);
        has_failed = atomic_exchange(&place.fails_in, 0) <= 0;
        assert_true(st == SPINE_OK || (st == SPINE_IO && has_failed));
        /* The last that failed was only a removal, say. */
        if (has_failed)
            st = SPINE_IO;
    }
    assert_true(at > 10);
    restored = restore(&place, NULL);
    for (size_t i = 0; spine_restored_get_item(restored, i, &item); i++)
        assert_int_equal(rows_of(item.spine), i == 0 ? 2 * LARGE : 60000);
    spine_restored_free(restored);
    for (unsigned i = 0; i <= PACKED; i++)
        spine_close(items[i].spine);
    place_close(&place);
}

/* The first large file does not end before the next one has begun, or a while is over. */
struct meeting {
    atomic_uint created, ended;
    atomic_bool met;
};

static void
meet(void *argument, enum spine_operation operation, const char *name, uint64_t offset,
     size_t size, struct spine_fault *fault)
{
    struct meeting *meeting = argument;
    const uint64_t latest_ns = clock_now_ns() + UINT64_C(10000000000);

    (void)name;
    (void)offset;
    (void)size;
    (void)fault;
    if (operation == SPINE_OPERATION_CREATE)
        atomic_fetch_add(&meeting->created, 1);
    if (operation != SPINE_OPERATION_FINISH || atomic_fetch_add(&meeting->ended, 1) > 0)
        return;
    while (atomic_load(&meeting->created) < 2 && clock_now_ns() < latest_ns)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    atomic_store(&meeting->met, atomic_load(&meeting->created) >= 2);
}

static void
files_overlap(unsigned spines)
{
    struct spine_checkpoint_item items[2] = {{.name = "one"}, {.name = "another"}};
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct spine_restored_item found;
    struct meeting meeting = {0};
    struct place place;

    place_open_on(&place, meet, &meeting);
    for (unsigned i = 0; i < spines; i++)
        items[i].spine = open_spine(&place);
    insert(items[0].spine, 0, LARGE, 1);
    insert(items[spines - 1].spine, LARGE, 2 * LARGE, 1);
    assert_int_equal(spine_checkpoint(place.store, items, spines, NULL, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.files, 2);
    assert_true(atomic_load(&meeting.met));
    restored = restore(&place, NULL);
    for (size_t i = 0; i < spines; i++) {
        assert_true(spine_restored_get_item(restored, i, &found));
        assert_int_equal(rows_of(found.spine), 2 * LARGE / spines);
    }
    spine_restored_free(restored);
    for (unsigned i = 0; i < spines; i++)
        spine_close(items[i].spine);
    place_close(&place);
}

static void
test_files_overlap(void **state)
{
    (void)state;
    files_overlap(1);
    files_overlap(2);
}

/* A large file cannot be ended; a pack can. */
static void
fail_end(void *argument, enum spine_operation operation, const char *name,
         uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_FINISH && atomic_load((atomic_bool *)argument) &&
        strstr(name, STORE_FILE_ENDING) != NULL)
        fault->status = SPINE_IO;
}

/* The second one begins when the first is whole: it has blocks of that. */
static void
test_shared_blocks_are_written_once(void **state)
{
    const union spine_datum middle = spine_u64(LARGE / 2), end = spine_u64(LARGE - 10);
    struct spine_checkpoint_item items[2] = {{.name = "before"}, {.name = "behind"}};
    struct spine_checkpoint_info info, whole;
    struct spine_cut *cut, *parts[2];
    atomic_bool fails = true;
    struct spine *spine;
    struct place place;

    (void)state;
    place_open_on(&place, fail_end, &fails);
    spine = open_spine(&place);
    insert(spine, 0, 2 * LARGE, 1);
    assert_int_equal(spine_take_cut(spine, &cut, NULL), SPINE_OK);
    assert_int_equal(spine_cut_between(cut, NULL, &end, &parts[0], NULL), SPINE_OK);
    assert_int_equal(spine_cut_between(cut, &middle, NULL, &parts[1], NULL), SPINE_OK);
    for (unsigned i = 0; i < 2; i++)
        items[i].cut = parts[i];
    assert_int_equal(spine_checkpoint(place.store, items, 2, NULL, NULL, NULL), SPINE_IO);
    atomic_store(&fails, false);
    assert_int_equal(spine_checkpoint(place.store, items, 2, NULL, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.rows, LARGE - 10 + LARGE + LARGE / 2);
    items[0].cut = cut;
    assert_int_equal(spine_checkpoint(place.store, items, 1, NULL, &whole, NULL),
                     SPINE_OK);
    /* All of it but blocks at the ends of the ranges was there. */
    assert_true(info.file_bytes < (2 * LARGE + 4 * BLOCK_ROWS) * 9);
    assert_true(whole.file_bytes < 4 * BLOCK_ROWS * 9);
    for (unsigned i = 0; i < 2; i++)
        spine_cut_unref(parts[i]);
    spine_cut_unref(cut);
    spine_close(spine);
    place_close(&place);
}

static void
test_an_end_that_fails(void **state)
{
    struct spine_checkpoint_item item = {.name = "large, and small"};
    struct spine_checkpoint_info info;
    atomic_bool fails = true;
    struct place place;

    (void)state;
    place_open_on(&place, fail_end, &fails);
    item.spine = open_spine(&place);
    insert(item.spine, 0, LARGE, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, NULL, NULL),
                         SPINE_IO);
        assert_int_equal(world_objects(&(struct world){.disk = place.disk}).batches, 0);
        insert(item.spine, LARGE + i, LARGE + i + 1, 1);
    }
    atomic_store(&fails, false);
    assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.files, 2);
    assert_int_equal(info.rows, LARGE + 2);
    spine_close(item.spine);
    place_close(&place);
}

/* The manifest of checkpoint 1, of which `from` becomes `to`, with a checksum that is
 * right. */
static void
edit_manifest(struct place *place, const char *from, const char *to)
{
    struct spine_backend *disk = &place->disk;
    char name[SPINE_NAME_MAX + 1], *text, *edited, *at;
    uint64_t bytes;
    void *object;
    size_t size;

    manifest_name(1, name);
    assert_int_equal(disk->open(disk->context, name, &object, &bytes, NULL), SPINE_OK);
    text = calloc(1, bytes + 1);
    edited = malloc(bytes + strlen(to) + 1);
    assert_true(text != NULL && edited != NULL);
    assert_int_equal(disk->read_at(disk->context, object, 0, text, bytes, NULL),
                     SPINE_OK);
    disk->close(disk->context, object);
    text[bytes - MANIFEST_SEAL_BYTES] = 0;
    at = strstr(text, from);
    assert_non_null(at);
    size = (size_t)(at - text);
    memcpy(edited, text, size);
    (void)strcpy(edited + size, to);
    (void)strcat(edited + size, at + strlen(from));
    size += strlen(edited + size);
    manifest_seal(edited, size, 1, edited + size);
    assert_int_equal(disk->remove(disk->context, name, NULL), SPINE_OK);
    assert_int_equal(
        disk->put_new(disk->context, name, edited, size + MANIFEST_SEAL_BYTES, NULL),
        SPINE_OK);
    free(text);
    free(edited);
}

/* A batch may have some blocks of a file and not those between: two parts, which stay
 * two. */
static void
test_some_blocks_of_a_file(void **state)
{
    struct spine_checkpoint_item item = {.name = "holes"};
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    char before[64], after[64];
    struct place place;

    (void)state;
    place_open(&place);
    item.spine = open_spine(&place);
    insert(item.spine, 0, 10 * BLOCK_ROWS, 1);
    assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, NULL, NULL), SPINE_OK);
    spine_close(item.spine);
    (void)snprintf(before, sizeof before, "\"rows\":\t\"%u\"", 10 * BLOCK_ROWS);
    (void)snprintf(after, sizeof after, "\"rows\":\t\"%u\"", 8 * BLOCK_ROWS);
    edit_manifest(&place, before, after);
    edit_manifest(&place, "[0, 0, 10]", "[0, 0, 4], [0, 6, 4]");
    for (unsigned i = 0; i < 2; i++) {
        restored = restore(&place, NULL);
        item.spine = spine_restored_take(restored, "holes");
        spine_restored_free(restored);
        assert_int_equal(rows_of(item.spine), 8 * BLOCK_ROWS);
        assert_int_equal(spine_check(item.spine, NULL), SPINE_OK);
        assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, &info, NULL),
                         SPINE_OK);
        assert_int_equal(info.rows, 8 * BLOCK_ROWS);
        assert_int_equal(info.files, 0);
        spine_close(item.spine);
    }
    place_close(&place);
}

static enum spine_status
restore_edited(const char *from, const char *to, struct spine_error *error)
{
    struct spine_checkpoint_item item = {.name = "it"};
    struct spine_restored *restored;
    struct place place;
    enum spine_status st;

    place_open(&place);
    item.spine = open_spine(&place);
    insert(item.spine, 0, 10, 1);
    assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, NULL, NULL), SPINE_OK);
    edit_manifest(&place, from, to);
    st = spine_restore(place.store, 0, place.runtime, NULL, &restored, error);
    spine_restored_free(restored);
    /* Whatever it is, the host may remove it when there is another. */
    assert_int_equal(spine_checkpoint(place.store, &item, 1, NULL, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_checkpoint_remove(place.store, 1, NULL), SPINE_OK);
    spine_close(item.spine);
    place_close(&place);
    return st;
}

/* With checksums that are right. */
static void
test_manifests_that_nobody_writes(void **state)
{
    static const struct {
        const char *from, *to, *message;
        enum spine_status status;
    } edits[] = {
        {"\"name\":\t\"it\"", "\"name\":\t\"i\\nt\"", "name", SPINE_CORRUPT},
        {"\"name\":\t\"it\"", "\"name\":\t\"\"", "name", SPINE_CORRUPT},
        {"\"features\":\t[]", "\"features\":\t[\"x\"]", "\"x\"", SPINE_INVALID},
        {"\"features\":\t[]", "\"features\":\t[1]", "\"?\"", SPINE_INVALID},
        {"\"spine_checkpoint\":\t1", "\"spine_checkpoint\":\t2", "version 2",
         SPINE_INVALID},
        {"\"user_data\":\t\"\"", "\"user_data\":\t\"a\"", "user_data", SPINE_CORRUPT},
        {"[0, 0, 1]", "{}", "parts", SPINE_CORRUPT},
        {"[0, 0, 1]", "[0, 0]", "parts", SPINE_CORRUPT},
        {"[0, 0, 1]", "[0, 0, 0]", "parts", SPINE_CORRUPT},
        {"\"dirty\":", "\"frontier\":\t\"5\", \"dirty\":", "a frontier and no times",
         SPINE_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct spine_error error = {0};
        const enum spine_status st = restore_edited(edits[i].from, edits[i].to, &error);

        if (st != edits[i].status || strstr(error.message, edits[i].message) == NULL)
            fail_msg("%s: %s, %s", edits[i].to, spine_status_name(st), error.message);
    }
}

static void
test_user_data_is_not_too_long(void **state)
{
    static char text[2 * (SPINE_USER_DATA_MAX + 1) + 64];
    struct spine_error error = {0};
    size_t size = strlen(strcpy(text, "\"user_data\":\t\""));

    (void)state;
    for (size_t i = 0; i < 2 * (size_t)SPINE_USER_DATA_MAX; i++)
        text[size++] = '0';
    (void)strcpy(text + size, "\"");
    assert_int_equal(restore_edited("\"user_data\":\t\"\"", text, &error), SPINE_OK);
    (void)strcpy(text + size, "00\"");
    assert_int_equal(restore_edited("\"user_data\":\t\"\"", text, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "user_data"));
}

static uint64_t
sweep_files(struct world *world)
{
    struct spine_sweep_info info;

    assert_int_equal(spine_store_sweep(world->store, NULL, &info, NULL), SPINE_OK);
    return info.files;
}

/* The spine goes on, until no checkpoint needs a file that the fork has. */
static void
replace_all(struct world *world)
{
    for (unsigned i = 0; i < 4; i++) {
        world_insert(world, 0, 2000);
        assert_int_equal(spine_consolidate(world->spines[0], NULL, NULL), SPINE_OK);
        assert_int_equal(world_checkpoint(world, NULL, NULL), SPINE_OK);
        (void)sweep_files(world);
    }
}

/* A fork shares the files of its spine, which stay as long as it has them, and are in its
 * checkpoints, whatever becomes of the spine and of the checkpoints that had them. */
static void
test_forks_and_their_files(void **state)
{
    const struct spine_checkpoint_options only_this = {.keep = 1};
    struct world world = {.spills = true};
    struct spine_checkpoint_item item = {.name = "fork"};
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct model forked;
    struct rng rng;
    size_t files;

    (void)state;
    rng_init(&rng, 44);
    assert_int_equal(spine_memory_backend(&world.disk, NULL), SPINE_OK);
    world_begin(&world, &rng, 1);
    world_insert(&world, 0, 4000);
    assert_int_equal(spine_consolidate(world.spines[0], NULL, NULL), SPINE_OK);
    assert_int_equal(world_checkpoint(&world, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_fork(world.spines[0], &item.spine, NULL), SPINE_OK);
    model_init(&forked, &world.models[0].schema);
    model_copy(&forked, &world.models[0]);
    files = world_objects(&world).batches;
    replace_all(&world);
    assert_true(world_objects(&world).batches > files);
    assert_true(check_spine(item.spine, &forked, "the fork"));

    /* What is in a file for it is not written again. */
    assert_int_equal(spine_checkpoint(world.store, &item, 1, &only_this, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.files, 0);
    assert_int_equal(info.batches_reused, info.batches);
    spine_close(item.spine);
    world_close(&world);
    world_open(&world);
    assert_int_equal(spine_restore(world.store, 0, world.runtime, NULL, &restored, NULL),
                     SPINE_OK);
    item.spine = spine_restored_take(restored, "fork");
    spine_restored_free(restored);
    assert_int_equal(sweep_files(&world), 0);
    assert_true(check_spine(item.spine, &forked, "the fork, restored"));
    assert_int_equal(world_objects(&world).batches, files);
    spine_close(item.spine);
    model_release(&forked);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frontier_and_filters),
        cmocka_unit_test(test_few_large_rows),
        cmocka_unit_test(test_the_same_twice),
        cmocka_unit_test(test_large_ones_fail_and_succeed),
        cmocka_unit_test(test_files_overlap),
        cmocka_unit_test(test_shared_blocks_are_written_once),
        cmocka_unit_test(test_an_end_that_fails),
        cmocka_unit_test(test_some_blocks_of_a_file),
        cmocka_unit_test(test_manifests_that_nobody_writes),
        cmocka_unit_test(test_user_data_is_not_too_long),
        cmocka_unit_test(test_forks_and_their_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
