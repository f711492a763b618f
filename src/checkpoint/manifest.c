/* SPDX-License-Identifier: MIT */

/* A manifest as a structure: filled in, numbered, named, freed. */

#include "checkpoint/manifest.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCE_DIGITS 20u

static void *add_element(void *array, size_t *room, size_t *count, size_t size);
static void number_name(uint64_t number, const char *prefix, const char *ending,
                        char name[SPINE_NAME_MAX + 1]);
static uint64_t number_of(const char *name, const char *prefix, const char *ending);

void
manifest_release(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->spine_count; i++)
        mem_free(manifest->spines[i].schema, manifest->spines[i].schema_bytes);
    mem_free(manifest->user_data, manifest->user_bytes);
    mem_free(manifest->objects, manifest->object_room * sizeof *manifest->objects);
    mem_free(manifest->files, manifest->file_room * sizeof *manifest->files);
    mem_free(manifest->spines, manifest->spine_room * sizeof *manifest->spines);
    mem_free(manifest->batches, manifest->batch_room * sizeof *manifest->batches);
    mem_free(manifest->parts, manifest->part_room * sizeof *manifest->parts);
    *manifest = (struct manifest){0};
}

struct manifest_object *
manifest_add_object(struct manifest *manifest)
{
    return add_element(&manifest->objects, &manifest->object_room,
                       &manifest->object_count, sizeof *manifest->objects);
}

struct manifest_file *
manifest_add_file(struct manifest *manifest)
{
    return add_element(&manifest->files, &manifest->file_room, &manifest->file_count,
                       sizeof *manifest->files);
}

struct manifest_spine *
manifest_add_spine(struct manifest *manifest)
{
    return add_element(&manifest->spines, &manifest->spine_room, &manifest->spine_count,
                       sizeof *manifest->spines);
}

struct manifest_batch *
manifest_add_batch(struct manifest *manifest)
{
    return add_element(&manifest->batches, &manifest->batch_room, &manifest->batch_count,
                       sizeof *manifest->batches);
}

struct manifest_part *
manifest_add_part(struct manifest *manifest)
{
    return add_element(&manifest->parts, &manifest->part_room, &manifest->part_count,
                       sizeof *manifest->parts);
}

/* `array` is the address of the pointer to the first element. */
static void *
add_element(void *array, size_t *room, size_t *count, size_t size)
{
    uint8_t *first;

    if (!array_reserve(array, room, size, *count + 1))
        return NULL;
    memcpy(&first, array, sizeof first);
    return memset(first + (*count)++ * size, 0, size);
}

void
manifest_name(uint64_t sequence, char name[SPINE_NAME_MAX + 1])
{
    assert(sequence > 0);
    number_name(sequence, MANIFEST_PREFIX, MANIFEST_ENDING, name);
}

uint64_t
manifest_sequence(const char *name)
{
    return number_of(name, MANIFEST_PREFIX, MANIFEST_ENDING);
}

void
receipt_name(uint64_t sequence, char name[SPINE_NAME_MAX + 1])
{
    assert(sequence > 0);
    number_name(sequence, RECEIPT_PREFIX, "", name);
}

uint64_t
receipt_sequence(const char *name)
{
    return number_of(name, RECEIPT_PREFIX, "");
}

static void
number_name(uint64_t number, const char *prefix, const char *ending,
            char name[SPINE_NAME_MAX + 1])
{
    (void)snprintf(name, SPINE_NAME_MAX + 1, "%s%0*" PRIu64 "%s", prefix,
                   (int)SEQUENCE_DIGITS, number, ending);
}

/* 0: it is no such name. */
static uint64_t
number_of(const char *name, const char *prefix, const char *ending)
{
    const char *digits = name + strlen(prefix);
    char again[SPINE_NAME_MAX + 1];
    uint64_t number = 0;

    if (strncmp(name, prefix, strlen(prefix)) != 0 ||
        strspn(digits, "0123456789") != SEQUENCE_DIGITS)
        return 0;
    for (unsigned i = 0; i < SEQUENCE_DIGITS; i++)
        number = number * 10 + (uint64_t)(digits[i] - '0');
    /* None that is greater than a word holds. */
    number_name(number, prefix, ending, again);
    return strcmp(name, again) == 0 ? number : 0;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *
name_twice(const char **names, size_t count)
{
    assert(names != NULL || count == 0);
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return names[i];
    return NULL;
}
