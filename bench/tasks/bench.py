"""Measure what tasks cost, in interleaved rounds; run.sh calls this.

SPDX-License-Identifier: MIT
"""

import argparse
import contextlib
import fcntl
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.append(os.path.join(os.path.dirname(HERE), "http"))

from operations import (  # noqa: E402
    CLOSURE_FACTOR, LUV, OPERATIONS, SLEEPERS_GIB, YARDSTICK_NS)
from report import number, output, print_table, verdict  # noqa: E402
from servers import SERVER_CORE, say  # noqa: E402

FEW, MANY = 20000, 60000  # operations in the two runs under callgrind


@dataclass(frozen=True)
class Program:
    name: str
    command: tuple   # what runs a Lua file
    is_luajit: bool
    is_luv: bool = False

    def runs(self, *arguments):
        """The command for one of the Lua files here."""
        return ["taskset", "-c", str(SERVER_CORE), *self.command, *map(str, arguments)]

    def script(self):
        return os.path.join(HERE, "on_luv.lua" if self.is_luv else "on_atlas.lua")

    def workloads(self, names):
        """Those of its workloads that belong to the operations `names`."""
        if not self.is_luv:
            return list(names)
        found = {OPERATIONS[name].luv for name in names} - {None}
        return [name for name in LUV if name in found or
                (name == "coroutine" and "raw" in found)]


@contextlib.contextmanager
def machine():
    """Nobody else's benchmark meanwhile: flock(1) can hold the file as well."""
    with open(os.environ.get("BENCH_LOCK", "/tmp/bench.lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def execute(command):
    """What the command prints; a failure ends the benchmark."""
    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ran.returncode != 0:
        sys.exit("bench: %s failed:\n%s" % (" ".join(command), ran.stdout + ran.stderr))
    return ran.stdout, ran.stderr


def find_atlas(name, given, preset, is_luajit):
    binary = os.path.abspath(given or os.path.join(ROOT, "build", preset, "atlas"))
    if os.access(binary, os.X_OK):
        return [Program(name, (binary, "run"), is_luajit)]
    if given:
        sys.exit("bench: no program %s" % given)
    say("%s is left out: build/%s/atlas is not built" % (name, preset))
    return []


def find_luv(interpreter):
    """luv under the interpreter that Debian has, or nothing and a line."""
    if shutil.which(interpreter) and subprocess.run(
            [interpreter, "-e", 'require "luv"'], capture_output=True).returncode == 0:
        return [Program("luv-" + interpreter, (interpreter,), interpreter == "luajit", True)]
    say("luv on %s is left out: apt-get install lua-luv %s" % (interpreter, interpreter))
    return []


def find_programs(options):
    found = find_atlas("atlas", options.atlas, "release", True)
    found += find_atlas("atlas-lua5.4", options.atlas_lua54, "release-lua5.4", False)
    for name, binary in options.extra:
        is_luajit = "LuaJIT" in (output(binary, "--version") or "")
        found += find_atlas(name, binary, "", is_luajit)
    return found + find_luv("luajit") + find_luv("lua5.4")


def measure(programs, options, times, garbage):
    """Fill times[program, workload] with ns of every pass, garbage with bytes."""
    jobs = [(program, name) for name in [*options.only, *LUV] for program in programs
            if name in program.workloads(options.only)]
    for turn in range(options.rounds):
        say("  round %d of %d" % (turn + 1, options.rounds))
        # Each goes first as often as last.
        for program, name in jobs if turn % 2 == 0 else jobs[::-1]:
            count = OPERATIONS[name].count if name in OPERATIONS else FEW
            with machine():
                out, _ = execute(program.runs(program.script(), name, count, options.passes))
            figures, _, left = out.partition(";")
            times.setdefault((program, name), []).extend(map(float, figures.split()))
            garbage[program, name] = float(left)


def count_instructions(programs, options, counts):
    """Fill counts[program, workload]: what more operations cost, start-up aside."""
    for program in programs:
        for name in program.workloads(options.only):
            totals = []
            for count in FEW, MANY:
                _, err = execute(["valgrind", "--tool=callgrind",
                                  "--callgrind-out-file=/dev/null", *program.command,
                                  program.script(), name, str(count)])
                totals.append(int(re.search(r"Collected : (\d+)", err)[1]))
            counts[program, name] = (totals[1] - totals[0]) / (MANY - FEW)
            say("  %s %s: %.0f instructions" % (program.name, name, counts[program, name]))


# --- the report ---


def about(programs, options):
    cpu = re.search(r"^model name\s*: (.*)", open("/proc/cpuinfo").read(), re.M)
    print("## Tasks\n")
    print("- date: %s" % time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))
    print("- machine: %s, core %d; Linux %s" % (
        cpu[1] if cpu else platform.machine(), SERVER_CORE, platform.release()))
    print("- commit: %s" % output("git", "describe", "--always", "--dirty"))
    for program in programs:
        version = program.command[:1] + (("-v",) if program.is_luv else ("--version",))
        print("- %s: %s" % (program.name, output(*version)))
    print("- run: %d rounds of %d passes; ns of processor time an operation\n" % (
        options.rounds, options.passes))


def beside(program, programs):
    """luv on the same VM."""
    return next((p for p in programs
                 if p.is_luv and p.is_luajit == program.is_luajit), None)


def targets(program, name, median, luv_median):
    """What the operation is to reach, and how far it is from that."""
    row = OPERATIONS[name]
    # A target that names one VM is for that one; another build has none.
    ns = row.ns if program.is_luajit else row.ns_54
    ratio = median / luv_median if luv_median else None
    return ratio, " ".join(filter(None, [
        verdict(median, ns), ratio and verdict(ratio, row.ratio)]))


def print_operation(programs, name, times, garbage, counts):
    rows = []
    for program in programs:
        samples = times.get((program, name))
        if not samples or program.is_luv:
            continue
        median = statistics.median(samples)
        luv = times.get((beside(program, programs), OPERATIONS[name].luv))
        ratio, text = targets(program, name, median, luv and statistics.median(luv))
        rows.append([OPERATIONS[name].title, program.name, number(min(samples), "%.0f"),
                     number(median, "%.0f"), number(garbage[program, name], "%.0f"),
                     number(counts.get((program, name)), "%.0f"), number(ratio), text])
    return rows


def print_luv(programs, times, garbage, counts):
    return [[title, program.name, number(min(times[program, name]), "%.0f"),
             number(statistics.median(times[program, name]), "%.0f"),
             number(garbage[program, name], "%.0f"),
             number(counts.get((program, name)), "%.0f"), "", ""]
            for name, title in LUV.items() for program in programs
            if (program, name) in times]


def print_times(programs, options, times, garbage, counts):
    rows = []
    for name in options.only:
        rows += print_operation(programs, name, times, garbage, counts)
    rows += print_luv(programs, times, garbage, counts)
    print_table(["operation", "program", "min ns", "median ns", "bytes of garbage",
                 "instructions", "to luv", "target"], rows)
    for program in programs:
        luv = beside(program, programs)
        ours, theirs = times.get((program, "sleep0")), times.get((luv, "coroutine"))
        if not program.is_luv and ours and theirs:
            factor = statistics.median(theirs) / statistics.median(ours)
            print("- %s: sleep(0) is %.1f times as fast as luv's closure a call; "
                  "target %.1f: %s" % (program.name, factor, CLOSURE_FACTOR,
                                       "met" if factor >= CLOSURE_FACTOR else "**missed**"))
    print_scaled(programs, options, times)
    print()


def print_scaled(programs, options, times):
    """The targets in ns, in proportion to luv's timer in this very run."""
    raw = next((times[p, "raw"] for p in programs if p.is_luv and p.is_luajit
                and (p, "raw") in times), None)
    for program in programs:
        for name in options.only:
            row = OPERATIONS[name]
            target = row.ns if program.is_luajit else row.ns_54
            if raw and target and (program, name) in times and not program.is_luv:
                scaled = (statistics.median(times[program, name]) * YARDSTICK_NS
                          / statistics.median(raw))
                print("- %s: %s: %.0f ns where luv's raw timer takes %d: %s" % (
                    program.name, name, scaled, YARDSTICK_NS, verdict(scaled, target)))


def print_sleepers(programs, options):
    rows = []
    for program in programs:
        if program.is_luv:
            continue
        with machine():
            out, _ = execute(program.runs(os.path.join(HERE, "sleepers.lua"),
                                          options.sleepers))
        kib, each, start, woken, early, wake = map(float, out.split())
        target = SLEEPERS_GIB if program.is_luajit and options.sleepers == 10**6 else None
        rows.append([program.name, "%d" % woken, "%d" % early, "%.3f" % (kib / 2**20),
                     verdict(kib / 2**20, target), "%.0f" % (each * 1024),
                     "%.2f" % start, "%.2f" % wake])
    print("### %d sleeping tasks\n" % options.sleepers)
    print_table(["program", "woken", "early", "GiB resident", "target", "bytes a task",
                 "s to start all", "s to wake all"], rows)


def parse(argv):
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.split(";")[0])
    parser.add_argument("--atlas", metavar="BINARY")
    parser.add_argument("--atlas-lua5.4", dest="atlas_lua54", metavar="BINARY")
    parser.add_argument("--extra", nargs=2, action="append", default=[],
                        metavar=("NAME", "BINARY"))
    parser.add_argument("--only", type=lambda s: s.split(","), metavar="NAME,...",
                        default=list(OPERATIONS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--sleepers", type=int, default=10**6, metavar="N")
    options = parser.parse_args(argv)
    unknown = [name for name in options.only if name not in OPERATIONS]
    if unknown:
        parser.error("no operation %s; there are: %s" % (
            ", ".join(unknown), ", ".join(OPERATIONS)))
    return options


def main(argv):
    options = parse(argv)
    programs = find_programs(options)
    times, garbage, counts = {}, {}, {}
    measure(programs, options, times, garbage)
    if options.instructions:
        count_instructions(programs, options, counts)
    about(programs, options)
    if times:
        print_times(programs, options, times, garbage, counts)
    if options.sleepers:
        print_sleepers(programs, options)


main(sys.argv[1:])
