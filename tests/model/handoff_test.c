/* SPDX-License-Identifier: MIT */

/*
 * The hand-off of batches between threads, as a model of which every state is visited:
 * two inserters, two merge workers, a reader and a checkpointer, four batches, and a
 * close at any moment. A step is what the library does in one critical section, or one
 * operation of the disk; all orders of steps are tried.
 *
 * A batch is the set of inserts that it has in it, one bit each, so a merge is an `or`
 * and what an insert put in must be in exactly one batch. Its file has the same name.
 *
 *     safety    each insert is in exactly one batch; a snapshot never changes; a file
 *               that a snapshot, a cut or a batch needs is there; a manifest names files
 *               that are durable
 *     liveness  from every state one can be reached where all is done, so closing ends;
 *               and without a close one where nobody waits for room, so backpressure ends
 *
 * That the checker would notice is shown by models with a planted mistake each.
 */

#include "harness/figure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INSERTERS 2u
#define WORKERS 2u
#define BATCHES 4u
/* Loose batches at which an insert waits. */
#define LIMIT 2u
#define CHECKPOINTS 2u
#define STATES_MAX (1u << 22)

/* Mistakes that can be planted. */
enum mistake {
    NONE,
    OUTPUT_BEFORE_INPUTS_GO, /* publishing is two critical sections */
    MANIFEST_BEFORE_SYNC,
    FILES_BEFORE_MANIFEST, /* removing takes the files of a checkpoint first */
    CUT_HOLDS_NOTHING,     /* a checkpoint keeps no references to its batches */
    CUT_KEEPS_NO_FILES,    /* the same of batches that are in files already */
    SNAPSHOT_KEEPS_NO_FILES,
    NO_WAKE_FOR_ROOM, /* who waits for room is not told that there is some */
    NO_WAKE_ON_CLOSE,
    MISTAKES
};

static const char *const mistakes[] = {"none",
                                       "output before inputs go",
                                       "manifest before sync",
                                       "files before manifest",
                                       "cut holds nothing",
                                       "cut keeps no files",
                                       "snapshot keeps no files",
                                       "no wake for room",
                                       "no wake on close"};

enum place { NOWHERE, LOOSE, IN_TASK };

/* What an inserter does. */
enum inserter { INSERTS, WAITS, IS_DONE };

enum checkpointer { RESTS, HAS_CUT, HAS_WRITTEN, HAS_SYNCED, HAS_PUT, HAS_FORGOTTEN };

/* Sets of batches have a bit for each of the 16 sets of inserts. */
typedef uint16_t batches;

struct state {
    /* Of every batch of the spine: where it is; IN_TASK + worker. */
    uint8_t place[16];
    uint8_t inserter[INSERTERS]; /* enum inserter */
    uint8_t inserted[INSERTERS];
    uint8_t half[WORKERS]; /* an output that is in beside its inputs; 0: none */
    uint8_t reader;        /* 0: has not begun; 1: holds a snapshot; 2: is done */
    uint8_t checkpointer;  /* enum checkpointer */
    uint8_t checkpoints;   /* that were put */
    uint8_t closed;
    batches snapshot;
    uint8_t snapshot_inserts; /* that had come in when it was taken */
    uint8_t padding;
    batches cut;
    batches files;
    batches stored; /* what is in files alone, and not in memory */
    batches durable;
    batches manifest[2]; /* the newest, the one before; 0: none */
};

struct search {
    enum mistake mistake;
    struct state *states;
    uint32_t *table; /* numbers of states, plus one, by hash */
    /* Steps, as pairs of states. */
    uint32_t (*edges)[2];
    size_t state_count, edge_count, edge_room;
    const char *violation;
};

/* ---- What holds ---- */

static batches
batches_in(const struct state *state)
{
    batches set = 0;

    for (unsigned b = 1; b < 16; b++)
        if (state->place[b] != NOWHERE)
            set |= (batches)(1u << b);
    return set;
}

static unsigned
inserts_of(batches set, bool *twice)
{
    unsigned inserts = 0;

    for (unsigned b = 1; b < 16; b++)
        if ((set >> b & 1) != 0) {
            *twice = *twice || (inserts & b) != 0;
            inserts |= b;
        }
    return inserts;
}

static unsigned
inserts_done(const struct state *state)
{
    unsigned inserts = 0;

    for (unsigned i = 0; i < INSERTERS; i++)
        for (unsigned n = 0; n < state->inserted[i]; n++)
            inserts |= 1u << (i * BATCHES / INSERTERS + n);
    return inserts;
}

/* What the spine, a reader or a checkpoint under way needs. */
static batches
needed(const struct state *state)
{
    return batches_in(state) | (state->reader == 1 ? state->snapshot : 0) | state->cut;
}

static const char *
violation(const struct state *state)
{
    bool twice = false;

    if (inserts_of(batches_in(state), &twice) != inserts_done(state))
        return "an insert is lost";
    if (twice)
        return "an insert is there twice";
    if (state->reader == 1) {
        if (inserts_of(state->snapshot, &twice) != state->snapshot_inserts || twice)
            return "a snapshot has changed, or is of no moment";
    }
    if ((needed(state) & state->stored & ~state->files) != 0)
        return "a file is gone, and somebody needs it";
    for (unsigned m = 0; m < 2; m++) {
        if ((state->manifest[m] & ~state->files) != 0)
            return "a manifest names a file that is gone";
        if ((state->manifest[m] & ~state->durable) != 0)
            return "a manifest names a file that is not durable";
    }
    return NULL;
}

static bool
is_final(const struct state *state)
{
    for (unsigned i = 0; i < INSERTERS; i++)
        if (state->inserter[i] != IS_DONE)
            return false;
    for (unsigned b = 1; b < 16; b++)
        if (state->place[b] > LOOSE)
            return false;
    return state->closed && state->reader == 2 && state->checkpointer == RESTS;
}

/* ---- Steps ---- */

static unsigned
loose_count(const struct state *state)
{
    unsigned count = 0;

    for (unsigned b = 1; b < 16; b++)
        count += state->place[b] == LOOSE;
    return count;
}

/* Files without references go, unless a manifest names them. */
static void
collect(const struct search *search, struct state *state)
{
    batches kept = needed(state);

    if (search->mistake == SNAPSHOT_KEEPS_NO_FILES)
        kept = batches_in(state) | state->cut;
    if (search->mistake == CUT_KEEPS_NO_FILES)
        kept = batches_in(state) | (state->reader == 1 ? state->snapshot : 0);
    kept |= state->manifest[0] | state->manifest[1];
    state->files &= kept;
    state->durable &= kept;
    state->stored &= needed(state);
}

static void visit(struct search *search, uint32_t from, const struct state *to);

static void
step_inserters(struct search *search, uint32_t from, const struct state *at)
{
    for (unsigned i = 0; i < INSERTERS; i++) {
        struct state next = *at;

        if (at->inserter[i] == INSERTS) {
            const unsigned n = i * BATCHES / INSERTERS + at->inserted[i];

            if (at->closed) {
                next.inserter[i] = IS_DONE;
            } else {
                next.place[1u << n] = LOOSE;
                next.inserted[i]++;
                next.inserter[i] = loose_count(&next) >= LIMIT ? WAITS : INSERTS;
            }
            if (next.inserter[i] == INSERTS && next.inserted[i] == BATCHES / INSERTERS)
                next.inserter[i] = IS_DONE;
            visit(search, from, &next);
        }
    }
}

/* Those who wait for room look again. */
static void
wake(struct state *state)
{
    for (unsigned i = 0; i < INSERTERS; i++)
        if (state->inserter[i] == WAITS && (loose_count(state) < LIMIT || state->closed))
            state->inserter[i] =
                state->inserted[i] == BATCHES / INSERTERS ? IS_DONE : INSERTS;
}

static void
publish(struct search *search, uint32_t from, const struct state *at, unsigned worker,
        unsigned output)
{
    struct state next = *at;

    if (search->mistake == OUTPUT_BEFORE_INPUTS_GO && at->half[worker] == 0) {
        next.place[output] = LOOSE;
        next.half[worker] = (uint8_t)output;
        visit(search, from, &next);
        return;
    }
    for (unsigned b = 1; b < 16; b++)
        if (next.place[b] == IN_TASK + worker)
            next.place[b] = NOWHERE;
    next.place[output] = LOOSE;
    next.half[worker] = 0;
    if (search->mistake != NO_WAKE_FOR_ROOM)
        wake(&next);
    collect(search, &next);
    visit(search, from, &next);
    /* The same of an output that went to a file. */
    next.files |= (batches)(1u << output);
    next.stored |= (batches)(1u << output);
    visit(search, from, &next);
}

static void
step_workers(struct search *search, uint32_t from, const struct state *at)
{
    for (unsigned w = 0; w < WORKERS; w++) {
        struct state next = *at;
        unsigned output = 0;

        for (unsigned b = 1; b < 16; b++)
            if (at->place[b] == IN_TASK + w)
                output |= b;
        if (output != 0) {
            /* It fails, or is given up on close: the inputs are loose again. */
            for (unsigned b = 1; b < 16; b++)
                if (next.place[b] == IN_TASK + w)
                    next.place[b] = LOOSE;
            if (at->half[w] == 0)
                visit(search, from, &next);
            if (!at->closed)
                publish(search, from, at, w, output);
        } else if (!at->closed && loose_count(at) >= 2) {
            /* Any two of the loose ones. */
            for (unsigned a = 1; a < 16; a++)
                for (unsigned b = a + 1; b < 16; b++)
                    if (at->place[a] == LOOSE && at->place[b] == LOOSE) {
                        next = *at;
                        next.place[a] = next.place[b] = (uint8_t)(IN_TASK + w);
                        if (search->mistake != NO_WAKE_FOR_ROOM)
                            wake(&next);
                        visit(search, from, &next);
                    }
        }
    }
}

static void
step_reader(struct search *search, uint32_t from, const struct state *at)
{
    struct state next = *at;

    if (at->reader == 2)
        return;
    if (at->reader == 0) {
        next.snapshot = batches_in(at);
        next.snapshot_inserts = (uint8_t)inserts_done(at);
    } else {
        next.snapshot = 0;
        next.snapshot_inserts = 0;
    }
    next.reader++;
    collect(search, &next);
    visit(search, from, &next);
}

static void
step_checkpointer(struct search *search, uint32_t from, const struct state *at)
{
    const enum mistake mistake = search->mistake;
    struct state next = *at;

    switch ((enum checkpointer)at->checkpointer) {
    case RESTS:
        if (at->checkpoints == CHECKPOINTS || at->closed || batches_in(at) == 0)
            return;
        next.cut = batches_in(at);
        next.checkpointer = HAS_CUT;
        break;
    case HAS_CUT:
        next.files |= at->cut;
        next.checkpointer = HAS_WRITTEN;
        break;
    case HAS_WRITTEN:
        if (mistake != MANIFEST_BEFORE_SYNC)
            next.durable |= at->cut & at->files;
        next.checkpointer = HAS_SYNCED;
        break;
    case HAS_SYNCED:
        next.manifest[1] = at->manifest[0];
        next.manifest[0] = at->cut;
        next.checkpoints++;
        next.checkpointer = HAS_PUT;
        break;
    case HAS_PUT:
        if (mistake == FILES_BEFORE_MANIFEST)
            next.files &= (batches) ~(at->manifest[1] & ~at->manifest[0]);
        else
            next.manifest[1] = 0;
        next.checkpointer = HAS_FORGOTTEN;
        break;
    case HAS_FORGOTTEN:
        next.manifest[1] = 0;
        next.cut = 0;
        next.checkpointer = RESTS;
        break;
    }
    if (mistake == CUT_HOLDS_NOTHING && next.checkpointer == HAS_WRITTEN) {
        /* What has been merged away by now is not written. */
        next.files = at->files | (at->cut & batches_in(at));
    }
    if (next.checkpointer == RESTS)
        collect(search, &next);
    visit(search, from, &next);
}

static void
step_close(struct search *search, uint32_t from, const struct state *at)
{
    struct state next = *at;

    if (at->closed)
        return;
    next.closed = 1;
    if (search->mistake != NO_WAKE_ON_CLOSE)
        wake(&next);
    visit(search, from, &next);
}

/* ---- The search ---- */

static uint32_t
hash_of(const struct state *state)
{
    const uint8_t *bytes = (const uint8_t *)state;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < sizeof *state; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash >> 32 ^ hash);
}

static void
add_edge(struct search *search, uint32_t from, uint32_t to)
{
    if (search->edge_count == search->edge_room) {
        search->edge_room = search->edge_room * 2 + 1024;
        search->edges =
            realloc(search->edges, search->edge_room * sizeof search->edges[0]);
        assert_non_null(search->edges);
    }
    search->edges[search->edge_count][0] = from;
    search->edges[search->edge_count++][1] = to;
}

static void
visit(struct search *search, uint32_t from, const struct state *to)
{
    uint32_t at = hash_of(to) % (2 * STATES_MAX);

    while (search->table[at] != 0 &&
           memcmp(&search->states[search->table[at] - 1], to, sizeof *to) != 0)
        at = (at + 1) % (2 * STATES_MAX);
    if (search->table[at] == 0) {
        assert_true(search->state_count < STATES_MAX);
        search->states[search->state_count++] = *to;
        search->table[at] = (uint32_t)search->state_count;
        if (search->violation == NULL)
            search->violation = violation(to);
    }
    add_edge(search, from, search->table[at] - 1);
}

static bool
nobody_waits(const struct state *state)
{
    for (unsigned i = 0; i < INSERTERS; i++)
        if (state->inserter[i] == WAITS)
            return false;
    return true;
}

/* Can a state of which `is_goal` holds be reached from every state? Backwards along the
 * steps, but for closes if those do not count, until nothing is added. */
static bool
all_reach(const struct search *search, bool (*is_goal)(const struct state *state),
          bool by_closing)
{
    bool *reaches = calloc(search->state_count, sizeof *reaches), more = true;
    const struct state *states = search->states;
    bool all = true;

    assert_non_null(reaches);
    for (size_t i = 0; i < search->state_count; i++)
        reaches[i] = is_goal(&states[i]);
    while (more) {
        more = false;
        for (size_t i = search->edge_count; i-- > 0;) {
            const uint32_t from = search->edges[i][0], to = search->edges[i][1];

            if (reaches[to] && !reaches[from] &&
                (by_closing || states[from].closed == states[to].closed))
                more = reaches[from] = true;
        }
    }
    for (size_t i = 0; i < search->state_count; i++)
        all = all && reaches[i];
    free(reaches);
    return all;
}

/* What is wrong with the model; NULL: nothing. */
static const char *
explore(enum mistake mistake, size_t *states)
{
    struct search search = {.mistake = mistake};
    const struct state first = {0};
    const char *wrong;

    search.states = malloc(STATES_MAX * sizeof *search.states);
    search.table = calloc(2 * (size_t)STATES_MAX, sizeof *search.table);
    assert_true(search.states != NULL && search.table != NULL);
    visit(&search, 0, &first);
    for (uint32_t i = 0; i < search.state_count && search.violation == NULL; i++) {
        const struct state at = search.states[i];

        step_inserters(&search, i, &at);
        step_workers(&search, i, &at);
        step_reader(&search, i, &at);
        step_checkpointer(&search, i, &at);
        step_close(&search, i, &at);
    }
    wrong = search.violation;
    if (wrong == NULL && !all_reach(&search, is_final, true))
        wrong = "closing does not end";
    if (wrong == NULL && !all_reach(&search, nobody_waits, false))
        wrong = "backpressure does not end";
    *states = search.state_count;
    free(search.states);
    free(search.table);
    free(search.edges);
    return wrong;
}

static void
test_the_hand_off_is_right(void **state)
{
    size_t states;
    const char *wrong = explore(NONE, &states);

    (void)state;
    if (wrong != NULL)
        fail_msg("%s", wrong);
    printf("%zu states\n", states);
    figure_add("states of the model", states);
    assert_true(states > 10000);
}

static void
test_mistakes_are_noticed(void **state)
{
    unsigned caught = 0;

    (void)state;
    for (enum mistake mistake = NONE + 1; mistake < MISTAKES; mistake++) {
        size_t states;
        const char *wrong = explore(mistake, &states);

        printf("%s: %s, after %zu states\n", mistakes[mistake],
               wrong != NULL ? wrong : "not noticed", states);
        caught += wrong != NULL;
    }
    assert_int_equal(caught, MISTAKES - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hand_off_is_right),
        cmocka_unit_test(test_mistakes_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
