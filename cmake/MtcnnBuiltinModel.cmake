# mtcnn_builtin_model(TARGET): puts the file that MTCNN_BUILTIN_MODEL names, or else
# models/mtcnn.safetensors if there is one, into TARGET as read-only data.
function(mtcnn_builtin_model target)
  set(model "${MTCNN_BUILTIN_MODEL}")
  if(NOT model)
    set(model ${PROJECT_SOURCE_DIR}/models/mtcnn.safetensors)
    if(NOT EXISTS "${model}")
      # So that the next build notices one that has come.
      if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/models)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/models)
      endif()
      return()
    endif()
  endif()
  get_filename_component(model "${model}" ABSOLUTE BASE_DIR ${PROJECT_SOURCE_DIR})
  if(NOT EXISTS "${model}" OR IS_DIRECTORY "${model}")
    message(FATAL_ERROR "MTCNN_BUILTIN_MODEL: there is no file ${model}")
  endif()
  message(STATUS "Built-in model: ${model}")

  # The assembler reads the file from here: a name without characters that need escaping.
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/builtin_model.safetensors)
  configure_file("${model}" ${copy} COPYONLY)  # and configures again when the file changes
  # The hash in the source makes compiler caches see another content as another source.
  file(SHA256 ${copy} sha256)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/builtin_model.c.in
    ${CMAKE_CURRENT_BINARY_DIR}/builtin_model.c @ONLY)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/builtin_model.c)
  set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/builtin_model.c PROPERTIES
    OBJECT_DEPENDS ${copy} INCLUDE_DIRECTORIES ${CMAKE_CURRENT_BINARY_DIR})
  target_compile_definitions(${target} PRIVATE MTCNN_BUILTIN_MODEL_SYMBOL)
endfunction()
