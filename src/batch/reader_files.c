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
