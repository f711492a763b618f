/* SPDX-License-Identifier: MIT */

/* A mapping as a schema of Arrow, with all of its children in one piece of memory. */

#include "arrow/arrow.h"

#include "base/error.h"

static bool
export_field(struct hold *hold, const struct arrow_field *field, struct ArrowSchema *out);
static bool export_children(struct hold *hold, const struct arrow_field *fields,
                            size_t count, struct ArrowSchema *out);
static void release_schema(struct ArrowSchema *schema);

enum spine_status
spine_arrow_schema(const struct spine_arrow_mapping *mapping, struct ArrowSchema *out,
                   struct spine_error *error)
{
    struct hold *hold;

    if (mapping == NULL || out == NULL)
        return fail_null(error, "spine_arrow_schema",
                         mapping == NULL ? "mapping" : "out");
    *out = (struct ArrowSchema){0};
    hold = hold_new();
    if (hold == NULL)
        return fail_nomem(error, "a schema", sizeof *hold);
    out->format = "+s";
    out->name = "";
    out->release = release_schema;
    out->private_data = hold;
    if (export_children(hold, mapping->fields, mapping->count, out))
        return SPINE_OK;
    out->release(out);
    return fail_nomem(error, "a schema", mapping->count * sizeof *out);
}

/* The children of `out`. False without memory, with `out` to be released. */
static bool
export_children(struct hold *hold, const struct arrow_field *fields, size_t count,
                struct ArrowSchema *out)
{
    struct ArrowSchema *children;

    if (count == 0)
        return true;
    children = hold_take_array(hold, count, sizeof *children);
    out->children = hold_take_array(hold, count, sizeof(struct ArrowSchema *));
    if (children == NULL || out->children == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        out->children[i] = &children[i];
    out->n_children = (int64_t)count;
    for (size_t i = 0; i < count; i++)
        if (!export_field(hold, &fields[i], &children[i]))
            return false;
    return true;
}

static bool
export_field(struct hold *hold, const struct arrow_field *field, struct ArrowSchema *out)
{
    ref_take(&hold->ref);
    out->private_data = hold;
    out->release = release_schema;
    out->format = format_encode(field, hold);
    out->name = hold_copy(hold, field->name);
    out->flags = field->column->nullable ? ARROW_FLAG_NULLABLE : 0;
    return out->format != NULL && out->name != NULL &&
           export_children(hold, field->children, field->child_count, out);
}

/* Children may have been moved elsewhere, which then have their own references. */
static void
release_schema(struct ArrowSchema *schema)
{
    struct hold *const hold = schema->private_data;

    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
    schema->release = NULL;
    hold_unref(hold);
}
