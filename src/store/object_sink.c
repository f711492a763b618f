/* SPDX-License-Identifier: MIT */

/*
 * A sink collects the bytes of an object in units of STORE_WRITE_BYTES. Where nothing is
 * written behind, the owner writes each unit when it is full. Otherwise full units become
 * a list, which a job or a thread of the sink writes, one at a time and in order.
 */

#include "store/object_sink.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/sink_unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static enum spine_status unit_take(struct object_sink *sink, struct spine_error *error);
static void unit_drop(struct object_sink *sink, struct sink_unit *unit);
static bool is_of_merge(const struct object_sink *sink);
static size_t unit_bytes(const struct object_sink *sink);
static enum spine_status hand_over(struct object_sink *sink, struct spine_error *error);
static void start_thread(struct object_sink *sink);
static void write_units(void *argument);
static void wait_for_room(struct object_sink *sink);
static void write_or_wait_locked(struct object_sink *sink);
static bool take_turn_locked(struct object_sink *sink);
static void end_thread(struct object_sink *sink);
static bool is_written_behind(const struct object_sink *sink);
static void run(struct object_sink *sink);
static void sink_on_do(struct store_task *task);
static bool do_next(struct object_sink *sink, bool is_job);
static enum spine_status
write_unit(struct object_sink *sink, struct sink_unit *unit, struct spine_error *error);
static enum spine_status end_object(struct object_sink *sink, struct spine_error *error);
static enum spine_status status_of(struct object_sink *sink, struct spine_error *error);
static void sink_free(struct object_sink *sink);

enum spine_status
object_sink_new(struct spine_store *store, const char *name,
                const struct store_waiter *waiter, struct object_sink **out,
                struct spine_error *error)
{
    struct object_sink *sink = mem_zalloc(sizeof *sink);
    enum spine_status st;

    assert(waiter == NULL || !waiter->by_own_thread || waiter->runtime == NULL);
    *out = NULL;
    if (sink == NULL)
        return fail_nomem(error, "the writer of a file", sizeof *sink);
    sink->store = store_ref(store);
    unit_pool_enter(store);
    sink->task.on_do = sink_on_do;
    if (waiter != NULL)
        sink->waiter = *waiter;
    TRY(unit_take(sink, error));
    TRY(store_object_new(store, name, &sink->object, error));
    st = store->backend.create(store->backend.context, name, &sink->writer, error);
    TRY(store_answer(st, error));
    *out = sink;
    sink = NULL;
out:
    object_sink_free(sink);
    return st;
}

static enum spine_status
unit_take(struct object_sink *sink, struct spine_error *error)
{
    TRY_RETURN(unit_new(sink->store, is_of_merge(sink), &sink->filling, error));
    if (is_of_merge(sink))
        store_count(&sink->store->merge_memory, STORE_WRITE_BYTES);
    return SPINE_OK;
}

static void
unit_drop(struct object_sink *sink, struct sink_unit *unit)
{
    if (unit != NULL && is_of_merge(sink))
        store_uncount(&sink->store->merge_memory, STORE_WRITE_BYTES);
    unit_free(sink->store, unit);
}

/* Merges write by jobs, and have reserved units. */
static bool
is_of_merge(const struct object_sink *sink)
{
    return sink->waiter.runtime != NULL;
}

enum spine_status
object_sink_append(struct object_sink *sink, const void *data, size_t bytes,
                   struct spine_error *error)
{
    const uint8_t *from = data;

    /* Only the owner sets it. */
    assert(!sink->is_ending);
    while (bytes > 0) {
        struct sink_unit *unit = sink->filling;
        size_t room, part;

        if (unit == NULL) {
            TRY_RETURN(unit_take(sink, error));
            unit = sink->filling;
        }
        room = unit_bytes(sink) - unit->filled;
        part = bytes < room ? bytes : room;
        memcpy(unit->bytes + unit->filled, from, part);
        unit->filled += part;
        from += part;
        bytes -= part;
        if (unit->filled < unit_bytes(sink))
            break;
        TRY_RETURN(hand_over(sink, error));
        if (sink->has_thread)
            wait_for_room(sink);
        TRY_RETURN(status_of(sink, error));
    }
    assert(sink->filling == NULL || sink->filling->filled < STORE_WRITE_BYTES);
    return SPINE_OK;
}

/* Of the unit that is filled. */
static size_t
unit_bytes(const struct object_sink *sink)
{
    return sink->waiter.by_own_thread && sink->handed == 0 ? STORE_FIRST_BYTES
                                                           : STORE_WRITE_BYTES;
}

void
object_sink_pad(struct object_sink *sink, size_t page)
{
    const size_t behind = (size_t)(object_sink_bytes(sink) % page);

    assert(STORE_FIRST_BYTES % page == 0 && STORE_WRITE_BYTES % page == 0);
    if (behind > 0) {
        struct sink_unit *unit = sink->filling;

        memset(unit->bytes + unit->filled, 0, page - behind);
        unit->filled += page - behind;
    }
}

uint64_t
object_sink_bytes(const struct object_sink *sink)
{
    return sink->handed + (sink->filling != NULL ? sink->filling->filled : 0);
}

bool
object_sink_is_behind(const struct object_sink *sink)
{
    return atomic_load_explicit(&sink->unit_count, memory_order_acquire) >=
           (sink->waiter.by_own_thread ? STORE_UNITS_BEHIND_OWN : STORE_UNITS_BEHIND);
}

/* The unit that was filled is to be written. */
static enum spine_status
hand_over(struct object_sink *sink, struct spine_error *error)
{
    struct store_work *work = &sink->store->work;
    struct sink_unit *unit = sink->filling;
    enum spine_status st;

    if (unit == NULL || unit->filled == 0)
        return SPINE_OK;
    sink->handed += unit->filled;
    if (sink->waiter.by_own_thread && !sink->is_started &&
        unit->filled >= STORE_FIRST_BYTES)
        start_thread(sink);
    if (!is_written_behind(sink)) {
        st = write_unit(sink, unit, error);
        unit->filled = 0;
        return st;
    }
    sink->filling = NULL;
    mutex_lock(&work->mutex);
    if (sink->first != NULL)
        sink->last->next = unit;
    else
        sink->first = unit;
    sink->last = unit;
    atomic_fetch_add_explicit(&sink->unit_count, 1, memory_order_relaxed);
    mutex_unlock(&work->mutex);
    run(sink);
    return SPINE_OK;
}

/* Without a thread, the calls that append write: it is not tried again. */
static void
start_thread(struct object_sink *sink)
{
    sink->is_started = true;
    if (condition_init(&sink->queued) != SPINE_OK)
        return;
    sink->has_thread = thread_start(&sink->thread, write_units, sink) == 0;
    if (!sink->has_thread)
        condition_release(&sink->queued);
}

/* In the sink's thread. */
static void
write_units(void *argument)
{
    struct object_sink *sink = argument;
    struct store_work *work = &sink->store->work;

    mutex_lock(&work->mutex);
    for (;;) {
        while ((!sink->is_running || sink->is_writing) && !sink->thread_ends)
            condition_wait(&sink->queued, &work->mutex);
        if (!sink->is_running)
            break;
        sink->is_writing = true;
        mutex_unlock(&work->mutex);
        while (do_next(sink, false))
            continue;
        mutex_lock(&work->mutex);
    }
    mutex_unlock(&work->mutex);
}

static void
wait_for_room(struct object_sink *sink)
{
    struct store_work *work = &sink->store->work;

    mutex_lock(&work->mutex);
    while (object_sink_is_behind(sink))
        write_or_wait_locked(sink);
    mutex_unlock(&work->mutex);
}

/* Writes what nobody has begun to write; otherwise waits until something was written. The
 * lock is let go of meanwhile. */
static void
write_or_wait_locked(struct object_sink *sink)
{
    struct store_work *work = &sink->store->work;

    if (!take_turn_locked(sink)) {
        condition_wait(&work->ended, &work->mutex);
        return;
    }
    mutex_unlock(&work->mutex);
    while (do_next(sink, false))
        continue;
    mutex_lock(&work->mutex);
}

/* May the owner write? A job that has written a unit queues the task again, and none may
 * come then. */
static bool
take_turn_locked(struct object_sink *sink)
{
    if (!sink->has_thread)
        return store_work_take_back_locked(&sink->store->work.locked.writes, &sink->task);
    if (sink->is_writing)
        return false;
    sink->is_writing = true;
    return true;
}

/* What is not written will not be. */
static void
end_thread(struct object_sink *sink)
{
    struct store_work *work = &sink->store->work;

    mutex_lock(&work->mutex);
    if (sink->status == SPINE_OK)
        sink->status = SPINE_CANCELLED;
    sink->thread_ends = true;
    condition_signal(&sink->queued);
    mutex_unlock(&work->mutex);
    thread_join(&sink->thread);
    condition_release(&sink->queued);
}

static bool
is_written_behind(const struct object_sink *sink)
{
    return sink->has_thread || sink->waiter.runtime != NULL;
}

/* Lets the thread or a job write what there is, unless one does so already. Without a
 * job, the caller writes. */
static void
run(struct object_sink *sink)
{
    struct store_work *work = &sink->store->work;
    bool begins;

    mutex_lock(&work->mutex);
    begins = !sink->is_running;
    sink->is_running = true;
    if (sink->has_thread)
        condition_signal(&sink->queued);
    mutex_unlock(&work->mutex);
    if (begins && !sink->has_thread &&
        !store_work_write(sink->store, &sink->task, sink->waiter.runtime))
        while (do_next(sink, false))
            ;
}

enum spine_status
object_sink_end(struct object_sink *sink, struct spine_error *error)
{
    struct store_work *work = &sink->store->work;
    enum spine_status st;

    assert(!sink->is_ending && !object_sink_has_ended(sink));
    sink->object->bytes = object_sink_bytes(sink);
    TRY_RETURN(hand_over(sink, error));
    if (!is_written_behind(sink)) {
        st = end_object(sink, &sink->error);
        sink->status = st;
        atomic_store(&sink->has_ended, true);
        return status_of(sink, error);
    }
    mutex_lock(&work->mutex);
    sink->is_ending = true;
    mutex_unlock(&work->mutex);
    run(sink);
    return SPINE_OK;
}

bool
object_sink_has_ended(const struct object_sink *sink)
{
    return atomic_load_explicit(&sink->has_ended, memory_order_acquire);
}

enum spine_status
object_sink_finish(struct object_sink *sink, struct spine_error *error)
{
    struct store_work *work = &sink->store->work;

    if (!sink->is_ending && !object_sink_has_ended(sink))
        TRY_RETURN(object_sink_end(sink, error));
    mutex_lock(&work->mutex);
    while (!object_sink_has_ended(sink))
        write_or_wait_locked(sink);
    mutex_unlock(&work->mutex);
    return status_of(sink, error);
}

/* By a job: one write, and then others have their turn. */
static void
sink_on_do(struct store_task *task)
{
    struct object_sink *sink = (struct object_sink *)(void *)task;

    static_assert(offsetof(struct object_sink, task) == 0, "a sink begins with its task");
    (void)do_next(sink, true);
}

/* Writes a unit, or ends the object, and tells it. A job that leaves more to do queues
 * the task again. False: there is no more to do, and the sink may be gone. */
static bool
do_next(struct object_sink *sink, bool is_job)
{
    struct store_work *work = &sink->store->work;
    struct sink_unit *unit;
    struct spine_error error = {0};
    bool fails, ends, more;
    enum spine_status st = SPINE_OK;

    mutex_lock(&work->mutex);
    unit = sink->first;
    fails = sink->status != SPINE_OK || sink->is_abandoned;
    ends = unit == NULL && sink->is_ending && !sink->has_ended;
    mutex_unlock(&work->mutex);
    if (!fails && unit != NULL)
        st = write_unit(sink, unit, &error);
    else if (!fails && ends)
        st = end_object(sink, &error);

    mutex_lock(&work->mutex);
    if (st != SPINE_OK) {
        sink->status = st;
        sink->error = error;
    }
    if (unit != NULL) {
        sink->first = unit->next;
        atomic_fetch_sub_explicit(&sink->unit_count, 1, memory_order_release);
    }
    if (ends)
        atomic_store_explicit(&sink->has_ended, true, memory_order_release);
    if (sink->is_abandoned) {
        mutex_unlock(&work->mutex);
        unit_drop(sink, unit);
        sink_free(sink);
        return false;
    }
    sink->is_telling = true;
    mutex_unlock(&work->mutex);
    unit_drop(sink, unit);
    if (sink->waiter.on_end != NULL)
        sink->waiter.on_end(sink->waiter.context);

    /* The waiter that was told may have appended more, and waits before it frees the
     * sink. */
    mutex_lock(&work->mutex);
    sink->is_telling = false;
    more = sink->first != NULL || (sink->is_ending && !sink->has_ended);
    sink->is_running = more;
    sink->is_writing = more;
    if (more && is_job)
        store_work_put_back_locked(&work->locked.writes, &sink->task);
    condition_broadcast(&work->ended);
    mutex_unlock(&work->mutex);
    return more;
}

static enum spine_status
write_unit(struct object_sink *sink, struct sink_unit *unit, struct spine_error *error)
{
    const struct spine_backend *backend = &sink->store->backend;
    struct spine_store *store = sink->store;
    const uint64_t begin_ns = clock_now_ns();
    enum spine_status st;

    store_count(&store->writes, 1);
    store_count(&store->write_bytes, unit->filled);
    store_size(&store->write_sizes, unit->filled);
    st = backend->write(backend->context, sink->writer, unit->bytes, unit->filled, error);
    st = store_answer(st, error);
    store_time(&store->write_times, begin_ns);
    if (store->trace.on_event != NULL)
        store_tell(store, SPINE_EVENT_WRITE, begin_ns, unit->filled);
    return st;
}

static enum spine_status
end_object(struct object_sink *sink, struct spine_error *error)
{
    const struct spine_backend *backend = &sink->store->backend;
    void *writer = sink->writer;

    sink->writer = NULL;
    TRY_RETURN(store_answer(backend->finish(backend->context, writer, error), error));
    return store_object_finished(sink->object, error);
}

/* The status of the first write that failed, if one did. */
static enum spine_status
status_of(struct object_sink *sink, struct spine_error *error)
{
    struct store_work *work = &sink->store->work;
    enum spine_status st;

    mutex_lock(&work->mutex);
    st = sink->status;
    if (st != SPINE_OK && error != NULL)
        *error = sink->error;
    mutex_unlock(&work->mutex);
    return st;
}

void
object_sink_free(struct object_sink *sink)
{
    struct store_work *work;
    bool is_written;

    if (sink == NULL)
        return;
    if (sink->has_thread) {
        end_thread(sink);
        sink_free(sink);
        return;
    }
    work = &sink->store->work;
    mutex_lock(&work->mutex);
    while (sink->is_telling)
        condition_wait(&work->ended, &work->mutex);
    is_written = sink->is_running &&
                 !store_work_take_back_locked(&work->locked.writes, &sink->task);
    sink->is_abandoned = is_written;
    mutex_unlock(&work->mutex);
    if (!is_written)
        sink_free(sink);
}

static void
sink_free(struct object_sink *sink)
{
    struct spine_store *store = sink->store;

    while (sink->first != NULL) {
        struct sink_unit *unit = sink->first;

        sink->first = unit->next;
        unit_drop(sink, unit);
    }
    unit_drop(sink, sink->filling);
    unit_pool_leave(store);
    if (sink->writer != NULL)
        store->backend.abort(store->backend.context, sink->writer);
    store_object_unref(sink->object);
    mem_free(sink, sizeof *sink);
    store_unref(store);
}

enum spine_status
file_id_new(struct file_id *out, struct spine_error *error)
{
    ssize_t size;

    do
        size = getrandom(out, sizeof *out, 0);
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof *out)
        return spine_fail(error, SPINE_IO,
                          "the name of a file: cannot get random bytes (%d)", errno);
    return SPINE_OK;
}

void
file_id_name(const struct file_id *id, const char *ending, char name[SPINE_NAME_MAX + 1])
{
    assert(strlen(ending) <= SPINE_NAME_MAX - 32);
    (void)snprintf(name, SPINE_NAME_MAX + 1, "%016" PRIx64 "%016" PRIx64 "%s", id->high,
                   id->low, ending);
}
