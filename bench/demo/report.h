/* SPDX-License-Identifier: MIT */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

/*
 * demo/report -- what the demo prints.
 */

#include "demo/check.h"
#include "demo/rules.h"

void report_facts(const struct facts *facts, double seconds);
/* One line per round: what it found, and how the spines are.
 * Round 0 is what was given. */
void report_head(void);
void report_round(struct program *program, unsigned round, double seconds);
/* What each rule has cost, and where the memory is. */
void report_rules(struct program *program);
void report_memory(struct program *program);

/* The answer as the traces hold it. Fails unless every row weighs 1 and both orders of
   each relation hold the same. */
void report_answer(struct program *program, struct answer *answer);

#endif
