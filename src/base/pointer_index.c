/* SPDX-License-Identifier: MIT */

/* Linear probing behind a multiplication, whose upper bits choose the place. */

#include "base/pointer_index.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdint.h>

#define ROOM_LEAST 16u

struct pointer_entry {
    const void *thing; /* NULL: none */
    size_t number;
};

static struct pointer_entry *
entry_of(const struct pointer_index *index, const void *thing);
static bool grow(struct pointer_index *index);

bool
pointer_index_find(const struct pointer_index *index, const void *thing, size_t *number)
{
    const struct pointer_entry *entry;

    if (index->count == 0)
        return false;
    entry = entry_of(index, thing);
    *number = entry->number;
    return entry->thing != NULL;
}

bool
pointer_index_add(struct pointer_index *index, const void *thing, size_t number)
{
    struct pointer_entry *entry;

    if (2 * (index->count + 1) > index->room && !grow(index))
        return false;
    entry = entry_of(index, thing);
    assert(thing != NULL && entry->thing == NULL);
    *entry = (struct pointer_entry){thing, number};
    index->count++;
    return true;
}

void
pointer_index_release(struct pointer_index *index)
{
    mem_free(index->entries, index->room * sizeof *index->entries);
    *index = (struct pointer_index){0};
}

/* The entry of a thing, or the empty one where it would be. */
static struct pointer_entry *
entry_of(const struct pointer_index *index, const void *thing)
{
    const uint64_t hash = (uint64_t)(uintptr_t)thing * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 32) & (index->room - 1);

    assert(index->room > index->count);
    while (index->entries[at].thing != NULL && index->entries[at].thing != thing)
        at = (at + 1) & (index->room - 1);
    return &index->entries[at];
}

static bool
grow(struct pointer_index *index)
{
    struct pointer_index larger = {.room =
                                       index->room > 0 ? 2 * index->room : ROOM_LEAST};

    larger.entries = mem_zalloc(larger.room * sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < index->room; i++)
        if (index->entries[i].thing != NULL)
            *entry_of(&larger, index->entries[i].thing) = index->entries[i];
    larger.count = index->count;
    mem_free(index->entries, index->room * sizeof *index->entries);
    *index = larger;
    return true;
}
