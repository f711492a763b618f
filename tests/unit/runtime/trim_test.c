/* SPDX-License-Identifier: MIT */

/*
 * When freed memory goes back to the system: not between slices that will ask for it
 * again, and soon after the last one.
 */

#include "base/alloc.h"
#include "base/stock.h"
#include "harness/sanitized.h"
#include "job_fixture.h"

#include <uv.h>

#define MIB ((size_t)1 << 20)
#define HELD_BYTES (64 * MIB)
#define PIECE_BYTES MIB
#define PIECES 10u
#define BUSY_NS UINT64_C(700000000)
/* Fewer slices in that time may be too few for a busy runtime. */
#define SLICES_MIN 400u
#define WAIT_NS UINT64_C(10000000000)

#if defined(__GLIBC__) && !defined(SANITIZED_ADDRESS) && !defined(SANITIZED_THREAD)
#define HAS_STOCK true
#else
#define HAS_STOCK false
#endif

static void
run_slice(struct owner *owner)
{
    struct counted_job job;
    const unsigned ended = owner->idle_count;

    job_make_ready(&job, owner, 0, 1, 1);
    runtime_kick(owner->runtime);
    mutex_lock(&owner->mutex);
    while (owner->idle_count == ended)
        condition_wait(&owner->ended, &owner->mutex);
    mutex_unlock(&owner->mutex);
}

static bool
is_kept(void)
{
    void *const piece = stock_take(PIECE_BYTES);

    return piece != NULL && stock_put(piece, PIECE_BYTES, SIZE_MAX);
}

static void
freed_memory_goes_back_when_nothing_runs(void **state)
{
    struct spine_runtime *runtime;
    struct owner owner;
    void *held, *pieces[PIECES];
    unsigned slices = 0;
    uint64_t begin_ns;

    (void)state;
    if (!HAS_STOCK)
        skip();
    assert_int_equal(spine_runtime_open(NULL, &runtime, NULL), SPINE_OK);
    owner_init(&owner, runtime);
    held = mem_alloc(HELD_BYTES);
    assert_non_null(held);
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i] = mem_alloc(PIECE_BYTES);
        assert_non_null(pieces[i]);
    }
    /* The first is over when the second runs, and has seen how much is held. */
    run_slice(&owner);
    run_slice(&owner);
    for (unsigned i = 0; i < PIECES; i++)
        mem_free(pieces[i], PIECE_BYTES);
    for (begin_ns = clock_now_ns(); clock_now_ns() - begin_ns < BUSY_NS; slices++) {
        run_slice(&owner);
        uv_sleep(1);
    }
    if (slices >= SLICES_MIN)
        assert_true(is_kept());
    else
        print_message("%u slices: too few\n", slices);
    for (begin_ns = clock_now_ns(); is_kept();) {
        assert_true(clock_now_ns() - begin_ns < WAIT_NS);
        uv_sleep(20);
    }
    mem_free(held, HELD_BYTES);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_memory_goes_back_when_nothing_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
