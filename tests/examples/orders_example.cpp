/* SPDX-License-Identifier: MIT */

/*
 * The revenue of each customer and month, while orders come, are corrected and cancelled.
 * Orders and their lines have the same keys, (customer, number), and are joined by these.
 * What is cancelled is found by a prefix of the key: one order, or all of a customer.
 * Sums are weights, so a month of which nothing is left is gone. After each step the
 * result is compared with the query over plain tables.
 */

#include "example.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

struct customer {
    std::string name, country;
};
SPINE_MEMBERS(customer, name, country)
SPINE_COMPARED(customer)

struct order {
    uint16_t year, month;
    std::optional<double> discount;
};
SPINE_MEMBERS(order, year, month, discount)

struct line {
    std::string item;
    double amount, cents;
};
SPINE_MEMBERS(line, item, amount, cents)

using order_key = std::tuple<customer, uint32_t>; /* and a number */
using month_key = std::tuple<customer, uint16_t, uint16_t>;
using order_map = spine_cpp::map<order_key, order>;
using line_map = spine_cpp::map<order_key, line>;
using revenue_set = spine_cpp::set<month_key>; /* the weight is cents */

static int64_t
price(const order &order, const line &line)
{
    return std::llround(line.amount * line.cents * (1 - order.discount.value_or(0)));
}

class shop
{
    const spine_cpp::runtime runtime_ = spine_cpp::runtime::open();

  public:
    revenue_set revenue{runtime_};

    /* What comes and, with negative weights, goes. */
    void step(const order_map::batch &orders, const line_map::batch &lines)
    {
        join_.step(
            orders_, orders, lines_, lines, [this](auto &key, auto &order, auto &line) {
                changes_.add({std::get<0>(key), order.value.year, order.value.month},
                             order.weight * line.weight * price(order.value, line.value));
            });
        revenue.insert(changes_.seal());
    }

    /* Cancels the orders whose keys begin with `prefix`. */
    template <class Prefix> void cancel(const Prefix &prefix)
    {
        step(negated(orders_, prefix), negated(lines_, prefix));
    }

  private:
    template <class Map, class Prefix>
    static auto negated(const Map &map, const Prefix &prefix)
    {
        typename Map::batcher rows;
        auto cursor = map.cursor();

        cursor.set_prefix(prefix);
        for (const auto &[key, value, weight] : cursor)
            rows.add(key, value, -weight);
        return rows.seal();
    }

    order_map orders_{runtime_};
    line_map lines_{runtime_};
    spine_cpp::join<order_map, line_map> join_;
    revenue_set::batcher changes_;
};

using table = std::map<order_key, std::pair<order, std::vector<line>>>;

/* The same from the beginning. */
static auto
naive(const table &orders)
{
    std::map<month_key, int64_t> all;

    for (const auto &[key, of] : orders)
        for (const auto &line : of.second)
            all[{std::get<0>(key), of.first.year, of.first.month}] +=
                price(of.first, line);
    return all;
}

int
main()
{
    static const customer customers[] = {
        {"Ada", "Malta"}, {"Ben", "Peru"}, {"Cy", "Cuba"}};
    order_map::batcher orders;
    line_map::batcher lines;
    shop view;
    table plain;
    dice random;

    for (uint32_t step = 0; step < 300; step++) {
        const order_key key(customers[random(3)], step);
        auto &[head, sold] = plain[key];
        head = {2026, static_cast<uint16_t>(1 + random(12)), std::nullopt};
        orders.add(key, head);
        for (const char *item : {"apples", "flour", "milk", "salt", "tea"}) {
            sold.push_back({item, 0.125 * (1 + random(99)), 1.0 + random(999)});
            lines.add(key, sold.back());
        }
        /* The first order of the customer gets another discount. */
        const auto first = plain.lower_bound({std::get<0>(key), 0});
        orders.add(first->first, first->second.first, -1);
        first->second.first.discount = 0.01 * random(50);
        orders.add(first->first, first->second.first);
        view.step(orders.seal(), lines.seal());
        if (step % 50 == 49) {
            view.cancel(std::tuple(std::get<0>(key)));
            plain.erase(first, plain.upper_bound(key));
        } else if (step % 5 == 0) {
            view.cancel(key);
            plain.erase(key);
        }
        require(content(view.revenue) == naive(plain), step);
    }
    return 0;
}
