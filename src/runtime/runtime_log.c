/* SPDX-License-Identifier: MIT */

/* What a runtime tells: its trace, and messages for the operator. */

#include "runtime/pump.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_BYTES 512

const struct spine_trace *
runtime_trace(const struct spine_runtime *runtime)
{
    return runtime->trace.on_event != NULL ? &runtime->trace : NULL;
}

void
runtime_log(const struct spine_runtime *runtime, enum spine_log_level level,
            const char *format, ...)
{
    const struct spine_log *log = &runtime->log;
    char message[MESSAGE_BYTES];
    va_list arguments;

    if (log->on_message == NULL || (log->level_max != 0 && level > log->level_max))
        return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments); /* cut where too long */
    va_end(arguments);
    log->on_message(log->context, level, message);
}
