/* SPDX-License-Identifier: MIT */

/* Collects where the blocks of cuts are, and writes those that are in no file of the
 * store, small batches together. */

#include "checkpoint/gather.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

static enum spine_status
gather_cut(struct gather *gather, struct spine_cut *cut, struct spine_error *error);
static enum spine_status gather_batch(struct gather *gather,
                                      const struct spine_snapshot *snapshot, size_t index,
                                      struct spine_error *error);
static const struct lookup_options *
lookup_of(const struct spine_snapshot *snapshot, const struct spine_batch *batch);
static struct batch_places *
places_of(const struct gather *gather, const struct spine_batch *batch);
static enum spine_status write_file(struct gather *gather, struct batch_places *places,
                                    const struct lookup_options *lookup,
                                    struct spine_error *error);
static enum spine_status end_writing(struct gather *gather, struct spine_error *error);
static enum spine_status write_pack(struct gather *gather, struct spine_error *error);

enum spine_status
gather_write(struct gather *gather, struct spine_error *error)
{
    assert(gather->places_count == 0 && gather->file_count == 0);
    for (size_t i = 0; i < gather->item_count; i++) {
        gather->items[i].places_begin = gather->places_count;
        TRY_RETURN(gather_cut(gather, gather->items[i].cut, error));
    }
    TRY_RETURN(write_pack(gather, error));
    TRY_RETURN(end_writing(gather, error));
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
    enum spine_status st = SPINE_OK;

    if (gather->ending != NULL && batch_places_share(gather->ending))
        TRY_RETURN(end_writing(gather, error));
    if (!array_reserve(&gather->places, &gather->places_room, sizeof *gather->places,
                       gather->places_count + snapshot->batch_count))
        return fail_nomem(error, "the batches of a checkpoint",
                          snapshot->batch_count * sizeof *gather->places);
    for (size_t i = 0; st == SPINE_OK && i < snapshot->batch_count; i++)
        st = gather_batch(gather, snapshot, i, error);
    return st;
}

/* A large batch is written at once, so that batches of other cuts with the same blocks
 * find these in its file. */
static enum spine_status
gather_batch(struct gather *gather, const struct spine_snapshot *snapshot, size_t index,
             struct spine_error *error)
{
    struct spine_batch *batch = snapshot->batches[index];
    struct batch_places *places = places_of(gather, batch);
    const bool is_shared = places != NULL;

    if (!is_shared) {
        TRY_RETURN(batch_places_new(batch, gather->store, &places, error));
        if (!pointer_index_add(&gather->batches, batch, gather->places_count)) {
            batch_places_free(places);
            return fail_nomem(error, "the batches of a checkpoint", sizeof *places);
        }
    }
    gather->places[gather->places_count++] =
        (struct gather_places){places, lookup_of(snapshot, batch), is_shared};
    gather->batches_reused += is_shared || places->missing == 0;
    return places->missing_bytes >= GATHER_PACK_BYTES
               ? write_file(gather, places, lookup_of(snapshot, batch), error)
               : SPINE_OK;
}

/* A batch that is too small for lookup filters needs no memory to make them. */
static const struct lookup_options *
lookup_of(const struct spine_snapshot *snapshot, const struct spine_batch *batch)
{
    static const struct lookup_options none = {.rows_min = UINT64_MAX};
    const struct lookup_options *options = lookup_ledger_options(snapshot->ledger);

    return batch->info.rows >= options->rows_min ? options : &none;
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
           const struct lookup_options *lookup, struct spine_error *error)
{
    TRY_RETURN(batch_places_write(places, gather->store, NULL, lookup, error));
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

/* Writes the batches with blocks that are still in no file, all to one object. */
static enum spine_status
write_pack(struct gather *gather, struct spine_error *error)
{
    static const struct store_waiter own = {.by_own_thread = true};
    struct store_pack *pack = NULL;
    uint64_t bytes = 0;
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; i < gather->places_count; i++)
        bytes += gather->places[i].places->missing_bytes;
    for (size_t i = 0; i < gather->places_count; i++) {
        struct batch_places *places = gather->places[i].places;

        if (places->missing == 0)
            continue;
        if (pack == NULL)
            TRY(store_pack_new(gather->store,
                               bytes >= STORE_OWN_THREAD_BYTES ? &own : NULL, &pack,
                               error));
        TRY(batch_places_write(places, gather->store, pack, gather->places[i].lookup,
                               error));
        TRY(batch_places_finish(places, error));
        gather->bytes_written += places->written->footer.file_bytes;
    }
    if (pack != NULL) {
        struct store_pack *whole = pack;

        TRY(store_pack_end(pack, error));
        TRY(end_writing(gather, error));
        pack = NULL;
        TRY(store_pack_finish(whole, error));
        gather->files_written++;
    }
out:
    store_pack_abort(pack);
    return st;
}

void
gather_release(struct gather *gather)
{
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
