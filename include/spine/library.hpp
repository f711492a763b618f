/* SPDX-License-Identifier: MIT */
#ifndef SPINE_LIBRARY_HPP
#define SPINE_LIBRARY_HPP

/*
 * The library as a whole: its version and its memory; and the order of times. Part of
 * spine.hpp; include that.
 */

#include "spine/codec.hpp"
#include "spine/handle.hpp"
#include "spine/result.hpp"
#include "spine/schema.h"
#include "spine/types.h"
#include "spine/version.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Of the library that runs. */
inline std::string_view
version() noexcept
{
    return spine_version();
}

/* Such as "SPINE_NOMEM". */
inline std::string_view
name_of(enum spine_status status) noexcept
{
    return spine_status_name(status);
}

/* What the library holds from its allocator. */
inline std::size_t
allocated_bytes() noexcept
{
    return spine_allocated_bytes();
}

/* Replaces malloc for the whole library, before any other call: as
 * spine_set_allocator(). */
inline result<void>
set_allocator(std::nothrow_t, const spine_allocator &allocator) noexcept
{
    spine_error error;
    const enum spine_status status = spine_set_allocator(&allocator);

    if (status == SPINE_OK)
        return {};
    (void)fail(&error, status, "an allocator is set before anything is open, and whole");
    return error;
}

inline void
set_allocator(const spine_allocator &allocator)
{
    set_allocator(std::nothrow, allocator).value();
}

/* SPINE_INVALID, naming the field, for a schema that makes no sense. */
inline result<void>
check_schema(std::nothrow_t, const spine_schema &schema) noexcept
{
    spine_error error;

    if (spine_schema_check(&schema, &error) != SPINE_OK)
        return error;
    return {};
}

inline void
check_schema(const spine_schema &schema)
{
    check_schema(std::nothrow, schema).value();
}

/* Do rows of both look the same? */
inline bool
schemas_equal(const spine_schema &a, const spine_schema &b) noexcept
{
    return spine_schema_equal(&a, &b);
}

/* --- times -------------------------------------------------------------------------- */

/* Is `a` less than or equal to `b`? Pairs are so when both of their numbers are. */
template <spine_time Time>
bool
time_less_equal(uint64_t a, uint64_t b) noexcept
{
    return spine_time_less_equal(Time, a, b);
}

/* The least time not before either: when a pair of rows comes to be. */
template <spine_time Time>
uint64_t
time_join(uint64_t a, uint64_t b) noexcept
{
    return spine_time_join(Time, a, b);
}

/* The greatest time not after either. */
template <spine_time Time>
uint64_t
time_meet(uint64_t a, uint64_t b) noexcept
{
    return spine_time_meet(Time, a, b);
}

/* The SPINE_TIME_PAIR time of two numbers. */
inline uint64_t
time_pair(uint32_t outer, uint32_t inner) noexcept
{
    return spine_time_pair(outer, inner);
}

/* The first number of a pair. */
inline uint32_t
outer_of(uint64_t pair) noexcept
{
    return static_cast<uint32_t>(pair >> 32);
}

/* The second one. */
inline uint32_t
inner_of(uint64_t pair) noexcept
{
    return static_cast<uint32_t>(pair & UINT32_MAX);
}

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
