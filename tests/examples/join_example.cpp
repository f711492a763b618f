/* SPDX-License-Identifier: MIT */

/*
 * An incremental join with aggregates: the revenue of each city, while customers move and
 * orders come and are cancelled.
 *
 *     select city, count(*), sum(cents) from customers join orders using (customer)
 *     group by city
 *
 * The change of a join is the changes of either side joined with the other side, and
 * those of both with each other:
 *
 *     d(C |x| O)  =  dC |x| O  +  C |x| dO  +  dC |x| dO
 *
 * which is a step of spine_cpp::join. Count and sum are the two weights of a row of the
 * result: the spine adds them up, and a city without orders is gone. After every step the
 * result is compared with the query over plain tables.
 */

#include <spine/spine.hpp>

#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <utility>

struct order {
    uint64_t number;
    int64_t cents;
};
SPINE_MEMBERS(order, number, cents)

using namespace spine_cpp;
using customer_map = map<uint32_t, std::string>; /* customer -> city */
using order_map = map<uint32_t, order>;          /* customer -> order */
using revenue_set = set<std::string, SPINE_UNTIMED, 2>;
using totals = std::map<std::string, weights<2>>;

class revenue
{
  public:
    /* One step: what changed of the customers and of the orders. */
    void step(const customer_map::batch &customers, const order_map::batch &orders)
    {
        join_.step(customers_, customers, orders_, orders,
                   [this](uint32_t, const auto &customer, const auto &order) {
                       const int64_t count = product(customer.weight, order.weight);
                       changes_.add(customer.value,
                                    weights<2>{count, product(count, order.value.cents)});
                   });
        revenue_.insert(changes_.seal());
    }

    totals read() const
    {
        totals all;

        for (const auto &[city, weights] : revenue_.cursor())
            all.emplace(city, weights);
        return all;
    }

  private:
    runtime runtime_ = runtime::open();
    customer_map customers_{runtime_};
    order_map orders_{runtime_};
    revenue_set revenue_{runtime_};
    join<customer_map, order_map> join_;
    revenue_set::batcher changes_;
};

/* The same over tables, from the beginning every time. */
static totals
naive(const std::map<uint32_t, std::string> &customers,
      const std::map<uint64_t, std::pair<uint32_t, int64_t>> &orders)
{
    totals all;

    for (const auto &[number, order] : orders) {
        const auto customer = customers.find(order.first);

        if (customer == customers.end())
            continue;
        auto &total = all[customer->second];
        total[0]++;
        total[1] += order.second;
    }
    return all;
}

int
main()
{
    static const char *const cities[] = {"Bern", "Graz", "Kiel", "Lyon", "Rome"};
    std::map<uint64_t, std::pair<uint32_t, int64_t>> orders;
    std::map<uint32_t, std::string> customers;
    customer_map::batcher moves;
    order_map::batcher bookings;
    revenue view;
    std::mt19937 dice;
    const auto random = [&dice](uint32_t below) {
        return static_cast<uint32_t>(dice() % below);
    };

    for (uint64_t step = 0; step < 200; step++) {
        for (int i = 0; i < 5; i++) {
            const uint32_t customer = random(50);
            auto &city = customers[customer];

            if (!city.empty())
                moves.add(customer, city, -1);
            city = cities[random(5)];
            moves.add(customer, city);
        }
        for (uint64_t number = 20 * step; number < 20 * step + 20; number++) {
            const std::pair<uint32_t, int64_t> order{random(60), 100 + random(9900)};

            bookings.add(order.first, {number, order.second});
            orders.emplace(number, order);
        }
        while (orders.size() > 500) {
            const auto &[number, order] = *orders.begin();

            bookings.add(order.first, {number, order.second}, -1);
            orders.erase(orders.begin());
        }
        view.step(moves.seal(), bookings.seal());
        if (view.read() != naive(customers, orders)) {
            std::cerr << "step " << step << " is not what the tables have\n";
            return 1;
        }
    }
    for (const auto &[city, total] : view.read())
        std::cout << city << ": " << total[0] << " orders, " << total[1] << " cents\n";
    return 0;
}
