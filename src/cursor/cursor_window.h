/* SPDX-License-Identifier: MIT */
#ifndef CURSOR_CURSOR_WINDOW_H
#define CURSOR_CURSOR_WINDOW_H

/*
 * cursor/cursor_window -- the rows around a cursor, merged from all batches.
 *
 * A window is a piece without gaps of the consolidated rows, and never ends between rows
 * of one value. It grows at one end by what the k-way merge gives, and forgets rows at
 * the other. Its inputs are staged for one end only; for the other they are found again
 * by a seek to the row at that end.
 *
 *     the rows     k0 | k1 k2 k2 k2 k3 k4 k4 | k4 k5        by their keys
 *     the window        front --------- back
 *
 *     flag                 here       true means
 *     low_open             true       there may be rows before the front: k0
 *     high_open            true       there may be rows behind the back: k4 k5
 *     front_closed         if known   the key of the front, k1, has no row before it: k0
 *                                     was seen, or a seek went to the begin of k1
 *     back_closed          false      the key of the back, k4, has no row behind it
 *     limited              false      the window has rows of one key, and the inputs end
 *                                     with that key
 *     ghost                false      the only row is a default for an absent key: in no
 *                                     batch, and gone when the window moves
 *     has_through          as set     rows have no time: added up through `through`
 *     tells_skipped        as set     the ledger hears of rows that were read in vain
 *
 *     staged               the inputs go on        a move at the other end
 *     STAGED_FORWARD       behind the back         seeks to the front, turns round
 *     STAGED_BACKWARD      before the front        seeks to the back, turns round
 *     STAGED_NONE          nowhere: a ghost is shown
 *
 * A *limited* window may be wanted for one value of its key, or for all, so it begins
 * with few rows and grows quickly.
 */

#include "cursor/cursor_skip.h"
#include "cursor/cursor_source.h"

/* Rows of the first fill, and of the largest, which has some of each batch. */
#define WINDOW_WANT_MIN 16u
/* The same of a limited window that has many rows ahead of it. */
#define WINDOW_WANT_FEW 4u
#define WINDOW_WANT_MAX 2048u
#define WINDOW_WANT_BATCH 96u
/* The least that is read past the window, and the fill behind that. */
#define WINDOW_WANT_READ KWAY_WINDOW_MIN

enum window_staged { STAGED_NONE, STAGED_FORWARD, STAGED_BACKWARD };

struct window {
    const struct layout *layout;
    /* What the cursor holds. */
    struct account_share share;
    struct rows rows;
    /* Where backward fills are made. */
    struct rows scratch;

    struct source *sources;
    size_t source_count;
    /* Room for one per source; the first kway.input_count are in use. */
    struct kway_input *inputs;
    struct kway kway;
    /* A reference, or NULL; and what is not added to it yet. */
    struct lookup_ledger *ledger;
    struct lookup_counts counts;
    /* The end of the window behind which the inputs stand. */
    enum window_staged staged;
    /* Rows of the next fill. */
    size_t want;
    bool limited;
    /* Are rows codes and keys words? Then, of a limited window: that of its key. */
    bool key_is_word;
    uint64_t key_word;
    /* Rows are without times: added up over those less than or equal to `through`. */
    bool has_through;
    uint64_t through;
    /* A reference, or NULL: rows of keys that it rejects are not there. */
    struct key_filter *filter;
    /* The only row is none of the batches', and goes with the window. */
    bool ghost;
    /* The spine's, when batch number `sequence` had come in, or part of that: 0. */
    uint64_t sequence;
    /* No row lies before `first` of it: a reference, or NULL. */
    struct skipped *floor;
    bool floor_is_used; /* by the begins of sources */
    /* The next fill begins with the first row that there is. */
    bool from_start;
    /* Rows that were read and not shown. */
    uint64_t rows_skipped;
    /* The ledger is told of long stretches of these: merging would make them go. */
    bool tells_skipped;
    struct skip skip;
    /* Blocks that rows borrow from, those of inputs too; cells of rows that outlived
     * their blocks; what could not be read, or not be added up. */
    struct pins pins;
    struct arena cells;
    struct spine_error failure;

    /* As in the picture. */
    bool low_open;
    bool high_open;
    bool front_closed;
    bool back_closed;

    /* Two rows have the same key iff these bits of hi and lo are equal, and spans are. */
    uint64_t key_hi_mask;
    uint64_t key_lo_mask;
};

/* Keeps a reference to each batch. On failure there is nothing to release. */
enum spine_status window_init(struct window *window, const struct layout *layout,
                              struct spine_batch *const *batches, size_t batch_count,
                              struct spine_error *error);
void window_release(struct window *window);
/* Of the array of its sources. */
size_t window_sources_bytes(const struct window *window);

/* Empties the window, and limits it to keys from `lower` on and before `upper`; NULL: no
 * limit. */
SPINE_CHECKED enum spine_status window_set_bounds(struct window *window,
                                                  const struct cell *lower,
                                                  const struct cell *upper);
/* Empties the window, and adds the rows of each value up over the times less than or
 * equal to `through`. Timed. */
void window_set_through(struct window *window, uint64_t through);
/* Empties the window, and hides the rows of keys that `filter` rejects; NULL: of none.
 * Takes the reference. */
void window_set_filter(struct window *window, struct key_filter *filter);
/* The window is the row `row`, which is in none of the batches; what it borrows outlives
 * the window's next change. */
enum spine_status window_show_ghost(struct window *window, const struct spine_row *row);

/* Empty the window, and prepare for filling it forward from the first row, or backward
 * from the last one. */
SPINE_CHECKED enum spine_status window_to_start(struct window *window);
void window_to_end(struct window *window);
/* Empties the window and prepares for filling it forward (backward) from `bound`. Cells
 * may borrow from the window's rows. */
SPINE_CHECKED enum spine_status
window_seek(struct window *window, const struct bound *bound, bool backward);
/* The same for rows of the bound's key only. */
SPINE_CHECKED enum spine_status
window_seek_limited(struct window *window, const struct bound *bound, bool backward);
/* Limited to `key` and before its first row; batches without the key are left out. */
SPINE_CHECKED enum spine_status
window_seek_exact(struct window *window, const struct cell *key);

/* Fills the empty window from where the last seek went; it stays empty when there are no
 * rows. */
enum spine_status window_fill(struct window *window);

/*
 * Goes on behind the last row: forgets all rows but those of the last value and appends
 * new ones from `*first` on, none only at the end (when `within_key`, in a limited
 * window: at the end of the key). Needs rows. A ghost is forgotten, too.
 */
enum spine_status window_forward(struct window *window, bool within_key, size_t *first);
/*
 * Goes on before the first row: keeps the first `keep` rows (whole values) and puts
 * `*shift` new ones before them, none only when there are none.
 */
enum spine_status window_backward(struct window *window, size_t keep, size_t *shift);
/*
 * Writes the rows behind the last one to the empty `out` until that has little room or
 * there are no more; the window then ends with the last of them. May write nothing. For
 * rows that are codes, of windows that window_reads_on().
 */
enum spine_status window_read(struct window *window, struct lent_rows *out);

/* May cells of the window's rows be gone after the next fill? */
static inline bool
window_rows_borrow(const struct window *window)
{
    return window->pins.lent > 0 || window->cells.chunks != NULL;
}

/* Of cursor_fill.c. Append rows ahead of the staged inputs; keep the first `keep` rows
 * and put others before them. */
enum spine_status window_fill_forward(struct window *window);
enum spine_status window_fill_backward(struct window *window, size_t keep);
/* Rows that the inputs have ahead of the window, at least. */
uint64_t window_rows_ahead(const struct window *window);

/* Do the inputs go on behind the last row, with nothing but what is to be shown? */
static inline bool
window_reads_on(const struct window *window)
{
    return window->staged == STAGED_FORWARD && !window->limited && !window->ghost &&
           window->filter == NULL;
}

/* The first row of row `at`'s value, and of its key, in the window. */
size_t window_value_begin(const struct window *window, size_t at);
size_t window_key_begin(const struct window *window, size_t at);

/* Have rows `a` and `b` of the window the same key? */
static inline bool
window_same_key(const struct window *window, size_t a, size_t b)
{
    const struct rows *rows = &window->rows;

    assert(a < rows->count);
    assert(b < rows->count);
    if (((rows->hi[a] ^ rows->hi[b]) & window->key_hi_mask) != 0)
        return false;
    if (window->key_lo_mask != 0)
        return rows->lo[a] == rows->lo[b];
    if (!window->layout->key.spans)
        return true;
    return span_compare(rows->key[a], rows->key[b]) == 0;
}

/* The end of row `at`'s key in the window. */
static inline size_t
window_key_end(const struct window *window, size_t at)
{
    const size_t next = at + 1;

    assert(at < window->rows.count);
    if (window->limited)
        return window->rows.count;
    if (next == window->rows.count || !window_same_key(window, at, next))
        return next;
    return rows_key_end(window->layout, &window->rows, at, window->rows.count);
}

#endif
