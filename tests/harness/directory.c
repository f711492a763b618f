/* SPDX-License-Identifier: MIT */
#include "harness/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORIES_MAX 16u

/* Empty names are free places. Those of `process`: a child of fork() removes none. */
static char directories[DIRECTORIES_MAX][DIRECTORY_BYTES];
static pid_t process;

static void remove_all(void);
static void remove_tree(const char *path);

void
directory_make(char path[DIRECTORY_BYTES], const char *begin)
{
    unsigned place = 0;

    if (process != getpid()) {
        process = getpid();
        memset(directories, 0, sizeof directories);
        if (atexit(remove_all) != 0)
            abort();
    }
    while (place < DIRECTORIES_MAX && directories[place][0] != '\0')
        place++;
    if (place == DIRECTORIES_MAX ||
        snprintf(path, DIRECTORY_BYTES, "%s_XXXXXX", begin) >= (int)DIRECTORY_BYTES ||
        mkdtemp(path) == NULL) {
        fprintf(stderr, "directory: there can be none at %s\n", begin);
        abort();
    }
    strcpy(directories[place], path);
}

void
directory_remove(const char *path)
{
    /* It may be the very name that is forgotten. */
    remove_tree(path);
    for (unsigned place = 0; place < DIRECTORIES_MAX; place++)
        if (strcmp(directories[place], path) == 0)
            directories[place][0] = '\0';
}

static void
remove_all(void)
{
    for (unsigned place = 0; process == getpid() && place < DIRECTORIES_MAX; place++)
        if (directories[place][0] != '\0')
            directory_remove(directories[place]);
}

static void
remove_tree(const char *path)
{
    char command[DIRECTORY_BYTES + 16];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0)
        fprintf(stderr, "directory: %s could not be removed\n", path);
}
