/* SPDX-License-Identifier: MIT */

/*
 * spine list: the checkpoints of a directory, and the spines in each, as text or as JSON.
 */

#include "tool/tool.h"

#include "base/error.h"

#include <inttypes.h>
#include <time.h>

/* "2026-11-29T14:30:00.250Z", and more for years of more digits. */
#define DATE_BYTES 64

static void date_of(uint64_t made_ms, char date[DATE_BYTES]);
static uint64_t
listed_rows(const struct manifest *manifest, const struct manifest_spine *spine);
static uint64_t manifest_file_bytes(const struct manifest *manifest);
static enum spine_status
print_checkpoint(const struct tool_checkpoint *checkpoint, struct spine_error *error);
static enum spine_status print_spine(const struct manifest *manifest,
                                     const struct manifest_spine *spine,
                                     struct spine_error *error);
static cJSON *json_of_checkpoint(const struct tool_checkpoint *checkpoint);
static cJSON *
json_of_listed_spine(const struct manifest *manifest, const struct manifest_spine *spine);

enum spine_status
tool_list(const struct tool_target *target, const struct tool_options *options,
          struct spine_error *error)
{
    cJSON *list = options->json ? cJSON_CreateArray() : NULL;
    enum spine_status st = SPINE_OK;

    if (options->json && list == NULL)
        return fail_nomem(error, "the output", 0);
    for (size_t i = 0; i < target->checkpoint_count; i++) {
        if (list == NULL) {
            TRY(print_checkpoint(&target->checkpoints[i], error));
        } else {
            cJSON *const json = json_of_checkpoint(&target->checkpoints[i]);

            if (json == NULL || !cJSON_AddItemToArray(list, json)) {
                cJSON_Delete(json);
                st = fail_nomem(error, "the output", 0);
                goto out;
            }
        }
    }
    if (list != NULL) {
        cJSON *const whole = list;

        list = NULL;
        TRY(json_print(whole, true, error));
    }
    st = target_check(target, error);
out:
    cJSON_Delete(list);
    return st;
}

/* By the clock of the process that made it, in UTC. */
static void
date_of(uint64_t made_ms, char date[DATE_BYTES])
{
    const time_t seconds = (time_t)(made_ms / 1000);
    struct tm parts;
    size_t size = 0;

    if (gmtime_r(&seconds, &parts) != NULL)
        size = strftime(date, DATE_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(date + size, DATE_BYTES - size, ".%03uZ", (unsigned)(made_ms % 1000));
}

static uint64_t
listed_rows(const struct manifest *manifest, const struct manifest_spine *spine)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < spine->batch_count; i++)
        rows += manifest->batches[spine->batch_begin + i].rows;
    return rows;
}

static uint64_t
manifest_file_bytes(const struct manifest *manifest)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < manifest->object_count; i++)
        bytes += manifest->objects[i].bytes;
    return bytes;
}

static enum spine_status
print_checkpoint(const struct tool_checkpoint *checkpoint, struct spine_error *error)
{
    const struct manifest *manifest = &checkpoint->manifest;
    enum spine_status st = SPINE_OK;
    char date[DATE_BYTES];

    if (checkpoint->status != SPINE_OK) {
        (void)printf("%" PRIu64 "  %s: %s\n", checkpoint->sequence,
                     spine_status_name(checkpoint->status), checkpoint->why.message);
        return SPINE_OK;
    }
    date_of(manifest->made_ms, date);
    (void)printf("%" PRIu64 "  %s  %zu spine%s, %zu file%s of %" PRIu64
                 " bytes, %zu bytes of user data\n",
                 checkpoint->sequence, date, manifest->spine_count,
                 manifest->spine_count == 1 ? "" : "s", manifest->object_count,
                 manifest->object_count == 1 ? "" : "s", manifest_file_bytes(manifest),
                 manifest->user_bytes);
    for (size_t i = 0; st == SPINE_OK && i < manifest->spine_count; i++)
        st = print_spine(manifest, &manifest->spines[i], error);
    return st;
}

static enum spine_status
print_spine(const struct manifest *manifest, const struct manifest_spine *spine,
            struct spine_error *error)
{
    struct spine_schema schema = {0};
    struct text schema_text = {0};
    enum spine_status st;

    TRY(schema_decode((struct span){spine->schema, spine->schema_bytes}, &schema, error));
    if (!text_add_schema(&schema_text, &schema)) {
        st = fail_nomem(error, "the output", 0);
        goto out;
    }
    (void)printf("    %s: %" PRIu64 " rows in %zu batch%s; %s", spine->name,
                 listed_rows(manifest, spine), spine->batch_count,
                 spine->batch_count == 1 ? "" : "es", schema_text.data);
    if (spine->has_frontier)
        (void)printf("; frontier %" PRIu64, spine->frontier);
    (void)printf("%s\n", spine->dirty ? "; dirty" : "");
out:
    text_release(&schema_text);
    schema_unref(&schema);
    return st;
}

static cJSON *
json_of_checkpoint(const struct tool_checkpoint *checkpoint)
{
    const struct manifest *manifest = &checkpoint->manifest;
    const bool is_whole = checkpoint->status == SPINE_OK;
    cJSON *json = cJSON_CreateObject(), *spines;
    char date[DATE_BYTES];
    bool whole;

    whole = json_add(json, "sequence", json_u64(checkpoint->sequence)) &&
            json_add(json, "ok", cJSON_CreateBool(is_whole));
    if (!is_whole) {
        whole = whole &&
                json_add(json, "status",
                         cJSON_CreateString(spine_status_name(checkpoint->status))) &&
                json_add(json, "message", cJSON_CreateString(checkpoint->why.message));
        goto out;
    }
    date_of(manifest->made_ms, date);
    whole = whole && json_add(json, "made", cJSON_CreateString(date)) &&
            json_add(json, "made_ms", json_u64(manifest->made_ms)) &&
            json_add(json, "files", json_u64(manifest->object_count)) &&
            json_add(json, "bytes", json_u64(manifest_file_bytes(manifest))) &&
            json_add(json, "user_bytes", json_u64(manifest->user_bytes));
    spines = whole ? cJSON_CreateArray() : NULL;
    whole = whole && json_add(json, "spines", spines);
    for (size_t i = 0; whole && i < manifest->spine_count; i++) {
        cJSON *const spine = json_of_listed_spine(manifest, &manifest->spines[i]);

        whole = spine != NULL && cJSON_AddItemToArray(spines, spine);
    }
out:
    if (whole)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static cJSON *
json_of_listed_spine(const struct manifest *manifest, const struct manifest_spine *spine)
{
    const struct span encoded = {spine->schema, spine->schema_bytes};
    cJSON *json = cJSON_CreateObject();
    struct spine_schema schema = {0};
    bool whole = json_add(json, "name", cJSON_CreateString(spine->name)) &&
                 json_add(json, "rows", json_u64(listed_rows(manifest, spine))) &&
                 json_add(json, "batches", json_u64(spine->batch_count)) &&
                 json_add(json, "dirty", cJSON_CreateBool(spine->dirty));

    if (whole && spine->has_frontier)
        whole = json_add(json, "frontier", json_u64(spine->frontier));
    if (whole && schema_decode(encoded, &schema, NULL) == SPINE_OK)
        whole = json_add(json, "schema", json_schema(&schema));
    schema_unref(&schema);
    if (whole)
        return json;
    cJSON_Delete(json);
    return NULL;
}
