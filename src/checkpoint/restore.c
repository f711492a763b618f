/* SPDX-License-Identifier: MIT */

/*
 * spine_restore() opens a manifest, its objects, and the batch files in them; makes
 * batches of ranges of their blocks, cuts of batches, and spines of cuts. A failure on
 * the way leaves nothing open.
 */

#include "checkpoint/checkpoint.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/planted.h"
#include "checkpoint/gather.h"

#include <inttypes.h>
#include <string.h>

struct spine_restored {
    struct manifest manifest;
    struct spine **spines; /* NULL where it was taken */
};

/* A restore under way. */
struct opening {
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct manifest *manifest;
    struct store_object **objects; /* as those of the manifest */
    struct spine_batch **files;    /* as those of the manifest: all rows of each */
};

static enum spine_status
restored_new(struct spine_store *store, uint64_t sequence, struct spine_runtime *runtime,
             struct spine_restored **out, struct spine_error *error);
static void tell_restored(struct spine_store *store, const struct manifest *manifest,
                          struct store_checkpoint *told);
static enum spine_status opening_init(struct opening *opening, struct spine_error *error);
static void opening_release(struct opening *opening);
static enum spine_status
open_object(struct opening *opening, size_t index, struct spine_error *error);
static enum spine_status
open_file(struct opening *opening, size_t index, struct spine_error *error);
static enum spine_status open_spine(struct opening *opening, size_t index,
                                    struct spine **out, struct spine_error *error);
static enum spine_status
fill_cut(struct opening *opening, const struct manifest_spine *described,
         const struct layout *layout, struct spine_cut *cut, struct spine_error *error);
static enum spine_status
restore_batch(struct opening *opening, const struct manifest_batch *described,
              const struct layout *layout, struct spine_batch **out,
              struct spine_error *error);
static enum spine_status fail_here(const struct opening *opening,
                                   const struct spine_error *why,
                                   struct spine_error *error);

enum spine_status
spine_restore(struct spine_store *store, uint64_t sequence, struct spine_runtime *runtime,
              const struct spine_restore_options *options, struct spine_restored **out,
              struct spine_error *error)
{
    const struct spine_sweep_options at_once = {0};
    struct spine_sweep_info swept = {0};
    struct store_checkpoint told = {.asked_ns = clock_now_ns()};
    struct checkpoint_ledger *ledger;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_restore", "out");
    *out = NULL;
    if (store == NULL || runtime == NULL)
        return fail_null(error, "spine_restore", store == NULL ? "store" : "runtime");
    ledger = store_checkpoints_lock(store);
    told.begin_ns = clock_now_ns();
    st = restored_new(store, sequence, runtime, out, error);
    if (st == SPINE_OK)
        tell_restored(store, &(*out)->manifest, &told);
    /* What cannot be removed now is found by the next sweep. */
    if (st == SPINE_OK && (options == NULL || !options->keep_orphans))
        (void)catalog_sweep(store, ledger, &at_once, &swept, NULL);
    store_checkpoints_unlock(store);
    return st;
}

static void
tell_restored(struct spine_store *store, const struct manifest *manifest,
              struct store_checkpoint *told)
{
    told->sequence = manifest->sequence;
    told->spines = manifest->spine_count;
    for (size_t i = 0; i < manifest->batch_count; i++)
        told->rows += manifest->batches[i].rows;
    for (size_t i = 0; i < manifest->object_count; i++)
        told->bytes += manifest->objects[i].bytes;
    store_checkpoint_restored(store, told);
}

static enum spine_status
restored_new(struct spine_store *store, uint64_t sequence, struct spine_runtime *runtime,
             struct spine_restored **out, struct spine_error *error)
{
    struct spine_restored *restored = mem_zalloc(sizeof *restored);
    struct opening opening = {.store = store, .runtime = runtime};
    size_t bytes;
    enum spine_status st;

    if (restored == NULL)
        return fail_nomem(error, "a restored checkpoint", sizeof *restored);
    opening.manifest = &restored->manifest;
    TRY(catalog_choose(store, "spine_restore", &sequence, error));
    TRY(catalog_load(store, sequence, &restored->manifest, error));
    TRY(opening_init(&opening, error));
    for (size_t i = 0; i < opening.manifest->object_count; i++)
        TRY(open_object(&opening, i, error));
    for (size_t i = 0; i < opening.manifest->file_count; i++)
        TRY(open_file(&opening, i, error));
    bytes = opening.manifest->spine_count * sizeof *restored->spines;
    restored->spines = mem_zalloc(bytes > 0 ? bytes : 1);
    if (restored->spines == NULL) {
        st = fail_nomem(error, "the spines of a checkpoint", bytes);
        goto out;
    }
    for (size_t i = 0; i < opening.manifest->spine_count; i++)
        TRY(open_spine(&opening, i, &restored->spines[i], error));
    *out = restored;
    restored = NULL;
out:
    opening_release(&opening);
    spine_restored_free(restored);
    return st;
}

static enum spine_status
opening_init(struct opening *opening, struct spine_error *error)
{
    const struct manifest *manifest = opening->manifest;

    opening->objects = mem_zalloc(manifest->object_count * sizeof *opening->objects + 1);
    opening->files = mem_zalloc(manifest->file_count * sizeof *opening->files + 1);
    if (opening->objects != NULL && opening->files != NULL)
        return SPINE_OK;
    return fail_nomem(error, "the files of a checkpoint",
                      manifest->file_count * sizeof *opening->files);
}

static void
opening_release(struct opening *opening)
{
    const struct manifest *manifest = opening->manifest;

    for (size_t i = 0; opening->files != NULL && i < manifest->file_count; i++)
        spine_batch_unref(opening->files[i]);
    for (size_t i = 0; opening->objects != NULL && i < manifest->object_count; i++)
        store_object_unref(opening->objects[i]);
    mem_free(opening->files, manifest->file_count * sizeof *opening->files + 1);
    mem_free(opening->objects, manifest->object_count * sizeof *opening->objects + 1);
}

static enum spine_status
open_object(struct opening *opening, size_t index, struct spine_error *error)
{
    const struct manifest_object *described = &opening->manifest->objects[index];
    struct store_object **object = &opening->objects[index];
    struct spine_error why = {0};
    enum spine_status st =
        store_object_open(opening->store, described->name, object, &why);

    if (st == SPINE_NOT_FOUND)
        why.status = SPINE_CORRUPT;
    if (st != SPINE_OK)
        return fail_here(opening, &why, error);
    /* It was durable before its manifest was. */
    if ((*object)->bytes != described->bytes)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: has %" PRIu64 " bytes; checkpoint %" PRIu64
                          " says %" PRIu64,
                          described->name, (*object)->bytes, opening->manifest->sequence,
                          described->bytes);
    store_object_mark_durable(*object);
    return SPINE_OK;
}

static enum spine_status
open_file(struct opening *opening, size_t index, struct spine_error *error)
{
    const struct manifest_file *described = &opening->manifest->files[index];
    struct store_file *file;
    enum spine_status st;

    TRY_RETURN(store_file_in_object(opening->objects[described->object],
                                    described->offset, described->bytes, &file, error));
    st = batch_of_file(file, &opening->files[index], error);
    store_file_unref(file);
    return st;
}

static enum spine_status
open_spine(struct opening *opening, size_t index, struct spine **out,
           struct spine_error *error)
{
    const struct manifest_spine *described = &opening->manifest->spines[index];
    struct spine_schema schema = {0};
    struct spine_cut *cut = NULL;
    struct layout layout;
    struct spine_error why = {0};
    enum spine_status st;

    st = schema_decode((struct span){described->schema, described->schema_bytes}, &schema,
                       &why);
    if (st == SPINE_OK)
        st = layout_init(&layout, &schema, &why);
    if (st == SPINE_OK) {
        cut = cut_new(&described->options);
        if (cut == NULL)
            st = fail_nomem(&why, "a cut", sizeof *cut);
    }
    if (st == SPINE_OK)
        st = fill_cut(opening, described, &layout, cut, &why);
    if (st == SPINE_OK)
        st = spine_open_cut(opening->runtime, cut, out, &why);
    if (st != SPINE_OK) {
        struct spine_error here = {.status = st == SPINE_INVALID ? SPINE_CORRUPT : st};

        (void)spine_fail(&here, here.status, "spine \"%.60s\": %.150s", described->name,
                         why.message);
        st = fail_here(opening, &here, error);
    }
    spine_cut_unref(cut);
    schema_unref(&schema);
    return st;
}

static enum spine_status
fill_cut(struct opening *opening, const struct manifest_spine *described,
         const struct layout *layout, struct spine_cut *cut, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    cut->frontier = described->frontier;
    cut->has_frontier = described->has_frontier;
    cut->dirty = described->dirty;
    cut->inserted_batches = described->inserted_batches;
    cut->inserted_rows = described->inserted_rows;
    if (described->has_frontier && layout->schema.time == SPINE_UNTIMED)
        return spine_fail(error, SPINE_CORRUPT, "has a frontier and no times");
    cut->snapshot = snapshot_new(layout, NULL, NULL, described->batch_count);
    if (cut->snapshot == NULL)
        return fail_nomem(error, "a snapshot", snapshot_bytes(described->batch_count));
    for (size_t i = PLANTED(BATCH_FORGOTTEN);
         st == SPINE_OK && i < described->batch_count; i++) {
        const struct manifest_batch *batch =
            &opening->manifest->batches[described->batch_begin + i];
        struct spine_batch *opened;

        st = restore_batch(opening, batch, layout, &opened, error);
        if (st == SPINE_OK) {
            snapshot_append(cut->snapshot, opened);
            spine_batch_unref(opened);
        }
    }
    snapshot_mark_saved(cut->snapshot);
    return st;
}

static enum spine_status
restore_batch(struct opening *opening, const struct manifest_batch *described,
              const struct layout *layout, struct spine_batch **out,
              struct spine_error *error)
{
    const struct manifest_part *parts = &opening->manifest->parts[described->part_begin];
    const size_t bytes = described->part_count * sizeof(struct batch_range);
    struct batch_range *ranges = mem_alloc(bytes);
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (ranges == NULL)
        return fail_nomem(error, "the parts of a batch", bytes);
    for (size_t i = 0; i < described->part_count; i++) {
        struct spine_batch *batch = opening->files[parts[i].file];

        ranges[i] = (struct batch_range){batch, parts[i].first, parts[i].count};
        if (!spine_schema_equal(&batch->layout.schema, &layout->schema)) {
            st = fail_schema(error, "a file", &batch->layout.schema, &layout->schema);
            goto out;
        }
    }
    if (described->part_count == 1 && ranges[0].first == 0 &&
        ranges[0].count == ranges[0].batch->block_count)
        *out = spine_batch_ref(ranges[0].batch);
    else
        TRY(batch_of_ranges(layout, ranges, described->part_count, out, error));
    if ((*out)->info.rows != described->rows) {
        st =
            spine_fail(error, SPINE_CORRUPT, "a batch has %" PRIu64 " rows, not %" PRIu64,
                       (*out)->info.rows, described->rows);
        spine_batch_unref(*out);
        *out = NULL;
    }
out:
    mem_free(ranges, bytes);
    return st;
}

/* Fails with `why`, which the checkpoint refers to. */
static enum spine_status
fail_here(const struct opening *opening, const struct spine_error *why,
          struct spine_error *error)
{
    return spine_fail(error, why->status, "checkpoint %" PRIu64 ": %s",
                      opening->manifest->sequence, why->message);
}

uint64_t
spine_restored_sequence(const struct spine_restored *restored)
{
    return restored != NULL ? restored->manifest.sequence : 0;
}

const void *
spine_restored_user_data(const struct spine_restored *restored, size_t *bytes)
{
    if (bytes != NULL)
        *bytes = restored != NULL ? restored->manifest.user_bytes : 0;
    return restored != NULL ? restored->manifest.user_data : NULL;
}

size_t
spine_restored_count(const struct spine_restored *restored)
{
    return restored != NULL ? restored->manifest.spine_count : 0;
}

bool
spine_restored_get_item(const struct spine_restored *restored, size_t index,
                        struct spine_restored_item *out)
{
    const struct manifest_spine *described;

    if (out == NULL)
        return false;
    *out = (struct spine_restored_item){0};
    if (restored == NULL || index >= restored->manifest.spine_count)
        return false;
    described = &restored->manifest.spines[index];
    *out = (struct spine_restored_item){
        .name = described->name,
        .spine = restored->spines[index],
        .key_filter = described->has_key_filter ? described->key_filter : NULL,
        .value_filter = described->has_value_filter ? described->value_filter : NULL};
    return true;
}

struct spine *
spine_restored_take(struct spine_restored *restored, const char *name)
{
    if (restored == NULL || name == NULL)
        return NULL;
    for (size_t i = 0; i < restored->manifest.spine_count; i++)
        if (strcmp(restored->manifest.spines[i].name, name) == 0) {
            struct spine *spine = restored->spines[i];

            restored->spines[i] = NULL;
            return spine;
        }
    return NULL;
}

void
spine_restored_free(struct spine_restored *restored)
{
    const size_t count = restored != NULL ? restored->manifest.spine_count : 0;

    if (restored == NULL)
        return;
    for (size_t i = 0; restored->spines != NULL && i < count; i++)
        spine_close(restored->spines[i]);
    if (restored->spines != NULL)
        mem_free(restored->spines, count > 0 ? count * sizeof *restored->spines : 1);
    manifest_release(&restored->manifest);
    mem_free(restored, sizeof *restored);
}
