"""test_release.py - handlers that wait when their connections end: all is freed.

As many connections as descriptors are allowed with ATL_LONG=1, else 600.
Their handlers wait in receive(), in sleep(), and some of them in send().

SPDX-License-Identifier: MIT
"""

import os
import re
import resource
import signal
import socket
import struct

from harness import alone, eq, eventually, get, receive_all

FEW = 600
SPARE = 300           # descriptors for everything else, here and in the server
SENDING = 300         # at most: each of these fills megabytes in the kernel
PATIENCE = 120        # seconds for all of them
PAGE = 4096

# "/state" tells the handlers that wait, and the bytes that Lua holds.
APP = """
local atlas = require "atlas"

local waiting = 0

-- Descriptors of this process that are open: ENOENT is 2.
local function descriptors()
    local count = 0
    for fd = 0, %d do
        local file, _, code = io.open("/proc/self/fd/" .. fd)
        if file then
            file:close()
        end
        count = count + ((file or code ~= 2) and 1 or 0)
    end
    return count
end

local function lua_bytes()
    for _ = 1, 3 do
        collectgarbage()
    end
    return collectgarbage "count" * 1024
end

local function report(when)
    io.stderr:write(("%%s: waiting %%d, descriptors %%d, Lua %%d\\n"):format(
        when, waiting, descriptors(), lua_bytes()))
end

local function lifespan(receive, send)
    receive()
    report "start"
    send { type = "lifespan.startup.complete" }
    receive()
    report "end"
    send { type = "lifespan.shutdown.complete" }
end

local function start(send)
    return send { type = "http.response.start", status = 200, headers = {} }
end

local ways = {}

function ways.receive(receive)
    repeat
        local message = receive()
    until message.type == "http.disconnect"
end

function ways.send(_, send)
    local piece = ("x"):rep(65536)
    start(send)
    while send { type = "http.response.body", body = piece, more_body = true } do
    end
end

function ways.sleep()
    atlas.sleep(1e6)
end

local function app(scope, receive, send)
    if scope.type == "lifespan" then
        return lifespan(receive, send)
    elseif scope.path == "/state" then
        start(send)
        return send {
            type = "http.response.body",
            body = ("%%d %%d"):format(waiting, lua_bytes()),
        }
    end
    waiting = waiting + 1
    atlas.defer(function()
        waiting = waiting - 1
    end)
    return ways[scope.path:sub(2)](receive, send)
end

return { app = app }
"""

REQUESTS = {
    "receive": b"POST /receive HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
    "send": b"GET /send HTTP/1.1\r\nHost: a\r\n\r\n",
    "sleep": b"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n",
}


def how_many():
    """Connections that can be held; the limit of descriptors is raised for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if os.environ.get("ATL_LONG") else FEW + SPARE
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
    return min(wanted, hard, 100000) - SPARE


def serve(place, *args):
    place.write("site.lua", APP % (how_many() + SPARE))
    return place.serve("site:app", "--body-timeout", 1000, "--write-timeout", 1000, *args)


def state(server):
    """Handlers that wait, bytes of Lua."""
    client = server.client(PATIENCE)
    try:
        return tuple(map(int, get(client, "/state")[1].split()))
    finally:
        client.close()


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def connect(server, way):
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    if way == "send":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PAGE)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(REQUESTS[way])
    return sock


def hold(server, count):
    """So many connections, whose handlers all wait."""
    sending = min(count // 10, SENDING)
    ways = ["send"] * sending + ["receive", "sleep"] * ((count - sending + 1) // 2)
    socks = [connect(server, way) for way in ways[:count]]
    eventually(lambda: state(server)[0] == count, f"{count} handlers wait", PATIENCE)
    return socks


def check_all_is_free(server, before):
    eventually(lambda: state(server)[0] == 0, "no handler waits", PATIENCE)
    eventually(lambda: descriptors(server) == before, f"{before} descriptors", PATIENCE)


def close(socks, reset=False):
    for sock in socks:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


@alone
def test_clients_that_leave_free_all_that_their_handlers_held(place):
    server, count = serve(place), how_many()
    before = descriptors(server)
    held = []
    for turn in range(5):
        close(hold(server, count), reset=turn % 2 == 1)
        check_all_is_free(server, before)
        held.append((state(server)[1], server.rss()))
    # What is left behind is so in each turn; a table that doubles does so once.
    grown = min(after[0] - before[0] for before, after in zip(held[1:], held[2:]))
    assert grown < 16 * count, f"Lua holds {grown} bytes more each turn: {held}"
    # The allocators take some rounds to find their size, and no more.
    grown = held[-1][1] / held[1][1]
    assert place.options.sanitized or grown < 1.1, f"{grown:.2f} times as much resident: {held}"
    server.stop()


def told(server, when):
    """What the application has said at its start or end: three numbers."""
    found = re.search(when + r": waiting (\d+), descriptors (\d+), Lua (\d+)", server.log())
    assert found, server.log()[-3000:]
    return tuple(map(int, found.groups()))


@alone
def test_a_drain_frees_all_that_handlers_held(place):
    server = serve(place, "--drain", "0.5")
    socks = hold(server, how_many())
    server.send_signal(signal.SIGTERM)
    eq(server.wait(PATIENCE), 0, server.log()[-3000:])
    for sock in socks:
        receive_all(sock)  # to its end: none is still open
    close(socks)
    start, end = told(server, "start"), told(server, "end")
    eq(end[0], 0, "handlers that still wait behind the drain")
    # libuv opens one when it first listens, for when there are no more.
    eq(end[1], start[1] + 1, "descriptors that are open then")
    assert end[2] - start[2] < 4 << 20, f"Lua held {start[2]} bytes, and {end[2]} at the end"
