-- route.lua - a route: a path, the methods it serves, and its handler.

local Match = require "atlas.match"
local core = require "atlas.application.core"

local error, ipairs, pairs, setmetatable = error, ipairs, pairs, setmetatable
local tostring, type = tostring, type
local unpack = table.unpack or unpack

--- What a route may have beside its path and its handler.
---@class atlas.RouteOptions
---@field methods? string[]  upper case; {"GET"}
---@field name? string  for url_for()
---@field middleware? function[]  (request, next) -> response, the first outermost
---@field limits? { max_body?: integer, timeout?: number }  bytes of a request's
--- body, beyond which it is refused with 413; seconds, after which 503 is answered
---@field on_disconnect? "cancel"|"finish"  what happens to the handler when the
--- client has left; by default GET and HEAD are cancelled, others finish
---@field host? string  a pattern of the hosts that it is for

--- A route to a handler.
---
--- A path is a pattern: `/users/{id:int}`. `{name}` takes a segment or a part of
--- one, `{name:int}` and `{name:number}` a number, `{name:path}` slashes too;
--- `atlas.converter` makes others. The handler is called with the request and the
--- values, and returns a Response, a string (sent as plain text) or a table
--- (sent as JSON); or `nil, err`, which raises `err`.
---@class atlas.Route
---@overload fun(path: string, handler: function, options?: string|string[]|atlas.RouteOptions): atlas.Route  Make
--- a route; instead of the options, its method or a list of them. Raises for a
--- pattern that can't be, or an option that there isn't.
---@field path string          its pattern, such as "/users/{id:int}"
---@field controller function  its handler: (request, params...) -> response
---@field methods string[]     upper case; {"GET"} by default
---@field name string?         for url_for()
---@field converters string[]  of its parameters, in order
---@field params string[]      their names
---@field path_pattern string  a Lua pattern of about what it matches
---@field middleware function[]?
---@field limits { max_body?: integer, timeout?: number }?
---@field on_disconnect "cancel"|"finish"?
---@field host string?         a pattern of the hosts that it is for
local Route = {}
Route.__index = Route

-- What the pattern of each converter looks like to string.match(); those that
-- aren't here take a segment.
local lua_patterns = { int = "([%d]*)", path = "(.*)" }

local function path_pattern(path, converters)
    local i = 0
    local text = path:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("{[^{}]*}", function()
        i = i + 1
        return lua_patterns[converters[i]] or "([^/]*)"
    end)
    return "^" .. text .. "$"
end

-- The options table, whatever the third argument was.
local function to_options(methods)
    if methods == nil then
        return { methods = { "GET" } }
    elseif type(methods) == "string" then
        return { methods = { methods } }
    elseif type(methods) ~= "table" then
        error("Route: a list of methods or a table of options expected, got " .. type(methods), 4)
    elseif methods[1] ~= nil then
        return { methods = methods }
    end
    return methods
end

local known = {
    methods = "table",
    name = "string",
    middleware = "table",
    limits = "table",
    on_disconnect = "string",
    host = "string",
}

local function is_count(value)
    return type(value) == "number" and value % 1 == 0 and value >= 0 and value <= 2 ^ 53
end

local function check_limits(limits)
    for key, value in pairs(limits) do
        if key == "max_body" and not is_count(value) then
            error("Route: limits.max_body is a number of bytes, got " .. tostring(value), 6)
        elseif key == "timeout" and not (type(value) == "number" and value > 0) then
            error("Route: limits.timeout is a number of seconds, got " .. tostring(value), 6)
        elseif key ~= "max_body" and key ~= "timeout" then
            error(("Route: there is no limit '%s'"):format(tostring(key)), 6)
        end
    end
end

local function check_lists(options)
    for _, method in ipairs(options.methods or {}) do
        if type(method) ~= "string" then
            error("Route: methods are strings, got a " .. type(method), 6)
        end
    end
    for _, fn in ipairs(options.middleware or {}) do
        if type(fn) ~= "function" then
            error("Route: middleware is a list of functions, got a " .. type(fn), 6)
        end
    end
end

local function check_options(options)
    for key, value in pairs(options) do
        if not known[key] then
            error(("Route: there is no option '%s'"):format(tostring(key)), 5)
        elseif type(value) ~= known[key] then
            local text = "Route: option '%s' is a %s, got %s"
            error(text:format(key, known[key], type(value)), 5)
        end
    end
    local on_disconnect = options.on_disconnect
    if on_disconnect and on_disconnect ~= "cancel" and on_disconnect ~= "finish" then
        error("Route: on_disconnect is 'cancel' or 'finish'", 5)
    end
    check_lists(options)
    check_limits(options.limits or {})
end

local function is_callable(value)
    local meta = type(value) ~= "function" and getmetatable(value)
    return type(value) == "function" or (type(meta) == "table" and meta.__call ~= nil)
end

local function new(path, handler, methods)
    if type(path) ~= "string" then
        error("Route: a path expected, got " .. type(path), 3)
    elseif not is_callable(handler) then
        local text = "Route '%s': a handler that can be called expected, got %s"
        error(text:format(path, type(handler)), 3)
    end
    local params, converters = core.params(path)
    if not params then
        local unknown = converters:match 'unknown converter "([^"]*)"'
        error(unknown and "Unknown converter type: " .. unknown or converters, 3)
    end
    local options = to_options(methods)
    check_options(options)
    return setmetatable({
        path = path,
        controller = handler,
        methods = options.methods or { "GET" },
        params = params,
        converters = converters,
        path_pattern = path_pattern(path, converters),
        name = options.name,
        middleware = options.middleware,
        limits = options.limits,
        on_disconnect = options.on_disconnect,
        host = options.host,
    }, Route)
end

--- How `method` and `path` fit: FULL, PARTIAL (the path does, the method
--- doesn't) or NONE, of `atlas.match`.
---@param method string  upper case
---@param path string  decoded, without the query
---@return integer match
function Route:matches(method, path)
    if not core.match(self.path, path) then
        return Match.NONE
    end
    for _, allowed in ipairs(self.methods) do
        if method == allowed or (method == "HEAD" and allowed == "GET") then
            return Match.FULL
        end
    end
    return Match.PARTIAL
end

--- Call the handler for a request whose path is known to match. Raises what it
--- raises.
---@param request { path: string }
---@return any ...  what the handler returns
function Route:run(request)
    local values = core.match(self.path, request.path) or {}

    return self.controller(request, unpack(values, 1, #self.converters))
end

function Route:__tostring()
    return ("atlas.Route (%s %s)"):format(table.concat(self.methods, " "), self.path)
end

return setmetatable(Route, {
    __call = function(_, path, handler, methods)
        return new(path, handler, methods)
    end,
})
