#!/bin/bash
# run.sh [ROUNDS] - what the patched library costs; see README.md.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/../.."

for atlas in build/release/atlas build/release-lua5.4/atlas; do
    [ -x "$atlas" ] || continue
    echo "$atlas"
    ATLAS_BLOCK_MS=0 taskset -c 0 "$atlas" run bench/stdlib/bench.lua "${1:-9}"
done
