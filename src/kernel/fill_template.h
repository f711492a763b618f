/* SPDX-License-Identifier: MIT */

/*
 * kway_fill() for rows that are codes: plans windows (window_template.h) and sorts them
 * (bucket_template.h); both come before.
 */

static void
KERNEL_FN(copy_segment)(const struct segment *segment, struct lent_rows *out)
{
    memcpy(out->hi + out->count, segment->hi, segment->count * sizeof *out->hi);
    if (KERNEL_WORDS == 2)
        memcpy(out->lo + out->count, segment->lo, segment->count * sizeof *out->lo);
    memcpy(out->weight + out->count, segment->weight,
           segment->count * sizeof *out->weight);
    out->count += segment->count;
}

/* Leaves for all segments, which are rows of inputs. */
static bool
KERNEL_FN(plant)(struct merge_tree *tree, const struct bucket_work *work)
{
    if (!merge_tree_begin(tree, work->segment_count))
        return false;
    for (size_t s = 0; s < work->segment_count; s++) {
        const struct segment *segment = &work->segments[s];

        tree->nodes[s].run = (struct run){
            .hi = segment->hi,
            .stride = (size_t)((const uint64_t *)segment->weight - segment->hi),
            .count = segment->count,
        };
    }
    return true;
}

/* The `total` rows of all segments, by buckets. */
static enum spine_status
KERNEL_FN(window_sort)(const struct layout *layout, struct bucket_work *work,
                       struct lent_rows *out, size_t total)
{
    const size_t begin = out->count;
    struct bucket_map map;
    struct lent_rows scratch;

    if (!KERNEL_FN(choose_map)(work, layout, total, true, &map)) {
        for (size_t s = 0; s < work->segment_count; s++)
            KERNEL_FN(copy_segment)(&work->segments[s], out);
        return KERNEL_FN(finish)(out, begin, false);
    }
    if (!KERNEL_FN(scatter)(work, &map, out, begin))
        return SPINE_NOMEM;
    out->count = begin + total;
    if (work->fullest > BUCKET_ROWS_MAX) {
        if (!bucket_collect(work, &map, begin) ||
            !rows_reserve(layout, &work->scratch, work->fullest))
            return SPINE_NOMEM;
        scratch = rows_lend(&work->scratch);
        if (!KERNEL_FN(refine)(work, layout, out, &scratch))
            return SPINE_NOMEM;
    }
    return KERNEL_FN(finish)(out, begin, false);
}

/* The `total` rows of all segments, sorted and added up, behind those of `out`, which has
 * room. */
static enum spine_status
KERNEL_FN(window_merge)(const struct layout *layout, struct kway_work *work,
                        struct lent_rows *out, size_t total)
{
    const size_t begin = out->count;
    struct lent_rows scratch;

    assert(total <= lent_rows_room(out));
    if (work->bucket.segment_count == 1) {
        KERNEL_FN(copy_segment)(&work->bucket.segments[0], out);
        return SPINE_OK;
    }
    if (!KERNEL_FN(plant)(&work->tree, &work->bucket))
        return SPINE_NOMEM;
    if (!merge_tree_suits(&work->tree, total))
        return KERNEL_FN(window_sort)(layout, &work->bucket, out, total);
    if (!rows_reserve(layout, &work->bucket.scratch, 2 * total))
        return SPINE_NOMEM;
    scratch = rows_lend(&work->bucket.scratch);
    merge_tree_grow(&work->tree);
    if (!KERNEL_FN(merge_runs)(&work->tree, out, &scratch))
        return SPINE_OK;
    return KERNEL_FN(add_up)(out, begin);
}

enum spine_status
KERNEL_FN(fill)(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    enum spine_status st = SPINE_OK;
    size_t used = 0;

    while (used < want) {
        const size_t window = window_rows(want - used);
        struct KERNEL_FN(bound) bound;
        struct lent_rows lent;

        TRY(KERNEL_FN(window_plan)(kway, window, &bound));
        if (kway->work->open_count == 0)
            break;
        const size_t total = KERNEL_FN(window_measure)(kway->work, &bound);

        if (!rows_reserve(kway->layout, out, out->count + total)) {
            st = SPINE_NOMEM;
            break;
        }
        kway_take(kway->work);
        kway_adapt(kway->work, window, total);
        lent = rows_lend(out);
        st = KERNEL_FN(window_merge)(kway->layout, kway->work, &lent, total);
        out->count = lent.count;
        TRY(st);
        used += total;
    }
out:
    *rows_used += used;
    return st;
}

/* A window has a row more than was wanted of each input, at most. */
enum spine_status
KERNEL_FN(fill_lent)(struct kway *kway, struct lent_rows *out, uint64_t *rows_used)
{
    const size_t beyond = kway->input_count;

    while (lent_rows_room(out) >= WINDOW_ROWS_MIN + beyond) {
        const size_t window = window_rows(lent_rows_room(out) - beyond);
        struct KERNEL_FN(bound) bound;

        TRY_RETURN(KERNEL_FN(window_plan)(kway, window, &bound));
        if (kway->work->open_count == 0)
            break;
        const size_t total = KERNEL_FN(window_measure)(kway->work, &bound);

        if (total > lent_rows_room(out))
            break;
        kway_take(kway->work);
        kway_adapt(kway->work, window, total);
        TRY_RETURN(KERNEL_FN(window_merge)(kway->layout, kway->work, out, total));
        *rows_used += total;
    }
    return SPINE_OK;
}
