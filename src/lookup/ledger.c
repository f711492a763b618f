/* SPDX-License-Identifier: MIT */

/* The ledger of a spine: counts of searches, added up by readers of any thread, and the
 * last stretch that was told. */

#include "lookup/lookup.h"

#include "base/alloc.h"

struct lookup_ledger *
lookup_ledger_new(const struct lookup_options *options, struct account *account)
{
    struct lookup_ledger *ledger = mem_zalloc(sizeof *ledger);

    if (ledger == NULL)
        return NULL;
    ref_init(&ledger->refs);
    ledger->options = *options;
    if (account != NULL)
        ledger->account = account_ref(account);
    return ledger;
}

struct lookup_ledger *
lookup_ledger_ref(struct lookup_ledger *ledger)
{
    if (ledger != NULL)
        ref_take(&ledger->refs);
    return ledger;
}

void
lookup_ledger_unref(struct lookup_ledger *ledger)
{
    if (ledger == NULL || !ref_drop(&ledger->refs))
        return;
    skipped_unref(lookup_ledger_take_skipped(ledger));
    account_unref(ledger->account);
    mem_free(ledger, sizeof *ledger);
}

struct account *
lookup_ledger_account(const struct lookup_ledger *ledger)
{
    return ledger != NULL ? ledger->account : NULL;
}

const struct lookup_options *
lookup_ledger_options(const struct lookup_ledger *ledger)
{
    return ledger != NULL ? &ledger->options : &lookup_defaults;
}

static void
sum_add(atomic_uint_least64_t *sum, uint64_t count)
{
    if (count > 0)
        atomic_fetch_add_explicit(sum, count, memory_order_relaxed);
}

void
lookup_ledger_add(struct lookup_ledger *ledger, struct lookup_counts *counts)
{
#define ADD_COUNT(name, statistic) sum_add(&ledger->name, counts->name);
    if (ledger != NULL) {
        LOOKUP_COUNTS(ADD_COUNT)
    }
#undef ADD_COUNT
    *counts = (struct lookup_counts){0};
}

void
lookup_ledger_read(struct lookup_ledger *ledger, struct lookup_counts *out)
{
    *out = (struct lookup_counts){0};
    if (ledger == NULL)
        return;
#define READ_COUNT(name, statistic)                                                      \
    out->name = atomic_load_explicit(&ledger->name, memory_order_relaxed);
    LOOKUP_COUNTS(READ_COUNT)
#undef READ_COUNT
}

/* Copies a span to `*to`, which moves behind the copy. */
static struct span
span_copy(struct span span, uint8_t **to)
{
    const struct span copy = {.data = *to, .size = span.size};

    if (span.size > 0)
        memcpy(*to, span.data, span.size);
    *to += span.size;
    return copy;
}

static struct skipped *
skipped_copy(const struct skipped *skipped)
{
    const size_t bytes = sizeof *skipped + skipped->low.key.size +
                         skipped->low.value.size + skipped->high.key.size +
                         skipped->high.value.size + skipped->first.key.size +
                         skipped->first.value.size;
    struct skipped *copy = mem_alloc(bytes);
    uint8_t *to;

    if (copy == NULL)
        return NULL;
    to = (uint8_t *)(copy + 1);
    *copy = *skipped;
    ref_init(&copy->refs);
    copy->bytes = bytes;
    copy->low.key = span_copy(skipped->low.key, &to);
    copy->low.value = span_copy(skipped->low.value, &to);
    copy->high.key = span_copy(skipped->high.key, &to);
    copy->high.value = span_copy(skipped->high.value, &to);
    copy->first.key = span_copy(skipped->first.key, &to);
    copy->first.value = span_copy(skipped->first.value, &to);
    return copy;
}

void
lookup_ledger_skipped(struct lookup_ledger *ledger, const struct skipped *skipped)
{
    const int64_t apart = mem_apart_begin();
    struct skipped *copy = skipped_copy(skipped);

    if (copy != NULL)
        skipped_unref(
            atomic_exchange_explicit(&ledger->skipped, copy, memory_order_acq_rel));
    mem_apart_end(apart);
}

bool
lookup_ledger_has_skipped(struct lookup_ledger *ledger)
{
    return atomic_load_explicit(&ledger->skipped, memory_order_relaxed) != NULL;
}

struct skipped *
lookup_ledger_take_skipped(struct lookup_ledger *ledger)
{
    return atomic_exchange_explicit(&ledger->skipped, NULL, memory_order_acq_rel);
}

void
lookup_ledger_return_skipped(struct lookup_ledger *ledger, struct skipped *skipped)
{
    struct skipped *none = NULL;

    if (!atomic_compare_exchange_strong(&ledger->skipped, &none, skipped))
        skipped_unref(skipped);
}

struct skipped *
skipped_ref(struct skipped *skipped)
{
    if (skipped != NULL)
        ref_take(&skipped->refs);
    return skipped;
}

void
skipped_unref(struct skipped *skipped)
{
    if (skipped != NULL && ref_drop(&skipped->refs))
        mem_free(skipped, skipped->bytes);
}
