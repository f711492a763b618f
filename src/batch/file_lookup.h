/* SPDX-License-Identifier: MIT */
#ifndef BATCH_FILE_LOOKUP_H
#define BATCH_FILE_LOOKUP_H

/*
 * batch/file_lookup -- asks the lookup filters of files, and so may save a read.
 *
 * A search goes to the one block that can have its key, by fences and marks. When that is
 * in a file that has filters, one of them is asked first. So it does not matter which
 * batch the block is part of, nor where the other blocks of that lie. Filters come and go
 * with the cache of the store.
 *
 * Where keys are there as a rule, filters only take room in the cache, and reading them
 * is wasted. So each file counts how its searches end, and its filters are asked while a
 * ninth of the searches or more are for keys that are absent.
 */

#include "batch/fence.h"

/* The filter that was asked last, pinned. Zero at first but for `fetch`. */
struct asked_lookup {
    /* As that of a reader. */
    struct fetch *fetch;
    /* How many keys are looked for in a block, as its owner knows or guesses; 0: one. */
    size_t together;
    const struct store_file *file;
    /* The blocks whose keys it has. */
    uint32_t begin, end;
    struct cached_image *cached;
};

/* Asks the filter of the block of `fence`, which is elsewhere, about a key; one that is
 * not in memory only if reading it is likely to save more than it costs. On failure
 * `error`, unless it is NULL, says what cannot be read. */
SPINE_CHECKED enum spine_status
file_ask(struct asked_lookup *asked, const struct fence *fence,
         const struct cell_layout *column, const struct cell *key,
         enum file_answer *answer, struct spine_error *error);
/* Is the filter of the block of `fence`, which is elsewhere, the one that was asked
 * last? */
bool asked_lookup_has(const struct asked_lookup *asked, const struct fence *fence);
/* Asks the processor for what a question about `key` to the filter that was asked last
 * would look at. */
void asked_lookup_prefetch(const struct asked_lookup *asked,
                           const struct cell_layout *column, const struct cell *key);
/* Counts the answer that was just given. `counts` may be NULL. */
void asked_lookup_count(const struct asked_lookup *asked, enum file_answer answer,
                        struct lookup_counts *counts);
/* Unpins it. Twice is harmless. */
void asked_lookup_release(struct asked_lookup *asked);

/* Tells the file of the fence's block, which is elsewhere, that `found` keys were found
 * in it, and that `absent` keys that were looked for are not there. */
void file_tell_found(const struct fence *fence, uint32_t found, uint32_t absent);

/* The number of the filter of block `number` of the file, which has some. */
uint32_t file_filter_of(const struct store_file *file, uint32_t number);

#endif
