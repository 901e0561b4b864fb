"""Measure a server with different logs in interleaved rounds; run.sh calls this.

SPDX-License-Identifier: MIT
"""

import argparse
import fcntl
import os
import re
import statistics
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "http"))

import servers  # noqa: E402
from servers import OUT, Server, say  # noqa: E402

FIRST_PORT = 9860
TARGET = 0.9  # stalled, compared with a file


class Case:
    """One server; its log is in build/bench/logging.NAME."""

    def __init__(self, name, port, binary, options, pipe=None):
        self.name = name
        self.pipe = pipe
        self.log = os.path.join(OUT, "logging." + name)
        options = [self.log if option == "LOG" else option for option in options]
        self.server = Server(name, port, [binary, "serve", "bench.http.app:app",
                                          "--port", str(port), *options])
        self.rounds = []
        self.fd = None

    def open_log(self):
        if os.path.lexists(self.log):
            os.remove(self.log)
        if not self.pipe:
            return
        os.mkfifo(self.log)
        self.fd = os.open(self.log, os.O_RDWR)
        if self.pipe == "read":
            threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while os.read(self.fd, 1 << 20):
            pass

    def thread_user(self):
        """User seconds of the main thread so far."""
        pid = self.server.pids()[0]
        stat = servers.read("/proc/%d/task/%d/stat" % (pid, pid)).rpartition(")")[2].split()
        return int(stat[11]) / servers.TICK

    def measure(self, seconds, keep=True):
        before, own = sum(self.server.cpu()), self.thread_user()
        out = subprocess.run(["wrk", "-t1", "-c64", "-d%gs" % seconds,
                              "http://127.0.0.1:%d/plaintext" % self.server.port],
                             capture_output=True, text=True).stdout
        count = re.search(r"(\d+) requests in", out)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
        if not count or not rate or "Non-2xx" in out:
            sys.exit("bench: %s answers wrongly:\n%s" % (self.name, out))
        if keep:
            n = int(count[1])
            self.rounds.append((float(rate[1]), (sum(self.server.cpu()) - before) / n * 1e6,
                                (self.thread_user() - own) / n * 1e6))

    def medians(self):
        return [statistics.median(column) for column in zip(*self.rounds)]


def parse(argv):
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--atlas", default=os.path.join(servers.ROOT, "build/release/atlas"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dur", type=float, default=5, metavar="S")
    parser.add_argument("--warm", type=float, default=1, metavar="S")
    return parser.parse_args(argv)


def report(cases):
    print("| log | requests/s | CPU us | loop user us |\n|---|---|---|---|")
    for case in cases:
        print("| %s | %.0f | %.2f | %.2f |" % (case.name, *case.medians()))
    rate = {case.name: case.medians()[0] for case in cases}
    share = rate["stalled"] / rate["file"]
    print("\nstalled / file: %.2f (target: at least %.2f)%s"
          % (share, TARGET, "" if share >= TARGET else ": missed"))


def main(argv):
    options = parse(argv)
    binary = os.path.abspath(options.atlas)
    os.makedirs(OUT, exist_ok=True)
    os.sched_setaffinity(0, {servers.CLIENT_CORE})  # wrk inherits it
    access = ["--access-log", "--log-file", "LOG"]
    rows = [("none", [], None), ("file", access, None),
            ("json", access + ["--log-format", "json"], None),
            ("pipe", access, "read"), ("stalled", access, "stalled")]
    cases = [Case(name, FIRST_PORT + number, binary, more, pipe)
             for number, (name, more, pipe) in enumerate(rows)]
    try:
        for case in cases:
            case.open_log()
            if case.server.start() is None:
                sys.exit(1)
        for number in range(options.rounds):
            for case in cases if number % 2 == 0 else cases[::-1]:
                with open(os.environ.get("BENCH_LOCK", "/tmp/bench.lock"), "a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    case.measure(options.warm, keep=False)
                    case.measure(options.dur)
                if not case.pipe and os.path.exists(case.log):
                    os.truncate(case.log, 0)
                say("  round %d %-8s %9.0f/s %7.2f us" % (
                    number + 1, case.name, *case.rounds[-1][:2]))
        report(cases)
    finally:
        for case in cases:
            case.server.stop()
            if os.path.lexists(case.log):
                os.remove(case.log)


main(sys.argv[1:])
