/* SPDX-License-Identifier: MIT */

/*
 * Objects of one store for another: read and written in order, a piece at a time.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/object_sink.h"

#include <inttypes.h>

static enum spine_status copy_bytes(const struct store_copying *copying, void *object,
                                    uint64_t bytes, struct object_sink *sink,
                                    struct spine_error *error);

enum spine_status
store_copy(const struct store_copying *copying, const char *name, uint64_t bytes,
           struct store_object **out, struct spine_error *error)
{
    const struct spine_backend *backend = &copying->from->backend;
    struct object_sink *sink = NULL;
    void *object;
    uint64_t size;
    enum spine_status st;

    assert(copying->from != copying->to);
    *out = NULL;
    st = backend->open(backend->context, name, &object, &size, error);
    if (st != SPINE_OK)
        return store_answer(st, error);
    if (size != bytes) {
        st = spine_fail(error, SPINE_CORRUPT, "%s: has %" PRIu64 " bytes, not %" PRIu64,
                        name, size, bytes);
        goto out;
    }
    TRY(object_sink_new(copying->to, name, NULL, &sink, error));
    TRY(copy_bytes(copying, object, bytes, sink, error));
    TRY(object_sink_finish(sink, error));
    *out = store_object_ref(sink->object);
out:
    object_sink_free(sink);
    backend->close(backend->context, object);
    return st;
}

/* Pieces begin where disks like it. */
static enum spine_status
copy_bytes(const struct store_copying *copying, void *object, uint64_t bytes,
           struct object_sink *sink, struct spine_error *error)
{
    struct spine_store *from = copying->from;
    const struct spine_backend *backend = &from->backend;
    void *const piece = mem_alloc(STORE_WRITE_BYTES);
    enum spine_status st = SPINE_OK;

    if (piece == NULL)
        return fail_nomem(error, "the buffer of a file", STORE_WRITE_BYTES);
    for (uint64_t at = 0; st == SPINE_OK && at < bytes; at += STORE_WRITE_BYTES) {
        const uint64_t left = bytes - at;
        const size_t size = left < STORE_WRITE_BYTES ? (size_t)left : STORE_WRITE_BYTES;

        store_count(&from->reads, 1);
        store_count(&from->read_bytes, size);
        st = store_answer(
            backend->read_at(backend->context, object, at, piece, size, error), error);
        if (st == SPINE_OK)
            st = object_sink_append(sink, piece, size, error);
        if (st == SPINE_OK && copying->on_progress != NULL)
            copying->on_progress(copying->context, at + size);
    }
    mem_free(piece, STORE_WRITE_BYTES);
    return st;
}
