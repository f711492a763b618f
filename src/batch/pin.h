/* SPDX-License-Identifier: MIT */
#ifndef BATCH_PIN_H
#define BATCH_PIN_H

/*
 * batch/pin -- the one door to the image of a block.
 *
 * A block is in memory as long as its batch is, or it is elsewhere, in a file for
 * instance: then a *keeper* brings its image when it is asked for, which may fail, and
 * has it until it is given back. Between the two the block is *pinned*. A pin of a block
 * in memory costs a load and holds nothing.
 *
 * Cells that are spans borrow from the block that they were staged from; keys that have
 * fronts are copied, and borrow from the memory that their reader has for these, which
 * goes where the pin goes, also when the block is in memory. A user that has
 * such rows when the reader goes on to another block either has *pins*, a list where the
 * reader leaves what it held, or copies the cells.
 *
 *     reader      block 7 --------> block 8          holds the pin of 8
 *     pins        ... 5 6 7                          held for rows that borrow from them
 *     rows        6 6 7 7 7 8
 */

#include "base/ref.h"
#include "block/block.h"
#include "rows/arena.h"

struct block_keeper;
struct reader;
struct store_file;

/* A block that stays where it is. */
struct pin {
    const struct image *image;
    /* The keeper that takes the block back; NULL: the batch has it anyway, or there is
     * none. */
    struct block_keeper *keeper;
    /* The keeper's. */
    void *handle;
};

/* What a block is pinned for. */
enum pin_use {
    /* By a reader, who may want it again. */
    PIN_TO_READ,
    /* By a merge, which will not, or by a reader that had it brought. */
    PIN_TO_MERGE
};

/* What keepers do, on any thread. */
struct block_keeper_calls {
    /* Brings the image of block `number`, a sound one of the layout of the batch. On
     * failure `*out` is as it was, and `error`, unless it is NULL, says what could not be
     * read. */
    enum spine_status (*on_pin)(struct block_keeper *keeper, uint32_t number,
                                enum pin_use use, struct pin *out,
                                struct spine_error *error);
    void (*on_unpin)(struct pin *pin);
    /* The last reference is gone, and no block is pinned. */
    void (*on_free)(struct block_keeper *keeper);
};

/* Where blocks are that are not in memory. Part of a struct of its owner. */
struct keeper_twins;

struct block_keeper {
    struct ref refs;
    const struct block_keeper_calls *calls;
    /* The file that the blocks are in, by their numbers; NULL: it is none. */
    struct store_file *file;
    /* Of a file: searches of late that found their key, and that did not. */
    atomic_uint_least32_t found;
    atomic_uint_least32_t absent;
    /* Of a file: where its blocks are as well (batch/twin.h); NULL until one is. */
    _Atomic(struct keeper_twins *) twins;
};

static inline struct block_keeper *
block_keeper_ref(struct block_keeper *keeper)
{
    ref_take(&keeper->refs);
    return keeper;
}

/* NULL is allowed. */
static inline void
block_keeper_unref(struct block_keeper *keeper)
{
    if (keeper != NULL && ref_drop(&keeper->refs))
        keeper->calls->on_free(keeper);
}

/* Gives the block back; twice is harmless. */
static inline void
pin_release(struct pin *pin)
{
    if (pin->keeper != NULL)
        pin->keeper->calls->on_unpin(pin);
    *pin = (struct pin){0};
}

/* A pin that a reader left. */
struct kept_pin {
    struct pin pin;
    struct arena cells;
    struct reader *reader;
    /* The row of the output behind all that borrow from it; PIN_IN_USE as long as staged
     * rows do. */
    uint64_t done_at;
};
#define PIN_IN_USE UINT64_MAX

/* Zero at first. */
struct pins {
    struct kept_pin *kept;
    size_t count;
    size_t capacity;
    /* Pins that rows borrow from: those above and what readers still hold. */
    size_t lent;
    /* Memory for the cells of the next reader. */
    struct arena unused;
};

/*
 * Gives back what no row borrows from any more. `rows_out` rows were made of staged rows
 * so far, and the first `rows_done` of them borrow from nothing now: a pin that no staged
 * row borrows from goes when those rows that were out at that time are done.
 */
void pins_return(struct pins *pins, uint64_t rows_out, uint64_t rows_done);
/* Gives all back, before the batches go; readers may hold more. Twice is harmless. */
void pins_release(struct pins *pins);

/* Takes over what `reader` holds. SPINE_NOMEM. */
enum spine_status pins_keep(struct pins *pins, struct reader *reader);

#endif
