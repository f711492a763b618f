/* SPDX-License-Identifier: MIT */
#ifndef ARROW_ARROW_H
#define ARROW_ARROW_H

/*
 * arrow/ -- rows as records of Apache Arrow (spine/arrow.h). Above the core: of the rest
 * of the library it knows what is public, and that pages of tuples are full at some size.
 *
 *     hold.c             memory that goes as a whole, and what keeps it
 *     arrow_format.c     a column's kind as the text that Arrow has for it, and back
 *     arrow_mapping.c    which column is what
 *     arrow_schema.c     a mapping as a schema of Arrow
 *     arrow_import.c     arrays as columns of tuples, borrowed where they are the same
 *     arrow_gather.c     arrays that are not: views, dictionaries
 *     arrow_record.c     columns of tuples as arrays
 *     arrow_stream.c     a cursor's rows as a stream of records
 *     arrow_probe.c      the rows of some keys, the same way
 *
 * A *field* is a column of records: what it is in Arrow, and in a tuple. Fields are a
 * tree like the types of their columns.
 *
 * Numbers, decimals and bytes of fixed size are the same in both worlds, so is the bitmap
 * that says what is null. Bits of bools and offsets of 32 bits are not.
 */

#include "arrow/hold.h"
#include "spine/arrow.h"

/* How the values of a field lie in an array of Arrow. */
enum arrow_layout {
    /* As in a tuple's column. */
    ARROW_PLAIN,
    ARROW_BITS,
    /* Offsets of 32, of 64 bits, and bytes. */
    ARROW_STRINGS,
    ARROW_LARGE_STRINGS,
    ARROW_VIEWS,
    ARROW_STRUCT
};

enum arrow_role { ARROW_KEY, ARROW_VALUE, ARROW_TIME, ARROW_WEIGHT };

struct arrow_field {
    const char *name;
    /* In the tuple types of the mapping, or `own`. */
    const struct spine_column *column;
    /* The column of a field that is in no tuple, as times and weights are. */
    struct spine_column own;
    enum arrow_layout layout;
    /* Which column of the key or value, which weight. */
    enum arrow_role role;
    size_t index;
    /* Dictionary-encoded: bytes of an index, and whether it has a sign. 0: it is not. */
    unsigned index_bytes;
    bool index_is_signed;
    struct arrow_field *children;
    size_t child_count;
};

struct spine_arrow_mapping {
    struct ref ref;
    struct hold hold;
    struct spine_schema schema;
    /* In the order of records. */
    struct arrow_field *fields;
    size_t count;
    /* The fields of records that come in: a weight that the mapping adds need not be
     * there. */
    size_t count_in;
    /* Columns of the key, of the value: 1 without a tuple type, 0 without a cell. */
    size_t key_count;
    size_t value_count;
};

struct spine_arrow_mapping *mapping_ref(const struct spine_arrow_mapping *mapping);
void mapping_unref(struct spine_arrow_mapping *mapping);

/* ---- Formats ---- */

/* Sets in `column` what a `format` of Arrow says, which is all but name, nullability and
 * children. It points into `format`. False when there is no such column. */
bool
format_decode(const char *format, struct spine_column *column, enum arrow_layout *layout);
/* Bytes and sign of dictionary indexes of a format. False when it is none. */
bool format_decode_index(const char *format, struct arrow_field *field);
/* The format of a field that goes out; NULL without memory. */
const char *format_encode(const struct arrow_field *field, struct hold *hold);
/* The layout of a column for which no schema of Arrow has told it. */
enum arrow_layout layout_of_column(const struct spine_column *column);
/* Bytes of a value of ARROW_PLAIN, as columns have it. */
size_t plain_bytes(const struct spine_column *column);

/* ---- Arrays ---- */

/* An array of some rows that comes in. */
struct intake {
    struct hold *hold;
    struct spine_error *error;
    size_t rows;
};

/* Gathers the rows of an array of views, from number `at` of its buffers on; `out->valid`
 * is set. */
enum spine_status gather_views(const struct intake *in, const struct arrow_field *field,
                               const struct ArrowArray *array, size_t at,
                               struct spine_column_data *out);

struct dictionary {
    struct spine_column_data values;
    size_t count;
};

/* Gathers for each row the value of the dictionary that its index names; there is at
 * least one row. */
enum spine_status
gather_dictionary(const struct intake *in, const struct arrow_field *field,
                  const struct spine_column_data *indexes,
                  const struct dictionary *dictionary, struct spine_column_data *out);

/* Takes the rows of a struct array of the key's columns, in their order. */
enum spine_status
intake_keys(const struct intake *in, const struct spine_arrow_mapping *mapping,
            const struct ArrowArray *array, struct spine_tuple_rows *out);

/* ---- Records that go out ---- */

/* The most rows of a record batch, and how many bytes of cells it has when it ends before
 * that. */
#define RECORD_ROWS_MAX 65536u
#define RECORD_BYTES (64u << 20)

/* Rows that are given out. */
struct outlet {
    const struct spine_arrow_mapping *mapping;
    /* Has the memory of the rows, and of the arrays. */
    struct hold *hold;
    struct spine_tuple_rows rows;
    /* The rows [begin, end) are given now. */
    size_t begin;
    size_t end;
};

/* How many rows can be given from `begin` on: at most `rows_max`, of which no column of
 * 32-bit offsets has more than `bytes_max` bytes; one at least. */
size_t outlet_fit(const struct outlet *outlet, size_t rows_max, uint64_t bytes_max);
/* Gives the rows [begin, end) as a struct array. False without memory. */
bool outlet_give(const struct outlet *outlet, struct ArrowArray *out);

/* What a stream gives, and where it comes from. */
struct records {
    struct outlet outlet;
    /* Brings the next rows: into `outlet`, whose hold has a page and nothing else; none
     * at the end. */
    enum spine_status (*on_fill)(struct records *records);
    /* Ends `source`. */
    void (*on_close)(void *source);
    void *source;
    /* Of a column with offsets of 32 bits, and of the cells of a page. */
    uint64_t bytes_max;
    uint64_t page_bytes;
    enum spine_status status;
    struct spine_error error;
};

/* A stream of what `on_fill` brings. On success takes `source`. */
enum spine_status records_open(const struct records *records,
                               struct ArrowArrayStream *out, struct spine_error *error);

/* A reference to `mapping`, or, when that is NULL, a mapping of the cursor's schema.
 * SPINE_INVALID when `mapping` is of another schema. */
enum spine_status
mapping_for(const struct spine_cursor *cursor, const struct spine_arrow_mapping *mapping,
            struct spine_arrow_mapping **out, struct spine_error *error);

/* Is row i of the column there? */
static inline bool
data_is_valid(const struct spine_column_data *data, size_t i)
{
    const size_t bit = data->valid_offset + i;

    return data->valid == NULL || (data->valid[bit / 8] >> bit % 8 & 1) != 0;
}

/* SPINE_INVALID for a field, by name. */
enum spine_status
fail_field(struct spine_error *error, const struct arrow_field *field, const char *why);

#endif
