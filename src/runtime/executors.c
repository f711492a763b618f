/* SPDX-License-Identifier: MIT */

/* What runs the pumps of a runtime: a loop, an executor of the host's, or nobody. */

#include "base/assert.h"
#include "runtime/pump.h"

static unsigned reads_default(unsigned slices_max);
static enum spine_status host_open(struct spine_runtime *runtime,
                                   const struct spine_runtime_options *options,
                                   struct spine_error *error);
static void host_submit(struct spine_runtime *runtime, unsigned count);
static void host_run(void *argument);
static enum spine_status loop_open(struct spine_runtime *runtime,
                                   const struct spine_runtime_options *options,
                                   struct spine_error *error);
static void loop_submit(struct spine_runtime *runtime, unsigned count);
static void loop_set_alarm(struct spine_runtime *runtime, uint64_t due_ns);
static void loop_close(struct spine_runtime *runtime, bool in_pump);
static bool loop_run(void *context);
static void loop_give_up(void *context);
static void loop_alarm(void *context);
static void loop_end(void *context);

static const struct executor manual = {.on_reads = reads_default};
static const struct executor host = {
    .has_threads = true,
    .on_reads = reads_default,
    .on_open = host_open,
    .on_submit = host_submit,
};
static const struct executor loop = {
    .has_threads = true,
    .on_reads = loop_driver_reads,
    .on_open = loop_open,
    .on_submit = loop_submit,
    .on_set_alarm = loop_set_alarm,
    .on_close = loop_close,
};
static const struct loop_calls loop_calls = {loop_run, loop_give_up, loop_alarm,
                                             loop_end};

const struct executor *
executor_of(const struct spine_runtime_options *options)
{
    if (options->manual)
        return &manual;
    return options->executor != NULL ? &host : &loop;
}

static unsigned
reads_default(unsigned slices_max)
{
    (void)slices_max;
    return READS_DEFAULT;
}

static enum spine_status
host_open(struct spine_runtime *runtime, const struct spine_runtime_options *options,
          struct spine_error *error)
{
    (void)error;
    runtime->host = *options->executor;
    return SPINE_OK;
}

static void
host_submit(struct spine_runtime *runtime, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        runtime->host.on_submit(runtime->host.context, host_run, runtime_ref(runtime));
}

/* A run by the host, which has a reference to the runtime: it may be closed before the
 * host calls this. */
static void
host_run(void *argument)
{
    struct spine_runtime *runtime = argument;

    if (pump_run(runtime) && pump_hand_over(runtime)) {
        host_submit(runtime, 1);
        pump_handed_over(runtime);
    }
    runtime_unref(runtime);
}

static enum spine_status
loop_open(struct spine_runtime *runtime, const struct spine_runtime_options *options,
          struct spine_error *error)
{
    enum spine_status st;

    /* The driver's: it may call before this returns. */
    (void)runtime_ref(runtime);
    st = loop_driver_open(&loop_calls, runtime, runtime->pumps_max, options->loop,
                          &runtime->driver, error);
    if (st != SPINE_OK)
        runtime_unref(runtime);
    return st;
}

static void
loop_submit(struct spine_runtime *runtime, unsigned count)
{
    loop_driver_submit(runtime->driver, count);
}

static void
loop_set_alarm(struct spine_runtime *runtime, uint64_t due_ns)
{
    loop_driver_set_alarm(runtime->driver, due_ns);
}

static void
loop_close(struct spine_runtime *runtime, bool in_pump)
{
    loop_driver_close(runtime->driver, in_pump);
}

static bool
loop_run(void *context)
{
    return pump_run(context);
}

static void
loop_give_up(void *context)
{
    pump_give_up(context);
}

static void
loop_alarm(void *context)
{
    pump_alarm(context);
}

/* The loop needs the runtime no more. */
static void
loop_end(void *context)
{
    runtime_unref(context);
}
