/* SPDX-License-Identifier: MIT */

/*
 * Sets of entries: treaps in the order of levels and sequences, in which each node knows
 * the sums of what is below it. So sets are united, cut and summed up in steps that grow
 * with the logarithm of their size, and nothing is allocated but an entry, at its birth.
 */

#include "entry.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"
#include "base/steps.h"

/* The low bits of an ordinal are the sequence; the bits above are the level. */
#define SEQUENCE_BITS 60u
#define SEQUENCE_MAX ((UINT64_C(1) << SEQUENCE_BITS) - 1)

static_assert(SPINE_LEVELS <= 1u << (64 - SEQUENCE_BITS),
              "an ordinal has room for a level");

static uint64_t ordinal_at(unsigned level, uint64_t sequence);
static uint64_t ordinal_of(const struct entry *entry);
static uint64_t heap_rank(const struct entry *entry);
static struct entry_sums sums_of(const struct entry *tree);
static struct entry_sums sums_add(const struct entry_sums *a, const struct entry_sums *b);
static struct entry_sums sums_of_entry(const struct entry *entry);
static void tree_update(struct entry *tree);
static void tree_split(struct entry *tree, uint64_t ordinal, struct entry **lesser,
                       struct entry **greater);
static void tree_split_count(struct entry *tree, size_t count, struct entry **lesser,
                             struct entry **greater);
static struct entry *tree_join(struct entry *lesser, struct entry *greater);
static struct entry *tree_unite(struct entry *a, struct entry *b);
static struct entry_sums tree_sums_from(const struct entry *tree, uint64_t first);
static struct entry_sums tree_sums_until(const struct entry *tree, uint64_t last);
static struct entry_sums
tree_sums(const struct entry *tree, uint64_t first, uint64_t last);
static void tree_each(struct entry *tree, uint64_t first, uint64_t last,
                      entry_fn *on_entry, void *context);
static struct entry *tree_chain(struct entry *tree, struct entry *rest);

const struct entry_range entries_all = {
    .level_begin = 0, .level_end = SPINE_LEVELS, .first = 0, .last = UINT64_MAX};

struct entry_sums
entry_set_sums(const struct entry_set *set)
{
    return sums_of(set->top);
}

struct entry_sums
entry_set_sums_in(const struct entry_set *set, struct entry_range range)
{
    struct entry_sums sums = {0};

    for (unsigned level = range.level_begin; level < range.level_end; level++) {
        const struct entry_sums of_level = tree_sums(
            set->top, ordinal_at(level, range.first), ordinal_at(level, range.last));

        sums = sums_add(&sums, &of_level);
    }
    return sums;
}

struct entry_sums
entry_set_level(const struct entry_set *set, unsigned level)
{
    assert(level < SPINE_LEVELS);
    return tree_sums(set->top, ordinal_at(level, 0), ordinal_at(level, SEQUENCE_MAX));
}

unsigned
entry_set_top_level(const struct entry_set *set)
{
    const struct entry *entry = set->top;

    while (entry != NULL && entry->greater != NULL) {
        steps_count();
        entry = entry->greater;
    }
    return entry != NULL ? entry->level : 0;
}

struct entry *
entry_set_largest(const struct entry_set *set)
{
    const uint64_t rows = sums_of(set->top).rows_most;
    struct entry *entry = set->top;

    while (entry != NULL && entry->batch->info.rows != rows) {
        steps_count();
        entry = sums_of(entry->lesser).rows_most == rows ? entry->lesser : entry->greater;
    }
    return entry;
}

uint64_t
entry_set_next(const struct entry_set *set, uint64_t sequence)
{
    uint64_t next = UINT64_MAX;

    for (unsigned level = 0; set->top != NULL && level < SPINE_LEVELS; level++) {
        const uint64_t ordinal = ordinal_at(level, sequence);

        for (const struct entry *at = set->top; at != NULL;) {
            const bool is_behind = ordinal_of(at) > ordinal;

            steps_count();
            if (is_behind && at->level == level && at->sequence < next)
                next = at->sequence;
            at = is_behind ? at->lesser : at->greater;
        }
    }
    return next;
}

void
entry_set_each(const struct entry_set *set, struct entry_range range, entry_fn *on_entry,
               void *context)
{
    for (unsigned level = range.level_begin; level < range.level_end; level++)
        tree_each(set->top, ordinal_at(level, range.first), ordinal_at(level, range.last),
                  on_entry, context);
}

bool
entry_adds_up(const struct entry *entry)
{
    struct entry copy = *entry;

    tree_update(&copy);
    return memcmp(&copy.sums, &entry->sums, sizeof copy.sums) == 0;
}

void
entry_set_add(struct entry_set *set, struct entry *entry)
{
    assert(0 < entry->sequence && entry->sequence <= SEQUENCE_MAX);
    assert(entry->level < SPINE_LEVELS);
    entry->lesser = NULL;
    entry->greater = NULL;
    tree_update(entry);
    set->top = tree_unite(set->top, entry);
}

struct entry *
entry_set_take_any(struct entry_set *set)
{
    struct entry *entry = set->top;

    if (entry != NULL)
        set->top = tree_join(entry->lesser, entry->greater);
    return entry;
}

void
entry_set_take(struct entry_set *from, struct entry_range range, size_t count_max,
               struct entry_set *to)
{
    for (unsigned level = range.level_begin; level < range.level_end; level++) {
        const uint64_t first = ordinal_at(level, range.first);
        struct entry *lesser = NULL, *taken, *left, *greater;

        tree_split(from->top, ordinal_at(level, range.last), &taken, &greater);
        if (first > 0)
            tree_split(taken, first - 1, &lesser, &taken);
        tree_split_count(taken, count_max, &taken, &left);
        from->top = tree_join(tree_join(lesser, left), greater);
        to->top = tree_unite(to->top, taken);
    }
}

struct entry *
entry_set_take_batch(struct entry_set *set, unsigned level, uint64_t sequence,
                     const struct spine_batch *batch)
{
    struct entry_set at_ordinal = {0};
    struct entry *found = NULL;

    entry_set_take(set, (struct entry_range){level, level + 1, sequence, sequence},
                   SIZE_MAX, &at_ordinal);
    for (struct entry *entry = entry_set_take_chain(&at_ordinal); entry != NULL;) {
        struct entry *next = entry->greater;

        if (entry->batch == batch)
            found = entry;
        else
            entry_set_add(set, entry);
        entry = next;
    }
    return found;
}

void
entry_set_unite(struct entry_set *to, struct entry_set *from)
{
    to->top = tree_unite(to->top, from->top);
    from->top = NULL;
}

struct entry *
entry_set_take_chain(struct entry_set *set)
{
    struct entry *chain = tree_chain(set->top, NULL);

    set->top = NULL;
    return chain;
}

struct entry *
entry_new(struct spine_batch *batch)
{
    struct entry *entry = mem_zalloc(sizeof *entry);

    if (entry != NULL)
        entry->batch = spine_batch_ref(batch);
    return entry;
}

void
entry_free(struct entry *entry)
{
    if (entry == NULL)
        return;
    spine_batch_unref(entry->batch);
    mem_free(entry, sizeof *entry);
}

void
entry_set_free(struct entry_set *set)
{
    struct entry *entry = entry_set_take_chain(set);

    while (entry != NULL) {
        struct entry *next = entry->greater;

        entry_free(entry);
        entry = next;
    }
}

static uint64_t
ordinal_at(unsigned level, uint64_t sequence)
{
    return (uint64_t)level << SEQUENCE_BITS |
           (sequence < SEQUENCE_MAX ? sequence : SEQUENCE_MAX);
}

static uint64_t
ordinal_of(const struct entry *entry)
{
    return ordinal_at(entry->level, entry->sequence);
}

/* Where the entry stands in the heap: as good as random, so that the tree is balanced. */
static uint64_t
heap_rank(const struct entry *entry)
{
    struct random random = {.state = ordinal_of(entry)};

    return random_next(&random);
}

static struct entry_sums
sums_of(const struct entry *tree)
{
    return tree != NULL ? tree->sums : (struct entry_sums){0};
}

static struct entry_sums
sums_add(const struct entry_sums *a, const struct entry_sums *b)
{
    if (a->count == 0 || b->count == 0)
        return a->count == 0 ? *b : *a;
    return (struct entry_sums){
        .count = a->count + b->count,
        .rows = a->rows + b->rows,
        .negative_rows = a->negative_rows + b->negative_rows,
        .bytes = a->bytes + b->bytes,
        .storage_count = a->storage_count + b->storage_count,
        .storage_rows = a->storage_rows + b->storage_rows,
        .storage_bytes = a->storage_bytes + b->storage_bytes,
        .rows_most = a->rows_most > b->rows_most ? a->rows_most : b->rows_most,
        .sequence_least =
            a->sequence_least < b->sequence_least ? a->sequence_least : b->sequence_least,
        .sequence_most =
            a->sequence_most > b->sequence_most ? a->sequence_most : b->sequence_most,
    };
}

static struct entry_sums
sums_of_entry(const struct entry *entry)
{
    const struct spine_batch *batch = entry->batch;
    const struct spine_batch_info *info = &batch->info;

    return (struct entry_sums){.count = 1,
                               .rows = info->rows,
                               .negative_rows = info->negative_rows,
                               .bytes = info->bytes,
                               .storage_count = batch->elsewhere,
                               .storage_rows = batch->rows_elsewhere,
                               .storage_bytes = batch->bytes_elsewhere,
                               .rows_most = info->rows,
                               .sequence_least = entry->sequence,
                               .sequence_most = entry->sequence};
}

/* The parts of the tree have changed. */
static void
tree_update(struct entry *tree)
{
    steps_count();
    tree->sums = sums_of_entry(tree);
    if (tree->lesser != NULL)
        tree->sums = sums_add(&tree->sums, &tree->lesser->sums);
    if (tree->greater != NULL)
        tree->sums = sums_add(&tree->sums, &tree->greater->sums);
}

/* What is at or before `ordinal`, and the rest. */
static void
tree_split(struct entry *tree, uint64_t ordinal, struct entry **lesser,
           struct entry **greater)
{
    if (tree == NULL) {
        *lesser = NULL;
        *greater = NULL;
        return;
    }
    if (ordinal_of(tree) <= ordinal) {
        tree_split(tree->greater, ordinal, &tree->greater, greater);
        *lesser = tree;
    } else {
        tree_split(tree->lesser, ordinal, lesser, &tree->lesser);
        *greater = tree;
    }
    tree_update(tree);
}

/* The first `count`, and the rest. */
static void
tree_split_count(struct entry *tree, size_t count, struct entry **lesser,
                 struct entry **greater)
{
    if (tree == NULL || count >= tree->sums.count) {
        *lesser = tree;
        *greater = NULL;
        return;
    }

    const size_t before = sums_of(tree->lesser).count;

    if (count > before) {
        tree_split_count(tree->greater, count - before - 1, &tree->greater, greater);
        *lesser = tree;
    } else {
        tree_split_count(tree->lesser, count, lesser, &tree->lesser);
        *greater = tree;
    }
    tree_update(tree);
}

/* No ordinal of `lesser` is behind one of `greater`. */
static struct entry *
tree_join(struct entry *lesser, struct entry *greater)
{
    struct entry *top;

    if (lesser == NULL || greater == NULL)
        return lesser == NULL ? greater : lesser;
    if (heap_rank(lesser) > heap_rank(greater)) {
        top = lesser;
        top->greater = tree_join(top->greater, greater);
    } else {
        top = greater;
        top->lesser = tree_join(lesser, top->lesser);
    }
    tree_update(top);
    return top;
}

static struct entry *
tree_unite(struct entry *a, struct entry *b)
{
    struct entry *top, *other, *lesser, *greater;

    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    top = heap_rank(a) > heap_rank(b) ? a : b;
    other = top == a ? b : a;
    tree_split(other, ordinal_of(top), &lesser, &greater);
    top->lesser = tree_unite(top->lesser, lesser);
    top->greater = tree_unite(top->greater, greater);
    tree_update(top);
    return top;
}

/* Of what is at or behind `first`. */
static struct entry_sums
tree_sums_from(const struct entry *tree, uint64_t first)
{
    struct entry_sums sums = {0};

    while (tree != NULL) {
        const bool is_in = ordinal_of(tree) >= first;

        steps_count();
        if (is_in) {
            const struct entry_sums of_entry = sums_of_entry(tree);
            const struct entry_sums of_greater = sums_of(tree->greater);

            sums = sums_add(&sums, &of_entry);
            sums = sums_add(&sums, &of_greater);
        }
        tree = is_in ? tree->lesser : tree->greater;
    }
    return sums;
}

/* Of what is at or before `last`. */
static struct entry_sums
tree_sums_until(const struct entry *tree, uint64_t last)
{
    struct entry_sums sums = {0};

    while (tree != NULL) {
        const bool is_in = ordinal_of(tree) <= last;

        steps_count();
        if (is_in) {
            const struct entry_sums of_entry = sums_of_entry(tree);
            const struct entry_sums of_lesser = sums_of(tree->lesser);

            sums = sums_add(&sums, &of_entry);
            sums = sums_add(&sums, &of_lesser);
        }
        tree = is_in ? tree->greater : tree->lesser;
    }
    return sums;
}

static struct entry_sums
tree_sums(const struct entry *tree, uint64_t first, uint64_t last)
{
    struct entry_sums sums = {0}, part;

    /* To the entry that has ordinals of the range on both sides. */
    while (tree != NULL && (ordinal_of(tree) < first || ordinal_of(tree) > last)) {
        steps_count();
        tree = ordinal_of(tree) < first ? tree->greater : tree->lesser;
    }
    if (tree == NULL)
        return sums;
    sums = sums_of_entry(tree);
    part = tree_sums_from(tree->lesser, first);
    sums = sums_add(&sums, &part);
    part = tree_sums_until(tree->greater, last);
    return sums_add(&sums, &part);
}

static void
tree_each(struct entry *tree, uint64_t first, uint64_t last, entry_fn *on_entry,
          void *context)
{
    while (tree != NULL) {
        const uint64_t ordinal = ordinal_of(tree);

        steps_count();
        if (ordinal >= first)
            tree_each(tree->lesser, first, last, on_entry, context);
        if (first <= ordinal && ordinal <= last)
            on_entry(tree, context);
        if (ordinal > last)
            break;
        tree = tree->greater;
    }
}

/* The tree as a chain by `greater`, before `rest`. */
static struct entry *
tree_chain(struct entry *tree, struct entry *rest)
{
    while (tree != NULL) {
        struct entry *lesser = tree->lesser;

        steps_count();
        tree->greater = tree_chain(tree->greater, rest);
        tree->lesser = NULL;
        rest = tree;
        tree = lesser;
    }
    return rest;
}
