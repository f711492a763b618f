/* SPDX-License-Identifier: MIT */
#ifndef BATCH_READER_FILES_H
#define BATCH_READER_FILES_H

/*
 * batch/reader_files -- exact seeks in blocks of files, which may cost no read.
 *
 *     reader_find_kept()     the row of the key is kept (store/kept_rows.h)
 *     reader_ask_file()      a filter says that the key is not there
 *     reader_ask_strip()     a strip of the block is read, and the block is not
 *     a look into the block, reader_note_found(), reader_keep_found()
 *
 * Only keys that are words and rows of one or two words are kept, where a key has one row
 * in the block. Merges neither find nor keep any.
 */

#include "batch/fence.h"

/* Does the file of the reader's block, if it is in one, say that the key is not there?
 * Not when the block is held. */
SPINE_CHECKED enum spine_status
reader_ask_file(struct reader *reader, const struct cell *key);
/* Tells the file whether a search in its block has found its key. */
void reader_tell_file(const struct reader *reader, bool found);

/* To the only row of the key `word` in the reader's block, if that is kept; then it can
 * be given without the block. */
bool reader_find_kept(struct reader *reader, uint64_t word);
/*
 * Looks for the key `word` in the strip of the reader's block that has its granule, if
 * that is all that is to be read (store/strips.h). `*is_answered`: it was, and the row of
 * the key is known now as if it were kept, `*rows` being 1, or there is none.
 */
SPINE_CHECKED enum spine_status
reader_ask_strip(struct reader *reader, uint64_t word, bool *is_answered, size_t *rows);
/* A search in the block has ended with `rows` rows: a single one is to be kept. */
void reader_note_found(struct reader *reader, size_t rows);
/* Keeps the row of the key `word` that was staged last. */
void
reader_keep_found(const struct reader *reader, uint64_t word, const struct rows *rows);
/* Appends the row that was found, and is known without the block. There is room. */
void reader_give_found(const struct reader *reader, uint64_t word, struct rows *out);

/* Is the next row the one that the last exact seek found? */
static inline bool
reader_is_at_found(const struct reader *reader)
{
    return reader->found.is_single && reader->found.block == reader->block &&
           reader->found.row == reader->row;
}

#endif
