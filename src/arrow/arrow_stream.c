/* SPDX-License-Identifier: MIT */

/*
 * Rows as a stream of records. A page is read into, and given out in pieces; the next
 * rows come into the same page when all that was given of it has been released, otherwise
 * into a new one.
 */

#include "arrow/arrow.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "rows/rows.h"
#include "spine/spine.h"
#include "tuple/tuple.h"

#include <errno.h>

static enum spine_status fill_from_cursor(struct records *records);
static void close_cursor(void *source);
static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out);
static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out);
static enum spine_status next_rows(struct records *records);
static enum spine_status use_page(struct records *records);
static const char *get_last_error(struct ArrowArrayStream *stream);
static void release_stream(struct ArrowArrayStream *stream);
static void records_free(struct records *records);
static int errno_of(enum spine_status status);

enum spine_status
spine_cursor_to_arrow(struct spine_cursor *cursor,
                      const struct spine_arrow_mapping *mapping,
                      struct ArrowArrayStream *out, struct spine_error *error)
{
    struct records records = {
        .on_fill = fill_from_cursor, .on_close = close_cursor, .source = cursor};
    struct spine_arrow_mapping *own;
    enum spine_status st;

    if (cursor == NULL || out == NULL)
        return fail_null(error, "spine_cursor_to_arrow",
                         cursor == NULL ? "cursor" : "out");
    *out = (struct ArrowArrayStream){0};
    TRY_RETURN(mapping_for(cursor, mapping, &own, error));
    records.outlet.mapping = own;
    st = records_open(&records, out, error);
    mapping_unref(own);
    return st;
}

enum spine_status
spine_snapshot_to_arrow(struct spine_snapshot *snapshot,
                        const struct spine_arrow_mapping *mapping,
                        struct ArrowArrayStream *out, struct spine_error *error)
{
    struct spine_cursor *cursor;
    enum spine_status st;

    if (snapshot == NULL || out == NULL)
        return fail_null(error, "spine_snapshot_to_arrow",
                         snapshot == NULL ? "snapshot" : "out");
    *out = (struct ArrowArrayStream){0};
    TRY_RETURN(spine_snapshot_cursor(snapshot, &cursor, error));
    TRY(spine_cursor_to_arrow(cursor, mapping, out, error));
    cursor = NULL;
out:
    spine_cursor_close(cursor);
    return st;
}

enum spine_status
mapping_for(const struct spine_cursor *cursor, const struct spine_arrow_mapping *mapping,
            struct spine_arrow_mapping **out, struct spine_error *error)
{
    const struct spine_schema *const schema = spine_cursor_schema(cursor);

    if (mapping == NULL)
        return spine_arrow_mapping_of_schema(schema, out, error);
    if (!spine_schema_equal(schema, &mapping->schema))
        return fail_schema(error, "the mapping", &mapping->schema, schema);
    *out = mapping_ref(mapping);
    return SPINE_OK;
}

enum spine_status
records_open(const struct records *records, struct ArrowArrayStream *out,
             struct spine_error *error)
{
    struct records *const own = mem_alloc(sizeof *own);

    assert(records->on_fill != NULL && records->on_close != NULL);
    assert(records->outlet.mapping != NULL && records->outlet.hold == NULL);
    if (own == NULL)
        return fail_nomem(error, "a stream", sizeof *own);
    *own = *records;
    own->bytes_max = INT32_MAX;
    own->page_bytes = RECORD_BYTES;
    (void)mapping_ref(own->outlet.mapping);
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = get_last_error,
                                     .release = release_stream,
                                     .private_data = own};
    return SPINE_OK;
}

/* ---- From a cursor ---- */

/* Reads up to RECORD_ROWS_MAX rows, or fewer that are large. A value with more times than
 * that is read whole, and given in several pieces. */
static enum spine_status
fill_from_cursor(struct records *records)
{
    struct spine_cursor *const cursor = records->source;
    struct outlet *const outlet = &records->outlet;
    size_t rows = 0;

    for (size_t rows_max = RECORD_ROWS_MAX; rows == 0 && rows_max <= UINT32_MAX;
         rows_max *= 4) {
        rows =
            spine_cursor_read_tuples(cursor, outlet->hold->page, rows_max, &outlet->rows);
        if (spine_cursor_status(cursor) != SPINE_INVALID)
            break;
    }
    return rows > 0 ? SPINE_OK : spine_cursor_error(cursor, &records->error);
}

static void
close_cursor(void *source)
{
    spine_cursor_close(source);
}

/* ---- What consumers call ---- */

static int
get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct records *const records = stream->private_data;

    if (records == NULL)
        return EINVAL;
    return errno_of(spine_arrow_schema(records->outlet.mapping, out, &records->error));
}

static int
get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct records *const records = stream->private_data;
    struct outlet *outlet;

    *out = (struct ArrowArray){0};
    if (records == NULL)
        return EINVAL;
    outlet = &records->outlet;
    if (records->status == SPINE_OK)
        records->status = next_rows(records);
    if (records->status != SPINE_OK)
        return errno_of(records->status);
    if (outlet->rows.rows == 0)
        return 0;
    outlet->end = outlet->begin + outlet_fit(outlet, RECORD_ROWS_MAX, records->bytes_max);
    if (outlet_give(outlet, out))
        return 0;
    records->status = fail_nomem(&records->error, "records", outlet->rows.rows);
    outlet->end = outlet->begin;
    return errno_of(records->status);
}

/* Sees to it that there are rows which were not given yet, unless the source has no
 * more. */
static enum spine_status
next_rows(struct records *records)
{
    struct outlet *const outlet = &records->outlet;

    outlet->begin = outlet->end;
    if (outlet->begin < outlet->rows.rows)
        return SPINE_OK;
    outlet->begin = outlet->end = 0;
    outlet->rows = (struct spine_tuple_rows){0};
    TRY_RETURN(use_page(records));
    return records->on_fill(records);
}

/* Takes the page that was used before, if all that was given of it has been released;
 * otherwise a new one. */
static enum spine_status
use_page(struct records *records)
{
    struct hold *hold = records->outlet.hold;

    if (hold != NULL && hold_is_alone(hold)) {
        hold_clear(hold);
        return SPINE_OK;
    }
    hold_unref(hold);
    records->outlet.hold = hold = hold_new();
    if (hold == NULL)
        return fail_nomem(&records->error, "records", sizeof *hold);
    TRY_RETURN(spine_tuple_page_new(&hold->page, &records->error));
    page_limit(hold->page, records->page_bytes);
    return SPINE_OK;
}

static const char *
get_last_error(struct ArrowArrayStream *stream)
{
    const struct records *const records = stream->private_data;

    if (records == NULL)
        return "the stream has been released";
    return records->error.message[0] != '\0' ? records->error.message : NULL;
}

static void
release_stream(struct ArrowArrayStream *stream)
{
    records_free(stream->private_data);
    stream->release = NULL;
    stream->private_data = NULL;
}

static void
records_free(struct records *records)
{
    records->on_close(records->source);
    hold_unref(records->outlet.hold);
    mapping_unref((struct spine_arrow_mapping *)records->outlet.mapping);
    mem_free(records, sizeof *records);
}

static int
errno_of(enum spine_status status)
{
    switch (status) {
    case SPINE_OK:
        return 0;
    case SPINE_NOMEM:
        return ENOMEM;
    case SPINE_IO:
    case SPINE_CORRUPT:
        return EIO;
    case SPINE_OVERFLOW:
        return EOVERFLOW;
    case SPINE_CANCELLED:
        return ECANCELED;
    default:
        return EINVAL;
    }
}
