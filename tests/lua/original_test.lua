-- original_test.lua - what sites of the original Atlas rely on: its modules,
-- their positional forms, and objects called by hand with plain functions.
-- SPDX-License-Identifier: MIT

local check = require "check"

local Application = require "atlas.application"
local Match = require "atlas.match"
local Request = require "atlas.request"
local Response = require "atlas.response"
local Route = require "atlas.route"
local Router = require "atlas.router"

local eq, has, ok, raises = check.eq, check.has, check.ok, check.raises

local function nothing() end

-- The scope of a GET of "/", as the original's server made it: no lasgi, no state.
local function scope_of(method, path)
    return {
        type = "http",
        asgi = { version = "3.0", spec_version = "2.3" },
        http_version = "1.1",
        method = method or "GET",
        scheme = "http",
        path = path or "/",
        raw_path = path or "/",
        query_string = "",
        root_path = "",
        headers = {},
        client = { "127.0.0.1", 8000 },
        server = { "127.0.0.1", 8000 },
    }
end

-- Call `app` with a receive() that returns nothing; what it sends.
local function sent_by(app, ...)
    local sent = {}

    app(scope_of(...), nothing, function(message) sent[#sent + 1] = message end)
    return sent
end

local function headers_of(start)
    local lines = {}

    for _, pair in ipairs(start.headers) do
        lines[#lines + 1] = pair[1] .. ": " .. pair[2]
    end
    table.sort(lines)
    return table.concat(lines, "\n")
end

-- --- route and router ---

test("Route(path, controller, methods) has its parts, and GET by default", function()
    local route = Route("/", nothing, { "GET", "POST" })

    eq(getmetatable(route), Route)
    eq(route.path, "/")
    eq(route.controller, nothing)
    eq(table.concat(route.methods, " "), "GET POST")
    eq(table.concat(Route("/", nothing).methods, " "), "GET")
    eq(#Route("/users", nothing).converters, 0)
    eq(Route("/users/{id:int}", nothing).path_pattern, "^/users/([%d]*)$")
end)

test("route:matches tells NONE, PARTIAL and FULL", function()
    for _, case in ipairs {
        { "/", nil, "GET", "/", "FULL" },
        { "/", { "POST" }, "GET", "/", "PARTIAL" },
        { "/", nil, "GET", "/other", "NONE" },
        { "/users", nil, "GET", "/users", "FULL" },
        { "/users/{name:string}", nil, "GET", "/users/matt", "FULL" },
        { "/users/{name:string}", nil, "GET", "/users/matt/x", "NONE" },
        { "/users/{id:int}", nil, "GET", "/users/42", "FULL" },
        { "/users/{id:int}", nil, "GET", "/users/x", "NONE" },
        { "/u/{name:string}/p/{id:int}/likes", nil, "GET", "/u/matt/p/42/likes", "FULL" },
        { "/u/{name:string}/p/{id:int}/likes", { "PUT" }, "GET", "/u/m/p/4/likes", "PARTIAL" },
        { "/a.b", nil, "GET", "/axb", "NONE" },
        { "/a-b", nil, "GET", "/a-b", "FULL" },
    } do
        local route = Route(case[1], nothing, case[2])
        eq(route:matches(case[3], case[4]), Match[case[5]])
    end
end)

test("route:run calls the controller with the request and typed parameters", function()
    local request, answer, got = { path = "/users/matt/posts/42" }, {}, nil
    local route = Route("/users/{name:string}/posts/{id:int}", function(...)
        got = { ... }
        return answer
    end)

    eq(route:run(request), answer)
    eq(got[1], request)
    eq(got[2], "matt")
    eq(got[3], 42)
end)

test("an unknown converter and a path without a slash raise", function()
    has(tostring(raises(Route, "/users/{id:nope}", nothing)), "Unknown converter type: nope")
    has(tostring(raises(Route, "users", nothing)), "slash")
end)

test("a Router keeps the list and gives the first route that fits", function()
    local routes = { Route("/a", nothing), Route("/{x:string}", nothing), Route("/a", nothing) }
    local router = Router(routes)

    eq(getmetatable(router), Router)
    eq(router.routes, routes)
    check.values({ n = 2, Match.FULL, routes[1] }, router:route("GET", "/a"))
    check.values({ n = 2, Match.FULL, routes[2] }, router:route("GET", "/b"))
    check.values({ n = 2, Match.PARTIAL, routes[1] }, router:route("POST", "/a"))
    check.values({ n = 2, Match.NONE, nil }, router:route("GET", "/a/b"))
end)

-- --- response ---

test("Response(content, content_type, status_code, headers)", function()
    local response, headers = Response(), {}

    eq(getmetatable(response), Response)
    eq(response.content, "")
    eq(response.content_type, "text/html")
    eq(response.status_code, 200)
    eq(next(response.headers), nil)
    response = Response("{}", "application/json", 404, headers)
    eq(response.content, "{}")
    eq(response.content_type, "application/json")
    eq(response.status_code, 404)
    eq(response.headers, headers)
end)

test("response(send) sends exactly what it holds", function()
    local response, sent = Response "hello world", {}

    response.headers = { ["X-Foo"] = "bar" }
    response(function(message) sent[#sent + 1] = message end)
    eq(#sent, 2)
    eq(sent[1].type, "http.response.start")
    eq(sent[1].status, 200)
    eq(headers_of(sent[1]), "content-type: text/html\nx-foo: bar")
    eq(sent[2].type, "http.response.body")
    eq(sent[2].body, "hello world")
    ok(not sent[2].more_body)
end)

test("response(send) sends cookies and streams as well", function()
    local response, sent = Response("x", "text/css"), {}

    response:set_cookie("a", "1")
    response(function(message) sent[#sent + 1] = message end)
    has(headers_of(sent[1]), "content-type: text/css\nset-cookie: a=1;")
    sent = {}
    Response.stream(function(write)
        write "a"
        write "b"
    end)(function(message) sent[#sent + 1] = message.body or message.status end)
    eq(table.concat(sent, ","), "200,a,b,")
end)

-- --- request ---

test("Request(scope) keeps the scope and answers to its path", function()
    local scope = scope_of("GET", "/here")

    eq(getmetatable(Request {}), Request)
    eq(Request(scope).scope, scope)
    eq(Request(scope).path, "/here")
end)

-- --- application ---

test("Application(routes) is made of routes, and of none", function()
    local app = Application {}

    eq(getmetatable(app), Application)
    ok(app.router)
    eq(sent_by(app)[1].status, 404)
end)

test("an Application is called with a scope and plain functions", function()
    local app = Application {
        Route("/", function() return Response() end),
        Route("/hello/{name:string}", function(request, name)
            return Response("Hello " .. name .. " at " .. request.path, "text/plain")
        end),
    }
    local sent = sent_by(app)

    eq(sent[1].type, "http.response.start")
    eq(sent[1].status, 200)
    eq(headers_of(sent[1]), "content-type: text/html")
    eq(sent[2].body, "")
    sent = sent_by(app, "GET", "/hello/ann")
    eq(headers_of(sent[1]), "content-type: text/plain")
    eq(sent[2].body, "Hello ann at /hello/ann")
    eq(sent_by(app, "POST", "/")[1].status, 405)
    eq(sent_by(app, "POST", "/asdf")[1].status, 404)
end)

test("it works in a plain coroutine, without a task of Atlas's", function()
    local app = Application { Route("/", function() return Response "in a coroutine" end) }
    local sent
    local co = coroutine.create(function() sent = sent_by(app) end)

    assert(coroutine.resume(co))
    eq(coroutine.status(co), "dead")
    eq(sent[2].body, "in a coroutine")
end)

test("receive and send that yield to one's own scheduler", function()
    local app = Application {
        Route("/", function(request) return Response(assert(request:body())) end, { "POST" }),
    }
    local seen = {}
    local co = coroutine.wrap(function()
        app(scope_of "POST", function() return coroutine.yield "receive" end,
            function(message) coroutine.yield(message.body or message.status) end)
        return "done"
    end)

    eq(co(), "receive")
    seen[1] = co { type = "http.request", body = "ab", more_body = true }
    seen[2] = co { type = "http.request", body = "cd", more_body = false }
    seen[3] = co()
    seen[4] = co()
    check.values({ n = 4, "receive", 200, "abcd", "done" }, seen[1], seen[2], seen[3], seen[4])
end)

test("what is kept of a request called by hand outlives it", function()
    local kept
    local app = Application {
        Route("/", function(request)
            kept = { request.headers, request.headers:each() }
            return Response()
        end),
    }
    local scope = scope_of()

    scope.headers = { { "host", "example.org" }, { "x-a", "1" } }
    app(scope, nothing, nothing)
    app = nil -- luacheck: ignore
    for _ = 1, 4 do
        collectgarbage()
    end
    eq(kept[1]["x-a"], "1")
    check.values({ n = 2, "host", "example.org" }, kept[2]())
end)

-- --- config, logging, templates ---

test("the configuration has the original's defaults", function()
    local config = require "atlas.config"

    eq(config.log_file, "")
    eq(config.backlog_connections, 128)
    eq(type(config.template_dirs), "table")
end)

test("get_logger(name).log(message)", function()
    local logger = require("atlas.logging").get_logger "original"

    eq(type(logger.log), "function")
end)

test("templates.render gives a Response with the request in the context", function()
    local templates = require "atlas.templates"
    local config = require "atlas.config"
    local name = os.tmpname()
    local dir, base = name:match "^(.*)/([^/]*)$"
    local file = assert(io.open(name, "w"))

    file:write "{{ greeting }} {{ request.path }} {{ 'a<b' }} "
    file:write "{{ 42 }} {{ 1.5 }} {{ n }}|{{ none }}\n"
    file:close()
    table.insert(config.template_dirs, dir)
    local response = templates.render(Request(scope_of("GET", "/x")), base,
        { greeting = "<hi> & \"bye\"", n = 3 / 1 })
    os.remove(name)
    table.remove(config.template_dirs)
    eq(response.content, "&lt;hi&gt; &amp; &quot;bye&quot; /x a&lt;b 42 1.5 3|\n")
    eq(response.content_type, "text/html")
    has(tostring(raises(templates.render, Request {}, "nope.html", {})),
        "Template not found: nope.html")
    raises(templates.render, Request {}, "../" .. base, {})
end)
