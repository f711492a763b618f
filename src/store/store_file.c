/* SPDX-License-Identifier: MIT */

/* A batch file that is open: its footer and table, read and checked once, and a tag of
 * the cache per block. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/container.h"
#include "base/error.h"
#include "store/codec.h"
#include "store/store_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What opening reads at the end of a file in one go: in most files, all that it needs. */
#define TAIL_BYTES (64u << 10)

static enum spine_status file_new(struct store_object *object, uint64_t base,
                                  struct store_file **out, struct spine_error *error);
static enum spine_status
read_table(struct store_file *file, uint64_t bytes, struct spine_error *error);
static void on_end(struct store_task *end);
static void end_file(struct store_file *file);
static void count_memory(struct store_file *file);
static enum spine_status tags_new(struct store_file *file, struct spine_error *error);

enum spine_status
store_file_open(struct spine_store *store, const char *name, struct store_file **out,
                struct spine_error *error)
{
    struct store_object *object;
    enum spine_status st;

    *out = NULL;
    TRY_RETURN(store_object_open(store, name, &object, error));
    st = store_file_in_object(object, 0, object->bytes, out, error);
    store_object_unref(object);
    return st;
}

enum spine_status
store_file_in_object(struct store_object *object, uint64_t base, uint64_t bytes,
                     struct store_file **out, struct spine_error *error)
{
    struct store_file *file;
    enum spine_status st;

    *out = NULL;
    if (base > object->bytes || bytes > object->bytes - base)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: has %" PRIu64 " bytes, and no file of %" PRIu64
                          " at %" PRIu64,
                          object->name, object->bytes, bytes, base);
    TRY_RETURN(file_new(object, base, &file, error));
    st = read_table(file, bytes, error);
    if (st == SPINE_OK)
        st = tags_new(file, error);
    if (st != SPINE_OK) {
        end_file(file);
        return st;
    }
    count_memory(file);
    *out = file;
    return SPINE_OK;
}

enum spine_status
store_file_of_written(struct store_object *object, uint64_t base,
                      struct file_table *table, const struct file_footer *footer,
                      struct store_file **out, struct spine_error *error)
{
    struct store_file *file;
    enum spine_status st;

    assert(base % FILE_PART_ALIGNMENT == 0 && footer->file_bytes > footer->table_offset);
    *out = NULL;
    TRY_RETURN(file_new(object, base, &file, error));
    file->footer = *footer;
    file->table.block_count = table->block_count;
    file->table.filter_count = table->filter_count;
    st = tags_new(file, error);
    if (st != SPINE_OK) {
        file->table = (struct file_table){0};
        end_file(file);
        return st;
    }
    file->table = *table;
    *table = (struct file_table){0};
    count_memory(file);
    *out = file;
    return SPINE_OK;
}

static void
count_memory(struct store_file *file)
{
    const struct file_table *table = &file->table;

    file->memory = sizeof *file + table->block_capacity * sizeof *table->blocks +
                   table->section_capacity * sizeof *table->sections +
                   file_table_parts(table) * sizeof *file->tags;
    store_count(&file->store->memory, file->memory);
}

void
store_file_holds(struct store_file *file, uint64_t bytes)
{
    file->memory += bytes;
    store_count(&file->store->memory, bytes);
}

struct store_file *
store_file_ref(struct store_file *file)
{
    ref_take(&file->refs);
    return file;
}

void
store_file_unref(struct store_file *file)
{
    if (file == NULL || !ref_drop(&file->refs))
        return;
    /* Of a file of its parent a child of fork() frees nothing, and removes it even
     * less. */
    if (file->store->process != (long)getpid())
        return;
    file->end.on_do = on_end;
    if (!store_work_bury(file->store, &file->end))
        end_file(file);
}

static void
on_end(struct store_task *end)
{
    end_file(container_of(end, struct store_file, end));
}

/* Forgets its images and lets go of its object. */
static void
end_file(struct store_file *file)
{
    struct spine_store *store = file->store;

    if (file->tags != NULL) {
        cache_forget(&store->cache, file);
        mem_free(file->tags, file_table_parts(&file->table) * sizeof *file->tags);
    }
    store_uncount(&store->memory, file->memory);
    file_table_release(&file->table);
    if (file->on_release != NULL)
        file->on_release(file->check_context);
    account_release_file(&file->payer);
    store_object_unref(file->object);
    mem_free(file, sizeof *file);
    store_unref(store);
}

static enum spine_status
file_new(struct store_object *object, uint64_t base, struct store_file **out,
         struct spine_error *error)
{
    struct store_file *file = mem_zalloc(sizeof *file);

    if (file == NULL)
        return fail_nomem(error, "an open file", sizeof *file);
    ref_init(&file->refs);
    file->store = store_ref(object->store);
    file->object = store_object_ref(object);
    file->base = base;
    if (base == 0)
        (void)snprintf(file->name, sizeof file->name, "%s", object->name);
    else
        (void)snprintf(file->name, sizeof file->name, "%s+%" PRIu64, object->name, base);
    *out = file;
    return SPINE_OK;
}

/* The footer and the table, in one read where the table is small. */
static enum spine_status
read_table(struct store_file *file, uint64_t bytes, struct spine_error *error)
{
    const size_t tail_bytes = bytes < TAIL_BYTES ? (size_t)bytes : TAIL_BYTES;
    struct scratch tail = {0}, whole = {0};
    struct span table;
    uint64_t from_end;
    enum spine_status st;

    if (tail_bytes < FILE_FOOTER_BYTES)
        return file_footer_decode(file->name, (struct span){0}, bytes, &file->footer,
                                  error);
    TRY(scratch_reserve(&tail, tail_bytes, error));
    TRY(store_read(file, bytes - tail_bytes, tail.bytes, tail_bytes, error));
    TRY(file_footer_decode(
        file->name,
        (struct span){tail.bytes + tail_bytes - FILE_FOOTER_BYTES, FILE_FOOTER_BYTES},
        bytes, &file->footer, error));
    table.size = (size_t)file->footer.table_bytes;
    from_end = bytes - file->footer.table_offset;
    if (from_end <= tail_bytes)
        table.data = tail.bytes + (tail_bytes - from_end);
    else {
        TRY(scratch_reserve(&whole, table.size, error));
        TRY(store_read(file, file->footer.table_offset, whole.bytes, table.size, error));
        table.data = whole.bytes;
    }
    TRY(file_table_decode(file->name, table, &file->footer, &file->table, error));
out:
    scratch_release(&tail);
    scratch_release(&whole);
    return st;
}

static enum spine_status
tags_new(struct store_file *file, struct spine_error *error)
{
    const size_t bytes = file_table_parts(&file->table) * sizeof *file->tags;

    if (bytes == 0)
        return SPINE_OK;
    file->tags = mem_zalloc(bytes);
    return file->tags != NULL ? SPINE_OK : fail_nomem(error, "an open file", bytes);
}
