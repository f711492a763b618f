/* SPDX-License-Identifier: MIT */

/*
 * Transitive closure of a graph whose edges come and go.
 *
 *     reach(x, z) :- edge(x, z).
 *     reach(x, z) :- reach(x, y), edge(y, z).
 *
 * Paths are found round by round, so a row has a pair as its time: the step at which the
 * input changed, and the round. A deletion takes back exactly what hung on it, cycles
 * included (README.md says how). After each step the result is compared with all paths.
 */

#include "example.hpp"

#include <array>
#include <map>
#include <set>
#include <tuple>

using namespace spine_cpp;

constexpr uint32_t nodes = 30;
using pair = std::tuple<uint32_t, uint32_t>;
using pair_set = set<pair, SPINE_TIME_PAIR>;
using link_map = map<uint32_t, uint32_t, SPINE_TIME_PAIR>;
using graph = std::array<std::array<bool, nodes>, nodes>; /* from, to */

class closure
{
  public:
    /* An edge comes (1) or goes (-1) at the next step. */
    void change(uint32_t from, uint32_t to, int64_t by)
    {
        new_edges_.add(from, to, at_time{step_, 0}, weight{by});
        add_path(0, {from, to}, by);
    }

    void step()
    {
        const auto edges = new_edges_.seal();

        /* What reached their beginnings before, at all of its rounds. */
        probe_.join(into_.snapshot(), edges, [this](auto, auto &edge, auto &path) {
            add_path(inner_of(path.time) + 1, {path.value, edge.value},
                     product(edge.weight, path.weight));
        });
        edges_.insert(edges);
        while (!doubtful_.empty())
            run_round(doubtful_.begin()->first);
        const uint64_t frontier = time_pair(++step_, 0);
        edges_.set_frontier(frontier);
        into_.set_frontier(frontier);
        paths_.set_frontier(frontier);
        reach_.set_frontier(frontier);
    }

    graph read() const
    {
        graph all{};
        auto cursor = reach_.cursor();

        cursor.set_through(time_pair(step_, UINT32_MAX));
        for (const auto &[key, weight] : cursor)
            all[std::get<0>(key)][std::get<1>(key)] = true;
        return all;
    }

  private:
    void add_path(uint32_t round, pair ends, int64_t by)
    {
        new_paths_[round].add(ends, at_time{step_, round}, weight{by});
        doubtful_[round].insert(ends);
    }

    void run_round(uint32_t number)
    {
        const std::set<pair> doubtful = doubtful_.extract(number).mapped();
        link_map::batcher into;
        pair_set::batcher reach;

        paths_.insert(new_paths_[number].seal());
        auto ways = paths_.cursor(), later = paths_.cursor(), found = reach_.cursor();
        ways.set_through(time_pair(step_, number));
        found.set_through(time_pair(step_, number));
        for (const auto &[from, to] : doubtful) {
            const bool is = ways.seek_key_exact({from, to}) && ways.weight() > 0;
            const int64_t was = found.seek_key_exact({from, to}) ? found.weight() : 0;
            const weight change{(is ? 1 : 0) - was};

            reach.add({from, to}, at_time{step_, number}, change);
            into.add(to, from, at_time{step_, number}, change);
            /* Judged again at each later round at which something else derives it. */
            if (!later.seek_key_exact({from, to}))
                continue;
            for (const uint64_t time : later.times())
                if (inner_of(time) > number)
                    doubtful_[inner_of(time)].emplace(from, to);
        }
        reach_.insert(reach.seal());
        const auto batch = into.seal();
        into_.insert(batch);
        /* Edges of all steps; both times are before (step, number). */
        probe_.join(edges_.snapshot(), batch, [&](auto, auto &path, auto &edge) {
            add_path(number + 1, {path.value, edge.value},
                     product(path.weight, edge.weight));
        });
    }

    uint32_t step_ = 1;
    runtime runtime_ = runtime::open();
    link_map edges_{runtime_}; /* from -> to */
    pair_set paths_{runtime_}, reach_{runtime_};
    link_map into_{runtime_}; /* to -> from: reach_ by its end */
    link_map::probe_type probe_;
    link_map::batcher new_edges_;
    std::map<uint32_t, pair_set::batcher> new_paths_; /* by round */
    std::map<uint32_t, std::set<pair>> doubtful_;     /* to be judged at a round */
};

/* All paths, by one more node that they may pass at a time. */
static graph
naive(graph all)
{
    for (uint32_t over = 0; over < nodes; over++)
        for (auto &from : all)
            for (uint32_t to = 0; from[over] && to < nodes; to++)
                from[to] = from[to] || all[over][to];
    return all;
}

int
main()
{
    dice random;
    closure view;
    graph edges{};

    for (uint32_t step = 0; step < 200; step++) {
        for (int i = 0; i < 5; i++) {
            const uint32_t from = random(nodes);
            const uint32_t to = (from + 1 + random(3)) % nodes;
            edges[from][to] = !edges[from][to];
            view.change(from, to, edges[from][to] ? 1 : -1);
        }
        view.step();
        require(view.read() == naive(edges), step);
    }
    return 0;
}
