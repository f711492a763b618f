/* SPDX-License-Identifier: MIT */
#include "base/account.h"

#include "base/alloc.h"

struct account *
account_new(void)
{
    struct account *account = mem_zalloc(sizeof *account);

    if (account != NULL)
        ref_init(&account->refs);
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
    if (account != NULL && ref_drop(&account->refs))
        mem_free(account, sizeof *account);
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
account_free(account_payer *payer, enum account_class class, void *memory, size_t bytes)
{
    struct account *const account = atomic_load_explicit(payer, memory_order_acquire);

    mem_free(memory, bytes);
    if (account == NULL)
        return;
    account_subtract(account, class, bytes);
    account_unref(account);
}

/* Whoever is inside account_enter() did not take it for scratch. */
void
account_add(struct account *account, enum account_class class, size_t bytes)
{
    atomic_fetch_add_explicit(&account->bytes[class], bytes, memory_order_relaxed);
    mem_thread_add(-(int64_t)bytes);
}

void
account_subtract(struct account *account, enum account_class class, size_t bytes)
{
    atomic_fetch_sub_explicit(&account->bytes[class], bytes, memory_order_relaxed);
    mem_thread_add((int64_t)bytes);
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

    /* Unsigned numbers wrap, so one addition does for both directions. */
    if (span->account != NULL && more != 0)
        atomic_fetch_add_explicit(&span->account->bytes[ACCOUNT_SCRATCH], (size_t)more,
                                  memory_order_relaxed);
}
