/* SPDX-License-Identifier: MIT */

/*
 * Auctions as those of NEXMark: the winning bid of each closed auction, and the average
 * price of each category. A step judges the auctions that expired since the last one, and
 * closed ones for which bids came late or were taken back: what won before comes with -1,
 * what wins now with 1. Then the results are compared with the same over plain tables.
 */

#include "example.hpp"

#include <chrono>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <tuple>

using std::chrono::seconds;
using instant = std::chrono::time_point<std::chrono::system_clock, seconds>;

struct person {
    std::string name;
    std::optional<std::string> email;
};
SPINE_MEMBERS(person, name, email)
SPINE_COMPARED(person)

struct auction {
    std::string category;
    instant expires;
};
SPINE_MEMBERS(auction, category, expires)

/* Cents and bidder: the best bid of an auction is its first. */
using bid = std::tuple<spine_cpp::descending<int64_t>, person>;
using auction_map = spine_cpp::map<uint32_t, auction>;
using waiting_map = spine_cpp::map<std::tuple<instant, uint32_t>, auction>;
using bid_map = spine_cpp::map<uint32_t, bid>;                   /* auction -> bid */
using price_set = spine_cpp::set<std::string, SPINE_UNTIMED, 2>; /* count, cents */

class market
{
    const spine_cpp::runtime runtime_ = spine_cpp::runtime::open();

  public:
    bid_map winners{runtime_};
    price_set prices{runtime_};

    /* What came and went; auctions that expire before `now` are closed. */
    void step(const waiting_map::batch &auctions, const bid_map::batch &bids, instant now)
    {
        auction_of_.join(
            closed_.snapshot(), bids,
            [this](auto id, auto &, auto &auction) { judged_.add(id, auction.value); });
        const auto again = judged_.seal();
        waiting_.insert(auctions);
        auto expired = waiting_.cursor();
        expired.set_bounds({now_, 0}, {now, 0});
        for (const auto &[key, auction, weight] : expired)
            judged_.add(std::get<1>(key), auction);
        const auto closing = judged_.seal();

        add_winners(again, -1);
        bids_.insert(bids);
        add_winners(again, 1);
        add_winners(closing, 1);
        closed_.insert(closing);
        winners.insert(won_.seal());
        prices.insert(paid_.seal());
        now_ = now;
    }

  private:
    void add_winners(const auction_map::batch &auctions, int64_t by)
    {
        bids_of_.match(bids_.snapshot(), auctions, [&](auto id, auto &own, auto &bids) {
            if (bids.empty())
                return;
            const auto [cents, bidder] = bids[0].value;
            won_.add(id, {cents, bidder}, by);
            paid_.add(own[0].value.category, spine_cpp::weights<2>{by, by * cents.value});
        });
    }

    instant now_;
    waiting_map waiting_{runtime_};
    auction_map closed_{runtime_};
    bid_map bids_{runtime_};
    auction_map::probe_type auction_of_;
    bid_map::probe_type bids_of_;
    auction_map::batcher judged_;
    bid_map::batcher won_;
    price_set::batcher paid_;
};

/* The same over tables, from the beginning every time. */
struct tables {
    std::map<uint32_t, auction> auctions;
    std::map<uint32_t, std::set<bid>> bids;

    bool agree(const market &view, instant now) const
    {
        std::map<uint32_t, bid> winners;
        std::map<std::string, spine_cpp::weights<2>> prices;

        for (const auto &[id, offers] : bids) {
            const auto &[category, expires] = auctions.at(id);
            if (expires >= now || offers.empty())
                continue;
            winners[id] = *offers.begin();
            prices[category][0]++;
            prices[category][1] += std::get<0>(winners[id]).value;
        }
        return content(view.winners) == winners && content(view.prices) == prices;
    }
};

int
main()
{
    static const person people[] = {{"Ada", "ada@post.org"}, {"Ben", {}}, {"Cy", {}}};
    static const char *const categories[] = {"art", "books", "cars", "dolls"};
    waiting_map::batcher opened;
    bid_map::batcher changes;
    market view;
    tables plain;
    dice random;

    for (uint32_t step = 0; step < 300; step++) {
        const instant now{seconds(60 * step)};
        const auction opening{categories[random(4)], now + seconds(random(900))};

        opened.add({opening.expires, step}, opening);
        plain.auctions.emplace(step, opening);
        for (int i = 0; i < 20; i++) {
            const uint32_t id = step - random(step < 20 ? step + 1 : 20);
            const bid drawn{100 * random(20), people[random(3)]};
            const bool is_there = plain.bids[id].erase(drawn) > 0;
            if (!is_there)
                plain.bids[id].insert(drawn);
            changes.add(id, drawn, is_there ? -1 : 1);
        }
        view.step(opened.seal(), changes.seal(), now);
        require(plain.agree(view, now), step);
    }
    for (const auto &[category, sums] : content(view.prices))
        std::cout << category << ": " << sums[1] / sums[0] << " cents on average\n";
    return 0;
}
