/* SPDX-License-Identifier: MIT */

/*
 * peers/naive_columns -- peers/naive of rows with several columns: structs of numbers,
 * and structs with std::string.
 */

#include "macro/columns.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace
{

struct fixed_row {
    int64_t number;
    uint64_t other;
    double real;
    int64_t value;
    double value_real;
    int64_t weight;

    auto order() const
    {
        return std::tie(number, other, real, value, value_real);
    }

    static fixed_row of(const wide_rows &rows, size_t i)
    {
        return {rows.number[i],       rows.other[i],      rows.real[i],
                rows.value_number[i], rows.value_real[i], 1};
    }

    void tally(struct tally *to) const
    {
        wide_tally(to, other, number, static_cast<uint64_t>(value), value_real, weight);
    }
};

struct text_row {
    std::string text;
    int64_t number;
    std::string value;
    double value_real;
    int64_t weight;

    auto order() const
    {
        return std::tie(text, number, value, value_real);
    }

    static text_row of(const wide_rows &rows, size_t i)
    {
        const auto part = [i](const char *bytes, const uint64_t *offsets) {
            return std::string(bytes + offsets[i], offsets[i + 1] - offsets[i]);
        };
        return {part(rows.key_text, rows.key_offsets), rows.number[i],
                part(rows.value_text, rows.value_offsets), rows.value_real[i], 1};
    }

    void tally(struct tally *to) const
    {
        wide_tally(to, text.size(), number, value.size(), value_real, weight);
    }
};

struct any_state {
    virtual ~any_state() = default;
    virtual void insert(const wide_rows &rows) = 0;
    virtual void scan(struct tally *tally) = 0;
};

template <class Row> struct state : any_state {
    using run = std::vector<Row>;
    std::vector<run> runs; /* long ones first */

    static bool less(const Row &a, const Row &b)
    {
        return a.order() < b.order();
    }

    static void consolidate(run &rows)
    {
        size_t put = 0;

        std::sort(rows.begin(), rows.end(), less);
        for (size_t at = 0; at < rows.size();) {
            Row sum = std::move(rows[at++]);
            for (; at < rows.size() && rows[at].order() == sum.order(); at++)
                sum.weight += rows[at].weight;
            if (sum.weight != 0)
                rows[put++] = std::move(sum);
        }
        rows.resize(put);
    }

    static run merge(run &a, run &b)
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
        std::move(a.begin() + static_cast<ptrdiff_t>(left), a.end(),
                  std::back_inserter(out));
        std::move(b.begin() + static_cast<ptrdiff_t>(right), b.end(),
                  std::back_inserter(out));
        return out;
    }

    void insert(const wide_rows &rows) override
    {
        runs.emplace_back().reserve(rows.rows);
        for (size_t i = 0; i < rows.rows; i++)
            runs.back().push_back(Row::of(rows, i));
        consolidate(runs.back());
        while (runs.size() > 1 &&
               runs[runs.size() - 2].size() <= 2 * runs.back().size()) {
            run merged = merge(runs[runs.size() - 2], runs.back());
            runs.pop_back();
            runs.back() = std::move(merged);
        }
    }

    /* Rows are all different, so that a heap of runs is enough. */
    void scan(struct tally *tally) override
    {
        using span = std::pair<const Row *, const Row *>;
        const auto later = [](const span &a, const span &b) {
            return less(*b.first, *a.first);
        };
        std::vector<span> spans;

        for (const run &rows : runs)
            if (!rows.empty())
                spans.push_back({rows.data(), rows.data() + rows.size()});
        std::make_heap(spans.begin(), spans.end(), later);
        while (!spans.empty()) {
            std::pop_heap(spans.begin(), spans.end(), later);
            spans.back().first->tally(tally);
            if (++spans.back().first < spans.back().second)
                std::push_heap(spans.begin(), spans.end(), later);
            else
                spans.pop_back();
        }
    }
};

void *
open(bool strings)
{
    if (strings)
        return static_cast<any_state *>(new state<text_row>);
    return static_cast<any_state *>(new state<fixed_row>);
}

void
insert(void *opaque, const wide_rows *rows)
{
    static_cast<any_state *>(opaque)->insert(*rows);
}

void
settle(void *)
{
}

void
scan(void *opaque, struct tally *tally)
{
    static_cast<any_state *>(opaque)->scan(tally);
}

void
close(void *opaque)
{
    delete static_cast<any_state *>(opaque);
}

} // namespace

extern "C" {

extern const struct wide_engine wide_naive;
const struct wide_engine wide_naive = {"naive", open, insert, settle, scan, close};
}
