/* SPDX-License-Identifier: MIT */

/* The twins of blocks: which file of which store has the same image as a block in
 * memory. */

#include "batch/twin.h"

#include "base/alloc.h"
#include "base/planted.h"
#include "batch/fence.h"

/* Those of the blocks of a file, by their numbers. */
struct keeper_twins {
    size_t count;
    twin_list lists[];
};

static const twin_list *list_of(const struct fence *fence);
static twin_list *make_list(const struct fence *fence);
static struct keeper_twins *make_lists(struct block_keeper *keeper);
static void on_free(struct block_twin *twin);

const struct file_twin *
twin_in_store(const struct fence *fence, const struct spine_store *store)
{
    const twin_list *list = list_of(fence);
    struct block_twin *twin = list != NULL ? twins_first(list) : NULL;

    for (; twin != NULL; twin = twin->next) {
        const struct file_twin *of_file = (const struct file_twin *)(void *)twin;

        if (twin_is_reliable(of_file->keeper, store))
            return of_file;
    }
    return NULL;
}

bool
twin_is_reliable(const struct block_keeper *keeper, const struct spine_store *store)
{
    return keeper->file != NULL && keeper->file->store == store &&
           (store_object_state(keeper->file->object) != OBJECT_DOUBTFUL ||
            PLANTED(SYNC_TRIED_AGAIN));
}

void
twin_remember(const struct fence *fence, struct block_keeper *keeper, uint32_t number)
{
    const int64_t apart = mem_apart_begin();
    struct file_twin *twin = NULL;
    twin_list *list = NULL;

    if (twin_in_store(fence, keeper->file->store) == NULL)
        list = make_list(fence);
    if (list != NULL)
        twin = mem_alloc(sizeof *twin);
    if (twin != NULL) {
        *twin = (struct file_twin){.twin.on_free = on_free,
                                   .keeper = block_keeper_ref(keeper),
                                   .number = number};
        twins_add(list, &twin->twin);
    }
    mem_apart_end(apart);
}

void
fence_move_to_twin(struct fence *fence, const struct file_twin *twin)
{
    /* The twin goes with the block. */
    struct block_keeper *keeper = block_keeper_ref(twin->keeper);

    fence_move(fence, keeper, twin->number);
    block_keeper_unref(keeper);
}

void
keeper_twins_free(struct block_keeper *keeper)
{
    struct keeper_twins *twins =
        atomic_load_explicit(&keeper->twins, memory_order_acquire);

    if (twins == NULL)
        return;
    for (size_t i = 0; i < twins->count; i++)
        twins_free(&twins->lists[i]);
    mem_free(twins, sizeof *twins + twins->count * sizeof twins->lists[0]);
}

/* NULL: there are none. */
static const twin_list *
list_of(const struct fence *fence)
{
    const struct keeper_twins *twins;

    if (fence->block != NULL)
        return &fence->block->twins;
    twins = atomic_load_explicit(&fence->keeper->twins, memory_order_acquire);
    return twins != NULL ? &twins->lists[fence->number] : NULL;
}

/* The same, which is made if need be; NULL without memory. */
static twin_list *
make_list(const struct fence *fence)
{
    struct keeper_twins *twins;

    if (fence->block != NULL)
        return &fence->block->twins;
    twins = make_lists(fence->keeper);
    return twins != NULL ? &twins->lists[fence->number] : NULL;
}

static struct keeper_twins *
make_lists(struct block_keeper *keeper)
{
    const size_t count = keeper->file != NULL ? keeper->file->table.block_count : 0;
    const size_t bytes = sizeof(struct keeper_twins) + count * sizeof(twin_list);
    struct keeper_twins *there =
        atomic_load_explicit(&keeper->twins, memory_order_acquire);
    struct keeper_twins *twins;

    if (there != NULL || count == 0)
        return there;
    twins = mem_zalloc(bytes);
    if (twins == NULL)
        return NULL;
    twins->count = count;
    /* Another thread may be quicker. */
    if (atomic_compare_exchange_strong(&keeper->twins, &there, twins))
        return twins;
    mem_free(twins, bytes);
    return there;
}

static void
on_free(struct block_twin *twin)
{
    struct file_twin *of_file = (struct file_twin *)(void *)twin;
    const int64_t apart = mem_apart_begin();

    block_keeper_unref(of_file->keeper);
    mem_free(of_file, sizeof *of_file);
    mem_apart_end(apart);
}
