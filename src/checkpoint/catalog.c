/* SPDX-License-Identifier: MIT */

/*
 * What a store has of checkpoints: manifests, receipts, and the objects of batches. A
 * checkpoint that has a receipt and no manifest was lost.
 */

#include "checkpoint/catalog.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RECEIPT_TEXT "{ \"spine_checkpoint_acknowledged\": 1 }\n"

static enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error);
static void sequences_sort(struct sequences *sequences);
static int compare_sequences(const void *a, const void *b);
static int compare_texts(const void *a, const void *b);

enum spine_status
catalog_read(struct spine_store *store, struct catalog *out, struct spine_error *error)
{
    enum spine_status st;

    *out = (struct catalog){0};
    st = store_list(store, note_object, out, error);
    if (st != SPINE_OK)
        catalog_release(out);
    sequences_sort(&out->manifests);
    sequences_sort(&out->receipts);
    return st;
}

void
catalog_release(struct catalog *catalog)
{
    mem_free(catalog->manifests.numbers,
             catalog->manifests.room * sizeof *catalog->manifests.numbers);
    mem_free(catalog->receipts.numbers,
             catalog->receipts.room * sizeof *catalog->receipts.numbers);
    mem_free(catalog->objects, catalog->object_room * sizeof *catalog->objects);
    *catalog = (struct catalog){0};
}

static enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct catalog *catalog = argument;
    const uint64_t sequence = manifest_sequence(name), receipt = receipt_sequence(name);
    struct manifest_object *object;

    if (sequence > 0)
        return sequences_add(&catalog->manifests, sequence, error);
    if (receipt > 0)
        return sequences_add(&catalog->receipts, receipt, error);
    if (!store_name_is_of_batches(name))
        return SPINE_OK;
    if (!array_reserve(&catalog->objects, &catalog->object_room, sizeof *catalog->objects,
                       catalog->object_count + 1))
        return fail_nomem(error, "a list of files", sizeof *object);
    object = &catalog->objects[catalog->object_count++];
    memcpy(object->name, name, strlen(name) + 1);
    object->bytes = bytes;
    return SPINE_OK;
}

/* A process that reads a directory while another one writes to it may have listed a
 * receipt and not its manifest: so both are looked for once more. A receipt goes before
 * its manifest. */
enum spine_status
catalog_check(struct spine_store *store, const struct catalog *catalog, uint64_t after,
              struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; st == SPINE_OK && i < catalog->receipts.count; i++)
        if (catalog->receipts.numbers[i] > after &&
            !sequences_have(&catalog->manifests, catalog->receipts.numbers[i]))
            st = catalog_check_one(store, catalog->receipts.numbers[i], error);
    return st;
}

enum spine_status
catalog_check_one(struct spine_store *store, uint64_t sequence, struct spine_error *error)
{
    char name[SPINE_NAME_MAX + 1];
    struct spine_error why = {0};
    enum spine_status st;

    manifest_name(sequence, name);
    st = store_has(store, name, &why);
    if (st == SPINE_OK)
        return st;
    receipt_name(sequence, name);
    if (st == SPINE_NOT_FOUND)
        st = store_has(store, name, &why);
    if (st == SPINE_NOT_FOUND)
        return SPINE_OK;
    if (st != SPINE_OK)
        return spine_fail(error, st, "%s", why.message);
    return spine_fail(
        error, SPINE_CORRUPT,
        "checkpoint %" PRIu64 " was acknowledged, and its manifest is "
        "missing; nothing is removed before spine_checkpoint_remove() of it",
        sequence);
}

uint64_t
catalog_next(const struct catalog *catalog, uint64_t after)
{
    const struct sequences *const both[] = {&catalog->manifests, &catalog->receipts};
    uint64_t next = 0;

    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < both[i]->count; k++) {
            const uint64_t number = both[i]->numbers[k];

            if (number > after && (next == 0 || number < next))
                next = number;
        }
    assert(next == 0 || next > after);
    return next;
}

uint64_t
catalog_newest(const struct catalog *catalog)
{
    const struct sequences *manifests = &catalog->manifests;

    assert(manifests->count == 0 ||
           manifests->numbers[0] <= manifests->numbers[manifests->count - 1]);
    return manifests->count > 0 ? manifests->numbers[manifests->count - 1] : 0;
}

bool
sequences_have(const struct sequences *sequences, uint64_t sequence)
{
    return sequences->count > 0 &&
           bsearch(&sequence, sequences->numbers, sequences->count, sizeof sequence,
                   compare_sequences) != NULL;
}

enum spine_status
sequences_add(struct sequences *sequences, uint64_t sequence, struct spine_error *error)
{
    assert(sequence > 0);
    if (!array_reserve(&sequences->numbers, &sequences->room, sizeof sequence,
                       sequences->count + 1))
        return fail_nomem(error, "a list of checkpoints", sizeof sequence);
    sequences->numbers[sequences->count++] = sequence;
    return SPINE_OK;
}

void
sequences_remove(struct sequences *sequences, uint64_t sequence)
{
    size_t left = 0;

    for (size_t i = 0; i < sequences->count; i++)
        if (sequences->numbers[i] != sequence)
            sequences->numbers[left++] = sequences->numbers[i];
    /* A number is there once at most. */
    assert(left + 1 >= sequences->count);
    sequences->count = left;
}

static void
sequences_sort(struct sequences *sequences)
{
    if (sequences->count > 0)
        qsort(sequences->numbers, sequences->count, sizeof *sequences->numbers,
              compare_sequences);
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
    if (*sequence == 0) {
        TRY(catalog_check(store, &catalog, catalog_newest(&catalog), error));
        *sequence = catalog_newest(&catalog);
    }
    if (*sequence == 0)
        st = spine_fail(error, SPINE_NOT_FOUND, "%s: there is no checkpoint", what);
out:
    assert(st != SPINE_OK || *sequence > 0);
    catalog_release(&catalog);
    return st;
}

enum spine_status
catalog_write_receipt(struct spine_store *store, uint64_t sequence, struct store_put *out,
                      struct spine_error *error)
{
    char name[SPINE_NAME_MAX + 1];

    assert(sequence > 0);
    receipt_name(sequence, name);
    return store_put_write(store, name, RECEIPT_TEXT, strlen(RECEIPT_TEXT), out, error);
}

enum spine_status
catalog_remove_receipt(struct spine_store *store, struct catalog *catalog,
                       uint64_t sequence, struct spine_error *error)
{
    char name[SPINE_NAME_MAX + 1];

    if (!sequences_have(&catalog->receipts, sequence))
        return SPINE_OK;
    receipt_name(sequence, name);
    TRY_RETURN(store_remove(store, name, error));
    sequences_remove(&catalog->receipts, sequence);
    return SPINE_OK;
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
    assert(set->count <= set->room);
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
        qsort(set->names, set->count, sizeof set->names[0], compare_texts);
    set->sorted = true;
    return bsearch(name, set->names, set->count, sizeof set->names[0], compare_texts) !=
           NULL;
}

void
name_set_release(struct name_set *set)
{
    mem_free(set->names, set->room * sizeof set->names[0]);
    *set = (struct name_set){0};
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}
