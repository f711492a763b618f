/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_RESEAL_H
#define HARNESS_RESEAL_H

/*
 * harness/reseal -- checksums of a batch file whose bytes were changed (store/FORMAT.md),
 * made right again, as nobody guesses them.
 */

#include "store/file_format.h"

/*
 * Sets the checksums of blocks and sections, as far as the table names bytes of the file,
 * and those of table, header and footer. Unless it is NULL, `id` becomes that of the
 * file. `size` is FILE_FOOTER_BYTES at least; nothing else need be true of the bytes.
 */
void file_reseal(uint8_t *bytes, size_t size, const struct file_id *id);

#endif
