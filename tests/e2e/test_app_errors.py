"""test_app_errors.py - what becomes of handlers that fail, behind the server.

SPDX-License-Identifier: MIT
"""

from harness import eq, has, lacks

HEAD = """
local atlas = require "atlas"
local app = atlas.Application()
local Response = atlas.Response
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


# A handler's code -> what the log says of it behind "GET /N: ".
FAILURES = {
    'error("on purpose")': r"\./site\.lua:\d+: on purpose",
    'error({})': "table: ",
    'error()': "nil",
    'error(false)': "false",
    'error(io.stdout)': "file ",
    'error(setmetatable({}, { __tostring = function() error("bomb") end }))': "an error that is a",
    'return nil, "no luck"': "no luck",
    'return nil, false': "false",
    '': r"the (handler|function) at \./site\.lua:\d+ returned nothing",
    'return 5': r"the (handler|function) at \./site\.lua:\d+ returned a number",
    'return print': r"at \./site\.lua:\d+ returned a function",
    'return true': "returned a boolean",
    'return { a = { b = 0/0 } }': r"can't be sent: .*a\.b",
    'return { f = print }': r"can't be sent: .*\.f",
    'local t = {} t.t = t return t': r"can't be sent: .*\.t",
    'return { 1, nil, 3, x = 1 }': "can't be sent: ",
    'return Response({})': "response body: a string expected, got table",
    'return Response("x", nil, 42)': "response status: .* got 42",
    'return Response("x", nil, 101)': "response status: .* got 101",
    'return Response("x", nil, 200.5)': r"response status: .* got 200\.5",
    'return Response("x", nil, "200")': "response status: .* got 200",
    'return Response("x", nil, 200, "x: y")': "response headers: a table expected, got string",
    'return Response("x", nil, 200, { "x" })': "response headers: name = value",
    'return Response("x", nil, 200, { { "x" } })': "response header x: .* got nil",
    'return Response("x", nil, 200, { x = print })': "response header x: .* got function",
    r'return Response("x", nil, 200, { ["x-a"] = "1\r\nx-forged: 1" })':
        "bad response header 'x-a'",
    r'return Response("x", nil, 200, { ["x-a\r\nx-forged"] = "1" })': "bad response header",
    r'return Response("x", nil, 200, { ["x a"] = "1" })': "bad response header 'x a'",
    r'return Response("x", nil, 200, { ["x-a"] = "a\0b" })': "bad response header 'x-a'",
    r'return Response("x", "text/html\r\nx-forged: 1")': "bad content type",
    'return Response("x", nil, 200, { ["content-length"] = 7 })': "content-length is another",
    r'local r = Response "x" r.cookies = { "a=b\r\nx-forged: 1" } return r': "bad cookie",
    'local r = Response "x" r.cookies = { {} } return r': "cookies: strings expected, got table",
    r'return Response("x"):set_cookie("a\r\n", "b")': "set_cookie",
    'return Response("x"):set_cookie("a", "b", { same_site = "Any" })': "same_site",
    'return Response("x"):set_cookie("a", "b", { max_age = "1" })': "max_age",
    'return Response("x"):set_cookie("a", "b", { same_site = "None" })': "set_cookie 'a': ",
    r'atlas.abort(404, "x", { ["x\r\nx-forged"] = "1" })': "bad response header",
    'local e = atlas.HTTPError(404) e.status = 5 error(e)': "status",
    'atlas.abort(200)': "HTTPError: a status from 400 to 599",
    'return atlas.redirect "//evil"': "redirect: ",
    r'return atlas.redirect "/\\evil"': "redirect: ",
    r'return atlas.redirect "/a\r\nx-forged: 1"': "redirect: ",
    'return atlas.redirect "javascript:alert(1)"': "redirect: ",
    'return atlas.redirect()': "redirect: a path or a URL expected, got nil",
    'return atlas.redirect("/", 200)': "redirect: a status of 301, 302, 303, 307 or 308",
    'return atlas.stream(5)': "stream: a function expected",
    'return atlas.stream(function() error("early") end)': r"site\.lua:\d+: early",
    'return atlas.stream(function(write) write({}) end)': "string expected, got table",
    'return setmetatable({}, Response)': "response status",
    'coroutine.wrap(function() error("inside") end)()': "inside",
}


def check_failures(place, around):
    routes = "".join(f'app:get("/{i}", function(request) {code} end)\n'
                     for i, code in enumerate(FAILURES))
    server = serve(place, around + routes)
    for i, (code, line) in enumerate(FAILURES.items()):
        head, body = answer(server, server.url(f"/{i}"))
        has(head, "500 Internal Server Error")
        lacks(head, "x-forged")
        eq(body, "500 Internal Server Error\n", code)
        server.wait_log(rf"GET /{i}: [^\n]*{line}")
    eq(server.log().count(" ERROR "), len(FAILURES), server.log())


def test_a_failure_is_a_500_and_one_line_that_tells_it(place):
    check_failures(place, "")


def test_the_same_inside_middleware(place):
    check_failures(place, "app:use(function(request, next) return next(request) end)\n")


def test_on_error_gets_each_of_them(place):
    routes = "".join(f'app:get("/{i}", function(request) {code} end)\n'
                     for i, code in enumerate(FAILURES))
    server = serve(place, 'app:on_error(500, function() return "sorry" end)\n' + routes)
    for i, (code, line) in enumerate(FAILURES.items()):
        head, body = answer(server, server.url(f"/{i}"))
        has(head, "500 Internal Server Error")
        if "HTTPError" not in code and "abort(404" not in code:  # these are no 500
            eq(body, "sorry", code)
        server.wait_log(rf"GET /{i}: [^\n]*{line}")
    eq(server.log().count(" ERROR "), len(FAILURES), server.log())


HANDLERS = """
    local Missing = { __name = "Missing", __tostring = function() return "a Missing" end }
    app:on_error(404, function(request, err)
        if request.query.fail then error("the 404 handler") end
        if request.query.nothing then return end
        return "no " .. request.path .. ": " .. err.message
    end)
    app:on_error(405, function() return Response("not so", "text/plain", 405) end)
    app:on_error(500, function(request, err)
        if request.query.fail500 then error("the 500 handler") end
        if request.query.abort then atlas.abort(503, "down") end
        return "sorry: " .. tostring(err)
    end)
    app:on_error(Missing, function() return Response("missing", nil, 410) end)
    app:on_error(atlas.Timeout, function() return Response("slow", nil, 504) end)
    app:get("/boom", function() error("boom") end)
    app:get("/missing", function() error(setmetatable({}, Missing)) end)
    app:get("/slow", function() atlas.timeout(0.01, atlas.sleep, 5) end)
    app:get("/abort", function() atlas.abort(404, "no note", { ["x-a"] = "1" }) end)
    app:get("/returned", function() return nil, atlas.HTTPError(404) end)
    app:get("/file", function() return atlas.file "nowhere" end)
    app:get("/stream", function()
        return atlas.stream(function() error(setmetatable({}, Missing)) end)
    end)
    app:get("/late", function()
        return atlas.stream(function(write) write("begun") error("late") end)
    end)
    local inner = atlas.Application()
    inner:on_error(404, function() return "inner 404" end)
    inner:get("/boom", function() error("boom") end)
    inner:get("/missing", function() error(setmetatable({}, Missing)) end)
    app:mount("/in", inner)
"""


def check_handlers(server):
    for path, want in {
            "/none": ("404 Not Found", "no /none: Not Found"),
            "/abort": ("404 Not Found", "no /abort: no note"),
            "/returned": ("404 Not Found", "no /returned: Not Found"),
            "/file": ("404 Not Found", "no /file: Not Found"),
            "/missing": ("410 Gone", "missing"),
            "/stream": ("410 Gone", "missing"),
            "/slow": ("504 Gateway Timeout", "slow"),
            "/in/none": ("404 Not Found", "inner 404"),
            "/in/missing": ("410 Gone", "missing"),
            "/boom?abort=1": ("503 Service Unavailable", "down\n"),
            "/boom?fail500=1": ("500 Internal Server Error", "500 Internal Server Error\n")}.items():
        head, body = answer(server, server.url(path))
        has(head, want[0])
        eq(body, want[1], path)
    for path in "/boom", "/in/boom":
        head, body = answer(server, server.url(path))
        has(head, "500")
        has(body, "sorry: ./site.lua")
        server.wait_log(rf"GET {path}: \./site\.lua:\d+: boom\n\s+stack traceback:")
    eq(answer(server, "-X", "PUT", server.url("/boom"))[1], "not so")
    has(answer(server, server.url("/none?fail=1"))[1], "the 404 handler")
    has(answer(server, server.url("/none?nothing=1"))[1], "returned nothing")
    eq(server.curl(server.url("/late")).status, 18)
    server.wait_log("GET /none: .*the 404 handler")
    server.wait_log("GET /boom: .*the 500 handler")
    server.wait_log("GET /late: .*: late")
    lacks(server.log(), "a Missing")  # it was expected


def test_on_error_for_statuses_and_classes(place):
    check_handlers(serve(place, HANDLERS))


def test_on_error_with_middleware_around(place):
    check_handlers(serve(
        place, "app:use(function(request, next) return next(request) end)" + HANDLERS))


def test_on_error_behind_lasgi_middleware(place):
    server = serve(place, HANDLERS + """
        local around = app
        app = function(...) return around(...) end
    """)
    check_handlers(server)


def test_middleware_that_misbehaves(place):
    server = serve(place, """
        local calls = 0
        app:use(function(request, next)
            local how = request.query.how
            if how == "nothing" then next(request) return end
            if how == "number" then return 5 end
            if how == "raise" then error("in the middleware") end
            if how == "abort" then atlas.abort(401, "who?") end
            if how == "twice" then next(request) end
            if how == "early" then return "early" end
            if how == "header" then
                local response = next(request)
                response.headers["x-a"] = "1\\r\\nx-b: 2"
                return response
            end
            return next(request)
        end)
        app:get("/", function() calls = calls + 1 return "call " .. calls end)
    """)
    for how, line in {"nothing": r"the function at \./site\.lua:\d+ returned nothing",
                      "number": r"the function at \./site\.lua:\d+ returned a number",
                      "raise": r"\./site\.lua:\d+: in the middleware\n\s+stack traceback:",
                      "header": "bad response header 'x-a'"}.items():
        head, _ = answer(server, server.url(f"/?how={how}"))
        has(head, "500")
        lacks(head, "x-b")
        server.wait_log(f"GET /: .*{line}")
    eq(answer(server, server.url("/?how=early"))[1], "early")
    head, body = answer(server, server.url("/?how=abort"))
    has(head, "401 Unauthorized")
    eq(body, "who?\n")
    eq(answer(server, server.url("/?how=twice"))[1], "call 4")
    eq(answer(server, server.url("/"))[1], "call 5")


def test_the_page_of_debug_escapes_and_only_debug_tells(place):
    place.write("site.lua", """
        local atlas = require "atlas"
        local app, shown = atlas.Application(), atlas.Application { debug = true }
        for _, one in ipairs { app, shown } do
            one:get("/raise", function()
                local function deep() error("<script>secret</script>") end
                deep()
            end)
            one:get("/nothing", function() end)
            one:get("/abort", function() atlas.abort(409, "clash") end)
        end
        app:mount("/shown", shown)
        return { app = app }
    """)
    server = place.serve("site:app")
    for path in "/raise", "/nothing":
        head, body = answer(server, server.url(path))
        eq(body, "500 Internal Server Error\n")
        head, body = answer(server, server.url("/shown" + path + "?<b>"))
        has(head, "500 Internal Server Error")
        has(head, "content-type: text/html; charset=utf-8")
        has(body, "site.lua:")
        lacks(body, "<script>secret")
        lacks(body, "<b>")
        server.wait_log(f"GET /shown{path}: ")
    has(answer(server, server.url("/shown/raise"))[1], "&#39;deep&#39;")
    eq(answer(server, server.url("/shown/abort"))[1], "clash\n")
