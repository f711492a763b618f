/* SPDX-License-Identifier: MIT */
#include "harness/transcript.h"

#include <stdio.h>
#include <stdlib.h>

void
transcript_release(struct transcript *transcript)
{
    free(transcript->notes);
    *transcript = (struct transcript){0};
}

void
transcript_note(struct transcript *transcript, uint64_t number)
{
    if (transcript->count == transcript->capacity) {
        transcript->capacity = 2 * transcript->capacity + 64;
        transcript->notes =
            realloc(transcript->notes, transcript->capacity * sizeof *transcript->notes);
        if (transcript->notes == NULL)
            abort();
    }
    transcript->notes[transcript->count++] = number;
}

void
transcript_note_bytes(struct transcript *transcript, const void *bytes, size_t size)
{
    uint64_t hash = size;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    transcript_note(transcript, hash);
}

void
transcript_note_cell(struct transcript *transcript, enum spine_kind kind,
                     union spine_datum cell)
{
    if (kind == SPINE_FIXED || kind == SPINE_BYTES)
        transcript_note_bytes(transcript, cell.bytes.data, cell.bytes.size);
    else if (kind == SPINE_U32 || kind == SPINE_I32)
        transcript_note(transcript, cell.u32);
    else if (kind != SPINE_NONE)
        transcript_note(transcript, cell.u64);
}

void
transcript_note_position(struct transcript *transcript, const struct spine_schema *schema,
                         struct spine_cursor *cursor)
{
    const size_t width = schema->weight_count > 0 ? schema->weight_count : 1;
    const size_t before = transcript->count;
    const bool on_key = spine_cursor_key_valid(cursor);
    const bool on_value = spine_cursor_val_valid(cursor);

    transcript_note(transcript, (uint64_t)on_key * 2 + on_value);
    if (on_key)
        transcript_note_cell(transcript, schema->key.kind, spine_cursor_key(cursor));
    if (on_value) {
        const uint64_t *times;
        const int64_t *weights;
        size_t count;

        transcript_note_cell(transcript, schema->value.kind, spine_cursor_val(cursor));
        count = spine_cursor_times(cursor, &times, &weights);
        if (count > 0 && times != NULL)
            transcript_note_bytes(transcript, times, count * sizeof *times);
        if (count > 0)
            transcript_note_bytes(transcript, weights, count * width * sizeof *weights);
    }
    if (spine_cursor_status(cursor) != SPINE_OK)
        transcript->count = before;
}

bool
transcript_agrees(const struct transcript *whole, const struct transcript *part, bool all)
{
    const size_t count = part->count < whole->count ? part->count : whole->count;
    size_t same = 0;

    while (same < count && whole->notes[same] == part->notes[same])
        same++;
    if (same == part->count && (!all || same == whole->count))
        return true;
    printf("the same in %zu of %zu notes, expected %zu\n", same, part->count,
           whole->count);
    return false;
}
