# atl_flags: the language, the warnings, and what the configuration adds.
include(CheckCCompilerFlag)

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")  # asserts are kept: no -DNDEBUG
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")    # -O0 makes the sanitizers crawl

# For tools/ as well, which gets nothing else of this.
set(ATL_LANGUAGE
    -std=c17 -D_GNU_SOURCE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wundef -Wwrite-strings
    $<$<BOOL:${ATL_WERROR}>:-Werror>)

add_library(atl_flags INTERFACE)
target_include_directories(atl_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(atl_flags INTERFACE
    ${ATL_LANGUAGE} -fPIE -fvisibility=hidden)
target_compile_definitions(atl_flags INTERFACE
    ATL_VERSION="${PROJECT_VERSION}"
    $<$<CONFIG:Debug>:ATL_COUNT_ALLOCS>
    # Where an edit of lua/ is seen without a build; a release never looks.
    $<$<CONFIG:Debug>:ATL_LUA_DIR="${CMAKE_SOURCE_DIR}/lua">)
target_link_options(atl_flags INTERFACE -pie)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    target_compile_options(atl_flags INTERFACE
        -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
        -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
    target_link_options(atl_flags INTERFACE -Wl,-z,relro,-z,now)
    # Structs are cleared for each request: "rep stos" takes 30 cycles to start.
    set(clear -mmemset-strategy=vector_loop:1024:noalign,libcall:-1:noalign)
    check_c_compiler_flag(${clear} has_memset_strategy)
    if(has_memset_strategy)
        target_compile_options(atl_flags INTERFACE ${clear})
        target_link_options(atl_flags INTERFACE ${clear})
    endif()
    check_c_compiler_flag(-fcf-protection has_cf_protection)
    if(has_cf_protection)
        target_compile_options(atl_flags INTERFACE -fcf-protection)
    endif()
endif()

if(ATL_SANITIZE)
    # The first finding ends the process, so that no test can pass over one.
    set(sanitize -fsanitize=${ATL_SANITIZE} -fno-sanitize-recover=all)
    target_compile_options(atl_flags INTERFACE
        ${sanitize} -fno-omit-frame-pointer)
    target_link_options(atl_flags INTERFACE ${sanitize})
    if(ATL_SANITIZE STREQUAL "thread")
        # LuaJIT raises by unwinding: TSan must see each frame that it leaves.
        target_compile_options(atl_flags INTERFACE -fexceptions)
    endif()
endif()

if(ATL_COVERAGE)
    target_compile_options(atl_flags INTERFACE -O0 --coverage)
    target_link_options(atl_flags INTERFACE --coverage)
endif()
