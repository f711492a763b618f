/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_CRASH_DISK_H
#define HARNESS_CRASH_DISK_H

/*
 * harness/crash_disk -- a disk in memory that can be looked at before each operation, as
 * a crash would find it then, that fails when told to, and that watches the order of what
 * is done to it:
 *
 *     - a manifest names only what is durable when it is put
 *     - an object of batches is removed only when no manifest that a crash could bring
 *       back names it
 *     - a receipt is there only where its manifest is durable, and is durably gone when
 *       that is removed
 *
 * For one thread.
 */

#include "spine/backend.h"

/* An object: what was written, and what of it a crash would leave. */
struct crash_file {
    struct crash_file *next;
    uint8_t *bytes; /* and a zero behind them */
    size_t size;
    bool named_now;
    bool named_durably;
    bool synced;
    /* A sync of it failed and its bytes are lost: no later one brings them back. */
    bool dropped;
    /* The same of its name, when it is an object of batches: that comes and goes, and a
     * crash loses it, or not. */
    bool name_dropped;
    char name[SPINE_NAME_MAX + 1];
};

/* Which operation fails. */
struct crash_fault {
    /* The number of the operation from now on, 1 being the next; 0: none. */
    uint64_t at;
    /* All after it fail, too. */
    bool forever;
    /* It is done, and fails all the same. */
    bool after;
    /* Only syncs are counted, and what was to be durable is lost: bytes, or names that
     * objects of batches have got. */
    bool syncs;
    /* By which status; SPINE_OK: SPINE_IO. Only operations that a backend may answer so
     * are counted. */
    enum spine_status status;
};

struct crash_disk {
    struct spine_backend inner;
    /* All that ever had a name. */
    struct crash_file *files;
    /* Operations so far, and those that changed what a crash would leave. */
    uint64_t operations;
    uint64_t changes;
    /* It does not put in two steps. Set before crash_disk_backend(). */
    bool puts_at_once;
    struct crash_fault fault;
    bool fired;
    enum spine_status failed_by;
    unsigned violations;
    /* Called before each operation, unless NULL. */
    void (*on_operation)(void *argument);
    void *argument;
};

/* What a crash would find: the objects, without writers that are under way. */
struct crash_image {
    size_t count;
    struct {
        const struct crash_file *file; /* of the disk, which must outlive the image */
        bool named_now, named_durably, synced;
    } files[];
};

/* An empty disk. */
void crash_disk_init(struct crash_disk *disk);
/* The disk that is left of an image after a crash. */
void crash_disk_init_from(struct crash_disk *disk, const struct crash_image *image,
                          enum spine_crash crash, uint64_t seed);
/* Nothing of it is open. */
void crash_disk_release(struct crash_disk *disk);
/* The disk as a backend, which may be released before the disk. */
struct spine_backend crash_disk_backend(struct crash_disk *disk);
/* Ended by free(). */
struct crash_image *crash_disk_image(const struct crash_disk *disk);
/* From now on this fails. */
void crash_disk_arm(struct crash_disk *disk, struct crash_fault fault);
/* Nothing fails any more; did something since it was armed? */
bool crash_disk_disarm(struct crash_disk *disk);

/* The newest manifest that is there, but for the `skip` newest ones; NULL: none. */
const struct crash_file *
crash_disk_manifest(const struct crash_disk *disk, unsigned skip);
/* Objects of batches that no manifest names. */
size_t crash_disk_orphans(const struct crash_disk *disk);
size_t crash_disk_batches(const struct crash_disk *disk);

#endif
