/* SPDX-License-Identifier: MIT */

/* Reading blocks and sections of a file: one, or some that lie side by side; checked by
 * their checksums, expanded where they are compressed. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "store/codec.h"
#include "store/store_state.h"

#include <inttypes.h>

static enum spine_status fail_block(const struct store_file *file, uint32_t index,
                                    const char *what, struct spine_error *error);
static const struct file_section *
find_section(const struct store_file *file, uint32_t kind);

enum spine_status
store_file_read(struct store_file *file, uint32_t index, void *image,
                struct spine_error *error)
{
    const struct file_block *block = &file->table.blocks[index];
    struct scratch scratch = {0};
    const uint8_t *stored = image;
    enum spine_status st;

    assert(index < file_table_parts(&file->table));
    if (block->codec == CODEC_NONE)
        TRY(store_read(file, block->offset, image, block->stored_bytes, error));
    else
        TRY(store_read_pages(file, block->offset, block->stored_bytes, &scratch, &stored,
                             error));
    TRY(store_file_unpack(file, index, stored, image, error));
out:
    scratch_release(&scratch);
    return st;
}

uint32_t
store_file_extent(const struct store_file *file, uint32_t index, uint32_t end,
                  uint64_t bytes_max, uint64_t *offset, size_t *bytes)
{
    const struct file_block *first = &file->table.blocks[index];
    uint32_t count = 1;

    assert(index < end && end <= file->table.block_count);
    *offset = first->offset;
    *bytes = first->stored_bytes;
    while (index + count < end) {
        const struct file_block *block = &first[count];
        const uint64_t more = block->offset + block->stored_bytes - first->offset;

        /* Filters between blocks are for others to read. */
        if (more > bytes_max ||
            block->offset != file_part_end(block[-1].offset, block[-1].stored_bytes))
            break;
        *bytes = (size_t)more;
        count++;
    }
    assert(count <= end - index && *bytes > 0);
    return count;
}

enum spine_status
store_file_read_extent(struct store_file *file, uint64_t offset, void *data, size_t bytes,
                       struct spine_error *error)
{
    assert(offset + bytes <= file->footer.file_bytes);
    return store_read(file, offset, data, bytes, error);
}

size_t
store_pages_bytes(const struct store_file *file, uint64_t offset, size_t bytes)
{
    const size_t skip = (size_t)((file->base + offset) % STORE_PAGE_BYTES);
    const size_t pages = (skip + bytes + STORE_PAGE_BYTES - 1) / STORE_PAGE_BYTES;

    /* With room to be aligned. */
    return (pages + 1) * STORE_PAGE_BYTES;
}

enum spine_status
store_read_pages(const struct store_file *file, uint64_t offset, size_t bytes,
                 struct scratch *scratch, const uint8_t **data, struct spine_error *error)
{
    const size_t pages_bytes = store_pages_bytes(file, offset, bytes);
    const size_t skip = (size_t)((file->base + offset) % STORE_PAGE_BYTES);
    const uint64_t begin = file->base + offset - skip;
    const uint64_t left = file->object->bytes - begin;
    size_t size = pages_bytes - STORE_PAGE_BYTES;
    uint8_t *to;

    assert(bytes > 0 && offset + bytes <= file->footer.file_bytes);
    TRY_RETURN(scratch_reserve(scratch, pages_bytes, error));
    if (size > left)
        size = (size_t)left;
    to = scratch->bytes +
         (STORE_PAGE_BYTES - (uintptr_t)scratch->bytes % STORE_PAGE_BYTES);
    *data = to + skip;
    return store_read_object(file->store, file->object, begin, to, size, error);
}

enum spine_status
store_file_unpack(struct store_file *file, uint32_t index, const void *stored,
                  void *image, struct spine_error *error)
{
    const struct file_block *block = &file->table.blocks[index];

    assert(index < file_table_parts(&file->table));
    if (file_checksum(&file->footer.id, block->offset, stored, block->stored_bytes) !=
            block->checksum &&
        !PLANTED(CHECKSUM_IGNORED))
        return fail_block(file, index, "is not what was written", error);
    if (block->codec == CODEC_STRIPS)
        strips_expand(&block->strips, stored, image);
    else if (stored != image && !codec_expand(block->codec, stored, block->stored_bytes,
                                              image, block->image_bytes))
        return fail_block(file, index, "cannot be expanded", error);
    return SPINE_OK;
}

enum spine_status
store_file_section(struct store_file *file, uint32_t kind, uint8_t **data, size_t *bytes,
                   struct spine_error *error)
{
    const struct file_section *section = find_section(file, kind);
    uint8_t *read;
    enum spine_status st;

    *data = NULL;
    *bytes = 0;
    if (section == NULL || section->bytes == 0)
        return SPINE_OK;
    read = mem_alloc((size_t)section->bytes);
    if (read == NULL)
        return fail_nomem(error, "a section of a file", (size_t)section->bytes);
    TRY(store_read(file, section->offset, read, (size_t)section->bytes, error));
    if (file_checksum(&file->footer.id, section->offset, read, (size_t)section->bytes) !=
        section->checksum) {
        st = spine_fail(error, SPINE_CORRUPT,
                        "%s: section %" PRIu32 " is not what was written, at %" PRIu64,
                        file->name, kind, section->offset);
        goto out;
    }
    *data = read;
    *bytes = (size_t)section->bytes;
    read = NULL;
out:
    mem_free(read, (size_t)section->bytes);
    return st;
}

static enum spine_status
fail_block(const struct store_file *file, uint32_t index, const char *what,
           struct spine_error *error)
{
    const uint32_t blocks = file->table.block_count;
    const bool is_filter = index >= blocks;

    return spine_fail(error, SPINE_CORRUPT, "%s: %s %" PRIu32 " %s, at %" PRIu64,
                      file->name, is_filter ? "filter" : "block",
                      is_filter ? index - blocks : index, what,
                      file->table.blocks[index].offset);
}

static const struct file_section *
find_section(const struct store_file *file, uint32_t kind)
{
    for (uint32_t i = 0; i < file->table.section_count; i++)
        if (file->table.sections[i].kind == kind)
            return &file->table.sections[i];
    return NULL;
}
