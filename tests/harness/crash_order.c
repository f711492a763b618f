/* SPDX-License-Identifier: MIT */
#include "harness/crash_order.h"

#include "checkpoint/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

bool
crash_file_is_manifest(const struct crash_file *file)
{
    return strncmp(file->name, "checkpoint-", 11) == 0;
}

bool
crash_name_is_of_batches(const char *name)
{
    const size_t digits = strspn(name, "0123456789abcdef");

    return digits == 32 &&
           (strcmp(name + digits, ".batch") == 0 || strcmp(name + digits, ".pack") == 0);
}

bool
crash_file_names(const struct crash_file *manifest, const char *name)
{
    return strstr((const char *)manifest->bytes, name) != NULL;
}

struct crash_file *
crash_file_named(const struct crash_disk *disk, const char *name)
{
    struct crash_file *file = disk->files;

    while (file != NULL && !(file->named_now && strcmp(file->name, name) == 0))
        file = file->next;
    return file;
}

static void
violation(struct crash_disk *disk, const char *name, const char *what, const char *other)
{
    disk->violations++;
    print_error("operation %llu: %s: %s %s\n", (unsigned long long)disk->operations, name,
                what, other);
}

/* All that the manifest `file` names is durable. */
void
crash_order_put(struct crash_disk *disk, const struct crash_file *manifest)
{
    const char *at = (const char *)manifest->bytes;

    while ((at = strstr(at, "\"name\"")) != NULL) {
        char name[SPINE_NAME_MAX + 1] = "";

        at += strlen("\"name\"");
        (void)sscanf(at, " : \"%127[0-9a-z.]\"", name);
        if (!crash_name_is_of_batches(name))
            continue;
        const struct crash_file *file = crash_file_named(disk, name);

        if (file == NULL || file->dropped || file->name_dropped ||
            !spine_memory_backend_is_durable(&disk->inner, name))
            violation(disk, manifest->name, "names what is not durable:", name);
    }
}

/* The manifest of a receipt is durable when the receipt gets its name. */
void
crash_order_receipt(struct crash_disk *disk, const struct crash_file *receipt)
{
    const uint64_t sequence = receipt_sequence(receipt->name);
    char name[SPINE_NAME_MAX + 1];
    const struct crash_file *manifest;

    if (sequence == 0)
        return;
    manifest_name(sequence, name);
    manifest = crash_file_named(disk, name);
    if (manifest == NULL || !manifest->named_durably || !manifest->synced)
        violation(disk, receipt->name, "is there, and is not durable:", name);
}

/* No manifest that may be there after a crash names `name`; of a manifest, no receipt. */
void
crash_order_removal(struct crash_disk *disk, const char *name)
{
    const uint64_t sequence = manifest_sequence(name);

    for (const struct crash_file *file = disk->files; file != NULL; file = file->next)
        if (sequence > 0 && file->named_durably &&
            receipt_sequence(file->name) == sequence)
            violation(disk, name, "is removed, and has a receipt:", file->name);
    if (!crash_name_is_of_batches(name))
        return;
    for (const struct crash_file *file = disk->files; file != NULL; file = file->next)
        if (file->named_durably && crash_file_is_manifest(file) &&
            crash_file_names(file, name))
            violation(disk, name, "is removed, and needed by", file->name);
}
