/* SPDX-License-Identifier: MIT */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

/*
 * base/pages -- large pages. Memory lies in pages of 4 KiB, and a processor has the
 * places of so many of them at hand; the place of another is looked up in tables, which
 * are in memory, too. Who looks at a few bytes here and there among more than some MiB
 * waits for the tables as well as for the bytes. One page of 2 MiB takes the place of
 * 512.
 */

#include <stddef.h>

#define LARGE_PAGE_BYTES ((size_t)2 << 20)

/*
 * Makes one page of the LARGE_PAGE_BYTES, aligned to that, around `memory`, if nearly all
 * of them are in use, whoever uses them. That takes as long as to copy them. It is a
 * wish: nothing happens where the system has no such call (Linux 6.1 has), no large page
 * or the setting "never", or where memory is from an allocator of the host's. Any thread,
 * while others use them.
 */
void pages_enlarge(void *memory);

#endif
