/* SPDX-License-Identifier: MIT */

/* Bytes of cells, copied into chunks. Cells of neighbours that are the same bytes are
 * copied once. */

#include "rows/arena.h"

#include "base/alloc.h"
#include "base/assert.h"

/* The least memory that is taken at once. */
#define CHUNK_BYTES (64u << 10)

struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity;
    uint8_t bytes[];
};

static size_t spans_bytes(const struct span *spans, size_t begin, size_t end);
static void copy_spans(struct arena *arena, struct span *spans, size_t begin, size_t end);
static bool span_is_shared(const struct span *spans, size_t begin, size_t at);

bool
arena_reserve(struct arena *arena, size_t bytes)
{
    const size_t least = CHUNK_BYTES - sizeof(struct arena_chunk);
    const size_t capacity = bytes > least ? bytes : least;
    struct arena_chunk *chunk;

    if (bytes <= arena->left)
        return true;
    if (capacity > SIZE_MAX - sizeof *chunk)
        return false;
    chunk = mem_alloc(sizeof *chunk + capacity);
    if (chunk == NULL)
        return false;
    chunk->next = arena->chunks;
    chunk->capacity = capacity;
    arena->chunks = chunk;
    arena->at = chunk->bytes;
    arena->left = capacity;
    return true;
}

void
arena_copy(struct arena *arena, struct span *span)
{
    assert(span->size <= arena->left);
    if (span->size == 0) {
        /* The arena may have no memory yet, and so no place to point at. */
        span->data = NULL;
        return;
    }
    memcpy(arena->at, span->data, span->size);
    span->data = arena->at;
    arena->at += span->size;
    arena->left -= span->size;
    arena->bytes += span->size;
}

bool
arena_copy_rows(struct arena *arena, const struct layout *layout, struct rows *rows,
                size_t begin)
{
    size_t bytes = 0;

    if (layout->key.spans)
        bytes += spans_bytes(rows->key, begin, rows->count);
    if (layout->value.spans)
        bytes += spans_bytes(rows->value, begin, rows->count);
    if (!arena_reserve(arena, bytes))
        return false;
    if (layout->key.spans)
        copy_spans(arena, rows->key, begin, rows->count);
    if (layout->value.spans)
        copy_spans(arena, rows->value, begin, rows->count);
    return true;
}

bool
arena_has(const struct arena *arena, const uint8_t *at)
{
    for (const struct arena_chunk *chunk = arena->chunks; chunk != NULL;
         chunk = chunk->next)
        if ((uintptr_t)at >= (uintptr_t)chunk->bytes &&
            (uintptr_t)at < (uintptr_t)chunk->bytes + chunk->capacity)
            return true;
    return false;
}

static size_t
spans_bytes(const struct span *spans, size_t begin, size_t end)
{
    size_t bytes = 0;

    for (size_t i = begin; i < end; i++)
        bytes += span_is_shared(spans, begin, i) ? 0 : spans[i].size;
    return bytes;
}

static void
copy_spans(struct arena *arena, struct span *spans, size_t begin, size_t end)
{
    const uint8_t *before = NULL;

    for (size_t i = begin; i < end; i++) {
        const uint8_t *data = spans[i].data;

        if (i > begin && data == before && spans[i].size == spans[i - 1].size)
            spans[i] = spans[i - 1];
        else
            arena_copy(arena, &spans[i]);
        before = data;
    }
}

static bool
span_is_shared(const struct span *spans, size_t begin, size_t at)
{
    return at > begin && spans[at].data == spans[at - 1].data &&
           spans[at].size == spans[at - 1].size;
}

void
arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = arena->chunks;

    if (kept == NULL)
        return;
    if (kept->capacity > CHUNK_BYTES) {
        arena_release(arena);
        return;
    }
    for (struct arena_chunk *chunk = kept->next, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        mem_free(chunk, sizeof *chunk + chunk->capacity);
    }
    kept->next = NULL;
    *arena = (struct arena){.chunks = kept, .at = kept->bytes, .left = kept->capacity};
}

void
arena_release(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        mem_free(chunk, sizeof *chunk + chunk->capacity);
    }
    *arena = (struct arena){0};
}
