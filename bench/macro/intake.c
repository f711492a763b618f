/* SPDX-License-Identifier: MIT */
#include "macro/macro.h"

void
intake_open(struct intake *intake)
{
    intake->memory = memory_now();
    intake->peak = memory_peak();
}

void
intake_begin(struct intake *intake)
{
    intake->began = seconds_now();
}

void
intake_end(struct intake *intake)
{
    intake->inserted = seconds_now();
}

void
intake_put(const struct intake *intake, struct sample *sample, const char *name,
           uint64_t rows, double live)
{
    const double settled = seconds_now(), n = (double)rows;
    const double peak = (double)memory_peak() - (double)intake->peak;

    memory_trim();
    const double held = (double)memory_now() - (double)intake->memory;
    sample_put(sample, name, "rows_per_s", rows, n / (intake->inserted - intake->began));
    sample_put(sample, name, "settled_rows_per_s", rows, n / (settled - intake->began));
    sample_put(sample, name, "bytes_per_row", rows, held / live);
    sample_put(sample, name, "peak_bytes_per_row", rows, peak / live);
}

void
written_put(struct sample *sample, const char *name, uint64_t rows,
            const struct engine *engine, void *state)
{
    if (engine->written != NULL)
        sample_put(sample, name, "write_amplification", rows, engine->written(state));
}

void
disk_put(struct sample *sample, const char *name, uint64_t rows,
         const struct bench *bench, double live)
{
    const uint64_t bytes = directory_bytes(bench->directory);

    if (bytes > 0)
        sample_put(sample, name, "disk_bytes_per_row", rows, (double)bytes / live);
}

void
limit_put(struct sample *sample, const char *name, uint64_t rows,
          const struct engine *engine, void *state, uint64_t peak_before)
{
    const double peak = (double)memory_peak() - (double)peak_before;

    if (engine->memory_limit != NULL)
        sample_put(sample, name, "peak_over_limit", rows,
                   peak / (1.1 * (double)engine->memory_limit(state) + 16e6));
}
