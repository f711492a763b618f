/* SPDX-License-Identifier: MIT */

/*
 * peers/leveldb -- LevelDB has no merge operator, so a weight is read, added to, and
 * written back.
 */

#include "peers/pairs.h"

#include <leveldb/c.h>
#include <time.h>

struct state {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_writeoptions_t *write;
    leveldb_readoptions_t *read;
    const char *directory;
};

static void
must(char *error, const char *what)
{
    if (error != NULL)
        bench_fail("leveldb: %s: %s", what, error);
}

static void *
open_store(const struct engine_setup *setup)
{
    struct state *const state = bench_alloc(1, sizeof *state);
    char *error = NULL;

    state->directory = setup->directory;
    state->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(state->options, 1);
    leveldb_options_set_write_buffer_size(state->options, 64u << 20);
    leveldb_options_set_max_file_size(state->options, 32u << 20);
    leveldb_options_set_compression(state->options, leveldb_no_compression);
    leveldb_options_set_filter_policy(state->options,
                                      leveldb_filterpolicy_create_bloom(10));
    leveldb_options_set_cache(state->options, leveldb_cache_create_lru(512u << 20));
    state->write = leveldb_writeoptions_create();
    state->read = leveldb_readoptions_create();
    state->db = leveldb_open(state->options, setup->directory, &error);
    must(error, "open");
    return state;
}

static void
insert(void *opaque, const struct spine_columns *columns)
{
    const struct state *const state = opaque;
    leveldb_writebatch_t *const batch = leveldb_writebatch_create();
    size_t count, size;
    struct pair *const pairs = pairs_of(columns, &count);
    char *error = NULL, key[PAIR_BYTES];

    for (size_t i = 0; i < count; i++) {
        int64_t weight = 0;
        pair_encode(key, pairs[i].key, pairs[i].value);
        char *const old =
            leveldb_get(state->db, state->read, key, sizeof key, &size, &error);
        must(error, "get");
        if (old != NULL)
            memcpy(&weight, old, sizeof weight);
        leveldb_free(old);
        weight += pairs[i].weight;
        if (weight == 0)
            leveldb_writebatch_delete(batch, key, sizeof key);
        else
            leveldb_writebatch_put(batch, key, sizeof key, (const char *)&weight,
                                   sizeof weight);
    }
    leveldb_write(state->db, state->write, batch, &error);
    must(error, "write");
    leveldb_writebatch_destroy(batch);
    free(pairs);
}

/* LevelDB does not tell whether it compacts: it is done when its files do not change. */
static void
settle(void *opaque)
{
    const struct state *const state = opaque;
    char *before = leveldb_property_value(state->db, "leveldb.sstables");

    for (unsigned same = 0; same < 3;) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        char *const now = leveldb_property_value(state->db, "leveldb.sstables");
        same = strcmp(before, now) == 0 ? same + 1 : 0;
        leveldb_free(before);
        before = now;
    }
    leveldb_free(before);
}

static bool
current(const leveldb_iterator_t *iterator, struct pair *pair)
{
    size_t size;

    if (!leveldb_iter_valid(iterator))
        return false;
    const char *const key = leveldb_iter_key(iterator, &size);
    *pair = pair_decode(key, leveldb_iter_value(iterator, &size));
    return true;
}

static void
scan(void *opaque, enum scan_how how, struct tally *tally)
{
    const struct state *const state = opaque;
    leveldb_iterator_t *const iterator = leveldb_create_iterator(state->db, state->read);
    struct pair pair;

    if (how == SCAN_ROWS_BACKWARD)
        bench_fail("leveldb: scans go forward here");
    for (leveldb_iter_seek_to_first(iterator); current(iterator, &pair);
         leveldb_iter_next(iterator))
        tally_add(tally, pair.key, pair.value, pair.weight);
    leveldb_iter_destroy(iterator);
}

static void
probe(void *opaque, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const struct state *const state = opaque;
    leveldb_iterator_t *const iterator = leveldb_create_iterator(state->db, state->read);
    char key[PAIR_BYTES];

    for (size_t i = 0; i < count; i++) {
        struct pair pair;
        if (values != NULL)
            values[i] = NO_VALUE;
        pair_encode(key, keys[i], 0);
        for (leveldb_iter_seek(iterator, key, sizeof key);
             current(iterator, &pair) && pair.key == keys[i];
             leveldb_iter_next(iterator)) {
            tally_add(tally, pair.key, pair.value, pair.weight);
            if (values != NULL)
                values[i] = pair.value;
        }
    }
    leveldb_iter_destroy(iterator);
}

static void
close_store(void *opaque)
{
    struct state *const state = opaque;

    leveldb_close(state->db);
    directory_empty(state->directory);
    leveldb_readoptions_destroy(state->read);
    leveldb_writeoptions_destroy(state->write);
    free(state);
}

static const char *
describe(void)
{
    return "read-modify-write, bloom 10 bits, cache 512 MB, write buffer 64 MB; Debian's "
           "has assertions on: about 2x slower";
}

extern const struct engine engine_leveldb;
const struct engine engine_leveldb = {
    .name = "leveldb",
    .abilities = ENGINE_LOOKUP,
    .describe = describe,
    .open = open_store,
    .insert = insert,
    .settle = settle,
    .scan = scan,
    .probe = probe,
    .close = close_store,
};
