/* SPDX-License-Identifier: MIT */

/* spine_checkpoint_list(): the checkpoints of a store, by their manifests. */

#include "checkpoint/checkpoint.h"

#include "base/error.h"

static void
summarise(const struct manifest *manifest, struct spine_checkpoint_summary *out);

enum spine_status
spine_checkpoint_list(struct spine_store *store, spine_checkpoint_fn *on_checkpoint,
                      void *context, struct spine_error *error)
{
    struct catalog catalog = {0};
    enum spine_status st;

    if (store == NULL || on_checkpoint == NULL)
        return fail_null(error, "spine_checkpoint_list",
                         store == NULL ? "store" : "on_checkpoint");
    TRY(catalog_read(store, &catalog, error));
    for (uint64_t sequence = catalog_next(&catalog, 0); sequence > 0;
         sequence = catalog_next(&catalog, sequence)) {
        struct spine_checkpoint_summary summary = {.sequence = sequence};
        struct spine_error why = {0};
        struct manifest manifest;

        summary.status = catalog_load(store, summary.sequence, &manifest, &why);
        /* It was removed since it was listed, unless its receipt is still there. */
        if (summary.status == SPINE_NOT_FOUND &&
            catalog_check_one(store, sequence, &why) == SPINE_OK)
            continue;
        if (summary.status == SPINE_NOT_FOUND)
            summary.status = why.status;
        if (summary.status == SPINE_OK)
            summarise(&manifest, &summary);
        manifest_release(&manifest);
        TRY(on_checkpoint(context, &summary, &why));
    }
out:
    catalog_release(&catalog);
    return st;
}

static void
summarise(const struct manifest *manifest, struct spine_checkpoint_summary *out)
{
    out->made_ms = manifest->made_ms;
    out->spines = manifest->spine_count;
    out->files = manifest->object_count;
    out->user_bytes = manifest->user_bytes;
    for (size_t i = 0; i < manifest->batch_count; i++)
        out->rows += manifest->batches[i].rows;
    for (size_t i = 0; i < manifest->object_count; i++)
        out->file_bytes += manifest->objects[i].bytes;
}
