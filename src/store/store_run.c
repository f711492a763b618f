/* SPDX-License-Identifier: MIT */

/* Runs of blocks that are read together: by a job of a runtime, or by the thread that
 * needs them first. */

#include "store/store_run.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store_state.h"

static void run_on_do(struct store_task *task);
static void read_run(struct store_run *run);
static void run_free(struct store_run *run);
static size_t run_bytes(size_t count);

enum spine_status
store_run_new(struct store_file *file, uint32_t index, uint32_t count, bool transient,
              struct store_run **out, struct spine_error *error)
{
    struct store_run *run = mem_zalloc(run_bytes(count));

    assert(count > 0);
    assert(index + count <= file->table.block_count ||
           (count == 1 && index < file_table_parts(&file->table)));
    *out = run;
    if (run == NULL)
        return fail_nomem(error, "a run of blocks", run_bytes(count));
    run->file = store_file_ref(file);
    store_count(&file->store->memory, run_bytes(count));
    run->index = index;
    run->count = count;
    run->transient = transient;
    return SPINE_OK;
}

bool
store_run_submit(struct store_run *run, const struct spine_runtime *runtime,
                 void (*on_end)(void *context), void *context)
{
    assert(run->state == RUN_IDLE);
    run->on_end = on_end;
    run->context = context;
    run->task.on_do = run_on_do;
    run->state = RUN_SUBMITTED;
    if (store_work_read(run->file->store, &run->task, runtime))
        return true;
    run->state = RUN_IDLE;
    return false;
}

bool
store_run_has_ended(const struct store_run *run)
{
    return atomic_load_explicit(&run->state, memory_order_acquire) == RUN_ENDED;
}

enum spine_status
store_run_finish(struct store_run *run, struct spine_error *error)
{
    struct store_work *work = &run->file->store->work;
    bool is_mine;

    mutex_lock(&work->mutex);
    is_mine = run->state == RUN_IDLE ||
              store_work_take_back_locked(&work->locked.reads, &run->task);
    if (is_mine) {
        run->state = RUN_SUBMITTED;
        run->on_end = NULL;
    }
    mutex_unlock(&work->mutex);
    if (is_mine)
        read_run(run);
    mutex_lock(&work->mutex);
    while (run->state != RUN_ENDED)
        condition_wait(&work->ended, &work->mutex);
    mutex_unlock(&work->mutex);
    assert(run->status != SPINE_OK || run->images[run->count - 1] != NULL);
    if (run->status != SPINE_OK && error != NULL)
        *error = run->error;
    return run->status;
}

void
store_run_free(struct store_run *run)
{
    struct store_work *work;
    bool is_read = false;

    if (run == NULL)
        return;
    work = &run->file->store->work;
    mutex_lock(&work->mutex);
    if (!store_work_take_back_locked(&work->locked.reads, &run->task) &&
        run->state == RUN_SUBMITTED) {
        run->is_abandoned = true;
        is_read = true;
    }
    while (!is_read && run->is_telling)
        condition_wait(&work->ended, &work->mutex);
    mutex_unlock(&work->mutex);
    if (!is_read)
        run_free(run);
}

static void
run_on_do(struct store_task *task)
{
    read_run((struct store_run *)(void *)task);
}

/* Reads a run, ends and tells it. */
static void
read_run(struct store_run *run)
{
    struct store_work *work = &run->file->store->work;
    bool is_abandoned, is_telling;

    if (run->count == 1)
        run->status = store_pin(run->file, run->index, run->transient, &run->images[0],
                                &run->error);
    else
        run->status = store_pin_run(run->file, run->index, run->count, run->transient,
                                    run->images, &run->error);
    mutex_lock(&work->mutex);
    is_abandoned = run->is_abandoned;
    is_telling = !is_abandoned && run->on_end != NULL;
    run->is_telling = is_telling;
    atomic_store_explicit(&run->state, RUN_ENDED, memory_order_release);
    condition_broadcast(&work->ended);
    mutex_unlock(&work->mutex);
    /* The run may be gone from here on, unless its end is told now. */
    if (is_abandoned)
        run_free(run);
    else if (is_telling) {
        run->on_end(run->context);
        mutex_lock(&work->mutex);
        run->is_telling = false;
        condition_broadcast(&work->ended);
        mutex_unlock(&work->mutex);
    }
}

static void
run_free(struct store_run *run)
{
    for (uint32_t i = 0; i < run->count; i++)
        if (run->images[i] != NULL)
            store_unpin(run->images[i]);
    store_uncount(&run->file->store->memory, run_bytes(run->count));
    store_file_unref(run->file);
    mem_free(run, run_bytes(run->count));
}

static size_t
run_bytes(size_t count)
{
    return sizeof(struct store_run) + count * sizeof(struct cached_image *);
}
