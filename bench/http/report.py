"""The markdown tables of a run.

SPDX-License-Identifier: MIT
"""

import platform
import re
import statistics
import subprocess
import time

import servers
from workloads import IDLE_KIB, RESIDENT_MIB, START_MS, WORKLOADS

# Below this share of its core the server has waited for the load generator.
SATURATED = 0.9


def output(*command):
    """The first line that a command says, or None if it can't be run."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, cwd=servers.ROOT)
    except OSError:
        return None
    lines = (ran.stdout + ran.stderr).splitlines()
    return lines[0] if lines else None


def about(all_servers, options):
    """What was measured, with what, where: (label, value) pairs."""
    cpu = re.search(r"^model name\s*: (.*)", servers.read("/proc/cpuinfo"), re.M)
    pairs = [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("CPU", "%s, %d cores" % (cpu[1] if cpu else platform.machine(),
                                  len(servers.CORES))),
        ("kernel", platform.release()),
    ]
    commit = output("git", "describe", "--always", "--dirty")
    if commit and "fatal" not in commit:
        pairs.append(("commit", commit))
    for server in all_servers:
        if server.user_factor:
            pairs.append((server.name, output(server.command[0], "--version")))
    pairs += [
        ("wrk", (output("wrk", "-v") or "").split(" Copyright")[0]),
        ("cc", output("cc", "--version")),
        ("run", "%d rounds of %g s after %g s of warming up; server on core %d, "
         "load on core %d" % (options.rounds, options.dur, options.warm,
                              servers.SERVER_CORE, servers.CLIENT_CORE)),
    ]
    return pairs


def print_table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def verdict(value, target):
    """A target beside how far the value is from it."""
    if target is None or value is None:
        return ""
    off = 100 * (value / target - 1)
    if value <= target:
        return "<= %.4g met, %.0f %% below" % (target, -off)
    return "<= %.4g **missed**, %.0f %% above" % (target, off)


def median(samples, name):
    values = [s[name] for s in samples if s.get(name) is not None]
    return statistics.median(values) if values else None


def number(value, form="%.2f"):
    return "-" if value is None else form % value


def load_row(server, workload, samples, floor_samples):
    cpu, user = median(samples, "cpu_us"), median(samples, "user_us")
    floor = median(floor_samples, "cpu_us")
    ratio = cpu / floor if floor else None
    ratio_target, user_target = server.targets(workload)
    mark = "\\*" if median(samples, "busy") < SATURATED else ""
    return [
        server.name, "{:,.0f}{}".format(median(samples, "rate"), mark),
        number(cpu), number(ratio), verdict(ratio, ratio_target),
        number(user), verdict(user, user_target),
        number(median(samples, "p50_ms")), number(median(samples, "p99_ms")),
    ]


def print_load(key, all_servers, loads):
    workload = WORKLOADS[key]
    measured = [s for s in all_servers if key in loads.get(s.name, {})]
    if not measured:
        return
    floor = [sample for s in measured if s.is_floor for sample in loads[s.name][key]]
    print("### (%s) %s, %d connections\n" % (key, workload.title, workload.connections))
    print_table(
        ["server", "requests/s", "CPU us", "to floor", "target",
         "user us", "target", "p50 ms", "p99 ms"],
        [load_row(s, workload, loads[s.name][key], floor) for s in measured])
    for server in measured:
        faults = sorted({s["faults"] for s in loads[server.name][key] if s["faults"]})
        if faults:
            print("%s: %s\n" % (server.name, "; ".join(faults)))


def rest_row(server, idle, starts):
    held = idle.get(server.name, {})
    started = starts.get(server.name, [])
    ms, resident = median(started, "ms"), median(started, "resident_kib")
    resident = resident and resident / 1024
    has_target = server.user_factor is not None
    return [
        server.name, number(held.get("kib")),
        verdict(held.get("kib"), IDLE_KIB if has_target else None),
        number(held.get("held"), "%d"),
        number(ms, "%.1f"), verdict(ms, START_MS if has_target else None),
        number(resident, "%.1f"),
        verdict(resident, RESIDENT_MIB if has_target else None),
    ]


def print_all(all_servers, options, figures):
    print("## HTTP benchmark\n")
    for pair in figures["about"]:
        print("- %s: %s" % pair)
    print()
    for key in options.workloads:
        print_load(key, all_servers, figures["loads"])
    if figures["idle"] or figures["starts"]:
        print("### Idle connections and start-up\n")
        print_table(
            ["server", "KiB per idle connection", "target", "held",
             "start to first response ms", "target", "resident MiB", "target"],
            [rest_row(s, figures["idle"], figures["starts"]) for s in all_servers])
    print("CPU per request is of the whole process tree, medians of the rounds; "
          "\\* = the server\nused less than %d %% of its core, so that the load "
          "was the limit." % (100 * SATURATED))
