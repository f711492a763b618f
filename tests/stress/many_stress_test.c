/* SPDX-License-Identifier: MIT */

/*
 * Thousands of spines on one runtime: an idle one costs little memory and no thread, and
 * busy ones do not get into one another's way.
 */

#include "harness/host.h"
#include "harness/prefix.h"
#include "harness/property.h"
#include "harness/sanitized.h"
#include "harness/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define IDLE 1000u
#define IDLE_BYTES_MAX 4096u
#define OPENED ALL_OR_FEW(10000u, 2000u)
#define BUSY ALL_OR_FEW(200u, 60u)
#define THREADS 4u

static const struct prefix prefix = {
    .schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}}, .writers = 1, .rows = 40};

static void
test_idle_spines_are_small(void **state)
{
    static struct spine *spines[IDLE];
    struct host host;

    (void)state;
    watchdog_start("idle spines", 60);
    host_open(&host, HOST_DEFAULT, 0);
    const size_t before = spine_allocated_bytes();
    for (unsigned i = 0; i < IDLE; i++)
        require(spine_open(host.runtime, &prefix.schema, NULL, &spines[i], NULL) ==
                    SPINE_OK,
                "no spine");
    const size_t each = (spine_allocated_bytes() - before) / IDLE;
    printf("%zu bytes per idle spine\n", each);
    assert_in_range(each, 1, IDLE_BYTES_MAX);
    for (unsigned i = 0; i < IDLE; i++)
        spine_close(spines[i]);
    assert_int_equal(spine_allocated_bytes(), before);
    host_close(&host);
    watchdog_stop();
}

static void
test_opening_and_closing(void **state)
{
    struct host host;

    (void)state;
    watchdog_start("opening and closing", 60);
    host_open(&host, HOST_DEFAULT, 0);
    const size_t before = spine_allocated_bytes();
    const uint64_t begin_ns = uv_hrtime();
    for (unsigned i = 0; i < OPENED; i++) {
        struct spine *spine;
        require(spine_open(host.runtime, &prefix.schema, NULL, &spine, NULL) == SPINE_OK,
                "no spine");
        spine_close(spine);
    }
    printf("%llu ns to open and close a spine\n",
           (unsigned long long)((uv_hrtime() - begin_ns) / OPENED));
    assert_int_equal(spine_allocated_bytes(), before);
    host_close(&host);
    watchdog_stop();
}

struct owner {
    struct host *host;
    unsigned number;
    uv_thread_t thread;
};

/* Has a part of the spines of its own, and closes some while they merge. */
static void
be_owner(void *context)
{
    const struct owner *self = context;
    const struct spine_options options = {.level0_rows = 100};
    struct spine *spines[BUSY / THREADS];
    const unsigned count = BUSY / THREADS;

    for (unsigned i = 0; i < count; i++)
        require(spine_open(self->host->runtime, &prefix.schema, &options, &spines[i],
                           NULL) == SPINE_OK,
                "no spine");
    for (unsigned j = 0; j < 40; j++) {
        struct spine_batch *batch = prefix_batch(&prefix, 0, j);
        for (unsigned i = 0; i < count; i++)
            require(spine_insert(spines[i], batch, NULL) == SPINE_OK, "no insert");
        spine_batch_unref(batch);
    }
    for (unsigned i = 0; i < count; i++) {
        struct spine_cursor *cursor;
        unsigned seen[PREFIX_WRITERS_MAX];

        if (i % 3 == 0)
            require(spine_wait_idle(spines[i], UINT64_MAX, NULL) == SPINE_OK, "idle");
        require(spine_cursor_open(spines[i], &cursor, NULL) == SPINE_OK, "no cursor");
        if (i % 2 == 0)
            spine_close(spines[i]);
        const char *wrong = prefix_read(&prefix, cursor, seen);
        require(wrong == NULL, wrong);
        require(seen[0] == 40, "a batch is missing");
        spine_cursor_close(cursor);
        if (i % 2 != 0)
            spine_close(spines[i]);
    }
}

static void
test_busy_spines(void **state)
{
    (void)state;
    watchdog_start("busy spines", 250);
    for (int kind = 0; kind < HOST_KINDS; kind++) {
        struct host host;
        struct owner owners[THREADS];
        const size_t before = spine_allocated_bytes();

        host_open(&host, (enum host_kind)kind, 2);
        for (unsigned i = 0; i < THREADS; i++) {
            owners[i] = (struct owner){.host = &host, .number = i};
            uv_thread_create(&owners[i].thread, be_owner, &owners[i]);
        }
        for (unsigned i = 0; i < THREADS; i++)
            uv_thread_join(&owners[i].thread);
        host_close(&host);
        assert_int_equal(spine_allocated_bytes(), before);
    }
    watchdog_stop();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_spines_are_small),
        cmocka_unit_test(test_opening_and_closing),
        cmocka_unit_test(test_busy_spines),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
