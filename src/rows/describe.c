/* SPDX-License-Identifier: MIT */
#include "rows/describe.h"

#include <inttypes.h>
#include <stdio.h>

const char *
kind_name(enum spine_kind kind)
{
    switch (kind) {
    case SPINE_NONE:
        return "SPINE_NONE";
    case SPINE_U64:
        return "SPINE_U64";
    case SPINE_I64:
        return "SPINE_I64";
    case SPINE_U32:
        return "SPINE_U32";
    case SPINE_I32:
        return "SPINE_I32";
    case SPINE_F64:
        return "SPINE_F64";
    case SPINE_FIXED:
        return "SPINE_FIXED";
    case SPINE_BYTES:
        return "SPINE_BYTES";
    }
    return "no spine_kind";
}

enum spine_kind
kind_of_stamp(uint64_t stamp)
{
    if (stamp < SPINE_STAMP(SPINE_U64) || stamp > SPINE_STAMP(SPINE_F64))
        return SPINE_NONE;
    return (enum spine_kind)(stamp - SPINE_STAMP(SPINE_NONE));
}

const char *
describe_type(struct spine_type type, char *text)
{
    if (type.kind == SPINE_FIXED)
        (void)snprintf(text, DESCRIBED_BYTES, "SPINE_FIXED of %" PRIu32, type.size);
    else
        (void)snprintf(text, DESCRIBED_BYTES, "%s", kind_name(type.kind));
    return text;
}
