/* SPDX-License-Identifier: MIT */
#include "demo/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of a file, and where in it the reader is. */
struct text {
    char *path;
    char *begin;
    const char *at;
    const char *end;
    size_t line;
};

static void table_load(struct table *table, const char *directory, const char *name);
static void text_open(struct text *text, const char *directory, const char *name);
static void text_close(struct text *text);
static bool text_row(struct text *text, unsigned columns, uint32_t *row);
static uint32_t text_number(struct text *text);
static void text_skip_blanks(struct text *text);
__attribute__((noreturn)) static void
text_fail(const struct text *text, const char *what);

void
facts_load(struct facts *facts, const char *directory)
{
    facts_init(facts);
    table_load(&facts->p, directory, "p.txt");
    table_load(&facts->q, directory, "q.txt");
    table_load(&facts->r, directory, "r.txt");
    table_load(&facts->c, directory, "c.txt");
    table_load(&facts->u, directory, "u.txt");
    table_load(&facts->s, directory, "s.txt");
    facts_number(facts);
}

static void
table_load(struct table *table, const char *directory, const char *name)
{
    struct text text;
    uint32_t row[3];

    text_open(&text, directory, name);
    while (text_row(&text, table->columns, row))
        table_add(table, row);
    text_close(&text);
}

static void
text_open(struct text *text, const char *directory, const char *name)
{
    size_t size = 0, capacity = 1 << 16, got;
    const size_t path_size = strlen(directory) + strlen(name) + 2;

    *text = (struct text){.path = grow(NULL, path_size, 1), .line = 1};
    snprintf(text->path, path_size, "%s/%s", directory, name);
    FILE *const file = fopen(text->path, "rb");
    if (file == NULL)
        fail("%s: %s", text->path, strerror(errno));

    text->begin = grow(NULL, capacity, 1);
    while ((got = fread(text->begin + size, 1, capacity - size, file)) > 0) {
        size += got;
        if (size == capacity) {
            capacity *= 2;
            text->begin = grow(text->begin, capacity, 1);
        }
    }
    if (ferror(file))
        fail("%s: %s", text->path, strerror(errno));
    fclose(file);
    text->at = text->begin;
    text->end = text->begin + size;
}

static void
text_close(struct text *text)
{
    free(text->path);
    free(text->begin);
}

/* The numbers of the next line that has any; false at the end. */
static bool
text_row(struct text *text, unsigned columns, uint32_t *row)
{
    text_skip_blanks(text);
    while (text->at < text->end && *text->at == '\n') {
        text->at++;
        text->line++;
        text_skip_blanks(text);
    }
    if (text->at == text->end)
        return false;

    for (unsigned column = 0; column < columns; column++) {
        row[column] = text_number(text);
        const bool last = column + 1 == columns;
        const bool comma = text->at < text->end && *text->at == ',';
        if (!last && !comma)
            text_fail(text, "a comma and one more number must follow");
        if (last && text->at < text->end && *text->at != '\n')
            text_fail(text, "the line must end here");
        if (comma)
            text->at++;
    }
    return true;
}

static uint32_t
text_number(struct text *text)
{
    uint64_t number = 0;

    text_skip_blanks(text);
    const char *const begin = text->at;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        number = number * 10 + (uint64_t)(*text->at - '0');
        if (number > UINT32_MAX)
            text_fail(text, "the number is greater than 4294967295");
    }
    if (text->at == begin)
        text_fail(text, "a number must be here");
    text_skip_blanks(text);
    return (uint32_t)number;
}

static void
text_skip_blanks(struct text *text)
{
    while (text->at < text->end &&
           (*text->at == ' ' || *text->at == '\t' || *text->at == '\r'))
        text->at++;
}

/* Names file, line and column. */
static void
text_fail(const struct text *text, const char *what)
{
    const char *line_begin = text->at;

    while (line_begin > text->begin && line_begin[-1] != '\n')
        line_begin--;
    fail("%s:%zu:%td: %s", text->path, text->line, text->at - line_begin + 1, what);
}
