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
    /* The columns of the present key and value, where they are tuples. */
    struct spine_tuple_page *page;
    struct spine_tuple_rows row;
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
add_names(struct text *line, const struct spine_tuple_type *type, const char *side);
static enum spine_status decode_row(struct dump *dump, struct spine_error *error);
static bool add_cell(struct text *text, const struct spine_type *type,
                     union spine_datum cell, const struct spine_tuple_type *tuple,
                     const struct spine_column_data *columns);
static bool
add_quoted(struct text *text, const struct spine_type *type, union spine_datum cell);
static bool add_quoted_text(struct text *text, const char *plain);

enum spine_status
tool_dump(const struct tool_target *target, const struct tool_options *options,
          struct spine_error *error)
{
    struct batch_file file = {0};
    enum spine_status st;

    if (target->is_directory)
        return spine_fail(error, SPINE_INVALID,
                          "it is a directory; the rows of one file can be dumped");
    if (target->count != 1)
        return spine_fail(error, target->count == 0 ? SPINE_NOT_FOUND : SPINE_INVALID,
                          "%zu batch files are known there; the rows of one can be "
                          "dumped, as PACK+OFFSET",
                          target->count);
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
    TRY(spine_tuple_page_new(&dump.page, error));
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
    spine_tuple_page_free(dump.page);
    text_release(&dump.key);
    text_release(&dump.value);
    text_release(&dump.line);
    return st;
}

static enum spine_status
set_bounds(struct dump *dump, const struct tool_options *options,
           struct spine_error *error)
{
    struct key_bound from_memory = {0}, to_memory = {0};
    union spine_datum from, to;
    enum spine_status st = SPINE_OK;

    if (options->from != NULL)
        TRY(text_parse_key(options->from, dump->schema, &from_memory, &from, error));
    if (options->to != NULL)
        TRY(text_parse_key(options->to, dump->schema, &to_memory, &to, error));
    spine_cursor_set_bounds(dump->cursor, options->from != NULL ? &from : NULL,
                            options->to != NULL ? &to : NULL);
out:
    key_bound_release(&from_memory);
    key_bound_release(&to_memory);
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
        there = there && add_names(line, schema->key_tuple, "key");
    if (schema->value.kind != SPINE_NONE)
        there = there && add_names(line, schema->value_tuple, "value");
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

/* Of the columns, or of the one that there is, each with a comma behind. */
static bool
add_names(struct text *line, const struct spine_tuple_type *type, const char *side)
{
    struct text name = {0};
    bool there = type != NULL || text_printf(line, "%s,", side);

    for (size_t i = 0; there && i < spine_tuple_type_count(type); i++) {
        name.size = 0;
        there = text_add_name(&name, type, i, side) && add_quoted_text(line, name.data) &&
                text_add(line, ",", 1);
    }
    text_release(&name);
    return there;
}

/* The columns of the row that the cursor is on. */
static enum spine_status
decode_row(struct dump *dump, struct spine_error *error)
{
    const union spine_datum key = spine_cursor_key(dump->cursor);
    const union spine_datum value = spine_cursor_val(dump->cursor);
    const uint64_t key_offsets[] = {0, key.bytes.size};
    const uint64_t value_offsets[] = {0, value.bytes.size};
    struct spine_columns cells = {.rows = 1};

    if (dump->schema->key_tuple != NULL) {
        cells.keys = dump->schema->key.kind == SPINE_U64 ? &key.u64 : key.bytes.data;
        cells.key_offsets = key_offsets;
    }
    if (dump->schema->value_tuple != NULL) {
        cells.values =
            dump->schema->value.kind == SPINE_U64 ? &value.u64 : value.bytes.data;
        cells.value_offsets = value_offsets;
    }
    return spine_tuple_decode(dump->page, dump->schema, &cells, &dump->row, error);
}

/* A cell as CSV: its columns, where it is a tuple. */
static bool
add_cell(struct text *text, const struct spine_type *type, union spine_datum cell,
         const struct spine_tuple_type *tuple, const struct spine_column_data *columns)
{
    bool there = tuple != NULL || add_quoted(text, type, cell);

    for (size_t i = 0; there && i < spine_tuple_type_count(tuple); i++) {
        struct text plain = {0};

        there = text_add_value(&plain, spine_tuple_type_column(tuple, i), &columns[i]) &&
                (i == 0 || text_add(text, ",", 1)) && add_quoted_text(text, plain.data);
        text_release(&plain);
    }
    return there;
}

/* A row for each time of the value. */
static enum spine_status
print_value(struct dump *dump, struct spine_error *error)
{
    const struct spine_schema *schema = dump->schema;
    const uint64_t *times;
    const int64_t *weights;
    const size_t count = spine_cursor_times(dump->cursor, &times, &weights);

    dump->key.size = dump->value.size = 0;
    TRY_RETURN(decode_row(dump, error));
    if (!dump->json &&
        (!add_cell(&dump->key, &schema->key, spine_cursor_key(dump->cursor),
                   schema->key_tuple, dump->row.keys) ||
         !add_cell(&dump->value, &schema->value, spine_cursor_val(dump->cursor),
                   schema->value_tuple, dump->row.values)))
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
        there = there &&
                json_add(json, "key",
                         schema->key_tuple != NULL
                             ? json_tuple(schema->key_tuple, dump->row.keys, "key")
                             : json_cell(&schema->key, spine_cursor_key(dump->cursor)));
    if (schema->value.kind != SPINE_NONE)
        there = there &&
                json_add(json, "value",
                         schema->value_tuple != NULL
                             ? json_tuple(schema->value_tuple, dump->row.values, "value")
                             : json_cell(&schema->value, spine_cursor_val(dump->cursor)));
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

static bool
add_quoted(struct text *text, const struct spine_type *type, union spine_datum cell)
{
    struct text plain = {0};
    const bool there =
        text_add_cell(&plain, type, cell) && add_quoted_text(text, plain.data);

    text_release(&plain);
    return there;
}

/* In quotes where there is a comma or a quote in it. */
static bool
add_quoted_text(struct text *text, const char *plain)
{
    bool there = true;

    if (strpbrk(plain, ",\"") == NULL)
        return text_add(text, plain, strlen(plain));
    there = text_add(text, "\"", 1);
    for (const char *at = plain; there && *at != '\0'; at++)
        there = text_add(text, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    return there && text_add(text, "\"", 1);
}
