/* SPDX-License-Identifier: MIT */

/*
 * Rows as lines. A row of CSV is what RFC 4180 says; its cells are those of
 * text_add_cell(), in which there is no end of a line.
 */

#include "tool/tool.h"

#include "base/error.h"
#include "spine/view.h"

#include <string.h>

/* Rows between two looks at how far it is. */
#define PROGRESS_ROWS 4096u

struct dump {
    const struct spine_schema *schema;
    struct spine_cursor *cursor;
    /* Of the present key and value, as CSV. */
    struct text key;
    struct text value;
    struct text line;
    uint64_t rows;
    uint64_t rows_max;
    bool json;
};

static enum spine_status dump_file(const struct batch_file *file,
                                   const struct tool_options *options,
                                   struct spine_error *error);
static enum spine_status set_bounds(struct dump *dump, const struct tool_options *options,
                                    struct spine_error *error);
static enum spine_status print_header(struct dump *dump, struct spine_error *error);
static enum spine_status print_value(struct dump *dump, struct spine_error *error);
static enum spine_status print_csv(struct dump *dump, uint64_t time,
                                   const int64_t *weights, struct spine_error *error);
static enum spine_status print_json(struct dump *dump, uint64_t time,
                                    const int64_t *weights, struct spine_error *error);
static cJSON *json_weights(const int64_t *weights, unsigned count);
static bool
add_quoted(struct text *text, const struct spine_type *type, union spine_datum cell);

enum spine_status
tool_dump(const struct tool_target *target, const struct tool_options *options,
          struct spine_error *error)
{
    struct batch_file file = {0};
    enum spine_status st;

    if (target->is_directory)
        return spine_fail(error, SPINE_INVALID,
                          "it is a directory; the rows of one file can be dumped");
    TRY(batch_file_open(target, 0, &file, error));
    TRY(dump_file(&file, options, error));
out:
    progress_end();
    batch_file_close(&file);
    return st;
}

static enum spine_status
dump_file(const struct batch_file *file, const struct tool_options *options,
          struct spine_error *error)
{
    struct dump dump = {.schema = spine_batch_schema(file->batch),
                        .rows_max = options->limit,
                        .json = options->json};
    struct spine_batch_info info;
    enum spine_status st;

    spine_batch_get_info(file->batch, &info);
    TRY(spine_batch_cursor(file->batch, &dump.cursor, error));
    TRY(set_bounds(&dump, options, error));
    if (!dump.json)
        TRY(print_header(&dump, error));
    for (; dump.rows < dump.rows_max && spine_cursor_key_valid(dump.cursor);
         spine_cursor_step_key(dump.cursor)) {
        for (; dump.rows < dump.rows_max && spine_cursor_val_valid(dump.cursor);
             spine_cursor_step_val(dump.cursor)) {
            TRY(print_value(&dump, error));
            if (dump.rows % PROGRESS_ROWS == 0)
                progress_show(file->file->name, "rows", dump.rows, info.rows);
        }
    }
    TRY(spine_cursor_error(dump.cursor, error));
    if (ferror(stdout) != 0)
        st = spine_fail(error, SPINE_IO, "the output could not be written");
out:
    spine_cursor_close(dump.cursor);
    text_release(&dump.key);
    text_release(&dump.value);
    text_release(&dump.line);
    return st;
}

static enum spine_status
set_bounds(struct dump *dump, const struct tool_options *options,
           struct spine_error *error)
{
    struct text from_bytes = {0}, to_bytes = {0};
    union spine_datum from, to;
    enum spine_status st = SPINE_OK;

    if (options->from != NULL)
        TRY(text_parse_cell(options->from, &dump->schema->key, &from_bytes, &from,
                            error));
    if (options->to != NULL)
        TRY(text_parse_cell(options->to, &dump->schema->key, &to_bytes, &to, error));
    spine_cursor_set_bounds(dump->cursor, options->from != NULL ? &from : NULL,
                            options->to != NULL ? &to : NULL);
out:
    text_release(&from_bytes);
    text_release(&to_bytes);
    return st;
}

/* The columns that there are. */
static enum spine_status
print_header(struct dump *dump, struct spine_error *error)
{
    const struct spine_schema *schema = dump->schema;
    struct text *line = &dump->line;
    bool there = text_add(line, "", 0);

    if (schema->key.kind != SPINE_NONE)
        there = there && text_add(line, "key,", 4);
    if (schema->value.kind != SPINE_NONE)
        there = there && text_add(line, "value,", 6);
    if (schema->time != SPINE_UNTIMED)
        there = there && text_add(line, "time,", 5);
    if (schema->weight_count == 1)
        there = there && text_add(line, "weight,", 7);
    for (unsigned i = 0; schema->weight_count > 1 && i < schema->weight_count; i++)
        there = there && text_printf(line, "weight%u,", i + 1);
    if (!there)
        return fail_nomem(error, "the output", 0);
    line->data[line->size - 1] = '\0';
    (void)puts(line->data);
    return SPINE_OK;
}

/* A row for each time of the value. */
static enum spine_status
print_value(struct dump *dump, struct spine_error *error)
{
    const uint64_t *times;
    const int64_t *weights;
    const size_t count = spine_cursor_times(dump->cursor, &times, &weights);

    dump->key.size = dump->value.size = 0;
    if (!dump->json &&
        (!add_quoted(&dump->key, &dump->schema->key, spine_cursor_key(dump->cursor)) ||
         !add_quoted(&dump->value, &dump->schema->value, spine_cursor_val(dump->cursor))))
        return fail_nomem(error, "the output", 0);
    for (size_t i = 0; i < count && dump->rows < dump->rows_max; i++, dump->rows++) {
        const int64_t *const of_time = weights + i * dump->schema->weight_count;

        if (dump->json)
            TRY_RETURN(print_json(dump, times[i], of_time, error));
        else
            TRY_RETURN(print_csv(dump, times[i], of_time, error));
    }
    return SPINE_OK;
}

static enum spine_status
print_csv(struct dump *dump, uint64_t time, const int64_t *weights,
          struct spine_error *error)
{
    const struct spine_schema *schema = dump->schema;
    struct text *line = &dump->line;
    bool there;

    line->size = 0;
    there = text_add(line, "", 0);
    if (schema->key.kind != SPINE_NONE)
        there = there && text_add(line, dump->key.data, dump->key.size) &&
                text_add(line, ",", 1);
    if (schema->value.kind != SPINE_NONE)
        there = there && text_add(line, dump->value.data, dump->value.size) &&
                text_add(line, ",", 1);
    if (schema->time != SPINE_UNTIMED)
        there =
            there && text_add_time(line, schema->time, time) && text_add(line, ",", 1);
    for (unsigned i = 0; i < schema->weight_count; i++)
        there =
            there && text_printf(line, "%s%lld", i > 0 ? "," : "", (long long)weights[i]);
    if (!there)
        return fail_nomem(error, "the output", 0);
    (void)puts(line->data);
    return SPINE_OK;
}

static enum spine_status
print_json(struct dump *dump, uint64_t time, const int64_t *weights,
           struct spine_error *error)
{
    const struct spine_schema *schema = dump->schema;
    cJSON *json = cJSON_CreateObject();
    struct text text = {0};
    bool there = json != NULL;

    if (schema->key.kind != SPINE_NONE)
        there =
            there && json_add(json, "key",
                              json_cell(&schema->key, spine_cursor_key(dump->cursor)));
    if (schema->value.kind != SPINE_NONE)
        there =
            there && json_add(json, "value",
                              json_cell(&schema->value, spine_cursor_val(dump->cursor)));
    if (schema->time == SPINE_TIME_U64)
        there = there && json_add(json, "time", json_u64(time));
    else if (schema->time == SPINE_TIME_PAIR)
        there = there && text_add_time(&text, schema->time, time) &&
                json_add(json, "time", cJSON_CreateString(text.data));
    there = there && json_add(json, schema->weight_count == 1 ? "weight" : "weights",
                              json_weights(weights, schema->weight_count));
    text_release(&text);
    if (!there) {
        cJSON_Delete(json);
        return fail_nomem(error, "the output", 0);
    }
    return json_print(json, false, error);
}

/* A number, or an array of several. */
static cJSON *
json_weights(const int64_t *weights, unsigned count)
{
    const struct spine_type type = {.kind = SPINE_I64};
    cJSON *array;

    if (count == 1)
        return json_cell(&type, spine_i64(weights[0]));
    array = cJSON_CreateArray();
    for (unsigned i = 0; array != NULL && i < count; i++) {
        cJSON *const weight = json_cell(&type, spine_i64(weights[i]));

        if (weight == NULL || !cJSON_AddItemToArray(array, weight)) {
            cJSON_Delete(weight);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* In quotes where there is a comma or a quote in it. */
static bool
add_quoted(struct text *text, const struct spine_type *type, union spine_datum cell)
{
    struct text plain = {0};
    bool there = text_add_cell(&plain, type, cell);

    if (there && strpbrk(plain.data, ",\"") == NULL) {
        there = text_add(text, plain.data, plain.size);
    } else if (there) {
        there = text_add(text, "\"", 1);
        for (const char *at = plain.data; there && *at != '\0'; at++)
            there = text_add(text, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
        there = there && text_add(text, "\"", 1);
    }
    text_release(&plain);
    return there;
}
