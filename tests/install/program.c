/* SPDX-License-Identifier: MIT */
#include <spine/spine.h>
#include <spine/version.h>
#include <stdio.h>
#include <string.h>

int
main(void)
{
    if (strcmp(spine_version(), SPINE_VERSION_STRING) != 0)
        return 1;
    if (spine_allocated_bytes() != 0)
        return 1;
    printf("spine %s\n", spine_version());
    return 0;
}
