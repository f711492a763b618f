/* SPDX-License-Identifier: MIT */

/*
 * How much of a large batch a merge with small ones reads: their rows are followed from
 * block to block of the large one, and what lies between is jumped over.
 */

#include "base/assert.h"
#include "merge/merge.h"
#include "merge/merge_inputs.h"

/* A small batch, and the block of the large one into which its next row reaches, if that
 * block has not been counted: then the guest has not been moved on yet. */
struct guest {
    struct reader reader;
    size_t block;
    /* The next row lies in a block that is not in memory; it may be as little as
     * `sought`. */
    bool is_vague;
    struct row_code sought;
};

struct overlap {
    const struct spine_batch *large;
    struct guest guests[MERGE_OVERLAP_MAX];
    size_t guest_count;
    /* Where the next row of a guest is staged. */
    struct rows row;
    struct overlap_look *look;
    /* What was looked for and could not be read. */
    enum spine_status status;
};

static bool
ends_before(const struct spine_batch *before, const struct spine_batch *after);
static void guest_to_block(struct overlap *overlap, struct guest *guest, size_t block);
static bool
guest_code(struct overlap *overlap, struct guest *guest, struct row_code *out);
static void guest_seek(struct overlap *overlap, struct guest *guest,
                       const struct row_code *code, bool after);
static enum spine_status seek_in_memory(struct fetch *fetch, struct reader *reader,
                                        const struct row_code *code, bool after);
static size_t find_reached_block(const struct spine_batch *large, size_t begin,
                                 const struct row_code *code);
static size_t first_block(struct overlap *overlap, size_t next);
static uint64_t rows_between(const struct spine_batch *large, size_t begin, size_t end);
static bool encodes(const struct spine_batch *large, const struct small_batches *small,
                    uint64_t encode_rows);

static struct row_code
block_first(const struct spine_batch *batch, size_t block)
{
    return reader_block_first(&(struct reader){.batch = batch, .block = block});
}

static struct row_code
block_last(const struct spine_batch *batch, size_t block)
{
    return reader_block_last(&(struct reader){.batch = batch, .block = block}, 0);
}

static uint32_t
block_rows(const struct spine_batch *batch, size_t block)
{
    return reader_block_rows(&(struct reader){.batch = batch, .block = block});
}

bool
merge_is_concatenation(struct spine_batch *const *batches, size_t batch_count)
{
    struct spine_batch *sorted[MERGE_OVERLAP_MAX];

    if (batch_count > MERGE_OVERLAP_MAX)
        return false;
    /* Where keys are random, the first two overlap. */
    for (size_t i = 0; i < batch_count; i++) {
        size_t at = i;

        for (; at > 0 && !ends_before(sorted[at - 1], batches[i]); at--) {
            if (!ends_before(batches[i], sorted[at - 1]))
                return false;
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = batches[i];
    }
    return true;
}

/* Does `before` end before `after` begins? */
static bool
ends_before(const struct spine_batch *before, const struct spine_batch *after)
{
    const struct row_code last = block_last(before, before->block_count - 1);
    const struct row_code first = block_first(after, 0);

    return row_code_compare(&before->layout, &last, &first) < 0;
}

uint64_t
merge_overlap(const struct spine_batch *large, const struct small_batches *small,
              uint64_t encode_rows, uint64_t rows_max, struct overlap_look *look)
{
    const size_t blocks = large->block_count;
    struct overlap overlap = {.large = large, .guest_count = small->count, .look = look};
    uint64_t rows = 0;
    size_t next = 0;

    if (small->count > MERGE_OVERLAP_MAX || blocks == 0 ||
        encodes(large, small, encode_rows))
        return large->info.rows;
    for (size_t i = 0; i < small->count; i++) {
        struct guest *guest = &overlap.guests[i];

        reader_init(&guest->reader, small->batches[i]);
        guest->reader.use = PIN_TO_MERGE;
        guest->reader.fetch = look != NULL ? look->fetch : NULL;
        guest->is_vague = false;
        guest_to_block(&overlap, guest, 0);
    }
    while (next < blocks && rows <= rows_max) {
        const size_t block = first_block(&overlap, next);
        const size_t end = block < blocks ? block : blocks;

        rows += rows_between(large, next, end);
        if (block >= blocks)
            break;
        rows += block_rows(large, block);
        next = block + 1;
    }
    for (size_t i = 0; i < small->count; i++)
        reader_release(&overlap.guests[i].reader);
    rows_release(&large->layout, &overlap.row);
    if (overlap.status == SPINE_OK)
        return rows;
    if (look != NULL)
        look->has_failed = true;
    return large->info.rows;
}

/* To the first row of the guest that lies in a block from `block` on, or to its end. */
static void
guest_to_block(struct overlap *overlap, struct guest *guest, size_t block)
{
    const struct spine_batch *large = overlap->large;
    struct row_code code, bound;

    assert(block <= large->block_count);
    if (block > 0) {
        bound = block_last(large, block - 1);
        guest_seek(overlap, guest, &bound, true);
    }
    while (guest_code(overlap, guest, &code)) {
        block = find_reached_block(large, block, &code);
        guest->block = block;
        if (block == large->block_count)
            return;
        bound = block_first(large, block);
        if (row_code_compare(&large->layout, &code, &bound) >= 0)
            return;
        /* It lies between two blocks; maybe the next one reaches into the second. */
        guest_seek(overlap, guest, &bound, false);
        if (!guest_code(overlap, guest, &code))
            break;
        bound = block_last(large, block);
        if (row_code_compare(&large->layout, &code, &bound) <= 0)
            return;
    }
    guest->block = large->block_count;
}

/* The next row of the guest, until that moves; false at its end, and once something
 * failed. */
static bool
guest_code(struct overlap *overlap, struct guest *guest, struct row_code *out)
{
    struct reader *reader = &guest->reader;

    if (overlap->status != SPINE_OK || reader_at_end(reader))
        return false;
    if (guest->is_vague) {
        *out = guest->sought;
        return true;
    }
    if (reader_at_block_start(reader)) {
        *out = reader_block_first(reader);
        return true;
    }
    overlap->row.count = 0;
    overlap->status = reader_peek(reader, &overlap->row, 1);
    if (overlap->status != SPINE_OK)
        return false;
    *out = rows_code(&overlap->large->layout, &overlap->row, 0);
    return true;
}

/* To the first row that is not less, or greater (`after`). */
static void
guest_seek(struct overlap *overlap, struct guest *guest, const struct row_code *code,
           bool after)
{
    struct reader *reader = &guest->reader;
    struct fetch *fetch = reader->fetch;
    struct row_code first;
    enum spine_status st;

    guest->is_vague = false;
    if (overlap->status != SPINE_OK)
        return;
    if (fetch == NULL) {
        overlap->status = reader_seek_code(reader, code, after);
        return;
    }
    st = seek_in_memory(fetch, reader, code, after);
    if (st == SPINE_BUSY) {
        first = reader_block_first(reader);
        if (row_code_compare(&overlap->large->layout, &first, code) >= after)
            return;
        if (overlap->look->at_least || !fetch_has_room(fetch))
            goto vague;
        st = fetch_block(fetch, reader->batch, reader->block, NULL);
        overlap->look->lacks |= st == SPINE_BUSY && !fetch->is_closed;
        if (st == SPINE_OK)
            st = seek_in_memory(fetch, reader, code, after);
    }
    overlap->status = st == SPINE_BUSY ? SPINE_OK : st;
    if (st != SPINE_BUSY)
        return;
vague:
    guest->is_vague = true;
    guest->sought = *code;
    /* The block has what was sought, or something behind it. */
    if (overlap->look->at_least)
        guest->sought = block_last(reader->batch, reader->block);
}

/* SPINE_BUSY: the block that has the code is not in memory; the reader stands before
 * it. */
static enum spine_status
seek_in_memory(struct fetch *fetch, struct reader *reader, const struct row_code *code,
               bool after)
{
    const bool was_closed = fetch->is_closed;
    enum spine_status st;

    fetch->is_closed = true;
    st = reader_seek_code(reader, code, after);
    fetch->is_closed = was_closed;
    return st;
}

/* The first block from `begin` on whose last row is not less than `code`. Doubles its
 * steps first: it is near more often than not. */
static size_t
find_reached_block(const struct spine_batch *large, size_t begin,
                   const struct row_code *code)
{
    size_t end = begin;

    assert(begin <= large->block_count);
    for (size_t step = 1; end < large->block_count; step *= 2) {
        const struct row_code last = block_last(large, end);

        if (row_code_compare(&large->layout, &last, code) >= 0)
            break;
        begin = end + 1;
        end += step;
    }
    if (end > large->block_count)
        end = large->block_count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const struct row_code last = block_last(large, middle);

        if (row_code_compare(&large->layout, &last, code) >= 0)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

/* The first block from `next` on that a guest reaches. Where keys are random each guest
 * reaches every block, and one that does is enough: the others need not be moved. */
static size_t
first_block(struct overlap *overlap, size_t next)
{
    size_t block = SIZE_MAX;

    for (size_t i = 0; i < overlap->guest_count; i++)
        if (overlap->guests[i].block >= next && overlap->guests[i].block < block)
            block = overlap->guests[i].block;
    for (size_t i = 0; i < overlap->guest_count && block > next; i++) {
        struct guest *guest = &overlap->guests[i];

        if (guest->block < next)
            guest_to_block(overlap, guest, next);
        if (guest->block < block)
            block = guest->block;
    }
    return block;
}

/* What is read of blocks [begin, end), which no small batch reaches. */
static uint64_t
rows_between(const struct spine_batch *large, size_t begin, size_t end)
{
    uint64_t rows = 0;

    assert(begin <= end);
    assert(end <= large->block_count);
    if (begin == 0 || end == large->block_count || end - begin >= SHARE_BLOCKS_MIN)
        return 0;
    for (size_t at = begin; at < end; at++)
        rows += block_rows(large, at);
    return rows;
}

/* A merge that encodes does not take over what is not encoded. */
static bool
encodes(const struct spine_batch *large, const struct small_batches *small,
        uint64_t encode_rows)
{
    struct output output;
    struct reader reader;

    output_init(&output, &large->layout);
    output.encode_rows = encode_rows;
    output.rows_expected = large->info.rows;
    for (size_t i = 0; i < small->count; i++)
        output.rows_expected += small->batches[i]->info.rows;
    reader_init(&reader, large);
    return output_encodes_block(&output, &reader);
}
