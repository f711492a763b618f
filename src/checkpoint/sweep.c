/* SPDX-License-Identifier: MIT */

/*
 * What goes: checkpoints that are not wanted any more, and files that nobody needs.
 */

#include "checkpoint/catalog.h"

#include "base/error.h"
#include "base/planted.h"
#include "store/store.h"

#include <inttypes.h>
#include <string.h>

static enum spine_status check_removal(struct spine_store *store,
                                       const struct catalog *catalog, uint64_t sequence,
                                       struct spine_error *error);
static enum spine_status needed_by_all(struct spine_store *store,
                                       const struct catalog *catalog,
                                       struct name_set *out, struct spine_error *error);
static void let_go(struct spine_store *store, const char *name);

enum spine_status
spine_checkpoint_remove(struct spine_store *store, uint64_t sequence,
                        struct spine_error *error)
{
    struct catalog catalog = {0};
    enum spine_status st;

    if (store == NULL)
        return fail_null(error, "spine_checkpoint_remove", "store");
    (void)store_checkpoints_lock(store);
    TRY(catalog_read(store, &catalog, error));
    st = check_removal(store, &catalog, sequence, error);
    if (st == SPINE_OK)
        st = catalog_remove_receipt(store, &catalog, sequence, error);
    if (st == SPINE_OK)
        st = store_sync_names(store, error);
    if (st == SPINE_OK && sequences_have(&catalog.manifests, sequence))
        st = catalog_remove(store, &catalog, sequence, error);
out:
    store_checkpoints_unlock(store);
    catalog_release(&catalog);
    return st;
}

/* One whose manifest is missing may always go: no file goes with it. */
static enum spine_status
check_removal(struct spine_store *store, const struct catalog *catalog, uint64_t sequence,
              struct spine_error *error)
{
    if (!sequences_have(&catalog->manifests, sequence)) {
        if (sequences_have(&catalog->receipts, sequence))
            return SPINE_OK;
        return spine_fail(error, SPINE_NOT_FOUND,
                          "spine_checkpoint_remove: there is no checkpoint %" PRIu64,
                          sequence);
    }
    if (catalog->manifests.count == 1)
        return spine_fail(error, SPINE_INVALID,
                          "spine_checkpoint_remove: checkpoint %" PRIu64
                          " is the only one, and stays",
                          sequence);
    return catalog_check(store, catalog, error);
}

enum spine_status
spine_store_sweep(struct spine_store *store, const struct spine_sweep_options *options,
                  struct spine_sweep_info *info, struct spine_error *error)
{
    const bool dry_run = options != NULL && options->dry_run;
    struct spine_sweep_info unwanted;
    enum spine_status st;

    if (info == NULL)
        info = &unwanted;
    *info = (struct spine_sweep_info){0};
    if (store == NULL)
        return fail_null(error, "spine_store_sweep", "store");
    (void)store_checkpoints_lock(store);
    st = catalog_sweep(store, dry_run, info, error);
    store_checkpoints_unlock(store);
    return st;
}

/* Once the manifest is durably gone, its files may go. */
enum spine_status
catalog_remove(struct spine_store *store, struct catalog *catalog, uint64_t sequence,
               struct spine_error *error)
{
    struct manifest manifest = {0};
    struct name_set needed = {0};
    char name[SPINE_NAME_MAX + 1];
    enum spine_status st;

    /* One that cannot be read names nothing: a sweep finds its files. */
    st = catalog_load(store, sequence, &manifest, error);
    if (st != SPINE_OK && st != SPINE_CORRUPT && st != SPINE_INVALID)
        goto out;
    manifest_name(sequence, name);
    for (size_t i = 0; PLANTED(FILES_BEFORE_MANIFEST) && i < manifest.object_count; i++)
        let_go(store, manifest.objects[i].name);
    TRY(store_remove(store, name, error));
    TRY(store_sync_names(store, error));
    sequences_remove(&catalog->manifests, sequence);
    TRY(needed_by_all(store, catalog, &needed, error));
    for (size_t i = 0; i < manifest.object_count; i++)
        if (!name_set_has(&needed, manifest.objects[i].name))
            let_go(store, manifest.objects[i].name);
out:
    manifest_release(&manifest);
    name_set_release(&needed);
    return st;
}

/* A manifest that is not there any more may be back after a crash, until the names are
 * durable: whoever removed it may have failed before that. */
enum spine_status
catalog_sweep(struct spine_store *store, bool dry_run, struct spine_sweep_info *info,
              struct spine_error *error)
{
    struct catalog catalog = {0};
    struct name_set needed = {0};
    bool names_are_durable = dry_run || PLANTED(SWEEP_TOO_SOON);
    enum spine_status st;

    TRY(catalog_read(store, &catalog, error));
    TRY(catalog_check(store, &catalog, error));
    TRY(needed_by_all(store, &catalog, &needed, error));
    for (size_t i = 0; i < catalog.object_count; i++) {
        const struct manifest_object *object = &catalog.objects[i];

        if (name_set_has(&needed, object->name))
            continue;
        if (!names_are_durable)
            TRY(store_sync_names(store, error));
        names_are_durable = true;
        if (store_object_is_used(store, object->name, !dry_run))
            continue;
        if (!dry_run) {
            st = store_remove(store, object->name, error);
            /* It has gone with its last batch since it was listed. */
            if (st == SPINE_NOT_FOUND)
                continue;
            TRY(st);
        }
        info->files++;
        info->file_bytes += object->bytes;
    }
    st = SPINE_OK;
out:
    catalog_release(&catalog);
    name_set_release(&needed);
    return st;
}

/* What the checkpoints of the catalog name. */
static enum spine_status
needed_by_all(struct spine_store *store, const struct catalog *catalog,
              struct name_set *out, struct spine_error *error)
{
    const struct sequences *manifests = &catalog->manifests;
    enum spine_status st = SPINE_OK;

    for (size_t i = PLANTED(MANIFEST_OVERLOOKED); st == SPINE_OK && i < manifests->count;
         i++) {
        struct manifest manifest;

        st = catalog_load(store, manifests->numbers[i], &manifest, error);
        if (st == SPINE_OK)
            st = name_set_add(out, &manifest, error);
        manifest_release(&manifest);
    }
    return st;
}

/* An object that no checkpoint needs goes now, or with its last batch. What cannot be
 * removed is found by a sweep. */
static void
let_go(struct spine_store *store, const char *name)
{
    if (!store_object_is_used(store, name, true))
        (void)store_remove(store, name, NULL);
}
