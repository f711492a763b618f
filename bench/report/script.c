/* SPDX-License-Identifier: MIT */
#include "report/script.h"

#include <errno.h>
#include <string.h>

FILE *
script_open(const char *directory, const char *name, const char *title, const char *y)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s.gp", directory, name);
    FILE *const script = fopen(path, "w");
    if (script == NULL)
        bench_fail("%s: %s", path, strerror(errno));
    fprintf(script,
            "set terminal svg size 640,440 background 'white'\nset output '%s/%s.svg'\n"
            "set title '%s'\nset ylabel '%s'\nset grid ytics\n",
            directory, name, title, y);
    return script;
}

void
script_rows_axis(FILE *script)
{
    fprintf(script, "set logscale x\nset xlabel 'rows'\nset format x '10^{%%T}'\nset key "
                    "below left Left reverse vertical maxcols 1\n");
}

void
script_close(FILE *script)
{
    const bool written = ferror(script) == 0;

    if (fclose(script) != 0 || !written)
        bench_fail("a script of a plot: %s", strerror(errno));
}
