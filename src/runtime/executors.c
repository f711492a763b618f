/* SPDX-License-Identifier: MIT */

/* What runs the pumps of a runtime: a loop of the library's, or of the host's, an
 * executor of the host's, or nobody. */

#include "base/error.h"
#include "runtime/pump.h"

static unsigned reads_default(unsigned slices_max);
static enum spine_status host_open(struct spine_runtime *runtime,
                                   const struct spine_runtime_options *options,
                                   struct spine_error *error);
static void host_submit(struct spine_runtime *runtime, unsigned count);
static void host_run(void *argument);
static enum spine_status host_loop_open(struct spine_runtime *runtime,
                                        const struct spine_runtime_options *options,
                                        struct spine_error *error);
static void host_loop_close(struct spine_runtime *runtime, bool in_pump);
static enum spine_status own_loop_open(struct spine_runtime *runtime,
                                       const struct spine_runtime_options *options,
                                       struct spine_error *error);
static void own_loop_exits(void *context);
static void own_loop_close(struct spine_runtime *runtime, bool in_pump);
static void own_loop_end(void *context);
static void loop_submit(struct spine_runtime *runtime, unsigned count);
static void loop_set_alarm(struct spine_runtime *runtime, uint64_t due_ns);
static bool loop_run(void *context);
static void loop_give_up(void *context);
static void loop_alarm(void *context);
static void loop_end(void *context);

static const struct executor manual = {.on_reads = reads_default};
static const struct executor host_executor = {
    .has_threads = true,
    .on_reads = reads_default,
    .on_open = host_open,
    .on_submit = host_submit,
};
static const struct executor host_loop = {
    .has_threads = true,
    .on_reads = loop_driver_reads,
    .on_open = host_loop_open,
    .on_submit = loop_submit,
    .on_set_alarm = loop_set_alarm,
    .on_close = host_loop_close,
};
static const struct executor own_loop = {
    .has_threads = true,
    .on_reads = loop_driver_reads,
    .on_open = own_loop_open,
    .on_submit = loop_submit,
    .on_set_alarm = loop_set_alarm,
    .on_close = own_loop_close,
};
static const struct loop_calls host_loop_calls = {loop_run, loop_give_up, loop_alarm,
                                                  loop_end};
static const struct loop_calls own_loop_calls = {loop_run, loop_give_up, loop_alarm,
                                                 own_loop_end};

const struct executor *
executor_of(const struct spine_runtime_options *options)
{
    if (options->manual)
        return &manual;
    if (options->executor != NULL)
        return &host_executor;
    return options->loop != NULL ? &host_loop : &own_loop;
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
host_loop_open(struct spine_runtime *runtime, const struct spine_runtime_options *options,
               struct spine_error *error)
{
    enum spine_status st;

    runtime->host_thread = thread_self();
    /* The driver's. */
    (void)runtime_ref(runtime);
    st = loop_driver_open(&host_loop_calls, runtime, runtime->pumps_max, options->loop,
                          &runtime->driver, error);
    if (st != SPINE_OK)
        runtime_unref(runtime);
    return st;
}

static void
host_loop_close(struct spine_runtime *runtime, bool in_pump)
{
    (void)in_pump;
    loop_driver_close(runtime->driver, thread_is_self(&runtime->host_thread));
}

static enum spine_status
own_loop_open(struct spine_runtime *runtime, const struct spine_runtime_options *options,
              struct spine_error *error)
{
    struct loop_thread *thread;
    enum spine_status st;

    (void)options;
    TRY_RETURN(loop_thread_open(own_loop_exits, runtime, &thread, error));
    runtime->loop_thread = thread;
    /* The driver's: it may call before this returns. */
    (void)runtime_ref(runtime);
    st = loop_driver_open(&own_loop_calls, runtime, runtime->pumps_max,
                          loop_thread_loop(thread), &runtime->driver, error);
    if (st != SPINE_OK) {
        own_loop_end(runtime);
        loop_thread_join(thread);
        return st;
    }
    st = loop_thread_start(thread, error);
    if (st != SPINE_OK) {
        loop_driver_close(runtime->driver, true);
        loop_thread_join(thread);
    }
    return st;
}

static void
own_loop_exits(void *context)
{
    struct spine_runtime *runtime = context;

    loop_driver_advance(runtime->driver);
}

static void
own_loop_close(struct spine_runtime *runtime, bool in_pump)
{
    struct loop_thread *thread = runtime->loop_thread;

    loop_thread_leave(thread, in_pump);
    loop_driver_close(runtime->driver, false);
    if (!in_pump)
        loop_thread_join(thread);
}

/* The driver is gone; so is all else of its loop. */
static void
own_loop_end(void *context)
{
    struct spine_runtime *runtime = context;

    loop_thread_end(runtime->loop_thread);
    runtime_unref(runtime);
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
