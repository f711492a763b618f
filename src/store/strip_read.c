/* SPDX-License-Identifier: MIT */

/* Reading one strip of a block, around the cache of images. */

#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "store/cache.h"
#include "store/store_state.h"

#include <inttypes.h>

enum spine_status
store_read_strip(struct store_file *file, uint32_t index, uint32_t number,
                 struct store_strip_room *room, struct store_strip *out,
                 struct spine_error *error)
{
    const struct file_block *block = &file->table.blocks[index];
    const struct file_strips *strips = &block->strips;
    const uint64_t offset = block->offset + strip_offset(strips, number);
    const uint64_t at = file->base + offset;
    const uint64_t begin = at / STORE_PAGE_BYTES * STORE_PAGE_BYTES;
    const uint64_t end = (at + strip_bytes(strips) + STORE_PAGE_BYTES - 1) /
                         STORE_PAGE_BYTES * STORE_PAGE_BYTES;
    const uint64_t left = file->object->bytes - begin;
    const size_t size = (size_t)(end - begin < left ? end - begin : left);
    const uint8_t *const strip = room->bytes + (at - begin);
    const uint64_t begin_ns = clock_now_ns();

    assert(index < file->table.block_count && block->codec == CODEC_STRIPS);
    assert(number < STRIP_COUNT && size <= sizeof room->bytes);
    TRY_RETURN(
        store_read_object(file->store, file->object, begin, room->bytes, size, error));
    cache_count_read(file, false, size, begin_ns);
    if (!strip_is_whole(strips, &file->footer.id, offset, strip) &&
        !PLANTED(CHECKSUM_IGNORED))
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: strip %" PRIu32 " of block %" PRIu32
                          " is not what was written, at %" PRIu64,
                          file->name, number, index, offset);
    out->keys = strip + STRIP_SUM_BYTES;
    out->values = out->keys + strip_key_bytes(strips);
    return SPINE_OK;
}
