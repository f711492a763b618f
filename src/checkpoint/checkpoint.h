/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

/*
 * checkpoint/ -- checkpoints of spines in a store (spine/checkpoint.h). Above the core:
 * it takes cuts of spines and opens cuts as spines, and knows nothing else of them.
 *
 *     manifest.c          what a checkpoint is                      (manifest.h)
 *     manifest_encode.c   as text                                   (MANIFEST.md)
 *     manifest_decode.c   from text
 *     catalog.c           which checkpoints and files a store has   (catalog.h)
 *     gather.c            brings the blocks of cuts into files      (gather.h)
 *     describe.c          what was gathered, as a manifest
 *     commit.c            spine_checkpoint()
 *     background.c        spine_checkpoint_start()
 *     restore.c           spine_restore()
 *     list.c              spine_checkpoint_list()
 *     sweep.c             removes checkpoints, and what nobody needs
 *     export.c            copies a checkpoint to another store        (export.h)
 *
 * The order of what is done is what makes it safe:
 *
 *     checkpoint   files written -> each synced -> names synced -> manifest published ->
 *                  receipt published
 *     export       the same, the files being copies
 *     removal      receipt removed -> names synced -> manifest removed -> names synced ->
 *                  its files removed, but for those that another manifest names
 *     sweep        names synced -> files removed that no manifest names
 *
 * So a manifest that is there names files that are durable, and a file goes only when no
 * durable manifest names it. What has no name yet may be written at any time: the
 * manifest and the receipt are, while the last files are on their way to the disk.
 *
 * The *receipt* of a checkpoint is an object that says that it was acknowledged: where a
 * receipt is there and its manifest is not, the checkpoint was lost, and nothing is
 * removed. A checkpoint removes the receipts of those that it replaces before its own
 * sync of names, so receipts cost no sync.
 *
 * One call at a time does any of this for a store: store_checkpoints_lock(). A checkpoint
 * in the background tries again later and blocks no thread of the runtime.
 */

#include "checkpoint/catalog.h"
#include "checkpoint/export.h"

#endif
