/* SPDX-License-Identifier: MIT */

/* Columns of a block as frames: how many bytes that takes, and writing them. */

#include "block/block_frames.h"

static const uint64_t *take_words(const struct frame_source *source, uint64_t *scratch);
static void take_ends(const struct frame_source *source, uint64_t *scratch);

void
framed_fit(struct framed *framed, size_t plain_bytes, size_t head_bytes)
{
    const struct frame_source *source = &framed->source;
    uint64_t scratch[BLOCK_ROWS];
    const uint64_t *words;

    framed->pays = false;
    if (plain_bytes == 0)
        return;
    words = take_words(source, scratch);
    framed->last = words[source->count - 1];
    framed->frame = frame_fit(words, source->count, source->sorted);
    framed->pays = head_bytes + framed_bytes(framed) <= plain_bytes - plain_bytes / 8;
}

size_t
framed_bytes(const struct framed *framed)
{
    return frame_bytes(&framed->frame, framed->source.count);
}

void
framed_write(const struct framed *framed, struct frame *out, uint8_t *bits)
{
    const struct frame_source *source = &framed->source;
    uint64_t scratch[BLOCK_ROWS];

    framed_write_words(framed, take_words(source, scratch), out, bits);
}

void
framed_write_words(const struct framed *framed, const uint64_t *words, struct frame *out,
                   uint8_t *bits)
{
    *out = framed->frame;
    frame_pack(out, words, framed->source.count, bits);
    /* Only the sign bit is ever flipped, which is to add 2^63. */
    out->base ^= framed->source.flip;
}

/* The words where they lie, if they lie as they should, otherwise in `scratch`. */
static const uint64_t *
take_words(const struct frame_source *source, uint64_t *scratch)
{
    const uint64_t *words = source->words;
    const uint64_t mask = source->mask, flip = source->flip;
    const unsigned shift = source->shift;

    assert(source->count <= BLOCK_ROWS);
    if (source->spans != NULL) {
        take_ends(source, scratch);
        return scratch;
    }
    if (source->picks != NULL) {
        for (uint32_t i = 0; i < source->count; i++)
            scratch[i] = source->picks[i];
        return scratch;
    }
    if (source->rows != NULL) {
        for (uint32_t i = 0; i < source->count; i++)
            scratch[i] = (words[source->rows[i]] >> shift & mask) ^ flip;
        return scratch;
    }
    if (shift == 0 && mask == UINT64_MAX && flip == 0)
        return words;
    for (uint32_t i = 0; i < source->count; i++)
        scratch[i] = (words[i] >> shift & mask) ^ flip;
    return scratch;
}

static void
take_ends(const struct frame_source *source, uint64_t *scratch)
{
    const struct span *const spans = source->spans;
    uint64_t end = 0;

    if (source->fronts != NULL)
        for (uint32_t i = 0, stop; i < source->count; i = stop) {
            const uint32_t left = source->count - i;
            const uint32_t front = front_size(source->fronts[i / ANCHOR_STEP]);

            stop = i + (left < ANCHOR_STEP ? left : ANCHOR_STEP);
            for (uint32_t k = i; k < stop; k++)
                scratch[k] = end +=
                    spans[source->rows != NULL ? source->rows[k] : k].size - front;
        }
    else if (source->rows == NULL)
        for (uint32_t i = 0; i < source->count; i++)
            scratch[i] = end += spans[i].size;
    else
        for (uint32_t i = 0; i < source->count; i++)
            scratch[i] = end += spans[source->rows[i]].size;
}
