/* SPDX-License-Identifier: MIT */
#include "batch/twin.h"

#include "base/alloc.h"
#include "base/planted.h"
#include "batch/fence.h"

static void on_free(struct block_twin *twin);

const struct file_twin *
twin_in_store(const struct block *block, const struct spine_store *store)
{
    const struct file_twin *twin = (const struct file_twin *)(void *)block_twin(block);

    return twin != NULL && twin_is_reliable(twin->keeper, store) ? twin : NULL;
}

bool
twin_is_reliable(const struct block_keeper *keeper, const struct spine_store *store)
{
    return keeper->file != NULL && keeper->file->store == store &&
           (store_object_state(keeper->file->object) != OBJECT_DOUBTFUL ||
            PLANTED(SYNC_TRIED_AGAIN));
}

void
twin_remember(struct block *block, struct block_keeper *keeper, uint32_t number)
{
    const int64_t apart = mem_apart_begin();
    struct file_twin *twin = NULL;

    if (block_twin(block) == NULL)
        twin = mem_alloc(sizeof *twin);
    if (twin != NULL) {
        *twin = (struct file_twin){.twin.on_free = on_free,
                                   .keeper = block_keeper_ref(keeper),
                                   .number = number};
        if (!block_set_twin(block, &twin->twin))
            on_free(&twin->twin);
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

static void
on_free(struct block_twin *twin)
{
    struct file_twin *of_file = (struct file_twin *)(void *)twin;
    const int64_t apart = mem_apart_begin();

    block_keeper_unref(of_file->keeper);
    mem_free(of_file, sizeof *of_file);
    mem_apart_end(apart);
}
