/* SPDX-License-Identifier: MIT */
#include "harness/reseal.h"
#include "store/strips.h"

#include <assert.h>
#include <string.h>

static uint64_t get_number(const uint8_t *bytes, size_t count);
static void put_number(uint8_t *bytes, uint64_t number);
static void seal_entries(uint8_t *bytes, size_t end, const struct file_id *id,
                         uint8_t *table, size_t table_bytes);
static void
seal_strips(uint8_t *bytes, size_t end, const struct file_id *id, const uint8_t *entry);
static void seal_entry(uint8_t *bytes, size_t end, const struct file_id *id,
                       uint8_t *entry, uint64_t stored);

void
file_reseal(uint8_t *bytes, size_t size, const struct file_id *id)
{
    const size_t end = size - FILE_FOOTER_BYTES;
    uint8_t *const footer = bytes + end;
    const bool has_header = end >= FILE_HEADER_BYTES;
    const uint64_t table_at = get_number(footer + 8, 8);
    const uint64_t table_bytes = get_number(footer + 16, 8);
    struct file_id own;

    assert(size >= FILE_FOOTER_BYTES);
    if (id != NULL) {
        put_number(footer + 32, id->low);
        put_number(footer + 40, id->high);
    }
    own.low = get_number(footer + 32, 8);
    own.high = get_number(footer + 40, 8);
    if (has_header && id != NULL) {
        put_number(bytes + 16, id->low);
        put_number(bytes + 24, id->high);
    }
    if (has_header)
        put_number(bytes + 56, file_checksum(&own, 0, bytes, FILE_HEADER_BYTES - 8));
    if (table_at <= end && table_bytes <= end - table_at) {
        uint8_t *const table = bytes + table_at;

        seal_entries(bytes, end, &own, table, (size_t)table_bytes);
        put_number(footer + 24,
                   file_checksum(&own, table_at, table, (size_t)table_bytes));
    }
    put_number(footer + FILE_FOOTER_BYTES - 8,
               file_checksum(&own, end, footer, FILE_FOOTER_BYTES - 8));
}

static void
seal_entries(uint8_t *bytes, size_t end, const struct file_id *id, uint8_t *table,
             size_t table_bytes)
{
    const uint64_t blocks = table_bytes >= 8 ? get_number(table, 4) : 0;

    for (size_t at = 8, i = 0;
         table_bytes >= FILE_ENTRY_BYTES && at <= table_bytes - FILE_ENTRY_BYTES;
         at += FILE_ENTRY_BYTES, i++) {
        uint8_t *const entry = table + at;

        if (i < blocks && entry[24] == CODEC_STRIPS)
            seal_strips(bytes, end, id, entry);
        seal_entry(bytes, end, id, entry, get_number(entry + 8, i < blocks ? 4 : 8));
    }
}

/* The checksums in a block that lies in strips, where its entry can be right. */
static void
seal_strips(uint8_t *bytes, size_t end, const struct file_id *id, const uint8_t *entry)
{
    const struct file_strips strips = {entry[26], entry[27], entry[28]};
    const uint64_t offset = get_number(entry, 8);

    if (!strips_are_sound(&strips) || offset > end ||
        strips_stored_bytes(&strips) > end - offset)
        return;
    for (uint32_t i = 0; i < STRIP_COUNT; i++) {
        const uint64_t at = offset + strip_offset(&strips, i);
        const uint64_t body = at + STRIP_SUM_BYTES;

        put_number(bytes + at, file_checksum(id, body, bytes + body,
                                             strip_bytes(&strips) - STRIP_SUM_BYTES));
    }
}

static void
seal_entry(uint8_t *bytes, size_t end, const struct file_id *id, uint8_t *entry,
           uint64_t stored)
{
    const uint64_t offset = get_number(entry, 8);

    if (offset <= end && stored <= end - offset)
        put_number(entry + 16, file_checksum(id, offset, bytes + offset, (size_t)stored));
}

static uint64_t
get_number(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;

    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

static void
put_number(uint8_t *bytes, uint64_t number)
{
    for (size_t i = 0; i < sizeof number; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}
