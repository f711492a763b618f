/* SPDX-License-Identifier: MIT */

/*
 * A manifest from text, which may be anything: the checksum says that it is what was
 * written, everything else is checked all the same. The message names the member that is
 * the first to be wrong.
 */

#include "checkpoint/manifest_text.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "observe/observe.h"
#include "store/store.h"

#include <string.h>

struct decoder {
    struct manifest *manifest;
    const char *name; /* of the object */
    enum spine_status status;
    struct spine_error *error;
};

static void decode_head(struct decoder *decoder, const cJSON *json);
static void decode_objects(struct decoder *decoder, const cJSON *json);
static void decode_files(struct decoder *decoder, const cJSON *json);
static void decode_spine(struct decoder *decoder, const cJSON *json);
static void
decode_options(struct decoder *decoder, const cJSON *json, struct manifest_spine *spine);
static void decode_batch(struct decoder *decoder, const cJSON *json);
static void
decode_part(struct decoder *decoder, const cJSON *json, struct manifest_batch *batch);
static void check_names(struct decoder *decoder);

static void
decoder_fail(struct decoder *decoder, enum spine_status status, const char *member)
{
    if (decoder->status != SPINE_OK)
        return;
    decoder->status =
        spine_fail(decoder->error, status,
                   status == SPINE_NOMEM ? "%s: no memory for \"%s\""
                                         : "%s: \"%s\" is missing or makes no sense",
                   decoder->name, member);
}

static const cJSON *
member(const cJSON *json, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

/* The number of a string of digits, up to `most`. */
static uint64_t
get_u64(struct decoder *decoder, const cJSON *json, const char *name, uint64_t most)
{
    const cJSON *item = member(json, name);
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    uint64_t number = 0;

    if (text[0] == 0 || strspn(text, "0123456789") != strlen(text) || strlen(text) > 20)
        decoder_fail(decoder, SPINE_CORRUPT, name);
    for (; decoder->status == SPINE_OK && *text != 0; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');

        if (number > (most - digit) / 10)
            decoder_fail(decoder, SPINE_CORRUPT, name);
        number = number * 10 + digit;
    }
    return decoder->status == SPINE_OK ? number : 0;
}

/* A number of JSON that is less than `end`. */
static size_t
get_index(struct decoder *decoder, const cJSON *item, const char *name, size_t end)
{
    const double number = cJSON_IsNumber(item) ? item->valuedouble : -1;

    if (number >= 0 && number < (double)end && (double)(size_t)number == number)
        return (size_t)number;
    decoder_fail(decoder, SPINE_CORRUPT, name);
    return 0;
}

static bool
get_bool(struct decoder *decoder, const cJSON *json, const char *name)
{
    const cJSON *item = member(json, name);

    if (!cJSON_IsBool(item))
        decoder_fail(decoder, SPINE_CORRUPT, name);
    return cJSON_IsTrue(item);
}

/* Text of at most `size` - 1 bytes, and at least `least`. */
static void
get_text(struct decoder *decoder, const cJSON *json, const char *name, char *out,
         size_t size, size_t least)
{
    const cJSON *item = member(json, name);
    const char *text = cJSON_IsString(item) ? item->valuestring : NULL;

    if (text == NULL || strlen(text) < least || !name_is_text(text, size - 1))
        decoder_fail(decoder, SPINE_CORRUPT, name);
    else
        memcpy(out, text, strlen(text) + 1);
}

static unsigned
digit_of(char letter)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, letter);

    assert(letter != 0);
    return at != NULL ? (unsigned)(at - digits) : 16;
}

/* Bytes in hexadecimal digits, which the manifest frees. */
static void
get_bytes(struct decoder *decoder, const cJSON *json, const char *name, size_t most,
          uint8_t **data, size_t *bytes)
{
    const cJSON *item = member(json, name);
    const char *text = cJSON_IsString(item) ? item->valuestring : "-";
    const size_t size = strlen(text) / 2;

    if (strlen(text) % 2 != 0 || size > most) {
        decoder_fail(decoder, SPINE_CORRUPT, name);
        return;
    }
    if (size == 0)
        return;
    *data = mem_alloc(size);
    if (*data == NULL) {
        decoder_fail(decoder, SPINE_NOMEM, name);
        return;
    }
    *bytes = size;
    for (size_t i = 0; i < size; i++) {
        const unsigned high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high > 15 || low > 15)
            decoder_fail(decoder, SPINE_CORRUPT, name);
        (*data)[i] = (uint8_t)(high << 4 | low);
    }
}

static const cJSON *
get_array(struct decoder *decoder, const cJSON *json, const char *name)
{
    const cJSON *item = member(json, name);

    if (!cJSON_IsArray(item))
        decoder_fail(decoder, SPINE_CORRUPT, name);
    return item;
}

/* Is the text what was written under that name? */
static enum spine_status
check_seal(const char *name, const char *text, size_t bytes, uint64_t sequence,
           struct spine_error *error)
{
    char end[MANIFEST_SEAL_BYTES + 1];

    if (bytes <= MANIFEST_SEAL_BYTES)
        return spine_fail(error, SPINE_CORRUPT, "%s: has %zu bytes", name, bytes);
    manifest_seal(text, bytes - MANIFEST_SEAL_BYTES, sequence, end);
    if (memcmp(text + bytes - MANIFEST_SEAL_BYTES, end, MANIFEST_SEAL_BYTES) != 0 &&
        !PLANTED(SEAL_IGNORED))
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: is not what was written: its checksum differs", name);
    return SPINE_OK;
}

enum spine_status
manifest_decode(const char *name, const char *text, size_t bytes, struct manifest *out,
                struct spine_error *error)
{
    struct decoder decoder = {.manifest = out, .name = name, .error = error};
    const uint64_t sequence = manifest_sequence(name);
    cJSON *json = NULL;

    *out = (struct manifest){0};
    decoder.status = check_seal(name, text, bytes, sequence, error);
    if (decoder.status == SPINE_OK) {
        json = cJSON_ParseWithLength(text, bytes);
        if (json == NULL)
            decoder.status = spine_fail(error, SPINE_CORRUPT, "%s: is no JSON", name);
    }
    if (decoder.status == SPINE_OK)
        decode_head(&decoder, json);
    if (decoder.status == SPINE_OK && out->sequence != sequence)
        decoder_fail(&decoder, SPINE_CORRUPT, "sequence");
    if (decoder.status == SPINE_OK)
        decode_objects(&decoder, json);
    if (decoder.status == SPINE_OK)
        decode_files(&decoder, json);
    if (decoder.status == SPINE_OK) {
        const cJSON *spine, *spines = get_array(&decoder, json, "spines");

        cJSON_ArrayForEach(spine, spines) if (decoder.status == SPINE_OK)
            decode_spine(&decoder, spine);
    }
    check_names(&decoder);
    cJSON_Delete(json);
    if (decoder.status != SPINE_OK)
        manifest_release(out);
    assert(decoder.status != SPINE_OK || out->sequence > 0);
    return decoder.status;
}

static void
decode_head(struct decoder *decoder, const cJSON *json)
{
    struct manifest *manifest = decoder->manifest;
    const cJSON *version = member(json, "spine_checkpoint");
    const cJSON *features = get_array(decoder, json, "features");

    if (!cJSON_IsNumber(version))
        decoder_fail(decoder, SPINE_CORRUPT, "spine_checkpoint");
    if (decoder->status != SPINE_OK)
        return;
    if (version->valuedouble != MANIFEST_VERSION) {
        decoder->status =
            spine_fail(decoder->error, SPINE_INVALID,
                       "%s: is of version %g, this library knows version %d",
                       decoder->name, version->valuedouble, MANIFEST_VERSION);
        return;
    }
    if (cJSON_GetArraySize(features) > 0) {
        const cJSON *first = cJSON_GetArrayItem(features, 0);

        decoder->status =
            spine_fail(decoder->error, SPINE_INVALID,
                       "%s: has the feature \"%.40s\", which this library does not know",
                       decoder->name, cJSON_IsString(first) ? first->valuestring : "?");
        return;
    }
    manifest->sequence = get_u64(decoder, json, "sequence", UINT64_MAX);
    manifest->made_ms = get_u64(decoder, json, "made_ms", UINT64_MAX);
    get_bytes(decoder, json, "user_data", SPINE_USER_DATA_MAX, &manifest->user_data,
              &manifest->user_bytes);
}

static void
decode_objects(struct decoder *decoder, const cJSON *json)
{
    const cJSON *item, *array = get_array(decoder, json, "objects");

    cJSON_ArrayForEach(item, array)
    {
        struct manifest_object *object = manifest_add_object(decoder->manifest);

        if (object == NULL) {
            decoder_fail(decoder, SPINE_NOMEM, "objects");
            return;
        }
        get_text(decoder, item, "name", object->name, sizeof object->name, 1);
        object->bytes = get_u64(decoder, item, "bytes", INT64_MAX);
        if (decoder->status == SPINE_OK && !store_name_is_of_batches(object->name))
            decoder_fail(decoder, SPINE_CORRUPT, "objects");
    }
}

static void
decode_files(struct decoder *decoder, const cJSON *json)
{
    const cJSON *item, *array = get_array(decoder, json, "files");
    struct manifest *manifest = decoder->manifest;

    cJSON_ArrayForEach(item, array)
    {
        struct manifest_file *file = manifest_add_file(manifest);

        if (file == NULL) {
            decoder_fail(decoder, SPINE_NOMEM, "files");
            return;
        }
        file->object =
            get_index(decoder, member(item, "object"), "object", manifest->object_count);
        file->offset = get_u64(decoder, item, "offset", INT64_MAX);
        file->bytes = get_u64(decoder, item, "bytes", INT64_MAX);
        if (decoder->status != SPINE_OK)
            return;
        if (file->offset > manifest->objects[file->object].bytes ||
            file->bytes > manifest->objects[file->object].bytes - file->offset)
            decoder_fail(decoder, SPINE_CORRUPT, "files");
    }
}

static void
decode_spine(struct decoder *decoder, const cJSON *json)
{
    struct manifest *manifest = decoder->manifest;
    struct manifest_spine *spine = manifest_add_spine(manifest);
    const cJSON *batch, *batches;

    if (spine == NULL) {
        decoder_fail(decoder, SPINE_NOMEM, "spines");
        return;
    }
    get_text(decoder, json, "name", spine->name, sizeof spine->name, 1);
    get_bytes(decoder, json, "schema", SIZE_MAX, &spine->schema, &spine->schema_bytes);
    decode_options(decoder, member(json, "options"), spine);
    spine->has_frontier = member(json, "frontier") != NULL;
    if (spine->has_frontier)
        spine->frontier = get_u64(decoder, json, "frontier", UINT64_MAX);
    spine->dirty = get_bool(decoder, json, "dirty");
    spine->inserted_batches = get_u64(decoder, json, "inserted_batches", UINT64_MAX);
    spine->inserted_rows = get_u64(decoder, json, "inserted_rows", UINT64_MAX);
    spine->has_key_filter = member(json, "key_filter") != NULL;
    if (spine->has_key_filter)
        get_text(decoder, json, "key_filter", spine->key_filter, sizeof spine->key_filter,
                 0);
    spine->has_value_filter = member(json, "value_filter") != NULL;
    if (spine->has_value_filter)
        get_text(decoder, json, "value_filter", spine->value_filter,
                 sizeof spine->value_filter, 0);
    batches = get_array(decoder, json, "batches");
    spine->batch_begin = manifest->batch_count;
    cJSON_ArrayForEach(batch, batches) if (decoder->status == SPINE_OK)
        decode_batch(decoder, batch);
    spine->batch_count = manifest->batch_count - spine->batch_begin;
}

/* The names of options are set by check_names(), when the spines do not move any more. */
static void
decode_options(struct decoder *decoder, const cJSON *json, struct manifest_spine *spine)
{
    struct spine_options *options = &spine->options;
    uint64_t rate;

    get_text(decoder, json, "name", spine->label, sizeof spine->label, 0);
    options->level0_rows = (uint32_t)get_u64(decoder, json, "level0_rows", UINT32_MAX);
    options->backpressure_batches =
        (uint32_t)get_u64(decoder, json, "backpressure_batches", UINT32_MAX);
    options->help_batches = (uint32_t)get_u64(decoder, json, "help_batches", UINT32_MAX);
    options->retry_ms = (uint32_t)get_u64(decoder, json, "retry_ms", UINT32_MAX);
    options->negative_weight_multiplier =
        (uint32_t)get_u64(decoder, json, "negative_weight_multiplier", UINT32_MAX);
    options->only_due_merges = get_bool(decoder, json, "only_due_merges");
    options->encode_rows = (uint32_t)get_u64(decoder, json, "encode_rows", UINT32_MAX);
    rate = get_u64(decoder, json, "filter_false_positive_rate_bits", UINT64_MAX);
    memcpy(&options->filter_false_positive_rate, &rate, sizeof rate);
    options->filter_rows_min = get_u64(decoder, json, "filter_rows_min", UINT64_MAX);
}

static void
decode_batch(struct decoder *decoder, const cJSON *json)
{
    struct manifest *manifest = decoder->manifest;
    struct manifest_batch *batch = manifest_add_batch(manifest);
    const cJSON *part, *parts = get_array(decoder, json, "parts");

    if (batch == NULL) {
        decoder_fail(decoder, SPINE_NOMEM, "batches");
        return;
    }
    batch->rows = get_u64(decoder, json, "rows", UINT64_MAX);
    batch->part_begin = manifest->part_count;
    cJSON_ArrayForEach(part, parts) if (decoder->status == SPINE_OK)
        decode_part(decoder, part, batch);
    if (batch->part_count == 0)
        decoder_fail(decoder, SPINE_CORRUPT, "parts");
}

/* [file, first block, blocks] */
static void
decode_part(struct decoder *decoder, const cJSON *json, struct manifest_batch *batch)
{
    struct manifest *manifest = decoder->manifest;
    struct manifest_part *part = manifest_add_part(manifest);

    if (part == NULL) {
        decoder_fail(decoder, SPINE_NOMEM, "parts");
        return;
    }
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 3) {
        decoder_fail(decoder, SPINE_CORRUPT, "parts");
        return;
    }
    part->file = get_index(decoder, json->child, "parts", manifest->file_count);
    part->first = (uint32_t)get_index(decoder, json->child->next, "parts", UINT32_MAX);
    part->count =
        (uint32_t)get_index(decoder, json->child->next->next, "parts", UINT32_MAX);
    if (part->count == 0)
        decoder_fail(decoder, SPINE_CORRUPT, "parts");
    batch->part_count++;
}

/* No two spines have the same name. Also sets the names of their options. */
static void
check_names(struct decoder *decoder)
{
    const struct manifest *manifest = decoder->manifest;
    const size_t bytes = manifest->spine_count * sizeof(char *);
    const char **names;

    if (decoder->status != SPINE_OK || manifest->spine_count == 0)
        return;
    names = mem_alloc(bytes);
    if (names == NULL) {
        decoder_fail(decoder, SPINE_NOMEM, "spines");
        return;
    }
    for (size_t i = 0; i < manifest->spine_count; i++) {
        manifest->spines[i].options.name = manifest->spines[i].label;
        names[i] = manifest->spines[i].name;
    }
    if (name_twice(names, manifest->spine_count) != NULL)
        decoder_fail(decoder, SPINE_CORRUPT, "name");
    mem_free(names, bytes);
}
