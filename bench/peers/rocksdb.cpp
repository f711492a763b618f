/* SPDX-License-Identifier: MIT */

/*
 * peers/rocksdb -- RocksDB as an accumulator of weights: an associative operator adds, a
 * filter drops zeros in compactions, there is no log. "rocksdb" compacts universally,
 * "rocksdb-level" by levels. "rocksdb-spill" compacts universally and has as much memory
 * as spine's "spill", for its blocks, their indexes and filters and its memtables
 * together, and goes around the page cache as that does.
 */

#include "peers/pairs.h"
#include "peers/rocksdb_store.hpp"

#include <rocksdb/slice_transform.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_buffer_manager.h>

namespace
{

using rocksdb_peer::must;

struct state : rocksdb_peer::store {
    using store::store;
    rocksdb::ReadOptions read;
    unsigned checkpoints = 0;
};

/* Half of the memory may be memtables, which take their part of the cache. Indexes and
 * filters are in parts of the size of a block, as is advised when the cache does not hold
 * all of them: a whole one is larger than a shard of the cache, and would be read anew by
 * every lookup. */
void
limit_memory(rocksdb::Options *options, rocksdb::BlockBasedTableOptions *table,
             uint64_t bytes)
{
    options->OptimizeUniversalStyleCompaction(bytes / 2);
    table->block_cache = rocksdb::NewLRUCache(bytes);
    table->cache_index_and_filter_blocks = true;
    table->index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table->partition_filters = true;
    table->pin_top_level_index_and_filter = true;
    options->write_buffer_manager =
        std::make_shared<rocksdb::WriteBufferManager>(bytes / 2, table->block_cache);
    options->use_direct_reads = true;
    options->use_direct_io_for_flush_and_compaction = true;
}

enum class shape { universal, level, spill };

void *
open(const struct engine_setup *setup, shape wanted)
{
    rocksdb::BlockBasedTableOptions table = rocksdb_peer::table_options(512u << 20);
    rocksdb::Options options;

    if (wanted == shape::spill)
        limit_memory(&options, &table, engine_spill_bytes(setup));
    else if (wanted == shape::universal)
        options.OptimizeUniversalStyleCompaction(256u << 20);
    else
        options.OptimizeLevelStyleCompaction(256u << 20);
    rocksdb_peer::set_basics(&options);
    rocksdb_peer::keep_weights(&options);
    options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(8));
    table.whole_key_filtering = false;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    auto *const made = new state(setup->directory, options);
    made->read.prefix_same_as_start = true;
    return made;
}

void *
open_universal(const struct engine_setup *setup)
{
    return open(setup, shape::universal);
}

void *
open_level(const struct engine_setup *setup)
{
    return open(setup, shape::level);
}

void *
open_limited(const struct engine_setup *setup)
{
    return open(setup, shape::spill);
}

void
insert(void *opaque, const struct spine_columns *columns)
{
    const auto &store = *static_cast<state *>(opaque);
    rocksdb::WriteBatch batch;
    size_t count;
    struct pair *const pairs = pairs_of(columns, &count);
    char key[PAIR_BYTES];

    for (size_t i = 0; i < count; i++) {
        pair_encode(key, pairs[i].key, pairs[i].value);
        must(batch.Merge({key, sizeof key},
                         {reinterpret_cast<const char *>(&pairs[i].weight), 8}),
             "merge");
    }
    must(store.db->Write(store.write, &batch), "write");
    free(pairs);
}

void
settle(void *opaque)
{
    static_cast<state *>(opaque)->settle();
}

void
scan(void *opaque, enum scan_how how, struct tally *tally)
{
    if (how == SCAN_ROWS_BACKWARD)
        bench_fail("rocksdb: scans go forward here");
    static_cast<state *>(opaque)->scan(
        [tally](const rocksdb::Slice &key, const rocksdb::Slice &weight) {
            const struct pair row = pair_decode(key.data(), weight.data());
            if (row.weight != 0)
                tally_add(tally, row.key, row.value, row.weight);
        });
}

void
probe(void *opaque, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const auto &store = *static_cast<state *>(opaque);
    const std::unique_ptr<rocksdb::Iterator> at(store.db->NewIterator(store.read));
    char key[PAIR_BYTES];

    for (size_t i = 0; i < count; i++) {
        if (values != nullptr)
            values[i] = NO_VALUE;
        pair_encode(key, keys[i], 0);
        for (at->Seek({key, sizeof key}); at->Valid(); at->Next()) {
            const struct pair row = pair_decode(at->key().data(), at->value().data());
            if (row.key != keys[i])
                break;
            if (row.weight == 0)
                continue;
            tally_add(tally, row.key, row.value, row.weight);
            if (values != nullptr)
                values[i] = row.value;
        }
    }
    must(at->status(), "probe");
}

uint64_t
files_bytes(const state &store)
{
    uint64_t bytes = 0;

    store.db->GetIntProperty("rocksdb.total-sst-files-size", &bytes);
    return bytes;
}

/* Memtables become files, which are linked to a directory of their own. */
uint64_t
durable(void *opaque)
{
    auto &store = *static_cast<state *>(opaque);
    const uint64_t before = files_bytes(store);
    rocksdb::Checkpoint *made = nullptr;

    must(store.db->Flush(rocksdb::FlushOptions()), "flush");
    must(rocksdb::Checkpoint::Create(store.db, &made), "checkpoint");
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    must(checkpoint->CreateCheckpoint(store.directory + "/checkpoint-" +
                                      std::to_string(store.checkpoints++)),
         "checkpoint");
    const uint64_t after = files_bytes(store);
    return after > before ? after - before : 0;
}

void
close(void *opaque)
{
    delete static_cast<state *>(opaque);
}

const char *
describe()
{
    return "add operator, zero filter, no log, prefix bloom 10 bits, universal, "
           "memtables "
           "256 MB; Debian's has assertions on: about 2x slower";
}

const char *
describe_level()
{
    return "the same, by levels";
}

const char *
describe_spill()
{
    return "universal, with a quarter of what the rows take in spine's memory for cache, "
           "filters and memtables; direct reads and writes";
}

} // namespace

extern "C" {

extern const struct engine engine_rocksdb, engine_rocksdb_level, engine_rocksdb_spill;

const struct engine engine_rocksdb = {
    "rocksdb", ENGINE_LOOKUP | ENGINE_DURABLE | ENGINE_BYTES | ENGINE_COLUMNS,
    describe,  open_universal,
    insert,    settle,
    scan,      nullptr,
    probe,     nullptr,
    nullptr,   nullptr,
    nullptr,   nullptr,
    nullptr,   close,
    nullptr,   durable,
    nullptr,   nullptr,
};
const struct engine engine_rocksdb_level = {
    "rocksdb-level", ENGINE_LOOKUP, describe_level, open_level, insert,  settle,  scan,
    nullptr,         probe,         nullptr,        nullptr,    nullptr, nullptr, nullptr,
    nullptr,         close,         nullptr,        nullptr,    nullptr, nullptr,
};
const struct engine engine_rocksdb_spill = {
    "rocksdb-spill", ENGINE_LOOKUP, describe_spill, open_limited, insert,
    settle,          scan,          nullptr,        probe,        nullptr,
    nullptr,         nullptr,       nullptr,        nullptr,      nullptr,
    close,           nullptr,       nullptr,        nullptr,      nullptr,
};
}
