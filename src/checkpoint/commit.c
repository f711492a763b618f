/* SPDX-License-Identifier: MIT */

/*
 * spine_checkpoint(): cuts become files, files become durable, and a manifest says so.
 */

#include "checkpoint/checkpoint.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "base/thread.h"
#include "checkpoint/gather.h"
#include "observe/observe.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define KEEP_DEFAULT 2u
/* The most sequence numbers that are tried, as other processes may have taken some. */
#define PUT_TRIES 8u

/* A manifest on its way, and its receipt. Zero at first. */
struct manifest_put {
    struct store_put put;
    struct store_put receipt;
    char *text;
    size_t bytes;
    /* A put that has failed may have put it all the same. */
    bool was_tried;
};

static enum spine_status
check_call(const struct gather *gather, const struct spine_checkpoint_item *items,
           size_t count, const struct spine_checkpoint_options *options,
           struct spine_error *error);
static enum spine_status check_item_names(const char *call,
                                          const struct spine_checkpoint_item *items,
                                          size_t count, struct spine_error *error);
static enum spine_status take_cuts(struct gather *gather,
                                   const struct spine_checkpoint_item *items,
                                   size_t count, struct spine_error *error);
static enum spine_status
commit(struct gather *gather, const struct spine_checkpoint_options *options,
       struct spine_checkpoint_info *info, struct spine_error *error);
static void tell_info(const struct gather *gather, const struct manifest *manifest,
                      struct spine_checkpoint_info *info);
static enum spine_status make_durable(struct gather *gather, struct spine_error *error);
static enum spine_status describe(struct gather *gather,
                                  const struct spine_checkpoint_options *options,
                                  struct manifest *manifest, struct spine_error *error);
static enum spine_status
prepare_manifest(const struct gather *gather, struct manifest *manifest,
                 struct manifest_put *out, struct spine_error *error);
static enum spine_status
publish_manifest(const struct gather *gather, struct manifest *manifest,
                 struct manifest_put *put, struct spine_error *error);
static enum spine_status publish(struct manifest_put *put, struct spine_error *error);
static void manifest_put_release(struct manifest_put *put);
static enum spine_status
remove_receipts(struct spine_store *store, struct catalog *catalog, uint32_t keep);
static enum spine_status remove_older(struct spine_store *store, struct catalog *catalog,
                                      uint64_t sequence, uint32_t keep);
static uint64_t syncs_of(struct spine_store *store);

enum spine_status
spine_checkpoint(struct spine_store *store, const struct spine_checkpoint_item *items,
                 size_t count, const struct spine_checkpoint_options *options,
                 struct spine_checkpoint_info *info, struct spine_error *error)
{
    static const struct spine_checkpoint_options defaults;
    struct spine_checkpoint_info unwanted;
    struct gather gather = {.store = store, .call = "spine_checkpoint"};
    enum spine_status st;

    if (options == NULL)
        options = &defaults;
    if (info == NULL)
        info = &unwanted;
    *info = (struct spine_checkpoint_info){0};
    st = checkpoint_begin(&gather, items, count, options, error);
    if (st == SPINE_OK) {
        gather.ledger = store_checkpoints_lock(store);
        st = checkpoint_commit(&gather, options, info, error);
        store_checkpoints_unlock(store);
    }
    gather_release(&gather);
    return st;
}

enum spine_status
checkpoint_begin(struct gather *gather, const struct spine_checkpoint_item *items,
                 size_t count, const struct spine_checkpoint_options *options,
                 struct spine_error *error)
{
    assert(gather->call != NULL && gather->ledger == NULL && gather->items == NULL);
    gather->asked_ns = clock_now_ns();
    TRY_RETURN(check_call(gather, items, count, options, error));
    return take_cuts(gather, items, count, error);
}

enum spine_status
checkpoint_commit(struct gather *gather, const struct spine_checkpoint_options *options,
                  struct spine_checkpoint_info *info, struct spine_error *error)
{
    struct store_checkpoint told = {.spines = gather->item_count,
                                    .asked_ns = gather->asked_ns,
                                    .begin_ns = clock_now_ns()};
    enum spine_status st;

    assert(gather->ledger != NULL && info->sequence == 0);
    assert(gather->places_count == 0 && gather->object_count == 0);
    st = commit(gather, options, info, error);
    for (size_t i = 0; st == SPINE_OK && i < gather->item_count; i++)
        (void)spine_clear_dirty_since(gather->items[i].spine, gather->items[i].cut);
    assert(st != SPINE_OK || info->sequence == gather->ledger->last_sequence);
    info->duration_ns = clock_now_ns() - told.begin_ns;
    told.sequence = info->sequence;
    told.rows = info->rows;
    told.bytes = gather->bytes_written + info->manifest_bytes;
    store_checkpoint_ended(gather->store, &told, st);
    return st;
}

static enum spine_status
check_call(const struct gather *gather, const struct spine_checkpoint_item *items,
           size_t count, const struct spine_checkpoint_options *options,
           struct spine_error *error)
{
    const char *call = gather->call;

    if (gather->store == NULL || (items == NULL && count > 0))
        return fail_null(error, call, gather->store == NULL ? "store" : "items");
    if (options->user_bytes > SPINE_USER_DATA_MAX)
        return spine_fail(error, SPINE_INVALID,
                          "%s: %zu bytes of user data, more than %u", call,
                          options->user_bytes, SPINE_USER_DATA_MAX);
    if (options->user_bytes > 0 && options->user_data == NULL)
        return fail_null(error, call, "options->user_data");
    for (size_t i = 0; i < count; i++) {
        if (items[i].spine == NULL && items[i].cut == NULL)
            return spine_fail(error, SPINE_INVALID,
                              "%s: item %zu has no spine and no cut", call, i);
        if (items[i].name == NULL || items[i].name[0] == 0 ||
            !name_is_text(items[i].name, SPINE_ITEM_NAME_MAX))
            return spine_fail(error, SPINE_INVALID,
                              "%s: the name of item %zu is not UTF-8 of 1 "
                              "to %d bytes without control characters",
                              call, i, SPINE_ITEM_NAME_MAX);
    }
    return check_item_names(call, items, count, error);
}

static enum spine_status
check_item_names(const char *call, const struct spine_checkpoint_item *items,
                 size_t count, struct spine_error *error)
{
    const size_t bytes = count * sizeof(char *);
    enum spine_status st = SPINE_OK;
    const char **names, *twice;

    if (count == 0)
        return SPINE_OK;
    names = mem_alloc(bytes);
    if (names == NULL)
        return fail_nomem(error, "the names of spines", bytes);
    for (size_t i = 0; i < count; i++)
        names[i] = items[i].name;
    twice = name_twice(names, count);
    if (twice != NULL)
        st = spine_fail(error, SPINE_INVALID, "%s: two spines are called \"%.100s\"",
                        call, twice);
    mem_free(names, bytes);
    return st;
}

static enum spine_status
take_cuts(struct gather *gather, const struct spine_checkpoint_item *items, size_t count,
          struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    if (count == 0)
        return SPINE_OK;
    gather->items = mem_zalloc(count * sizeof *gather->items);
    if (gather->items == NULL)
        return fail_nomem(error, "the spines of a checkpoint",
                          count * sizeof *gather->items);
    gather->item_count = count;
    for (size_t i = 0; st == SPINE_OK && i < count; i++) {
        struct gather_item *item = &gather->items[i];

        item->name = items[i].name;
        item->spine = items[i].spine;
        if (items[i].cut != NULL)
            item->cut = spine_cut_ref(items[i].cut);
        else
            st = spine_take_cut(items[i].spine, &item->cut, error);
    }
    return st;
}

/*
 * While the pack is written by its thread, the manifest is prepared, and what the store
 * has is looked at. Lets go of what the checkpoint would have needed, unless its manifest
 * may be there.
 */
static enum spine_status
commit(struct gather *gather, const struct spine_checkpoint_options *options,
       struct spine_checkpoint_info *info, struct spine_error *error)
{
    const uint32_t keep = options->keep > 0 ? options->keep : KEEP_DEFAULT;
    struct spine_store *store = gather->store;
    const uint64_t syncs = syncs_of(store);
    uint64_t step_ns = clock_now_ns();
    struct catalog catalog = {0};
    struct manifest manifest = {0};
    struct manifest_put put = {0};
    enum spine_status st, receipts_gone;

    TRY(gather_write(gather, error));
    TRY(catalog_read(store, &catalog, error));
    TRY(catalog_check(store, &catalog, catalog_newest(&catalog), error));
    if (catalog_newest(&catalog) > gather->ledger->last_sequence)
        gather->ledger->last_sequence = catalog_newest(&catalog);
    TRY(describe(gather, options, &manifest, error));
    st = prepare_manifest(gather, &manifest, &put, error);
    if (st != SPINE_EXISTS)
        TRY(st);
    receipts_gone = remove_receipts(store, &catalog, keep);
    TRY(gather_finish(gather, error));
    store_tell_step(store, SPINE_EVENT_CHECKPOINT_FILES, &step_ns, gather->files_written,
                    gather->bytes_written);
    if (!PLANTED(MANIFEST_FIRST))
        TRY(make_durable(gather, error));
    store_tell_step(store, SPINE_EVENT_CHECKPOINT_SYNC, &step_ns, gather->object_count,
                    0);
    TRY(publish_manifest(gather, &manifest, &put, error));
    if (PLANTED(MANIFEST_FIRST))
        TRY(make_durable(gather, error));
    gather_remember(gather);
    if (!PLANTED(RECEIPT_FORGOTTEN))
        TRY(store_put_publish(&put.receipt, error));
    tell_info(gather, &manifest, info);
    info->manifest_bytes = put.bytes;
    store_tell_step(store, SPINE_EVENT_CHECKPOINT_MANIFEST, &step_ns, 0,
                    info->manifest_bytes);
    info->removal = receipts_gone == SPINE_OK
                        ? remove_older(store, &catalog, manifest.sequence, keep)
                        : receipts_gone;
    store_tell_step(store, SPINE_EVENT_CHECKPOINT_REMOVE, &step_ns, 0, 0);
    info->syncs = syncs_of(store) - syncs;
out:
    for (size_t i = 0; st != SPINE_OK && !put.was_tried && i < gather->object_count; i++)
        if (!gather->objects[i].was_kept)
            store_object_keep(gather->objects[i].object, false);
    manifest_put_release(&put);
    catalog_release(&catalog);
    manifest_release(&manifest);
    return st;
}

static void
tell_info(const struct gather *gather, const struct manifest *manifest,
          struct spine_checkpoint_info *info)
{
    info->sequence = manifest->sequence;
    info->batches = gather->places_count;
    info->batches_reused = gather->batches_reused;
    for (size_t i = 0; i < manifest->batch_count; i++)
        info->rows += manifest->batches[i].rows;
    info->files = gather->files_written;
    info->file_bytes = gather->bytes_written;
}

static enum spine_status
describe(struct gather *gather, const struct spine_checkpoint_options *options,
         struct manifest *manifest, struct spine_error *error)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    manifest->made_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (options->user_bytes > 0) {
        manifest->user_data = mem_alloc(options->user_bytes);
        if (manifest->user_data == NULL)
            return fail_nomem(error, "the user data of a checkpoint",
                              options->user_bytes);
        memcpy(manifest->user_data, options->user_data, options->user_bytes);
        manifest->user_bytes = options->user_bytes;
    }
    return gather_describe(gather, manifest, error);
}

/* Keeps the objects, so that nobody removes them, and makes their bytes durable, then
 * their names. */
static enum spine_status
make_durable(struct gather *gather, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; i < gather->object_count; i++)
        store_object_keep(gather->objects[i].object, true);
    if (PLANTED(FILES_NOT_SYNCED))
        return store_sync_names(gather->store, error);
    for (size_t i = 0; st == SPINE_OK && i < gather->object_count; i++)
        st = store_object_sync(gather->objects[i].object, error);
    if (PLANTED(NAMES_NOT_SYNCED))
        return st;
    return st == SPINE_OK ? store_sync_names(gather->store, error) : st;
}

/* Writes the manifest for the next number, without its name yet; `*out` is zero. */
static enum spine_status
prepare_manifest(const struct gather *gather, struct manifest *manifest,
                 struct manifest_put *out, struct spine_error *error)
{
    uint64_t *last_sequence = &gather->ledger->last_sequence;
    char name[SPINE_NAME_MAX + 1];

    assert(out->text == NULL);
    if (*last_sequence == UINT64_MAX)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: a checkpoint of the store has the greatest number",
                          gather->call);
    manifest->sequence = *last_sequence + 1;
    TRY_RETURN(manifest_encode(manifest, &out->text, &out->bytes, error));
    if (out->bytes > MANIFEST_BYTES_MAX)
        return spine_fail(error, SPINE_INVALID,
                          "%s: a manifest of %zu bytes is larger than %zu: there are "
                          "too many spines or batches",
                          gather->call, out->bytes, (size_t)MANIFEST_BYTES_MAX);
    manifest_name(manifest->sequence, name);
    *last_sequence = manifest->sequence;
    TRY_RETURN(
        catalog_write_receipt(gather->store, manifest->sequence, &out->receipt, error));
    return store_put_prepare(gather->store, name, out->text, out->bytes, &out->put,
                             error);
}

/* Names the manifest, or one with the next free number. A manifest whose put has failed
 * may be there all the same: its number is not used again. */
static enum spine_status
publish_manifest(const struct gather *gather, struct manifest *manifest,
                 struct manifest_put *put, struct spine_error *error)
{
    enum spine_status st = publish(put, error);

    for (unsigned tries = 1; st == SPINE_EXISTS && tries < PUT_TRIES; tries++) {
        manifest_put_release(put);
        st = prepare_manifest(gather, manifest, put, error);
        if (st == SPINE_OK)
            st = publish(put, error);
    }
    return st;
}

/* SPINE_EXISTS, too, when that was found before. */
static enum spine_status
publish(struct manifest_put *put, struct spine_error *error)
{
    if (put->put.store == NULL)
        return SPINE_EXISTS;
    put->was_tried = !PLANTED(PUT_FORGOTTEN);
    return store_put_publish(&put->put, error);
}

/* `was_tried` stays. */
static void
manifest_put_release(struct manifest_put *put)
{
    store_put_discard(&put->put);
    store_put_discard(&put->receipt);
    mem_free(put->text, put->bytes);
    put->text = NULL;
    put->bytes = 0;
}

/* Removes the receipts of the checkpoints that remove_older() will remove, before the
 * names are made durable for the new checkpoint anyway. The newest one keeps its receipt
 * until there is another checkpoint, so that its loss would be noticed. */
static enum spine_status
remove_receipts(struct spine_store *store, struct catalog *catalog, uint32_t keep)
{
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; st == SPINE_OK && i + keep <= catalog->manifests.count &&
                       i + 1 < catalog->manifests.count;
         i++)
        st = catalog_remove_receipt(store, catalog, catalog->manifests.numbers[i], NULL);
    return st;
}

/* Removes all checkpoints but the newest `keep`, of which `sequence` is one. While one is
 * lost, which may need the same files, none is removed. If only the newest is kept, the
 * one before it still has its receipt. */
static enum spine_status
remove_older(struct spine_store *store, struct catalog *catalog, uint64_t sequence,
             uint32_t keep)
{
    enum spine_status st = catalog_check(store, catalog, 0, NULL);

    if (st == SPINE_OK)
        st = sequences_add(&catalog->manifests, sequence, NULL);
    if (st == SPINE_OK && keep == 1 && catalog->manifests.count > 1) {
        const size_t before = catalog->manifests.count - 2;

        st = catalog_remove_receipt(store, catalog, catalog->manifests.numbers[before],
                                    NULL);
        if (st == SPINE_OK)
            st = store_sync_names(store, NULL);
    }
    while (st == SPINE_OK && catalog->manifests.count > keep)
        st = catalog_remove(store, catalog, catalog->manifests.numbers[0], NULL);
    return st;
}

static uint64_t
syncs_of(struct spine_store *store)
{
    struct store_counts counts;

    store_counts(store, &counts);
    return counts.syncs;
}
