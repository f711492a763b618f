/* SPDX-License-Identifier: MIT */
#ifndef TELL_H
#define TELL_H

/*
 * tell -- what a spine tells to the trace and the log of its runtime. Part of core.h.
 *
 * All is told without a lock held, so what happens under one is noted there and told
 * after it. Without a trace nothing is noted but what costs nothing, and no clock is
 * asked.
 */

#include "merge_task.h"
#include "spine/trace.h"

struct aftermath;
struct spine;

/* A wait of an insert; `end_ns` is 0 when there was none. */
struct stall {
    uint64_t begin_ns;
    uint64_t end_ns;
    enum spine_cause cause;
    /* The merge that holds it back, 0 for none. */
    unsigned level;
    uint64_t merge;
};

/* The most waits of one insert. */
#define STALLS_MAX 4

/* An insert, as far as it has come. Zero at first. */
struct told_insert {
    uint64_t begin_ns;
    uint64_t sequence; /* 0 as long as it is not in */
    uint64_t rows;
    uint64_t bytes;
    struct stall stalls[STALLS_MAX];
    unsigned stall_count;
};

/* The merge of a task, of which a slice is to be told. */
struct told_slice {
    uint64_t begin_ns;
    unsigned level;
    uint64_t merge;
};

/* clock_now_ns(), 0 when nobody is told. */
uint64_t tell_begin_ns(const struct spine *spine);

/* A wait begins, ends, for `cause`; at its beginning the merge is looked for. */
void stall_begin_locked(const struct spine *spine, enum spine_cause cause,
                        struct stall *stall);
void stall_end(struct stall *stall);

/* The insert and its waits, or those alone when nothing came in. */
void tell_insert(const struct spine *spine, const struct told_insert *insert);
void tell_stall(const struct spine *spine, const struct stall *stall);
void tell_help(const struct spine *spine, uint64_t begin_ns, unsigned slices);
void
tell_spill(const struct spine *spine, uint64_t begin_ns, const struct spine_batch *batch);

/* The merge of a task began, with its inputs. Told by the thread that runs its job. */
void tell_merge_begin(const struct merge_task *task, uint64_t begin_ns);
void tell_slice(const struct spine *spine, const struct told_slice *slice,
                const struct merge_counts *counts, bool is_split);
void tell_merge_end(const struct spine *spine, const struct told_slice *slice,
                    const struct merge_counts *counts, const struct spine_batch *output);
void tell_given_up(const struct spine *spine, unsigned level, uint64_t merge);

/* In words: an error became sticky, a merge is to be tried again. */
void
tell_error(const struct spine *spine, const struct spine_error *error, bool is_sticky);

#endif
