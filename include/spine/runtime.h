/* SPDX-License-Identifier: MIT */
#ifndef SPINE_RUNTIME_H
#define SPINE_RUNTIME_H

/*
 * Runtimes: where the merges of any number of spines run.
 *
 * Four kinds, by the options:
 *
 *     default          a libuv loop on a thread of its own; slices run on libuv's pool
 *     loop             the host's libuv loop dispatches; slices run on libuv's pool
 *     executor         the host runs the slices wherever it likes
 *     manual           nothing runs unless somebody calls spine_runtime_run() or inserts
 *
 * A merge that failed for want of memory is tried again after a delay, during which no
 * thread is blocked. A loop has a timer for that. Executors and manual runtimes have no
 * clock: there, whichever call comes next once the delay is over sees to it, be it an
 * insert, a wait, a run or a question for the status or the statistics of any spine of
 * the runtime; calls that wait wake up for it. A host of an executor that calls none of
 * these for long calls spine_runtime_run() with no fuel now and then.
 *
 * What holds for the process:
 *
 * exit(), or the end of main(), may come with everything open and in use: in any state,
 * in any thread but those of libuv's pool, where libuv itself aborts (so not in an
 * on_done there). Nothing is closed by it, and what has not ended is not reported.
 * Handlers of exit() and destructors may close what is open. From its beginning on no run
 * is given to libuv's pool, and libuv's destructor waits for slices that run in it.
 * quick_exit() and _exit() end everything at once.
 *
 * fork(): a child may use the snapshots, cursors and batches that its parent had, and may
 * open runtimes and spines of its own. A spine or a runtime that the parent opened is
 * lost in it: closing it there does nothing, and nothing else may be called, for it could
 * wait for a thread that is not there. A manual runtime and its spines are not lost
 * if no other thread was in a call of the library at the time of the fork(). Batches that
 * have blocks in files cannot be read in a child, and their files stay. A child may
 * end by exit(), too. libuv's destructor would then look for the parent's threads; so the
 * library has libuv start its pool anew in the child, first of all.
 *
 * dlclose(): the shared library, which is linked with -z nodelete, stays in the process
 * once it was loaded, as its handlers of exit() and fork() do. A plugin that has the
 * static library in it must let go of all that is the library's before it is unloaded.
 *
 * Signals: threads that the library starts block all of them. Those of libuv's pool
 * inherit the mask of the first thread in the process that uses the pool; with a runtime
 * that has a loop of its own that is a thread of the library, so they block all, too.
 *
 * Stacks: a thread that calls the library needs one of 64 KiB, the host's callbacks not
 * counted.
 */

#include "spine/trace.h"
#include "spine/types.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spine_runtime;
struct spine_store;
struct uv_loop_s;

/*
 * The host's executor. The library calls `on_submit` when there is work; the host
 * then calls `run(argument)` exactly once, in any thread, soon, and not from
 * inside `on_submit`. A run ends with the first slice that is over after `run_us`, and
 * submits again when work is left. A slice takes some milliseconds; some tens where many
 * full batches of level 0 are merged in one go. At most `slices_max` runs are
 * outstanding. `on_submit` may be called from any thread that uses a spine of the
 * runtime, must not block, and must not call the library.
 */
struct spine_executor {
    void *context;
    void (*on_submit)(void *context, void (*run)(void *argument), void *argument);
};

/* All zero means the defaults. Copied at open. */
struct spine_runtime_options {
    /* The host's loop, which must outlive the runtime; opened on its thread. */
    struct uv_loop_s *loop;
    /* The host's executor; NULL for none. */
    const struct spine_executor *executor;
    /* True: no thread of the library ever runs a merge. */
    bool manual;
    /*
     * Merge slices that run at the same time, at most 1024. Default: one less than there
     * are cores or threads in libuv's pool, whichever is less, but at least 1. Higher:
     * merges keep up with more inserting threads, but take cores from them, and threads
     * of libuv's pool from the host's file and DNS calls.
     */
    unsigned slices_max;
    /*
     * How long one run, on a pool thread or the executor, goes on before it makes room
     * for others, in microseconds. Default 2000. Higher: less hand-over. Lower: less
     * delay for the host's own work.
     */
    unsigned run_us;
    /*
     * Where the spines of the runtime keep what does not stay in memory (spine/store.h);
     * kept by the runtime until it was closed and no spine of it is open. NULL:
     * everything stays in memory. Several runtimes may share a store.
     *
     * Merges do not wait for it: what they read is read ahead by threads of the runtime,
     * up to four at the same time beside `slices_max`; of an executor two more runs are
     * outstanding. Files that nobody refers to any more are removed by the same, those
     * that are left by spine_runtime_close().
     */
    struct spine_store *store;
    /*
     * With a store: the bytes from which on what a merge writes goes to a file, while it
     * is being written. Default 10 MiB, or a sixteenth of the memory limit if that is
     * less. Lower: less memory, more files, and merges that wait for the disk sooner.
     * UINT64_MAX: nothing goes there unless memory is short.
     */
    uint64_t min_storage_bytes;
    /*
     * The most bytes of memory that the spines of the runtime hold together: batches,
     * those that only snapshots hold, too; merges under way, cursors and probes, filters,
     * and the cache of the store (spine/metrics.h has the numbers). Default 0: no limit.
     * From 85 % on more and more goes to files of the store; at the limit inserts wait
     * until merges or readers, by letting go of what they hold, have made room. They are
     * SPINE_NOMEM when there is nothing to wait for: no merge, and no cursor or probe and
     * no snapshot of the spine, or for a second none of these has let go of anything.
     * spine_try_insert() is SPINE_NOMEM at once. Without a store they do so at 95 %.
     * Batches of the host that are in no spine, those that it has not inserted yet and
     * those that were refused, are not counted, nor cursors over them.
     *
     * Merges reserve what they may take before they begin, and wait for it; inserts leave
     * room for one that takes memory to files. Beyond the limit are, at most, what one
     * merge takes, if it is the only one and the limit leaves less (7 MiB for rows of
     * numbers), a megabyte and a half for each thread that inserts while nearly all is in
     * use, the buffers of checkpoints, and what readers need at once: a probe a block,
     * which has 256 KiB or its largest row, and the rows that it gives; a cursor a block
     * of each batch that has some in files, and those that its next rows borrow from,
     * about a 32nd of the limit. What readers hold beside, so that reads go on at the
     * same time, is an eighth of the limit for all of them together, and less at the
     * limit. A manual runtime learns that memory is short only when somebody inserts or
     * runs its merges: while cursors do nothing but read files, their blocks take up to
     * half of the limit and 5 MiB beyond. And what a snapshot or a cursor holds of
     * batches in memory stays there when merges have written it to files: it counts
     * beside what these make.
     *
     * Where runtimes with limits share a store, its cache keeps the strictest.
     *
     * Limit or not, what malloc and the library keep of freed memory goes back to the
     * system when there is nothing to merge, but for manual runtimes. With a limit it
     * goes back while there is something to merge, too, as long as that takes at most a
     * thirtieth of a thread's time: malloc keeps less then, and the library a 64th of
     * the limit.
     */
    uint64_t memory_limit_bytes;
    /* Who is told what its spines do, event by event, and what an operator should know,
     * in words (spine/trace.h); copied. NULL: nobody, which costs nothing. */
    const struct spine_trace *trace;
    const struct spine_log *log;
};

/*
 * Opens a runtime. On success the caller owns `*out` and ends it with
 * spine_runtime_close(). NULL options mean the defaults. More than one of `loop`,
 * `executor` and `manual`, or an option out of its range: SPINE_INVALID. Any thread (with
 * `loop`: the loop's).
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_runtime_open(const struct spine_runtime_options *options,
                   struct spine_runtime **out, struct spine_error *error);

/*
 * Ends a runtime: waits for slices that run in other threads, not for merges that are
 * under way, nor for anything of the host's in libuv's pool or on its executor. Spines
 * that are still open stay readable and closable, and take batches while they have room.
 * Calls that wait for a merge in them, compactions included, get SPINE_CANCELLED, and so
 * does every later call that would have to wait; an insert whose batch is in gets
 * SPINE_OK. NULL is allowed.
 *
 * Any thread, one of libuv's pool and one of the executor too. With `loop`: on the loop's
 * thread, and the loop must run once more afterwards, to let go of its handle; or in
 * another thread while the loop runs and something of the host's keeps it alive. With
 * `executor`: `on_submit` is not called any more; the host calls the runs that are
 * outstanding all the same, and they do nothing. Of the callbacks of the library,
 * `on_done` of spine_compact() may close the runtime: what is left of it is then freed
 * soon after that returns.
 */
SPINE_API void spine_runtime_close(struct spine_runtime *runtime);

/*
 * Runs merges in the calling thread until `fuel_rows` input rows are used up or nothing
 * is left to do; a call of a filter counts as a row, too. Returns the rows used; 0 means
 * that there is nothing to do now. Works with every kind of runtime. Any thread.
 */
SPINE_API uint64_t spine_runtime_run(struct spine_runtime *runtime, uint64_t fuel_rows);

#ifdef __cplusplus
}
#endif

#endif
