/* SPDX-License-Identifier: MIT */

/* Collects where the blocks of cuts are, and writes those that are in no file of the
 * store, small batches together. */

#include "checkpoint/gather.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* Small batches are soon merged away, and to make filters of their keys would take as
 * long as all else that is done for them: readers make them where that pays. */
static const struct lookup_options no_lookups = {.rows_min = UINT64_MAX};

static enum spine_status
gather_cut(struct gather *gather, struct spine_cut *cut, struct spine_error *error);
static enum spine_status gather_batch(struct gather *gather, const struct spine_cut *cut,
                                      size_t index, struct gather_places *out,
                                      struct spine_error *error);
static const struct lookup_options *
lookup_of(const struct spine_snapshot *snapshot, const struct spine_batch *batch);
static struct batch_places *
places_of(const struct gather *gather, const struct spine_batch *batch);
static enum spine_status write_file(struct gather *gather, struct batch_places *places,
                                    const struct batch_places_options *how,
                                    struct spine_error *error);
static enum spine_status end_writing(struct gather *gather, struct spine_error *error);
static enum spine_status write_to_pack(struct gather *gather, struct batch_places *places,
                                       struct batch_places_options *how,
                                       struct spine_error *error);

enum spine_status
gather_write(struct gather *gather, struct spine_error *error)
{
    assert(gather->places_count == 0 && gather->file_count == 0);
    for (size_t i = 0; i < gather->item_count; i++) {
        gather->items[i].places_begin = gather->places_count;
        TRY_RETURN(gather_cut(gather, gather->items[i].cut, error));
    }
    if (gather->pack != NULL)
        TRY_RETURN(store_pack_end(gather->pack, error));
    return end_writing(gather, error);
}

enum spine_status
gather_finish(struct gather *gather, struct spine_error *error)
{
    struct store_pack *pack = gather->pack;

    gather->pack = NULL;
    if (pack != NULL) {
        TRY_RETURN(store_pack_finish(pack, error));
        gather->files_written++;
    }
    gather_remember(gather);
    return SPINE_OK;
}

void
gather_remember(struct gather *gather)
{
    for (size_t i = 0; i < gather->places_count; i++)
        if (!gather->places[i].is_shared) {
            assert(gather->places[i].places->missing == 0);
            batch_places_remember(gather->places[i].places);
        }
}

/* Batches of one cut share no blocks. Those of the next may share some with the file that
 * is ending, and find these there only when it is whole. */
static enum spine_status
gather_cut(struct gather *gather, struct spine_cut *cut, struct spine_error *error)
{
    const struct spine_snapshot *snapshot = cut->snapshot;
    const size_t begin = gather->places_count, count = snapshot->batch_count;
    enum spine_status st = SPINE_OK;

    if (gather->ending != NULL && batch_places_share(gather->ending))
        TRY_RETURN(end_writing(gather, error));
    if (!array_reserve(&gather->places, &gather->places_room, sizeof *gather->places,
                       begin + count))
        return fail_nomem(error, "the batches of a checkpoint",
                          count * sizeof *gather->places);
    for (size_t i = 0; i < count; i++)
        gather->places[begin + i] = (struct gather_places){0};
    gather->places_count += count;
    for (size_t i = 0; st == SPINE_OK && i < count; i++)
        if (snapshot->batches[i]->block_count <= GATHER_FIRST_BLOCKS)
            st = gather_batch(gather, cut, i, &gather->places[begin + i], error);
    for (size_t i = 0; st == SPINE_OK && i < count; i++)
        if (snapshot->batches[i]->block_count > GATHER_FIRST_BLOCKS)
            st = gather_batch(gather, cut, i, &gather->places[begin + i], error);
    return st;
}

/* A batch is written at once, so that batches of other cuts with the same blocks find
 * these in its file, if it is not the pack. */
static enum spine_status
gather_batch(struct gather *gather, const struct spine_cut *cut, size_t index,
             struct gather_places *out, struct spine_error *error)
{
    struct spine_batch *batch = cut->snapshot->batches[index];
    struct batch_places_options how = {.lookup = &no_lookups,
                                       .encode = cut->options.encode_rows != UINT32_MAX};
    struct batch_places *places = places_of(gather, batch);
    const bool is_shared = places != NULL;

    if (!is_shared) {
        TRY_RETURN(batch_places_new(batch, gather->store, &places, error));
        if (!pointer_index_add(&gather->batches, batch, (size_t)(out - gather->places))) {
            batch_places_free(places);
            return fail_nomem(error, "the batches of a checkpoint", sizeof *places);
        }
    }
    *out = (struct gather_places){places, is_shared};
    gather->batches_reused += is_shared || places->missing == 0;
    if (places->missing == 0)
        return SPINE_OK;
    if (places->missing_bytes < GATHER_PACK_BYTES)
        return write_to_pack(gather, places, &how, error);
    how.lookup = lookup_of(cut->snapshot, batch);
    return write_file(gather, places, &how, error);
}

/* A batch that is too small for lookup filters needs no memory to make them. */
static const struct lookup_options *
lookup_of(const struct spine_snapshot *snapshot, const struct spine_batch *batch)
{
    const struct lookup_options *options = lookup_ledger_options(snapshot->ledger);

    return batch->info.rows >= options->rows_min ? options : &no_lookups;
}

/* The places of a batch that is in an earlier cut, too, as cuts of forks share batches.
 * NULL when it is not. */
static struct batch_places *
places_of(const struct gather *gather, const struct spine_batch *batch)
{
    size_t number;

    return pointer_index_find(&gather->batches, batch, &number)
               ? gather->places[number].places
               : NULL;
}

/* The file before it ends meanwhile. */
static enum spine_status
write_file(struct gather *gather, struct batch_places *places,
           const struct batch_places_options *how, struct spine_error *error)
{
    TRY_RETURN(batch_places_write(places, gather->store, how, error));
    TRY_RETURN(end_writing(gather, error));
    gather->ending = places;
    return SPINE_OK;
}

static enum spine_status
end_writing(struct gather *gather, struct spine_error *error)
{
    struct batch_places *places = gather->ending;

    gather->ending = NULL;
    if (places == NULL)
        return SPINE_OK;
    TRY_RETURN(batch_places_finish(places, error));
    gather->files_written++;
    gather->bytes_written += places->written->footer.file_bytes;
    batch_places_remember(places);
    return SPINE_OK;
}

/* Small batches are all written to one object. */
static enum spine_status
write_to_pack(struct gather *gather, struct batch_places *places,
              struct batch_places_options *how, struct spine_error *error)
{
    static const struct store_waiter own = {.by_own_thread = true};

    if (gather->pack == NULL)
        TRY_RETURN(store_pack_new(gather->store, &own, &gather->pack, error));
    how->pack = gather->pack;
    TRY_RETURN(batch_places_write(places, gather->store, how, error));
    TRY_RETURN(batch_places_finish(places, error));
    gather->bytes_written += places->written->footer.file_bytes;
    return SPINE_OK;
}

void
gather_release(struct gather *gather)
{
    store_pack_abort(gather->pack);
    for (size_t i = 0; i < gather->object_count; i++)
        store_object_unref(gather->objects[i].object);
    for (size_t i = 0; i < gather->places_count; i++)
        if (!gather->places[i].is_shared)
            batch_places_free(gather->places[i].places);
    for (size_t i = 0; i < gather->item_count; i++)
        spine_cut_unref(gather->items[i].cut);
    mem_free(gather->items, gather->item_count * sizeof *gather->items);
    mem_free(gather->places, gather->places_room * sizeof *gather->places);
    mem_free(gather->objects, gather->object_room * sizeof *gather->objects);
    pointer_index_release(&gather->batches);
    pointer_index_release(&gather->file_numbers);
    pointer_index_release(&gather->object_numbers);
    *gather = (struct gather){0};
}
