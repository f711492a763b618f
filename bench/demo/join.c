/* SPDX-License-Identifier: MIT */
#include "demo/join.h"

static bool join_align(struct join *join);
static bool
seek(struct spine_cursor *cursor, uint32_t begin, uint64_t count, uint32_t *key);
static void read_values(struct spine_cursor *cursor, struct numbers *values);

void
join_open(struct join *join, struct spine_batch *left, struct spine_snapshot *right)
{
    struct spine_error error;

    *join = (struct join){.count = (uint64_t)UINT32_MAX + 1};
    must(spine_batch_cursor(left, &join->left, &error), &error, "spine_batch_cursor");
    must(spine_snapshot_cursor(right, &join->right, &error), &error,
         "spine_snapshot_cursor");
}

void
join_limit(struct join *join, uint32_t left, uint32_t right, uint32_t count)
{
    /* Seeks go forward only. */
    if (left <= join->left_begin)
        spine_cursor_rewind(join->left);
    if (right <= join->right_begin)
        spine_cursor_rewind(join->right);
    join->left_begin = left;
    join->right_begin = right;
    join->count = count;
    join->began = false;
}

bool
join_next(struct join *join)
{
    if (!join->began) {
        join->began = true;
        join->key = 0;
        return join_align(join);
    }
    if (join->key + UINT64_C(1) >= join->count)
        return false;
    join->key++;
    return join_align(join);
}

void
join_read(struct join *join)
{
    read_values(join->left, &join->left_values);
    read_values(join->right, &join->right_values);
}

void
join_close(struct join *join)
{
    struct spine_error error;

    must(spine_cursor_error(join->left, &error), &error, "reading a delta");
    must(spine_cursor_error(join->right, &error), &error, "reading a trace");
    spine_cursor_close(join->left);
    spine_cursor_close(join->right);
    numbers_release(&join->left_values);
    numbers_release(&join->right_values);
}

/* To the first common key not less than `join->key`. */
static bool
join_align(struct join *join)
{
    uint32_t left = join->key, right;

    while (seek(join->left, join->left_begin, join->count, &left)) {
        right = left;
        if (!seek(join->right, join->right_begin, join->count, &right))
            return false;
        if (left == right) {
            join->key = left;
            return true;
        }
        left = right;
    }
    return false;
}

/* To the first key not less than begin + *key, which becomes *key; false when there is
   none in [begin, begin + count). */
static bool
seek(struct spine_cursor *cursor, uint32_t begin, uint64_t count, uint32_t *key)
{
    spine_cursor_seek_key(cursor, spine_u32(begin + *key));
    if (!spine_cursor_key_valid(cursor))
        return false;
    *key = spine_cursor_key(cursor).u32 - begin;
    return *key < count;
}

static void
read_values(struct spine_cursor *cursor, struct numbers *values)
{
    values->count = 0;
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
        numbers_push(values, spine_cursor_val(cursor).u32);
}
