/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_BLOCK_FRAMES_H
#define BLOCK_BLOCK_FRAMES_H

/*
 * block/block_frames -- which columns of a block become frames (block/frame.h), and how
 * their words are taken from rows.
 */

#include "block/block.h"

/* At most BLOCK_ROWS words: (words[row] >> shift & mask) ^ flip; or the ends of `spans`
 * as they lie end to end; or `picks`. */
struct frame_source {
    const uint64_t *words;
    const struct span *spans;
    /* The fronts that are left away of them, or NULL. */
    const uint32_t *fronts;
    const uint8_t *picks;
    unsigned shift;
    uint64_t mask;
    uint64_t flip;
    /* Which row has word i; NULL: row i. */
    const uint16_t *rows;
    uint32_t count;
    /* The words do not fall. */
    bool sorted;
};

/* A column that is a frame, or might be one. */
struct framed {
    struct frame_source source;
    struct frame frame;
    /* The last word. */
    uint64_t last;
    bool pays;
};

/* Fits the frame of `source`, which pays when it, with `head_bytes` more, saves an eighth
 * of `plain_bytes`. */
void framed_fit(struct framed *framed, size_t plain_bytes, size_t head_bytes);
size_t framed_bytes(const struct framed *framed);
/* Writes the frame to `out`, and its distances, framed_bytes(), to `bits` behind it. */
void framed_write(const struct framed *framed, struct frame *out, uint8_t *bits);
/* The same when the words have been taken from the source already. */
void framed_write_words(const struct framed *framed, const uint64_t *words,
                        struct frame *out, uint8_t *bits);

#endif
