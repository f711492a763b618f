# SPDX-License-Identifier: MIT
#
# What is made of the comments in the headers.
#
#     cmake --build build --target docs      pages of Doxygen, in build/docs/html
#     manual                                 pages of the manual, which are installed; with all

set(docs_directory ${PROJECT_BINARY_DIR}/docs)
file(MAKE_DIRECTORY ${docs_directory})
file(GLOB public_headers CONFIGURE_DEPENDS include/spine/*.h)

# --- Doxygen ---------------------------------------------------------------------------

find_program(SPINE_DOXYGEN doxygen)
mark_as_advanced(SPINE_DOXYGEN)
set(cpp_mode v${PROJECT_VERSION_MAJOR}_${PROJECT_VERSION_MINOR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/Doxyfile.in ${docs_directory}/Doxyfile @ONLY)
if(SPINE_DOXYGEN)
    add_custom_target(docs COMMAND ${SPINE_DOXYGEN} ${docs_directory}/Doxyfile
        COMMENT "Doxygen" VERBATIM)
else()
    add_custom_target(docs
        COMMAND ${CMAKE_COMMAND} -E echo "doxygen was not found; on Debian: apt-get install doxygen"
        COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
endif()

# --- the manual ------------------------------------------------------------------------

option(SPINE_BUILD_MANUAL "Make pages of the manual for the headers" ON)
if(SPINE_BUILD_MANUAL)
    set(manual_directory ${docs_directory}/man3)
    file(MAKE_DIRECTORY ${manual_directory} ${manual_directory}.gz)
    add_custom_command(
        OUTPUT ${docs_directory}/manual
        COMMAND ${CMAKE_CURRENT_LIST_DIR}/manual.sh ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                ${manual_directory} ${public_headers}
        COMMAND ${CMAKE_COMMAND} -E touch ${docs_directory}/manual
        DEPENDS ${CMAKE_CURRENT_LIST_DIR}/manual.sh ${CMAKE_CURRENT_LIST_DIR}/headers.awk
                ${public_headers} ${PROJECT_SOURCE_DIR}/include/spine/metrics.def
        COMMENT "Manual of the headers" VERBATIM)
    add_custom_target(manual ALL DEPENDS ${docs_directory}/manual)
    # In a package they are compressed.
    install(DIRECTORY ${manual_directory}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3
        COMPONENT manual)
endif()
