/* SPDX-License-Identifier: MIT */
#include "kernel/kway_work.h"

/* ROW_ONE: the code is one word. */
#define KERNEL_FN(verb) one_##verb
#define KERNEL_WORDS 1

#include "kernel/heap_template.h"
