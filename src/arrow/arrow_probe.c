/* SPDX-License-Identifier: MIT */

/*
 * A probe as a stream of records. The keys are sorted and made different by a batch of
 * them; what the probe gives is copied, since it is the probe's until its next call, with
 * the key of each row before it.
 */

#include "arrow/arrow.h"

#include "base/alloc.h"
#include "base/error.h"
#include "spine/spine.h"

#include <string.h>

/* What is asked, and how far it is answered. */
struct question {
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_probe_options options;
    struct spine_schema schema;
    /* Has the keys. */
    struct hold hold;
    struct spine_columns keys;
    bool has_begun;
    /* The rows from `row` on are still to be given, the first of them of key `key`. */
    struct spine_probe_rows found;
    size_t row;
    size_t key;
};

/* Rows of an answer that fit into a record batch. */
struct answer_part {
    size_t begin;
    size_t rows;
    /* The first of them is of key `key` of the answer; the keys of all have as many
     * bytes. */
    size_t key;
    uint64_t key_bytes;
};

static enum spine_status
open_question(struct question *question, const struct spine_arrow_mapping *mapping,
              const struct ArrowArray *keys, struct spine_error *error);
static enum spine_status
check_snapshot(struct spine_snapshot *snapshot, const struct spine_arrow_mapping *mapping,
               struct spine_arrow_mapping **out, struct spine_error *error);
static enum spine_status sort_keys(struct question *question,
                                   const struct spine_tuple_rows *rows,
                                   struct spine_error *error);
static enum spine_status copy_keys(struct question *question, struct spine_cursor *cursor,
                                   size_t count, struct spine_error *error);
static enum spine_status fill_from_probe(struct records *records);
static enum spine_status next_answer(struct records *records);
static struct answer_part take_part(struct question *question, uint64_t bytes_max);
static enum spine_status copy_rows(struct records *records,
                                   const struct answer_part *part,
                                   struct spine_columns *out);
static bool repeat_keys(struct hold *hold, const struct question *question,
                        const struct answer_part *part, struct spine_columns *out);
static bool copy_cells(struct hold *hold, struct spine_type type,
                       const struct answer_part *part, const void **cells,
                       const uint64_t **offsets);
static size_t cell_width(struct spine_type type);
static void close_question(void *source);

enum spine_status
spine_snapshot_probe_to_arrow(struct spine_snapshot *snapshot,
                              const struct spine_arrow_mapping *mapping,
                              const struct ArrowArray *keys,
                              const struct spine_probe_options *options,
                              struct ArrowArrayStream *out, struct spine_error *error)
{
    struct records records = {.on_fill = fill_from_probe, .on_close = close_question};
    struct spine_arrow_mapping *own = NULL;
    struct question *question = NULL;
    enum spine_status st;

    if (snapshot == NULL || keys == NULL || out == NULL)
        return fail_null(error, "spine_snapshot_probe_to_arrow",
                         snapshot == NULL ? "snapshot"
                         : keys == NULL   ? "keys"
                                          : "out");
    *out = (struct ArrowArrayStream){0};
    if (options != NULL && options->want != SPINE_PROBE_ROWS)
        return spine_fail(error, SPINE_INVALID, "counts are no records");
    TRY(check_snapshot(snapshot, mapping, &own, error));
    question = mem_zalloc(sizeof *question);
    if (question == NULL)
        TRY(fail_nomem(error, "a probe", sizeof *question));
    question->snapshot = spine_snapshot_ref(snapshot);
    if (options != NULL)
        question->options = *options;
    if (question->options.rows_max - 1 >= RECORD_ROWS_MAX)
        question->options.rows_max = RECORD_ROWS_MAX;
    if (question->options.bytes_max - 1 >= RECORD_BYTES)
        question->options.bytes_max = RECORD_BYTES;
    TRY(open_question(question, own, keys, error));
    records.outlet.mapping = own;
    records.source = question;
    TRY(records_open(&records, out, error));
    question = NULL;
out:
    close_question(question);
    mapping_unref(own);
    return st;
}

static enum spine_status
check_snapshot(struct spine_snapshot *snapshot, const struct spine_arrow_mapping *mapping,
               struct spine_arrow_mapping **out, struct spine_error *error)
{
    struct spine_cursor *cursor;
    enum spine_status st;

    TRY_RETURN(spine_snapshot_cursor(snapshot, &cursor, error));
    st = mapping_for(cursor, mapping, out, error);
    spine_cursor_close(cursor);
    return st;
}

static enum spine_status
open_question(struct question *question, const struct spine_arrow_mapping *mapping,
              const struct ArrowArray *keys, struct spine_error *error)
{
    struct spine_tuple_rows rows;
    struct hold hold = {0};
    const struct intake in = {.hold = &hold, .error = error};
    enum spine_status st;

    question->schema = mapping->schema;
    TRY(intake_keys(&in, mapping, keys, &rows));
    TRY(sort_keys(question, &rows, error));
    TRY(spine_probe_new(&question->probe, error));
out:
    hold_release(&hold);
    return st;
}

/* The keys of `rows`, each once, in order. */
static enum spine_status
sort_keys(struct question *question, const struct spine_tuple_rows *rows,
          struct spine_error *error)
{
    const struct spine_schema schema = {.key = question->schema.key,
                                        .key_tuple = question->schema.key_tuple};
    struct spine_cursor *cursor = NULL;
    struct spine_batch *batch = NULL;
    struct spine_batch_info info;
    enum spine_status st;

    if (schema.key.kind == SPINE_NONE)
        return spine_fail(error, SPINE_INVALID, "the rows have no key");
    TRY(spine_batch_from_tuples(&schema, rows, &batch, error));
    spine_batch_get_info(batch, &info);
    TRY(spine_batch_cursor(batch, &cursor, error));
    TRY(copy_keys(question, cursor, (size_t)info.keys, error));
out:
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    return st;
}

static enum spine_status
copy_keys(struct question *question, struct spine_cursor *cursor, size_t count,
          struct spine_error *error)
{
    const struct spine_type type = question->schema.key;
    struct hold *const hold = &question->hold;
    const size_t width = cell_width(type);
    struct spine_column_buffers buffers = {.rows = count, .key_bytes = count * width};

    for (; type.kind == SPINE_BYTES && spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        buffers.key_bytes += spine_cursor_key(cursor).bytes.size;
    spine_cursor_rewind(cursor);
    buffers.keys = hold_take(hold, buffers.key_bytes);
    buffers.key_offsets = hold_take_array(hold, count + 1, sizeof(uint64_t));
    if (buffers.keys == NULL || buffers.key_offsets == NULL)
        return fail_nomem(error, "the keys of a probe", buffers.key_bytes);
    if (spine_cursor_read(cursor, &buffers) < count)
        return spine_cursor_error(cursor, error);
    question->keys = (struct spine_columns){
        .rows = count, .keys = buffers.keys, .key_offsets = buffers.key_offsets};
    return SPINE_OK;
}

/* ---- Answers ---- */

static enum spine_status
fill_from_probe(struct records *records)
{
    struct question *const question = records->source;
    struct spine_columns cells;
    struct answer_part part;

    while (question->row == question->found.columns.rows) {
        if (question->has_begun && !question->found.more)
            return SPINE_OK;
        TRY_RETURN(next_answer(records));
    }
    part = take_part(question, records->page_bytes);
    TRY_RETURN(copy_rows(records, &part, &cells));
    return spine_tuple_decode(records->outlet.hold->page, &question->schema, &cells,
                              &records->outlet.rows, &records->error);
}

static enum spine_status
next_answer(struct records *records)
{
    struct question *const question = records->source;
    struct spine_probe_rows found;

    if (!question->has_begun)
        TRY_RETURN(spine_snapshot_probe(question->snapshot, question->probe,
                                        &question->keys, &question->options, &found,
                                        &records->error));
    else
        TRY_RETURN(spine_probe_next(question->probe, &found, &records->error));
    question->has_begun = true;
    question->found = found;
    question->row = question->key = 0;
    return SPINE_OK;
}

/* The size of cell `at` of a column. */
static uint64_t
cell_size(struct spine_type type, const uint64_t *offsets, size_t at)
{
    return type.kind == SPINE_BYTES ? offsets[at + 1] - offsets[at] : cell_width(type);
}

/* Takes rows until their cells, with the key of each of them, have `bytes_max` bytes: few
 * rows may have long keys. */
static struct answer_part
take_part(struct question *question, uint64_t bytes_max)
{
    const struct spine_schema *const schema = &question->schema;
    const struct spine_probe_rows *const found = &question->found;
    struct answer_part part = {.begin = question->row};
    uint64_t bytes = 0;

    while (found->ends[question->key] <= question->row)
        question->key++;
    part.key = question->key;
    while (question->row < found->columns.rows && bytes < bytes_max) {
        uint64_t key_bytes;

        while (found->ends[question->key] <= question->row)
            question->key++;
        key_bytes = cell_size(schema->key, question->keys.key_offsets,
                              found->first_key + question->key);
        part.key_bytes += key_bytes;
        bytes += key_bytes +
                 cell_size(schema->value, found->columns.value_offsets, question->row);
        question->row++;
    }
    part.rows = question->row - part.begin;
    return part;
}

/* Copies rows into the hold of the records. */
static enum spine_status
copy_rows(struct records *records, const struct answer_part *part,
          struct spine_columns *out)
{
    const struct question *const question = records->source;
    const struct spine_schema *const schema = &question->schema;
    const struct spine_columns *const from = &question->found.columns;
    struct hold *const hold = records->outlet.hold;
    const size_t rows = part->rows, width = schema->weight_count;
    uint64_t *times;
    int64_t *weights;

    *out = (struct spine_columns){
        .rows = rows, .values = from->values, .value_offsets = from->value_offsets};
    times = hold_take_array(hold, rows, sizeof *times);
    weights = hold_take(hold, rows * width * sizeof *weights);
    if (times == NULL || weights == NULL || !repeat_keys(hold, question, part, out) ||
        !copy_cells(hold, schema->value, part, &out->values, &out->value_offsets))
        return fail_nomem(&records->error, "records", rows);
    memcpy(weights, from->weights + part->begin * width, rows * width * sizeof *weights);
    /* Rows seen through a time have no times; zeros are given then. */
    if (from->times != NULL)
        memcpy(times, from->times + part->begin, rows * sizeof *times);
    out->times = times;
    out->weights = weights;
    return SPINE_OK;
}

/* Writes the key of each row into the hold. */
static bool
repeat_keys(struct hold *hold, const struct question *question,
            const struct answer_part *part, struct spine_columns *out)
{
    const struct spine_columns *const keys = &question->keys;
    const struct spine_probe_rows *const found = &question->found;
    const bool is_bytes = question->schema.key.kind == SPINE_BYTES;
    const size_t width = cell_width(question->schema.key);
    const size_t end = part->begin + part->rows;
    uint64_t *offsets = NULL;
    uint8_t *to = hold_take(hold, (size_t)part->key_bytes);

    if (is_bytes)
        offsets = hold_take_array(hold, part->rows + 1, sizeof *offsets);
    if (to == NULL || (is_bytes && offsets == NULL))
        return false;
    out->keys = to;
    out->key_offsets = offsets;
    for (size_t k = part->key, row = part->begin; row < end; k++) {
        const size_t at = found->first_key + k;
        const uint64_t from = is_bytes ? keys->key_offsets[at] : at * width;
        const size_t size = is_bytes ? (size_t)(keys->key_offsets[at + 1] - from) : width;

        for (; row < end && row < found->ends[k]; row++, to += size) {
            memcpy(to, (const uint8_t *)keys->keys + from, size);
            if (is_bytes)
                offsets[row - part->begin + 1] = offsets[row - part->begin] + size;
        }
    }
    return true;
}

/* Puts a copy of the part of a column of cells in place of the column. */
static bool
copy_cells(struct hold *hold, struct spine_type type, const struct answer_part *part,
           const void **cells, const uint64_t **offsets)
{
    const bool is_bytes = type.kind == SPINE_BYTES;
    const size_t width = cell_width(type);
    size_t begin = part->begin * width, bytes = part->rows * width;
    uint64_t *offsets_copy = NULL;
    void *copy;

    if (type.kind == SPINE_NONE)
        return true;
    if (is_bytes) {
        begin = (size_t)(*offsets)[part->begin];
        bytes = (size_t)(*offsets)[part->begin + part->rows] - begin;
        offsets_copy = hold_take_array(hold, part->rows + 1, sizeof *offsets_copy);
        if (offsets_copy == NULL)
            return false;
    }
    copy = hold_take(hold, bytes);
    if (copy == NULL)
        return false;
    if (bytes > 0)
        memcpy(copy, (const uint8_t *)*cells + begin, bytes);
    for (size_t i = 0; is_bytes && i <= part->rows; i++)
        offsets_copy[i] = (*offsets)[part->begin + i] - begin;
    *cells = copy;
    *offsets = offsets_copy;
    return true;
}

static size_t
cell_width(struct spine_type type)
{
    switch (type.kind) {
    case SPINE_NONE:
    case SPINE_BYTES:
        return 0;
    case SPINE_FIXED:
        return type.size;
    case SPINE_U32:
    case SPINE_I32:
        return sizeof(uint32_t);
    default:
        return sizeof(uint64_t);
    }
}

static void
close_question(void *source)
{
    struct question *const question = source;

    if (question == NULL)
        return;
    spine_probe_free(question->probe);
    spine_snapshot_unref(question->snapshot);
    hold_release(&question->hold);
    mem_free(question, sizeof *question);
}
