/* SPDX-License-Identifier: MIT */

/*
 * merge [rows [samples]]: merges of equal inputs through merge_step(), in millions of
 * input rows per second: median, least, most.
 */

#include "merge/merge.h"

#include "micro/micro.h"

static void
bench_merge(const char *shape, size_t count, size_t rows, unsigned samples_wanted,
            bool clustered)
{
    struct spine_batch *batches[64];
    struct samples samples = {.count = 0};
    struct merge_counts counts = {0};
    char name[64];

    batches_new(batches, count, rows, 1, clustered);
    for (unsigned s = 0; s < samples_wanted; s++) {
        const uint64_t began_ns = now_ns();
        struct spine_batch *out;
        struct merge *merge;
        uint64_t fuel_rows;

        require(merge_new(&merge, batches, count, NULL, NULL) == SPINE_OK, "merge_new");
        while (!merge_done(merge)) {
            fuel_rows = 65536;
            require(merge_step(merge, &fuel_rows, NULL) == SPINE_OK, "merge_step");
        }
        merge_counts(merge, &counts);
        fuel_rows = UINT64_MAX;
        require(merge_seal(merge, &fuel_rows, &out, NULL) == SPINE_OK, "merge_seal");
        samples_add(&samples, counts.rows_in, began_ns);
        require(out->info.rows == rows / count * count, "rows of the output");
        spine_batch_unref(out);
        merge_free(merge);
    }
    (void)snprintf(name, sizeof name, "merge, %s, k = %zu (%zu shared)", shape, count,
                   (size_t)counts.blocks_shared);
    samples_print(&samples, name);
    batches_free(batches, count);
}

int
main(int argc, char **argv)
{
    const size_t rows = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
    const unsigned samples = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 9;
    static const size_t counts[] = {2, 8, 64};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        bench_merge("random", counts[i], rows, samples, false);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        bench_merge("clustered", counts[i], rows, samples, true);
    bench_merge("random, 10,000 rows each", 8, 80000, samples, false);
    return 0;
}
