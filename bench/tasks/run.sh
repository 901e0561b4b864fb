#!/bin/bash
# run.sh - measure what tasks cost, beside luv in the same run; see README.md.
#
#   bench/tasks/run.sh                   the programs that are built
#       [--atlas BINARY]                 instead of build/release/atlas
#       [--atlas-lua5.4 BINARY]          instead of build/release-lua5.4/atlas
#       [--extra NAME BINARY]...         more builds of Atlas, in the same rounds
#       [--only NAME,...]                operations, by their names in on_atlas.lua
#       [--rounds 7] [--passes 3]        0 rounds: no times
#       [--instructions]                 count them too, by callgrind: minutes
#       [--sleepers 1000000]             0: leave that out
#
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v luajit >/dev/null || ! command -v lua5.4 >/dev/null ||
    ! luajit -e 'require "luv"' 2>/dev/null; then
    installer=$here/../../tools/install-deps.sh
    [ ! -x "$installer" ] || "$installer" bench || true
fi
exec python3 -B "$here/bench.py" "$@"
