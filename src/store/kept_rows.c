/* SPDX-License-Identifier: MIT */

/* A table of rows that are kept: finding one, and which one makes room for another. */

#include "store/kept_rows.h"

#include "base/alloc.h"
#include "base/assert.h"

#define SET_ROWS 8u
#define SET_ONCE (2 * SET_ROWS)
/* How often a row can have been wanted before the hand comes by. */
#define ROW_WANTED_MAX 3u

static uint64_t row_hash(uint64_t file, const struct row_place *place);
static size_t set_of(const struct kept_rows *rows, uint64_t hash);
static bool was_asked(struct kept_rows *rows, size_t set, uint64_t hash);
static bool
is_of(const struct row_entry *entry, uint64_t file, const struct row_place *place);
static struct row_entry *victim(struct kept_rows *rows, struct row_entry *set);

struct kept_rows
kept_rows_new(size_t bytes_max)
{
    const size_t set_bytes =
        SET_ROWS * sizeof(struct row_entry) + SET_ONCE * sizeof(uint16_t);
    struct kept_rows rows = {.set_count = bytes_max / set_bytes};

    rows.bytes = rows.set_count * set_bytes;
    if (rows.bytes > 0)
        rows.entries = mem_zalloc(rows.bytes);
    if (rows.entries == NULL)
        return (struct kept_rows){0};
    rows.once = (uint16_t *)(void *)(rows.entries + rows.set_count * SET_ROWS);
    return rows;
}

void
kept_rows_release(struct kept_rows *rows)
{
    mem_free(rows->entries, rows->bytes);
    *rows = (struct kept_rows){0};
}

bool
kept_rows_find(struct kept_rows *rows, uint64_t file, const struct row_place *place,
               struct kept_row *out)
{
    struct row_entry *set =
        rows->entries + set_of(rows, row_hash(file, place)) * SET_ROWS;

    for (unsigned i = 0; i < SET_ROWS; i++) {
        if (!is_of(&set[i], file, place))
            continue;
        if (set[i].wanted < ROW_WANTED_MAX)
            set[i].wanted++;
        *out = (struct kept_row){
            .value = set[i].value, .weight = set[i].weight, .row = set[i].row};
        return true;
    }
    return false;
}

void
kept_rows_put(struct kept_rows *rows, uint64_t file, const struct row_place *place,
              const struct kept_row *row)
{
    const uint64_t hash = row_hash(file, place);
    const size_t number = set_of(rows, hash);
    struct row_entry *set = rows->entries + number * SET_ROWS;

    for (unsigned i = 0; i < SET_ROWS; i++)
        if (is_of(&set[i], file, place))
            return;
    if (!was_asked(rows, number, hash))
        return;
    *victim(rows, set) = (struct row_entry){.file = file,
                                            .key = place->key,
                                            .value = row->value,
                                            .weight = row->weight,
                                            .block = place->block,
                                            .row = row->row,
                                            .used = true};
}

static uint64_t
row_hash(uint64_t file, const struct row_place *place)
{
    /* Ids are random; the multiplier is odd. */
    const uint64_t hash = (place->key ^ file) * UINT64_C(0x9e3779b97f4a7c15);

    return hash ^ hash >> 32;
}

/* The set that a row of the key belongs to. */
static size_t
set_of(const struct kept_rows *rows, uint64_t hash)
{
    assert(rows->set_count > 0 && rows->set_count <= UINT32_MAX);
    return (size_t)((hash >> 32) * rows->set_count >> 32);
}

/* Was a row with this hash asked for before? From now on it was. */
static bool
was_asked(struct kept_rows *rows, size_t set, uint64_t hash)
{
    uint16_t *once = &rows->once[set * SET_ONCE + hash % SET_ONCE];
    const uint16_t bits = (uint16_t)(hash >> 8 | 1);
    const bool was = *once == bits;

    *once = bits;
    return was;
}

static bool
is_of(const struct row_entry *entry, uint64_t file, const struct row_place *place)
{
    return entry->used && entry->key == place->key && entry->file == file &&
           entry->block == place->block;
}

/* The first row from the hand on that was not wanted; those before it have one wish less.
 * Ends in its last round at the latest. */
static struct row_entry *
victim(struct kept_rows *rows, struct row_entry *set)
{
    for (unsigned look = 0;; look++) {
        struct row_entry *entry = &set[rows->hand++ % SET_ROWS];

        assert(look < SET_ROWS * (ROW_WANTED_MAX + 1));
        if (!entry->used || entry->wanted == 0)
            return entry;
        entry->wanted--;
    }
}
