/* SPDX-License-Identifier: MIT */

/*
 * peers/naive_columns -- peers/naive of rows with several columns: structs of numbers,
 * and structs with std::string.
 */

#include "macro/columns.h"
#include "peers/struct_runs.hpp"

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
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
    struct_runs<Row> kept;

    void insert(const wide_rows &rows) override
    {
        std::vector<Row> batch;

        batch.reserve(rows.rows);
        for (size_t i = 0; i < rows.rows; i++)
            batch.push_back(Row::of(rows, i));
        kept.insert(std::move(batch));
    }

    void scan(struct tally *tally) override
    {
        kept.scan([tally](const Row &row) { row.tally(tally); });
    }
};

void *
open(bool strings, const char *)
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
