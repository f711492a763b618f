/* SPDX-License-Identifier: MIT */

/*
 * What is known of batch files. One pass over the images of blocks tells how many bytes
 * each column has; everything else is at the end of a file.
 */

#include "tool/tool.h"

#include "base/alloc.h"
#include "base/error.h"

#include <inttypes.h>

/* What an image is made of. */
enum column_bytes { OF_KEYS, OF_VALUES, OF_TIMES, OF_WEIGHTS, OF_STRUCTURE, COLUMNS };

static const char *const column_names[COLUMNS] = {
    [OF_KEYS] = "keys",       [OF_VALUES] = "values",       [OF_TIMES] = "times",
    [OF_WEIGHTS] = "weights", [OF_STRUCTURE] = "structure",
};

/* Where the bytes of an array count. */
static const enum column_bytes column_of_part[PART_COUNT] = {
    [PART_KEY_ANCHORS] = OF_KEYS,        [PART_KEY_ENDS] = OF_KEYS,
    [PART_KEY_CELLS] = OF_KEYS,          [PART_VALUE_ENDS] = OF_VALUES,
    [PART_VALUE_CELLS] = OF_VALUES,      [PART_ENDS_OF_VALUES] = OF_STRUCTURE,
    [PART_ENDS_OF_TIMES] = OF_STRUCTURE, [PART_TIMES] = OF_TIMES,
    [PART_WEIGHTS] = OF_WEIGHTS,
};

/* What is told of a file beside what its batch knows. */
struct file_findings {
    uint64_t stored_bytes;
    uint64_t image_bytes;
    uint64_t codecs[CODEC_COUNT];
    uint64_t filter_bytes;
    /* At which a spine with the default options has the batch. */
    unsigned level;
    /* Only when images were read. */
    bool read;
    uint64_t encoded;
    uint64_t bytes[COLUMNS];
    uint64_t filters[LOOKUP_ROARING + 1]; /* of each kind */
    uint64_t filter_keys;
};

static enum spine_status inspect_file(const struct tool_target *target, size_t index,
                                      const struct tool_options *options, cJSON *list,
                                      struct spine_error *error);
static enum spine_status
find_level(struct spine_batch *batch, unsigned *level, struct spine_error *error);
static void look_at_table(const struct file_table *table, struct file_findings *findings);
static enum spine_status look_at_images(struct store_file *file,
                                        struct file_findings *findings,
                                        struct spine_error *error);
static void look_at_image(const struct image *image, struct file_findings *findings);
static cJSON *
json_of_file(const struct batch_file *file, const struct file_findings *findings);
static cJSON *
json_of_blocks(const struct batch_file *file, const struct file_findings *findings);
static enum spine_status print_file(const struct batch_file *file,
                                    const struct file_findings *findings,
                                    struct spine_error *error);
static cJSON *
json_of_filters(const struct batch_file *file, const struct file_findings *findings);
static void print_filters(const struct file_findings *findings);

enum spine_status
tool_inspect(const struct tool_target *target, const struct tool_options *options,
             struct spine_error *error)
{
    cJSON *list = options->json ? cJSON_CreateArray() : NULL;
    enum spine_status st = SPINE_OK;

    if (options->json && list == NULL)
        return fail_nomem(error, "the output", 0);
    for (size_t i = 0; i < target->count; i++)
        TRY(inspect_file(target, i, options, list, error));
    if (list != NULL) {
        cJSON *const one = target->has_many ? list : cJSON_DetachItemFromArray(list, 0);

        if (one != list)
            cJSON_Delete(list);
        list = NULL;
        TRY(json_print(one, true, error));
    }
    /* Which files are in a pack is known by manifests. */
    st = target_check(target, error);
out:
    cJSON_Delete(list);
    return st;
}

/* Appends what is known of the file to `list`, or prints it when that is NULL. */
static enum spine_status
inspect_file(const struct tool_target *target, size_t index,
             const struct tool_options *options, cJSON *list, struct spine_error *error)
{
    struct file_findings findings = {0};
    struct batch_file file;
    enum spine_status st;

    TRY(batch_file_open(target, index, &file, error));
    look_at_table(&file.file->table, &findings);
    TRY(find_level(file.batch, &findings.level, error));
    if (!target->has_many || options->columns)
        TRY(look_at_images(file.file, &findings, error));
    if (list == NULL) {
        TRY(print_file(&file, &findings, error));
    } else {
        cJSON *const json = json_of_file(&file, &findings);

        if (json == NULL || !cJSON_AddItemToArray(list, json)) {
            cJSON_Delete(json);
            st = fail_nomem(error, "the output", 0);
        }
    }
out:
    progress_end();
    batch_file_close(&file);
    return st;
}

static enum spine_status
find_level(struct spine_batch *batch, unsigned *level, struct spine_error *error)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime = NULL;
    struct spine *spine = NULL;
    struct spine_stats stats;
    enum spine_status st;

    *level = 0;
    TRY(spine_runtime_open(&manual, &runtime, error));
    TRY(spine_open(runtime, spine_batch_schema(batch), NULL, &spine, error));
    TRY(spine_insert(spine, batch, error));
    spine_get_stats(spine, &stats);
    while (stats.batches > 0 && stats.levels[*level].loose_batches == 0)
        ++*level;
out:
    spine_close(spine);
    spine_runtime_close(runtime);
    return st;
}

static void
look_at_table(const struct file_table *table, struct file_findings *findings)
{
    for (uint32_t i = 0; i < table->block_count; i++) {
        const struct file_block *block = &table->blocks[i];

        findings->stored_bytes += block->stored_bytes;
        findings->image_bytes += block->image_bytes;
        findings->codecs[block->codec]++;
    }
    for (uint32_t i = table->block_count; i < file_table_parts(table); i++)
        findings->filter_bytes += table->blocks[i].stored_bytes;
}

static enum spine_status
look_at_images(struct store_file *file, struct file_findings *findings,
               struct spine_error *error)
{
    const uint32_t count = file_table_parts(&file->table);

    for (uint32_t i = 0; i < count; i++) {
        struct cached_image *cached;

        TRY_RETURN(store_pin(file, i, true, &cached, error));
        if (i < file->table.block_count) {
            look_at_image(store_image(cached), findings);
        } else {
            findings->filters[lookup_image_kind(store_image(cached))]++;
            findings->filter_keys += lookup_image_keys(store_image(cached));
        }
        store_unpin(cached);
        progress_show(file->name, "blocks", i + 1, count);
    }
    findings->read = true;
    return SPINE_OK;
}

/* An array goes to where the next one begins. */
static void
look_at_image(const struct image *image, struct file_findings *findings)
{
    uint32_t end = image->bytes;

    for (size_t part = PART_COUNT; part-- > 0;)
        if (image->at[part] != 0) {
            findings->bytes[column_of_part[part]] += end - image->at[part];
            end = image->at[part];
        }
    findings->bytes[OF_STRUCTURE] += end;
    findings->encoded += image_has(image, IMAGE_ENCODED);
}

static cJSON *
json_of_file(const struct batch_file *file, const struct file_findings *findings)
{
    const struct spine_batch *batch = file->batch;
    const struct spine_schema *schema = spine_batch_schema(batch);
    const struct file_footer *footer = &file->file->footer;
    cJSON *json = cJSON_CreateObject(), *columns = NULL;
    struct spine_batch_info info;
    bool whole;

    spine_batch_get_info(batch, &info);
    whole = json_add(json, "file", cJSON_CreateString(file->file->name)) &&
            json_add(json, "version", json_u64(FILE_VERSION)) &&
            json_add(json, "bytes", json_u64(footer->file_bytes)) &&
            json_add(json, "schema", json_schema(schema)) &&
            json_add(json, "rows", json_u64(info.rows)) &&
            json_add(json, "level", json_u64(findings->level)) &&
            json_add(json, "keys", json_u64(info.keys)) &&
            json_add(json, "negative_rows", json_u64(info.negative_rows)) &&
            json_add(json, "blocks", json_of_blocks(file, findings)) &&
            json_add(json, "filters", json_of_filters(file, findings));
    if (whole && info.rows > 0)
        whole = json_add(json, "key_min", json_cell(&schema->key, info.key_min)) &&
                json_add(json, "key_max", json_cell(&schema->key, info.key_max));
    if (whole && findings->read) {
        columns = cJSON_CreateObject();
        whole = json_add(json, "column_bytes", columns);
        for (size_t i = 0; whole && i < COLUMNS; i++)
            whole = json_add(columns, column_names[i], json_u64(findings->bytes[i]));
    }
    if (!whole) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

static cJSON *
json_of_blocks(const struct batch_file *file, const struct file_findings *findings)
{
    cJSON *json = cJSON_CreateObject();
    const bool whole =
        json_add(json, "count", json_u64(file->file->table.block_count)) &&
        json_add(json, "stored_bytes", json_u64(findings->stored_bytes)) &&
        json_add(json, "image_bytes", json_u64(findings->image_bytes)) &&
        json_add(json, "plain", json_u64(findings->codecs[CODEC_NONE])) &&
        json_add(json, "lz4", json_u64(findings->codecs[CODEC_LZ4])) &&
        json_add(json, "zstd", json_u64(findings->codecs[CODEC_ZSTD])) &&
        json_add(json, "strips", json_u64(findings->codecs[CODEC_STRIPS])) &&
        (!findings->read || json_add(json, "encoded", json_u64(findings->encoded)));

    if (whole)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static cJSON *
json_of_filters(const struct batch_file *file, const struct file_findings *findings)
{
    cJSON *json = cJSON_CreateObject();
    bool whole = json_add(json, "count", json_u64(file->file->table.filter_count)) &&
                 json_add(json, "bytes", json_u64(findings->filter_bytes));

    if (whole && findings->read)
        whole = json_add(json, "bloom", json_u64(findings->filters[LOOKUP_BLOOM])) &&
                json_add(json, "roaring", json_u64(findings->filters[LOOKUP_ROARING])) &&
                json_add(json, "keys", json_u64(findings->filter_keys));
    if (whole)
        return json;
    cJSON_Delete(json);
    return NULL;
}

/* The same for people. */
static enum spine_status
print_file(const struct batch_file *file, const struct file_findings *findings,
           struct spine_error *error)
{
    const struct spine_schema *schema = spine_batch_schema(file->batch);
    const double rows = (double)file->batch->info.rows;
    struct text schema_text = {0}, least = {0}, greatest = {0};
    struct spine_batch_info info;
    enum spine_status st = SPINE_OK;

    spine_batch_get_info(file->batch, &info);
    if (!text_add_schema(&schema_text, schema) ||
        (info.rows > 0 && (!text_add_cell(&least, &schema->key, info.key_min) ||
                           !text_add_cell(&greatest, &schema->key, info.key_max)))) {
        st = fail_nomem(error, "the output", 0);
        goto out;
    }
    progress_end();
    (void)printf("%s\n", file->file->name);
    (void)printf("  schema         %s\n", schema_text.data);
    (void)printf("  rows           %" PRIu64 " of %" PRIu64 " keys, %" PRIu64
                 " negative; level %u\n",
                 info.rows, info.keys, info.negative_rows, findings->level);
    if (info.rows > 0)
        (void)printf("  keys           %.60s to %.60s\n", least.data, greatest.data);
    (void)printf("  bytes          %" PRIu64, file->file->footer.file_bytes);
    if (info.rows > 0)
        (void)printf(", %.1f a row", (double)file->file->footer.file_bytes / rows);
    (void)printf("\n  blocks         %" PRIu32 ": %" PRIu64 " bytes, %" PRIu64
                 " in memory; %" PRIu64 " by LZ4, %" PRIu64 " by Zstandard, %" PRIu64
                 " in strips",
                 file->file->table.block_count, findings->stored_bytes,
                 findings->image_bytes, findings->codecs[CODEC_LZ4],
                 findings->codecs[CODEC_ZSTD], findings->codecs[CODEC_STRIPS]);
    if (findings->read)
        (void)printf(", %" PRIu64 " encoded", findings->encoded);
    (void)printf("\n  filters        %" PRIu32, file->file->table.filter_count);
    if (file->file->table.filter_count > 0)
        print_filters(findings);
    (void)putchar('\n');
    for (size_t i = 0; findings->read && info.rows > 0 && i < COLUMNS; i++)
        (void)printf("  %-14s %" PRIu64 " bytes in memory, %.2f a row\n", column_names[i],
                     findings->bytes[i], (double)findings->bytes[i] / rows);
out:
    text_release(&schema_text);
    text_release(&least);
    text_release(&greatest);
    return st;
}

static void
print_filters(const struct file_findings *findings)
{
    (void)printf(": %" PRIu64 " bytes", findings->filter_bytes);
    if (findings->read && findings->filter_keys > 0)
        (void)printf(", %.1f bits a key; %" PRIu64 " Bloom, %" PRIu64 " Roaring",
                     8 * (double)findings->filter_bytes / (double)findings->filter_keys,
                     findings->filters[LOOKUP_BLOOM], findings->filters[LOOKUP_ROARING]);
}
