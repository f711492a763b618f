/* SPDX-License-Identifier: MIT */

/* A batch: its references, its account, and what is known of it without looking into a
 * block. */

#include "batch/fence.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "batch/edges.h"
#include "batch/marks.h"

static void count_file(struct file_counter *files, const struct block_keeper *keeper);

struct spine_batch *
spine_batch_ref(struct spine_batch *batch)
{
    if (batch != NULL)
        ref_take(&batch->refs);
    return batch;
}

void
spine_batch_unref(struct spine_batch *batch)
{
    struct account *account;
    size_t cells = 0;

    if (batch == NULL || !ref_drop(&batch->refs))
        return;
    account = atomic_load_explicit(&batch->payer, memory_order_acquire);
    for (size_t i = 0; i < batch->block_count; i++) {
        cells += fence_cells_bytes(&batch->fences[i]);
        fence_release(&batch->fences[i]);
    }
    if (account != NULL)
        account_subtract(account, ACCOUNT_FENCES, cells);
    lookup_unref(atomic_load_explicit(&batch->lookup, memory_order_acquire));
    twins_free(&batch->twins);
    schema_unref(&batch->layout.schema);
    account_free(&batch->payer, ACCOUNT_FENCES, batch,
                 batch_bytes(&batch->layout, batch->block_count));
}

void
batch_discard(struct spine_batch *batch)
{
    if (batch == NULL)
        return;
    schema_unref(&batch->layout.schema);
    mem_free(batch, batch_bytes(&batch->layout, batch->block_count));
}

void
batch_charge(struct spine_batch *batch, struct account *account)
{
    const struct store_file *charged = NULL;
    size_t cells = 0;

    for (size_t i = 0; i < batch->block_count; i++) {
        struct block *const block = batch->fences[i].block;
        const struct block_keeper *const keeper = batch->fences[i].keeper;
        struct store_file *const file = keeper != NULL ? keeper->file : NULL;

        /* Blocks of one file stand side by side. */
        if (file != NULL && file != charged)
            account_charge_file(&file->payer, account);
        charged = file;

        cells += fence_cells_bytes(&batch->fences[i]);
        if (block != NULL)
            (void)account_charge(&block->payer, account, ACCOUNT_BLOCKS, block->bytes);
    }
    if (account_charge(&batch->payer, account, ACCOUNT_FENCES,
                       batch_bytes(&batch->layout, batch->block_count)))
        account_add(account, ACCOUNT_FENCES, cells);
    batch_charge_lookup(batch);
}

void
batch_charge_lookup(struct spine_batch *batch)
{
    struct account *account;
    struct lookup *lookup;

    /* One thread may charge the batch while another one builds its filter: one of the two
     * sees both. */
    atomic_thread_fence(memory_order_seq_cst);
    account = atomic_load_explicit(&batch->payer, memory_order_acquire);
    lookup = atomic_load_explicit(&batch->lookup, memory_order_acquire);
    if (account != NULL && lookup != NULL)
        lookup_charge(lookup, account);
}

void
spine_batch_get_info(const struct spine_batch *batch, struct spine_batch_info *out)
{
    if (out == NULL)
        return;
    *out = (struct spine_batch_info){0};
    if (batch == NULL)
        return;
    *out = batch->info;
    out->storage_bytes = batch->bytes_elsewhere;
    out->filter_bytes = batch_lookup_bytes(batch);
}

const struct spine_schema *
spine_batch_schema(const struct spine_batch *batch)
{
    return batch != NULL ? &batch->layout.schema : NULL;
}

/* The fences lie behind the batch, and marks, or spreads and edges, behind them. */
size_t
batch_bytes(const struct layout *layout, size_t block_count)
{
    return sizeof(struct spine_batch) + block_count * sizeof(struct fence) +
           marks_count(layout, block_count) * sizeof(uint64_t) +
           edges_bytes(layout, block_count);
}

struct spine_batch *
batch_alloc(const struct layout *layout, size_t block_count)
{
    struct spine_batch *batch = batch_alloc_unset(layout, block_count);

    if (batch != NULL)
        memset(batch + 1, 0, batch_bytes(layout, block_count) - sizeof *batch);
    return batch;
}

struct spine_batch *
batch_alloc_unset(const struct layout *layout, size_t block_count)
{
    struct spine_batch *batch = mem_alloc(batch_bytes(layout, block_count));

    static_assert(sizeof(struct spine_batch) % _Alignof(struct fence) == 0,
                  "the fences lie behind the batch");
    if (batch == NULL)
        return NULL;
    memset(batch, 0, sizeof *batch);
    atomic_init(&batch->twins, NULL);
    ref_init(&batch->refs);
    batch->layout = *layout;
    schema_ref(&layout->schema);
    batch->fences = (struct fence *)(void *)(batch + 1);
    batch->block_count = block_count;
    if (marks_count(layout, block_count) > 0)
        batch->marks = (uint64_t *)(void *)(batch->fences + block_count);
    if (layout_has_edges(layout)) {
        batch->spreads = (struct spread *)(void *)(batch->fences + block_count);
        batch->edges = (uint64_t *)(void *)(batch->spreads + block_count);
    }
    return batch;
}

union spine_datum
batch_key_min(const struct spine_batch *batch, uint8_t *scratch)
{
    return batch_block_key(batch, 0, scratch);
}

union spine_datum
batch_block_key(const struct spine_batch *batch, size_t block, uint8_t *scratch)
{
    struct fence *fence = &batch->fences[block];
    const struct rows row = {.hi = &fence->first_hi,
                             .lo = &fence->first_lo,
                             .key =
                                 fence->cells != NULL ? &fence->cells->first_key : NULL,
                             .count = 1};

    assert(block < batch->block_count);
    return rows_key_datum(&batch->layout, &row, 0, scratch);
}

union spine_datum
batch_key_max(const struct spine_batch *batch, uint8_t *scratch)
{
    struct fence *fence = &batch->fences[batch->block_count - 1];
    const struct rows row = {.hi = &fence->last_hi,
                             .lo = &fence->last_lo,
                             .key = fence->cells != NULL ? &fence->cells->last_key : NULL,
                             .count = 1};

    return rows_key_datum(&batch->layout, &row, 0, scratch);
}

void
batch_use_keeper(struct spine_batch *batch, struct block_keeper *keeper)
{
    assert(keeper != NULL);
    for (size_t i = 0; i < batch->block_count; i++)
        fence_move(&batch->fences[i], keeper, (uint32_t)i);
    batch_changed_places(batch);
}

struct spine_batch *
batch_copy(const struct spine_batch *batch)
{
    const size_t marks = marks_count(&batch->layout, batch->block_count);
    struct spine_batch *copy = batch_alloc(&batch->layout, batch->block_count);

    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < batch->block_count; i++)
        if (fence_copy(&copy->fences[i], &batch->fences[i]) != SPINE_OK) {
            spine_batch_unref(copy);
            return NULL;
        }
    if (marks > 0)
        memcpy(copy->marks, batch->marks, marks * sizeof *copy->marks);
    copy->has_frames = batch->has_frames;
    copy->judged = batch->judged;
    copy->judged_by = batch->judged_by;
    copy->info = batch->info;
    batch_changed_places(copy);
    return copy;
}

void
batch_changed_places(struct spine_batch *batch)
{
    struct file_counter files = {0};

    batch->rows_elsewhere = 0;
    batch->bytes_elsewhere = 0;
    batch->in_files = false;
    batch->asks_files = false;
    batch->is_held = false;
    batch->info.bytes = 0;
    batch->file_count = 0;
    for (size_t i = 0; i < batch->block_count; i++)
        batch_count_place(batch, &batch->fences[i], &files);
    if (batch->edges != NULL && batch->block_count > 0) {
        edges_begin(batch, &batch->fences[0], &batch->fences[batch->block_count - 1]);
        for (size_t i = 0; i < batch->block_count; i++)
            edges_set(batch, i);
    }
    batch_places_are_counted(batch);
}

void
batch_count_place(struct spine_batch *batch, const struct fence *fence,
                  struct file_counter *files)
{
    assert(fence->block != NULL || fence->keeper != NULL);
    batch->info.bytes += fence_bytes(fence);
    batch->is_held = batch->is_held || fence->block == NULL || fence->fronted;
    if (fence->block != NULL)
        return;
    batch->rows_elsewhere += fence->rows;
    batch->bytes_elsewhere += fence->bytes;
    if (fence->keeper->file == NULL)
        return;
    batch->in_files = true;
    batch->asks_files = batch->asks_files || fence->keeper->file->table.filter_count > 0;
    assert(files != NULL);
    count_file(files, fence->keeper);
    batch->file_count = files->count;
}

/* Two keepers of one hash are one, which matters little. */
static void
count_file(struct file_counter *files, const struct block_keeper *keeper)
{
    const uint64_t product = (uint64_t)(uintptr_t)keeper * UINT64_C(0x9e3779b97f4a7c15);
    const uint32_t hash = (uint32_t)(product >> 32) | 1;
    uint32_t at = hash >> 1;

    while (files->hashes[at % (2 * FILES_COUNTED)] != 0) {
        if (files->hashes[at % (2 * FILES_COUNTED)] == hash)
            return;
        at++;
    }
    if (files->count == FILES_COUNTED)
        return;
    files->hashes[at % (2 * FILES_COUNTED)] = hash;
    files->count++;
}

void
batch_places_are_counted(struct spine_batch *batch)
{
    struct spine_batch_info *info = &batch->info;

    info->bytes += batch_bytes(&batch->layout, batch->block_count);
    batch->elsewhere = batch->rows_elsewhere > 0;
    if (batch->block_count == 0)
        return;
    info->key_min = batch_key_min(batch, batch->key_scratch[0]);
    info->key_max = batch_key_max(batch, batch->key_scratch[1]);
}
