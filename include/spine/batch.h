/* SPDX-License-Identifier: MIT */
#ifndef SPINE_BATCH_H
#define SPINE_BATCH_H

/*
 * Batches: immutable, sorted, consolidated rows, shared by counting references.
 *
 * Three ways to make one: spine_batch_from_columns() when the rows are at hand
 * as columns, a batcher when they come in any order, a builder when they come
 * in order.
 */

#include "spine/columns.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_batch;
struct spine_builder;
struct spine_batcher;

/* One row, for calls that take rows one by one. A row whose weights are all 0, which they
 * are when they are left out, is nothing: a batcher takes it and adds nothing, a builder
 * refuses it. */
struct spine_row {
    union spine_datum key;
    union spine_datum value;
    uint64_t time;
    /* The weight when the schema has one; ignored otherwise. */
    int64_t weight;
    /* `weight_count` weights when the schema has several; ignored otherwise. */
    const int64_t *weights;
};

/*
 * Makes a batch of rows in any order: sorts them, adds the weights of equal
 * rows, drops what sums to zero. The caller owns the reference in `*out`.
 *
 * SPINE_INVALID for a schema or a column that makes no sense, SPINE_OVERFLOW
 * when a sum is not in int64_t (what it is on the way does not matter), SPINE_NOMEM. Any
 * thread.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_batch_from_columns(const struct spine_schema *schema,
                         const struct spine_columns *columns, struct spine_batch **out,
                         struct spine_error *error);

/* One more reference. Any thread. */
SPINE_API struct spine_batch *spine_batch_ref(struct spine_batch *batch);

/* One reference less; the last one frees the batch. NULL is allowed. Any thread. */
SPINE_API void spine_batch_unref(struct spine_batch *batch);

/* What is known of a batch without reading its rows. */
struct spine_batch_info {
    /* Rows: different (key, value, time). */
    uint64_t rows;
    /* Different keys. */
    uint64_t keys;
    /* Rows with a weight below zero (any component of it). */
    uint64_t negative_rows;
    /* Bytes that the batch holds from the allocator. A block that a merge took over
       from another batch is counted by both. */
    uint64_t bytes;
    /* Bytes that its blocks in files would take in memory; not in `bytes`. */
    uint64_t storage_bytes;
    /* Bytes of its lookup filter, not in `bytes`: 0 until a reader has built one, and
     * when some of its blocks are in files, which have filters of their own. */
    uint64_t filter_bytes;
    /* The least and the greatest key; they point into the batch.
     * Undefined without rows. */
    union spine_datum key_min;
    union spine_datum key_max;
};

/* What is known of a batch; its schema, as long as the batch. Any thread. */
SPINE_API void
spine_batch_get_info(const struct spine_batch *batch, struct spine_batch_info *out);
SPINE_API const struct spine_schema *spine_batch_schema(const struct spine_batch *batch);

/*
 * The rows of a batch with keys from `*lower` on and before `*upper`, NULL meaning no
 * limit, as a batch of its own: another reference where these are all. It shares the
 * blocks between; at most two blocks are read, and what is needed of them is copied. So a
 * range of keys moves to another spine, or another process by a checkpoint, without its
 * rows being written anew.
 *
 * The caller owns the reference in `*out`. SPINE_INVALID for a cell of the wrong kind or
 * size, SPINE_NOMEM, SPINE_IO or SPINE_CORRUPT of a block that cannot be read. Any
 * thread; blocks when blocks are in files.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_batch_between(struct spine_batch *batch, const union spine_datum *lower,
                    const union spine_datum *upper, struct spine_batch **out,
                    struct spine_error *error);

/*
 * Checks every invariant of the batch: order, uniqueness, no zero weight, the
 * numbers of spine_batch_get_info(). SPINE_CORRUPT names the first that fails.
 * Reads all rows. Any thread.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_batch_check(const struct spine_batch *batch, struct spine_error *error);

/*
 * Builder: rows in strictly ascending order of (key, value, time), none of
 * weight zero. A row that is not is refused with SPINE_INVALID and changes
 * nothing. One thread at a time.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_builder_new(const struct spine_schema *schema, struct spine_builder **out,
                  struct spine_error *error);
SPINE_API SPINE_CHECKED enum spine_status spine_builder_add(struct spine_builder *builder,
                                                            const struct spine_row *row,
                                                            struct spine_error *error);
/* The batch of all rows added. The builder is empty afterwards and may be used again;
   on failure it is as it was. */
SPINE_API SPINE_CHECKED enum spine_status
spine_builder_seal(struct spine_builder *builder, struct spine_batch **out,
                   struct spine_error *error);
/* NULL is allowed. */
SPINE_API void spine_builder_free(struct spine_builder *builder);

/*
 * Batcher: rows in any order, one by one or as columns. What repeats is added
 * up on the way, so memory follows the number of different rows. A call that
 * fails with SPINE_INVALID or SPINE_NOMEM takes nothing of what it was given.
 * SPINE_OVERFLOW is sticky until spine_batcher_clear(): a sum is not in int64_t when the
 * batch is made; what it is on the way does not matter. One thread at a time.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_batcher_new(const struct spine_schema *schema, struct spine_batcher **out,
                  struct spine_error *error);
/* One row; of weight 0 it is legal, and nothing. SPINE_INVALID for a key or a value of
   another kind or size than the schema says. */
SPINE_API SPINE_CHECKED enum spine_status spine_batcher_add(struct spine_batcher *batcher,
                                                            const struct spine_row *row,
                                                            struct spine_error *error);
SPINE_API SPINE_CHECKED enum spine_status
spine_batcher_add_columns(struct spine_batcher *batcher,
                          const struct spine_columns *columns, struct spine_error *error);
/* The batch of all rows added. The batcher is empty afterwards and may be used again;
   after SPINE_NOMEM it still has its rows. */
SPINE_API SPINE_CHECKED enum spine_status
spine_batcher_seal(struct spine_batcher *batcher, struct spine_batch **out,
                   struct spine_error *error);
/* Forgets all rows and a sticky error. */
SPINE_API void spine_batcher_clear(struct spine_batcher *batcher);
/* NULL is allowed. */
SPINE_API void spine_batcher_free(struct spine_batcher *batcher);

#ifdef __cplusplus
}
#endif

#endif
