/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_H
#define BATCH_BATCH_H

/*
 * batch/ -- batches and how they are made and read.
 *
 * A batch is an array of immutable, reference-counted blocks (block/block.h) and what is
 * known of them without reading them. Rows of one key may go on in the next block
 * (`continues`); rows of one value never do, unless there are more than BLOCK_ROWS times.
 *
 * Written by output_*, in order, from flat rows (kernel/kernel.h); read by reader_*, into
 * flat rows again (batch/reader.h), or for many keys together (batch/hits.h). Blocks may
 * be elsewhere (batch/pin.h).
 */

#include "base/ref.h"
#include "batch/batch_file.h"
#include "batch/batch_sample.h"
#include "batch/batch_wanted.h"
#include "batch/fetch.h"
#include "batch/halves.h"
#include "batch/hits.h"
#include "batch/pin.h"
#include "batch/places.h"
#include "batch/read_ahead.h"
#include "batch/reader.h"
#include "filter/filter.h"
#include "kernel/kernel.h"
#include "lookup/lookup.h"

/* The granules that the keys of a block are divided into, when they are words. */
#define BLOCK_MARKS 32u

/* Batches of at least this many rows are encoded. */
#define ENCODE_ROWS 100000u

struct fence;  /* private to batch/ */
struct spread; /* private to batch/ */
struct placement;
struct store_waiter;
struct batch_writer; /* private to batch/ */
struct file_counter; /* private to batch/ */

struct spine_batch {
    struct ref refs;
    struct layout layout;
    /* What is known of each block without a look into it. */
    struct fence *fences;
    size_t block_count;
    /* Of keys that are words: the first one, then the last one of every granule of every
     * block (batch/marks.h), side by side. Otherwise NULL. */
    uint64_t *marks;
    /* Of keys that are bytes: how many of these all of them begin with, and of each block
     * what is searched instead of its fence (batch/edges.h), side by side. Otherwise
     * NULL. */
    uint32_t shared_bytes;
    uint64_t *edges;
    struct spread *spreads;
    /* Keys of some blocks are frames. */
    bool has_frames;
    /* Some blocks are not in memory: their rows, and the bytes of their images. Some of
     * them are in files, and some of these have lookup filters, which are asked. */
    bool elsewhere;
    bool in_files;
    bool asks_files;
    /* Rows borrow from what readers hold: some blocks are elsewhere, or their keys have
     * fronts. */
    bool is_held;
    uint64_t rows_elsewhere;
    uint64_t bytes_elsewhere;
    /* How many files they are in, FILES_COUNTED (batch/fence.h) at most. */
    uint32_t file_count;
    /* All blocks are judged. */
    bool judged;
    struct judged_by judged_by;
    struct spine_batch_info info;
    /* A reference; NULL until a reader has built it; never changes then. It may know more
     * keys than the batch has. */
    _Atomic(struct lookup *) lookup;
    /* The account that is charged for it. */
    account_payer payer;
    /* Searches in vain that a filter would have saved. */
    atomic_uint_least64_t searches_in_vain;
    /* Blocks in memory that probes looked into, each as often as they did. */
    atomic_uint_least64_t blocks_asked;
    /* The files that have all of its blocks, in their order (batch/twin.h). */
    twin_list twins;
    /* A checkpoint has it, or is probably about to: what is merged of it has to be
     * written again. */
    atomic_bool is_saved;
    /* Where key_min and key_max of short fixed keys live. */
    uint8_t key_scratch[2][16];
};

/* ---- Writing ---- */

/*
 * The output of a merge, a builder, a batcher: rows appended in order come out as a
 * batch. `pending` is where rows are written: append to it (kway_fill does), then call
 * output_flush().
 */
struct output {
    struct layout layout;
    /*
     * A batch of at least this many rows gets encoded blocks, which have fewer bytes and
     * take a little longer to write and to read. ENCODE_ROWS unless the owner of a new
     * output says otherwise; UINT64_MAX: never.
     */
    uint64_t encode_rows;
    /* The most rows that will come, if known: their blocks are encoded at once, not only
     * when there are enough of them, and the last one is no small one. The owner sets it,
     * before the first rows. */
    uint64_t rows_expected;
    /* The account that is charged for its blocks, or NULL; the owner sets it. */
    struct account *account;
    struct rows pending;
    /* What judges the rows, set by the owner, and the end of the pending ones that it may
     * yet reject: the blocks of those are not marked as judged. */
    struct judged_by judged_by;
    size_t doubtful_end;
    struct fence *fences;
    size_t block_count;
    size_t fence_capacity;
    /* The marks of the fences, but for the first one. */
    uint64_t *marks;
    size_t mark_capacity;
    uint64_t rows;
    uint64_t keys;
    uint64_t negative_rows;
    /* The batch while it is made, and how many of the blocks it has; NULL: it is not. */
    struct spine_batch *sealing;
    size_t sealed;
    /* Counts the files that these are in; NULL: none is in a file. */
    struct file_counter *files;
    bool has_files;
    /* Memory of blocks and cells of fences. */
    uint64_t bytes;
    /* What sends the output to a file, set by the owner, and where it is said what could
     * not be written; both may be NULL. */
    struct placement *placement;
    struct spine_error *error;
    /* The part of `bytes` that `placement` knows of. */
    uint64_t bytes_counted;
    /* The part of `bytes` that is blocks made here, as `account` knows. */
    size_t bytes_made;
    /* How the lookup filters of a file are made, of the owner, who sets it; NULL: by
     * default. */
    const struct lookup_options *lookup;
    /* Has the file written behind, of the owner, who sets it; NULL: writes itself. */
    const struct store_waiter *waiter;
    /* How often readers wanted of late what lies between two rows, in the batches that
     * the output takes the place of; it is asked in ascending order. Of the owner, who
     * sets it; NULL: nobody knows. */
    unsigned (*on_wanted)(void *context, const struct row_code *first,
                          const struct row_code *last);
    void *wanted_context;
    /* The file that it is written to; NULL: none yet. All of it was handed over. */
    struct batch_writer *writer;
    bool file_is_whole;
    /* The number of fences that were looked at for that, and of blocks that are in the
     * file. */
    size_t placed;
    size_t blocks_in_file;
    /* The file failed: the output can only be released. */
    bool is_lost;
};

void output_init(struct output *output, const struct layout *layout);
/* Frees everything that was not sealed. Twice is harmless. */
void output_release(struct output *output);
/* Turns as many whole blocks of `pending` as there are into blocks; with `all`, the rest
 * too. SPINE_NOMEM: nothing is lost, try again, unless the output `is_lost`; so it is
 * when its file cannot be written. */
enum spine_status output_flush(struct output *output, bool all);
/* Appends the block at the position of `reader`, which stands before its first row, by
 * reference, after flushing what is pending; moves the reader behind it. */
enum spine_status output_share_block(struct output *output, struct reader *reader);
/* The block that was just shared has been judged now. */
void output_mark_judged(struct output *output);
/*
 * What is left of the batch of `reader` from its position on, in slices: into an output
 * of its own, which is new. Begins with a copy of the rows that are left of the block at
 * the position, unless it stands before its first row; appends the blocks from there on
 * by reference, to the end, as long as there is fuel, of which a block costs one. The
 * reader stays until the output is sealed or released.
 */
enum spine_status
output_begin_rest(struct output *output, struct reader *reader, uint64_t *fuel_rows);
enum spine_status
output_share_rest(struct output *output, struct reader *reader, uint64_t *fuel_rows);
/* Appends the rows from the position of `reader` on, up to row `end` of its batch, as
 * long as there is fuel, of which a block costs one: whole blocks by reference, parts of
 * them copied. */
SPINE_CHECKED enum spine_status output_share_rows(struct output *output,
                                                  struct reader *reader, uint64_t end,
                                                  uint64_t *fuel_rows);
/* Rows [begin, end) of `batch`, which are some of them but not all, as `*inner`, and the
 * others as `*outer`: whole blocks by reference, parts of them copied, which `fetch` may
 * find or not (struct reader). */
SPINE_CHECKED enum spine_status
batch_cut(const struct spine_batch *batch, uint64_t begin, uint64_t end,
          struct fetch *fetch, struct spine_batch **inner, struct spine_batch **outer);
/* Does what was appended end with the key of the first of `rows`? */
bool output_ends_with(const struct output *output, const struct rows *rows);
/* Would the rows of the block at the position become smaller if they were appended, not
 * shared? They never do twice. */
bool output_encodes_block(const struct output *output, const struct reader *reader);
/* The batch of all that was appended; a batch of no rows is a batch. The output is empty
   afterwards; after a failure it is as it was, unless it `is_lost`. */
enum spine_status
output_seal(struct output *output, struct spine_batch **out, struct spine_error *error);
/*
 * output_seal() in slices: each takes what it used from `*fuel_rows`, of which a block
 * costs one, but for the first 16, and `*out` is NULL until the batch is there. Nothing
 * is appended meanwhile; after output_seal_abort() it may be again. It may also be NULL
 * because output_awaits().
 */
enum spine_status output_seal_step(struct output *output, uint64_t *fuel_rows,
                                   struct spine_batch **out, struct spine_error *error);
void output_seal_abort(struct output *output);
/* Should the owner of an output with a waiter wait until this is told, because so much is
 * yet to be written, or because the file has to end before the output is sealed? */
bool output_awaits(const struct output *output);
/* Makes room for the fences and the marks of `blocks` blocks at once. Otherwise their
 * arrays grow, and may be moved. */
SPINE_CHECKED enum spine_status
output_reserve_blocks(struct output *output, size_t blocks);

/* The batch of sorted, consolidated `rows`, which stay. */
enum spine_status batch_of_sorted(const struct layout *layout, const struct rows *rows,
                                  struct spine_batch **out, struct spine_error *error);

/* ---- Memory ---- */

/* Charges the batch, its blocks and its filter to `account`, but for what is charged
 * already. Any thread. */
void batch_charge(struct spine_batch *batch, struct account *account);

/* ---- Lookup filters ---- */

/*
 * Filters are built by readers, for batches that they search in vain: so batches that are
 * only written, merged or scanned never pay for one. Any thread.
 *
 * A block in a file has a filter in that file (batch/file_lookup.h), whatever batch it is
 * part of, unless the file lies in the pack of a checkpoint. So a batch with blocks in
 * files that have filters gets none of its own, and its other blocks have none.
 */

/* The filter, or NULL when there is none. */
static inline const struct lookup *
batch_lookup(const struct spine_batch *batch)
{
    return atomic_load_explicit(&batch->lookup, memory_order_acquire);
}

/*
 * Tells that `count` searches of a batch without filter found nothing. Unless it has
 * blocks in files that have filters, builds the filter when that has cost as much as
 * building does: one thread does, the others go on without; so do all without memory, or
 * when a block cannot be read, until as much has been lost again.
 */
void batch_search_failed(struct spine_batch *batch, const struct lookup_options *options,
                         uint64_t count);
/*
 * Gives `part`, which has some of the rows of `batch` and which nobody else knows yet,
 * the filter of `batch`, if there is one: what that does not have, `part` does not have.
 * Not when the filter is larger than `part`, which is better off with one of its own.
 */
void batch_share_lookup(struct spine_batch *part, const struct spine_batch *batch);
/* Memory of the filter, 0 without one. */
static inline size_t
batch_lookup_bytes(const struct spine_batch *batch)
{
    const struct lookup *lookup = batch_lookup(batch);

    return lookup != NULL ? lookup_bytes(lookup) : 0;
}

/* ---- Blocks ---- */

/* Pins block `index`. On failure `error`, unless it is NULL, says what cannot be read. */
SPINE_CHECKED enum spine_status batch_pin(const struct spine_batch *batch, size_t index,
                                          struct pin *out, struct spine_error *error);
/*
 * The blocks of the batch are those of `keeper` from now on, which has them by their
 * index; it keeps a reference. Before anyone else knows the batch.
 */
void batch_use_keeper(struct spine_batch *batch, struct block_keeper *keeper);

/* Is called now and then: `rows` of `all` rows were looked at. */
typedef void batch_progress_fn(void *context, uint64_t rows, uint64_t all);
/* spine_batch_check(), which may take long; `on_progress` may be NULL. */
SPINE_CHECKED enum spine_status batch_check(const struct spine_batch *batch,
                                            batch_progress_fn *on_progress, void *context,
                                            struct spine_error *error);

#endif
