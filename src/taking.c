/* SPDX-License-Identifier: MIT */

/*
 * taking -- snapshots and cuts of a spine, and cursors over its present content.
 *
 * The spine keeps the snapshot that it has given out last until its batches change, so
 * taking one usually costs a reference. A new list of batches is allocated with the lock
 * open; the thread tries again when batches came in meanwhile and the list is too short.
 */

#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "core.h"
#include "floor.h"
#include "listing.h"
#include "saving.h"

/* Room beyond what was counted, for batches that come in between. */
#define MORE_BATCHES 8u

static enum spine_status snapshot_take(struct spine *spine, bool must_add_up,
                                       struct spine_snapshot **out, struct spine_cut *cut,
                                       struct spine_error *error);
static void cut_fill_locked(const struct spine *spine, struct spine_cut *cut);
static struct spine_snapshot *
snapshot_fill_locked(struct spine *spine, struct spine_snapshot *fresh);
static void append_batch(struct entry *entry, void *context);

enum spine_status
spine_take_snapshot(struct spine *spine, struct spine_snapshot **out,
                    struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_take_snapshot", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_take_snapshot", "spine");
    return snapshot_take(spine, true, out, NULL, error);
}

enum spine_status
snapshot_of_anything(struct spine *spine, struct spine_snapshot **out,
                     struct spine_error *error)
{
    return snapshot_take(spine, false, out, NULL, error);
}

enum spine_status
spine_take_cut(struct spine *spine, struct spine_cut **out, struct spine_error *error)
{
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_take_cut", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_take_cut", "spine");
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    mutex_unlock(&spine->mutex);
    st = cut_of_now(spine, out, error);
    if (st == SPINE_OK)
        saving_begin(spine, (*out)->snapshot);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
    return st;
}

enum spine_status
cut_of_now(struct spine *spine, struct spine_cut **out, struct spine_error *error)
{
    struct spine_cut *cut = cut_new(&spine->options);
    enum spine_status st;

    if (cut == NULL)
        return fail_nomem(error, "a cut", sizeof *cut);
    st = snapshot_take(spine, false, &cut->snapshot, cut, error);
    if (st == SPINE_OK)
        *out = cut;
    else
        spine_cut_unref(cut);
    return st;
}

bool
spine_clear_dirty_since(struct spine *spine, const struct spine_cut *cut)
{
    bool unchanged;

    if (spine == NULL || cut == NULL)
        return false;
    mutex_lock(&spine->mutex);
    unchanged = PLANTED(DIRTY_FALLS) || spine->locked.sequence == cut->sequence;
    if (unchanged)
        spine->locked.dirty = false;
    mutex_unlock(&spine->mutex);
    return unchanged;
}

/*
 * The present batches, and, unless `cut` is NULL, what else a cut has of the same moment.
 * A caller that will add the rows up (`must_add_up`) gets a sticky SPINE_OVERFLOW.
 */
static enum spine_status
snapshot_take(struct spine *spine, bool must_add_up, struct spine_snapshot **out,
              struct spine_cut *cut, struct spine_error *error)
{
    struct spine_snapshot *fresh = NULL;
    const bool has_skipped = lookup_ledger_has_skipped(spine->ledger);
    struct aftermath after = {0};
    enum spine_status st = SPINE_OK;

    *out = NULL;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    /* A caller that only reads has skipped something. */
    if (has_skipped) {
        if (floor_learn_locked(spine))
            spine_changed_locked(spine, &after);
        spine_start_merges_locked(spine, &after);
    }
    flood_end_locked(spine);
    for (;;) {
        spine_list_wait_locked(spine);

        const size_t count = spine->locked.batch_count;

        if (spine->locked.snapshot != NULL || (fresh != NULL && fresh->capacity >= count))
            break;
        mutex_unlock(&spine->mutex);
        spine_snapshot_unref(fresh);
        fresh = snapshot_new(&spine->layout, spine->ledger, spine->book,
                             count + MORE_BATCHES);
        mutex_lock(&spine->mutex);
        if (fresh == NULL)
            TRY(fail_nomem(error, "a snapshot", snapshot_bytes(count + MORE_BATCHES)));
    }
    if (must_add_up && spine->locked.status == SPINE_OVERFLOW)
        TRY(spine_sticky_locked(spine, error));
    if (cut != NULL)
        cut_fill_locked(spine, cut);
    if (spine->locked.snapshot != NULL) {
        if (ref_count(&spine->locked.snapshot->refs) == 1)
            book_renew(&spine->locked.snapshot->line);
        *out = spine_snapshot_ref(spine->locked.snapshot);
    } else {
        *out = snapshot_fill_locked(spine, fresh);
        fresh = NULL;
    }
out:
    if (has_skipped)
        spine_finish(spine, &after);
    else
        spine_leave_and_unlock(spine);
    spine_snapshot_unref(fresh);
    return st;
}

static void
cut_fill_locked(const struct spine *spine, struct spine_cut *cut)
{
    assert(mutex_is_held(&spine->mutex));
    cut->frontier = spine->locked.frontier;
    cut->has_frontier = spine->locked.has_frontier;
    cut->dirty = spine->locked.dirty;
    cut->key_filter = key_filter_ref(spine->locked.key_filter);
    cut->value_filter = value_filter_ref(spine->locked.value_filter);
    cut->inserted_batches = spine->locked.counters.inserted_batches;
    cut->inserted_rows = spine->locked.counters.inserted_rows;
    cut->sequence = spine->locked.sequence;
}

/* Fills a list that has room, and has the spine keep a reference if it has not changed
 * meanwhile. */
static struct spine_snapshot *
snapshot_fill_locked(struct spine *spine, struct spine_snapshot *fresh)
{
    const uint64_t sequence = spine->locked.sequence;

    assert(mutex_is_held(&spine->mutex));
    spine_list_locked(spine, append_batch, fresh);
    if (spine->locked.sequence == sequence && spine->locked.snapshot == NULL) {
        assert(fresh->batch_count == spine->locked.batch_count);
        fresh->sequence = sequence;
        fresh->floor = skipped_ref(spine->locked.floor);
        spine->locked.snapshot = spine_snapshot_ref(fresh);
    }
    return fresh;
}

static void
append_batch(struct entry *entry, void *context)
{
    snapshot_append(context, entry->batch);
}

enum spine_status
spine_cursor_open(struct spine *spine, struct spine_cursor **out,
                  struct spine_error *error)
{
    struct spine_snapshot *snapshot;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_open", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_cursor_open", "spine");
    TRY_RETURN(spine_take_snapshot(spine, &snapshot, error));
    st = spine_snapshot_cursor(snapshot, out, error);
    spine_snapshot_unref(snapshot);
    return st;
}
