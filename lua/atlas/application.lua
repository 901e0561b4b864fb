-- application.lua - an application: routes, middleware, and what is done when
-- it starts, stops and fails.  Finding a route and answering is done in C
-- (src/app); a request whose application has no middleware never comes here.

local core = require "atlas.application.core"
local errors = require "atlas.errors"
local middleware = require "atlas.middleware"
local multi = require "atlas.multi"
local request_module = require "atlas.request"
local response = require "atlas.response"
local Route = require "atlas.route"
local Router = require "atlas.router"
local scope_core = require "atlas.scope.core"

local error, getmetatable, ipairs, pairs = error, getmetatable, ipairs, pairs
local setmetatable, tostring, type = setmetatable, tostring, type

--- A web application: `atlas serve MODULE:ATTR` serves it, and it is itself a
--- LASGI application, `app(scope, receive, send)`.
---
--- ```lua file=hello.lua
--- -- hello.lua
--- local atlas = require "atlas"
---
--- local app = atlas.Application()
---
--- app:get("/hello/{name}", function(request, name)
---     return "Hello, " .. name .. "\n"
--- end)
---
--- return { app = app }
--- ```
--- ```console
--- $ atlas serve hello:app
--- Serving on http://127.0.0.1:8000
--- $ curl http://127.0.0.1:8000/hello/Ada
--- Hello, Ada
--- ```
---@class atlas.Application
---@field routes atlas.Route[]
---@field router atlas.Router  of the routes
---@field debug boolean  answer errors with their traceback
---@overload fun(options?: atlas.Route[]|{ routes?: atlas.Route[], middleware?: function[], debug?: boolean }): atlas.Application  Make
--- an application, perhaps with routes. Raises for an option that there isn't.
local Application = {}
Application.__index = Application

-- Which Application a core's number means.
local by_id = setmetatable({}, { __mode = "v" })

local known = { routes = "table", middleware = "table", debug = "boolean" }

-- Application(routes) of the original, or a table of options.
local function to_options(options)
    if options == nil then
        return {}
    elseif type(options) ~= "table" then
        error("Application: a list of routes or a table of options expected, got "
            .. type(options), 4)
    elseif options[1] ~= nil then
        return { routes = options }
    end
    for key, value in pairs(options) do
        if not known[key] then
            error(("Application: there is no option '%s'"):format(tostring(key)), 4)
        elseif type(value) ~= known[key] then
            local text = "Application: option '%s' is a %s, got %s"
            error(text:format(key, known[key], type(value)), 4)
        end
    end
    return options
end

local function new(options)
    options = to_options(options)
    local self = setmetatable({
        core = core.new(),
        routes = {},
        middleware = {},
        error_handlers = {},
        startup = {},
        shutdown = {},
        mounts = {},
        names = {},
    }, Application)

    self.router = Router(self.routes)
    by_id[core.id(self.core)] = self
    core.set(self.core, "debug", options.debug or false)
    self.debug = options.debug or false
    for _, route in ipairs(options.routes or {}) do
        self:add(route)
    end
    for _, fn in ipairs(options.middleware or {}) do
        self:use(fn)
    end
    return self
end

-- A route's own middleware around the handler, its time limit outermost.
local function route_entry(route)
    local list = {}

    if route.limits and route.limits.timeout then
        list[1] = middleware.timeout(route.limits.timeout)
    end
    for _, fn in ipairs(route.middleware or {}) do
        list[#list + 1] = fn
    end
    if #list > 0 then
        return middleware.compose(list, middleware.innermost)
    end
end

-- The handler with the values of registered converters parsed.
local function parsed_handler(route)
    local parsers, found = {}, false

    for i, name in ipairs(route.converters) do
        local converter = Application.converters[name]
        parsers[i] = converter and converter.parse
        found = found or parsers[i] ~= nil
    end
    if not found then
        return route.controller
    end
    local handler, n = route.controller, #route.converters
    local unpack = table.unpack or unpack
    return function(request, ...)
        local values = { ... }
        for i = 1, n do
            if parsers[i] then
                values[i] = parsers[i](values[i])
            end
        end
        return handler(request, unpack(values, 1, n))
    end
end

--- Add a route. Of several that fit a path, the more specific one answers.
---
--- Raises for a pattern that can't be or is taken for a method, or a name that another
--- route has.
---@param route atlas.Route
---@return atlas.Application self
function Application:add(route)
    if getmetatable(route) ~= Route then
        error("add: a Route expected, got " .. type(route), 2)
    elseif route.name and self.names[route.name] then
        error(("there is a route called '%s' already"):format(route.name), 3)
    end
    local ok, message = core.add(self.core, route.path, route.host, route.methods,
        parsed_handler(route), route_entry(route), route,
        { max_body = route.limits and route.limits.max_body, on_disconnect = route.on_disconnect })
    if not ok then
        error(message, 3)
    end
    self.routes[#self.routes + 1] = route
    if route.name then
        self.names[route.name] = route
    end
    return self
end

--- Add a route for other methods, or for several at once. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options (string[]|atlas.RouteOptions)?
---@return atlas.Application self
function Application:route(path, handler, options)
    return self:add(Route(path, handler, options))
end

-- app:get(path, handler, options), and so on.
for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD" } do
    Application[method:lower()] = function(self, path, handler, options)
        local all = { methods = { method } }
        for key, value in pairs(options or {}) do
            all[key] = value
        end
        return self:add(Route(path, handler, all))
    end
end

--- Put a middleware around everything that the application answers, inside
--- those that were added before. Raises if it is no function.
---@param fn fun(request: atlas.Request, next: fun(request: atlas.Request): atlas.Response): any
---@return atlas.Application self
function Application:use(fn)
    if type(fn) ~= "function" then
        error("use: a function (request, next) expected, got " .. type(fn), 2)
    end
    self.middleware[#self.middleware + 1] = fn
    local own, next_of = self.core, core.next
    core.set(own, "entry", middleware.compose(self.middleware, function(request)
        return next_of(request, own)(request)
    end))
    return self
end

-- How deep applications are mounted in each other, below `app`.
local function depth(app)
    local most = 0

    for _, mount in ipairs(app.mounts) do
        if mount.app then
            most = math.max(most, depth(mount.app))
        end
    end
    return most + 1
end

local function contains(app, other)
    if app == other then
        return true
    end
    for _, mount in ipairs(app.mounts) do
        if mount.app and contains(mount.app, other) then
            return true
        end
    end
    return false
end

local function mount(self, path, host, other)
    local is_app = getmetatable(other) == Application

    if is_app and contains(other, self) then
        error("an application can't be mounted in itself", 3)
    elseif is_app and depth(other) >= 8 then
        error("mounted too deep: at most 8 applications in each other", 3)
    elseif not is_app and type(other) ~= "function" then
        local meta = getmetatable(other)
        if type(meta) ~= "table" or not meta.__call then
            error("an Application or a LASGI callable expected, got " .. type(other), 3)
        end
    end
    local ok, message = core.mount(self.core, path, host, is_app and other.core or other)
    if not ok then
        error(message, 3)
    end
    self.mounts[#self.mounts + 1] = { path = path, app = is_app and other, host = host }
    return self
end

--- Have another application, or any LASGI callable, answer what begins with
--- `path`; its routes are relative to it. Raises for what can't be called, and
--- for an application in itself or more than eight in each other.
---@param path string  a pattern
---@param other atlas.Application|function
---@return atlas.Application self
function Application:mount(path, other)
    if type(path) ~= "string" then
        error("mount: a path expected, got " .. type(path), 2)
    end
    return mount(self, path, nil, other)
end

--- Have another application answer what is sent to `host`. Raises as `mount`
--- does.
---@param host string  a pattern, such as "{tenant}.example.org"
---@param other atlas.Application|function
---@return atlas.Application self
function Application:host(host, other)
    if type(host) ~= "string" then
        error("host: a pattern expected, got " .. type(host), 2)
    end
    return mount(self, "/", host, other)
end

--- Call `fn` before the first request; if it raises, the server doesn't start.
---@param fn fun(state: table)  the server's table, `state` of its LASGI scopes
---@return atlas.Application self
function Application:on_startup(fn)
    self.startup[#self.startup + 1] = fn
    return self
end

--- Call `fn` when the last connection has closed; the last added comes first.
---@param fn fun(state: table)
---@return atlas.Application self
function Application:on_shutdown(fn)
    table.insert(self.shutdown, 1, fn)
    return self
end

--- Have `fn` answer for an error: a status (of an HTTPError; 500 stands for
--- everything else), or a class of errors, whose objects are known by their
--- metatable. What `fn` returns is sent with the error's status, unless it has
--- one of its own.
---
--- Raises if `what` is neither, or `fn` no function.
---@param what integer|table
---@param fn fun(request: atlas.Request, err: any): any
---@return atlas.Application self
function Application:on_error(what, fn)
    if type(what) ~= "number" and type(what) ~= "table" then
        error("on_error: a status or a class of errors expected, got " .. type(what), 2)
    elseif type(fn) ~= "function" then
        error("on_error: a function (request, err) expected, got " .. type(fn), 2)
    end
    self.error_handlers[type(what) == "table" and what.meta or what] = fn
    core.set(self.core, "errors", true)
    return self
end

-- --- errors ---

local function find_handler(app, err, status)
    local meta = type(err) == "table" and getmetatable(err)

    return (meta and app.error_handlers[meta]) or app.error_handlers[status]
end

local function debug_page(request, err)
    local text = core.escape(debug.traceback(tostring(err), 2))
    local page = "<!doctype html><title>500</title><h1>%s %s</h1><pre>%s</pre>"

    return response(page:format(core.escape(request.method), core.escape(request.path), text),
        "text/html", 500)
end

local function default_response(request, err)
    if errors.HTTPError.is(err) then
        local headers = {}
        for name, value in pairs(err.headers or {}) do
            headers[name] = value
        end
        return response(err.message .. "\n", "text/plain", err.status, headers)
    end
    for _, id in ipairs(core.levels(request)) do
        if by_id[id].debug then
            return debug_page(request, err)
        end
    end
    return error(err, 0)
end

--- The Response for an error: of the innermost application that has a handler
--- for it, or the default one.  Raises what is no HTTPError if there is none.
function middleware.handle_error(request, err)
    local status = errors.HTTPError.is(err) and err.status or 500

    for _, id in ipairs(core.levels(request)) do
        local handler = find_handler(by_id[id], err, status)
        if handler then
            local result = middleware.check_response(handler, handler(request, err))
            -- What was returned without a status has that of the error.
            if result.status == 200 then
                result.status = status
            end
            return result
        end
    end
    return default_response(request, err)
end

-- --- urls ---

local function to_text(converter, name, value)
    local registered = Application.converters[converter]

    if value == nil then
        error(("url_for: parameter '%s' is missing"):format(name), 0)
    elseif registered and registered.format then
        return registered.format(value)
    elseif type(value) == "number" and value % 1 == 0 then
        return ("%d"):format(value)
    end
    return tostring(value)
end

-- The path of `pattern` with the values of `params`, which are ticked off.
local function fill(pattern, params, used)
    local names, converters = core.params(pattern)
    local values = {}

    for i, name in ipairs(names) do
        values[i] = to_text(converters[i], name, params[name])
        used[name] = true
    end
    local path, message = core.format(pattern, values)
    if not path then
        error("url_for: " .. message, 0)
    end
    return path
end

-- The patterns that lead to the route, outermost first.
local function find_named(app, name)
    local route = app.names[name]

    if route then
        return { route.path }
    end
    for _, inner in ipairs(app.mounts) do
        local patterns = inner.app and find_named(inner.app, name)
        if patterns then
            table.insert(patterns, 1, inner.path)
            return patterns
        end
    end
end

local function to_query(params, used)
    local names, pairs_of = {}, {}

    for name in pairs(params) do
        if not used[name] then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    for i, name in ipairs(names) do
        pairs_of[i] = core.query_pair(name, tostring(params[name]))
    end
    return #names > 0 and "?" .. table.concat(pairs_of, "&") or ""
end

--- The path of a named route, of this application or one mounted in it.
--- Raises if there is none, or a parameter doesn't fit.
---@param name string
---@param params table?  by name; what is left over becomes the query
---@return string path
function Application:url_for(name, params)
    local patterns = find_named(self, name)
    local used, path = {}, ""

    if not patterns then
        error(("url_for: there is no route called '%s'"):format(tostring(name)), 2)
    end
    params = params or {}
    for _, pattern in ipairs(patterns) do
        local ok, part = pcall(fill, pattern, params, used)
        if not ok then
            error(part, 2)
        end
        path = path:gsub("/$", "") .. part
    end
    return path .. to_query(params, used)
end

---@private
function Application.url_for_request(request, name, params)
    local levels = core.levels(request)

    return by_id[levels[#levels]]:url_for(name, params)
end

-- --- LASGI: called by any server, or by hand ---

-- on_startup or on_shutdown of the application and of those mounted in it.
local function run_hooks(app, kind, state)
    for _, fn in ipairs(app[kind]) do
        fn(state)
    end
    for _, inner in ipairs(app.mounts) do
        if inner.app then
            run_hooks(inner.app, kind, state)
        end
    end
end

local function lifespan(app, scope, receive, send)
    for _, kind in ipairs { "startup", "shutdown" } do
        receive()
        local ok, err = xpcall(run_hooks, debug.traceback, app, kind, scope.state)
        if not ok then
            send { type = "lifespan." .. kind .. ".failed", message = tostring(err) }
            return
        end
        send { type = "lifespan." .. kind .. ".complete" }
    end
end

-- What a Response that sends its body by itself writes, given to `write`.
local function write_body(result, write)
    if result.stream_body then
        return result.stream_body(write)
    end
    local file, err = io.open(result.file, "rb")
    if not file then
        error(err, 0)
    end
    for piece in
        function()
            return file:read(65536)
        end
    do
        write(piece)
    end
    file:close()
end

local function send_response(result, send)
    send { type = "http.response.start", status = result.status, headers = result:header_list() }
    if not result.send then
        return send { type = "http.response.body", body = result.body }
    end
    write_body(result, function(piece)
        return send { type = "http.response.body", body = piece, more_body = true }
    end)
    return send { type = "http.response.body", body = "" }
end

local function direct(app, scope, receive, send)
    local request = core.direct(app.core, scope.method, scope.raw_path or scope.path,
        scope.query_string or "", scope.headers or {})

    request_module.receivers[request] = receive
    request.scope = scope
    local ok, result = pcall(core.entry(request), request)
    if not ok then
        result = middleware.handle_error(request, result)
    end
    send_response(result, send)
end

-- Answer one LASGI scope.
function Application:__call(scope, receive, send)
    if scope.type == "lifespan" then
        return lifespan(self, scope, receive, send)
    elseif scope.type ~= "http" then
        error(("an Application can't answer a '%s' scope"):format(tostring(scope.type)), 2)
    end
    return direct(self, scope, receive, send)
end

-- --- converters ---

---@private
Application.converters = {}

--- What stands behind the colon in a path: {id:hex}.
---@class atlas.Converter
---@field pattern string                     a Lua pattern for the whole value
---@field parse? fun(text: string): any      what the handler gets; the text by default
---@field format? fun(value: any): string    for url_for(); tostring() by default

--- Register a converter for `{name:converter}`, for all applications. Raises
--- if there is one of that name, or the name is no identifier.
---@param name string
---@param converter atlas.Converter
function Application.converter(name, converter)
    if type(name) ~= "string" or type(converter) ~= "table"
        or type(converter.pattern) ~= "string" then
        error("converter: a name and a table with a pattern expected", 2)
    end
    local pattern, find = "^" .. converter.pattern .. "$", string.find
    local ok, message = core.converter(name, function(value)
        return find(value, pattern) ~= nil
    end)
    if not ok then
        error(("converter '%s': %s"):format(name, message), 2)
    end
    Application.converters[name] = converter
end

-- --- what C needs of Lua ---

-- A Response that sends its body by itself.
local function send_later(request, result)
    return result.send(request, result)
end

core.setup {
    multi_meta = multi.meta,
    response_meta = response,
    http_error_meta = errors.HTTPError.meta,
    innermost = middleware.innermost,
    handle_error = function(request, err)
        return middleware.handle_error(request, err)
    end,
    send_later = send_later,
    call_lasgi = require("atlas.mount").call,
    keep_trace = scope_core.keep_trace,
    request_methods = request_module.methods,
}

return setmetatable(Application, {
    __call = function(_, options)
        return new(options)
    end,
})
