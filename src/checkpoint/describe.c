/* SPDX-License-Identifier: MIT */

/*
 * Describes what was gathered as a manifest: blocks side by side in one file are one
 * part.
 */

#include "checkpoint/gather.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <string.h>

static enum spine_status describe_spine(struct gather *gather, size_t index,
                                        struct manifest *manifest,
                                        struct spine_error *error);
static enum spine_status describe_cut(const struct gather_item *item,
                                      struct manifest_spine *spine,
                                      struct spine_error *error);
static enum spine_status
describe_batch(struct gather *gather, const struct batch_places *places,
               struct manifest *manifest, struct spine_error *error);
static enum spine_status number_of_file(struct gather *gather, struct store_file *file,
                                        struct manifest *manifest, size_t *number,
                                        struct spine_error *error);
static enum spine_status
number_of_object(struct gather *gather, struct store_object *object,
                 struct manifest *manifest, size_t *number, struct spine_error *error);

enum spine_status
gather_describe(struct gather *gather, struct manifest *manifest,
                struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    assert(gather->object_count == 0 && manifest->spine_count == 0);
    for (size_t i = 0; st == SPINE_OK && i < gather->item_count; i++)
        st = describe_spine(gather, i, manifest, error);
    assert(st != SPINE_OK || (manifest->file_count == gather->file_count &&
                              manifest->object_count == gather->object_count));
    return st;
}

static enum spine_status
describe_spine(struct gather *gather, size_t index, struct manifest *manifest,
               struct spine_error *error)
{
    const struct gather_item *item = &gather->items[index];
    const size_t batches = item->cut->snapshot->batch_count;
    struct manifest_spine *spine = manifest_add_spine(manifest);

    if (spine == NULL)
        return fail_nomem(error, "a spine of a checkpoint", sizeof *spine);
    spine->batch_begin = manifest->batch_count;
    spine->batch_count = batches;
    TRY_RETURN(describe_cut(item, spine, error));
    for (size_t i = 0; i < batches; i++)
        TRY_RETURN(describe_batch(gather, gather->places[item->places_begin + i].places,
                                  manifest, error));
    return SPINE_OK;
}

static enum spine_status
describe_cut(const struct gather_item *item, struct manifest_spine *spine,
             struct spine_error *error)
{
    const struct spine_cut *cut = item->cut;
    struct wire_writer schema = {0};
    enum spine_status st = SPINE_OK;

    memcpy(spine->name, item->name, strlen(item->name) + 1);
    spine->options = cut->options;
    spine->frontier = cut->frontier;
    spine->has_frontier = cut->has_frontier;
    spine->dirty = cut->dirty;
    spine->inserted_batches = cut->inserted_batches;
    spine->inserted_rows = cut->inserted_rows;
    spine->has_key_filter = cut->key_filter != NULL;
    spine->has_value_filter = cut->value_filter != NULL;
    memcpy(spine->key_filter, key_filter_name(cut->key_filter),
           strlen(key_filter_name(cut->key_filter)) + 1);
    memcpy(spine->value_filter, value_filter_name(cut->value_filter),
           strlen(value_filter_name(cut->value_filter)) + 1);
    schema_encode(&cut->snapshot->layout.schema, &schema);
    spine->schema = schema.failed ? NULL : mem_alloc(schema.size);
    if (spine->schema == NULL) {
        st = fail_nomem(error, "the schema of a checkpoint", schema.size);
        goto out;
    }
    memcpy(spine->schema, schema.bytes, schema.size);
    spine->schema_bytes = schema.size;
out:
    wire_release(&schema);
    return st;
}

static enum spine_status
describe_batch(struct gather *gather, const struct batch_places *places,
               struct manifest *manifest, struct spine_error *error)
{
    struct manifest_batch *batch = manifest_add_batch(manifest);
    struct manifest_part *part = NULL;

    if (batch == NULL)
        return fail_nomem(error, "a batch of a checkpoint", sizeof *batch);
    batch->rows = places->batch->info.rows;
    batch->part_begin = manifest->part_count;
    for (size_t i = 0; i < places->count; i++) {
        uint32_t number;
        size_t file;

        TRY_RETURN(number_of_file(gather, batch_place(places, i, &number), manifest,
                                  &file, error));
        if (part == NULL || part->file != file || part->first + part->count != number) {
            part = manifest_add_part(manifest);
            if (part == NULL)
                return fail_nomem(error, "a part of a checkpoint", sizeof *part);
            *part = (struct manifest_part){.file = file, .first = number};
            batch->part_count++;
        }
        part->count++;
    }
    return SPINE_OK;
}

/* The number of a file in the manifest, which it is added to if it is new. */
static enum spine_status
number_of_file(struct gather *gather, struct store_file *file, struct manifest *manifest,
               size_t *number, struct spine_error *error)
{
    struct manifest_file *described;
    size_t object;

    if (pointer_index_find(&gather->file_numbers, file, number))
        return SPINE_OK;
    TRY_RETURN(number_of_object(gather, file->object, manifest, &object, error));
    described = manifest_add_file(manifest);
    if (described == NULL ||
        !pointer_index_add(&gather->file_numbers, file, gather->file_count))
        return fail_nomem(error, "a file of a checkpoint", sizeof *described);
    *described = (struct manifest_file){
        .object = object, .offset = file->base, .bytes = file->footer.file_bytes};
    *number = gather->file_count++;
    return SPINE_OK;
}

static enum spine_status
number_of_object(struct gather *gather, struct store_object *object,
                 struct manifest *manifest, size_t *number, struct spine_error *error)
{
    struct manifest_object *described;

    if (pointer_index_find(&gather->object_numbers, object, number))
        return SPINE_OK;
    if (!array_reserve(&gather->objects, &gather->object_room, sizeof *gather->objects,
                       gather->object_count + 1))
        return fail_nomem(error, "the files of a checkpoint", sizeof *gather->objects);
    described = manifest_add_object(manifest);
    if (described == NULL ||
        !pointer_index_add(&gather->object_numbers, object, gather->object_count))
        return fail_nomem(error, "a file of a checkpoint", sizeof *described);
    memcpy(described->name, object->name, sizeof described->name);
    described->bytes = object->bytes;
    *number = gather->object_count++;
    gather->objects[*number] = (struct gather_object){
        .object = store_object_ref(object), .was_kept = atomic_load(&object->kept)};
    return SPINE_OK;
}
