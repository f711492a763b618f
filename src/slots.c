/* SPDX-License-Identifier: MIT */

/*
 * The policy of merges as arithmetic: at which level a batch is, when a level is due,
 * what a merge may take along, how much fuel a slice gets. Nothing here locks, allocates
 * or remembers.
 */

#include "slots.h"

#include "base/assert.h"

#define DECADES_LEVEL1_ROWS UINT64_C(99999)
#define MERGE_MAX 64u
#define FUEL_MEMORY 128u
#define HELP_STEPS 8u
#define WAIT_RATIO 2u
#define AHEAD_RATIO 4u
#define COMPANY_RATIO 2u
#define NEGATIVE_HASTE 3u
#define STRETCH_RATIO 4u
/* Of what is saved, merges ahead read a 1,024th, and a row for two inserted ones: after
 * 1 % of new rows they make the next checkpoint write at most 1.6 % of all. */
#define SAVED_PART 1024u
#define SAVED_INSERTED_PART 2u
/* Rows that are merged in the time that it takes to take over a block. */
#define BLOCK_COST_ROWS 16u
/* Negative rows per row of the largest batch; rows of it per row of the smallest that
 * merges with it. */
#define BOTTOM_NEGATIVE_PART 4u
#define BOTTOM_SMALL_PART 64u
/* A survey does not wait for idle times when a 32nd of all rows has come in. A merge for
 * a survey was right when it dropped a fourth of what it read; after one that was not, no
 * survey is believed before SURVEY_PAUSE times as many rows have come in. */
#define SURVEY_URGENT_PART 32u
#define SURVEY_RIGHT_PART 4u
#define SURVEY_PAUSE 4u
/* A merge is split when it has read a twelfth of its rows, and at least the rows of this
 * many batches of level 0, and of one more for each input, as far as that makes twice as
 * many. */
#define SPLIT_PART 12u
#define SPLIT_LEVELS0 8u
#define SPLIT_INPUTS_MAX 8u
/* When most of its rows are in files, where a merge gives no memory back, but space of a
 * disk, and begins its reading ahead anew, it is split in the middle. */
#define SPLIT_PART_IN_FILES 2u
/* The rows of this many batches of level 0 are worth two threads. */
#define LANES_LEVELS0 64u
/* With this many batches, merges encode from a fourth of `encode_rows` on. */
#define CROWD_BATCHES 16u
#define CROWD_ENCODE_PART 4u

static uint64_t rows_with_haste(const struct slot_cost *batch);

#define DECADES_MERGE_MIN                                                                \
    {                                                                                    \
        8, 8, 3, 3, 3, 3, 2, 2, 2                                                        \
    }
static const uint8_t decades_merge_min[SPINE_LEVELS] = DECADES_MERGE_MIN;

const struct slot_policy slot_policy_default = {
    .rows_max = {SLOT_LEVEL0_ROWS, DECADES_LEVEL1_ROWS, 999999, 9999999, 99999999,
                 999999999, UINT64_C(9999999999), UINT64_C(99999999999), UINT64_MAX},
    .merge_min = DECADES_MERGE_MIN,
    .merge_max = MERGE_MAX,
    .ahead_ratio = AHEAD_RATIO};

void
slot_policy_init(struct slot_policy *out, enum slot_levels levels, uint32_t level0_rows)
{
    uint64_t rows_max = level0_rows;

    out->merge_max = MERGE_MAX;
    out->ahead_ratio = AHEAD_RATIO;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const bool fours = levels == SLOT_FOURS;

        out->rows_max[level] = level + 1 < SPINE_LEVELS ? rows_max : UINT64_MAX;
        out->merge_min[level] = fours ? 4 : decades_merge_min[level];
        if (fours)
            rows_max *= 4;
        else
            rows_max = level == 0 ? DECADES_LEVEL1_ROWS : rows_max * 10 + 9;
    }
}

unsigned
slot_level(const struct slot_policy *policy, uint64_t rows)
{
    unsigned level = 0;

    while (rows > policy->rows_max[level])
        level++;
    assert(level < SPINE_LEVELS);
    return level;
}

unsigned
slot_output_level(const struct slot_policy *policy, uint64_t rows, uint64_t negative_rows,
                  uint32_t multiplier, unsigned top_level)
{
    const unsigned level = slot_level(policy, rows);
    uint64_t extra;
    uint64_t sum;
    unsigned raised;

    if (__builtin_mul_overflow(negative_rows, (uint64_t)multiplier, &extra) ||
        __builtin_add_overflow(rows, extra, &sum))
        sum = UINT64_MAX;
    raised = slot_level(policy, sum);
    if (raised > top_level)
        raised = top_level;
    return raised > level ? raised : level;
}

size_t
slot_merge_count(const struct slot_policy *policy, unsigned level,
                 const struct slot_loose *loose)
{
    assert(loose->storage_rows <= loose->rows);
    if (loose->count < policy->merge_min[level] ||
        (loose->count < SLOT_STORAGE_MIN && loose->storage_rows > loose->rows / 2))
        return 0;
    return loose->count < policy->merge_max ? loose->count : policy->merge_max;
}

bool
slot_merge_can_wait(const struct slot_policy *policy, unsigned level, size_t loose)
{
    return level == 0 && loose < WAIT_RATIO * policy->merge_min[0];
}

uint64_t
slot_bottom_rows(uint64_t largest_rows)
{
    return largest_rows / BOTTOM_SMALL_PART;
}

bool
slot_bottom_due(uint64_t largest_rows, uint64_t negative_rows)
{
    return negative_rows > largest_rows / BOTTOM_NEGATIVE_PART;
}

bool
slot_is_rejected(size_t points, size_t rejected)
{
    return rejected > points / 2;
}

bool
slot_survey_is_urgent(uint64_t rows, uint64_t inserted_rows)
{
    return inserted_rows >= rows / SURVEY_URGENT_PART;
}

bool
slot_survey_was_right(uint64_t rows_in, uint64_t rows_dropped)
{
    return rows_dropped >= rows_in / SURVEY_RIGHT_PART;
}

uint64_t
slot_survey_pause(uint64_t rows_in)
{
    return SURVEY_PAUSE * rows_in;
}

size_t
slot_ahead_count(const struct slot_policy *policy, const struct slot_cost *batches,
                 size_t count, uint64_t saved_max)
{
    struct slot_cost smaller = {0};
    uint64_t saved = 0;
    size_t taken = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t limit = slot_ahead_limit(policy, &smaller, batches[i].rows);

        assert(i == 0 || batches[i - 1].rows <= batches[i].rows);
        saved += batches[i].is_saved ? batches[i].cost : 0;
        if (i > 0 && batches[i].cost <= limit && saved <= saved_max)
            taken = i + 1;
        smaller.rows += batches[i].rows;
        smaller.negative_rows += batches[i].negative_rows;
    }
    return taken;
}

uint64_t
slot_saved_rows(uint64_t rows, uint64_t inserted_rows)
{
    return rows / SAVED_PART + inserted_rows / SAVED_INSERTED_PART;
}

bool
slot_ahead_gives_up(uint64_t rows_read, uint64_t rows, uint64_t saved_max)
{
    return rows > saved_max && rows_read < rows / 2;
}

uint64_t
slot_ahead_limit(const struct slot_policy *policy, const struct slot_cost *smaller,
                 uint64_t rows)
{
    const uint64_t limit = policy->ahead_ratio * smaller->rows;
    const uint64_t shared = policy->ahead_ratio * rows_with_haste(smaller);

    if (limit >= rows / 2)
        return limit;
    return shared < rows / 2 ? shared : rows / 2;
}

uint64_t
slot_company_limit(const struct slot_cost *inputs, uint64_t rows)
{
    const uint64_t limit = rows_with_haste(inputs) * COMPANY_RATIO;

    return limit < rows / 2 ? limit : rows / 2;
}

static uint64_t
rows_with_haste(const struct slot_cost *batch)
{
    return batch->rows + (NEGATIVE_HASTE - 1) * batch->negative_rows;
}

uint64_t
slot_stretch_limit(uint64_t rows)
{
    return rows * STRETCH_RATIO;
}

uint64_t
slot_blocks_cost(size_t blocks)
{
    return blocks * BLOCK_COST_ROWS;
}

bool
slot_split_is_due(const struct slot_policy *policy, const struct slot_progress *progress)
{
    const uint64_t count = progress->batches;
    const uint64_t inputs = count < SPLIT_INPUTS_MAX ? count : SPLIT_INPUTS_MAX;
    const uint64_t rows_min = (SPLIT_LEVELS0 + inputs) * policy->rows_max[0];
    const bool in_files = progress->storage_rows > progress->rows / 2;
    const uint64_t part = in_files ? SPLIT_PART_IN_FILES : SPLIT_PART;

    return count <= SLOT_SPLIT_MAX && progress->rows_read >= rows_min &&
           progress->rows_read >= progress->rows / part;
}

bool
slot_lanes_pay(const struct slot_policy *policy, uint64_t rows)
{
    return rows >= LANES_LEVELS0 * policy->rows_max[0];
}

uint64_t
slot_encode_rows(uint32_t encode_rows, size_t batches)
{
    if (encode_rows == UINT32_MAX)
        return UINT64_MAX;
    if (batches >= CROWD_BATCHES)
        encode_rows /= CROWD_ENCODE_PART;
    return encode_rows > 0 ? encode_rows : 1;
}

uint64_t
slot_level0_fuel(const struct slot_policy *policy, uint64_t rows)
{
    const uint64_t rows_usual = WAIT_RATIO * policy->merge_min[0] * policy->rows_max[0];

    return rows > rows_usual ? SLOT_FUEL_LONG : UINT64_MAX;
}

uint64_t
slot_fuel_average(uint64_t average, uint64_t fuel_rows)
{
    if (fuel_rows > SLOT_FUEL_MAX)
        fuel_rows = SLOT_FUEL_MAX;
    const uint64_t next =
        (average * (FUEL_MEMORY - 1) + fuel_rows + FUEL_MEMORY / 2) / FUEL_MEMORY;

    return next > 0 ? next : 1;
}

unsigned
slot_help_slices(size_t batches, size_t soft, size_t hard)
{
    size_t slices;

    if (batches < soft)
        return 0;
    if (hard <= soft)
        return 1 + HELP_STEPS;
    slices = 1 + (batches - soft) * HELP_STEPS / (hard - soft);
    return slices < 2 * HELP_STEPS ? (unsigned)slices : 2 * HELP_STEPS;
}
