#!/bin/bash
# instructions.sh - instructions and system calls per request, by callgrind.
#
#   bench/http/instructions.sh           the servers that are built
#       [--atlas BINARY] [--atlas-lua5.4 BINARY] [--only NAME,...]
#       [--workload a] [--requests 10000] [--warm 3000] [--top 25]
#
# The same requests, one after the other over one connection, cost the same
# instructions each time: a change that a busy machine hides shows here.
# Only what runs in user space is counted.
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v callgrind_control >/dev/null; then
    installer=$here/../../tools/install-deps.sh
    [ ! -x "$installer" ] || "$installer" bench || true
    if ! command -v callgrind_control >/dev/null; then
        echo "instructions.sh: valgrind is missing:" \
            "apt-get install valgrind" >&2
        exit 1
    fi
fi
exec python3 -B "$here/instructions.py" "$@"
