#!/usr/bin/env python3
"""run.py - plays the wire tests against the real server.

    python3 tests/wire/run.py --atlas build/dev/atlas [--face lasgi] [FILES]

Cases that ask for the same options of `atlas serve` share one server.  See
README.md for the format of the cases.

SPDX-License-Identifier: MIT
"""

import argparse
import asyncio
import itertools
import re
import sys
import time
from collections import deque
from pathlib import Path

sys.dont_write_bytecode = True  # the tree stays clean

from casefile import FormatError, load
from player import play
from server import Server, StartError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Each face is an application module that behaves the same through another door.
FACES = {"lasgi": "tests.wire.app:app", "application": "tests.wire.application:app"}
ENOUGH = 2  # failed variants after which the rest of a case is left out


class Result:
    """What is known about one case."""

    def __init__(self, case):
        self.case = case
        self.left = sum(1 for _ in case.variants())
        self.started = False
        self.failures = []
        self.saw_the_end = False  # the server was down when a variant failed

    def is_suspect(self):
        """It may have been this one that brought the server down."""
        return self.started and (self.left > 0 or self.saw_the_end)


class Runner:
    def __init__(self, options):
        self.options = options
        self.idents = itertools.count(10_000_000)
        self.results = {}   # case number -> Result, the last that counts
        self.troubles = []  # what was wrong with a server, not with a case

    def start_server(self, case):
        command = [self.options.atlas, "serve", FACES[self.options.face], "--host", "127.0.0.1",
                   "--port", "0", *case.serve_args, *self.options.serve_args.split()]
        env = dict(pair.split("=", 1) for pair in case.env)
        return Server(command, ROOT, {"WIRE_DATA": str(HERE / "data"), **env})

    def play_all(self, cases):
        """Play `cases`, which want the same options, on as many servers as it takes."""
        while cases:
            suspects, rest, cause = self.play_on_one_server(cases)
            reproduced = False
            for case in suspects:
                _, _, alone = self.play_on_one_server([case])
                if alone:
                    reproduced = True
                    self.results[case.number].failures.insert(0, alone)
            if suspects and not reproduced:
                names = ", ".join(str(case.number) for case in suspects)
                self.troubles.append(f"while playing one of {names}: {cause}")
            cases = rest

    def play_on_one_server(self, cases):
        """
        Returns (suspects, not started, cause): two empty lists and None when
        the server lived to the end and stopped well.
        """
        server = self.start_server(cases[0])
        results = [Result(case) for case in cases]
        self.results.update((result.case.number, result) for result in results)
        report = asyncio.run(self.play_results(server, results))
        died = server.is_down()
        problem = report or server.stop()
        if report:
            server.kill()
        if not problem:
            return [], [], None
        suspects = [result.case for result in results if result.is_suspect()]
        if not died and not report or not suspects:
            # It failed at its end: a leak, say.  The last case may be innocent.
            last = [result.case.number for result in results if result.started][-1:]
            self.troubles.append(f"after case {last}: {problem}")
            return [], [], problem if len(cases) == 1 else None
        return suspects, [result.case for result in results if not result.started], problem

    async def play_results(self, server, results):
        """Play every variant.  Returns a sanitizer's report if there was one."""
        work = deque((result, variant) for result in results
                     for variant in result.case.variants())
        reports = []

        async def worker():
            while work and not reports and not server.is_down():
                result, variant = work.popleft()
                result.started = True
                if len(result.failures) < ENOUGH:
                    failure = await play(result.case, variant, server, str(next(self.idents)))
                    if failure:
                        result.failures.append(failure)
                        await asyncio.sleep(0.02)  # a dying process closes its sockets first
                        result.saw_the_end |= server.is_down()
                result.left -= 1
                if result.left == 0:
                    self.tell(result)
                    if report := server.trouble():
                        reports.append(report)

        await asyncio.gather(*(worker() for _ in range(self.options.jobs)))
        return reports[0] if reports else None

    def tell(self, result):
        if self.options.verbose:
            word = "FAIL" if result.failures else "ok  "
            print(f"{word} {result.case.number} {result.case.title}", flush=True)


def report(runner, seconds):
    """Print failures and the closing line.  Returns the exit status."""
    failed = 0
    for number, result in sorted(runner.results.items()):
        if not result.failures:
            continue
        failed += 1
        print(f"\nFAIL {number} {result.case.title}\n  {result.case.place}")
        for failure in result.failures[:ENOUGH]:
            print("  " + failure.replace("\n", "\n  "))
    for trouble in runner.troubles:
        print(f"\nFAIL {trouble}")
    failed += len(runner.troubles)
    passed = sum(1 for result in runner.results.values() if not result.failures)
    print(f"\n{seconds:.1f} s\n{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def load_all(options):
    """The cases asked for, in the order of their groups."""
    paths = options.files or sorted(HERE.glob("*.wire"))
    cases = [case for path in paths for case in load(path)]
    places = {}
    for case in cases:
        if case.number in places:
            raise FormatError(f"{case.place}: {case.number} is also at {places[case.number]}")
        places[case.number] = case.place
    wanted = re.compile(options.filter)
    return [case for case in cases
            if wanted.search(f"{case.number} {case.title}")
            and (not case.faces or options.face in case.faces)]


def main():
    parser = argparse.ArgumentParser(description="Play the wire tests against the real server.")
    parser.add_argument("--atlas", default="build/dev/atlas", help="the server's binary")
    parser.add_argument("--face", choices=FACES, default="lasgi")
    parser.add_argument("--filter", default="", help="regex on `NUMBER TITLE`")
    parser.add_argument("--jobs", type=int, default=24, help="connections at once")
    parser.add_argument("--serve-args", default="", help="more options for atlas serve")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every case")
    parser.add_argument("files", nargs="*", metavar="FILES")
    options = parser.parse_args()
    options.atlas = str(Path(options.atlas).resolve())
    started = time.monotonic()
    runner = Runner(options)
    try:
        cases = load_all(options)
        groups = {}
        for case in cases:
            groups.setdefault((case.serve_args, case.env), []).append(case)
        for group in groups.values():
            runner.play_all(group)
    except (FormatError, StartError, OSError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    return report(runner, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
