/* SPDX-License-Identifier: MIT */

/* Bytes added to accounts and to what these are part of; blocks, batches and filters
 * charged once. */

#include "base/account.h"

#include "base/alloc.h"

static void
add_to_wholes(struct account *account, enum account_class class, size_t bytes);

struct account *
account_new(struct account *whole)
{
    struct account *account = mem_zalloc(sizeof *account);

    if (account == NULL)
        return NULL;
    ref_init(&account->refs);
    if (whole != NULL)
        account->whole = account_ref(whole);
    return account;
}

struct account *
account_ref(struct account *account)
{
    ref_take(&account->refs);
    return account;
}

void
account_unref(struct account *account)
{
    while (account != NULL && ref_drop(&account->refs)) {
        struct account *whole = account->whole;

        mem_free(account, sizeof *account);
        account = whole;
    }
}

size_t
account_bytes(const struct account *account, enum account_class class)
{
    return atomic_load_explicit(&account->bytes[class], memory_order_relaxed);
}

size_t
account_total(const struct account *account)
{
    size_t total = 0;

    for (unsigned class = 0; class < ACCOUNT_CLASSES; class ++)
        total += account_bytes(account, class);
    return total;
}

size_t
account_output_bytes(const struct account *account)
{
    return atomic_load_explicit(&account->output_bytes, memory_order_relaxed);
}

bool
account_charge(account_payer *payer, struct account *account, enum account_class class,
               size_t bytes)
{
    struct account *none = NULL;

    if (atomic_load_explicit(payer, memory_order_relaxed) != NULL ||
        !atomic_compare_exchange_strong(payer, &none, account_ref(account))) {
        if (none != NULL)
            account_unref(account);
        return false;
    }
    account_add(account, class, bytes);
    return true;
}

void
account_charge_file(account_payer *payer, struct account *account)
{
    (void)account_charge(payer, account, ACCOUNT_FENCES, 0);
}

void
account_release_file(account_payer *payer)
{
    account_unref(atomic_load_explicit(payer, memory_order_acquire));
}

struct account_reads *
account_reads_of(account_payer *payer, bool for_merge)
{
    struct account *const account = atomic_load_explicit(payer, memory_order_acquire);

    if (account == NULL)
        return NULL;
    return for_merge ? &account->merge_reads : &account->reader_reads;
}

void
account_free(account_payer *payer, enum account_class class, void *memory, size_t bytes)
{
    struct account *const account = atomic_load_explicit(payer, memory_order_acquire);

    mem_free(memory, bytes);
    if (account == NULL)
        return;
    account_subtract(account, class, bytes);
    account_unref(account);
}

/* A thread inside account_enter() did not take this memory for scratch. */
void
account_add(struct account *account, enum account_class class, size_t bytes)
{
    add_to_wholes(account, class, bytes);
    mem_thread_add(-(int64_t)bytes);
}

void
account_subtract(struct account *account, enum account_class class, size_t bytes)
{
    add_to_wholes(account, class, 0 - bytes);
    mem_thread_add((int64_t)bytes);
}

/* Unsigned numbers wrap, so one addition does for both directions. */
static void
add_to_wholes(struct account *account, enum account_class class, size_t bytes)
{
    for (; account != NULL; account = account->whole)
        atomic_fetch_add_explicit(&account->bytes[class], bytes, memory_order_relaxed);
}

void
account_output(struct account *account, size_t before, size_t now)
{
    if (before == now)
        return;
    for (; account != NULL; account = account->whole)
        atomic_fetch_add_explicit(&account->output_bytes, now - before,
                                  memory_order_relaxed);
}

struct account_span
account_enter(struct account *account)
{
    return (struct account_span){.account = account, .begin = mem_thread_bytes()};
}

void
account_leave(struct account_span *span)
{
    const int64_t more = mem_thread_bytes() - span->begin;

    if (span->account != NULL && more != 0)
        add_to_wholes(span->account, ACCOUNT_SCRATCH, (size_t)more);
}

void
account_share_to(struct account_share *share, struct account *account)
{
    struct account *const before = share->account;

    if (before == account)
        return;
    if (account != NULL)
        add_to_wholes(account_ref(account), ACCOUNT_READERS, (size_t)share->bytes);
    if (before != NULL)
        add_to_wholes(before, ACCOUNT_READERS, 0 - (size_t)share->bytes);
    share->account = account;
    account_unref(before);
}

void
account_share_add(struct account_share *share, int64_t begun)
{
    const int64_t more = mem_thread_bytes() - begun;

    if (more == 0)
        return;
    share->bytes += more;
    if (share->account != NULL)
        add_to_wholes(share->account, ACCOUNT_READERS, (size_t)more);
    mem_thread_add(-more);
}

void
account_share_end(struct account_share *share)
{
    if (share->account != NULL)
        add_to_wholes(share->account, ACCOUNT_READERS, 0 - (size_t)share->bytes);
    mem_thread_add(share->bytes);
    account_unref(share->account);
    *share = (struct account_share){0};
}
