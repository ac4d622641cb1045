# Makes `name` a Node addon of binding/*.cpp over a library; cmake-js gives CMAKE_JS_INC, CMAKE_JS_SRC and CMAKE_JS_LIB.
function(qt_addon name library)
  file(GLOB sources CONFIGURE_DEPENDS binding/*.cpp)
  add_library(${name} SHARED ${sources} ${CMAKE_JS_SRC})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".node" CXX_VISIBILITY_PRESET hidden)
  target_include_directories(${name} PRIVATE ${CMAKE_JS_INC} ${PROJECT_SOURCE_DIR}/../../node_modules/node-addon-api)
  target_compile_definitions(${name} PRIVATE NAPI_VERSION=8 NODE_ADDON_API_DISABLE_DEPRECATED)
  target_compile_options(${name} PRIVATE -Wall -Wextra)
  target_link_libraries(${name} PRIVATE ${library} ${CMAKE_JS_LIB})
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    # Nothing of the C++ run time is asked of the user's machine, and nothing of ours is shown to other addons.
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map)
  endif()
endfunction()
