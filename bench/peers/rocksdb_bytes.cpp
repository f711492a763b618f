/* SPDX-License-Identifier: MIT */

/*
 * peers/rocksdb_bytes -- RocksDB with rows of two strings, configured as "rocksdb" is. It
 * has one value for a key and no weights, which is enough for `bytes`, and less to do.
 */

#include "macro/bytes.h"
#include "peers/rocksdb_store.hpp"

namespace
{

using rocksdb_peer::must;
using rocksdb_peer::store;

void *
open(const char *directory)
{
    return new store(directory, rocksdb_peer::universal_options());
}

void
insert(void *opaque, const struct spine_columns *columns)
{
    const store &kept = *static_cast<store *>(opaque);
    const auto *keys = static_cast<const char *>(columns->keys);
    const auto *values = static_cast<const char *>(columns->values);
    rocksdb::WriteBatch batch;

    for (size_t i = 0; i < columns->rows; i++) {
        const uint64_t *const key = columns->key_offsets + i;
        const uint64_t *const value = columns->value_offsets + i;
        must(batch.Put({keys + key[0], key[1] - key[0]},
                       {values + value[0], value[1] - value[0]}),
             "put");
    }
    must(kept.db->Write(kept.write, &batch), "write");
}

void
settle(void *opaque)
{
    static_cast<store *>(opaque)->settle();
}

void
scan(void *opaque, struct tally *tally)
{
    static_cast<store *>(opaque)->scan(
        [tally](const rocksdb::Slice &key, const rocksdb::Slice &value) {
            bytes_tally(tally, key.data(), key.size(), value.data(), value.size(), 1);
        });
}

void
lookup(void *opaque, const struct spine_columns *keys, struct tally *tally)
{
    const store &kept = *static_cast<store *>(opaque);
    rocksdb::PinnableSlice value;

    for (size_t i = 0; i < keys->rows; i++) {
        const struct spine_bytes bytes = bytes_key(keys, i);
        const rocksdb::Slice key(static_cast<const char *>(bytes.data), bytes.size);
        value.Reset();
        const rocksdb::Status status =
            kept.db->Get({}, kept.db->DefaultColumnFamily(), key, &value);
        if (status.IsNotFound())
            continue;
        must(status, "get");
        bytes_tally(tally, key.data(), key.size(), value.data(), value.size(), 1);
    }
}

void
close(void *opaque)
{
    delete static_cast<store *>(opaque);
}

} // namespace

extern "C" {

extern const struct bytes_engine bytes_rocksdb;
const struct bytes_engine bytes_rocksdb = {"rocksdb", open,   insert, settle,
                                           scan,      lookup, close};
}
