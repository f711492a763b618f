/* SPDX-License-Identifier: MIT */
#include "macro/macro.h"

const struct workload workloads[] = {
    {"ingest", "distinct random keys, batches of 10,000 unsorted rows", 0, false,
     run_ingest},
    {"ascending", "the same, ascending keys", 0, false, run_ascending},
    {"churn", "half of each batch retracts earlier rows; a fifth stays", 0, false,
     run_churn},
    {"upsert", "Zipf 0.99 over 1 M keys: read, retract, insert", ENGINE_LOOKUP, false,
     run_upsert},
    {"join", "every batch first probes its sorted keys; 50, 0, 100 % are there",
     ENGINE_LOOKUP, false, run_join},
    {"scan", "all rows, after ingest", 0, false, run_scan},
    {"scan_apart", "all rows, in 1, 8, 64 batches", ENGINE_APART, false, run_scan_apart},
    {"merge", "2, 8, 32, 64 batches become one, on all threads there are", ENGINE_UNITE,
     false, run_merge},
    {"point", "random exact lookups, after ingest", ENGINE_LOOKUP, false, run_point},
    {"groups", "first, last, some value of a key: 100 huge groups, many small ones",
     ENGINE_GROUPS, false, run_groups},
    {"latency", "time of each insert: flat out, then at 50 and 80 % of that rate", 0,
     false, run_latency},
    {"window", "ascending keys, the oldest are retracted", 0, false, run_window},
    {"window_retain", "the same, a retention filter that moves instead of retractions",
     ENGINE_RETAIN, false, run_window_retain},
    {"bytes", "keys of 8 to 64 bytes, values of 0 to 200", 0, true, run_bytes},
    {"timed", "u64 times, a frontier that follows, a quarter is retracted", ENGINE_TIMES,
     false, run_timed},
    {"fleet", "1,000 spines on one runtime; open and close 10,000", 0, true, run_fleet},
    {"growth", "ingest, scan and join at 10^5, 10^6, ... rows", 0, false, run_growth},
};
const size_t workload_count = sizeof workloads / sizeof workloads[0];
