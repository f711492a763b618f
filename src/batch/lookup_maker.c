/* SPDX-License-Identifier: MIT */

/*
 * Keys are collected by the owner, and become lookup filters by the owner, or by a thread
 * to which their arrays go: two wait for it at most, and one comes back to be filled.
 */

#include "batch/lookup_maker.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/thread.h"
#include "batch/key_codes.h"

/* Keys of a filter, and up to a block more. */
#define LOOKUP_KEYS 32768u
#define CODES_MAX ((size_t)LOOKUP_KEYS + BLOCK_ROWS)
/* Filters of files let ten times as many absent keys pass as filters in memory, and at
 * most a quarter: smaller filters leave room in the cache, which saves more reads than
 * larger ones would. */
#define FILE_TIMES 10
#define FILE_RATE_MAX 0.25
/* Filters whose keys are there, and that the thread has not made. */
#define LOOKUPS_WAITING 2u

/* Codes of the keys of a filter (batch/key_codes.h), which begins with a block. */
struct lookup_keys {
    size_t count;
    size_t room;
    uint32_t first_block;
    uint64_t codes[];
};

/* A filter that is yet to be written. */
struct kept_lookup {
    uint32_t first_block;
    size_t bytes;
};

/* Filters that are made, their images one behind the other. Zero at first. */
struct kept_lookups {
    struct kept_lookup *lookups;
    size_t count, capacity;
    uint8_t *images;
    size_t image_bytes, image_capacity;
};

struct lookup_maker {
    /* The owner's. */
    struct layout layout;
    struct lookup_options options;
    double bits_per_key; /* of these */
    uint32_t block_count;
    struct lookup_keys *filling;
    /* The filters that are being written. */
    struct kept_lookups taken;
    bool has_thread;
    struct thread thread;

    /* Without a thread nobody locks. */
    struct mutex mutex;
    /* Keys wait for the thread, or it ends; it has made a filter. */
    struct condition given, made;
    struct {
        /* In the order of their blocks; the first one may be under way. */
        struct lookup_keys *waiting[LOOKUPS_WAITING];
        size_t waiting_count;
        /* To be filled again; NULL: none. */
        struct lookup_keys *unused;
        struct kept_lookups kept;
        /* The first filter that could not be made. */
        enum spine_status status;
        bool ends;
    } locked;
};

static struct lookup_keys *keys_new(size_t room);
static void keys_free(struct lookup_keys *keys);
static void start_maker(struct lookup_maker *maker);
static void end_maker(struct lookup_maker *maker);
static void make_lookups(void *argument);
static enum spine_status
give_or_make(struct lookup_maker *maker, struct spine_error *error);
static enum spine_status give_keys(struct lookup_maker *maker);
static enum spine_status make_lookup(const struct lookup_maker *maker,
                                     const struct lookup_keys *keys, struct lookup **out);
static enum spine_status keep_lookup(struct kept_lookups *kept,
                                     const struct lookup_keys *keys,
                                     const struct lookup *lookup);
static void kept_release(struct kept_lookups *kept);
static void maker_lock(struct lookup_maker *maker);
static void maker_unlock(struct lookup_maker *maker);

enum spine_status
lookup_maker_new(const struct layout *layout, const struct lookup_options *options,
                 uint64_t rows_max, bool by_own_thread, struct lookup_maker **out,
                 struct spine_error *error)
{
    const size_t room = rows_max < CODES_MAX ? (size_t)rows_max : CODES_MAX;
    const double rate = FILE_TIMES * options->false_positive_rate;
    const struct lookup_options in_file = {
        .false_positive_rate = rate < FILE_RATE_MAX ? rate : FILE_RATE_MAX};
    struct lookup_maker *maker = mem_zalloc(sizeof *maker);
    struct lookup_keys *keys = keys_new(room);

    *out = maker;
    if (maker == NULL || keys == NULL) {
        mem_free(maker, sizeof *maker);
        keys_free(keys);
        *out = NULL;
        return fail_nomem(error, "the keys of a filter", room * sizeof keys->codes[0]);
    }
    maker->layout = *layout;
    maker->options = *options;
    maker->bits_per_key = lookup_bits_per_key(&in_file);
    maker->filling = keys;
    if (by_own_thread)
        start_maker(maker);
    return SPINE_OK;
}

static struct lookup_keys *
keys_new(size_t room)
{
    struct lookup_keys *keys = mem_alloc(sizeof *keys + room * sizeof keys->codes[0]);

    if (keys != NULL) {
        keys->count = 0;
        keys->room = room;
        keys->first_block = 0;
    }
    return keys;
}

static void
keys_free(struct lookup_keys *keys)
{
    if (keys != NULL)
        mem_free(keys, sizeof *keys + keys->room * sizeof keys->codes[0]);
}

/* All keys of the block but the one that the block before has, too. */
enum spine_status
lookup_maker_add(struct lookup_maker *maker, const struct image *image,
                 struct spine_error *error)
{
    const struct column keys = image_keys(image);
    struct lookup_keys *filling = maker->filling;
    uint64_t *to = filling->codes + filling->count;

    assert(filling->count + image->key_count <= filling->room);
    if (!key_codes(&maker->layout.key, &keys, 0, image->key_count, to))
        return fail_nomem(error, "keys of a lookup filter", image->key_count);
    if (filling->count > 0 && to[0] == to[-1]) {
        memmove(to, to + 1, (image->key_count - 1) * sizeof *to);
        filling->count--;
    }
    filling->count += image->key_count;
    maker->block_count++;
    return filling->count >= LOOKUP_KEYS ? give_or_make(maker, error) : SPINE_OK;
}

enum spine_status
lookup_maker_end(struct lookup_maker *maker, struct spine_error *error)
{
    enum spine_status st;

    TRY_RETURN(give_or_make(maker, error));
    maker_lock(maker);
    while (maker->locked.waiting_count > 0)
        condition_wait(&maker->made, &maker->mutex);
    st = maker->locked.status;
    maker_unlock(maker);
    return st == SPINE_OK ? st : fail_nomem(error, "a lookup filter", LOOKUP_KEYS);
}

size_t
lookup_maker_bytes(struct lookup_maker *maker)
{
    size_t bytes;

    maker_lock(maker);
    bytes = maker->locked.kept.image_bytes;
    maker_unlock(maker);
    return bytes;
}

/* What the thread makes meanwhile goes to the arrays that were written before. */
enum spine_status
lookup_maker_write(struct lookup_maker *maker, struct store_writer *file,
                   struct spine_error *error)
{
    struct kept_lookups *taken = &maker->taken;
    const int64_t apart = mem_apart_begin();
    const uint8_t *from;
    enum spine_status st = SPINE_OK;

    maker_lock(maker);
    const struct kept_lookups empty = *taken;

    *taken = maker->locked.kept;
    maker->locked.kept = empty;
    maker_unlock(maker);
    from = taken->images;
    for (size_t i = 0; st == SPINE_OK && i < taken->count; i++) {
        const struct kept_lookup *filter = &taken->lookups[i];

        st = store_writer_filter(file, filter->first_block, from, filter->bytes, error);
        if (st == SPINE_OK)
            store_writer_keep_filter(file, from, filter->bytes,
                                     i + 1 < taken->count ? filter[1].first_block
                                                          : maker->block_count);
        from += filter->bytes;
    }
    taken->count = 0;
    taken->image_bytes = 0;
    mem_apart_end(apart);
    return st;
}

void
lookup_maker_free(struct lookup_maker *maker)
{
    if (maker == NULL)
        return;
    if (maker->has_thread)
        end_maker(maker);
    kept_release(&maker->locked.kept);
    kept_release(&maker->taken);
    keys_free(maker->locked.unused);
    keys_free(maker->filling);
    mem_free(maker, sizeof *maker);
}

/* Without one the owner makes the filters. */
static void
start_maker(struct lookup_maker *maker)
{
    if (mutex_init(&maker->mutex) != SPINE_OK)
        return;
    if (condition_init(&maker->given) != SPINE_OK)
        goto no_given;
    if (condition_init(&maker->made) != SPINE_OK)
        goto no_made;
    maker->has_thread = true;
    if (thread_start(&maker->thread, make_lookups, maker) == 0)
        return;
    maker->has_thread = false;
    condition_release(&maker->made);
no_made:
    condition_release(&maker->given);
no_given:
    mutex_release(&maker->mutex);
}

/* What waits is not made any more. */
static void
end_maker(struct lookup_maker *maker)
{
    mutex_lock(&maker->mutex);
    maker->locked.ends = true;
    condition_signal(&maker->given);
    mutex_unlock(&maker->mutex);
    thread_join(&maker->thread);
    for (size_t i = 0; i < maker->locked.waiting_count; i++)
        keys_free(maker->locked.waiting[i]);
    condition_release(&maker->made);
    condition_release(&maker->given);
    mutex_release(&maker->mutex);
}

/* In the thread. */
static void
make_lookups(void *argument)
{
    struct lookup_maker *maker = argument;

    mutex_lock(&maker->mutex);
    for (;;) {
        struct lookup_keys *keys;
        struct lookup *lookup;
        enum spine_status st;

        while (maker->locked.waiting_count == 0 && !maker->locked.ends)
            condition_wait(&maker->given, &maker->mutex);
        if (maker->locked.ends)
            break;
        keys = maker->locked.waiting[0];
        mutex_unlock(&maker->mutex);
        st = make_lookup(maker, keys, &lookup);
        mutex_lock(&maker->mutex);
        if (st == SPINE_OK)
            st = keep_lookup(&maker->locked.kept, keys, lookup);
        lookup_unref(lookup);
        if (maker->locked.status == SPINE_OK)
            maker->locked.status = st;
        maker->locked.waiting_count--;
        memmove(maker->locked.waiting, maker->locked.waiting + 1,
                maker->locked.waiting_count * sizeof maker->locked.waiting[0]);
        if (maker->locked.unused == NULL)
            maker->locked.unused = keys;
        else
            keys_free(keys);
        condition_signal(&maker->made);
    }
    mutex_unlock(&maker->mutex);
}

/* The keys that there are become a filter, now or soon. */
static enum spine_status
give_or_make(struct lookup_maker *maker, struct spine_error *error)
{
    struct lookup_keys *keys = maker->filling;
    struct lookup *lookup = NULL;
    enum spine_status st;

    if (keys->count == 0)
        return SPINE_OK;
    if (maker->has_thread) {
        st = give_keys(maker);
    } else {
        st = make_lookup(maker, keys, &lookup);
        if (st == SPINE_OK)
            st = keep_lookup(&maker->locked.kept, keys, lookup);
        lookup_unref(lookup);
    }
    if (st != SPINE_OK)
        return fail_nomem(error, "a lookup filter", LOOKUP_KEYS);
    maker->filling->count = 0;
    maker->filling->first_block = maker->block_count;
    return SPINE_OK;
}

/* Gives the keys to the thread, which has room, and takes others to be filled. */
static enum spine_status
give_keys(struct lookup_maker *maker)
{
    struct lookup_keys *next;
    enum spine_status st;

    mutex_lock(&maker->mutex);
    while (maker->locked.waiting_count == LOOKUPS_WAITING)
        condition_wait(&maker->made, &maker->mutex);
    st = maker->locked.status;
    next = maker->locked.unused;
    maker->locked.unused = NULL;
    if (st == SPINE_OK && next == NULL) {
        next = keys_new(maker->filling->room);
        st = next != NULL ? SPINE_OK : SPINE_NOMEM;
    }
    if (st == SPINE_OK) {
        maker->locked.waiting[maker->locked.waiting_count++] = maker->filling;
        maker->filling = next;
        condition_signal(&maker->given);
    } else {
        keys_free(next);
    }
    mutex_unlock(&maker->mutex);
    return st;
}

/* `*out` is NULL when there is no memory. */
static enum spine_status
make_lookup(const struct lookup_maker *maker, const struct lookup_keys *keys,
            struct lookup **out)
{
    const struct cell_layout *layout = &maker->layout.key;
    const bool words = key_codes_are_words(layout);
    const struct lookup_facts facts = {.rows = UINT64_MAX,
                                       .keys = keys->count,
                                       .bits_per_key = maker->bits_per_key,
                                       .words = words,
                                       .word_min = words ? keys->codes[0] : 0,
                                       .word_max =
                                           words ? keys->codes[keys->count - 1] : 0};
    enum spine_status st = lookup_new(out, &facts, &maker->options);

    if (st == SPINE_OK) {
        key_codes_add(layout, keys->codes, keys->count, *out);
        st = lookup_finish(*out);
    }
    return st;
}

static enum spine_status
keep_lookup(struct kept_lookups *kept, const struct lookup_keys *keys,
            const struct lookup *lookup)
{
    const size_t bytes = lookup_image_bytes(lookup);

    if (!array_reserve(&kept->lookups, &kept->capacity, sizeof *kept->lookups,
                       kept->count + 1) ||
        !array_reserve(&kept->images, &kept->image_capacity, 1,
                       kept->image_bytes + bytes))
        return SPINE_NOMEM;
    lookup_image_write(lookup, keys->count, kept->images + kept->image_bytes);
    kept->lookups[kept->count++] =
        (struct kept_lookup){.first_block = keys->first_block, .bytes = bytes};
    kept->image_bytes += bytes;
    return SPINE_OK;
}

static void
kept_release(struct kept_lookups *kept)
{
    mem_free(kept->lookups, kept->capacity * sizeof *kept->lookups);
    mem_free(kept->images, kept->image_capacity);
}

static void
maker_lock(struct lookup_maker *maker)
{
    if (maker->has_thread)
        mutex_lock(&maker->mutex);
}

static void
maker_unlock(struct lookup_maker *maker)
{
    if (maker->has_thread)
        mutex_unlock(&maker->mutex);
}
