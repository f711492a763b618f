/* SPDX-License-Identifier: MIT */

/* Gaps found in the spreads of a batch. */

#include "batch/word_gap.h"

/* Of fewer keys nothing is looked at. */
#define KEYS_MIN 64u
/* Blocks that are looked at. */
#define SAMPLE_BLOCKS 16u
/* Narrower gaps stay. Bits that vary look as if they did not, all of them in all blocks
 * that are looked at, once in 2^SURE_BITS. */
#define GAP_BITS_MIN 4u
#define SURE_BITS 20u

static struct word_gap widest_gap(uint64_t varying, unsigned bits_min);

void
word_gaps_init(struct word_gaps *gaps, const struct spine_batch *batch, size_t key_count)
{
    const size_t step = (batch->block_count + SAMPLE_BLOCKS - 1) / SAMPLE_BLOCKS;
    unsigned looked_at = 0;

    *gaps = (struct word_gaps){0};
    if (key_count < KEYS_MIN)
        return;
    for (size_t i = 0; i < batch->block_count; i += step) {
        const struct spread *const spread = &batch->spreads[i];
        const size_t at = spread->shared - batch->shared_bytes;
        const uint64_t word = __builtin_bswap64(spread->first ^ spread->last);
        uint8_t differ[sizeof word];

        if (at >= GAP_BYTES)
            continue;
        memcpy(differ, &word, sizeof word);
        for (size_t byte = 0; byte < sizeof differ; byte++)
            gaps->varying[at + byte] |= differ[byte];
        looked_at++;
    }
    gaps->bits_min = SURE_BITS / (looked_at > 0 ? looked_at : 1);
    if (gaps->bits_min < GAP_BITS_MIN)
        gaps->bits_min = GAP_BITS_MIN;
}

struct word_gap
word_gap_find(struct word_gaps *gaps, size_t at)
{
    if (at >= GAP_BYTES)
        return (struct word_gap){0};
    gaps->at[at] =
        widest_gap(bytes_prefix(gaps->varying + at, sizeof(uint64_t)), gaps->bits_min);
    gaps->is_known[at] = true;
    return gaps->at[at];
}

/* Between two bits that vary. */
static struct word_gap
widest_gap(uint64_t varying, unsigned bits_min)
{
    struct word_gap widest = {0};
    unsigned last = 64;

    for (unsigned bit = 0; bit < 64; bit++) {
        if ((varying >> bit & 1) == 0)
            continue;
        if (last < bit && bit - last - 1 >= bits_min &&
            bit - last - 1 > (unsigned)(widest.high - widest.low))
            widest = (struct word_gap){.low = (uint8_t)(last + 1), .high = (uint8_t)bit};
        last = bit;
    }
    return widest;
}
