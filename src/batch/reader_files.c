/* SPDX-License-Identifier: MIT */

/* What an exact seek asks of a file beside its blocks: a lookup filter, and rows that are
 * kept. */

#include "batch/reader_files.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/file_lookup.h"
#include "batch/marks.h"

static inline bool keeps_rows(const struct reader *reader);
static bool prefers_strip(const struct reader *reader, struct image_strips *out);
static void know_found(struct reader *reader, uint64_t word, uint64_t value);

enum spine_status
reader_ask_file(struct reader *reader, const struct cell *key)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    struct asked_lookup asked = {0};
    enum spine_status st = SPINE_OK;

    if (fence->block != NULL ||
        (reader->pin.image != NULL && reader->pinned == reader->block))
        return SPINE_OK;
    asked.fetch = reader->fetch;
    TRY(file_ask(&asked, fence, &reader->batch->layout.key, key, &reader->file_answer,
                 reader->error));
    asked_lookup_count(&asked, reader->file_answer, reader->counts);
    if (reader->file_answer == FILE_RULES_OUT)
        file_tell_found(fence, 0, 1);
out:
    asked_lookup_release(&asked);
    return st;
}

void
reader_tell_file(const struct reader *reader, bool found)
{
    const struct fence *fence = &reader->batch->fences[reader->block];

    if (fence->block == NULL)
        file_tell_found(fence, found, !found);
}

/* Is the block in a file, and may a reader keep rows of it? */
static inline bool
keeps_rows(const struct reader *reader)
{
    const struct layout *layout = &reader->batch->layout;
    const struct fence *fence = &reader->batch->fences[reader->block];

    return fence->block == NULL && fence->keeper->file != NULL && reader->fetch == NULL &&
           layout_has_marks(layout) && layout->row_kind != ROW_WIDE && !layout->timed &&
           layout->weight_count == 1;
}

bool
reader_find_kept(struct reader *reader, uint64_t word)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    const struct row_place place = {.key = word, .block = fence->number};
    struct kept_row row;

    if (!keeps_rows(reader) || !store_row_find(fence->keeper->file, &place, &row))
        return false;
    assert(row.row < fence->rows);
    reader->row = row.row;
    reader->found.is_single = reader->found.is_known = true;
    reader->found.block = reader->block;
    reader->found.row = row.row;
    reader->found.value = row.value;
    reader->found.weight = row.weight;
    reader_tell_file(reader, true);
    return true;
}

enum spine_status
reader_ask_strip(struct reader *reader, uint64_t word, bool *is_answered, size_t *rows)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    const uint32_t number = (uint32_t)(reader->granule % BLOCK_MARKS);
    const uint32_t first = number * STRIP_ROWS;
    struct store_strip_room room;
    struct image_strips strips;
    struct store_strip strip;
    uint32_t at;

    *is_answered = false;
    if (!prefers_strip(reader, &strips))
        return SPINE_OK;
    reader->strip_end = reader->block + 1;
    TRY_RETURN(store_read_strip(fence->keeper->file, fence->number, number, &room, &strip,
                                reader->error));
    at = strip_find(&strips, strip.keys, first, STRIP_ROWS, word);
    *is_answered = true;
    *rows = at < STRIP_ROWS;
    if (at < STRIP_ROWS) {
        reader->row = first + at;
        know_found(reader, word, strip_value(&strips, strip.values, first, at));
    }
    reader_tell_file(reader, at < STRIP_ROWS);
    return SPINE_OK;
}

/* Is a strip of the reader's block all that should be read of it? */
static bool
prefers_strip(const struct reader *reader, struct image_strips *out)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    const bool is_held = reader->pin.image != NULL && reader->pinned == reader->block;

    return keeps_rows(reader) && reader->use == PIN_TO_READ && !is_held &&
           reader->strip_end != reader->block + 1 &&
           file_knows_strips(fence->keeper->file, fence->number, out) &&
           store_prefers_strip(fence->keeper->file, fence->number);
}

/* The row at the position is the only one of its key, and has weight 1. */
static void
know_found(struct reader *reader, uint64_t word, uint64_t value)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    const struct layout *layout = &reader->batch->layout;
    const struct row_place place = {.key = word, .block = fence->number};
    struct kept_row row = {.value = value, .weight = 1, .row = (uint16_t)reader->row};
    int64_t apart;

    if (layout->row_kind == ROW_ONE && layout->key_shift < 64)
        row.value |= word << layout->key_shift;
    reader->found.is_single = reader->found.is_known = true;
    reader->found.block = reader->block;
    reader->found.row = reader->row;
    reader->found.value = row.value;
    reader->found.weight = row.weight;
    apart = mem_apart_begin();
    store_row_keep(fence->keeper->file, &place, &row);
    mem_apart_end(apart);
}

void
reader_note_found(struct reader *reader, size_t rows)
{
    reader->found.is_single = rows == 1 && keeps_rows(reader);
    reader->found.is_known = false;
    reader->found.block = reader->block;
    reader->found.row = reader->row;
}

void
reader_keep_found(const struct reader *reader, uint64_t word, const struct rows *rows)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    const size_t at = rows->count - 1;
    const struct row_place place = {.key = word, .block = fence->number};
    const struct kept_row row = {.value = rows->lo != NULL ? rows->lo[at] : rows->hi[at],
                                 .weight = rows->weight[at],
                                 .row = (uint16_t)reader->row};
    const int64_t apart = mem_apart_begin();

    store_row_keep(fence->keeper->file, &place, &row);
    mem_apart_end(apart);
}

void
reader_give_found(const struct reader *reader, uint64_t word, struct rows *out)
{
    const size_t at = out->count++;

    out->hi[at] = out->lo != NULL ? word : reader->found.value;
    if (out->lo != NULL)
        out->lo[at] = reader->found.value;
    out->weight[at] = reader->found.weight;
}
