/* SPDX-License-Identifier: MIT */

/*
 * peers/rocksdb_bytes -- RocksDB with rows of two strings, configured as "rocksdb" is. It
 * has one value for a key and no weights, which is enough for `bytes`, and less to do.
 */

#include "macro/bytes.h"

#include <chrono>
#include <memory>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <string>
#include <thread>

namespace
{

struct state {
    std::string directory;
    rocksdb::DB *db = nullptr;
};

void
must(const rocksdb::Status &status, const char *what)
{
    if (!status.ok())
        bench_fail("rocksdb: %s: %s", what, status.ToString().c_str());
}

void *
open(const char *directory)
{
    auto *const made = new state;
    rocksdb::BlockBasedTableOptions table;
    rocksdb::Options options;

    table.block_cache = rocksdb::NewLRUCache(512u << 20);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    options.OptimizeUniversalStyleCompaction(256u << 20);
    options.create_if_missing = true;
    options.IncreaseParallelism(2);
    options.compression = rocksdb::kNoCompression;
    options.compression_per_level.clear();
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    made->directory = directory;
    must(rocksdb::DB::Open(options, made->directory, &made->db), "open");
    return made;
}

void
insert(void *opaque, const struct spine_columns *columns)
{
    const auto &store = *static_cast<state *>(opaque);
    const auto *keys = static_cast<const char *>(columns->keys);
    const auto *values = static_cast<const char *>(columns->values);
    rocksdb::WriteOptions write;
    rocksdb::WriteBatch batch;

    for (size_t i = 0; i < columns->rows; i++) {
        const uint64_t *const key = columns->key_offsets + i;
        const uint64_t *const value = columns->value_offsets + i;
        must(batch.Put({keys + key[0], key[1] - key[0]},
                       {values + value[0], value[1] - value[0]}),
             "put");
    }
    write.disableWAL = true;
    must(store.db->Write(write, &batch), "write");
}

/* Until nothing has been running for a while. */
void
settle(void *opaque)
{
    const auto &store = *static_cast<state *>(opaque);

    must(store.db->Flush(rocksdb::FlushOptions()), "flush");
    for (unsigned idle_looks = 0; idle_looks < 50; idle_looks++) {
        for (const char *name :
             {"rocksdb.num-running-compactions", "rocksdb.num-running-flushes"}) {
            uint64_t running = 0;
            store.db->GetIntProperty(name, &running);
            if (running > 0)
                idle_looks = 0;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void
scan(void *opaque, struct tally *tally)
{
    const auto &store = *static_cast<state *>(opaque);
    rocksdb::ReadOptions read;

    read.readahead_size = 2u << 20;
    const std::unique_ptr<rocksdb::Iterator> at(store.db->NewIterator(read));
    for (at->SeekToFirst(); at->Valid(); at->Next())
        bytes_tally(tally, at->key().data(), at->key().size(), at->value().data(),
                    at->value().size(), 1);
    must(at->status(), "scan");
}

void
lookup(void *opaque, const struct spine_columns *keys, struct tally *tally)
{
    const auto &store = *static_cast<state *>(opaque);
    rocksdb::PinnableSlice value;

    for (size_t i = 0; i < keys->rows; i++) {
        const struct spine_bytes bytes = bytes_key(keys, i);
        const rocksdb::Slice key(static_cast<const char *>(bytes.data), bytes.size);
        value.Reset();
        const rocksdb::Status status =
            store.db->Get({}, store.db->DefaultColumnFamily(), key, &value);
        if (status.IsNotFound())
            continue;
        must(status, "get");
        bytes_tally(tally, key.data(), key.size(), value.data(), value.size(), 1);
    }
}

void
close(void *opaque)
{
    auto *const store = static_cast<state *>(opaque);

    delete store->db;
    directory_empty(store->directory.c_str());
    delete store;
}

} // namespace

extern "C" {

extern const struct bytes_engine bytes_rocksdb;
const struct bytes_engine bytes_rocksdb = {"rocksdb", open,   insert, settle,
                                           scan,      lookup, close};
}
