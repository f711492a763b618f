/* SPDX-License-Identifier: MIT */

/*
 * Copies a checkpoint to another store, in the order of spine_checkpoint().
 */

#include "checkpoint/export.h"

#include "checkpoint/catalog.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store.h"

#include <inttypes.h>

/* An export under way. */
struct export
{
    struct spine_store *from;
    struct spine_store *to;
    struct manifest manifest;
    struct store_object **copies; /* as the objects of the manifest */
    const struct export_progress *progress;
    /* Of what is told of the progress: what is done, all bytes of it, and those before
     * the object or file that it is done to now. */
    const char *what;
    uint64_t bytes;
    uint64_t bytes_before;
};

static enum spine_status export_all(struct export *export, uint64_t sequence,
                                    struct export_info *info, struct spine_error *error);
static enum spine_status check_empty(struct spine_store *to, struct spine_error *error);
static enum spine_status
copy_objects(struct export *export, struct export_info *info, struct spine_error *error);
static void tell_progress(void *context, uint64_t bytes);
static enum spine_status verify_copies(struct export *export, struct spine_error *error);
static enum spine_status put_copied_manifest(struct export *export, const void *text,
                                             size_t bytes, struct spine_error *error);

enum spine_status
checkpoint_export(struct spine_store *from, uint64_t sequence, struct spine_store *to,
                  const struct export_progress *progress, struct export_info *info,
                  struct spine_error *error)
{
    struct export export = {.from = from, .to = to, .progress = progress};
    enum spine_status st;

    assert(from != to);
    *info = (struct export_info){0};
    (void)store_checkpoints_lock(from);
    st = check_empty(to, error);
    if (st == SPINE_OK)
        st = export_all(&export, sequence, info, error);
    assert(st != SPINE_OK || info->objects == export.manifest.object_count);
    store_checkpoints_unlock(from);
    /* Copies that are not kept are removed here. */
    for (size_t i = 0; export.copies != NULL && i < export.manifest.object_count; i++)
        store_object_unref(export.copies[i]);
    mem_free(export.copies, export.manifest.object_count * sizeof *export.copies + 1);
    manifest_release(&export.manifest);
    return st;
}

static enum spine_status
export_all(struct export *export, uint64_t sequence, struct export_info *info,
           struct spine_error *error)
{
    struct manifest *manifest = &export->manifest;
    char name[SPINE_NAME_MAX + 1];
    struct store_put receipt;
    void *text = NULL;
    size_t bytes = 0;
    enum spine_status st;

    TRY(catalog_choose(export->from, "export", &sequence, error));
    TRY(catalog_load_text(export->from, sequence, &text, &bytes, error));
    manifest_name(sequence, name);
    TRY(manifest_decode(name, text, bytes, manifest, error));
    info->sequence = sequence;
    export->copies = mem_zalloc(manifest->object_count * sizeof *export->copies + 1);
    if (export->copies == NULL) {
        st = fail_nomem(error, "the files of a checkpoint",
                        manifest->object_count * sizeof *export->copies);
        goto out;
    }
    TRY(copy_objects(export, info, error));
    TRY(verify_copies(export, error));
    TRY(put_copied_manifest(export, text, bytes, error));
    TRY(catalog_write_receipt(export->to, sequence, &receipt, error));
    TRY(store_put_publish(&receipt, error));
    /* The receipt is made durable here, as no checkpoint need follow in `to`. */
    TRY(store_sync_names(export->to, error));
out:
    mem_free(text, bytes);
    return st;
}

/* A copy is not mixed with objects of another store. */
static enum spine_status
check_empty(struct spine_store *to, struct spine_error *error)
{
    struct catalog catalog = {0};
    enum spine_status st = catalog_read(to, &catalog, error);

    if (st == SPINE_OK && (catalog_next(&catalog, 0) > 0 || catalog.object_count > 0))
        st = spine_fail(error, SPINE_EXISTS,
                        "export: there is a store where the copy should go");
    catalog_release(&catalog);
    return st;
}

static enum spine_status
copy_objects(struct export *export, struct export_info *info, struct spine_error *error)
{
    const struct manifest *manifest = &export->manifest;
    const struct store_copying copying = {.from = export->from,
                                          .to = export->to,
                                          .on_progress = tell_progress,
                                          .context = export};

    export->what = "bytes copied";
    for (size_t i = 0; i < manifest->object_count; i++)
        export->bytes += manifest->objects[i].bytes;
    for (size_t i = 0; i < manifest->object_count; i++) {
        const struct manifest_object *object = &manifest->objects[i];

        export->bytes_before = info->bytes;
        TRY_RETURN(
            store_copy(&copying, object->name, object->bytes, &export->copies[i], error));
        TRY_RETURN(store_object_sync(export->copies[i], error));
        info->objects++;
        info->bytes += object->bytes;
    }
    return store_sync_names(export->to, error);
}

static void
tell_progress(void *context, uint64_t bytes)
{
    const struct export *export = context;
    const struct export_progress *progress = export->progress;

    if (progress != NULL)
        progress->on_progress(progress->context, export->what,
                              export->bytes_before + bytes, export->bytes);
}

/* Verifies the copies: what was damaged before, or on the way, is not passed on. */
static enum spine_status
verify_copies(struct export *export, struct spine_error *error)
{
    const struct manifest *manifest = &export->manifest;
    enum spine_status st = SPINE_OK;

    export->what = "bytes verified";
    export->bytes = export->bytes_before = 0;
    for (size_t i = 0; i < manifest->file_count; i++)
        export->bytes += manifest->files[i].bytes;
    for (size_t i = 0; st == SPINE_OK && i < manifest->file_count; i++) {
        const struct manifest_file *described = &manifest->files[i];
        struct store_file *file;

        st = store_file_in_object(export->copies[described->object], described->offset,
                                  described->bytes, &file, error);
        if (st == SPINE_OK)
            st = store_file_verify(file, tell_progress, export, error);
        export->bytes_before += described->bytes;
        store_file_unref(file);
    }
    return st;
}

/* When this fails, the manifest may be there all the same: so the copies stay. */
static enum spine_status
put_copied_manifest(struct export *export, const void *text, size_t bytes,
                    struct spine_error *error)
{
    char name[SPINE_NAME_MAX + 1];

    for (size_t i = 0; i < export->manifest.object_count; i++)
        store_object_keep(export->copies[i], true);
    manifest_name(export->manifest.sequence, name);
    return store_put_new(export->to, name, text, bytes, error);
}
