/* SPDX-License-Identifier: MIT */

/* spine_batch_check(): every block, and what the fences, the marks and the batch say of
 * it. */

#include "batch/fence.h"

#include "base/alloc.h"
#include "base/error.h"
#include "batch/block_facts.h"
#include "batch/edges.h"
#include "batch/lookup_check.h"
#include "batch/marks.h"

#include <inttypes.h>

/* A walk over all blocks. */
struct batch_walk {
    const struct spine_batch *batch;
    struct spine_error *error;
    /* The block that is looked at. */
    size_t at;
    struct pin pin;
    /* The pin of the block before, from which the last row borrows. */
    struct pin before;
    /* Copies of keys of both. */
    struct arena cells, cells_before;
    /* Its rows, behind the last row of the block before. */
    struct rows rows;
    size_t rows_begin;
    uint64_t rows_seen;
    uint64_t keys_seen;
    uint64_t negative_seen;
    uint64_t bytes_seen;
    bool has_frames;
    /* NULL: nothing is in files. */
    struct lookup_check *filters;
};

static enum spine_status check_block(const struct batch_walk *check);
static enum spine_status check_fence_counts(const struct batch_walk *check);
static enum spine_status stage_block(struct batch_walk *check);
static enum spine_status check_order(struct batch_walk *check);
static enum spine_status check_fence(struct batch_walk *check);
static enum spine_status check_cells(const struct batch_walk *check);
static enum spine_status check_marks(const struct batch_walk *check);
static enum spine_status check_edges(const struct batch_walk *check);
static enum spine_status check_guides(const struct batch_walk *check);
static struct span
key_of_block(const struct batch_walk *check, uint32_t at, uint8_t *scratch);
static enum spine_status check_info(const struct batch_walk *check);
static bool
datum_equals(const struct cell_layout *layout, union spine_datum a, union spine_datum b);

enum spine_status
spine_batch_check(const struct spine_batch *batch, struct spine_error *error)
{
    if (batch == NULL)
        return fail_null(error, "spine_batch_check", "batch");
    return batch_check(batch, NULL, NULL, error);
}

enum spine_status
batch_check(const struct spine_batch *batch, batch_progress_fn *on_progress,
            void *context, struct spine_error *error)
{
    struct batch_walk check = {.batch = batch, .error = error};
    enum spine_status st = SPINE_OK;

    if (batch->in_files) {
        check.filters = mem_zalloc(sizeof *check.filters);
        if (check.filters == NULL)
            return fail_nomem(error, "a check of filters", sizeof *check.filters);
    }
    for (; check.at < batch->block_count; check.at++) {
        TRY(batch_pin(batch, check.at, &check.pin, error));
        TRY(check_block(&check));
        TRY(stage_block(&check));
        TRY(check_order(&check));
        TRY(check_marks(&check));
        TRY(check_cells(&check));
        TRY(check_fence(&check));
        TRY(check_edges(&check));
        TRY(check_guides(&check));
        if (check.filters != NULL)
            TRY(lookup_check_block(check.filters, batch, check.at, check.pin.image,
                                   error));
        pin_release(&check.before);
        check.before = check.pin;
        check.pin = (struct pin){0};
        arena_release(&check.cells_before);
        check.cells_before = check.cells;
        check.cells = (struct arena){0};
        if (on_progress != NULL)
            on_progress(context, check.rows_seen, batch->info.rows);
    }
    TRY(check_info(&check));
out:
    pin_release(&check.pin);
    pin_release(&check.before);
    arena_release(&check.cells);
    arena_release(&check.cells_before);
    rows_release(&batch->layout, &check.rows);
    if (check.filters != NULL)
        lookup_check_release(check.filters);
    mem_free(check.filters, sizeof *check.filters);
    return st;
}

/* The image by itself. */
static enum spine_status
check_block(const struct batch_walk *check)
{
    const struct image *image = check->pin.image;
    struct spine_error error = {0};
    enum spine_status st;

    st = image_check(&check->batch->layout, image, image->bytes, &error);
    if (st != SPINE_OK)
        return spine_fail(check->error, st, "block %zu: %s", check->at, error.message);
    return check_fence_counts(check);
}

/* Does the fence say of the block how much of everything it has, and where? */
static enum spine_status
check_fence_counts(const struct batch_walk *check)
{
    const struct fence *fence = &check->batch->fences[check->at];
    const struct block_facts said = facts_of_fence(&check->batch->layout, fence);
    const struct block_facts seen =
        facts_of_image(&check->batch->layout, check->pin.image);
    const struct {
        const char *what;
        uint64_t in_fence;
        uint64_t in_block;
    } facts[] = {
        {"rows", said.rows, seen.rows},
        {"keys", said.keys, seen.keys},
        {"values", said.values, seen.values},
        {"negative rows", said.negative_rows, seen.negative_rows},
        {"bytes", fence->bytes,
         fence->block != NULL ? fence->block->bytes : fence->bytes},
        {"encoded", said.encoded, seen.encoded},
        {"framed keys", said.key_framed, seen.key_framed},
        {"bits of a key", said.key_width, seen.key_width},
        {"bits of a value", said.value_width, seen.value_width},
        {"place of values", said.values_at, seen.values_at},
    };

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        EXPECT(facts[i].in_fence == facts[i].in_block,
               "the fence of block %zu says %" PRIu64 " (%s), the block %" PRIu64,
               check->at, facts[i].in_fence, facts[i].what, facts[i].in_block);
    return SPINE_OK;
}

static enum spine_status
stage_block(struct batch_walk *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct image *image = check->pin.image;

    if (check->rows.count > 0)
        rows_drop_front(layout, &check->rows, check->rows.count - 1);
    check->rows_begin = check->rows.count;
    if (!rows_reserve(layout, &check->rows, check->rows.count + image->row_count))
        return fail_nomem(check->error, "the rows of a block", image->row_count);
    if (image_stage(layout, image, 0, image->row_count, &check->cells, &check->rows) !=
        SPINE_OK)
        return fail_nomem(check->error, "the keys of a block", image->key_count);
    return SPINE_OK;
}

/* The rows of a block are in order; so are those of the batch, if the first ones of
 * blocks are. */
static enum spine_status
check_order(struct batch_walk *check)
{
    const size_t first = check->rows_begin;

    EXPECT(first == 0 || rows_compare(&check->batch->layout, &check->rows, first - 1,
                                      &check->rows, first) < 0,
           "row %" PRIu64 " is not greater than the one before", check->rows_seen);
    return SPINE_OK;
}

static enum spine_status
check_fence(struct batch_walk *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct fence *fence = &check->batch->fences[check->at];
    const struct rows *rows = &check->rows;
    const size_t first = check->rows_begin, last = rows->count - 1;
    const bool continues =
        check->at > 0 && rows_key_end(layout, rows, first - 1, first + 1) > first;
    bool right = fence->first_hi == rows->hi[first] && fence->last_hi == rows->hi[last];

    if (layout->row_kind != ROW_ONE)
        right = right && fence->first_lo == rows->lo[first] &&
                fence->last_lo == rows->lo[last];
    EXPECT(right, "the fence of block %zu is not its first and last row", check->at);
    EXPECT(fence->row_begin == check->rows_seen,
           "the fence of block %zu begins at row %" PRIu64 " instead of %" PRIu64,
           check->at, fence->row_begin, check->rows_seen);
    EXPECT(fence->continues == continues, "block %zu: does its first key go on?",
           check->at);
    check->has_frames = check->has_frames || fence->key_framed;
    check->rows_seen += fence->rows;
    check->keys_seen += fence->keys - continues;
    check->negative_seen += fence->negative_rows;
    check->bytes_seen += fence_bytes(fence);
    return SPINE_OK;
}

static enum spine_status
check_cells(const struct batch_walk *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct fence_cells *cells = check->batch->fences[check->at].cells;
    const struct rows *rows = &check->rows;
    const size_t first = check->rows_begin, last = rows->count - 1;
    bool right = true;

    EXPECT((cells != NULL) == (layout->key.spans || layout->value.spans),
           "the fence of block %zu: has it cells?", check->at);
    if (layout->key.spans)
        right = span_compare(cells->first_key, rows->key[first]) == 0 &&
                span_compare(cells->last_key, rows->key[last]) == 0;
    if (layout->value.spans)
        right = right && span_compare(cells->first_value, rows->value[first]) == 0 &&
                span_compare(cells->last_value, rows->value[last]) == 0;
    EXPECT(right, "the cells of the fence of block %zu are not its first and last row",
           check->at);
    return SPINE_OK;
}

static enum spine_status
check_marks(const struct batch_walk *check)
{
    const struct spine_batch *batch = check->batch;
    const uint64_t *hi = check->rows.hi + check->rows_begin;
    uint64_t marks[BLOCK_MARKS];

    EXPECT((batch->marks != NULL) == layout_has_marks(&batch->layout), "marks");
    if (batch->marks == NULL)
        return SPINE_OK;
    EXPECT(check->at > 0 || batch->marks[0] == marks_word(&batch->layout, hi[0]),
           "the first mark is not the first key");
    marks_of_image(&batch->layout, check->pin.image, hi, marks);
    EXPECT(memcmp(batch->marks + 1 + check->at * BLOCK_MARKS, marks, sizeof marks) == 0,
           "the marks of block %zu are not its keys", check->at);
    return SPINE_OK;
}

/* The fences, of which edges are made, are right already. */
static enum spine_status
check_edges(const struct batch_walk *check)
{
    const struct spine_batch *batch = check->batch;
    const struct fence *const last = &batch->fences[batch->block_count - 1];
    struct spread spread;
    uint64_t edge;

    EXPECT((batch->edges != NULL) == layout_has_edges(&batch->layout), "edges");
    if (batch->edges == NULL)
        return SPINE_OK;
    EXPECT(batch->shared_bytes == edges_shared(&batch->layout, batch->fences, last),
           "%" PRIu32 " bytes are said to be common to all keys", batch->shared_bytes);
    edge =
        edge_of(&batch->layout, &batch->fences[check->at], batch->shared_bytes, &spread);
    EXPECT(edge == batch->edges[check->at] &&
               memcmp(&spread, &batch->spreads[check->at], sizeof spread) == 0,
           "the edge of block %zu is not its last key", check->at);
    return SPINE_OK;
}

/* What lies in front of a block in memory. */
static enum spine_status
check_guides(const struct batch_walk *check)
{
    const struct cell_layout *const layout = &check->batch->layout.key;
    const struct block *const block = check->batch->fences[check->at].block;
    const struct image *const image = check->pin.image;
    const size_t count = guide_count(layout, image->key_count);
    const size_t shared = count > 0 ? check->batch->spreads[check->at].shared : 0;
    uint8_t scratch[2][FIXED_PAIR_BYTES];
    struct guide_leap leap;
    struct span first;

    if (block == NULL || count == 0)
        return SPINE_OK;
    leap = *block_leap(block, count);
    first = key_of_block(check, 0, scratch[0]);
    for (uint32_t i = 0; i < image->key_count; i++) {
        const struct span key = key_of_block(check, i, scratch[1]);

        EXPECT(i % GUIDE_STEP > 0 || block_guides(block, count)[i / GUIDE_STEP] ==
                                         guide_word(key, shared, leap),
               "guide %" PRIu32 " of block %zu is not its key", i / GUIDE_STEP,
               check->at);
        EXPECT(block_fingerprints(block, count)[i] == fingerprint_of(key),
               "fingerprint %" PRIu32 " of block %zu is not that of its key", i,
               check->at);
        EXPECT(leap.bytes == 0 || memcmp(first.data + shared + leap.at,
                                         key.data + shared + leap.at, leap.bytes) == 0,
               "block %zu: guides leave out what is not in all keys", check->at);
    }
    return SPINE_OK;
}

/* Key `at` of the block; bytes that are no span are written to `scratch`. */
static struct span
key_of_block(const struct batch_walk *check, uint32_t at, uint8_t *scratch)
{
    const struct image *const image = check->pin.image;
    const struct rows *const rows = &check->rows;
    const size_t row =
        check->rows_begin + image_row_begin(image, image_value_begin(image, at));
    struct cell cell = {.word = rows->hi[row]};

    if (check->batch->layout.key.spans)
        cell.span = rows->key[row];
    else
        cell.rest = rows->lo[row];
    return cell_as_span(&check->batch->layout.key, &cell, scratch);
}

static enum spine_status
check_info(const struct batch_walk *check)
{
    const struct spine_batch *batch = check->batch;
    const struct spine_batch_info *info = &batch->info;
    uint8_t scratch[16];

    EXPECT(info->rows == check->rows_seen, "%" PRIu64 " rows; the batch says %" PRIu64,
           check->rows_seen, info->rows);
    EXPECT(info->keys == check->keys_seen, "%" PRIu64 " keys; the batch says %" PRIu64,
           check->keys_seen, info->keys);
    EXPECT(info->negative_rows == check->negative_seen,
           "%" PRIu64 " negative rows; the batch says %" PRIu64, check->negative_seen,
           info->negative_rows);
    EXPECT(info->bytes ==
               check->bytes_seen + batch_bytes(&batch->layout, batch->block_count),
           "the batch says %" PRIu64 " bytes", info->bytes);
    EXPECT(batch->has_frames == check->has_frames, "are keys of the batch in frames?");
    if (batch->block_count == 0)
        return SPINE_OK;
    EXPECT(datum_equals(&batch->layout.key, info->key_min, batch_key_min(batch, scratch)),
           "key_min is not the first key");
    EXPECT(datum_equals(&batch->layout.key, info->key_max, batch_key_max(batch, scratch)),
           "key_max is not the last key");
    return SPINE_OK;
}

static bool
datum_equals(const struct cell_layout *layout, union spine_datum a, union spine_datum b)
{
    if (layout->kind != SPINE_FIXED && layout->kind != SPINE_BYTES)
        return layout->native_bytes == 0 || memcmp(&a, &b, layout->native_bytes) == 0;
    return a.bytes.size == b.bytes.size &&
           (a.bytes.size == 0 || memcmp(a.bytes.data, b.bytes.data, a.bytes.size) == 0);
}
