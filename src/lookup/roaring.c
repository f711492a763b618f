/* SPDX-License-Identifier: MIT */

/*
 * Keys of small integers as a Roaring bitmap: chunks of 65,536 keys, each an array, a
 * bitmap or runs, whichever is smallest. Keys come in ascending order, so a chunk is
 * written when the next one begins.
 */

#include "lookup/lookup_kinds.h"

#include "base/alloc.h"
#include "base/assert.h"

/*
 * What is built is a Roaring bitmap in the *portable* format, as CRoaring and
 * others read it, and a table of what each chunk of 65,536 keys has in it. Questions are
 * answered from these, in the memory that they were built in, which is exactly known.
 *
 *     cookie, count of containers, which of them are runs
 *     per container: its upper 16 bits, keys - 1
 *     per container: where it begins                       (unless few, with runs)
 *     containers: sorted array, bitmap, or runs of (first, length - 1)
 */
#define COOKIE_RUNS 12347u
/* In an image with runs, containers have a table of where they begin only if there are at
 * least this many. */
#define OFFSETS_FROM 4u
#define WINDOW_WORDS 1024u
#define WINDOW_KEYS 65536u
#define BITMAP_BYTES 8192u
/* The most keys of an array. */
#define ARRAY_KEYS_MAX 4096u
#define RUNS_MAX ((BITMAP_BYTES - 2) / 4)

static inline bool
is_runs(const struct roaring_chunk *chunk)
{
    return (chunk->keys & ROARING_RUNS) != 0;
}

static inline uint32_t
keys_of_chunk(const struct roaring_chunk *chunk)
{
    return chunk->keys & ~ROARING_RUNS;
}

struct roaring_builder {
    /* Keys of the chunk that is being filled, as a bitmap. */
    uint64_t bits[WINDOW_WORDS];
    uint32_t chunk;
    struct roaring_chunk *chunks;
    size_t chunk_count;
    size_t container_count;
    /* Containers as they will be, with room for the header before them. */
    uint8_t *bytes;
    size_t header_room;
    size_t capacity;
    size_t end;
};

static void builder_free(struct roaring_builder *builder);
static void close_chunk(struct roaring_builder *builder);
static uint32_t count_bits(const uint64_t *bits);
static uint32_t count_runs(const uint64_t *bits);
static size_t write_array(const uint64_t *bits, uint8_t *to);
static size_t write_runs(const uint64_t *bits, uint32_t runs, uint8_t *to);
static size_t write_roaring_header(struct roaring_builder *builder);
static bool array_has(const uint8_t *array, uint32_t keys, uint32_t key);
static bool runs_have(const uint8_t *runs, uint32_t key);

enum spine_status
roaring_init(struct roaring *roaring, uint64_t min, uint64_t max)
{
    const size_t chunks = (size_t)((max - min) >> 16) + 1;
    struct roaring_builder *builder = mem_zalloc(sizeof *builder);

    assert(min <= max && max - min <= UINT32_MAX);
    *roaring = (struct roaring){.base = min};
    if (builder == NULL)
        return SPINE_NOMEM;
    builder->chunk_count = chunks;
    builder->header_room = 8 + (chunks + 7) / 8 + 8 * chunks;
    builder->capacity = builder->header_room + chunks * BITMAP_BYTES;
    builder->end = builder->header_room;
    builder->chunks = mem_zalloc(chunks * sizeof *builder->chunks);
    builder->bytes = mem_alloc(builder->capacity);
    if (builder->chunks == NULL || builder->bytes == NULL) {
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
    mem_free(builder->chunks, builder->chunk_count * sizeof *builder->chunks);
    mem_free(builder->bytes, builder->capacity);
    mem_free(builder, sizeof *builder);
}

void
roaring_release(struct roaring *roaring)
{
    builder_free(roaring->builder);
    mem_free(roaring->chunks, roaring->chunk_count * sizeof *roaring->chunks);
    mem_free(roaring->memory, roaring->memory_bytes);
    *roaring = (struct roaring){0};
}

void
roaring_add(struct roaring *roaring, const uint64_t *words, size_t count)
{
    struct roaring_builder *builder = roaring->builder;

    assert(builder != NULL);
    for (size_t i = 0; i < count; i++) {
        const uint32_t key = (uint32_t)(words[i] - roaring->base);

        if (key >> 16 != builder->chunk) {
            close_chunk(builder);
            builder->chunk = key >> 16;
        }
        builder->bits[(key & 0xffff) / 64] |= UINT64_C(1) << key % 64;
    }
}

/* Writes the chunk's keys as the smallest container. */
static void
close_chunk(struct roaring_builder *builder)
{
    const uint32_t keys = count_bits(builder->bits);
    const uint32_t runs = count_runs(builder->bits);
    const size_t plain_bytes = keys <= ARRAY_KEYS_MAX ? 2 * keys : BITMAP_BYTES;
    uint8_t *to = builder->bytes + builder->end;

    if (keys == 0)
        return;
    const bool as_runs = runs <= RUNS_MAX && 2 + 4 * runs < plain_bytes;

    assert(builder->chunk < builder->chunk_count);
    builder->chunks[builder->chunk] =
        (struct roaring_chunk){.offset = (uint32_t)(builder->end - builder->header_room),
                               .keys = keys | (as_runs ? ROARING_RUNS : 0)};
    builder->container_count++;
    if (as_runs) {
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
    uint8_t *bytes;
    size_t begin;

    assert(builder != NULL);
    close_chunk(builder);
    begin = write_roaring_header(builder);
    bytes = mem_resize(builder->bytes, builder->capacity, builder->end);
    if (bytes == NULL)
        return SPINE_NOMEM;
    roaring->chunks = builder->chunks;
    roaring->chunk_count = builder->chunk_count;
    roaring->memory = bytes;
    roaring->memory_bytes = builder->end;
    roaring->portable = bytes + begin;
    roaring->containers = bytes + builder->header_room;
    roaring->bytes =
        roaring->memory_bytes + roaring->chunk_count * sizeof *roaring->chunks;
    mem_free(builder, sizeof *builder);
    roaring->builder = NULL;
    return SPINE_OK;
}

/* Writes it right before the containers; returns where it begins. */
static size_t
write_roaring_header(struct roaring_builder *builder)
{
    const size_t count = builder->container_count;
    const size_t flag_bytes = (count + 7) / 8;
    const bool offsets = count >= OFFSETS_FROM;
    const size_t size = 4 + flag_bytes + 4 * count + (offsets ? 4 * count : 0);
    const size_t begin = builder->header_room - size;
    uint8_t *const flags = builder->bytes + begin + 4;
    uint8_t *keys = flags + flag_bytes;
    uint8_t *starts = keys + 4 * count;
    size_t at = 0;

    assert(count > 0 && size <= builder->header_room);
    (void)write_u32(builder->bytes + begin, COOKIE_RUNS | ((uint32_t)count - 1) << 16);
    memset(flags, 0, flag_bytes);
    for (size_t i = 0; i < builder->chunk_count; i++) {
        const struct roaring_chunk *chunk = &builder->chunks[i];

        if (chunk->keys == 0)
            continue;
        flags[at / 8] |= (uint8_t)(is_runs(chunk) << at % 8);
        keys = write_u16(write_u16(keys, (uint32_t)i), keys_of_chunk(chunk) - 1);
        if (offsets)
            starts = write_u32(starts, chunk->offset + (uint32_t)size);
        at++;
    }
    assert(at == count && starts == builder->bytes + builder->header_room);
    return begin;
}

static uint32_t
read_u16(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8;
}

bool
roaring_has(const struct roaring *roaring, uint64_t word)
{
    const uint64_t key = word - roaring->base;
    const uint32_t low = key & 0xffff;

    /* It was finished. */
    assert(roaring->builder == NULL);
    if (key >> 16 >= roaring->chunk_count)
        return false;

    const struct roaring_chunk *chunk = &roaring->chunks[key >> 16];
    const uint8_t *container = roaring->containers + chunk->offset;

    if (is_runs(chunk))
        return runs_have(container, low);
    if (chunk->keys > ARRAY_KEYS_MAX)
        return (container[low / 8] >> low % 8 & 1) != 0;
    return array_has(container, chunk->keys, low);
}

size_t
roaring_container_bytes(const struct roaring *roaring)
{
    return (size_t)((const uint8_t *)roaring->memory + roaring->memory_bytes -
                    roaring->containers);
}

bool
roaring_is_sound(const struct roaring *roaring, size_t bytes)
{
    for (size_t i = 0; i < roaring->chunk_count; i++) {
        const struct roaring_chunk *chunk = &roaring->chunks[i];
        const uint32_t keys = keys_of_chunk(chunk);
        size_t size = keys > ARRAY_KEYS_MAX ? BITMAP_BYTES : 2 * (size_t)keys;

        if (chunk->keys == 0)
            continue;
        if (keys == 0 || keys > WINDOW_KEYS || chunk->offset > bytes)
            return false;
        if (is_runs(chunk)) {
            if (bytes - chunk->offset < 2)
                return false;
            size = 2 + 4 * (size_t)read_u16(roaring->containers + chunk->offset);
        }
        if (size > bytes - chunk->offset)
            return false;
    }
    return true;
}

/* Among `keys` ascending ones of two bytes. */
static bool
array_has(const uint8_t *array, uint32_t keys, uint32_t key)
{
    uint32_t begin = 0;

    while (begin < keys) {
        const uint32_t middle = begin + (keys - begin) / 2;
        const uint32_t found = read_u16(array + 2 * middle);

        if (found == key)
            return true;
        if (found < key)
            begin = middle + 1;
        else
            keys = middle;
    }
    return false;
}

/* `runs` is a count and that many ascending runs of (first, length - 1). */
static bool
runs_have(const uint8_t *runs, uint32_t key)
{
    uint32_t begin = 0;
    uint32_t end = read_u16(runs);
    const uint8_t *run;

    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;

        if (read_u16(runs + 2 + 4 * middle) <= key)
            begin = middle + 1;
        else
            end = middle;
    }
    if (begin == 0)
        return false;
    run = runs + 2 + 4 * (begin - 1);
    return key - read_u16(run) <= read_u16(run + 2);
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
