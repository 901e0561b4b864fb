#!/bin/sh
# run.sh - what a call in another thread costs, on each VM; see README.md.
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export LUA_PATH="$here/?.lua;;" ATLAS_BLOCK_MS=0

for build in release release-lua5.4; do
    atlas=$here/../../build/$build/atlas
    [ -x "$atlas" ] || continue
    echo "== $build"
    "$atlas" run "$here/calls.lua" cost
    for threads in 1 2 4; do
        "$atlas" run --threads $threads "$here/calls.lua" work $threads
    done
done
