/* SPDX-License-Identifier: MIT */
#include "lookup/lookup_kinds.h"

#include <roaring/roaring.h>

#include "base/alloc.h"
#include "base/assert.h"

/*
 * The keys are written in the portable format, from which CRoaring makes its bitmap: so
 * nothing is searched or grown while building, and every allocation is checked. What
 * stays is a frozen view, whose containers lie in memory of our allocator.
 *
 *     cookie, count of containers, which of them are runs
 *     per container: its upper 16 bits, keys - 1
 *     per container: where it begins                       (unless few, with runs)
 *     containers: sorted array, bitmap, or runs of (first, length - 1)
 */
#define COOKIE_RUNS 12347u
/* With runs, so many containers and more have a table of where they begin. */
#define OFFSETS_FROM 4u
#define WINDOW_WORDS 1024u
#define BITMAP_BYTES 8192u
/* The most keys of an array. */
#define ARRAY_KEYS_MAX 4096u
#define RUNS_MAX ((BITMAP_BYTES - 2) / 4)
#define FROZEN_ALIGNMENT 32u
/* What a view holds per container beside the frozen bytes: a pointer and a struct. */
#define VIEW_BYTES 24u

struct container {
    uint32_t offset; /* in the containers' bytes */
    uint32_t keys;
    uint16_t upper;
    bool runs;
};

struct roaring_builder {
    /* Keys of the window that is being filled, as a bitmap. */
    uint64_t bits[WINDOW_WORDS];
    uint32_t window;
    struct container *containers;
    size_t container_count;
    size_t container_capacity;
    /* Containers as they will be, with room for the header before them. */
    uint8_t *bytes;
    size_t header_room;
    size_t capacity;
    size_t end;
};

static void builder_free(struct roaring_builder *builder);
static void close_window(struct roaring_builder *builder);
static uint32_t count_bits(const uint64_t *bits);
static uint32_t count_runs(const uint64_t *bits);
static size_t write_array(const uint64_t *bits, uint8_t *to);
static size_t write_runs(const uint64_t *bits, uint32_t runs, uint8_t *to);
static size_t write_header(struct roaring_builder *builder);
static enum spine_status freeze(struct roaring *roaring, const roaring_bitmap_t *bitmap);

enum spine_status
roaring_init(struct roaring *roaring, uint64_t min, uint64_t max)
{
    const size_t windows = (size_t)((max - min) >> 16) + 1;
    struct roaring_builder *builder = mem_zalloc(sizeof *builder);

    assert(min <= max && max - min <= UINT32_MAX);
    *roaring = (struct roaring){.base = min};
    if (builder == NULL)
        return SPINE_NOMEM;
    builder->container_capacity = windows;
    builder->header_room = 8 + (windows + 7) / 8 + 8 * windows;
    builder->capacity = builder->header_room + windows * BITMAP_BYTES;
    builder->end = builder->header_room;
    builder->containers = mem_alloc_array(windows, sizeof *builder->containers);
    builder->bytes = mem_alloc(builder->capacity);
    if (builder->containers == NULL || builder->bytes == NULL) {
        builder_free(builder);
        return SPINE_NOMEM;
    }
    roaring->builder = builder;
    return SPINE_OK;
}

static void
builder_free(struct roaring_builder *builder)
{
    if (builder == NULL)
        return;
    mem_free(builder->containers,
             builder->container_capacity * sizeof *builder->containers);
    mem_free(builder->bytes, builder->capacity);
    mem_free(builder, sizeof *builder);
}

void
roaring_release(struct roaring *roaring)
{
    builder_free(roaring->builder);
    if (roaring->bitmap != NULL)
        roaring_bitmap_free(roaring->bitmap);
    mem_free(roaring->memory, roaring->memory_bytes);
    *roaring = (struct roaring){0};
}

void
roaring_add(struct roaring *roaring, const uint64_t *words, size_t count)
{
    struct roaring_builder *builder = roaring->builder;

    for (size_t i = 0; i < count; i++) {
        const uint32_t key = (uint32_t)(words[i] - roaring->base);

        if (key >> 16 != builder->window) {
            close_window(builder);
            builder->window = key >> 16;
        }
        builder->bits[(key & 0xffff) / 64] |= UINT64_C(1) << key % 64;
    }
}

/* Writes the window's keys as the smallest container. */
static void
close_window(struct roaring_builder *builder)
{
    const uint32_t keys = count_bits(builder->bits);
    const uint32_t runs = count_runs(builder->bits);
    const size_t plain_bytes = keys <= ARRAY_KEYS_MAX ? 2 * keys : BITMAP_BYTES;
    uint8_t *to = builder->bytes + builder->end;

    if (keys == 0)
        return;
    assert(builder->container_count < builder->container_capacity);
    struct container *container = &builder->containers[builder->container_count++];

    *container =
        (struct container){.offset = (uint32_t)(builder->end - builder->header_room),
                           .keys = keys,
                           .upper = (uint16_t)builder->window,
                           .runs = runs <= RUNS_MAX && 2 + 4 * runs < plain_bytes};
    if (container->runs) {
        builder->end += write_runs(builder->bits, runs, to);
    } else if (keys <= ARRAY_KEYS_MAX) {
        builder->end += write_array(builder->bits, to);
    } else {
        memcpy(to, builder->bits, BITMAP_BYTES);
        builder->end += BITMAP_BYTES;
    }
    memset(builder->bits, 0, sizeof builder->bits);
}

static uint32_t
count_bits(const uint64_t *bits)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < WINDOW_WORDS; i++)
        count += (uint32_t)__builtin_popcountll(bits[i]);
    return count;
}

/* A run begins at each bit that has none before it. */
static uint32_t
count_runs(const uint64_t *bits)
{
    uint32_t count = 0;
    uint64_t before = 0;

    for (unsigned i = 0; i < WINDOW_WORDS; i++) {
        count += (uint32_t)__builtin_popcountll(bits[i] & ~(bits[i] << 1 | before));
        before = bits[i] >> 63;
    }
    return count;
}

static uint8_t *
write_u16(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)number;
    to[1] = (uint8_t)(number >> 8);
    return to + 2;
}

static uint8_t *
write_u32(uint8_t *to, uint32_t number)
{
    return write_u16(write_u16(to, number), number >> 16);
}

static size_t
write_array(const uint64_t *bits, uint8_t *to)
{
    const uint8_t *begin = to;

    for (uint32_t i = 0; i < WINDOW_WORDS; i++)
        for (uint64_t word = bits[i]; word != 0; word &= word - 1)
            to = write_u16(to, i * 64 + (uint32_t)__builtin_ctzll(word));
    return (size_t)(to - begin);
}

/* The first key from `at` on that is in the bitmap (`set`), or is not; 65536 if none. */
static uint32_t
find_bit(const uint64_t *bits, uint32_t at, bool set)
{
    const uint64_t flip = set ? 0 : UINT64_MAX;

    while (at < WINDOW_WORDS * 64) {
        const uint64_t word = (bits[at / 64] ^ flip) >> at % 64;

        if (word != 0)
            return at + (uint32_t)__builtin_ctzll(word);
        at = (at / 64 + 1) * 64;
    }
    return at;
}

static size_t
write_runs(const uint64_t *bits, uint32_t runs, uint8_t *to)
{
    uint32_t at = 0;

    to = write_u16(to, runs);
    for (uint32_t i = 0; i < runs; i++) {
        const uint32_t first = find_bit(bits, at, true);

        at = find_bit(bits, first, false);
        to = write_u16(to, first);
        to = write_u16(to, at - first - 1);
    }
    return 2 + 4 * (size_t)runs;
}

enum spine_status
roaring_finish(struct roaring *roaring)
{
    struct roaring_builder *builder = roaring->builder;
    roaring_bitmap_t *bitmap;
    enum spine_status st;
    size_t begin;

    close_window(builder);
    begin = write_header(builder);
    bitmap = roaring_bitmap_portable_deserialize_safe(
        (const char *)builder->bytes + begin, builder->end - begin);
    builder_free(builder);
    roaring->builder = NULL;
    if (bitmap == NULL)
        return SPINE_NOMEM;
    st = freeze(roaring, bitmap);
    roaring_bitmap_free(bitmap);
    return st;
}

/* Writes it right before the containers; returns where it begins. */
static size_t
write_header(struct roaring_builder *builder)
{
    const size_t count = builder->container_count;
    const size_t flag_bytes = (count + 7) / 8;
    const bool offsets = count >= OFFSETS_FROM;
    const size_t size = 4 + flag_bytes + 4 * count + (offsets ? 4 * count : 0);
    const size_t begin = builder->header_room - size;
    uint8_t *to = builder->bytes + begin;

    assert(count > 0 && size <= builder->header_room);
    to = write_u32(to, COOKIE_RUNS | ((uint32_t)count - 1) << 16);
    memset(to, 0, flag_bytes);
    for (size_t i = 0; i < count; i++)
        to[i / 8] |= (uint8_t)(builder->containers[i].runs << i % 8);
    to += flag_bytes;
    for (size_t i = 0; i < count; i++) {
        to = write_u16(to, builder->containers[i].upper);
        to = write_u16(to, builder->containers[i].keys - 1);
    }
    for (size_t i = 0; offsets && i < count; i++)
        to = write_u32(to, builder->containers[i].offset + (uint32_t)size);
    assert(to == builder->bytes + builder->header_room);
    return begin;
}

static enum spine_status
freeze(struct roaring *roaring, const roaring_bitmap_t *bitmap)
{
    const size_t size = roaring_bitmap_frozen_size_in_bytes(bitmap);
    uint8_t *memory = mem_alloc(size + FROZEN_ALIGNMENT);
    char *frozen;

    if (memory == NULL)
        return SPINE_NOMEM;
    roaring->memory = memory;
    roaring->memory_bytes = size + FROZEN_ALIGNMENT;
    frozen = (char *)memory + (FROZEN_ALIGNMENT - (uintptr_t)memory % FROZEN_ALIGNMENT);
    roaring_bitmap_frozen_serialize(bitmap, frozen);
    roaring->bitmap = roaring_bitmap_frozen_view(frozen, size);
    if (roaring->bitmap == NULL)
        return SPINE_NOMEM;
    roaring->bytes = roaring->memory_bytes + sizeof *roaring->bitmap +
                     VIEW_BYTES * (size_t)bitmap->high_low_container.size;
    return SPINE_OK;
}

bool
roaring_has(const struct roaring *roaring, uint64_t word)
{
    const uint64_t key = word - roaring->base;

    return key <= UINT32_MAX && roaring_bitmap_contains(roaring->bitmap, (uint32_t)key);
}

size_t
roaring_select(const struct roaring *roaring, const uint64_t *words, size_t begin,
               size_t end, uint32_t *candidates)
{
    size_t kept = 0;

    for (size_t at = begin; at < end; at++) {
        candidates[kept] = (uint32_t)at;
        kept += roaring_has(roaring, words[at]);
    }
    return kept;
}
