/* SPDX-License-Identifier: MIT */

/* The units of a store: given out, taken back, kept for the next write. */

#include "store/sink_unit.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store_state.h"

/* What O_DIRECT wants of memory on all disks that there are. */
#define UNIT_ALIGNMENT 4096u
/* The bytes, and the unit itself behind them. */
#define UNIT_BYTES ((size_t)STORE_WRITE_BYTES + 2 * UNIT_ALIGNMENT)

static enum spine_status
unit_make(bool has_pages, struct sink_unit **out, struct spine_error *error);
static struct sink_unit *take_excess_locked(struct spine_store *store);
static unsigned spares_max_locked(struct spine_store *store, bool has_pages);
static void unit_end(struct spine_store *store, struct sink_unit *unit);
static void unit_give_back(struct sink_unit *unit);

enum spine_status
unit_pool_init(struct unit_pool *pool)
{
    *pool = (struct unit_pool){.sinks = 0};
    return mutex_init(&pool->mutex);
}

void
unit_pool_release(struct unit_pool *pool)
{
    assert(pool->sinks == 0 && pool->spare_count <= UNITS_KEPT);
    while (pool->spares != NULL) {
        struct sink_unit *unit = pool->spares;

        pool->spares = unit->next;
        unit_give_back(unit);
    }
    mutex_release(&pool->mutex);
}

void
unit_pool_enter(struct spine_store *store)
{
    mutex_lock(&store->units.mutex);
    store->units.sinks++;
    mutex_unlock(&store->units.mutex);
}

void
unit_pool_leave(struct spine_store *store)
{
    struct unit_pool *pool = &store->units;

    mutex_lock(&pool->mutex);
    assert(pool->sinks > 0);
    pool->sinks--;
    mutex_unlock(&pool->mutex);
    unit_pool_shrink(store);
}

void
unit_pool_shrink(struct spine_store *store)
{
    struct unit_pool *pool = &store->units;
    struct sink_unit *unit;

    do {
        mutex_lock(&pool->mutex);
        unit = take_excess_locked(store);
        mutex_unlock(&pool->mutex);
        unit_end(store, unit);
    } while (unit != NULL);
}

static struct sink_unit *
take_excess_locked(struct spine_store *store)
{
    struct unit_pool *pool = &store->units;

    for (struct sink_unit **at = &pool->spares; *at != NULL; at = &(*at)->next) {
        struct sink_unit *unit = *at;

        if (pool->spare_count > spares_max_locked(store, unit->has_pages)) {
            *at = unit->next;
            pool->spare_count--;
            return unit;
        }
    }
    return NULL;
}

/* Merges write many units, so that new pages cost them little. */
static unsigned
spares_max_locked(struct spine_store *store, bool has_pages)
{
    const unsigned sinks = store->units.sinks;
    const bool is_limited =
        atomic_load_explicit(&store->memory_max, memory_order_relaxed) != UINT64_MAX;

    return has_pages || is_limited || sinks > UNITS_KEPT ? sinks : UNITS_KEPT;
}

enum spine_status
unit_new(struct spine_store *store, bool has_pages, struct sink_unit **out,
         struct spine_error *error)
{
    struct unit_pool *pool = &store->units;
    struct sink_unit *unit;

    mutex_lock(&pool->mutex);
    assert(pool->sinks > 0);
    unit = pool->spares;
    if (unit != NULL) {
        pool->spares = unit->next;
        pool->spare_count--;
    }
    mutex_unlock(&pool->mutex);
    if (unit == NULL) {
        TRY_RETURN(unit_make(has_pages, &unit, error));
        store_count(&store->memory, UNIT_BYTES);
    }
    unit->next = NULL;
    unit->filled = 0;
    *out = unit;
    return SPINE_OK;
}

static enum spine_status
unit_make(bool has_pages, struct sink_unit **out, struct spine_error *error)
{
    uint8_t *const memory =
        has_pages ? mem_alloc_pages(UNIT_BYTES) : mem_alloc(UNIT_BYTES);
    uint8_t *bytes;

    *out = NULL;
    if (memory == NULL)
        return fail_nomem(error, "the buffer of a file", UNIT_BYTES);
    bytes = memory + (0 - (uintptr_t)memory) % UNIT_ALIGNMENT;
    *out = (struct sink_unit *)(void *)(bytes + STORE_WRITE_BYTES);
    **out = (struct sink_unit){.bytes = bytes, .memory = memory, .has_pages = has_pages};
    return SPINE_OK;
}

void
unit_free(struct spine_store *store, struct sink_unit *unit)
{
    struct unit_pool *pool = &store->units;

    if (unit == NULL)
        return;
    mutex_lock(&pool->mutex);
    assert(pool->sinks > 0);
    if (pool->spare_count < spares_max_locked(store, unit->has_pages)) {
        unit->next = pool->spares;
        pool->spares = unit;
        pool->spare_count++;
        unit = NULL;
    }
    mutex_unlock(&pool->mutex);
    unit_end(store, unit);
}

static void
unit_end(struct spine_store *store, struct sink_unit *unit)
{
    if (unit == NULL)
        return;
    store_uncount(&store->memory, UNIT_BYTES);
    unit_give_back(unit);
}

static void
unit_give_back(struct sink_unit *unit)
{
    if (unit->has_pages)
        mem_free_pages(unit->memory, UNIT_BYTES);
    else
        mem_free(unit->memory, UNIT_BYTES);
}
