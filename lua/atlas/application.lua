-- application.lua - an application: routes, middleware, and what is done when
-- it starts, stops and fails.  Finding a route and answering is done in C
-- (src/app); a request whose application has no middleware never comes here.

local core = require "atlas.application.core"
local direct = require "atlas.direct"
local errors = require "atlas.errors"
local middleware = require "atlas.middleware"
local multi = require "atlas.multi"
local request_module = require "atlas.request"
local response = require "atlas.response"
local Route = require "atlas.route"
local Router = require "atlas.router"
local scope_core = require "atlas.scope.core"
local urls = require "atlas.urls"

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
        route.controller, route_entry(route), route,
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
        if options ~= nil and type(options) ~= "table" then
            local text = "%s: a table of options expected, got %s"
            error(text:format(method:lower(), type(options)), 2)
        end
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
    self.mounts[#self.mounts + 1] = {
        path = path,
        host = host,
        app = is_app and other,
        lasgi = not is_app and other,
    }
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

local function check_hook(name, fn)
    if type(fn) ~= "function" then
        error(("%s: a function expected, got %s"):format(name, type(fn)), 3)
    end
end

--- Call `fn` before the first request; if it raises, the server doesn't start.
---@param fn fun(state: table)  the server's table, `state` of its LASGI scopes
---@return atlas.Application self
function Application:on_startup(fn)
    check_hook("on_startup", fn)
    self.startup[#self.startup + 1] = fn
    return self
end

--- Call `fn` when the last connection has closed; the last added comes first,
--- those of mounted applications before.  One that fails is logged, and the
--- others run.
---@param fn fun(state: table)
---@return atlas.Application self
function Application:on_shutdown(fn)
    check_hook("on_shutdown", fn)
    self.shutdown[#self.shutdown + 1] = fn
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

-- The handler of an error, and whether it is for its class.
local function find_handler(app, err, status)
    local meta = type(err) == "table" and getmetatable(err)
    local of_class = meta and app.error_handlers[meta]

    return of_class or app.error_handlers[status], of_class ~= nil and of_class ~= false
end

local function debug_page(request, err)
    local text = core.escape(core.report(err))
    local page = "<!doctype html><title>500</title><h1>%s %s</h1><pre>%s</pre>"

    return response(page:format(core.escape(request.method), core.escape(request.path), text),
        "text/html", 500)
end

--- The default Response for an HTTPError.
function middleware.http_response(err)
    local headers = {}

    for name, value in pairs(err.headers or {}) do
        headers[name] = value
    end
    return response(err.message .. "\n", "text/plain; charset=utf-8", err.status, headers)
end

local function is_debugged(request)
    for _, id in ipairs(core.levels(request)) do
        if by_id[id].debug then
            return true
        end
    end
    return false
end

local function ask(handler, request, err, status)
    local result = middleware.check_response(handler, handler(request, err))

    -- What was returned without a status has that of the error.
    if result.status == 200 then
        result.status = status
    end
    return result
end

--- The Response for an error: of the innermost application that has a handler
--- for it, or the default one; nil if there is none for what is no HTTPError.
--- That is logged, unless a handler of its class was waiting for it.
function middleware.handle_error(request, err)
    local is_http = errors.HTTPError.is(err)
    local status = is_http and err.status or 500

    for _, id in ipairs(core.levels(request)) do
        local handler, of_class = find_handler(by_id[id], err, status)
        if handler then
            if not is_http and not of_class then
                core.log_failure(request, err)
            end
            return ask(handler, request, err, status)
        end
    end
    if is_http then
        return middleware.http_response(err)
    end
    core.log_failure(request, err)
    return is_debugged(request) and debug_page(request, err) or nil
end

-- --- urls ---

--- The path of a named route, of this application or one mounted in it.
--- Raises if there is none, or a parameter doesn't fit.
---@param name string
---@param params table?  by name; what is left over becomes the query
---@return string path
function Application:url_for(name, params)
    return urls.make(self, name, params, 2)
end

---@private
function Application.url_for_request(request, name, params)
    local levels = core.levels(request)
    local scope = request.scope
    local root = scope and scope.root_path or ""
    local path = urls.make(by_id[levels[#levels]], name, params, 3)

    return root ~= "" and core.raw_path(root) .. path or path
end

-- --- LASGI: called by any server, or by hand ---

-- Answer one LASGI scope.
function Application:__call(scope, receive, send)
    if scope.type == "lifespan" then
        return direct.lifespan(self, scope, receive, send)
    elseif scope.type ~= "http" then
        error(("an Application can't answer a '%s' scope"):format(tostring(scope.type)), 2)
    end
    return direct.http(self, scope, receive, send)
end

-- --- converters ---

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
    for _, key in ipairs { "parse", "format" } do
        if converter[key] ~= nil and type(converter[key]) ~= "function" then
            error(("converter '%s': %s is a function"):format(name, key), 2)
        end
    end
    local pattern, find = "^" .. converter.pattern .. "$", string.find
    local is_pattern, why = pcall(find, "", pattern)
    if not is_pattern then
        error(("converter '%s': %s"):format(name, why), 2)
    end
    local ok, message = core.converter(name, function(value)
        return find(value, pattern) ~= nil
    end, converter.parse)
    if not ok then
        error(("converter '%s': %s"):format(name, message), 2)
    end
    urls.formats[name] = converter.format
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
