"""test_stopping.py - SIGTERM, SIGINT, drain: how a server ends.

SPDX-License-Identifier: MIT
"""

import signal
import time

from harness import (
    alone, eq, eventually, get, has, lacks, receive_all, refuses_connections,
)

# /slow sleeps for the seconds in its query and notes how that ended; /hi doesn't.
BODY = """
    local function note(text)
        local file = assert(io.open("notes", "a"))
        file:write(scope.method, " ", text, "\\n")
        file:close()
    end
    if scope.path == "/slow" then
        note "started"
        local ok, err = pcall(atlas.sleep, tonumber(scope.query_string))
        note(ok and "slept" or tostring(err))
        if not ok then error(err, 0) end
    end
    answer("answer from " .. scope.server[1])
"""


def begin_slow(server, seconds, method="GET"):
    """A connection on which a request runs that takes so long."""
    sock = server.connect()
    began = len(server.place.read("notes"))
    sock.sendall(f"{method} /slow?{seconds} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                 .encode())
    eventually(lambda: "started" in server.place.read("notes")[began:], "the request runs")
    return sock


def seconds_to_end(server, number):
    started = time.monotonic()
    server.stop(number)
    return time.monotonic() - started


# --- without anything to wait for ---


def test_a_server_without_connections_ends_at_once(place):
    for number in signal.SIGTERM, signal.SIGINT:
        server = place.serve_app(BODY)
        assert seconds_to_end(server, number) < 4
        eq(server.log(), "")


def test_what_a_module_has_spawned_ends_with_the_server(place):
    place.write("site.lua", """
        local atlas = require "atlas"
        atlas.supervise(function()
            atlas.defer(function() io.stderr:write("service ended\\n") end)
            io.stderr:write("service started\\n")
            atlas.sleep(1000)
        end)
        atlas.spawn(function() for _ in atlas.interval(0.05) do end end)
        return { app = function(scope, receive, send)
            send { type = "http.response.start", status = 200, headers = {} }
            send { type = "http.response.body", body = "" }
        end }
    """)
    for number in signal.SIGTERM, signal.SIGINT:
        server = place.start("site:app", "--port", 0)
        eventually(lambda: "started" in server.log(), "the service runs")
        server.wait_until_serving()
        assert seconds_to_end(server, number) < 4
        eq(server.log(), "service started\nservice ended\n")


def test_a_server_whose_connections_have_gone_ends_at_once(place):
    server = place.serve_app(BODY)
    for _ in range(3):
        eq(server.curl(server.url("/hi")).status, 0)
    assert seconds_to_end(server, signal.SIGTERM) < 4


def test_a_signal_during_the_startup_stops_it(place):
    place.write("site.lua", """
        local atlas = require "atlas"
        return { app = function(scope, receive, send)
            if scope.type ~= "lifespan" then return end
            receive()
            io.stderr:write("starting\\n")
            atlas.sleep(0.2)
            send { type = "lifespan.startup.complete" }
            receive()
            io.stderr:write("shut down\\n")
            send { type = "lifespan.shutdown.complete" }
        end }
    """)
    server = place.start("site:app", "--port", 0)
    server.wait_log("starting")
    server.stop(signal.SIGTERM)
    eq(server.log(), "starting\natlas: stopped by SIGTERM while starting\n")


# --- requests that run ---


def check_running_request_is_finished(place, number):
    server = place.serve_app(BODY)
    sock = begin_slow(server, 0.5)
    server.send_signal(number)
    text = receive_all(sock).decode().lower()
    has(text, "200 ok")
    has(text, "answer from 127.0.0.1")
    has(text, "\r\nconnection: close\r\n")
    eq(server.wait(), 0)
    eq(place.read("notes"), "GET started\nGET slept\n")


def test_sigterm_lets_a_running_request_finish(place):
    check_running_request_is_finished(place, signal.SIGTERM)


def test_sigint_lets_a_running_request_finish(place):
    check_running_request_is_finished(place, signal.SIGINT)


def test_new_connections_are_refused_while_a_request_finishes(place):
    server = place.serve_app(BODY)
    sock = begin_slow(server, 1)
    server.send_signal(signal.SIGTERM)
    eventually(lambda: refuses_connections(server), "connections are refused", 0.9)
    has(receive_all(sock).decode(), "200 OK")
    eq(server.wait(), 0)


def test_new_connections_to_a_unix_socket_are_refused_too(place):
    server = place.serve_app(BODY, "--unix", "site.sock", "--host", "127.0.0.1", "--port", 0)
    sock = begin_slow(server, 1)
    server.send_signal(signal.SIGTERM)
    eventually(lambda: server.curl("--unix-socket", "site.sock", "http://a/hi").status == 7,
               "connections are refused", 0.9)
    has(receive_all(sock).decode(), "200 OK")
    eq(server.wait(), 0)


def test_many_running_requests_are_finished(place):
    server = place.serve_app(BODY)
    socks = [begin_slow(server, 0.8) for _ in range(20)]
    server.send_signal(signal.SIGTERM)
    for sock in socks:
        has(receive_all(sock).decode(), "answer from")
    eq(server.wait(), 0)


def test_a_body_that_is_on_its_way_is_received(place):
    server = place.serve_app("""
        local size = 0
        repeat
            local message = receive()
            size = size + #(message.body or "")
        until not message.more_body
        answer(tostring(size))
    """)
    sock = server.connect()
    sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
    time.sleep(0.1)
    server.send_signal(signal.SIGTERM)
    eventually(lambda: refuses_connections(server), "it drains")
    sock.sendall(b"67890")
    has(receive_all(sock).decode(), "\r\n\r\n10")
    eq(server.wait(), 0)


def test_a_response_that_is_on_its_way_is_sent_whole(place):
    server = place.serve_app("""
        send { type = "http.response.start", status = 200, headers = {} }
        for i = 1, 20 do
            atlas.sleep(0.02)
            send { type = "http.response.body", body = ("x"):rep(1000), more_body = true }
        end
        send { type = "http.response.body", body = "the end" }
    """)
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    text = sock.recv(65536)
    server.send_signal(signal.SIGTERM)
    text += receive_all(sock)
    eq(text.count(b"x"), 20000)
    has(text.decode(), "the end\r\n0\r\n\r\n")
    eq(server.wait(), 0)


def test_work_behind_the_response_is_finished(place):
    """LASGI: the lifespan's shutdown comes when all has drained."""
    server = place.serve_app("""
        answer("early")
        atlas.sleep(0.5)
        io.stderr:write("finished behind the response\\n")
    """)
    eq(server.curl(server.url()).out, "early")
    server.stop()
    has(server.log(), "finished behind the response\n")


def test_a_detached_task_of_a_request_is_finished(place):
    server = place.serve_app("""
        atlas.detach(function()
            atlas.sleep(0.5)
            io.stderr:write("detached task finished\\n")
        end)
        answer("early")
    """)
    eq(server.curl(server.url()).out, "early")
    server.stop()
    has(server.log(), "detached task finished\n")


def test_what_a_request_defers_is_run(place):
    server = place.serve_app("""
        atlas.defer(function()
            atlas.sleep(0.3)
            io.stderr:write("deferred\\n")
        end)
        answer("early")
    """)
    eq(server.curl(server.url()).out, "early")
    server.stop()
    has(server.log(), "deferred\n")


def test_a_post_whose_client_has_left_is_finished(place):
    server = place.serve_app(BODY)
    sock = begin_slow(server, 0.5, "POST")
    sock.close()
    time.sleep(0.1)
    server.stop()
    eq(place.read("notes"), "POST started\nPOST slept\n")


# --- idle connections ---


def test_sigterm_answers_an_idle_connection_once_more(place):
    server = place.serve_app(BODY, "--drain-idle", 8)
    client = server.client()
    get(client, "/hi")
    server.send_signal(signal.SIGTERM)
    eventually(lambda: refuses_connections(server), "it drains")
    response, text = get(client, "/hi")
    eq(response.status, 200)
    eq(response.getheader("connection"), "close")
    eq(text, "answer from 127.0.0.1")
    eq(server.wait(5), 0)


def test_sigterm_closes_an_idle_connection_after_drain_idle(place):
    server = place.serve_app(BODY, "--drain-idle", "0.5")
    sock = server.connect()
    sock.sendall(b"GET /hi HTTP/1.1\r\nHost: a\r\n\r\n")
    has(sock.recv(65536).decode(), "200 OK")
    started = time.monotonic()
    server.send_signal(signal.SIGTERM)
    eq(receive_all(sock), b"")
    elapsed = time.monotonic() - started
    assert 0.4 <= elapsed < 4, f"closed after {elapsed:.2f} s"
    eq(server.wait(), 0)


def test_sigterm_closes_a_connection_that_has_sent_nothing_after_drain_idle(place):
    server = place.serve_app(BODY, "--drain-idle", "0.5")
    sock = server.connect()
    eq(server.curl(server.url("/hi")).status, 0)  # by now the other one is accepted
    server.send_signal(signal.SIGTERM)
    eq(receive_all(sock), b"")
    eq(server.wait(), 0)


def test_sigint_closes_idle_connections_at_once(place):
    server = place.serve_app(BODY, "--drain-idle", 30)
    clients = [server.client() for _ in range(5)]
    for client in clients:
        get(client, "/hi")
    assert seconds_to_end(server, signal.SIGINT) < 4


def test_sigint_closes_idle_connections_while_a_request_finishes(place):
    server = place.serve_app(BODY, "--drain-idle", 30)
    idle = server.connect()
    idle.sendall(b"GET /hi HTTP/1.1\r\nHost: a\r\n\r\n")
    has(idle.recv(65536).decode(), "200 OK")
    busy = begin_slow(server, 1)
    started = time.monotonic()
    server.send_signal(signal.SIGINT)
    eq(receive_all(idle), b"")
    assert time.monotonic() - started < 0.9
    has(receive_all(busy).decode(), "200 OK")
    eq(server.wait(), 0)


# --- limits ---


@alone
def test_drain_has_a_limit_that_cancels_what_still_runs(place):
    server = place.serve_app(BODY, "--drain", 1)
    sock = begin_slow(server, 30)
    started = time.monotonic()
    server.send_signal(signal.SIGTERM)
    lacks(receive_all(sock).decode(), "200 OK")
    eq(server.wait(), 0)
    elapsed = time.monotonic() - started
    assert 0.9 <= elapsed < 5, f"ended after {elapsed:.2f} s"
    has(place.read("notes"), "GET started\nGET cancelled")


def test_the_limit_of_drain_cancels_a_post_too(place):
    server = place.serve_app(BODY, "--drain", "0.5")
    sock = begin_slow(server, 30, "POST")
    server.send_signal(signal.SIGTERM)
    receive_all(sock)
    eq(server.wait(), 0)
    has(place.read("notes"), "POST started\nPOST cancelled")


def test_the_limit_of_drain_cuts_a_response_that_nobody_reads(place):
    server = place.serve_app("""
        send { type = "http.response.start", status = 200, headers = {} }
        for i = 1, 10000 do
            if not send { type = "http.response.body", body = ("x"):rep(65536), more_body = true }
            then
                return
            end
        end
    """, "--drain", "0.5")
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    has(sock.recv(100).decode(), "200 OK")
    time.sleep(0.2)
    server.stop()


def test_the_lifespan_shuts_down_behind_the_limit_of_drain(place):
    place.write("site.lua", """
        local atlas = require "atlas"
        return { app = function(scope, receive, send)
            if scope.type == "lifespan" then
                receive()
                send { type = "lifespan.startup.complete" }
                receive()
                io.stderr:write("shut down\\n")
                send { type = "lifespan.shutdown.complete" }
                return
            end
            io.stderr:write("runs\\n")
            local _, err = pcall(atlas.sleep, 30)
            io.stderr:write(tostring(err), "\\n")
        end }
    """)
    server = place.serve("site:app", "--drain", "0.3")
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_log("runs")
    server.stop()
    has(server.log(), "cancelled")
    assert server.log().index("cancelled") < server.log().index("shut down"), server.log()


# --- the second signal ---


def check_second_signal(place, first, second):
    server = place.serve_app(BODY)
    held = begin_slow(server, 60)
    server.send_signal(first)
    eventually(lambda: refuses_connections(server), "it drains")
    started = time.monotonic()
    server.send_signal(second)
    eq(server.wait(), 128 + second)
    assert time.monotonic() - started < 3
    held.close()


def test_a_second_sigterm_ends_it_at_once(place):
    check_second_signal(place, signal.SIGTERM, signal.SIGTERM)


def test_a_second_sigint_ends_it_at_once(place):
    check_second_signal(place, signal.SIGINT, signal.SIGINT)


def test_a_second_signal_of_the_other_kind_ends_it_at_once(place):
    check_second_signal(place, signal.SIGTERM, signal.SIGINT)
    check_second_signal(place, signal.SIGINT, signal.SIGTERM)


def test_a_second_signal_ends_it_even_when_a_handler_never_waits(place):
    server = place.serve_app('io.stderr:write("runs\\n") while true do end')
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_log("runs")
    server.send_signal(signal.SIGINT)
    time.sleep(0.2)
    server.send_signal(signal.SIGINT)
    eq(server.wait(), 128 + signal.SIGINT)
    sock.close()
