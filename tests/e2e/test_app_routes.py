"""test_app_routes.py - an Application's routes behind the real server.

SPDX-License-Identifier: MIT
"""

from harness import eq, has, lacks

HEAD = 'local atlas = require "atlas"\nlocal app = atlas.Application()\n'
TAIL = "\nreturn { app = app }\n"


def serve(place, body, *args):
    place.write("site.lua", HEAD + body + TAIL)
    return place.serve("site:app", *args)


def ask(server, target, method="GET", headers="Host: a\r\n"):
    """(status, head, body) of one request whose target is sent as it is."""
    with server.connect() as sock:
        sock.sendall(f"{method} {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n".encode(
            "utf-8", "surrogateescape"))
        text = b""
        while piece := sock.recv(65536):
            text += piece
    head, _, body = text.decode("utf-8", "replace").partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


def test_converters_take_what_they_say_and_nothing_else(place):
    server = serve(place, """
        for _, kind in ipairs { "string", "int", "number", "path", "uuid", "slug" } do
            app:get("/" .. kind .. "/{v:" .. kind .. "}/end", function(_, v)
                return ("%s %s"):format(type(v), type(v) == "number" and ("%.17g"):format(v) or v)
            end)
        end
    """)
    uuid = "123e4567-E89B-12d3-a456-426614174000"
    for target, want in {
            "/string/a.b/end": "string a.b",
            "/int/42/end": "number 42",
            "/int/007/end": "number 7",
            "/int/9007199254740992/end": "number 9007199254740992",
            "/number/1.5/end": "number 1.5",
            "/number/12/end": "number 12",
            "/path/a/b//c/end": "string a/b//c",
            f"/uuid/{uuid}/end": f"string {uuid}",
            "/slug/a-b_9/end": "string a-b_9"}.items():
        eq(ask(server, target)[::2], (200, want), target)
    for target in ("/int/9007199254740993/end", "/int/99999999999999999999999/end",
                   "/int/-1/end", "/int/1.0/end", "/int/0x10/end", "/int/1e3/end", "/int//end",
                   "/number/1e5/end", "/number/.5/end", "/number/nan/end", "/number/inf/end",
                   f"/uuid/{uuid[:-1]}/end", f"/uuid/{uuid[:-1]}g/end", "/slug/a.b/end",
                   "/slug/%C3%A4/end", "/string//end"):
        eq(ask(server, target)[0], 404, target)


def test_escapes_in_paths(place):
    server = serve(place, """
        app:get("/seg/{v}/end", function(request, v) return v .. "|" .. request.path end)
        app:get("/fest/straße", function() return "utf-8" end)
        app:get("/a/b", function() return "static" end)
        app:get("/rest/{v:path}", function(_, v) return "[" .. v .. "]" end)
    """)
    for target, want in {
            "/seg/a%2Fb/end": "a/b|/seg/a/b/end",
            "/seg/%2e%2e/end": "..|/seg/../end",
            "/seg/../end": "..|/seg/../end",
            "/seg/%C3%A4%20%25/end": "ä %|/seg/ä %/end",
            "/fest/stra%C3%9Fe": "utf-8",
            "/%61/b": "static",
            "/rest/": "[]",
            "/rest/a//b/": "[a//b/]",
            "/rest/..%2F..%2Fetc": "[../../etc]"}.items():
        eq(ask(server, target)[::2], (200, want), target)
    for target in "/a%2Fb", "//a/b", "/a//b", "/seg//end", "/a/b%2F":
        eq(ask(server, target)[0], 404, target)
    for target in "/seg/%00/end", "/seg/%zz/end", "/seg/%2/end":
        eq(ask(server, target)[0], 400, target)


def test_static_before_parameter_before_path_with_all_ways_tried(place):
    server = serve(place, """
        local function say(text) return function() return text end end
        app:get("/x/{rest:path}", say "path")
        app:get("/x/{name}/tail", say "name tail")
        app:get("/x/{n:int}", say "int")
        app:get("/x/{name}", say "name")
        app:get("/x/fixed/{n:int}", say "fixed int")
        app:get("/x/fixed", say "fixed")
    """)
    for target, want in {
            "/x/fixed": "fixed", "/x/7": "int", "/x/seven": "name", "/x/fixed/7": "fixed int",
            "/x/fixed/tail": "name tail", "/x/fixed/other": "path", "/x/7/tail": "name tail",
            "/x/a/b/c": "path"}.items():
        eq(ask(server, target)[2], want, target)


def test_methods(place):
    server = serve(place, """
        app:get("/", function(request) return request.method end)
        app:put("/", function() return "put" end)
        app:route("/list", function(request) return request.method end,
            { methods = { "POST", "PATCH" } })
        app:options("/own", function() return "own options" end)
        app:head("/own", function() return atlas.Response("", nil, 204) end)
        app:route("/purge", function() return "purged" end, { methods = { "PURGE" } })
    """)
    status, head, body = ask(server, "/", "HEAD")
    eq((status, body), (200, ""))
    has(head, "content-length: 4")
    for method in "DELETE", "POST", "TRACE", "BREW":
        status, head, _ = ask(server, "/", method)
        eq(status, 405, method)
        has(head, "allow: get, head, put, options")
    status, head, body = ask(server, "/", "OPTIONS")
    eq((status, body), (204, ""))
    has(head, "allow: get, head, put, options")
    eq(ask(server, "/list", "PATCH")[2], "PATCH")
    has(ask(server, "/list")[1], "allow: post, patch, options")
    eq(ask(server, "/own", "OPTIONS")[2], "own options")
    eq(ask(server, "/own", "HEAD")[0], 204)
    eq(ask(server, "/purge", "PURGE")[2], "purged")
    eq(ask(server, "*", "OPTIONS")[0], 204)
    eq(ask(server, "/none", "OPTIONS")[0], 404)


def test_slash_redirects_stay_on_the_host(place):
    server = serve(place, """
        local inner = atlas.Application()
        local function handler() return "" end
        app:get("/deep/about", handler)
        app:post("/form/", handler)
        app:get("/{a}/", handler)
        inner:get("/dir/", handler)
        inner:get("/{a}/{b}/", handler)
        app:mount("/in", inner)
    """)
    for target, want in {"/deep/about/?a=1&b": "/deep/about?a=1&b", "/x": "/x/",
                         "/in/dir": "/in/dir/", "/%5Cevil": "/%5Cevil/",
                         "/a%0D%0Ab": "/a%0D%0Ab/"}.items():
        status, head, _ = ask(server, target)
        eq(status, 307, target)
        has(head, f"location: {want.lower()}\r\n")
    status, head, _ = ask(server, "/form", "POST", "Host: a\r\nContent-Length: 0\r\n")
    eq(status, 307)
    has(head, "location: /form/")
    for target in ("//evil.example", "//evil.example/", "///evil", "/%2Fevil.example/x/",
                   "/in//evil/x", "//evil/%2e%2e/"):
        status, head, _ = ask(server, target)
        assert status == 404 or "location: //" not in head, (target, head)
        lacks(head, "location: //")
        lacks(head, "location: http")


def test_hosts_are_told_apart(place):
    server = serve(place, """
        local api, exact = atlas.Application(), atlas.Application()
        app:get("/", function() return "site" end)
        app:get("/only", function() return "only here" end, { host = "only.example.org" })
        api:get("/", function(request, tenant) return tenant .. " " .. request.params.tenant end)
        exact:get("/", function() return "exact" end)
        app:host("{tenant}.example.org", api)
        app:host("www.example.org", exact)
    """)
    for host, want in {"acme.example.org": "acme acme", "ACME.Example.org:81": "acme acme",
                       "www.example.org": "exact", "example.com": "site",
                       "a.b.example.org": "site"}.items():
        eq(ask(server, "/", headers=f"Host: {host}\r\n")[2], want, host)
    eq(ask(server, "/only")[0], 404)
    eq(ask(server, "/only", headers="Host: only.example.org\r\n")[2], "only here")


def test_many_parameters_through_many_mounts(place):
    server = serve(place, """
        local function pattern(prefix)
            local names = {}
            for i = 1, 16 do names[i] = "{" .. prefix .. i .. "}" end
            return "/" .. table.concat(names, "/")
        end
        local last = atlas.Application()
        last:get(pattern "p", function(request, ...)
            return select("#", ...) .. " " .. (...) .. " " .. select(-1, ...)
        end)
        for i = 1, 6 do
            local around = atlas.Application()
            around:mount(pattern(("m%d_"):format(i)), last)
            last = around
        end
        app:mount("/deep", last)
    """)
    target = "/deep" + "".join(f"/v{i}" for i in range(112))
    eq(ask(server, target)[2], "112 v0 v111")


def test_registered_converters_in_mounts_parse_where_they_stand(place):
    server = serve(place, """
        atlas.converter("hex", {
            pattern = "%x+",
            parse = function(text)
                if text == "bad" then error("no hex " .. text) end
                return tonumber(text, 16)
            end,
            format = function(value) return ("%x"):format(value) end,
        })
        local inner = atlas.Application()
        inner:get("/c/{v:hex}", function(request, tenant, v)
            return { tenant = tenant, v = v, params = request.params }
        end, { name = "color" })
        app:mount("/t/{tenant}", inner)
        local behind = atlas.Application()
        behind:get("/{name}", function(request, v, name)
            return { v = v, name = name, url = request:url_for("color", { tenant = "x", v = v }) }
        end)
        app:mount("/h/{v:hex}", behind)
        app:get("/dup/{v:hex}", function(_, v) return tostring(v) end)
    """)
    eq(ask(server, "/t/acme/c/ff")[2], '{"params":{"tenant":"acme","v":255},"tenant":"acme","v":255}')
    eq(ask(server, "/h/1f/bob")[2], '{"name":"bob","url":"/t/x/c/1f","v":31}')
    eq(ask(server, "/dup/xyz")[0], 404)
    eq(ask(server, "/dup/bad")[0], 500)
    server.wait_log(r"GET /dup/bad: \./site\.lua:\d+: no hex bad")


def test_urls_of_named_routes(place):
    server = serve(place, """
        local admin = atlas.Application()
        admin:get("/users/{id:int}", function() return "" end, { name = "user" })
        app:mount("/admin", admin)
        app:get("/files/{rest:path}", function() return "" end, { name = "file" })
        app:get("/notes/{title}", function() return "" end, { name = "note" })
        local function try(fn, ...)
            local ok, value = pcall(fn, ...)
            return (ok and "ok " or "error ") .. tostring(value)
        end
        app:get("/urls", function(request)
            return table.concat({
                request:url_for("user", { id = 7 }),
                app:url_for("note", { title = "a/b ü?" , page = 2, q = "x&y" }),
                app:url_for("note", { title = "x", tag = { "a", "b" } }),
                app:url_for("file", { rest = "a b/c" }),
                try(app.url_for, app, "nope"),
                try(app.url_for, app, "note", {}),
                try(app.url_for, app, "user", { id = "seven" }),
                try(app.url_for, app, "user", { id = 2 ^ 53 + 2 }),
                try(app.url_for, app, "file", { rest = "../etc" }),
                try(app.url_for, app, "note", { title = "" }),
            }, "\\n")
        end)
    """)
    lines = ask(server, "/urls")[2].split("\n")
    eq(lines[:4], ["/admin/users/7", "/notes/a%2Fb%20%C3%BC%3F?page=2&q=x%26y",
                   "/notes/x?tag=a&tag=b", "/files/a%20b/c"])
    for line, part in zip(lines[4:], ("nope", "title", "id", "id", "..", "title")):
        assert line.startswith("error "), line
        has(line, part)


def test_what_cannot_be_a_route_ends_the_start_with_its_line(place):
    for code, text in {
            'app:get("users", print)': "slash",
            'app:get("/{id:nope}", print)': "Unknown converter type: nope",
            'app:get("/x", print, { limits = { max_bdy = 1 } })': "max_bdy",
            'app:get("/x", print, { limits = { max_body = -1 } })': "max_body",
            'app:get("/x", print, { limits = { timeout = "1" } })': "timeout",
            'app:get("/x", print, { middleware = { 5 } })': "middleware",
            'app:get("/x", print, { on_disconnect = "stay" })': "on_disconnect",
            'app:get("/x", print, { body = {} })': "body",
            'app:get("/x", print, "GET")': "options",
            'app:route("/x", print, { methods = { "get" } })': "methods",
            'app:on_startup(5)': "on_startup",
            'app:use("x")': "use",
            'atlas.converter("c", { pattern = "[" })': "malformed",
            'atlas.converter("int", { pattern = "%d" })': "int"}.items():
        done = place.run_serve(HEAD + code + TAIL, "--port", "0")
        eq(done.status, 3, code)
        has(done.err, text)
        has(done.err, "site.lua:3")
