/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * store/ -- where batches are kept outside memory: backends of immutable objects
 * (spine/backend.h), and batch files in them (FORMAT.md). It knows images and sections as
 * bytes; batch/ knows what they mean.
 *
 *     backend.c            names; what all backends share
 *     directory_backend.c  the files of a directory
 *     system_directory.c   a directory of the system and its lock
 *     open_files.c         the files of a directory that are read, with few descriptors
 *     system_file.c        reading and writing one file around the page cache
 *     memory_backend.c     memory, which knows what a crash would leave
 *     fault_backend.c      another backend, with faults
 *     store.c              a backend that is shared, and what is counted
 *     wire.c               numbers as bytes
 *     file_format.c        the parts of a batch file as bytes
 *     object_sink.c        writes an object
 *     sink_unit.c          the memory that it collects bytes in
 *     strips.c             images in parts that can be read alone
 *     strip_read.c         reads one of these parts
 *     file_writer.c        writes a batch file, or several as a pack
 *     file_read.c          reads what is in one
 *     leftovers.c          files that a crash has left
 *     store_names.c        lists of objects, and small ones
 *     store_ahead.c        what readers may read ahead, and hold
 *     store_copy.c         objects of one store for another
 *     store_object.c       objects that files lie in; removed with the last reference
 *     store_file.c         opens a file and ends it
 *     file_verify.c        looks at every byte of one
 *     cache.c              images in memory
 *     cache_queue.c        which of them stay
 *     cache_waiting.c      those that wait for their file
 *     kept_rows.c          single rows of blocks that do not stay
 *     pin_extent.c         several images at a time
 *     store_extent.c       the same, by a job of a runtime
 *     store_work.c         what runtimes do for a store: read, remove files
 *     store_guests.c       users that need a file only as long as the store is open
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

#include "base/account.h"
#include "base/ref.h"
#include "runtime/runtime.h"
#include "spine/store.h"
#include "store/file_format.h"
#include "store/kept_rows.h"
#include "store/store_ahead.h"
#include "store/store_guests.h"
#include "store/store_names.h"
#include "store/store_object.h"
#include "store/store_tell.h"
#include "store/store_wanted.h"
#include "store/store_work.h"
#include "store/strips.h"
#include "store/write_behind.h"

/* The bytes of a write, but for the last one of a file, and perhaps its first. */
#define STORE_WRITE_BYTES (1u << 20)
/* The ending of the name of a batch file, which begins with its id in hexadecimal. */
#define STORE_FILE_ENDING ".batch"
/* The ending of the name of a pack. */
#define STORE_PACK_ENDING ".pack"

/* What a store has done, in all. */
struct store_counts {
    uint64_t writes, write_bytes;
    uint64_t reads, read_bytes;
    uint64_t files; /* there are now */
    uint64_t file_bytes;
    uint64_t syncs;
    uint64_t files_written, files_removed;
};

struct spine_store *store_ref(struct spine_store *store);
void store_unref(struct spine_store *store);
void store_counts(struct spine_store *store, struct store_counts *out);
/* What the store holds: images in its cache, buffers, what is known of open files. */
uint64_t store_memory(struct spine_store *store);

/* ---- Writing ---- */

struct store_file;
struct store_writer;

enum spine_status store_writer_new(struct spine_store *store, struct store_writer **out,
                                   struct spine_error *error);
/* Appends the image of a block, compressed if `compress` is set and that pays. */
enum spine_status store_writer_block(struct store_writer *writer, const void *image,
                                     size_t bytes, bool compress,
                                     struct spine_error *error);
/*
 * Appends a lookup filter of the keys of blocks that are appended already: from
 * `first_block` on, up to where the next filter begins. The first filter begins with
 * block 0. Filters are read like blocks, by the numbers behind those of all blocks.
 */
enum spine_status store_writer_filter(struct store_writer *writer, uint32_t first_block,
                                      const void *image, size_t bytes,
                                      struct spine_error *error);
enum spine_status store_writer_section(struct store_writer *writer, uint32_t kind,
                                       const void *data, size_t bytes,
                                       struct spine_error *error);
/* Readers that do not know the feature refuse the file. */
void store_writer_need(struct store_writer *writer, enum file_feature feature);
/* What is in the file so far, in bytes. */
uint64_t store_writer_bytes(const struct store_writer *writer);
/* Ends the file: it is whole, has its name, and is open for reading. Takes the writer,
 * also when it fails. */
enum spine_status store_writer_finish(struct store_writer *writer,
                                      struct store_file **out, struct spine_error *error);
/* Gives the file up; a pack that it was written to can only be aborted. NULL is
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
/* All its files are in it: what is left is written behind. After a failure the pack can
 * only be aborted. */
enum spine_status store_pack_end(struct store_pack *pack, struct spine_error *error);
/* Ends it, if that was not done, and waits until it is written. Takes the pack, also when
 * it fails: then its files cannot be read, and are only let go of. */
enum spine_status store_pack_finish(struct store_pack *pack, struct spine_error *error);
/* Gives the pack and its files up. NULL is allowed. */
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
    uintptr_t *tags;
    /* Images came into the cache with the file (store/store_wanted.h). */
    bool came_with_images;
    /* Whose reads these are; see base/account.h. Set when its batch is charged. */
    account_payer payer;
    /* Bytes of all that, and of what store_file_holds() was told of. */
    uint64_t memory;
    /* Checks an image that came from the backend; NULL: nothing to check. Set, with its
     * context, by the owner of the first reference. */
    enum spine_status (*on_check)(const struct store_file *file, uint32_t index,
                                  const void *image, struct spine_error *error);
    void *check_context;
    /* Frees `check_context` when the file goes; NULL: nothing to free. */
    void (*on_release)(void *check_context);
    /* The task that ends the file, once it has no reference. */
    struct store_task end;
    /* For messages: the name of the object, and where in a pack the file begins. */
    char name[SPINE_NAME_MAX + 24];
};

/* Counts `bytes` bytes as memory of the store until the file goes: those of what the
 * owner of the file keeps for it. Called by the owner that sets `on_check`. */
void store_file_holds(struct store_file *file, uint64_t bytes);

/* Opens the file of a name and reads its footer and its table. Its object is kept
 * (store/store_object.h). SPINE_NOT_FOUND, SPINE_CORRUPT, SPINE_INVALID for another
 * version. */
enum spine_status store_file_open(struct spine_store *store, const char *name,
                                  struct store_file **out, struct spine_error *error);
/* The same for a file that is the `bytes` at `base` of an object. */
enum spine_status store_file_in_object(struct store_object *object, uint64_t base,
                                       uint64_t bytes, struct store_file **out,
                                       struct spine_error *error);
struct store_file *store_file_ref(struct store_file *file);
/* The last reference to the files of an object ends the object, and removes it unless it
 * is kept: in a thread of a runtime that serves the store, or in this thread when none
 * does. NULL is allowed. */
void store_file_unref(struct store_file *file);

/* Reads block `index`, or the filter that has this number, into `image`, which has the
 * `image_bytes` that the table says, and checks it. */
enum spine_status store_file_read(struct store_file *file, uint32_t index, void *image,
                                  struct spine_error *error);

/* The number of blocks, from `index` on and before `end`, that one read of at most
 * `bytes_max` bytes takes, at least one; `*offset` and `*bytes` say where they lie. */
uint32_t store_file_extent(const struct store_file *file, uint32_t index, uint32_t end,
                           uint64_t bytes_max, uint64_t *offset, size_t *bytes);
enum spine_status store_file_read_extent(struct store_file *file, uint64_t offset,
                                         void *data, size_t bytes,
                                         struct spine_error *error);
/* Checks the bytes of block `index` at `stored`, and makes its image of them. */
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
/* The same for an image that is in memory. NULL, without waiting, when it is not. */
struct cached_image *
store_pin_resident(struct store_file *file, uint32_t index, bool transient);
/*
 * Pins the blocks [index, index + count): `out` has room for `count` images. What is not
 * in memory is read together, extent by extent. On failure none is pinned.
 */
enum spine_status store_pin_extent(struct store_file *file, uint32_t index, size_t count,
                                   bool transient, struct cached_image **out,
                                   struct spine_error *error);
void store_unpin(struct cached_image *cached);
/* Aligned to 64 bytes. */
const void *store_image(const struct cached_image *cached);

/* ---- Reading ahead ---- */

/* Blocks side by side that are read together, by a job or by the thread that needs them
 * first, and are pinned then. */
struct store_extent;

/* Blocks [index, index + count), which should be those of an extent, or one filter, whose
 * numbers follow those of blocks. The caller ends it with store_extent_free(), at any
 * point. */
enum spine_status store_extent_new(struct store_file *file, uint32_t index,
                                   uint32_t count, bool transient,
                                   struct store_extent **out, struct spine_error *error);
/* Lets a job of `runtime` read the extent, or a job of any runtime when that is NULL.
 * Unless it is NULL, `on_end(context)` is called without locks when the read has ended.
 * The call may still come after store_extent_finish() has returned, if another thread had
 * begun the read, but not after store_extent_free() has. False, and nothing happens, when
 * `runtime` does not serve the store. */
bool store_extent_submit(struct store_extent *extent, const struct spine_runtime *runtime,
                         void (*on_end)(void *context), void *context);
/* Has it been read, well or not? */
bool store_extent_has_ended(const struct store_extent *extent);
/* Reads the extent in the calling thread, unless another thread has begun that, and waits
 * for the end of the read. On success all blocks are pinned. */
enum spine_status
store_extent_finish(struct store_extent *extent, struct spine_error *error);
/* Unpins what was read. NULL is allowed. */
void store_extent_free(struct store_extent *extent);
/* What the cache of a store has done. Readers only: merges neither hit nor miss. */
struct store_cache_counts {
    uint64_t hits, misses, evictions;
    uint64_t bytes; /* in memory now, pinned ones and single rows included */
    uint64_t bytes_max;
};
void store_cache_counts(struct spine_store *store, struct store_cache_counts *out);
/* The most bytes of images in memory that nobody has pinned. */
void store_cache_set_bytes(struct spine_store *store, size_t bytes_max);

/* Is called now and then with the number of bytes of a file that were looked at so
 * far. */
typedef void store_progress_fn(void *context, uint64_t bytes);
/* Reads the whole file and checks every byte that FORMAT.md speaks of. `on_progress` may
 * be NULL. */
enum spine_status store_file_verify(struct store_file *file,
                                    store_progress_fn *on_progress, void *context,
                                    struct spine_error *error);

#endif
