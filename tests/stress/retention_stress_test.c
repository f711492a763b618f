/* SPDX-License-Identifier: MIT */

/*
 * A window moves while merges drop what it leaves behind: readers with the filter of the
 * moment see every row of it once, others too, whatever else is there; and spines close
 * with surveys and merges under way.
 */

#include "harness/property.h"
#include "spine/spine.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#define READERS 2u
/* Of filters: see set_filters(). */
#define KINDS 3u
#define BATCHES 150u
#define BATCH_ROWS 700u
#define WINDOW (20 * BATCH_ROWS)

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

struct world {
    struct spine *spine;
    atomic_uint_least64_t end;
    atomic_uint_least64_t begin;
    atomic_bool done;
    atomic_uint released;
    atomic_uint filters;
};

/* Keys from a bound on. */
struct bound {
    struct world *world;
    uint64_t from;
};

static bool
is_needed(void *context, union spine_datum key)
{
    return key.u64 >= ((const struct bound *)context)->from;
}

static bool
value_is_needed(void *context, union spine_datum key, union spine_datum value)
{
    (void)key;
    return value.u64 >= ((const struct bound *)context)->from;
}

static void
release_bound(void *context)
{
    struct bound *bound = context;

    atomic_fetch_add(&bound->world->released, 1);
    free(bound);
}

static struct bound *
new_bound(struct world *world, uint64_t from)
{
    struct bound *bound = malloc(sizeof *bound);

    *bound = (struct bound){world, from};
    atomic_fetch_add(&world->filters, 1);
    return bound;
}

static void
set_filters(struct world *world, uint64_t from, unsigned kind)
{
    const struct spine_key_filter keys = {.context = new_bound(world, from),
                                          .on_key = is_needed,
                                          .on_release = release_bound};

    assert_int_equal(spine_retain_keys(world->spine, &keys, NULL), SPINE_OK);
    if (kind > 0) {
        const struct spine_value_filter values = {
            .context = new_bound(world, from),
            .on_value = value_is_needed,
            .retain = kind == 1 ? SPINE_RETAIN_SIMPLE : SPINE_RETAIN_TOP,
            .count = 1,
            .on_release = release_bound};

        assert_int_equal(spine_retain_values(world->spine, &values, NULL), SPINE_OK);
    }
}

static void
insert_batch(struct world *world)
{
    const uint64_t end = atomic_load(&world->end);
    uint64_t keys[BATCH_ROWS];
    const struct spine_columns columns = {
        .rows = BATCH_ROWS, .keys = keys, .values = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < BATCH_ROWS; i++)
        keys[i] = end + i;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    atomic_store(&world->end, end + BATCH_ROWS);
}

/* Every key from the present bound on, up to what was there, with weight 1. */
static const char *
read_once(struct world *world)
{
    const uint64_t end = atomic_load(&world->end);
    struct spine_cursor *cursor;
    struct spine_key_filter filter = {.on_key = is_needed, .on_release = release_bound};
    const char *wrong = NULL;
    uint64_t begin, next;

    if (spine_cursor_open(world->spine, &cursor, NULL) != SPINE_OK)
        return "no cursor";
    begin = next = atomic_load(&world->begin);
    filter.context = new_bound(world, begin);
    spine_cursor_set_filter(cursor, &filter);
    for (; spine_cursor_key_valid(cursor) && wrong == NULL; spine_cursor_step_key(cursor))
        if (spine_cursor_key(cursor).u64 != next++ || spine_cursor_weight(cursor) != 1)
            wrong = "a row of the window is missing, or not as it should be";
    if (wrong == NULL && next < end)
        wrong = "the last rows of the window are missing";
    if (spine_cursor_status(cursor) != SPINE_OK)
        wrong = "a cursor failed";
    spine_cursor_close(cursor);
    return wrong;
}

struct reader {
    pthread_t thread;
    struct world *world;
    const char *wrong;
};

static void *
read_all(void *argument)
{
    struct reader *reader = argument;

    while (reader->wrong == NULL && !atomic_load(&reader->world->done))
        reader->wrong = read_once(reader->world);
    return NULL;
}

/* One spine; it closes as soon as all has come in. */
static void
move_window(struct spine_runtime *runtime, unsigned kind)
{
    struct reader readers[READERS];
    struct world world = {0};

    assert_int_equal(spine_open(runtime, &schema, NULL, &world.spine, NULL), SPINE_OK);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.world = &world};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]),
                         0);
    }
    for (unsigned i = 0; i < BATCHES; i++) {
        const uint64_t end = atomic_load(&world.end) + BATCH_ROWS;

        insert_batch(&world);
        if (end > WINDOW) {
            atomic_store(&world.begin, end - WINDOW);
            set_filters(&world, end - WINDOW, kind);
        }
    }
    atomic_store(&world.done, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    spine_close(world.spine);
    for (unsigned i = 0; i < READERS; i++)
        if (readers[i].wrong != NULL)
            fail_msg("reader %u: %s", i, readers[i].wrong);
    assert_int_equal(atomic_load(&world.released), atomic_load(&world.filters));
}

static void
a_window_moves_among_readers(void **state)
{
    /* All kinds, also where the number of cases is a share of what is usual. */
    const unsigned cases = KINDS * harness_cases(1);
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(NULL, &runtime, NULL), SPINE_OK);
    for (unsigned i = 0; i < cases; i++)
        move_window(runtime, i % KINDS);
    spine_runtime_close(runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_moves_among_readers),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
