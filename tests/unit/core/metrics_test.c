/* SPDX-License-Identifier: MIT */

/* The metrics of a runtime and its spines, as text. */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 1000u

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

struct text {
    char *bytes;
    size_t size;
};

static enum spine_status
append(void *context, const char *piece, size_t piece_bytes)
{
    struct text *text = context;

    text->bytes = realloc(text->bytes, text->size + piece_bytes + 1);
    assert_non_null(text->bytes);
    memcpy(text->bytes + text->size, piece, piece_bytes);
    text->size += piece_bytes;
    text->bytes[text->size] = '\0';
    return SPINE_OK;
}

/* A context other than NULL: the status to fail with. */
static enum spine_status
refuse(void *context, const char *piece, size_t piece_bytes)
{
    (void)piece;
    (void)piece_bytes;
    return *(const enum spine_status *)context;
}

static struct spine_runtime *
manual_runtime(void)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;

    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    return runtime;
}

static struct spine *
open_named(struct spine_runtime *runtime, const char *name)
{
    const struct spine_options options = {.name = name};
    struct spine *spine;

    assert_int_equal(spine_open(runtime, &pairs, &options, &spine, NULL), SPINE_OK);
    return spine;
}

/* Inserts ROWS rows with keys from `first` on, of weight `weight`. */
static void
insert(struct spine *spine, uint64_t first, int64_t weight)
{
    uint64_t keys[ROWS];
    int64_t weights[ROWS];
    const struct spine_columns columns = {
        .rows = ROWS, .keys = keys, .values = keys, .weights = weights};
    struct spine_batch *batch;

    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = first + i;
        weights[i] = weight;
    }
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static void
has_line(const struct text *text, const char *line)
{
    const char *at = strstr(text->bytes, line);

    if (at == NULL || at[strlen(line)] != '\n')
        fail_msg("there is no line %s in\n%s", line, text->bytes);
}

static struct text
prometheus(struct spine_runtime *runtime)
{
    struct text text = {0};

    assert_int_equal(spine_metrics_prometheus(runtime, append, &text, NULL), SPINE_OK);
    return text;
}

static void
a_level_tells_what_its_merges_did(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_named(runtime, "orders \"a\"");
    struct spine_stats stats;
    struct text text;

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        insert(spine, i * ROWS, 1);
    insert(spine, 0, -1); /* cancels the first */
    while (spine_runtime_run(runtime, UINT64_MAX) > 0)
        ;
    spine_get_stats(spine, &stats);
    assert_string_equal(stats.name, "orders \"a\"");
    assert_int_equal(stats.levels[0].merges, 1);
    assert_int_equal(stats.levels[0].merged_batches, 8);
    assert_int_equal(stats.levels[0].merge_rows_in, 8 * ROWS);
    assert_int_equal(stats.levels[0].merge_rows_out, 6 * ROWS);
    assert_true(stats.levels[0].merge_slices >= 1);
    assert_int_equal(stats.merge_slices, stats.levels[0].merge_slices);
    assert_int_equal(stats.merge_ns, stats.levels[0].merge_ns);
    assert_int_equal(stats.merged_batches, 8);

    text = prometheus(runtime);
    has_line(&text, "spine_rows{spine=\"orders \\\"a\\\"\"} 6000");
    has_line(&text, "spine_merge_rows_in_total{spine=\"orders \\\"a\\\"\"} 8000");
    has_line(&text, "spine_level_merges_total{spine=\"orders \\\"a\\\"\",level=\"0\"} 1");
    has_line(&text, "spine_merge_reduction_ratio{spine=\"orders \\\"a\\\"\"} 0.25");
    has_line(&text, "spine_write_amplification{spine=\"orders \\\"a\\\"\"} 1.75");
    has_line(&text, "# TYPE spine_merge_seconds_total counter");
    has_line(&text, "spine_runtime_pressure 0");
    /* There is no store, and there was no lookup to make a ratio of. */
    assert_null(strstr(text.bytes, "spine_store"));
    assert_null(strstr(text.bytes, "spine_range_hit_ratio{"));
    free(text.bytes);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
loose_and_merging_rows_are_told_apart(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_named(runtime, NULL);
    struct spine_stats stats;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        insert(spine, i * ROWS, -1);
    insert(spine, 0, -1);
    spine_get_stats(spine, &stats);
    assert_string_equal(stats.name, "");
    assert_int_equal(stats.levels[0].loose_memory_rows, ROWS);
    assert_int_equal(stats.levels[0].merging_memory_rows, 8 * ROWS);
    assert_int_equal(stats.levels[0].loose_storage_rows, 0);
    assert_int_equal(stats.levels[0].negative_rows, 9 * ROWS);
    assert_int_equal(stats.merging_batches, 8);
    assert_true(stats.merging_bytes > 0 && stats.merging_bytes < stats.bytes);
    assert_true(stats.range_bytes > 0);

    assert_int_equal(stats.compaction_state, 0);
    assert_int_equal(spine_compact(spine, NULL, NULL, NULL), SPINE_OK);
    spine_get_stats(spine, &stats);
    assert_true(stats.compaction_state > 0);
    while (spine_runtime_run(runtime, UINT64_MAX) > 0)
        ;
    spine_get_stats(spine, &stats);
    assert_int_equal(stats.compaction_state, 0);
    assert_int_equal(stats.compactions, 1);
    assert_int_equal(stats.levels[0].merges, stats.merges - 1);
    spine_close(spine);
    spine_runtime_close(runtime);
}

/* Searches for absent keys, which have the batches get their filters. */
static void
search_in_vain(struct spine *spine)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (uint64_t key = 1; key < 40000; key += 2)
        (void)spine_cursor_seek_key_exact(cursor, spine_u64(key));
    spine_cursor_close(cursor);
}

static void
filters_are_told_by_their_kind(void **state)
{
    static uint64_t keys[20000];
    struct spine_runtime *runtime = manual_runtime();
    struct spine *dense = open_named(runtime, "dense"), *sparse;
    struct spine_columns columns = {.rows = 20000, .keys = keys, .values = keys};
    struct spine_batch *batch;
    struct spine_stats stats;
    struct text text;

    (void)state;
    sparse = open_named(runtime, "sparse");
    for (uint64_t i = 0; i < 20000; i++)
        keys[i] = 2 * i;
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(dense, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    for (uint64_t i = 10000; i < 20000; i++)
        keys[i] = i << 40;
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(sparse, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);

    search_in_vain(dense);
    spine_get_stats(dense, &stats);
    assert_int_equal(stats.roaring_batches, 1);
    assert_int_equal(stats.roaring_keys, 20000);
    assert_int_equal(stats.roaring_bytes, stats.filter_bytes);
    assert_true(stats.roaring_rejections > 10000);
    assert_int_equal(stats.roaring_rejections, stats.lookup_filter_rejections);
    assert_int_equal(stats.bloom_batches + stats.bloom_bytes + stats.bloom_rejections, 0);

    search_in_vain(sparse);
    spine_get_stats(sparse, &stats);
    assert_int_equal(stats.bloom_batches, 1);
    assert_int_equal(stats.bloom_bytes, stats.filter_bytes);
    assert_true(stats.bloom_rejections > 10000);
    assert_int_equal(stats.bloom_rejections, stats.lookup_filter_rejections);
    assert_int_equal(stats.bloom_passes, stats.lookup_filter_passes);
    assert_int_equal(stats.roaring_rejections + stats.roaring_passes, 0);

    text = prometheus(runtime);
    has_line(&text, "spine_roaring_hit_ratio{spine=\"dense\"} 0");
    assert_non_null(strstr(text.bytes, "spine_bloom_bits_per_key{spine=\"sparse\"} 1"));
    free(text.bytes);
    spine_close(dense);
    spine_close(sparse);
    spine_runtime_close(runtime);
}

static void
spines_of_one_name_are_told_as_one(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spines[] = {open_named(runtime, "b"), open_named(runtime, "a"),
                              open_named(runtime, "b"), open_named(runtime, ""), NULL};
    struct text text = {0};

    (void)state;
    assert_int_equal(spine_fork(spines[1], &spines[4], NULL), SPINE_OK);
    insert(spines[0], 0, 1);
    insert(spines[2], 0, 1);
    insert(spines[3], 0, 1);
    text = prometheus(runtime);
    has_line(&text, "spine_rows{spine=\"b\"} 2000");
    has_line(&text, "spine_rows{spine=\"a\"} 0");
    has_line(&text, "spine_rows{spine=\"\"} 1000");
    free(text.bytes);

    text = (struct text){0};
    assert_int_equal(spine_metrics_json(runtime, append, &text, NULL), SPINE_OK);
    assert_non_null(strstr(text.bytes, "\"store\":null,\"spines\":[{\"name\":\"\","));
    assert_non_null(strstr(text.bytes, "\"bloom_bits_per_key\":null"));
    free(text.bytes);
    for (size_t i = 0; i < 5; i++)
        spine_close(spines[i]);
    text = prometheus(runtime);
    assert_null(strstr(text.bytes, "spine_rows{"));
    free(text.bytes);
    spine_runtime_close(runtime);
}

static void
a_name_has_its_rules(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine_options options = {.name = "two\nlines"};
    struct spine_error error;
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_open(runtime, &pairs, &options, &spine, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "name"));
    spine_runtime_close(runtime);
}

static void
who_takes_the_text_may_refuse(void **state)
{
    enum spine_status status = SPINE_IO;
    struct spine_runtime *runtime = manual_runtime();
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_metrics_prometheus(runtime, refuse, &status, &error),
                     SPINE_IO);
    assert_int_equal(error.status, SPINE_IO);
    status = SPINE_BUSY;
    assert_int_equal(spine_metrics_json(runtime, refuse, &status, NULL), SPINE_BUSY);
    spine_runtime_close(runtime);
}

/* What an on_done that spine_runtime_close() calls was answered. */
struct inside {
    struct spine_runtime *runtime;
    enum spine_status status;
};

static void
ask_inside(void *context, enum spine_status status)
{
    struct inside *inside = context;
    struct text text = {0};

    assert_int_equal(status, SPINE_CANCELLED);
    inside->status = spine_metrics_prometheus(inside->runtime, append, &text, NULL);
    free(text.bytes);
}

static void
a_runtime_that_closes_is_busy(void **state)
{
    struct inside inside = {.runtime = manual_runtime(), .status = SPINE_OK};
    struct spine *spine = open_named(inside.runtime, "a");

    (void)state;
    insert(spine, 0, 1);
    insert(spine, 0, 1);
    assert_int_equal(spine_compact(spine, ask_inside, &inside, NULL), SPINE_OK);
    spine_runtime_close(inside.runtime);
    assert_int_equal(inside.status, SPINE_BUSY);
    spine_close(spine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_tells_what_its_merges_did),
        cmocka_unit_test(loose_and_merging_rows_are_told_apart),
        cmocka_unit_test(filters_are_told_by_their_kind),
        cmocka_unit_test(spines_of_one_name_are_told_as_one),
        cmocka_unit_test(a_name_has_its_rules),
        cmocka_unit_test(who_takes_the_text_may_refuse),
        cmocka_unit_test(a_runtime_that_closes_is_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
