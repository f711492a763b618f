/* SPDX-License-Identifier: MIT */
#include "schedule/sim_thread.h"

#include "base/thread.h"
#include "harness/rng.h"
#include "harness/sanitized.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef SANITIZED_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES ((size_t)512 << 10)
#define STEPS_MAX UINT64_C(20000000)
#define MUTEX_FREE 0x6d757465
#define MUTEX_GONE 0x2d2d2d2d
/* Added to the number of the owner. */
#define MUTEX_HELD 0x6d758000
#define CONDITION_LIVE 0x636f6e64

enum sim_state { SIM_NONE, SIM_READY, SIM_MUTEX, SIM_CONDITION, SIM_JOIN, SIM_DONE };

/* How the next thread is chosen. */
enum sim_style { SIM_RANDOM, SIM_STICKY, SIM_PRIORITIES, SIM_STYLES };

struct sim_thread {
    ucontext_t context;
    void *stack;
    const char *name;
    void (*on_run)(void *context);
    void *argument;
    enum sim_state state;
    /* What it waits for, and until when. */
    const void *awaited;
    uint64_t deadline_ns;
    bool timed_out;
    uint64_t priority;
    const char *place;
    bool in_call;
    bool entered;
};

static struct {
    uint64_t seed;
    struct rng rng;
    bool running;
    enum sim_style style;
    bool spurious;
    uint64_t clock_ns;
    uint64_t switches;
    uint64_t steps;
    /* 0 is the real thread, which runs the scheduler. */
    struct sim_thread threads[SIM_THREADS_MAX + 1];
    int count;
    int current;
    /* The stack of the real thread, for the sanitizer. */
    const void *main_stack;
    size_t main_stack_bytes;
} sim;

static void run_thread(void);
static int choose_thread(void);
static bool advance_clock(void);
static void pass(const char *place);
static void wait_for(enum sim_state state, const void *awaited, uint64_t deadline_ns,
                     const char *place);
static void switch_to(int thread);
static void finish_switch(void *fake_stack);
static void wake(struct sim_thread *thread, bool timed_out);
static void give_up(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
static void wake_mutex(const struct mutex *mutex);
static void wake_condition(const struct condition *condition, bool all);

void
sim_begin(uint64_t seed)
{
    sim.seed = seed;
    rng_init(&sim.rng, seed);
    sim.style = (enum sim_style)rng_below(&sim.rng, SIM_STYLES);
    sim.spurious = rng_chance(&sim.rng, 20);
    sim.clock_ns = UINT64_C(1000000000);
    sim.switches = 0;
    sim.steps = 0;
    sim.count = 0;
    sim.current = 0;
}

int
sim_spawn(const char *name, void (*on_run)(void *context), void *context)
{
    if (sim.count == SIM_THREADS_MAX)
        give_up("more than %d threads", SIM_THREADS_MAX);
    struct sim_thread *thread = &sim.threads[++sim.count];
    /* Stacks are kept for the schedules to come. */
    void *stack = thread->stack;
    if (stack == NULL)
        stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        give_up("no stack");
#ifdef SANITIZED_ADDRESS
    /* The last body left its frames marked. */
    __asan_unpoison_memory_region(stack, STACK_BYTES);
#endif
    *thread = (struct sim_thread){.stack = stack, .name = name};
    thread->on_run = on_run;
    thread->argument = context;
    thread->state = SIM_READY;
    thread->place = "start";
    thread->priority = rng_next(&sim.rng);
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = stack;
    thread->context.uc_stack.ss_size = STACK_BYTES;
    thread->context.uc_link = NULL;
    makecontext(&thread->context, run_thread, 0);
    return sim.count;
}

void
sim_run(void)
{
    sim.running = true;
    for (;;) {
        const int next = choose_thread();
        if (next > 0) {
            switch_to(next);
            continue;
        }
        bool done = true;
        for (int i = 1; i <= sim.count; i++)
            done = done && sim.threads[i].state == SIM_DONE;
        if (done)
            break;
        if (!advance_clock())
            give_up("deadlock: every thread waits");
    }
    sim.running = false;
}

void
sim_yield(void)
{
    pass("yield");
}

void
sim_join(int thread)
{
    while (sim.threads[thread].state != SIM_DONE)
        wait_for(SIM_JOIN, &sim.threads[thread], UINT64_MAX, "join");
}

void
sim_sleep(uint64_t ns)
{
    wait_for(SIM_CONDITION, NULL, sim.clock_ns + ns, "sleep");
}

void
sim_enter(void)
{
    sim.threads[sim.current].in_call = true;
    sim.threads[sim.current].entered = false;
}

void
sim_leave(void)
{
    sim.threads[sim.current].in_call = false;
}

bool
sim_all_entered(void)
{
    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].in_call && !sim.threads[i].entered)
            return false;
    return true;
}

uint64_t
sim_switches(void)
{
    return sim.switches;
}

/* ---- base/thread.h ---- */

enum spine_status
mutex_init(struct mutex *mutex)
{
    mutex->owner = MUTEX_FREE;
    return SPINE_OK;
}

void
mutex_release(struct mutex *mutex)
{
    if (mutex->owner != MUTEX_FREE)
        give_up("a mutex is destroyed that is held or none: %x", (unsigned)mutex->owner);
    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].state == SIM_MUTEX && sim.threads[i].awaited == mutex)
            give_up("a mutex is destroyed that %s waits for", sim.threads[i].name);
    mutex->owner = MUTEX_GONE;
}

void
mutex_lock(struct mutex *mutex)
{
    pass("lock");
    while (mutex->owner != MUTEX_FREE) {
        if (mutex->owner == MUTEX_HELD + sim.current)
            give_up("a mutex is locked twice by one thread");
        if (mutex->owner < MUTEX_HELD || mutex->owner > MUTEX_HELD + SIM_THREADS_MAX)
            give_up("what is locked is no mutex: %x", (unsigned)mutex->owner);
        wait_for(SIM_MUTEX, mutex, UINT64_MAX, "lock");
    }
    mutex->owner = MUTEX_HELD + sim.current;
    sim.threads[sim.current].entered = true;
}

void
mutex_unlock(struct mutex *mutex)
{
    if (mutex->owner != MUTEX_HELD + sim.current)
        give_up("a mutex is unlocked by another than its owner: %x",
                (unsigned)mutex->owner);
    mutex->owner = MUTEX_FREE;
    wake_mutex(mutex);
    pass("unlock");
}

bool
mutex_is_held(const struct mutex *mutex)
{
    return mutex->owner == MUTEX_HELD + sim.current;
}

enum spine_status
condition_init(struct condition *condition)
{
    condition->id = CONDITION_LIVE;
    return SPINE_OK;
}

void
condition_release(struct condition *condition)
{
    if (condition->id != CONDITION_LIVE)
        give_up("what is destroyed is no condition");
    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].state == SIM_CONDITION && sim.threads[i].awaited == condition)
            give_up("a condition is destroyed that %s waits for", sim.threads[i].name);
    condition->id = MUTEX_GONE;
}

void
condition_wait(struct condition *condition, struct mutex *mutex)
{
    (void)condition_wait_until(condition, mutex, UINT64_MAX);
}

bool
condition_wait_until(struct condition *condition, struct mutex *mutex,
                     uint64_t deadline_ns)
{
    if (condition->id != CONDITION_LIVE)
        give_up("what is waited for is no condition");
    if (mutex->owner != MUTEX_HELD + sim.current)
        give_up("a wait without the mutex held");
    mutex->owner = MUTEX_FREE;
    wake_mutex(mutex);
    wait_for(SIM_CONDITION, condition, deadline_ns, "wait");
    const bool timed_out = sim.threads[sim.current].timed_out;
    mutex_lock(mutex);
    return !timed_out;
}

void
condition_signal(struct condition *condition)
{
    wake_condition(condition, false);
    pass("signal");
}

void
condition_broadcast(struct condition *condition)
{
    wake_condition(condition, true);
    pass("broadcast");
}

/* Who wants one does without. */
int
thread_start(struct thread *out, void (*on_run)(void *argument), void *argument)
{
    (void)out;
    (void)on_run;
    (void)argument;
    return -EAGAIN;
}

void
thread_join(struct thread *thread)
{
    (void)thread;
}

struct thread
thread_self(void)
{
    return (struct thread){sim.current};
}

bool
thread_is_self(const struct thread *thread)
{
    return thread->number == sim.current;
}

uint64_t
thread_number(void)
{
    return (uint64_t)sim.current + 1;
}

uint64_t
clock_now_ns(void)
{
    return ++sim.clock_ns;
}

uint64_t
clock_cpu_ns(void)
{
    return sim.clock_ns;
}

void
thread_pause_point(const char *name)
{
    pass(name);
}

/* ---- The scheduler ---- */

/* What every coroutine runs. It never returns: its stack is used again. */
static void
run_thread(void)
{
    finish_switch(NULL);
    struct sim_thread *thread = &sim.threads[sim.current];
    thread->on_run(thread->argument);
    thread->state = SIM_DONE;
    thread->place = "done";
    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].state == SIM_JOIN && sim.threads[i].awaited == thread)
            wake(&sim.threads[i], false);
    switch_to(0);
}

/* 0 when nobody can run. */
static int
choose_thread(void)
{
    int ready[SIM_THREADS_MAX];
    int count = 0, best = 0;

    if (++sim.steps > STEPS_MAX)
        give_up("the schedule does not end");
    sim.clock_ns += rng_below(&sim.rng, 2000);
    for (int i = 1; i <= sim.count; i++) {
        struct sim_thread *thread = &sim.threads[i];
        if (thread->state == SIM_CONDITION && sim.clock_ns >= thread->deadline_ns)
            wake(thread, true);
        if (sim.spurious && thread->state == SIM_CONDITION && thread->awaited != NULL &&
            rng_below(&sim.rng, 50) == 0)
            wake(thread, false);
        if (thread->state != SIM_READY)
            continue;
        ready[count++] = i;
        if (best == 0 || thread->priority > sim.threads[best].priority)
            best = i;
    }
    if (count == 0)
        return 0;
    if (sim.style != SIM_PRIORITIES)
        return ready[rng_index(&sim.rng, (size_t)count)];
    /* Now and then the best becomes the last; so that nobody who polls starves others. */
    if (rng_below(&sim.rng, 30) == 0)
        sim.threads[best].priority = rng_next(&sim.rng) >> 8;
    return best;
}

/* To the next deadline; false when there is none. */
static bool
advance_clock(void)
{
    uint64_t next_ns = UINT64_MAX;

    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].state == SIM_CONDITION && sim.threads[i].deadline_ns < next_ns)
            next_ns = sim.threads[i].deadline_ns;
    if (next_ns == UINT64_MAX)
        return false;
    if (next_ns > sim.clock_ns)
        sim.clock_ns = next_ns;
    return true;
}

/* A place where another thread may go on. */
static void
pass(const char *place)
{
    if (!sim.running || sim.current == 0)
        return;
    sim.threads[sim.current].place = place;
    if (sim.style == SIM_STICKY && rng_below(&sim.rng, 8) != 0)
        return;
    switch_to(0);
}

static void
wait_for(enum sim_state state, const void *awaited, uint64_t deadline_ns,
         const char *place)
{
    if (!sim.running || sim.current == 0)
        give_up("a wait (%s) with nobody else to end it", place);
    struct sim_thread *thread = &sim.threads[sim.current];
    thread->state = state;
    thread->awaited = awaited;
    thread->deadline_ns = deadline_ns;
    thread->timed_out = false;
    thread->place = place;
    switch_to(0);
}

/* Between the scheduler, 0, and a thread. */
static void
switch_to(int thread)
{
    struct sim_thread *from = &sim.threads[sim.current];
    struct sim_thread *to = &sim.threads[thread];
    void *fake_stack = NULL;

    sim.switches++;
    sim.current = thread;
#ifdef SANITIZED_ADDRESS
    __sanitizer_start_switch_fiber(from->state == SIM_DONE ? NULL : &fake_stack,
                                   thread == 0 ? sim.main_stack : to->stack,
                                   thread == 0 ? sim.main_stack_bytes : STACK_BYTES);
#endif
    swapcontext(&from->context, &to->context);
    finish_switch(fake_stack);
}

static void
finish_switch(void *fake_stack)
{
#ifdef SANITIZED_ADDRESS
    const void *stack;
    size_t bytes;

    __sanitizer_finish_switch_fiber(fake_stack, &stack, &bytes);
    if (sim.current != 0) {
        sim.main_stack = stack;
        sim.main_stack_bytes = bytes;
    }
#else
    (void)fake_stack;
#endif
}

static void
wake(struct sim_thread *thread, bool timed_out)
{
    thread->state = SIM_READY;
    thread->timed_out = timed_out;
    thread->awaited = NULL;
}

/* All who wait for it try again; one gets it. */
static void
wake_mutex(const struct mutex *mutex)
{
    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].state == SIM_MUTEX && sim.threads[i].awaited == mutex)
            wake(&sim.threads[i], false);
}

static void
wake_condition(const struct condition *condition, bool all)
{
    int waiting[SIM_THREADS_MAX];
    int count = 0;

    if (condition->id != CONDITION_LIVE)
        give_up("what is signalled is no condition");
    for (int i = 1; i <= sim.count; i++)
        if (sim.threads[i].state == SIM_CONDITION && sim.threads[i].awaited == condition)
            waiting[count++] = i;
    if (count == 0)
        return;
    const int chosen = waiting[rng_index(&sim.rng, (size_t)count)];
    for (int i = 0; i < count; i++)
        if (all || waiting[i] == chosen)
            wake(&sim.threads[waiting[i]], false);
}

static void
give_up(const char *format, ...)
{
    static const char *const states[] = {"none",      "ready", "mutex",
                                         "condition", "join",  "done"};
    va_list arguments;

    fprintf(stderr, "schedule of seed %" PRIu64 ": ", sim.seed);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nin %s, after %" PRIu64 " switches\n",
            sim.current == 0 ? "the scheduler" : sim.threads[sim.current].name,
            sim.switches);
    for (int i = 1; i <= sim.count; i++)
        fprintf(stderr, "  %d %-12s %-10s at %s %p\n", i, sim.threads[i].name,
                states[sim.threads[i].state], sim.threads[i].place,
                sim.threads[i].awaited);
    abort();
}
