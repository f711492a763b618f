/* SPDX-License-Identifier: MIT */

/*
 * What a process that ended without closing its store has left in the backend: batch
 * files that nothing refers to. Where there are other objects, as manifests, these may
 * refer to batch files: then all of them stay.
 */

#include "base/alloc.h"
#include "base/error.h"
#include "store/store_state.h"

typedef char object_name[SPINE_NAME_MAX + 1];

struct leftovers {
    object_name *names;
    size_t count;
    size_t capacity;
    /* There are objects that are no batch files. */
    bool others;
};

static enum spine_status
note_name(void *argument, const char *name, uint64_t bytes, struct spine_error *error);

enum spine_status
store_remove_leftovers(struct spine_store *store, struct spine_error *error)
{
    struct leftovers leftovers = {0};
    enum spine_status st = store_list(store, note_name, &leftovers, error);

    /* A file that cannot be removed is found again when the store is opened next. */
    for (size_t i = 0; st == SPINE_OK && !leftovers.others && i < leftovers.count; i++)
        (void)store_remove(store, leftovers.names[i], NULL);
    mem_free(leftovers.names, leftovers.capacity * sizeof *leftovers.names);
    return st;
}

static enum spine_status
note_name(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct leftovers *leftovers = argument;

    (void)bytes;
    if (!store_name_is_of_batches(name)) {
        leftovers->others = true;
        return SPINE_OK;
    }
    if (!array_reserve(&leftovers->names, &leftovers->capacity, sizeof(object_name),
                       leftovers->count + 1))
        return fail_nomem(error, "the names of files", sizeof(object_name));
    memcpy(leftovers->names[leftovers->count++], name, strlen(name) + 1);
    return SPINE_OK;
}
