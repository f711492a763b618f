/* SPDX-License-Identifier: MIT */
#ifndef ROWS_DESCRIBE_H
#define ROWS_DESCRIBE_H

/*
 * rows/describe -- types, cells and times as messages name them.
 *
 * Each function writes to `text`, DESCRIBED_BYTES bytes, and returns it. Any thread.
 */

#include "spine/schema.h"

enum { DESCRIBED_BYTES = 80 };

/* Such as "SPINE_U64". */
const char *kind_name(enum spine_kind kind);

/* The kind of number that has this stamp; SPINE_NONE when none has. */
enum spine_kind kind_of_stamp(uint64_t stamp);

/* Such as "SPINE_FIXED of 4". `size` means nothing to other kinds. */
const char *describe_type(struct spine_type type, char *text);

#endif
