/* SPDX-License-Identifier: MIT */
#ifndef BASE_ACCOUNT_H
#define BASE_ACCOUNT_H

/*
 * base/account -- how much memory each runtime and spine holds, exactly.
 *
 * An account counts the bytes that live things of a runtime hold, by class. A thing that
 * is shared is *charged* once, to the first account that knows it, and credited when it
 * is freed, wherever that is:
 *
 *     a block, a batch     charged when the batch has come into a spine, or when a merge
 *                          makes it; while it is offered its bytes count
 *     a lookup filter      when it is built, if its batch is charged
 *     scratch              all other memory of a merge, by what its thread takes and
 *                          gives back inside it: account_enter(), account_leave()
 *     a reader             what its threads take and give back inside it, one call after
 *                          the other: account_share_add()
 *
 * What a host has made and not inserted, or what was refused, is on no account.
 *
 * The account of a spine is part of the account of its runtime: what is added to the one
 * is added to the other. Any thread.
 */

#include "base/ref.h"

#include <stddef.h>

enum account_class {
    ACCOUNT_BLOCKS,
    /* Batches without their blocks: fences, marks, cells. */
    ACCOUNT_FENCES,
    ACCOUNT_FILTERS,
    ACCOUNT_SCRATCH,
    /* Of cursors and probes. */
    ACCOUNT_READERS,
    ACCOUNT_CLASSES
};

/* Blocks in files that were asked for, by readers or by merges. */
struct account_reads {
    /* Blocks that were in the cache, or on their way into it; that were not. */
    atomic_uint_least64_t hits;
    atomic_uint_least64_t misses;
    /* Of files, and how long that took. */
    atomic_uint_least64_t bytes;
    atomic_uint_least64_t ns;
};

struct account {
    struct ref refs;
    /* A reference; NULL: it is part of no other. */
    struct account *whole;
    atomic_size_t bytes[ACCOUNT_CLASSES];
    /* The part of ACCOUNT_BLOCKS that is blocks made for outputs under way. */
    atomic_size_t output_bytes;
    /* Of files that are charged to this account, not to those that it is the whole of. */
    struct account_reads reader_reads;
    struct account_reads merge_reads;
};

/* With one reference, as part of `whole`, which may be NULL; NULL without memory. */
struct account *account_new(struct account *whole);
struct account *account_ref(struct account *account);
/* NULL is allowed. */
void account_unref(struct account *account);

/* Of one class; of all. */
size_t account_bytes(const struct account *account, enum account_class class);
size_t account_total(const struct account *account);
/* Of outputs under way: part of ACCOUNT_BLOCKS. */
size_t account_output_bytes(const struct account *account);

/* The account of a thing; NULL: none yet. Zero at first. */
typedef _Atomic(struct account *) account_payer;

/* Charges a thing of `bytes` bytes to `account`, unless that was done before: true. */
bool account_charge(account_payer *payer, struct account *account,
                    enum account_class class, size_t bytes);
/* A file is charged to the account that counts what is read of it. */
void account_charge_file(account_payer *payer, struct account *account);
void account_release_file(account_payer *payer);
/* The reads of such a file that are for a merge, or not; NULL: it is on no account. */
struct account_reads *account_reads_of(account_payer *payer, bool for_merge);
/* Frees memory that a thing was, and credits it if it was charged. NULL is allowed. */
void
account_free(account_payer *payer, enum account_class class, void *memory, size_t bytes);
/* The same two of what comes and goes with a thing that is charged to `account`. */
void account_add(struct account *account, enum account_class class, size_t bytes);
void account_subtract(struct account *account, enum account_class class, size_t bytes);
/* The blocks that were made for an output under way are no longer `before` but `now`
 * bytes. `account` may be NULL. */
void account_output(struct account *account, size_t before, size_t now);

/*
 * Between these two, what the thread takes from the allocator and gives back is scratch
 * of `account`, but for things that are charged or credited meanwhile. `account` may be
 * NULL. Do not nest.
 */
struct account_span {
    struct account *account;
    int64_t begin;
};
struct account_span account_enter(struct account *account);
void account_leave(struct account_span *span);

/*
 * What a reader holds, which is on the account of the spine that it reads. Zero at first,
 * and on no account. The bytes are counted there, too: a reader may come to an account
 * with memory that it has, and leave one. Inside a span, too.
 */
struct account_share {
    struct account *account; /* a reference */
    int64_t bytes;
};
/* Moves what there is to `account`; NULL is allowed. */
void account_share_to(struct account_share *share, struct account *account);
/* Adds what the thread has taken and not given back since mem_thread_bytes() was
 * `begun`. */
void account_share_add(struct account_share *share, int64_t begun);
/* All of it is given back by now. Twice is harmless. */
void account_share_end(struct account_share *share);

#endif
