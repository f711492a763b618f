/* SPDX-License-Identifier: MIT */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/*
 * base/assert -- for our own mistakes only: never for a caller's data, the system or a
 * file. On in Debug, sanitizer and fuzz builds; Release defines NDEBUG.
 */

#include <assert.h>

#endif
