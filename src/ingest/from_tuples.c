/* SPDX-License-Identifier: MIT */

/* Columns of values become a batch: encoded as cells, then as any other columns. */

#include "base/error.h"
#include "ingest/runs.h"

enum spine_status
spine_batch_from_tuples(const struct spine_schema *schema,
                        const struct spine_tuple_rows *rows, struct spine_batch **out,
                        struct spine_error *error)
{
    struct spine_tuple_page *page = NULL;
    struct spine_columns columns;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_batch_from_tuples", "out");
    *out = NULL;
    if (schema == NULL || rows == NULL)
        return fail_null(error, "spine_batch_from_tuples",
                         schema == NULL ? "schema" : "rows");
    TRY(spine_schema_check(schema, error));
    TRY(spine_tuple_page_new(&page, error));
    TRY(spine_tuple_encode(page, schema, rows, &columns, error));
    TRY(spine_batch_from_columns(schema, &columns, out, error));
out:
    spine_tuple_page_free(page);
    return st;
}
