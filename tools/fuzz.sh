#!/bin/bash
# fuzz.sh MINUTES - run each fuzz target that long, one a core at a time.
# Inputs that reach something new are kept in build/fuzz/corpus, what crashes
# a target in build/fuzz/crashes; either may be moved to tests/fuzz/corpus.
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/.."
seconds=$((${1:-1} * 60))
[ "$seconds" -gt 0 ] || { echo "MINUTES is to be 1 or more" >&2; exit 2; }

[ -e build/fuzz/build.ninja ] ||
    cmake --log-level=WARNING --preset fuzz >/dev/null || exit 1
cmake --build build/fuzz -- --quiet || exit 1
targets=$(find build/fuzz/tests -name 'fuzz_*' -printf '%f\n' 2>/dev/null | sort)
[ -n "$targets" ] || { echo "no fuzz targets in tests/fuzz" >&2; exit 1; }

# One target: its output goes to a log, of which the end is shown on failure.
fuzz() {
    target=$1 name=${1#fuzz_} seconds=$2
    found=build/fuzz/corpus/$name crashes=build/fuzz/crashes/$name
    log=build/fuzz/$target.log
    mkdir -p "$found" "$crashes"
    seeds=tests/fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    if build/fuzz/tests/"$target" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="$crashes/" \
        "$found" $seeds >"$log" 2>&1; then
        echo "$target: $(find "$found" -type f | wc -l) inputs, $(tail -n 1 "$log")"
    else
        echo "$target: FAILED, see $log"
        tail -n 40 "$log"
        return 1
    fi
}
export -f fuzz

xargs -P "$(nproc)" -I{} bash -c "fuzz {} $seconds" <<<"$targets" ||
    exit 1
