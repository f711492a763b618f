/* SPDX-License-Identifier: MIT */

/*
 * Snapshots in other threads: a bank, its auditors, and two tellers.
 *
 * Tellers insert batches of transfers, each of which takes from one account what it gives
 * to another. Auditors take snapshots meanwhile and add up what all accounts have. A
 * batch is seen whole or not at all, and a snapshot does not change: so every audit finds
 * the same sum, and reading a snapshot twice finds the same accounts. At the end the
 * accounts are those of a table that the tellers' transfers are booked in.
 */

#include <spine/spine.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <thread>
#include <utility>
#include <vector>

static constexpr uint64_t accounts = 1000;
static constexpr int64_t deposit = 1000;
static constexpr int batches = 300;
static constexpr int transfers = 200;

/* The balance of an account is its weight. */
using account_set = spine_cpp::set<uint64_t>;
using balances = std::array<int64_t, accounts>;

static balances
read(const account_set::snapshot_type &snapshot)
{
    balances all{};

    for (const auto &[account, weight] : snapshot.cursor())
        all[account] = weight;
    return all;
}

static int64_t
sum(const balances &all)
{
    int64_t total = 0;

    for (const int64_t balance : all)
        total += balance;
    return total;
}

static void
transfer(account_set &bank, uint64_t seed, balances &booked)
{
    account_set::batcher rows;
    const auto random = [&seed](uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };

    for (int batch = 0; batch < batches; batch++) {
        for (int i = 0; i < transfers; i++) {
            const uint64_t from = random(accounts), to = random(accounts);
            const auto amount = static_cast<int64_t>(random(50));

            rows.add(from, -amount);
            rows.add(to, amount);
            booked[from] -= amount;
            booked[to] += amount;
        }
        bank.insert(rows.seal());
    }
}

/* The number of audits; 0 when one has found something wrong. */
static uint64_t
audit(const account_set &bank, const std::atomic<bool> &closing)
{
    uint64_t audits = 0;

    while (!closing || audits == 0) {
        const auto snapshot = bank.snapshot();
        const balances all = read(snapshot);

        if (sum(all) != deposit * static_cast<int64_t>(accounts) || read(snapshot) != all)
            return 0;
        audits++;
    }
    return audits;
}

int
main()
{
    const auto runtime = spine_cpp::runtime::open();
    auto bank = account_set::open(runtime);
    std::array<balances, 2> booked{};
    std::array<uint64_t, 3> audits{};
    std::atomic<bool> closing{false};
    std::vector<std::thread> tellers, auditors;
    account_set::batcher rows;

    for (uint64_t account = 0; account < accounts; account++)
        rows.add(account, deposit);
    bank.insert(rows.seal());
    for (auto &count : audits)
        auditors.emplace_back([&] { count = audit(bank, closing); });
    for (std::size_t i = 0; i < booked.size(); i++)
        tellers.emplace_back([&, i] { transfer(bank, i + 1, booked[i]); });
    for (auto &thread : tellers)
        thread.join();
    closing = true;
    for (auto &thread : auditors)
        thread.join();

    balances expected{};
    for (uint64_t account = 0; account < accounts; account++)
        expected[account] = deposit + booked[0][account] + booked[1][account];
    for (const uint64_t count : audits)
        if (count == 0) {
            std::cerr << "an audit found another sum\n";
            return 1;
        }
    if (read(bank.snapshot()) != expected) {
        std::cerr << "the accounts are not those that were booked\n";
        return 1;
    }
    std::cout << 2 * batches * transfers << " transfers, "
              << audits[0] + audits[1] + audits[2] << " audits\n";
    return 0;
}
