/* SPDX-License-Identifier: MIT */

/*
 * Removes checkpoints that are not wanted any more, and files that nobody needs.
 */

#include "checkpoint/catalog.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "base/thread.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A sweep while it goes on. */
struct sweep {
    struct spine_store *store;
    struct checkpoint_ledger *ledger;
    const struct spine_sweep_options *options;
    struct spine_sweep_info *info;
    uint64_t now_ns;
    bool names_are_durable;
    /* Orphans that are too young to be removed. */
    struct orphan *waiting;
    size_t waiting_count;
    size_t waiting_room;
};

static enum spine_status check_removal(struct spine_store *store,
                                       const struct catalog *catalog, uint64_t sequence,
                                       struct spine_error *error);
static enum spine_status needed_by_all(struct spine_store *store,
                                       const struct catalog *catalog,
                                       struct name_set *out, struct spine_error *error);
static void let_go_of_object(struct spine_store *store, const char *name);
static enum spine_status sweep_object(struct sweep *sweep,
                                      const struct manifest_object *object,
                                      struct spine_error *error);
static bool has_grace(struct sweep *sweep, const char *name);
static void remember(struct sweep *sweep);
static int compare_orphans(const void *a, const void *b);

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

/* A checkpoint whose manifest is missing may always be removed: no file goes with it. */
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
    return catalog_check(store, catalog, 0, error);
}

enum spine_status
spine_store_sweep(struct spine_store *store, const struct spine_sweep_options *options,
                  struct spine_sweep_info *info, struct spine_error *error)
{
    static const struct spine_sweep_options defaults;
    struct spine_sweep_info unwanted;
    struct checkpoint_ledger *ledger;
    enum spine_status st;

    if (info == NULL)
        info = &unwanted;
    *info = (struct spine_sweep_info){0};
    if (store == NULL)
        return fail_null(error, "spine_store_sweep", "store");
    ledger = store_checkpoints_lock(store);
    st = catalog_sweep(store, ledger, options != NULL ? options : &defaults, info, error);
    store_checkpoints_unlock(store);
    return st;
}

/* The files of a checkpoint go once its manifest is durably gone. */
enum spine_status
catalog_remove(struct spine_store *store, struct catalog *catalog, uint64_t sequence,
               struct spine_error *error)
{
    struct manifest manifest = {0};
    struct name_set needed = {0};
    char name[SPINE_NAME_MAX + 1];
    enum spine_status st;

    assert(sequences_have(&catalog->manifests, sequence));
    assert(!sequences_have(&catalog->receipts, sequence));
    /* A manifest that cannot be read names nothing: a sweep finds its files. */
    st = catalog_load(store, sequence, &manifest, error);
    if (st != SPINE_OK && st != SPINE_CORRUPT && st != SPINE_INVALID)
        goto out;
    manifest_name(sequence, name);
    for (size_t i = 0; PLANTED(FILES_BEFORE_MANIFEST) && i < manifest.object_count; i++)
        let_go_of_object(store, manifest.objects[i].name);
    TRY(store_remove(store, name, error));
    TRY(store_sync_names(store, error));
    sequences_remove(&catalog->manifests, sequence);
    TRY(needed_by_all(store, catalog, &needed, error));
    for (size_t i = 0; i < manifest.object_count; i++)
        if (!name_set_has(&needed, manifest.objects[i].name))
            let_go_of_object(store, manifest.objects[i].name);
out:
    manifest_release(&manifest);
    name_set_release(&needed);
    return st;
}

/* A manifest that is not there any more may be back after a crash, until the names are
 * durable: the call that removed it may have failed before that. */
enum spine_status
catalog_sweep(struct spine_store *store, struct checkpoint_ledger *ledger,
              const struct spine_sweep_options *options, struct spine_sweep_info *info,
              struct spine_error *error)
{
    struct sweep sweep = {.store = store, .options = options, .info = info};
    struct catalog catalog = {0};
    struct name_set needed = {0};
    enum spine_status st;

    assert(ledger != NULL && info->files == 0 && info->waiting_files == 0);
    sweep.ledger = ledger;
    sweep.now_ns = clock_now_ns();
    sweep.names_are_durable = options->dry_run || PLANTED(SWEEP_TOO_SOON);
    TRY(catalog_read(store, &catalog, error));
    TRY(catalog_check(store, &catalog, 0, error));
    TRY(needed_by_all(store, &catalog, &needed, error));
    for (size_t i = 0; i < catalog.object_count; i++)
        if (!name_set_has(&needed, catalog.objects[i].name))
            TRY(sweep_object(&sweep, &catalog.objects[i], error));
    st = SPINE_OK;
    assert(sweep.waiting_count <= info->waiting_files);
    remember(&sweep);
out:
    mem_free(sweep.waiting, sweep.waiting_room * sizeof *sweep.waiting);
    catalog_release(&catalog);
    name_set_release(&needed);
    return st;
}

/* Removes an object that no checkpoint needs, unless it is in use or too young. */
static enum spine_status
sweep_object(struct sweep *sweep, const struct manifest_object *object,
             struct spine_error *error)
{
    const bool dry_run = sweep->options->dry_run;
    enum spine_status st;

    if (!sweep->names_are_durable)
        TRY_RETURN(store_sync_names(sweep->store, error));
    sweep->names_are_durable = true;
    if (sweep->options->grace_ms > 0 &&
        store_object_is_used(sweep->store, object->name, false))
        return SPINE_OK;
    if (has_grace(sweep, object->name)) {
        sweep->info->waiting_files++;
        return SPINE_OK;
    }
    if (store_object_is_used(sweep->store, object->name, !dry_run))
        return SPINE_OK;
    if (!dry_run) {
        st = store_remove(sweep->store, object->name, error);
        /* The object has gone with its last batch since it was listed. */
        if (st == SPINE_NOT_FOUND)
            return SPINE_OK;
        TRY_RETURN(st);
    }
    sweep->info->files++;
    sweep->info->file_bytes += object->bytes;
    return SPINE_OK;
}

/* Is an orphan too young to be removed? Notes that it was found; without memory for that,
 * the next sweep finds it as if for the first time. */
static bool
has_grace(struct sweep *sweep, const char *name)
{
    const struct checkpoint_ledger *ledger = sweep->ledger;
    const struct orphan *before = NULL;
    uint64_t since_ns;

    if (sweep->options->grace_ms == 0)
        return false;
    if (ledger->orphan_count > 0)
        before = bsearch(name, ledger->orphans, ledger->orphan_count,
                         sizeof *ledger->orphans, compare_orphans);
    since_ns = before != NULL ? before->since_ns : sweep->now_ns;
    if ((sweep->now_ns - since_ns) / 1000000 >= sweep->options->grace_ms)
        return false;
    if (array_reserve(&sweep->waiting, &sweep->waiting_room, sizeof *sweep->waiting,
                      sweep->waiting_count + 1)) {
        struct orphan *orphan = &sweep->waiting[sweep->waiting_count++];

        memcpy(orphan->name, name, strlen(name) + 1);
        orphan->since_ns = since_ns;
    }
    return true;
}

/* The orphans that wait now take the place of those that waited before. */
static void
remember(struct sweep *sweep)
{
    struct checkpoint_ledger *ledger = sweep->ledger;

    if (sweep->options->dry_run)
        return;
    mem_free(ledger->orphans, ledger->orphan_room * sizeof *ledger->orphans);
    ledger->orphans = sweep->waiting;
    ledger->orphan_count = sweep->waiting_count;
    ledger->orphan_room = sweep->waiting_room;
    sweep->waiting = NULL;
    sweep->waiting_room = 0;
    if (ledger->orphan_count > 0)
        qsort(ledger->orphans, ledger->orphan_count, sizeof *ledger->orphans,
              compare_orphans);
}

/* Compares by name, which an orphan begins with. */
static int
compare_orphans(const void *a, const void *b)
{
    static_assert(offsetof(struct orphan, name) == 0, "an orphan is found by its name");
    return strcmp(a, b);
}

/* The names of the objects that the checkpoints of the catalog need. */
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
let_go_of_object(struct spine_store *store, const char *name)
{
    if (!store_object_is_used(store, name, true))
        (void)store_remove(store, name, NULL);
}
