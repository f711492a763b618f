/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow_fixture.h"
#include "harness/nulls.h"

static void
mappings(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_arrow_columns columns = {0};
    struct ArrowSchema arrow = fake_struct(NULL, 0);
    const void *buffers[1] = {NULL};
    struct ArrowArray array = fake_array(buffers, 1, 0, 0);
    struct spine_arrow_mapping *mapping;
    struct spine_batch *batch;

    (void)state;
    REFUSES(spine_arrow_mapping_new, schema, (NULL, &columns, &mapping, error));
    REFUSES(spine_arrow_mapping_new, columns, (&arrow, NULL, &mapping, error));
    REFUSES(spine_arrow_mapping_new, out, (&arrow, &columns, NULL, error));
    REFUSES(spine_arrow_mapping_of_schema, schema, (NULL, &mapping, error));
    REFUSES(spine_arrow_mapping_of_schema, out, (&schema, NULL, error));
    TOLERATES(spine_arrow_mapping_free, mapping, (spine_arrow_mapping_free(NULL), true));
    TOLERATES(spine_arrow_mapping_schema, mapping,
              spine_arrow_mapping_schema(NULL) == NULL);
    assert_int_equal(spine_arrow_mapping_of_schema(&schema, &mapping, NULL), SPINE_OK);
    REFUSES(spine_arrow_schema, mapping, (NULL, &arrow, error));
    REFUSES(spine_arrow_schema, out, (mapping, NULL, error));
    REFUSES(spine_batch_from_arrow, mapping, (NULL, &array, &batch, error));
    REFUSES(spine_batch_from_arrow, array, (mapping, NULL, &batch, error));
    REFUSES(spine_batch_from_arrow, out, (mapping, &array, NULL, error));
    spine_arrow_mapping_free(mapping);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mappings)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
