/* SPDX-License-Identifier: MIT */

/*
 * peers/map -- std::map from (key, value) to the weight.
 */

#include "harness/engine.h"

#include <map>
#include <utility>

namespace
{

using map = std::map<std::pair<uint64_t, uint64_t>, int64_t>;

void *
open(const struct engine_setup *)
{
    return new map;
}

void
insert(void *opaque, const struct spine_columns *columns)
{
    auto &rows = *static_cast<map *>(opaque);
    const auto *keys = static_cast<const uint64_t *>(columns->keys);
    const auto *values = static_cast<const uint64_t *>(columns->values);

    for (size_t i = 0; i < columns->rows; i++) {
        const int64_t weight = columns->weights ? columns->weights[i] : 1;
        const auto [at, fresh] = rows.try_emplace({keys[i], values[i]}, weight);
        if (!fresh && (at->second += weight) == 0)
            rows.erase(at);
    }
}

void
settle(void *)
{
}

void
scan(void *opaque, enum scan_how how, struct tally *tally)
{
    const auto &rows = *static_cast<map *>(opaque);

    if (how == SCAN_ROWS_BACKWARD)
        for (auto at = rows.rbegin(); at != rows.rend(); ++at)
            tally_add(tally, at->first.first, at->first.second, at->second);
    else
        for (const auto &[row, weight] : rows)
            tally_add(tally, row.first, row.second, weight);
}

void
probe(void *opaque, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const auto &rows = *static_cast<map *>(opaque);

    for (size_t i = 0; i < count; i++) {
        auto at = rows.lower_bound({keys[i], 0});
        const bool found = at != rows.end() && at->first.first == keys[i];
        if (values != nullptr)
            values[i] = found ? at->first.second : NO_VALUE;
        for (; at != rows.end() && at->first.first == keys[i]; ++at)
            tally_add(tally, keys[i], at->first.second, at->second);
    }
}

void
group(void *opaque, enum group_what what, const uint64_t *keys, const uint64_t *from,
      size_t count, struct tally *tally)
{
    const auto &rows = *static_cast<map *>(opaque);

    for (size_t i = 0; i < count; i++) {
        auto at = rows.lower_bound({keys[i], what == GROUP_SEEK ? from[i] : 0});
        if (what == GROUP_LAST) {
            at = rows.upper_bound({keys[i], UINT64_MAX});
            if (at == rows.begin())
                continue;
            --at;
        }
        if (at != rows.end() && at->first.first == keys[i])
            tally_add(tally, keys[i], at->first.second, at->second);
    }
}

size_t
head(void *opaque, uint64_t *keys, size_t count, struct head_cost *cost)
{
    const auto &rows = *static_cast<map *>(opaque);
    const double began = seconds_now();
    auto at = rows.begin();
    size_t read = 0;

    if (at != rows.end())
        keys[read++] = at->first.first;
    *cost = {seconds_now() - began, 0};
    for (; read > 0 && read < count && ++at != rows.end(); read++)
        keys[read] = at->first.first;
    return read;
}

void
close(void *opaque)
{
    delete static_cast<map *>(opaque);
}

const char *
describe()
{
    return "std::map from (key, value) to weight";
}

} // namespace

extern "C" {

extern const struct engine engine_map;

const struct engine engine_map = {
    "map",    ENGINE_LOOKUP | ENGINE_GROUPS | ENGINE_HEAD | ENGINE_BYTES,
    describe, open,
    insert,   settle,
    scan,     nullptr,
    probe,    group,
    nullptr,  nullptr,
    nullptr,  nullptr,
    nullptr,  close,
    head,     nullptr,
    nullptr,  nullptr,
};
}
