"""test_application.py - atlas.Application behind the real server.

SPDX-License-Identifier: MIT
"""

import json
import re
import time

from harness import eq, eventually, has, lacks, matches

HEAD = 'local atlas = require "atlas"\nlocal app = atlas.Application()\n'
TAIL = "\nreturn { app = app }\n"


def serve(place, body, *args):
    place.write("site.lua", HEAD + body + TAIL)
    return place.serve("site:app", *args)


def answer(server, *args):
    """(status line, body) of curl."""
    out = server.curl("-i", *args).out
    head, _, body = out.partition("\r\n\r\n")
    return head, body


def test_what_handlers_return(place):
    server = serve(place, """
        app:get("/text", function() return "hello" end)
        app:get("/table", function() return { ok = true } end)
        app:get("/html", function() return atlas.html("<p>") end)
        app:get("/empty", function() return atlas.Response("", nil, 204) end)
    """)
    head, body = answer(server, server.url("/text"))
    has(head, "200 OK")
    has(head, "content-type: text/plain; charset=utf-8")
    eq(body, "hello")
    head, body = answer(server, server.url("/table"))
    has(head, "content-type: application/json\r\n")
    eq(json.loads(body), {"ok": True})
    head, _ = answer(server, server.url("/html"))
    has(head, "content-type: text/html; charset=utf-8")
    head, _ = answer(server, server.url("/empty"))
    has(head, "204 No Content")
    lacks(head, "content-type")


def test_a_handler_that_raises_is_a_500_with_its_traceback_in_the_log(place):
    server = serve(place, 'app:get("/", function() error("on purpose") end)')
    head, body = answer(server, server.url("/?secret"))
    has(head, "500 Internal Server Error")
    lacks(body, "purpose")
    server.wait_log(r"GET /: \./site\.lua:3: on purpose\n\s+stack traceback:")


def test_a_handler_that_returns_nothing_is_a_500_that_names_it(place):
    server = serve(place, 'app:get("/", function() end)\napp:get("/five", function() return 5 end)')
    head, _ = answer(server, server.url("/"))
    has(head, "500")
    server.wait_log(r"GET /: the handler at \./site\.lua:3 returned nothing")
    answer(server, server.url("/five"))
    server.wait_log(r"GET /five: the handler at \./site\.lua:4 returned a number")


def test_a_table_that_cannot_be_encoded_is_a_500_that_says_where(place):
    server = serve(place, 'app:get("/", function() return { a = { b = 0/0 } } end)')
    head, _ = answer(server, server.url("/"))
    has(head, "500")
    server.wait_log(r"GET /: the handler at \./site\.lua:3 returned what can't be sent: .*a\.b")


def test_bad_json_in_the_body_is_a_400_that_says_where(place):
    server = serve(place, """
        app:post("/", function(request) return assert(request:json()) end)
        app:post("/returned", function(request) return request:json() end)
    """)
    for path in "/", "/returned":
        head, body = answer(server, "-d", '{"a":\n!}', server.url(path))
        has(head, "400 Bad Request")
        has(body, "line 2")
    lacks(server.log(), "error")


def test_a_redirect_to_another_host_in_disguise_is_refused(place):
    server = serve(place, """
        app:get("/", function(request) return atlas.redirect(request.query.to) end)
    """)
    head, _ = answer(server, server.url("/?to=//evil"))
    has(head, "500")
    lacks(head, "location")
    head, _ = answer(server, server.url("/?to=/fine"))
    has(head, "303 See Other")
    has(head, "location: /fine")


def test_a_header_with_a_line_break_is_a_500_and_forges_nothing(place):
    server = serve(place, r"""
        app:get("/", function()
            return atlas.Response("x", nil, 200, { ["x-a"] = "1\r\nset-cookie: forged=1" })
        end)
    """)
    head, _ = answer(server, server.url("/"))
    has(head, "500")
    lacks(head, "forged")
    server.wait_log("bad response header 'x-a'")


def test_the_same_with_middleware_around(place):
    server = serve(place, """
        app:use(function(request, next) return next(request) end)
        app:get("/nothing", function() end)
        app:get("/raise", function() error("on purpose") end)
        app:get("/nan", function() return { n = 0/0 } end)
        app:get("/abort", function() atlas.abort(403, "no") end)
        app:get("/fine", function() return "fine" end)
    """)
    for path in "/nothing", "/raise", "/nan":
        head, _ = answer(server, server.url(path))
        has(head, "500")
    server.wait_log(r"site\.lua:\d+ returned nothing")
    server.wait_log(r"site\.lua:\d+ returned what can't be sent: .*\.n")
    server.wait_log(r"on purpose\n\s+stack traceback:.*site\.lua")
    eq(answer(server, server.url("/abort"))[1], "no\n")
    eq(answer(server, server.url("/fine"))[1], "fine")


def test_a_stream_that_fails_is_cut_and_logged(place):
    server = serve(place, """
        app:get("/", function()
            return atlas.stream(function(write)
                write("begun")
                error("on purpose")
            end)
        end)
    """)
    done = server.curl("-i", server.url("/"))
    eq(done.status, 18)  # curl: the transfer ended early
    server.wait_log(r"on purpose\n\s+stack traceback")


def test_a_file_that_is_missing_is_answered_by_the_handler_of_404(place):
    server = serve(place, """
        app:get("/", function() return atlas.file "nosuch.txt" end)
        app:on_error(404, function() return atlas.html("<h1>Not here", 404) end)
    """)
    head, body = answer(server, server.url("/"))
    has(head, "404 Not Found")
    has(head, "content-type: text/html; charset=utf-8")
    eq(body, "<h1>Not here")
    eq(server.log(), "")


def test_a_stream_waits_for_the_client_and_ends_when_it_leaves(place):
    server = serve(place, """
        app:get("/", function()
            return atlas.stream(function(write)
                local piece, ok, err = ("x"):rep(65536)
                repeat
                    ok, err = write(piece)
                until not ok
                io.stderr:write("left: ", err.code, "\\n")
            end)
        end)
    """)
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.recv(1000)
        time.sleep(0.3)
        before = server.rss()
        time.sleep(0.3)
        assert server.rss() < before + 4096, "it goes on without the client"
    server.wait_log("left: ECLOSED|Cancelled|cancelled")


def test_on_disconnect_decides_whether_a_handler_goes_on(place):
    server = serve(place, """
        local function handler(name)
            return function()
                local ok = pcall(atlas.sleep, 0.5)
                io.stderr:write(name, ok and " finished" or " cancelled", "\\n")
                return ""
            end
        end
        app:get("/get", handler "get")
        app:get("/get-finish", handler "get-finish", { on_disconnect = "finish" })
        app:post("/post", handler "post")
        app:post("/post-cancel", handler "post-cancel", { on_disconnect = "cancel" })
    """)
    for method, path in ("GET", "get"), ("GET", "get-finish"), \
            ("POST", "post"), ("POST", "post-cancel"):
        with server.connect() as sock:
            sock.sendall(f"{method} /{path} HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 0\r\n\r\n".encode())
            time.sleep(0.1)
    for line in "get cancelled", "get-finish finished", "post finished", "post-cancel cancelled":
        server.wait_log(line)


def test_limits_of_a_route(place):
    server = serve(place, """
        local function size(request) return tostring(#assert(request:body())) end
        app:post("/small", size, { limits = { max_body = 10 } })
        app:post("/large", size, { limits = { max_body = 4000000 } })
        app:get("/slow", function() atlas.sleep(10) return "" end, { limits = { timeout = 0.05 } })
    """, "--max-body", "1000")
    eq(answer(server, "-d", "x" * 10, server.url("/small"))[1], "10")
    has(answer(server, "-d", "x" * 11, server.url("/small"))[0], "413")
    eq(server.log(), "", "the client's mistake")
    place.write("big", "x" * 3000000)
    done = server.curl("--data-binary", "@big", server.url("/large"))
    eq(done.out, "3000000")
    head, body = answer(server, server.url("/slow"))
    has(head, "503 Service Unavailable")


def test_start_up_that_fails_is_exit_3(place):
    place.write("site.lua", HEAD + 'app:on_startup(function() error("no database") end)' + TAIL)
    done = place.run("serve", "site:app", "--port", "0")
    eq(done.status, 3)
    has(done.err, "no database")


def test_requests_after_the_response_are_independent(place):
    server = serve(place, """
        local kept
        app:get("/keep", function(request)
            kept = request
            request.state.mark = "first"
            return "kept"
        end)
        app:get("/read", function(request)
            local ok, err = pcall(function() return kept.path end)
            return tostring(ok) .. " " .. tostring(err):match("request is over")
                .. " " .. tostring(kept.state.mark) .. " " .. tostring(request.state.mark)
        end)
    """)
    server.curl(server.url("/keep"))
    eq(server.curl(server.url("/read")).out, "false request is over first nil")


def test_an_application_inside_lasgi_middleware(place):
    place.write("site.lua", HEAD + """
        app:get("/{name}", function(request, name)
            return name .. " " .. request.query.q .. " " .. request.method
        end)
        app:post("/", function(request) return assert(request:body()) end)
        local function wrapped(scope, receive, send)
            return app(scope, receive, function(message)
                if message.type == "http.response.start" then
                    table.insert(message.headers, { "x-wrapped", "yes" })
                end
                return send(message)
            end)
        end
        return { app = wrapped }
    """)
    server = place.serve("site:app")
    head, body = answer(server, server.url("/bob?q=1"))
    has(head, "x-wrapped: yes")
    has(head, "content-length: 9")
    eq(body, "bob 1 GET")
    eq(answer(server, "-d", "echo", server.url("/"))[1], "echo")


def test_many_requests_share_nothing(place):
    server = serve(place, """
        app:get("/{n:int}", function(request, n)
            request.state.n = n
            atlas.sleep(0.001)
            return { n = request.state.n, path = request.path, query = request.query.n }
        end)
    """)
    urls = [server.url(f"/{n}?n={n}") for n in range(300)]
    out = server.curl("--parallel", "--parallel-max", "30", *urls).out
    answers = [json.loads(text) for text in re.findall(r"{[^}]*}", out)]
    eq(sorted(one["n"] for one in answers), list(range(300)))
    for one in answers:
        eq((one["path"], one["query"]), (f"/{one['n']}", str(one["n"])))


def test_a_child_of_a_handler_that_fails_later_is_logged(place):
    server = serve(place, """
        app:get("/", function()
            atlas.spawn(function()
                atlas.sleep(0.05)
                error("in the child")
            end)
            return "answered"
        end)
    """)
    eq(server.curl(server.url("/")).out, "answered")
    server.wait_log(r"GET /: \./site\.lua:\d+: in the child")


def test_what_is_deferred_runs_after_the_response(place):
    server = serve(place, """
        app:get("/", function()
            atlas.defer(function()
                atlas.sleep(0.05)
                io.stderr:write("deferred\\n")
            end)
            return "now"
        end)
    """)
    eq(server.curl(server.url("/")).out, "now")
    eventually(lambda: "deferred" in server.log(), "the deferred function")


def test_debug_shows_the_error_to_the_client(place):
    place.write("site.lua", """
        local atlas = require "atlas"
        local app = atlas.Application { debug = true }
        app:get("/", function() error("<on purpose>") end)
        return { app = app }
    """)
    server = place.serve("site:app")
    head, body = answer(server, server.url("/"))
    has(head, "500")
    has(body, "&lt;on purpose&gt;")
    matches(r".*text/html.*", head)
