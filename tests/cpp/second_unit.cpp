/* SPDX-License-Identifier: MIT */
#include "check.hpp"

/* Linked to every test: what the headers define must be there once, and this unit's
 * aborting functions must not take the place of the others' throwing ones. */
uint64_t
count_without_exceptions()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    spine_runtime_options options = {};
    options.manual = true;
    auto runtime = spine_cpp::runtime::open(std::nothrow, options);
    CHECK(runtime);
    auto opened = map::open(std::nothrow, *runtime);
    CHECK(opened);
    auto rows = map::batcher::open(std::nothrow);
    CHECK(rows);

    for (uint64_t i = 0; i < 10; i++)
        CHECK(rows->add(std::nothrow, i % 5, i % 2));
    auto batch = rows->seal(std::nothrow);
    CHECK(batch && opened->insert(std::nothrow, *batch));

    auto cursor = opened->cursor(std::nothrow);
    CHECK(cursor);
    uint64_t count = 0;
    for (const auto &row : cursor->rows(std::nothrow))
        count += row.weight > 0 ? 1u : 0u;
    CHECK(cursor->check(std::nothrow));
    return count;
}
