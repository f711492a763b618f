/* SPDX-License-Identifier: MIT */
#include "checkpoint/catalog.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MARKER_NAME "store.json"
#define MARKER_TEXT "{ \"spine_store\": 1 }\n"
/* A manifest has some 40 bytes a block at most. */
#define MANIFEST_BYTES_MAX ((size_t)1 << 30)

static enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error);
static int compare_sequences(const void *a, const void *b);
static int compare_names(const void *a, const void *b);

enum spine_status
catalog_read(struct spine_store *store, struct catalog *out, struct spine_error *error)
{
    enum spine_status st;

    *out = (struct catalog){0};
    st = store_list(store, note_object, out, error);
    if (st != SPINE_OK)
        catalog_release(out);
    else if (out->count > 0)
        qsort(out->sequences, out->count, sizeof *out->sequences, compare_sequences);
    return st;
}

void
catalog_release(struct catalog *catalog)
{
    mem_free(catalog->sequences, catalog->room * sizeof *catalog->sequences);
    mem_free(catalog->objects, catalog->object_room * sizeof *catalog->objects);
    *catalog = (struct catalog){0};
}

static enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct catalog *catalog = argument;
    const uint64_t sequence = manifest_sequence(name);

    if (sequence > 0) {
        if (!array_reserve(&catalog->sequences, &catalog->room,
                           sizeof *catalog->sequences, catalog->count + 1))
            return fail_nomem(error, "a list of checkpoints", sizeof sequence);
        catalog->sequences[catalog->count++] = sequence;
    } else if (store_name_is_of_batches(name)) {
        struct manifest_object *object;

        if (!array_reserve(&catalog->objects, &catalog->object_room,
                           sizeof *catalog->objects, catalog->object_count + 1))
            return fail_nomem(error, "a list of files", sizeof *object);
        object = &catalog->objects[catalog->object_count++];
        memcpy(object->name, name, strlen(name) + 1);
        object->bytes = bytes;
    } else if (strcmp(name, MARKER_NAME) == 0)
        catalog->has_marker = true;
    return SPINE_OK;
}

enum spine_status
catalog_check(const struct catalog *catalog, struct spine_error *error)
{
    if (catalog->has_marker && catalog->count == 0)
        return spine_fail(error, SPINE_CORRUPT,
                          "checkpoints were made here, and there is no manifest: they "
                          "are lost; nothing was removed");
    return SPINE_OK;
}

enum spine_status
catalog_load(struct spine_store *store, uint64_t sequence, struct manifest *out,
             struct spine_error *error)
{
    char name[SPINE_NAME_MAX + 1];
    void *text;
    size_t bytes;
    enum spine_status st;

    *out = (struct manifest){0};
    TRY_RETURN(catalog_load_text(store, sequence, &text, &bytes, error));
    manifest_name(sequence, name);
    st = manifest_decode(name, text, bytes, out, error);
    mem_free(text, bytes);
    return st;
}

enum spine_status
catalog_load_text(struct spine_store *store, uint64_t sequence, void **text,
                  size_t *bytes, struct spine_error *error)
{
    char name[SPINE_NAME_MAX + 1];

    manifest_name(sequence, name);
    return store_get(store, name, MANIFEST_BYTES_MAX, text, bytes, error);
}

enum spine_status
catalog_choose(struct spine_store *store, const char *what, uint64_t *sequence,
               struct spine_error *error)
{
    struct catalog catalog = {0};
    enum spine_status st;

    TRY(catalog_read(store, &catalog, error));
    TRY(catalog_check(&catalog, error));
    if (*sequence == 0 && catalog.count > 0)
        *sequence = catalog.sequences[catalog.count - 1];
    if (*sequence == 0)
        st = spine_fail(error, SPINE_NOT_FOUND, "%s: there is no checkpoint", what);
out:
    catalog_release(&catalog);
    return st;
}

enum spine_status
catalog_mark(struct spine_store *store, struct spine_error *error)
{
    const enum spine_status st =
        store_put_new(store, MARKER_NAME, MARKER_TEXT, strlen(MARKER_TEXT), error);

    return st == SPINE_EXISTS ? SPINE_OK : st;
}

static int
compare_sequences(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

enum spine_status
name_set_add(struct name_set *set, const struct manifest *manifest,
             struct spine_error *error)
{
    if (!array_reserve(&set->names, &set->room, sizeof set->names[0],
                       set->count + manifest->object_count))
        return fail_nomem(error, "the names of files",
                          manifest->object_count * sizeof set->names[0]);
    for (size_t i = 0; i < manifest->object_count; i++)
        memcpy(set->names[set->count++], manifest->objects[i].name, sizeof set->names[0]);
    set->sorted = false;
    return SPINE_OK;
}

bool
name_set_has(struct name_set *set, const char *name)
{
    if (set->count == 0)
        return false;
    if (!set->sorted)
        qsort(set->names, set->count, sizeof set->names[0], compare_names);
    set->sorted = true;
    return bsearch(name, set->names, set->count, sizeof set->names[0], compare_names) !=
           NULL;
}

void
name_set_release(struct name_set *set)
{
    mem_free(set->names, set->room * sizeof set->names[0]);
    *set = (struct name_set){0};
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}
