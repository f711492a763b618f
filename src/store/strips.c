/* SPDX-License-Identifier: MIT */

/* Images as strips, and back. */

#include "store/strips.h"

#include "base/assert.h"

static_assert(STRIP_SUM_BYTES + 2 * STRIP_BITS_MAX * STRIP_ROWS / 8 + STRIP_SLACK_BYTES <=
                  STRIP_PAGES_BYTES / 2,
              "a strip lies in two pages");

void
strips_store(const struct file_strips *strips, const void *image,
             const struct file_id *id, uint64_t offset, void *stored)
{
    const size_t key_bytes = strip_key_bytes(strips);
    const size_t value_bytes = strip_value_bytes(strips);
    const uint8_t *keys = (const uint8_t *)image + STRIPS_HEAD_BYTES;
    const uint8_t *values =
        keys + STRIP_COUNT * key_bytes + strips_slack_bytes(strips, STRIPS_KEY_SLACK);
    uint8_t *to = stored;

    assert(strips_are_sound(strips));
    memcpy(to, image, STRIPS_HEAD_BYTES);
    to += STRIPS_HEAD_BYTES;
    for (uint32_t i = 0; i < STRIP_COUNT; i++) {
        uint8_t *const body = to + STRIP_SUM_BYTES;
        uint64_t sum;

        memcpy(body, keys, key_bytes);
        memcpy(body + key_bytes, values, value_bytes);
        sum = file_checksum(id, offset + (uint64_t)(body - (uint8_t *)stored), body,
                            key_bytes + value_bytes);
        memcpy(to, &sum, sizeof sum);
        keys += key_bytes;
        values += value_bytes;
        to = body + key_bytes + value_bytes;
    }
    assert((size_t)(to - (uint8_t *)stored) == strips_stored_bytes(strips));
}

void
strips_expand(const struct file_strips *strips, const void *stored, void *image)
{
    const size_t key_bytes = strip_key_bytes(strips);
    const size_t value_bytes = strip_value_bytes(strips);
    const size_t key_slack = strips_slack_bytes(strips, STRIPS_KEY_SLACK);
    const uint8_t *from = stored;
    uint8_t *keys = (uint8_t *)image + STRIPS_HEAD_BYTES;
    uint8_t *values = keys + STRIP_COUNT * key_bytes + key_slack;

    assert(strips_are_sound(strips));
    memcpy(image, from, STRIPS_HEAD_BYTES);
    from += STRIPS_HEAD_BYTES;
    for (uint32_t i = 0; i < STRIP_COUNT; i++) {
        from += STRIP_SUM_BYTES;
        memcpy(keys, from, key_bytes);
        from += key_bytes;
        memcpy(values, from, value_bytes);
        from += value_bytes;
        keys += key_bytes;
        values += value_bytes;
    }
    memset(keys, 0, key_slack);
    memset(values, 0, strips_slack_bytes(strips, STRIPS_VALUE_SLACK));
}

bool
strip_is_whole(const struct file_strips *strips, const struct file_id *id,
               uint64_t offset, const void *strip)
{
    const uint8_t *const body = (const uint8_t *)strip + STRIP_SUM_BYTES;
    uint64_t sum;

    memcpy(&sum, strip, sizeof sum);
    return sum == file_checksum(id, offset + STRIP_SUM_BYTES, body,
                                strip_key_bytes(strips) + strip_value_bytes(strips));
}
