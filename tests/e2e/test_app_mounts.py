"""test_app_mounts.py - Applications and LASGI callables mounted in each other.

SPDX-License-Identifier: MIT
"""

import signal
import time

from harness import eq, eventually, has, lacks

HEAD = """
local atlas = require "atlas"
local app = atlas.Application()
local function say(...) io.stderr:write(table.concat({ ... }, " "), "\\n") end
local START = { type = "http.response.start", status = 200, headers = {} }
local function body(text, more)
    return { type = "http.response.body", body = text, more_body = more }
end
"""
AROUND = """
app:use(function(request, next)
    local response = next(request)
    response.headers["x-around"] = "yes"
    return response
end)
"""
TAIL = "\nreturn { app = app }\n"


def serve(place, body, *args):
    place.write("site.lua", HEAD + body + TAIL)
    return place.serve("site:app", *args)


def answer(server, *args):
    """(status and head, body) of curl."""
    out = server.curl("-i", *args).out
    head, _, body = out.partition("\r\n\r\n")
    return head, body


def test_middleware_at_each_level_and_state_of_one_request(place):
    server = serve(place, """
        local function level(name)
            return function(request, next)
                request.state.way = (request.state.way or "") .. name
                local response = next(request)
                response.headers["x-way"] = name .. (response.headers["x-way"] or "")
                return response
            end
        end
        local middle, inner = atlas.Application(), atlas.Application()
        app:use(level "a")
        middle:use(level "b")
        inner:use(level "c")
        inner:get("/", function(request) return request.state.way end, { middleware = { level "d" } })
        middle:mount("/inner", inner)
        app:mount("/middle", middle)
    """)
    for _ in range(2):
        head, body = answer(server, server.url("/middle/inner"))
        eq(body, "abcd")
        has(head, "x-way: abcd\r\n")
    head, _ = answer(server, server.url("/middle/inner/none"))
    has(head, "404 Not Found")
    has(head, "x-way: abc\r\n")
    has(answer(server, server.url("/none"))[0], "x-way: a\r\n")


LASGI = """
    app:mount("/echo", function(scope, receive, send)
        send(START)
        repeat
            local message = receive()
            send(body(message.body, true))
        until not message.more_body
        send(body "")
    end)
    app:mount("/scope", function(scope, receive, send)
        local keys = { "type", "method", "path", "raw_path", "root_path", "query_string", "scheme" }
        for i, key in ipairs(keys) do
            keys[i] = scope[key]
        end
        keys[#keys + 1] = scope.state.started
        keys[#keys + 1] = scope.server[2] > 0 and scope.client[1]
        send(START)
        send(body(table.concat(keys, " ")))
    end)
    app:mount("/half", function(scope, receive, send)
        send(START)
        send(body("half", true))
    end)
    app:mount("/late", function(scope, receive, send)
        send(START)
        send(body("half", true))
        error("too late")
    end)
    app:mount("/none", function() end)
    app:mount("/order", function(scope, receive, send) send(body "x") end)
    app:mount("/status", function(scope, receive, send)
        send { type = "http.response.start", status = "200" }
    end)
    app:mount("/crlf", function(scope, receive, send)
        send { type = "http.response.start", status = 200, headers = { { "x-a", "1\\r\\nx-b: 2" } } }
        send(body "x")
    end)
    app:on_startup(function(state) state.started = "started" end)
"""


def check_lasgi(server):
    big = "x" * 3000000
    server.place.write("big", big)
    eq(len(server.curl("--data-binary", "@big", server.url("/echo")).out), len(big))
    has(server.curl(server.url("/scope/a%2Fb?q=1")).out,
        "http GET /scope/a/b /scope/a%2Fb /scope q=1 http started 127.0.0.1")
    for path in "/half", "/late":
        done = server.curl("-i", server.url(path))
        eq(done.status, 18, path)  # curl: the transfer ended early
    for path in "/none", "/order", "/status", "/crlf":
        head, _ = answer(server, server.url(path))
        has(head, "500 Internal Server Error")
        lacks(head, "x-b")
    server.wait_log("GET /late: .*site.lua:.*: too late")
    server.wait_log(r"GET /order: .*site\.lua:\d+: .*http\.response\.body")
    server.wait_log(r"GET /status: .*site\.lua:\d+: .*status")
    server.wait_log("GET /crlf: .*x-a")


def test_lasgi_callables(place):
    check_lasgi(serve(place, LASGI, "--max-body", "5000000"))


def test_lasgi_callables_inside_middleware(place):
    server = serve(place, LASGI + AROUND, "--max-body", "5000000")
    check_lasgi(server)
    has(answer(server, server.url("/scope"))[0], "x-around: yes")


def test_a_lasgi_callable_inside_middleware_sees_its_client_leave(place):
    server = serve(place, """
        app:mount("/forever", function(scope, receive, send)
            local piece, ok, err = ("x"):rep(65536), nil, nil
            send(START)
            repeat
                ok, err = send(body(piece, true))
            until not ok
            say("left", scope.method, err.code, tostring(pcall(send, body(piece, true))))
        end)
        app:mount("/watch", function(scope, receive, send)
            atlas.spawn(function()
                local message
                repeat message = receive() until message.type == "http.disconnect"
                say("watched")
            end)
            send(START)
            send(body("1", true))
            send(body("2", false))
        end)
        app:mount("/stay", function(scope, receive, send)
            send(START)
            send(body "whole")
            repeat until receive().type == "http.disconnect"
            say("stayed")
        end)
    """ + AROUND)
    for method in "GET", "POST":
        with server.connect() as sock:
            sock.sendall(f"{method} /forever HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 0\r\n\r\n".encode())
            sock.recv(1000)
            time.sleep(0.2)
            before = server.rss()
            time.sleep(0.2)
            assert server.rss() < before + 4096, "it goes on without the client"
        server.wait_log(f"left {method} ECLOSED false")
    eq(answer(server, server.url("/watch"))[1], "12")
    server.wait_log("watched")
    eq(answer(server, server.url("/stay"))[1], "whole")
    server.wait_log("stayed")
    lacks(server.log(), "ERROR")
    server.stop()


def test_a_response_of_a_lasgi_callable_that_middleware_drops(place):
    server = serve(place, """
        app:mount("/dropped", function(scope, receive, send)
            send(START)
            local n, ok, err = 0, nil, nil
            repeat
                n = n + 1
                ok, err = send(body("x", true))
            until not ok
            say("dropped", n, err.code)
        end)
        app:use(function(request, next)
            next(request)
            return "replaced"
        end)
    """)
    for method in "GET", "POST":
        eq(answer(server, "-X", method, server.url("/dropped"))[1], "replaced")
    eventually(lambda: server.log().count("dropped 2 ECLOSED") == 2, "send() for nobody returns")
    server.stop()


def test_an_application_behind_lasgi_middleware_knows_where_it_is(place):
    server = serve(place, """
        local inner = atlas.Application()
        inner:get("/x/{v}", function(request, v)
            return { v = v, root = request.root_path, path = request.path, host = request.host,
                url = request:url_for("x", { v = "q" }), full = request.url,
                state = request.state.started, client = request.client.host }
        end, { name = "x" })
        inner:get("/stream", function()
            return atlas.stream(function(write) write "a" write "b" end)
        end)
        inner:get("/file", function(request) return atlas.file(request.query.path) end)
        inner:get("/boom", function() error("inner boom") end)
        inner:get("/html", function() return atlas.Response "<p>" end)
        inner:get("/slow", function() atlas.sleep(10) end)
        inner:on_error(500, function(_, err) say("handled", tostring(err)) return "handled" end)
        app:mount("/in/{t}", function(scope, receive, send)
            if scope.path:find "rewritten$" then
                scope.path = scope.root_path .. "/x/new"
            end
            return inner(scope, receive, send)
        end)
        app:on_startup(function(state) state.started = "yes" end)
    """)
    eq(server.curl(server.url("/in/a/x/1%2F2")).out.replace(server.url("/")[:-1], "BASE")
       .replace(server.url("/")[7:-1], "HOST"),
       '{"client":"127.0.0.1","full":"BASE/in/a/x/1%2F2","host":"HOST","path":"/in/a/x/1/2",'
       '"root":"/in/a","state":"yes","url":"/in/a/x/q","v":"1/2"}')
    has(server.curl(server.url("/in/a/rewritten")).out, '"v":"new"')
    eq(server.curl(server.url("/in/a/stream")).out, "ab")
    place.write("here.txt", "in a file")
    head, body = answer(server, server.url(f"/in/a/file?path={place.path}/here.txt"))
    has(head, "content-length: 9")
    has(head, "content-type: text/plain")
    eq(body, "in a file")
    eq(server.curl(server.url("/in/a/file?path=here.txt")).out, "in a file")
    for path in "/nowhere", "nowhere", "/tmp", ".":
        has(answer(server, server.url(f"/in/a/file?path={path}"))[0], "404 Not Found")
    has(answer(server, server.url("/in/a/html"))[0], "content-type: text/html; charset=utf-8")
    head, body = answer(server, server.url("/in/a/boom"))
    has(head, "500")
    eq(body, "handled")
    server.wait_log(r"GET /in/a/boom: \./site\.lua:\d+: inner boom\n\s+stack traceback:")
    with server.connect() as sock:
        sock.sendall(b"GET /in/a/slow HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.2)
    server.stop()
    lacks(server.log(), "handled Cancelled")
    lacks(server.log(), "handled cancelled")


def test_start_and_stop_of_mounted_applications(place):
    server = serve(place, """
        local inner = atlas.Application()
        for name, one in pairs { outer = app, inner = inner } do
            for i = 1, 2 do
                one:on_startup(function() say("start", name, i) end)
                one:on_shutdown(function() say("stop", name, i) end)
            end
        end
        inner:on_shutdown(function() error("on purpose") end)
        app:mount("/a", inner)
        app:mount("/b", inner)
    """)
    server.send_signal(signal.SIGTERM)
    eq(server.wait(), 1)
    lines = [line for line in server.log().split("\n") if line.startswith(("start", "stop"))]
    eq(lines, ["start outer 1", "start outer 2", "start inner 1", "start inner 2",
               "stop inner 2", "stop inner 1", "stop outer 2", "stop outer 1"])
    has(server.log(), "on purpose")
