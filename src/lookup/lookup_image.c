/* SPDX-License-Identifier: MIT */

/* Filters as bytes that answer where they lie. */

#include "lookup/lookup_kinds.h"

#include "base/assert.h"

#include <string.h>

/* What an image begins with. */
struct image_head {
    uint32_t kind; /* enum lookup_kind */
    /* Blocks of a Bloom filter, chunks of a Roaring bitmap. */
    uint32_t count;
    uint64_t keys;
    uint64_t base;
    uint8_t zeros[40];
};
static_assert(sizeof(struct image_head) == LOOKUP_IMAGE_ALIGNMENT, "as FORMAT.md says");
static_assert(sizeof(struct roaring_chunk) == 8, "as FORMAT.md says");

/* Windows of 2^32 words, which no Roaring bitmap exceeds; more than there are Bloom
 * blocks for the keys of any filter of a file. */
#define IMAGE_COUNT_MAX 65536u

static struct roaring roaring_of(const struct image_head *head);
static struct bloom bloom_of(const struct image_head *head);

size_t
lookup_image_bytes(const struct lookup *lookup)
{
    const struct roaring *roaring = lookup_roaring(lookup);

    if (roaring == NULL)
        return sizeof(struct image_head) +
               lookup_bloom(lookup)->block_count * BLOOM_BLOCK_BYTES;
    return sizeof(struct image_head) + roaring->chunk_count * sizeof *roaring->chunks +
           roaring_container_bytes(roaring);
}

void
lookup_image_write(const struct lookup *lookup, uint64_t keys, void *image)
{
    const struct roaring *roaring = lookup_roaring(lookup);
    struct image_head head = {.kind = lookup_kind(lookup), .keys = keys};
    uint8_t *to = (uint8_t *)image + sizeof head;

    if (roaring == NULL) {
        const struct bloom *bloom = lookup_bloom(lookup);

        head.count = (uint32_t)bloom->block_count;
        memcpy(to, bloom->words, bloom->block_count * BLOOM_BLOCK_BYTES);
    } else {
        const size_t chunks = roaring->chunk_count * sizeof *roaring->chunks;

        head.count = (uint32_t)roaring->chunk_count;
        head.base = roaring->base;
        memcpy(to, roaring->chunks, chunks);
        memcpy(to + chunks, roaring->containers, roaring_container_bytes(roaring));
    }
    assert(head.count > 0 && head.count <= IMAGE_COUNT_MAX);
    memcpy(image, &head, sizeof head);
}

bool
lookup_image_is_sound(const void *image, size_t bytes)
{
    static const uint8_t zeros[sizeof((struct image_head *)0)->zeros];
    const struct image_head *head = image;
    size_t left = bytes - sizeof *head;
    struct roaring roaring;

    if (bytes < sizeof *head || head->count == 0 || head->count > IMAGE_COUNT_MAX ||
        memcmp(head->zeros, zeros, sizeof zeros) != 0)
        return false;
    if (head->kind == LOOKUP_BLOOM)
        return head->base == 0 && left == (uint64_t)head->count * BLOOM_BLOCK_BYTES;
    if (head->kind != LOOKUP_ROARING || left / sizeof(struct roaring_chunk) < head->count)
        return false;
    roaring = roaring_of(head);
    left -= head->count * sizeof(struct roaring_chunk);
    return roaring_is_sound(&roaring, left);
}

enum lookup_kind
lookup_image_kind(const void *image)
{
    const struct image_head *head = image;

    return (enum lookup_kind)head->kind;
}

uint64_t
lookup_image_keys(const void *image)
{
    const struct image_head *head = image;

    return head->keys;
}

bool
lookup_image_maybe(const void *image, uint64_t word, uint64_t hash)
{
    const struct image_head *head = image;

    assert(head->count > 0);
    if (head->kind == LOOKUP_ROARING) {
        const struct roaring roaring = roaring_of(head);

        return roaring_has(&roaring, word);
    }
    const struct bloom bloom = bloom_of(head);

    return bloom_maybe(&bloom, hash);
}

void
lookup_image_prefetch(const void *image, uint64_t hash)
{
    const struct image_head *head = image;

    if (head->kind == LOOKUP_BLOOM) {
        const struct bloom bloom = bloom_of(head);

        bloom_prefetch(&bloom, hash);
    }
}

enum spine_status
lookup_new_like(struct lookup **out, const void *image)
{
    const struct image_head *head = image;

    const uint64_t span = ((uint64_t)head->count << ROARING_CHUNK_BITS) - 1;
    const uint64_t left = UINT64_MAX - head->base;

    assert(head->count > 0 && head->count <= IMAGE_COUNT_MAX);
    if (head->kind == LOOKUP_ROARING)
        return lookup_new_roaring(out, head->base,
                                  head->base + (span < left ? span : left));
    return lookup_new_bloom(out, head->count);
}

static struct roaring
roaring_of(const struct image_head *head)
{
    uint8_t *behind = (uint8_t *)(uintptr_t)(head + 1);

    return (struct roaring){.base = head->base,
                            .chunks = (struct roaring_chunk *)(void *)behind,
                            .chunk_count = head->count,
                            .containers =
                                behind + head->count * sizeof(struct roaring_chunk)};
}

static struct bloom
bloom_of(const struct image_head *head)
{
    return (struct bloom){.words = (uint32_t *)(uintptr_t)(head + 1),
                          .block_count = head->count};
}
