/* SPDX-License-Identifier: MIT */
#ifndef BASE_WIDE_SUM_H
#define BASE_WIDE_SUM_H

/*
 * base/wide_sum -- sums of weights that may leave int64_t and come back.
 *
 * Whether weights can be added up must not depend on their order: 1, INT64_MAX, -1 are
 * INT64_MAX in any.
 */

#include <stdbool.h>
#include <stdint.h>

/* Of up to 2^63 weights. */
__extension__ typedef __int128 wide_sum;

static inline bool
wide_sum_fits(wide_sum sum)
{
    return sum >= INT64_MIN && sum <= INT64_MAX;
}

#endif
