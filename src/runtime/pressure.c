/* SPDX-License-Identifier: MIT */

/* The memory of a runtime, weighed now and then: its level of pressure, and what that
 * changes. */

#include "base/assert.h"
#include "observe/observe.h"
#include "runtime/pump.h"

#include <stdio.h>

/* In percent of the limit: where a level begins; it ends LEVEL_SLACK below. */
static const unsigned level_begins[PRESSURES] = {
    [PRESSURE_MODERATE] = 85,
    [PRESSURE_HIGH] = 90,
    [PRESSURE_CRITICAL] = 95,
    [PRESSURE_FULL] = 100,
};
#define LEVEL_SLACK 5u
/* Where it is full when nothing can go to a file. */
#define FULL_WITHOUT_STORE 95u

/* The least bytes of an output that goes to a file under moderate pressure. */
#define MODERATE_BYTES (UINT64_C(1) << 20)

/* A merge begins though it does not fit when no other has gone on for so long. */
#define STANDSTILL_NS UINT64_C(250000000)
/* What is left for a merge that frees while there is none: at most this part of the
 * limit. What these usually need falls by a sixteenth with each that needs less. */
#define USUAL_PART 4u
#define USUAL_FALL 16u

/* The part of what it has in memory that a store keeps: 1 / 2^n. */
static const unsigned cache_shifts[PRESSURES] = {
    [PRESSURE_HIGH] = 1, [PRESSURE_CRITICAL] = 3, [PRESSURE_FULL] = 4};

/* An operator is told of changes at most so often, and of a full memory apart from them:
 * where work keeps memory near its limit, levels change several times a second. */
#define WORDS_NS UINT64_C(10000000000)
#define WORDS_BYTES 160

/* In parts of the limit, of which ROOM_PARTS are all of it: what the store has anyway,
 * and what it may fill up to, with all that others hold, while there is hardly any
 * pressure. */
#define ROOM_PARTS 64u
#define STORE_UP_TO 52u
#define STORE_PART 16u

static bool others_changed(const struct spine_runtime *runtime, unsigned others);
static unsigned others_of(const struct spine_runtime *runtime);
static enum pressure
level_of(const struct spine_runtime *runtime, uint64_t bytes, enum pressure present);
static bool
is_level(const struct spine_runtime *runtime, uint64_t bytes, unsigned percent);
static uint64_t unused_bytes(const struct spine_runtime *runtime);
static uint64_t unkept_bytes(const struct spine_runtime *runtime, uint64_t promised);
static uint64_t yielding_bytes(const struct spine_runtime *runtime);
static uint64_t
taken_from(const struct spine_runtime *runtime, const struct memory_need *need);
static void apply_locked(struct spine_runtime *runtime, enum pressure level);
static void give_room(struct spine_runtime *runtime);
static void note_change_locked(struct memory_budget *budget, enum pressure level);
static void trace_pressure(struct spine_runtime *runtime, enum pressure level);
static void tell_changes(struct spine_runtime *runtime);

enum pressure
runtime_weigh(struct spine_runtime *runtime)
{
    struct memory_budget *budget = &runtime->budget;
    const enum pressure before = runtime_pressure(runtime);
    enum pressure level;
    bool is_other;

    if (budget->limit_bytes == UINT64_MAX)
        return PRESSURE_NONE;
    tell_changes(runtime);
    /* What the store gives back now is no pressure. */
    if (others_changed(runtime, others_of(runtime)))
        give_room(runtime);
    if (level_of(runtime, runtime_memory(runtime), before) == before)
        return before;
    mutex_lock(&budget->mutex);
    level = level_of(runtime, runtime_memory(runtime), runtime_pressure(runtime));
    is_other = level != runtime_pressure(runtime);
    if (is_other) {
        apply_locked(runtime, level);
        note_change_locked(budget, level);
    }
    mutex_unlock(&budget->mutex);
    if (!is_other)
        return level;
    give_room(runtime);
    watch_tell_pressure(runtime);
    trace_pressure(runtime, level);
    tell_changes(runtime);
    return level;
}

static void
note_change_locked(struct memory_budget *budget, enum pressure level)
{
    const bool is_full = level == PRESSURE_FULL;
    const uint64_t last_ns = is_full ? budget->told.warning_ns : budget->told.message_ns;
    const uint64_t due_ns = last_ns > 0 ? last_ns + WORDS_NS : 0;

    assert(mutex_is_held(&budget->mutex));
    budget->changes++;
    budget->told.changes++;
    if (level > budget->told.most)
        budget->told.most = level;
    if (due_ns < atomic_load_explicit(&budget->words_due_ns, memory_order_relaxed))
        atomic_store_explicit(&budget->words_due_ns, due_ns, memory_order_relaxed);
}

static void
trace_pressure(struct spine_runtime *runtime, enum pressure level)
{
    const struct spine_trace *const trace = runtime_trace(runtime);
    struct spine_event event = {.kind = SPINE_EVENT_PRESSURE, .spine = ""};

    if (trace == NULL)
        return;
    event.level = (unsigned)level;
    event.thread = thread_number();
    event.begin_ns = event.end_ns = clock_now_ns();
    event.bytes = runtime_memory(runtime);
    trace->on_event(trace->context, &event);
}

/* Tells an operator of the changes, if there are some and it is time. */
static void
tell_changes(struct spine_runtime *runtime)
{
    struct memory_budget *const budget = &runtime->budget;
    char between[WORDS_BYTES] = "";
    enum pressure level, before;
    uint64_t now_ns;
    bool is_warning;

    if (atomic_load_explicit(&budget->words_due_ns, memory_order_relaxed) == UINT64_MAX)
        return;
    now_ns = clock_now_ns();
    if (now_ns < atomic_load_explicit(&budget->words_due_ns, memory_order_relaxed))
        return;
    mutex_lock(&budget->mutex);
    if (now_ns < atomic_load_explicit(&budget->words_due_ns, memory_order_relaxed)) {
        mutex_unlock(&budget->mutex);
        return;
    }
    level = runtime_pressure(runtime);
    before = budget->told.level;
    is_warning = budget->told.most == PRESSURE_FULL;
    if (budget->told.changes > 1)
        (void)snprintf(between, sizeof between, ", up to %s in %u changes",
                       pressure_names[budget->told.most], budget->told.changes);
    budget->told.level = budget->told.most = level;
    budget->told.changes = 0;
    budget->told.message_ns = now_ns;
    if (is_warning)
        budget->told.warning_ns = now_ns;
    atomic_store_explicit(&budget->words_due_ns, UINT64_MAX, memory_order_relaxed);
    mutex_unlock(&budget->mutex);
    runtime_log(runtime, is_warning ? SPINE_LOG_WARNING : SPINE_LOG_INFO,
                "memory: pressure is %s, after %s%s: %llu of %llu bytes",
                pressure_names[level], pressure_names[before], between,
                (unsigned long long)runtime_memory(runtime),
                (unsigned long long)budget->limit_bytes);
}

/* More than the store was told, or less by more than a little. */
static bool
others_changed(const struct spine_runtime *runtime, unsigned others)
{
    const unsigned told =
        atomic_load_explicit(&runtime->budget.others, memory_order_relaxed);

    return runtime->service != NULL && (others > told || others + 1 < told);
}

static unsigned
others_of(const struct spine_runtime *runtime)
{
    uint64_t bytes = account_total(runtime->account);
    double part;

    if (runtime->service != NULL)
        bytes += runtime->service->calls->on_merge_memory(runtime->service);
    part = (double)bytes / (double)runtime->budget.limit_bytes;

    return part < 1 ? (unsigned)(ROOM_PARTS * part) + 1 : ROOM_PARTS;
}

static enum pressure
level_of(const struct spine_runtime *runtime, uint64_t bytes, enum pressure present)
{
    enum pressure level = PRESSURE_NONE;

    for (unsigned i = PRESSURE_MODERATE; i < PRESSURES; i++) {
        const unsigned slack = i <= present ? LEVEL_SLACK : 0;
        unsigned begin = level_begins[i];

        if (i == PRESSURE_FULL && runtime->placement.store == NULL)
            begin = FULL_WITHOUT_STORE;
        else if (i == PRESSURE_FULL)
            bytes += unkept_bytes(runtime, runtime_promised(runtime));
        if (is_level(runtime, bytes, begin - slack))
            level = (enum pressure)i;
    }
    return level;
}

static bool
is_level(const struct spine_runtime *runtime, uint64_t bytes, unsigned percent)
{
    return 100.0 * (double)bytes >= percent * (double)runtime->budget.limit_bytes;
}

static void
apply_locked(struct spine_runtime *runtime, enum pressure level)
{
    struct memory_budget *budget = &runtime->budget;
    struct placement *placement = &runtime->placement;
    const uint64_t now_ns = clock_now_ns();
    const uint64_t usual = budget->storage_bytes_min;
    uint64_t output = usual, insert = UINT64_MAX;

    assert(mutex_is_held(&budget->mutex));
    budget->ns[runtime_pressure(runtime)] += now_ns - budget->since_ns;
    budget->since_ns = now_ns;
    if (level >= PRESSURE_HIGH) {
        output = insert = 1;
    } else if (level == PRESSURE_MODERATE) {
        output = usual < MODERATE_BYTES ? usual : MODERATE_BYTES;
        insert = usual;
    }
    atomic_store_explicit(&placement->output_bytes_min, output, memory_order_relaxed);
    atomic_store_explicit(&placement->insert_bytes_min, insert, memory_order_relaxed);
    atomic_store_explicit(&budget->level, (int)level, memory_order_release);
}

/* Tells the store what is left to it, and has it free what is more. */
static void
give_room(struct spine_runtime *runtime)
{
    struct memory_budget *budget = &runtime->budget;
    struct service_room room = {.limit_bytes = budget->limit_bytes};
    enum pressure level;
    unsigned others;

    if (runtime->service == NULL)
        return;
    mutex_lock(&budget->mutex);
    level = runtime_pressure(runtime);
    others = others_of(runtime);
    room.shift = cache_shifts[level];
    if (level <= PRESSURE_MODERATE && others + STORE_PART < STORE_UP_TO)
        room.free_bytes =
            budget->limit_bytes / ROOM_PARTS * (STORE_UP_TO - STORE_PART - others);
    runtime->service->calls->on_pressure(runtime->service, runtime, &room);
    atomic_store_explicit(&budget->others, others, memory_order_relaxed);
    mutex_unlock(&budget->mutex);
    runtime->service->calls->on_shrink(runtime->service);
}

enum pressure
runtime_pressure(const struct spine_runtime *runtime)
{
    return (enum pressure)atomic_load_explicit(&runtime->budget.level,
                                               memory_order_acquire);
}

uint64_t
runtime_memory(const struct spine_runtime *runtime)
{
    uint64_t bytes = account_total(runtime->account);

    if (runtime->service != NULL)
        bytes += runtime->service->calls->on_memory(runtime->service);
    return bytes;
}

uint64_t
runtime_memory_limit(const struct spine_runtime *runtime)
{
    return runtime->budget.limit_bytes;
}

uint64_t
runtime_promised(const struct spine_runtime *runtime)
{
    const struct memory_budget *budget = &runtime->budget;
    const uint64_t most = budget->limit_bytes / USUAL_PART;
    const uint64_t usual = atomic_load_explicit(&budget->usual, memory_order_relaxed);
    const uint64_t left = usual < most ? usual : most;

    if (atomic_load_explicit(&budget->freeing, memory_order_relaxed) > 0)
        return unused_bytes(runtime);
    return unused_bytes(runtime) + left;
}

bool
runtime_is_promised(const struct spine_runtime *runtime)
{
    return runtime->placement.store != NULL &&
           !is_level(runtime, runtime_memory(runtime),
                     level_begins[PRESSURE_FULL] - LEVEL_SLACK);
}

/* What merges have reserved and do not use. */
static uint64_t
unused_bytes(const struct spine_runtime *runtime)
{
    const uint64_t reserved =
        atomic_load_explicit(&runtime->budget.reserved, memory_order_relaxed);
    uint64_t used = account_bytes(runtime->account, ACCOUNT_SCRATCH) +
                    account_output_bytes(runtime->account);

    if (reserved > 0 && runtime->service != NULL)
        used += runtime->service->calls->on_merge_memory(runtime->service);
    return used < reserved ? reserved - used : 0;
}

bool
runtime_reserve(struct spine_runtime *runtime, const struct memory_need *need,
                struct reservation *out, uint64_t *granted)
{
    struct memory_budget *budget = &runtime->budget;
    const uint64_t now_ns = clock_now_ns();
    uint64_t taken, room;
    bool fits;

    *out = (struct reservation){.runtime = NULL};
    *granted = need->more;
    if (budget->limit_bytes == UINT64_MAX)
        return true;
    mutex_lock(&budget->mutex);
    taken = taken_from(runtime, need);
    room = taken < budget->limit_bytes ? budget->limit_bytes - taken : 0;
    fits = taken + need->bytes <= budget->limit_bytes + yielding_bytes(runtime) ||
           atomic_load(&budget->reserved) == 0 ||
           (need->frees && atomic_load(&budget->freeing) == 0) ||
           now_ns - atomic_load(&budget->progress_ns) >= STANDSTILL_NS;
    if (fits) {
        room = 2 * need->bytes < room ? (room - 2 * need->bytes) / 2 : 0;
        *granted = need->more < room ? need->more : room;
        *out = (struct reservation){
            .runtime = runtime, .bytes = need->bytes + *granted, .frees = need->frees};
        atomic_fetch_add(&budget->reserved, out->bytes);
        if (need->frees) {
            const uint64_t usual = atomic_load(&budget->usual);
            const uint64_t less = usual - usual / USUAL_FALL;

            atomic_fetch_add(&budget->freeing, 1);
            atomic_store(&budget->usual, need->bytes > less ? need->bytes : less);
        }
        atomic_store(&budget->progress_ns, now_ns);
    }
    mutex_unlock(&budget->mutex);
    return fits;
}

bool
runtime_fits_twice(const struct spine_runtime *runtime, const struct memory_need *need,
                   const struct reservation *instead)
{
    const uint64_t limit = runtime->budget.limit_bytes;

    return limit == UINT64_MAX || taken_from(runtime, need) + 2 * need->bytes <=
                                      limit + yielding_bytes(runtime) + instead->bytes;
}

/* Of what is promised, the part that the cache of the store would not make room for. */
static uint64_t
unkept_bytes(const struct spine_runtime *runtime, uint64_t promised)
{
    const uint64_t yields = yielding_bytes(runtime);

    return promised > yields ? promised - yields : 0;
}

/* What the cache of the store has of it, and gives back when others take it. */
static uint64_t
yielding_bytes(const struct spine_runtime *runtime)
{
    const uint64_t kept = (runtime->budget.limit_bytes / ROOM_PARTS * STORE_PART) >>
                          cache_shifts[PRESSURE_FULL];
    uint64_t idle = 0;

    if (runtime->service != NULL)
        idle = runtime->service->calls->on_idle_memory(runtime->service);
    return idle > kept ? idle - kept : 0;
}

/* What such a merge may not have. */
static uint64_t
taken_from(const struct spine_runtime *runtime, const struct memory_need *need)
{
    return runtime_memory(runtime) +
           (need->frees ? unused_bytes(runtime) : runtime_promised(runtime));
}

void
runtime_unreserve(struct reservation *reservation)
{
    struct memory_budget *budget;

    if (reservation->runtime == NULL)
        return;
    budget = &reservation->runtime->budget;
    assert(atomic_load(&budget->reserved) >= reservation->bytes);
    assert(!reservation->frees || atomic_load(&budget->freeing) > 0);
    atomic_fetch_sub(&budget->reserved, reservation->bytes);
    if (reservation->frees)
        atomic_fetch_sub(&budget->freeing, 1);
    *reservation = (struct reservation){.runtime = NULL};
}

void
runtime_note_progress(struct spine_runtime *runtime)
{
    if (runtime->budget.limit_bytes != UINT64_MAX)
        atomic_store_explicit(&runtime->budget.progress_ns, clock_now_ns(),
                              memory_order_relaxed);
}

bool
runtime_is_busy(struct spine_runtime *runtime)
{
    const struct running *ring = &runtime->locked.running;
    bool busy;

    mutex_lock(&runtime->mutex);
    busy = runtime->locked.owned_count > 0;
    for (const struct running *at = ring->next; at != ring && !busy; at = at->next)
        busy = at->has_owner && !thread_is_self(&at->thread);
    busy = busy && !runtime->locked.closed;
    mutex_unlock(&runtime->mutex);
    return busy;
}
