/* SPDX-License-Identifier: MIT */

/* Compressing images of blocks, with scratch memory that is used again. */

#include "store/codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/file_format.h"

#include <lz4.h>
#include <zstd.h>

/* Level 1 is the quickest that Zstandard is known for. */
#define ZSTD_LEVEL 1

void
scratch_release(struct scratch *scratch)
{
    assert((scratch->bytes != NULL) == (scratch->capacity > 0));
    mem_free(scratch->bytes, scratch->capacity);
    *scratch = (struct scratch){0};
}

enum spine_status
scratch_reserve(struct scratch *scratch, size_t bytes, struct spine_error *error)
{
    if (!array_reserve(&scratch->bytes, &scratch->capacity, 1, bytes))
        return fail_nomem(error, "a compressed block", bytes);
    return SPINE_OK;
}

/* The room that is given is what would pay, so that a compressor that needs more gives up
 * early. */
enum spine_status
codec_compress(enum spine_compression compression, struct span image,
               struct scratch *scratch, struct span *stored, uint8_t *codec,
               struct spine_error *error)
{
    const size_t room = image.size - image.size / 8;
    size_t size = 0;

    assert(image.size > 0 && image.size <= FILE_IMAGE_BYTES_MAX);
    *stored = image;
    *codec = CODEC_NONE;
    if (compression == SPINE_COMPRESSION_NONE || room == image.size)
        return SPINE_OK;
    TRY_RETURN(scratch_reserve(scratch, room, error));
    if (compression == SPINE_COMPRESSION_ZSTD) {
        size = ZSTD_compress(scratch->bytes, room, image.data, image.size, ZSTD_LEVEL);
        if (ZSTD_isError(size))
            size = 0;
    } else {
        const int done = LZ4_compress_default(
            (const char *)image.data, (char *)scratch->bytes, (int)image.size, (int)room);

        size = done > 0 ? (size_t)done : 0;
    }
    if (size == 0)
        return SPINE_OK;
    assert(size <= room);
    *stored = (struct span){.data = scratch->bytes, .size = size};
    *codec = compression == SPINE_COMPRESSION_ZSTD ? CODEC_ZSTD : CODEC_LZ4;
    return SPINE_OK;
}

bool
codec_expand(uint8_t codec, const void *stored, size_t stored_bytes, void *image,
             size_t image_bytes)
{
    assert(stored_bytes <= FILE_IMAGE_BYTES_MAX && image_bytes <= FILE_IMAGE_BYTES_MAX);
    switch (codec) {
    case CODEC_LZ4:
        return LZ4_decompress_safe(stored, image, (int)stored_bytes, (int)image_bytes) ==
               (int)image_bytes;
    case CODEC_ZSTD:
        return ZSTD_decompress(image, image_bytes, stored, stored_bytes) == image_bytes;
    default:
        if (stored_bytes != image_bytes)
            return false;
        memcpy(image, stored, image_bytes);
        return true;
    }
}
