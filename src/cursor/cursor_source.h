/* SPDX-License-Identifier: MIT */
#ifndef CURSOR_CURSOR_SOURCE_H
#define CURSOR_CURSOR_SOURCE_H

/*
 * cursor/cursor_source -- one batch of a cursor: where it is read, and where that ends.
 *
 * What a source has left, forward, lies between its reader and `stop`; backward the
 * reader is the greater of the two:
 *
 *     the batch    | ... begin ........ reader ........ stop ... end ... |
 *                        the bounds of the cursor: from begin to end
 *
 * `stop` is a bound, or the end of the key in a limited window. When the key goes on in
 * the next block, `stop` is the end of this one, and `stop_moves` says that it will move.
 */

#include "batch/batch.h"

struct window;

/* One batch of the cursor. */
struct source {
    struct window *window;
    /* A reference. */
    struct spine_batch *batch;
    /* Where staging goes on; between seeks a hint for the next one. */
    struct reader reader;
    struct read_ahead ahead;
    /* The offset in the batch at which staging ends. */
    uint64_t stop;
    /* `stop` is the end of a block, behind which a limited window goes on. */
    bool stop_moves;
    /* The cursor's bounds as offsets in the batch. */
    uint64_t begin;
    uint64_t end;
    /* Its weights count times -1. */
    bool negated;
    /* The least and the greatest key of the batch. */
    struct cell key_min;
    struct cell key_max;
    /* Within an exact seek: may the batch have the key? Its filter, if it was asked. */
    bool hit;
    const struct lookup *lookup;
    /* Exact seeks without a filter that found nothing, not told to the batch yet. */
    uint32_t searches_in_vain;
};

/* The kway_refill_fn of cursors. */
enum spine_status source_refill(struct kway_input *input, size_t want);

/* Are there rows between the reader and where `stop` will be? */
static inline bool
source_has_more(const struct source *source)
{
    return reader_offset(&source->reader) != source->stop || source->stop_moves;
}

/* How many there are, at least. */
static inline uint64_t
source_rows_left(const struct source *source)
{
    const uint64_t offset = reader_offset(&source->reader);

    return offset < source->stop ? source->stop - offset : offset - source->stop;
}

#endif
