/* SPDX-License-Identifier: MIT */
#include "harness/engine.h"

#include <string.h>

extern const struct engine engine_spine, engine_spill, engine_stored, engine_naive,
    engine_sort, engine_map, engine_rocksdb, engine_rocksdb_level, engine_rocksdb_spill,
    engine_leveldb, engine_lmdb, engine_dbsp, engine_dbsp_spill;

const char *const engine_names = "spine spill stored naive sort map rocksdb "
                                 "rocksdb-level rocksdb-spill leveldb lmdb dbsp "
                                 "dbsp-spill";
const struct engine *const engines[] = {
    &engine_spine,
    &engine_spill,
    &engine_stored,
#ifdef BENCH_CXX
    &engine_naive,
    &engine_sort,
    &engine_map,
#endif
#ifdef BENCH_ROCKSDB
    &engine_rocksdb,
    &engine_rocksdb_level,
    &engine_rocksdb_spill,
#endif
#ifdef BENCH_LEVELDB
    &engine_leveldb,
#endif
#ifdef BENCH_LMDB
    &engine_lmdb,
#endif
#ifdef BENCH_DBSP
    &engine_dbsp,
    &engine_dbsp_spill,
#endif
    NULL,
};

const struct engine *
engine_find(const char *name)
{
    for (const struct engine *const *at = engines; *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}
