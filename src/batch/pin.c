/* SPDX-License-Identifier: MIT */

/* Pins of blocks, and lists of those that rows still borrow from. */

#include "batch/fence.h"

#include "base/alloc.h"
#include "base/assert.h"

static void drop_cells(struct pins *pins, struct arena *cells);
static bool holds_oldest(const struct kept_pin *kept);

enum spine_status
batch_pin(const struct spine_batch *batch, size_t index, struct pin *out,
          struct spine_error *error)
{
    assert(index < batch->block_count);
    return fence_pin(&batch->fences[index], PIN_TO_READ, out, error);
}

enum spine_status
pins_keep(struct pins *pins, struct reader *reader)
{
    assert(reader->pin.image != NULL);
    if (!array_reserve(&pins->kept, &pins->capacity, sizeof *pins->kept, pins->count + 1))
        return SPINE_NOMEM;
    pins->kept[pins->count++] = (struct kept_pin){.pin = reader->pin,
                                                  .cells = reader->cells,
                                                  .reader = reader,
                                                  .done_at = PIN_IN_USE};
    reader->pin = (struct pin){0};
    reader->cells = (struct arena){0};
    return SPINE_OK;
}

void
pins_return(struct pins *pins, uint64_t rows_out, uint64_t rows_done)
{
    size_t left = 0;

    assert(rows_done <= rows_out);
    for (size_t i = 0; i < pins->count; i++)
        pins->kept[i].reader->in_use = false;
    for (size_t i = 0; i < pins->count; i++) {
        struct kept_pin *kept = &pins->kept[i];

        /* Rows are staged and used in the order of blocks. */
        if (holds_oldest(kept))
            kept->reader->in_use = true;
        if (kept->done_at == PIN_IN_USE && !kept->reader->in_use)
            kept->done_at = rows_out;
        if (kept->done_at <= rows_done) {
            pin_release(&kept->pin);
            drop_cells(pins, &kept->cells);
            pins->lent--;
        } else {
            pins->kept[left++] = *kept;
        }
    }
    pins->count = left;
}

void
pins_release(struct pins *pins)
{
    for (size_t i = 0; i < pins->count; i++) {
        pin_release(&pins->kept[i].pin);
        arena_release(&pins->kept[i].cells);
    }
    arena_release(&pins->unused);
    mem_free(pins->kept, pins->capacity * sizeof *pins->kept);
    *pins = (struct pins){.lent = pins->lent - pins->count};
}

/* Cells that no row borrows from: the memory goes, or waits for the next. */
static void
drop_cells(struct pins *pins, struct arena *cells)
{
    if (cells->chunks == NULL)
        return;
    if (pins->unused.chunks != NULL) {
        arena_release(cells);
        return;
    }
    arena_reset(cells);
    pins->unused = *cells;
    *cells = (struct arena){0};
}

/* Does the first staged row that is not used yet borrow from the block? */
static bool
holds_oldest(const struct kept_pin *kept)
{
    const struct kway_input *staged = kept->reader->staged;
    const uintptr_t begin = (uintptr_t)kept->pin.image;
    uintptr_t at;

    if (staged == NULL || staged->at == staged->rows.count)
        return false;
    at = (uintptr_t)(kept->reader->batch->layout.key.spans
                         ? staged->rows.key[staged->at].data
                         : staged->rows.value[staged->at].data);
    return (at >= begin && at < begin + kept->pin.image->bytes) ||
           arena_has(&kept->cells, (const uint8_t *)at);
}
