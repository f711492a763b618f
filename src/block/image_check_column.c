/* SPDX-License-Identifier: MIT */

/* Checks keys and values of an image: where each cell lies, and what is said of cells
 * beside them. */

#include "block/block_fronts.h"
#include "block/image_walk.h"
#include "rows/arena.h"

static enum spine_status
walk_words(struct image_walk *check, const struct cell_layout *layout, bool is_key);
static enum spine_status
walk_no_frame(const struct image_walk *check, const struct frame *frame);
static enum spine_status walk_bytes(struct image_walk *check, bool is_key);
static enum spine_status walk_fronts(struct image_walk *check);
static enum spine_status
walk_ends_part(struct image_walk *check, bool is_key, uint32_t count);
static enum spine_status check_cell_ends(const struct image_walk *check,
                                         const struct column *column, uint32_t count,
                                         size_t *end);
static enum spine_status
check_anchor(const struct image_walk *check, const struct column *keys, uint32_t begin,
             uint32_t end, struct arena *cells, struct front_bytes *bytes);
static enum spine_status walk_list(struct image_walk *check);

enum spine_status
walk_column(struct image_walk *check, const struct cell_layout *layout, bool is_key)
{
    const bool is_listed = !is_key && image_has(check->image, IMAGE_VALUES_LISTED);

    if (layout->shape != SHAPE_BYTES)
        return walk_words(check, layout, is_key);
    return is_listed ? walk_list(check) : walk_bytes(check, is_key);
}

/* Or bytes of a fixed size. */
static enum spine_status
walk_words(struct image_walk *check, const struct cell_layout *layout, bool is_key)
{
    const struct image *image = check->image;
    const uint32_t count = is_key ? image->key_count : image->value_count;
    const enum image_part cells = is_key ? PART_KEY_CELLS : PART_VALUE_CELLS;
    const bool framed =
        image_has(image, is_key ? IMAGE_KEYS_FRAMED : IMAGE_VALUES_FRAMED);
    const struct frame *frame = is_key ? &image->key_frame : &image->value_frame;
    const size_t bytes = (size_t)count * layout->bytes;

    if (is_key) {
        TRY_RETURN(walk_array(check, PART_KEY_ANCHORS, 0));
        EXPECT(image->shared_bytes == 0,
               "keys of a block have %" PRIu32 " bytes in common", image->shared_bytes);
    }
    TRY_RETURN(walk_array(check, is_key ? PART_KEY_ENDS : PART_VALUE_ENDS, 0));
    if (framed) {
        TRY_RETURN(walk_frame(check, frame, count));
        TRY_RETURN(walk_part(check, cells, frame_bytes(frame, count),
                             (size_t)count * frame->width));
        EXPECT(frame_bits(frame) == image_part(image, cells),
               "a frame of a block has its words elsewhere");
        return SPINE_OK;
    }
    TRY_RETURN(walk_no_frame(check, frame));
    if (layout->shape == SHAPE_FIXED)
        return walk_part(check, cells, bytes + CELL_SLACK, 8 * bytes);
    return walk_array(check, cells, bytes);
}

static enum spine_status
walk_no_frame(const struct image_walk *check, const struct frame *frame)
{
    static const struct frame none;

    EXPECT(memcmp(frame, &none, sizeof none) == 0,
           "a block has a frame of words that are in none");
    return SPINE_OK;
}

static enum spine_status
walk_bytes(struct image_walk *check, bool is_key)
{
    const struct image *image = check->image;
    const uint32_t count = is_key ? image->key_count : image->value_count;
    struct column column;
    size_t bytes;

    if (is_key && image_has(image, IMAGE_KEYS_FRONTED))
        TRY_RETURN(walk_fronts(check));
    else if (is_key)
        TRY_RETURN(walk_array(check, PART_KEY_ANCHORS,
                              image_anchor_count(image) * sizeof(uint64_t)));
    TRY_RETURN(walk_ends_part(check, is_key, count));
    column = is_key ? image_keys(image) : image_values(image);
    TRY_RETURN(check_cell_ends(check, &column, count, &bytes));
    return walk_part(check, is_key ? PART_KEY_CELLS : PART_VALUE_CELLS,
                     bytes + CELL_SLACK, 8 * bytes);
}

/* Anchors, fronts, and their bytes. */
static enum spine_status
walk_fronts(struct image_walk *check)
{
    const struct image *image = check->image;
    const size_t count = image_anchor_count(image);
    const size_t head = count * (sizeof(uint64_t) + sizeof(uint32_t));
    const uint32_t *fronts;
    size_t bytes = 0;

    EXPECT(image->at[PART_KEY_ANCHORS] == check->end && check->size - check->end >= head,
           "fronts of a block are not where they should be");
    fronts = image_keys(image).fronts;
    for (size_t i = 0; i < count; i++) {
        const size_t end = (fronts[i] >> FRONT_SIZE_BITS) + front_size(fronts[i]);

        EXPECT(front_size(fronts[i]) >= image->shared_bytes,
               "front %zu has less than the %" PRIu32 " bytes that all keys begin with",
               i, image->shared_bytes);
        bytes = end > bytes ? end : bytes;
    }
    return walk_array(check, PART_KEY_ANCHORS, head + bytes);
}

/* The ends of `count` cells, or their frame. */
static enum spine_status
walk_ends_part(struct image_walk *check, bool is_key, uint32_t count)
{
    const struct image *image = check->image;
    const enum image_part part = is_key ? PART_KEY_ENDS : PART_VALUE_ENDS;
    const struct frame *frame = is_key ? &image->key_frame : &image->value_frame;

    if (!image_has(image, is_key ? IMAGE_KEYS_FRAMED : IMAGE_VALUES_FRAMED)) {
        TRY_RETURN(walk_no_frame(check, frame));
        return walk_array(check, part, count * sizeof(uint32_t));
    }
    TRY_RETURN(walk_frame(check, frame, count));
    TRY_RETURN(
        walk_part(check, part, frame_bytes(frame, count), (size_t)count * frame->width));
    EXPECT(frame_bits(frame) == image_part(image, part),
           "a frame of a block has its ends elsewhere");
    return SPINE_OK;
}

/* Each cell has at least the bytes that all begin with, and ends in the image. */
static enum spine_status
check_cell_ends(const struct image_walk *check, const struct column *column,
                uint32_t count, size_t *end)
{
    /* Fronts have them. */
    const size_t least = column->fronts == NULL ? column->shared_bytes : 0;
    size_t before = 0;

    for (uint32_t i = 0; i < count; i++) {
        const size_t at = column_end(column, i);

        EXPECT(at >= before, "ends of cells fall at %" PRIu32, i);
        EXPECT(at - before >= least,
               "key %" PRIu32 " has less than the %" PRIu32 " bytes that all begin with",
               i, column->shared_bytes);
        EXPECT(at <= check->size, "cell %" PRIu32 " ends behind a block", i);
        before = at;
    }
    *end = before;
    return SPINE_OK;
}

/* A list of values and the pick of each. */
static enum spine_status
walk_list(struct image_walk *check)
{
    const struct image *image = check->image;
    const struct frame *frame = &image->value_frame;
    const uint32_t count = image->value_count;
    const size_t left = check->size - check->end;
    struct column values;
    uint32_t listed;
    size_t head, bytes;

    EXPECT(image->at[PART_VALUE_ENDS] == check->end && left >= sizeof listed,
           "a list of a block is not where it should be");
    listed = *(const uint32_t *)image_array(image, PART_VALUE_ENDS);
    EXPECT(listed >= 1 && listed <= LIST_VALUES_MAX && listed <= count,
           "a list of %" PRIu32 " of %" PRIu32 " values", listed, count);
    head = LIST_HEAD_BYTES(listed);
    TRY_RETURN(walk_frame(check, frame, count));
    TRY_RETURN(walk_part(check, PART_VALUE_ENDS, head + frame_bytes(frame, count),
                         8 * head + (size_t)count * frame->width));
    EXPECT(frame_bits(frame) ==
               (const uint8_t *)image_array(image, PART_VALUE_ENDS) + head,
           "a frame of a block has its picks elsewhere");
    values = image_values(image);
    TRY_RETURN(check_cell_ends(check, &values, listed, &bytes));
    for (uint32_t i = 0; i < count; i++)
        EXPECT(frame_word(frame, i) < listed, "value %" PRIu32 " is not in the list", i);
    return walk_part(check, PART_VALUE_CELLS, bytes + CELL_SLACK, 8 * bytes);
}

/* Words are no longer than the cells that they stand for, which bits could say and a
 * comparison of rows would not. */
enum spine_status
check_words(const struct image_walk *check, const struct cell_layout *layout,
            const struct column *column, uint32_t count)
{
    const unsigned bits = 8 * (unsigned)layout->bytes;
    const unsigned padding = bits - 8 * (unsigned)layout->native_bytes;
    uint64_t words[CHECK_ROWS];
    uint64_t foreign = 0;

    if (layout->shape != SHAPE_WORD4 && layout->shape != SHAPE_WORD8)
        return SPINE_OK;
    if (layout->shape == SHAPE_WORD4)
        foreign = UINT64_MAX << 32;
    if (padding > 0)
        foreign |= UINT64_MAX >> (64 - padding);
    for (uint32_t at = 0, end; foreign != 0 && at < count; at = end) {
        end = count - at < CHECK_ROWS ? count : at + CHECK_ROWS;
        column_words(layout, column, at, end, words);
        for (uint32_t i = at; i < end; i++)
            EXPECT((words[i - at] & foreign) == 0, "cell %" PRIu32 " is no cell", i);
    }
    return SPINE_OK;
}

enum spine_status
check_anchors(const struct image_walk *check)
{
    const struct column keys = image_keys(check->image);
    const uint32_t last = check->image->key_count - 1;
    struct arena ends = {0}, cells = {0};
    struct front_bytes bytes = {0};
    struct span first_key, last_key;
    enum spine_status st = SPINE_OK;

    if (keys.anchors == NULL)
        return SPINE_OK;
    if (!column_cells(&keys, 0, 1, &ends, &first_key) ||
        !column_cells(&keys, last, last + 1, &ends, &last_key))
        TRY(fail_nomem(check->error, "the keys of a block", 1));
    if (keys.shared_bytes != span_shared(first_key, last_key))
        TRY(spine_fail(check->error, SPINE_CORRUPT,
                       "keys of a block have not %" PRIu32 " bytes in common",
                       keys.shared_bytes));
    for (uint32_t i = 0; i <= last; i += ANCHOR_STEP) {
        const uint32_t end = last - i < ANCHOR_STEP ? last + 1 : i + ANCHOR_STEP;

        arena_reset(&cells);
        TRY(check_anchor(check, &keys, i, end, &cells, &bytes));
    }
out:
    arena_release(&ends);
    arena_release(&cells);
    return st;
}

/* The word and the front of keys [begin, end). */
static enum spine_status
check_anchor(const struct image_walk *check, const struct column *keys, uint32_t begin,
             uint32_t end, struct arena *cells, struct front_bytes *bytes)
{
    struct span spans[ANCHOR_STEP], behind, front;
    uint32_t number, size, at;

    if (!column_cells(keys, begin, end, cells, spans))
        return fail_nomem(check->error, "the keys of a block", end - begin);
    behind = span_behind(spans[0], keys->shared_bytes);
    EXPECT(keys->anchors[begin / ANCHOR_STEP] == bytes_prefix(behind.data, behind.size),
           "the anchor of key %" PRIu32, begin);
    if (keys->fronts == NULL)
        return SPINE_OK;
    number = keys->fronts[begin / ANCHOR_STEP];
    size = front_size_of(spans[0], spans[end - begin - 1]);
    front = column_front(keys, begin);
    EXPECT(size == front_size(number),
           "the front of key %" PRIu32 " has %" PRIu32 " bytes instead of %" PRIu32,
           begin, front_size(number), size);
    EXPECT(front_add(bytes, front, &at) && at == number >> FRONT_SIZE_BITS,
           "the front of key %" PRIu32 " is not where it should be", begin);
    return SPINE_OK;
}

/* What is listed is there, and once, in the order of its first values. */
enum spine_status
check_list(const struct image_walk *check)
{
    const struct image *image = check->image;
    const struct column values = image_values(image);
    struct column listed = values;
    uint64_t seen = 0;

    if (values.picks == NULL)
        return SPINE_OK;
    listed.picks = NULL;
    for (uint32_t i = 0; i < image->value_count; i++) {
        const uint64_t pick = frame_word(values.picks, i);

        EXPECT(pick <= seen, "value %" PRIu32 " is listed too late", i);
        seen += pick == seen;
    }
    EXPECT(seen == values.ends[-1],
           "a list has %" PRIu32 " values, %" PRIu64 " of them are there",
           values.ends[-1], seen);
    for (uint32_t i = 1; i < seen; i++)
        for (uint32_t j = 0; j < i; j++)
            EXPECT(span_compare(column_span(&check->layout->value, &listed, i),
                                column_span(&check->layout->value, &listed, j)) != 0,
                   "value %" PRIu32 " of a list is there twice", i);
    return SPINE_OK;
}
