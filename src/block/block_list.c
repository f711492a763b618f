/* SPDX-License-Identifier: MIT */

/* Which values of a block are the same, by a table of hashes; given up soon when hardly
 * any are. */

#include "block/block_list.h"

#include <xxhash.h>

/* There is no list when the first TRIAL_VALUES values are all different. Where values are
 * drawn from 256, that happens in one block of 3,000. */
#define TRIAL_VALUES 64u
/* At most half of the slots are taken. */
#define SLOTS (2 * LIST_VALUES_MAX)

static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are counted by a mask");
static_assert(LIST_VALUES_MAX <= UINT8_MAX + 1, "picks have a byte while packing");

static bool span_same(struct span a, struct span b);

void
list_fill(struct value_list *list, const struct span *spans, const uint16_t *rows,
          uint32_t count)
{
    /* One more than a number in the list; 0: the slot is free. */
    uint16_t slots[SLOTS] = {0};
    struct span before = {0};

    list->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct span span = spans[rows != NULL ? rows[i] : i];
        uint32_t slot, pick;

        if (i > 0 && span_same(span, before)) {
            list->picks[i] = list->picks[i - 1];
            continue;
        }
        before = span;
        slot = (uint32_t)XXH3_64bits(span.data, span.size) % SLOTS;
        for (; slots[slot] != 0; slot = (slot + 1) % SLOTS) {
            const uint32_t first = list->firsts[slots[slot] - 1];

            if (span_same(span, spans[rows != NULL ? rows[first] : first]))
                break;
        }
        pick = list->count;
        if (slots[slot] != 0) {
            pick = slots[slot] - 1u;
        } else if (pick == LIST_VALUES_MAX || (i == TRIAL_VALUES && pick == i)) {
            list->count = 0;
            return;
        } else {
            slots[slot] = (uint16_t)(pick + 1);
            list->firsts[pick] = (uint16_t)i;
            list->count++;
        }
        list->picks[i] = (uint8_t)pick;
    }
}

static bool
span_same(struct span a, struct span b)
{
    return a.size == b.size &&
           (a.data == b.data || a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
