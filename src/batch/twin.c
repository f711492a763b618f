/* SPDX-License-Identifier: MIT */

/* The twins of blocks: which file of which store has the rows of a block in memory. */

#include "batch/twin.h"

#include "base/alloc.h"
#include "base/container.h"
#include "base/planted.h"
#include "batch/fence.h"
#include "batch/file_check.h"

/* The twins of the blocks of a file, by the numbers of these. */
struct keeper_twins {
    size_t count;
    twin_list lists[];
};

static const struct file_twin *
find_twin(const twin_list *list, const struct spine_store *store, bool *has_suspect);
static bool
is_needed(const twin_list *list, const struct store_file *file, bool *is_there);
static bool add_twin(twin_list *list, struct block_keeper *keeper, uint32_t number);
static struct file_twin *claim_twin(twin_list *list);
static void *on_take(struct store_guest *guest);
static void on_release_keeper(void *taken);
static const twin_list *list_of(const struct fence *fence);
static twin_list *make_list(const struct fence *fence);
static struct keeper_twins *make_lists(struct block_keeper *keeper);
static void on_free(struct block_twin *twin);

const struct file_twin *
twin_in_store(const struct fence *fence, const struct spine_store *store)
{
    bool has_suspect;

    return find_twin(list_of(fence), store, &has_suspect);
}

const struct file_twin *
batch_twin_in_store(const struct spine_batch *batch, const struct spine_store *store)
{
    bool has_suspect;

    return find_twin(&batch->twins, store, &has_suspect);
}

/* NULL: an empty list. Of another store's twins nothing but the store is looked at, which
 * may be closed now. */
static const struct file_twin *
find_twin(const twin_list *list, const struct spine_store *store, bool *has_suspect)
{
    struct block_twin *twin = list != NULL ? twins_first(list) : NULL;

    *has_suspect = false;
    for (; twin != NULL; twin = twin->next) {
        const struct file_twin *of_file = (const struct file_twin *)(void *)twin;

        if (atomic_load_explicit(&of_file->store, memory_order_acquire) != store)
            continue;
        if (twin_is_reliable(of_file->keeper, store))
            return of_file;
        *has_suspect = true;
    }
    return NULL;
}

bool
twin_is_reliable(const struct block_keeper *keeper, const struct spine_store *store)
{
    return keeper->file != NULL && keeper->file->store == store &&
           (store_object_state(keeper->file->object) != OBJECT_SUSPECT ||
            PLANTED(SYNC_TRIED_AGAIN));
}

bool
twin_remember(const struct fence *fence, struct block_keeper *keeper, uint32_t number)
{
    bool is_there;

    if (!is_needed(list_of(fence), keeper->file, &is_there))
        return is_there;
    return add_twin(make_list(fence), keeper, number);
}

void
batch_twin_remember(struct spine_batch *batch, struct block_keeper *keeper,
                    uint32_t number)
{
    bool is_there;

    if (is_needed(&batch->twins, keeper->file, &is_there))
        (void)add_twin(&batch->twins, keeper, number);
}

/* May the file be one more twin? `*is_there`: there is one that may be relied on. */
static bool
is_needed(const twin_list *list, const struct store_file *file, bool *is_there)
{
    bool has_suspect;

    *is_there = find_twin(list, file->store, &has_suspect) != NULL;
    return !*is_there &&
           (!has_suspect || store_object_state(file->object) == OBJECT_DURABLE);
}

/* A twin whose store was closed becomes that of another one, so a block that is copied to
 * one store after the other has as many twins as are open at a time. There is no list
 * where there is no memory. */
static bool
add_twin(twin_list *list, struct block_keeper *keeper, uint32_t number)
{
    const int64_t apart = mem_apart_begin();
    struct file_twin *twin = list != NULL ? claim_twin(list) : NULL;

    if (twin != NULL) {
        struct spine_store *store = keeper->file->store;

        twin->keeper = block_keeper_ref(keeper);
        twin->number = number;
        if (!store_guest_enter(store, &twin->guest)) {
            block_keeper_unref(keeper);
            store = NULL;
        }
        atomic_store_explicit(&twin->store, store, memory_order_release);
    }
    mem_apart_end(apart);
    return twin != NULL;
}

/* One that is this thread's until it has a store again: no store is at this address. NULL
 * without memory. */
static struct file_twin *
claim_twin(twin_list *list)
{
    static const char claimed;
    const struct spine_store *const nobody =
        (const struct spine_store *)(const void *)&claimed;
    struct file_twin *twin;

    for (struct block_twin *at = twins_first(list); at != NULL; at = at->next) {
        const struct spine_store *none = NULL;

        twin = (struct file_twin *)(void *)at;
        if (atomic_compare_exchange_strong(&twin->store, &none, nobody)) {
            (void)store_guest_leave(&twin->guest); /* it was dismissed */
            return twin;
        }
    }
    twin = mem_zalloc(sizeof *twin);
    if (twin == NULL)
        return NULL;
    twin->twin.on_free = on_free;
    twin->guest.on_take = on_take;
    twin->guest.on_release = on_release_keeper;
    atomic_init(&twin->store, nobody);
    twins_add(list, &twin->twin);
    return twin;
}

static void *
on_take(struct store_guest *guest)
{
    struct file_twin *twin = container_of(guest, struct file_twin, guest);

    atomic_store_explicit(&twin->store, NULL, memory_order_release);
    return twin->keeper;
}

static void
on_release_keeper(void *taken)
{
    const int64_t apart = mem_apart_begin();

    block_keeper_unref(taken);
    mem_apart_end(apart);
}

void
fence_move_to_twin(struct fence *fence, const struct file_twin *twin)
{
    /* The twin goes with the block. */
    struct block_keeper *keeper = block_keeper_ref(twin->keeper);
    const struct store_file *file = keeper->file;

    fence_move(fence, keeper, twin->number);
    facts_to_fence(file_facts(file, twin->number), fence);
    fence->bytes = file->table.blocks[twin->number].image_bytes;
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
    int64_t apart;

    if (fence->block != NULL)
        return &fence->block->twins;
    apart = mem_apart_begin();
    twins = make_lists(fence->keeper);
    mem_apart_end(apart);
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

    if (store_guest_leave(&of_file->guest))
        block_keeper_unref(of_file->keeper);
    mem_free(of_file, sizeof *of_file);
    mem_apart_end(apart);
}
