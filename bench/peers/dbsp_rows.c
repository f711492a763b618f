/* SPDX-License-Identifier: MIT */

/*
 * peers/dbsp_rows -- the spine of DBSP with rows of strings, for `bytes`, and of several
 * columns, for `columns`.
 */

#include "macro/bytes.h"
#include "macro/columns.h"
#include "peers/dbsp.h"

uint64_t
dbsp_bytes_hash(const char *bytes, size_t size)
{
    return bytes_hash(bytes, size);
}

/* ---- Strings ---- */

static void *
bytes_open(const char *directory)
{
    const struct dbsp_setup setup = {.kind = DBSP_BYTES};

    (void)directory;
    return dbsp_open(&setup);
}

static void
bytes_insert(void *state, const struct spine_columns *columns)
{
    const struct dbsp_rows rows = {
        .rows = columns->rows,
        .keys = {{.values = columns->keys, .offsets = columns->key_offsets}},
        .values = {{.values = columns->values, .offsets = columns->value_offsets}}};

    dbsp_insert(state, &rows);
}

static void
bytes_lookup(void *state, const struct spine_columns *keys, struct tally *tally)
{
    const struct dbsp_rows rows = {
        .rows = keys->rows,
        .keys = {{.values = keys->keys, .offsets = keys->key_offsets}}};

    dbsp_probe(state, &rows, NULL, tally);
}

extern const struct bytes_engine bytes_dbsp;
const struct bytes_engine bytes_dbsp = {
    "dbsp", bytes_open, bytes_insert, dbsp_settle, dbsp_scan, bytes_lookup, dbsp_close};

/* ---- Columns ---- */

static void *
wide_open(bool strings, const char *directory)
{
    const struct dbsp_setup setup = {.kind = strings ? DBSP_STRINGS : DBSP_FIXED};

    (void)directory;
    return dbsp_open(&setup);
}

static void
wide_insert(void *state, const struct wide_rows *columns)
{
    struct dbsp_rows rows = {.rows = columns->rows};

    if (columns->strings) {
        rows.keys[0] = (struct dbsp_column){columns->key_text, columns->key_offsets};
        rows.keys[1].values = columns->number;
        rows.values[0] =
            (struct dbsp_column){columns->value_text, columns->value_offsets};
    } else {
        rows.keys[0].values = columns->number;
        rows.keys[1].values = columns->other;
        rows.keys[2].values = columns->real;
        rows.values[0].values = columns->value_number;
    }
    rows.values[1].values = columns->value_real;
    dbsp_insert(state, &rows);
}

extern const struct wide_engine wide_dbsp;
const struct wide_engine wide_dbsp = {"dbsp",      wide_open, wide_insert,
                                      dbsp_settle, dbsp_scan, dbsp_close};
