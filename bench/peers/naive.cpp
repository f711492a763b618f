/* SPDX-License-Identifier: MIT */

/*
 * peers/naive -- what an afternoon gives: sorted runs of rows in vectors, each run more
 * than twice as long as the next one, merged two at a time by who inserts. One run of it
 * all is "sort": rows are only kept, and sorted once when asked to settle.
 */

#include "harness/engine.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace
{

struct row {
    uint64_t key;
    uint64_t value;
    int64_t weight;
};

using run = std::vector<row>;

struct state {
    std::vector<run> runs; /* long ones first */
    bool apart;
    uint64_t inserted = 0;
    uint64_t written = 0;
};

bool
less(const row &a, const row &b)
{
    return a.key != b.key ? a.key < b.key : a.value < b.value;
}

bool
same(const row &a, const row &b)
{
    return a.key == b.key && a.value == b.value;
}

/* Sorts, adds the weights of equal rows, drops zeros. */
void
consolidate(run &rows)
{
    size_t put = 0;

    std::sort(rows.begin(), rows.end(), less);
    for (size_t at = 0; at < rows.size();) {
        row sum = rows[at++];
        for (; at < rows.size() && same(rows[at], sum); at++)
            sum.weight += rows[at].weight;
        if (sum.weight != 0)
            rows[put++] = sum;
    }
    rows.resize(put);
}

run
merge(const run &a, const run &b)
{
    run out(a.size() + b.size());
    const row *left = a.data(), *const left_end = left + a.size();
    const row *right = b.data(), *const right_end = right + b.size();
    row *put = out.data();

    while (left < left_end && right < right_end)
        if (less(*left, *right)) {
            *put++ = *left++;
        } else if (less(*right, *left)) {
            *put++ = *right++;
        } else {
            *put = *left++;
            put->weight += (right++)->weight;
            put += put->weight != 0;
        }
    put = std::copy(left, left_end, put);
    put = std::copy(right, right_end, put);
    out.resize(static_cast<size_t>(put - out.data()));
    if (out.size() < out.capacity() / 2)
        out.shrink_to_fit();
    return out;
}

void
rows_append(const struct spine_columns *columns, run *rows)
{
    const auto *keys = static_cast<const uint64_t *>(columns->keys);
    const auto *values = static_cast<const uint64_t *>(columns->values);

    for (size_t i = 0; i < columns->rows; i++)
        rows->push_back({keys[i], values[i], columns->weights ? columns->weights[i] : 1});
}

void *
open(const struct engine_setup *setup)
{
    auto *const made = new state;
    made->apart = setup->apart;
    return made;
}

void
insert(void *opaque, const struct spine_columns *columns)
{
    auto &naive = *static_cast<state *>(opaque);
    auto &runs = naive.runs;

    runs.emplace_back().reserve(columns->rows);
    rows_append(columns, &runs.back());
    consolidate(runs.back());
    naive.inserted += columns->rows;
    naive.written += columns->rows;
    while (!naive.apart && runs.size() > 1 &&
           runs[runs.size() - 2].size() <= 2 * runs.back().size()) {
        run merged = merge(runs[runs.size() - 2], runs.back());
        runs.pop_back();
        runs.back() = std::move(merged);
        naive.written += runs.back().size();
    }
}

/* Merges are inline, so there is nothing to wait for. */
void
settle(void *)
{
}

struct span {
    const row *at;
    const row *end;
};

/* Calls `use` with every row of the spans, in order, weights added up. */
template <typename Use>
void
walk(std::vector<span> spans, Use use)
{
    for (;;) {
        size_t live = 0;
        const row *least = nullptr;
        for (const span &part : spans)
            if (part.at < part.end)
                spans[live++] = part;
        spans.resize(live);
        if (live == 0)
            return;
        if (live == 1) {
            for (const row *at = spans[0].at; at < spans[0].end; at++)
                use(*at);
            return;
        }
        for (const span &part : spans)
            if (least == nullptr || less(*part.at, *least))
                least = part.at;
        row sum = *least;
        sum.weight = 0;
        for (span &part : spans)
            if (same(*part.at, sum))
                sum.weight += (part.at++)->weight;
        if (sum.weight != 0)
            use(sum);
    }
}

/* A heap of runs, for scans: as `walk`, but for long spans. */
template <typename Use>
void
walk_long(std::vector<span> spans, Use use)
{
    const auto later = [](const span &a, const span &b) { return less(*b.at, *a.at); };
    row sum{0, 0, 0};

    spans.erase(std::remove_if(spans.begin(), spans.end(),
                               [](const span &part) { return part.at == part.end; }),
                spans.end());
    if (spans.size() < 4)
        return walk(spans, use);
    std::make_heap(spans.begin(), spans.end(), later);
    while (!spans.empty()) {
        std::pop_heap(spans.begin(), spans.end(), later);
        span &part = spans.back();
        if (same(*part.at, sum)) {
            sum.weight += part.at->weight;
        } else {
            if (sum.weight != 0)
                use(sum);
            sum = *part.at;
        }
        if (++part.at < part.end)
            std::push_heap(spans.begin(), spans.end(), later);
        else
            spans.pop_back();
    }
    if (sum.weight != 0)
        use(sum);
}

void
scan(void *opaque, enum scan_how how, struct tally *tally)
{
    const auto &naive = *static_cast<state *>(opaque);
    std::vector<span> spans;

    if (how == SCAN_ROWS_BACKWARD)
        bench_fail("naive: scans go forward only");
    for (const run &rows : naive.runs)
        spans.push_back({rows.data(), rows.data() + rows.size()});
    struct tally sum = *tally;
    walk_long(spans,
              [&](const row &at) { tally_add(&sum, at.key, at.value, at.weight); });
    *tally = sum;
}

span
equal_keys(const run &rows, uint64_t key)
{
    const row *at = std::lower_bound(rows.data(), rows.data() + rows.size(), key,
                                     [](const row &a, uint64_t b) { return a.key < b; });
    const row *end = at;
    while (end < rows.data() + rows.size() && end->key == key)
        end++;
    return {at, end};
}

void
probe(void *opaque, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const auto &naive = *static_cast<state *>(opaque);
    std::vector<span> spans;

    for (size_t i = 0; i < count; i++) {
        spans.clear();
        for (const run &rows : naive.runs) {
            const span found = equal_keys(rows, keys[i]);
            if (found.at < found.end)
                spans.push_back(found);
        }
        uint64_t value = NO_VALUE;
        if (!spans.empty())
            walk(spans, [&](const row &at) {
                tally_add(tally, at.key, at.value, at.weight);
                value = value == NO_VALUE ? at.value : value;
            });
        if (values != nullptr)
            values[i] = value;
    }
}

/* Two at a time, the shortest first, so that no row is merged more often than it must. */
void
unite(void *opaque)
{
    auto &runs = static_cast<state *>(opaque)->runs;

    while (runs.size() > 1) {
        std::vector<run> next;
        for (size_t i = 0; i + 1 < runs.size(); i += 2) {
            next.push_back(merge(runs[i], runs[i + 1]));
            run().swap(runs[i]);
            run().swap(runs[i + 1]);
        }
        if (runs.size() % 2 == 1)
            next.push_back(std::move(runs.back()));
        runs.swap(next);
    }
}

double
written(void *opaque)
{
    const auto &naive = *static_cast<state *>(opaque);

    return static_cast<double>(naive.written) / static_cast<double>(naive.inserted);
}

/* As `walk`, which does not stop. */
size_t
head(void *opaque, uint64_t *keys, size_t count, struct head_cost *cost)
{
    const auto &naive = *static_cast<state *>(opaque);
    const double began = seconds_now();
    std::vector<span> spans;
    size_t read = 0;

    *cost = {0, 0};
    for (const run &rows : naive.runs)
        spans.push_back({rows.data(), rows.data() + rows.size()});
    while (read < count) {
        const row *least = nullptr;
        uint64_t used = 0;
        for (const span &part : spans)
            if (part.at < part.end && (least == nullptr || less(*part.at, *least)))
                least = part.at;
        if (least == nullptr)
            break;
        row sum = *least;
        sum.weight = 0;
        for (span &part : spans)
            for (; part.at < part.end && same(*part.at, sum); used++)
                sum.weight += (part.at++)->weight;
        if (sum.weight != 0)
            keys[read++] = sum.key;
        else if (read == 0)
            cost->skipped += used;
        if (read == 1 && cost->first_s == 0)
            cost->first_s = seconds_now() - began;
    }
    return read;
}

void
close(void *opaque)
{
    delete static_cast<state *>(opaque);
}

uint64_t
runs_now(void *opaque)
{
    return static_cast<state *>(opaque)->runs.size();
}

const char *
describe()
{
    return "vectors of 24-byte rows, std::sort per batch, two-way merges inline";
}

/* The vector never has to grow. */
void *
sort_open(const struct engine_setup *setup)
{
    auto *const made = static_cast<state *>(open(setup));

    made->runs.emplace_back().reserve(setup->rows_max);
    return made;
}

void
sort_insert(void *opaque, const struct spine_columns *columns)
{
    rows_append(columns, &static_cast<state *>(opaque)->runs[0]);
}

void
sort_settle(void *opaque)
{
    auto &naive = *static_cast<state *>(opaque);

    for (run &rows : naive.runs)
        consolidate(rows);
}

const char *
sort_describe()
{
    return "one vector of the right size, one std::sort at the end";
}

} // namespace

extern "C" {

extern const struct engine engine_naive, engine_sort;

const struct engine engine_naive = {
    "naive",
    ENGINE_APART | ENGINE_LOOKUP | ENGINE_UNITE | ENGINE_HEAD | ENGINE_COLUMNS |
        ENGINE_BYTES,
    describe,
    open,
    insert,
    settle,
    scan,
    nullptr,
    probe,
    nullptr,
    unite,
    written,
    nullptr,
    nullptr,
    runs_now,
    close,
    head,
    nullptr,
    nullptr,
    nullptr,
};
const struct engine engine_sort = {
    "sort",   0,     sort_describe, sort_open, sort_insert, sort_settle, scan,
    nullptr,  probe, nullptr,       unite,     nullptr,     nullptr,     nullptr,
    runs_now, close, nullptr,       nullptr,   nullptr,     nullptr,
};
}
