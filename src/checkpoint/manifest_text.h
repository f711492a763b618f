/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_MANIFEST_TEXT_H
#define CHECKPOINT_MANIFEST_TEXT_H

/*
 * checkpoint/manifest_text -- what encoding and decoding a manifest share.
 */

#include "checkpoint/manifest.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#define MANIFEST_VERSION 1

/* The last member of the text, and its end. */
#define MANIFEST_SEAL ",\n\t\"checksum\":\t\"%016" PRIx64 "\"\n}\n"
#define MANIFEST_SEAL_BYTES 36u

/* Writes to `out` what follows `bytes` of text: a member with their checksum, and the
 * end. The checksum depends on the sequence number, so that a manifest under a wrong name
 * is found out. */
static inline void
manifest_seal(const char *text, size_t bytes, uint64_t sequence,
              char out[MANIFEST_SEAL_BYTES + 1])
{
    (void)snprintf(out, MANIFEST_SEAL_BYTES + 1, MANIFEST_SEAL,
                   (uint64_t)XXH3_64bits_withSeed(text, bytes, sequence));
}

#endif
