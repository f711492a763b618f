/* SPDX-License-Identifier: MIT */
#include <cstring>
#include <iostream>
#include <memory>
#include <spine/spine.h>
#include <spine/spine.hpp>

/* A batch made, looked at and given back, with what C++ has for owners. */
static std::uint64_t
rows_of_batch()
{
    struct spine_schema schema = {};
    schema.key.kind = SPINE_U64;
    const std::uint64_t keys[] = {3, 1, 3};
    struct spine_columns columns = {};
    columns.rows = 3;
    columns.keys = keys;

    struct spine_batch *made = nullptr;
    struct spine_error error;
    if (spine_batch_from_columns(&schema, &columns, &made, &error) != SPINE_OK)
        return 0;
    const std::unique_ptr<struct spine_batch, decltype(&spine_batch_unref)> batch(
        made, &spine_batch_unref);
    struct spine_batch_info info;
    spine_batch_get_info(batch.get(), &info);
    return info.rows;
}

/* The same with the headers for C++. */
static std::uint64_t
rows_of_handles()
{
    spine_cpp::set<std::uint64_t>::batcher rows;
    rows.add(3);
    rows.add(1);
    rows.add(3);
    return rows.seal().info().rows;
}

int
main()
{
    if (std::strcmp(spine_version(), SPINE_VERSION_STRING) != 0)
        return 1;
    if (rows_of_batch() != 2 || rows_of_handles() != 2 || spine_allocated_bytes() != 0)
        return 1;
    std::cout << "spine " << spine_version() << "\n";
    return 0;
}
