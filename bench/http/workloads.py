"""What is measured, and what Atlas is to reach: one row a workload.

SPDX-License-Identifier: MIT
"""

import json
import os
from dataclasses import dataclass, field
from typing import Callable, Optional

HERE = os.path.dirname(os.path.abspath(__file__))


def is_hello(body):
    return body == b"Hello, World!"


def is_json(want):
    """Is a body the JSON text of `want`?"""
    def good(body):
        return json.loads(body) == want
    return good


def is_echo(body):
    with open(os.path.join(HERE, "echo.json"), "rb") as file:
        return json.loads(body) == json.load(file)


@dataclass(frozen=True)
class Workload:
    title: str
    path: str = "/plaintext"
    connections: int = 64
    depth: int = 1                # requests in one write, one after the other
    close: bool = False           # a connection for each request
    method: str = "GET"
    fields: dict = field(default_factory=dict)
    body: Optional[str] = None    # name of a file beside this one
    good: Callable = is_hello     # is this the right body of a response?
    floor: Optional[str] = None   # the floor does this workload instead
    # Targets: CPU per request as a ratio to the floor's, user part of it; of
    # an Application, and of a LASGI callable.
    ratio: Optional[float] = None
    user_us: Optional[float] = None
    lasgi_ratio: Optional[float] = None
    lasgi_user_us: Optional[float] = None
    more_calls: Optional[float] = None  # system calls beyond the floor's

    def request(self, port):
        """The bytes that ask for it once, as wrk sends them."""
        lines = ["%s %s HTTP/1.1" % (self.method, self.path),
                 "Host: 127.0.0.1:%d" % port]
        lines += ["%s: %s" % pair for pair in self.fields.items()]
        if self.close:
            lines.append("Connection: close")
        body = b""
        if self.body:
            with open(os.path.join(HERE, self.body), "rb") as file:
                body = file.read()
            lines.append("Content-Length: %d" % len(body))
        return "\r\n".join(lines + ["", ""]).encode() + body

    def wrk_arguments(self, port):
        fields = dict(self.fields, **({"Connection": "close"} if self.close else {}))
        url = "http://127.0.0.1:%d%s" % (port, self.path)
        arguments = ["-c%d" % self.connections]
        for pair in fields.items():
            arguments += ["-H", "%s: %s" % pair]
        if self.depth == 1 and self.method == "GET":
            return arguments + [url]
        arguments += ["-s", os.path.join(HERE, "request.lua"), url, "--",
                      self.method, str(self.depth)]
        if self.body:
            arguments.append(os.path.join(HERE, self.body))
        return arguments


WORKLOADS = {
    "a": Workload("plaintext, keep-alive", ratio=1.12, user_us=0.60,
                  lasgi_ratio=1.20, lasgi_user_us=1.1),
    "b": Workload("JSON", path="/json", good=is_json({"message": "Hello, World!"}),
                  floor="a", ratio=1.15, user_us=0.85),
    "c": Workload("two path parameters, JSON", path="/users/42/posts/seven",
                  good=is_json({"id": 42, "slug": "seven"}),
                  floor="a", ratio=1.17, user_us=1.00),
    "d": Workload("1 KiB of JSON read and written", path="/echo", method="POST",
                  fields={"Content-Type": "application/json"}, body="echo.json",
                  good=is_echo, floor="a", ratio=1.9, user_us=4.8),
    "e": Workload("plaintext, 16 pipelined", depth=16, ratio=2.0, user_us=0.45),
    "g": Workload("a handler that sleeps 1 ms", path="/timer", connections=256,
                  floor="a", ratio=1.25, user_us=1.00),
    "h": Workload("plaintext, a connection each", close=True,
                  ratio=1.08, user_us=1.5, more_calls=2),
}

# Lua 5.4 interprets: its user time may be this much longer.
LUA54_FACTOR = 1.5

# Resident growth of a held connection, KiB; start to first response, ms;
# resident then, MiB.
IDLE_KIB = 0.45
START_MS = 8
RESIDENT_MIB = 8
