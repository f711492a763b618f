/* SPDX-License-Identifier: MIT */
#ifndef SPINE_VERSION_H
#define SPINE_VERSION_H

#include "spine/types.h"

/*
 * The version of these headers. The build reads its own version from here.
 *
 * While the major version is 0, the minor one rises whenever a structure or a function
 * changes: a program must be compiled anew, the shared library has another soname, and
 * its symbols have another version (such as SPINE_0.3). So plugins that were linked with
 * different versions may meet in one process; each version, and each copy of one, has an
 * allocator and runtimes of its own, and must not be given what another one has made. A
 * shared library with the static library in it keeps the names of that to itself when it
 * is linked by CMake or pkg-config, and otherwise with -Wl,--exclude-libs,libspine.a.
 */

/* The version of these headers. */
#define SPINE_VERSION_MAJOR 0
#define SPINE_VERSION_MINOR 3
#define SPINE_VERSION_PATCH 0
#define SPINE_VERSION_STRING "0.3.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, "major.minor.patch"; compare with
 * SPINE_VERSION_STRING. Any thread. */
SPINE_API const char *spine_version(void);

#ifdef __cplusplus
}
#endif

#endif
