/* SPDX-License-Identifier: MIT */

/* What lies in front of a block, made from what it was packed from. */

#include "block/block_plan.h"

/* Bytes behind those that all keys begin with, in which words may leap. */
#define LEAP_REACH 16u

/* Where it goes. */
struct guide_room {
    struct guide_leap *leap;
    uint64_t *guides;
    uint8_t *fingerprints;
};

static void pack_of_bytes(const struct plan *plan, const struct image *image,
                          const struct guide_room *room);
static void
pack_of_fixed(const struct image *image, size_t width, const struct guide_room *room);
static struct guide_leap
leap_of(const uint8_t *cells, size_t keys, size_t width, size_t shared);

void
guides_pack(const struct plan *plan, struct block *block)
{
    const struct cell_layout *const key = &plan->layout->key;
    const struct image *const image = block_image(block);
    const size_t count = guide_count(key, image->key_count);
    const struct guide_room room = {
        .leap = (struct guide_leap *)(uintptr_t)block_leap(block, count),
        .guides = (uint64_t *)(uintptr_t)block_guides(block, count),
        .fingerprints = (uint8_t *)(uintptr_t)block_fingerprints(block, count)};

    if (count == 0)
        return;
    memset(room.fingerprints + (count - 1) * GUIDE_STEP, 0, GUIDE_STEP);
    if (key->shape == SHAPE_BYTES)
        pack_of_bytes(plan, image, &room);
    else
        pack_of_fixed(image, key->bytes, &room);
}

/* Some anchors are guides. Cells of the image may be without their fronts. */
static void
pack_of_bytes(const struct plan *plan, const struct image *image,
              const struct guide_room *room)
{
    const struct column_source source = plan_key_source(plan);
    const struct span *const spans = source.spans;
    const uint16_t *const rows = source.rows;
    const uint64_t *const anchors = image_array(image, PART_KEY_ANCHORS);
    const uint32_t keys = image->key_count;
    uint8_t *const fingerprints = room->fingerprints;

    static_assert(GUIDE_STEP % ANCHOR_STEP == 0, "an anchor for each guide");
    *room->leap = (struct guide_leap){.at = sizeof(uint64_t)};
    for (size_t at = 0; at < keys; at += GUIDE_STEP)
        room->guides[at / GUIDE_STEP] = anchors[at / ANCHOR_STEP];
    if (rows == NULL)
        for (uint32_t at = 0; at < keys; at++)
            fingerprints[at] = fingerprint_of(spans[at]);
    else
        for (uint32_t at = 0; at < keys; at++)
            fingerprints[at] = fingerprint_of(spans[rows[at]]);
}

static void
pack_of_fixed(const struct image *image, size_t width, const struct guide_room *room)
{
    const size_t keys = image->key_count;
    const uint8_t *const cells = image_array(image, PART_KEY_CELLS);
    const struct span first = {cells, width}, last = {cells + (keys - 1) * width, width};
    const size_t shared = span_shared(first, last);
    const struct guide_leap leap = leap_of(cells, keys, width, shared);

    *room->leap = leap;
    for (size_t at = 0; at < keys; at += GUIDE_STEP)
        room->guides[at / GUIDE_STEP] =
            guide_word((struct span){cells + at * width, width}, shared, leap);
    for (size_t at = 0; at < keys; at++)
        room->fingerprints[at] = fingerprint_of((struct span){cells + at * width, width});
}

/* Over the first bytes that are the same in all keys, behind some that are not. */
static struct guide_leap
leap_of(const uint8_t *cells, size_t keys, size_t width, size_t shared)
{
    typedef uint8_t lanes __attribute__((vector_size(LEAP_REACH)));
    struct guide_leap leap = {.at = sizeof(uint64_t)};
    /* Lanes end where cells end, or before: where cells are narrower, the first ones are
     * of other bytes. */
    const size_t reach = width - shared < LEAP_REACH ? width - shared : LEAP_REACH;
    const uint8_t *at = cells + shared + reach - LEAP_REACH;
    lanes first, varying = {0};
    uint8_t varies[LEAP_REACH];
    size_t begin = LEAP_REACH - reach, end;

    memcpy(&first, at, sizeof first);
    for (size_t i = 0; i < keys; i++, at += width) {
        lanes cell;

        memcpy(&cell, at, sizeof cell);
        varying |= cell ^ first;
    }
    memcpy(varies, &varying, sizeof varies);
    while (begin < LEAP_REACH && varies[begin] != 0)
        begin++;
    for (end = begin; end < LEAP_REACH && varies[end] == 0;)
        end++;
    if (begin - (LEAP_REACH - reach) >= sizeof(uint64_t))
        return leap;
    leap.at = (uint32_t)(begin - (LEAP_REACH - reach));
    leap.bytes = (uint32_t)(end - begin);
    return leap;
}
