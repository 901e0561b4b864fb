#!/bin/sh
# cov.sh - run the tests on a build that counts lines; lcov's tables of src/.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
data=build/cov/lines.info

find build/cov -name '*.gcda' -delete 2>/dev/null || true
status=0
tools/test.py cov:unit,replay,lua,wire,e2e || status=1
lcov --quiet --capture --directory build/cov --output-file "$data.all"
lcov --quiet --extract "$data.all" "$PWD/src/*" --output-file "$data"
genhtml --quiet --prefix "$PWD" --output-directory build/cov/html "$data"
lcov --list "$data"
echo "build/cov/html/index.html"
exit $status
