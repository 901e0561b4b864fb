"""What is measured, and what Atlas is to reach: one row an operation.

SPDX-License-Identifier: MIT
"""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Operation:
    title: str
    ns: Optional[float] = None      # target on LuaJIT
    ns_54: Optional[float] = None   # and on Lua 5.4
    luv: Optional[str] = None       # the workload of on_luv.lua beside it
    ratio: Optional[float] = None   # target: ns as a ratio to that one's
    count: int = 20000              # operations of one pass


# The names are those of on_atlas.lua.
OPERATIONS = {
    "await": Operation("await an event, woken through the run queue (10 tasks)",
                       ns=40, ns_54=130),
    "handover": Operation("two tasks wake each other by semaphores: release, acquire"),
    "sleep0": Operation("sleep(0), 100 tasks", luv="raw", ratio=0.6),
    "sleep0_alone": Operation("sleep(0), one task: a turn of the loop each"),
    "sleep_1ms": Operation("sleep(0.001), 1,000 tasks: processor time"),
    "spawn_join": Operation("spawn, and join with the parent's end, 100 at a time",
                            ns=150, luv="spawn"),
    "spawn_await": Operation("spawn and await, one by one", luv="spawn"),
    "spawn_cancel": Operation("spawn, cancel before it runs, await"),
    "sleep_cancel": Operation("spawn, let it sleep, cancel, await"),
    "channel_0": Operation("a value through a channel of capacity 0"),
    "channel_64": Operation("a value through a channel of capacity 64"),
    "select": Operation("select of 2 that waits, and the send that ends it"),
    "timeout": Operation("timeout(): enter and leave"),
    "group_1": Operation("group of 1 task, a task"),
    "group_10": Operation("group of 10 tasks, a task"),
    "group_100": Operation("group of 100 tasks, a task"),
    "map": Operation("map over 100 items, limit 8, each sleeps(0): an item"),
    "lock": Operation("lock: acquire and release, nobody waits"),
    "lock_with": Operation("lock:with(), nobody waits"),
    "lock_contended": Operation("lock: acquire, sleep(0), release; nine wait"),
    "event_set": Operation("wait for an event that is set"),
    "luv_stat": Operation("await(luv.fs_stat), 100 tasks", luv="stat"),
    "luv_timer": Operation("callback() of a zero luv timer, 100 tasks", luv="coroutine"),
    "luv_raw": Operation("a zero luv timer's callback starts it again, 100 timers",
                         luv="raw"),
}

# The same timers without Atlas.
LUV = {
    "raw": "luv: a zero timer's callback starts it again, 100 timers",
    "coroutine": "luv: a closure for each call resumes the coroutine, 100 timers",
    "stat": "luv: fs_stat's callback asks again, 100 chains",
    "spawn": "luv: a coroutine, started by a zero timer",
}

# What the first of them took where the targets in ns were set: a slower or
# busier machine's figures are compared in its proportion, too.
YARDSTICK_NS = 114

# How many times faster sleep(0) is to be than the usual pattern.
CLOSURE_FACTOR = 2.5

# Resident memory of a million sleeping tasks on LuaJIT.
SLEEPERS_GIB = 1.0
