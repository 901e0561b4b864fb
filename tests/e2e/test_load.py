"""test_load.py - many connections, many requests, and the memory they take.

SPDX-License-Identifier: MIT
"""

import re
import resource
import shutil
import subprocess

from harness import Skip, alone, eq, eventually, get, has

CONNECTIONS = 5000
# "/memory" tells the bytes that Lua holds, garbage aside.
BODY = """
    if scope.path == "/memory" then
        collectgarbage()
        collectgarbage()
        return answer(("%d"):format(collectgarbage("count") * 1024))
    end
    answer("hi")
"""


def allow_descriptors(count):
    """Let this process and its children have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Skip(f"only {hard} descriptors are allowed (ulimit -Hn), not {count}")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def open_idle(server, count):
    """So many connections that have had an answer and wait."""
    socks = []
    for _ in range(count):
        sock = server.connect()
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        has(sock.recv(4096).decode(), "200 OK")
        socks.append(sock)
    return socks


def lua_memory(server):
    """Bytes that Lua holds."""
    return int(get(server.client(), "/memory")[1])


@alone
def test_an_idle_connection_holds_nothing_of_lua(place):
    allow_descriptors(CONNECTIONS + 500)
    server = place.serve_app(BODY)
    first = open_idle(server, 500)
    before = lua_memory(server)
    socks = open_idle(server, CONNECTIONS)
    each = (lua_memory(server) - before) / CONNECTIONS
    assert each < 16, f"{each:.0f} bytes of Lua a connection: a coroutine would be 1 KiB"
    eq(len(first) + len(socks), CONNECTIONS + 500)
    server.kill()


@alone
def test_an_idle_connection_takes_less_than_1_kib(place):
    if place.options.sanitized:
        raise Skip("a sanitized build has other sizes")
    allow_descriptors(CONNECTIONS + 1000)
    server = place.serve_app(BODY)
    first = open_idle(server, 500)
    lua_memory(server)
    before = server.rss()
    socks = open_idle(server, CONNECTIONS)
    each = (server.rss() - before) / CONNECTIONS
    assert each < 1024, f"{each:.0f} bytes resident a connection"
    eq(len(first) + len(socks), CONNECTIONS + 500)
    server.kill()


@alone
def test_idle_connections_are_all_answered_again(place):
    allow_descriptors(3000)
    server = place.serve_app(BODY)
    socks = open_idle(server, 2000)
    for sock in socks:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    for sock in socks:
        has(sock.recv(4096).decode(), "200 OK")
    for sock in socks:
        sock.close()
    server.stop()
    eq(server.log(), "")


def pipeline(server, count, path="/"):
    """So many requests over one connection, some of them always on the way."""
    one = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with server.connect() as sock:
        stream = sock.makefile("rb")
        for _ in range(count // 50):
            sock.sendall(one * 50)
            for _ in range(50):
                eq(stream.readline(), b"HTTP/1.1 200 OK\r\n")
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line[15:])
                eq(len(stream.read(length)), length)


@alone
def test_requests_leave_no_memory_in_lua(place):
    server = place.serve_app(BODY)
    pipeline(server, 2000)
    before = lua_memory(server)
    pipeline(server, 20000)
    grown = lua_memory(server) - before
    assert grown < 65536, f"{grown} bytes more after 20,000 requests"


@alone
def test_requests_with_tasks_and_errors_leave_no_memory_in_lua(place):
    server = place.serve_app("""
        if scope.path == "/memory" then
            for i = 1, 3 do collectgarbage() end
            return answer(("%d"):format(collectgarbage("count") * 1024))
        end
        local state, headers, client = scope.state, scope.headers, scope.client
        state.mine = { headers, client }
        local task = atlas.spawn(error, {})
        task:pawait()
        local victim = atlas.spawn(atlas.sleep, 1000)
        atlas.checkpoint()
        victim:cancel { "reason" }
        answer("hi")
    """)
    pipeline(server, 1000)
    before = lua_memory(server)
    pipeline(server, 5000)
    grown = lua_memory(server) - before
    assert grown < 65536, f"{grown} bytes more after 5,000 requests"


@alone
def test_requests_leave_no_resident_memory(place):
    if place.options.sanitized:
        raise Skip("a sanitized build keeps what was freed")
    server = place.serve_app(BODY)
    pipeline(server, 20000)
    before = server.rss()
    pipeline(server, 50000)
    grown = server.rss() - before
    assert grown < 4 << 20, f"{grown} bytes more after 50,000 requests"


@alone
def test_wrk_gets_no_error(place):
    if not shutil.which("wrk"):
        raise Skip("wrk is not installed")
    server = place.serve_app(BODY)
    done = subprocess.run(["wrk", "-t2", "-c64", "-d3s", server.url()],
                          capture_output=True, text=True, timeout=30)
    eq(done.returncode, 0, done.stderr)
    for word in "Socket errors", "Non-2xx":
        assert word not in done.stdout, done.stdout
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
    assert requests > 1000, done.stdout
    server.stop()
    eq(server.log(), "")


@alone
def test_wrk_gets_no_error_from_handlers_that_wait(place):
    if not shutil.which("wrk"):
        raise Skip("wrk is not installed")
    server = place.serve_app("""
        atlas.spawn(atlas.checkpoint):await()
        atlas.sleep(0.001)
        answer("hi")
    """)
    done = subprocess.run(["wrk", "-t2", "-c64", "-d3s", server.url()],
                          capture_output=True, text=True, timeout=30)
    for word in "Socket errors", "Non-2xx":
        assert word not in done.stdout, done.stdout
    # wrk leaves within requests that run: the server says nothing of them.
    eventually(lambda: refuses_nothing(server), "it serves on")
    server.stop()
    eq(server.log(), "")


def refuses_nothing(server):
    return server.curl(server.url()).out == "hi"
