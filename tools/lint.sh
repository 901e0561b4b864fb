#!/bin/sh
# lint.sh [--format] - every check of how the sources read; all are run, and
# any that fails makes the exit status 1.  With --format: lay out the C files.
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/.."

c_files=$(find src tests tools bench -name '*.[ch]' | sort)
if [ "${1-}" = --format ]; then
    exec clang-format -i $c_files
fi

status=0
check() {
    echo "== $1"
    shift
    "$@" || status=1
}

# The Lua files of those folders that there are.
lua_folders() {
    for folder in lua src app tests/lua tools examples; do
        [ -d $folder ] && find $folder -name '*.lua' -print -quit | grep -q . &&
            echo $folder
    done
}

# A process a file: with several, clang-tidy 14 confuses their va_lists.  It
# reads the commands without those of gcc's flags that it doesn't know.
tidy() {
    [ -e build/release/build.ninja ] ||
        cmake --log-level=WARNING --preset release >/dev/null || return 1
    mkdir -p build/lint
    sed 's/-mmemset-strategy=[^ ]*//g' build/release/compile_commands.json \
        >build/lint/compile_commands.json
    find src -name '*.c' | sort | xargs -r -n 1 -P "$(nproc)" sh -c '
        found=$(clang-tidy --quiet -p build/lint \
            --extra-arg=-Wno-ignored-optimization-argument \
            --extra-arg=-include --extra-arg="$PWD/tools/tidy.h" "$0" 2>&1) ||
            { echo "$found"; exit 1; }'
}

check layers tools/check-layers
check length tools/check-length
check banned tools/check-banned
check pow10 sh -c 'tools/pow10.py | diff - src/base/pow10.c'
check clang-format clang-format --dry-run -Werror --ferror-limit=20 $c_files
check luacheck luacheck --no-color --quiet $(lua_folders)
check clang-tidy tidy
exit $status
