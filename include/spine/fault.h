/* SPDX-License-Identifier: MIT */
#ifndef SPINE_FAULT_H
#define SPINE_FAULT_H

/*
 * A backend with faults: what a program does when a disk is full, slow, or wrong can be
 * tested with it.
 */

#include "spine/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The functions of a backend, by name. */
enum spine_operation {
    SPINE_OPERATION_CREATE,
    SPINE_OPERATION_WRITE,
    SPINE_OPERATION_FINISH,
    SPINE_OPERATION_OPEN,
    SPINE_OPERATION_READ_AT,
    SPINE_OPERATION_SYNC,
    SPINE_OPERATION_SYNC_NAMES,
    SPINE_OPERATION_PUT_NEW,
    SPINE_OPERATION_REMOVE,
    SPINE_OPERATION_LIST,
    /* Of a put in two steps the first one; the second is a PUT_NEW without bytes. */
    SPINE_OPERATION_PUT_PREPARE
};

/* What happens to one call. Zero: nothing. */
struct spine_fault {
    /* Unless SPINE_OK: it fails so, and does nothing but what the call has to do in any
     * case. `message` says why; NULL: "a fault". */
    enum spine_status status;
    const char *message;
    /* Of a WRITE that fails: how many of its bytes are written all the same. */
    size_t bytes;
    /* SYNC, SYNC_NAMES, PUT_NEW and REMOVE: it fails only after it was done, as when an
     * answer is lost. */
    bool after;
    /* WRITE, PUT_PREPARE, PUT_NEW and READ_AT: bit number `flip_bit` - 1 of the bytes is
     * flipped; 0: none. Beyond the last bit: none. */
    uint64_t flip_bit;
    /* It takes so much longer. */
    uint64_t delay_ns;
};

/*
 * Asked before every call of the operations above. `name` is the name of the object (NULL
 * for SYNC_NAMES and LIST), `offset` and `size` are of WRITE, PUT_PREPARE, PUT_NEW and
 * READ_AT.
 * `*fault` is zero. By any thread that uses the backend, several at a time.
 */
typedef void spine_fault_fn(void *argument, enum spine_operation operation,
                            const char *name, uint64_t offset, size_t size,
                            struct spine_fault *fault);

/*
 * A backend that does what `inner` does, but for the faults that `on_operation` wants:
 * for tests. `inner` is copied and released with it.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_fault_backend(const struct spine_backend *inner, spine_fault_fn *on_operation,
                    void *argument, struct spine_backend *out, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
