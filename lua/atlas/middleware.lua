-- middleware.lua - functions around handlers.
--
-- A middleware is a function (request, next) -> response; next(request) gives
-- the Response of what stands inside it.

local core = require "atlas.application.core"
local errors = require "atlas.errors"
local json = require "atlas.json"
local response = require "atlas.response"
local scope = require "atlas.scope"

local is_response, is_http_error = response.is, errors.HTTPError.is
local error, type, xpcall = error, type, xpcall

--- Functions around handlers. A middleware is a function `(request, next)` that
--- returns what a handler may; `next(request)` is the Response of what stands
--- inside it. `app:use(fn)` puts one around all routes, the option `middleware`
--- around one.
---@class atlas.middleware
local M = {}

-- The Response of whatever a handler or a middleware has returned; or nil and
-- what it was instead.
local function to_response(value, err)
    local kind = type(value)

    if kind == "string" then
        return response(value, "text/plain; charset=utf-8")
    elseif kind == "table" then
        if is_response(value) then
            return value
        elseif is_http_error(value) then
            error(value, 0)
        end
        local text, why = json.encode(value)
        if not text then
            return nil, "what can't be sent: " .. why.message
        end
        return response(text, "application/json")
    elseif value == nil and err ~= nil then
        error(err, 0)
    end
    kind = value == nil and "nothing" or "a " .. kind
    return nil, kind .. ": a string, a table or a Response expected"
end

local function where(fn)
    local info = type(fn) == "function" and debug.getinfo(fn, "S")

    if not info or info.what == "C" then
        return "a handler"
    end
    return ("the function at %s:%d"):format(info.short_src, info.linedefined)
end

-- The same; what can't be one is told with the function that returned it.
local function check_response(fn, ...)
    local result, instead = to_response(...)

    if not result then
        error(("%s returned %s"):format(where(fn), instead), 0)
    end
    return result
end

---@private
M.handle_error = nil -- application.lua sets it

---@private
M.http_response = nil -- application.lua sets it

---@private
M.check_response = check_response

local function layer(middleware, inner)
    return function(request)
        return check_response(middleware, middleware(request, inner))
    end
end

--- One function out of a list of middleware around `inner`, the first one
--- outermost.
---@param list function[]  (request, next) -> response
---@param inner fun(request: atlas.Request): atlas.Response
---@return fun(request: atlas.Request): atlas.Response handler
function M.compose(list, inner)
    for i = #list, 1, -1 do
        inner = layer(list[i], inner)
    end
    return inner
end

local function settle(request, handler, ok, ...)
    local value, err = ...

    if ok and is_http_error(value) then
        return M.handle_error(request, value)
    elseif ok and not (value == nil and is_http_error(err)) then
        return check_response(handler, value, err)
    elseif not ok then
        err = value
    end
    if is_http_error(err) then
        return M.handle_error(request, err)
    end
    return error(err, 0)
end

-- What a request gets for which there is no handler.
local function miss(request)
    local kind, text = core.miss(request)

    if request.method == "OPTIONS" and (kind == "allow" or request.raw_path == "*") then
        return response("", nil, 204, { allow = text }) -- "*" asks for no path (RFC 9110 9.3.7)
    elseif kind == "allow" then
        return M.handle_error(request, errors.HTTPError.new(405, nil, { allow = text }))
    elseif kind == "redirect" then
        local query = request.query_string
        return response.redirect(query ~= "" and text .. "?" .. query or text, 307)
    end
    return M.handle_error(request, errors.HTTPError.new(404))
end

local function run(request, handler, ...)
    if not handler then
        return miss(request)
    end
    return settle(request, handler, xpcall(handler, ...))
end

--- What stands inside all middleware: the handler.  An HTTPError that it
--- raises is a Response already for the middleware around it.
---@private
---@param request atlas.Request
---@return atlas.Response
function M.innermost(request)
    return run(request, core.target(request))
end

--- A middleware that gives what stands inside it `seconds`, then cancels it and
--- raises an HTTPError of status 503. What it raises itself passes through.
---@param seconds number  0 to 1e9
---@return fun(request: atlas.Request, next: function): atlas.Response middleware
function M.timeout(seconds)
    return function(request, next)
        local in_time, result = scope.move_on(seconds, next, request)

        if not in_time then
            error(errors.HTTPError.new(503, "the request took too long"), 0)
        end
        return result
    end
end

return M
