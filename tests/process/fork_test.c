/* SPDX-License-Identifier: MIT */

/*
 * What a child of fork() may do with what its parent opened, and that its exit() ends it,
 * though libuv's pool has no threads there. Parents are children of the test themselves:
 * they have threads.
 */

#include "harness/child.h"
#include "harness/sanitized.h"
#include "process/pool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The allocator of AddressSanitizer, and the threads of ThreadSanitizer, do not survive a
 * fork() of a process with threads. */
#if defined(SANITIZED_ADDRESS) || defined(SANITIZED_THREAD)
#define SKIP_WHEN_SANITIZED() skip()
#else
#define SKIP_WHEN_SANITIZED() ((void)0)
#endif

#define SECONDS 60u
#define CHILDREN 10u
#define ROWS 3000u
#define GRANDCHILD_DONE 7

/* What a parent has open; its children inherit it. */
static struct {
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct host host;
    enum host_kind kind;
} parent;

static void
expect_rows(struct spine_cursor *cursor, uint64_t rows)
{
    uint64_t count = 0;

    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        require(spine_cursor_key(cursor).u64 == count++, "another key");
    require(spine_cursor_error(cursor, NULL) == SPINE_OK, "a cursor failed");
    require(count == rows, "another number of rows");
}

static void
expect_content(struct spine_snapshot *snapshot, uint64_t rows)
{
    struct spine_cursor *cursor;

    require(spine_snapshot_cursor(snapshot, &cursor, NULL) == SPINE_OK, "a cursor");
    expect_rows(cursor, rows);
    spine_cursor_close(cursor);
}

/* A snapshot of ROWS rows, in many batches that merge right now. */
static void
parent_open(void)
{
    host_open(&parent.host, parent.kind, 2);
    parent.runtime = parent.host.runtime;
    require(spine_open(parent.runtime, &pool_schema, NULL, &parent.spine, NULL) ==
                SPINE_OK,
            "a spine");
    insert_rows(parent.spine, ROWS);
    require(spine_take_snapshot(parent.spine, &parent.snapshot, NULL) == SPINE_OK,
            "a snapshot");
    require(spine_snapshot_cursor(parent.snapshot, &parent.cursor, NULL) == SPINE_OK,
            "a cursor");
}

static void
parent_close(void)
{
    expect_rows(parent.cursor, ROWS);
    spine_cursor_close(parent.cursor);
    expect_content(parent.snapshot, ROWS);
    spine_snapshot_unref(parent.snapshot);
    spine_close(parent.spine);
    host_close(&parent.host);
    require_no_memory();
}

/* Forks children while merges go on, and then goes on itself. */
static void
be_parent(void (*on_child)(void *context), int status)
{
    for (int kind = 0; kind < HOST_KINDS; kind++) {
        parent.kind = (enum host_kind)kind;
        parent_open();
        for (unsigned i = 0; i < CHILDREN; i++) {
            const pid_t child = child_start(on_child, NULL);

            insert_rows(parent.spine, 20);
            const struct child_end end = child_wait(child, SECONDS);
            require(!end.hung, "a child hangs");
            require(end.signal == 0, "a child is killed by a signal");
            require(end.status == status, "a child ends with another status");
        }
        parent_close();
    }
}

/* ---- Reading ---- */

static void
read_and_let_go(void)
{
    expect_rows(parent.cursor, ROWS);
    expect_content(parent.snapshot, ROWS);
    spine_cursor_close(parent.cursor);
    spine_snapshot_unref(parent.snapshot);
}

static void
read_and_exit(void *context)
{
    (void)context;
    read_and_let_go();
    exit(3);
}

static void
read_and_leave(void *context)
{
    (void)context;
    read_and_let_go();
    _exit(3);
}

static void
be_parent_of_readers(void *context)
{
    (void)context;
    be_parent(read_and_exit, 3);
    be_parent(read_and_leave, 3);
}

static void
a_child_reads_snapshots(void **state)
{
    (void)state;
    SKIP_WHEN_SANITIZED();
    child_expect("children that read", child_run(be_parent_of_readers, NULL, 3 * SECONDS),
                 0);
}

/* ---- Closing what the parent opened ---- */

static void
close_what_is_lost(void *context)
{
    (void)context;
    spine_close(parent.spine);
    spine_runtime_close(parent.runtime);
    read_and_let_go();
    exit(0);
}

static void
be_parent_of_closers(void *context)
{
    (void)context;
    be_parent(close_what_is_lost, 0);
}

static void
closing_what_the_parent_opened_does_nothing(void **state)
{
    (void)state;
    SKIP_WHEN_SANITIZED();
    child_expect("children that close",
                 child_run(be_parent_of_closers, NULL, 3 * SECONDS), 0);
}

/* ---- A life of its own ---- */

/* The child's own runtime works as it does in any process, here with rows of a spine of
 * the parent's. */
static void
live_and_exit(void *context)
{
    struct spine_runtime *runtime;
    struct spine_snapshot *snapshot;
    struct spine *spine;

    (void)context;
    require(spine_runtime_open(NULL, &runtime, NULL) == SPINE_OK, "a runtime");
    require(spine_open(runtime, &pool_schema, NULL, &spine, NULL) == SPINE_OK, "a spine");
    insert_rows(spine, 500);
    for (size_t i = 0; i < spine_snapshot_batch_count(parent.snapshot); i++)
        require(spine_insert(spine, spine_snapshot_batch(parent.snapshot, i), NULL) ==
                    SPINE_OK,
                "an insert");
    require(spine_wait_idle(spine, UINT64_MAX, NULL) == SPINE_OK, "a wait");
    require(spine_consolidate(spine, NULL, NULL) == SPINE_OK, "a consolidation");
    require(spine_take_snapshot(spine, &snapshot, NULL) == SPINE_OK, "a snapshot");
    expect_content(snapshot, ROWS);
    spine_snapshot_unref(snapshot);
    spine_close(spine);
    spine_runtime_close(runtime);
    exit(0);
}

/* The same, left open. */
static void
live_and_leave_open(void *context)
{
    static struct spine_runtime *runtime;
    static struct spine *spine;

    (void)context;
    require(spine_runtime_open(NULL, &runtime, NULL) == SPINE_OK, "a runtime");
    require(spine_open(runtime, &pool_schema, NULL, &spine, NULL) == SPINE_OK, "a spine");
    insert_rows(spine, 500);
    exit(0);
}

static void
be_parent_of_the_living(void *context)
{
    (void)context;
    be_parent(live_and_exit, 0);
    be_parent(live_and_leave_open, 0);
}

static void
a_child_may_open_its_own(void **state)
{
    (void)state;
    SKIP_WHEN_SANITIZED();
    child_expect("children that open their own",
                 child_run(be_parent_of_the_living, NULL, 3 * SECONDS), 0);
}

/* ---- Children of children ---- */

static void
exit_with_done(void *context)
{
    (void)context;
    read_and_let_go();
    exit(GRANDCHILD_DONE);
}

static void
be_child_and_parent(void *context)
{
    const struct child_end end = child_run(exit_with_done, NULL, SECONDS);

    (void)context;
    require(!end.hung && end.signal == 0 && end.status == GRANDCHILD_DONE,
            "a grandchild");
    read_and_let_go();
    exit(0);
}

static void
be_grandparent(void *context)
{
    (void)context;
    be_parent(be_child_and_parent, 0);
}

static void
a_child_may_have_children(void **state)
{
    (void)state;
    SKIP_WHEN_SANITIZED();
    child_expect("children of children", child_run(be_grandparent, NULL, 3 * SECONDS), 0);
}

/* ---- Manual runtimes ---- */

/* Nobody else was in it, so it is the child's like any other memory. */
static void
go_on_with_a_manual_runtime(void *context)
{
    (void)context;
    insert_rows(parent.spine, 500);
    require(spine_wait_idle(parent.spine, UINT64_MAX, NULL) == SPINE_OK, "a wait");
    read_and_let_go();
    spine_close(parent.spine);
    spine_runtime_close(parent.runtime);
    require(spine_allocated_bytes() == 0, "memory leaked");
    exit(0);
}

static void
a_child_may_go_on_with_a_manual_runtime(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.help_batches = UINT32_MAX};

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &parent.runtime, NULL), SPINE_OK);
    assert_int_equal(
        spine_open(parent.runtime, &pool_schema, &options, &parent.spine, NULL),
        SPINE_OK);
    insert_rows(parent.spine, ROWS);
    assert_int_equal(spine_take_snapshot(parent.spine, &parent.snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_cursor(parent.snapshot, &parent.cursor, NULL),
                     SPINE_OK);
    child_expect("a child with a manual runtime",
                 child_run(go_on_with_a_manual_runtime, NULL, SECONDS), 0);
    read_and_let_go();
    spine_close(parent.spine);
    spine_runtime_close(parent.runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_reads_snapshots),
        cmocka_unit_test(closing_what_the_parent_opened_does_nothing),
        cmocka_unit_test(a_child_may_open_its_own),
        cmocka_unit_test(a_child_may_have_children),
        cmocka_unit_test(a_child_may_go_on_with_a_manual_runtime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
