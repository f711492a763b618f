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

void
entry_list_take_all(struct entry_list *from, struct entry_list *to)
{
    if (from->first == NULL)
        return;
    if (to->last != NULL)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->count += from->count;
    to->rows += from->rows;
    to->negative_rows += from->negative_rows;
    *from = (struct entry_list){0};
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
