/* SPDX-License-Identifier: MIT */
#ifndef PLUGIN_H
#define PLUGIN_H

/*
 * plugins/plugin -- a plugin that uses the library, built with its shared and with its
 * static form. All that a plugin exports is one of these, called `plugin`.
 */

#include <stdbool.h>
#include <stddef.h>

struct plugin {
    /* Opens a runtime with a loop of its own and a spine, inserts rows that merge. With
     * `own_allocator` all memory is the plugin's. Every function aborts when something is
     * wrong. */
    void (*open)(bool own_allocator);
    /* Inserts, waits, consolidates and reads. */
    void (*use)(void);
    void (*close)(void);
    /* What the library says it holds, and what its allocator has given. */
    size_t (*held_bytes)(void);
    size_t (*given_bytes)(void);
};

const struct plugin *plugin_get(void);

#endif
