# atl_vm: the static archive of the chosen VM.  All of it is linked and
# exported, so that the C modules which `require` loads find their lua_*.
if(ATL_LUA STREQUAL "luajit")
    set(archive libluajit-5.1.a)
    set(vm_name "LuaJIT")
elseif(ATL_LUA STREQUAL "lua5.4")
    set(archive liblua5.4.a)
    set(vm_name "Lua 5.4")
else()
    message(FATAL_ERROR "ATL_LUA is \"${ATL_LUA}\": want luajit or lua5.4")
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(VM REQUIRED ${ATL_LUA})
find_library(ATL_VM_ARCHIVE ${archive} HINTS "${VM_LIBDIR}" REQUIRED)

# OpenResty's fork installs in the same place.  Its unkeyed string hash lets a
# client choose colliding keys and stop the loop for seconds.
file(STRINGS "${VM_INCLUDE_DIRS}/lua.h" fork REGEX "lua_setexdata")
if(fork)
    message(FATAL_ERROR "this is OpenResty's LuaJIT: install libluajit-5.1-dev")
endif()

add_library(atl_vm INTERFACE)
target_include_directories(atl_vm SYSTEM INTERFACE "${VM_INCLUDE_DIRS}")
target_compile_definitions(atl_vm INTERFACE ATL_VM_NAME="${vm_name}")
target_link_libraries(atl_vm INTERFACE
    $<LINK_LIBRARY:WHOLE_ARCHIVE,${ATL_VM_ARCHIVE}> dl m)
target_link_options(atl_vm INTERFACE -rdynamic)
