/* SPDX-License-Identifier: MIT */

/*
 * peers/bytes -- rows of two strings: peers/naive, whose runs are vectors of structs with
 * std::string, and std::map.
 */

#include "macro/bytes.h"

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

using run = std::vector<row>;
using runs = std::vector<run>; /* long ones first */

bool
less(const row &a, const row &b)
{
    return a.order() < b.order();
}

void
consolidate(run &rows)
{
    size_t put = 0;

    std::sort(rows.begin(), rows.end(), less);
    for (size_t at = 0; at < rows.size();) {
        row sum = std::move(rows[at++]);
        for (; at < rows.size() && rows[at].order() == sum.order(); at++)
            sum.weight += rows[at].weight;
        if (sum.weight != 0)
            rows[put++] = std::move(sum);
    }
    rows.resize(put);
}

run
merge(run &a, run &b)
{
    run out;
    size_t left = 0, right = 0;

    out.reserve(a.size() + b.size());
    while (left < a.size() && right < b.size())
        if (less(a[left], b[right])) {
            out.push_back(std::move(a[left++]));
        } else if (less(b[right], a[left])) {
            out.push_back(std::move(b[right++]));
        } else {
            a[left].weight += b[right++].weight;
            if (a[left].weight != 0)
                out.push_back(std::move(a[left]));
            left++;
        }
    std::move(a.begin() + static_cast<ptrdiff_t>(left), a.end(), std::back_inserter(out));
    std::move(b.begin() + static_cast<ptrdiff_t>(right), b.end(),
              std::back_inserter(out));
    return out;
}

void *
naive_open(const char *)
{
    return new runs;
}

void
naive_insert(void *opaque, const struct spine_columns *columns)
{
    auto &all = *static_cast<runs *>(opaque);

    all.emplace_back().reserve(columns->rows);
    for (size_t i = 0; i < columns->rows; i++)
        all.back().push_back({cell(columns->keys, columns->key_offsets, i),
                              cell(columns->values, columns->value_offsets, i), 1});
    consolidate(all.back());
    while (all.size() > 1 && all[all.size() - 2].size() <= 2 * all.back().size()) {
        run merged = merge(all[all.size() - 2], all.back());
        all.pop_back();
        all.back() = std::move(merged);
    }
}

void
settle(void *)
{
}

/* Rows are all different, so that a heap of runs is enough. */
void
naive_scan(void *opaque, struct tally *tally)
{
    using span = std::pair<const row *, const row *>;
    const auto later = [](const span &a, const span &b) {
        return less(*b.first, *a.first);
    };
    std::vector<span> spans;

    for (const run &rows : *static_cast<runs *>(opaque))
        if (!rows.empty())
            spans.push_back({rows.data(), rows.data() + rows.size()});
    std::make_heap(spans.begin(), spans.end(), later);
    while (!spans.empty()) {
        std::pop_heap(spans.begin(), spans.end(), later);
        const row &least = *spans.back().first;
        add(tally, least.key, least.value, least.weight);
        if (++spans.back().first < spans.back().second)
            std::push_heap(spans.begin(), spans.end(), later);
        else
            spans.pop_back();
    }
}

void
naive_lookup(void *opaque, const char *data, size_t size, struct tally *tally)
{
    const std::string_view key(data, size);

    for (const run &rows : *static_cast<runs *>(opaque)) {
        auto at =
            std::lower_bound(rows.begin(), rows.end(), key,
                             [](const row &a, std::string_view b) { return a.key < b; });
        for (; at != rows.end() && at->key == key; ++at)
            add(tally, at->key, at->value, at->weight);
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
map_lookup(void *opaque, const char *data, size_t size, struct tally *tally)
{
    const auto &rows = *static_cast<map *>(opaque);
    const std::string key(data, size);

    for (auto at = rows.lower_bound({key, {}});
         at != rows.end() && at->first.first == key; ++at)
        add(tally, at->first.first, at->first.second, at->second);
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
