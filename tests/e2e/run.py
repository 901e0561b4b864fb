#!/usr/bin/env python3
"""run.py - the end-to-end tests: the program as its users meet it.

    python3 tests/e2e/run.py --atlas build/release/atlas [FILES]

Each function test_*(place) in the test_*.py beside this file is one test; its
first line says what it claims.  See harness.py for what a test can use.

SPDX-License-Identifier: MIT
"""

import argparse
import importlib.util
import re
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True  # the tree stays clean

from harness import Place, Skip

HERE = Path(__file__).resolve().parent


def load(path):
    """The tests of one file, in its order: (name, function)."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [(f"{path.stem}.{name}", value) for name, value in vars(module).items()
            if name.startswith("test_") and callable(value)]


def describe_failure(error):
    """What was wrong, and where in the tests."""
    place = "\n".join(f"  {frame.filename}:{frame.lineno}: {frame.line}"
                      for frame in traceback.extract_tb(error.__traceback__)
                      if Path(frame.filename).name.startswith("test_"))
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return f"{place}\n  {kind}{error}"


def play(name, test, options):
    """Run one test.  Returns (name, word, text, seconds)."""
    started = time.monotonic()
    place = Place(options)
    word, text = "ok", ""
    try:
        test(place)
    except Skip as skip:
        word, text = "SKIP", str(skip)
    except Exception as error:  # whatever it is, the other tests are run
        word, text = "FAIL", describe_failure(error)
        logs = "\n".join(server.log()[-3000:] for server in place.servers)
        if logs.strip():
            text += f"\n  --- the server's stderr\n{logs}"
    if trouble := place.clean_up():
        word, text = "FAIL", f"{text}\n{trouble}"
    return name, word, text, time.monotonic() - started


def play_all(tests, options):
    """Run them, those marked `alone` last and one by one; yields the results."""
    together = [test for test in tests if not getattr(test[1], "alone", False)]
    with ThreadPoolExecutor(options.jobs) as pool:
        yield from pool.map(lambda test: play(*test, options), together)
    for test in tests:
        if test not in together:
            yield play(*test, options)


def main():
    parser = argparse.ArgumentParser(description="Test the program as its users meet it.")
    parser.add_argument("--atlas", default="build/release/atlas", help="the program")
    parser.add_argument("--sanitized", action="store_true",
                        help="it is a sanitized build: leave out what measures memory")
    parser.add_argument("--filter", default="", help="regex on MODULE.TEST")
    parser.add_argument("--jobs", type=int, default=8, help="tests at once")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every test")
    parser.add_argument("files", nargs="*", metavar="FILES")
    options = parser.parse_args()
    options.atlas = str(Path(options.atlas).resolve())
    if not Path(options.atlas).exists():
        print(f"run.py: no such program: {options.atlas}", file=sys.stderr)
        return 2
    started = time.monotonic()
    paths = [Path(file) for file in options.files] or sorted(HERE.glob("test_*.py"))
    tests = [test for path in paths for test in load(path)
             if re.search(options.filter, test[0])]
    count = {"ok": 0, "FAIL": 0, "SKIP": 0}
    for name, word, text, seconds in play_all(tests, options):
        count[word] += 1
        if word != "ok" or options.verbose:
            print(f"{word:4} {name} ({seconds:.1f} s)" + (f"\n{text}" if text else ""), flush=True)
    skipped = f", {count['SKIP']} skipped" if count["SKIP"] else ""
    print(f"\n{time.monotonic() - started:.1f} s{skipped}")
    print(f"{count['ok']} passed, {count['FAIL']} failed")
    return 1 if count["FAIL"] or not count["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
