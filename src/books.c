/* SPDX-License-Identifier: MIT */

/* What outlives a spine, since snapshots and batches refer to it: made and given back. */

#include "base/error.h"
#include "core.h"

static struct lookup_ledger *
ledger_of(const struct spine_options *options, struct account *account);

enum spine_status
books_init(struct spine *spine, struct spine_error *error)
{
    spine->account = account_new(runtime_account(spine->runtime));
    spine->ledger = ledger_of(&spine->options, spine->account);
    spine->book = snapshot_book_new();
    if (spine->ledger == NULL || spine->book == NULL || spine->account == NULL)
        return fail_nomem(error, "the counts of a spine",
                          sizeof *spine->ledger + sizeof *spine->book +
                              sizeof *spine->account);
    return SPINE_OK;
}

void
books_release(struct spine *spine)
{
    lookup_ledger_unref(spine->ledger);
    snapshot_book_unref(spine->book);
    account_unref(spine->account);
}

/* The filters' part of resolved options. */
static struct lookup_ledger *
ledger_of(const struct spine_options *options, struct account *account)
{
    struct lookup_options lookup = {.false_positive_rate =
                                        options->filter_false_positive_rate,
                                    .rows_min = options->filter_rows_min};

    if (lookup.false_positive_rate >= 1)
        lookup.rows_min = UINT64_MAX;
    return lookup_ledger_new(&lookup, account);
}
