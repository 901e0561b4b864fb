#!/bin/sh
# run.sh [COUNT] - how late sleeps end, on each VM that is built; README.md.
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
status=0

for build in release release-lua5.4; do
    atlas=$here/../../build/$build/atlas
    [ -x "$atlas" ] || continue
    echo "== $build"
    ATLAS_BLOCK_MS=0 "$atlas" run "$here/lateness.lua" "$@" || status=1
done
exit $status
