#!/usr/bin/env python3
"""Build and test Atlas in several configurations; say how it went.

    tools/test.py [--long] [PRESET:LABEL,LABEL...]...

Each PRESET (see CMakePresets.json) is built and those of its tests run that
have one of the labels.  Without any, PLAN below is run; with --long, LONG too,
and the suites that know longer tests find ATL_LONG=1 in their environment.
The last line is "N passed, N failed", which counts single cases.
SPDX-License-Identifier: MIT
"""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

# The sanitized builds run what finds bugs in C; the release builds what
# looks at the binary that people get; the pages are quick, and run on both.
PLAN = [
    "dev:unit,replay,lua,wire,docs,luv",
    "dev-lua5.4:unit,replay,lua,wire,docs,luv",
    "release:wire,e2e,docs",
    "release-lua5.4:wire,e2e,docs",
]
LONG = [
    "tsan:unit,replay,lua,wire",
    "release:unit,replay,lua",
    "release-lua5.4:unit,replay,lua",
]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What a test program says of the cases in it: ours, and cmocka.
OURS = re.compile(r"^(\d+) passed, (\d+) failed(?:, \d+ pending)?$", re.M)
CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) test", re.M)


def count_cases(output, ok):
    """The cases passed and failed in one test program; itself, if it is mute."""
    ours = OURS.findall(output)
    cmocka = CMOCKA.findall(output)
    if ours:
        passed, failed = int(ours[-1][0]), int(ours[-1][1])
    elif cmocka:
        passed = sum(int(n) for word, n in cmocka if word == "PASSED")
        failed = sum(int(n) for word, n in cmocka if word == "FAILED")
    else:
        passed, failed = int(ok), int(not ok)
    if not ok and failed == 0:
        failed = 1  # it crashed after the count, or was stopped
    return passed, failed


def build(preset, labels):
    """Configure and build what the labels need; True if that worked."""
    folder = os.path.join("build", preset)
    target = "all" if {"unit", "replay"} & set(labels) else "atlas"
    # Always: what it looks for may have been installed since the last time.
    configure = ["cmake", "--log-level=WARNING", "--preset", preset]
    if subprocess.run(configure, stdout=subprocess.DEVNULL).returncode != 0:
        return False
    command = ["cmake", "--build", folder, "--target", target, "--", "--quiet"]
    return subprocess.run(command).returncode == 0


def run(preset, labels, env):
    """Run the tests; yields (name, passed, failed) for each test program."""
    report = os.path.join(ROOT, "build", preset, "ctest.xml")
    if os.path.exists(report):
        os.remove(report)
    subprocess.run(
        ["ctest", "--test-dir", os.path.join("build", preset), "-j2",
         "--output-on-failure", "--no-tests=ignore", "--no-label-summary",
         "--test-output-size-passed", "4000000",
         "--test-output-size-failed", "4000000",
         "-L", "^(%s)$" % "|".join(labels), "--output-junit", report],
        env=env, stdin=subprocess.DEVNULL)
    if not os.path.exists(report):
        yield "ctest", 0, 1
        return
    for case in ElementTree.parse(report).iter("testcase"):
        output = case.findtext("system-out") or ""
        yield case.get("name"), *count_cases(output, case.get("status") == "run")


def main(args):
    os.chdir(ROOT)
    env = dict(os.environ)
    plan = [arg for arg in args if arg != "--long"] or PLAN
    if "--long" in args:
        env["ATL_LONG"] = "1"
        plan = plan + LONG
    passed = failed = 0
    bad = []
    for row in plan:
        preset, _, labels = row.partition(":")
        labels = labels.split(",")
        print("== %s: build" % preset, flush=True)
        start = time.monotonic()
        if not build(preset, labels):
            failed += 1
            bad.append("%s: does not build" % preset)
            continue
        built = time.monotonic()
        print("== %s: %s" % (preset, ", ".join(labels)), flush=True)
        for name, good, lost in run(preset, labels, env):
            passed += good
            failed += lost
            if lost:
                bad.append("%s: %s (%d of %d)" % (preset, name, lost, good + lost))
        print("== %s: built in %d s, ran for %d s\n"
              % (preset, built - start, time.monotonic() - built), flush=True)
    for line in bad:
        print("FAILED %s" % line)
    if passed + failed == 0:
        print("no test ran")
    print("%d passed, %d failed" % (passed, failed), flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
