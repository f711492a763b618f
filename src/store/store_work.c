/* SPDX-License-Identifier: MIT */

/*
 * Work for a store's runtimes: reads that are waited for, writes behind, and dead files
 * to be removed. Each runtime that serves the store has some jobs here; a task goes to
 * one of them that is idle.
 */

#include "store/store_work.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/container.h"
#include "base/error.h"
#include "store/store_state.h"

/* The most runtimes that are kicked at a time. Where there are more, the jobs of the
 * others run when something else wakes their runtimes. */
#define KICKS_MAX 8u

/* Runtimes to be kicked once the lock is let go of, each with a reference. */
struct kicks {
    struct spine_runtime *runtimes[KICKS_MAX];
    size_t count;
};

static void serve_slice(struct job *job, uint64_t *fuel_rows);
static bool push_task(struct store_work *work, struct store_queue *queue,
                      struct store_task *task, const struct spine_runtime *runtime);
static struct store_task *take_first_locked(struct store_queue *queue);
static void take_locked(struct store_queue *queue, struct store_task *task);
static bool has_tasks_locked(const struct store_work *work);
static void wake_locked(struct store_server *server, struct kicks *kicks);
static void kick_all(struct kicks *kicks);
static void bound_locked(struct spine_store *store);

enum spine_status
store_work_init(struct store_work *work, struct spine_error *error)
{
    enum spine_status st = mutex_init(&work->mutex);

    if (st == SPINE_OK) {
        st = condition_init(&work->ended);
        if (st != SPINE_OK)
            mutex_release(&work->mutex);
    }
    return st == SPINE_OK ? st
                          : spine_fail(error, st, "no memory for the lock of a store");
}

void
store_work_release(struct store_work *work)
{
    assert(work->locked.servers == NULL && work->locked.reads.first == NULL);
    assert(work->locked.writes.first == NULL && work->locked.dead.first == NULL);
    condition_release(&work->ended);
    mutex_release(&work->mutex);
}

enum spine_status
store_serve(struct spine_store *store, struct spine_runtime *runtime,
            struct spine_error *error)
{
    struct store_server *server = mem_zalloc(sizeof *server);
    struct kicks kicks = {0};

    if (server == NULL)
        return fail_nomem(error, "the jobs of a store", sizeof *server);
    server->store = store;
    server->runtime = runtime;
    server->room.limit_bytes = UINT64_MAX;
    for (unsigned i = 0; i < SERVER_JOBS; i++) {
        server->jobs[i].server = server;
        server->jobs[i].is_idle = true;
        server->jobs[i].job.is_read = true;
        server->jobs[i].job.on_slice = serve_slice;
    }
    mutex_lock(&store->work.mutex);
    server->next = store->work.locked.servers;
    store->work.locked.servers = server;
    /* Tasks may be left from runtimes that served before. */
    if (has_tasks_locked(&store->work))
        wake_locked(server, &kicks);
    mutex_unlock(&store->work.mutex);
    kick_all(&kicks);
    return SPINE_OK;
}

void
store_serve_no_more(struct spine_store *store, struct spine_runtime *runtime)
{
    struct store_server **at = &store->work.locked.servers, *server;
    bool is_done;

    mutex_lock(&store->work.mutex);
    while ((*at)->runtime != runtime)
        at = &(*at)->next;
    server = *at;
    *at = server->next;
    for (unsigned i = 0; i < SERVER_JOBS; i++) {
        const bool withdrawn = runtime_withdraw(runtime, &server->jobs[i].job);

        assert(withdrawn);
        (void)withdrawn;
    }
    bound_locked(store);
    is_done = store->is_closed && store->work.locked.servers == NULL;
    mutex_unlock(&store->work.mutex);
    mem_free(server, sizeof *server);
    if (is_done)
        store_guests_dismiss(store->guests);
    store_work_sweep(store);
}

bool
store_work_close(struct spine_store *store)
{
    bool is_served;

    mutex_lock(&store->work.mutex);
    assert(!store->is_closed);
    store->is_closed = true;
    is_served = store->work.locked.servers != NULL;
    mutex_unlock(&store->work.mutex);
    return !is_served;
}

void
store_press(struct spine_store *store, struct spine_runtime *runtime,
            const struct service_room *room)
{
    struct store_server *server;

    assert(room->shift < 64);
    mutex_lock(&store->work.mutex);
    server = store->work.locked.servers;
    while (server != NULL && server->runtime != runtime)
        server = server->next;
    /* A runtime that has closed presses no more. */
    if (server != NULL) {
        server->room = *room;
        bound_locked(store);
    }
    mutex_unlock(&store->work.mutex);
}

/* The cache takes at most a quarter of the memory of a runtime and what nobody has there;
 * what is read ahead, and what readers hold beyond a block each, at most an eighth. */
static void
bound_locked(struct spine_store *store)
{
    uint64_t cache_max = store->options.cache_bytes;
    uint64_t memory_max = UINT64_MAX, ahead_max = UINT64_MAX;

    for (const struct store_server *server = store->work.locked.servers; server != NULL;
         server = server->next) {
        const uint64_t limit = server->room.limit_bytes;
        const uint64_t usual = store->options.cache_bytes;
        const uint64_t part = limit / 4 + server->room.free_bytes;
        const uint64_t cache = (usual < part ? usual : part) >> server->room.shift;
        const uint64_t memory = (part + limit / 8) >> server->room.shift;
        const uint64_t ahead = limit / 8 >> server->room.shift / 2;

        if (limit == UINT64_MAX)
            continue;
        cache_max = cache < cache_max ? cache : cache_max;
        memory_max = memory < memory_max ? memory : memory_max;
        ahead_max = ahead < ahead_max ? ahead : ahead_max;
    }
    cache_set_bytes(&store->cache, (size_t)cache_max);
    atomic_store_explicit(&store->memory_max, memory_max, memory_order_relaxed);
    atomic_store_explicit(&store->ahead_max, ahead_max, memory_order_relaxed);
}

bool
store_work_read(struct spine_store *store, struct store_task *task,
                const struct spine_runtime *runtime)
{
    return push_task(&store->work, &store->work.locked.reads, task, runtime);
}

bool
store_work_write(struct spine_store *store, struct store_task *task,
                 const struct spine_runtime *runtime)
{
    return push_task(&store->work, &store->work.locked.writes, task, runtime);
}

bool
store_work_bury(struct spine_store *store, struct store_task *task)
{
    return push_task(&store->work, &store->work.locked.dead, task, NULL);
}

static bool
push_task(struct store_work *work, struct store_queue *queue, struct store_task *task,
          const struct spine_runtime *runtime)
{
    struct kicks kicks = {0};
    bool is_served = false;

    mutex_lock(&work->mutex);
    for (struct store_server *server = work->locked.servers; server != NULL;
         server = server->next)
        if (runtime == NULL || server->runtime == runtime) {
            wake_locked(server, &kicks);
            is_served = true;
        }
    if (is_served)
        store_work_put_back_locked(queue, task);
    mutex_unlock(&work->mutex);
    kick_all(&kicks);
    return is_served;
}

void
store_work_put_back_locked(struct store_queue *queue, struct store_task *task)
{
    assert(!task->is_queued && task->on_do != NULL);
    task->is_queued = true;
    task->next = NULL;
    task->previous = queue->first != NULL ? queue->last : NULL;
    if (task->previous != NULL)
        task->previous->next = task;
    else
        queue->first = task;
    queue->last = task;
}

bool
store_work_take_back_locked(struct store_queue *queue, struct store_task *task)
{
    if (!task->is_queued)
        return false;
    take_locked(queue, task);
    return true;
}

void
store_work_sweep(struct spine_store *store)
{
    struct store_work *work = &store->work;
    struct store_task *dead;

    do {
        mutex_lock(&work->mutex);
        dead = take_first_locked(&work->locked.dead);
        mutex_unlock(&work->mutex);
        if (dead != NULL)
            dead->on_do(dead);
    } while (dead != NULL);
}

/* Does one task, and stays ready as long as there are more. */
static void
serve_slice(struct job *job, uint64_t *fuel_rows)
{
    struct store_server_job *of_server = container_of(job, struct store_server_job, job);
    struct store_server *server = of_server->server;
    struct store_work *work = &server->store->work;

    struct store_task *task;
    bool is_dead = false;

    mutex_lock(&work->mutex);
    task = take_first_locked(&work->locked.reads);
    if (task == NULL)
        task = take_first_locked(&work->locked.writes);
    if (task == NULL && !work->locked.is_burying) {
        task = take_first_locked(&work->locked.dead);
        is_dead = work->locked.is_burying = task != NULL;
    }
    mutex_unlock(&work->mutex);
    if (task != NULL)
        task->on_do(task);
    *fuel_rows -= *fuel_rows > 0;

    mutex_lock(&work->mutex);
    if (is_dead)
        work->locked.is_burying = false;
    if (has_tasks_locked(work))
        runtime_ready(server->runtime, job);
    else {
        of_server->is_idle = true;
        runtime_idle(server->runtime, job);
    }
    mutex_unlock(&work->mutex);
}

static struct store_task *
take_first_locked(struct store_queue *queue)
{
    struct store_task *task = queue->first;

    if (task != NULL)
        take_locked(queue, task);
    return task;
}

static void
take_locked(struct store_queue *queue, struct store_task *task)
{
    assert(task->is_queued);
    if (task->previous != NULL)
        task->previous->next = task->next;
    else
        queue->first = task->next;
    if (task->next != NULL)
        task->next->previous = task->previous;
    else
        queue->last = task->previous;
    task->is_queued = false;
}

static bool
has_tasks_locked(const struct store_work *work)
{
    return work->locked.reads.first != NULL || work->locked.writes.first != NULL ||
           (work->locked.dead.first != NULL && !work->locked.is_burying);
}

/* Has one more job of the server run, if one is idle. */
static void
wake_locked(struct store_server *server, struct kicks *kicks)
{
    for (unsigned i = 0; i < SERVER_JOBS; i++) {
        struct store_server_job *of_server = &server->jobs[i];

        if (!of_server->is_idle)
            continue;
        of_server->is_idle = false;
        runtime_ready(server->runtime, &of_server->job);
        if (kicks->count < KICKS_MAX)
            kicks->runtimes[kicks->count++] = runtime_ref(server->runtime);
        return;
    }
}

static void
kick_all(struct kicks *kicks)
{
    for (size_t i = 0; i < kicks->count; i++) {
        runtime_kick(kicks->runtimes[i]);
        runtime_unref(kicks->runtimes[i]);
    }
}
