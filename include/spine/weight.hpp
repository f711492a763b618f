/* SPDX-License-Identifier: MIT */
#ifndef SPINE_WEIGHT_HPP
#define SPINE_WEIGHT_HPP

/*
 * Weights and times of rows, which no call takes for each other. Part of spine.hpp;
 * include that.
 *
 *     rows.add("apple", 7);                                 weight 1
 *     rows.add("apple", 7, spine_cpp::weight{-1});
 *     rows.add("apple", 7, spine_cpp::at_time{3});          weight 1, in rows with times
 *     rows.add("apple", 7, spine_cpp::at_time{3, 1}, spine_cpp::weight{2});
 *     rows.add("apple", 7, spine_cpp::weights<2>{1, 350});
 *
 * Rows without times and with one weight take a plain number, too, which is the weight.
 */

#include "spine/batch.h"
#include "spine/codec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* The weight of a row. One that is not in int64_t is SPINE_INVALID where it is used. */
class weight
{
  public:
    explicit constexpr weight(number_argument<int64_t> number) noexcept : number_(number)
    {
    }

    /* The number, and whether it is one. */
    constexpr const number_argument<int64_t> &argument() const noexcept
    {
        return number_;
    }

  private:
    number_argument<int64_t> number_;
};

/* The time of a row: a number, or a pair as spine_time_pair() makes it. Not called time,
 * for that is a function of C. */
class at_time
{
  public:
    explicit constexpr at_time(number_argument<uint64_t> number) noexcept
        : number_(number)
    {
    }

    constexpr at_time(uint32_t outer, uint32_t inner) noexcept
        : number_(static_cast<uint64_t>(outer) << 32 | inner)
    {
    }

    /* The number, and whether it is one. */
    constexpr const number_argument<uint64_t> &argument() const noexcept
    {
        return number_;
    }

  private:
    number_argument<uint64_t> number_;
};

/* The weights of a row that has several. */
template <unsigned Count> using weights = std::array<int64_t, Count>;

/* What reading gives as the weight of a row: a number, or several. */
template <unsigned Weights>
using weight_of = std::conditional_t<Weights == 1, int64_t, weights<Weights>>;

/* The weight whose numbers are at `from`. */
template <unsigned Weights>
weight_of<Weights>
weight_at(const int64_t *from) noexcept
{
    static_assert(Weights >= 1 && Weights <= SPINE_WEIGHTS_MAX,
                  "spine_cpp: rows have 1 to 8 weights");

    if constexpr (Weights == 1) {
        return from[0];
    } else {
        weights<Weights> several{};

        for (std::size_t i = 0; i < Weights; i++)
            several[i] = from[i];
        return several;
    }
}

/* What iterating gives. `key` and `value` are as codecs read them: what they point to is
 * valid until the cursor moves. */
template <class K, class V, unsigned Weights = 1> struct row {
    typename codec<K>::view key{};
    typename codec<V>::view value{};
    weight_of<Weights> weight{};
};

template <class K, unsigned Weights> struct row<K, void, Weights> {
    typename codec<K>::view key{};
    weight_of<Weights> weight{};
};

/* Times of one (key, value) and their weights, as many for each as rows have; of a view
 * through a time the time 0. Valid until the cursor moves. */
struct times_view {
    const uint64_t *times;
    const int64_t *weights;
    std::size_t count;

    /* A loop over it is one over the times. */
    const uint64_t *begin() const noexcept
    {
        return times;
    }

    const uint64_t *end() const noexcept
    {
        return count > 0 ? times + count : times;
    }
};

/* What calls that add a row take behind its key and value. */
template <spine_time Time, unsigned Weights> class row_extras
{
  public:
    /* Puts them into `row`. */
    template <class... Extras>
    enum spine_status
    take(spine_row *row, spine_error *error, const Extras &...extras) noexcept
    {
        static_assert((std::size_t{0} + ... + (is_time<Extras> ? 1 : 0)) <= 1,
                      "spine_cpp: a row has one time");
        static_assert((std::size_t{0} + ... + (is_time<Extras> ? 0 : 1)) <= 1,
                      "spine_cpp: a row has one weight, and a time is at_time{...}");
        enum spine_status status = SPINE_OK;

        (void)error;
        several_.fill(1);
        row->weight = 1;
        row->weights = several_.data();
        ((status = status == SPINE_OK ? set(row, error, extras) : status), ...);
        return status;
    }

  private:
    template <class Extra> static constexpr bool is_time = std::is_same_v<Extra, at_time>;

    template <class Given, std::enable_if_t<std::is_same_v<Given, at_time>, int> = 0>
    enum spine_status set(spine_row *row, spine_error *error, const Given &given) noexcept
    {
        static_assert(Time != SPINE_UNTIMED, "spine_cpp: these rows have no times");
        row->time = given.argument().number();
        return given.argument().check(error);
    }

    enum spine_status
    set(spine_row *row, spine_error *error, const weight &given) noexcept
    {
        row->weight = given.argument().number();
        several_.fill(row->weight);
        return given.argument().check(error);
    }

    template <std::size_t Count>
    enum spine_status
    set(spine_row *, spine_error *, const std::array<int64_t, Count> &given) noexcept
    {
        static_assert(Count == Weights, "spine_cpp: these rows have another number of "
                                        "weights");
        several_ = given;
        return SPINE_OK;
    }

    template <class Number, std::enable_if_t<!std::is_same_v<Number, at_time>, int> = 0>
    enum spine_status
    set(spine_row *row, spine_error *error, const Number &given) noexcept
    {
        static_assert(Time == SPINE_UNTIMED,
                      "spine_cpp: rows with times take weight{...} and at_time{...}, so "
                      "that neither is taken for the other");
        static_assert(Weights == 1, "spine_cpp: rows of several weights take weights<N>");
        return set(row, error, weight(number_argument<int64_t>(given)));
    }

    std::array<int64_t, Weights> several_{};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
