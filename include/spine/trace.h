/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TRACE_H
#define SPINE_TRACE_H

/*
 * What happens in spines and stores, one event at a time: for a user that wants to know
 * why an insert took long, or what the merges are doing.
 *
 *     struct spine_trace_writer *writer;
 *
 *     spine_trace_writer_open(to_file, file, &writer, &error);
 *     const struct spine_trace trace = spine_trace_of_writer(writer);
 *     const struct spine_runtime_options options = {.trace = &trace};
 *     ... spine_runtime_open(&options, ...), work, spine_runtime_close() ...
 *     spine_trace_writer_close(writer, &error);
 *
 * and the file opens in ui.perfetto.dev and chrome://tracing. src/observe/TRACES.md shows
 * how an insert that stalls is found in it.
 */

#include "spine/metrics.h"
#include "spine/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What happened. */
enum spine_event_kind {
    /* A batch came in, by spine_insert() or spine_try_insert(); with all its waits.
     * `rows`, `bytes`, `sequence`. */
    SPINE_EVENT_INSERT = 1,
    /* An inserting thread ran merge slices; part of the insert. `count` of them. */
    SPINE_EVENT_HELP,
    /* An insert, or a wait to insert, found no room. `cause`; `level` and `merge` of the
     * merge that holds it back, when there is one. */
    SPINE_EVENT_STALL,
    /* The first slice of a merge began. `cause`; `count` of inputs; `rows`, `bytes`. */
    SPINE_EVENT_MERGE_BEGIN,
    /* An input of it; what it was when the merge began. `sequence`, `rows`, `bytes`. */
    SPINE_EVENT_MERGE_INPUT,
    /* A slice. `rows` read and `rows_out` written by the merge so far, but for what it
     * had done when it was split. */
    SPINE_EVENT_SLICE,
    /* The merge handed over what it had written, and goes on. Half of what is left may go
     * on as a merge of another number, at the same level and at the same time; the first
     * one takes over what that has made. */
    SPINE_EVENT_SPLIT,
    /* The merge ended: `cause` SPINE_CAUSE_NONE, with `rows_out` and `bytes` of its
     * output; or SPINE_CAUSE_GIVEN_UP: its inputs are as they were. */
    SPINE_EVENT_MERGE_END,
    /* A batch is in a file now: an inserted one, from beginning to end, or the output of
     * the merge that ended. `rows`, `bytes`. */
    SPINE_EVENT_SPILL,
    /* A store read or wrote `bytes` of a batch file. No spine. */
    SPINE_EVENT_READ,
    SPINE_EVENT_WRITE,
    /*
     * A checkpoint ended: `count` of spines, `rows`, `bytes` that were written for it,
     * and its number as `sequence`; SPINE_CAUSE_GIVEN_UP when it failed. It is told to
     * the trace of the store, before it its steps, which are parts of it: files are
     * written (`count`, `bytes`), made durable (`count`), the manifest is put (`bytes`),
     * and what older ones had is removed. No spine.
     */
    SPINE_EVENT_CHECKPOINT,
    SPINE_EVENT_CHECKPOINT_FILES,
    SPINE_EVENT_CHECKPOINT_SYNC,
    SPINE_EVENT_CHECKPOINT_MANIFEST,
    SPINE_EVENT_CHECKPOINT_REMOVE,
    /* A checkpoint was restored; the same numbers, and `bytes` of its files. */
    SPINE_EVENT_RESTORE,
    /* The memory of a runtime is at another level of pressure, `level`; `bytes` of it
     * that count. No spine. */
    SPINE_EVENT_PRESSURE
};

/* Why it happened. */
enum spine_cause {
    SPINE_CAUSE_NONE = 0,
    /* Of a merge: a level has enough batches; memory is short, too. */
    SPINE_CAUSE_DUE,
    /* It begins before it is due, as nothing else is to be done. */
    SPINE_CAUSE_AHEAD,
    /* Retractions, or what filters reject, in large batches. */
    SPINE_CAUSE_REJECTED,
    /* All batches become one. */
    SPINE_CAUSE_COMPACTION,
    /* Of its end: it failed, or its inputs are wanted for a compaction. */
    SPINE_CAUSE_GIVEN_UP,
    /* Of a stall: too many batches that a merge of their level keeps waiting. */
    SPINE_CAUSE_BATCHES,
    /* A sum beyond int64_t is being settled by a compaction. */
    SPINE_CAUSE_SUM,
    /* The memory limit of the runtime. */
    SPINE_CAUSE_MEMORY
};

/* One event. What is not said for its kind is 0. */
struct spine_event {
    enum spine_event_kind kind;
    enum spine_cause cause;
    /* Of the spine: its name, borrowed, and a number that no other of the process has. */
    const char *spine;
    uint64_t spine_number;
    /* Of the thread: a number that no other of the process has. */
    uint64_t thread;
    /* Nanoseconds of CLOCK_MONOTONIC; the same for what has no length. */
    uint64_t begin_ns;
    uint64_t end_ns;
    /* Of the merge: its level, SPINE_LEVELS for a compaction, and its number among the
     * merges of the spine, from 1 on. */
    unsigned level;
    uint64_t merge;
    /* Of a batch: the number, from 1 on, of the insert that it came with, or the youngest
     * of those that were merged into it. */
    uint64_t sequence;
    /* As its kind says. */
    uint64_t rows;
    uint64_t rows_out;
    uint64_t bytes;
    uint64_t count;
};

/*
 * Who is told. Called in the thread where it happened, as soon as no lock is held, so
 * that events of different threads may come in another order than they happened; before
 * the call returns to the host in which an insert or stall happened. It must be quick and
 * must not call the library. It is not called any more once runtime, spines and store are
 * closed.
 */
struct spine_trace {
    void *context;
    void (*on_event)(void *context, const struct spine_event *event);
};

/* What an operator should know. */
enum spine_log_level {
    /* A spine has a sticky error: its merges stand still. */
    SPINE_LOG_ERROR = 1,
    /* A merge failed and is to be tried again; memory is at its limit. */
    SPINE_LOG_WARNING,
    /* Memory is shorter, or less short, than before. Of such changes one message comes
     * in ten seconds at most, and one warning, which count those in between. */
    SPINE_LOG_INFO
};

/* Who is told in words, under the same rules. Messages above `level_max` are left out; 0
 * is SPINE_LOG_INFO. */
struct spine_log {
    void *context;
    enum spine_log_level level_max;
    void (*on_message)(void *context, enum spine_log_level level, const char *message);
};

/* ---- Events as a file ---- */

struct spine_trace_writer;

/*
 * Writes events in the JSON of trace viewers: a track for each thread, another for the
 * merges of each level, and arrows that lead from an insert to each merge that its batch
 * goes through. `write` is called some kilobytes at a time, by any thread but one at a
 * time; what it answers other than SPINE_OK is what closing answers, and ends the trace.
 *
 * SPINE_INVALID, SPINE_NOMEM. On success the caller owns `*out` and ends it by
 * spine_trace_writer_close(), after runtimes and stores that use it are closed.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_trace_writer_open(spine_write_fn *write, void *context,
                        struct spine_trace_writer **out, struct spine_error *error);
/* For the options of runtimes and stores, any number of them. */
SPINE_API struct spine_trace spine_trace_of_writer(struct spine_trace_writer *writer);
/* Writes what is left. NULL is allowed. */
SPINE_API SPINE_CHECKED enum spine_status
spine_trace_writer_close(struct spine_trace_writer *writer, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
