/* SPDX-License-Identifier: MIT */

/* Are two schemas equal? */

#include "spine/tuple.h"

bool
spine_schema_equal(const struct spine_schema *a, const struct spine_schema *b)
{
    if (a == NULL || b == NULL)
        return false;

    const unsigned a_weights = a->weight_count > 0 ? a->weight_count : 1;
    const unsigned b_weights = b->weight_count > 0 ? b->weight_count : 1;

    return a->key.kind == b->key.kind && a->key.size == b->key.size &&
           a->value.kind == b->value.kind && a->value.size == b->value.size &&
           a_weights == b_weights && a->time == b->time &&
           spine_tuple_type_equal(a->key_tuple, b->key_tuple) &&
           spine_tuple_type_equal(a->value_tuple, b->value_tuple);
}
