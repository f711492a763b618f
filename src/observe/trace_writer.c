/* SPDX-License-Identifier: MIT */

/*
 * Events in the JSON array format of trace viewers ("Trace Event Format"): times in
 * microseconds, "X" for what has a length, "b" and "e" for merges, which wander from
 * thread to thread, "s" and "t" for the arrows from inserts to merges. A trace that lacks
 * its end can be read, too.
 */

#include "observe/observe.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

#include <inttypes.h>
#include <stdio.h>

/* The number of an arrow, or of a merge: the number of its spine above, and its own in
 * the spine below. */
#define ID_BITS 40

struct spine_trace_writer {
    struct mutex mutex;
    struct text_out out;
    bool is_first;
    /* Threads that have a name already. */
    uint64_t *threads;
    size_t thread_count;
    size_t thread_capacity;
};

static void on_event(void *context, const struct spine_event *event);
static void
put_thread(struct spine_trace_writer *writer, const struct spine_event *event);
static const char *thread_role(enum spine_event_kind kind);
static void put_merge(struct spine_trace_writer *writer, const struct spine_event *event,
                      const char *phase);
static void put_long(struct spine_trace_writer *writer, const struct spine_event *event,
                     const char *name);
static void
put_pressure(struct spine_trace_writer *writer, const struct spine_event *event);
static void put_arrow(struct spine_trace_writer *writer, const struct spine_event *event,
                      const char *phase);
static void begin_object(struct spine_trace_writer *writer, const char *phase,
                         const char *category, const struct spine_event *event);
static void put_name(struct text_out *out, const struct spine_event *event,
                     const char *name, bool has_level);
static void put_id(struct text_out *out, const struct spine_event *event, uint64_t id);
static void put_micros(struct text_out *out, const char *key, uint64_t ns);
static void put_arguments(struct text_out *out, const struct spine_event *event);
static void put_argument(struct text_out *out, const char *key, uint64_t value);

static const char *const causes[] = {[SPINE_CAUSE_NONE] = "none",
                                     [SPINE_CAUSE_DUE] = "due",
                                     [SPINE_CAUSE_AHEAD] = "ahead",
                                     [SPINE_CAUSE_REJECTED] = "rejected",
                                     [SPINE_CAUSE_COMPACTION] = "compaction",
                                     [SPINE_CAUSE_GIVEN_UP] = "given up",
                                     [SPINE_CAUSE_BATCHES] = "batches",
                                     [SPINE_CAUSE_SUM] = "sum",
                                     [SPINE_CAUSE_MEMORY] = "memory"};

enum spine_status
spine_trace_writer_open(spine_write_fn *write, void *context,
                        struct spine_trace_writer **out, struct spine_error *error)
{
    struct spine_trace_writer *writer;

    if (out == NULL)
        return fail_null(error, "spine_trace_writer_open", "out");
    *out = NULL;
    if (write == NULL)
        return fail_null(error, "spine_trace_writer_open", "write");
    writer = mem_zalloc(sizeof *writer);
    if (writer == NULL)
        return fail_nomem(error, "a writer of traces", sizeof *writer);
    if (mutex_init(&writer->mutex) != SPINE_OK) {
        mem_free(writer, sizeof *writer);
        return spine_fail(error, SPINE_NOMEM, "no memory for the lock of a trace");
    }
    text_begin(&writer->out, write, context);
    text_put(&writer->out, "[");
    writer->is_first = true;
    *out = writer;
    return SPINE_OK;
}

struct spine_trace
spine_trace_of_writer(struct spine_trace_writer *writer)
{
    return (struct spine_trace){writer, writer != NULL ? on_event : NULL};
}

enum spine_status
spine_trace_writer_close(struct spine_trace_writer *writer, struct spine_error *error)
{
    enum spine_status st;

    if (writer == NULL)
        return SPINE_OK;
    text_put(&writer->out, "\n]\n");
    st = text_end(&writer->out);
    mutex_release(&writer->mutex);
    mem_free(writer->threads, writer->thread_capacity * sizeof *writer->threads);
    mem_free(writer, sizeof *writer);
    if (st != SPINE_OK)
        return spine_fail(error, st,
                          "trace: the function that takes the text returned %d", (int)st);
    return SPINE_OK;
}

static void
on_event(void *context, const struct spine_event *event)
{
    struct spine_trace_writer *writer = context;

    mutex_lock(&writer->mutex);
    put_thread(writer, event);
    switch (event->kind) {
    case SPINE_EVENT_INSERT:
        put_long(writer, event, "insert");
        put_arrow(writer, event, "s");
        break;
    case SPINE_EVENT_HELP:
        put_long(writer, event, "help");
        break;
    case SPINE_EVENT_STALL:
        put_long(writer, event, "STALL");
        break;
    case SPINE_EVENT_MERGE_BEGIN:
        put_merge(writer, event, "b");
        break;
    case SPINE_EVENT_MERGE_INPUT:
        put_arrow(writer, event, "t");
        break;
    case SPINE_EVENT_SLICE:
        put_long(writer, event, "slice");
        break;
    case SPINE_EVENT_SPLIT:
        put_long(writer, event, "split");
        break;
    case SPINE_EVENT_MERGE_END:
        put_merge(writer, event, "e");
        break;
    case SPINE_EVENT_SPILL:
        put_long(writer, event, "spill");
        break;
    case SPINE_EVENT_READ:
        put_long(writer, event, "read");
        break;
    case SPINE_EVENT_WRITE:
        put_long(writer, event, "write");
        break;
    case SPINE_EVENT_CHECKPOINT:
        put_long(writer, event, "checkpoint");
        break;
    case SPINE_EVENT_CHECKPOINT_FILES:
        put_long(writer, event, "checkpoint: files");
        break;
    case SPINE_EVENT_CHECKPOINT_SYNC:
        put_long(writer, event, "checkpoint: sync");
        break;
    case SPINE_EVENT_CHECKPOINT_MANIFEST:
        put_long(writer, event, "checkpoint: manifest");
        break;
    case SPINE_EVENT_CHECKPOINT_REMOVE:
        put_long(writer, event, "checkpoint: remove");
        break;
    case SPINE_EVENT_RESTORE:
        put_long(writer, event, "restore");
        break;
    case SPINE_EVENT_PRESSURE:
        put_pressure(writer, event);
        break;
    }
    mutex_unlock(&writer->mutex);
}

/* A track is named after what the thread did first. Without memory it is named again. */
static void
put_thread(struct spine_trace_writer *writer, const struct spine_event *event)
{
    struct text_out *out = &writer->out;

    for (size_t i = 0; i < writer->thread_count; i++)
        if (writer->threads[i] == event->thread)
            return;
    if (array_reserve(&writer->threads, &writer->thread_capacity, sizeof *writer->threads,
                      writer->thread_count + 1))
        writer->threads[writer->thread_count++] = event->thread;
    text_put(out, writer->is_first ? "\n" : ",\n");
    writer->is_first = false;
    text_put(out, "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":");
    text_put_number(out, event->thread);
    text_put(out, ",\"args\":{\"name\":\"");
    text_put(out, thread_role(event->kind));
    text_put(out, " ");
    text_put_number(out, event->thread);
    text_put(out, "\"}}");
}

static const char *
thread_role(enum spine_event_kind kind)
{
    if (kind == SPINE_EVENT_PRESSURE)
        return "thread";
    if (kind >= SPINE_EVENT_READ)
        return "store";
    return kind <= SPINE_EVENT_STALL ? "inserts" : "merges";
}

static void
put_merge(struct spine_trace_writer *writer, const struct spine_event *event,
          const char *phase)
{
    struct text_out *out = &writer->out;

    begin_object(writer, phase, "merge", event);
    put_micros(out, ",\"ts\":", event->begin_ns);
    put_id(out, event, event->merge);
    put_name(out, event, "merge", true);
    put_arguments(out, event);
}

static void
put_long(struct spine_trace_writer *writer, const struct spine_event *event,
         const char *name)
{
    struct text_out *out = &writer->out;
    const bool is_instant = event->begin_ns == event->end_ns;

    begin_object(writer, is_instant ? "i" : "X", "spine", event);
    put_micros(out, ",\"ts\":", event->begin_ns);
    if (!is_instant)
        put_micros(out, ",\"dur\":", event->end_ns - event->begin_ns);
    if (event->kind == SPINE_EVENT_STALL)
        text_put(out, ",\"cname\":\"terrible\"");
    put_name(out, event, name, event->merge > 0);
    put_arguments(out, event);
}

/* A counter, which viewers draw as a curve. */
static void
put_pressure(struct spine_trace_writer *writer, const struct spine_event *event)
{
    struct text_out *out = &writer->out;

    begin_object(writer, "C", "memory", event);
    put_micros(out, ",\"ts\":", event->begin_ns);
    text_put(out, ",\"name\":\"memory pressure\",\"args\":{\"level\":");
    text_put_number(out, event->level);
    text_put(out, "}}");
}

/* Arrows belong to the "X" around them. */
static void
put_arrow(struct spine_trace_writer *writer, const struct spine_event *event,
          const char *phase)
{
    struct text_out *out = &writer->out;

    begin_object(writer, phase, "batch", event);
    put_micros(out, ",\"ts\":", event->begin_ns);
    put_id(out, event, event->sequence);
    if (phase[0] == 't')
        text_put(out, ",\"bp\":\"e\"");
    text_put(out, ",\"name\":\"batch\"");
    put_arguments(out, event);
}

static void
begin_object(struct spine_trace_writer *writer, const char *phase, const char *category,
             const struct spine_event *event)
{
    struct text_out *out = &writer->out;

    text_put(out, ",\n{\"ph\":\"");
    text_put(out, phase);
    text_put(out, "\",\"cat\":\"");
    text_put(out, category);
    text_put(out, "\",\"pid\":1,\"tid\":");
    text_put_number(out, event->thread);
}

static void
put_name(struct text_out *out, const struct spine_event *event, const char *name,
         bool has_level)
{
    text_put(out, ",\"name\":\"");
    text_put(out, name);
    if (has_level && event->level < SPINE_LEVELS) {
        text_put(out, " level ");
        text_put_number(out, event->level);
    } else if (has_level) {
        text_put(out, " compaction");
    }
    text_put(out, "\"");
}

static void
put_id(struct text_out *out, const struct spine_event *event, uint64_t id)
{
    char text[40];

    (void)snprintf(text, sizeof text, ",\"id\":\"0x%" PRIx64 "\"",
                   event->spine_number << ID_BITS | id);
    text_put(out, text);
}

/* Three digits behind the point. */
static void
put_micros(struct text_out *out, const char *key, uint64_t ns)
{
    char text[40];

    (void)snprintf(text, sizeof text, "%" PRIu64 ".%03" PRIu64, ns / 1000, ns % 1000);
    text_put(out, key);
    text_put(out, text);
}

static void
put_arguments(struct text_out *out, const struct spine_event *event)
{
    const bool is_checkpoint =
        event->kind == SPINE_EVENT_CHECKPOINT || event->kind == SPINE_EVENT_RESTORE;

    text_put(out, ",\"args\":{\"spine\":\"");
    text_put_name(out, event->spine != NULL ? event->spine : "");
    text_put(out, "\"");
    if (event->cause != SPINE_CAUSE_NONE) {
        text_put(out, ",\"cause\":\"");
        text_put(out, causes[event->cause]);
        text_put(out, "\"");
    }
    put_argument(out, ",\"merge\":", event->merge);
    put_argument(out,
                 is_checkpoint ? ",\"checkpoint\":" : ",\"batch\":", event->sequence);
    put_argument(out,
                 is_checkpoint                          ? ",\"spines\":"
                 : event->kind > SPINE_EVENT_CHECKPOINT ? ",\"files\":"
                                                        : ",\"batches\":",
                 event->count);
    put_argument(out, ",\"rows\":", event->rows);
    put_argument(out, ",\"rows_out\":", event->rows_out);
    put_argument(out, ",\"bytes\":", event->bytes);
    text_put(out, "}}");
}

static void
put_argument(struct text_out *out, const char *key, uint64_t value)
{
    if (value == 0)
        return;
    text_put(out, key);
    text_put_number(out, value);
}
