/* SPDX-License-Identifier: MIT */

/* Memory for columns of decoded tuples, nested as their type is. */

#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"

struct tuple_store *
tuple_store_new(const struct spine_tuple_type *type)
{
    struct tuple_store *const store = mem_zalloc(sizeof *store);

    assert(type->count > 0 && type->depth > 0);
    if (store == NULL)
        return NULL;
    store->type = spine_tuple_type_ref(type);
    store->columns = mem_zalloc(type->count * sizeof *store->columns);
    store->views = mem_zalloc(type->count * sizeof *store->views);
    if (store->columns == NULL || store->views == NULL) {
        tuple_store_free(store);
        return NULL;
    }
    for (size_t i = 0; i < type->count; i++) {
        if (type->columns[i].tuple == NULL)
            continue;
        store->columns[i].columns = tuple_store_new(type->columns[i].tuple);
        if (store->columns[i].columns == NULL) {
            tuple_store_free(store);
            return NULL;
        }
    }
    return store;
}

void
tuple_store_free(struct tuple_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; store->columns != NULL && i < store->type->count; i++) {
        struct column_store *const column = &store->columns[i];

        mem_free(column->values, column->values_capacity);
        mem_free(column->offsets, column->offsets_capacity * sizeof *column->offsets);
        mem_free(column->valid, column->valid_capacity);
        tuple_store_free(column->columns);
    }
    mem_free(store->columns, store->type->count * sizeof *store->columns);
    mem_free(store->views, store->type->count * sizeof *store->views);
    spine_tuple_type_unref(store->type);
    mem_free(store, sizeof *store);
}

void
tuple_store_clear(struct tuple_store *store)
{
    for (size_t i = 0; i < store->type->count; i++) {
        struct column_store *const column = &store->columns[i];

        column->values_bytes = 0;
        column->has_null = false;
        if (column->valid != NULL)
            memset(column->valid, 0, column->valid_capacity);
        if (column->columns != NULL)
            tuple_store_clear(column->columns);
    }
}

const struct spine_column_data *
tuple_store_show(struct tuple_store *store)
{
    for (size_t i = 0; i < store->type->count; i++) {
        const struct column_store *const column = &store->columns[i];
        const bool is_fixed = tuple_column_is_fixed(&store->type->columns[i]);

        store->views[i] = (struct spine_column_data){
            .values = column->values,
            .offsets = is_fixed ? NULL : column->offsets,
            .valid = column->has_null ? column->valid : NULL,
            .columns = column->columns != NULL ? tuple_store_show(column->columns) : NULL,
        };
    }
    return store->views;
}
