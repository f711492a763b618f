/* SPDX-License-Identifier: MIT */

/* Every batch of a spine, in the order of sequences, in sections between which the lock
 * is let go of; merges publish between sections, not within. */

#include "listing.h"

#include "base/assert.h"

/* Sequences that are listed in one section: few where threads are simulated, so that
 * tests see what happens in between. */
#ifdef SPINE_SIMULATED_THREADS
#define SECTION_SEQUENCES 2u
#else
#define SECTION_SEQUENCES 256u
#endif

/* What is called for every entry. */
struct listener {
    entry_fn *on_entry;
    void *context;
};

static void
each_in_range_locked(const struct spine *spine, struct entry_range range, void *context);
static bool is_short_locked(const struct spine *spine);
static uint64_t next_of_all_locked(const struct spine *spine, uint64_t sequence);

void
spine_list_wait_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    while (spine->locked.publishers_waiting > 0 && !is_short_locked(spine))
        condition_wait(&spine->idle, &spine->mutex);
}

void
spine_list_locked(struct spine *spine, entry_fn *on_entry, void *context)
{
    struct listener listener = {.on_entry = on_entry, .context = context};

    assert(mutex_is_held(&spine->mutex));
    spine_list_sections_locked(spine, each_in_range_locked, &listener);
}

static void
each_in_range_locked(const struct spine *spine, struct entry_range range, void *context)
{
    const struct listener *listener = context;

    assert(mutex_is_held(&spine->mutex));
    entry_set_each(&spine->locked.loose, range, listener->on_entry, listener->context);
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        entry_set_each(&spine_task_locked(spine, i)->inputs, range, listener->on_entry,
                       listener->context);
}

void
spine_list_sections_locked(struct spine *spine, section_fn *on_section, void *context)
{
    struct entry_range range = entries_all;
    const uint64_t last = spine->locked.sequence;

    assert(mutex_is_held(&spine->mutex));
    if (is_short_locked(spine)) {
        on_section(spine, range, context);
        return;
    }
    spine->locked.lists++;
    range.first = next_of_all_locked(spine, 0);
    while (range.first <= last) {
        range.last = range.first + (SECTION_SEQUENCES - 1);
        if (range.last > last)
            range.last = last;
        on_section(spine, range, context);
        mutex_unlock(&spine->mutex);
        thread_pause_point("between sections of a list");
        mutex_lock(&spine->mutex);
        range.first = next_of_all_locked(spine, range.last);
    }
    if (--spine->locked.lists == 0)
        condition_broadcast(&spine->idle);
}

void
spine_publish_wait_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    spine->locked.publishers_waiting++;
    while (spine->locked.lists > 0)
        condition_wait(&spine->idle, &spine->mutex);
    spine->locked.publishers_waiting--;
}

/* So few that one section does. */
static bool
is_short_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return spine->locked.batch_count <= SECTION_SEQUENCES;
}

/* The least sequence in the spine that is greater than `sequence`; UINT64_MAX when there
 * is none. */
static uint64_t
next_of_all_locked(const struct spine *spine, uint64_t sequence)
{
    uint64_t next = entry_set_next(&spine->locked.loose, sequence);

    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        const uint64_t in_task =
            entry_set_next(&spine_task_locked(spine, i)->inputs, sequence);

        next = in_task < next ? in_task : next;
    }
    return next;
}
