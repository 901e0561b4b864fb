"""The servers: how each is started, stopped, and what it has used.

SPDX-License-Identifier: MIT
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Optional

from client import Connection
from workloads import HERE, LUA54_FACTOR, WORKLOADS

ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "build", "bench")
FIRST_PORT = 9800
START_LIMIT_S = 60  # callgrind takes seconds

# One core for the server, one for the load; on one core they share it.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[1 % len(CORES)]

TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print(text, file=sys.stderr, flush=True)


@dataclass
class Server:
    name: str
    port: int
    command: list
    cwd: str = ROOT
    is_floor: bool = False
    is_lasgi: bool = False
    user_factor: Optional[float] = None  # of a target; None: it has no targets
    process: Optional[subprocess.Popen] = None
    left_out: set = field(default_factory=set)  # workloads it doesn't answer

    def targets(self, workload):
        """(ratio to the floor, user microseconds) to reach; None: no target."""
        if self.user_factor is None:
            return None, None
        ratio, user = workload.ratio, workload.user_us
        if self.is_lasgi:
            ratio, user = workload.lasgi_ratio, workload.lasgi_user_us
        return ratio, user and user * self.user_factor

    def start(self, before=()):
        """Start it (by the command `before`); milliseconds to a response.

        None if it doesn't come up: build/bench/NAME.log tells why.
        """
        if listens(self.port):
            say("  %s: something else listens on port %d" % (self.name, self.port))
            return None
        with open(os.path.join(OUT, self.name + ".log"), "wb") as log:
            started = time.perf_counter()
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *before, *self.command],
                cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        request = WORKLOADS["a"].request(self.port)
        why = "see " + log.name
        while time.perf_counter() - started < START_LIMIT_S:
            if self.process.poll() is not None:
                break
            try:
                connection = Connection(self.port)
                connection.ask(request)
                took = time.perf_counter() - started
                connection.close()
                return took * 1e3
            except OSError:
                time.sleep(0.0002)
            except ValueError as error:
                why = str(error)
                break
        self.stop()
        say("  %s: did not start: %s" % (self.name, why))
        return None

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.is_up():
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    def pids(self):
        """The whole process tree: a master counts too."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            try:
                for task in os.listdir("/proc/%d/task" % pid):
                    text = read("/proc/%d/task/%s/children" % (pid, task))
                    queue += map(int, text.split())
            except OSError:
                pass  # it has just ended
        return found

    def cpu(self):
        """(user, system) seconds so far, with those of ended children."""
        user = system = 0
        for pid in self.pids():
            try:
                stat = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
            except OSError:
                continue
            user += int(stat[11]) + int(stat[13])
            system += int(stat[12]) + int(stat[14])
        return user / TICK, system / TICK

    def resident_kib(self):
        """Resident memory; not from statm, whose counts lag behind."""
        return sum(int(re.search(r"^Rss:\s+(\d+)", read(
            "/proc/%d/smaps_rollup" % pid), re.M)[1]) for pid in self.pids())


def read(path):
    with open(path) as file:
        return file.read()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def build_floor():
    """Compile floor.c; the path of the program."""
    program = os.path.join(OUT, "floor")
    source = os.path.join(HERE, "floor.c")
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE",
                    "-O2", "-g", "-Wall", "-Wextra", "-o", program, source], check=True)
    return program


def add_options(parser):
    """The options that say which servers."""
    parser.add_argument("--atlas", metavar="BINARY")
    parser.add_argument("--atlas-lua5.4", dest="atlas_lua54", metavar="BINARY")
    parser.add_argument("--only", type=lambda s: s.split(","), metavar="NAME,...")
    parser.set_defaults(extra=[])


def atlas(name, given, preset, factor, is_lasgi=False):
    """The Atlas built by `preset` or given; None and a line if there is none."""
    binary = os.path.abspath(given or os.path.join(ROOT, "build", preset, "atlas"))
    if not os.access(binary, os.X_OK):
        if given:
            sys.exit("bench: no program %s" % given)
        say("%s is left out: build/%s/atlas is not built" % (name, preset))
        return None
    module = "app" if is_lasgi else "application"
    return Server(name, 0, [binary, "serve", "bench.http.%s:app" % module, "--port"],
                  user_factor=factor, is_lasgi=is_lasgi)


def find_servers(options):
    """The floor, what is built of Atlas, and the extra ones."""
    os.makedirs(OUT, exist_ok=True)
    found = [
        Server("floor", 0, [build_floor()], is_floor=True),
        atlas("atlas", options.atlas, "release", 1),
        atlas("lasgi", options.atlas, "release", 1, is_lasgi=True),
        atlas("atlas-lua5.4", options.atlas_lua54, "release-lua5.4", LUA54_FACTOR),
    ]
    found = [server for server in found if server]
    for number, server in enumerate(found):
        server.port = FIRST_PORT + number
        server.command.append(str(server.port))
    for name, command, port in options.extra:
        found.append(Server(name, int(port), shlex.split(command), os.getcwd()))
    if options.only:
        found = [s for s in found if s.name in options.only]
    if not found:
        sys.exit("bench: no server to measure")
    return found
