/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_TRANSCRIPT_H
#define HARNESS_TRANSCRIPT_H

/*
 * harness/transcript -- what calls gave, as a list of numbers. Calls that stop at a fault
 * have given the beginning of what the same calls give without one. Memory is malloc's;
 * without memory it aborts.
 */

#include "spine/cursor.h"

struct transcript {
    uint64_t *notes;
    size_t count;
    size_t capacity;
};

/* Zero at first. */
void transcript_release(struct transcript *transcript);
void transcript_note(struct transcript *transcript, uint64_t number);
/* Notes a cell, times and weights by a hash of their bytes. */
void transcript_note_bytes(struct transcript *transcript, const void *bytes, size_t size);
void transcript_note_cell(struct transcript *transcript, enum spine_kind kind,
                          union spine_datum cell);
/* Notes what the cursor stands on and all that can be read there; nothing of a cursor
 * that has failed. */
void transcript_note_position(struct transcript *transcript,
                              const struct spine_schema *schema,
                              struct spine_cursor *cursor);
/* Is `part` the beginning of `whole`, or with `all` the same? Otherwise prints where they
 * part. */
bool transcript_agrees(const struct transcript *whole, const struct transcript *part,
                       bool all);

#endif
