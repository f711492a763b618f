/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_CRASH_ORDER_H
#define HARNESS_CRASH_ORDER_H

/*
 * harness/crash_order -- the rules of a crash disk (harness/crash_disk.h): what must be
 * durable when something gets its name or goes. Each violation is counted and printed.
 */

#include "harness/crash_disk.h"

bool crash_file_is_manifest(const struct crash_file *file);
bool crash_name_is_of_batches(const char *name);
/* Does the manifest name that object? */
bool crash_file_names(const struct crash_file *manifest, const char *name);
/* The file that has this name now, or NULL. */
struct crash_file *crash_file_named(const struct crash_disk *disk, const char *name);

/* All that the manifest names is durable when it gets its name. */
void crash_order_put(struct crash_disk *disk, const struct crash_file *manifest);
/* The manifest of a receipt is durable when the receipt gets its name. Any file. */
void crash_order_receipt(struct crash_disk *disk, const struct crash_file *receipt);
/* No manifest that may be there after a crash names `name`; of a manifest, no receipt. */
void crash_order_removal(struct crash_disk *disk, const char *name);

#endif
