/* SPDX-License-Identifier: MIT */
#include "kernel/kway_work.h"
#include "rows/row_order.h"

/* ROW_ONE: the code is one word. */
#define KERNEL_FN(verb) one_##verb
#define KERNEL_WORDS 1

/* In this order: each uses what comes before it. */
#include "kernel/insertion_template.h"

#include "kernel/bucket_template.h"
#include "kernel/heap_template.h"

#include "kernel/window_template.h"

#include "kernel/sparse_template.h"

#include "kernel/merge_template.h"

#include "kernel/fill_template.h"
