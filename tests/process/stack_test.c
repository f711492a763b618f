/* SPDX-License-Identifier: MIT */

/*
 * A thread with a stack of 64 KiB may call everything. Scripts of random calls, with
 * models beside them, run on such a stack; merges run in the same thread.
 */

#include "harness/script.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* What the headers promise. Frames are larger under sanitizers. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PROMISED_BYTES ((size_t)2 << 20)
#else
#define PROMISED_BYTES ((size_t)64 << 10)
#endif
#define PAINT 0xa5
#define CASES 60u
#define STEPS 60u

struct small_thread {
    bool (*on_run)(void *context);
    void *context;
    bool held;
};

static void *
thread_main(void *context)
{
    struct small_thread *thread = context;

    thread->held = thread->on_run(thread->context);
    return NULL;
}

/* Some systems have no threads with as small a stack. */
static size_t
stack_bytes(void)
{
    const long least = sysconf(_SC_THREAD_STACK_MIN);

    return least > (long)PROMISED_BYTES ? (size_t)least : PROMISED_BYTES;
}

/* Runs it on such a stack between pages that may not be touched; returns how much of the
 * stack was used. */
static size_t
run_on_small_stack(struct small_thread *thread)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = stack_bytes();
    unsigned char *memory =
        mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *stack = memory + page;
    size_t untouched = 0;
    pthread_attr_t attributes;
    pthread_t id;

    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(stack, bytes, PROT_READ | PROT_WRITE), 0);
    memset(stack, PAINT, bytes);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, bytes), 0);
    assert_int_equal(pthread_create(&id, &attributes, thread_main, thread), 0);
    assert_int_equal(pthread_join(id, NULL), 0);
    (void)pthread_attr_destroy(&attributes);
    while (untouched < bytes && stack[untouched] == PAINT)
        untouched++;
    assert_int_equal(munmap(memory, bytes + 2 * page), 0);
    return bytes - untouched;
}

static bool
run_script(void *context)
{
    struct rng *rng = context;
    const struct script_options options = {.batch_rows =
                                               rng_chance(rng, 80) ? 300 : 6000};
    /* Not on the stack, which is for the library. */
    static struct script script;

    HOLDS(script_init(&script, rng, &options));
    for (unsigned i = 0; i < harness_steps(STEPS); i++)
        if (!script_step(&script))
            return property_fail(__FILE__, __LINE__, "step %u, %s", i, script.step);
    HOLDS(script_finish(&script));
    return true;
}

static void
a_small_stack_is_enough_for_every_call(void **state)
{
    struct rng rng;
    struct small_thread thread = {.on_run = run_script, .context = &rng};
    size_t used_most = 0;

    (void)state;
    rng_init(&rng, harness_seed());
    for (unsigned i = 0; i < harness_cases(CASES); i++) {
        const size_t used = run_on_small_stack(&thread);

        assert_true(thread.held);
        assert_true(used <= PROMISED_BYTES);
        if (used > used_most)
            used_most = used;
    }
    print_message("of %zu bytes, %zu were used\n", PROMISED_BYTES, used_most);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_stack_is_enough_for_every_call),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
