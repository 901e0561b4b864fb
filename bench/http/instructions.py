"""Count instructions per request under callgrind; instructions.sh calls this.

SPDX-License-Identifier: MIT
"""

import argparse
import collections
import os
import re
import subprocess
import sys

import servers
from client import Connection, fault
from report import verdict
from servers import say
from workloads import WORKLOADS

TRACES = "(machine code of Lua traces)"
# System calls only under valgrind: else the vDSO answers without one.
CLOCKS = ("clock_gettime", "gettimeofday", "time")


def send(workload, port, count, connection):
    """Have `count` requests answered; the connection for more of them."""
    request = workload.request(port) * workload.depth
    for _ in range(count // workload.depth):
        connection = connection or Connection(port, 30)
        connection.ask(request, workload.depth)
        if workload.close:
            # Its end is the server's work too, so it is waited for.
            connection.socket.recv(1)
            connection.close()
            connection = None
    return connection


def switch(server, state):
    """Instrumentation on or off, now."""
    subprocess.run(["callgrind_control", "-i", state, str(server.process.pid)],
                   check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def run(server, workload, options, path):
    """Run `server` under callgrind, which writes `path`; True if it went."""
    callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no",
                 "--collect-systime=yes", "--callgrind-out-file=" + path]
    if server.start(before=callgrind) is None:
        return False
    try:
        why = fault(workload, server.port)
        if why:
            say("%s is left out: %s" % (server.name, why))
            return False
        connection = send(workload, server.port, options.warm, None)
        switch(server, "on")
        connection = send(workload, server.port, options.requests, connection)
        switch(server, "off")
        if connection:
            connection.close()
        return True
    finally:
        server.stop()


def read_profile(path):
    """What callgrind counted, each function without its callees.

    Returns {function: (instructions, system calls)} and {area: instructions}.
    The format: valgrind's manual, "Callgrind Format Specification".
    """
    names = {"ob": {}, "fn": {}, "file": {}}
    now = {"ob": "", "fn": "", "file": ""}
    functions = collections.defaultdict(lambda: [0, 0])
    areas = collections.Counter()
    is_call = False
    with open(path) as file:
        for line in file:
            spec = re.match(r"(c?)(ob|fn|f[lie])=\((\d+)\) ?(.*)", line)
            if spec:
                # A name stands only where its number is used first, which
                # may be for a callee.
                callee, kind, number, name = spec.groups()
                kind = kind if kind in names else "file"
                if name:
                    names[kind][number] = name
                if not callee:
                    now[kind] = names[kind][number]
            elif line.startswith("calls="):
                is_call = True  # the next line is the callee's cost
            elif line[0] in "0123456789+-*":
                if not is_call:
                    ir, calls = ([int(n) for n in line.split()[1:3]] + [0, 0])[:2]
                    total = functions[function_name(now["ob"], now["fn"])]
                    total[0] += ir
                    total[1] += calls
                    areas[area_name(now["ob"], now["file"])] += ir
                is_call = False
    return functions, areas


def library(program):
    """The shared library's name, or None if it is the program itself."""
    name, found, _ = os.path.basename(program).partition(".so")
    return name if found else None


def function_name(program, function):
    if program in ("", "???"):
        return TRACES
    # clones and the n-th level of a recursion are the same function
    function = re.sub(r"('\d+|\.(lto_priv|constprop|isra|part|cold)(\.\d+)?)+$", "",
                      function)
    where = library(program)
    return "%s (%s)" % (function, where) if where else function


def area_name(program, file):
    """The folder of the source, of what is inlined too."""
    if program in ("", "???"):
        return TRACES
    ours = re.search(r"(?:^|/)(src/\w+)/", file)
    if ours:
        return ours[1]
    # Debian's static Lua comes without debug information.
    inside = "Lua VM" if file == "???" else "elsewhere in the program"
    return library(program) or inside


def print_costs(server, workload, profile, options, floor_calls):
    """Print the tables of one server; return its system calls per request."""
    functions, areas = profile
    # Whole pipelines are sent.
    requests = options.requests // workload.depth * workload.depth
    total = sum(areas.values())
    calls = {name.split(" ")[0].split("@")[0]: c[1] / requests
             for name, c in functions.items()}
    calls = {name: n for name, n in calls.items() if n >= 0.005 and name not in CLOCKS}
    print("### %s: %.0f instructions, %.2f system calls per request\n" % (
        server.name, total / requests, sum(calls.values())))
    print("System calls: %s\n" % ", ".join(
        "%s %.2f" % pair for pair in sorted(calls.items())))
    if workload.more_calls is not None and server.user_factor and floor_calls:
        target = floor_calls + workload.more_calls
        print("Target, the floor's and %g: %s\n" % (
            workload.more_calls, verdict(sum(calls.values()), target)))
    for head, costs in (
            ("area", areas.most_common()),
            ("function", sorted(((name, c[0]) for name, c in functions.items()),
                                key=lambda pair: -pair[1])[:options.top])):
        print("| instructions | share | %s |\n|---|---|---|" % head)
        for name, own in costs:
            if own / requests >= 0.05:
                print("| %.1f | %.1f %% | %s |" % (
                    own / requests, 100 * own / total, name))
        print(flush=True)
    return sum(calls.values())


def main(argv):
    parser = argparse.ArgumentParser(prog="instructions.sh")
    servers.add_options(parser)
    parser.add_argument("--workload", default="a", choices=WORKLOADS)
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--warm", type=int, default=3000)
    parser.add_argument("--top", type=int, default=25)
    options = parser.parse_args(argv)
    workload = WORKLOADS[options.workload]
    failed, floor_calls = False, None
    found = servers.find_servers(options)
    print("## Instructions per request, (%s) %s, %d requests\n" % (
        options.workload, workload.title, options.requests))
    for server in found:
        path = os.path.join(servers.OUT, "callgrind.%s.%s" % (
            server.name, options.workload))
        if not run(server, workload, options, path):
            failed = True
            continue
        calls = print_costs(server, workload, read_profile(path), options, floor_calls)
        if server.is_floor:
            floor_calls = calls
    return int(failed)


sys.exit(main(sys.argv[1:]))
