/* SPDX-License-Identifier: MIT */

/*
 * Mappings: a tree of fields, and the schema of rows that they are of. Made in two steps:
 * what each field is, and, when all are known, the tuple types, in whose columns the
 * fields then find theirs.
 */

#include "arrow/arrow.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <stdio.h>

/* A mapping in the making. */
struct draft {
    struct spine_arrow_mapping *mapping;
    struct spine_error *error;
    /* The columns of all fields of the mapping, with borrowed names. */
    struct spine_column *columns;
};

static enum spine_status mapping_make(const struct draft *draft,
                                      const struct ArrowSchema *schema,
                                      const struct spine_arrow_columns *columns);
static enum spine_status
read_children(const struct draft *draft, const struct ArrowSchema *schema,
              struct arrow_field *fields, struct spine_column *columns, unsigned depth);
static enum spine_status
read_field(const struct draft *draft, const struct ArrowSchema *schema,
           struct arrow_field *field, struct spine_column *column, unsigned depth);
static enum spine_status
read_struct(const struct draft *draft, const struct ArrowSchema *schema,
            struct arrow_field *field, struct spine_column *column, unsigned depth);
static enum spine_status
assign_roles(const struct draft *draft, const struct spine_arrow_columns *columns);
static enum spine_status
assign_key(const struct draft *draft, const struct spine_arrow_columns *columns);
static enum spine_status
find_field(const struct draft *draft, const char *name, size_t *out);
static enum spine_status
take_field(const struct draft *draft, size_t at, enum arrow_role role, size_t index);
static enum spine_status make_type(const struct draft *draft, enum arrow_role role,
                                   size_t count, struct spine_tuple_type **out);
static void bind_column(struct arrow_field *field, const struct spine_column *column);
static enum spine_status
of_schema(const struct draft *draft, const struct spine_schema *schema);
static enum spine_status draft_add_side(const struct draft *draft, enum arrow_role role,
                                        struct spine_type cell,
                                        const struct spine_tuple_type *type);
static enum spine_status
describe_column(const struct draft *draft, const char *name, struct arrow_field *field);
static enum spine_status add_weights(const struct draft *draft);
static enum spine_status draft_add_number(const struct draft *draft, enum arrow_role role,
                                          size_t index, const char *name);
static enum spine_status make_names_differ(const struct draft *draft, size_t from);
static bool name_is_taken(const struct draft *draft, size_t end, const char *name);

/* Every field has a role at the end; until then this. */
#define NO_ROLE ((enum arrow_role)(ARROW_WEIGHT + 1))

enum spine_status
spine_arrow_mapping_new(const struct ArrowSchema *schema,
                        const struct spine_arrow_columns *columns,
                        struct spine_arrow_mapping **out, struct spine_error *error)
{
    struct draft draft = {.error = error};
    struct hold hold = {0};
    enum spine_status st;
    size_t count;

    if (out == NULL)
        return fail_null(error, "spine_arrow_mapping_new", "out");
    *out = NULL;
    if (schema == NULL || columns == NULL)
        return fail_null(error, "spine_arrow_mapping_new",
                         schema == NULL ? "schema" : "columns");
    if (schema->release == NULL)
        return spine_fail(error, SPINE_MISUSE, "the schema has been released");
    if (schema->format == NULL || strcmp(schema->format, "+s") != 0)
        return spine_fail(error, SPINE_INVALID,
                          "records are of format %.20s; it takes +s, a struct",
                          schema->format != NULL ? schema->format : "NULL");
    if (schema->n_children < 1 || schema->n_children > SPINE_TUPLE_COLUMNS_MAX ||
        schema->children == NULL)
        return spine_fail(error, SPINE_INVALID,
                          "records have %lld columns; it takes 1 to %d",
                          (long long)schema->n_children, SPINE_TUPLE_COLUMNS_MAX);
    /* With room for a weight. */
    count = (size_t)schema->n_children + 1;
    draft.columns = hold_take_array(&hold, count, sizeof *draft.columns);
    draft.mapping = mem_zalloc(sizeof *draft.mapping);
    if (draft.mapping != NULL) {
        ref_init(&draft.mapping->ref);
        draft.mapping->fields =
            hold_take_array(&draft.mapping->hold, count, sizeof *draft.mapping->fields);
    }
    if (draft.columns == NULL || draft.mapping == NULL || draft.mapping->fields == NULL)
        TRY(fail_nomem(error, "a mapping", count * sizeof *draft.columns));
    TRY(mapping_make(&draft, schema, columns));
    assert(draft.mapping->key_count + draft.mapping->value_count <=
           draft.mapping->count_in);
    *out = draft.mapping;
    draft.mapping = NULL;
out:
    /* Types of nested columns, whose references the types of the mapping have now. */
    for (size_t i = 0; draft.columns != NULL && i < count; i++)
        spine_tuple_type_unref(draft.columns[i].tuple);
    hold_release(&hold);
    mapping_unref(draft.mapping);
    return st;
}

enum spine_status
spine_arrow_mapping_of_schema(const struct spine_schema *schema,
                              struct spine_arrow_mapping **out, struct spine_error *error)
{
    struct draft draft = {.error = error};
    enum spine_status st;
    size_t count;

    if (out == NULL)
        return fail_null(error, "spine_arrow_mapping_of_schema", "out");
    *out = NULL;
    if (schema == NULL)
        return fail_null(error, "spine_arrow_mapping_of_schema", "schema");
    TRY_RETURN(spine_schema_check(schema, error));
    count = spine_tuple_type_count(schema->key_tuple) +
            spine_tuple_type_count(schema->value_tuple) + SPINE_WEIGHTS_MAX + 3;
    draft.mapping = mem_zalloc(sizeof *draft.mapping);
    if (draft.mapping == NULL)
        return fail_nomem(error, "a mapping", sizeof *draft.mapping);
    ref_init(&draft.mapping->ref);
    draft.mapping->fields =
        hold_take_array(&draft.mapping->hold, count, sizeof *draft.mapping->fields);
    if (draft.mapping->fields == NULL)
        TRY(fail_nomem(error, "a mapping", count * sizeof *draft.mapping->fields));
    TRY(of_schema(&draft, schema));
    *out = draft.mapping;
    draft.mapping = NULL;
out:
    mapping_unref(draft.mapping);
    return st;
}

void
spine_arrow_mapping_free(struct spine_arrow_mapping *mapping)
{
    mapping_unref(mapping);
}

const struct spine_schema *
spine_arrow_mapping_schema(const struct spine_arrow_mapping *mapping)
{
    return mapping != NULL ? &mapping->schema : NULL;
}

struct spine_arrow_mapping *
mapping_ref(const struct spine_arrow_mapping *mapping)
{
    struct spine_arrow_mapping *const shared = (struct spine_arrow_mapping *)mapping;

    ref_take(&shared->ref);
    return shared;
}

void
mapping_unref(struct spine_arrow_mapping *mapping)
{
    if (mapping == NULL || !ref_drop(&mapping->ref))
        return;
    spine_tuple_type_unref(mapping->schema.key_tuple);
    spine_tuple_type_unref(mapping->schema.value_tuple);
    hold_release(&mapping->hold);
    mem_free(mapping, sizeof *mapping);
}

/* ---- Of a schema of Arrow ---- */

static enum spine_status
mapping_make(const struct draft *draft, const struct ArrowSchema *schema,
             const struct spine_arrow_columns *columns)
{
    struct spine_arrow_mapping *const mapping = draft->mapping;
    struct spine_tuple_type *type;

    mapping->count = mapping->count_in = (size_t)schema->n_children;
    TRY_RETURN(read_children(draft, schema, mapping->fields, draft->columns, 0));
    TRY_RETURN(assign_roles(draft, columns));
    TRY_RETURN(make_type(draft, ARROW_KEY, mapping->key_count, &type));
    mapping->schema.key_tuple = type;
    mapping->schema.key = spine_tuple_type_cell(type);
    TRY_RETURN(make_type(draft, ARROW_VALUE, mapping->value_count, &type));
    mapping->schema.value_tuple = type;
    mapping->schema.value = spine_tuple_type_cell(type);
    for (size_t i = 0; i < mapping->count; i++) {
        struct arrow_field *const field = &mapping->fields[i];

        if (field->role == ARROW_KEY)
            type = (struct spine_tuple_type *)mapping->schema.key_tuple;
        else if (field->role == ARROW_VALUE)
            type = (struct spine_tuple_type *)mapping->schema.value_tuple;
        else
            continue;
        bind_column(field, spine_tuple_type_column(type, field->index));
    }
    if (columns->weight_count == 0) {
        TRY_RETURN(add_weights(draft));
        TRY_RETURN(make_names_differ(draft, mapping->count_in));
    }
    return spine_schema_check(&mapping->schema, draft->error);
}

static enum spine_status
read_children(const struct draft *draft, const struct ArrowSchema *schema,
              struct arrow_field *fields, struct spine_column *columns, unsigned depth)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] == NULL || schema->children[i]->release == NULL)
            return spine_fail(draft->error, SPINE_MISUSE,
                              "column %lld of the schema has been released",
                              (long long)i);
        TRY_RETURN(
            read_field(draft, schema->children[i], &fields[i], &columns[i], depth));
    }
    return SPINE_OK;
}

static enum spine_status
read_field(const struct draft *draft, const struct ArrowSchema *schema,
           struct arrow_field *field, struct spine_column *column, unsigned depth)
{
    const struct ArrowSchema *values = schema;

    field->role = NO_ROLE;
    field->name = hold_copy(&draft->mapping->hold, schema->name);
    if (field->name == NULL)
        return fail_nomem(draft->error, "a mapping", 0);
    column->name = field->name;
    column->nullable = (schema->flags & ARROW_FLAG_NULLABLE) != 0;
    if (schema->dictionary != NULL) {
        values = schema->dictionary;
        if (values->release == NULL)
            return spine_fail(draft->error, SPINE_MISUSE,
                              "the dictionary of column %.100s has been released",
                              field->name);
        if (schema->format == NULL || !format_decode_index(schema->format, field))
            return fail_field(draft->error, field, "indexes that are no integers");
        if (values->dictionary != NULL)
            return fail_field(draft->error, field, "a dictionary of a dictionary");
    }
    if (values->format == NULL || !format_decode(values->format, column, &field->layout))
        return spine_fail(draft->error, SPINE_INVALID,
                          "column %.100s: format %.40s is not supported", field->name,
                          values->format != NULL ? values->format : "NULL");
    if (field->layout != ARROW_STRUCT)
        return SPINE_OK;
    if (field->index_bytes > 0)
        return fail_field(draft->error, field, "a dictionary of structs");
    return read_struct(draft, schema, field, column, depth);
}

static enum spine_status
read_struct(const struct draft *draft, const struct ArrowSchema *schema,
            struct arrow_field *field, struct spine_column *column, unsigned depth)
{
    struct spine_column *columns = NULL;
    struct hold hold = {0};
    enum spine_status st;

    if (schema->n_children < 1 || schema->n_children > SPINE_TUPLE_COLUMNS_MAX ||
        schema->children == NULL || depth >= SPINE_TUPLE_DEPTH_MAX)
        return fail_field(draft->error, field,
                          "a struct without columns, or with too many");
    field->child_count = (size_t)schema->n_children;
    field->children = hold_take_array(&draft->mapping->hold, field->child_count,
                                      sizeof *field->children);
    columns = hold_take_array(&hold, field->child_count, sizeof *columns);
    if (field->children == NULL || columns == NULL)
        TRY(fail_nomem(draft->error, "a mapping", field->child_count * sizeof *columns));
    TRY(read_children(draft, schema, field->children, columns, depth + 1));
    struct spine_tuple_type *type;
    TRY(spine_tuple_type_new(columns, field->child_count, &type, draft->error));
    column->tuple = type;
out:
    for (size_t i = 0; columns != NULL && i < field->child_count; i++)
        spine_tuple_type_unref(columns[i].tuple);
    hold_release(&hold);
    return st;
}

static enum spine_status
assign_roles(const struct draft *draft, const struct spine_arrow_columns *columns)
{
    struct spine_arrow_mapping *const mapping = draft->mapping;
    size_t at;

    TRY_RETURN(assign_key(draft, columns));
    if (columns->weight_count > SPINE_WEIGHTS_MAX ||
        (columns->weight_count > 0 && columns->weight_names == NULL))
        return spine_fail(draft->error, SPINE_INVALID, "%zu weights; the most is %u%s",
                          columns->weight_count, SPINE_WEIGHTS_MAX,
                          columns->weight_names == NULL ? ", with names" : "");
    mapping->schema.weight_count =
        columns->weight_count > 0 ? (unsigned)columns->weight_count : 1;
    for (size_t i = 0; i < columns->weight_count; i++) {
        TRY_RETURN(find_field(draft, columns->weight_names[i], &at));
        if (draft->columns[at].kind != SPINE_COLUMN_I64 ||
            mapping->fields[at].index_bytes > 0)
            return fail_field(draft->error, &mapping->fields[at],
                              "a weight that is not int64");
        TRY_RETURN(take_field(draft, at, ARROW_WEIGHT, i));
    }
    if (columns->time_name != NULL) {
        mapping->schema.time =
            columns->time != SPINE_UNTIMED ? columns->time : SPINE_TIME_U64;
        TRY_RETURN(find_field(draft, columns->time_name, &at));
        if (draft->columns[at].kind != SPINE_COLUMN_U64 ||
            mapping->fields[at].index_bytes > 0)
            return fail_field(draft->error, &mapping->fields[at],
                              "a time that is not uint64");
        TRY_RETURN(take_field(draft, at, ARROW_TIME, 0));
    } else if (columns->time != SPINE_UNTIMED) {
        return spine_fail(draft->error, SPINE_INVALID, "time_name is NULL");
    }
    for (size_t i = 0; i < mapping->count; i++)
        if (mapping->fields[i].role == NO_ROLE)
            TRY_RETURN(take_field(draft, i, ARROW_VALUE, mapping->value_count++));
    return SPINE_OK;
}

static enum spine_status
assign_key(const struct draft *draft, const struct spine_arrow_columns *columns)
{
    size_t at;

    if (columns->key_count > 0 && columns->key_names == NULL &&
        columns->key_indexes == NULL)
        return spine_fail(draft->error, SPINE_INVALID,
                          "key_names and key_indexes are NULL");
    for (size_t i = 0; i < columns->key_count; i++) {
        if (columns->key_names != NULL)
            TRY_RETURN(find_field(draft, columns->key_names[i], &at));
        else
            at = columns->key_indexes[i];
        if (at >= draft->mapping->count)
            return spine_fail(draft->error, SPINE_INVALID,
                              "column %zu of %zu is to be in the key", at,
                              draft->mapping->count);
        TRY_RETURN(take_field(draft, at, ARROW_KEY, i));
        if (columns->key_orders != NULL)
            draft->columns[at].order = columns->key_orders[i];
    }
    draft->mapping->key_count = columns->key_count;
    return SPINE_OK;
}

static enum spine_status
find_field(const struct draft *draft, const char *name, size_t *out)
{
    const struct spine_arrow_mapping *const mapping = draft->mapping;
    size_t found = 0;

    for (size_t i = 0; name != NULL && i < mapping->count; i++)
        if (strcmp(mapping->fields[i].name, name) == 0) {
            *out = i;
            found++;
        }
    if (found == 1)
        return SPINE_OK;
    return spine_fail(draft->error, SPINE_INVALID, "there %s %.100s",
                      found == 0 ? "is no column" : "are several columns",
                      name != NULL ? name : "NULL");
}

static enum spine_status
take_field(const struct draft *draft, size_t at, enum arrow_role role, size_t index)
{
    struct arrow_field *const field = &draft->mapping->fields[at];

    if (field->role != NO_ROLE)
        return fail_field(draft->error, field, "is named twice");
    if (role == ARROW_TIME || role == ARROW_WEIGHT) {
        field->own = draft->columns[at];
        field->column = &field->own;
    }
    field->role = role;
    field->index = index;
    return SPINE_OK;
}

/* The type of the fields of a role; NULL when there are none. */
static enum spine_status
make_type(const struct draft *draft, enum arrow_role role, size_t count,
          struct spine_tuple_type **out)
{
    struct hold hold = {0};
    struct spine_column *columns;
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (count == 0)
        return SPINE_OK;
    columns = hold_take_array(&hold, count, sizeof *columns);
    if (columns == NULL)
        return fail_nomem(draft->error, "a mapping", count * sizeof *columns);
    for (size_t i = 0; i < draft->mapping->count; i++) {
        const struct arrow_field *const field = &draft->mapping->fields[i];

        if (field->role == role)
            columns[field->index] = draft->columns[i];
    }
    st = spine_tuple_type_new(columns, count, out, draft->error);
    hold_release(&hold);
    return st;
}

static void
bind_column(struct arrow_field *field, const struct spine_column *column)
{
    field->column = column;
    for (size_t i = 0; i < field->child_count; i++)
        bind_column(&field->children[i], spine_tuple_type_column(column->tuple, i));
}

/* ---- Of a schema of rows ---- */

static enum spine_status
of_schema(const struct draft *draft, const struct spine_schema *schema)
{
    struct spine_arrow_mapping *const mapping = draft->mapping;

    mapping->schema = *schema;
    mapping->schema.weight_count = schema->weight_count > 0 ? schema->weight_count : 1;
    (void)spine_tuple_type_ref(schema->key_tuple);
    (void)spine_tuple_type_ref(schema->value_tuple);
    TRY_RETURN(draft_add_side(draft, ARROW_KEY, schema->key, schema->key_tuple));
    mapping->key_count = mapping->count;
    TRY_RETURN(draft_add_side(draft, ARROW_VALUE, schema->value, schema->value_tuple));
    mapping->value_count = mapping->count - mapping->key_count;
    if (schema->time != SPINE_UNTIMED)
        TRY_RETURN(draft_add_number(draft, ARROW_TIME, 0, "time"));
    TRY_RETURN(add_weights(draft));
    mapping->count_in = mapping->count;
    return make_names_differ(draft, 0);
}

/* The columns of the key, or of the value. */
static enum spine_status
draft_add_side(const struct draft *draft, enum arrow_role role, struct spine_type cell,
               const struct spine_tuple_type *type)
{
    static const enum spine_column_kind kinds[] = {
        [SPINE_U64] = SPINE_COLUMN_U64,     [SPINE_I64] = SPINE_COLUMN_I64,
        [SPINE_U32] = SPINE_COLUMN_U32,     [SPINE_I32] = SPINE_COLUMN_I32,
        [SPINE_F64] = SPINE_COLUMN_F64,     [SPINE_FIXED] = SPINE_COLUMN_FIXED,
        [SPINE_BYTES] = SPINE_COLUMN_BINARY};
    struct spine_arrow_mapping *const mapping = draft->mapping;
    const char *const side = role == ARROW_KEY ? "key" : "value";
    const size_t count = type != NULL              ? spine_tuple_type_count(type)
                         : cell.kind == SPINE_NONE ? 0
                                                   : 1;
    char name[32];

    for (size_t i = 0; i < count; i++) {
        struct arrow_field *const field = &mapping->fields[mapping->count++];

        field->role = role;
        field->index = i;
        if (type == NULL) {
            field->own =
                (struct spine_column){.kind = kinds[cell.kind], .size = cell.size};
            field->column = &field->own;
            TRY_RETURN(describe_column(draft, side, field));
            continue;
        }
        (void)snprintf(name, sizeof name, "%s_%zu", side, i);
        field->column = spine_tuple_type_column(type, i);
        TRY_RETURN(describe_column(draft, name, field));
    }
    return SPINE_OK;
}

/* The layout of a field whose column is known, and its children; `name` where that has
 * none. */
static enum spine_status
describe_column(const struct draft *draft, const char *name, struct arrow_field *field)
{
    const struct spine_column *const column = field->column;
    char child_name[32];

    field->layout = layout_of_column(column);
    field->name = column->name;
    if (field->name == NULL)
        field->name = hold_copy(&draft->mapping->hold, name);
    if (field->name == NULL)
        return fail_nomem(draft->error, "a mapping", 0);
    field->child_count = spine_tuple_type_count(column->tuple);
    if (field->child_count == 0)
        return SPINE_OK;
    field->children = hold_take_array(&draft->mapping->hold, field->child_count,
                                      sizeof *field->children);
    if (field->children == NULL)
        return fail_nomem(draft->error, "a mapping", field->child_count);
    for (size_t i = 0; i < field->child_count; i++) {
        field->children[i].column = spine_tuple_type_column(column->tuple, i);
        (void)snprintf(child_name, sizeof child_name, "column_%zu", i);
        TRY_RETURN(describe_column(draft, child_name, &field->children[i]));
    }
    return SPINE_OK;
}

static enum spine_status
add_weights(const struct draft *draft)
{
    const unsigned count = draft->mapping->schema.weight_count;
    char name[32];

    if (count == 1)
        return draft_add_number(draft, ARROW_WEIGHT, 0, "weight");
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "weight_%u", i);
        TRY_RETURN(draft_add_number(draft, ARROW_WEIGHT, i, name));
    }
    return SPINE_OK;
}

/* A column of times or weights. */
static enum spine_status
draft_add_number(const struct draft *draft, enum arrow_role role, size_t index,
                 const char *name)
{
    struct spine_arrow_mapping *const mapping = draft->mapping;
    struct arrow_field *const field = &mapping->fields[mapping->count++];

    field->role = role;
    field->index = index;
    field->own.kind = role == ARROW_TIME ? SPINE_COLUMN_U64 : SPINE_COLUMN_I64;
    field->column = &field->own;
    return describe_column(draft, name, field);
}

/* Gives each field from `from` on whose name one before it has another name, which ends
 * with its number: consumers such as Polars take no name twice. */
static enum spine_status
make_names_differ(const struct draft *draft, size_t from)
{
    struct spine_arrow_mapping *const mapping = draft->mapping;

    for (size_t at = from; at < mapping->count; at++) {
        struct arrow_field *const field = &mapping->fields[at];
        const size_t room = strlen(field->name) + 32;
        char *name;

        if (!name_is_taken(draft, at, field->name))
            continue;
        name = hold_take(&mapping->hold, room);
        if (name == NULL)
            return fail_nomem(draft->error, "a mapping", room);
        for (size_t number = at; number == at || name_is_taken(draft, at, name); number++)
            (void)snprintf(name, room, "%s_%zu", field->name, number);
        field->name = name;
    }
    return SPINE_OK;
}

/* Has a field before number `end` this name? */
static bool
name_is_taken(const struct draft *draft, size_t end, const char *name)
{
    for (size_t i = 0; i < end; i++)
        if (strcmp(draft->mapping->fields[i].name, name) == 0)
            return true;
    return false;
}
