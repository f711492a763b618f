/* SPDX-License-Identifier: MIT */

/*
 * peers/lmdb -- a B+ tree in a file that is mapped: a weight is read, added to, and
 * written back, one transaction per batch, nothing synced.
 */

#include "peers/pairs.h"

#include <lmdb.h>

struct state {
    MDB_env *env;
    MDB_dbi db;
    const char *directory;
};

static void
must(int failure, const char *what)
{
    if (failure != 0)
        bench_fail("lmdb: %s: %s", what, mdb_strerror(failure));
}

static void *
open_store(const struct engine_setup *setup)
{
    struct state *const state = bench_alloc(1, sizeof *state);
    MDB_txn *txn;

    state->directory = setup->directory;
    must(mdb_env_create(&state->env), "create");
    must(mdb_env_set_mapsize(state->env, (size_t)setup->rows_max * 200 + (1u << 30)),
         "set_mapsize");
    must(mdb_env_open(state->env, setup->directory,
                      MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_NOTLS |
                          MDB_NORDAHEAD,
                      0644),
         "open");
    must(mdb_txn_begin(state->env, NULL, 0, &txn), "begin");
    must(mdb_dbi_open(txn, NULL, MDB_CREATE, &state->db), "dbi_open");
    must(mdb_txn_commit(txn), "commit");
    return state;
}

static void
insert(void *opaque, const struct spine_columns *columns)
{
    const struct state *const state = opaque;
    size_t count;
    struct pair *const pairs = pairs_of(columns, &count);
    char bytes[PAIR_BYTES];
    MDB_cursor *cursor;
    MDB_txn *txn;

    must(mdb_txn_begin(state->env, NULL, 0, &txn), "begin");
    must(mdb_cursor_open(txn, state->db, &cursor), "cursor_open");
    for (size_t i = 0; i < count; i++) {
        int64_t weight = pairs[i].weight, old;
        MDB_val key = {sizeof bytes, bytes}, value = {sizeof weight, &weight};
        pair_encode(bytes, pairs[i].key, pairs[i].value);
        const int missing = mdb_cursor_put(cursor, &key, &value, MDB_NOOVERWRITE);
        if (missing == 0)
            continue;
        if (missing != MDB_KEYEXIST)
            must(missing, "put");
        memcpy(&old, value.mv_data, sizeof old);
        weight += old;
        value = (MDB_val){sizeof weight, &weight};
        must(weight == 0 ? mdb_cursor_del(cursor, 0)
                         : mdb_cursor_put(cursor, &key, &value, MDB_CURRENT),
             "update");
    }
    mdb_cursor_close(cursor);
    must(mdb_txn_commit(txn), "commit");
    free(pairs);
}

static void
settle(void *opaque)
{
    (void)opaque;
}

static void
scan(void *opaque, enum scan_how how, struct tally *tally)
{
    const struct state *const state = opaque;
    MDB_val key, value;
    MDB_cursor *cursor;
    MDB_txn *txn;

    must(mdb_txn_begin(state->env, NULL, MDB_RDONLY, &txn), "begin");
    must(mdb_cursor_open(txn, state->db, &cursor), "cursor_open");
    const bool forward = how != SCAN_ROWS_BACKWARD;
    int end = mdb_cursor_get(cursor, &key, &value, forward ? MDB_FIRST : MDB_LAST);
    for (; end == 0;
         end = mdb_cursor_get(cursor, &key, &value, forward ? MDB_NEXT : MDB_PREV)) {
        const struct pair pair = pair_decode(key.mv_data, value.mv_data);
        tally_add(tally, pair.key, pair.value, pair.weight);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

static void
probe(void *opaque, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const struct state *const state = opaque;
    char bytes[PAIR_BYTES];
    MDB_cursor *cursor;
    MDB_txn *txn;

    must(mdb_txn_begin(state->env, NULL, MDB_RDONLY, &txn), "begin");
    must(mdb_cursor_open(txn, state->db, &cursor), "cursor_open");
    for (size_t i = 0; i < count; i++) {
        MDB_val key = {sizeof bytes, bytes}, value;
        if (values != NULL)
            values[i] = NO_VALUE;
        pair_encode(bytes, keys[i], 0);
        int end = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        for (; end == 0; end = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
            const struct pair pair = pair_decode(key.mv_data, value.mv_data);
            if (pair.key != keys[i])
                break;
            tally_add(tally, pair.key, pair.value, pair.weight);
            if (values != NULL)
                values[i] = pair.value;
        }
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

/* Pages are written where they are: how many, nobody says. */
static uint64_t
durable(void *opaque)
{
    const struct state *const state = opaque;

    must(mdb_env_sync(state->env, 1), "sync");
    return 0;
}

static void
close_store(void *opaque)
{
    struct state *const state = opaque;

    mdb_env_close(state->env);
    directory_empty(state->directory);
    free(state);
}

static const char *
describe(void)
{
    return "read-modify-write, a transaction per batch, write map, no sync";
}

extern const struct engine engine_lmdb;
const struct engine engine_lmdb = {
    .name = "lmdb",
    .abilities = ENGINE_LOOKUP | ENGINE_DURABLE,
    .describe = describe,
    .open = open_store,
    .insert = insert,
    .settle = settle,
    .scan = scan,
    .probe = probe,
    .close = close_store,
    .durable = durable,
};
