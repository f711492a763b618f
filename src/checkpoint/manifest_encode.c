/* SPDX-License-Identifier: MIT */

/*
 * A manifest as text (MANIFEST.md).
 */

#include "checkpoint/manifest_text.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static cJSON *json_of_manifest(const struct manifest *manifest);
static cJSON *json_of_objects(const struct manifest *manifest);
static cJSON *json_of_files(const struct manifest *manifest);
static cJSON *
json_of_spine(const struct manifest *manifest, const struct manifest_spine *spine);
static cJSON *json_of_options(const struct spine_options *options);
static cJSON *
json_of_batch(const struct manifest *manifest, const struct manifest_batch *batch);
static enum spine_status seal(const char *json, uint64_t sequence, char **text,
                              size_t *bytes, struct spine_error *error);

/* A JSON object under way; NULL once there was no memory for it. */
static cJSON *
with(cJSON *object, const char *name, cJSON *item)
{
    if (object != NULL && item != NULL && cJSON_AddItemToObject(object, name, item))
        return object;
    cJSON_Delete(object);
    cJSON_Delete(item);
    return NULL;
}

static cJSON *
appended(cJSON *array, cJSON *item)
{
    if (array != NULL && item != NULL && cJSON_AddItemToArray(array, item))
        return array;
    cJSON_Delete(array);
    cJSON_Delete(item);
    return NULL;
}

/* Numbers of 64 bits are strings: a number of JSON may have 53. */
static cJSON *
json_of_u64(uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    return cJSON_CreateString(text);
}

static cJSON *
json_of_bytes(const uint8_t *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    const size_t size = 2 * bytes + 1;
    char *hex = mem_alloc(size);
    cJSON *json;

    if (hex == NULL)
        return NULL;
    for (size_t i = 0; i < bytes; i++) {
        hex[2 * i] = digits[data[i] >> 4];
        hex[2 * i + 1] = digits[data[i] & 15];
    }
    hex[2 * bytes] = 0;
    json = cJSON_CreateString(hex);
    mem_free(hex, size);
    return json;
}

enum spine_status
manifest_encode(const struct manifest *manifest, char **text, size_t *bytes,
                struct spine_error *error)
{
    assert(manifest->sequence > 0);
    cJSON *json = json_of_manifest(manifest);
    char *printed = json != NULL ? cJSON_Print(json) : NULL;
    enum spine_status st;

    *text = NULL;
    *bytes = 0;
    if (printed == NULL)
        st = fail_nomem(error, "a manifest", manifest->part_count * sizeof(cJSON));
    else
        st = seal(printed, manifest->sequence, text, bytes, error);
    cJSON_free(printed);
    cJSON_Delete(json);
    return st;
}

/* The text with the checksum of all that is before it as its last member. */
static enum spine_status
seal(const char *json, uint64_t sequence, char **text, size_t *bytes,
     struct spine_error *error)
{
    /* Without the end of the outermost object. */
    const size_t size = strlen(json) - strlen("\n}");
    char *sealed = mem_alloc(size + MANIFEST_SEAL_BYTES);
    char end[MANIFEST_SEAL_BYTES + 1];

    if (sealed == NULL)
        return fail_nomem(error, "a manifest", size + MANIFEST_SEAL_BYTES);
    memcpy(sealed, json, size);
    manifest_seal(sealed, size, sequence, end);
    memcpy(sealed + size, end, MANIFEST_SEAL_BYTES);
    *text = sealed;
    *bytes = size + MANIFEST_SEAL_BYTES;
    return SPINE_OK;
}

static cJSON *
json_of_manifest(const struct manifest *manifest)
{
    cJSON *json = cJSON_CreateObject(), *spines = cJSON_CreateArray();

    json = with(json, "spine_checkpoint", cJSON_CreateNumber(MANIFEST_VERSION));
    json = with(json, "features", cJSON_CreateArray());
    json = with(json, "sequence", json_of_u64(manifest->sequence));
    json = with(json, "made_ms", json_of_u64(manifest->made_ms));
    json =
        with(json, "user_data", json_of_bytes(manifest->user_data, manifest->user_bytes));
    json = with(json, "objects", json_of_objects(manifest));
    json = with(json, "files", json_of_files(manifest));
    for (size_t i = 0; i < manifest->spine_count; i++)
        spines = appended(spines, json_of_spine(manifest, &manifest->spines[i]));
    return with(json, "spines", spines);
}

static cJSON *
json_of_objects(const struct manifest *manifest)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < manifest->object_count; i++) {
        const struct manifest_object *object = &manifest->objects[i];
        cJSON *json = cJSON_CreateObject();

        json = with(json, "name", cJSON_CreateString(object->name));
        array = appended(array, with(json, "bytes", json_of_u64(object->bytes)));
    }
    return array;
}

static cJSON *
json_of_files(const struct manifest *manifest)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        cJSON *json = cJSON_CreateObject();

        json = with(json, "object", cJSON_CreateNumber((double)file->object));
        json = with(json, "offset", json_of_u64(file->offset));
        array = appended(array, with(json, "bytes", json_of_u64(file->bytes)));
    }
    return array;
}

static cJSON *
json_of_spine(const struct manifest *manifest, const struct manifest_spine *spine)
{
    cJSON *json = cJSON_CreateObject(), *batches = cJSON_CreateArray();

    json = with(json, "name", cJSON_CreateString(spine->name));
    json = with(json, "schema", json_of_bytes(spine->schema, spine->schema_bytes));
    json = with(json, "options", json_of_options(&spine->options));
    if (spine->has_frontier)
        json = with(json, "frontier", json_of_u64(spine->frontier));
    json = with(json, "dirty", cJSON_CreateBool(spine->dirty));
    json = with(json, "inserted_batches", json_of_u64(spine->inserted_batches));
    json = with(json, "inserted_rows", json_of_u64(spine->inserted_rows));
    if (spine->has_key_filter)
        json = with(json, "key_filter", cJSON_CreateString(spine->key_filter));
    if (spine->has_value_filter)
        json = with(json, "value_filter", cJSON_CreateString(spine->value_filter));
    for (size_t i = 0; i < spine->batch_count; i++)
        batches = appended(
            batches, json_of_batch(manifest, &manifest->batches[spine->batch_begin + i]));
    return with(json, "batches", batches);
}

static cJSON *
json_of_options(const struct spine_options *options)
{
    uint64_t rate;
    cJSON *json = cJSON_CreateObject();

    memcpy(&rate, &options->filter_false_positive_rate, sizeof rate);
    json = with(json, "name", cJSON_CreateString(options->name));
    json = with(json, "level0_rows", json_of_u64(options->level0_rows));
    json = with(json, "backpressure_batches", json_of_u64(options->backpressure_batches));
    json = with(json, "help_batches", json_of_u64(options->help_batches));
    json = with(json, "retry_ms", json_of_u64(options->retry_ms));
    json = with(json, "negative_weight_multiplier",
                json_of_u64(options->negative_weight_multiplier));
    json = with(json, "only_due_merges", cJSON_CreateBool(options->only_due_merges));
    json = with(json, "encode_rows", json_of_u64(options->encode_rows));
    json = with(json, "filter_false_positive_rate_bits", json_of_u64(rate));
    return with(json, "filter_rows_min", json_of_u64(options->filter_rows_min));
}

/* Its parts are [file, first block, blocks]. */
static cJSON *
json_of_batch(const struct manifest *manifest, const struct manifest_batch *batch)
{
    cJSON *json = cJSON_CreateObject(), *parts = cJSON_CreateArray();

    json = with(json, "rows", json_of_u64(batch->rows));
    for (size_t i = 0; i < batch->part_count; i++) {
        const struct manifest_part *part = &manifest->parts[batch->part_begin + i];
        cJSON *numbers = cJSON_CreateArray();

        numbers = appended(numbers, cJSON_CreateNumber((double)part->file));
        numbers = appended(numbers, cJSON_CreateNumber(part->first));
        numbers = appended(numbers, cJSON_CreateNumber(part->count));
        parts = appended(parts, numbers);
    }
    return with(json, "parts", parts);
}
