/* SPDX-License-Identifier: MIT */

/* Where errors are born: a status, and a message made of what is known. */

#define BASE_ERROR_C
#include "base/error.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

const char *
spine_status_name(enum spine_status status)
{
    switch (status) {
    case SPINE_OK:
        return "SPINE_OK";
    case SPINE_NOMEM:
        return "SPINE_NOMEM";
    case SPINE_IO:
        return "SPINE_IO";
    case SPINE_CORRUPT:
        return "SPINE_CORRUPT";
    case SPINE_CANCELLED:
        return "SPINE_CANCELLED";
    case SPINE_INVALID:
        return "SPINE_INVALID";
    case SPINE_OVERFLOW:
        return "SPINE_OVERFLOW";
    case SPINE_BUSY:
        return "SPINE_BUSY";
    case SPINE_TIMEOUT:
        return "SPINE_TIMEOUT";
    case SPINE_MISUSE:
        return "SPINE_MISUSE";
    case SPINE_NOT_FOUND:
        return "SPINE_NOT_FOUND";
    case SPINE_EXISTS:
        return "SPINE_EXISTS";
    }
    return "unknown status";
}

enum spine_status
spine_fail(struct spine_error *error, enum spine_status status, const char *format, ...)
{
    assert(status != SPINE_OK);
    if (error == NULL)
        return status;

    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    /* A message that does not fit is cut, which is no failure. */
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

enum spine_status
fail_nomem(struct spine_error *error, const char *what, size_t bytes)
{
    return spine_fail(error, SPINE_NOMEM, "no memory for %zu bytes of %s", bytes, what);
}

enum spine_status
fail_null(struct spine_error *error, const char *call, const char *argument)
{
    return spine_fail(error, SPINE_INVALID, "%s: %s is NULL", call, argument);
}

enum spine_status
fail_by(struct spine_error *error, const struct spine_error *cause,
        enum spine_status status, const char *message)
{
    const bool told = cause->status == status && cause->message[0] != '\0';

    return spine_fail(error, status, "%s", told ? cause->message : message);
}
