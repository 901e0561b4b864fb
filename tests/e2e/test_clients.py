"""test_clients.py - curl and other clients: bodies, keep-alive, leaving.

SPDX-License-Identifier: MIT
"""

import hashlib
import os
import signal
import socket
import struct
import time

from harness import eq, eventually, get, has, lacks, matches, receive_all

ECHO = """
    local parts = {}
    repeat
        local message = receive()
        if message.type == "http.disconnect" then return end
        parts[#parts + 1] = message.body
    until not message.more_body
    answer(table.concat(parts))
"""
STREAM = """
    send { type = "http.response.start", status = 200, headers = {} }
    for i = 1, 100000 do
        local ok = send { type = "http.response.body", body = ("x"):rep(65536), more_body = true }
        if not ok then
            io.stderr:write("left\\n")
            return
        end
    end
"""


def closed_pipe():
    """A descriptor to which writing fails."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def reset(sock):
    """Close it by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# --- bodies ---


def check_echo(place, *args, size=5 << 20):
    data = os.urandom(size)
    (place.path / "data").write_bytes(data)
    server = place.serve_app(ECHO)
    done = server.curl("--data-binary", "@data", "-o", "echoed", *args, server.url())
    eq(done.status, 0, done.err)
    eq(hashlib.sha256((place.path / "echoed").read_bytes()).digest(),
       hashlib.sha256(data).digest())


def test_a_body_of_5_mib_is_echoed(place):
    check_echo(place)


def test_a_chunked_body_of_5_mib_is_echoed(place):
    check_echo(place, "-H", "Transfer-Encoding: chunked")


def test_a_body_of_5_mib_without_expect_is_echoed(place):
    check_echo(place, "-H", "Expect:")


def test_a_body_of_5_mib_is_echoed_to_http_1_0(place):
    check_echo(place, "-0")


def test_an_empty_body_is_echoed(place):
    server = place.serve_app(ECHO)
    eq(server.curl("-d", "", server.url()).out, "")


def test_a_body_larger_than_the_limit_is_413(place):
    place.write("data", "x" * (17 << 20))
    server = place.serve_app(ECHO)
    for args in [], ["-H", "Transfer-Encoding: chunked"]:
        eq(server.curl("--data-binary", "@data", "-o", "/dev/null", "-w", "%{http_code}", *args,
                       server.url()).out, "413")
    eq(server.curl("-d", "still there", server.url()).out, "still there")


def test_a_response_of_any_length_takes_bounded_memory(place):
    server = place.serve_app(STREAM)
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    has(sock.recv(100).decode(), "200 OK")
    before = server.rss()
    time.sleep(1)  # the application could send gigabytes by now
    grown = server.rss() - before
    assert grown < 64 << 20, f"{grown >> 20} MiB more"
    reset(sock)
    server.wait_log("left")


# --- connections ---


def test_curl_keeps_the_connection(place):
    server = place.serve_app('answer(scope.path)')
    done = server.curl("-w", " %{num_connects} ", *(server.url(f"/{i}") for i in range(4)))
    eq(done.out, "/0 1 /1 0 /2 0 /3 0 ")


def test_a_connection_is_kept_behind_a_404_and_a_post(place):
    server = place.serve_app(
        'if scope.method == "POST" then receive() end answer(scope.method, 404)')
    client = server.client()
    for method in "GET", "POST", "GET", "HEAD", "GET":
        client.request(method, "/", "body" if method == "POST" else None)
        sock = client.sock
        response = client.getresponse()
        eq(response.status, 404)
        eq(response.read().decode(), "" if method == "HEAD" else method)
        assert client.sock is sock, f"closed behind {method}"


def test_connection_close_is_honoured(place):
    server = place.serve_app('answer("hi")')
    done = server.curl("-i", "-H", "Connection: close", server.url())
    has(done.out.lower(), "\r\nconnection: close\r\n")
    eq(done.status, 0)
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        has(receive_all(sock).decode(), "\r\n\r\nhi")


def test_http_1_0_is_answered_and_closed(place):
    server = place.serve_app('answer("version " .. scope.http_version)')
    done = server.curl("-0", "-i", server.url())
    matches(r"HTTP/1\.1 200 OK\r\n.*\r\n\r\nversion 1\.0", done.out)
    has(done.out.lower(), "\r\nconnection: close\r\n")
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        has(receive_all(sock).decode(), "version 1.0")


def test_http_1_0_gets_a_stream_without_chunks(place):
    server = place.serve_app("""
        send { type = "http.response.start", status = 200, headers = {} }
        for i = 1, 3 do
            send { type = "http.response.body", body = "part " .. i .. " ", more_body = true }
        end
        send { type = "http.response.body", body = "end" }
    """)
    done = server.curl("-0", "-i", server.url())
    has(done.out, "\r\n\r\npart 1 part 2 part 3 end")
    lacks(done.out.lower(), "transfer-encoding")
    eq(server.curl(server.url()).out, "part 1 part 2 part 3 end")


def test_http_1_0_may_keep_the_connection(place):
    server = place.serve_app('answer("hi")')
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            text = sock.recv(65536).decode()
            has(text.lower(), "\r\nconnection: keep-alive\r\n")
            has(text, "\r\n\r\nhi")


def test_head_has_the_fields_of_get_and_no_body(place):
    server = place.serve_app('answer("twelve bytes")')
    done = server.curl("-I", server.url())
    has(done.out.lower(), "\r\ncontent-length: 12\r\n")
    matches(r".*\r\n\r\n", done.out)


def test_100_slow_requests_run_at_once(place):
    server = place.serve_app('atlas.sleep(0.3) answer("slept")')
    socks = [server.connect() for _ in range(100)]
    started = time.monotonic()
    for sock in socks:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    for sock in socks:
        has(receive_all(sock).decode(), "slept")
    elapsed = time.monotonic() - started
    assert 0.3 <= elapsed < 10, f"{elapsed:.2f} s, not 30"


def test_requests_that_sleep_are_answered_when_nothing_else_happens(place):
    """A timer that is due just when the loop begins to wait is not forgotten."""
    server = place.serve_app("atlas.sleep(tonumber(scope.query_string)) answer('slept')")
    for i in range(60):
        socks = [server.connect(5) for _ in range(20)]
        for sock in socks:
            sock.sendall(f"GET /?{0.001 + i * 0.0003} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        for sock in socks:
            has(sock.recv(4096).decode(), "slept")
            sock.close()


def test_tasks_of_a_request_run_at_once(place):
    server = place.serve_app("""
        local waits, started = {}, atlas.now()
        for i = 1, 10 do waits[i] = atlas.spawn(atlas.sleep, 0.1) end
        for i = 1, 10 do waits[i]:await() end
        local elapsed = atlas.now() - started
        answer(elapsed >= 0.1 and elapsed < 0.9 and "at once" or tostring(elapsed))
    """)
    eq(server.curl(server.url()).out, "at once")


# --- clients that leave ---

LEAVE = """
    local function note(text)
        local file = assert(io.open("notes", "a"))
        file:write(text, "\\n")
        file:close()
    end
    note "started"
    local ok, err = pcall(atlas.sleep, 1.5)
    note(ok and "slept" or atlas.Cancelled.is(err) and "cancelled" or tostring(err))
    note(tostring(select(2, pcall(atlas.checkpoint))))
"""


def check_leaving(place, method, leave, want):
    server = place.serve_app(LEAVE)
    sock = server.connect()
    sock.sendall(f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
    eventually(lambda: place.read("notes") == "started\n", "the request runs")
    leave(sock)
    eventually(lambda: place.read("notes").count("\n") == 3, "the handler has noted all")
    eq(place.read("notes"), want)
    eq(server.curl("-o", "/dev/null", "-m", "0.1", server.url()).status, 28)  # still there


def test_a_client_that_leaves_by_fin_cancels_a_get(place):
    check_leaving(place, "GET", socket.socket.close, "started\ncancelled\ncancelled\n")


def test_a_client_that_leaves_by_rst_cancels_a_get(place):
    check_leaving(place, "GET", reset, "started\ncancelled\ncancelled\n")


def test_a_client_that_leaves_cancels_a_head(place):
    check_leaving(place, "HEAD", reset, "started\ncancelled\ncancelled\n")


def test_a_client_that_leaves_does_not_cancel_a_post(place):
    check_leaving(place, "POST", reset, "started\nslept\ntrue\n")


def test_a_client_that_leaves_cancels_the_tasks_of_a_get(place):
    server = place.serve_app("""
        for i = 1, 3 do
            atlas.spawn(function()
                local ok, err = pcall(atlas.sleep, 30)
                io.stderr:write(atlas.Cancelled.is(err) and "child cancelled\\n" or "?\\n")
            end)
        end
        io.stderr:write("started\\n")
        atlas.sleep(30)
    """)
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_log("started")
    sock.close()
    eventually(lambda: server.log().count("child cancelled\n") == 3, "all are cancelled")


def test_a_client_that_leaves_is_no_error_in_the_log(place):
    server = place.serve_app('io.stderr:write("started\\n") atlas.sleep(30)')
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_log("started")
    sock.close()
    time.sleep(0.2)
    server.stop()
    eq(server.log(), "started\n")


def test_curl_that_gives_up_cancels_the_handler(place):
    server = place.serve_app(LEAVE)
    eq(server.curl("-m", "0.3", server.url()).status, 28)
    eventually(lambda: place.read("notes").count("\n") == 3, "the handler has noted all")
    eq(place.read("notes"), "started\ncancelled\ncancelled\n")


def test_clients_that_leave_within_a_stream_harm_nobody(place):
    server = place.serve_app(STREAM)
    for _ in range(20):
        sock = server.connect()
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.recv(100)
        reset(sock)
    eventually(lambda: server.log().count("left\n") == 20, "every handler has ended")
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        has(sock.recv(100).decode(), "200 OK")


def test_sigpipe_is_ignored(place):
    server = place.serve_app('answer("hi")')
    server.send_signal(signal.SIGPIPE)
    eq(server.curl(server.url()).out, "hi")


def test_a_log_that_nobody_reads_any_more_harms_nobody(place):
    place.write("site.lua", 'return { app = function() error("on purpose") end }')
    server = place.start("site:app", "--port", 0, stderr=closed_pipe())
    server.wait_until_serving()
    for _ in range(3):
        has(server.curl("-i", server.url()).out, "500 Internal Server Error")
    server.stop()


def test_http_client_of_python_gets_on_with_it(place):
    server = place.serve_app('answer(scope.path .. "?" .. scope.query_string)')
    client = server.client()
    for i in range(50):
        response, text = get(client, f"/path/{i}?q={i}")
        eq(response.status, 200)
        eq(text, f"/path/{i}?q={i}")
