/* SPDX-License-Identifier: MIT */
#ifndef STORE_KEPT_ROWS_H
#define STORE_KEPT_ROWS_H

/*
 * The rows of keys that were looked up in blocks of files, beside the images of the
 * blocks. Part of store/store.h, which includes it.
 *
 * A block has some thousand rows, of which a reader of single keys wants one: 40 bytes of
 * these tables spare the same read as 40 KB of images do. So keys that are asked for
 * again and again stay, and the blocks around them go.
 *
 * Each shard of the cache has a table, of at most a sixteenth of its bytes. There is none
 * until the cache has evicted something: before that all that was read is there. A table
 * is of sets of SET_ROWS rows; a key belongs to one set. A row enters when it is asked
 * for the second time within a while, of which only some bits of its hash are remembered,
 * and takes the place of one that was not wanted since a hand came by, as in a clock.
 *
 * A row is of one file, which never changes, so it is right as long as it is there. Rows
 * of files that are gone are not asked for, and leave.
 *
 * What is in a table is guarded by the lock of its shard.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_file;

/* Where a row is: its key, which is a word, in a block of a file. */
struct row_place {
    uint64_t key;
    uint32_t block;
};

/* The only row of its key in the block: the value, as the owner of the file writes it,
 * and the number of the row. */
struct kept_row {
    uint64_t value;
    int64_t weight;
    uint16_t row;
};

/* Is the row kept? Then the block need not be read. */
bool store_row_find(struct store_file *file, const struct row_place *place,
                    struct kept_row *out);
/* A reader found the row, and may want it again. Keeps it for a while, or not. */
void store_row_keep(struct store_file *file, const struct row_place *place,
                    const struct kept_row *row);

/* ---- In store/ ---- */

/* A row that is kept, and where. */
struct row_entry {
    uint64_t file; /* a part of its id */
    uint64_t key;
    uint64_t value;
    int64_t weight;
    uint32_t block;
    uint16_t row;
    uint8_t wanted;
    bool used;
};
static_assert(sizeof(struct row_entry) == 40, "as small as it can be");

/* Zero at first. */
struct kept_rows {
    struct row_entry *entries;
    /* Behind them: of rows that were asked for once, SET_ONCE for each set. */
    uint16_t *once;
    size_t set_count;
    size_t bytes;
    uint32_t hand;
};

/* A table of at most `bytes_max` bytes; one without entries when there is no memory, or
 * nothing fits. */
struct kept_rows kept_rows_new(size_t bytes_max);
/* Twice is harmless. */
void kept_rows_release(struct kept_rows *rows);
bool kept_rows_find(struct kept_rows *rows, uint64_t file, const struct row_place *place,
                    struct kept_row *out);
void kept_rows_put(struct kept_rows *rows, uint64_t file, const struct row_place *place,
                   const struct kept_row *row);

#endif
