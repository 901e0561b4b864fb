"""test_app_requests.py - what handlers read of a request, behind the server.

SPDX-License-Identifier: MIT
"""

import json
import re
import time

from harness import eq, has

HEAD = 'local atlas = require "atlas"\nlocal app = atlas.Application()\n'
TAIL = "\nreturn { app = app }\n"
AROUND = "app:use(function(request, next) return next(request) end)\n"


def serve(place, body, *args):
    place.write("site.lua", HEAD + body + TAIL)
    return place.serve("site:app", *args)


def answer(server, *args):
    """(status and head, body) of curl."""
    out = server.curl("-i", *args).out
    head, _, body = out.partition("\r\n\r\n")
    return head, body


def talk(server, *pieces, pause=0.05):
    """What comes back for bytes that are sent piece by piece."""
    with server.connect() as sock:
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(pause)
        text = b""
        while piece := sock.recv(65536):
            text += piece
    return text.decode(errors="replace")


def test_fields(place):
    server = serve(place, """
        app:on_startup(function(state) state.started = { "shared" } state.n = 1 end)
        app:get("/f/{a}", function(request)
            request.state.n = request.state.n + 1
            return {
                method = request.method, path = request.path, raw = request.raw_path,
                root = request.root_path, query = request.query_string, scheme = request.scheme,
                host = request.host, url = request.url, version = request.http_version,
                client = request.client.host, client1 = request.client[1],
                port = request.client.port == request.client[2] and request.client.port > 0,
                id = request.id, a = request.params.a, route = request.route.path,
                state = request.state.n, started = request.state.started[1],
                unset = request.session == nil and request.user == nil,
                same = request.query == request.query and request.headers == request.headers
                    and request.state == request.state,
            }
        end)
    """)
    for _ in range(2):
        got = json.loads(server.curl(server.url("/f/x%2Fy?q=%201")).out)
        request_id = got.pop("id")
        assert re.fullmatch("[0-9a-f]{16}", request_id), request_id
        base = server.url("/")[:-1]
        eq(got, {"method": "GET", "path": "/f/x/y", "raw": "/f/x%2Fy", "root": "",
                 "query": "q=%201", "scheme": "http", "host": base[7:],
                 "url": base + "/f/x%2Fy?q=%201", "version": "1.1", "client": "127.0.0.1",
                 "client1": "127.0.0.1", "port": True, "a": "x/y", "route": "/f/{a}",
                 "state": 2, "started": "shared", "unset": True, "same": True})


def test_query_cookies_and_headers_are_read_whatever_was_sent(place):
    server = serve(place, """
        app:get("/", function(request)
            local function list(multi)
                local all = {}
                for name, value in multi:each() do all[#all + 1] = name .. "=" .. value end
                return table.concat(all, "|")
            end
            local headers = request.headers
            return table.concat({
                list(request.query), list(request.cookies), request.query.a or "-",
                table.concat(request.query:all "a", ","), #request.query:all "none",
                request.cookies.sid or "-", headers["X-Two"], headers["x-two"],
                table.concat(headers:all "X-TWO", ","), tostring(headers.none),
                type(request.query.all), type(request.query.each),
            }, "\\n")
        end)
    """)
    text = talk(server, b"GET /?a=1&a=2&=x&b&c=%zz&d=%&e=%c3%a4+%2B&f=%00&all=1&each=2&&%61=3&g=%ff "
                b"HTTP/1.1\r\nHost: a\r\nX-Two: one\r\nx-two: two\r\nConnection: close\r\n"
                b"Cookie: sid=one; other=%zz; ; =nameless; sid=\"two\"; noequals; =\r\n"
                b"Cookie: sid=three\r\n\r\n", pause=0)
    lines = text.partition("\r\n\r\n")[2].split("\n")
    has(text, "200 OK")
    has(lines[0], "a=1|a=2|")
    has(lines[0], "c=%zz|d=%|e=ä +|f=\0|all=1|each=2|a=3")
    has(lines[1], "sid=one|")
    has(lines[1], "sid=three")
    eq(lines[2:5], ["1", "1,2,3", "0"])
    eq(lines[5:], ["one", "one", "one", "one,two", "nil", "function", "function"])


BODIES = """
    local function show(value, err)
        return tostring(value) .. " " .. tostring(err and err.status) .. " "
            .. tostring(atlas.HTTPError.is(err))
    end
    app:post("/body", function(request)
        local body, err = request:body()
        local again, err2 = request:body()
        assert(body == again and err == err2)
        io.stderr:write("body ", show(body and #body, err), "\\n")
        return body and tostring(#body), err
    end)
    app:post("/json", function(request)
        return { got = assert(request:json()) }
    end)
    app:post("/returned", function(request)
        local value, err = request:json()
        return value, err
    end)
    app:post("/stream", function(request)
        local n, pieces = 0, 0
        for piece in request:stream() do
            n, pieces = n + #piece, pieces + 1
        end
        return n .. " " .. tostring(pieces > 1)
    end)
    app:post("/stream-then-body", function(request)
        for _ in request:stream() do break end
        return tostring(select(2, pcall(request.body, request)))
    end)
    app:post("/body-then-stream", function(request)
        local body = assert(request:body())
        local again = {}
        for piece in request:stream() do again[#again + 1] = piece end
        return tostring(table.concat(again) == body)
    end)
    app:post("/children", function(request)
        local tasks = {}
        for i = 1, 2 do tasks[i] = atlas.spawn(function() return request:body() end) end
        local first, second = { tasks[1]:pawait() }, { tasks[2]:pawait() }
        return tostring(first[2]) .. "|" .. tostring(second[2])
    end)
    app:post("/left", function(request)
        atlas.spawn(function()
            local body, err = request:body()
            io.stderr:write("left ", tostring(body), " ", tostring(atlas.HTTPError.is(err)), "\\n")
        end)
        atlas.sleep(0.1)
        return "early"
    end)
"""


def check_bodies(place, around):
    server = serve(place, around + BODIES, "--max-body", "2000000", "--body-timeout", "0.5")
    place.write("big", "x" * 1500000)
    place.write("bigger", "x" * 2500000)
    eq(server.curl("--data-binary", "@big", server.url("/body")).out, "1500000")
    eq(server.curl("--data-binary", "@big", server.url("/stream")).out, "1500000 true")
    eq(server.curl("-X", "POST", server.url("/stream")).out, "0 false")
    for path in "/body", "/stream", "/json", "/returned":
        for more in (), ("-H", "Transfer-Encoding: chunked"):
            head, _ = answer(server, "-H", "Content-Type: application/json", "-H", "Expect:",
                             "--data-binary", "@bigger", *more, server.url(path))
            has(head, "413 ")
    late = b" HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf"
    torn = b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
    for path in b"/body", b"/stream", b"/json":
        has(talk(server, b"POST " + path + late), "408 Request Timeout")
        has(talk(server, b"POST " + path + torn), "400 Bad Request")
    server.wait_log("body nil 413 true")
    server.wait_log("body nil 408 true")
    server.wait_log("body nil 400 true")

    for path in "/json", "/returned":
        for text, part in {'{"a":\n!}': "line 2", "": "line 1", "{'a':1}": "line 1",
                           "[1] x": "line 1", "NaN": "line 1"}.items():
            head, body = answer(server, "-H", "Content-Type: application/json",
                                "--data-binary", text, server.url(path))
            has(head, "400 Bad Request")
            has(body, part)
        for kind in "text/plain", "multipart/form-data; boundary=x", "TEXT/html":
            has(answer(server, "-H", f"Content-Type: {kind}", "-d", "{}", server.url(path))[0],
                "415 Unsupported Media Type")
        for kind in ("application/json", "application/problem+json; charset=utf-8", "text/json",
                     "application/x-www-form-urlencoded", ""):
            has(answer(server, "-H", f"Content-Type: {kind}", "-d", '{"a":1}', server.url(path))[0],
                "200 OK")
    has(server.curl("-d", "abc", server.url("/stream-then-body")).out, "request:stream()")
    eq(server.curl("-d", "abc", server.url("/body-then-stream")).out, "true")
    head = b"POST /children HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\n"
    has(talk(server, head + b"abc", b"def"), "abcdef|")
    has(talk(server, head + b"abc", b"def"), "another task is in receive already")
    with server.connect() as sock:
        sock.sendall(b"POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        has(sock.recv(1000).decode(), "200 OK")
    server.wait_log("left nil true")
    assert " ERROR " not in server.log(), server.log()


def test_bodies(place):
    check_bodies(place, "")


def test_bodies_inside_middleware(place):
    check_bodies(place, AROUND)


def test_a_body_is_read_no_faster_than_the_handler_asks(place):
    server = serve(place, """
        app:post("/", function(request)
            local n = 0
            for piece in request:stream() do
                n = n + #piece
                if n > 100000 then break end
            end
            io.stderr:write("waiting\\n")
            atlas.sleep(0.5)
            for piece in request:stream() do n = n + #piece end
            return tostring(n)
        end, { limits = { max_body = 100000000 } })
    """)
    with server.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n"
                     b"Connection: close\r\n\r\n")
        sock.setblocking(False)
        sent, piece, before = 0, b"x" * 65536, server.rss()
        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            try:
                sent += sock.send(piece)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 40000000, f"{sent} bytes went into a handler that doesn't read"
        assert server.rss() < before + 16 * 2 ** 20
        sock.settimeout(20)
        while sent < 60000000:
            sent += sock.send(piece[:60000000 - sent])
        text = b""
        while got := sock.recv(1000):
            text += got
    has(text.decode(), "60000000")


def test_a_request_that_is_over_says_so(place):
    server = serve(place, """
        local kept
        app:post("/keep", function(request)
            kept = { request = request, headers = request.headers, query = request.query,
                each = request.headers:each() }
            return "kept"
        end)
        app:get("/", function()
            local lines = {}
            local function try(name, fn)
                local ok, err = pcall(fn)
                lines[#lines + 1] = ("%s %s %s"):format(name, tostring(ok),
                    tostring(err):match "the request is over" or tostring(err))
            end
            try("path", function() return kept.request.path end)
            try("query", function() return kept.query.a end)
            try("cookies", function() return kept.request.cookies end)
            try("headers", function() return kept.headers.host end)
            try("all", function() return kept.headers:all "host" end)
            try("each", function() return kept.each() end)
            try("body", function() return kept.request:body() end)
            try("json", function() return kept.request:json() end)
            try("url_for", function() return kept.request:url_for "x" end)
            try("state", function() return kept.request.state end)
            try("tostring", function() return tostring(kept.request) end)
            try("set", function() kept.request.x = 1 return kept.request.x end)
            return table.concat(lines, "\\n")
        end)
    """)
    server.curl("-d", "abc", server.url("/keep?a=1"))
    lines = dict(line.split(" ", 1) for line in server.curl(server.url("/")).out.split("\n"))
    over = "false the request is over"
    eq(lines, {"path": over, "query": "true 1", "cookies": over, "headers": over, "all": over,
               "each": "true nil", "body": over, "json": over, "url_for": over, "state": over,
               "tostring": "true atlas.Request (over)", "set": "true 1"})


def test_children_read_the_request_and_know_its_id(place):
    server = serve(place, """
        local log = require("atlas.logging").get_logger "site"
        app:get("/{n:int}", function(request, n)
            local parts = atlas.all {
                function() atlas.sleep(0.01) log:info("child " .. n) return request.path end,
                function() return request.query.q end,
                function() atlas.sleep(0.02) return request.headers.host end,
            }
            return table.concat(parts, " ") .. " " .. request.id
        end)
    """)
    for n in range(3):
        words = server.curl(server.url(f"/{n}?q=v{n}")).out.split()
        eq(words[:2], [f"/{n}", f"v{n}"])
        server.wait_log(rf"site\[{words[3]}\]: child {n}")


def test_limits_of_a_route_inside_middleware(place):
    server = serve(place, AROUND + """
        app:post("/small", function(request) return tostring(#assert(request:body())) end,
            { limits = { max_body = 10 } })
        app:get("/slow", function() atlas.sleep(10) return "" end, { limits = { timeout = 0.05 } })
        local inner = atlas.Application()
        inner:post("/small", function(request) return tostring(#assert(request:body())) end,
            { limits = { max_body = 10 } })
        app:mount("/in", inner)
    """)
    for path in "/small", "/in/small":
        eq(answer(server, "-d", "x" * 10, server.url(path))[1], "10")
        has(answer(server, "-d", "x" * 11, server.url(path))[0], "413")
    has(answer(server, server.url("/slow"))[0], "503 Service Unavailable")
