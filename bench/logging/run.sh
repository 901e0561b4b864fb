#!/bin/bash
# run.sh - what the access log costs, and what a stalled reader does; README.md.
#
#   bench/logging/run.sh [--atlas BINARY] [--rounds 5] [--dur 5] [--warm 1]
#
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v wrk >/dev/null; then
    echo "run.sh: wrk is missing: apt-get install wrk" >&2
    exit 1
fi
exec python3 -B "$here/bench.py" "$@"
