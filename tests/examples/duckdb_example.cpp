/* SPDX-License-Identifier: MIT */

/*
 * The content of a spine as a table of DuckDB, without a library in between.
 *
 * This is a plugin of Python: duckdb_example.py loads it, has it fill a stream of the
 * Arrow C interface in, and hands that to DuckDB as a table. Orders come and are
 * cancelled; the table has those that are left, and their sums per customer are those of
 * a table that is kept beside the spine.
 */

#include <spine/spine.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

struct placed {
    uint32_t customer;
    int32_t day;
};
SPINE_MEMBERS(placed, customer, day)

struct amount {
    uint64_t number;
    int64_t cents;
};
SPINE_MEMBERS(amount, number, cents)

using orders = spine_cpp::map<placed, amount>;

static constexpr std::size_t customers = 100;
static std::array<int64_t, customers> cents_of;

static spine_cpp::arrow_stream
open_stream()
{
    const auto runtime = spine_cpp::runtime::open();
    auto spine = orders::open(runtime);
    std::vector<std::pair<placed, amount>> placed_orders;
    orders::batcher rows;
    uint64_t seed = 1;
    const auto random = [&seed](uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };

    for (uint64_t number = 0; number < 50000; number++) {
        const placed key{static_cast<uint32_t>(random(customers)),
                         static_cast<int32_t>(number / 500)};
        const amount value{number, static_cast<int64_t>(random(10000))};

        rows.add(key, value);
        cents_of[key.customer] += value.cents;
        placed_orders.emplace_back(key, value);
        /* One of five is cancelled, sooner or later. */
        if (random(5) == 0) {
            std::swap(placed_orders[random(placed_orders.size())], placed_orders.back());
            const auto [of, what] = placed_orders.back();

            placed_orders.pop_back();
            rows.add(of, what, -1);
            cents_of[of.customer] -= what.cents;
        }
        if (number % 1000 == 999)
            spine.insert(rows.seal());
    }
    return spine_cpp::arrow_mapping::of<placed, amount>().stream(spine.snapshot());
}

/* False when it failed, which is printed. The caller releases `*out`. */
extern "C" bool
duckdb_example_open(ArrowArrayStream *out)
{
    try {
        *out = open_stream().release();
        return true;
    } catch (const spine_cpp::error &error) {
        (void)std::fprintf(stderr, "%s\n", error.what());
        return false;
    }
}

extern "C" int64_t
duckdb_example_cents(uint32_t customer)
{
    return customer < customers ? cents_of[customer] : 0;
}
