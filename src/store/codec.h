/* SPDX-License-Identifier: MIT */
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

/*
 * Compressing images, where that saves an eighth.
 */

#include "base/bytes.h"
#include "spine/store.h"

/* Memory that is kept from one image to the next. */
struct scratch {
    uint8_t *bytes;
    size_t capacity;
};

void scratch_release(struct scratch *scratch);
enum spine_status
scratch_reserve(struct scratch *scratch, size_t bytes, struct spine_error *error);

/*
 * Compresses the image of a block. When that pays, `*stored` becomes what to store, in
 * `scratch`, and `*codec` how; otherwise they are the image and CODEC_NONE. SPINE_NOMEM.
 */
enum spine_status codec_compress(enum spine_compression compression, struct span image,
                                 struct scratch *scratch, struct span *stored,
                                 uint8_t *codec, struct spine_error *error);

/* Expands the stored bytes of an image to its `image_bytes`. False when that is not what
 * they expand to. */
bool codec_expand(uint8_t codec, const void *stored, size_t stored_bytes, void *image,
                  size_t image_bytes);

#endif
