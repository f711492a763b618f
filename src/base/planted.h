/* SPDX-License-Identifier: MIT */
#ifndef BASE_PLANTED_H
#define BASE_PLANTED_H

/*
 * base/planted -- bugs that are planted on purpose, one at a time and only by
 * tests/planted/planted.sh, which looks whether a test catches them. What is distributed
 * has none: SPINE_PLANTED is not defined, and the conditions are constants.
 *
 *     if (PLANTED(NAMES_NOT_SYNCED))
 *         return st;
 */

enum planted {
    PLANTED_NOTHING,
    /* A checkpoint syncs no file. */
    PLANTED_FILES_NOT_SYNCED,
    /* A checkpoint does not sync the names of its files. */
    PLANTED_NAMES_NOT_SYNCED,
    /* Syncing a file, the names of a directory, or a manifest, does nothing. */
    PLANTED_FSYNC_SKIPPED,
    PLANTED_DIRECTORY_SKIPPED,
    PLANTED_PUT_SKIPPED,
    /* The manifest is put before what it names is durable. */
    PLANTED_MANIFEST_FIRST,
    /* Files of a manifest that may be there are not kept. */
    PLANTED_PUT_FORGOTTEN,
    /* Nothing says that a checkpoint was acknowledged. */
    PLANTED_RECEIPT_FORGOTTEN,
    /* The files of a checkpoint are removed before its manifest is. */
    PLANTED_FILES_BEFORE_MANIFEST,
    /* A sweep does not see to it that manifests that are gone stay gone. */
    PLANTED_SWEEP_TOO_SOON,
    /* What the oldest checkpoint needs may go. */
    PLANTED_MANIFEST_OVERLOOKED,
    /* A sync that failed is tried again, and believed. */
    PLANTED_SYNC_TRIED_AGAIN,
    /* The same of the names of a directory. */
    PLANTED_NAMES_TRIED_AGAIN,
    /* Restoring leaves a batch out. */
    PLANTED_BATCH_FORGOTTEN,
    /* The checksum of a manifest is not looked at. */
    PLANTED_SEAL_IGNORED,
    /* The checksums of blocks are not looked at. */
    PLANTED_CHECKSUM_IGNORED,
    /* The dirty flag falls although something was inserted. */
    PLANTED_DIRTY_FALLS,
    /* A merge drops a row. */
    PLANTED_ROW_DROPPED,
    /* Weights that are opposite stay. */
    PLANTED_WEIGHTS_STAY,
    /* A thread that waits is not woken. */
    PLANTED_SIGNAL_LOST,
    /* A wait does not look again before it sleeps. */
    PLANTED_WAKE_OVERLOOKED,
    /* A wait does not look again after it was woken. */
    PLANTED_WAIT_ONCE,
    /* A merge lets go of the lock while its inputs are gone and its output is not in. */
    PLANTED_LOCK_DROPPED,
    /* Readers see what is inserted after their snapshot. */
    PLANTED_LIST_LIVES,
    /* A batch is freed one reference early. */
    PLANTED_REFERENCE_MISSED
};

#ifndef SPINE_PLANTED
#define SPINE_PLANTED PLANTED_NOTHING
#endif

#define PLANTED(bug) (SPINE_PLANTED == PLANTED_##bug)

#endif
