/* SPDX-License-Identifier: MIT */
#ifndef LISTING_H
#define LISTING_H

/*
 * listing -- every batch of a spine, looked at with the lock let go of now and then. Part
 * of core.h.
 *
 * After a long pause a spine may have very many batches. They are listed in sections of
 * some hundred sequences, one section after the other; within a section the loose ones
 * come first. Between two sections merges may start and be given up, which moves entries
 * but changes no sequence; what is inserted has a greater one than all that is listed.
 * Only a merge that ends would replace batches of which some have been listed: it waits
 * until nobody lists.
 */

#include "core.h"

/* Before spine_list_locked(): lets merges end that wait for other lists. */
void spine_list_wait_locked(struct spine *spine);
/*
 * Calls `on_entry` for every entry that is in the spine at the call, merging or loose.
 * With many entries the lock is let go of in between; what comes in meanwhile is left
 * out. Inside spine_enter_locked().
 */
void spine_list_locked(struct spine *spine, entry_fn *on_entry, void *context);
/* The same by sections: the entries of the range, in whichever sets of the spine, are
 * some hundred that were not in a section before; all sections together are all. */
typedef void
section_fn(const struct spine *spine, struct entry_range range, void *context);
void
spine_list_sections_locked(struct spine *spine, section_fn *on_section, void *context);
/* Before batches are replaced: waits until nobody lists them. */
void spine_publish_wait_locked(struct spine *spine);

#endif
