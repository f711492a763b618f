/* SPDX-License-Identifier: MIT */

/* Metrics as strings, and how long to wait. */

#include "check.hpp"

#include <chrono>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using spine_cpp::timeout;
using numbers = spine_cpp::map<uint64_t, uint64_t>;

static_assert(timeout().ns() == UINT64_MAX);
static_assert(timeout(5).ns() == 5);
static_assert(timeout(3ns).ns() == 3);
static_assert(timeout(2us).ns() == 2000);
static_assert(timeout(1500ms).ns() == 1500000000);
static_assert(timeout(std::chrono::duration<double>(0.25)).ns() == 250000000);
static_assert(timeout(-1s).ns() == 0);
static_assert(timeout(std::chrono::hours::max()).ns() == UINT64_MAX);
static_assert(timeout(std::chrono::nanoseconds::max()).ns() >= INT64_MAX);
static_assert(
    timeout(std::chrono::duration<double>(std::numeric_limits<double>::infinity()))
        .ns() == UINT64_MAX);

static numbers::batch
batch_of(uint64_t key)
{
    numbers::batcher rows;

    rows.add(key, key);
    return rows.seal();
}

static bool
has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

static void
metrics_are_strings()
{
    const auto runtime = open_manual();
    spine_options options = {};

    options.name = "orders";
    auto map = numbers::open(runtime, options);
    map.insert(batch_of(1));
    CHECK(has(runtime.prometheus(), "\nspine_rows{spine=\"orders\"} 1\n"));
    CHECK(has(runtime.json(), "{\"name\":\"orders\","));
    CHECK(runtime.prometheus(std::nothrow).value().back() == '\n');
    CHECK(std::string(map.stats().name) == "orders");

    const spine_cpp::runtime empty;

    CHECK_THROWS(SPINE_MISUSE, empty.prometheus());
    CHECK_THROWS(SPINE_MISUSE, empty.json());
    CHECK(!empty.json(std::nothrow));
}

/* While paused, nothing holds inserts back and nothing runs; so neither waits. */
static void
waits_take_durations()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);

    map.insert(batch_of(1));
    CHECK(map.insert_wait(10ms));
    CHECK(map.insert_wait(std::nothrow, 10ms).value());
    CHECK(map.wait_idle(1s));
    CHECK(map.wait_idle(std::nothrow, 1s).value());
    CHECK(map.wait_idle(UINT64_MAX));
    /* A merge is due, and no time is given to it. */
    for (uint64_t key = 0; key < 8; key++)
        map.insert(batch_of(key));
    CHECK(!map.wait_idle(-1s));
    CHECK(map.wait_idle());
}

int
main()
{
    metrics_are_strings();
    waits_take_durations();
    return 0;
}
