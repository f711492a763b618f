/* SPDX-License-Identifier: MIT */

/*
 * The levels of pressure: where each begins and ends, and what follows from it.
 */

#include "runtime/pressure.h"

#include "base/alloc.h"
#include "runtime/pump.h"
#include "runtime/runtime.h"
#include "spine/spine.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PERCENT (UINT64_C(1) << 20)
#define LIMIT (100 * PERCENT)
#define STORAGE_BYTES_MIN (UINT64_C(3) << 20)

struct world {
    struct spine_store *store;
    struct spine_runtime *runtime;
    uint64_t percent;
};

static void
world_init(struct world *world, bool with_store)
{
    struct spine_runtime_options options = {.manual = true,
                                            .min_storage_bytes = STORAGE_BYTES_MIN,
                                            .memory_limit_bytes = LIMIT};
    struct spine_backend backend;

    *world = (struct world){0};
    if (with_store) {
        assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
        assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
        options.store = world->store;
    }
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
}

/* So much is held now. The level of that. */
static enum pressure
hold(struct world *world, uint64_t percent)
{
    struct account *account = runtime_account(world->runtime);

    account_add(account, ACCOUNT_BLOCKS, (size_t)(percent * PERCENT));
    account_subtract(account, ACCOUNT_BLOCKS, (size_t)(world->percent * PERCENT));
    world->percent = percent;
    return runtime_weigh(world->runtime);
}

static void
world_release(struct world *world)
{
    assert_int_equal(hold(world, 0), PRESSURE_NONE);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
each_level_begins_and_ends_where_it_should(void **state)
{
    static const struct {
        uint64_t percent;
        enum pressure level;
    } looks[] = {
        {84, PRESSURE_NONE},     {85, PRESSURE_MODERATE}, {89, PRESSURE_MODERATE},
        {90, PRESSURE_HIGH},     {94, PRESSURE_HIGH},     {95, PRESSURE_CRITICAL},
        {99, PRESSURE_CRITICAL}, {100, PRESSURE_FULL},    {95, PRESSURE_FULL},
        {94, PRESSURE_CRITICAL}, {90, PRESSURE_CRITICAL}, {89, PRESSURE_HIGH},
        {85, PRESSURE_HIGH},     {84, PRESSURE_MODERATE}, {80, PRESSURE_MODERATE},
        {79, PRESSURE_NONE},     {84, PRESSURE_NONE},     {120, PRESSURE_FULL},
        {0, PRESSURE_NONE},
    };
    struct world world;

    (void)state;
    world_init(&world, true);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        assert_int_equal(hold(&world, looks[i].percent), looks[i].level);
        assert_int_equal(runtime_pressure(world.runtime), looks[i].level);
    }
    world_release(&world);

    /* Nothing can go anywhere: it is full earlier. */
    world_init(&world, false);
    assert_int_equal(hold(&world, 94), PRESSURE_HIGH);
    assert_int_equal(hold(&world, 95), PRESSURE_FULL);
    assert_int_equal(hold(&world, 90), PRESSURE_FULL);
    assert_int_equal(hold(&world, 89), PRESSURE_HIGH);
    world_release(&world);
}

static void
more_goes_to_files_the_higher_it_is(void **state)
{
    struct placement *placement;
    struct world world;

    (void)state;
    world_init(&world, true);
    placement = runtime_placement(world.runtime);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(hold(&world, 0), PRESSURE_NONE);
        assert_true(placement_moves_output(placement, STORAGE_BYTES_MIN));
        assert_false(placement_moves_output(placement, STORAGE_BYTES_MIN - 1));
        assert_false(placement_moves_insert(placement, UINT64_MAX - 1));

        assert_int_equal(hold(&world, 85), PRESSURE_MODERATE);
        assert_true(placement_moves_output(placement, UINT64_C(1) << 20));
        assert_false(placement_moves_output(placement, (UINT64_C(1) << 20) - 1));
        assert_true(placement_moves_insert(placement, STORAGE_BYTES_MIN));
        assert_false(placement_moves_insert(placement, STORAGE_BYTES_MIN - 1));

        for (uint64_t percent = 90; percent <= 100; percent += 5) {
            assert_true(hold(&world, percent) >= PRESSURE_HIGH);
            assert_true(placement_moves_output(placement, 1));
            assert_true(placement_moves_insert(placement, 1));
        }
    }
    world_release(&world);
}

static void
on_event(void *context, const struct spine_event *event)
{
    struct spine_event *last = context;
    const uint64_t count = last->count + 1;

    assert_int_equal(event->kind, SPINE_EVENT_PRESSURE);
    assert_true(event->thread > 0 && event->begin_ns > 0);
    *last = *event;
    last->count = count;
}

static void
changes_are_counted_and_traced(void **state)
{
    struct spine_event last = {0};
    const struct spine_trace trace = {.context = &last, .on_event = on_event};
    const struct spine_runtime_options options = {
        .manual = true, .memory_limit_bytes = LIMIT, .trace = &trace};
    struct world world = {0};
    struct spine_runtime_stats stats;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &world.runtime, NULL), SPINE_OK);
    assert_int_equal(hold(&world, 84), PRESSURE_NONE);
    assert_int_equal(last.count, 0);
    assert_int_equal(hold(&world, 91), PRESSURE_HIGH);
    assert_int_equal(last.count, 1);
    assert_int_equal(last.level, SPINE_PRESSURE_HIGH);
    assert_true(last.bytes >= 91 * PERCENT);
    assert_int_equal(hold(&world, 0), PRESSURE_NONE);
    assert_int_equal(last.count, 2);
    assert_int_equal(last.level, SPINE_PRESSURE_NONE);
    spine_runtime_get_stats(world.runtime, &stats);
    assert_int_equal(stats.pressure_changes, 2);
    assert_int_equal(stats.allocated_bytes, spine_allocated_bytes());
    assert_true(stats.resident_bytes_max > 0);
    world_release(&world);
}

struct words {
    unsigned warnings, others;
    char text[300];
};

static void
on_message(void *context, enum spine_log_level level, const char *message)
{
    struct words *words = context;

    if (level == SPINE_LOG_WARNING)
        words->warnings++;
    else
        words->others++;
    (void)snprintf(words->text, sizeof words->text, "%s", message);
}

/* However often levels change, an operator reads of it now and then, and of all. */
static void
an_operator_is_told_now_and_then(void **state)
{
    struct words words = {0};
    const struct spine_log log = {.context = &words, .on_message = on_message};
    const struct spine_runtime_options options = {
        .manual = true, .memory_limit_bytes = LIMIT, .log = &log};
    struct world world = {0};
    struct memory_budget *budget;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &world.runtime, NULL), SPINE_OK);
    budget = &world.runtime->budget;
    assert_int_equal(hold(&world, 86), PRESSURE_MODERATE);
    assert_int_equal(words.others, 1);
    assert_non_null(strstr(words.text, "pressure is moderate, after none: "));
    /* A full memory is told at once, the first time. */
    assert_int_equal(hold(&world, 100), PRESSURE_FULL);
    assert_int_equal(words.warnings, 1);
    assert_non_null(strstr(words.text, "pressure is full, after moderate: "));
    for (unsigned i = 0; i < 50; i++) {
        (void)hold(&world, 0);
        (void)hold(&world, 100);
    }
    assert_int_equal(hold(&world, 0), PRESSURE_NONE);
    assert_int_equal(words.warnings + words.others, 2);
    /* Later, when somebody looks, though nothing has changed. */
    atomic_store(&budget->words_due_ns, 1);
    assert_int_equal(hold(&world, 0), PRESSURE_NONE);
    assert_int_equal(words.warnings, 2);
    assert_non_null(
        strstr(words.text, "is none, after full, up to full in 101 changes: 0 of "));
    assert_int_equal(hold(&world, 0), PRESSURE_NONE);
    assert_int_equal(words.warnings + words.others, 3);
    /* And after a while of silence at once. */
    budget->told.message_ns -= UINT64_C(11000000000);
    assert_int_equal(hold(&world, 86), PRESSURE_MODERATE);
    assert_int_equal(words.others, 2);
    world_release(&world);
}

/* Of a runtime without a number of its own. */
static void
a_small_limit_sends_smaller_outputs_to_files(void **state)
{
    static const struct {
        uint64_t limit, bytes_min;
    } runtimes[] = {
        {0, UINT64_C(10) << 20},
        {UINT64_C(1) << 30, UINT64_C(10) << 20},
        {UINT64_C(160) << 20, UINT64_C(10) << 20},
        {UINT64_C(32) << 20, UINT64_C(2) << 20},
    };

    (void)state;
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++) {
        const struct spine_runtime_options options = {
            .manual = true, .memory_limit_bytes = runtimes[i].limit};
        struct spine_runtime *runtime;
        struct placement *placement;

        assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
        placement = runtime_placement(runtime);
        assert_int_equal(atomic_load(&placement->output_bytes_min),
                         runtimes[i].bytes_min);
        spine_runtime_close(runtime);
    }
}

/* A quarter of the limit is the cache's, and what nobody needs of four fifths. */
static void
the_cache_gets_what_is_spare(void **state)
{
    static const struct {
        uint64_t percent, parts;
    } looks[] = {{20, 39}, {40, 26}, {60, 16}, {20, 39}, {84, 16}};
    struct world world;

    (void)state;
    world_init(&world, true);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        struct spine_store_stats stats;

        assert_int_equal(hold(&world, looks[i].percent), PRESSURE_NONE);
        spine_store_get_stats(world.store, &stats);
        assert_int_equal(stats.cache_limit_bytes, LIMIT / 64 * looks[i].parts);
    }
    world_release(&world);
}

static bool
reserve(struct world *world, uint64_t bytes, bool frees, struct reservation *out)
{
    const struct memory_need need = {.bytes = bytes, .frees = frees};
    uint64_t granted;
    const bool fits = runtime_reserve(world->runtime, &need, out, &granted);

    assert_int_equal(granted, 0);
    assert_int_equal(out->bytes, fits ? bytes : 0);
    return fits;
}

/* What is reserved counts until it is given back, and the first merge always begins. */
static void
merges_begin_when_they_fit(void **state)
{
    struct reservation first, second, third;
    struct world world;

    (void)state;
    world_init(&world, true);
    assert_int_equal(hold(&world, 50), PRESSURE_NONE);
    assert_true(reserve(&world, 90 * PERCENT, false, &first));
    assert_false(reserve(&world, 1 * PERCENT, false, &second));
    runtime_unreserve(&first);
    runtime_unreserve(&first);
    assert_true(reserve(&world, 30 * PERCENT, false, &first));
    assert_true(reserve(&world, 19 * PERCENT, false, &second));
    assert_false(reserve(&world, 2 * PERCENT, false, &third));
    runtime_unreserve(&second);
    assert_true(reserve(&world, 2 * PERCENT, false, &third));
    runtime_unreserve(&third);
    /* What is used of it is not taken twice. */
    account_add(runtime_account(world.runtime), ACCOUNT_SCRATCH, 30 * PERCENT);
    assert_true(reserve(&world, 19 * PERCENT, false, &second));
    account_subtract(runtime_account(world.runtime), ACCOUNT_SCRATCH, 30 * PERCENT);
    runtime_unreserve(&second);
    runtime_unreserve(&first);
    world_release(&world);
}

/* A merge of what is in memory has its room beside others. */
static void
room_is_left_for_a_merge_that_frees(void **state)
{
    struct reservation frees, other, another;
    struct world world;

    (void)state;
    world_init(&world, true);
    assert_true(reserve(&world, 20 * PERCENT, true, &frees));
    runtime_unreserve(&frees);
    assert_int_equal(runtime_promised(world.runtime), 20 * PERCENT);
    assert_int_equal(hold(&world, 50), PRESSURE_NONE);
    assert_true(reserve(&world, 20 * PERCENT, false, &other));
    /* 50, 20, and 20 that are left. */
    assert_false(reserve(&world, 11 * PERCENT, false, &another));
    assert_true(reserve(&world, 20 * PERCENT, true, &frees));
    assert_true(reserve(&world, 9 * PERCENT, false, &another));
    runtime_unreserve(&another);
    assert_false(reserve(&world, 11 * PERCENT, true, &another));
    runtime_unreserve(&frees);
    /* The first that frees always fits. */
    assert_true(reserve(&world, 60 * PERCENT, true, &frees));
    assert_false(reserve(&world, 1 * PERCENT, true, &another));
    runtime_unreserve(&frees);
    runtime_unreserve(&other);
    /* No more than a quarter is left, and less when less is needed. */
    assert_int_equal(runtime_promised(world.runtime), 25 * PERCENT);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(reserve(&world, 1 * PERCENT, true, &frees));
        runtime_unreserve(&frees);
    }
    assert_true(runtime_promised(world.runtime) < 2 * PERCENT);
    world_release(&world);
}

/* It is full by what is promised, too; and merges that stand still keep no other one from
 * beginning for ever. */
static void
promises_fill_a_runtime(void **state)
{
    struct reservation first, second;
    struct world world;

    (void)state;
    world_init(&world, true);
    assert_int_equal(hold(&world, 50), PRESSURE_NONE);
    assert_true(reserve(&world, 49 * PERCENT, true, &first));
    assert_int_equal(runtime_weigh(world.runtime), PRESSURE_NONE);
    assert_int_equal(hold(&world, 52), PRESSURE_FULL);
    assert_true(runtime_is_promised(world.runtime));
    assert_int_equal(hold(&world, 45), PRESSURE_NONE);
    while (!reserve(&world, 10 * PERCENT, false, &second))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    runtime_unreserve(&second);
    runtime_unreserve(&first);
    world_release(&world);
}

/* Four blocks are one percent. */
#define BLOCK_BYTES_HERE ((size_t)PERCENT / 4)

/* Fills `percent` of the limit with blocks in the cache. */
static struct store_file *
fill_cache(struct spine_store *store, uint32_t percent)
{
    const uint32_t blocks = 4 * percent;
    uint8_t *image = mem_zalloc(BLOCK_BYTES_HERE);
    struct store_writer *writer;
    struct store_file *file;
    struct cached_image *cached;

    assert_non_null(image);
    assert_int_equal(store_writer_new(store, &writer, NULL), SPINE_OK);
    for (uint32_t i = 0; i < blocks; i++)
        assert_int_equal(store_writer_block(writer, image, BLOCK_BYTES_HERE, false, NULL),
                         SPINE_OK);
    assert_int_equal(store_writer_finish(writer, &file, NULL), SPINE_OK);
    for (uint32_t i = 0; i < blocks; i++) {
        assert_int_equal(store_pin(file, i, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
    mem_free(image, BLOCK_BYTES_HERE);
    return file;
}

static uint64_t
cache_percent(struct spine_store *store)
{
    struct store_cache_counts counts;

    store_cache_counts(store, &counts);
    return counts.bytes / PERCENT;
}

/* What the cache has is no reason to wait: it gives way, and not before it has to. */
static void
the_cache_makes_room_for_what_is_promised(void **state)
{
    struct reservation first, second;
    struct store_file *file;
    struct world world;

    (void)state;
    world_init(&world, true);
    assert_int_equal(hold(&world, 0), PRESSURE_NONE);
    file = fill_cache(world.store, 20);
    assert_in_range(cache_percent(world.store), 20, 21);
    assert_int_equal(hold(&world, 50), PRESSURE_NONE);
    assert_true(reserve(&world, 40 * PERCENT, false, &first));
    assert_int_equal(runtime_weigh(world.runtime), PRESSURE_NONE);
    assert_in_range(cache_percent(world.store), 20, 21);
    /* 50, 40, and the least that a cache has, which is 25 / 16. */
    assert_true(reserve(&world, 8 * PERCENT, false, &second));
    assert_int_equal(runtime_weigh(world.runtime), PRESSURE_NONE);
    runtime_unreserve(&second);
    assert_false(reserve(&world, 9 * PERCENT, false, &second));
    assert_int_equal(hold(&world, 60), PRESSURE_FULL);
    assert_in_range(cache_percent(world.store), 0, 2);
    runtime_unreserve(&first);
    store_file_unref(file);
    world_release(&world);
}

/* More than half of what the cache has goes when others take that much at once, and no
 * level of pressure comes of it. */
static void
the_cache_gives_way_before_there_is_pressure(void **state)
{
    struct store_file *file;
    struct world world;

    (void)state;
    world_init(&world, true);
    assert_int_equal(hold(&world, 10), PRESSURE_NONE);
    file = fill_cache(world.store, 55);
    assert_in_range(cache_percent(world.store), 50, 56);
    assert_int_equal(hold(&world, 50), PRESSURE_NONE);
    assert_in_range(cache_percent(world.store), 16, 30);
    store_file_unref(file);
    world_release(&world);
}

/* Of what a merge could use it gets half of what would be free beside another one. */
static void
what_is_free_is_granted(void **state)
{
    struct memory_need need = {.bytes = 10 * PERCENT, .more = 30 * PERCENT};
    struct reservation first, second;
    struct world world;
    uint64_t granted;

    (void)state;
    world_init(&world, true);
    assert_int_equal(hold(&world, 50), PRESSURE_NONE);
    assert_true(runtime_reserve(world.runtime, &need, &first, &granted));
    assert_int_equal(granted, 15 * PERCENT);
    assert_int_equal(first.bytes, 25 * PERCENT);
    assert_true(runtime_reserve(world.runtime, &need, &second, &granted));
    assert_int_equal(granted, 5 * PERCENT / 2);
    runtime_unreserve(&second);
    assert_int_equal(hold(&world, 60), PRESSURE_NONE);
    assert_true(runtime_reserve(world.runtime, &need, &second, &granted));
    assert_int_equal(granted, 0);
    runtime_unreserve(&second);
    runtime_unreserve(&first);
    assert_int_equal(hold(&world, 1), PRESSURE_NONE);
    assert_true(runtime_reserve(world.runtime, &need, &first, &granted));
    assert_int_equal(granted, 30 * PERCENT);
    runtime_unreserve(&first);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_begins_and_ends_where_it_should),
        cmocka_unit_test(more_goes_to_files_the_higher_it_is),
        cmocka_unit_test(changes_are_counted_and_traced),
        cmocka_unit_test(an_operator_is_told_now_and_then),
        cmocka_unit_test(a_small_limit_sends_smaller_outputs_to_files),
        cmocka_unit_test(the_cache_gets_what_is_spare),
        cmocka_unit_test(merges_begin_when_they_fit),
        cmocka_unit_test(room_is_left_for_a_merge_that_frees),
        cmocka_unit_test(promises_fill_a_runtime),
        cmocka_unit_test(the_cache_makes_room_for_what_is_promised),
        cmocka_unit_test(the_cache_gives_way_before_there_is_pressure),
        cmocka_unit_test(what_is_free_is_granted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
