/* SPDX-License-Identifier: MIT */

/* Freed memory, in rings by size, and in one by age: a piece is a member of two, and has
 * the links in itself. */

#include "base/stock.h"

#include "base/assert.h"
#include "base/container.h"
#include "base/ring.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    STEPS_PER_DOUBLING = 8,
    STEP_BITS = 3,
    SMALLEST_BITS = 14,
    LARGEST_BITS = 21,
    SIZES = (LARGEST_BITS - SMALLEST_BITS) * STEPS_PER_DOUBLING,
    /* How many pieces are looked at for one that fits. */
    LOOKS_MOST = 16,
    /* How often the lock is tried. */
    TRIES_MOST = 200,
    /* The most pieces that are freed for one that comes. */
    FREED_MOST = 4
};

static_assert(STOCK_PIECE_MIN == (size_t)1 << SMALLEST_BITS, "the first size");
static_assert(STOCK_PIECE_MAX == (size_t)1 << LARGEST_BITS, "the end of the last size");
static_assert(STEPS_PER_DOUBLING == 1 << STEP_BITS, "as many bits say the step");

struct link {
    struct link *next;
    struct link *previous;
};

struct piece {
    struct link by_size;
    struct link by_age;
    size_t bytes;
};

/* A thread that does not get the lock goes without: so a process that was forked while
 * another thread had it never waits for that. */
static atomic_flag is_locked = ATOMIC_FLAG_INIT;
static struct {
    /* The latest piece of each size is the last. Unset before the first piece. */
    struct link sizes[SIZES];
    struct link ages;
    size_t bytes;
} stock;

/* The bytes of all calls of stock_limit() that have not ended, and how many these are. */
static atomic_size_t limit_bytes;
static atomic_uint limits;

static bool try_lock(void);
static void unlock(void);
/* With the lock: */
static void init_rings(void);
static unsigned size_of(size_t bytes);
static struct piece *find_piece(size_t bytes);
static void remove_piece(struct piece *piece);

void *
stock_take(size_t bytes)
{
    struct piece *piece;

    if (bytes < STOCK_PIECE_MIN || bytes >= STOCK_PIECE_MAX || !try_lock())
        return NULL;
    piece = stock.bytes > 0 ? find_piece(bytes) : NULL;
    if (piece != NULL)
        remove_piece(piece);
    unlock();
    return piece;
}

bool
stock_put(void *memory, size_t bytes, size_t bytes_most)
{
    struct piece *const piece = memory;
    struct piece *freed[FREED_MOST];
    unsigned count = 0;

    if (atomic_load_explicit(&limits, memory_order_relaxed) > 0) {
        const size_t limit = atomic_load_explicit(&limit_bytes, memory_order_relaxed);

        bytes_most = limit < bytes_most ? limit : bytes_most;
    }
    if (bytes < STOCK_PIECE_MIN || bytes >= STOCK_PIECE_MAX || !try_lock())
        return false;
    if (stock.ages.next == NULL)
        init_rings();
    piece->bytes = bytes;
    RING_APPEND(&stock.sizes[size_of(bytes)], &piece->by_size);
    RING_APPEND(&stock.ages, &piece->by_age);
    stock.bytes += bytes;
    while (stock.bytes > bytes_most && count < FREED_MOST) {
        freed[count] = container_of(stock.ages.next, struct piece, by_age);
        remove_piece(freed[count++]);
    }
    unlock();
    while (count > 0)
        free(freed[--count]);
    return true;
}

void
stock_empty(void)
{
    struct link *first;

    if (!try_lock())
        return;
    first = stock.bytes > 0 ? stock.ages.next : NULL;
    if (first != NULL) {
        /* The ring of ages becomes a list. */
        stock.ages.previous->next = NULL;
        init_rings();
        stock.bytes = 0;
    }
    unlock();
    while (first != NULL) {
        struct piece *const piece = container_of(first, struct piece, by_age);

        first = first->next;
        free(piece);
    }
}

void
stock_limit(size_t bytes)
{
    atomic_fetch_add(&limit_bytes, bytes);
    atomic_fetch_add(&limits, 1);
}

void
stock_unlimit(size_t bytes)
{
    assert(atomic_load(&limits) > 0);
    atomic_fetch_sub(&limits, 1);
    atomic_fetch_sub(&limit_bytes, bytes);
}

static bool
try_lock(void)
{
    for (unsigned tries = 0; tries < TRIES_MOST; tries++)
        if (!atomic_flag_test_and_set_explicit(&is_locked, memory_order_acquire))
            return true;
    return false;
}

static void
unlock(void)
{
    atomic_flag_clear_explicit(&is_locked, memory_order_release);
}

static void
init_rings(void)
{
    RING_INIT(&stock.ages);
    for (unsigned i = 0; i < SIZES; i++)
        RING_INIT(&stock.sizes[i]);
}

/* Eight sizes to a doubling, by the bits below the leading one. */
static unsigned
size_of(size_t bytes)
{
    const unsigned leading = 63 - (unsigned)__builtin_clzll(bytes);
    const unsigned step =
        (unsigned)(bytes >> (leading - STEP_BITS)) & (STEPS_PER_DOUBLING - 1);

    assert(leading >= SMALLEST_BITS && leading < LARGEST_BITS);
    return (leading - SMALLEST_BITS) * STEPS_PER_DOUBLING + step;
}

/* The latest of those that fit, among the latest few of its size and of the next one. */
static struct piece *
find_piece(size_t bytes)
{
    const size_t most = bytes + bytes / 16;
    const unsigned size = size_of(bytes);
    unsigned looks = 0;

    for (unsigned i = size; i < SIZES && i <= size + 1; i++) {
        const struct link *const ring = &stock.sizes[i];

        for (struct link *at = ring->previous; at != ring && looks < LOOKS_MOST;
             at = at->previous, looks++) {
            struct piece *const piece = container_of(at, struct piece, by_size);

            if (piece->bytes >= bytes && piece->bytes <= most)
                return piece;
        }
    }
    return NULL;
}

static void
remove_piece(struct piece *piece)
{
    assert(stock.bytes >= piece->bytes);
    RING_REMOVE(&piece->by_size);
    RING_REMOVE(&piece->by_age);
    stock.bytes -= piece->bytes;
}
