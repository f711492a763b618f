/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

/*
 * tool/ -- the program `spine`: looks at batch files, checkpoints and directories of
 * them, and never changes anything but the directory that it exports to. Its manual is
 * spine.1.
 *
 *     main.c         arguments and exit status
 *     target.c       the files and checkpoints that an argument names
 *     inspect.c      what is known of a file
 *     verify.c       every checksum and every invariant
 *     dump.c         rows as CSV or JSON lines
 *     listing.c      the checkpoints that there are
 *     exporting.c    one of them for another directory
 *     text.c         cells as text, and back
 *     columns.c      tuple types and their values as text
 *     key_text.c     keys as arguments
 *     schema_text.c  schemas as text
 *
 * One thread.
 */

#include "batch/batch.h"
#include "checkpoint/checkpoint.h"
#include "store/store.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* The exit status. */
enum tool_exit {
    TOOL_OK = 0,
    /* Something is damaged or could not be read, or there is nothing to verify. */
    TOOL_FAILED = 1,
    /* The arguments make no sense. */
    TOOL_USAGE = 2
};

struct tool_options {
    bool json;
    /* Of a directory, too, all blocks are read to tell the bytes of columns. */
    bool columns;
    /* Text of keys, or NULL: no bound. */
    const char *from;
    const char *to;
    uint64_t limit;
};

/* ---- target.c ---- */

/* A batch file: all of an object, or a part of one that a manifest tells of. */
struct tool_file {
    char object[SPINE_NAME_MAX + 1];
    bool is_whole;
    uint64_t offset;
    uint64_t bytes;
};

/* A checkpoint, or why its manifest cannot be read. */
struct tool_checkpoint {
    uint64_t sequence;
    struct manifest manifest;
    enum spine_status status;
    struct spine_error why;
};

/* A batch file, a pack, a manifest, or a directory of all that. */
struct tool_target {
    /* The argument. */
    const char *path;
    bool is_directory;
    /* It may be several files. */
    bool has_many;
    /* A file of a pack that was asked for. */
    bool has_offset;
    uint64_t offset;
    /* Of the store, which ends it. */
    struct spine_backend backend;
    struct spine_store *store;
    /* In order of name and offset. */
    struct tool_file *files;
    size_t count;
    size_t room;
    /* The oldest first; of a batch file none. */
    struct tool_checkpoint *checkpoints;
    size_t checkpoint_count;
    size_t checkpoint_room;
    /* Where manifests have to be and none is. */
    enum spine_status status;
    struct spine_error why;
};

/* Opens what `path` names, for reading only. Manifests that cannot be read are no
 * failure. The caller ends it with target_close(), after a failure, too. */
enum spine_status
target_open(struct tool_target *target, const char *path, struct spine_error *error);
void target_close(struct tool_target *target);
/* SPINE_OK when all manifests could be read; what is wrong with the first otherwise. */
enum spine_status
target_check(const struct tool_target *target, struct spine_error *error);

/* A file and the batch in it. */
struct batch_file {
    struct store_file *file;
    struct spine_batch *batch;
};

/* "3f...a1.batch", "77...0c.pack+4096". */
#define TOOL_NAME_BYTES (SPINE_NAME_MAX + 24)
void tool_file_name(const struct tool_file *file, char name[TOOL_NAME_BYTES]);
enum spine_status tool_file_open(const struct tool_target *target, size_t index,
                                 struct store_file **out, struct spine_error *error);
/* Opens file `index`; ended with batch_file_close(), after a failure, too. */
enum spine_status batch_file_open(const struct tool_target *target, size_t index,
                                  struct batch_file *out, struct spine_error *error);
void batch_file_close(struct batch_file *file);

/* ---- text.c ---- */

/* Text that grows. Zero at first. */
struct text {
    char *data;
    size_t size;
    size_t capacity;
};

/* Both false without memory. */
bool text_add(struct text *text, const char *data, size_t size);
bool text_printf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_release(struct text *text);

/* Appends a cell. Bytes are printed as they are where they are printable UTF-8; other
 * bytes as \xNN, and a backslash as two. */
bool
text_add_cell(struct text *text, const struct spine_type *type, union spine_datum cell);
/* Appends a time; a pair as outer:inner. */
bool text_add_time(struct text *text, enum spine_time kind, uint64_t time);
/* Does the text begin with a blank? Functions of C that read numbers skip these. */
bool text_has_blank(const char *source);
/* The cell that `source` is the text of; its bytes are in `bytes`. SPINE_INVALID. */
enum spine_status text_parse_cell(const char *source, const struct spine_type *type,
                                  struct text *bytes, union spine_datum *out,
                                  struct spine_error *error);
/* The same for bytes alone. */
bool text_add_bytes(struct text *text, const uint8_t *data, size_t size);
/* "u64", "bytes", "fixed(16)". */
bool text_add_type(struct text *text, const struct spine_type *type);
/* "untimed", "u64", "pair". */
const char *time_name(enum spine_time kind);

/* ---- columns.c ---- */

/* "(customer u32, day date32 descending, note string null)". */
bool text_add_tuple_type(struct text *text, const struct spine_tuple_type *type);
cJSON *json_tuple_type(const struct spine_tuple_type *type);
/* Appends the name of column `index`; one without is called by its number and `side`,
 * "key" or "value". Names are printed as bytes are. */
bool text_add_name(struct text *text, const struct spine_tuple_type *type, size_t index,
                   const char *side);
/* Row 0 of a column; nothing when it is null. */
bool text_add_value(struct text *text, const struct spine_column *column,
                    const struct spine_column_data *data);
cJSON *
json_value(const struct spine_column *column, const struct spine_column_data *data);
/* Row 0 of all columns, as an object. */
cJSON *json_tuple(const struct spine_tuple_type *type,
                  const struct spine_column_data *data, const char *side);

/* ---- key_text.c ---- */

/* What a key that was read points to. Zero at first. */
struct key_bound {
    struct text bytes;
    struct spine_tuple_page *page;
};

/* The key that `source` is the text of; where keys have columns, the least one that
 * begins with those of `source`, which are a row of CSV. SPINE_INVALID. */
enum spine_status text_parse_key(const char *source, const struct spine_schema *schema,
                                 struct key_bound *memory, union spine_datum *out,
                                 struct spine_error *error);
void key_bound_release(struct key_bound *memory);

/* ---- schema_text.c ---- */

/* "u64 -> (day date32), time u64, 1 weight". */
bool text_add_schema(struct text *text, const struct spine_schema *schema);
cJSON *json_schema(const struct spine_schema *schema);

/* ---- JSON; NULL without memory, and NULL may be given ---- */

/* A number of 64 bits, whole: a double of cJSON would round it. */
cJSON *json_u64(uint64_t number);
/* Adds a member, which may be NULL; false without memory. Takes it. */
bool json_add(cJSON *object, const char *name, cJSON *member);
/* The cell as a number, or as the string of text_add_cell(). */
cJSON *json_cell(const struct spine_type *type, union spine_datum cell);
/* Prints and ends `value`, on a line of its own. */
enum spine_status json_print(cJSON *value, bool pretty, struct spine_error *error);

/* ---- Commands ---- */

enum spine_status tool_inspect(const struct tool_target *target,
                               const struct tool_options *options,
                               struct spine_error *error);
/* Goes on after a damaged file, and returns the status of the first one. SPINE_NOT_FOUND
 * for a directory without batch files and checkpoints. */
enum spine_status tool_verify(const struct tool_target *target,
                              const struct tool_options *options,
                              struct spine_error *error);
enum spine_status tool_dump(const struct tool_target *target,
                            const struct tool_options *options,
                            struct spine_error *error);

/* Goes on after a manifest that cannot be read, and returns the status of the first
 * one. */
enum spine_status tool_list(const struct tool_target *target,
                            const struct tool_options *options,
                            struct spine_error *error);
/* Checkpoint `which`, a number or "newest", for the directory `to`. */
enum spine_status tool_export(const struct tool_target *target, const char *which,
                              const char *to, const struct tool_options *options,
                              struct spine_error *error);

/* Says on standard error how far the work is, if that is a terminal, a few times a
 * second. */
void progress_show(const char *name, const char *what, uint64_t done, uint64_t all);
/* The line goes. */
void progress_end(void);
/* Prints a message on standard error. */
void complain(const char *path, const struct spine_error *error);

#endif
