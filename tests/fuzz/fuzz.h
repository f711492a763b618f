/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

/*
 * What a fuzz target is: a function of bytes that ends the program when something is
 * wrong. With libFuzzer it is called by that; otherwise by driver.c.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, in every build. */
#define FUZZ_REQUIRE(condition)                                                          \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,             \
                    #condition);                                                         \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#endif
