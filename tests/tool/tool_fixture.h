/* SPDX-License-Identifier: MIT */
#ifndef TOOL_FIXTURE_H
#define TOOL_FIXTURE_H

/*
 * Running the program `spine`, and the directories that it is run on.
 */

#include "harness/directory.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_BYTES 65536u

/* The command that runs the tool, which may be that of an emulator, each word quoted. */
static char tool[2048];

/* The arguments of a test are the words of that command. */
static inline bool
tool_is_given(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const size_t used = strlen(tool);

        (void)snprintf(tool + used, sizeof tool - used, "'%s' ", arguments[i]);
    }
    if (count < 2)
        (void)fprintf(stderr, "usage: %s [EMULATOR...] PROGRAM\n", arguments[0]);
    return count >= 2;
}

/* Letters of the names of files that end with `ending`, how many there are, and the
 * first of them in `name`. */
static inline size_t
find_files(const char *directory, const char *ending, char *name)
{
    DIR *const entries = opendir(directory);
    size_t count = 0;

    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL;
         entry = readdir(entries)) {
        const size_t size = strlen(entry->d_name), tail = strlen(ending);

        if (size < tail || strcmp(entry->d_name + size - tail, ending) != 0)
            continue;
        if (count++ == 0 && name != NULL)
            strcpy(name, entry->d_name);
    }
    (void)closedir(entries);
    return count;
}

/* Runs the tool; what it prints, on both outputs, is in `output`. Its exit status. */
static inline int
run(char *output, const char *format, ...)
{
    char arguments[512], command[sizeof tool + 600];
    va_list list;
    FILE *pipe;
    size_t size;
    int status;

    va_start(list, format);
    (void)vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    (void)snprintf(command, sizeof command, "%s %s 2>&1", tool, arguments);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    size = fread(output, 1, OUTPUT_BYTES - 1, pipe);
    output[size] = '\0';
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The same where the errors go to a terminal, in `errors`; without what it prints. */
static inline int
run_on_terminal(char *errors, const char *format, ...)
{
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    char arguments[512], command[sizeof tool + 700];
    size_t size = 0;
    ssize_t more;
    va_list list;
    int other, status;

    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal), 0);
    assert_int_equal(unlockpt(terminal), 0);
    /* What was printed stays there until the last one has closed it. */
    other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(other >= 0);
    va_start(list, format);
    (void)vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    (void)snprintf(command, sizeof command, "%s %s >/dev/null 2>%s", tool, arguments,
                   ptsname(terminal));
    status = system(command);
    assert_int_equal(fcntl(terminal, F_SETFL, O_NONBLOCK), 0);
    while ((more = read(terminal, errors + size, OUTPUT_BYTES - 1 - size)) > 0)
        size += (size_t)more;
    errors[size] = '\0';
    (void)close(other);
    (void)close(terminal);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline double
number_of(const cJSON *object, const char *name)
{
    const cJSON *const member = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_non_null(member);
    assert_true(cJSON_IsNumber(member));
    return member->valuedouble;
}

/* Copies the file to `name` of its directory, but for one bit of byte `at`. */
static inline void
copy_damaged(const char *directory, const char *from, const char *name, long at)
{
    static char bytes[1u << 20];
    char path[256];
    FILE *file;
    size_t size;

    (void)snprintf(path, sizeof path, "%s/%s", directory, from);
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_true((size_t)at < size && size < sizeof bytes);
    bytes[at] ^= 4;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

#endif
