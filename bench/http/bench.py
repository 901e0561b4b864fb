"""Measure HTTP servers in interleaved rounds; run.sh calls this.

SPDX-License-Identifier: MIT
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time

import report
import servers
from client import Connection, fault
from servers import say
from workloads import WORKLOADS

LATENCY_MS = {"us": 1e-3, "ms": 1, "s": 1e3}


@contextlib.contextmanager
def machine():
    """Nobody else's benchmark meanwhile: flock(1) can hold the file as well."""
    with open(os.environ.get("BENCH_LOCK", "/tmp/bench.lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def wrk(server, workload, seconds):
    """Drive `server`; the figures of that, or None if nothing was answered."""
    user, system = server.cpu()
    out = subprocess.run(
        ["wrk", "-t1", "-d%gs" % seconds, "--latency", "--timeout", "5s",
         *workload.wrk_arguments(server.port)],
        capture_output=True, text=True).stdout
    user, system = (b - a for a, b in zip((user, system), server.cpu()))
    count = re.search(r"(\d+) requests in", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not count or not rate or not int(count[1]):
        return None
    wall = int(count[1]) / float(rate[1])
    # wrk may print 0.00us for a percentile, which is not known then.
    latency = {percent: float(value) * LATENCY_MS[unit] or None for percent, value, unit
               in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)\b", out)}
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: (.*)", out)
    return {
        "rate": float(rate[1]),
        "cpu_us": (user + system) / int(count[1]) * 1e6,
        "user_us": user / int(count[1]) * 1e6,
        "busy": (user + system) / wall,
        "p50_ms": latency.get("50"),
        "p99_ms": latency.get("99"),
        "faults": ", ".join(filter(None, [
            bad and bad[1] + " bad answers", errors and errors[1]])),
    }


def measure_loads(all_servers, options, results):
    """Fill results[server][workload] with a dict a round."""
    for number in range(options.rounds):
        for key in options.workloads:
            row = WORKLOADS[key]
            # Each goes first as often as last.
            order = all_servers if number % 2 == 0 else all_servers[::-1]
            for server in order:
                if key in server.left_out:
                    continue
                if not server.is_up() and server.start() is None:
                    continue
                load = WORKLOADS[row.floor] if server.is_floor and row.floor else row
                with machine():
                    if options.warm:
                        wrk(server, load, options.warm)
                    figures = wrk(server, load, options.dur)
                if figures is None:
                    say("  round %d (%s) %s: no answers" % (number + 1, key, server.name))
                    continue
                results.setdefault(server.name, {}).setdefault(key, []).append(figures)
                say("  round %d (%s) %-14s %9.0f/s %7.2f us %s" % (
                    number + 1, key, server.name, figures["rate"],
                    figures["cpu_us"], figures["faults"]))


def check_answers(all_servers, options):
    """Leave out of each server what it doesn't answer rightly."""
    for server in all_servers:
        for key in options.workloads:
            row = WORKLOADS[key]
            if server.is_floor and row.floor:
                row = WORKLOADS[row.floor]
            why = fault(row, server.port) if server.is_up() else "it is not up"
            if why:
                say("  %s (%s) is left out: %s" % (server.name, key, why))
                server.left_out.add(key)


def measure_starts(all_servers, options, starts):
    """Fill starts[server] with a dict for each of the starts."""
    for _ in range(options.starts):
        for server in all_servers:
            server.stop()
            with machine():
                took = server.start()
                if took is None:
                    continue
                time.sleep(0.2)
                starts.setdefault(server.name, []).append(
                    {"ms": took, "resident_kib": server.resident_kib()})
            server.stop()


def hold(server, count, held):
    """Fill `held` with connections that have had one response each."""
    for number in range(count):
        # Each request is another one, as clients' are: Lua would hold equal
        # strings only once.
        request = (
            "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            "User-Agent: holder/%06d\r\nAccept: text/html,application/json\r\n"
            "Cookie: session=%032x\r\n\r\n" % (server.port, number, number * 7919))
        connection = Connection(server.port)
        held.append(connection)
        connection.ask(request.encode())


def is_open(connection):
    connection.socket.setblocking(False)
    try:
        return connection.socket.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def measure_idle(server, count):
    """What `count` idle connections cost a server that has just started."""
    server.stop()
    if server.start() is None:
        return None
    time.sleep(0.5)
    before, held = server.resident_kib(), []
    try:
        hold(server, count, held)
        time.sleep(1)
        alive = sum(map(is_open, held))
        after = server.resident_kib()
    except (OSError, ValueError) as error:
        say("  %s: stopped at %d connections: %s" % (server.name, len(held), error))
        return None
    finally:
        for connection in held:
            connection.close()
        server.stop()
    return {"held": alive, "kib": (after - before) / max(alive, 1)}


def parse(argv):
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.split(";")[0])
    servers.add_options(parser)
    parser.add_argument("--extra", nargs=3, action="append", default=[],
                        metavar=("NAME", "CMD", "PORT"))
    parser.add_argument("--workloads", default="".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dur", type=float, default=5, metavar="S")
    parser.add_argument("--warm", type=float, default=1, metavar="S")
    parser.add_argument("--idle", type=int, default=10000, metavar="N")
    parser.add_argument("--starts", type=int, default=7, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(argv)
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error("no workload %s; there are: %s" % (
            ", ".join(sorted(unknown)), ", ".join(WORKLOADS)))
    return options


def main(argv):
    options = parse(argv)
    os.sched_setaffinity(0, {servers.CLIENT_CORE})  # wrk inherits it
    if len(servers.CORES) < 2:
        say("one core: server and load share it, the rates mean little")
    # Stop the servers and report what there is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
    all_servers = servers.find_servers(options)
    figures = {"about": report.about(all_servers, options),
               "loads": {}, "idle": {}, "starts": {}}
    try:
        if options.workloads:
            for server in all_servers:
                server.start()
            check_answers(all_servers, options)
            measure_loads(all_servers, options, figures["loads"])
        measure_starts(all_servers, options, figures["starts"])
        for server in all_servers if options.idle else []:
            with machine():
                held = measure_idle(server, options.idle)
            if held:
                figures["idle"][server.name] = held
    finally:
        for server in all_servers:
            server.stop()
        report.print_all(all_servers, options, figures)
        if options.json:
            with open(options.json, "w") as file:
                json.dump(figures, file, indent=1)


main(sys.argv[1:])
