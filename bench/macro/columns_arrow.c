/* SPDX-License-Identifier: MIT */

/*
 * macro/columns_arrow -- the rows of macro/columns, in and out as records of Apache
 * Arrow.
 */

#include "macro/columns.h"
#include "macro/macro.h"
#include "spine/spine.h"

#include <stdlib.h>

enum { COLUMNS_MAX = 5 };

struct state {
    bool strings;
    struct spine_arrow_mapping *mapping;
    struct spine_runtime *runtime;
    struct spine *spine;
};

static void
must(enum spine_status status, const struct spine_error *error)
{
    if (status != SPINE_OK)
        bench_fail("columns: %s: %s", spine_status_name(status), error->message);
}

static void
keep_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void
keep_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void *
open_arrow(bool strings, const char *directory)
{
    static const char *const formats[2][COLUMNS_MAX] = {{"l", "L", "g", "l", "g"},
                                                        {"U", "l", "U", "g"}};
    static const char *const names[COLUMNS_MAX] = {"a", "b", "c", "d", "e"};
    static const size_t keys[] = {0, 1, 2};
    const struct spine_arrow_columns columns = {.key_indexes = keys,
                                                .key_count = strings ? 2 : 3};
    struct ArrowSchema fields[COLUMNS_MAX], *list[COLUMNS_MAX];
    const struct ArrowSchema schema = {.format = "+s",
                                       .n_children = strings ? 4 : 5,
                                       .children = list,
                                       .release = keep_schema};
    struct state *const state = bench_alloc(1, sizeof *state);
    struct spine_error error;

    (void)directory;
    *state = (struct state){.strings = strings};
    for (int64_t i = 0; i < schema.n_children; i++) {
        fields[i] = (struct ArrowSchema){
            .format = formats[strings][i], .name = names[i], .release = keep_schema};
        list[i] = &fields[i];
    }
    must(spine_arrow_mapping_new(&schema, &columns, &state->mapping, &error), &error);
    must(spine_runtime_open(NULL, &state->runtime, &error), &error);
    must(spine_open(state->runtime, spine_arrow_mapping_schema(state->mapping), NULL,
                    &state->spine, &error),
         &error);
    return state;
}

static void
insert_arrow(void *opaque, const struct wide_rows *rows)
{
    struct state *const state = opaque;
    const bool strings = state->strings;
    const void *fixed[COLUMNS_MAX][3] = {{NULL, rows->number},
                                         {NULL, rows->other},
                                         {NULL, rows->real},
                                         {NULL, rows->value_number},
                                         {NULL, rows->value_real}};
    const void *text[COLUMNS_MAX][3] = {{NULL, rows->key_offsets, rows->key_text},
                                        {NULL, rows->number},
                                        {NULL, rows->value_offsets, rows->value_text},
                                        {NULL, rows->value_real}};
    const void *no_bitmap[1] = {NULL};
    struct ArrowArray arrays[COLUMNS_MAX], *list[COLUMNS_MAX];
    const struct ArrowArray records = {.length = (int64_t)rows->rows,
                                       .n_buffers = 1,
                                       .buffers = no_bitmap,
                                       .n_children = strings ? 4 : 5,
                                       .children = list,
                                       .release = keep_array};
    struct spine_batch *batch;
    struct spine_error error;

    for (int64_t i = 0; i < records.n_children; i++) {
        arrays[i] = (struct ArrowArray){.length = records.length,
                                        .n_buffers = strings && i % 2 == 0 ? 3 : 2,
                                        .buffers = strings ? text[i] : fixed[i],
                                        .release = keep_array};
        list[i] = &arrays[i];
    }
    must(spine_batch_from_arrow(state->mapping, &records, &batch, &error), &error);
    must(spine_insert(state->spine, batch, &error), &error);
    spine_batch_unref(batch);
}

static void
settle_arrow(void *opaque)
{
    struct state *const state = opaque;
    struct spine_error error;

    must(spine_wait_idle(state->spine, UINT64_MAX, &error), &error);
}

/* The values of a column, which is not sliced. */
static const void *
values_of(const struct ArrowArray *records, size_t column)
{
    return records->children[column]->buffers[1];
}

static void
tally_records(bool strings, const struct ArrowArray *records, struct tally *tally)
{
    const uint64_t *const text = values_of(records, strings ? 0 : 1);
    const int64_t *const number = values_of(records, strings ? 1 : 0);
    const uint64_t *const value = values_of(records, strings ? 2 : 3);
    const double *const value_real = values_of(records, strings ? 3 : 4);
    const int64_t *const weight = values_of(records, strings ? 4 : 5);

    for (int64_t i = 0; i < records->length; i++)
        wide_tally(tally, strings ? text[i + 1] - text[i] : text[i], number[i],
                   strings ? value[i + 1] - value[i] : value[i], value_real[i],
                   weight[i]);
}

static void
scan_arrow(void *opaque, struct tally *tally)
{
    struct state *const state = opaque;
    struct ArrowArrayStream stream;
    struct spine_cursor *cursor;
    struct ArrowArray records;
    struct spine_error error;

    must(spine_cursor_open(state->spine, &cursor, &error), &error);
    must(spine_cursor_to_arrow(cursor, state->mapping, &stream, &error), &error);
    for (;;) {
        if (stream.get_next(&stream, &records) != 0)
            bench_fail("columns: %s", stream.get_last_error(&stream));
        if (records.release == NULL)
            break;
        tally_records(state->strings, &records, tally);
        records.release(&records);
    }
    stream.release(&stream);
}

static void
close_arrow(void *opaque)
{
    struct state *const state = opaque;

    spine_close(state->spine);
    spine_runtime_close(state->runtime);
    spine_arrow_mapping_free(state->mapping);
    free(state);
}

const struct wide_engine wide_arrow = {"spine",      open_arrow, insert_arrow,
                                       settle_arrow, scan_arrow, close_arrow};
