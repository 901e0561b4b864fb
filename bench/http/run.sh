#!/bin/bash
# run.sh - measure Atlas against the floor of its machine; see README.md.
#
#   bench/http/run.sh                    the servers that are built
#       [--atlas BINARY]                 instead of build/release/atlas
#       [--atlas-lua5.4 BINARY]          instead of build/release-lua5.4/atlas
#       [--extra NAME CMD PORT]...       more servers, started in this directory
#       [--only NAME,...]                of all these, none but the named
#       [--workloads aeh] [--rounds 5] [--dur 5] [--warm 1]
#       [--idle 10000] [--starts 7]      0: leave that out
#       [--json FILE]                    keep the raw figures
#
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v wrk >/dev/null; then
    installer=$here/../../tools/install-deps.sh
    [ ! -x "$installer" ] || "$installer" bench || true
    if ! command -v wrk >/dev/null; then
        echo "run.sh: wrk is missing: apt-get install wrk" >&2
        exit 1
    fi
fi

# Ten thousand held connections are as many descriptors, on either side.
ulimit -n "$(ulimit -Hn)"
exec python3 -B "$here/bench.py" "$@"
