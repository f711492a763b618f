/* SPDX-License-Identifier: MIT */
#include "kernel/kway_work.h"

/* ROW_TWO: the code is two words. */
#define KERNEL_FN(verb) two_##verb
#define KERNEL_WORDS 2

#include "kernel/heap_template.h"
