/* SPDX-License-Identifier: MIT */

/* Columns of cells become a batch at once: rows, sorted and added up, then blocks. */

#include "base/error.h"
#include "ingest/runs.h"

enum spine_status
spine_batch_from_columns(const struct spine_schema *schema,
                         const struct spine_columns *columns, struct spine_batch **out,
                         struct spine_error *error)
{
    struct layout layout;
    struct runs runs;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_batch_from_columns", "out");
    *out = NULL;
    if (schema == NULL || columns == NULL)
        return fail_null(error, "spine_batch_from_columns",
                         schema == NULL ? "schema" : "columns");
    TRY_RETURN(layout_init(&layout, schema, error));
    runs_init(&runs, &layout);
    TRY(columns_check(&layout, columns, error));
    TRY(runs_add_columns(&runs, columns, error));
    TRY(runs_seal(&runs, out, error));
out:
    runs_release(&runs);
    return st;
}
