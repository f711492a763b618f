/* SPDX-License-Identifier: MIT */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

/*
 * base/container -- from a member to the struct that it is in.
 *
 * A job, a watch or a request of libuv is a member of the struct that it works for. Its
 * callback gets the member, and asks for the struct:
 *
 *     struct merge_task *task = container_of(job, struct merge_task, job);
 */

#include <stddef.h>

#define container_of(pointer, type, member)                                              \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
