/* SPDX-License-Identifier: MIT */
#ifndef DEMO_STORAGE_H
#define DEMO_STORAGE_H

/*
 * demo/storage -- a runtime with a memory limit, and a directory of its own for what goes
 * beyond that, which is gone at the end.
 */

#include "spine/spine.h"

struct storage {
    /* NULL: there is no limit. */
    struct spine_store *store;
    char *directory;
};

/* Opens a runtime; with a limit, 0 being none, its spines spill to $TMPDIR or /tmp. */
struct spine_runtime *storage_open(struct storage *storage, uint64_t memory_limit_bytes);
/* After the runtime was closed. */
void storage_close(struct storage *storage);

#endif
