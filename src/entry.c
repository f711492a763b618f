/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include "base/alloc.h"
#include "base/assert.h"

void
entry_list_append(struct entry_list *list, struct entry *entry)
{
    entry->next = NULL;
    if (list->last != NULL)
        list->last->next = entry;
    else
        list->first = entry;
    list->last = entry;
    list->count++;
    list->rows += entry->batch->info.rows;
    list->negative_rows += entry->batch->info.negative_rows;
}

struct entry *
entry_list_take_first(struct entry_list *list)
{
    struct entry *entry = list->first;

    assert(entry != NULL);
    list->first = entry->next;
    if (list->first == NULL)
        list->last = NULL;
    list->count--;
    list->rows -= entry->batch->info.rows;
    list->negative_rows -= entry->batch->info.negative_rows;
    entry->next = NULL;
    return entry;
}

struct entry *
entry_new(struct spine_batch *batch)
{
    struct entry *entry = mem_zalloc(sizeof *entry);

    if (entry != NULL)
        entry->batch = spine_batch_ref(batch);
    return entry;
}

void
entries_free(struct entry *entry)
{
    while (entry != NULL) {
        struct entry *next = entry->next;

        spine_batch_unref(entry->batch);
        mem_free(entry, sizeof *entry);
        entry = next;
    }
}
