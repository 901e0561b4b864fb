-- application_test.lua - applications called by hand, outside any server.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local Application, Route, Response = atlas.Application, atlas.Route, atlas.Response
local eq, has, ok, raises = check.eq, check.has, check.ok, check.raises

local function make_scope(method, path, query, headers)
    return {
        type = "http",
        asgi = { version = "3.0", spec_version = "2.3" },
        http_version = "1.1",
        method = method,
        scheme = "http",
        path = path,
        raw_path = path,
        query_string = query or "",
        root_path = "",
        headers = headers or {},
        client = { "127.0.0.1", 8000 },
        server = { "127.0.0.1", 8000 },
    }
end

-- Call `app`; returns {status, headers = name -> value, body}.
local function call(app, method, path, options)
    options = options or {}
    local answer = { headers = {}, body = "" }
    local body = options.body or {}
    local i = 0

    app(make_scope(method, path, options.query, options.headers), function()
        i = i + 1
        return { type = "http.request", body = body[i] or "", more_body = i < #body }
    end, function(message)
        if message.type == "http.response.start" then
            answer.status = message.status
            for _, pair in ipairs(message.headers) do
                answer.headers[pair[1]] = pair[2]
            end
        else
            answer.body = answer.body .. (message.body or "")
        end
        return true
    end)
    return answer
end

local function get(app, path, options)
    return call(app, "GET", path, options)
end

-- --- what handlers return ---

test("a string is plain text, a table is JSON, a Response is itself", function()
    local app = Application()

    app:get("/text", function() return "hello" end)
    app:get("/json", function() return { list = { 1, 2 } } end)
    app:get("/response", function() return Response("<p>", nil, 201, { ["X-A"] = "1" }) end)
    local answer = get(app, "/text")
    eq(answer.status, 200)
    eq(answer.body, "hello")
    eq(answer.headers["content-type"], "text/plain; charset=utf-8")
    answer = get(app, "/json")
    eq(answer.body, '{"list":[1,2]}')
    eq(answer.headers["content-type"], "application/json")
    answer = get(app, "/response")
    eq(answer.status, 201)
    eq(answer.headers["content-type"], "text/html")
    eq(answer.headers["x-a"], "1")
end)

test("atlas.json makes a Response and carries the module", function()
    local app = Application()

    app:get("/", function() return atlas.json({ id = 7 }, 201) end)
    app:get("/nan", function() return atlas.json(0 / 0) end)
    local answer = get(app, "/")
    eq(answer.status, 201)
    eq(answer.body, '{"id":7}')
    eq(answer.headers["content-type"], "application/json")
    eq(atlas.json.encode { 1 }, "[1]")
    ok(not pcall(get, app, "/nan"))
end)

test("nil, err is raised", function()
    local app = Application()

    app:get("/", function() return nil, "no luck" end)
    app:get("/abort", function() return nil, atlas.HTTPError(418, "teapot") end)
    has(tostring(raises(get, app, "/")), "no luck")
    eq(get(app, "/abort").status, 418)
end)

test("a handler that returns nothing is an error that names it", function()
    local app = Application()

    app:get("/", function() end)
    app:get("/number", function() return 5 end)
    local err = tostring(raises(get, app, "/"))
    has(err, "application_test.lua:")
    has(err, "returned nothing")
    has(tostring(raises(get, app, "/number")), "returned a number")
end)

test("abort ends the handler with a status", function()
    local app = Application()

    app:get("/", function() atlas.abort(404, "no such note") end)
    app:get("/plain", function() atlas.abort(403) end)
    local answer = get(app, "/")
    eq(answer.status, 404)
    eq(answer.body, "no such note\n")
    eq(get(app, "/plain").body, "Forbidden\n")
    raises(atlas.abort, 200)
    raises(atlas.abort, "404")
end)

-- --- routing ---

test("parameters come decoded, in order, int and number as numbers", function()
    local app = Application()
    local seen

    local function keep(_, ...)
        seen = { n = select("#", ...), ... }
        return ""
    end
    app:get("/users/{id:int}/posts/{slug}", keep)
    app:get("/price/{value:number}", keep)
    app:get("/files/{rest:path}", keep)
    get(app, "/users/42/posts/a%2Fb%20c")
    eq(seen.n, 2)
    eq(seen[1], 42)
    eq(seen[2], "a/b c")
    get(app, "/price/1.5")
    eq(seen[1], 1.5)
    get(app, "/files/a/b/c")
    eq(seen[1], "a/b/c")
    eq(get(app, "/users/9007199254740993/posts/x").status, 404)
    eq(get(app, "/users/x/posts/y").status, 404)
end)

test("static before parameter before path, whatever the order", function()
    local app = Application()

    app:get("/a/{rest:path}", function() return "path" end)
    app:get("/a/{name}", function() return "parameter" end)
    app:get("/a/b", function() return "static" end)
    eq(get(app, "/a/b").body, "static")
    eq(get(app, "/a/c").body, "parameter")
    eq(get(app, "/a/c/d").body, "path")
end)

test("405 names the methods, HEAD is GET's, OPTIONS is answered", function()
    local app = Application()

    app:get("/", function() return "got" end)
    app:post("/", function() return "posted" end)
    local answer = call(app, "DELETE", "/")
    eq(answer.status, 405)
    eq(answer.headers.allow, "GET, HEAD, POST, OPTIONS")
    eq(call(app, "HEAD", "/").status, 200)
    answer = call(app, "OPTIONS", "/")
    eq(answer.status, 204)
    eq(answer.headers.allow, "GET, HEAD, POST, OPTIONS")
end)

test("a slash too many or too few is a redirect, never to another host", function()
    local app = Application()

    app:get("/about", function() return "" end)
    app:get("/dir/", function() return "" end)
    local answer = get(app, "/about/", { query = "a=1" })
    eq(answer.status, 307)
    eq(answer.headers.location, "/about?a=1")
    eq(get(app, "/dir").headers.location, "/dir/")
    app:get("/{name}", function() return "" end)
    eq(get(app, "//evil.example").status, 404)
    eq(get(app, "//evil.example/").status, 404)
end)

test("what can't be a route is an error on its line", function()
    local app = Application()

    local function handler() return "" end
    has(tostring(raises(app.get, app, "users", handler)), "begins with a slash")
    has(tostring(raises(app.get, app, "/{id:nope}", handler)), "Unknown converter type: nope")
    has(tostring(raises(app.get, app, "/{id", handler)), "{")
    raises(app.get, app, "/", "no function")
    app:get("/{a}", handler)
    has(tostring(raises(app.get, app, "/{b}", handler)), "/{a}")
    app:get("/named", handler, { name = "n" })
    raises(app.get, app, "/other", handler, { name = "n" })
    raises(app.get, app, "/option", handler, { nmae = "typo" })
end)

test("a converter of one's own matches, parses and formats", function()
    local app = Application()

    atlas.converter("hex", {
        pattern = "%x+",
        parse = function(text) return tonumber(text, 16) end,
        format = function(value) return ("%x"):format(value) end,
    })
    app:get("/color/{value:hex}", function(_, value) return { value = value } end, { name = "c" })
    eq(get(app, "/color/ff").body, '{"value":255}')
    eq(get(app, "/color/xyz").status, 404)
    eq(app:url_for("c", { value = 255 }), "/color/ff")
    raises(atlas.converter, "hex", { pattern = "x" })
end)

test("url_for fills in, encodes, and makes the rest the query", function()
    local app, admin = Application(), Application()

    admin:get("/users/{id:int}", function() return "" end, { name = "user" })
    app:get("/notes/{title}", function() return "" end, { name = "note" })
    app:mount("/admin", admin)
    eq(app:url_for("note", { title = "a b/c" }), "/notes/a%20b%2Fc")
    eq(app:url_for("note", { title = "x", page = 2, q = "a&b" }), "/notes/x?page=2&q=a%26b")
    eq(app:url_for("user", { id = 7 }), "/admin/users/7")
    has(tostring(raises(app.url_for, app, "nope")), "nope")
    has(tostring(raises(app.url_for, app, "note", {})), "title")
    raises(app.url_for, app, "user", { id = "seven" })
end)

-- --- mounting ---

test("a mounted application answers below its prefix, with its own 404", function()
    local app, inner = Application(), Application()

    inner:get("/", function(request) return request.root_path .. "|" .. request.path end)
    inner:get("/{name}", function(_, tenant, name) return tenant .. ":" .. name end)
    inner:on_error(404, function() return "inner 404" end)
    app:mount("/t/{tenant}", inner)
    eq(get(app, "/t/acme").body, "/t/acme|/t/acme")
    eq(get(app, "/t/acme/bob").body, "acme:bob")
    local answer = get(app, "/t/acme/x/y/z")
    eq(answer.status, 404)
    eq(answer.body, "inner 404")
    has(get(app, "/other").body, "Not Found")
    raises(inner.mount, inner, "/", app)
    raises(app.mount, app, "/self", app)
    raises(app.mount, app, "/x", 5)
end)

test("a LASGI callable can be mounted, with middleware around it", function()
    local app = Application()

    app:mount("/raw", function(scope, receive, send)
        local body = receive().body
        send { type = "http.response.start", status = 202, headers = { { "x-raw", scope.method } } }
        send { type = "http.response.body", body = "got " .. body, more_body = true }
        send { type = "http.response.body", body = " all" }
    end)
    app:use(function(request, next)
        local response = next(request)
        response.headers["x-around"] = "yes"
        return response
    end)
    local answer = call(app, "POST", "/raw/x", { body = { "it" } })
    eq(answer.status, 202)
    eq(answer.body, "got it all")
    eq(answer.headers["x-raw"], "POST")
    eq(answer.headers["x-around"], "yes")
end)

test("hosts are told apart", function()
    local app, api = Application(), Application()

    app:get("/", function() return "site" end)
    api:get("/", function(_, tenant) return "api of " .. tenant end)
    app:host("{tenant}.example.org", api)
    eq(get(app, "/", { headers = { { "host", "acme.example.org:80" } } }).body, "api of acme")
    eq(get(app, "/", { headers = { { "host", "example.com" } } }).body, "site")
end)

-- --- middleware ---

test("middleware wraps in the order it was added, 404 included", function()
    local app = Application()
    local log = {}

    local function layer(name)
        return function(request, next)
            log[#log + 1] = name .. "("
            local response = next(request)
            log[#log + 1] = name .. ")"
            return response
        end
    end
    app:use(layer "a")
    app:get("/", function()
        log[#log + 1] = "handler"
        return "body"
    end, { middleware = { layer "r" } })
    app:use(layer "b")
    eq(get(app, "/").body, "body")
    eq(table.concat(log, " "), "a( b( r( handler r) b) a)")
    log = {}
    eq(get(app, "/nope").status, 404)
    eq(table.concat(log, " "), "a( b( b) a)")
end)

test("next gives a Response whatever the handler returned, also for abort", function()
    local app = Application()
    local kinds = {}

    app:use(function(request, next)
        local response = next(request)
        kinds[#kinds + 1] = tostring(Response.is(response)) .. response.status
        return response
    end)
    app:get("/text", function() return "x" end)
    app:get("/table", function() return {} end)
    app:get("/abort", function() atlas.abort(409) end)
    get(app, "/text")
    get(app, "/table")
    get(app, "/abort")
    eq(table.concat(kinds, " "), "true200 true200 true409")
end)

test("middleware may answer by itself, call next twice, and see errors", function()
    local app = Application()
    local calls = 0

    app:use(function(request, next)
        if request.path == "/early" then
            return "early"
        elseif request.path == "/retry" then
            local fine, response = pcall(next, request)
            return fine and response or next(request)
        end
        local fine, err = pcall(next, request)
        return fine and err or Response("caught", nil, 503)
    end)
    app:get("/retry", function()
        calls = calls + 1
        if calls == 1 then
            error "first"
        end
        return "second"
    end)
    app:get("/fail", function() error "boom" end)
    eq(get(app, "/early").body, "early")
    eq(get(app, "/retry").body, "second")
    eq(get(app, "/fail").status, 503)
end)

test("what middleware sets belongs to its request", function()
    local app = Application()

    app:use(function(request, next)
        request.user = request.query.name
        request.state.n = (request.state.n or 0) + 1
        return next(request)
    end)
    app:get("/", function(request)
        return { user = request.user, n = request.state.n, other = request.session == nil }
    end)
    eq(get(app, "/", { query = "name=ann" }).body, '{"n":1,"other":true,"user":"ann"}')
    eq(get(app, "/", { query = "name=bob" }).body, '{"n":1,"other":true,"user":"bob"}')
end)

-- --- errors ---

test("on_error answers for a status, for a class, and for 500", function()
    local app = Application()
    local meta = { __name = "Missing" }

    app:on_error(404, function(request) return "nothing at " .. request.path end)
    app:on_error(500, function(_, err) return "broken: " .. tostring(err):match "boom" end)
    app:on_error(meta, function() return Response("missing", nil, 410) end)
    app:get("/boom", function() error "boom" end)
    app:get("/class", function() error(setmetatable({}, meta)) end)
    local answer = get(app, "/nowhere")
    eq(answer.status, 404)
    eq(answer.body, "nothing at /nowhere")
    answer = get(app, "/boom")
    eq(answer.status, 500)
    eq(answer.body, "broken: boom")
    eq(get(app, "/class").status, 410)
    raises(app.on_error, app, "404", function() end)
end)

test("atlas.json called is a response", function()
    local app = Application()

    app:get("/", function() return atlas.json({ list = atlas.json.array() }, 201) end)
    app:get("/plain", function() return require "atlas.json" { 1 } end)
    local answer = get(app, "/")
    eq(answer.status, 201)
    eq(answer.headers["content-type"], "application/json")
    eq(answer.body, '{"list":[]}')
    eq(get(app, "/plain").status, 200)
    eq(get(app, "/plain").body, "[1]")
    has(raises(function() return atlas.json { a = print } end), "at .a: a function is no JSON")
end)

-- --- requests ---

-- As many names as are taken, which differ only where LuaJIT's hash doesn't
-- look (json_test.lua has the same for JSON).
test("names that collide in a sparse hash cost about what others do", function()
    local function cost(form)
        local names = {}
        for i = 1, 1000 do
            names[i] = form:format(i, i)
        end
        local fields = { { "cookie", table.concat(names, "=1; ") .. "=1" } }
        for i = 2, 90 do
            fields[i] = { names[i], "1" }
        end
        local query = table.concat(names, "=1&") .. "=1"
        local app, least = Application(), math.huge
        app:get("/", function(r)
            return r.query[names[1000]] .. r.cookies[names[1000]] .. r.headers[names[90]]
        end)
        for _ = 1, 5 do
            collectgarbage()
            local start = os.clock()
            eq(get(app, "/", { query = query, headers = fields }).body, "111")
            least = math.min(least, os.clock() - start)
        end
        return least
    end
    local usual = cost("%07d" .. ("m"):rep(50) .. "%07d")
    local hostile = cost("head%07d" .. ("m"):rep(30) .. "%07d" .. ("t"):rep(16))
    ok(hostile < 25 * usual + 0.02, ("%.4f s instead of %.4f s"):format(hostile, usual))
end)

test("query and cookies keep repeated names", function()
    local app = Application()
    local request

    app:get("/", function(r)
        request = r
        local pairs_seen = {}
        for name, value in r.query:each() do
            pairs_seen[#pairs_seen + 1] = name .. "=" .. value
        end
        return {
            first = r.query.a,
            all = r.query:all "a",
            none = r.query:all "zzz",
            each = table.concat(pairs_seen, ";"),
            cookie = r.cookies.sid,
            cookies = r.cookies:all "sid",
            header = r.headers["X-Thing"],
            headers = r.headers:all "x-thing",
        }
    end)
    local answer = get(app, "/", {
        query = "a=1&b=%C3%A4+x&a=2&all=hm&bad=%zz",
        headers = { { "cookie", "sid=one; other=x; sid=two" }, { "x-thing", "t" } },
    })
    local value = assert(require("atlas.json").decode(answer.body))
    eq(value.first, "1")
    eq(#value.all, 2)
    eq(#value.none, 0)
    eq(value.each, "a=1;b=ä x;a=2;all=hm;bad=%zz")
    eq(value.cookie, "one")
    eq(value.cookies[2], "two")
    eq(value.header, "t")
    eq(value.headers[1], "t")
    ok(request)
end)

test("a body is read whole, in pieces, or as JSON", function()
    local app = Application()

    app:post("/body", function(request)
        return assert(request:body()) .. "|" .. assert(request:body())
    end)
    app:post("/stream", function(request)
        local n = 0
        for piece in request:stream() do
            n = n + #piece
        end
        return tostring(n)
    end)
    app:post("/json", function(request) return { got = assert(request:json()) } end)
    eq(call(app, "POST", "/body", { body = { "ab", "cd" } }).body, "abcd|abcd")
    eq(call(app, "POST", "/stream", { body = { "ab", "", "cd" } }).body, "4")
    eq(call(app, "POST", "/json", { body = { '{"a":', '[]}' } }).body, '{"got":{"a":[]}}')
    local answer = call(app, "POST", "/json", { body = { "{bad" } })
    eq(answer.status, 400)
    has(answer.body, "line 1")
end)

-- --- responses ---

test("redirect refuses what leads elsewhere than it looks", function()
    eq(atlas.redirect("/home").headers.location, "/home")
    eq(atlas.redirect("/home").status, 303)
    eq(atlas.redirect("https://example.org/x", 301).status, 301)
    for _, target in ipairs {
        "//evil", "/\\evil", "javascript:alert(1)", "/a\r\nset-cookie: x=1", "\\\\evil",
    } do
        raises(atlas.redirect, target)
    end
end)

test("cookies are set with safe defaults and can't be forged", function()
    local response = atlas.text "x"

    response:set_cookie("sid", "a b;c", { max_age = 60 })
    local cookie = response.cookies[1]
    has(cookie, "sid=a%20b%3Bc")
    has(cookie, "HttpOnly")
    has(cookie, "SameSite=Lax")
    has(cookie, "Path=/")
    has(cookie, "Max-Age=60")
    raises(response.set_cookie, response, "a;b", "x")
    raises(response.set_cookie, response, "__Host-a", "x", { domain = "example.org" })
    raises(response.set_cookie, response, "a", "x", { path = "/;x=y" })
    response:delete_cookie "sid"
    has(response.cookies[2], "Max-Age=0")
end)

test("a stream is sent piece by piece", function()
    local app = Application()

    app:get("/", function()
        return atlas.stream(function(write)
            for i = 1, 3 do
                write(tostring(i))
            end
        end, { content_type = "text/plain", status = 203 })
    end)
    local answer = get(app, "/")
    eq(answer.status, 203)
    eq(answer.body, "123")
end)

-- --- lifespan ---

test("start-up and shutdown run, those of mounted applications too", function()
    local app, inner = Application(), Application()
    local log, sent = {}, {}

    app:on_startup(function() log[#log + 1] = "start" end)
    inner:on_startup(function() log[#log + 1] = "inner start" end)
    app:on_shutdown(function() log[#log + 1] = "first stop" end)
    app:on_shutdown(function() log[#log + 1] = "second stop" end)
    app:mount("/inner", inner)
    local messages = { { type = "lifespan.startup" }, { type = "lifespan.shutdown" } }
    app({ type = "lifespan", state = {} }, function()
        return table.remove(messages, 1)
    end, function(message) sent[#sent + 1] = message.type end)
    eq(table.concat(log, ","), "start,inner start,second stop,first stop")
    eq(table.concat(sent, ","), "lifespan.startup.complete,lifespan.shutdown.complete")
end)

-- --- the original's names ---

test("the original's classes have the original's fields", function()
    local home = function() return Response "Hello World!" end
    local routes = { Route("/", home), Route("/users/{name:string}/posts/{id:int}", home) }
    local app = require "atlas.application"(routes)

    eq(getmetatable(app), require "atlas.application")
    ok(app.router ~= nil)
    eq(getmetatable(routes[1]), require "atlas.route")
    eq(routes[1].path, "/")
    eq(routes[1].controller, home)
    eq(routes[1].methods[1], "GET")
    eq(routes[2].path_pattern, "^/users/([^/]*)/posts/([%d]*)$")
    eq(table.concat(routes[2].converters, " "), "string int")
    eq(get(app, "/").body, "Hello World!")
end)

test("a Route matches, and runs its handler", function()
    local match = require "atlas.match"
    local route = Route("/users/{name:string}/posts/{id:int}", function(_, name, id)
        return name, id
    end)

    eq(route:matches("GET", "/users/matt/posts/42"), match.FULL)
    eq(route:matches("POST", "/users/matt/posts/42"), match.PARTIAL)
    eq(route:matches("GET", "/users/matt"), match.NONE)
    eq(match.NONE .. match.PARTIAL .. match.FULL, "012")
    check.values({ n = 2, "matt", 42 }, route:run { path = "/users/matt/posts/42" })
    has(tostring(raises(Route, "/{id:nope}", print)), "Unknown converter type: nope")
end)

test("a Router asks its routes in order", function()
    local Router, match = require "atlas.router", require "atlas.match"
    local route = { matches = function() return match.PARTIAL end }
    local router = Router { route }

    check.values({ n = 2, match.PARTIAL, route }, router:route("GET", "/"))
    check.values({ n = 2, match.NONE, nil }, Router({}):route("GET", "/"))
end)

test("a Response has both worlds' names and sends exactly what it holds", function()
    local headers = { ["Content-Type"] = "application/json" }
    local response = Response("hello", "text/css", 404, headers)
    local sent = {}

    eq(getmetatable(response), require "atlas.response")
    eq(response.content, "hello")
    eq(response.body, "hello")
    eq(response.status_code, 404)
    eq(response.headers, headers)
    response.status_code = 201
    response.content = "other"
    eq(response.status .. response.body, "201other")
    response(function(message) sent[#sent + 1] = message end)
    eq(sent[1].status, 201)
    eq(#sent[1].headers, 1)
    eq(sent[1].headers[1][1], "content-type")
    eq(sent[2].body, "other")
    eq(Response().content_type, "text/html")
end)

test("a Request around a scope answers to the scope's names", function()
    local Request = require "atlas.request"
    local scope = make_scope("GET", "/here")
    local request = Request(scope)

    eq(getmetatable(request), Request)
    eq(request.scope, scope)
    eq(request.path, "/here")
end)
