/* SPDX-License-Identifier: MIT */
#ifndef SPINE_FILTER_HPP
#define SPINE_FILTER_HPP

/*
 * Filters made of callables (spine/filter.h). Part of spine.hpp; include that.
 *
 * A callable is copied, called by several threads at a time where the filter is, and must
 * be a pure function; an exception that leaves it ends the process. What cannot be
 * decoded is kept, so that reading it says why.
 */

#include "spine/codec.hpp"
#include "spine/filter.h"

#include <cstdint>
#include <new>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* A callable of a key, and where it is decoded. */
template <class K, class Keep> struct key_judge {
    static bool on_key(void *raw, union spine_datum key) noexcept
    {
        key_judge *const self = static_cast<key_judge *>(raw);
        typename codec<K>::decoder decoder{};
        typename codec<K>::view view{};
        spine_error error;

        return codec<K>::decode(key, decoder, &view, &error) != SPINE_OK ||
               self->keep(view);
    }

    static void on_release(void *raw) noexcept
    {
        delete static_cast<key_judge *>(raw);
    }

    Keep keep;
};

/* The filter of a callable of a key; the taker releases it. Without memory its context is
 * null. */
template <class K, class Keep>
spine_key_filter
make_key_filter(Keep keep, const char *name = nullptr)
{
    using judge = key_judge<K, Keep>;
    spine_key_filter filter = {};

    filter.name = name;
    filter.context = new (std::nothrow) judge{std::move(keep)};
    filter.on_key = judge::on_key;
    filter.on_release = judge::on_release;
    return filter;
}

/* The same of a key and a value; of a value alone where there are no keys, of a key alone
 * where there are no values. */
template <class K, class V, class Keep> struct value_judge {
    static bool
    on_value(void *raw, union spine_datum key, union spine_datum value) noexcept
    {
        value_judge *const self = static_cast<value_judge *>(raw);
        typename codec<K>::decoder key_decoder{};
        typename codec<V>::decoder value_decoder{};
        typename codec<K>::view key_view{};
        typename codec<V>::view value_view{};
        spine_error error;

        return codec<K>::decode(key, key_decoder, &key_view, &error) != SPINE_OK ||
               codec<V>::decode(value, value_decoder, &value_view, &error) != SPINE_OK ||
               self->keep(key_view, value_view);
    }

    static void on_release(void *raw) noexcept
    {
        delete static_cast<value_judge *>(raw);
    }

    Keep keep;
};

template <class K, class V, class Keep>
spine_value_filter
make_value_filter(enum spine_retain retain, uint64_t count, Keep keep, const char *name)
{
    using judge = value_judge<K, V, Keep>;
    spine_value_filter filter = {};

    filter.name = name;
    filter.retain = retain;
    filter.count = count;
    filter.context = new (std::nothrow) judge{std::move(keep)};
    filter.on_value = judge::on_value;
    filter.on_release = judge::on_release;
    return filter;
}

/* A predicate of a seek: a callable of a cell, borrowed for the call. */
template <class T, class Accept> struct seek_judge {
    static bool on_cell(void *raw, union spine_datum cell) noexcept
    {
        seek_judge *const self = static_cast<seek_judge *>(raw);
        typename codec<T>::view view{};
        spine_error error;

        return codec<T>::decode(cell, self->decoder, &view, &error) != SPINE_OK ||
               self->accept(view);
    }

    Accept &accept;
    typename codec<T>::decoder decoder{};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
