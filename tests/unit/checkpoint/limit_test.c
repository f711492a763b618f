/* SPDX-License-Identifier: MIT */

/*
 * What hardly ever happens: a manifest of more than a GiB, no lock to be had, names that
 * are none, a checkpoint of nothing in the background, one that runs while its runtime
 * closes.
 *
 * The linker leads calls of manifest_encode(), mutex_init(), store_checkpoints_try_lock()
 * and those of cJSON that add to a text here (--wrap).
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "checkpoint/checkpoint.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static bool manifests_are_huge;
/* How many calls until one fails; 0: none. */
static unsigned locks_left, items_left;

enum spine_status __real_manifest_encode(const struct manifest *manifest, char **text,
                                         size_t *bytes, struct spine_error *error);
enum spine_status __wrap_manifest_encode(const struct manifest *manifest, char **text,
                                         size_t *bytes, struct spine_error *error);
enum spine_status __real_mutex_init(struct mutex *mutex);
enum spine_status __wrap_mutex_init(struct mutex *mutex);

enum spine_status
__wrap_manifest_encode(const struct manifest *manifest, char **text, size_t *bytes,
                       struct spine_error *error)
{
    if (!manifests_are_huge)
        return __real_manifest_encode(manifest, text, bytes, error);
    /* Nobody touches it. */
    *bytes = MANIFEST_BYTES_MAX + 1;
    *text = mem_alloc(*bytes);
    return *text != NULL ? SPINE_OK : fail_nomem(error, "a manifest", *bytes);
}

enum spine_status
__wrap_mutex_init(struct mutex *mutex)
{
    if (locks_left > 0 && --locks_left == 0)
        return SPINE_NOMEM;
    return __real_mutex_init(mutex);
}

cJSON_bool __real_cJSON_AddItemToObject(cJSON *object, const char *name, cJSON *item);
cJSON_bool __wrap_cJSON_AddItemToObject(cJSON *object, const char *name, cJSON *item);
cJSON_bool __real_cJSON_AddItemToArray(cJSON *array, cJSON *item);
cJSON_bool __wrap_cJSON_AddItemToArray(cJSON *array, cJSON *item);

cJSON_bool
__wrap_cJSON_AddItemToObject(cJSON *object, const char *name, cJSON *item)
{
    if (items_left > 0 && --items_left == 0)
        return 0;
    return __real_cJSON_AddItemToObject(object, name, item);
}

cJSON_bool
__wrap_cJSON_AddItemToArray(cJSON *array, cJSON *item)
{
    if (items_left > 0 && --items_left == 0)
        return 0;
    return __real_cJSON_AddItemToArray(array, item);
}

struct told {
    atomic_uint times;
    enum spine_status status;
};

static void
on_done(void *context, enum spine_status status, const struct spine_checkpoint_info *info,
        const struct spine_error *error)
{
    struct told *told = context;

    (void)info;
    (void)error;
    told->status = status;
    atomic_fetch_add(&told->times, 1);
}

static void
test_a_manifest_may_be_too_large(void **state)
{
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 41);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 100);
    manifests_are_huge = true;
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_INVALID);
    manifests_are_huge = false;
    assert_non_null(strstr(error.message, "too many spines or batches"));
    assert_int_equal(world_objects(&world).manifests, 0);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Each part of the text in turn is not added to it, for want of memory. */
static void
test_a_manifest_lacks_a_part(void **state)
{
    enum spine_status st = SPINE_NOMEM;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;
    unsigned nth;

    (void)state;
    rng_init(&rng, 45);
    world_init(&world, &rng, 2);
    world_insert(&world, 0, 100);
    for (nth = 1; st != SPINE_OK; nth++) {
        items_left = nth;
        st = world_checkpoint(&world, NULL, &error);
        assert_int_equal(st, items_left > 0 ? SPINE_OK : SPINE_NOMEM);
    }
    items_left = 0;
    assert_true(nth > 30);
    assert_int_equal(world_restore(&world, 0, &error), SPINE_OK);
    assert_true(world_holds(&world, world.models));
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_names_are_text(void **state)
{
    char longest[SPINE_ITEM_NAME_MAX + 2];
    const char *const names[] = {NULL, "", "a\nb", "\xff", longest};
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 42);
    world_init(&world, &rng, 1);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct spine_checkpoint_item item = {.name = names[i],
                                                   .spine = world.spines[0]};

        assert_int_equal(spine_checkpoint(world.store, &item, 1, NULL, NULL, &error),
                         SPINE_INVALID);
        assert_non_null(strstr(error.message, "the name of item 0"));
    }
    world_release(&world);
}

static void
test_of_nothing_in_the_background(void **state)
{
    struct told told = {0};
    const struct spine_checkpoint_options options = {.on_done = on_done,
                                                     .context = &told};
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 43);
    world_init(&world, &rng, 1);
    locks_left = 1;
    assert_int_equal(
        spine_checkpoint_start(world.store, world.runtime, NULL, 0, &options, &error),
        SPINE_NOMEM);
    assert_int_equal(told.times, 0);
    assert_int_equal(
        spine_checkpoint_start(world.store, world.runtime, NULL, 0, &options, &error),
        SPINE_OK);
    while (told.times == 0)
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(told.status, SPINE_OK);
    assert_int_equal(world_objects(&world).manifests, 1);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* ---- A runtime closes while the checkpoint is made ---- */

struct closing {
    struct spine_runtime *runtime;
    pthread_t thread;
    atomic_bool has_begun;
};

static struct closing *closing_in_the_way;

struct checkpoint_ledger *__real_store_checkpoints_try_lock(struct spine_store *store);
struct checkpoint_ledger *__wrap_store_checkpoints_try_lock(struct spine_store *store);

static void *
close_runtime(void *context)
{
    struct closing *closing = context;

    atomic_store(&closing->has_begun, true);
    spine_runtime_close(closing->runtime);
    return NULL;
}

/* By another thread, which waits for the slice that calls this. */
static void
close_by_thread(struct closing *closing)
{
    const struct timespec wait = {.tv_nsec = 50000000};

    assert_int_equal(pthread_create(&closing->thread, NULL, close_runtime, closing), 0);
    while (!atomic_load(&closing->has_begun))
        (void)nanosleep(&wait, NULL);
    (void)nanosleep(&wait, NULL);
}

/* The first operation of the checkpoint goes on when the runtime closes. */
static void
close_meanwhile(void *argument, enum spine_operation operation, const char *name,
                uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct closing *closing = argument;

    (void)operation;
    (void)name;
    (void)offset;
    (void)size;
    (void)fault;
    if (!atomic_load(&closing->has_begun))
        close_by_thread(closing);
}

/* Another checkpoint is under way when the runtime closes, and until it has closed: the
 * closing thread may be slow. */
struct checkpoint_ledger *
__wrap_store_checkpoints_try_lock(struct spine_store *store)
{
    if (closing_in_the_way == NULL)
        return __real_store_checkpoints_try_lock(store);
    if (!atomic_load(&closing_in_the_way->has_begun))
        close_by_thread(closing_in_the_way);
    return NULL;
}

/* A checkpoint in the background of a runtime that closes; how it ended. */
static enum spine_status
close_a_runtime(bool another_is_under_way)
{
    const struct spine_runtime_options options = {0};
    struct told told = {0};
    const struct spine_checkpoint_options start = {.on_done = on_done, .context = &told};
    struct spine_checkpoint_item item;
    struct closing closing = {0};
    struct world world;
    struct rng rng;

    rng_init(&rng, 44);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 1000);
    item =
        (struct spine_checkpoint_item){.name = world.names[0], .spine = world.spines[0]};
    assert_int_equal(spine_runtime_open(&options, &closing.runtime, NULL), SPINE_OK);
    world.fault_argument = &closing;
    if (another_is_under_way)
        closing_in_the_way = &closing;
    else
        world.on_operation = close_meanwhile;
    assert_int_equal(
        spine_checkpoint_start(world.store, closing.runtime, &item, 1, &start, NULL),
        SPINE_OK);
    while (atomic_load(&told.times) == 0) {
        const struct timespec wait = {.tv_nsec = 1000000};

        (void)nanosleep(&wait, NULL);
    }
    assert_int_equal(pthread_join(closing.thread, NULL), 0);
    world.on_operation = NULL;
    closing_in_the_way = NULL;
    assert_int_equal(atomic_load(&told.times), 1);
    if (told.status == SPINE_OK)
        assert_int_equal(world_restore(&world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&world, world.models));
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
    return told.status;
}

static void
test_a_runtime_closes_meanwhile(void **state)
{
    (void)state;
    assert_int_equal(close_a_runtime(false), SPINE_OK);
    assert_int_equal(close_a_runtime(true), SPINE_CANCELLED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manifest_may_be_too_large),
        cmocka_unit_test(test_a_manifest_lacks_a_part),
        cmocka_unit_test(test_names_are_text),
        cmocka_unit_test(test_of_nothing_in_the_background),
        cmocka_unit_test(test_a_runtime_closes_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
