/* SPDX-License-Identifier: MIT */
#ifndef SPINE_ARROW_HPP
#define SPINE_ARROW_HPP

/*
 * Rows as records of Apache Arrow (spine/arrow.h). Part of spine.hpp; include that.
 *
 *     const auto mapping = spine_cpp::arrow_mapping::of<order_map>();
 *     spine_cpp::arrow_stream stream = mapping.stream(map.snapshot());
 *     consumer.import(stream.get());
 *
 * The structures of Arrow are owned until release(), or until a consumer has taken what
 * get() points to and set its `release` to null.
 */

#include "spine/arrow.h"
#include "spine/batch.hpp"
#include "spine/codec.hpp"
#include "spine/cursor.hpp"
#include "spine/handle.hpp"
#include "spine/map.hpp"
#include "spine/result.hpp"
#include "spine/snapshot.hpp"

#include <cstddef>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Owns a structure of Arrow: ArrowSchema, ArrowArray, ArrowArrayStream. */
template <class Raw> class arrow_structure
{
  public:
    arrow_structure() noexcept = default;

    /* Takes what is in `raw`. */
    explicit arrow_structure(const Raw &raw) noexcept : raw_(raw)
    {
    }

    arrow_structure(arrow_structure &&other) noexcept : raw_(other.release())
    {
    }

    arrow_structure &operator=(arrow_structure &&other) noexcept
    {
        if (this != &other) {
            end();
            raw_ = other.release();
        }
        return *this;
    }

    ~arrow_structure()
    {
        end();
    }

    Raw *get() noexcept
    {
        return &raw_;
    }

    const Raw *get() const noexcept
    {
        return &raw_;
    }

    /* Is there something that is not released? */
    explicit operator bool() const noexcept
    {
        return raw_.release != nullptr;
    }

    /* Hands it to the caller, who releases it. */
    [[nodiscard]] Raw release() noexcept
    {
        return std::exchange(raw_, Raw{});
    }

  private:
    void end() noexcept
    {
        if (raw_.release != nullptr)
            raw_.release(&raw_);
    }

    Raw raw_ = {};
};

using arrow_schema = arrow_structure<ArrowSchema>;
using arrow_array = arrow_structure<ArrowArray>;
using arrow_stream = arrow_structure<ArrowArrayStream>;

/* Which column of records is what of a row; immutable. */
class arrow_mapping : public handle<spine_arrow_mapping, spine_arrow_mapping_free>
{
    template <class Columns>
    using if_columns =
        std::enable_if_t<std::is_same_v<Columns, spine_arrow_columns>, int>;

    template <class K, class V, spine_time Time, unsigned Weights>
    static result<arrow_mapping> of_rows(map<K, V, Time, Weights> *) noexcept
    {
        return of<K, V, Time, Weights>(std::nothrow);
    }

  public:
    using handle::handle;

    /* Of records of `schema`: the columns of the key, and of the weights, by name. */
    static arrow_mapping open(const ArrowSchema &schema,
                              const std::vector<std::string> &keys,
                              const std::vector<std::string> &weights = {})
    {
        return open(std::nothrow, schema, keys, weights).value();
    }

    static result<arrow_mapping> open(std::nothrow_t, const ArrowSchema &schema,
                                      const std::vector<std::string> &keys,
                                      const std::vector<std::string> &weights = {})
    {
        std::vector<const char *> key_names, weight_names;
        spine_arrow_columns columns = {};

        for (const auto &name : keys)
            key_names.push_back(name.c_str());
        for (const auto &name : weights)
            weight_names.push_back(name.c_str());
        columns.key_names = key_names.data();
        columns.key_count = key_names.size();
        columns.weight_names = weight_names.data();
        columns.weight_count = weight_names.size();
        return open(std::nothrow, schema, columns);
    }

    /* The same of a structure of C; a template, so that {} means no names. */
    template <class Columns, if_columns<Columns> = 0>
    static arrow_mapping open(const ArrowSchema &schema, const Columns &columns)
    {
        return open(std::nothrow, schema, columns).value();
    }

    template <class Columns, if_columns<Columns> = 0>
    static result<arrow_mapping>
    open(std::nothrow_t, const ArrowSchema &schema, const Columns &columns) noexcept
    {
        spine_arrow_mapping *raw = nullptr;
        spine_error error;

        if (spine_arrow_mapping_new(&schema, &columns, &raw, &error) != SPINE_OK)
            return error;
        return arrow_mapping(raw);
    }

    /* Of rows of these types. */
    template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
    static arrow_mapping of()
    {
        return of<K, V, Time, Weights>(std::nothrow).value();
    }

    template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
    static result<arrow_mapping> of(std::nothrow_t) noexcept
    {
        schema_of<K, V, Time, Weights> schema;
        spine_arrow_mapping *raw = nullptr;
        spine_error error;

        if (schema.make(&error) != SPINE_OK ||
            spine_arrow_mapping_of_schema(schema.get(), &raw, &error) != SPINE_OK)
            return error;
        return arrow_mapping(raw);
    }

    /* Of the rows of a spine: of<orders>(). */
    template <class Map, if_map<Map> = 0> static arrow_mapping of()
    {
        return of<Map>(std::nothrow).value();
    }

    template <class Map, if_map<Map> = 0>
    static result<arrow_mapping> of(std::nothrow_t) noexcept
    {
        return of_rows(static_cast<Map *>(nullptr));
    }

    /* What its rows look like, as long as the mapping; NULL for no mapping. */
    const spine_schema *schema() const noexcept
    {
        return *this ? spine_arrow_mapping_schema(get()) : nullptr;
    }

    /* The schema of records that go out. */
    arrow_schema records() const
    {
        return records(std::nothrow).value();
    }

    result<arrow_schema> records(std::nothrow_t) const noexcept
    {
        ArrowSchema raw = {};
        spine_error error;

        if (!*this)
            return this->empty("arrow_mapping");
        if (spine_arrow_schema(get(), &raw, &error) != SPINE_OK)
            return error;
        return arrow_schema(raw);
    }

    /* A batch of records; SPINE_INVALID when its rows are of other types. */
    template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
    spine_cpp::batch<K, V, Time, Weights> batch(const ArrowArray &records) const
    {
        return batch<K, V, Time, Weights>(std::nothrow, records).value();
    }

    template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
    result<spine_cpp::batch<K, V, Time, Weights>>
    batch(std::nothrow_t, const ArrowArray &records) const noexcept
    {
        schema_of<K, V, Time, Weights> wanted;
        spine_batch *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("arrow_mapping");
        if (wanted.make(&error) != SPINE_OK)
            return error;
        if (spine_schema_compare(schema(), wanted.get(), &error) != SPINE_OK ||
            spine_batch_from_arrow(get(), &records, &raw, &error) != SPINE_OK)
            return error;
        return spine_cpp::batch<K, V, Time, Weights>(raw);
    }

    /* The rows of a snapshot; those of a cursor from its position on, which is taken. */
    template <class K, class V, spine_time Time, unsigned Weights>
    arrow_stream stream(const snapshot<K, V, Time, Weights> &snapshot) const
    {
        return stream(std::nothrow, snapshot).value();
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    result<arrow_stream>
    stream(std::nothrow_t, const snapshot<K, V, Time, Weights> &snapshot) const noexcept
    {
        ArrowArrayStream raw = {};
        spine_error error;

        if (!*this)
            return this->empty("arrow_mapping");
        if (spine_snapshot_to_arrow(snapshot.get(), get(), &raw, &error) != SPINE_OK)
            return error;
        return arrow_stream(raw);
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    arrow_stream stream(cursor<K, V, Time, Weights> cursor) const
    {
        return stream(std::nothrow, std::move(cursor)).value();
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    result<arrow_stream>
    stream(std::nothrow_t, cursor<K, V, Time, Weights> cursor) const noexcept
    {
        ArrowArrayStream raw = {};
        spine_error error;

        if (!*this)
            return this->empty("arrow_mapping");
        if (spine_cursor_to_arrow(cursor.get(), get(), &raw, &error) != SPINE_OK)
            return error;
        (void)cursor.release();
        return arrow_stream(raw);
    }

    /* The rows of keys that are records, in any order; the filter of `options` is
     * borrowed until the stream is released. */
    template <class K, class V, spine_time Time, unsigned Weights>
    arrow_stream
    look_up(const snapshot<K, V, Time, Weights> &snapshot, const ArrowArray &keys,
            const spine_probe_options &options = {}) const
    {
        return look_up(std::nothrow, snapshot, keys, options).value();
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    result<arrow_stream>
    look_up(std::nothrow_t, const snapshot<K, V, Time, Weights> &snapshot,
            const ArrowArray &keys,
            const spine_probe_options &options = {}) const noexcept
    {
        ArrowArrayStream raw = {};
        spine_error error;

        if (!*this)
            return this->empty("arrow_mapping");
        if (spine_snapshot_probe_to_arrow(snapshot.get(), get(), &keys, &options, &raw,
                                          &error) != SPINE_OK)
            return error;
        return arrow_stream(raw);
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
