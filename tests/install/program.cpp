/* SPDX-License-Identifier: MIT */
#include <cstring>
#include <iostream>
#include <spine/spine.h>
#include <spine/version.h>

int
main()
{
    if (std::strcmp(spine_version(), SPINE_VERSION_STRING) != 0)
        return 1;
    if (spine_u64(7).u64 != 7)
        return 1;
    std::cout << "spine " << spine_version() << "\n";
    return 0;
}
