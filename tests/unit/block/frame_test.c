/* SPDX-License-Identifier: MIT */
#include "block/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_MAX 4096u

static uint64_t seed = UINT64_C(0x5eedf4a3e);

static uint64_t
next_word(void)
{
    uint64_t word = seed += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

/* Fits, packs, and reads back in every way. Returns the width. */
static unsigned
expect_round_trip(const uint64_t *words, size_t count, bool sorted)
{
    const struct frame fit = frame_fit(words, count, sorted);
    const size_t bytes = frame_bytes(&fit, count);
    struct frame *frame = malloc(sizeof *frame + bytes);
    uint64_t *back = malloc((count + 1) * sizeof *back);
    const unsigned width = fit.width;

    assert_true(width <= 57 || width == 64);
    assert_true(bytes * 8 >= count * width);
    *frame = fit;
    frame_pack(frame, words, count, (uint8_t *)(frame + 1));
    for (size_t i = 0; i < count; i++)
        if (frame_word(frame, i) != words[i])
            fail_msg("word %zu of %zu, width %u", i, count, width);
    for (int round = 0; round < 8; round++) {
        const size_t begin = round == 0 ? 0 : next_word() % (count + 1);
        const size_t end = round == 0 ? count : begin + next_word() % (count - begin + 1);

        back[end - begin] = 77;
        frame_unpack(frame, begin, end, back);
        assert_int_equal(back[end - begin], 77);
        for (size_t i = begin; i < end; i++)
            if (back[i - begin] != words[i])
                fail_msg("word %zu of %zu, width %u, from %zu", i, count, width, begin);
        for (size_t i = begin; i < end; i++)
            back[i - begin] = i;
        frame_unpack_below(frame, begin, end, 13, back);
        assert_int_equal(back[end - begin], 77);
        for (size_t i = begin; i < end; i++)
            if (back[i - begin] != ((uint64_t)i << 13) + words[i])
                fail_msg("below: word %zu of %zu, width %u", i, count, width);
    }
    free(frame);
    free(back);
    return width;
}

/* The width that distances of `width` bits are given. */
static unsigned
rounded(unsigned width)
{
    return width > 57 ? 64 : width;
}

/* Distances of `width` bits above a base or a line. */
static void
draw(uint64_t *words, size_t count, unsigned width, uint64_t base, uint64_t slope)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = base + slope * i;
        words[i] += width == 0 ? 0 : next_word() >> (64 - width);
    }
}

static void
every_width_and_count_comes_back(void **state)
{
    (void)state;
    static const size_t counts[] = {1,  2,  3,  7,   8,   9,   15,   16,  17,
                                    63, 64, 65, 127, 512, 513, 1000, 4096};
    static uint64_t words[COUNT_MAX];

    for (unsigned width = 0; width <= 64; width++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            draw(words, counts[c], width, next_word(), 0);
            expect_round_trip(words, counts[c], false);
            draw(words, counts[c], width, 0, 0);
            assert_true(expect_round_trip(words, counts[c], false) <= rounded(width));
        }
    for (size_t count = 1; count < 300; count++) {
        draw(words, count, (unsigned)(count % 65), next_word(), 0);
        expect_round_trip(words, count, false);
    }
}

static int
compare_words(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void
sorted_words_come_back(void **state)
{
    (void)state;
    static uint64_t words[COUNT_MAX];

    for (unsigned width = 1; width <= 64; width++)
        for (size_t count = 1; count <= COUNT_MAX; count = count * 3 + 1) {
            draw(words, count, width, 0, 0);
            qsort(words, count, sizeof *words, compare_words);
            assert_true(expect_round_trip(words, count, true) <= rounded(width));
        }
}

/* Sums and differences that leave 64 bits are taken modulo 2^64. */
static void
extremes_come_back(void **state)
{
    (void)state;
    const uint64_t high = UINT64_C(1) << 63;
    const uint64_t extremes[] = {0,         1, high - 1, high, high + 1, UINT64_MAX - 1,
                                 UINT64_MAX};
    const size_t kinds = sizeof extremes / sizeof *extremes;
    static uint64_t words[COUNT_MAX];

    for (size_t first = 0; first < kinds; first++)
        for (size_t last = 0; last < kinds; last++)
            for (size_t count = 1; count < 90; count += 11) {
                for (size_t i = 0; i < count; i++)
                    words[i] = extremes[next_word() % kinds];
                words[0] = extremes[first];
                words[count - 1] = extremes[last];
                expect_round_trip(words, count, false);
                qsort(words, count, sizeof *words, compare_words);
                expect_round_trip(words, count, true);
            }
}

static void
lines_take_few_bits(void **state)
{
    (void)state;
    static uint64_t words[COUNT_MAX];

    for (unsigned bits = 0; bits < 50; bits++) {
        const uint64_t slope = next_word() >> (63 - bits);

        draw(words, COUNT_MAX, 0, next_word() >> 1, slope);
        assert_true(expect_round_trip(words, COUNT_MAX, true) <= 1);
        assert_true(expect_round_trip(words, COUNT_MAX, false) <= 1);
        draw(words, COUNT_MAX, 5, next_word() >> 1, slope);
        /* A steep slope has few bits behind its point. */
        assert_true(expect_round_trip(words, COUNT_MAX, false) <= (bits < 40 ? 7 : 12));
    }
    /* Constants take none. */
    draw(words, COUNT_MAX, 0, next_word(), 0);
    assert_int_equal(expect_round_trip(words, COUNT_MAX, true), 0);
    /* Keys at random: five bits less than their range. */
    for (size_t i = 0, at = 0; i < COUNT_MAX; i++)
        words[i] = at += next_word() >> 22;
    assert_true(expect_round_trip(words, COUNT_MAX, true) <= 49);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_and_count_comes_back),
        cmocka_unit_test(sorted_words_come_back),
        cmocka_unit_test(extremes_come_back),
        cmocka_unit_test(lines_take_few_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
