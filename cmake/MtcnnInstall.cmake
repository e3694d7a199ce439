# `cmake --install`: the library, its headers, and the two descriptions by which other projects find
# it, a CMake package and a pkg-config file. All of them name paths relative to themselves, so that
# the installed tree may be moved.
include(CMakePackageConfigHelpers)

set(mtcnn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mtcnn)

install(TARGETS mtcnn EXPORT mtcnn-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mtcnn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package(mtcnn) -> mtcnn::mtcnn
install(EXPORT mtcnn-targets NAMESPACE mtcnn:: DESTINATION ${mtcnn_package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/mtcnn-config.cmake.in
  ${PROJECT_BINARY_DIR}/mtcnn-config.cmake INSTALL_DESTINATION ${mtcnn_package_dir}
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may break its users, as the shared library's soname says too.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mtcnn-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mtcnn-config.cmake ${PROJECT_BINARY_DIR}/mtcnn-config-version.cmake
  DESTINATION ${mtcnn_package_dir})

# pkg-config mtcnn. A program in C that links the static library needs the C++ runtime by name: it
# is what the C++ compiler adds to a link beyond what the C compiler does.
set(runtime ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_ITEM runtime ${CMAKE_C_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_DUPLICATES runtime)
list(TRANSFORM runtime PREPEND "-l")
list(JOIN runtime " " pc_runtime)
string(APPEND pc_runtime " -pthread")
if(BUILD_SHARED_LIBS)
  set(pc_libs "-lmtcnn")
else()
  # There is no shared library to name them: without this `pkg-config --libs` alone would not link.
  set(pc_libs "-lmtcnn ${pc_runtime}")
endif()

# The installation folder `dir` as pkg-config should see it, from ${prefix} unless it is absolute.
function(mtcnn_pc_path variable dir)
  if(IS_ABSOLUTE "${dir}")
    set(${variable} "${dir}" PARENT_SCOPE)
  else()
    set(${variable} "\${prefix}/${dir}" PARENT_SCOPE)
  endif()
endfunction()
mtcnn_pc_path(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
mtcnn_pc_path(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/mtcnn.pc.in ${PROJECT_BINARY_DIR}/mtcnn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mtcnn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
