/* SPDX-License-Identifier: MIT */

/*
 * The driver of a probe: chunk by chunk it has the batches searched, and the rows of the
 * keys given, until a call has as many as it may give. It calls the files that
 * do each of these steps; none of them calls it, or the step that comes next.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_append.h"

/* Rows that are given before their bytes are counted. */
#define BYTES_ROWS_MAX 256u

static bool ends_with_chunk(const struct spine_probe *probe);
static size_t room_left(struct spine_probe *probe);
static void count_given_bytes(struct spine_probe *probe);
static void give_staged(struct spine_probe *probe);
static size_t give_plain(struct spine_probe *probe, size_t begin, size_t room,
                         uint64_t given, uint64_t *ends);
static inline bool
give_single(struct spine_probe *probe, const struct hit *hit, size_t room);
static enum spine_status give_key(struct spine_probe *probe, bool *done);
static enum spine_status
give_hit(struct spine_probe *probe, struct hit *hit, size_t room, bool *done);

enum spine_status
probe_fill(struct spine_probe *probe)
{
    probe->rows.count = 0;
    probe->row_count = 0;
    probe->bytes = probe->bytes_rows = 0;
    probe->end_count = 0;
    probe->found = 0;
    while (probe->key < probe->key_count && room_left(probe) > 0) {
        uint64_t rows_before;
        bool done = true;

        if (probe->key == probe->chunk_end) {
            if (ends_with_chunk(probe))
                break;
            TRY_RETURN(probe_search(probe));
            TRY_RETURN(probe_merge_begin(probe));
        }
        if (!array_reserve(&probe->ends, &probe->end_capacity, sizeof *probe->ends,
                           probe->end_count + (probe->chunk_end - probe->key)))
            return SPINE_NOMEM;
        if (probe->whole) {
            TRY_RETURN(probe_give_whole(probe));
            continue;
        }
        give_staged(probe);
        if (probe->key == probe->chunk_end || room_left(probe) == 0)
            continue;
        rows_before = probe->row_count;
        do {
            TRY_RETURN(give_key(probe, &done));
        } while (!done && room_left(probe) > 0);
        probe->ends[probe->end_count++] = probe->row_count;
        probe->found += probe->row_count > rows_before;
        probe->key += done;
    }
    assert(probe->end_count == 0 ||
           probe->ends[probe->end_count - 1] == probe->row_count);
    return SPINE_OK;
}

/* Is it time to give what there is, so that the copies of cells that rows borrow go? */
static bool
ends_with_chunk(const struct spine_probe *probe)
{
    const struct spine_probe_options *const options = &probe->options;

    return (options->rows_max > 0 || options->bytes_max > 0) && probe->rows.count > 0 &&
           probe->cells_kept.bytes >= KEPT_BYTES_MAX;
}

/* Gives keys of the chunk that are absent, or have one hit alone that was staged and has
 * room: up to the first that is neither, or until there is no room. */
static void
give_staged(struct spine_probe *probe)
{
    const struct layout *const layout = &probe->layout;
    const uint32_t *const heads = probe->heads;
    const size_t chunk_begin = probe->chunk_begin, chunk_end = probe->chunk_end;
    const size_t room = room_left(probe);
    uint64_t *const ends = probe->ends + probe->end_count;
    const size_t begin = probe->key, rows_before = probe->rows.count;
    const uint64_t rows_given = probe->row_count;
    const bool none = probe->has_through || probe->ranges ||
                      probe->options.want != SPINE_PROBE_ROWS ||
                      layout->row_kind != ROW_WIDE;
    const bool is_plain =
        !none && layout->value.spans && !layout->timed && layout->weight_count == 1;
    size_t at = begin, found = 0;

    for (; at < chunk_end; at++) {
        size_t left = room - (probe->rows.count - rows_before);
        uint32_t head;

        if (is_plain) {
            const size_t before = probe->rows.count;

            at = give_plain(probe, at, left, rows_given - rows_before,
                            ends + (at - begin));
            found += probe->rows.count - before;
            left -= probe->rows.count - before;
        }
        if (left == 0 || at == chunk_end)
            break;
        head = heads[at - chunk_begin];
        if (head != HIT_NONE) {
            if (none || !give_single(probe, &probe->hits[head], left))
                break;
            found++;
        }
        ends[at - begin] = rows_given + (probe->rows.count - rows_before);
    }
    probe->key = at;
    probe->end_count += at - begin;
    probe->found += found;
    probe->row_count = rows_given + (probe->rows.count - rows_before);
}

/*
 * Those from `begin` on that have at most one row, of values that are bytes, with one
 * weight and no time, as long as less than `room` rows are given. Returns where they end,
 * and `ends` of each, `given` more than there are rows. Which keys are there nobody can
 * guess: of one that is not some row is written, and then the next one over it.
 */
static size_t
give_plain(struct spine_probe *probe, size_t begin, size_t room, uint64_t given,
           uint64_t *ends)
{
    const struct rows from = probe->staged, to = probe->rows;
    const uint32_t *const heads = probe->heads;
    const struct hit *const hits = probe->hits;
    const size_t chunk_begin = probe->chunk_begin, chunk_end = probe->chunk_end;
    const size_t most = to.capacity - to.count < room ? to.capacity : to.count + room;
    size_t row = to.count, at;

    if (from.count == 0)
        return begin;
    assert(probe->hit_count > 0);
    for (at = begin; at < chunk_end && row < most; at++) {
        const uint32_t head = heads[at - chunk_begin];
        const uint32_t is_there = head != HIT_NONE, mask = 0 - is_there;
        const struct hit *const hit = &hits[head & mask];
        const uint32_t staged = hit->staged & mask;

        if (is_there & ((hit->next != HIT_NONE) | (staged == HIT_NONE) |
                        (hit->end - hit->begin != 1)))
            break;
        to.lo[row] = from.lo[staged];
        to.value[row] = from.value[staged];
        to.weight[row] = from.weight[staged];
        row += is_there;
        *ends++ = given + row;
    }
    probe->rows.count = row;
    return at;
}

static inline bool
give_single(struct spine_probe *probe, const struct hit *hit, size_t room)
{
    struct rows *const rows = &probe->rows;
    const size_t count = (size_t)(hit->end - hit->begin);

    if (hit->next != HIT_NONE || hit->staged == HIT_NONE || count > room ||
        rows->capacity - rows->count < count)
        return false;
    probe_append_values(&probe->layout, rows, &probe->staged, hit->staged,
                        hit->staged + count);
    return true;
}

/* Rows that the call may still give: by bytes at most as many as will have them if they
 * are like those before. */
static size_t
room_left(struct spine_probe *probe)
{
    const struct spine_probe_options *const options = &probe->options;
    const size_t count = probe->rows.count;
    size_t rows = SIZE_MAX;
    uint64_t fitting;

    if (options->want == SPINE_PROBE_COUNTS)
        return rows;
    assert(options->rows_max == 0 || count <= options->rows_max);
    if (options->rows_max > 0)
        rows = options->rows_max - count;
    if (options->bytes_max == 0)
        return rows;
    count_given_bytes(probe);
    if (count > 0 && probe->bytes >= options->bytes_max)
        return 0;
    fitting =
        count > 0 ? (options->bytes_max - probe->bytes) / (probe->bytes / count + 1) : 1;
    fitting = fitting > BYTES_ROWS_MAX ? BYTES_ROWS_MAX : fitting > 0 ? fitting : 1;
    return rows < fitting ? rows : (size_t)fitting;
}

/* Adds up the bytes of rows that were not counted yet: of values, and of keys where these
 * are given. */
static void
count_given_bytes(struct spine_probe *probe)
{
    const struct layout *const layout = &probe->layout;
    const struct rows *const rows = &probe->rows;
    const bool keys = probe->ranges;
    const size_t width =
        layout->value.native_bytes + (keys ? layout->key.native_bytes : 0);

    probe->bytes += (rows->count - probe->bytes_rows) * width;
    for (; probe->bytes_rows < rows->count; probe->bytes_rows++) {
        if (layout->value.kind == SPINE_BYTES)
            probe->bytes += rows->value[probe->bytes_rows].size;
        if (keys && layout->key.kind == SPINE_BYTES)
            probe->bytes += rows->key[probe->bytes_rows].size;
    }
}

/* Gives rows of the present key, as many as there are (`*done`) or there is room for. */
static enum spine_status
give_key(struct spine_probe *probe, bool *done)
{
    const size_t key = probe->key - probe->chunk_begin;
    const uint32_t head = probe->heads[key];

    assert(probe->key >= probe->chunk_begin);
    assert(probe->key < probe->chunk_end);
    *done = true;
    if (head == HIT_NONE)
        return SPINE_OK;
    if (probe_hit_alone(probe, head))
        return give_hit(probe, &probe->hits[head], room_left(probe), done);
    return probe_give_merged(probe, key, room_left(probe), done);
}

static enum spine_status
give_hit(struct spine_probe *probe, struct hit *hit, size_t room, bool *done)
{
    const bool counts_only = probe->options.want == SPINE_PROBE_COUNTS;
    size_t there = (size_t)(hit->end - hit->begin);

    assert(hit->begin <= hit->end);
    while (there > 0 && room > 0) {
        const size_t count = there < room ? there : room;

        if (counts_only) {
            TRY_RETURN(probe_skip_rows(probe, hit, count, &there));
        } else {
            if (!rows_reserve(&probe->layout, &probe->rows, probe->rows.count + count))
                return SPINE_NOMEM;
            TRY_RETURN(probe_take_rows(probe, hit, count, &probe->rows, &there));
        }
        probe->row_count += count;
        room -= count;
    }
    *done = there == 0;
    return SPINE_OK;
}
