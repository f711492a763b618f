/* SPDX-License-Identifier: MIT */
/*
 * Counts words of documents that come, change and go.
 *
 * Spine `words` holds (word, document, number of occurrences as weight). A changed
 * document inserts its old words with negative weights and its new ones with positive
 * weights; nobody looks up what was there. Spine `counts` holds how often each word
 * occurs, as its key, so that the most frequent words come first: it gets, for each word
 * that changed, the old count with weight -1 and the new one with weight 1.
 */
#include <spine/spine.hpp>

#include <cstdint>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <tuple>

using word_map = spine_cpp::map<std::string, uint64_t>;
using count_set = spine_cpp::set<std::tuple<spine_cpp::descending<int64_t>, std::string>>;

class word_counter
{
  public:
    explicit word_counter(const spine_cpp::runtime &runtime)
        : words_(word_map::open(runtime)), counts_(count_set::open(runtime))
    {
    }

    /* Document `id` had the text `before` and has `now`. */
    void change(uint64_t id, const std::string &before, const std::string &now)
    {
        std::set<std::string> changed;
        add_words(id, before, -1, changed);
        add_words(id, now, 1, changed);
        const auto update = rows_.seal();

        for (const auto &word : changed)
            add_count(word, -1);
        words_.insert(update);
        for (const auto &word : changed)
            add_count(word, 1);
        counts_.insert(count_rows_.seal());
    }

    /* The `most` most frequent words, one "count word" a line. */
    std::string top(std::size_t most) const
    {
        std::ostringstream lines;
        for (const auto &[key, weight] : counts_.cursor()) {
            if (weight != 1 || most-- == 0)
                break;
            lines << std::get<0>(key).value << ' ' << std::get<1>(key) << '\n';
        }
        return lines.str();
    }

  private:
    void add_words(uint64_t id, const std::string &text, int64_t weight,
                   std::set<std::string> &changed)
    {
        std::istringstream stream(text);
        for (std::string word; stream >> word;) {
            rows_.add(word, id, weight);
            changed.insert(word);
        }
    }

    void add_count(const std::string &word, int64_t weight)
    {
        int64_t count = 0;
        auto cursor = words_.cursor();
        if (cursor.seek_key_exact(word)) {
            for (; cursor.val_valid(); cursor.step_val())
                count += cursor.weight();
        }
        cursor.check();
        if (count != 0)
            count_rows_.add({count, word}, weight);
    }

    word_map words_;
    count_set counts_;
    word_map::batcher rows_;
    count_set::batcher count_rows_;
};

int
main()
{
    try {
        const auto runtime = spine_cpp::runtime::open();
        word_counter counter(runtime);

        const std::string rose = "a rose is a rose is a rose";
        const std::string be = "to be or not to be";
        const std::string nothing;
        counter.change(1, nothing, rose);
        counter.change(2, nothing, be);
        if (counter.top(4) != "3 a\n3 rose\n2 be\n2 is\n")
            return 1;

        const std::string is = "to be is to do";
        counter.change(2, be, is);
        if (counter.top(5) != "3 a\n3 is\n3 rose\n2 to\n1 be\n")
            return 1;

        counter.change(1, rose, nothing);
        std::cout << counter.top(10);
        return counter.top(10) == "2 to\n1 be\n1 do\n1 is\n" ? 0 : 1;
    } catch (const spine_cpp::error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
