/* SPDX-License-Identifier: MIT */

/*
 * The three best players of each league, kept up to date.
 *
 * Values are (score descending, player), so a key's first three rows are its best. A step
 * looks up only the leagues that changed, by spine_cpp::reduce: what was best before, -1,
 * and what is best now, +1, are the changes of the result, and cancel where a league's
 * best stayed the same.
 * After every step the result is compared with that of sorting all scores.
 */

#include <spine/spine.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <tuple>
#include <vector>

using entry = std::tuple<spine_cpp::descending<int64_t>, uint32_t>;
using league_map = spine_cpp::map<uint32_t, entry>;
using table = std::map<std::pair<uint32_t, uint32_t>, int64_t>; /* league, player */
using best_of = std::map<uint32_t, std::vector<std::pair<int64_t, uint32_t>>>;

static constexpr std::size_t best = 3;

class top_players
{
  public:
    explicit top_players(const spine_cpp::runtime &runtime)
        : scores_(league_map::open(runtime)), top_(league_map::open(runtime))
    {
    }

    /* One step; the number of rows of the result that changed. */
    uint64_t step(const league_map::batch &changes)
    {
        best_.step(scores_, changes,
                   [this](uint32_t league, const auto &rows, int64_t by) {
                       for (std::size_t i = 0; i < std::min(best, rows.size()); i++)
                           changes_.add(league, rows[i].value, by);
                   });
        const auto result = changes_.seal();
        top_.insert(result);
        return result.info().rows;
    }

    best_of read() const
    {
        best_of all;

        for (const auto &[league, value, weight] : top_.cursor())
            if (weight == 1)
                all[league].emplace_back(std::get<0>(value).value, std::get<1>(value));
        return all;
    }

  private:
    league_map scores_;
    league_map top_;
    spine_cpp::reduce<league_map> best_;
    league_map::batcher changes_;
};

/* The same by sorting. */
static best_of
naive(const table &scores)
{
    best_of all;

    for (const auto &[who, score] : scores)
        all[who.first].emplace_back(score, who.second);
    for (auto &[league, players] : all) {
        std::sort(players.begin(), players.end(), [](const auto &a, const auto &b) {
            return a.first != b.first ? a.first > b.first : a.second < b.second;
        });
        if (players.size() > best)
            players.resize(best);
    }
    return all;
}

int
main()
{
    const auto runtime = spine_cpp::runtime::open();
    top_players view(runtime);
    league_map::batcher rows;
    table scores;
    uint64_t seed = 1, changed = 0;
    const auto random = [&seed](uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return static_cast<uint32_t>((seed >> 33) % below);
    };

    for (int step = 0; step < 200; step++) {
        for (int i = 0; i < 30; i++) {
            const std::pair<uint32_t, uint32_t> who{random(10), random(100)};
            const auto before = scores.find(who);

            if (before != scores.end()) {
                rows.add(who.first, {before->second, who.second}, -1);
                scores.erase(before);
            }
            /* One of four gives up. */
            if (random(4) == 0)
                continue;
            const int64_t score = random(1000);
            rows.add(who.first, {score, who.second});
            scores.emplace(who, score);
        }
        changed += view.step(rows.seal());
        if (view.read() != naive(scores)) {
            std::cerr << "step " << step << " is not what sorting gives\n";
            return 1;
        }
    }
    best_of top = view.read();
    for (const auto &[score, player] : top[0])
        std::cout << "league 0: player " << player << " with " << score << '\n';
    std::cout << changed << " rows of the result changed in 200 steps\n";
    return 0;
}
