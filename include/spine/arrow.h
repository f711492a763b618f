/* SPDX-License-Identifier: MIT */
#ifndef SPINE_ARROW_H
#define SPINE_ARROW_H

/*
 * Rows as records of Apache Arrow, by its C data and C stream interface
 * (arrow.apache.org/docs/format/CDataInterface.html): what pyarrow, Polars, DuckDB and
 * others give and take as pointers, without a library in between.
 *
 *     const char *const keys[] = {"customer", "day"}, *const weights[] = {"change"};
 *     const struct spine_arrow_columns columns = {
 *         .key_names = keys, .key_count = 2, .weight_names = weights, .weight_count = 1};
 *
 *     spine_arrow_mapping_new(&arrow_schema, &columns, &mapping, error);
 *     spine_open(runtime, spine_arrow_mapping_schema(mapping), NULL, &spine, error);
 *     spine_batch_from_arrow(mapping, &arrow_array, &batch, error);
 *
 * A mapping says which column of a record is what of a row. Columns are
 *
 *     Arrow                                    in a tuple (spine/tuple.h)
 *     bool, int8..64, uint8..64, date32        the same
 *     float, double                            f32, f64
 *     time32, time64, timestamp                time, timestamp, with unit and zone
 *     decimal128, fixed-size binary            decimal128, fixed
 *     utf8, large utf8, utf8 view              string
 *     binary, large binary, binary view        binary
 *     struct                                   tuple
 *
 * or one of these, but struct, dictionary-encoded; what comes in as a view or by a
 * dictionary goes out as plain utf8 or binary, or as the dictionary's values. Everything
 * else is SPINE_INVALID, naming the column. Extension types are what they are stored as.
 *
 * The owner of a structure of Arrow releases it: what comes in is borrowed for the call
 * and never released here; what goes out is the caller's, to release once, at any time,
 * in any thread, and keeps what it needs. A structure that was released is SPINE_MISUSE.
 * Of what Arrow's structures point to, sizes cannot be checked.
 *
 * Mappings are immutable. Any thread, unless a function says otherwise.
 */

#include "spine/probe.h"
#include "spine/tuple_columns.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What follows is as Arrow publishes it, under its guards. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
/* Flags of a schema. */
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

/* A type: Arrow's specification says what its fields are. */
struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

/* Values of a type: Arrow's specification says what its fields are. */
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
/* Records in pieces: Arrow's specification says what its fields are. */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

struct spine_arrow_mapping;

/* Which columns of records are what. All others are the value, in their order. */
struct spine_arrow_columns {
    /* The key's columns, in the key's order: by name or, where `key_names` is NULL, by
     * number. */
    const char *const *key_names;
    const size_t *key_indexes;
    size_t key_count;
    /* Of each of them; NULL: all ascend. */
    const enum spine_tuple_order *key_orders;
    /* Columns of int64 that are the weights, at most SPINE_WEIGHTS_MAX. None: records
     * that come in have weight 1, and those that go out one more column, "weight". */
    const char *const *weight_names;
    size_t weight_count;
    /* A column of uint64 that is the time; NULL: none. SPINE_UNTIMED then means
     * SPINE_TIME_U64. */
    const char *time_name;
    enum spine_time time;
};

/*
 * The mapping of records of `schema`, a struct. On success the caller owns `*out` and
 * ends it with spine_arrow_mapping_free(). SPINE_INVALID for columns that are not there,
 * there twice, or of a type that is not above; SPINE_NOMEM.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_arrow_mapping_new(const struct ArrowSchema *schema,
                        const struct spine_arrow_columns *columns,
                        struct spine_arrow_mapping **out, struct spine_error *error);

/*
 * The mapping of rows of `schema`: the columns of the key, of the value, "time" if there
 * are times, then "weight", or "weight_0" and so on. Without names they are "key_0" or
 * "value_0", without a tuple type "key" or "value", of SPINE_BYTES large binary. A name
 * that a column before has gets a number, "id_3"; so does that of a weight that is added.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_arrow_mapping_of_schema(const struct spine_schema *schema,
                              struct spine_arrow_mapping **out,
                              struct spine_error *error);

/* What was made with it does not need it. NULL is allowed. */
SPINE_API void spine_arrow_mapping_free(struct spine_arrow_mapping *mapping);

/* What its rows look like: a schema for batches and spines, as long as the mapping. */
SPINE_API const struct spine_schema *
spine_arrow_mapping_schema(const struct spine_arrow_mapping *mapping);

/* The schema of records that go out. */
SPINE_API SPINE_CHECKED enum spine_status
spine_arrow_schema(const struct spine_arrow_mapping *mapping, struct ArrowSchema *out,
                   struct spine_error *error);

/*
 * spine_batch_from_columns() of records: a struct array of the columns that the mapping
 * was made of. SPINE_INVALID also for nulls that may not be, and for an array that does
 * not look like the mapping's schema.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_batch_from_arrow(const struct spine_arrow_mapping *mapping,
                       const struct ArrowArray *array, struct spine_batch **out,
                       struct spine_error *error);

/*
 * The rows of a cursor, from its position to its end, as a stream of records, at most
 * 65,536 or some 64 MiB at a time. A NULL mapping is the one of the cursor's schema; any
 * other has to be of an equal schema. Rows are read into columns, which Arrow borrows
 * where it has them the same: all but bools, 32-bit offsets and several weights.
 *
 * Takes the cursor: on success the stream closes it. What the stream gives outlives the
 * stream. A failure is the errno that comes nearest, such as ENOMEM, EIO, EOVERFLOW or
 * EINVAL, with the cursor's message, and for good. One thread at a time, as a cursor.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_cursor_to_arrow(struct spine_cursor *cursor,
                      const struct spine_arrow_mapping *mapping,
                      struct ArrowArrayStream *out, struct spine_error *error);

/* The same of all rows of a snapshot, of which the stream keeps a reference. */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_to_arrow(struct spine_snapshot *snapshot,
                        const struct spine_arrow_mapping *mapping,
                        struct ArrowArrayStream *out, struct spine_error *error);

/*
 * The same of the rows of some keys: spine_snapshot_probe() of a struct array of the
 * key's columns, in the key's order; in any order of rows, which may repeat.
 * SPINE_INVALID when `options` want counts; its filter is borrowed until the stream is
 * released. NULL options mean the defaults.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_probe_to_arrow(struct spine_snapshot *snapshot,
                              const struct spine_arrow_mapping *mapping,
                              const struct ArrowArray *keys,
                              const struct spine_probe_options *options,
                              struct ArrowArrayStream *out, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
