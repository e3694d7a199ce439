# Settings for all of our own targets.
add_library(mtcnn_settings INTERFACE)
target_compile_features(mtcnn_settings INTERFACE cxx_std_20)
# No contraction behind our back: results must not depend on what the compiler fuses. The kernels
# ask for fused multiply-add by name.
target_compile_options(mtcnn_settings INTERFACE -ffp-contract=off -Wall -Wextra -Wshadow
  $<$<BOOL:${MTCNN_WERROR}>:-Werror>)
# GCC 12 takes `"text" + std::string` for overlapping memory (its bug 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(mtcnn_settings INTERFACE -Wno-restrict)
endif()
if(MTCNN_SANITIZE)
  target_compile_options(mtcnn_settings INTERFACE -fsanitize=${MTCNN_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(mtcnn_settings INTERFACE -fsanitize=${MTCNN_SANITIZE})
endif()
# libFuzzer is guided by the code under test, so all of it is instrumented, not the targets alone
# (tests/fuzz). Such a build's own tests and programs still run.
if(MTCNN_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR MTCNN_SANITIZE)
    message(FATAL_ERROR "MTCNN_FUZZ needs Clang, and no MTCNN_SANITIZE: it brings its own sanitizers")
  endif()
  target_compile_options(mtcnn_settings INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fno-omit-frame-pointer -fno-sanitize-recover=all -g)
  target_link_options(mtcnn_settings INTERFACE -fsanitize=address,undefined)
endif()

# mtcnn_layer(NAME SOURCES ... [LINKS ...] [TESTS ...]): one folder of code as the static library
# mtcnn_NAME, and its unit tests as the program NAME_test. The tests link that layer and what it
# names in LINKS, nothing else: a call upward does not link.
function(mtcnn_layer name)
  cmake_parse_arguments(layer "" "" "SOURCES;LINKS;TESTS" ${ARGN})
  add_library(mtcnn_${name} STATIC ${layer_SOURCES})
  target_include_directories(mtcnn_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}
    ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(mtcnn_${name} PUBLIC mtcnn_settings ${layer_LINKS})
  set_target_properties(mtcnn_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(MTCNN_TESTS AND layer_TESTS)
    mtcnn_test(${name}_test SOURCES ${layer_TESTS} LINKS mtcnn_${name})
  endif()
endfunction()

# mtcnn_test(NAME SOURCES ... LINKS ... [COMMAND ...]): a doctest program, run by ctest, by that command if it is given.
function(mtcnn_test name)
  cmake_parse_arguments(test "" "" "SOURCES;LINKS;COMMAND" ${ARGN})
  find_package(doctest REQUIRED)
  add_executable(${name} ${test_SOURCES} ${PROJECT_SOURCE_DIR}/tests/test_main.cc)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${test_LINKS} mtcnn_settings doctest::doctest)
  target_compile_definitions(${name} PRIVATE MTCNN_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  if(NOT test_COMMAND)
    set(test_COMMAND ${name})
  endif()
  add_test(NAME ${name} COMMAND ${test_COMMAND})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()
