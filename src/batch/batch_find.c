/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

/*
 * Ascending words are searched in groups, and every group goes through steps
 *
 *     locate   marks          the stretch of each word; asks for its fence
 *     guess    fence          where in the stretch; asks for the keys around it
 *     finish   keys           the key that is equal, if any; asks for its ends
 *     give     ends           its rows; asks for its values
 *
 * while other groups are at other steps: so what a step asks for is there when the next
 * one begins, and many cache misses overlap. Among the marks all words of a group halve
 * their intervals together, without a branch to guess. The stretches of a group end where
 * its last word is, found by doubling steps from where the group before ended; so words
 * that lie close together cost little.
 */
#define GROUP 16u
#define STEPS 4u
#define LINE_BYTES 64

/* A group of ascending words, and what is known of each so far. */
struct group {
    uint32_t count;
    uint32_t key[GROUP];
    uint64_t word[GROUP];
    const struct fence *fence[GROUP];
    const struct image *image[GROUP];
    /* The number of its stretch; then that of its key in the block. */
    uint32_t at[GROUP];
    struct stretch stretch[GROUP];
};

/* The search of one batch. */
struct find {
    const struct spine_batch *batch;
    /* NULL: all blocks are in memory. */
    const struct held_blocks *held;
    const struct probe_keys *keys;
    const uint32_t *candidates;
    size_t count;
    /* The stretch of the last word that was located. */
    size_t near;
};

static void locate(struct find *find, size_t begin, struct group *group);
static void find_stretches(struct find *find, struct group *group);
static void guess(const struct find *find, struct group *group);
static void finish(const struct find *find, struct group *group);
static void find_mixed(const struct find *find, struct group *group);
static size_t give(const struct find *find, const struct group *group, struct hit *to);

size_t
batch_find_words(const struct spine_batch *batch, const struct held_blocks *held,
                 const struct probe_keys *keys, const uint32_t *candidates, size_t count,
                 struct hit *hits)
{
    struct find find = {.batch = batch,
                        .held = held,
                        .keys = keys,
                        .candidates = candidates,
                        .count = count};
    struct group groups[STEPS];
    size_t hit_count = 0;

    if (count == 0)
        return 0;
    for (size_t i = 0; i < STEPS; i++)
        groups[i].count = 0;
    /* After the last group come empty ones that push it through the steps. */
    for (size_t turn = 0; turn * GROUP < count + (STEPS - 1) * GROUP; turn++) {
        locate(&find, turn * GROUP, &groups[turn % STEPS]);
        guess(&find, &groups[(turn + 3) % STEPS]);
        finish(&find, &groups[(turn + 2) % STEPS]);
        hit_count += give(&find, &groups[(turn + 1) % STEPS], hits + hit_count);
    }
    return hit_count;
}

/* Takes the candidates from `begin` on in; those that are greater than all keys of the
 * batch are left out. */
static void
locate(struct find *find, size_t begin, struct group *group)
{
    const struct spine_batch *batch = find->batch;
    const size_t left = begin < find->count ? find->count - begin : 0;

    group->count = left < GROUP ? (uint32_t)left : GROUP;
    if (find->near == batch->block_count * BLOCK_MARKS)
        group->count = 0;
    if (group->count == 0)
        return;
    for (uint32_t i = 0; i < group->count; i++) {
        group->key[i] = find->candidates[begin + i];
        group->word[i] = find->keys->words[group->key[i]];
    }
    find_stretches(find, group);
    while (group->count > 0 &&
           group->at[group->count - 1] == batch->block_count * BLOCK_MARKS)
        group->count--;
    for (uint32_t i = 0; i < group->count; i++) {
        group->fence[i] = &batch->fences[group->at[i] / BLOCK_MARKS];
        __builtin_prefetch(group->fence[i]);
    }
}

/* The stretch of each word: the first whose mark is not less. */
static void
find_stretches(struct find *find, struct group *group)
{
    const uint64_t *marks = find->batch->marks + 1;
    const size_t count = find->batch->block_count * BLOCK_MARKS;
    const uint64_t greatest = group->word[group->count - 1];
    const size_t low = find->near;
    size_t step = 1, length;

    /* Stretch `low + step - 1` is the first looked at that reaches the greatest. */
    while (low + step - 1 < count && marks[low + step - 1] < greatest)
        step *= 2;
    length = low + step < count ? step : count - low;
    memset(group->at, 0, sizeof group->at);
    for (marks += low; length > 1; length -= length / 2) {
        const uint32_t half = (uint32_t)length / 2;

        for (uint32_t i = 0; i < group->count; i++) {
            const uint32_t less = marks[group->at[i] + half - 1] < group->word[i];

            group->at[i] += half & (0 - less);
        }
    }
    for (uint32_t i = 0; i < group->count; i++)
        group->at[i] += (uint32_t)low + (marks[group->at[i]] < group->word[i]);
    find->near = group->at[group->count - 1];
}

static inline void
prefetch_head(const struct image *image)
{
    static_assert(IMAGE_HEAD_BYTES <= 2 * LINE_BYTES, "two lines are asked for");
    __builtin_prefetch(image);
    __builtin_prefetch((const uint8_t *)image + LINE_BYTES);
}

/* Where the words of the keys lie. */
static inline const void *
words_of(const struct image *image)
{
    return image_key_words(image);
}

#define FIND_NAME(step) word4_##step
#define FIND_KEYS const uint32_t *
#define FIND_KEYS_OF(image) words_of(image)
#define FIND_WORD(keys, at) (keys)[at]
#define FIND_BITS(fence) 32
#include "batch/find_template.h"

#define FIND_NAME(step) word8_##step
#define FIND_KEYS const uint64_t *
#define FIND_KEYS_OF(image) words_of(image)
#define FIND_WORD(keys, at) (keys)[at]
#define FIND_BITS(fence) 64
#include "batch/find_template.h"

#define FIND_NAME(step) framed_##step
#define FIND_KEYS const struct frame *
#define FIND_KEYS_OF(image) &(image)->key_frame
#define FIND_WORD(keys, at) frame_word(keys, at)
#define FIND_BITS(fence) (fence)->key_width
#include "batch/find_template.h"

/* Keys of some blocks are frames. */
static inline __attribute__((always_inline)) void
prefetch_mixed(const struct find *find, struct group *group)
{
    const bool word4 = find->batch->layout.key.shape == SHAPE_WORD4;

    for (uint32_t i = 0; i < group->count; i++) {
        if (group->fence[i]->key_framed) {
            framed_prefetch(group->fence[i], group->image[i], group->at[i]);
        } else if (word4) {
            word4_prefetch(group->fence[i], group->image[i], group->at[i]);
        } else {
            word8_prefetch(group->fence[i], group->image[i], group->at[i]);
        }
    }
}

/* The image of a block of one of the keys. */
static inline const struct image *
image_of(const struct find *find, const struct fence *fence)
{
    const struct held_blocks *held = find->held;
    const uint32_t index = (uint32_t)(fence - find->batch->fences);
    size_t begin = 0;

    if (held == NULL)
        return block_image(fence->block);
    for (size_t count = held->count; count > 1; count -= count / 2)
        begin += held->index[begin + count / 2] <= index ? count / 2 : 0;
    assert(held->index[begin] == index);
    return held->pins[begin].image;
}

static void
guess(const struct find *find, struct group *group)
{
    const struct spine_batch *batch = find->batch;

    for (uint32_t i = 0; i < group->count; i++) {
        group->stretch[i] = marks_stretch(batch, group->at[i]);
        group->at[i] =
            marks_guess(batch->marks, group->at[i], &group->stretch[i], group->word[i]);
        group->image[i] = image_of(find, group->fence[i]);
        prefetch_head(group->image[i]);
    }
    if (batch->has_frames)
        prefetch_mixed(find, group);
    else if (batch->layout.key.shape == SHAPE_WORD4)
        for (uint32_t i = 0; i < group->count; i++)
            word4_prefetch(group->fence[i], group->image[i], group->at[i]);
    else
        for (uint32_t i = 0; i < group->count; i++)
            word8_prefetch(group->fence[i], group->image[i], group->at[i]);
}

static void
find_mixed(const struct find *find, struct group *group)
{
    const bool word4 = find->batch->layout.key.shape == SHAPE_WORD4;

    for (uint32_t i = 0; i < group->count; i++) {
        const struct stretch *stretch = &group->stretch[i];
        const uint64_t word = group->word[i];

        if (group->fence[i]->key_framed)
            group->at[i] = framed_find(stretch, group->image[i], group->at[i], word);
        else if (word4)
            group->at[i] = word4_find(stretch, group->image[i], group->at[i], word);
        else
            group->at[i] = word8_find(stretch, group->image[i], group->at[i], word);
    }
}

/* Leaves only the words that are there. */
static void
finish(const struct find *find, struct group *group)
{
    uint32_t kept = 0;

    if (find->batch->has_frames)
        find_mixed(find, group);
    else if (find->batch->layout.key.shape == SHAPE_WORD4)
        for (uint32_t i = 0; i < group->count; i++)
            group->at[i] = word4_find(&group->stretch[i], group->image[i], group->at[i],
                                      group->word[i]);
    else
        for (uint32_t i = 0; i < group->count; i++)
            group->at[i] = word8_find(&group->stretch[i], group->image[i], group->at[i],
                                      group->word[i]);
    for (uint32_t i = 0; i < group->count; i++) {
        const struct image *image = group->image[i];

        if (group->at[i] == HIT_NONE)
            continue;
        group->key[kept] = group->key[i];
        group->fence[kept] = group->fence[i];
        group->image[kept] = image;
        group->at[kept++] = group->at[i];
        if (image->at[PART_ENDS_OF_VALUES] != 0)
            __builtin_prefetch((const uint8_t *)image + image->at[PART_ENDS_OF_VALUES] +
                               group->at[i] * sizeof(uint16_t));
    }
    group->count = kept;
}

static size_t
give(const struct find *find, const struct group *group, struct hit *to)
{
    const struct spine_batch *batch = find->batch;

    for (uint32_t i = 0; i < group->count; i++) {
        const struct image *image = group->image[i];
        const uint32_t value = image_value_begin(image, group->at[i]);
        const size_t bits = image_has(image, IMAGE_VALUES_FRAMED)
                                ? image->value_frame.width
                                : 8 * batch->layout.value.bytes;
        uint32_t begin, end;

        __builtin_prefetch((const uint8_t *)image + image->at[PART_VALUE_CELLS] +
                           value * bits / 8);
        image_key_rows(image, group->at[i], &begin, &end);
        to[i] = (struct hit){.key = group->key[i],
                             .block = (uint32_t)(group->fence[i] - batch->fences),
                             .begin = (uint16_t)begin,
                             .end = (uint16_t)end,
                             .staged = HIT_NONE};
    }
    return group->count;
}
