/* SPDX-License-Identifier: MIT */

/* Calls that allocate by operator new, without memory: SPINE_NOMEM, no std::bad_alloc. */

#include "check.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

/* Lets `granted` allocations through. */
static std::size_t granted = SIZE_MAX;

static void *
allocate(std::size_t bytes) noexcept
{
    if (granted == 0)
        return nullptr;
    granted -= granted != SIZE_MAX ? 1u : 0u;
    return std::malloc(bytes > 0 ? bytes : 1);
}

static void *
allocate_or_throw(std::size_t bytes)
{
    void *const memory = allocate(bytes);

    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

void *
operator new(std::size_t bytes)
{
    return allocate_or_throw(bytes);
}

void *
operator new[](std::size_t bytes)
{
    return allocate_or_throw(bytes);
}

void *
operator new(std::size_t bytes, const std::nothrow_t &) noexcept
{
    return allocate(bytes);
}

void *
operator new[](std::size_t bytes, const std::nothrow_t &) noexcept
{
    return allocate(bytes);
}

void
operator delete(void *memory) noexcept
{
    std::free(memory);
}

void
operator delete[](void *memory) noexcept
{
    std::free(memory);
}

void
operator delete(void *memory, std::size_t) noexcept
{
    std::free(memory);
}

void
operator delete[](void *memory, std::size_t) noexcept
{
    std::free(memory);
}

/* Does `call` end in SPINE_NOMEM for each number of allocations less than `needed`, and
 * in a value with as many as that? */
template <class Call>
static bool
needs(std::size_t needed, Call call)
{
    for (std::size_t allowed = 0; allowed <= needed; allowed++) {
        granted = allowed;
        const enum spine_status status = call().status();
        granted = SIZE_MAX;
        if (status != (allowed < needed ? SPINE_NOMEM : SPINE_OK))
            return false;
    }
    return true;
}

static void
callables_may_find_no_memory()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    spine_runtime_options options = {};
    options.manual = true;
    const auto runtime = spine_cpp::runtime::open(options);
    auto state = map::open(runtime);
    auto store = spine_cpp::store::open(spine_cpp::backend::memory());
    map::probe_type probe;
    auto cursor = state.cursor();
    const std::vector<spine_cpp::checkpoint_item> items;
    const auto is_even = [](uint64_t key) { return key % 2 == 0; };
    const auto is_same = [](uint64_t key, uint64_t value) { return key == value; };
    const auto nothing = [](enum spine_status) {};
    const auto to_nowhere = [](std::string_view) {};
    const auto on_checkpoint = [](const spine_cpp::result<spine_checkpoint_info> &) {};

    CHECK(needs(2, [&] { return probe.set_filter(std::nothrow, is_even); }));
    CHECK(needs(1, [&] { return cursor.set_filter(std::nothrow, is_even); }));
    CHECK(needs(1, [&] { return state.retain_keys(std::nothrow, is_even); }));
    CHECK(needs(1, [&] { return state.retain_values(std::nothrow, is_same); }));
    CHECK(needs(1, [&] { return state.retain_top(std::nothrow, 3); }));
    CHECK(needs(1, [&] { return state.compact(std::nothrow, nothing); }));
    CHECK(needs(1,
                [&] { return spine_cpp::trace_writer::open(std::nothrow, to_nowhere); }));
    granted = 0;
    const auto started =
        store.start_checkpoint(std::nothrow, runtime, items, on_checkpoint);
    granted = SIZE_MAX;
    CHECK(started.status() == SPINE_NOMEM);
    CHECK(store.start_checkpoint(std::nothrow, runtime, items, on_checkpoint));
}

int
main()
{
    callables_may_find_no_memory();
    CHECK(count_without_exceptions() == 10);
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
