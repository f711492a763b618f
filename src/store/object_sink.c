/* SPDX-License-Identifier: MIT */
#include "store/object_sink.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define BUFFER_ALIGNMENT 4096u
#define BUFFER_BYTES (STORE_WRITE_BYTES + BUFFER_ALIGNMENT)

static enum spine_status flush(struct object_sink *sink, struct spine_error *error);

enum spine_status
object_sink_new(struct spine_store *store, const struct file_id *id, const char *ending,
                struct object_sink **out, struct spine_error *error)
{
    struct object_sink *sink = mem_zalloc(sizeof *sink);
    char name[SPINE_NAME_MAX + 1];
    enum spine_status st;

    *out = NULL;
    if (sink == NULL)
        return fail_nomem(error, "the writer of a file", sizeof *sink);
    sink->store = store_ref(store);
    sink->memory = mem_alloc(BUFFER_BYTES);
    if (sink->memory == NULL) {
        st = fail_nomem(error, "the buffer of a file", BUFFER_BYTES);
        goto out;
    }
    store_count(&store->memory, BUFFER_BYTES);
    sink->buffer =
        sink->memory + (BUFFER_ALIGNMENT - (uintptr_t)sink->memory % BUFFER_ALIGNMENT);
    (void)snprintf(name, sizeof name, "%016" PRIx64 "%016" PRIx64 "%s", id->high, id->low,
                   ending);
    TRY(store_object_new(store, name, &sink->object, error));
    TRY(store->backend.create(store->backend.context, name, &sink->writer, error));
    *out = sink;
    sink = NULL;
out:
    object_sink_free(sink);
    return st;
}

enum spine_status
object_sink_append(struct object_sink *sink, const void *data, size_t bytes,
                   struct spine_error *error)
{
    const uint8_t *from = data;

    while (bytes > 0) {
        const size_t room = STORE_WRITE_BYTES - sink->filled;
        const size_t part = bytes < room ? bytes : room;

        memcpy(sink->buffer + sink->filled, from, part);
        sink->filled += part;
        from += part;
        bytes -= part;
        if (sink->filled == STORE_WRITE_BYTES)
            TRY_RETURN(flush(sink, error));
    }
    return SPINE_OK;
}

enum spine_status
object_sink_finish(struct object_sink *sink, struct spine_error *error)
{
    const struct spine_backend *backend = &sink->store->backend;
    void *writer;

    TRY_RETURN(flush(sink, error));
    writer = sink->writer;
    sink->writer = NULL;
    TRY_RETURN(backend->finish(backend->context, writer, error));
    return store_object_finished(sink->object, error);
}

void
object_sink_free(struct object_sink *sink)
{
    struct spine_store *store;

    if (sink == NULL)
        return;
    store = sink->store;
    if (sink->writer != NULL)
        store->backend.abort(store->backend.context, sink->writer);
    if (sink->memory != NULL)
        store_uncount(&store->memory, BUFFER_BYTES);
    mem_free(sink->memory, BUFFER_BYTES);
    store_object_unref(sink->object);
    mem_free(sink, sizeof *sink);
    store_unref(store);
}

enum spine_status
file_id_new(struct file_id *out, struct spine_error *error)
{
    ssize_t size;

    do
        size = getrandom(out, sizeof *out, 0);
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof *out)
        return spine_fail(error, SPINE_IO,
                          "the name of a file: cannot get random bytes (%d)", errno);
    return SPINE_OK;
}

static enum spine_status
flush(struct object_sink *sink, struct spine_error *error)
{
    const struct spine_backend *backend = &sink->store->backend;
    const struct spine_store *store = sink->store;
    const size_t bytes = sink->filled;
    const uint64_t begin_ns = store->trace.on_event != NULL ? clock_now_ns() : 0;
    enum spine_status st;

    if (bytes == 0)
        return SPINE_OK;
    sink->written += bytes;
    sink->filled = 0;
    store_count(&sink->store->writes, 1);
    store_count(&sink->store->write_bytes, bytes);
    st = backend->write(backend->context, sink->writer, sink->buffer, bytes, error);
    if (begin_ns > 0)
        store_tell(store, SPINE_EVENT_WRITE, begin_ns, bytes);
    return st;
}
