/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * store/ -- where batches are kept outside memory: backends of immutable objects
 * (spine/backend.h), and batch files in them (FORMAT.md). It knows images and sections as
 * bytes; what they mean is said by batch/.
 *
 *     backend.c            names; what all backends share
 *     directory_backend.c  the files of a directory
 *     system_directory.c   a directory of the system and its lock
 *     system_file.c        reading and writing one file around the page cache
 *     memory_backend.c     memory, which knows what a crash would leave
 *     fault_backend.c      another backend, with faults
 *     store.c              a backend that is shared, and what is counted
 *     wire.c               numbers as bytes
 *     file_format.c        the parts of a batch file as bytes
 *     object_sink.c        writes an object
 *     file_writer.c        writes a batch file, or several as a pack
 *     file_read.c          reads what is in one
 *     leftovers.c          files that a crash has left
 *     store_names.c        lists of objects, and small ones
 *     store_copy.c         objects of one store for another
 *     store_object.c       objects that files lie in; removed with the last reference
 *     store_file.c         opens a file and ends it
 *     file_verify.c        looks at every byte of one
 *     cache.c              images in memory
 *     cache_queue.c        which of them stay
 *     read_ahead.c         several images at a time
 *     store_run.c          the same by somebody else
 *     store_work.c         what runtimes do for a store: read, remove files
 *     store_guests.c       who keeps files open only in case they are of use
 *
 *     store_writer_new(store, &writer, error);
 *     store_writer_block(...);     for each block, in order
 *     store_writer_filter(...);    between and behind them
 *     store_writer_section(...);   for each section, by ascending kind
 *     store_writer_finish(writer, &file, error);   or at any point: store_writer_abort()
 *
 *     store_file_section(file, ...); store_file_read(file, ...);  any number of threads
 *     store_file_unref(file);
 *
 * Backends block, so they are called by threads of the pool and by those of callers,
 * never by the loop thread, and never under a lock of a spine.
 */

#include "base/ref.h"
#include "runtime/runtime.h"
#include "spine/store.h"
#include "store/file_format.h"
#include "store/store_guests.h"
#include "store/store_names.h"
#include "store/store_object.h"
#include "store/store_work.h"
#include "store/write_behind.h"

/* The bytes of a write, but for the last one of a file. */
#define STORE_WRITE_BYTES (1u << 20)
/* When this many of them are full and not written, a writer is behind. */
#define STORE_UNITS_BEHIND 3u
/* With so much to write, a thread of the writer's own is worth its while. */
#define STORE_OWN_THREAD_BYTES ((uint64_t)2 << 20)
/* Letters of the name of a batch file: its id in hexadecimal and an ending. */
#define STORE_FILE_ENDING ".batch"
/* The same of a pack. */
#define STORE_PACK_ENDING ".pack"

/* What a store has done, in all. */
struct store_counts {
    uint64_t writes, write_bytes;
    uint64_t reads, read_bytes;
    uint64_t files; /* there are now */
    uint64_t file_bytes;
    uint64_t syncs;
    uint64_t write_ns, read_ns, sync_ns;
    uint64_t files_written, files_removed;
};

struct spine_store *store_ref(struct spine_store *store);
void store_unref(struct spine_store *store);
void store_counts(struct spine_store *store, struct store_counts *out);
/* What the store holds: images in its cache, buffers, what is known of open files. */
uint64_t store_memory(struct spine_store *store);
/* The most bytes that one read ahead may take now, as runtimes with a memory limit want
 * it; 0: none. UINT64_MAX: nobody has a limit. */
uint64_t store_ahead_bytes(struct spine_store *store);

/* ---- Writing ---- */

struct store_file;
struct store_writer;

enum spine_status store_writer_new(struct spine_store *store, struct store_writer **out,
                                   struct spine_error *error);
/* Appends the image of a block. With `compress`, its bytes are worth an attempt. */
enum spine_status store_writer_block(struct store_writer *writer, const void *image,
                                     size_t bytes, bool compress,
                                     struct spine_error *error);
/*
 * Appends a lookup filter of all keys of the blocks from `first_block` on and before that
 * of the next one: all of them come before it, and the first begins with block 0. It is
 * read as block `block_count` and following ones of the table.
 */
enum spine_status store_writer_filter(struct store_writer *writer, uint32_t first_block,
                                      const void *image, size_t bytes,
                                      struct spine_error *error);
enum spine_status store_writer_section(struct store_writer *writer, uint32_t kind,
                                       const void *data, size_t bytes,
                                       struct spine_error *error);
/* What is in the file so far, in bytes. */
/* What reads the file must know the feature. */
void store_writer_need(struct store_writer *writer, enum file_feature feature);
uint64_t store_writer_bytes(const struct store_writer *writer);
/* The file is whole, has its name, and is open for reading. Takes the writer, also when
 * it fails. */
enum spine_status store_writer_finish(struct store_writer *writer,
                                      struct store_file **out, struct spine_error *error);
/* There will be no file; a pack that it was written to can only be aborted. NULL is
 * allowed. */
void store_writer_abort(struct store_writer *writer);

/*
 * A pack: small batch files one behind the other in one object. Its files are written one
 * at a time and can be read once the pack is finished; then it lives as long as one of
 * them does.
 */
struct store_pack;

/* `waiter` may be NULL, as with writers. */
enum spine_status store_pack_new(struct spine_store *store,
                                 const struct store_waiter *waiter,
                                 struct store_pack **out, struct spine_error *error);
/* The next file of the pack, which the caller ends as any other. */
enum spine_status store_writer_new_in(struct store_pack *pack, struct store_writer **out,
                                      struct spine_error *error);
/* Takes the pack, also when it fails: then its files cannot be read, and are only let go
 * of. */
enum spine_status store_pack_finish(struct store_pack *pack, struct spine_error *error);
/* There will be no pack. NULL is allowed. */
void store_pack_abort(struct store_pack *pack);

/* ---- Reading ---- */

/* A batch file, open. Shared by counting references; immutable. */
struct store_file {
    struct ref refs;
    struct spine_store *store;
    /* Where it lies, from which byte on. */
    struct store_object *object;
    uint64_t base;
    struct file_table table;
    struct file_footer footer;
    /* Per block and filter, what the cache knows of it (store/cache.h). */
    uintptr_t *slots;
    /* Bytes of all that, and of what store_file_holds() was told of. */
    uint64_t memory;
    /* Checks an image that came from the backend; NULL: nothing to check. Set, with its
     * context, by the owner of the first reference. */
    enum spine_status (*on_check)(const struct store_file *file, uint32_t index,
                                  const void *image, struct spine_error *error);
    void *check_context;
    /* Frees that when the file goes; NULL: nothing to free. */
    void (*on_release)(void *check_context);
    /* To end it, once it has no reference. */
    struct store_task end;
    /* For messages: that of the object, and where in a pack it begins. */
    char name[SPINE_NAME_MAX + 24];
};

/* What the owner of the file keeps for it takes `bytes` bytes, too: these count as memory
 * of the store until the file goes. Called by the owner that sets `on_check`. */
void store_file_holds(struct store_file *file, uint64_t bytes);

/* Opens the file of a name and reads its footer and its table. It is kept until somebody
 * says otherwise. SPINE_NOT_FOUND, SPINE_CORRUPT, SPINE_INVALID for another version. */
enum spine_status store_file_open(struct spine_store *store, const char *name,
                                  struct store_file **out, struct spine_error *error);
/* The same of the `bytes` at `base` of an object. */
enum spine_status store_file_in_object(struct store_object *object, uint64_t base,
                                       uint64_t bytes, struct store_file **out,
                                       struct spine_error *error);
struct store_file *store_file_ref(struct store_file *file);
/* With the last one its object goes, unless that is kept: in a thread of a runtime that
 * serves the store, in this one when none does. NULL is allowed. */
void store_file_unref(struct store_file *file);

/* Reads block `index`, or the filter behind the blocks, into `image`, which has
 * image_bytes of the table, and checks it. */
enum spine_status store_file_read(struct store_file *file, uint32_t index, void *image,
                                  struct spine_error *error);

/* How many blocks, from `index` on and before `end`, one read of at most `bytes_max`
 * bytes takes, at least one; where they lie. */
uint32_t store_file_extent(const struct store_file *file, uint32_t index, uint32_t end,
                           uint64_t bytes_max, uint64_t *offset, size_t *bytes);
enum spine_status store_file_read_extent(struct store_file *file, uint64_t offset,
                                         void *data, size_t bytes,
                                         struct spine_error *error);
/* The image of block `index`, whose stored bytes are at `stored`. */
enum spine_status store_file_unpack(struct store_file *file, uint32_t index,
                                    const void *stored, void *image,
                                    struct spine_error *error);

/*
 * Reads a section whole and checks it: `*data` of `*bytes`, which the caller ends with
 * mem_free(); NULL and 0 when there is none of this kind, or it is empty.
 */
enum spine_status store_file_section(struct store_file *file, uint32_t kind,
                                     uint8_t **data, size_t *bytes,
                                     struct spine_error *error);

/* ---- The cache ---- */

struct cached_image;

/*
 * Pins block `index`: its image stays in memory until store_unpin(). Reads it when it is
 * not there; a thread that wants it at the same time waits for that read. `transient`: a
 * merge that will not want it again. The file must have a reference as long as the pin is
 * held.
 */
enum spine_status store_pin(struct store_file *file, uint32_t index, bool transient,
                            struct cached_image **out, struct spine_error *error);
/* The same of what is in memory; NULL, without waiting, when it is not. */
struct cached_image *
store_pin_resident(struct store_file *file, uint32_t index, bool transient);
/*
 * Pins the blocks [index, index + count): `out` has room for `count` images. What is not
 * in memory is read together, extent by extent. All or none.
 */
enum spine_status store_pin_run(struct store_file *file, uint32_t index, size_t count,
                                bool transient, struct cached_image **out,
                                struct spine_error *error);
void store_unpin(struct cached_image *cached);
/* Aligned to 64 bytes. */
const void *store_image(const struct cached_image *cached);

/* ---- Reading ahead ---- */

/* Neighbours that are read together, perhaps by somebody else, and pinned then. */
struct store_run;

/* Blocks [index, index + count), which should be those of an extent, or one filter, whose
 * numbers follow those of blocks. The caller ends it with store_run_free(), at any
 * point. */
enum spine_status store_run_new(struct store_file *file, uint32_t index, uint32_t count,
                                bool transient, struct store_run **out,
                                struct spine_error *error);
/* Has a job of `runtime`, or of anybody when NULL, read it. Unless it is NULL,
 * `on_end(context)` is called when that has ended, without locks. It may still come when
 * store_run_finish() has returned, for a read that was begun elsewhere, but not once
 * store_run_free() has. False, and nothing happens, when it does not serve the store. */
bool store_run_submit(struct store_run *run, const struct spine_runtime *runtime,
                      void (*on_end)(void *context), void *context);
/* Has it been read, well or not? */
bool store_run_has_ended(const struct store_run *run);
/* Reads it in the calling thread, unless that was begun elsewhere, and waits for its
 * end: all its blocks are pinned then, or why not. */
enum spine_status store_run_finish(struct store_run *run, struct spine_error *error);
/* Unpins what was read. NULL is allowed. */
void store_run_free(struct store_run *run);
/* What the cache of a store has done. Readers only: merges neither hit nor miss. */
struct store_cache_counts {
    uint64_t hits, misses, evictions;
    uint64_t bytes; /* in memory now, pinned ones included */
    uint64_t bytes_max;
};
void store_cache_counts(struct spine_store *store, struct store_cache_counts *out);
/* The most bytes of images in memory that nobody has pinned. */
void store_cache_set_bytes(struct spine_store *store, size_t bytes_max);

/* Told now and then how many of a file's bytes were looked at. */
typedef void store_progress_fn(void *context, uint64_t bytes);
/* Reads all of it and checks every byte that FORMAT.md speaks of. `on_progress` may be
 * NULL. */
enum spine_status store_file_verify(struct store_file *file,
                                    store_progress_fn *on_progress, void *context,
                                    struct spine_error *error);

#endif
