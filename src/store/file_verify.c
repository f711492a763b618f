/* SPDX-License-Identifier: MIT */

/*
 * Verifying a batch file: every byte of it is covered by a checksum, or must be zero.
 */

#include "base/alloc.h"
#include "base/error.h"
#include "store/codec.h"
#include "store/store_state.h"

#include <inttypes.h>

static enum spine_status
verify_header(struct store_file *file, struct spine_error *error);
static enum spine_status verify_blocks(struct store_file *file,
                                       store_progress_fn *on_progress, void *context,
                                       uint64_t *end, struct spine_error *error);
static enum spine_status verify_strips(struct store_file *file, uint32_t index,
                                       const void *image, struct scratch *stored,
                                       struct spine_error *error);
static enum spine_status
verify_sections(struct store_file *file, uint64_t *end, struct spine_error *error);
static enum spine_status verify_end(struct store_file *file, struct spine_error *error);
static enum spine_status verify_zeros(struct store_file *file, uint64_t *end,
                                      uint64_t offset, struct spine_error *error);
static enum spine_status check_zeros(const struct store_file *file, const uint8_t *bytes,
                                     size_t size, uint64_t offset,
                                     struct spine_error *error);

enum spine_status
store_file_verify(struct store_file *file, store_progress_fn *on_progress, void *context,
                  struct spine_error *error)
{
    uint64_t end = FILE_HEADER_BYTES;

    TRY_RETURN(verify_header(file, error));
    TRY_RETURN(verify_blocks(file, on_progress, context, &end, error));
    TRY_RETURN(verify_sections(file, &end, error));
    TRY_RETURN(verify_zeros(file, &end, file->footer.table_offset, error));
    end = file->footer.table_offset + file->footer.table_bytes;
    TRY_RETURN(
        verify_zeros(file, &end, file->footer.file_bytes - FILE_FOOTER_BYTES, error));
    return verify_end(file, error);
}

/* In a pack, up to where the next file may begin; where none does, up to its end. */
static enum spine_status
verify_end(struct store_file *file, struct spine_error *error)
{
    const uint64_t behind = file->object->bytes - file->base;
    uint64_t end = file->footer.file_bytes;
    uint64_t next = (end + FILE_PART_ALIGNMENT - 1) / FILE_PART_ALIGNMENT;
    uint8_t bytes[FILE_PACK_PAGE_BYTES];

    next *= FILE_PART_ALIGNMENT;
    TRY_RETURN(verify_zeros(file, &end, next < behind ? next : behind, error));
    if (next >= behind || behind - next >= sizeof bytes)
        return SPINE_OK;
    TRY_RETURN(store_read(file, next, bytes, (size_t)(behind - next), error));
    if (file_header_begins(bytes, (size_t)(behind - next)))
        return SPINE_OK;
    return check_zeros(file, bytes, (size_t)(behind - next), next, error);
}

static enum spine_status
verify_header(struct store_file *file, struct spine_error *error)
{
    uint8_t bytes[FILE_HEADER_BYTES];

    TRY_RETURN(store_read(file, 0, bytes, sizeof bytes, error));
    return file_header_check(file->name, (struct span){bytes, sizeof bytes},
                             &file->footer.id, error);
}

static enum spine_status
verify_blocks(struct store_file *file, store_progress_fn *on_progress, void *context,
              uint64_t *end, struct spine_error *error)
{
    struct scratch image = {0}, stored = {0};
    uint32_t blocks = 0, filters = 0;
    const struct file_block *block;
    enum spine_status st = SPINE_OK;

    while ((block = file_table_next(&file->table, &blocks, &filters)) != NULL) {
        const uint32_t index = (uint32_t)(block - file->table.blocks);

        TRY(verify_zeros(file, end, block->offset, error));
        TRY(scratch_reserve(&image, block->image_bytes, error));
        TRY(store_file_read(file, index, image.bytes, error));
        if (block->codec == CODEC_STRIPS)
            TRY(verify_strips(file, index, image.bytes, &stored, error));
        *end = block->offset + block->stored_bytes;
        if (on_progress != NULL)
            on_progress(context, *end);
    }
out:
    scratch_release(&image);
    scratch_release(&stored);
    return st;
}

/* The checksums of the strips are right if the image would be stored as what was read. */
static enum spine_status
verify_strips(struct store_file *file, uint32_t index, const void *image,
              struct scratch *stored, struct spine_error *error)
{
    const struct file_block *block = &file->table.blocks[index];

    TRY_RETURN(scratch_reserve(stored, block->stored_bytes, error));
    strips_store(&block->strips, image, &file->footer.id, block->offset, stored->bytes);
    if (file_checksum(&file->footer.id, block->offset, stored->bytes,
                      block->stored_bytes) != block->checksum)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: strips of block %" PRIu32
                          " are not what they should be, at %" PRIu64,
                          file->name, index, block->offset);
    return SPINE_OK;
}

static enum spine_status
verify_sections(struct store_file *file, uint64_t *end, struct spine_error *error)
{
    for (uint32_t i = 0; i < file->table.section_count; i++) {
        const struct file_section *section = &file->table.sections[i];
        uint8_t *data;
        size_t bytes;

        TRY_RETURN(verify_zeros(file, end, section->offset, error));
        TRY_RETURN(store_file_section(file, section->kind, &data, &bytes, error));
        mem_free(data, bytes);
        *end = section->offset + section->bytes;
    }
    return SPINE_OK;
}

/* The bytes from `*end` on and before `offset`, where the next part begins. */
static enum spine_status
verify_zeros(struct store_file *file, uint64_t *end, uint64_t offset,
             struct spine_error *error)
{
    uint8_t bytes[FILE_PART_ALIGNMENT];
    size_t size;

    if (offset < *end || offset - *end >= sizeof bytes)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: there is no part of the file at %" PRIu64, file->name,
                          *end);
    size = (size_t)(offset - *end);
    if (size == 0)
        return SPINE_OK;
    TRY_RETURN(store_read(file, *end, bytes, size, error));
    return check_zeros(file, bytes, size, *end, error);
}

static enum spine_status
check_zeros(const struct store_file *file, const uint8_t *bytes, size_t size,
            uint64_t offset, struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes, size);

    if (!wire_get_zeros(&in, size))
        return spine_fail(error, SPINE_CORRUPT, "%s: bytes are not zero, at %" PRIu64,
                          file->name, offset);
    return SPINE_OK;
}
