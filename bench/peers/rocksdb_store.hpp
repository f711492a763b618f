/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_ROCKSDB_STORE_HPP
#define BENCH_PEERS_ROCKSDB_STORE_HPP

/*
 * What all peers on RocksDB share: a store without a log and without compression, and
 * values that are weights, which are added, and dropped when they are zero.
 */

#include "harness/engine.h"

#include <chrono>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <string>
#include <thread>

namespace rocksdb_peer
{

inline void
must(const rocksdb::Status &status, const char *what)
{
    if (!status.ok())
        bench_fail("rocksdb: %s: %s", what, status.ToString().c_str());
}

inline int64_t
weight_of(const rocksdb::Slice &slice)
{
    int64_t weight = 0;

    memcpy(&weight, slice.data(), sizeof weight);
    return weight;
}

class add_weights : public rocksdb::AssociativeMergeOperator
{
  public:
    bool Merge(const rocksdb::Slice &, const rocksdb::Slice *existing,
               const rocksdb::Slice &value, std::string *out,
               rocksdb::Logger *) const override
    {
        const int64_t sum =
            weight_of(value) + (existing != nullptr ? weight_of(*existing) : 0);

        out->assign(reinterpret_cast<const char *>(&sum), sizeof sum);
        return true;
    }
    const char *Name() const override
    {
        return "add";
    }
};

class drop_zeros : public rocksdb::CompactionFilter
{
  public:
    bool Filter(int, const rocksdb::Slice &, const rocksdb::Slice &value, std::string *,
                bool *) const override
    {
        return weight_of(value) == 0;
    }
    const char *Name() const override
    {
        return "drop zeros";
    }
};

inline void
keep_weights(rocksdb::Options *options)
{
    static const drop_zeros zero_filter;

    options->merge_operator = std::make_shared<add_weights>();
    options->compaction_filter = &zero_filter;
}

/* Two threads in the background, no compression; levels have been chosen. */
inline void
set_basics(rocksdb::Options *options)
{
    options->create_if_missing = true;
    options->IncreaseParallelism(2);
    options->compression = rocksdb::kNoCompression;
    options->compression_per_level.clear();
}

/* Bloom filters of 10 bits a key, in tables whose blocks are cached. */
inline rocksdb::BlockBasedTableOptions
table_options(uint64_t cache_bytes)
{
    rocksdb::BlockBasedTableOptions table;

    table.block_cache = rocksdb::NewLRUCache(cache_bytes);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    return table;
}

/* As "rocksdb" is configured, of keys that are looked up whole. */
inline rocksdb::Options
universal_options()
{
    rocksdb::Options options;

    options.OptimizeUniversalStyleCompaction(256u << 20);
    set_basics(&options);
    options.table_factory.reset(
        rocksdb::NewBlockBasedTableFactory(table_options(512u << 20)));
    return options;
}

struct store {
    rocksdb::DB *db = nullptr;
    rocksdb::WriteOptions write;
    std::string directory;

    store(const char *where, const rocksdb::Options &options) : directory(where)
    {
        write.disableWAL = true;
        must(rocksdb::DB::Open(options, directory, &db), "open");
    }

    ~store()
    {
        delete db;
        directory_empty(directory.c_str());
    }

    store(const store &) = delete;
    store &operator=(const store &) = delete;

    bool has_any(std::initializer_list<const char *> properties) const
    {
        for (const char *name : properties) {
            uint64_t number = 0;
            db->GetIntProperty(name, &number);
            if (number > 0)
                return true;
        }
        return false;
    }

    /* What is pending may be nothing that universal compaction would do: then nothing
     * runs, however often one looks. */
    void settle() const
    {
        must(db->Flush(rocksdb::FlushOptions()), "flush");
        for (unsigned idle_looks = 0; idle_looks < 50;) {
            if (has_any({"rocksdb.num-running-compactions", "rocksdb.num-running-flushes",
                         "rocksdb.mem-table-flush-pending"}))
                idle_looks = 0;
            else if (has_any({"rocksdb.compaction-pending"}))
                idle_looks++;
            else
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    /* Hands every row to `visit`, in order: its key and its value. */
    template <class Visit> void scan(Visit visit) const
    {
        rocksdb::ReadOptions read;

        read.total_order_seek = true;
        read.readahead_size = 2u << 20;
        const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(read));
        for (at->SeekToFirst(); at->Valid(); at->Next())
            visit(at->key(), at->value());
        must(at->status(), "scan");
    }
};

} // namespace rocksdb_peer

#endif
