/* SPDX-License-Identifier: MIT */

/* What all backends have in common: which names are valid, and how a backend ends. */

#include "store/backend.h"

#include "base/error.h"

#include <string.h>

bool
spine_name_is_valid(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    const size_t size = name != NULL ? strnlen(name, SPINE_NAME_MAX + 1) : 0;

    if (size == 0 || size > SPINE_NAME_MAX || name[0] == '.')
        return false;
    if (strspn(name, letters) != size)
        return false;
    return size < sizeof TEMPORARY_ENDING ||
           strcmp(name + size - (sizeof TEMPORARY_ENDING - 1), TEMPORARY_ENDING) != 0;
}

enum spine_status
name_check(const char *name, struct spine_error *error)
{
    if (spine_name_is_valid(name))
        return SPINE_OK;
    return spine_fail(error, SPINE_INVALID, "\"%.*s\" is no name of an object",
                      SPINE_NAME_MAX, name != NULL ? name : "");
}

void
spine_backend_release(struct spine_backend *backend)
{
    if (backend != NULL && backend->release != NULL)
        backend->release(backend->context);
    if (backend != NULL)
        *backend = (struct spine_backend){0};
}
