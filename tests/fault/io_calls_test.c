/* SPDX-License-Identifier: MIT */

/*
 * A script of two hundred calls to a spine all of which goes to files, again and again
 * with another of its I/O calls failing, once or for some calls, in each way that a disk
 * has. What was taken is there afterwards, what was refused is not; errors have a
 * message; a merge that failed goes on without reopening; no file is left.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "harness/figure.h"
#include "runtime/runtime.h"
#include "spine/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 200u
/* Calls of the script for which the disk fails, in FAULT_FOREVER. */
#define OUTAGE_STEPS 15u
/* The most points of each kind of trouble and mode: more than there are. */
#define POINTS 400u

/* How the disk fails. */
struct trouble {
    const char *name;
    enum spine_status status;
    const char *message;
    /* Of a write, so many bytes are written before. */
    size_t bytes;
};

static const struct trouble troubles[] = {
    {"EIO", SPINE_IO, "Input/output error (5)", 0},
    {"ENOSPC", SPINE_IO, "No space left on device (28)", 100},
    {"EMFILE", SPINE_IO, "Too many open files (24)", 0},
    {"EACCES", SPINE_IO, "Permission denied (13)", 0},
    {"a short read", SPINE_CORRUPT, "ends before", 0},
};

static struct {
    const struct trouble *trouble;
    enum fault_mode mode;
    uint64_t calls;
    /* The call that fails; 0: none. */
    uint64_t nth;
    bool fired;
} disk;

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument;
    (void)name;
    (void)offset;
    (void)size;
    disk.calls++;
    if (disk.nth == 0 || disk.calls < disk.nth ||
        (disk.mode == FAULT_ONCE && disk.calls > disk.nth))
        return;
    /* Only reads are short in this way. */
    if (disk.trouble->status == SPINE_CORRUPT && operation != SPINE_OPERATION_READ_AT)
        return;
    disk.fired = true;
    fault->status = disk.trouble->status;
    fault->message = disk.trouble->message;
    if (operation == SPINE_OPERATION_WRITE)
        fault->bytes = disk.trouble->bytes;
}

struct world {
    struct rng rng;
    struct generator generator;
    struct model rows;
    struct spine_backend memory;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
};

static bool
world_open(struct world *world)
{
    const struct spine_schema schema = {.key = {SPINE_U32, 0}, .value = {SPINE_BYTES, 0}};
    const struct spine_store_options store_options = {.cache_bytes = 1,
                                                      .keep_leftovers = true};
    const struct spine_options options = {.retry_ms = 1, .level0_rows = 50};
    struct spine_runtime_options runtime_options = {.manual = true,
                                                    .min_storage_bytes = 1};
    struct spine_backend backend;

    rng_init(&world->rng, harness_seed());
    generator_init(&world->generator, &world->rng, &schema, NULL);
    model_init(&world->rows, &schema);
    HOLDS_EQUAL(SPINE_OK, spine_memory_backend(&world->memory, NULL));
    HOLDS_EQUAL(SPINE_OK,
                spine_fault_backend(&world->memory, on_operation, NULL, &backend, NULL));
    HOLDS_EQUAL(SPINE_OK,
                spine_store_open(&backend, &store_options, &world->store, NULL));
    runtime_options.store = world->store;
    HOLDS_EQUAL(SPINE_OK, spine_runtime_open(&runtime_options, &world->runtime, NULL));
    atomic_store(&runtime_placement(world->runtime)->insert_bytes_min, 2000);
    HOLDS_EQUAL(SPINE_OK,
                spine_open(world->runtime, &schema, &options, &world->spine, NULL));
    return true;
}

static enum spine_status
count_files(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)name;
    (void)bytes;
    (void)error;
    ++*(unsigned *)argument;
    return SPINE_OK;
}

static bool
world_close(struct world *world)
{
    unsigned files = 0;

    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    /* A file whose removal failed is found by the next who opens the store. */
    HOLDS_EQUAL(SPINE_OK,
                world->memory.list(world->memory.context, count_files, &files, NULL));
    HOLDS(files == 0 || disk.fired);
    spine_store_close(world->store);
    model_release(&world->rows);
    generator_release(&world->generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* OK, or the trouble, with its message. */
static bool
may_be(enum spine_status st, const struct spine_error *error)
{
    if (st == SPINE_OK)
        return true;
    HOLDS(disk.fired);
    HOLDS_EQUAL(disk.trouble->status, st);
    HOLDS(strstr(error->message, disk.trouble->message) != NULL);
    return true;
}

static bool
insert(struct world *world)
{
    struct spine_error error = {0};
    struct spine_batch *batch;
    enum spine_status st;
    struct model rows;

    model_init(&rows, &world->rows.schema);
    generate_rows(&world->generator, rng_magnitude(&world->rng, 120), &rows);
    batch = batch_of_rows(&rows);
    st = spine_insert(world->spine, batch, &error);
    spine_batch_unref(batch);
    if (st == SPINE_OK)
        model_add_rows(&world->rows, rows.rows, rows.count);
    model_release(&rows);
    return may_be(st, &error);
}

/* All rows, as far as they can be read; where nothing is said, none is missing. */
static bool
read_all(struct world *world)
{
    size_t rows = 0, rows_expected;
    int64_t sum = 0, sum_expected = 0;
    struct spine_cursor *cursor;
    struct model expected;

    HOLDS_EQUAL(SPINE_OK, spine_cursor_open(world->spine, &cursor, NULL));
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor), rows++)
            sum += spine_cursor_weight(cursor);
    model_init(&expected, &world->rows.schema);
    model_copy(&expected, &world->rows);
    model_consolidate(&expected);
    rows_expected = expected.count;
    for (size_t i = 0; i < expected.count; i++)
        sum_expected += expected.rows[i].weights[0];
    model_release(&expected);
    if (spine_cursor_status(cursor) == SPINE_OK) {
        HOLDS_EQUAL(rows_expected, rows);
        HOLDS_EQUAL(sum_expected, sum);
    }
    if (!disk.fired)
        HOLDS_EQUAL(SPINE_OK, spine_cursor_status(cursor));
    else
        HOLDS(spine_cursor_status(cursor) == SPINE_OK ||
              spine_cursor_status(cursor) == disk.trouble->status);
    spine_cursor_close(cursor);
    return true;
}

static bool
step(struct world *world)
{
    struct spine_error error = {0};

    switch (rng_below(&world->rng, 10)) {
    case 0:
        return may_be(spine_wait_idle(world->spine, UINT64_MAX, &error), &error);
    case 1:
        return may_be(spine_consolidate(world->spine, NULL, &error), &error);
    case 2:
        return read_all(world);
    case 3:
        (void)spine_runtime_run(world->runtime, 500);
        return true;
    case 4:
        spine_retry(world->spine);
        return may_be(spine_get_status(world->spine, &error), &error);
    default:
        return insert(world);
    }
}

static bool
one_point(uint64_t nth, bool *fired)
{
    unsigned outage = 0;
    struct world world;

    disk.calls = 0;
    disk.fired = false;
    disk.nth = 0;
    HOLDS(world_open(&world));
    disk.calls = 0;
    disk.nth = nth;
    for (unsigned i = 0; i < harness_steps(STEPS); i++) {
        if (!step(&world))
            return property_fail(__FILE__, __LINE__, "step %u", i);
        if (disk.fired && ++outage == OUTAGE_STEPS)
            disk.nth = 0;
    }
    disk.nth = 0;
    *fired = disk.fired;
    spine_retry(world.spine);
    HOLDS_EQUAL(SPINE_OK, spine_consolidate(world.spine, NULL, NULL));
    model_consolidate(&world.rows);
    HOLDS(check_spine(world.spine, &world.rows, "after the trouble"));
    HOLDS_EQUAL(SPINE_OK, spine_check(world.spine, NULL));
    return world_close(&world);
}

static bool
sweep(const struct trouble *trouble, enum fault_mode mode)
{
    uint64_t visited = 0, calls, stride;
    bool fired;

    disk.trouble = trouble;
    disk.mode = mode;
    HOLDS(one_point(UINT64_MAX, &fired) && !fired);
    calls = disk.calls;
    stride = calls / harness_cases(POINTS) + 1;
    for (uint64_t nth = 1; nth <= calls; nth += stride) {
        if (!one_point(nth, &fired))
            return property_fail(__FILE__, __LINE__, "%s, call %llu, %s, SPINE_SEED=%llu",
                                 trouble->name, (unsigned long long)nth,
                                 mode == FAULT_ONCE ? "once" : "for some calls",
                                 (unsigned long long)harness_seed());
        visited += fired;
    }
    printf("%s %s: %llu of %llu I/O calls failed\n", trouble->name,
           mode == FAULT_ONCE ? "once" : "for some calls", (unsigned long long)visited,
           (unsigned long long)calls);
    figure_add("operations of a disk that failed", visited);
    return true;
}

static void
test_every_call_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        assert_true(sweep(&troubles[i], FAULT_ONCE));
        assert_true(sweep(&troubles[i], FAULT_FOREVER));
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_may_fail),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
