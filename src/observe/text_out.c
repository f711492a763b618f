/* SPDX-License-Identifier: MIT */

/* Text in pieces to the host's callback, with names escaped as the format wants it. */

#include "observe/observe.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void flush(struct text_out *out);
static size_t letter_bytes(const unsigned char *at);

void
text_begin(struct text_out *out, spine_write_fn *write, void *context)
{
    assert(write != NULL);
    out->write = write;
    out->context = context;
    out->status = SPINE_OK;
    out->used = 0;
}

enum spine_status
text_end(struct text_out *out)
{
    flush(out);
    assert(out->used == 0);
    return out->status;
}

static void
flush(struct text_out *out)
{
    if (out->status == SPINE_OK && out->used > 0)
        out->status = out->write(out->context, out->buffer, out->used);
    out->used = 0;
}

void
text_put(struct text_out *out, const char *text)
{
    size_t left = strlen(text);

    assert(out->used < sizeof out->buffer);
    while (left > 0) {
        const size_t room = sizeof out->buffer - out->used;
        const size_t part = left < room ? left : room;

        memcpy(out->buffer + out->used, text, part);
        out->used += part;
        text += part;
        left -= part;
        if (out->used == sizeof out->buffer)
            flush(out);
    }
}

void
text_put_number(struct text_out *out, uint64_t number)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    text_put(out, digits);
}

/* snprintf() writes what the host's locale has for a decimal point; both formats want a
 * point. */
void
text_put_real(struct text_out *out, double number)
{
    char digits[400];
    size_t end;

    (void)snprintf(digits, sizeof digits, "%.9f", number);
    end = strlen(digits);
    while (digits[end - 1] == '0')
        end--;
    for (size_t i = 0; i < end; i++)
        if (digits[i] != '-' && (digits[i] < '0' || digits[i] > '9'))
            digits[i] = '.';
    if (digits[end - 1] == '.')
        end--;
    digits[end] = '\0';
    text_put(out, digits);
}

/* Prometheus and JSON escape the same letters, as there are no control characters. */
void
text_put_name(struct text_out *out, const char *name)
{
    const unsigned char *at = (const unsigned char *)name;

    while (*at != '\0') {
        char letter[5] = {0};
        size_t bytes = letter_bytes(at);

        if (*at == '"' || *at == '\\')
            text_put(out, "\\");
        if (bytes > 0)
            memcpy(letter, at, bytes);
        text_put(out, bytes > 0 ? letter : "?");
        at += bytes > 0 ? bytes : 1;
    }
}

bool
name_is_text(const char *name, size_t bytes_max)
{
    const unsigned char *at = (const unsigned char *)name;
    size_t bytes = 0;

    while (at[bytes] != 0) {
        const size_t letter = letter_bytes(at + bytes);

        bytes += letter;
        if (letter == 0 || bytes > bytes_max)
            return false;
    }
    return true;
}

/* The bytes of the letter at `at`; 0 when it is none. A zero ends the text. */
static size_t
letter_bytes(const unsigned char *at)
{
    const size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    const uint32_t least[] = {0, 0x20, 0x80, 0x800, 0x10000};
    uint32_t letter = bytes == 1 ? at[0] : at[0] & (0x7fu >> bytes);

    if ((at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        letter = letter << 6 | (at[i] & 0x3f);
    }
    if (letter < least[bytes] || letter > 0x10ffff ||
        (letter >= 0xd800 && letter < 0xe000) || (letter >= 0x7f && letter < 0xa0))
        return 0;
    return bytes;
}
