/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_DIRECTORY_H
#define HARNESS_DIRECTORY_H

/*
 * harness/directory -- directories of tests. What is still there when the process ends,
 * because a test failed, is removed then.
 */

#define DIRECTORY_BYTES 64u

/* Makes a fresh directory; `path` says where, and what it begins with, as "/tmp/spine". A
 * few at a time. Aborts when it cannot. */
void directory_make(char path[DIRECTORY_BYTES], const char *begin);
/* Removes it, with what is in it. */
void directory_remove(const char *path);

#endif
