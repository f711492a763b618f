/* SPDX-License-Identifier: MIT */

/* Events of a store, for its trace, and what is counted of its checkpoints. */

#include "base/assert.h"
#include "store/store_state.h"

static void
tell(const struct spine_store *store, struct spine_event event)
{
    if (store->trace.on_event == NULL)
        return;
    event.spine = "";
    event.thread = thread_number();
    event.end_ns = clock_now_ns();
    store->trace.on_event(store->trace.context, &event);
}

void
store_tell(const struct spine_store *store, enum spine_event_kind kind, uint64_t begin_ns,
           uint64_t bytes)
{
    tell(store, (struct spine_event){.kind = kind, .begin_ns = begin_ns, .bytes = bytes});
}

void
store_tell_step(const struct spine_store *store, enum spine_event_kind kind,
                uint64_t *begin_ns, uint64_t count, uint64_t bytes)
{
    assert(kind > SPINE_EVENT_CHECKPOINT && kind < SPINE_EVENT_RESTORE);
    tell(store, (struct spine_event){
                    .kind = kind, .begin_ns = *begin_ns, .count = count, .bytes = bytes});
    *begin_ns = clock_now_ns();
}

static struct spine_event
event_of_checkpoint(const struct store_checkpoint *checkpoint, enum spine_event_kind kind)
{
    return (struct spine_event){.kind = kind,
                                .begin_ns = checkpoint->begin_ns,
                                .sequence = checkpoint->sequence,
                                .count = checkpoint->spines,
                                .rows = checkpoint->rows,
                                .bytes = checkpoint->bytes};
}

void
store_checkpoint_ended(struct spine_store *store,
                       const struct store_checkpoint *checkpoint, enum spine_status st)
{
    struct spine_event event = event_of_checkpoint(checkpoint, SPINE_EVENT_CHECKPOINT);
    const uint64_t delay_ns = checkpoint->begin_ns - checkpoint->asked_ns;

    assert(checkpoint->begin_ns >= checkpoint->asked_ns);
    store_sort(&store->checkpoint_delays, delay_ns, delay_ns / 1000);
    if (st == SPINE_OK) {
        store_count(&store->checkpoints, 1);
        store_time(&store->checkpoint_times, checkpoint->begin_ns);
        store_size(&store->checkpoint_sizes, checkpoint->bytes);
    } else {
        store_count(&store->failed_checkpoints, 1);
        event.cause = SPINE_CAUSE_GIVEN_UP;
    }
    tell(store, event);
}

void
store_checkpoint_restored(struct spine_store *store,
                          const struct store_checkpoint *checkpoint)
{
    store_count(&store->restores, 1);
    tell(store, event_of_checkpoint(checkpoint, SPINE_EVENT_RESTORE));
}
