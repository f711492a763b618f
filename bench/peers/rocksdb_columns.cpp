/* SPDX-License-Identifier: MIT */

/*
 * peers/rocksdb_columns -- RocksDB with rows of several columns, configured as "rocksdb"
 * is. All columns of a row are its key, end to end and in their order, and its weight is
 * the value, which a merge adds to.
 */

#include "macro/columns.h"
#include "peers/rocksdb_store.hpp"

namespace
{

using rocksdb_peer::must;
using rocksdb_peer::store;

constexpr uint64_t SIGN = UINT64_C(1) << 63;

/* Bits that compare as the numbers do. */
uint64_t
ordered(double real)
{
    const uint64_t bits = bits_of(real);

    return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

double
real_of(uint64_t ordered)
{
    const uint64_t bits = (ordered & SIGN) != 0 ? ordered & ~SIGN : ~ordered;
    double real;

    memcpy(&real, &bits, sizeof real);
    return real;
}

void
put_word(std::string *key, uint64_t word)
{
    word = __builtin_bswap64(word);
    key->append(reinterpret_cast<const char *>(&word), sizeof word);
}

/* A string ends with a zero, which the strings of the workload have not. */
void
put_text(std::string *key, const char *bytes, const uint64_t *offsets)
{
    key->append(bytes + offsets[0], offsets[1] - offsets[0]);
    key->push_back('\0');
}

void
encode(const wide_rows &rows, size_t i, std::string *key)
{
    key->clear();
    if (rows.strings)
        put_text(key, rows.key_text, rows.key_offsets + i);
    put_word(key, static_cast<uint64_t>(rows.number[i]) ^ SIGN);
    if (rows.strings) {
        put_text(key, rows.value_text, rows.value_offsets + i);
    } else {
        put_word(key, rows.other[i]);
        put_word(key, ordered(rows.real[i]));
        put_word(key, static_cast<uint64_t>(rows.value_number[i]) ^ SIGN);
    }
    put_word(key, ordered(rows.value_real[i]));
}

uint64_t
take_word(const char **at)
{
    uint64_t word;

    memcpy(&word, *at, sizeof word);
    *at += sizeof word;
    return __builtin_bswap64(word);
}

uint64_t
take_text(const char **at)
{
    const size_t size = strlen(*at);

    *at += size + 1;
    return size;
}

void
tally_row(bool strings, const char *at, int64_t weight, struct tally *tally)
{
    uint64_t text = strings ? take_text(&at) : 0, value;
    const auto number = static_cast<int64_t>(take_word(&at) ^ SIGN);

    if (strings) {
        value = take_text(&at);
    } else {
        text = take_word(&at);
        take_word(&at);
        value = take_word(&at) ^ SIGN;
    }
    wide_tally(tally, text, number, value, real_of(take_word(&at)), weight);
}

struct state : store {
    using store::store;
    bool strings = false;
};

void *
open(bool strings, const char *directory)
{
    rocksdb::Options options = rocksdb_peer::universal_options();

    rocksdb_peer::keep_weights(&options);
    auto *const made = new state(directory, options);
    made->strings = strings;
    return made;
}

void
insert(void *opaque, const wide_rows *rows)
{
    const state &kept = *static_cast<state *>(opaque);
    const int64_t weight = 1;
    rocksdb::WriteBatch batch;
    std::string key;

    for (size_t i = 0; i < rows->rows; i++) {
        encode(*rows, i, &key);
        must(batch.Merge(key, {reinterpret_cast<const char *>(&weight), sizeof weight}),
             "merge");
    }
    must(kept.db->Write(kept.write, &batch), "write");
}

void
settle(void *opaque)
{
    static_cast<state *>(opaque)->settle();
}

void
scan(void *opaque, struct tally *tally)
{
    const state &kept = *static_cast<state *>(opaque);

    kept.scan([&kept, tally](const rocksdb::Slice &key, const rocksdb::Slice &value) {
        const int64_t weight = rocksdb_peer::weight_of(value);
        if (weight != 0)
            tally_row(kept.strings, key.data(), weight, tally);
    });
}

void
close(void *opaque)
{
    delete static_cast<state *>(opaque);
}

} // namespace

extern "C" {

extern const struct wide_engine wide_rocksdb;
const struct wide_engine wide_rocksdb = {"rocksdb", open, insert, settle, scan, close};
}
