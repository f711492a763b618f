/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * store/ -- where batches are kept outside memory: backends of immutable objects
 * (spine/backend.h).
 *
 *     backend.c            names; what all backends share
 *     directory_backend.c  the files of a directory
 *     system_file.c        reading and writing one file around the page cache
 *     memory_backend.c     memory, which knows what a crash would leave
 *     fault_backend.c      another backend, with faults
 *
 * Backends block, so they are called by threads of the pool and by those of callers,
 * never by the loop thread, and never under a lock of a spine.
 */

#include "spine/backend.h"

#endif
