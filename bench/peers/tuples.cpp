/* SPDX-License-Identifier: MIT */

/*
 * peers/tuples -- spine by its C++ interface, tuple by tuple, for the workload `columns`.
 */

#include "macro/columns.h"
#include "spine/spine.hpp"

#include <string>
#include <string_view>
#include <tuple>

namespace
{

struct fixed {
    using map = spine_cpp::map<std::tuple<int64_t, uint64_t, double>,
                               std::tuple<int64_t, double>>;

    static void add(map::batcher &to, const wide_rows &rows, size_t i)
    {
        to.add({rows.number[i], rows.other[i], rows.real[i]},
               {rows.value_number[i], rows.value_real[i]});
    }

    template <class Row> static void tally(const Row &row, struct tally *to)
    {
        wide_tally(to, std::get<1>(row.key), std::get<0>(row.key),
                   static_cast<uint64_t>(std::get<0>(row.value)), std::get<1>(row.value),
                   row.weight);
    }
};

struct text {
    using map = spine_cpp::map<std::tuple<std::string_view, int64_t>,
                               std::tuple<std::string_view, double>>;

    static std::string_view part(const char *bytes, const uint64_t *offsets, size_t i)
    {
        return {bytes + offsets[i], offsets[i + 1] - offsets[i]};
    }

    static void add(map::batcher &to, const wide_rows &rows, size_t i)
    {
        to.add({part(rows.key_text, rows.key_offsets, i), rows.number[i]},
               {part(rows.value_text, rows.value_offsets, i), rows.value_real[i]});
    }

    template <class Row> static void tally(const Row &row, struct tally *to)
    {
        wide_tally(to, std::get<0>(row.key).size(), std::get<1>(row.key),
                   std::get<0>(row.value).size(), std::get<1>(row.value), row.weight);
    }
};

struct any_state {
    virtual ~any_state() = default;
    virtual void insert(const wide_rows &rows) = 0;
    virtual void settle() = 0;
    virtual void scan(struct tally *tally) = 0;
};

template <class Kind> struct state : any_state {
    using map = typename Kind::map;

    spine_cpp::runtime runtime = spine_cpp::runtime::open();
    map rows_of = map::open(runtime);
    typename map::batcher batcher;

    void insert(const wide_rows &rows) override
    {
        for (size_t i = 0; i < rows.rows; i++)
            Kind::add(batcher, rows, i);
        rows_of.insert(batcher.seal());
    }

    void settle() override
    {
        rows_of.wait_idle();
    }

    void scan(struct tally *tally) override
    {
        for (const auto &row : rows_of.cursor())
            Kind::tally(row, tally);
    }
};

void *
open(bool strings, const char *)
{
    if (strings)
        return static_cast<any_state *>(new state<text>);
    return static_cast<any_state *>(new state<fixed>);
}

void
insert(void *opaque, const wide_rows *rows)
{
    static_cast<any_state *>(opaque)->insert(*rows);
}

void
settle(void *opaque)
{
    static_cast<any_state *>(opaque)->settle();
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

extern const struct wide_engine wide_tuples;
const struct wide_engine wide_tuples = {"tuples", open, insert, settle, scan, close};
}
