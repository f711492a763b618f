/* SPDX-License-Identifier: MIT */
#ifndef SCHEDULE_SIM_THREAD_H
#define SCHEDULE_SIM_THREAD_H

/*
 * schedule/sim_thread -- base/thread.h on a seeded cooperative scheduler.
 *
 * Threads are coroutines of one real thread. Control changes hands only in the functions
 * of base/thread.h, so a seed repeats a schedule exactly. Each schedule draws how it
 * behaves: switching at random, rarely, or by priorities that change at a few random
 * points; with or without wake-ups that nobody asked for.
 *
 *     sim_begin(seed);
 *     sim_spawn("inserter", body, context);    also from within a body
 *     sim_run();                               until all bodies have returned
 *
 * sim_run() aborts, printing the seed and what every thread waits for, when all wait and
 * no deadline is left: a deadlock or a lost wake-up; and when a schedule does not end.
 * The clock is virtual: it moves a little at every switch, and to the next deadline when
 * all wait. Misuse of a mutex or condition aborts too.
 *
 * Outside of a run the functions of base/thread.h work for the one thread that there is.
 */

#include <stdbool.h>
#include <stdint.h>

#define SIM_THREADS_MAX 16

void sim_begin(uint64_t seed);
/* The thread's number, from 1. */
int sim_spawn(const char *name, void (*on_run)(void *context), void *context);
void sim_run(void);
/* Lets others run. In a thread. */
void sim_yield(void);
/* Waits until `thread` has returned. In a thread. */
void sim_join(int thread);
/* Sleeps on the virtual clock. In a thread. */
void sim_sleep(uint64_t ns);
/*
 * A call into the library begins, and ends. sim_all_entered() is true when every thread
 * in such a call has taken a mutex since: only then may what it was called on be closed,
 * as a call that has not begun in earnest cannot be known to anybody.
 */
void sim_enter(void);
void sim_leave(void);
bool sim_all_entered(void);
/* Switches of this schedule so far. */
uint64_t sim_switches(void);

#endif
