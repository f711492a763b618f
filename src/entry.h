/* SPDX-License-Identifier: MIT */
#ifndef ENTRY_H
#define ENTRY_H

/*
 * entry -- the place of one batch in a spine, and lists of them.
 *
 * An entry is allocated once, by the insert, and then only moved; so what moves batches
 * under a lock cannot fail.
 */

#include "batch/batch.h"

/* One batch of a spine, in exactly one list. */
struct entry {
    struct entry *next;
    struct spine_batch *batch;
    /* The level where it is loose, or was before it became an input. */
    unsigned level;
};

/* Entries, the oldest first. */
struct entry_list {
    struct entry *first;
    struct entry *last;
    size_t count;
    uint64_t rows;
    uint64_t negative_rows;
};

void entry_list_append(struct entry_list *list, struct entry *entry);
struct entry *entry_list_take_first(struct entry_list *list);
/* Moves all entries of `from` to the end of `to`. */
void entry_list_take_all(struct entry_list *from, struct entry_list *to);
/* A new entry that keeps a reference to `batch`; NULL without memory. */
struct entry *entry_new(struct spine_batch *batch);
/* Frees a chain of entries and their references. */
void entries_free(struct entry *entry);

#endif
