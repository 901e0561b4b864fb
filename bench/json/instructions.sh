#!/bin/sh
# instructions.sh [PRESET [DOCUMENT...]] - instructions per call of encode and
# decode, ours and lua-cjson's, counted by callgrind.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/../.."
preset=${1:-release}
[ $# -eq 0 ] || shift
calls=300

# What N calls cost, start-up included.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "build/$preset/atlas" run bench/json/calls.lua "$1" "$2" "$3" 2>&1 |
        sed -n 's/.*refs: *//p' | tr -d ,
}

printf '%-10s %-8s %10s %10s %6s\n' document call atlas cjson ratio
for document in ${*:-mixed small numbers integers strings ascii deep}; do
    for call in decode encode; do
        for library in atlas cjson; do
            some=$(count $library.$call "$document" $calls)
            more=$(count $library.$call "$document" $((3 * calls)))
            eval "$library=$(((more - some) / (2 * calls)))"
        done
        printf '%-10s %-8s %10d %10d %6s\n' "$document" $call "$atlas" "$cjson" \
            "$(echo "scale=2; $cjson / $atlas" | bc)"
    done
done
