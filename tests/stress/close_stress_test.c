/* SPDX-License-Identifier: MIT */

/*
 * Closing under people who wait, and whatever else needs a slice that takes long. A gate
 * in the allocator keeps the executor's slices from ending, so that inserters run into
 * backpressure and stay there.
 */

#include "harness/host.h"
#include "harness/lanes.h"
#include "harness/prefix.h"
#include "harness/property.h"
#include "harness/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INSERTERS 4u
#define ROUNDS 10u

enum first { SPINE_FIRST, RUNTIME_FIRST };

struct jam {
    struct host host;
    struct prefix prefix;
    struct spine *spine;
    atomic_uint inserted;
    atomic_uint cancelled;
    atomic_bool stop;
};

struct inserter {
    struct jam *jam;
    unsigned number;
    uv_thread_t thread;
};

/* Inserts until it is told that this has come to an end. */
static void
be_inserter(void *context)
{
    struct inserter *self = context;
    struct jam *jam = self->jam;

    for (unsigned i = 0; !atomic_load(&jam->stop); i++) {
        struct spine_batch *batch = prefix_batch(&jam->prefix, self->number, i);
        const enum spine_status st = spine_insert(jam->spine, batch, NULL);

        spine_batch_unref(batch);
        if (st == SPINE_CANCELLED)
            break;
        require(st == SPINE_OK, "an insert answers what it must not");
        atomic_fetch_add(&jam->inserted, 1);
    }
    atomic_fetch_add(&jam->cancelled, 1);
}

static void
be_spine_closer(void *context)
{
    struct jam *jam = context;

    spine_close(jam->spine);
}

static void
be_runtime_closer(void *context)
{
    struct jam *jam = context;

    host_close_runtime(&jam->host);
}

static void
sleep_ms(unsigned milliseconds)
{
    const uint64_t end_ns = uv_hrtime() + (uint64_t)milliseconds * 1000000u;

    while (uv_hrtime() < end_ns)
        uv_sleep(1);
}

/* Until a slice is at the gate and no insert has returned for a while. */
static void
wait_for_jam(struct jam *jam)
{
    unsigned before;

    while (gate_waiting() == 0)
        uv_sleep(1);
    do {
        before = atomic_load(&jam->inserted);
        sleep_ms(100);
    } while (atomic_load(&jam->inserted) != before);
}

static void
run_jam(enum first first)
{
    /* Nobody helps, and a full level merges in one slice. */
    const struct spine_options options = {.backpressure_batches = 8,
                                          .help_batches = UINT32_MAX};
    struct jam jam = {
        .prefix = {.schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
                   .writers = INSERTERS,
                   .rows = 20}};
    struct inserter inserters[INSERTERS];
    uv_thread_t closer;

    const size_t before = spine_allocated_bytes();
    host_open(&jam.host, HOST_EXECUTOR, 1);
    require(spine_open(jam.host.runtime, &jam.prefix.schema, &options, &jam.spine,
                       NULL) == SPINE_OK,
            "no spine");
    gate_shut();
    for (unsigned i = 0; i < INSERTERS; i++) {
        inserters[i] = (struct inserter){.jam = &jam, .number = i};
        uv_thread_create(&inserters[i].thread, be_inserter, &inserters[i]);
    }
    wait_for_jam(&jam);
    require(atomic_load(&jam.cancelled) == 0, "an insert was cancelled too early");

    /* Inserters leave at once, though the slice has not ended. */
    uv_thread_create(&closer, first == SPINE_FIRST ? be_spine_closer : be_runtime_closer,
                     &jam);
    for (unsigned i = 0; i < INSERTERS; i++)
        uv_thread_join(&inserters[i].thread);
    require(atomic_load(&jam.cancelled) == INSERTERS, "an insert was not cancelled");
    require(gate_waiting() > 0, "the slice has not been waited for");
    gate_open();
    uv_thread_join(&closer);
    if (first == RUNTIME_FIRST) {
        struct spine_cursor *cursor;
        unsigned seen[PREFIX_WRITERS_MAX];

        require(spine_wait_idle(jam.spine, UINT64_MAX, NULL) != SPINE_TIMEOUT, "a wait");
        require(spine_check(jam.spine, NULL) == SPINE_OK, "spine_check");
        require(spine_cursor_open(jam.spine, &cursor, NULL) == SPINE_OK, "no cursor");
        spine_close(jam.spine);
        const char *wrong = prefix_read(&jam.prefix, cursor, seen);
        require(wrong == NULL, wrong);
        spine_cursor_close(cursor);
    }
    host_close(&jam.host);
    require(spine_allocated_bytes() == before, "memory leaked");
}

/* Where outputs go to files, the executor may be at the gate with a read, and inserters
 * merge themselves: there is no jam. */
static bool
has_no_jam(void)
{
    const char *elsewhere = getenv("SPINE_ELSEWHERE");

    return elsewhere != NULL && strcmp(elsewhere, "spill") == 0;
}

static void
test_spine_closed_under_waiting_inserters(void **state)
{
    (void)state;
    if (has_no_jam())
        skip();
    watchdog_start("a spine closed under waiting inserters", 100);
    for (unsigned i = 0; i < ROUNDS; i++)
        run_jam(SPINE_FIRST);
    watchdog_stop();
}

static void
test_runtime_closed_under_waiting_inserters(void **state)
{
    (void)state;
    if (has_no_jam())
        skip();
    watchdog_start("a runtime closed under waiting inserters", 100);
    for (unsigned i = 0; i < ROUNDS; i++)
        run_jam(RUNTIME_FIRST);
    watchdog_stop();
}

/* Closed with merges under way, again and again, at all sorts of moments. */
static void
close_in_the_middle(enum host_kind kind, bool runtime_first)
{
    const struct spine_options options = {.level0_rows = 40, .help_batches = UINT32_MAX};
    const struct prefix prefix = {
        .schema = {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
        .writers = 1,
        .rows = 200};
    const size_t before = spine_allocated_bytes();

    for (unsigned round = 0; round < 60; round++) {
        struct host host;
        struct spine *spine;

        host_open(&host, kind, 2);
        require(spine_open(host.runtime, &prefix.schema, &options, &spine, NULL) ==
                    SPINE_OK,
                "no spine");
        lanes_force(spine, round % 2 == 1);
        for (unsigned i = 0; i < round; i++) {
            struct spine_batch *batch = prefix_batch(&prefix, 0, i);
            require(spine_insert(spine, batch, NULL) == SPINE_OK, "an insert failed");
            spine_batch_unref(batch);
        }
        if (runtime_first)
            host_close_runtime(&host);
        spine_close(spine);
        host_close(&host);
        require(spine_allocated_bytes() == before, "memory leaked");
    }
}

static void
test_closed_in_the_middle(void **state)
{
    (void)state;
    watchdog_start("closing in the middle", 100);
    for (int kind = 0; kind < HOST_KINDS; kind++) {
        close_in_the_middle((enum host_kind)kind, false);
        close_in_the_middle((enum host_kind)kind, true);
    }
    watchdog_stop();
}

/* While a slice of one spine runs, another spine's runs beside it. */
static void
test_two_spines_merge_at_the_same_time(void **state)
{
    const struct spine_options options = {.help_batches = UINT32_MAX};
    const struct prefix prefix = {
        .schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        .writers = 1,
        .rows = 200};
    struct spine *spines[2];
    struct host host;

    (void)state;
    watchdog_start("two spines that merge at the same time", 60);
    host_open(&host, HOST_EXECUTOR, 2);
    gate_shut();
    for (unsigned i = 0; i < 2; i++) {
        require(spine_open(host.runtime, &prefix.schema, &options, &spines[i], NULL) ==
                    SPINE_OK,
                "no spine");
        for (unsigned j = 0; j < 8; j++) {
            struct spine_batch *batch = prefix_batch(&prefix, 0, j);
            require(spine_insert(spines[i], batch, NULL) == SPINE_OK, "no insert");
            spine_batch_unref(batch);
        }
        while (gate_waiting() <= i)
            uv_sleep(1);
    }
    gate_open();
    spine_close(spines[0]);
    spine_close(spines[1]);
    host_close(&host);
    watchdog_stop();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spine_closed_under_waiting_inserters),
        cmocka_unit_test(test_runtime_closed_under_waiting_inserters),
        cmocka_unit_test(test_closed_in_the_middle),
        cmocka_unit_test(test_two_spines_merge_at_the_same_time),
    };

    harness_start(argc, argv);
    gate_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
