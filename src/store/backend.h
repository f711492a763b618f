/* SPDX-License-Identifier: MIT */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

/*
 * What the backends share.
 */

#include "spine/backend.h"

/* How the name of a file ends while it is being written. */
#define TEMPORARY_ENDING ".tmp"

/* SPINE_OK, or SPINE_INVALID that quotes the name. */
enum spine_status name_check(const char *name, struct spine_error *error);

#endif
