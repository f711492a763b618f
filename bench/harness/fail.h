/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_FAIL_H
#define BENCH_HARNESS_FAIL_H

#ifdef __cplusplus
extern "C" {
#endif

/* Says what is wrong and ends the process with status 2. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

#ifdef __cplusplus
}
#endif

#endif
