/* SPDX-License-Identifier: MIT */

/* Where a window reads rows that it does not show: long stretches are told to the ledger,
 * and before the floor nothing is read. */

#include "cursor/cursor_skip.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor_window.h"

/* A row with longer cells than this bounds no stretch: it would have to be copied. */
#define EDGE_BYTES_MAX 4096u
/* Less is not worth telling. Tests with simulated threads have few rows. */
#ifdef SPINE_SIMULATED_THREADS
#define SKIPPED_ROWS_MIN 2u
#else
#define SKIPPED_ROWS_MIN 1024u
#endif

static void begin_behind_window(struct window *window, size_t count);
static void begin_at(struct skip *skip, const struct row_code *edge);
static struct span copy_span(struct span span, uint8_t *to);
static void tell_skipped(const struct window *window, struct skipped *told);

/* Would merging make what is skipped go? Not what a filter hides, nor times that are
 * added up. */
static bool
tells(const struct window *window)
{
    return window->tells_skipped && window->filter == NULL && !window->has_through;
}

/* Descending rows are complemented. */
static struct row_code
code_of(const struct window *window, const struct rows *rows, size_t at)
{
    struct row_code code = rows_code(window->layout, rows, at);

    if (window->kway.descending) {
        code.hi = ~code.hi;
        code.lo = ~code.lo;
    }
    return code;
}

static size_t
code_bytes(const struct row_code *code)
{
    return code->key.size + code->value.size;
}

void
skip_release(struct skip *skip)
{
    mem_free(skip->bytes, skip->capacity);
    *skip = (struct skip){0};
}

enum spine_status
skip_to_floor(struct window *window)
{
    if (window->floor == NULL || window->floor_is_used)
        return SPINE_OK;
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];
        uint64_t offset;

        TRY_RETURN(reader_seek_code(&source->reader, &window->floor->first, false));
        offset = reader_offset(&source->reader);
        if (offset > source->begin)
            source->begin = offset < source->end ? offset : source->end;
    }
    window->floor_is_used = true;
    return SPINE_OK;
}

void
skip_from_inputs(struct window *window)
{
    const struct kway *kway = &window->kway;
    struct row_code least = {0};
    bool found = false;

    if (!tells(window) || window->skip.has_edge)
        return;
    if (window->rows.count > 0) {
        begin_behind_window(window, window->rows.count);
        return;
    }
    for (size_t i = 0; i < kway->input_count; i++) {
        const struct kway_input *input = &kway->inputs[i];
        struct row_code code;
        int order;

        if (input->at == input->rows.count)
            continue;
        code = code_of(window, &input->rows, input->at);
        order = found ? row_code_compare(window->layout, &code, &least) : 0;
        if (!found || (kway->descending ? order > 0 : order < 0))
            least = code;
        found = true;
    }
    if (found)
        begin_at(&window->skip, &least);
}

void
skip_add(struct window *window, uint64_t skipped, const struct rows *rows, size_t begin)
{
    const size_t shown = rows->count - begin;
    struct skip *skip = &window->skip;
    struct skipped told = {0};

    assert(begin <= rows->count);
    if (!tells(window))
        return;
    if (!skip->has_edge)
        begin_behind_window(window, rows == &window->rows ? begin : window->rows.count);
    skip->skipped += skipped;
    skip->shown += shown;
    /* It begins anew behind what was shown. */
    if (!skip->has_edge || skip->skipped <= skip->shown) {
        skip_reset(skip);
        return;
    }
    if (skip->skipped < SKIPPED_ROWS_MIN || skip->skipped < 2 * skip->told)
        return;
    skip->told = skip->skipped;
    if (shown > 0) {
        told.has_high = true;
        told.high = code_of(window, rows, rows->count - 1);
    }
    if (shown > 0 && window->from_start) {
        told.sequence = window->sequence;
        told.first = code_of(window, rows, begin);
    }
    if (code_bytes(&told.high) <= EDGE_BYTES_MAX &&
        code_bytes(&told.first) <= EDGE_BYTES_MAX)
        tell_skipped(window, &told);
}

/* The stretch begins where the fill did: behind the `count` rows that the window had. */
static void
begin_behind_window(struct window *window, size_t count)
{
    struct row_code edge;

    if (count == 0)
        return;
    edge =
        rows_code(window->layout, &window->rows, window->kway.descending ? 0 : count - 1);
    begin_at(&window->skip, &edge);
}

/* A stretch of no rows yet, from `edge` on, which is copied: if that is not too much. */
static void
begin_at(struct skip *skip, const struct row_code *edge)
{
    const size_t bytes = code_bytes(edge);

    skip_reset(skip);
    if (bytes > EDGE_BYTES_MAX ||
        !array_reserve(&skip->bytes, &skip->capacity, sizeof *skip->bytes, bytes))
        return;
    skip->has_edge = true;
    skip->edge = *edge;
    if (bytes > 0) {
        skip->edge.key = copy_span(edge->key, skip->bytes);
        skip->edge.value = copy_span(edge->value, skip->bytes + edge->key.size);
    }
}

static struct span
copy_span(struct span span, uint8_t *to)
{
    if (span.size > 0)
        memcpy(to, span.data, span.size);
    return (struct span){.data = to, .size = span.size};
}

/* Tells what was skipped since the edge, up to `told->high`, in the order of the window;
 * without that, to the end of all rows. */
static void
tell_skipped(const struct window *window, struct skipped *told)
{
    const struct skip *skip = &window->skip;

    assert(skip->has_edge);
    told->rows = skip->skipped;
    if (window->kway.descending) {
        told->has_low = told->has_high;
        told->low = told->high;
        told->has_high = true;
        told->high = skip->edge;
    } else {
        told->has_low = true;
        told->low = skip->edge;
    }
    lookup_ledger_skipped(window->ledger, told);
}
