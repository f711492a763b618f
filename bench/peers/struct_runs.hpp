/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_STRUCT_RUNS_HPP
#define BENCH_PEERS_STRUCT_RUNS_HPP

/*
 * Sorted runs of structs, as peers/naive has them of pairs of numbers: each batch is
 * sorted, and merged with the run before it while that is not more than twice as long.
 *
 * A row has a `weight`, and order() gives all else of it by reference, to be compared.
 */

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

template <class Row> struct struct_runs {
    using run = std::vector<Row>;
    std::vector<run> runs; /* long ones first */

    static bool less(const Row &a, const Row &b)
    {
        return a.order() < b.order();
    }

    void insert(run rows)
    {
        consolidate(rows);
        runs.push_back(std::move(rows));
        while (runs.size() > 1 &&
               runs[runs.size() - 2].size() <= 2 * runs.back().size()) {
            run merged = merge(runs[runs.size() - 2], runs.back());
            runs.pop_back();
            runs.back() = std::move(merged);
        }
    }

    /* All rows in order. They are all different, so that a heap of runs is enough. */
    template <class Visit> void scan(Visit visit) const
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
            visit(*spans.back().first);
            if (++spans.back().first < spans.back().second)
                std::push_heap(spans.begin(), spans.end(), later);
            else
                spans.pop_back();
        }
    }

  private:
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
};

#endif
