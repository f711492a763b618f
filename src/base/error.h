/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/*
 * base/error -- statuses and how they travel.
 *
 * Every fallible function has one shape:
 *
 *     enum spine_status st;
 *     TRY(first(...));
 *     TRY(second(...));
 *     *out = thing;            the commit: nothing after it can fail
 *     thing = NULL;
 *     st = SPINE_OK;
 *   out:
 *     thing_free(thing);       NULL once committed
 *     return st;
 *
 * A function with nothing to do at `out:` has neither the label nor `st`:
 *
 *     TRY_RETURN(first(...));
 *     return second(...);
 *
 * One that checks stored data states its facts:
 *
 *     EXPECT(block->rows > 0, "block %zu is empty", at);
 *     return SPINE_OK;
 *
 * No other macro changes the flow.
 */

#include "spine/types.h"

/* On failure to the function's `out:` label with `st` set. */
#define TRY(expression)                                                                  \
    do {                                                                                 \
        st = (expression);                                                               \
        if (st != SPINE_OK)                                                              \
            goto out;                                                                    \
    } while (0)

/* On failure returns the status. */
#define TRY_RETURN(expression)                                                           \
    do {                                                                                 \
        const enum spine_status status_ = (expression);                                  \
        if (status_ != SPINE_OK)                                                         \
            return status_;                                                              \
    } while (0)

/* Unless `fact` holds, returns SPINE_CORRUPT, with the message that follows in
 * `check->error`. */
#define EXPECT(fact, ...)                                                                \
    do {                                                                                 \
        if (!(fact))                                                                     \
            return spine_fail(check->error, SPINE_CORRUPT, __VA_ARGS__);                 \
    } while (0)

/*
 * Fills `error`, unless it is NULL, and returns `status`. Every error is born here, so a
 * breakpoint on this function stops at each.
 */
enum spine_status
spine_fail(struct spine_error *error, enum spine_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* spine_fail() for an allocation of `bytes` bytes for `what`. */
enum spine_status fail_nomem(struct spine_error *error, const char *what, size_t bytes);

/* spine_fail() with SPINE_INVALID for the `argument` of the public function `call`. */
enum spine_status
fail_null(struct spine_error *error, const char *call, const char *argument);

/* spine_fail() by what `cause` says, if it tells of this status; otherwise by
 * `message`. */
enum spine_status fail_by(struct spine_error *error, const struct spine_error *cause,
                          enum spine_status status, const char *message);

/* The static analyzer sees one file at a time: tells it that none returns SPINE_OK. */
#if defined(__clang_analyzer__) && !defined(BASE_ERROR_C)
#define spine_fail(error, status, ...)                                                   \
    ((void)spine_fail(error, status, __VA_ARGS__), (status))
#define fail_nomem(error, what, bytes) ((void)fail_nomem(error, what, bytes), SPINE_NOMEM)
#define fail_by(error, cause, status, message)                                           \
    ((void)fail_by(error, cause, status, message), (status))
#define fail_null(error, call, argument)                                                 \
    ((void)fail_null(error, call, argument), SPINE_INVALID)
#endif

#endif
