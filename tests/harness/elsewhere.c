/* SPDX-License-Identifier: MIT */
#include "harness/elsewhere.h"

#include "base/error.h"
#include "batch/batch.h"
#include "harness/figure.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* What an image becomes that was given back. */
#define GONE 0xdd

struct elsewhere {
    struct block_keeper keeper;
    size_t count;
    struct {
        void *bytes;
        size_t size;
    } images[];
};

static struct {
    atomic_bool used;
    atomic_uint_fast64_t pins;
    atomic_uint_fast64_t pinned;
    atomic_uint_fast64_t pinned_most;
    atomic_uint_fast64_t keepers;
    /* Pins until one fails; 0 when none will. */
    atomic_uint_fast64_t left;
    enum spine_status status;
    atomic_bool forever;
    atomic_bool armed;
    atomic_bool paused;
    atomic_bool fired;
} doors;

/* The thread moves blocks: no pin, read or allocation counts. */
static _Thread_local bool moving;

static void move_to_copies(struct spine_batch *batch);
static enum spine_status on_pin(struct block_keeper *keeper, uint32_t number,
                                enum pin_use use, struct pin *out,
                                struct spine_error *error);
static void on_unpin(struct pin *pin);
static void on_free(struct block_keeper *keeper);
static void note_most(uint64_t pinned);
static bool must_fail(void);
static void *image_copy(const void *bytes, size_t size);
static void complain(const char *what);

static void check_at_exit(void);

static const struct block_keeper_calls calls = {on_pin, on_unpin, on_free};

void
elsewhere_move(struct spine_batch *batch)
{
    const enum elsewhere_mode mode = elsewhere_mode();

    moving = true;
    fault_alloc_exempt(true);
    if (mode == ELSEWHERE_COPIES)
        move_to_copies(batch);
    else if (mode < ELSEWHERE_SPILL)
        elsewhere_move_to_file(mode, batch);
    fault_alloc_exempt(false);
    moving = false;
}

static void
move_to_copies(struct spine_batch *batch)
{
    struct elsewhere *elsewhere =
        malloc(sizeof *elsewhere + batch->block_count * sizeof elsewhere->images[0]);

    if (elsewhere == NULL ||
        (!atomic_exchange(&doors.used, true) && atexit(check_at_exit) != 0))
        complain("no memory");
    ref_init(&elsewhere->keeper.refs);
    elsewhere->keeper.calls = &calls;
    elsewhere->keeper.file = NULL;
    atomic_init(&elsewhere->keeper.twins, NULL);
    elsewhere->count = batch->block_count;
    for (size_t i = 0; i < batch->block_count; i++) {
        struct pin pin;

        if (batch_pin(batch, i, &pin, NULL) != SPINE_OK)
            complain("a block is lost on its way");
        elsewhere->images[i].size = pin.image->bytes;
        elsewhere->images[i].bytes = image_copy(pin.image, pin.image->bytes);
        pin_release(&pin);
    }
    atomic_fetch_add(&doors.keepers, 1);
    batch_use_keeper(batch, &elsewhere->keeper);
    block_keeper_unref(&elsewhere->keeper);
}

void
elsewhere_arm(enum fault_mode mode, uint64_t nth, enum spine_status status)
{
    doors.status = status;
    atomic_store(&doors.left, nth);
    atomic_store(&doors.forever, mode == FAULT_FOREVER);
    atomic_store(&doors.paused, false);
    atomic_store(&doors.fired, false);
    atomic_store(&doors.armed, true);
}

bool
elsewhere_disarm(void)
{
    const bool fired = atomic_load(&doors.fired);

    if (atomic_exchange(&doors.armed, false) && fired)
        figure_add("pins of blocks that failed", 1);
    return fired;
}

bool
elsewhere_fired(void)
{
    return atomic_load(&doors.fired);
}

void
elsewhere_pause(void)
{
    atomic_store(&doors.paused, true);
}

void
elsewhere_resume(void)
{
    atomic_store(&doors.paused, false);
}

uint64_t
elsewhere_pins(void)
{
    return atomic_load(&doors.pins);
}

uint64_t
elsewhere_pinned(void)
{
    return atomic_load(&doors.pinned);
}

void
elsewhere_count_most(void)
{
    atomic_store(&doors.pinned_most, elsewhere_pinned());
}

uint64_t
elsewhere_pinned_most(void)
{
    return atomic_load(&doors.pinned_most);
}

uint64_t
elsewhere_keepers(void)
{
    return atomic_load(&doors.keepers);
}

bool
elsewhere_fails(enum spine_status *status)
{
    if (moving)
        return false;
    if (!atomic_load(&doors.paused))
        atomic_fetch_add(&doors.pins, 1);
    if (!must_fail())
        return false;
    *status = doors.status;
    return true;
}

static enum spine_status
on_pin(struct block_keeper *keeper, uint32_t number, enum pin_use use, struct pin *out,
       struct spine_error *error)
{
    const struct elsewhere *elsewhere = (const struct elsewhere *)(void *)keeper;
    enum spine_status st;

    (void)use;
    if (number >= elsewhere->count)
        complain("there is no such block");
    if (elsewhere_fails(&st))
        return spine_fail(error, st, ELSEWHERE_MESSAGE " %" PRIu32 " fails", number);
    note_most(atomic_fetch_add(&doors.pinned, 1) + 1);
    *out = (struct pin){.keeper = keeper};
    out->handle =
        image_copy(elsewhere->images[number].bytes, elsewhere->images[number].size);
    out->image = out->handle;
    return SPINE_OK;
}

static void
note_most(uint64_t pinned)
{
    uint_fast64_t most = atomic_load(&doors.pinned_most);

    while (most < pinned &&
           !atomic_compare_exchange_weak(&doors.pinned_most, &most, pinned))
        ;
}

static void
on_unpin(struct pin *pin)
{
    const size_t size = pin->image->bytes;

    memset(pin->handle, GONE, size);
    free(pin->handle);
    if (atomic_fetch_sub(&doors.pinned, 1) == 0)
        complain("a block was given back twice");
}

static void
on_free(struct block_keeper *keeper)
{
    struct elsewhere *elsewhere = (struct elsewhere *)(void *)keeper;

    for (size_t i = 0; i < elsewhere->count; i++)
        free(elsewhere->images[i].bytes);
    free(elsewhere);
    atomic_fetch_sub(&doors.keepers, 1);
}

static bool
must_fail(void)
{
    if (!atomic_load(&doors.armed) || atomic_load(&doors.paused))
        return false;
    if (atomic_load(&doors.fired) && atomic_load(&doors.forever))
        return true;
    if (atomic_load(&doors.fired) || atomic_fetch_sub(&doors.left, 1) != 1)
        return false;
    atomic_store(&doors.fired, true);
    return true;
}

/* The copy ends where its memory does, as exactly as malloc() has it. */
static void *
image_copy(const void *bytes, size_t size)
{
    void *copy = malloc(size);

    if (copy == NULL)
        complain("no memory");
    return memcpy(copy, bytes, size);
}

static void
check_at_exit(void)
{
    printf("%llu blocks were pinned elsewhere\n", (unsigned long long)elsewhere_pins());
    if (elsewhere_pinned() > 0)
        complain("a block was not given back");
    if (elsewhere_keepers() > 0)
        complain("a keeper is alive");
}

static void
complain(const char *what)
{
    fprintf(stderr, "elsewhere: %s\n", what);
    abort();
}
