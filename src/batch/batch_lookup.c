/* SPDX-License-Identifier: MIT */

/* Lookup filters of batches whose files have none: built by a reader once they would have
 * paid. */

#include "batch/fence.h"

#include "base/error.h"
#include "batch/key_codes.h"

/* A search in vain costs about as much as adding this many keys to a filter. */
#define KEYS_PER_SEARCH 16u
/* Keys that are handed to a filter at once. */
#define PIECE 512u

static enum spine_status build(const struct spine_batch *batch,
                               const struct lookup_options *options, struct lookup **out);
static struct lookup_facts batch_lookup_facts(const struct spine_batch *batch);
static enum spine_status add_block(struct lookup *lookup, const struct spine_batch *batch,
                                   const struct fence *fence, const struct image *image);

void
batch_search_failed(struct spine_batch *batch, const struct lookup_options *options,
                    uint64_t count)
{
    const uint64_t enough = batch->info.keys / KEYS_PER_SEARCH + 1;
    struct lookup *lookup;
    uint64_t before;

    if (count == 0 || batch->asks_files || batch->info.rows < options->rows_min)
        return;
    before =
        atomic_fetch_add_explicit(&batch->searches_in_vain, count, memory_order_relaxed);
    /* Whose searches made it enough builds; nobody else until the count begins anew. */
    if (before >= enough || before + count < enough || batch_lookup(batch) != NULL)
        return;
    if (build(batch, options, &lookup) == SPINE_OK) {
        atomic_store_explicit(&batch->lookup, lookup, memory_order_release);
        batch_charge_lookup(batch);
    } else {
        atomic_store_explicit(&batch->searches_in_vain, 0, memory_order_relaxed);
    }
}

void
batch_share_lookup(struct spine_batch *part, const struct spine_batch *batch)
{
    struct lookup *lookup = atomic_load_explicit(&batch->lookup, memory_order_acquire);

    if (lookup == NULL || lookup_bytes(lookup) > part->info.bytes + part->bytes_elsewhere)
        return;
    assert(batch_lookup(part) == NULL);
    atomic_store_explicit(&part->lookup, lookup_ref(lookup), memory_order_release);
    batch_charge_lookup(part);
}

static enum spine_status
build(const struct spine_batch *batch, const struct lookup_options *options,
      struct lookup **out)
{
    const struct lookup_facts facts = batch_lookup_facts(batch);
    struct lookup *lookup = NULL;
    struct pin pin;
    enum spine_status st;

    TRY(lookup_new(&lookup, &facts, options));
    for (size_t i = 0; i < batch->block_count; i++) {
        TRY(fence_pin(&batch->fences[i], PIN_TO_READ, &pin, NULL));
        st = add_block(lookup, batch, &batch->fences[i], pin.image);
        pin_release(&pin);
        TRY(st);
    }
    TRY(lookup_finish(lookup));
    *out = lookup;
    lookup = NULL;
out:
    lookup_unref(lookup);
    return st;
}

static struct lookup_facts
batch_lookup_facts(const struct spine_batch *batch)
{
    const struct cell_layout *column = &batch->layout.key;
    struct lookup_facts facts = {.rows = batch->info.rows, .keys = batch->info.keys};
    struct cell min, max;

    if (column->shape != SHAPE_WORD4 && column->shape != SHAPE_WORD8)
        return facts;
    facts.words = cell_of_datum(column, batch->info.key_min, &min, NULL) == SPINE_OK &&
                  cell_of_datum(column, batch->info.key_max, &max, NULL) == SPINE_OK;
    assert(facts.words);
    facts.word_min = min.word;
    facts.word_max = max.word;
    return facts;
}

/* All keys of the block but the one that the block before has, too. */
static enum spine_status
add_block(struct lookup *lookup, const struct spine_batch *batch,
          const struct fence *fence, const struct image *image)
{
    const struct cell_layout *layout = &batch->layout.key;
    const struct column keys = image_keys(image);
    uint64_t codes[PIECE];

    for (size_t at = fence->continues, end; at < fence->keys; at = end) {
        const size_t left = fence->keys - at;

        end = at + (left < PIECE ? left : PIECE);
        if (!key_codes(layout, &keys, at, end, codes))
            return SPINE_NOMEM;
        key_codes_add(layout, codes, end - at, lookup);
    }
    return SPINE_OK;
}
