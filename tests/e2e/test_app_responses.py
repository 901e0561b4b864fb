"""test_app_responses.py - what handlers answer with, behind the real server.

SPDX-License-Identifier: MIT
"""

import json

from harness import eq, has, lacks

HEAD = """
local atlas = require "atlas"
local app = atlas.Application()
local Response = atlas.Response
"""
TAIL = "\nreturn { app = app }\n"
AROUND = "app:use(function(request, next) return next(request) end)\n"


def answer(server, *args):
    """(status and head, body) of curl."""
    out = server.curl("-i", *args).out
    head, _, body = out.partition("\r\n\r\n")
    return head + "\r\n", body


# A handler's code -> (status, body, lines of the head).
ANSWERS = {
    'return "hé"': (200, "hé", ["content-type: text/plain; charset=utf-8", "content-length: 3"]),
    'return ""': (200, "", ["content-length: 0"]),
    'return { b = { 1, 2 }, a = "x" }':
        (200, '{"a":"x","b":[1,2]}', ["content-type: application/json"]),
    'return {}': (200, "{}", ["content-type: application/json"]),
    'return atlas.json({ 1, 2 / 1 }, 201)': (201, "[1,2]", ["content-type: application/json"]),
    'return atlas.json(nil)': (200, "null", []),
    'return atlas.html "<p>"': (200, "<p>", ["content-type: text/html; charset=utf-8"]),
    'return atlas.text("x", 202)': (202, "x", ["content-type: text/plain; charset=utf-8"]),
    'return Response "x"': (200, "x", ["content-type: text/html; charset=utf-8"]),
    'return Response("x", "text/css; charset=latin1", 203)':
        (203, "x", ["content-type: text/css; charset=latin1"]),
    'return Response("x", "image/png")': (200, "x", ["content-type: image/png"]),
    'return Response(12)': (200, "12", []),
    'return Response("ignored", nil, 204)': (204, "", []),
    'return Response("x", nil, 200, { ["X-A"] = "1", ["x-b"] = { "2", "3" }, ["x-n"] = 7 })':
        (200, "x", ["x-a: 1", "x-b: 2", "x-b: 3", "x-n: 7"]),
    'return Response("x", nil, 200, { { "X-A", "1" }, { "x-a", "2" }, ["x-c"] = "3" })':
        (200, "x", ["x-a: 1", "x-a: 2", "x-c: 3"]),
    'return Response("x", "text/html", 200, { ["Content-Type"] = "a/b" })':
        (200, "x", ["content-type: a/b"]),
    'local r = Response "x" r.status_code = 404 r.content = "y" return r': (404, "y", []),
    'return atlas.redirect "/there?a=b"': (303, "", ["location: /there?a=b"]),
    'return atlas.redirect("https://example.org/é", 308)':
        (308, "", ["location: https://example.org/%C3%A9"]),
    'return nil, atlas.HTTPError(418, "short and stout")': (418, "short and stout\n", []),
    'return atlas.HTTPError(404)': (404, "Not Found\n", []),
    'atlas.abort(401, "who?", { ["www-authenticate"] = "Basic" })':
        (401, "who?\n", ["www-authenticate: Basic", "content-type: text/plain; charset=utf-8"]),
    'return Response("x"):set_cookie("a", "b c;d")':
        (200, "x", ["set-cookie: a=b%20c%3Bd; Path=/; HttpOnly; SameSite=Lax"]),
    'return Response("x"):set_cookie("a", "1", { max_age = 60, path = "/x", domain = '
    '"example.org", secure = true, http_only = false, same_site = "None" }):set_cookie("b", "2")':
        (200, "x", ["set-cookie: a=1; Path=/x; Domain=example.org; Max-Age=60; Secure; "
                    "SameSite=None", "set-cookie: b=2; Path=/; HttpOnly; SameSite=Lax"]),
    'return Response("x"):delete_cookie("a")': (200, "x", ["Max-Age=0"]),
    'return atlas.stream(function(write) write "a" write "" write "b" end)':
        (200, "ab", ["content-type: application/octet-stream", "transfer-encoding: chunked"]),
    'return atlas.stream(function() end, { status = 202, content_type = "text/plain" })':
        (202, "", ["content-type: text/plain; charset=utf-8"]),
    'return atlas.stream(function(write) atlas.spawn(write, "child"):await() end)':
        (200, "child", []),
    'return atlas.file "here.txt"':
        (200, "in a file\n", ["content-type: text/plain; charset=utf-8", "content-length: 10"]),
    'return atlas.file("here.txt", { root = ".", download = "naïve.txt" })':
        (200, "in a file\n", ["content-disposition: attachment; filename*=UTF-8''na%C3%AFve.txt"]),
    'return atlas.file("../../etc/passwd", { root = "." })': (404, "Not Found\n", []),
    'return atlas.file "nowhere"': (404, "Not Found\n", []),
    'return atlas.file "."': (404, "Not Found\n", []),
    'return coroutine.wrap(function() atlas.sleep(0.001) coroutine.yield "wrapped" end)()':
        (200, "wrapped", []),
}


def check_answers(place, around, behind=""):
    place.write("here.txt", "in a file\n")
    routes = "".join(f'app:get("/{i}", function(request) {code} end)\n'
                     for i, code in enumerate(ANSWERS))
    place.write("site.lua", HEAD + around + routes + behind + TAIL)
    server = place.serve("site:app")
    for i, (code, (status, body, lines)) in enumerate(ANSWERS.items()):
        head, got = answer(server, server.url(f"/{i}"))
        eq((int(head.split()[1]), got), (status, body), code)
        for line in lines:
            has(head.lower(), (f"{line}\r\n" if ": " in line else line).lower())
        eq(head.lower().count("content-type"), 0 if status == 204 else 1, code + head)
        if status == 204:
            lacks(head, "content-length")
        length = [line for line in head.split("\r\n") if line.startswith("content-length")]
        head, got = answer(server, "-I", server.url(f"/{i}"))
        eq((int(head.split()[1]), got), (status, ""), code)
        for line in length:
            has(head, line)
    lacks(server.log(), " ERROR ")


def test_answers(place):
    check_answers(place, "")


def test_answers_inside_middleware(place):
    check_answers(place, AROUND)


def test_answers_behind_lasgi_middleware(place):
    check_answers(place, "", "local around = app\napp = function(...) return around(...) end\n")


def test_middleware_changes_every_part_of_a_response(place):
    place.write("site.lua", HEAD + """
        app:use(function(request, next)
            local response = next(request)
            response.headers["x-was"] = response.status .. " " .. tostring(response.content_type)
            response.status = 299
            response.content_type = "text/x-new"
            if response.body then response.body = response.body .. "!" end
            response:set_cookie("c", "1")
            return response
        end)
        app:get("/text", function() return "text" end)
        app:get("/json", function() return { 1 } end)
        app:get("/abort", function() return nil, atlas.HTTPError(404) end)
        app:get("/stream", function() return atlas.stream(function(write) write "s" end) end)
    """ + TAIL)
    server = place.serve("site:app")
    for path, was, body in (("/text", "200 text/plain", "text!"),
                            ("/json", "200 application/json", "[1]!"),
                            ("/abort", "404 text/plain", "Not Found\n!"),
                            ("/none", "404 text/plain", "Not Found\n!"),
                            ("/stream", "200 application/octet-stream", "s")):
        head, got = answer(server, server.url(path))
        has(head, "HTTP/1.1 299")
        has(head, f"x-was: {was}")
        has(head, "content-type: text/x-new; charset=utf-8\r\n")
        has(head, "set-cookie: c=1;")
        eq(got, body)


def test_numbers_of_any_size_are_exact(place):
    place.write("site.lua", HEAD + """
        app:post("/", function(request) return { back = assert(request:json()) } end)
    """ + TAIL)
    server = place.serve("site:app")
    for text in "9007199254740992", "-9007199254740992", "1", "0.5", "[]", "{}", "null":
        out = server.curl("-d", text, server.url("/")).out
        eq(out, f'{{"back":{text}}}')
    for text in "9007199254740993", "123456789012345678901234567890":
        head, body = answer(server, "-d", text, server.url("/"))
        if " 200 " in head:
            assert json.loads(body)["back"] in (int(text), text), body
        else:
            has(head, " 400 ")
