/* SPDX-License-Identifier: MIT */
#ifndef ARROW_FIXTURE_H
#define ARROW_FIXTURE_H

/*
 * Structures of Arrow as a producer would make them, in the test's own memory, which
 * count how often they are released. After cmocka.h.
 */

#include "spine/spine.h"

#include <string.h>

/* Releases so far. */
static unsigned released;

static inline void
release_fake_schema(struct ArrowSchema *schema)
{
    released++;
    schema->release = NULL;
}

static inline void
release_fake_array(struct ArrowArray *array)
{
    released++;
    array->release = NULL;
}

/* A nullable column. */
static inline struct ArrowSchema
fake_field(const char *format, const char *name)
{
    return (struct ArrowSchema){.format = format,
                                .name = name,
                                .flags = ARROW_FLAG_NULLABLE,
                                .release = release_fake_schema};
}

static inline struct ArrowSchema
fake_struct(struct ArrowSchema **children, int64_t count)
{
    struct ArrowSchema schema = fake_field("+s", "");

    schema.flags = 0;
    schema.n_children = count;
    schema.children = children;
    return schema;
}

/* An array of `length` rows that begin at `offset`. */
static inline struct ArrowArray
fake_array(const void **buffers, int64_t buffer_count, int64_t length, int64_t offset)
{
    return (struct ArrowArray){.length = length,
                               .null_count = buffers[0] != NULL ? -1 : 0,
                               .offset = offset,
                               .n_buffers = buffer_count,
                               .buffers = buffers,
                               .release = release_fake_array};
}

static inline struct ArrowArray
fake_record(struct ArrowArray **children, int64_t count, int64_t length, int64_t offset)
{
    static const void *no_bitmap[1];
    struct ArrowArray array = fake_array(no_bitmap, 1, length, offset);

    array.n_children = count;
    array.children = children;
    return array;
}

/* The mapping of records whose first column is the key. */
static inline struct spine_arrow_mapping *
map_first(const struct ArrowSchema *schema)
{
    static const size_t first[1];
    const struct spine_arrow_columns columns = {.key_indexes = first, .key_count = 1};
    struct spine_arrow_mapping *mapping = NULL;
    struct spine_error error = {0};

    if (spine_arrow_mapping_new(schema, &columns, &mapping, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    return mapping;
}

#endif
