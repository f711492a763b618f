/* SPDX-License-Identifier: MIT */

/* Schemas as text and as JSON. */

#include "tool/tool.h"

static bool add_side(struct text *text, const struct spine_type *type,
                     const struct spine_tuple_type *tuple);

bool
text_add_schema(struct text *text, const struct spine_schema *schema)
{
    return add_side(text, &schema->key, schema->key_tuple) && text_add(text, " -> ", 4) &&
           add_side(text, &schema->value, schema->value_tuple) &&
           text_printf(text, ", time %s, %u weight%s", time_name(schema->time),
                       schema->weight_count, schema->weight_count == 1 ? "" : "s");
}

/* The columns, where they are known. */
static bool
add_side(struct text *text, const struct spine_type *type,
         const struct spine_tuple_type *tuple)
{
    return tuple != NULL ? text_add_tuple_type(text, tuple) : text_add_type(text, type);
}

cJSON *
json_schema(const struct spine_schema *schema)
{
    cJSON *json = cJSON_CreateObject();
    struct text key = {0}, value = {0};
    const bool whole =
        text_add_type(&key, &schema->key) && text_add_type(&value, &schema->value) &&
        json_add(json, "key", cJSON_CreateString(key.data)) &&
        json_add(json, "value", cJSON_CreateString(value.data)) &&
        json_add(json, "time", cJSON_CreateString(time_name(schema->time))) &&
        json_add(json, "weights", json_u64(schema->weight_count)) &&
        (schema->key_tuple == NULL ||
         json_add(json, "key_columns", json_tuple_type(schema->key_tuple))) &&
        (schema->value_tuple == NULL ||
         json_add(json, "value_columns", json_tuple_type(schema->value_tuple)));

    text_release(&key);
    text_release(&value);
    if (whole)
        return json;
    cJSON_Delete(json);
    return NULL;
}
