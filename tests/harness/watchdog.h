/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_WATCHDOG_H
#define HARNESS_WATCHDOG_H

/*
 * harness/watchdog -- a test that hangs says so and aborts, with a core to look at.
 */

/* At most one at a time. */
void watchdog_start(const char *what, unsigned seconds);
void watchdog_stop(void);

#endif
