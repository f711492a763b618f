/* SPDX-License-Identifier: MIT */
#include "lookup/lookup.h"

#include "base/alloc.h"

struct lookup_ledger *
lookup_ledger_new(const struct lookup_options *options)
{
    struct lookup_ledger *ledger = mem_zalloc(sizeof *ledger);

    if (ledger == NULL)
        return NULL;
    ref_init(&ledger->refs);
    ledger->options = *options;
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
    if (ledger != NULL && ref_drop(&ledger->refs))
        mem_free(ledger, sizeof *ledger);
}

const struct lookup_options *
lookup_ledger_options(const struct lookup_ledger *ledger)
{
    return ledger != NULL ? &ledger->options : &lookup_defaults;
}

static void
add(atomic_uint_least64_t *sum, uint64_t count)
{
    if (count > 0)
        atomic_fetch_add_explicit(sum, count, memory_order_relaxed);
}

void
lookup_ledger_add(struct lookup_ledger *ledger, struct lookup_counts *counts)
{
    if (ledger != NULL) {
        add(&ledger->searches, counts->searches);
        add(&ledger->range_rejections, counts->range_rejections);
        add(&ledger->filter_rejections, counts->filter_rejections);
        add(&ledger->filter_passes, counts->filter_passes);
        add(&ledger->filter_errors, counts->filter_errors);
    }
    *counts = (struct lookup_counts){0};
}

void
lookup_ledger_read(struct lookup_ledger *ledger, struct lookup_counts *out)
{
    *out = (struct lookup_counts){0};
    if (ledger == NULL)
        return;
    out->searches = atomic_load_explicit(&ledger->searches, memory_order_relaxed);
    out->range_rejections =
        atomic_load_explicit(&ledger->range_rejections, memory_order_relaxed);
    out->filter_rejections =
        atomic_load_explicit(&ledger->filter_rejections, memory_order_relaxed);
    out->filter_passes =
        atomic_load_explicit(&ledger->filter_passes, memory_order_relaxed);
    out->filter_errors =
        atomic_load_explicit(&ledger->filter_errors, memory_order_relaxed);
}
