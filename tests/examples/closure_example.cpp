/* SPDX-License-Identifier: MIT */

/*
 * Transitive closure of a graph whose edges come and go.
 *
 *     reach(x, z) :- edge(x, z).
 *     reach(x, z) :- reach(x, y), edge(y, z).
 *
 * Paths are found round by round, so a row has a pair as its time: the step at which the
 * input changed, and the round that it belongs to. `paths` has every way to derive a
 * pair, `reach` has each pair once it has one. A change of one step meets what other
 * steps left at later rounds: there its pairs are judged again, so that a deletion takes
 * back exactly what hung on it, cycles included. The frontier makes earlier steps one, so
 * that a pair has as many times as there are rounds, not steps. After each step the
 * result is compared with a search from every node.
 */

#include <spine/spine.hpp>

#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

using pair = std::tuple<uint32_t, uint32_t>;
using pair_set = spine_cpp::set<pair, SPINE_TIME_PAIR>;
using link_map = spine_cpp::map<uint32_t, uint32_t, SPINE_TIME_PAIR>;
using graph = std::set<std::pair<uint32_t, uint32_t>>;

class closure
{
  public:
    explicit closure(const spine_cpp::runtime &runtime)
        : edges_(link_map::open(runtime)), paths_(pair_set::open(runtime)),
          reach_(pair_set::open(runtime)), into_(link_map::open(runtime))
    {
    }

    /* Edges that come (1) and go (-1) at the next step. */
    void step(const std::vector<std::tuple<uint32_t, uint32_t, int64_t>> &changes)
    {
        link_map::batcher edges;

        step_++;
        for (const auto &[from, to, weight] : changes) {
            edges.add(from, to, time_of(0), spine_cpp::weight{weight});
            add_path(0, {from, to}, weight);
        }
        const auto batch = edges.seal();
        /* What reached their beginnings before, at all of its rounds. */
        probe_.join(into_.snapshot(), batch,
                    [this](uint32_t, const auto &edge, const auto &path) {
                        add_path(spine_cpp::inner_of(path.time) + 1,
                                 {path.value, edge.value},
                                 spine_cpp::product(edge.weight, path.weight));
                    });
        edges_.insert(batch);
        while (!pending_.empty())
            run_round(pending_.begin()->first);
        for (auto *spine : {&edges_, &into_})
            spine->set_frontier(spine_cpp::time_pair(step_ + 1, 0));
        for (auto *spine : {&paths_, &reach_})
            spine->set_frontier(spine_cpp::time_pair(step_ + 1, 0));
    }

    graph read() const
    {
        graph all;
        auto cursor = reach_.cursor();

        cursor.set_through(spine_cpp::time_pair(step_ + 1, UINT32_MAX));
        for (const auto &[key, weight] : cursor)
            all.emplace(std::get<0>(key), std::get<1>(key));
        return all;
    }

  private:
    struct round {
        pair_set::batcher paths;
        /* Pairs that may begin or cease to be reachable at this round. */
        std::set<pair> judged;
    };

    spine_cpp::at_time time_of(uint32_t round) const noexcept
    {
        return {step_, round};
    }

    void add_path(uint32_t round, pair at, int64_t weight)
    {
        pending_[round].paths.add(at, time_of(round), spine_cpp::weight{weight});
        pending_[round].judged.insert(at);
    }

    void run_round(uint32_t number)
    {
        round now = std::move(pending_.extract(number).mapped());
        link_map::batcher into;
        pair_set::batcher reach;
        const auto change = [&](pair at, int64_t weight) {
            reach.add(at, time_of(number), spine_cpp::weight{weight});
            into.add(std::get<1>(at), std::get<0>(at), time_of(number),
                     spine_cpp::weight{weight});
        };

        paths_.insert(now.paths.seal());
        auto ways = paths_.cursor(), found = reach_.cursor();
        const uint64_t until = spine_cpp::time_pair(step_, number);
        for (const pair &at : now.judged) {
            const int64_t wanted = sum(ways, at, until) > 0 ? 1 : 0;
            const int64_t weight = wanted - sum(found, at, until);

            if (weight != 0)
                change(at, weight);
            /* Judged again at each later round at which something else derives it. */
            if (!ways.seek_key_exact(at))
                continue;
            const auto times = ways.times();
            for (std::size_t i = 0; i < times.count; i++)
                if (spine_cpp::inner_of(times.times[i]) > number)
                    pending_[spine_cpp::inner_of(times.times[i])].judged.insert(at);
        }
        reach_.insert(reach.seal());
        const auto batch = into.seal();
        into_.insert(batch);
        /* Edges of all steps; both times are before (step, number). */
        probe_.join(edges_.snapshot(), batch,
                    [&](uint32_t, const auto &path, const auto &edge) {
                        add_path(number + 1, {path.value, edge.value},
                                 spine_cpp::product(path.weight, edge.weight));
                    });
    }

    /* The weights of a pair up to a time. */
    static int64_t sum(pair_set::cursor_type &cursor, pair at, uint64_t until)
    {
        int64_t total = 0;

        if (!cursor.seek_key_exact(at))
            return 0;
        const auto times = cursor.times_through(until);
        for (std::size_t i = 0; i < times.count; i++)
            total += times.weights[i];
        return total;
    }

    uint32_t step_ = 0;
    link_map edges_; /* from -> to */
    pair_set paths_;
    pair_set reach_;
    link_map into_; /* to -> from: reach_ by its end */
    link_map::probe_type probe_;
    std::map<uint32_t, round> pending_;
};

/* The same by a search from every node. */
static graph
naive(const graph &edges)
{
    graph all;

    for (const auto &first : edges) {
        std::vector<uint32_t> next{first.first};

        while (!next.empty()) {
            const uint32_t at = next.back();
            next.pop_back();
            for (auto edge = edges.lower_bound({at, 0});
                 edge != edges.end() && edge->first == at; ++edge)
                if (all.emplace(first.first, edge->second).second)
                    next.push_back(edge->second);
        }
    }
    return all;
}

int
main()
{
    constexpr uint32_t nodes = 30;
    const auto runtime = spine_cpp::runtime::open();
    closure view(runtime);
    graph edges;
    uint64_t seed = 1;
    const auto random = [&seed](uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return static_cast<uint32_t>((seed >> 33) % below);
    };

    for (int step = 0; step < 200; step++) {
        std::vector<std::tuple<uint32_t, uint32_t, int64_t>> changes;

        for (int i = 0; i < 5; i++) {
            const uint32_t from = random(nodes);
            const std::pair<uint32_t, uint32_t> edge{from,
                                                     (from + 1 + random(3)) % nodes};
            const bool comes = edges.erase(edge) == 0;

            if (comes)
                edges.insert(edge);
            changes.emplace_back(edge.first, edge.second, comes ? 1 : -1);
        }
        view.step(changes);
        if (view.read() != naive(edges)) {
            std::cerr << "step " << step << " is not what a search finds\n";
            return 1;
        }
    }
    std::cout << edges.size() << " edges, " << view.read().size() << " pairs\n";
    return 0;
}
