/* SPDX-License-Identifier: MIT */

/* The key at which several batches are cut in two, and their halves, block by block. */

#include "batch/halves.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/fence.h"
#include "batch/fetch.h"

/* Of all rows, the part that is to be on either side of a seam at least. */
#define SEAM_PART 4u

struct halves {
    struct account *account; /* a reference, or NULL */
    struct halved *batches;
    size_t count;
    /* Not all blocks are in memory: the seam is the first key of this block, and how many
     * rows are before it is known of batch `at` if `is_sought`. */
    bool is_elsewhere;
    bool is_sought;
    const struct spine_batch *largest;
    size_t seam_block;
    /* The batch whose half number `side` is being made: into `output`, by `reader`, if
     * `is_open`. */
    size_t at;
    unsigned side;
    bool is_open;
    struct output output;
    struct reader reader;
    /* Of copied rows, until they are packed. */
    struct pins pins;
};

static enum spine_status make(struct halves **out, struct spine_batch *const *batches,
                              size_t count, struct account *account, uint64_t *fuel_rows);
static enum spine_status
find_seam(struct halves *halves, uint64_t *fuel_rows, bool *found);
static enum spine_status
rows_below(struct halves *halves, uint64_t choice, uint64_t *out);
static enum spine_status
rows_below_row(struct halves *halves, uint64_t row, uint64_t *out);
static enum spine_status
rows_below_block(struct halves *halves, size_t block, uint64_t *out);
static enum spine_status seek_all(struct halves *halves, const struct cell *key,
                                  struct fetch *fetch, uint64_t *out);
static enum spine_status rows_before(const struct spine_batch *batch,
                                     const struct cell *key, struct fetch *fetch,
                                     uint64_t *out);
static struct cell
seam_at_block(const struct spine_batch *batch, size_t block, struct row_code *code);
static const struct spine_batch *largest_of(const struct halves *halves);
static enum spine_status
make_half(struct halves *halves, struct fetch *fetch, uint64_t *fuel_rows);
static enum spine_status
seek_seam(struct halves *halves, struct fetch *fetch, uint64_t *fuel_rows);
static void open_half(struct halves *halves, struct fetch *fetch);
static void close_half(struct halves *halves);
static void halves_release(struct halves *halves);

enum spine_status
halves_new(struct halves **out, struct spine_batch *const *batches, size_t count,
           struct account *account, uint64_t *fuel_rows)
{
    struct account_span span = account_enter(account);
    const enum spine_status st = make(out, batches, count, account, fuel_rows);

    account_leave(&span);
    return st;
}

static enum spine_status
make(struct halves **out, struct spine_batch *const *batches, size_t count,
     struct account *account, uint64_t *fuel_rows)
{
    struct halves *halves = mem_zalloc(sizeof *halves);
    bool found = false;
    enum spine_status st = SPINE_OK;

    assert(count >= 1);
    *out = NULL;
    if (halves == NULL)
        return SPINE_NOMEM;
    halves->batches = mem_zalloc(count * sizeof *halves->batches);
    if (halves->batches == NULL) {
        st = SPINE_NOMEM;
        goto out;
    }
    halves->count = count;
    for (size_t i = 0; i < count; i++) {
        halves->is_elsewhere |= batches[i]->elsewhere;
        halves->batches[i].batch = spine_batch_ref(batches[i]);
    }
    halves->largest = largest_of(halves);
    if (account != NULL)
        halves->account = account_ref(account);
    TRY(find_seam(halves, fuel_rows, &found));
    if (found) {
        *out = halves;
        halves = NULL;
    }
out:
    halves_release(halves);
    return st;
}

/*
 * Bisects the rows of the largest batch, which has the most keys to choose from: the seam
 * is the key of the first row such that half of all rows are before its key. Where blocks
 * are elsewhere it bisects the blocks.
 */
static enum spine_status
find_seam(struct halves *halves, uint64_t *fuel_rows, bool *found)
{
    const struct spine_batch *largest = halves->largest;
    uint64_t begin = 0, rows = 0, below;
    uint64_t end = (halves->is_elsewhere ? largest->block_count : largest->info.rows) - 1;

    for (size_t i = 0; i < halves->count; i++)
        rows += halves->batches[i].batch->info.rows;
    while (begin < end) {
        const uint64_t middle = begin + (end - begin) / 2;

        *fuel_rows -= halves->count < *fuel_rows ? halves->count : *fuel_rows;
        TRY_RETURN(rows_below(halves, middle, &below));
        if (below < rows / 2)
            begin = middle + 1;
        else
            end = middle;
    }
    TRY_RETURN(rows_below(halves, begin, &below));
    halves->seam_block = (size_t)begin;
    *found = below > 0 && below >= rows / SEAM_PART && rows - below >= rows / SEAM_PART;
    return SPINE_OK;
}

/* Notes how many rows of each batch are before the key of the row, or of the block, that
 * may be chosen; `*out` is all of them. */
static enum spine_status
rows_below(struct halves *halves, uint64_t choice, uint64_t *out)
{
    return halves->is_elsewhere ? rows_below_block(halves, (size_t)choice, out)
                                : rows_below_row(halves, choice, out);
}

static enum spine_status
rows_below_row(struct halves *halves, uint64_t row, uint64_t *out)
{
    const struct layout *layout = &halves->largest->layout;
    struct rows at = {0};
    struct reader reader;
    struct cell key;
    enum spine_status st;

    reader_init(&reader, halves->largest);
    reader_to_offset(&reader, row);
    TRY(reader_peek(&reader, &at, 1));
    key = rows_key(layout, &at, 0);
    st = seek_all(halves, &key, NULL, out);
out:
    rows_release(layout, &at);
    reader_release(&reader);
    return st;
}

/* Nothing is read: of a batch in whose block the key may be anywhere, the rows of the
 * blocks before it count. */
static enum spine_status
rows_below_block(struct halves *halves, size_t block, uint64_t *out)
{
    struct fetch memory = {.is_closed = true};
    struct row_code code;
    const struct cell key = seam_at_block(halves->largest, block, &code);
    const enum spine_status st = seek_all(halves, &key, &memory, out);

    fetch_release(&memory);
    return st;
}

static enum spine_status
seek_all(struct halves *halves, const struct cell *key, struct fetch *fetch,
         uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < halves->count; i++) {
        struct halved *of = &halves->batches[i];
        const enum spine_status st = rows_before(of->batch, key, fetch, &of->rows_below);

        if (st != SPINE_OK && st != SPINE_BUSY)
            return st;
        *out += of->rows_below;
    }
    return SPINE_OK;
}

/* SPINE_BUSY: the rows before the block of the key. */
static enum spine_status
rows_before(const struct spine_batch *batch, const struct cell *key, struct fetch *fetch,
            uint64_t *out)
{
    struct reader reader;
    enum spine_status st;

    reader_init(&reader, batch);
    reader.fetch = fetch;
    reader.use = PIN_TO_MERGE;
    st = reader_seek(&reader, key, NULL);
    *out = reader_offset(&reader);
    reader_release(&reader);
    return st;
}

/* The first key of the block, which borrows from `code` and from the batch. */
static struct cell
seam_at_block(const struct spine_batch *batch, size_t block, struct row_code *code)
{
    const struct rows row = {.hi = &code->hi,
                             .lo = &code->lo,
                             .key = &code->key,
                             .value = &code->value,
                             .count = 1,
                             .capacity = 1};

    *code = fence_first(&batch->fences[block]);
    return rows_key(&batch->layout, &row, 0);
}

static const struct spine_batch *
largest_of(const struct halves *halves)
{
    const struct spine_batch *largest = halves->batches[0].batch;

    for (size_t i = 1; i < halves->count; i++)
        if (halves->batches[i].batch->info.rows > largest->info.rows)
            largest = halves->batches[i].batch;
    return largest;
}

enum spine_status
halves_step(struct halves *halves, struct fetch *fetch, uint64_t *fuel_rows, bool *done)
{
    struct account_span span = account_enter(halves->account);
    enum spine_status st = SPINE_OK;

    while (st == SPINE_OK && *fuel_rows > 0 && halves->at < halves->count)
        st = make_half(halves, fetch, fuel_rows);
    *done = st == SPINE_OK && halves->at == halves->count;
    account_leave(&span);
    return st;
}

/* Goes on with the half that is being made, which may be all of its batch or nothing. */
static enum spine_status
make_half(struct halves *halves, struct fetch *fetch, uint64_t *fuel_rows)
{
    struct halved *of = &halves->batches[halves->at];
    const uint64_t rows = of->batch->info.rows;
    struct spine_batch **half = &of->half[halves->side];
    uint64_t begin, end;

    if (halves->is_elsewhere && !halves->is_sought)
        TRY_RETURN(seek_seam(halves, fetch, fuel_rows));
    begin = halves->side == 0 ? 0 : of->rows_below;
    end = halves->side == 0 ? of->rows_below : rows;
    if (begin == 0 && end == rows) {
        *half = spine_batch_ref(of->batch);
        *fuel_rows -= *fuel_rows > 0;
    } else if (begin < end) {
        if (!halves->is_open)
            open_half(halves, fetch);
        TRY_RETURN(output_share_rows(&halves->output, &halves->reader, end, fuel_rows));
        if (reader_offset(&halves->reader) < end || *fuel_rows == 0)
            return SPINE_OK;
        TRY_RETURN(output_seal_step(&halves->output, fuel_rows, half, NULL));
        if (*half == NULL)
            return SPINE_OK;
        close_half(halves);
        batch_share_lookup(*half, of->batch);
        if (halves->account != NULL)
            batch_charge(*half, halves->account);
    }
    halves->is_sought = halves->side == 0;
    halves->at += halves->side;
    halves->side = 1 - halves->side;
    return SPINE_OK;
}

/* Looks into the block of batch `at` in which the seam is. */
static enum spine_status
seek_seam(struct halves *halves, struct fetch *fetch, uint64_t *fuel_rows)
{
    struct halved *of = &halves->batches[halves->at];
    struct row_code code;
    const struct cell key = seam_at_block(halves->largest, halves->seam_block, &code);

    TRY_RETURN(rows_before(of->batch, &key, fetch, &of->rows_below));
    halves->is_sought = true;
    *fuel_rows -= *fuel_rows > 0;
    return SPINE_OK;
}

static void
open_half(struct halves *halves, struct fetch *fetch)
{
    const struct halved *of = &halves->batches[halves->at];

    assert(!halves->is_open);
    output_init(&halves->output, &of->batch->layout);
    halves->output.judged_by = of->batch->judged_by;
    halves->output.encode_rows = UINT64_MAX;
    reader_init(&halves->reader, of->batch);
    halves->reader.pins = &halves->pins;
    halves->reader.fetch = fetch;
    halves->reader.use = PIN_TO_MERGE;
    reader_to_offset(&halves->reader, halves->side == 0 ? 0 : of->rows_below);
    halves->is_open = true;
}

static void
close_half(struct halves *halves)
{
    if (!halves->is_open)
        return;
    output_release(&halves->output);
    pins_release(&halves->pins);
    reader_release(&halves->reader);
    halves->is_open = false;
}

struct halved *
halves_of(struct halves *halves, size_t index)
{
    assert(index < halves->count);
    return &halves->batches[index];
}

void
halves_free(struct halves *halves)
{
    struct account_span span;
    struct account *account;

    if (halves == NULL)
        return;
    account = halves->account;
    span = account_enter(account);
    if (account != NULL)
        (void)account_ref(account);
    halves_release(halves);
    account_leave(&span);
    account_unref(account);
}

static void
halves_release(struct halves *halves)
{
    if (halves == NULL)
        return;
    close_half(halves);
    for (size_t i = 0; i < halves->count; i++) {
        struct halved *of = &halves->batches[i];

        spine_batch_unref(of->half[0]);
        spine_batch_unref(of->half[1]);
        spine_batch_unref(of->batch);
    }
    mem_free(halves->batches, halves->count * sizeof *halves->batches);
    account_unref(halves->account);
    mem_free(halves, sizeof *halves);
}
