/* SPDX-License-Identifier: MIT */

/*
 * peers/bytes -- rows of two strings: peers/naive, whose runs are vectors of structs with
 * std::string, and std::map.
 */

#include "macro/bytes.h"
#include "peers/struct_runs.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace
{

std::string
cell(const void *bytes, const uint64_t *offsets, size_t i)
{
    return std::string(static_cast<const char *>(bytes) + offsets[i],
                       offsets[i + 1] - offsets[i]);
}

std::string_view
view(const struct spine_bytes &bytes)
{
    return std::string_view(static_cast<const char *>(bytes.data), bytes.size);
}

void
add(struct tally *tally, std::string_view key, std::string_view value, int64_t weight)
{
    bytes_tally(tally, key.data(), key.size(), value.data(), value.size(), weight);
}

/* ---- Sorted runs ---- */

struct row {
    std::string key;
    std::string value;
    int64_t weight;

    auto order() const
    {
        return std::tie(key, value);
    }
};

using runs = struct_runs<row>;

void *
naive_open(const char *)
{
    return new runs;
}

void
naive_insert(void *opaque, const struct spine_columns *columns)
{
    std::vector<row> batch;

    batch.reserve(columns->rows);
    for (size_t i = 0; i < columns->rows; i++)
        batch.push_back({cell(columns->keys, columns->key_offsets, i),
                         cell(columns->values, columns->value_offsets, i), 1});
    static_cast<runs *>(opaque)->insert(std::move(batch));
}

void
settle(void *)
{
}

void
naive_scan(void *opaque, struct tally *tally)
{
    static_cast<runs *>(opaque)->scan(
        [tally](const row &at) { add(tally, at.key, at.value, at.weight); });
}

void
naive_lookup(void *opaque, const struct spine_columns *keys, struct tally *tally)
{
    const auto before = [](const row &a, std::string_view b) { return a.key < b; };

    for (size_t i = 0; i < keys->rows; i++) {
        const std::string_view key = view(bytes_key(keys, i));
        for (const runs::run &rows : static_cast<runs *>(opaque)->runs) {
            auto at = std::lower_bound(rows.begin(), rows.end(), key, before);
            for (; at != rows.end() && at->key == key; ++at)
                add(tally, at->key, at->value, at->weight);
        }
    }
}

void
naive_close(void *opaque)
{
    delete static_cast<runs *>(opaque);
}

/* ---- std::map ---- */

using map = std::map<std::pair<std::string, std::string>, int64_t>;

void *
map_open(const char *)
{
    return new map;
}

void
map_insert(void *opaque, const struct spine_columns *columns)
{
    auto &rows = *static_cast<map *>(opaque);

    for (size_t i = 0; i < columns->rows; i++) {
        const auto [at, fresh] =
            rows.try_emplace({cell(columns->keys, columns->key_offsets, i),
                              cell(columns->values, columns->value_offsets, i)},
                             1);
        if (!fresh)
            at->second++;
    }
}

void
map_scan(void *opaque, struct tally *tally)
{
    for (const auto &[row, weight] : *static_cast<map *>(opaque))
        add(tally, row.first, row.second, weight);
}

void
map_lookup(void *opaque, const struct spine_columns *keys, struct tally *tally)
{
    const auto &rows = *static_cast<map *>(opaque);

    for (size_t i = 0; i < keys->rows; i++) {
        const std::string key(view(bytes_key(keys, i)));
        for (auto at = rows.lower_bound({key, {}});
             at != rows.end() && at->first.first == key; ++at)
            add(tally, at->first.first, at->first.second, at->second);
    }
}

void
map_close(void *opaque)
{
    delete static_cast<map *>(opaque);
}

} // namespace

extern "C" {

extern const struct bytes_engine bytes_naive, bytes_map;
const struct bytes_engine bytes_naive = {"naive",    naive_open,   naive_insert, settle,
                                         naive_scan, naive_lookup, naive_close};
const struct bytes_engine bytes_map = {"map",    map_open,   map_insert, settle,
                                       map_scan, map_lookup, map_close};
}
