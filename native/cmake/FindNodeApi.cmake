# Node-API's headers from the npm packages node-api-headers and node-addon-api. cmake-js passes the former's
# folder itself; a plain CMake build (the presets) asks Node, so that neither ever downloads headers.
find_program(NODE_EXECUTABLE NAMES node nodejs REQUIRED)

function(flambeau_node_print expression result)
  execute_process(COMMAND ${NODE_EXECUTABLE} -p ${expression}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE printed OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${result} ${printed} PARENT_SCOPE)
endfunction()

flambeau_node_print("require('node-addon-api').include_dir" NODE_ADDON_API_INCLUDE_DIR)
if(CMAKE_JS_INC)
  set(NODE_API_INCLUDE_DIR ${CMAKE_JS_INC})
else()
  flambeau_node_print("require('node-api-headers').include_dir" NODE_API_INCLUDE_DIR)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NodeApi REQUIRED_VARS NODE_API_INCLUDE_DIR NODE_ADDON_API_INCLUDE_DIR)

if(NodeApi_FOUND AND NOT TARGET NodeApi::NodeApi)
  add_library(NodeApi::NodeApi INTERFACE IMPORTED)
  target_include_directories(NodeApi::NodeApi SYSTEM INTERFACE ${NODE_API_INCLUDE_DIR} ${NODE_ADDON_API_INCLUDE_DIR})
  # Only the experimental version runs finalizers inside the collection. Defining NAPI_EXPERIMENTAL is not enough with
  # node-api-headers: everything compiles, and memory waits for the event loop.
  target_compile_definitions(NodeApi::NodeApi INTERFACE
    NAPI_VERSION=2147483647 NODE_ADDON_API_CPP_EXCEPTIONS)
  if(CMAKE_JS_SRC)
    # Windows: the stub that resolves Node's symbols late, whatever the executable is called.
    target_sources(NodeApi::NodeApi INTERFACE ${CMAKE_JS_SRC})
  endif()
  if(CMAKE_JS_LIB)
    target_link_libraries(NodeApi::NodeApi INTERFACE ${CMAKE_JS_LIB})
  elseif(APPLE)
    target_link_options(NodeApi::NodeApi INTERFACE -undefined dynamic_lookup)
  endif()
endif()
