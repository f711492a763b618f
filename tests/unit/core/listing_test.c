/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include "harness/fault_alloc.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* More than are listed under one lock. */
#define BATCHES 2000u

static const struct spine_schema schema = {.key = {SPINE_U64, 0}};

struct listed {
    size_t count;
    bool seen[BATCHES + 1];
};

static void
insert(struct spine *spine, uint64_t key)
{
    const struct spine_columns columns = {.rows = 1, .keys = &key};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* Each comes once. */
static void
count_entry(struct entry *entry, void *context)
{
    struct listed *listed = context;

    assert_in_range(entry->sequence, 1, BATCHES);
    assert_false(listed->seen[entry->sequence]);
    listed->seen[entry->sequence] = true;
    listed->count++;
}

static size_t
list(struct spine *spine)
{
    struct listed listed = {0};

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine_list_wait_locked(spine);
    spine_list_locked(spine, count_entry, &listed);
    assert_int_equal(spine->locked.lists, 0);
    spine_leave_and_unlock(spine);
    return listed.count;
}

/* All batches are listed, wherever they are: loose, or inputs of a merge under way. */
static void
every_batch_is_listed_once(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.only_due_merges = true};
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_stats stats;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, &options, &spine, NULL), SPINE_OK);
    assert_int_equal(list(spine), 0);
    spine_pause(spine);
    for (uint64_t i = 0; i < BATCHES; i++)
        insert(spine, i);
    assert_int_equal(list(spine), BATCHES);
    spine_resume(spine);
    for (unsigned slices = 0; slices < 20; slices++) {
        spine_get_stats(spine, &stats);
        assert_int_equal(list(spine), stats.batches);
        (void)spine_runtime_run(runtime, 1);
    }
    assert_int_equal(spine_compact(spine, NULL, NULL, NULL), SPINE_OK);
    for (unsigned slices = 0; slices < 20; slices++) {
        spine_get_stats(spine, &stats);
        assert_int_equal(list(spine), stats.batches);
        (void)spine_runtime_run(runtime, 100);
    }
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_is_listed_once),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
