/* SPDX-License-Identifier: MIT */
#include "spine/version.h"

const char *
spine_version(void)
{
    return SPINE_VERSION_STRING;
}
