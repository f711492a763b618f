/* SPDX-License-Identifier: MIT */
#ifndef SPINE_SPINE_HPP
#define SPINE_SPINE_HPP

/*
 * Spines for C++17: typed, move-only handles over spine.h. Header only.
 *
 *     using counts = spine_cpp::map<std::string, uint64_t>;
 *
 *     auto runtime = spine_cpp::runtime::open();
 *     auto lines = counts::open(runtime);
 *     counts::batcher rows;
 *     rows.add("apple", 7);                  weight 1
 *     rows.add("pear", 8, -1);               weight -1
 *     lines.insert(rows.seal());
 *     for (const auto &[key, value, weight] : lines.cursor())
 *         use(key, value, weight);
 *
 * Names. All is in namespace spine_cpp, because C++ allows no namespace with the name of
 * struct spine.
 *
 * Parts. Each C header has its face in the one of like name:
 *
 *     map.hpp           spines: inserting, waiting, retention, compaction, forks
 *     runtime.hpp       runtimes, metrics; how long to wait
 *     batch.hpp         batches, batchers, builders; weight.hpp has weights and times
 *     cursor.hpp        rows one by one, and views of them; columns.hpp: in bulk
 *     probe.hpp         the rows of many keys, and of those of a batch
 *     range.hpp         the rows of many ranges of keys, and of many prefixes
 *     join.hpp          joins and reductions that are kept up to date
 *     snapshot.hpp      snapshots, their sums and differences, samples, cuts
 *     checkpoint.hpp    stores and checkpoints; backend.hpp has where they are
 *     arrow.hpp         records of Apache Arrow
 *     trace.hpp         events and messages
 *     library.hpp       version, allocator, the order of times
 *
 * Types. codec.hpp says which C++ type is which column, tuple.hpp which is an element of
 * a tuple; tuple_row.hpp and tuple_page.hpp are for types that are known only when the
 * program runs. Time is the time of the schema, Weights how many weights a row has.
 * get() is always the C handle.
 *
 * Errors. A call that can fail throws spine_cpp::error, or, called with std::nothrow
 * first, answers a result<T>: see result.hpp. std::bad_alloc comes out of both where
 * std::string, a std::vector or a container of a std::tuple is filled.
 *
 * Handles. An empty one (moved from, or never filled) may be assigned to, asked with
 * bool() or get(), shared and destroyed: any other call of it is SPINE_MISUSE, and as an
 * argument it is SPINE_INVALID. Calls that are noexcept and give no result do nothing, or
 * answer false, 0 or NULL. Batches, snapshots and cuts are shared: share() is one more
 * reference. Threads are those of the C calls: one at a time for batchers, builders and
 * cursors, any for the rest. Destroying a map closes the spine; a runtime may go before
 * it, see spine/runtime.h.
 */

#if __cplusplus < 201703L
#error "spine.hpp needs C++17 (-std=c++17); in older C++, spine.h has everything"
#else

#include "spine/arrow.hpp"
#include "spine/backend.hpp"
#include "spine/batch.hpp"
#include "spine/checkpoint.hpp"
#include "spine/codec.hpp"
#include "spine/columns.hpp"
#include "spine/cursor.hpp"
#include "spine/join.hpp"
#include "spine/library.hpp"
#include "spine/map.hpp"
#include "spine/probe.hpp"
#include "spine/range.hpp"
#include "spine/result.hpp"
#include "spine/runtime.hpp"
#include "spine/snapshot.hpp"
#include "spine/spine.h"
#include "spine/trace.hpp"
#include "spine/tuple_page.hpp"
#include "spine/tuple_row.hpp"

#endif /* C++17 */
#endif
