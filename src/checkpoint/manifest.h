/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_MANIFEST_H
#define CHECKPOINT_MANIFEST_H

/*
 * checkpoint/manifest -- what a checkpoint is, as a structure and as the text of
 * MANIFEST.md. Part of checkpoint/checkpoint.h, which includes it.
 *
 *     spine "orders"
 *       batch of 120,000 rows
 *         part: blocks [0, 25) of file 0      -->  file 0: all of object "3f..a1.batch"
 *         part: blocks [3, 9) of file 1       -->  file 1: 9,000 bytes of "77..0c.pack"
 *
 * Text that was decoded is sound in itself: every number refers to something that is
 * there. Whether the objects are what it says is found out when they are opened.
 */

#include "spine/checkpoint.h"
#include "spine/spine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "checkpoint-", twenty digits, ".json". */
#define MANIFEST_PREFIX "checkpoint-"
#define MANIFEST_ENDING ".json"
#define RECEIPT_PREFIX "acknowledged-"
/* A larger manifest is neither written nor read. A manifest has some 40 bytes a block. */
#define MANIFEST_BYTES_MAX ((size_t)1 << 30)

struct manifest_object {
    char name[SPINE_NAME_MAX + 1];
    uint64_t bytes;
};

/* A batch file. */
struct manifest_file {
    size_t object;
    uint64_t offset;
    uint64_t bytes;
};

/* Blocks of a batch: [first, first + count) of a file. */
struct manifest_part {
    size_t file;
    uint32_t first;
    uint32_t count;
};

struct manifest_batch {
    uint64_t rows;
    size_t part_begin;
    size_t part_count;
};

struct manifest_spine {
    char name[SPINE_ITEM_NAME_MAX + 1];
    /* Encoded as in a batch file. */
    uint8_t *schema;
    size_t schema_bytes;
    /* Resolved; their `name` points to `label`. */
    struct spine_options options;
    char label[SPINE_LABEL_MAX + 1];
    uint64_t frontier;
    bool has_frontier;
    bool dirty;
    uint64_t inserted_batches;
    uint64_t inserted_rows;
    bool has_key_filter, has_value_filter;
    char key_filter[SPINE_FILTER_NAME_MAX + 1];
    char value_filter[SPINE_FILTER_NAME_MAX + 1];
    size_t batch_begin;
    size_t batch_count;
};

/* Zero at first. Each spine's batches, and each batch's parts, lie side by side. */
struct manifest {
    uint64_t sequence;
    uint64_t made_ms;
    uint8_t *user_data;
    size_t user_bytes;
    struct manifest_object *objects;
    struct manifest_file *files;
    struct manifest_spine *spines;
    struct manifest_batch *batches;
    struct manifest_part *parts;
    size_t object_count, file_count, spine_count, batch_count, part_count;
    size_t object_room, file_room, spine_room, batch_room, part_room;
};

/* Twice is harmless. */
void manifest_release(struct manifest *manifest);
/* Each of these adds an element, which is zeroed, and returns it. NULL without memory. */
struct manifest_object *manifest_add_object(struct manifest *manifest);
struct manifest_file *manifest_add_file(struct manifest *manifest);
struct manifest_spine *manifest_add_spine(struct manifest *manifest);
struct manifest_batch *manifest_add_batch(struct manifest *manifest);
struct manifest_part *manifest_add_part(struct manifest *manifest);

/* The name of the object of a manifest; and the number in such a name, 0 when `name` is
 * none. */
void manifest_name(uint64_t sequence, char name[SPINE_NAME_MAX + 1]);
uint64_t manifest_sequence(const char *name);
/* The same for receipts. */
void receipt_name(uint64_t sequence, char name[SPINE_NAME_MAX + 1]);
uint64_t receipt_sequence(const char *name);

/* Sorts the names; returns one that is there twice, or NULL. */
const char *name_twice(const char **names, size_t count);

/* The manifest as text: `*text` of `*bytes`, which the caller ends with mem_free().
 * SPINE_NOMEM. */
enum spine_status manifest_encode(const struct manifest *manifest, char **text,
                                  size_t *bytes, struct spine_error *error);
/*
 * Decodes the text of the object `name`. SPINE_CORRUPT, SPINE_INVALID for a version or a
 * feature that this library does not know, SPINE_NOMEM; `*out` is zeroed then. On success
 * the caller ends it with manifest_release().
 */
enum spine_status manifest_decode(const char *name, const char *text, size_t bytes,
                                  struct manifest *out, struct spine_error *error);

#endif
