/* SPDX-License-Identifier: MIT */

/*
 * Is this an image? The bytes are trusted in nothing: a place, a count or an end is used
 * only after it was compared with what the layout and the parts before it allow. There is
 * one right place for every array, and one right value for every byte between them.
 */

#include "block/image_walk.h"
#include "rows/arena.h"

/* What the rows are found to be. */
struct rows_found {
    uint64_t keys;
    uint64_t values;
    uint64_t negative_rows;
    /* Bits that differ from those of 1, and that are no copies of a sign. */
    uint64_t not_one;
    uint64_t magnitude;
};

static enum spine_status check_head(const struct image_walk *check);
static bool may_be_framed(const struct cell_layout *layout);
static enum spine_status check_counts(const struct image_walk *check);
static enum spine_status check_ends(struct image_walk *check, enum image_part part,
                                    uint32_t count, uint32_t total);
static enum spine_status check_times(struct image_walk *check);
static enum spine_status check_weights(struct image_walk *check);
static enum spine_status
check_framed_part(struct image_walk *check, enum image_part part, size_t count);
static enum spine_status check_rows(const struct image_walk *check);
static enum spine_status
check_found(const struct image_walk *check, const struct rows_found *findings);
static enum spine_status look_at_rows(const struct image_walk *check,
                                      const struct rows *rows, uint32_t first,
                                      struct rows_found *findings);
static bool look_at_weights(const struct layout *layout, const int64_t *weights,
                            struct rows_found *findings);

enum spine_status
image_check_shape(const struct layout *layout, const void *bytes, size_t size,
                  struct spine_error *error)
{
    struct image_walk check = {.layout = layout,
                               .image = bytes,
                               .size = size,
                               .error = error,
                               .end = IMAGE_HEAD_BYTES};
    const struct image *image = bytes;

    assert((uintptr_t)bytes % _Alignof(struct image) == 0);
    TRY_RETURN(check_head(&check));
    TRY_RETURN(check_counts(&check));
    TRY_RETURN(walk_column(&check, &layout->key, true));
    TRY_RETURN(walk_column(&check, &layout->value, false));
    TRY_RETURN(
        check_ends(&check, PART_ENDS_OF_VALUES, image->key_count, image->value_count));
    TRY_RETURN(
        check_ends(&check, PART_ENDS_OF_TIMES, image->value_count, image->row_count));
    TRY_RETURN(check_times(&check));
    TRY_RETURN(check_weights(&check));
    if (check.end != size)
        return spine_fail(error, SPINE_CORRUPT, "a block of %zu bytes has %zu more",
                          check.end, size - check.end);
    return SPINE_OK;
}

enum spine_status
image_check(const struct layout *layout, const void *bytes, size_t size,
            struct spine_error *error)
{
    const struct image *image = bytes;
    const struct image_walk check = {
        .layout = layout, .image = image, .size = size, .error = error};

    TRY_RETURN(image_check_shape(layout, bytes, size, error));

    const struct column keys = image_keys(image), values = image_values(image);

    TRY_RETURN(check_words(&check, &layout->key, &keys, image->key_count));
    TRY_RETURN(check_words(&check, &layout->value, &values, image->value_count));
    TRY_RETURN(check_anchors(&check));
    TRY_RETURN(check_list(&check));
    return check_rows(&check);
}

static enum spine_status
check_head(const struct image_walk *check)
{
    const struct image *image = check->image;
    const struct layout *layout = check->layout;
    const bool value_is_bytes = layout->value.shape == SHAPE_BYTES;

    EXPECT(check->size >= sizeof *image, "a block of %zu bytes is cut off", check->size);
    EXPECT(image->version == IMAGE_VERSION,
           "a block of version %u; this library knows version %u", image->version,
           IMAGE_VERSION);
    EXPECT(image->bytes == check->size, "a block of %" PRIu32 " bytes in %zu",
           image->bytes, check->size);
    EXPECT(check->size <= IMAGE_BYTES_MAX && check->size % 8 == 0, "a block of %zu bytes",
           check->size);
    EXPECT((image->flags & ~IMAGE_FLAGS) == 0 && image->zero == 0,
           "a block has unknown flags %u", image->flags);
    EXPECT(image_has(image, IMAGE_ENCODED) || image->flags == 0,
           "a block that is not encoded has frames");
    EXPECT(
        (may_be_framed(&layout->key) || !image_has(image, IMAGE_KEYS_FRAMED)) &&
            (may_be_framed(&layout->value) || !image_has(image, IMAGE_VALUES_FRAMED)) &&
            (layout->timed || !image_has(image, IMAGE_TIMES_FRAMED)) &&
            (layout->weight_count == 1 || !image_has(image, IMAGE_WEIGHTS_FRAMED)),
        "a block has frames of what is no words");
    EXPECT(!image_has(image, IMAGE_KEYS_FRONTED) || layout->key.shape == SHAPE_BYTES,
           "a block has fronts of what is no bytes");
    EXPECT(!image_has(image, IMAGE_VALUES_LISTED) ||
               (value_is_bytes && !image_has(image, IMAGE_VALUES_FRAMED)),
           "a block has a list of what is no bytes");
    return SPINE_OK;
}

/* Words, or ends of bytes. */
static bool
may_be_framed(const struct cell_layout *layout)
{
    return layout->shape == SHAPE_WORD4 || layout->shape == SHAPE_WORD8 ||
           layout->shape == SHAPE_BYTES;
}

static enum spine_status
check_counts(const struct image_walk *check)
{
    const struct image *image = check->image;
    const struct layout *layout = check->layout;
    const uint32_t rows = image->row_count, values = image->value_count;

    EXPECT(rows >= 1 && rows <= BLOCK_ROWS, "a block of %" PRIu32 " rows", rows);
    EXPECT(values >= 1 && values <= rows,
           "a block of %" PRIu32 " rows and %" PRIu32 " values", rows, values);
    EXPECT(layout->timed || values == rows,
           "values of an untimed block have several rows");
    EXPECT(image->key_count >= 1 && image->key_count <= values,
           "a block of %" PRIu32 " values and %" PRIu32 " keys", values,
           image->key_count);
    EXPECT(layout->key.shape != SHAPE_NONE || image->key_count == 1,
           "a block without keys has %" PRIu32 " of them", image->key_count);
    EXPECT(layout->value.shape != SHAPE_NONE || image->key_count == values,
           "keys of a block without values have several");
    EXPECT(image->negative_rows <= rows,
           "a block of %" PRIu32 " rows, %" PRIu32 " negative", rows,
           image->negative_rows);
    return SPINE_OK;
}

/* `count` ends of `total` things; absent when each has one. */
static enum spine_status
check_ends(struct image_walk *check, enum image_part part, uint32_t count, uint32_t total)
{
    const char *const what = part == PART_ENDS_OF_VALUES ? "values" : "times";
    const uint16_t *ends;
    uint32_t before = 0;

    TRY_RETURN(walk_array(check, part, count < total ? count * sizeof *ends : 0));
    ends = image_part(check->image, part);
    for (uint32_t i = 0; ends != NULL && i < count; i++) {
        EXPECT(ends[i] > before, "ends of %s do not rise at %" PRIu32, what, i);
        before = ends[i];
    }
    EXPECT(ends == NULL || before == total, "%s end at %" PRIu32 " of %" PRIu32, what,
           before, total);
    return SPINE_OK;
}

static enum spine_status
check_times(struct image_walk *check)
{
    const struct image *image = check->image;

    if (image_has(image, IMAGE_TIMES_FRAMED))
        return check_framed_part(check, PART_TIMES, image->row_count);
    return walk_array(check, PART_TIMES,
                      check->layout->timed ? image->row_count * sizeof(uint64_t) : 0);
}

static enum spine_status
check_weights(struct image_walk *check)
{
    const struct image *image = check->image;
    const unsigned bytes = image->weight_bytes;

    EXPECT(bytes <= 8 && (bytes & (bytes - 1)) == 0, "a block has weights of %u bytes",
           bytes);
    if (!image_has(image, IMAGE_WEIGHTS_FRAMED))
        return walk_array(check, PART_WEIGHTS,
                          (size_t)image->row_count * check->layout->weight_count * bytes);
    EXPECT(bytes == 0, "framed weights of a block have %u bytes, too", bytes);
    return check_framed_part(check, PART_WEIGHTS, image->row_count);
}

/* A frame and its distances behind it. */
static enum spine_status
check_framed_part(struct image_walk *check, enum image_part part, size_t count)
{
    const struct frame *frame;

    EXPECT(check->image->at[part] == check->end &&
               check->size - check->end >= sizeof *frame,
           "a frame of a block is not where it should be");
    frame = image_part(check->image, part);
    TRY_RETURN(walk_frame(check, frame, count));
    EXPECT(frame->bits_at == sizeof *frame, "a frame of a block has its words elsewhere");
    return walk_part(check, part, sizeof *frame + frame_bytes(frame, count),
                     8 * sizeof *frame + count * frame->width);
}

/* All rows, some at a time behind the last one of those before. */
static enum spine_status
check_rows(const struct image_walk *check)
{
    const struct layout *layout = check->layout;
    const struct image *image = check->image;
    uint64_t hi[CHECK_ROWS + 1], lo[CHECK_ROWS + 1], time[CHECK_ROWS + 1];
    struct span key[CHECK_ROWS + 1], value[CHECK_ROWS + 1];
    int64_t weight[(CHECK_ROWS + 1) * SPINE_WEIGHTS_MAX];
    struct rows rows = {.hi = hi, .weight = weight, .capacity = CHECK_ROWS + 1};
    struct rows_found found = {0};
    struct arena cells = {0};
    enum spine_status st = SPINE_OK;

    rows.lo = layout->row_kind != ROW_ONE ? lo : NULL;
    rows.key = layout->key.spans ? key : NULL;
    rows.value = layout->value.spans ? value : NULL;
    rows.time = layout->timed ? time : NULL;
    for (uint32_t at = 0, end; at < image->row_count; at = end) {
        end = image->row_count - at < CHECK_ROWS ? image->row_count : at + CHECK_ROWS;
        if (rows.count > 0)
            rows_drop_front(layout, &rows, rows.count - 1);
        if (image_stage(layout, image, at, end, &cells, &rows) != SPINE_OK)
            TRY(fail_nomem(check->error, "the rows of a block", end - at));
        TRY(look_at_rows(check, &rows, at, &found));
    }
    TRY(check_found(check, &found));
out:
    arena_release(&cells);
    return st;
}

/* Are these the counts that the head has? */
static enum spine_status
check_found(const struct image_walk *check, const struct rows_found *findings)
{
    const struct image *image = check->image;
    const struct rows_found found = *findings;
    const unsigned narrowest = weight_bytes_of(found.not_one, found.magnitude);

    EXPECT(found.keys == image->key_count,
           "%" PRIu32 " keys, of which %" PRIu64 " differ", image->key_count, found.keys);
    EXPECT(found.values == image->value_count,
           "%" PRIu32 " values, of which %" PRIu64 " differ", image->value_count,
           found.values);
    EXPECT(found.negative_rows == image->negative_rows,
           "%" PRIu64 " negative rows; the block says %" PRIu32, found.negative_rows,
           image->negative_rows);
    EXPECT(image_has(image, IMAGE_WEIGHTS_FRAMED) || narrowest == image->weight_bytes,
           "weights of %u bytes would have room in %u", image->weight_bytes, narrowest);
    return SPINE_OK;
}

/* Rows from number `first` on; the one in front of them is the one before, if any. */
static enum spine_status
look_at_rows(const struct image_walk *check, const struct rows *rows, uint32_t first,
             struct rows_found *findings)
{
    const struct layout *layout = check->layout;
    const size_t begin = first > 0;

    for (size_t i = begin; i < rows->count; i++) {
        const size_t number = first + i - begin;

        EXPECT(look_at_weights(layout, rows->weight + i * layout->weight_count, findings),
               "row %zu has weight 0", number);
        EXPECT(number == 0 || rows_compare(layout, rows, i - 1, rows, i) < 0,
               "row %zu is not greater than the one before", number);
        findings->keys += number == 0 || rows_key_end(layout, rows, i - 1, i + 1) == i;
        findings->values +=
            number == 0 || rows_value_end(layout, rows, i - 1, i + 1) == i;
    }
    return SPINE_OK;
}

/* False when all are 0. */
static bool
look_at_weights(const struct layout *layout, const int64_t *weights,
                struct rows_found *findings)
{
    bool zero = true, negative = false;

    for (unsigned w = 0; w < layout->weight_count; w++) {
        const uint64_t weight = (uint64_t)weights[w];

        zero = zero && weight == 0;
        negative = negative || weights[w] < 0;
        findings->not_one |= weight ^ 1;
        findings->magnitude |= weight ^ (0 - (weight >> 63));
    }
    findings->negative_rows += negative;
    return !zero;
}
