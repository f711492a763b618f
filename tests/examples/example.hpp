/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_HPP
#define EXAMPLE_HPP

/*
 * What the examples in C++ with several tables share: random numbers, the content of a
 * spine as a table of the standard library, and how a program ends when it is not what it
 * should be.
 */

#include <spine/spine.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <type_traits>

/* Numbers below what it is called with; the same in each run. */
class dice
{
  public:
    uint32_t operator()(uint32_t below)
    {
        return static_cast<uint32_t>(numbers_() % below);
    }

  private:
    std::mt19937 numbers_;
};

/* The values of keys that have one each; of a set the weights of its keys. */
template <class K, class V, unsigned Weights>
auto
content(const spine_cpp::map<K, V, SPINE_UNTIMED, Weights> &spine)
{
    using weight = spine_cpp::weight_of<Weights>;
    std::map<K, std::conditional_t<std::is_void_v<V>, weight, V>> all;

    for (const auto &row : spine.cursor())
        if constexpr (std::is_void_v<V>)
            all.emplace(row.key, row.weight);
        else
            all.emplace(row.key, row.value);
    return all;
}

/* Ends the program unless what the spines have after a step is right. */
inline void
require(bool is_right, uint32_t step)
{
    if (is_right)
        return;
    std::cerr << "step " << step << " is not what the tables have\n";
    std::exit(1);
}

#endif
