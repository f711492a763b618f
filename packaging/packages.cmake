# SPDX-License-Identifier: MIT
#
# Debian packages by CPack:
#
#     cmake --preset install -DCMAKE_INSTALL_PREFIX=/usr && cmake --build --preset install
#     cpack --config build/install/CPackConfig.cmake -B build/packages
#
#     libspineX.Y     the shared library of that soname
#     libspine-dev    headers, archive, files for CMake and pkg-config, the manual of the headers
#     spine-tools     the program spine, with its manual page
#
# With SOURCE_DATE_EPOCH set, the same build makes the same packages. Who gives them to others
# sets SPINE_PACKAGE_CONTACT.

set(SPINE_PACKAGE_CONTACT "the spine authors <nobody@spine.invalid>" CACHE STRING
    "Who answers for the packages: Name <address>")
set(here ${CMAKE_CURRENT_LIST_DIR})
set(packages ${PROJECT_BINARY_DIR}/packages)

# Names of the packages by component.
set(library_package libspine${soversion})
set(development_package libspine-dev)
set(tools_package spine-tools)
set(components library development)
if(SPINE_BUILD_TOOL)
    list(APPEND components tools)
endif()

# What each package has in /usr/share/doc, compressed as Debian wants it.
find_program(SPINE_GZIP gzip)
mark_as_advanced(SPINE_GZIP)
if(NOT SPINE_GZIP)
    message(STATUS "No gzip: there will be no packages")
    return()
endif()
file(MAKE_DIRECTORY ${packages})
configure_file(${here}/changelog.in ${packages}/changelog @ONLY)
execute_process(COMMAND ${SPINE_GZIP} -9nkf ${packages}/changelog COMMAND_ERROR_IS_FATAL ANY)
file(READ ${PROJECT_SOURCE_DIR}/LICENSE license)
string(REGEX REPLACE "^MIT License\n\n[^\n]*\n\n" "" license "${license}")
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REGEX REPLACE "\n+$" "" license "${license}")
string(REPLACE "\n" "\n " license " ${license}")
configure_file(${here}/copyright.in ${packages}/copyright @ONLY)
foreach(component IN LISTS components)
    install(FILES ${packages}/changelog.gz ${packages}/copyright
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${${component}_package}
        COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
if(SPINE_BUILD_TOOL)
    configure_file(${PROJECT_SOURCE_DIR}/src/tool/spine.1 ${packages}/spine.1 COPYONLY)
    execute_process(COMMAND ${SPINE_GZIP} -9nkf ${packages}/spine.1
        COMMAND_ERROR_IS_FATAL ANY)
    install(FILES ${packages}/spine.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT tools EXCLUDE_FROM_ALL)
endif()

if(SPINE_BUILD_MANUAL)
    install(DIRECTORY ${manual_directory}.gz/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3
        COMPONENT development EXCLUDE_FROM_ALL)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME spine)
set(CPACK_PACKAGE_CONTACT ${SPINE_PACKAGE_CONTACT})
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
file(WRITE ${packages}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${packages}/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "Holds the state of an incremental computation: sorted immutable batches of
rows (key, value, time, weight) that are merged in the background, in memory
or in files. This is what programs that use it need to run.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME ${development_package})
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "${library_package} (= ${PROJECT_VERSION}), libuv1-dev, libxxhash-dev, liblz4-dev, libzstd-dev, libcjson-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Headers for C11 and C++17, the archive, and what CMake and pkg-config need to
build programs that hold the state of incremental computations.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME ${tools_package})
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION database)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "The program spine looks at the batch files that the library spine writes: what
is in them, whether they are whole, and their rows.")

include(CPack)
