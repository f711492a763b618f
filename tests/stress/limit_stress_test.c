/* SPDX-License-Identifier: MIT */

/*
 * Several spines of one runtime, inserted into at once and read meanwhile, take up to
 * eight times what its limit allows: what counts stays within the limit but for what is
 * named here, at every look, and everything ends, however small the limit is.
 */

#include "harness/host.h"
#include "harness/sanitized.h"
#include "harness/watchdog.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)
#define SPINES 3u
#define ROWS 5000u
/* Of each spine: three times 15 MB or 9, and three times 5 or 3. */
#define BATCHES_MANY ALL_OR_FEW(180u, 110u)
#define BATCHES_FEW ALL_OR_FEW(60u, 40u)
/* A write of a file and the filter of its keys, in the thread that inserts; the batch
 * itself, which is there twice until it is written. */
#define INSERTER_BYTES (MIB + MIB / 2)
/* What a scan reads ahead, and what it reads it through. */
#define READER_BYTES (2 * MIB)
/* What a merge takes that is the only one, where the limit leaves less. */
#define MERGE_BYTES (6 * MIB)
#define LIMIT_OF_MERGES (24 * MIB)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};

struct crowd {
    struct spine_runtime *runtime;
    struct spine *spines[SPINES];
    uint64_t batches; /* of each spine */
    atomic_uint working;
    uint64_t most;
};

struct member {
    struct crowd *crowd;
    unsigned number;
    uv_thread_t thread;
};

static void
look(struct crowd *crowd)
{
    struct spine_runtime_stats stats;
    uint64_t bytes;

    spine_runtime_get_stats(crowd->runtime, &stats);
    bytes = stats.memory_bytes - stats.reader_bytes;
    crowd->most = bytes > crowd->most ? bytes : crowd->most;
}

static void
be_watcher(void *context)
{
    struct member *self = context;

    while (atomic_load(&self->crowd->working) > 0) {
        look(self->crowd);
        /* All the time, but under ThreadSanitizer, where others wait for its lock. */
        if (ALL_OR_FEW(false, true))
            uv_sleep(1);
    }
}

static void
be_inserter(void *context)
{
    struct member *self = context;
    uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};

    for (uint64_t i = 0; i < self->crowd->batches; i++) {
        struct spine_batch *batch;

        for (uint64_t row = 0; row < ROWS; row++) {
            keys[row] = (i * ROWS + row) * UINT64_C(0x9E3779B97F4A7C15);
            values[row] = i;
        }
        require(spine_batch_from_columns(&numbers, &columns, &batch, NULL) == SPINE_OK,
                "no batch");
        require(spine_insert(self->crowd->spines[self->number], batch, NULL) == SPINE_OK,
                "an insert failed");
        spine_batch_unref(batch);
    }
    atomic_fetch_sub(&self->crowd->working, 1);
}

static uint64_t
rows_of(struct spine *spine)
{
    struct spine_cursor *cursor;
    uint64_t rows = 0;

    require(spine_cursor_open(spine, &cursor, NULL) == SPINE_OK, "no cursor");
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        rows++;
    require(spine_cursor_status(cursor) == SPINE_OK, "a scan failed");
    spine_cursor_close(cursor);
    return rows;
}

static void
be_reader(void *context)
{
    struct member *self = context;
    uint64_t before = 0, rows;

    do {
        rows = rows_of(self->crowd->spines[0]);
        require(rows >= before && rows % ROWS == 0, "rows are missing");
        before = rows;
    } while (atomic_load(&self->crowd->working) > 0);
}

static void
run_crowd(uint64_t limit, uint64_t batches, bool is_read)
{
    void (*const bodies[SPINES + 2])(void *) = {be_inserter, be_inserter, be_inserter,
                                                be_watcher, be_reader};
    const size_t before = spine_allocated_bytes();
    const unsigned count = is_read ? SPINES + 2 : SPINES + 1;
    const uint64_t most = limit + SPINES * INSERTER_BYTES + (is_read ? READER_BYTES : 0) +
                          (limit < LIMIT_OF_MERGES ? MERGE_BYTES : 0);
    struct spine_runtime_options options = {.memory_limit_bytes = limit};
    struct member members[SPINES + 2];
    struct crowd crowd = {.batches = batches, .working = SPINES};
    struct spine_backend backend;

    watchdog_start("a crowd in a small memory", 300);
    require(spine_memory_backend(&backend, NULL) == SPINE_OK, "no backend");
    require(spine_store_open(&backend, NULL, &options.store, NULL) == SPINE_OK,
            "no store");
    require(spine_runtime_open(&options, &crowd.runtime, NULL) == SPINE_OK, "no runtime");
    for (unsigned i = 0; i < SPINES; i++)
        require(spine_open(crowd.runtime, &numbers, NULL, &crowd.spines[i], NULL) ==
                    SPINE_OK,
                "no spine");
    for (unsigned i = 0; i < count; i++) {
        members[i] = (struct member){.crowd = &crowd, .number = i};
        require(uv_thread_create(&members[i].thread, bodies[i], &members[i]) == 0,
                "no thread");
    }
    for (unsigned i = 0; i < count; i++)
        uv_thread_join(&members[i].thread);
    for (unsigned i = 0; i < SPINES; i++) {
        require(spine_wait_idle(crowd.spines[i], UINT64_MAX, NULL) == SPINE_OK,
                "not idle");
        look(&crowd);
        require(rows_of(crowd.spines[i]) == crowd.batches * ROWS, "rows are missing");
        spine_close(crowd.spines[i]);
    }
    spine_runtime_close(crowd.runtime);
    spine_store_close(options.store);
    require(crowd.most > limit / 2, "memory was never short");
    if (crowd.most > most)
        fail_msg("%llu KiB were held at a limit of %llu, at most %llu are right",
                 (unsigned long long)(crowd.most >> 10),
                 (unsigned long long)(limit >> 10), (unsigned long long)(most >> 10));
    require(spine_allocated_bytes() == before, "memory leaked");
    watchdog_stop();
}

static void
a_limit_is_kept(void **state)
{
    (void)state;
    run_crowd(24 * MIB, BATCHES_MANY, false);
}

static void
a_limit_is_kept_while_others_read(void **state)
{
    (void)state;
    run_crowd(24 * MIB, BATCHES_MANY, true);
}

/* One merge at a time goes on, and everything ends. */
static void
a_tiny_limit_ends(void **state)
{
    (void)state;
    run_crowd(2 * MIB, BATCHES_FEW, false);
    run_crowd(4 * MIB, BATCHES_FEW, false);
    run_crowd(12 * MIB, BATCHES_FEW, true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_kept),
        cmocka_unit_test(a_limit_is_kept_while_others_read),
        cmocka_unit_test(a_tiny_limit_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
