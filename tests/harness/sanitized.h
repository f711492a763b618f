/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_SANITIZED_H
#define HARNESS_SANITIZED_H

/*
 * harness/sanitized -- SANITIZED_ADDRESS and SANITIZED_THREAD are defined where this
 * sanitizer is in the program, whichever compiler made it. ALL_OR_FEW(all, few) is `few`
 * under the thread sanitizer, where all takes twenty times as long, and `all` elsewhere;
 * ALL_OR_SOME(all, some) is `some` under either.
 */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED_ADDRESS 1
#endif
#if __has_feature(thread_sanitizer)
#define SANITIZED_THREAD 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED_ADDRESS)
#define SANITIZED_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SANITIZED_THREAD)
#define SANITIZED_THREAD 1
#endif

#ifdef SANITIZED_THREAD
#define ALL_OR_FEW(all, few) (few)
#else
#define ALL_OR_FEW(all, few) (all)
#endif

#if defined(SANITIZED_ADDRESS) || defined(SANITIZED_THREAD)
#define ALL_OR_SOME(all, some) (some)
#else
#define ALL_OR_SOME(all, some) (all)
#endif

#endif
