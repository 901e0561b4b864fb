# The tests as CTest sees them, one entry a file; tools/test.py runs them.
# Labels: unit, replay, lua, wire, e2e, docs, luv.
enable_testing()
set(tests "${CMAKE_SOURCE_DIR}/tests")

# The environment of every test.  What takes long is no fault under sanitizers.
set(test_env
    "ATLAS_BLOCK_MS=0"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:allocator_may_return_null=1")
if(ATL_SANITIZE MATCHES "address")
    # LeakSanitizer stops threads by ptrace, which some containers forbid.
    include(CheckCSourceRuns)
    set(CMAKE_REQUIRED_FLAGS "-fsanitize=address")
    check_c_source_runs("int main(void) { return 0; }" ATL_LEAKS_CHECKED)
    unset(CMAKE_REQUIRED_FLAGS)
    set(asan "abort_on_error=0" "allocator_may_return_null=1"
        "strict_string_checks=1" "detect_stack_use_after_return=1"
        "detect_leaks=$<BOOL:${ATL_LEAKS_CHECKED}>")
    list(JOIN asan ":" asan)
    list(APPEND test_env "ASAN_OPTIONS=${asan}")
endif()

# Add a test: its label, the most seconds that it may take, the command.
function(atl_test name label timeout)
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES
        LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT "${test_env}")
endfunction()

# An executable of tests/ that is linked with ours; those named *_lua_* or
# *_lua get the VM as well.
function(atl_test_program target)
    add_executable(${target} ${ARGN})
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_include_directories(${target} PRIVATE "${tests}")
    if(target MATCHES "_lua(_|$)")
        target_link_libraries(${target} PRIVATE atl_lua)
    else()
        target_link_libraries(${target} PRIVATE atl_core)
    endif()
endfunction()

# What doesn't see Lua is tested with the default VM only: the other build
# would run the same code.
function(atl_tests_for_vm out)
    set(files ${ARGN})
    if(NOT ATL_LUA STREQUAL "luajit")
        list(FILTER files INCLUDE REGEX "_lua(_test)?\\.c$")
    endif()
    set(${out} ${files} PARENT_SCOPE)
endfunction()

# The fuzz preset builds tests/fuzz/fuzz_X.c for libFuzzer, and no tests.
file(GLOB fuzzers CONFIGURE_DEPENDS "${tests}/fuzz/fuzz_*.c")
if(ATL_SANITIZE MATCHES "fuzzer")
    foreach(file ${fuzzers})
        get_filename_component(target ${file} NAME_WE)
        atl_test_program(${target} ${file})
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endforeach()
    return()
endif()

# Elsewhere it becomes replay_X, which runs over the files of corpus/X.
atl_tests_for_vm(fuzzers ${fuzzers})
foreach(file ${fuzzers})
    get_filename_component(target ${file} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" name ${target})
    if(EXISTS "${tests}/fuzz/replay.c" AND EXISTS "${tests}/fuzz/corpus/${name}")
        atl_test_program(replay_${name} ${file} "${tests}/fuzz/replay.c")
        atl_test(replay_${name} replay 120
            replay_${name} "${tests}/fuzz/corpus/${name}")
    endif()
endforeach()

# tests/unit/X_test.c -> unit_X
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
file(GLOB files CONFIGURE_DEPENDS "${tests}/unit/*_test.c")
atl_tests_for_vm(files ${files})
if(files AND CMOCKA_FOUND)
    foreach(file ${files})
        get_filename_component(target ${file} NAME_WE)
        string(REGEX REPLACE "_test$" "" name ${target})
        atl_test_program(${target} ${file})
        target_link_libraries(${target} PRIVATE PkgConfig::CMOCKA)
        atl_test(unit_${name} unit 600 ${target})
    endforeach()
endif()

# tests/lua/X_test.lua -> lua_X, which finds the modules beside it.
file(GLOB files CONFIGURE_DEPENDS "${tests}/lua/*_test.lua")
foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    # One that has a clock and an order of its own is a script.
    set(command test --quiet)
    if(name STREQUAL "stress")
        set(command run)
    endif()
    atl_test(lua_${name} lua 600 atlas ${command} ${file})
    set_tests_properties(lua_${name} PROPERTIES
        WORKING_DIRECTORY "${tests}/lua"
        ENVIRONMENT_MODIFICATION "LUA_PATH=set:${tests}/lua/?.lua\\;\\;")
endforeach()
# Much work: ten thousand random programs (with ATL_LONG=1 five times as many),
# and a collector that never rests.
set_tests_properties(lua_stress lua_gc lua_gc_sync PROPERTIES TIMEOUT 1200)

# The reference says what there is, and nothing else.
atl_test(reference docs 120 atlas run tools/reference/main.lua --check)
set_tests_properties(reference PROPERTIES WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")

# The suites that talk to a server from outside; they take longest, so they
# start first.  They use modules that Debian installs for its own Python.
find_program(PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(PYTHON python3)
foreach(suite wire e2e docs luv)
    if(PYTHON AND EXISTS "${tests}/${suite}/run.py")
        atl_test(${suite} ${suite} 1200
            ${PYTHON} "${tests}/${suite}/run.py" --atlas $<TARGET_FILE:atlas>)
        set_tests_properties(${suite} PROPERTIES COST 1000)
    endif()
endforeach()
